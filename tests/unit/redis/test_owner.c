/* test_owner.c - two who send over one link: each has its own room and its own deadline. */
#include "redis/link.h"

#include "tests/unit/redis/fake_redis.h"
#include "tests/unit/redis/link_world.h"

#include <criterion/criterion.h>

static const char *const get[] = {"GET", "k"};

static int send_one(struct redis_owner *o, struct world *w)
{
    return redis_link_send(o, 2, get, NULL, world_on_reply, w);
}

static struct redis_owner_stats stats_of(const struct redis_owner *o)
{
    struct redis_owner_stats s;

    redis_link_owner_stats(o, &s);
    return s;
}

static bool four_replies(const struct world *w)
{
    return w->replies == 4;
}

Test(redis_owner, one_that_used_up_its_budget_does_not_hinder_the_other)
{
    struct world w;
    struct fake_redis f;

    world_init(&w);
    fake_redis_start(&f, w.base);
    struct redis_link_conf conf = world_conf(f.url);

    w.owner_conf.in_flight_max = 2;
    world_link(&w, &conf);
    struct redis_owner *other =
        redis_link_owner_new(w.link, &(struct redis_owner_conf){"other", 2, 5000});

    world_wait(&w, world_is_up);
    for (int i = 1; i <= 4; i++)
        cr_expect_eq(send_one(w.owner, &w), i <= 2 ? 0 : -1, "command %d", i);
    for (int i = 1; i <= 3; i++)
        cr_expect_eq(send_one(other, &w), i <= 2 ? 0 : -1, "the other's command %d", i);
    cr_expect_eq(stats_of(w.owner).in_flight, 2);
    cr_expect_eq(stats_of(w.owner).refused, 2u);
    cr_expect_eq(stats_of(other).refused, 1u);
    fake_redis_say(&f, "+a\r\n", 4);
    world_wait(&w, world_has_reply);
    cr_expect_eq(send_one(other, &w), -1, "the place that is free again is not its own");
    cr_expect_eq(send_one(w.owner, &w), 0);
    fake_redis_say(&f, "+b\r\n+c\r\n+d\r\n", 12);
    world_wait(&w, four_replies);
    cr_expect_eq(stats_of(w.owner).sent, 3u);
    cr_expect_eq(stats_of(other).sent, 2u);
    cr_expect_str_eq(stats_of(other).name, "other");
    fake_redis_stop(&f);
    world_release(&w);
}

static bool one_lost(const struct world *w)
{
    return w->lost == 1;
}

Test(redis_owner, each_has_its_own_deadline)
{
    struct world w, hasty = {0};
    struct fake_redis f;

    world_init(&w);
    fake_redis_start(&f, w.base);
    struct redis_link_conf conf = world_conf(f.url);

    conf.keep_trying = false;
    world_link(&w, &conf);
    struct redis_owner *other =
        redis_link_owner_new(w.link, &(struct redis_owner_conf){"hasty", 1, 40});

    world_wait(&w, world_is_up);
    cr_assert_eq(send_one(w.owner, &w), 0);
    cr_assert_eq(send_one(other, &hasty), 0, "its deadline comes first, though it was second");
    for (int i = 0; i < 200 && !one_lost(&hasty); i++)
        world_idle(&w, 10);
    cr_expect_str_eq(hasty.lost_why, "deadline of 40 ms passed");
    cr_expect_eq(stats_of(other).late, 1u);
    cr_expect_eq(send_one(other, &hasty), -1, "its place is taken until the reply came");
    cr_expect_eq(w.lost + w.replies, 0, "the patient one waits on");
    fake_redis_say(&f, "+mine\r\n+late\r\n", 14);
    world_wait(&w, world_has_reply);
    world_idle(&w, 10);
    cr_expect_str_eq(w.said, "mine ");
    cr_expect_eq(hasty.replies, 0, "a late reply reaches nobody");
    cr_expect_eq(send_one(other, &hasty), 0);
    cr_assert_eq(send_one(w.owner, &w), 0);
    fake_redis_stop(&f);
    world_wait(&w, one_lost);
    cr_expect_eq(stats_of(w.owner).failed, 1u);
    cr_expect_eq(stats_of(other).failed + stats_of(other).late, 2u);
    world_release(&w);
}
