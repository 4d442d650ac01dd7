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
#define KEYS_EVERY       30   /* syncs between two that name the keys again */
#define LIVE_PER_STRETCH 2000 /* routers whose syncs Redis takes without noticing */
#define ACKS_PER_S       2000 /* syncs brought forward to acknowledge, of the whole fleet */

/* ---- sync ---- */

static int64_t next_sync_ms(struct shared_state *s)
{
    int64_t stretch = 1 + (int64_t)(s->stats.live_routers / LIVE_PER_STRETCH);
    int64_t ms = (s->sync_ms < HEARTBEAT_MAX_MS ? s->sync_ms : HEARTBEAT_MAX_MS) * stretch;

    if (ms > HEARTBEAT_MAX_MS)
        ms = HEARTBEAT_MAX_MS;
    if (!s->delivery.subscribed && ms > POLL_MS * stretch)
        return POLL_MS * stretch;
    return ms * 4 / 5 + (int64_t)rand_below(&s->rand, (uint64_t)(ms * 2 / 5) + 1);
}

static void sync_in(struct shared_state *s, int64_t ms)
{
    s->tick_ms = clock_mono_ms() + ms;
    redis_attach_arm(s, s->tick, ms);
}

void redis_sync_poll(struct shared_state *s)
{
    sync_in(s, POLL_MS);
}

void redis_sync_soon(struct shared_state *s)
{
    if (s->freed || s->phase != PHASE_ATTACHED)
        return;
    if (s->syncing)
        s->sync_again = true;
    else
        sync_in(s, s->sync_sent_ms + SYNC_GAP_MS - clock_mono_ms());
}

/* Everybody hears an operator's word at the same moment, so the fleet spreads its answers over
 * as long as Redis needs for them; in a large one that is later than the next sync anyway. */
void redis_sync_acknowledge(struct shared_state *s)
{
    uint64_t word = view_override_ver(s->view);
    int64_t now_ms = clock_mono_ms(), due_ms;

    if (s->freed || s->phase != PHASE_ATTACHED || s->syncing || word <= s->applied_said ||
        word > view_ver(s->view) || word == s->override_heard)
        return;
    s->override_heard = word;
    due_ms =
        now_ms + (int64_t)rand_below(&s->rand, s->stats.live_routers * 1000 / ACKS_PER_S + 1);
    if (due_ms < s->sync_sent_ms + SYNC_GAP_MS)
        due_ms = s->sync_sent_ms + SYNC_GAP_MS;
    if (!event_pending(s->tick, EV_TIMEOUT, NULL) || due_ms < s->tick_ms)
        sync_in(s, due_ms - now_ms);
}

static void check_delivery(struct shared_state *s, int64_t ver)
{
    int64_t now_ms = clock_mono_ms();

    delivery_sync(&s->delivery, s->sync_number, (uint64_t)ver, now_ms);
    if (s->delivery.due_ms != 0)
        redis_attach_arm(s, s->check, s->delivery.due_ms - now_ms);
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
    if (s->sync_seen > (uint64_t)ver) {
        s->stats.bad_messages++;
        view_doubt(s->view);
        redis_attach_ask(s); /* all of it: a sync that finds the versions equal tells nothing */
        return;
    }
    if (full && !redis_attach_snapshot(s, str_of(view_gen(s->view)), ver, r, 4)) {
        s->stats.bad_messages++;
        if (++s->bad_syncs >= BAD_SYNCS_MAX)
            redis_attach_away(s, "three snapshots in a row made no sense");
        else
            s->sync_again = true;
        return;
    }
    s->bad_syncs = 0;
    s->stats.last_sync_ms = clock_mono_ms();
    redis_attach_set_live(s, redis_value_at(r, 3));
    check_delivery(s, ver);
    redis_attach_tell_changed(s);
}

static void on_sync(void *arg, const struct redisReply *r, const char *why)
{
    struct shared_state *s = arg;

    shared_state_hold(s);
    s->syncing = false;
    if (shared_state_usable(s, SCRIPT_SYNC, r, why) && s->phase == PHASE_ATTACHED)
        take_sync(s, r);
    if (!s->freed && s->phase == PHASE_ATTACHED) {
        if (s->sync_again)
            redis_sync_soon(s);
        else if (!event_pending(s->tick, EV_TIMEOUT, NULL))
            sync_in(s, next_sync_ms(s));
        redis_sync_acknowledge(s); /* of what came while the sync was under way */
    }
    s->sync_again = false;
    shared_state_drop(s);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct shared_state *s = arg;
    struct shared_state_numbers numbers;
    const char **args = xcalloc(view_count(s->view) + 12, sizeof(*args));
    size_t n = 3;

    (void)fd, (void)what;
    if (s->phase != PHASE_ATTACHED || s->syncing)
        goto out;
    snprintf(numbers.applied, sizeof(numbers.applied), "%llu",
             (unsigned long long)view_ver(s->view));
    s->applied_said = view_ver(s->view);
    s->override_heard = 0;
    args[0] = view_gen(s->view);
    args[1] = s->router_id;
    args[2] = numbers.applied;
    n += redis_attach_about(s, &numbers, args + n);
    if (++s->n_syncs % KEYS_EVERY == 0)
        n += redis_attach_slots(s, args + n);
    s->sync_sent_ms = clock_mono_ms();
    s->sync_seen = view_seen(s->view);
    s->sync_number = s->delivery.number;
    if (shared_state_run(s, SCRIPT_SYNC, args, n, on_sync, s) == 0) {
        s->syncing = true;
        s->stats.syncs++;
    } else {
        redis_attach_bad(s, "a command could not be queued");
    }
out:
    free(args);
}

void redis_sync_open(struct shared_state *s)
{
    s->tick = redis_attach_timer(s, on_tick);
}
