/* test_sentinel.c - scripted Sentinels: what they may say, and who is asked next. */
#include "redis/sentinel.h"

#include "base/clock.h"
#include "fake_redis.h"
#include "link_world.h"
#include "redis_server.h"

#include <criterion/criterion.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#define ADDRESS "*2\r\n$8\r\n10.0.0.7\r\n$4\r\n7000\r\n"
#define ASKED   "SENTINEL GET-MASTER-ADDR-BY-NAME main "

struct answer { /* what a question was answered with */
    struct redis_sentinel *question;
    int calls;
    bool found, free_inside;
    struct redis_node node;
    size_t from;
    enum redis_error cause;
    char why[512];
};

static void on_answer(void *arg, const struct redis_node *node, size_t from,
                      enum redis_error cause, const char *why)
{
    struct answer *a = arg;

    a->calls++;
    a->found = node != NULL;
    if (node != NULL)
        a->node = *node;
    a->from = from;
    a->cause = cause;
    snprintf(a->why, sizeof(a->why), "%s", why);
    if (a->free_inside) {
        redis_sentinel_free(a->question);
        a->question = NULL;
    }
}

static void ask(struct world *w, const char *url, size_t first, struct answer *a)
{
    struct redis_link_conf conf = world_conf(url);
    int64_t end_ms = clock_mono_ms() + 30000;

    conf.connect_timeout_ms = 300;
    a->question = redis_sentinel_ask(w->base, &conf, first, on_answer, a);
    redis_url_release(&conf.url);
    cr_assert_eq(a->calls, 0, "nothing is answered inside the call");
    while (a->calls == 0 && clock_mono_ms() < end_ms)
        event_base_loop(w->base, EVLOOP_ONCE);
    world_idle(w, 10);
    cr_assert_eq(a->calls, 1);
    redis_sentinel_free(a->question);
}

/* clang-format off */
static const struct {
    const char *name, *login, *replies[4], *heard, *why; /* why NULL: 10.0.0.7:7000 */
    enum redis_error cause;
} rows[] = {
    {"an address",           "", {"+PONG\r\n", ADDRESS}, "PING " ASKED, NULL, REDIS_ERROR_NONE},
    {"a login it wants not", "u:s3cret@", {"+PONG\r\n", ADDRESS}, "PING " ASKED, NULL, REDIS_ERROR_NONE},
    {"a login it wants",     "u:s3cret@", {"-NOAUTH x\r\n", "+OK\r\n", "+PONG\r\n", ADDRESS},
     "PING AUTH u s3cret PING " ASKED, NULL, REDIS_ERROR_NONE},
    {"a login it refuses",   "u:s3cret@", {"-NOAUTH x\r\n", "-WRONGPASS no\r\n"},
     "PING AUTH u s3cret PING ", "Redis refused AUTH: WRONGPASS no", REDIS_ERROR_WRONGPASS},
    {"a login there is none", "", {"-NOAUTH x\r\n"}, "PING ", "Redis wants a password", REDIS_ERROR_NOAUTH},
    {"no such master",       "", {"+PONG\r\n", "*-1\r\n"}, "PING " ASKED, "it watches no master of that name", REDIS_ERROR_NONE},
    {"an error",             "", {"+PONG\r\n", "-IDONTKNOW x\r\n"}, "PING " ASKED, "IDONTKNOW x", REDIS_ERROR_OTHER},
    {"a port that is none",  "", {"+PONG\r\n", "*2\r\n$1\r\nh\r\n$1\r\n0\r\n"}, "PING " ASKED, "an unexpected answer", REDIS_ERROR_NONE},
    {"a host that is none",  "", {"+PONG\r\n", "*2\r\n$2\r\nh/\r\n$1\r\n1\r\n"}, "PING " ASKED, "an unexpected answer", REDIS_ERROR_NONE},
    {"one word",             "", {"+PONG\r\n", "*1\r\n$1\r\nh\r\n"}, "PING " ASKED, "an unexpected answer", REDIS_ERROR_NONE},
    {"a number",             "", {"+PONG\r\n", ":7\r\n"}, "PING " ASKED, "an unexpected answer", REDIS_ERROR_NONE},
    {"rubbish",              "", {"+PONG\r\n", "HTTP/1.1\r\n"}, "PING " ASKED, "no Redis protocol", REDIS_ERROR_NONE},
    {"closed",               "", {"+PONG\r\n", "!"}, "PING " ASKED, "connection closed", REDIS_ERROR_NONE},
    {"silence",              "", {""}, "PING ", "no answer to the login", REDIS_ERROR_NONE},
    {"silence later",        "", {"+PONG\r\n", ""}, "PING " ASKED, "deadline of 301 ms passed", REDIS_ERROR_NONE},
};
/* clang-format on */

