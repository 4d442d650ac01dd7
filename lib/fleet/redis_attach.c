/* redis_attach.c - how a router joins its fleet, stays level with it, and does without.
 *
 *   command link up -> attach -> subscriber connects -> SUBSCRIBE -> confirmed -> one sync
 *
 * The sync after the confirmation closes the gap between attaching and listening.  From then
 * on pushes carry the news; a sync a second is the heartbeat and repairs what was lost.
 *
 * AWAY  Redis counts as away after five commands in a row that were late or failed, when it
 * says itself that it cannot work, or when its answers make no sense.  Then nothing is sent but
 * one attach at a time, with back-off and full jitter.  Where it only refuses writes, a look
 * goes with it, and the view stays as fresh as the looks. */
#include "fleet/shared_state_parts.h"

#include "base/clock.h"
#include "redis/value.h"
#include "shared/state_line.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STEADY_MS     10000 /* attached this long: the next attach starts with a fresh back-off */
#define BAD_ROW_MAX   5
#define IN_FLIGHT_MAX 10000 /* commands; late ones count too */
#define ASK_MS        100   /* back-off of attach: full jitter up to this, doubling */
#define ASK_MAX_MS    4000
#define ASK_GAP_MS    20 /* never faster than this, whatever Redis answers */

enum phase {
    PHASE_DOWN,   /* no connection; the link tries again by itself */
    PHASE_ASKING, /* connected; attach is tried until it works */
    PHASE_LEVEL,  /* the view is the fleet's */
};

/* What the owner was told; it starts unknown, so that the first word is said either way. */
enum mode { MODE_UNKNOWN, MODE_ATTACHED, MODE_AWAY };

struct redis_attach {
    enum phase phase;
    enum mode mode;
    struct event *timer; /* the next attach */
    struct event *grace; /* a lost connection may come back this long before we are away */
    char url[512];       /* for people */
    char down_why[256];
    bool asking;
    bool reads_go_on; /* writes are refused */
    unsigned tries;
    int bad_row; /* commands late or failed in a row */
    int64_t sent_ms, since_ms;
};

bool redis_attach_is_attached(const struct shared_state *s)
{
    return s->attach->mode == MODE_ATTACHED;
}

bool redis_attach_is_level(const struct shared_state *s)
{
    return s->attach->phase == PHASE_LEVEL;
}

/* ---- mode ---- */

static void set_mode(struct shared_state *s, bool attached, const char *why)
{
    enum mode mode = attached ? MODE_ATTACHED : MODE_AWAY;

    if (s->freed || s->attach->mode == mode)
        return;
    s->attach->mode = mode;
    if (attached)
        log_at(LOG_INFO, &s->log, "attached to the fleet's shared state gen=%s ver=%llu: %s",
               view_gen(s->view), (unsigned long long)view_ver(s->view), why);
    else
        log_at(LOG_WARN, &s->log,
               "shared state away, deciding on the last view and own evidence: %s: %s",
               s->attach->url, why);
    if (s->ev.on_mode != NULL)
        s->ev.on_mode(s->ev.arg, attached, why);
}

/* The next attach, later: one at a time, and further apart each time. */
static void ask_later(struct shared_state *s)
{
    int64_t max_ms =
        s->attach->reads_go_on && s->sync_ms < ASK_MAX_MS ? s->sync_ms : ASK_MAX_MS;
    int64_t wait_ms =
        rand_backoff_ms(&s->rand, ASK_MS < max_ms ? ASK_MS : max_ms, max_ms, s->attach->tries);

    if (s->freed || s->attach->phase != PHASE_ASKING || s->attach->asking)
        return;
    if (s->attach->tries < 16)
        s->attach->tries++;
    shared_state_arm(s, s->attach->timer, wait_ms > ASK_GAP_MS ? wait_ms : ASK_GAP_MS);
}

