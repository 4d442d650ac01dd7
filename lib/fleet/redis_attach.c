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
#define N_ABOUT       6
#define LIVE_MAX      100000 /* routers; more is rubbish */
#define REPORTS_PER_S 3000   /* of successes, by the whole fleet */

void redis_attach_arm(struct shared_state *s, struct event *ev, int64_t ms)
{
    struct timeval tv = {0};

    if (s->freed)
        return;
    if (ms > 0) {
        tv.tv_sec = ms / 1000;
        tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
    }
    if (event_add(ev, &tv) < 0)
        abort(); /* out of memory for a control object */
}

/* ---- mode ---- */

static void set_mode(struct shared_state *s, bool attached, const char *why)
{
    enum shared_state_mode mode = attached ? MODE_ATTACHED : MODE_AWAY;
    char url[512];

    if (s->freed || s->mode == mode)
        return;
    s->mode = mode;
    redis_url_show(&s->near_conf.url, url, sizeof(url));
    if (attached)
        log_at(LOG_INFO, &s->log, "attached to the fleet's shared state gen=%s ver=%llu: %s",
               view_gen(s->view), (unsigned long long)view_ver(s->view), why);
    else
        log_at(LOG_WARN, &s->log,
               "shared state away, deciding on the last view and own evidence: %s: %s", url,
               why);
    if (s->ev.on_mode != NULL)
        s->ev.on_mode(s->ev.arg, attached, why);
}

/* The next attach, later: one at a time, and further apart each time. */
static void ask_later(struct shared_state *s)
{
    int64_t max_ms = s->reads_go_on && s->sync_ms < ASK_MAX_MS ? s->sync_ms : ASK_MAX_MS;
    int64_t wait_ms =
        rand_backoff_ms(&s->rand, ASK_MS < max_ms ? ASK_MS : max_ms, max_ms, s->ask_tries);

    if (s->freed || s->phase != PHASE_ASKING || s->asking)
        return;
    if (s->ask_tries < 16)
        s->ask_tries++;
    redis_attach_arm(s, s->ask, wait_ms > ASK_GAP_MS ? wait_ms : ASK_GAP_MS);
}

void redis_attach_away(struct shared_state *s, const char *why)
{
    if (s->freed)
        return;
    /* A Redis that takes every attach and refuses what follows would flap without this. */
    if (s->phase == PHASE_ATTACHED && clock_mono_ms() - s->attached_ms >= STEADY_MS)
        s->ask_tries = 0;
    s->phase = redis_link_is_up(s->cmd) ? PHASE_ASKING : PHASE_DOWN;
    s->bad_row = s->bad_syncs = 0;
    s->stats.dropped += evidence_clear(s->batch);
    event_del(s->tick);
    event_del(s->flush);
    event_del(s->check);
    event_del(s->grace);
    ask_later(s);
    set_mode(s, false, why);
}

void redis_attach_bad(struct shared_state *s, const char *why)
{
    if (s->freed)
        return;
    s->bad_row++;
    if (s->bad_row >= BAD_ROW_MAX && s->mode != MODE_AWAY)
        redis_attach_away(s, why);
    else if (s->phase == PHASE_ATTACHED)
        redis_sync_soon(s); /* find out now, not in a second */
    else
        ask_later(s);
}

/* ---- attach and look ---- */

/* Takes a snapshot from elements [from..] of r, each a line or an array that begins with one.
 * false: it makes no sense, and nothing was applied. */
bool redis_attach_snapshot(struct shared_state *s, struct str gen, int64_t ver,
                           const struct redisReply *r, size_t from)
{
    size_t n = redis_value_count(r) > from ? redis_value_count(r) - from : 0;
    struct str *lines = xcalloc(n + 1, sizeof(*lines));

    for (size_t i = 0; i < n; i++) {
        const struct redisReply *line = redis_value_at(r, from + i);

        lines[i] =
            redis_value_text(redis_value_count(line) > 0 ? redis_value_at(line, 0) : line);
    }
    enum view_verdict v =
        view_snapshot(s->view, gen, (uint64_t)ver, lines, n, clock_mono_ms(), s->changed);

    free(lines);
    return v == VIEW_APPLIED || v == VIEW_OLD;
}

