/* store_redis_link.c - how a router joins its fleet, stays level with it, and does without.
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
#include "state/store_redis.h"

#include "base/clock.h"
#include "state/answer.h"
#include "state/codec.h"
#include "state/redis_backoff.h"

#include <event2/event.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BAD_ROW_MAX      5
#define BAD_SYNCS_MAX    3
#define ASK_MS           100 /* back-off of attach: full jitter up to this, doubling */
#define ASK_MAX_MS       5000
#define ASK_GAP_MS       20   /* never faster than this, whatever Redis answers */
#define SYNC_GAP_MS      20   /* the same for syncs */
#define POLL_MS          100  /* sync while no subscriber listens */
#define HEARTBEAT_MAX_MS 3000 /* the fleet forgets a router after 10 s of silence */
#define KEYS_EVERY       30   /* syncs between two that name the keys again */
#define LIVE_PER_STRETCH 2000 /* routers whose syncs Redis takes without noticing */
#define N_ABOUT          6

void store_redis_arm(struct store_redis *s, struct event *ev, int64_t ms)
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

static void set_mode(struct store_redis *s, bool attached, const char *why)
{
    enum store_redis_mode mode = attached ? MODE_ATTACHED : MODE_AWAY;

    if (s->freed || s->mode == mode)
        return;
    s->mode = mode;
    log_at(attached ? LOG_INFO : LOG_WARN, &s->log, "redis %s gen=%s ver=%llu why=\"%s\"",
           attached ? "attached" : "away", view_gen(s->view),
           (unsigned long long)view_ver(s->view), why);
    if (s->ev.on_mode != NULL)
        s->ev.on_mode(s->ev.arg, attached, why);
}

/* The next attach, later: one at a time, and further apart each time. */
static void ask_later(struct store_redis *s)
{
    int64_t max_ms = s->reads_go_on && s->sync_ms < ASK_MAX_MS ? s->sync_ms : ASK_MAX_MS;
    int64_t wait_ms =
        redis_backoff_ms(ASK_MS < max_ms ? ASK_MS : max_ms, max_ms, s->ask_tries, &s->rand);

    if (s->freed || s->phase != PHASE_ASKING || s->asking)
        return;
    if (s->ask_tries < 16)
        s->ask_tries++;
    store_redis_arm(s, s->ask, wait_ms > ASK_GAP_MS ? wait_ms : ASK_GAP_MS);
}

void store_redis_away(struct store_redis *s, const char *why)
{
    if (s->freed)
        return;
    s->phase = redis_link_is_up(s->cmd) ? PHASE_ASKING : PHASE_DOWN;
    s->bad_row = s->bad_syncs = 0;
    s->stats.dropped += batch_clear(s->batch);
    event_del(s->tick);
    event_del(s->flush);
    event_del(s->check);
    event_del(s->grace);
    ask_later(s);
    set_mode(s, false, why);
}

void store_redis_bad(struct store_redis *s, const char *why)
{
    if (s->freed)
        return;
    s->bad_row++;
    if (s->bad_row >= BAD_ROW_MAX && s->mode != MODE_AWAY)
        store_redis_away(s, why);
    else if (s->phase == PHASE_ATTACHED)
        store_redis_sync_soon(s); /* find out now, not in a second */
    else
        ask_later(s);
}

/* ---- attach and look ---- */

/* Takes a snapshot from elements [from..] of r, each a line or an array that begins with one.
 * false: it makes no sense, and nothing was applied. */
static bool take_snapshot(struct store_redis *s, struct str gen, int64_t ver,
                          const struct redisReply *r, size_t from)
{
    size_t n = answer_count(r) > from ? answer_count(r) - from : 0;
    struct str *lines = xcalloc(n + 1, sizeof(*lines));

    for (size_t i = 0; i < n; i++) {
        const struct redisReply *line = answer_at(r, from + i);

        lines[i] = answer_text(answer_count(line) > 0 ? answer_at(line, 0) : line);
    }
    enum view_verdict v =
        view_snapshot(s->view, gen, (uint64_t)ver, lines, n, clock_mono_ms(), s->changed);

    free(lines);
    return v == VIEW_APPLIED || v == VIEW_OLD;
}

static void tell_changed(struct store_redis *s)
{
    for (size_t i = 0; i < view_count(s->view); i++)
        if (s->changed[i])
            store_redis_tell(s, i);
}

static void set_live(struct store_redis *s, const struct redisReply *r)
{
    int64_t live;

    if (answer_number(r, &live))
        s->stats.live_routers = (uint64_t)live;
}

