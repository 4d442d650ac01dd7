/* test_link_cluster.c - a link that names one node of a Cluster learns the others. */
#include "redis/link.h"

#include "fake_redis.h"
#include "link_world.h"
#include "redis/link_impl.h"

#include <criterion/criterion.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#define N       3 /* scripted nodes */
#define ENABLED "$19\r\ncluster_enabled:1\r\n\r\n"
#define PLAIN   "$19\r\ncluster_enabled:0\r\n\r\n"
#define DOWN    "-CLUSTERDOWN The cluster is down\r\n"

struct nodes {
    struct fake_redis f[N];
    char moved[N][64];   /* "-MOVED 1 127.0.0.1:<port of node i>" */
    char shards[N][200]; /* CLUSTER SHARDS with node i alone */
    char all[512];       /* with all of them */
};

static size_t say_node(char *out, size_t cap, int port)
{
    return (size_t)snprintf(
        out, cap, "*4\r\n$8\r\nendpoint\r\n$9\r\n127.0.0.1\r\n$4\r\nport\r\n:%d\r\n", port);
}

static void nodes_open(struct nodes *n, struct world *w)
{
    size_t at =
        (size_t)snprintf(n->all, sizeof(n->all), "*1\r\n*2\r\n$5\r\nnodes\r\n*%d\r\n", N);

    world_init(w);
    for (int i = 0; i < N; i++) {
        struct fake_redis *f = &n->f[i];
        size_t own = (size_t)snprintf(n->shards[i], sizeof(n->shards[i]),
                                      "*1\r\n*2\r\n$5\r\nnodes\r\n*1\r\n");

        fake_redis_start_tcp(f, w->base);
        snprintf(n->moved[i], sizeof(n->moved[i]), "-MOVED 1 127.0.0.1:%d\r\n", f->port);
        say_node(n->shards[i] + own, sizeof(n->shards[i]) - own, f->port);
        at += say_node(n->all + at, sizeof(n->all) - at, f->port);
        f->replies[0] = "$-1\r\n"; /* to HGET */
        f->replies[1] = "+PONG\r\n";
        for (int k = 2; k < FAKE_REPLIES_MAX; k++)
            f->replies[k] = "+OK\r\n";
        f->info = ENABLED;
        f->shards = n->all;
    }
}

static void nodes_close(struct nodes *n, struct world *w)
{
    for (int i = 0; i < N; i++)
        fake_redis_stop(&n->f[i]);
    world_release(w);
}

/* It goes away in the way of bytes: "!" hangs up, "" is silent. */
static void break_node(struct fake_redis *f, const char *bytes)
{
    f->replies[0] = f->replies[1] = bytes;
    f->info = bytes;
    fake_redis_hang_up(f);
}