void redis_attach_tell_changed(struct shared_state *s)
{
    for (size_t i = 0; i < view_count(s->view); i++)
        if (s->changed[i])
            shared_state_tell(s, i);
}

void redis_attach_set_live(struct shared_state *s, const struct redisReply *r)
{
    int64_t live;

    if (!redis_value_number(r, &live) || live > LIVE_MAX)
        return;
    s->stats.live_routers = (uint64_t)live;
    evidence_set_ok_gap(s->batch, live * 1000 / REPORTS_PER_S);
}

static void attached(struct shared_state *s)
{
    s->phase = PHASE_ATTACHED;
    redis_reassert_forget_file(s);
    s->reads_go_on = false;
    s->bad_row = s->bad_syncs = 0;
    s->attached_ms = s->stats.last_sync_ms = clock_mono_ms();
    s->applied_said = s->override_heard = 0; /* of another generation, perhaps */
    event_del(s->grace);
    delivery_new_generation(&s->delivery);
    redis_subscribe_listen(s);
    redis_sync_soon(s);
    redis_report_flush(s);
    set_mode(s, true, "Redis answers");
    if (!s->freed)
        redis_attach_tell_changed(s);
}

/* Evidence of another life of the data says nothing in this one. */
static void drop_old_evidence(struct shared_state *s, struct str gen)
{
    if (!str_eqz(gen, view_gen(s->view)))
        s->stats.dropped += evidence_clear(s->batch);
}

/* The snapshot that both attach and reassert answer with. */
static void take_attach(struct shared_state *s, enum script script, const struct redisReply *r)
{
    struct str gen = redis_value_text(redis_value_at(r, 1));
    int64_t ver;

    if (s->phase != PHASE_ASKING)
        return; /* of a connection that is gone */
    drop_old_evidence(s, gen);
    if (!redis_value_is(r, "OK") || !redis_value_number(redis_value_at(r, 2), &ver) ||
        !redis_attach_snapshot(s, gen, ver, r, 6)) {
        shared_state_rubbish(s, script);
        ask_later(s);
        return;
    }
    redis_attach_set_live(s, redis_value_at(r, 5));
    attached(s);
}

static void on_reassert(void *arg, const struct redisReply *r, const char *why)
{
    struct shared_state *s = arg;

    shared_state_hold(s);
    s->asking = false;
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
    s->asking = false;
    if (!shared_state_usable(s, SCRIPT_ATTACH, r, why))
        ask_later(s);
    else if (s->phase == PHASE_ASKING && redis_reassert_is_due(s, r) &&
             redis_reassert_send(s, redis_value_text(redis_value_at(r, 1)), on_reassert) == 0)
        s->asking = true; /* the last view stays until the answer comes */
    else
        take_attach(s, SCRIPT_ATTACH, r);
    shared_state_drop(s);
}

static void on_look(void *arg, const struct redisReply *r, const char *why)
{
    struct shared_state *s = arg;
    int64_t ver;

    shared_state_hold(s);
    if (!s->freed && why == NULL && s->phase != PHASE_ATTACHED && redis_value_is(r, "LOOK") &&
        redis_value_number(redis_value_at(r, 2), &ver) &&
        redis_attach_snapshot(s, redis_value_text(redis_value_at(r, 1)), ver,
                              redis_value_at(r, 5), 0))
        redis_attach_tell_changed(s);
    shared_state_drop(s);
}

/* host pid version config started load: what both attach and sync say of us. */
size_t redis_attach_about(struct shared_state *s, struct shared_state_numbers *n,
                          const char **args)
{
    snprintf(n->pid, sizeof(n->pid), "%d", (int)getpid());
    snprintf(n->started, sizeof(n->started), "%lld", (long long)s->started_ms);
    snprintf(n->load, sizeof(n->load), "%d", s->load);
    const char *about[N_ABOUT] = {s->host,          n->pid,     s->version,
                                  s->config_digest, n->started, n->load};

    memcpy(args, about, sizeof(about));
    return N_ABOUT;
}

size_t redis_attach_slots(struct shared_state *s, const char **args)
{
    for (size_t i = 0; i < view_count(s->view); i++)
        args[i] = view_get(s->view, i)->name;
    return view_count(s->view);
}

