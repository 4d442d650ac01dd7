/* redis_sync.c - staying level with the fleet: pushes carry the news, syncs repair.
 *
 * A sync is the heartbeat as well.  It answers SAME while nothing was missed, so its cost does
 * not depend on how much the fleet knows.  While no subscriber listens it becomes a poll.
 *
 * Redis is never behind what it published.  Where it seems to be, the view comes from elsewhere
 * (somebody else wrote to the channel, the data went back), and is taken anew. */
#include "fleet/shared_state_parts.h"

#include "base/clock.h"
#include "redis/value.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BAD_SYNCS_MAX    3
#define SYNC_GAP_MS      20   /* the same for syncs */
#define POLL_MS          100  /* sync while no subscriber listens */
#define HEARTBEAT_MAX_MS 3000 /* the fleet forgets a router after 10 s of silence */
#define SLOTS_EVERY      30   /* syncs between two that name the slots again */
#define LIVE_PER_STRETCH 2000 /* routers whose syncs Redis takes without noticing */
#define ACKS_PER_S       2000 /* syncs brought forward to acknowledge, of the whole fleet */

struct redis_sync {
    struct event *timer; /* the next sync */
    int64_t due_ms;      /* when that is, while the timer is pending */
    int64_t sent_ms;
    bool running, again;
    unsigned subscription; /* under which the running one was sent */
    uint64_t seen;         /* the newest version heard of when it was sent */
    unsigned n;
    int bad_row;           /* snapshots in a row that made no sense */
    uint64_t applied_said; /* in the last sync of this generation */
    uint64_t
        override_heard; /* the operator's word for which the next sync was brought forward */
};

static int64_t next_sync_ms(struct shared_state *s)
{
    int64_t stretch = 1 + (int64_t)(s->stats.live_routers / LIVE_PER_STRETCH);
    int64_t ms = (s->sync_ms < HEARTBEAT_MAX_MS ? s->sync_ms : HEARTBEAT_MAX_MS) * stretch;

    if (ms > HEARTBEAT_MAX_MS)
        ms = HEARTBEAT_MAX_MS;
    if (!redis_subscribe_delivery(s)->subscribed && ms > POLL_MS * stretch)
        return POLL_MS * stretch;
    return ms * 4 / 5 + (int64_t)rand_below(&s->rand, (uint64_t)(ms * 2 / 5) + 1);
}

static void sync_in(struct shared_state *s, int64_t ms)
{
    s->sync->due_ms = clock_mono_ms() + ms;
    shared_state_arm(s, s->sync->timer, ms);
}

void redis_sync_poll(struct shared_state *s)
{
    if (redis_attach_is_level(s) && !s->sync->running)
        sync_in(s, POLL_MS);
}

void redis_sync_soon(struct shared_state *s)
{
    if (s->freed || !redis_attach_is_level(s))
        return;
    if (s->sync->running)
        s->sync->again = true;
    else
        sync_in(s, s->sync->sent_ms + SYNC_GAP_MS - clock_mono_ms());
}

/* Everybody hears an operator's word at the same moment, so the fleet spreads its answers over
 * as long as Redis needs for them; in a large one that is later than the next sync anyway. */
void redis_sync_acknowledge(struct shared_state *s)
{
    uint64_t word = view_override_ver(s->view);
    int64_t now_ms = clock_mono_ms(), due_ms;

    if (s->freed || !redis_attach_is_level(s) || s->sync->running ||
        word <= s->sync->applied_said || word > view_ver(s->view) ||
        word == s->sync->override_heard)
        return;
    s->sync->override_heard = word;
    due_ms =
        now_ms + (int64_t)rand_below(&s->rand, s->stats.live_routers * 1000 / ACKS_PER_S + 1);
    if (due_ms < s->sync->sent_ms + SYNC_GAP_MS)
        due_ms = s->sync->sent_ms + SYNC_GAP_MS;
    if (!event_pending(s->sync->timer, EV_TIMEOUT, NULL) || due_ms < s->sync->due_ms)
        sync_in(s, due_ms - now_ms);
}

