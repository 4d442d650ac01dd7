/* test_link_peer.c - the link against a scripted peer: rubbish, silence, caps, and an
 * owner that frees the link inside any callback. */
#include "redis/link.h"

#include "base/clock.h"
#include "fake_redis.h"
#include "link_world.h"

#include <criterion/criterion.h>
#include <event2/event.h>
#include <string.h>

/* The peer answers the login's PING with login, and then "GET k" with reply. */
/* clang-format off */
static const struct {
    const char *name, *reply, *order, *why, *said;
} rows[] = {
    {"a reply",                  "$1\r\nv\r\n",              "ur",   "", "v "},
    {"an error reply is a reply", "-ERR no\r\n",             "ur",   "", "ERR no "},
    {"nil",                      "$-1\r\n",                  "ur",   "", "nil "},
    {"rubbish",                  "HTTP/1.1 400 Bad\r\n",     "uld",  "Redis sent bytes that are no Redis protocol", ""},
    {"RESP3",                    "%1\r\n+a\r\n+b\r\n",       "uld",  "Redis sent bytes that are no Redis protocol", ""},
    {"two replies to one",       "+a\r\n+b\r\n",             "urd",  "Redis sent a reply to no command", "a "},
    {"too many elements",        "*2147483647\r\n",          "uld",  "Redis sent a reply larger than the limit", ""},
    {"too long a string",        "$8388609\r\n",             "uld",  "Redis sent a reply larger than the limit", ""},
    {"too deep",  "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", "uld", "Redis sent a reply nested deeper than the limit", ""},
    {"closed without a reply",   "!",                        "uld",  "connection closed by Redis", ""},
    {"closed behind a reply",    "+a\r\n!",                  "urd",  "connection closed by Redis", "a "},
    {"closed inside a reply",    "$5\r\nab!",                "uld",  "connection closed by Redis", ""},
};
/* clang-format on */

static bool is_settled(const struct world *w)
{
    return w->replies + w->lost > 0;
}

Test(redis_link_peer, answers)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world w;
        struct fake_redis f;

        world_init(&w);
        fake_redis_start(&f, w.base);
        f.replies[1] = rows[i].reply;
        struct redis_link_conf conf = world_conf(f.url);

        conf.keep_trying = false;
        world_link(&w, &conf);
        world_wait(&w, world_is_up);
        cr_assert_eq(world_send(&w, "GET k"), 0);
        world_wait(&w, rows[i].why[0] != '\0' ? world_is_down : is_settled);
        world_idle(&w, 10);
        cr_expect_str_eq(w.order, rows[i].order, "row '%s'", rows[i].name);
        cr_expect_str_eq(w.why, rows[i].why, "row '%s'", rows[i].name);
        cr_expect_str_eq(w.said, rows[i].said, "row '%s'", rows[i].name);
        if (w.lost > 0)
            cr_expect_str_eq(w.lost_why, rows[i].why, "row '%s'", rows[i].name);
        fake_redis_stop(&f);
        world_release(&w);
    }
}

/* clang-format off */
static const struct {
    const char *name, *url_options, *replies[4], *order, *heard, *why;
} logins[] = {
    {"only PING",           "", {"+PONG\r\n"}, "u", "PING ", ""},
    {"a loading server is up", "", {"-LOADING Redis is loading\r\n"}, "u", "PING ", ""},
    {"one that wants a password is not", "", {"-NOAUTH Authentication required.\r\n"}, "d", "PING ", "Redis wants a password and the URL has none"},
    {"full",                "", {"-ERR max number of clients reached\r\n!"}, "d", "PING ", "Redis refused PING: ERR max number of clients reached"},
    {"in order",            "u:p", {"+OK\r\n", "+OK\r\n", "+PONG\r\n"}, "u", "AUTH u p SELECT 4 PING ", ""},
    {"password alone",      ":p", {"+OK\r\n", "+OK\r\n", "+PONG\r\n"}, "u", "AUTH p SELECT 4 PING ", ""},
    {"an echoed password is not shown", ":hunter2", {"-ERR bad hunter2\r\n"}, "d", "AUTH hunter2 SELECT 4 PING ", "Redis refused AUTH: an unexpected answer"},
    {"a number is no OK",   ":p", {":1\r\n"}, "d", "AUTH p SELECT 4 PING ", "Redis refused AUTH: an unexpected answer"},
    {"control bytes are masked", ":p", {"+OK\r\n", "-ERR \033[31m\r\n"}, "d", "AUTH p SELECT 4 PING ", "Redis refused SELECT: ERR ?[31m"},
    {"a silent server",     "", {""}, "d", "PING ", "no answer to the login within 300 ms"},
    {"closed at once",      "", {"!"}, "d", "PING ", "connection closed by Redis"},
};
/* clang-format on */

