/* shared_state.c - what routers share through Redis; shared_state.h has the contract.
 *
 *   shared_state.c     the interface, and how a reply is received
 *   redis_attach.c     connecting, attaching, being away
 *   redis_reassert.c   the last view, said again to a Redis that forgot it
 *   redis_sync.c       syncs
 *   redis_subscribe.c  pushes
 *   redis_report.c     evidence and cooling
 *   redis_probe.c      the right to probe
 *   redis_check.c      who checks a slot from outside
 *   redis_averages.c   how slots do
 *
 *            on_up              attach answers
 *   DOWN -----------> ASKING --------------------> LEVEL
 *     ^                 ^  \_ not yet: again, with back-off    |
 *     |                 +--- another generation, away ---------+
 *     +--------------- connection lost ------------------------+
 *
 * PHASE AND MODE  The phase is what the connection can do now; the mode is what the owner was
 * told.  A lost connection that is back within five command deadlines, or a flushed Redis
 * that is attached to again, is a change of phase only: nobody has to know.
 *
 * NOTHING WAITS  Every call sends or drops; every answer comes from the loop, late ones as
 * failures.  The view stays as it is while Redis is away. */
#include "fleet/shared_state_parts.h"

#include "base/clock.h"
#include "base/loop.h"
#include "base/str.h"
#include "redis/value.h"
#include "shared/state_line.h"
#include "shared/acl.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIVE_MAX 100000 /* routers; more is rubbish */

void shared_state_hold(struct shared_state *s)
{
    s->refs++;
}

void shared_state_drop(struct shared_state *s)
{
    if (--s->refs > 0)
        return;
    redis_attach_free(s);
    redis_reassert_free(s);
    redis_sync_free(s);
    redis_subscribe_free(s);
    redis_report_free(s);
    redis_probe_free(s);
    view_free(s->view);
    free(s->changed);
    free(s->own);
    free(s->rules);
    free(s->fleet);
    free(s->router_id);
    free(s->host);
    free(s->version);
    free(s->config_digest);
    free(s);
}

struct event *shared_state_timer(struct shared_state *s, event_callback_fn fn)
{
    struct event *ev = loop_timer_new(s->base, fn, s);

    return ev;
}

void shared_state_arm(struct shared_state *s, struct event *ev, int64_t ms)
{
    struct timeval tv = {0};

    if (s->freed)
        return;
    if (ms > 0) {
        tv.tv_sec = ms / 1000;
        tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
    }
    loop_event_add(ev, &tv);
}

/* ---- what is heard ---- */

void shared_state_tell(struct shared_state *s, size_t i)
{
    redis_report_note_doubt(s, i);
    if (!s->freed && s->ev.on_slot != NULL)
        s->ev.on_slot(s->ev.arg, i);
}

void shared_state_args(const struct shared_state *s, size_t slot, size_t max,
                       struct redis_args *a)
{
    redis_args_init(a, max);
    redis_args_word(a, view_gen(s->view));
    redis_args_word(a, view_get(s->view, slot)->name);
}

int shared_state_run(struct shared_state *s, enum script script, struct redis_args *a,
                     redis_reply_cb *cb, void *arg)
{
    struct redis_args none = {0};
    const char *keys[] = {s->meta.text, s->push.text};
    size_t n_keys = s->db == 0 ? 1 : 2;
    int rc = -1;

    if (a == NULL)
        a = &none;
    if (!s->freed)
        rc = redis_script_run(s->owner, scripts_get(script), keys, n_keys, a->v, a->n, cb, arg);
    if (rc == 0)
        s->stats.commands++;
    redis_args_release(a);
    return rc;
}

void shared_state_rubbish(struct shared_state *s, enum script script)
{
    char why[120];

    s->stats.errors++;
    snprintf(why, sizeof(why), "the %s script's answer makes no sense", scripts_name(script));
    redis_attach_away(s, why);
}

static void take_error(struct shared_state *s, enum script script, const struct redisReply *r)
{
    char text[120], why[256 + ACL_MAX], rule[ACL_MAX];

    s->stats.errors++;
    redis_value_show(r, text, sizeof(text));
    snprintf(why, sizeof(why), "%s (script %s)", text, scripts_name(script));
    switch (redis_error_of(r)) {
    case REDIS_ERROR_READONLY:
        redis_link_restart(s->cmd, why); /* the name may lead to another server by now */
        break;
    case REDIS_ERROR_OOM:
    case REDIS_ERROR_NOREPLICAS:
    case REDIS_ERROR_MISCONF:
        redis_attach_refused(s, why);
        break;
    case REDIS_ERROR_NOPERM:
        acl_rule(s->fleet, rule);
        snprintf(why, sizeof(why), "%s (script %s); the user needs %s", text,
                 scripts_name(script), rule);
        redis_attach_away(s, why);
        break;
    case REDIS_ERROR_TOO_OLD:
        redis_attach_away(s, "this Redis " REDIS_ERROR_TOO_OLD_TEXT);
        break;
    default:
        redis_attach_away(s, why);
    }
}