static void play(size_t i)
{
    struct fake_redis f;
    struct world w;
    struct answer a = {.free_inside = i % 2 == 0};
    char url[128];

    world_init(&w);
    fake_redis_start_tcp(&f, w.base);
    memcpy(f.replies, rows[i].replies, sizeof(rows[i].replies));
    snprintf(url, sizeof(url), "redis+sentinel://%s127.0.0.1:%d/main", rows[i].login, f.port);
    ask(&w, url, 0, &a);
    cr_expect_eq(a.found, rows[i].why == NULL, "row '%s': %s", rows[i].name, a.why);
    cr_expect_str_eq(f.heard, rows[i].heard, "row '%s'", rows[i].name);
    if (rows[i].why != NULL)
        cr_expect_not_null(strstr(a.why, rows[i].why), "row '%s': %s", rows[i].name, a.why);
    else
        cr_expect(redis_node_equal(&a.node, &(struct redis_node){"10.0.0.7", 7000}));
    cr_expect_null(strstr(a.why, "s3cret"));
    cr_expect_eq(a.cause, rows[i].cause, "row '%s'", rows[i].name);
    fake_redis_stop(&f);
    world_release(&w);
}

Test(redis_sentinel, takes_any_answer)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        play(i);
}

/* s: silent, n: knows no such master, y: answers. */
static const struct {
    const char *who;
    size_t first, from;
    bool found;
} orders[] = {
    {"yyy", 0, 0, true}, {"yyy", 1, 1, true},  {"yyy", 5, 2, true},
    {"nyy", 0, 1, true}, {"syn", 0, 1, true},  {"ysn", 1, 0, true},
    {"ssy", 0, 2, true}, {"nns", 1, 0, false}, {"sss", 0, 2, false},
};

Test(redis_sentinel, asks_in_order)
{
    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        struct fake_redis f[3];
        struct world w;
        struct answer a = {0};
        char url[128];

        world_init(&w);
        for (int k = 0; k < 3; k++) {
            char who = orders[i].who[k];

            fake_redis_start_tcp(&f[k], w.base);
            f[k].replies[0] = who == 's' ? "" : "+PONG\r\n";
            f[k].replies[1] = who == 'n' ? "*-1\r\n" : ADDRESS;
        }
        snprintf(url, sizeof(url),
                 "redis+sentinel://127.0.0.1:%d,127.0.0.1:%d,127.0.0.1:%d/main", f[0].port,
                 f[1].port, f[2].port);
        ask(&w, url, orders[i].first, &a);
        cr_expect_eq(a.found, orders[i].found, "row %zu: %s", i, a.why);
        cr_expect_eq(a.from % 3, orders[i].from, "row %zu: %zu", i, a.from);
        for (int k = 0; k < 3; k++)
            fake_redis_stop(&f[k]);
        world_release(&w);
    }
}

/* clang-format off */
static const struct {
    const char *options;
    bool up;
} roles[] = {
    {"", true},
    {"--replicaof 127.0.0.1 1", false},
};
/* clang-format on */