void redis_attach_away(struct shared_state *s, const char *why)
{
    if (s->freed)
        return;
    /* A Redis that takes every attach and refuses what follows would flap without this. */
    if (s->attach->phase == PHASE_LEVEL && clock_mono_ms() - s->attach->since_ms >= STEADY_MS)
        s->attach->tries = 0;
    s->attach->phase = redis_link_is_up(s->cmd) ? PHASE_ASKING : PHASE_DOWN;
    s->attach->bad_row = 0;
    event_del(s->attach->grace);
    redis_sync_stop(s);
    redis_subscribe_stop(s);
    redis_report_stop(s);
    redis_report_clear(s);
    ask_later(s);
    set_mode(s, false, why);
}

void redis_attach_refused(struct shared_state *s, const char *why)
{
    s->attach->reads_go_on = true;
    redis_attach_away(s, why);
}

void redis_attach_good(struct shared_state *s)
{
    s->attach->bad_row = 0;
}

void redis_attach_bad(struct shared_state *s, const char *why)
{
    if (s->freed)
        return;
    s->attach->bad_row++;
    if (s->attach->bad_row >= BAD_ROW_MAX && s->attach->mode != MODE_AWAY)
        redis_attach_away(s, why);
    else if (s->attach->phase == PHASE_LEVEL)
        redis_sync_soon(s); /* find out now, not in a second */
    else
        ask_later(s);
}

/* ---- attach and look ---- */

static void attached(struct shared_state *s)
{
    s->attach->phase = PHASE_LEVEL;
    redis_reassert_forget_file(s);
    s->attach->reads_go_on = false;
    s->attach->bad_row = 0;
    s->attach->since_ms = s->stats.last_sync_ms = clock_mono_ms();
    event_del(s->attach->grace);
    redis_subscribe_begin(s);
    redis_sync_begin(s);
    redis_report_begin(s);
    set_mode(s, true, "Redis answers");
    if (!s->freed)
        shared_state_tell_changed(s);
}

/* The snapshot that both attach and reassert answer with. */
static void take_attach(struct shared_state *s, enum script script, const struct redisReply *r)
{
    struct str gen = redis_value_text(redis_value_at(r, 1));
    int64_t ver;

    if (s->attach->phase != PHASE_ASKING)
        return; /* of a connection that is gone */
    if (!str_eqz(gen, view_gen(s->view)))
        redis_report_clear(s); /* evidence of another life of the data says nothing in this */
    if (!redis_value_is(r, "OK") || !redis_value_number(redis_value_at(r, 2), &ver) ||
        !shared_state_take_snapshot(s, gen, ver, r, 6)) {
        shared_state_rubbish(s, script);
        ask_later(s);
        return;
    }
    shared_state_set_live(s, redis_value_at(r, 5));
    attached(s);
}

static void on_reassert(void *arg, const struct redisReply *r, const char *why)
{
    struct shared_state *s = arg;

    shared_state_hold(s);
    s->attach->asking = false;
    if (shared_state_usable(s, SCRIPT_REASSERT, r, why))
        take_attach(s, SCRIPT_REASSERT, r);
    else
        ask_later(s);
    shared_state_drop(s);
}

static void on_attach(void *arg, const struct redisReply *r, const char *why)
{
    struct shared_state *s = arg;

    shared_state_hold(s);
    s->attach->asking = false;
    if (!shared_state_usable(s, SCRIPT_ATTACH, r, why))
        ask_later(s);
    else if (s->attach->phase == PHASE_ASKING && redis_reassert_is_due(s, r) &&
             redis_reassert_send(s, redis_value_text(redis_value_at(r, 1)), on_reassert) == 0)
        s->attach->asking = true; /* the last view stays until the answer comes */
    else
        take_attach(s, SCRIPT_ATTACH, r);
    shared_state_drop(s);
}

static void on_look(void *arg, const struct redisReply *r, const char *why)
{
    struct shared_state *s = arg;
    int64_t ver;

    shared_state_hold(s);
    if (!s->freed && why == NULL && s->attach->phase != PHASE_LEVEL &&
        redis_value_is(r, "LOOK") && redis_value_number(redis_value_at(r, 2), &ver) &&
        shared_state_take_snapshot(s, redis_value_text(redis_value_at(r, 1)), ver,
                                   redis_value_at(r, 5), 0))
        shared_state_tell_changed(s);
    shared_state_drop(s);
}

