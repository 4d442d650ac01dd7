/* test_link.c - the link against a real redis-server of its own. */
#include "redis/link.h"

#include "link_world.h"
#include "redis_server.h"

#include <criterion/criterion.h>
#include <event2/event.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>

static bool four_replies(const struct world *w)
{
    return w->replies == 4;
}

static void speak(const struct redis_server *s, const char *url)
{
    struct world w;

    world_init(&w);
    struct redis_link_conf conf = world_conf(url);

    conf.name = "sluice-test";
    conf.url.db = 3;
    world_link(&w, &conf);
    world_wait(&w, world_is_up);
    cr_assert_eq(world_send(&w, "SET k v"), 0);
    cr_assert_eq(world_send(&w, "GET k"), 0);
    cr_assert_eq(world_send(&w, "CLIENT GETNAME"), 0);
    cr_assert_eq(world_send(&w, "INCR k"), 0);
    world_wait(&w, four_replies);
    cr_expect_str_eq(w.said, "OK v sluice-test ERR value is not an integer or out of range ");
    redisReply *r = redis_server_command(s, "DBSIZE");
    cr_expect_eq(r->integer, 0, "db 3 was selected, so db 0 is empty");
    freeReplyObject(r);
    world_release(&w);
}

Test(redis_link, speaks_to_a_server)
{
    struct redis_server s;
    char tcp[64];

    redis_server_start(&s, "");
    speak(&s, s.url);
    snprintf(tcp, sizeof(tcp), "redis://127.0.0.1:%d", s.port);
    speak(&s, tcp);
    snprintf(tcp, sizeof(tcp), "redis://localhost:%d", s.port);
    speak(&s, tcp);
    redis_server_stop(&s);
}

/* clang-format off */
static const struct {
    const char *name, *options, *user, *password, *why; /* why NULL: comes up */
    int db;
    enum redis_error cause;
} logins[] = {
    {"right password",       "--requirepass s3cret", "",     "s3cret", NULL, 0, REDIS_ERROR_NONE},
    {"right, with user",     "--requirepass s3cret", "default", "s3cret", NULL, 2, REDIS_ERROR_NONE},
    {"wrong password",       "--requirepass s3cret", "",     "guess", "Redis refused AUTH: WRONGPASS", 0, REDIS_ERROR_WRONGPASS},
    {"wrong user",           "--requirepass s3cret", "eve",  "s3cret", "Redis refused AUTH: WRONGPASS", 0, REDIS_ERROR_WRONGPASS},
    {"missing password",     "--requirepass s3cret", "",     "", "Redis wants a password and the URL has none", 0, REDIS_ERROR_NOAUTH},
    {"password not needed",  "",                     "",     "guess", "Redis refused AUTH: ERR", 0, REDIS_ERROR_OTHER},
    {"database that is not", "",                     "",     "", "Redis refused SELECT: ERR", 99, REDIS_ERROR_OTHER},
    {"no right to PING or SETNAME", "--user bob on >pw +get ~*", "bob", "pw", NULL, 0, REDIS_ERROR_NONE},
    {"no right to SELECT",   "--user bob on >pw +ping ~*", "bob", "pw", "Redis refused SELECT: NOPERM", 1, REDIS_ERROR_NOPERM},
};
/* clang-format on */

Test(redis_link, logs_in)
{
    for (size_t i = 0; i < ARRAY_LEN(logins); i++) {
        struct redis_server s;
        struct world w;

        redis_server_start(&s, logins[i].options);
        world_init(&w);
        struct redis_link_conf conf = world_conf(s.url);

        conf.name = "x";
        conf.keep_trying = false;
        conf.url.db = logins[i].db;
        snprintf(conf.url.user, sizeof(conf.url.user), "%s", logins[i].user);
        snprintf(conf.url.password, sizeof(conf.url.password), "%s", logins[i].password);
        world_link(&w, &conf);
        world_wait(&w, logins[i].why == NULL ? world_is_up : world_is_down);
        world_idle(&w, 30);
        cr_expect_str_eq(w.order, logins[i].why == NULL ? "u" : "d", "row '%s'",
                         logins[i].name);
        if (logins[i].why != NULL) {
            cr_expect_not_null(strstr(w.why, logins[i].why), "row '%s': '%s'", logins[i].name,
                               w.why);
            cr_expect(logins[i].password[0] == '\0' ||
                          strstr(w.why, logins[i].password) == NULL,
                      "row '%s' shows the password", logins[i].name);
            cr_expect_eq(w.cause, logins[i].cause, "row '%s'", logins[i].name);
        }
        world_release(&w);
        redis_server_stop(&s);
    }
}