static void attached(struct store_redis *s)
{
    s->phase = PHASE_ATTACHED;
    s->reads_go_on = false;
    s->ask_tries = 0;
    s->bad_row = s->bad_syncs = 0;
    s->stats.last_sync_ms = clock_mono_ms();
    event_del(s->grace);
    delivery_new_generation(&s->delivery);
    redis_link_start(s->sub); /* the first time; later it keeps trying by itself */
    store_redis_sync_soon(s);
    store_redis_flush(s);
    set_mode(s, true, "Redis answers");
    if (!s->freed)
        tell_changed(s);
}

static void on_attach(void *arg, const struct redisReply *r, const char *why)
{
    struct store_redis *s = arg;
    int64_t ver;

    store_redis_hold(s);
    s->asking = false;
    if (!store_redis_usable(s, SCRIPT_ATTACH, r, why)) {
        ask_later(s);
    } else if (s->phase != PHASE_ASKING) {
        /* of a connection that is gone */
    } else if (!answer_is(r, "OK") || !answer_number(answer_at(r, 2), &ver) ||
               !take_snapshot(s, answer_text(answer_at(r, 1)), ver, r, 6)) {
        store_redis_rubbish(s, SCRIPT_ATTACH);
        ask_later(s);
    } else {
        set_live(s, answer_at(r, 5));
        attached(s);
    }
    store_redis_drop(s);
}

static void on_look(void *arg, const struct redisReply *r, const char *why)
{
    struct store_redis *s = arg;
    int64_t ver;

    store_redis_hold(s);
    if (!s->freed && why == NULL && s->phase != PHASE_ATTACHED && answer_is(r, "LOOK") &&
        answer_number(answer_at(r, 2), &ver) &&
        take_snapshot(s, answer_text(answer_at(r, 1)), ver, answer_at(r, 5), 0))
        tell_changed(s);
    store_redis_drop(s);
}

struct numbers {
    char pid[16], started[24], load[16], applied[24], random[20];
};

/* host pid version config started load: what both attach and sync say of us. */
static size_t add_about(struct store_redis *s, struct numbers *n, const char **args)
{
    snprintf(n->pid, sizeof(n->pid), "%d", (int)getpid());
    snprintf(n->started, sizeof(n->started), "%lld", (long long)s->started_ms);
    snprintf(n->load, sizeof(n->load), "%d", s->load);
    const char *about[N_ABOUT] = {s->host,          n->pid,     s->version,
                                  s->config_digest, n->started, n->load};

    memcpy(args, about, sizeof(about));
    return N_ABOUT;
}

static size_t add_keys(struct store_redis *s, const char **args)
{
    for (size_t i = 0; i < view_count(s->view); i++)
        args[i] = view_get(s->view, i)->name;
    return view_count(s->view);
}

static void send_attach(struct store_redis *s)
{
    struct numbers numbers;
    const char **args = xcalloc(view_count(s->view) + 12, sizeof(*args));
    size_t n = 3;

    if (s->freed || s->asking || s->phase != PHASE_ASKING)
        goto out;
    rand_hex(&s->rand, numbers.random, 16);
    args[0] = s->router_id;
    args[1] = "-";
    args[2] = numbers.random;
    n += add_about(s, &numbers, args + n);
    n += add_keys(s, args + n);
    s->ask_sent_ms = clock_mono_ms();
    if (store_redis_run(s, SCRIPT_ATTACH, args, n, on_attach, s) == 0)
        s->asking = true;
    else
        ask_later(s);
    if (s->reads_go_on && store_redis_run(s, SCRIPT_LOOK, NULL, 0, on_look, s) < 0)
        s->stats.dropped++;
out:
    free(args);
}

static void on_ask(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    send_attach(arg);
}

void store_redis_ask(struct store_redis *s)
{
    int64_t gap_ms = s->ask_sent_ms + 2 * ASK_GAP_MS - clock_mono_ms();

    if (s->freed || s->phase == PHASE_DOWN)
        return;
    s->phase = PHASE_ASKING;
    event_del(s->tick);
    if (!s->asking && !event_pending(s->ask, EV_TIMEOUT, NULL))
        store_redis_arm(s, s->ask, gap_ms);
}

/* ---- sync ---- */