static bool is_decided(const struct world *w)
{
    return w->ups + w->downs > 0;
}

Test(redis_link_peer, logins)
{
    for (size_t i = 0; i < ARRAY_LEN(logins); i++) {
        struct world w;
        struct fake_redis f;
        const char *colon = strchr(logins[i].url_options, ':');

        world_init(&w);
        fake_redis_start(&f, w.base);
        memcpy(f.replies, logins[i].replies, sizeof(logins[i].replies));
        struct redis_link_conf conf = world_conf(f.url);

        conf.keep_trying = false;
        conf.connect_timeout_ms = logins[i].replies[0][0] == '\0' ? 300 : 5000;
        if (colon != NULL) {
            snprintf(conf.url.user, sizeof(conf.url.user), "%.*s",
                     (int)(colon - logins[i].url_options), logins[i].url_options);
            snprintf(conf.url.password, sizeof(conf.url.password), "%s", colon + 1);
            conf.url.db = 4;
        }
        world_link(&w, &conf);
        world_wait(&w, is_decided);
        world_idle(&w, 10);
        cr_expect_str_eq(w.order, logins[i].order, "row '%s'", logins[i].name);
        cr_expect_str_eq(w.why, logins[i].why, "row '%s'", logins[i].name);
        cr_expect_str_eq(f.heard, logins[i].heard, "row '%s'", logins[i].name);
        cr_expect_eq(f.accepted, 1, "row '%s': one try", logins[i].name);
        fake_redis_stop(&f);
        world_release(&w);
    }
}

static void subscribe(struct world *w)
{
    cr_assert_eq(redis_link_subscribe(w->link, "c"), 0);
}

#define CONFIRM "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"
#define MESSAGE "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n"

/* clang-format off */
static const struct {
    const char *name, *reply, *order, *why;
} pushes[] = {
    {"confirmed",           CONFIRM,                  "up",   ""},
    {"messages",            CONFIRM MESSAGE MESSAGE,  "uppp", ""},
    {"refused",             "-NOPERM no channel\r\n", "ud",   "Redis refused SUBSCRIBE: NOPERM no channel"},
    {"a PONG is no message", CONFIRM "+PONG\r\n",     "upd",  "Redis sent what is no subscription message"},
    {"an array of two",     CONFIRM "*2\r\n$7\r\nmessage\r\n$1\r\nc\r\n", "upd", "Redis sent what is no subscription message"},
    {"text that is a number", CONFIRM "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n:2\r\n", "upd", "Redis sent what is no subscription message"},
    {"unsubscribed",        CONFIRM "*3\r\n$11\r\nunsubscribe\r\n$1\r\nc\r\n:0\r\n", "upd", "Redis sent what is no subscription message"},
    {"confirmed twice",     CONFIRM CONFIRM,          "upd",  "Redis sent what is no subscription message"},
    {"nil",                 "*-1\r\n",                "ud",   "Redis sent what is no subscription message"},
    {"no confirmation",     "",                       "ud",   "no answer to SUBSCRIBE within 300 ms"},
};
/* clang-format on */