static bool five_lost(const struct world *w)
{
    return w->lost == 5;
}

static bool one_reply(const struct world *w)
{
    return w->replies == 1;
}

Test(redis_link, a_stopped_server_costs_deadlines_and_late_replies_reach_nobody)
{
    struct redis_server s;
    struct world w;

    redis_server_start(&s, "");
    world_init(&w);
    struct redis_link_conf conf = world_conf(s.url);

    w.owner_conf.deadline_ms = 300; /* enough for a busy machine to answer the last one in */
    world_link(&w, &conf);
    world_wait(&w, world_is_up);
    redis_server_pause(&s);
    for (int i = 0; i < 5; i++)
        cr_assert_eq(world_send(&w, "ECHO old"), 0);
    world_wait(&w, five_lost);
    cr_assert_str_eq(w.lost_why, "deadline of 300 ms passed");
    redis_server_resume(&s);
    cr_assert_eq(world_send(&w, "ECHO new"), 0);
    world_wait(&w, one_reply);
    cr_assert_str_eq(w.said, "new ");
    cr_assert_eq(w.lost, 5);
    cr_assert_eq(w.downs, 0, "the connection was kept");
    world_release(&w);
    redis_server_stop(&s);
}

Test(redis_link, a_server_stopped_for_too_long_is_left)
{
    struct redis_server s;
    struct world w;

    redis_server_start(&s, "");
    world_init(&w);
    struct redis_link_conf conf = world_conf(s.url);

    w.owner_conf.deadline_ms = 50;
    conf.connect_timeout_ms = 500;
    world_link(&w, &conf);
    world_wait(&w, world_is_up);
    redis_server_pause(&s);
    cr_assert_eq(world_send(&w, "PING"), 0);
    world_wait(&w, world_is_down);
    cr_assert_str_eq(w.order, "uld");
    cr_assert(strstr(w.why, "no answer for 2") != NULL, "%s", w.why);
    w.downs = 0;
    world_wait(&w, world_is_down); /* the kernel accepts for it, but nobody answers */
    cr_assert_str_eq(w.why, "no answer to the login within 500 ms");
    w.ups = 0;
    redis_server_resume(&s);
    world_wait(&w, world_is_up);
    world_release(&w);
    redis_server_stop(&s);
}

Test(redis_link, comes_back_after_a_crash)
{
    struct redis_server s;
    struct world w;

    redis_server_start(&s, "");
    world_init(&w);
    struct redis_link_conf conf = world_conf(s.url);

    world_link(&w, &conf);
    world_wait(&w, world_is_up);
    redis_server_pause(&s);
    cr_assert_eq(world_send(&w, "PING"), 0);
    redis_server_kill(&s);
    world_wait(&w, world_is_down);
    cr_assert_eq(strncmp(w.order, "uld", 3), 0, "the command's callback comes first: %s",
                 w.order);
    cr_assert_eq(redis_link_is_up(w.link), false);
    cr_assert_eq(world_send(&w, "PING"), -1);
    w.ups = 0;
    redis_server_restart(&s);
    world_wait(&w, world_is_up);
    cr_assert_eq(world_send(&w, "ECHO again"), 0);
    world_wait(&w, world_has_reply);
    cr_assert_str_eq(w.said, "again ");
    world_release(&w);
    redis_server_stop(&s);
}

static void subscribe(struct world *w)
{
    cr_assert_eq(redis_link_subscribe(w->link, "news"), 0);
}

static bool two_pushes(const struct world *w)
{
    return w->pushes == 2;
}

Test(redis_link, subscribes)
{
    struct redis_server s;
    struct world w;

    redis_server_start(&s, "");
    world_init(&w);
    struct redis_link_conf conf = world_conf(s.url);

    w.on_up = subscribe;
    world_link(&w, &conf);
    world_wait(&w, world_has_push);
    cr_assert_str_eq(w.said, "subscribe news 1 ");
    cr_assert_eq(world_send(&w, "PING"), -1, "a subscriber sends no commands");
    freeReplyObject(redis_server_command(&s, "PUBLISH news hello"));
    world_wait(&w, two_pushes);
    cr_assert_str_eq(w.said, "subscribe news 1 message news hello ");
    freeReplyObject(redis_server_command(&s, "CLIENT KILL TYPE pubsub"));
    world_wait(&w, world_is_down);
    cr_assert_str_eq(w.why, "connection closed by Redis");
    world_release(&w);
    redis_server_stop(&s);
}