static void open_link(struct world *w, const char *url, bool keep_trying)
{
    struct redis_link_conf conf = world_conf(url);

    conf.key = "{sluice:t}:meta";
    conf.keep_trying = keep_trying;
    conf.connect_timeout_ms = 1200;
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

static bool has_tried_thrice(const struct world *w)
{
    return w->downs >= 3;
}

/* A command's answer comes behind what was learned. */
static void ask_something(struct world *w)
{
    w->replies = 0;
    cr_assert_eq(world_send(w, "SET k v"), 0);
    world_wait(w, world_has_reply);
}

static int port_of(const struct world *w)
{
    return redis_link_at(w->link)->port;
}

/* clang-format off */
static const struct { const char *name, *bytes; } deaths[] = {
    {"it hangs up",              "!"},
    {"it is silent",             ""},
    {"it speaks something else", "HTTP/1.1 502 Bad Gateway\r\n"},
    {"it serves nothing",        DOWN},
    {"it reads its data",        "-LOADING Redis is loading the dataset in memory\r\n"},
    {"it says no place",         "-MOVED 1 ?:7000\r\n"},
};
/* clang-format on */

Test(redis_link_cluster, one_named_node_is_needed_once)
{
    for (size_t i = 0; i < ARRAY_LEN(deaths); i++) {
        struct nodes n;
        struct world w;

        nodes_open(&n, &w);
        open_link(&w, n.f[0].url, true);
        world_wait(&w, world_is_up);
        ask_something(&w);
        n.f[1].replies[0] = n.moved[2];
        break_node(&n.f[0], deaths[i].bytes);
        world_wait(&w, two_ups);
        cr_expect_eq(port_of(&w), n.f[2].port, "row '%s'", deaths[i].name);
        ask_something(&w);
        nodes_close(&n, &w);
    }
}

/* What the new one says counts, and the URL's is not forgotten. */
Test(redis_link_cluster, each_answer_replaces_the_last)
{
    struct nodes n;
    struct world w;

    nodes_open(&n, &w);
    n.f[1].shards = n.shards[1];
    open_link(&w, n.f[0].url, true);
    world_wait(&w, world_is_up);
    ask_something(&w);
    n.f[2].replies[0] = n.moved[1];
    break_node(&n.f[0], "!");
    world_wait(&w, two_ups);
    cr_expect_eq(port_of(&w), n.f[1].port);
    ask_something(&w); /* node 2 is no part of it any more */
    int asked = n.f[2].accepted;

    w.ups = 0;
    break_node(&n.f[1], "!");
    n.f[0].replies[0] = "$-1\r\n";
    n.f[0].replies[1] = "+PONG\r\n";
    n.f[0].info = ENABLED;
    world_wait(&w, world_is_up);
    cr_expect_eq(port_of(&w), n.f[0].port);
    cr_expect_eq(n.f[2].accepted, asked, "it was forgotten");
    nodes_close(&n, &w);
}

/* A single try, as the CLI makes them, walks over what an earlier one learned. */
Test(redis_link_cluster, a_single_try_finds_them_too)
{
    struct nodes n;
    struct world w;

    nodes_open(&n, &w);
    open_link(&w, n.f[0].url, false);
    world_wait(&w, up_or_down);
    ask_something(&w);
    break_node(&n.f[0], "!");
    world_wait(&w, world_is_down);
    redis_link_start(w.link);
    world_wait(&w, two_ups);
    cr_expect_eq(w.downs, 1);
    cr_expect_neq(port_of(&w), n.f[0].port);
    nodes_close(&n, &w);
}

/* All of them send it to one that is dead: it is tried once, and the try says so. */
Test(redis_link_cluster, a_dead_node_that_all_name_is_tried_once)
{
    struct nodes n;
    struct world w;
    char url[160];

    nodes_open(&n, &w);
    n.f[0].replies[0] = n.f[1].replies[0] = n.moved[2];
    break_node(&n.f[2], "!");
    snprintf(url, sizeof(url), "%s,127.0.0.1:%d", n.f[0].url, n.f[1].port);
    open_link(&w, url, false);
    world_wait(&w, up_or_down);
    cr_expect_str_eq(w.order, "d");
    cr_expect_eq(w.cause, REDIS_ERROR_MOVED);
    cr_expect_not_null(strstr(w.why, "which does not answer"), "%s", w.why);
    cr_expect_eq(n.f[2].accepted, 1);
    nodes_close(&n, &w);
}

/* Where all say the same, it is up and the first command is told. */
Test(redis_link_cluster, a_cluster_that_is_down_says_so_itself)
{
    struct nodes n;
    struct world w;
    char url[160];

    nodes_open(&n, &w);
    for (int i = 0; i < N; i++) {
        n.f[i].replies[0] = n.f[i].replies[2] = DOWN;
        n.f[i].shards = "";
    }
    snprintf(url, sizeof(url), "%s,127.0.0.1:%d", n.f[0].url, n.f[1].port);
    open_link(&w, url, false);
    world_wait(&w, up_or_down);
    cr_expect_str_eq(w.order, "u", "%s", w.why);
    ask_something(&w);
    world_wait(&w, world_is_down);
    cr_expect_str_eq(w.order, "urd", "answered, and then given up for another node");
    cr_expect_eq(w.cause, REDIS_ERROR_CLUSTERDOWN);
    cr_expect_null(strstr(n.f[1].heard, "CLUSTER"), "who serves nothing knows nothing");
    nodes_close(&n, &w);
}

/* A master on the wrong side of a split: it lives, and the others have another one by now. */
Test(redis_link_cluster, a_node_cut_off_from_the_rest_is_left)
{
    struct nodes n;
    struct world w;

    nodes_open(&n, &w);
    n.f[0].replies[2] = DOWN;
    open_link(&w, n.f[0].url, true);
    world_wait(&w, world_is_up);
    n.f[0].replies[0] = DOWN;
    n.f[1].replies[0] = n.moved[2];
    cr_assert_eq(world_send(&w, "SET k v"), 0);
    world_wait(&w, two_ups);
    cr_expect_str_eq(w.order, "urdu");
    cr_expect_eq(port_of(&w), n.f[2].port);
    nodes_close(&n, &w);
}

static int times_asked(const struct fake_redis *f)
{
    int times = 0;

    for (const char *at = f->heard; (at = strstr(at, "CLUSTER SHARDS ")) != NULL; at++)
        times++;
    return times;
}

Test(redis_link_cluster, it_asks_again_beside_a_command)
{
    struct nodes n;
    struct world w;

    nodes_open(&n, &w);
    n.f[0].shards = n.shards[0];
    open_link(&w, n.f[0].url, true);
    world_wait(&w, world_is_up);
    ask_something(&w);
    cr_expect_eq(times_asked(&n.f[0]), 1);
    n.f[0].shards = n.shards[1];
    w.link->learn_at_ms = 0; /* it is time */
    ask_something(&w);
    ask_something(&w);
    ask_something(&w);
    cr_expect_eq(times_asked(&n.f[0]), 2, "once, and then it is later again");
    break_node(&n.f[0], "!");
    world_wait(&w, two_ups);
    cr_expect_eq(port_of(&w), n.f[1].port);
    nodes_close(&n, &w);
}

/* clang-format off */
static const struct { const char *name, *info, *shards; } refusals[] = {
    {"no Cluster",            PLAIN,              "*0\r\n"},
    {"INFO is not allowed",   "-NOPERM no\r\n",   "*0\r\n"},
    {"SHARDS is not allowed", ENABLED,            "-NOPERM no\r\n"},
    {"another form",          ENABLED,            "*1\r\n*1\r\n:1\r\n"},
};
/* clang-format on */

/* Then it goes on as with a single server. */
Test(redis_link_cluster, needs_no_answer)
{
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        struct nodes n;
        struct world w;

        nodes_open(&n, &w);
        n.f[0].info = refusals[i].info;
        n.f[0].shards = refusals[i].shards;
        open_link(&w, n.f[0].url, true);
        world_wait(&w, world_is_up);
        ask_something(&w);
        fake_redis_hang_up(&n.f[0]);
        world_wait(&w, two_ups);
        cr_expect_eq(port_of(&w), n.f[0].port, "row '%s'", refusals[i].name);
        cr_expect_eq(n.f[1].accepted + n.f[2].accepted, 0, "row '%s'", refusals[i].name);
        nodes_close(&n, &w);
    }
}