static int64_t next_sync_ms(struct store_redis *s)
{
    int64_t stretch = 1 + (int64_t)(s->stats.live_routers / LIVE_PER_STRETCH);
    int64_t ms = (s->sync_ms < HEARTBEAT_MAX_MS ? s->sync_ms : HEARTBEAT_MAX_MS) * stretch;

    if (ms > HEARTBEAT_MAX_MS)
        ms = HEARTBEAT_MAX_MS;
    if (!s->delivery.subscribed && ms > POLL_MS * stretch)
        return POLL_MS * stretch;
    return ms * 4 / 5 + (int64_t)rand_below(&s->rand, (uint64_t)(ms * 2 / 5) + 1);
}

void store_redis_sync_soon(struct store_redis *s)
{
    if (s->freed || s->phase != PHASE_ATTACHED)
        return;
    if (s->syncing)
        s->sync_again = true;
    else
        store_redis_arm(s, s->tick, s->sync_sent_ms + SYNC_GAP_MS - clock_mono_ms());
}

static void check_delivery(struct store_redis *s, int64_t ver)
{
    int64_t now_ms = clock_mono_ms();

    delivery_sync(&s->delivery, s->sync_number, (uint64_t)ver, now_ms);
    if (s->delivery.due_ms != 0)
        store_redis_arm(s, s->check, s->delivery.due_ms - now_ms);
}

static void take_sync(struct store_redis *s, const struct redisReply *r)
{
    bool full = answer_is(r, "FULL");
    int64_t ver;

    memset(s->changed, 0, view_count(s->view) * sizeof(s->changed[0]));
    if ((!full && !answer_is(r, "SAME")) || !answer_number(answer_at(r, 1), &ver)) {
        store_redis_rubbish(s, SCRIPT_SYNC);
        return;
    }
    if (full && !take_snapshot(s, str_of(view_gen(s->view)), ver, r, 4)) {
        s->stats.bad_messages++;
        if (++s->bad_syncs >= BAD_SYNCS_MAX)
            store_redis_away(s, "three snapshots in a row made no sense");
        else
            s->sync_again = true;
        return;
    }
    s->bad_syncs = 0;
    s->stats.last_sync_ms = clock_mono_ms();
    set_live(s, answer_at(r, 3));
    check_delivery(s, ver);
    tell_changed(s);
}

static void on_sync(void *arg, const struct redisReply *r, const char *why)
{
    struct store_redis *s = arg;

    store_redis_hold(s);
    s->syncing = false;
    if (store_redis_usable(s, SCRIPT_SYNC, r, why) && s->phase == PHASE_ATTACHED)
        take_sync(s, r);
    if (!s->freed && s->phase == PHASE_ATTACHED) {
        if (s->sync_again)
            store_redis_sync_soon(s);
        else if (!event_pending(s->tick, EV_TIMEOUT, NULL))
            store_redis_arm(s, s->tick, next_sync_ms(s));
    }
    s->sync_again = false;
    store_redis_drop(s);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct store_redis *s = arg;
    struct numbers numbers;
    const char **args = xcalloc(view_count(s->view) + 12, sizeof(*args));
    size_t n = 3;

    (void)fd, (void)what;
    if (s->phase != PHASE_ATTACHED || s->syncing)
        goto out;
    snprintf(numbers.applied, sizeof(numbers.applied), "%llu",
             (unsigned long long)view_ver(s->view));
    args[0] = view_gen(s->view);
    args[1] = s->router_id;
    args[2] = numbers.applied;
    n += add_about(s, &numbers, args + n);
    if (++s->n_syncs % KEYS_EVERY == 0)
        n += add_keys(s, args + n);
    s->sync_sent_ms = clock_mono_ms();
    s->sync_number = s->delivery.number;
    if (store_redis_run(s, SCRIPT_SYNC, args, n, on_sync, s) == 0) {
        s->syncing = true;
        s->stats.syncs++;
    } else {
        store_redis_bad(s, "a command could not be queued");
    }
out:
    free(args);
}

/* ---- the command link ---- */

static void on_cmd_up(void *arg)
{
    struct store_redis *s = arg;

    s->phase = PHASE_ASKING;
    s->asking = s->syncing = false;
    s->ask_tries = 0;
    send_attach(s);
}

static void on_cmd_down(void *arg, const char *why)
{
    struct store_redis *s = arg;

    store_redis_hold(s);
    s->phase = PHASE_DOWN;
    s->asking = s->syncing = false;
    s->stats.reconnects++;
    event_del(s->tick);
    event_del(s->ask);
    event_del(s->flush);
    if (s->mode == MODE_UNKNOWN) {
        store_redis_away(s, why);
    } else if (s->mode == MODE_ATTACHED && !event_pending(s->grace, EV_TIMEOUT, NULL)) {
        snprintf(s->down_why, sizeof(s->down_why), "%s", why);
        store_redis_arm(s, s->grace, BAD_ROW_MAX * s->command_timeout_ms);
    }
    store_redis_drop(s);
}

