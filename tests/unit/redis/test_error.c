/* test_error.c - the first word decides, whole, and secrets stay out of messages; what counts
 * as a redirection, and what a hostile server may say. */
#include "redis/error.h"

#include "base/base.h"

#include <criterion/criterion.h>
#include <hiredis/hiredis.h>
#include <string.h>

static redisReply reply(int type, char *text)
{
    return (redisReply){.type = type, .str = text, .len = text != NULL ? strlen(text) : 0};
}

/* clang-format off */
static const struct {
    const char *text;
    enum redis_error want;
} rows[] = {
    {"NOSCRIPT No matching script. Please use EVAL.", REDIS_ERROR_NOSCRIPT},
    {"READONLY You can't write against a read only replica.", REDIS_ERROR_READONLY},
    {"LOADING Redis is loading the dataset in memory", REDIS_ERROR_LOADING},
    {"BUSY Redis is busy running a script.",           REDIS_ERROR_BUSY},
    {"OOM command not allowed when used memory > 'maxmemory'.", REDIS_ERROR_OOM},
    {"NOREPLICAS Not enough good replicas to write.",  REDIS_ERROR_NOREPLICAS},
    {"MISCONF Redis is configured to save RDB snapshots", REDIS_ERROR_MISCONF},
    {"NOPERM this user has no permissions",            REDIS_ERROR_NOPERM},
    {"ERR The user executing the script can't run this command or subcommand script", REDIS_ERROR_NOPERM},
    {"ERR ACL failure in script: User u has no permissions to run the 'xadd' command", REDIS_ERROR_NOPERM},
    {"ERR about an ACL failure in script",             REDIS_ERROR_OTHER},
    {"NOAUTH Authentication required.",                REDIS_ERROR_NOAUTH},
    {"WRONGPASS invalid username-password pair",       REDIS_ERROR_WRONGPASS},
    {"WRONGTYPE Operation against a key",              REDIS_ERROR_WRONGTYPE},
    {"BADARG a number, please",                        REDIS_ERROR_BADARG},
    {"ERR SELECT is not allowed in cluster mode",      REDIS_ERROR_NO_DB},
    {"ERR Error compiling script (new function): user_script:1: unexpected symbol near '#'", REDIS_ERROR_TOO_OLD},
    {"ERR Error compiling script (new function): user_script:9: '=' expected near 'x'", REDIS_ERROR_OTHER},
    {"OOM",                                            REDIS_ERROR_OOM},
    {"ERR unknown command",                            REDIS_ERROR_OTHER},
    {"BUSYKEY Target key name already exists.",        REDIS_ERROR_OTHER},
    {"OO M",                                           REDIS_ERROR_OTHER},
    {"oom",                                            REDIS_ERROR_OTHER},
    {" OOM",                                           REDIS_ERROR_OTHER},
    {"",                                               REDIS_ERROR_OTHER},
};
/* clang-format on */

Test(redis_error, first_words)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[128];

        strncpy(text, rows[i].text, sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        redisReply r = reply(REDIS_REPLY_ERROR, text);

        cr_expect_eq(redis_error_of(&r), rows[i].want, "'%s'", rows[i].text);
        r.type = REDIS_REPLY_STATUS;
        cr_expect_eq(redis_error_of(&r), REDIS_ERROR_NONE, "a status '%s'", rows[i].text);
    }
    cr_expect_eq(redis_error_of(NULL), REDIS_ERROR_NONE);
}