Test(redis_link_peer, pushes)
{
    for (size_t i = 0; i < ARRAY_LEN(pushes); i++) {
        struct world w;
        struct fake_redis f;

        world_init(&w);
        fake_redis_start(&f, w.base);
        f.replies[1] = pushes[i].reply;
        struct redis_link_conf conf = world_conf(f.url);

        conf.keep_trying = false;
        conf.connect_timeout_ms = pushes[i].reply[0] == '\0' ? 300 : 5000;
        w.on_up = subscribe;
        world_link(&w, &conf);
        world_wait(&w, pushes[i].why[0] != '\0' ? world_is_down : world_has_push);
        cr_expect_eq(w.cause == REDIS_ERROR_NOPERM, strstr(pushes[i].why, "NOPERM") != NULL,
                     "row '%s'", pushes[i].name);
        world_idle(&w, 10);
        cr_expect_str_eq(w.order, pushes[i].order, "row '%s'", pushes[i].name);
        cr_expect_str_eq(w.why, pushes[i].why, "row '%s'", pushes[i].name);
        fake_redis_stop(&f);
        world_release(&w);
    }
}

static void ask(struct world *w)
{
    cr_assert_eq(world_send(w, "GET k"), 0);
}

/* clang-format off */
static const struct {
    const char *name, *reply, *order;
    char at;
} frees[] = {
    {"in on_up",                    "+a\r\n", "u",   'u'},
    {"in a reply's callback",       "+a\r\n+b\r\n", "ur", 'r'},
    {"in a lost command's callback", "!",     "ul",  'l'},
    {"in on_down",                  "!",      "uld", 'd'},
    {"in a deadline's callback",    "",       "ul",  'l'},
};
/* clang-format on */

static bool is_freed(const struct world *w)
{
    return w->link == NULL;
}

Test(redis_link_peer, may_be_freed_in_any_callback)
{
    for (size_t i = 0; i < ARRAY_LEN(frees); i++) {
        struct world w;
        struct fake_redis f;

        world_init(&w);
        fake_redis_start(&f, w.base);
        f.replies[1] = frees[i].reply;
        struct redis_link_conf conf = world_conf(f.url);

        w.owner_conf.deadline_ms = frees[i].reply[0] == '\0' ? 30 : 5000;
        w.free_at = frees[i].at;
        if (frees[i].at != 'u')
            w.on_up = ask;
        world_link(&w, &conf);
        world_wait(&w, is_freed);
        world_idle(&w, 10);
        cr_expect_str_eq(w.order, frees[i].order, "row '%s'", frees[i].name);
        fake_redis_stop(&f);
        world_release(&w);
    }
}

Test(redis_link_peer, late_replies_are_swallowed_in_their_place)
{
    struct world w;
    struct fake_redis f;

    world_init(&w);
    fake_redis_start(&f, w.base);
    struct redis_link_conf conf = world_conf(f.url);

    w.owner_conf.deadline_ms = 300; /* a busy machine must answer the second in it */
    world_link(&w, &conf);
    world_wait(&w, world_is_up);
    cr_assert_eq(world_send(&w, "GET a"), 0);
    world_wait(&w, world_has_lost);
    cr_assert_eq(world_send(&w, "GET b"), 0);
    fake_redis_say(&f, "+A\r\n+B\r\n", 8);
    world_wait(&w, world_has_reply);
    cr_expect_str_eq(w.order, "ulr");
    cr_expect_str_eq(w.said, "B ");
    cr_expect_str_eq(w.lost_why, "deadline of 300 ms passed");
    fake_redis_stop(&f);
    world_release(&w);
}

static bool are_all_late(const struct world *w)
{
    return w->lost >= REDIS_LINK_LATE_MAX;
}

/* One more late command than may be, and the connection is left at once. */
Test(redis_link_peer, leaves_a_server_that_is_late_too_often)
{
    for (int more = 0; more <= 1; more++) {
        struct world w;
        struct fake_redis f;

        world_init(&w);
        fake_redis_start(&f, w.base);
        struct redis_link_conf conf = world_conf(f.url);

        w.owner_conf.deadline_ms = 50;
        conf.keep_trying = false;
        world_link(&w, &conf);
        world_wait(&w, world_is_up);
        for (int i = 0; i < REDIS_LINK_LATE_MAX + more; i++)
            cr_assert_eq(world_send(&w, "GET k"), 0);
        world_wait(&w, more > 0 ? world_is_down : are_all_late);
        world_idle(&w, 10);
        cr_expect_eq(w.lost, REDIS_LINK_LATE_MAX + more);
        cr_expect_eq(w.downs, more, "%d late", w.lost);
        cr_expect_eq(redis_link_is_up(w.link), more == 0);
        fake_redis_stop(&f);
        world_release(&w);
    }
}