static void on_grace(evutil_socket_t fd, short what, void *arg)
{
    struct store_redis *s = arg;
    char why[sizeof(s->down_why)];

    (void)fd, (void)what;
    store_redis_hold(s);
    memcpy(why, s->down_why, sizeof(why));
    if (s->phase != PHASE_ATTACHED)
        store_redis_away(s, why);
    store_redis_drop(s);
}

/* ---- the subscriber ---- */

static void on_sub_up(void *arg)
{
    struct store_redis *s = arg;

    if (redis_link_subscribe(s->sub, s->push.text) < 0)
        redis_link_restart(s->sub, "SUBSCRIBE could not be sent");
}

static void on_sub_down(void *arg, const char *why)
{
    struct store_redis *s = arg;

    (void)why; /* syncs go on, faster; the mode is the command link's */
    delivery_lost(&s->delivery);
    event_del(s->check);
    s->stats.reconnects++;
    if (s->phase == PHASE_ATTACHED && !s->syncing)
        store_redis_arm(s, s->tick, POLL_MS);
}

static void take_message(struct store_redis *s, struct str text)
{
    struct codec_line line;
    int changed = -1;

    s->stats.pushes++;
    switch (view_push(s->view, text, clock_mono_ms(), &changed)) {
    case VIEW_OTHER_GEN:
        if (s->phase == PHASE_ATTACHED)
            store_redis_ask(s);
        return;
    case VIEW_BAD:
        s->stats.bad_messages++;
        store_redis_sync_soon(s);
        return;
    case VIEW_GAP:
        store_redis_sync_soon(s);
        break;
    case VIEW_APPLIED:
    case VIEW_OLD:
        break;
    }
    if (codec_decode(text, &line))
        delivery_push(&s->delivery, line.ver);
    if (changed >= 0)
        store_redis_tell(s, (size_t)changed);
}

static void on_sub_push(void *arg, const struct redisReply *r)
{
    struct store_redis *s = arg;

    store_redis_hold(s);
    if (answer_is(r, "message") && str_eqz(answer_text(answer_at(r, 1)), s->push.text)) {
        take_message(s, answer_text(answer_at(r, 2)));
    } else if (answer_is(r, "subscribe")) {
        delivery_confirmed(&s->delivery);
        store_redis_sync_soon(s);
    }
    store_redis_drop(s);
}

static void on_check(evutil_socket_t fd, short what, void *arg)
{
    struct store_redis *s = arg;

    (void)fd, (void)what;
    if (!delivery_is_overdue(&s->delivery, clock_mono_ms()))
        return;
    log_at(LOG_WARN, &s->log, "redis subscriber replaced want_ver=%llu pushed_ver=%llu",
           (unsigned long long)s->delivery.want, (unsigned long long)s->delivery.pushed);
    delivery_lost(&s->delivery);
    redis_link_restart(s->sub, "a change was not pushed");
}

/* ---- up and down ---- */

static void on_flush(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    store_redis_flush(arg);
}

static struct event *timer(struct store_redis *s, event_callback_fn fn)
{
    struct event *ev = event_new(s->base, -1, 0, fn, s);

    if (ev == NULL)
        abort(); /* out of memory for a control object */
    return ev;
}

void store_redis_open(struct store_redis *s, const struct redis_link_conf *conf)
{
    static const struct redis_link_ops cmd_ops = {.on_up = on_cmd_up, .on_down = on_cmd_down};
    static const struct redis_link_ops sub_ops = {
        .on_up = on_sub_up, .on_down = on_sub_down, .on_push = on_sub_push};

    s->tick = timer(s, on_tick);
    s->ask = timer(s, on_ask);
    s->flush = timer(s, on_flush);
    s->check = timer(s, on_check);
    s->grace = timer(s, on_grace);
    s->cmd = redis_link_new(s->base, conf, &cmd_ops, s);
    s->sub = redis_link_new(s->base, conf, &sub_ops, s);
    redis_link_start(s->cmd);
}

void store_redis_close(struct store_redis *s)
{
    redis_link_free(s->cmd);
    redis_link_free(s->sub);
    s->cmd = s->sub = NULL;
    event_free(s->tick);
    event_free(s->ask);
    event_free(s->flush);
    event_free(s->check);
    event_free(s->grace);
}
