/* test_queue.c - replies reach their own command, once, in whatever order things happen.
 */
#include "redis/queue.h"

#include <criterion/criterion.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>

/* Letters of a script, each one step:
 *   +  a command is sent (named 1, 2, ... in order, deadline = now + 10)
 *   .  five ms pass      e  what has expired is told so
 *   =  a reply comes     x  the oldest is lost     q  the oldest is lost quietly
 * and of the log: 1r command 1 got its reply, 1l it was lost, 1- it was released, ! nobody
 * waited for the reply. */
/* clang-format off */
static const struct {
    const char *name, *script, *log;
    int n, n_late;
} rows[] = {
    {"reply",                        "+=",        "1r1-", 0, 0},
    {"replies in order",             "++==",      "1r1-2r2-", 0, 0},
    {"a reply to nobody",            "=+==",      "!1r1-!", 0, 0},
    {"not late yet",                 "+.e",       "", 1, 0},
    {"late at the deadline",         "+..e",      "1l1-", 1, 1},
    {"late once",                    "+..ee..e",  "1l1-", 1, 1},
    {"a late reply is swallowed",    "+..e=",     "1l1-", 0, 0},
    {"and the next keeps its own",   "+..e+==",   "1l1-2r2-", 0, 0},
    {"only the late one is late",    "+.+.e==",   "1l1-2r2-", 0, 0},
    {"both late",                    "+.+..e",    "1l1-2l2-", 2, 2},
    {"late, answered, late",         "+..e=+..e", "1l1-2l2-", 1, 1},
    {"lost",                         "++x",       "1l1-", 1, 0},
    {"a late one is lost quietly",   "+..e+xx",   "1l1-2l2-", 0, 0},
    {"freed: released, not called",  "++qq",      "1-2-", 0, 0},
    {"late and freed",               "+..e+qq",   "1l1-2-", 0, 0},
    {"lose of nothing",              "xq",        "", 0, 0},
};
/* clang-format on */

static char history[64];

static void note(const int *name, char what)
{
    size_t n = strlen(history);

    snprintf(history + n, sizeof(history) - n, "%d%c", *name, what);
}

static void on_reply(void *arg, const struct redisReply *r, const char *why)
{
    cr_assert((r == NULL) == (why != NULL));
    note(arg, r != NULL ? 'r' : 'l');
}

static void on_release(void *arg)
{
    note(arg, '-');
}

Test(redis_queue, histories)
{
    static int names[] = {1, 2, 3, 4};
    static const redisReply ok = {.type = REDIS_REPLY_INTEGER, .integer = 1};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct redis_owner o = {.conf.deadline_ms = 10};
        struct redis_queue q = {0};
        int64_t now_ms = 1000;
        int sent = 0;

        redis_queue_join(&q, &o);
        history[0] = '\0';
        for (const char *c = rows[i].script; *c != '\0'; c++) {
            if (*c == '+')
                redis_queue_add(&q, &o, on_reply, &names[sent++], on_release, now_ms + 10);
            else if (*c == '.')
                now_ms += 5;
            else if (*c == 'x' || *c == 'q')
                (void)redis_queue_lose(&q, *c == 'x' ? "lost" : NULL);
            else if (*c == '=' && !redis_queue_answer(&q, &ok))
                snprintf(history + strlen(history), sizeof(history) - strlen(history), "!");
            while (*c == 'e' && redis_queue_expire(&q, now_ms))
                ;
        }
        cr_expect_str_eq(history, rows[i].log, "row '%s'", rows[i].name);
        cr_expect_eq(q.n, rows[i].n, "row '%s'", rows[i].name);
        cr_expect_eq(q.n_late, rows[i].n_late, "row '%s'", rows[i].name);
        while (redis_queue_lose(&q, NULL))
            ;
    }
}

Test(redis_queue, says_when_to_look_again)
{
    static int name = 1;
    struct redis_owner o = {.conf.deadline_ms = 10};
    struct redis_queue q = {0};
    int64_t unanswered_ms;

    redis_queue_join(&q, &o);
    cr_expect_eq(redis_queue_next_ms(&q, 100), INT64_MAX);
    redis_queue_add(&q, &o, on_reply, &name, NULL, 1010);
    cr_expect_eq(redis_queue_next_ms(&q, 100), 1010);
    cr_expect_eq(redis_queue_late_ms(&q, 5000, &unanswered_ms), 0, "not expired, so not late");
    cr_expect(redis_queue_expire(&q, 1010));
    cr_expect_eq(redis_queue_next_ms(&q, 100), 1110);
    cr_expect_eq(redis_queue_late_ms(&q, 1030, &unanswered_ms), 20);
    cr_expect_eq(unanswered_ms, 30);
    redis_queue_add(&q, &o, on_reply, &name, NULL, 1050);
    cr_expect_eq(redis_queue_next_ms(&q, 100), 1050);
    redis_queue_add(&q, &o, on_reply, &name, NULL, 1050);
    while (redis_queue_lose(&q, NULL))
        ;
    cr_expect_eq(redis_queue_next_ms(&q, 100), INT64_MAX);
}

Test(redis_queue, each_owner_has_its_own_deadlines_and_counts)
{
    static int names[] = {1, 2, 3};
    static const redisReply ok = {.type = REDIS_REPLY_INTEGER, .integer = 1};
    struct redis_owner slow = {.conf.deadline_ms = 500}, quick = {.conf.deadline_ms = 10};
    struct redis_queue q = {0};
    int64_t unanswered_ms;

    history[0] = '\0';
    redis_queue_join(&q, &slow);
    redis_queue_join(&q, &quick);
    redis_queue_add(&q, &slow, on_reply, &names[0], NULL, 1500);
    redis_queue_add(&q, &quick, on_reply, &names[1], NULL, 1010);
    redis_queue_add(&q, &slow, on_reply, &names[2], NULL, 1500);
    cr_expect_eq(redis_queue_next_ms(&q, 100), 1010);
    cr_expect(redis_queue_expire(&q, 1010));
    cr_expect_not(redis_queue_expire(&q, 1010));
    cr_expect_str_eq(history, "2l");
    cr_expect_eq(redis_queue_late_ms(&q, 1030, &unanswered_ms), 20);
    cr_expect_eq(unanswered_ms, 30);
    cr_expect_eq(redis_queue_next_ms(&q, 100), 1110, "quick's is late by 100 before slow's is");
    for (int i = 0; i < 3; i++)
        cr_expect(redis_queue_answer(&q, &ok));
    cr_expect_str_eq(history, "2l1r3r", "the late one's reply was swallowed in its place");
    redis_queue_add(&q, &slow, on_reply, &names[0], NULL, 2000);
    cr_expect(redis_queue_lose(&q, "lost"));
    cr_expect_eq(slow.stats.sent, 3u);
    cr_expect_eq(slow.stats.late, 0u);
    cr_expect_eq(slow.stats.failed, 1u);
    cr_expect_eq(quick.stats.late, 1u);
    cr_expect_eq(quick.stats.failed, 0u);
    cr_expect_eq(q.n_late + slow.stats.in_flight + quick.stats.in_flight, 0);
}
