/* test_moved.c - what counts as a redirection, and what a hostile server may say. */
#include "redis/moved.h"

#include <criterion/criterion.h>
#include <hiredis/hiredis.h>
#include <string.h>

/* clang-format off */
static const struct {
    const char *text, *want; /* NULL: none */
} cases[] = {
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

static struct redisReply error_of(char *text)
{
    return (struct redisReply){.type = REDIS_REPLY_ERROR, .str = text, .len = strlen(text)};
}

Test(redis_moved, reads_every_form)
{
    const struct redis_node from = {"from", 7};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char copy[64], shown[REDIS_NODE_TEXT_MAX];
        struct redis_node to;

        memcpy(copy, cases[i].text, strlen(cases[i].text) + 1);
        struct redisReply r = error_of(copy);
        bool moved = redis_moved_of(&r, &from, &to);

        cr_assert_eq(moved, cases[i].want != NULL, "%s", cases[i].text);
        if (!moved)
            continue;
        redis_node_show(&to, shown);
        cr_expect_str_eq(shown, cases[i].want, "%s", cases[i].text);
    }
}

Test(redis_moved, is_an_error_only_and_needs_a_place)
{
    const struct redis_node nowhere = {"", 0};
    char text[] = "MOVED 1 h:1", here[] = "MOVED 1 :1", longest[700] = "MOVED 1 ";
    struct redisReply r = error_of(text);
    struct redis_node to;

    cr_expect_not(redis_moved_of(NULL, &nowhere, &to));
    r.type = REDIS_REPLY_STATUS;
    cr_expect_not(redis_moved_of(&r, &nowhere, &to));
    r = error_of(here);
    cr_expect_not(redis_moved_of(&r, &nowhere, &to), "a unix socket has no host to keep");
    for (size_t n = 254; n <= 256; n++) {
        memset(longest + 8, 'a', n);
        memcpy(longest + 8 + n, ":1", 3);
        r = error_of(longest);
        cr_expect_eq(redis_moved_of(&r, &nowhere, &to), n < sizeof(to.host), "%zu", n);
    }
}