Test(redis_link_peer, caps_what_is_in_flight)
{
    struct world w;
    struct fake_redis f;

    world_init(&w);
    fake_redis_start(&f, w.base);
    struct redis_link_conf conf = world_conf(f.url);

    w.owner_conf.in_flight_max = 3;
    world_link(&w, &conf);
    cr_assert_eq(world_send(&w, "GET k"), -1, "not up yet");
    world_wait(&w, world_is_up);
    for (int i = 1; i <= 4; i++)
        cr_expect_eq(world_send(&w, "GET k"), i <= 3 ? 0 : -1, "command %d", i);
    fake_redis_say(&f, "+a\r\n", 4);
    world_wait(&w, world_has_reply);
    cr_expect_eq(world_send(&w, "GET k"), 0, "one place is free again");
    fake_redis_stop(&f);
    world_release(&w);
}

Test(redis_link_peer, caps_what_waits_to_be_sent)
{
    static char big[4000];
    const char *argv[] = {"SET", "k", big};
    struct world w;
    struct fake_redis f;
    int sent = 0;

    memset(big, 'x', sizeof(big) - 1);
    world_init(&w);
    fake_redis_start(&f, w.base);
    struct redis_link_conf conf = world_conf(f.url);

    conf.output_max_bytes = 10000;
    world_link(&w, &conf);
    world_wait(&w, world_is_up);
    while (sent < 10 && redis_link_send(w.owner, 3, argv, NULL, world_on_reply, &w) == 0)
        sent++;
    cr_expect_eq(sent, 2, "two of 4 kB fit in 10 kB, %d did", sent);
    cr_expect_eq(world_send(&w, "GET k"), 0, "a small one still does");
    fake_redis_stop(&f);
    world_release(&w);
}

static bool tried_three_times(const struct world *w)
{
    return w->downs >= 3;
}

Test(redis_link_peer, keeps_trying_and_restarts)
{
    struct world w;
    struct fake_redis f;

    world_init(&w);
    fake_redis_start(&f, w.base);
    f.replies[0] = "!";
    struct redis_link_conf conf = world_conf(f.url);

    world_link(&w, &conf);
    world_wait(&w, tried_three_times);
    f.replies[0] = "+PONG\r\n";
    world_wait(&w, world_is_up);
    cr_assert_eq(world_send(&w, "GET k"), 0);
    w.inside = true;
    redis_link_restart(w.link, "told to");
    cr_expect_eq(redis_link_is_up(w.link), false);
    w.inside = false;
    w.downs = w.ups = 0;
    world_wait(&w, world_is_up);
    cr_expect_str_eq(w.why, "told to");
    cr_expect_str_eq(w.lost_why, "told to");
    fake_redis_stop(&f);
    world_release(&w);
}

Test(redis_link_peer, free_calls_nobody_and_releases)
{
    struct world w;
    struct fake_redis f;

    world_init(&w);
    fake_redis_start(&f, w.base);
    struct redis_link_conf conf = world_conf(f.url);

    world_link(&w, &conf);
    world_wait(&w, world_is_up);
    const char *argv[] = {"GET", "k"};
    char *owned = xstrdup("a leak unless released");

    cr_assert_eq(redis_link_send_owned(w.owner, 2, argv, NULL, world_on_reply, owned, free), 0);
    w.inside = true;
    redis_link_free(w.link);
    w.inside = false;
    w.link = NULL;
    world_idle(&w, 10);
    cr_expect_str_eq(w.order, "u");
    fake_redis_stop(&f);
    world_release(&w);
}