Test(redis_error, text_is_fit_to_print)
{
    char out[REDIS_ERROR_TEXT_MAX], echo[] = "ERR bad hunter2", odd[] = "ERR a\nb\033c\x7f",
                                    big[300];
    redisReply r = reply(REDIS_REPLY_ERROR, echo);

    cr_expect_str_eq(redis_error_text(&r, "", out), "ERR bad hunter2");
    cr_expect_str_eq(redis_error_text(&r, "hunter2", out), "an unexpected answer");
    cr_expect_str_eq(redis_error_text(&r, "hunter3", out), "ERR bad hunter2");
    cr_expect_str_eq(redis_error_detail(&r, "", out), "bad hunter2");
    cr_expect_str_eq(redis_error_detail(&r, "hunter2", out), "an unexpected answer");
    r = reply(REDIS_REPLY_ERROR, odd);
    cr_expect_str_eq(redis_error_text(&r, "", out), "ERR a?b?c?");
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    r = reply(REDIS_REPLY_ERROR, big);
    cr_expect_eq(strlen(redis_error_text(&r, "", out)), (size_t)REDIS_ERROR_TEXT_MAX - 1);
    r = reply(REDIS_REPLY_INTEGER, NULL);
    cr_expect_str_eq(redis_error_text(&r, "", out), "an unexpected answer");
    cr_expect_str_eq(redis_error_text(NULL, "", out), "an unexpected answer");
}

/* clang-format off */
static const struct {
    const char *text, *want; /* NULL: none */
} moves[] = {
    {"MOVED 3999 127.0.0.1:6381",     "127.0.0.1:6381"},
    {"MOVED 0 redis-1.example:1",     "redis-1.example:1"},
    {"MOVED 16383 2001:db8::7:6379",  "[2001:db8::7]:6379"},
    {"MOVED 1 :6381",                 "from:6381"},
    {"MOVED 16384 h:1",               NULL},
    {"MOVED -1 h:1",                  NULL},
    {"MOVED x h:1",                   NULL},
    {"MOVED",                         NULL},
    {"MOVED 1",                       NULL},
    {"MOVED 1 ",                      NULL},
    {"MOVED 1 h",                     NULL},
    {"MOVED 1 h:",                    NULL},
    {"MOVED 1 h:0",                   NULL},
    {"MOVED 1 h:65536",               NULL},
    {"MOVED 1 h:1 x",                 NULL},
    {"MOVED 1 h/i:1",                 NULL},
    {"MOVED 1 ?:1",                   NULL},
    {"MOVEDX 1 h:1",                  NULL},
    {"moved 1 h:1",                   NULL},
    {"ASK 1 h:1",                     NULL},
    {"ERR MOVED 1 h:1",               NULL},
};
/* clang-format on */

Test(redis_error, moved_reads_every_form)
{
    const struct redis_node from = {"from", 7};

    for (size_t i = 0; i < ARRAY_LEN(moves); i++) {
        char copy[64], shown[REDIS_NODE_TEXT_MAX];
        struct redis_node to;

        memcpy(copy, moves[i].text, strlen(moves[i].text) + 1);
        struct redisReply r = reply(REDIS_REPLY_ERROR, copy);
        bool moved = redis_error_moved(&r, &from, &to);

        cr_assert_eq(moved, moves[i].want != NULL, "%s", moves[i].text);
        if (!moved)
            continue;
        redis_node_show(&to, shown);
        cr_expect_str_eq(shown, moves[i].want, "%s", moves[i].text);
    }
}

Test(redis_error, moved_is_an_error_only_and_needs_a_place)
{
    const struct redis_node nowhere = {"", 0};
    char text[] = "MOVED 1 h:1", here[] = "MOVED 1 :1", longest[700] = "MOVED 1 ";
    struct redisReply r = reply(REDIS_REPLY_ERROR, text);
    struct redis_node to;

    cr_expect_not(redis_error_moved(NULL, &nowhere, &to));
    r.type = REDIS_REPLY_STATUS;
    cr_expect_not(redis_error_moved(&r, &nowhere, &to));
    r = reply(REDIS_REPLY_ERROR, here);
    cr_expect_not(redis_error_moved(&r, &nowhere, &to), "a unix socket has no host to keep");
    for (size_t n = 254; n <= 256; n++) {
        memset(longest + 8, 'a', n);
        memcpy(longest + 8 + n, ":1", 3);
        r = reply(REDIS_REPLY_ERROR, longest);
        cr_expect_eq(redis_error_moved(&r, &nowhere, &to), n < sizeof(to.host), "%zu", n);
    }
}
