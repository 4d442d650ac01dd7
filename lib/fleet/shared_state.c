/* shared_state.c - the store of a fleet: what routers share through Redis.
 *
 *   shared_state.c       the interface, and how a reply is received
 *   redis_attach.c  connecting, attaching, being away
 *   redis_sync.c  syncs
 *   redis_subscribe.c   pushes
 *   redis_report.c  evidence, probes, cooling on their way out
 *
 *            on_up              attach answers
 *   DOWN -----------> ASKING -------------------> ATTACHED
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
#include "fleet/shared_state.h"

#include "base/clock.h"
#include "base/str.h"
#include "redis/value.h"
#include "shared/state_line.h"
#include "shared/acl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void store_redis_hold(struct store_redis *s)
{
    s->refs++;
}

void store_redis_drop(struct store_redis *s)
{
    if (--s->refs > 0)
        return;
    view_free(s->view);
    store_redis_forget_file(s);
    evidence_free(s->batch);
    free(s->changed);
    free(s->doubts);
    free(s->rules);
    free(s->fleet);
    free(s->router_id);
    free(s->host);
    free(s->version);
    free(s->config_digest);
    free(s);
}

void store_redis_tell(struct store_redis *s, size_t i)
{
    store_redis_note_doubt(s, i);
    if (!s->freed && s->ev.on_slot != NULL)
        s->ev.on_slot(s->ev.arg, i);
}

int store_redis_run(struct store_redis *s, enum script script, const char *const *args,
                    size_t n, redis_reply_cb *cb, void *arg)
{
    const char *slots[] = {s->meta.text};

    if (s->freed ||
        redis_script_run(s->owner, scripts_get(script), slots, 1, args, n, cb, arg) < 0)
        return -1;
    s->stats.commands++;
    return 0;
}

void store_redis_rubbish(struct store_redis *s, enum script script)
{
    char why[120];

    s->stats.errors++;
    snprintf(why, sizeof(why), "the %s script's answer makes no sense", scripts_name(script));
    store_redis_away(s, why);
}

static void take_error(struct store_redis *s, enum script script, const struct redisReply *r)
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
        s->reads_go_on = true;
        store_redis_away(s, why);
        break;
    case REDIS_ERROR_NOPERM:
        acl_rule(s->fleet, rule);
        snprintf(why, sizeof(why), "%s (script %s); the user needs %s", text,
                 scripts_name(script), rule);
        store_redis_away(s, why);
        break;
    default:
        store_redis_away(s, why);
    }
}

bool store_redis_usable(struct store_redis *s, enum script script, const struct redisReply *r,
                        const char *why)
{
    if (s->freed)
        return false;
    if (r == NULL) {
        s->stats.late++;
        store_redis_bad(s, why);
    } else if (redis_error_of(r) != REDIS_ERROR_NONE) {
        take_error(s, script, r);
    } else if (redis_value_text(redis_value_at(r, 0)).ptr == NULL) {
        store_redis_rubbish(s, script);
    } else {
        s->bad_row = 0;
        if (!redis_value_is(r, "GEN") && !redis_value_is(r, "UNKNOWN"))
            return true;
        store_redis_ask(s); /* Redis was flushed or restarted, or lost the key */
    }
    return false;
}

void store_redis_apply(struct store_redis *s, const struct redisReply *line)
{
    int changed;

    switch (view_push(s->view, redis_value_text(line), clock_mono_ms(), &changed)) {
    case VIEW_GAP:
        store_redis_sync_soon(s);
        break;
    case VIEW_BAD:
        s->stats.bad_messages++;
        store_redis_sync_soon(s);
        break;
    case VIEW_APPLIED:
    case VIEW_OLD:
    case VIEW_OTHER_GEN: /* an answer to what was asked before attaching anew */
        break;
    }
    store_redis_acknowledge(s);
    if (changed >= 0)
        store_redis_tell(s, (size_t)changed);
}

static void give(void *arg)
{
    struct store_redis *s = arg;
    struct store_probe_answer a;

    store_redis_hold(s);
    while (!s->freed && store_later_take(s->later, &a))
        s->ev.on_probe(s->ev.arg, &a);
    store_redis_drop(s);
}

/* The last word, so that nobody counts us for another ten seconds.  As EVAL: there will be
 * nobody to hear NOSCRIPT. */
static void on_left(void *arg, const struct redisReply *r, const char *why)
{
    (void)arg, (void)r, (void)why;
}

static void say_goodbye(struct store_redis *s)
{
    const char *argv[] = {
        "EVAL",      scripts_get(SCRIPT_LEAVE)->text, "1", s->meta.text, view_gen(s->view),
        s->router_id};

    if (s->phase == PHASE_ATTACHED &&
        redis_link_send(s->owner, (int)ARRAY_LEN(argv), argv, NULL, on_left, NULL) < 0)
        s->stats.dropped++; /* then the silence will say it */
}