bool shared_state_usable(struct shared_state *s, enum script script, const struct redisReply *r,
                         const char *why)
{
    if (s->freed)
        return false;
    if (r == NULL) {
        s->stats.late++;
        redis_attach_bad(s, why);
    } else if (redis_error_of(r) != REDIS_ERROR_NONE) {
        take_error(s, script, r);
    } else if (redis_value_text(redis_value_at(r, 0)).ptr == NULL) {
        shared_state_rubbish(s, script);
    } else {
        redis_attach_good(s);
        if (!redis_value_is(r, "GEN") && !redis_value_is(r, "UNKNOWN"))
            return true;
        redis_attach_ask(s); /* Redis was flushed or restarted, or lost the key */
    }
    return false;
}

bool shared_state_take_snapshot(struct shared_state *s, struct str gen, int64_t ver,
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

void shared_state_tell_changed(struct shared_state *s)
{
    for (size_t i = 0; i < view_count(s->view); i++)
        if (s->changed[i])
            shared_state_tell(s, i);
}

void shared_state_set_live(struct shared_state *s, const struct redisReply *r)
{
    int64_t live;

    if (!redis_value_number(r, &live) || live > LIVE_MAX)
        return;
    s->stats.live_routers = (uint64_t)live;
    redis_report_set_live(s, live);
}

void shared_state_apply(struct shared_state *s, const struct redisReply *line)
{
    int changed;

    switch (view_push(s->view, redis_value_text(line), clock_mono_ms(), &changed)) {
    case VIEW_GAP:
        redis_sync_soon(s);
        break;
    case VIEW_BAD:
        s->stats.bad_messages++;
        redis_sync_soon(s);
        break;
    case VIEW_APPLIED:
    case VIEW_OLD:
    case VIEW_OTHER_GEN: /* an answer to what was asked before attaching anew */
        break;
    }
    redis_sync_acknowledge(s);
    if (changed >= 0)
        shared_state_tell(s, (size_t)changed);
}

/* ---- what is said of us ---- */

void shared_state_add_about(const struct shared_state *s, struct redis_args *a)
{
    redis_args_word(a, s->host);
    redis_args_number(a, getpid());
    redis_args_word(a, s->version);
    redis_args_word(a, s->config_digest);
    redis_args_number(a, s->started_ms);
    redis_args_number(a, s->load);
}

void shared_state_add_slots(const struct shared_state *s, struct redis_args *a)
{
    for (size_t i = 0; i < view_count(s->view); i++)
        redis_args_word(a, view_get(s->view, i)->name);
}

/* The last word, so that nobody counts us for another ten seconds.  As EVAL: there will be
 * nobody to hear NOSCRIPT. */
static void on_left(void *arg, const struct redisReply *r, const char *why)
{
    (void)arg, (void)r, (void)why;
}

static void say_goodbye(struct shared_state *s)
{
    const char *argv[] = {
        "EVAL",      scripts_get(SCRIPT_LEAVE)->text, "1", s->meta.text, view_gen(s->view),
        s->router_id};

    if (redis_attach_is_level(s) &&
        redis_link_send(s->owner, (int)ARRAY_LEN(argv), argv, NULL, on_left, NULL) < 0)
        s->stats.dropped++; /* then the silence will say it */
}

void shared_state_free(struct shared_state *s)
{
    if (s == NULL)
        return;
    say_goodbye(s);
    s->freed = true;
    redis_attach_close(s);
    redis_sync_close(s);
    redis_subscribe_close(s);
    redis_report_close(s);
    redis_probe_close(s);
    shared_state_drop(s);
}

bool shared_state_is_attached(const struct shared_state *s)
{
    return redis_attach_is_attached(s);
}

size_t shared_state_count(const struct shared_state *s)
{
    return view_count(s->view);
}

const struct view_slot *shared_state_get(const struct shared_state *s, size_t slot)
{
    assert(slot < view_count(s->view));
    return view_get(s->view, slot);
}

uint64_t shared_state_ver(const struct shared_state *s)
{
    return view_ver(s->view);
}

const char *shared_state_gen(const struct shared_state *s)
{
    return view_gen(s->view);
}

void shared_state_set_own(struct shared_state *s, size_t slot,
                          const struct shared_state_own *own)
{
    assert(slot < view_count(s->view));
    s->own[slot] = *own;
}

void shared_state_report(struct shared_state *s, size_t slot, uint64_t epoch,
                         enum breakers_evidence what, bool slow)
{
    assert(slot < view_count(s->view));
    redis_report_add(s, slot, epoch, what, slow);
}

void shared_state_probe(struct shared_state *s, size_t slot, uint64_t token)
{
    assert(slot < view_count(s->view));
    redis_probe_ask(s, slot, token);
}

void shared_state_probe_renew(struct shared_state *s, size_t slot, uint64_t token)
{
    assert(slot < view_count(s->view));
    redis_probe_renew(s, slot, token);
}

void shared_state_done(struct shared_state *s, size_t slot, uint64_t epoch, uint64_t token,
                       enum breaker_verdict verdict)
{
    assert(slot < view_count(s->view));
    redis_probe_done(s, slot, epoch, token, verdict);
}

bool shared_state_check(struct shared_state *s, size_t slot, int64_t lease_ms,
                        const struct shared_state_check *seen, int64_t took_ms)
{
    assert(slot < view_count(s->view));
    return redis_check_lease(s, slot, lease_ms, seen, took_ms);
}

void shared_state_average(struct shared_state *s, const struct shared_state_measure *of,
                          size_t n)
{
    redis_averages_send(s, of, n);
}

void shared_state_cool(struct shared_state *s, size_t slot, int64_t for_ms, int times,
                       enum cooling_why why)
{
    assert(slot < view_count(s->view));
    redis_report_cool(s, slot, for_ms > 0 ? for_ms : 0, times, why);
}

void shared_state_set_load(struct shared_state *s, int inflight)
{
    s->load = inflight > 0 ? inflight : 0;
}

int shared_state_save(const struct shared_state *s, struct buf *out)
{
    return redis_reassert_save(s, out);
}

int shared_state_restore(struct shared_state *s, struct str text, struct err *err)
{
    return redis_reassert_restore(s, text, err);
}

void shared_state_get_stats(const struct shared_state *s, struct shared_state_stats *out)
{
    *out = s->stats;
}

/* What the scripts want of a router's words: present, not too long. */
static char *word_of(const char *word)
{
    const char *say = word != NULL && word[0] != '\0' ? word : "-";

    return xstrndup(say, strnlen(say, VIEW_WORD_MAX));
}

static int set_place(struct redis_link_conf *link, const char *url,
                     const struct shared_state_conf *conf, struct err *err)
{
    if (redis_url_parse(&link->url, url, err) < 0)
        return -1;
    return redis_tls_of(&link->tls, &link->url, &conf->tls, err);
}

static void release_place(struct redis_link_conf *link)
{
    redis_url_release(&link->url);
    redis_tls_drop(link->tls);
}

struct shared_state *shared_state_new(struct event_base *base,
                                      const struct shared_state_conf *conf,
                                      const struct shared_state_events *ev, struct err *err)
{
    struct redis_link_conf link = {
        .name = conf->router_id,
        .connect_timeout_ms = conf->connect_timeout_ms,
        .backoff_ms = 100,
        .backoff_max_ms = 4000, /* with a last connect that fails: level again in 5 s */
        .output_max_bytes = (size_t)4 << 20,
        .keep_trying = true,
    };

    struct redis_link_conf replica = link;

    if (set_place(&link, conf->url, conf, err) < 0)
        return NULL;
    if (conf->subscribe_url != NULL &&
        set_place(&replica, conf->subscribe_url, conf, err) < 0) {
        release_place(&link);
        return NULL;
    }
    struct shared_state *s = xcalloc(1, sizeof(*s));

    s->base = base;
    s->ev = *ev;
    s->rules = xcalloc(conf->n_slots > 0 ? conf->n_slots : 1, sizeof(s->rules[0]));
    for (size_t i = 0; i < conf->n_slots; i++)
        s->rules[i] = conf->rules[i];
    s->command_timeout_ms = conf->command_timeout_ms;
    s->sync_ms = conf->sync_ms;
    s->started_ms = clock_wall_ms();
    s->fleet = xstrdup(conf->fleet);
    s->router_id = word_of(conf->router_id);
    s->host = word_of(conf->host);
    s->version = word_of(conf->version);
    s->config_digest = word_of(conf->config_digest);
    s->meta = names_of(s->fleet, NAMES_META);
    s->db = link.url.db;
    s->push = names_push(s->fleet, s->db);
    s->log.where = "store";
    snprintf(s->log.id, sizeof(s->log.id), "%s", s->router_id);
    rand_init_os(&s->rand);
    s->view = view_new(conf->slots, conf->n_slots, STATE_LINE_OPEN_MAX_MS);
    s->changed = xcalloc(conf->n_slots > 0 ? conf->n_slots : 1, sizeof(s->changed[0]));
    s->own = xcalloc(conf->n_slots > 0 ? conf->n_slots : 1, sizeof(s->own[0]));
    s->refs = 1;
    link.key = s->meta.text;
    redis_reassert_open(s);
    redis_sync_open(s);
    redis_report_open(s);
    redis_probe_open(s);
    redis_attach_open(s, &link, conf->subscribe_url != NULL ? &replica : NULL);
    release_place(&link);
    release_place(&replica);
    return s;
}