static void send_attach(struct shared_state *s)
{
    struct redis_args a;
    char random[20];

    if (s->freed || s->attach->asking || s->attach->phase != PHASE_ASKING)
        return;
    rand_hex(&s->rand, random, 16);
    redis_args_init(&a, 3 + SHARED_STATE_ABOUT + view_count(s->view));
    redis_args_word(&a, s->router_id);
    redis_args_word(&a, "-");
    redis_args_word(&a, random);
    shared_state_add_about(s, &a);
    shared_state_add_slots(s, &a);
    s->attach->sent_ms = clock_mono_ms();
    if (shared_state_run(s, SCRIPT_ATTACH, &a, on_attach, s) == 0)
        s->attach->asking = true;
    else
        ask_later(s);
    if (s->attach->reads_go_on && shared_state_run(s, SCRIPT_SNAPSHOT, NULL, on_look, s) < 0)
        s->stats.dropped++;
}

static void on_ask(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    send_attach(arg);
}

void redis_attach_ask(struct shared_state *s)
{
    int64_t gap_ms = s->attach->sent_ms + 2 * ASK_GAP_MS - clock_mono_ms();

    if (s->freed || s->attach->phase == PHASE_DOWN)
        return;
    s->attach->phase = PHASE_ASKING;
    redis_sync_stop(s);
    if (!s->attach->asking && !event_pending(s->attach->timer, EV_TIMEOUT, NULL))
        shared_state_arm(s, s->attach->timer, gap_ms);
}

/* ---- the command link ---- */

static void on_cmd_up(void *arg)
{
    struct shared_state *s = arg;

    s->attach->phase = PHASE_ASKING;
    s->attach->asking = false;
    s->attach->tries = 0;
    send_attach(s);
}

static void on_cmd_down(void *arg, enum redis_error cause, const char *why)
{
    struct shared_state *s = arg;

    (void)cause;
    shared_state_hold(s);
    s->attach->phase = PHASE_DOWN;
    s->attach->asking = false;
    s->stats.reconnects++;
    event_del(s->attach->timer);
    redis_sync_lost(s);
    redis_report_stop(s);
    if (s->attach->mode == MODE_UNKNOWN) {
        redis_attach_away(s, why);
    } else if (s->attach->mode == MODE_ATTACHED) {
        /* The last try's reason is the one to act on: a password was rotated, say. */
        snprintf(s->attach->down_why, sizeof(s->attach->down_why), "%s", why);
        if (!event_pending(s->attach->grace, EV_TIMEOUT, NULL))
            shared_state_arm(s, s->attach->grace, BAD_ROW_MAX * s->command_timeout_ms);
    }
    shared_state_drop(s);
}

static void on_grace(evutil_socket_t fd, short what, void *arg)
{
    struct shared_state *s = arg;
    char why[sizeof(s->attach->down_why)];

    (void)fd, (void)what;
    shared_state_hold(s);
    memcpy(why, s->attach->down_why, sizeof(why));
    if (s->attach->phase != PHASE_LEVEL)
        redis_attach_away(s, why);
    shared_state_drop(s);
}

/* ---- up and down ---- */

void redis_attach_open(struct shared_state *s, const struct redis_link_conf *conf,
                       const struct redis_link_conf *replica)
{
    static const struct redis_link_ops cmd_ops = {.on_up = on_cmd_up, .on_down = on_cmd_down};

    s->attach = xcalloc(1, sizeof(*s->attach));
    s->attach->timer = shared_state_timer(s, on_ask);
    s->attach->grace = shared_state_timer(s, on_grace);
    redis_url_show(&conf->url, s->attach->url, sizeof(s->attach->url));
    s->cmd = redis_link_new(s->base, conf, &cmd_ops, s);
    s->owner = redis_link_owner_new(
        s->cmd, &(struct redis_owner_conf){"fleet", IN_FLIGHT_MAX, s->command_timeout_ms});
    redis_subscribe_open(s, conf, replica);
    redis_link_start(s->cmd);
}

void redis_attach_close(struct shared_state *s)
{
    redis_link_free(s->cmd);
    s->cmd = NULL;
    event_free(s->attach->timer);
    event_free(s->attach->grace);
}

void redis_attach_free(struct shared_state *s)
{
    free(s->attach);
}