static struct store_redis *redis_of(struct store *s)
{
    return (struct store_redis *)s;
}

static const struct store_redis *redis_of_const(const struct store *s)
{
    return (const struct store_redis *)s;
}

static void redis_free(struct store *store)
{
    struct store_redis *s = redis_of(store);

    say_goodbye(s);
    s->freed = true;
    store_redis_close(s);
    store_later_free(s->later);
    for (struct store_redis_probe *p = s->probes, *next; p != NULL; p = next) {
        next = p->next;
        free(p);
    }
    store_redis_drop(s);
}

static bool redis_is_attached(const struct store *s)
{
    return redis_of_const(s)->mode == MODE_ATTACHED;
}

static size_t redis_count(const struct store *s)
{
    return view_count(redis_of_const(s)->view);
}

static const struct view_slot *redis_get(const struct store *s, size_t slot)
{
    return view_get(redis_of_const(s)->view, slot);
}

static uint64_t redis_ver(const struct store *s)
{
    return view_ver(redis_of_const(s)->view);
}

static const char *redis_gen(const struct store *s)
{
    return view_gen(redis_of_const(s)->view);
}

static void redis_set_load(struct store *s, int inflight)
{
    redis_of(s)->load = inflight > 0 ? inflight : 0;
}

static void redis_get_stats(const struct store *s, struct store_stats *out)
{
    *out = redis_of_const(s)->stats;
}

static const struct store_ops redis_ops = {
    .free = redis_free,
    .is_attached = redis_is_attached,
    .count = redis_count,
    .get = redis_get,
    .ver = redis_ver,
    .gen = redis_gen,
    .report = store_redis_report,
    .probe = store_redis_probe,
    .probe_renew = store_redis_probe_renew,
    .done = store_redis_done,
    .cool = store_redis_cool,
    .check = store_redis_check,
    .share = store_redis_share,
    .set_load = redis_set_load,
    .get_stats = redis_get_stats,
    .save = store_redis_save,
    .restore = store_redis_restore,
};

/* What the scripts want of a router's words: present, not too long. */
static char *word_of(const char *word)
{
    const char *say = word != NULL && word[0] != '\0' ? word : "-";

    return xstrndup(say, strnlen(say, VIEW_WORD_MAX));
}

static int set_place(struct redis_link_conf *link, const char *url,
                     const struct store_conf *conf, struct err *err)
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

struct store *store_redis_new(struct event_base *base, const struct store_conf *conf,
                              const struct store_events *ev, struct err *err)
{
    struct redis_link_conf link = {
        .name = conf->router_id,
        .connect_timeout_ms = conf->connect_timeout_ms,
        .backoff_ms = 100,
        .backoff_max_ms = 4000, /* with a last connect that fails: level again in 5 s */
        .output_max_bytes = (size_t)4 << 20,
        .keep_trying = true,
    };

    struct redis_link_conf far = link;

    if (set_place(&link, conf->url, conf, err) < 0)
        return NULL;
    if (conf->subscribe_url != NULL && set_place(&far, conf->subscribe_url, conf, err) < 0) {
        release_place(&link);
        return NULL;
    }
    struct store_redis *s = xcalloc(1, sizeof(*s));

    s->store.ops = &redis_ops;
    s->base = base;
    s->ev = *ev;
    s->rules = xcalloc(conf->n_slots > 0 ? conf->n_slots : 1, sizeof(s->rules[0]));
    for (size_t i = 0; i < conf->n_slots; i++)
        s->rules[i] = conf->rules[i];
    s->doubts = xcalloc(conf->n_slots > 0 ? conf->n_slots : 1, sizeof(s->doubts[0]));
    s->command_timeout_ms = conf->command_timeout_ms;
    s->sync_ms = conf->sync_ms;
    s->started_ms = clock_wall_ms();
    s->fleet = xstrdup(conf->fleet);
    s->router_id = word_of(conf->router_id);
    s->host = word_of(conf->host);
    s->version = word_of(conf->version);
    s->config_digest = word_of(conf->config_digest);
    s->meta = names_of(s->fleet, NAMES_META);
    s->push = names_of(s->fleet, NAMES_PUSH);
    s->log.where = "store";
    snprintf(s->log.id, sizeof(s->log.id), "%s", s->router_id);
    rand_init_os(&s->rand);
    s->view = view_new(conf->slots, conf->n_slots, STATE_LINE_OPEN_MAX_MS);
    s->changed = xcalloc(conf->n_slots > 0 ? conf->n_slots : 1, sizeof(s->changed[0]));
    s->batch = evidence_new(conf->n_slots);
    s->later = store_later_new(base, give, s);
    s->refs = 1;
    link.key = s->meta.text;
    store_redis_open(s, &link, conf->subscribe_url != NULL ? &far : NULL);
    release_place(&link);
    release_place(&far);
    return &s->store;
}
