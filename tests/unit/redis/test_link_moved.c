/* test_link_moved.c - a link whose key is served by another node. */
#include "redis/link.h"

#include "fake_redis.h"
#include "link_world.h"

#include <criterion/criterion.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#define N 3 /* scripted nodes */

struct nodes {
    struct fake_redis f[N];
    char moved[N][64]; /* "-MOVED 1 127.0.0.1:<port of node i>" */
    char url[128];     /* all of them */
};

static void nodes_open(struct nodes *n, struct world *w)
{
    world_init(w);
    for (int i = 0; i < N; i++) {
        fake_redis_start_tcp(&n->f[i], w->base);
        snprintf(n->moved[i], sizeof(n->moved[i]), "-MOVED 1 127.0.0.1:%d\r\n", n->f[i].port);
        n->f[i].replies[0] = "$-1\r\n"; /* to HGET */
        n->f[i].replies[1] = "+PONG\r\n";
        n->f[i].replies[2] = "+OK\r\n";
        n->f[i].info = "$-1\r\n";
        n->f[i].shards = "-ERR unknown subcommand\r\n";
    }
    snprintf(n->url, sizeof(n->url), "redis://127.0.0.1:%d,127.0.0.1:%d,127.0.0.1:%d",
             n->f[0].port, n->f[1].port, n->f[2].port);
}

static void nodes_close(struct nodes *n, struct world *w)
{
    for (int i = 0; i < N; i++)
        fake_redis_stop(&n->f[i]);
    world_release(w);
}

static void open_link(struct world *w, const char *url, bool keep_trying)
{
    struct redis_link_conf conf = world_conf(url);

    conf.key = "{sluice:t}:meta";
    conf.keep_trying = keep_trying;
    conf.connect_timeout_ms = 900;
    world_link(w, &conf);
}

static bool up_or_down(const struct world *w)
{
    return w->ups + w->downs > 0;
}

static bool two_ups(const struct world *w)
{
    return w->ups == 2;
}

Test(redis_link_moved, follows_within_the_login)
{
    struct nodes n;
    struct world w;

    nodes_open(&n, &w);
    n.f[0].replies[0] = n.moved[1];
    n.f[1].replies[0] = n.moved[2];
    open_link(&w, n.f[0].url, false);
    world_wait(&w, up_or_down);
    cr_expect_str_eq(w.order, "u", "%s", w.why);
    cr_expect_eq(redis_link_at(w.link)->port, n.f[2].port);
    cr_assert_eq(world_send(&w, "SET k v"), 0);
    world_wait(&w, world_has_reply);
    cr_expect_str_eq(w.said, "OK ");
    cr_expect_str_eq(n.f[0].heard, "HGET {sluice:t}:meta gen INFO cluster PING ");
    cr_expect_str_eq(n.f[2].heard, "HGET {sluice:t}:meta gen PING CLUSTER SHARDS SET k v ");
    nodes_close(&n, &w);
}

Test(redis_link_moved, ends_a_circle)
{
    struct nodes n;
    struct world w;

    nodes_open(&n, &w);
    n.f[0].replies[0] = n.moved[1];
    n.f[1].replies[0] = n.moved[0];
    open_link(&w, n.f[0].url, false);
    world_wait(&w, up_or_down);
    cr_expect_str_eq(w.order, "d");
    cr_expect_not_null(strstr(w.why, "send us in circles"), "%s", w.why);
    cr_expect_eq(n.f[0].accepted + n.f[1].accepted, 4);
    nodes_close(&n, &w);
}

Test(redis_link_moved, follows_while_up)
{
    struct nodes n;
    struct world w;

    nodes_open(&n, &w);
    n.f[0].replies[2] = n.moved[1];
    open_link(&w, n.f[0].url, true);
    world_wait(&w, world_is_up);
    cr_assert_eq(world_send(&w, "SET k v"), 0);
    cr_assert_eq(world_send(&w, "SET k w"), 0);
    world_wait(&w, two_ups);
    cr_expect_str_eq(w.order, "ulldu", "nothing of it ran: lost, not refused");
    cr_expect_not_null(strstr(w.lost_why, "the Cluster moved the keys to 127.0.0.1:"), "%s",
                       w.lost_why);
    cr_expect_eq(redis_link_at(w.link)->port, n.f[1].port);
    nodes_close(&n, &w);
}

/* The node it was sent to dies: it goes there once more, and then back to the URL's. */
Test(redis_link_moved, returns_to_the_url)
{
    struct nodes n;
    struct world w;

    nodes_open(&n, &w);
    n.f[0].replies[0] = n.moved[1];
    open_link(&w, n.f[0].url, true);
    world_wait(&w, world_is_up);
    n.f[0].replies[0] = n.moved[2];
    fake_redis_hang_up(&n.f[1]);
    n.f[1].replies[0] = "!";
    world_wait(&w, two_ups);
    cr_expect_eq(redis_link_at(w.link)->port, n.f[2].port);
    nodes_close(&n, &w);
}

/* One try: a node that refuses, a mute one, a good one. */
Test(redis_link_moved, walks_over_the_hosts_of_a_url)
{
    struct nodes n;
    struct world w;
    char url[160];

    nodes_open(&n, &w);
    n.f[1].replies[0] = n.f[1].replies[1] = "";
    snprintf(url, sizeof(url), "redis://127.0.0.1:1,127.0.0.1:%d,127.0.0.1:%d", n.f[1].port,
             n.f[2].port);
    open_link(&w, url, false);
    world_wait(&w, up_or_down);
    cr_expect_str_eq(w.order, "u", "%s", w.why);
    cr_expect_eq(redis_link_at(w.link)->port, n.f[2].port);
    nodes_close(&n, &w);
}

Test(redis_link_moved, a_pinned_link_stays_and_moves_when_told)
{
    struct nodes n;
    struct world w;

    nodes_open(&n, &w);
    struct redis_link_conf conf = world_conf(n.f[0].url);

    for (int i = 0; i < N; i++)
        n.f[i].replies[0] = "+PONG\r\n";
    world_link(&w, &conf);
    redis_link_pin(w.link, &(struct redis_node){"127.0.0.1", n.f[1].port});
    world_wait(&w, world_is_up);
    cr_expect_eq(redis_link_at(w.link)->port, n.f[1].port);
    redis_link_pin(w.link, redis_link_at(w.link));
    redis_link_pin(w.link, &(struct redis_node){"", 0});
    world_idle(&w, 20);
    cr_expect_eq(w.downs, 0, "there already");
    redis_link_pin(w.link, &(struct redis_node){"127.0.0.1", n.f[2].port});
    world_wait(&w, two_ups);
    cr_expect_eq(redis_link_at(w.link)->port, n.f[2].port);
    cr_expect_eq(n.f[0].accepted, 0);
    nodes_close(&n, &w);
}
