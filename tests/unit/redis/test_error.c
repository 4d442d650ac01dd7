/* test_error.c - the first word decides, whole, and secrets stay out of messages. */
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
    {"NOAUTH Authentication required.",                REDIS_ERROR_NOAUTH},
    {"WRONGPASS invalid username-password pair",       REDIS_ERROR_WRONGPASS},
    {"WRONGTYPE Operation against a key",              REDIS_ERROR_WRONGTYPE},
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