/* Over a cap: the connection is lost, and that question is not asked again. */
Test(redis_link_cluster, too_long_an_answer_costs_one_connection)
{
    struct nodes n;
    struct world w;

    nodes_open(&n, &w);
    n.f[0].shards = "*200000\r\n";
    open_link(&w, n.f[0].url, true);
    world_wait(&w, two_ups);
    ask_something(&w);
    cr_expect_eq(w.downs, 1);
    cr_expect_null(strstr(n.f[0].heard, "CLUSTER"), "%s", n.f[0].heard);
    nodes_close(&n, &w);
}

/* Who has not taken the login has no say in where it goes. */
Test(redis_link_cluster, who_refuses_the_login_sends_it_nowhere)
{
    struct nodes n;
    struct world w;
    char url[160];

    nodes_open(&n, &w);
    n.f[0].replies[0] = "-WRONGPASS invalid username-password pair\r\n";
    n.f[0].replies[1] = n.moved[1];
    n.f[0].replies[2] = n.moved[1];
    snprintf(url, sizeof(url), "redis://:word@127.0.0.1:%d", n.f[0].port);
    open_link(&w, url, true);
    world_wait(&w, world_is_down);
    world_wait(&w, has_tried_thrice);
    cr_expect_eq(w.cause, REDIS_ERROR_WRONGPASS);
    cr_expect_eq(w.ups, 0);
    cr_expect_eq(n.f[1].accepted + n.f[2].accepted, 0);
    cr_expect_null(strstr(n.f[0].heard, "SHARDS"));
    nodes_close(&n, &w);
}

/* Any server will do there: a subscriber's at a replica, or a Sentinel's. */
Test(redis_link_cluster, a_link_without_a_key_learns_nothing)
{
    struct nodes n;
    struct world w;

    nodes_open(&n, &w);
    n.f[0].replies[0] = "+PONG\r\n";
    struct redis_link_conf conf = world_conf(n.f[0].url);

    world_link(&w, &conf);
    world_wait(&w, world_is_up);
    cr_expect_str_eq(n.f[0].heard, "PING ");
    nodes_close(&n, &w);
}