static void take_sync(struct shared_state *s, const struct redisReply *r)
{
    bool full = redis_value_is(r, "FULL");
    int64_t ver;

    memset(s->changed, 0, view_count(s->view) * sizeof(s->changed[0]));
    if ((!full && !redis_value_is(r, "SAME")) ||
        !redis_value_number(redis_value_at(r, 1), &ver)) {
        shared_state_rubbish(s, SCRIPT_SYNC);
        return;
    }
    if (s->sync->seen > (uint64_t)ver) {
        s->stats.bad_messages++;
        view_doubt(s->view);
        redis_attach_ask(s); /* all of it: a sync that finds the versions equal tells nothing */
        return;
    }
    if (full && !shared_state_take_snapshot(s, str_of(view_gen(s->view)), ver, r, 4)) {
        s->stats.bad_messages++;
        if (++s->sync->bad_row >= BAD_SYNCS_MAX)
            redis_attach_away(s, "three snapshots in a row made no sense");
        else
            s->sync->again = true;
        return;
    }
    s->sync->bad_row = 0;
    s->stats.last_sync_ms = clock_mono_ms();
    shared_state_set_live(s, redis_value_at(r, 3));
    redis_subscribe_expect(s, s->sync->subscription, (uint64_t)ver);
    shared_state_tell_changed(s);
}

static void on_sync(void *arg, const struct redisReply *r, const char *why)
{
    struct shared_state *s = arg;

    shared_state_hold(s);
    s->sync->running = false;
    if (shared_state_usable(s, SCRIPT_SYNC, r, why) && redis_attach_is_level(s))
        take_sync(s, r);
    if (!s->freed && redis_attach_is_level(s)) {
        if (s->sync->again)
            redis_sync_soon(s);
        else if (!event_pending(s->sync->timer, EV_TIMEOUT, NULL))
            sync_in(s, next_sync_ms(s));
        redis_sync_acknowledge(s); /* of what came while the sync was under way */
    }
    s->sync->again = false;
    shared_state_drop(s);
}

/* The slots that our own breaker keeps us from. */
static void add_left(const struct shared_state *s, struct redis_args *a)
{
    int64_t n = 0;

    for (size_t i = 0; i < view_count(s->view); i++)
        n += s->own[i].has_left;
    redis_args_number(a, n);
    for (size_t i = 0; i < view_count(s->view); i++)
        if (s->own[i].has_left)
            redis_args_word(a, view_get(s->view, i)->name);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct shared_state *s = arg;
    struct redis_args a;

    (void)fd, (void)what;
    if (!redis_attach_is_level(s) || s->sync->running)
        return;
    s->sync->applied_said = view_ver(s->view);
    s->sync->override_heard = 0;
    redis_args_init(&a, 4 + SHARED_STATE_ABOUT + 2 * view_count(s->view));
    redis_args_word(&a, view_gen(s->view));
    redis_args_word(&a, s->router_id);
    redis_args_unsigned(&a, view_ver(s->view));
    shared_state_add_about(s, &a);
    add_left(s, &a);
    if (++s->sync->n % SLOTS_EVERY == 0)
        shared_state_add_slots(s, &a);
    s->sync->sent_ms = clock_mono_ms();
    s->sync->seen = view_seen(s->view);
    s->sync->subscription = redis_subscribe_delivery(s)->number;
    if (shared_state_run(s, SCRIPT_SYNC, &a, on_sync, s) == 0) {
        s->sync->running = true;
        s->stats.syncs++;
    } else {
        redis_attach_bad(s, "a command could not be queued");
    }
}

/* ---- up and down ---- */

void redis_sync_begin(struct shared_state *s)
{
    s->sync->bad_row = 0;
    s->sync->applied_said = s->sync->override_heard = 0; /* of another generation, perhaps */
    redis_sync_soon(s);
}

void redis_sync_stop(struct shared_state *s)
{
    s->sync->bad_row = 0;
    event_del(s->sync->timer);
}

void redis_sync_lost(struct shared_state *s)
{
    s->sync->running = false;
    redis_sync_stop(s);
}

void redis_sync_open(struct shared_state *s)
{
    s->sync = xcalloc(1, sizeof(*s->sync));
    s->sync->timer = shared_state_timer(s, on_tick);
}

void redis_sync_close(struct shared_state *s)
{
    event_free(s->sync->timer);
}

void redis_sync_free(struct shared_state *s)
{
    free(s->sync);
}