static void send_attach(struct shared_state *s)
{
    struct shared_state_numbers numbers;
    const char **args = xcalloc(view_count(s->view) + 12, sizeof(*args));
    size_t n = 3;

    if (s->freed || s->asking || s->phase != PHASE_ASKING)
        goto out;
    rand_hex(&s->rand, numbers.random, 16);
    args[0] = s->router_id;
    args[1] = "-";
    args[2] = numbers.random;
    n += redis_attach_about(s, &numbers, args + n);
    n += redis_attach_slots(s, args + n);
    s->ask_sent_ms = clock_mono_ms();
    if (shared_state_run(s, SCRIPT_ATTACH, args, n, on_attach, s) == 0)
        s->asking = true;
    else
        ask_later(s);
    if (s->reads_go_on && shared_state_run(s, SCRIPT_SNAPSHOT, NULL, 0, on_look, s) < 0)
        s->stats.dropped++;
out:
    free(args);
}

static void on_ask(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    send_attach(arg);
}

void redis_attach_ask(struct shared_state *s)
{
    int64_t gap_ms = s->ask_sent_ms + 2 * ASK_GAP_MS - clock_mono_ms();

    if (s->freed || s->phase == PHASE_DOWN)
        return;
    s->phase = PHASE_ASKING;
    event_del(s->tick);
    if (!s->asking && !event_pending(s->ask, EV_TIMEOUT, NULL))
        redis_attach_arm(s, s->ask, gap_ms);
}

/* ---- the command link ---- */

static void on_cmd_up(void *arg)
{
    struct shared_state *s = arg;

    s->phase = PHASE_ASKING;
    s->asking = s->syncing = false;
    s->ask_tries = 0;
    send_attach(s);
}

static void on_cmd_down(void *arg, enum redis_error cause, const char *why)
{
    struct shared_state *s = arg;

    (void)cause;
    shared_state_hold(s);
    s->phase = PHASE_DOWN;
    s->asking = s->syncing = false;
    s->stats.reconnects++;
    event_del(s->tick);
    event_del(s->ask);
    event_del(s->flush);
    if (s->mode == MODE_UNKNOWN) {
        redis_attach_away(s, why);
    } else if (s->mode == MODE_ATTACHED) {
        /* The last try's reason is the one to act on: a password was rotated, say. */
        snprintf(s->down_why, sizeof(s->down_why), "%s", why);
        if (!event_pending(s->grace, EV_TIMEOUT, NULL))
            redis_attach_arm(s, s->grace, BAD_ROW_MAX * s->command_timeout_ms);
    }
    shared_state_drop(s);
}

static void on_grace(evutil_socket_t fd, short what, void *arg)
{
    struct shared_state *s = arg;
    char why[sizeof(s->down_why)];

    (void)fd, (void)what;
    shared_state_hold(s);
    memcpy(why, s->down_why, sizeof(why));
    if (s->phase != PHASE_ATTACHED)
        redis_attach_away(s, why);
    shared_state_drop(s);
}

/* ---- up and down ---- */

static void on_flush(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    redis_report_flush(arg);
}

struct event *redis_attach_timer(struct shared_state *s, event_callback_fn fn)
{
    struct event *ev = event_new(s->base, -1, 0, fn, s);

    if (ev == NULL)
        abort(); /* out of memory for a control object */
    return ev;
}

void redis_attach_open(struct shared_state *s, const struct redis_link_conf *conf,
                       const struct redis_link_conf *far)
{
    static const struct redis_link_ops cmd_ops = {.on_up = on_cmd_up, .on_down = on_cmd_down};

    s->ask = redis_attach_timer(s, on_ask);
    s->flush = redis_attach_timer(s, on_flush);
    s->grace = redis_attach_timer(s, on_grace);
    s->cmd = redis_link_new(s->base, conf, &cmd_ops, s);
    s->owner = redis_link_owner_new(
        s->cmd, &(struct redis_owner_conf){"fleet", IN_FLIGHT_MAX, s->command_timeout_ms});
    redis_sync_open(s);
    redis_subscribe_open(s, conf, far);
    redis_link_start(s->cmd);
}

void redis_attach_close(struct shared_state *s)
{
    redis_link_free(s->cmd);
    s->cmd = NULL;
    redis_subscribe_close(s);
    event_free(s->tick);
    event_free(s->ask);
    event_free(s->flush);
    event_free(s->grace);
}