static bool up_or_down(const struct world *w)
{
    return w->ups + w->downs > 0;
}

Test(redis_sentinel, a_link_checks_the_role)
{
    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        struct redis_server s;
        struct fake_redis f;
        struct world w;
        char url[128], reply[128], port[8];

        redis_server_start(&s, roles[i].options);
        world_init(&w);
        fake_redis_start_tcp(&f, w.base);
        snprintf(port, sizeof(port), "%d", s.port);
        snprintf(reply, sizeof(reply), "*2\r\n$9\r\n127.0.0.1\r\n$%zu\r\n%s\r\n", strlen(port),
                 port);
        f.replies[1] = reply;
        snprintf(url, sizeof(url), "redis+sentinel://127.0.0.1:%d/main/3", f.port);
        struct redis_link_conf conf = world_conf(url);

        conf.keep_trying = false;
        world_link(&w, &conf);
        world_wait(&w, up_or_down);
        cr_expect_eq(w.ups > 0, roles[i].up, "%s", w.why);
        if (!roles[i].up)
            cr_expect_not_null(strstr(w.why, "which is no master"), "%s", w.why);
        fake_redis_stop(&f);
        world_release(&w);
        redis_server_stop(&s);
    }
}

static struct redis_node switched;
static int switches;

static void on_switch(void *arg, const struct redis_node *node)
{
    (void)arg;
    switched = *node;
    switches++;
}

#define CONFIRM "*3\r\n$9\r\nsubscribe\r\n$14\r\n+switch-master\r\n:1\r\n"

/* clang-format off */
static const struct {
    const char *text, *to; /* NULL: not for us */
} messages[] = {
    {"main 10.0.0.1 1 10.0.0.2 2",   "10.0.0.2:2"},
    {"main a 1 redis-2.example 2",   "redis-2.example:2"},
    {"other 10.0.0.1 1 10.0.0.2 2",  NULL},
    {"main 10.0.0.1 1 10.0.0.2 0",   NULL},
    {"main 10.0.0.1 1 10.0.0.2",     NULL},
    {"main 10.0.0.1 1  2",           NULL},
    {"main",                         NULL},
    {"",                             NULL},
};
/* clang-format on */

Test(redis_sentinel, hears_a_switch)
{
    for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
        struct fake_redis f;
        struct world w;
        char url[128], say[256], shown[REDIS_NODE_TEXT_MAX];
        int64_t end_ms = clock_mono_ms() + 30000;

        world_init(&w);
        fake_redis_start_tcp(&f, w.base);
        f.replies[1] = CONFIRM;
        /* The first one refuses the connection: the next is taken within the same try. */
        snprintf(url, sizeof(url), "redis+sentinel://127.0.0.1:1,127.0.0.1:%d/main", f.port);
        struct redis_link_conf conf = world_conf(url);
        struct redis_sentinel_watch *watch =
            redis_sentinel_watch_new(w.base, &conf, on_switch, NULL);

        redis_url_release(&conf.url);
        while (f.commands < 2 && clock_mono_ms() < end_ms)
            event_base_loop(w.base, EVLOOP_ONCE);
        cr_assert_str_eq(f.heard, "PING SUBSCRIBE +switch-master ");
        switches = 0;
        snprintf(say, sizeof(say),
                 "*3\r\n$7\r\nmessage\r\n$14\r\n+switch-master\r\n$%zu\r\n%s\r\n",
                 strlen(messages[i].text), messages[i].text);
        fake_redis_say(&f, say, strlen(say));
        world_idle(&w, 30);
        cr_expect_eq(switches, messages[i].to != NULL ? 1 : 0, "%s", messages[i].text);
        if (messages[i].to != NULL) {
            redis_node_show(&switched, shown);
            cr_expect_str_eq(shown, messages[i].to);
        }
        redis_sentinel_watch_free(watch);
        fake_redis_stop(&f);
        world_release(&w);
    }
}
