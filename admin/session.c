/* session.c - one conversation with Redis, call by call.
 *
 * A call lives on its caller's stack while the loop runs.  That is safe because the loop is
 * only left when the call is done, or after the link was freed (a signal): a freed link calls
 * nobody.
 */
#include "admin/session.h"

#include "base/loop.h"
#include "redis/value.h"
#include "shared/names.h"
#include "shared/acl.h"
#include "redis/error.h"
#include "redis/link.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IN_FLIGHT_MAX 16

struct session {
    struct redis_link_conf conf;
    struct event_base *base;
    struct redis_link *link;
    struct redis_owner *owner;
    int64_t command_ms;
    struct names_text meta;
    char fleet[NAMES_FLEET_MAX + 1];
    char shown[512]; /* the URL */
    char why[256];   /* of the last loss */
    enum redis_error error;
    bool up, interrupted;
    struct event *signals[2];
};

/* ---- the connection ---- */

static void on_up(void *arg)
{
    struct session *s = arg;

    s->up = true;
}

static void on_down(void *arg, enum redis_error cause, const char *why)
{
    struct session *s = arg;

    s->up = false;
    s->error = cause;
    str_copy(s->why, sizeof(s->why), why);
}

static int refuse_login(const struct session *s, struct err *err)
{
    switch (s->error) {
    case REDIS_ERROR_NOAUTH:
        return err_set(
            err, ERR_STORE,
            "Redis at %s wants a password (NOAUTH): put it into the URL of SLUICE_REDIS "
            "or of the config file",
            s->shown);
    case REDIS_ERROR_WRONGPASS:
        return err_set(
            err, ERR_STORE,
            "Redis at %s refused the user or the password (WRONGPASS): check the URL "
            "of SLUICE_REDIS or of the config file",
            s->shown);
    default:
        return err_set(err, ERR_STORE, "Redis at %s cannot be reached: %s", s->shown, s->why);
    }
}

/* The link has a deadline for the whole try, so this ends.  One that was lost is taken again,
 * because it remembers a Cluster's nodes. */
static int connect_link(struct session *s, struct err *err)
{
    static const struct redis_link_ops ops = {.on_up = on_up, .on_down = on_down};

    if (s->link == NULL) {
        s->link = redis_link_new(s->base, &s->conf, &ops, s);
        s->owner = redis_link_owner_new(
            s->link, &(struct redis_owner_conf){"session", IN_FLIGHT_MAX, s->command_ms});
    }
    s->up = false;
    s->why[0] = '\0';
    redis_link_start(s->link);
    while (!s->up && s->why[0] == '\0' && !s->interrupted)
        event_base_loop(s->base, EVLOOP_ONCE);
    return s->up ? 0 : refuse_login(s, err);
}

struct session *session_open(const struct session_conf *conf, struct err *err)
{
    struct session *s = xcalloc(1, sizeof(*s));

    if (redis_url_parse(&s->conf.url, conf->url, err) < 0 ||
        redis_tls_of(&s->conf.tls, &s->conf.url, &conf->tls, err) < 0)
        goto fail;
    s->conf.name = "sluice-admin";
    s->conf.connect_timeout_ms = conf->connect_ms;
    s->command_ms = conf->command_ms;
    s->conf.output_max_bytes = 1u << 20;
    s->meta = names_of(conf->fleet, NAMES_META);
    s->conf.key = s->meta.text;
    str_copy(s->fleet, sizeof(s->fleet), conf->fleet);
    redis_url_show(&s->conf.url, s->shown, sizeof(s->shown));
    s->base = loop_new();
    if (connect_link(s, err) < 0)
        goto fail;
    return s;
fail:
    session_close(s);
    return NULL;
}

void session_close(struct session *s)
{
    if (s == NULL)
        return;
    redis_link_free(s->link);
    for (size_t i = 0; i < ARRAY_LEN(s->signals); i++)
        if (s->signals[i] != NULL)
            event_free(s->signals[i]);
    if (s->base != NULL)
        event_base_free(s->base);
    redis_url_release(&s->conf.url);
    redis_tls_drop(s->conf.tls);
    free(s);
}

const char *session_where(const struct session *s)
{
    return s->shown;
}

bool session_has_one_address(const struct session *s)
{
    struct in6_addr room; /* for either kind */

    return !s->conf.url.is_unix && redis_url_count(&s->conf.url) == 1 &&
           (inet_pton(AF_INET, s->conf.url.host, &room) == 1 ||
            inet_pton(AF_INET6, s->conf.url.host, &room) == 1);
}

const char *session_fleet(const struct session *s)
{
    return s->fleet;
}

struct names_text session_push(const struct session *s)
{
    return names_push(s->fleet, s->conf.url.db);
}

bool session_is_lost(const struct session *s)
{
    return !s->up;
}

enum redis_error session_error(const struct session *s)
{
    return s->error;
}

/* ---- calls ---- */

struct call {
    struct session *s;
    session_decode *decode;
    void *arg;
    struct err *err;
    bool done, late;
    int rc;
};

/* clang-format off */
static const struct {
    enum redis_error kind;
    const char *name, *sentence;
} sentences[] = {
    {REDIS_ERROR_NOAUTH,     "NOAUTH",     "wants a password: put it into the URL of SLUICE_REDIS "
                                           "or of the config file"},
    {REDIS_ERROR_LOADING,    "LOADING",    "is reading its data from disk: try again shortly"},
    {REDIS_ERROR_BUSY,       "BUSY",       "is held up by a script of somebody: try again shortly"},
    {REDIS_ERROR_READONLY,   "READONLY",   "is a read-only replica: changes go to its primary"},
    {REDIS_ERROR_OOM,        "OOM",        "is out of memory (maxmemory) and takes no changes"},
    {REDIS_ERROR_MISCONF,    "MISCONF",    "cannot save to disk and takes no changes: its log says "
                                           "why"},
    {REDIS_ERROR_NOREPLICAS, "NOREPLICAS", "has too few replicas and takes no changes "
                                           "(min-replicas-to-write)"},
    {REDIS_ERROR_CLUSTERDOWN, "CLUSTERDOWN", "is a Cluster that serves nothing now: \"redis-cli "
                                           "--cluster check\" says why"},
    {REDIS_ERROR_ASK,        "ASK",        "is moving the fleet's keys to another node: try again "
                                           "shortly"},
    {REDIS_ERROR_TRYAGAIN,   "TRYAGAIN",   "is moving the fleet's keys to another node: try again "
                                           "shortly"},
    {REDIS_ERROR_WRONGTYPE,  "WRONGTYPE",  "holds something else under the fleet's keys: is the "
                                           "database in the URL the fleet's?"},
};
/* clang-format on */

static int refuse_reply(const struct session *s, const struct redisReply *r, struct err *err)
{
    enum redis_error kind = redis_error_of(r);
    char text[REDIS_ERROR_TEXT_MAX], rule[ACL_MAX];
    const char *said = redis_error_text(r, s->conf.url.password, text);

    if (kind == REDIS_ERROR_BADARG)
        return err_set(err, ERR_RANGE, "Redis' script refused it: %s",
                       redis_error_detail(r, s->conf.url.password, text));
    if (kind == REDIS_ERROR_NOPERM) {
        acl_rule(s->fleet, rule);
        return err_set(
            err, ERR_STORE,
            "Redis at %s does not let this user do that (NOPERM): %s; the user needs %s",
            s->shown, said, rule);
    }
    if (kind == REDIS_ERROR_TOO_OLD)
        return err_set(err, ERR_STORE, "Redis at %s " REDIS_ERROR_TOO_OLD_TEXT, s->shown);
    for (size_t i = 0; i < ARRAY_LEN(sentences); i++)
        if (sentences[i].kind == kind)
            return err_set(err, ERR_STORE, "Redis at %s %s (%s)", s->shown,
                           sentences[i].sentence, sentences[i].name);
    return err_set(err, ERR_STORE, "Redis at %s answered with an error: %s", s->shown, said);
}

static void on_reply(void *arg, const struct redisReply *r, const char *why)
{
    struct call *c = arg;

    c->done = true;
    c->s->error = redis_error_of(r);
    c->late = r == NULL && redis_link_is_up(c->s->link);
    if (r == NULL)
        c->rc = err_set(c->err, ERR_STORE, "Redis at %s gave no answer: %s", c->s->shown, why);
    else if (c->s->error != REDIS_ERROR_NONE)
        c->rc = refuse_reply(c->s, r, c->err);
    else
        c->rc = c->decode(c->arg, r, c->err);
}

static int finish(struct call *c)
{
    struct session *s = c->s;

    while (!c->done && !s->interrupted)
        event_base_loop(s->base, EVLOOP_ONCE);
    if (c->late) /* mute, and perhaps for good: the next call finds whoever serves by then */
        redis_link_restart(s->link, "it did not answer");
    while (c->late && s->up && !s->interrupted)
        event_base_loop(s->base, EVLOOP_ONCE);
    if (c->done)
        return c->rc;
    redis_link_free(s->link); /* the callback must not find our stack gone */
    s->link = NULL;
    s->up = false;
    return err_set(c->err, ERR_IO, "interrupted");
}

static int begin(struct session *s, struct err *err)
{
    s->error = REDIS_ERROR_NONE;
    return s->up ? 0 : connect_link(s, err);
}

static int cannot_send(const struct session *s, struct err *err)
{
    return err_set(err, ERR_STORE, "the command to Redis at %s could not be sent", s->shown);
}

int session_script(struct session *s, enum script which, const char *const *args, size_t n_args,
                   session_decode *decode, void *arg, struct err *err)
{
    struct call c = {.s = s, .decode = decode, .arg = arg, .err = err};
    struct names_text push = session_push(s);
    const char *keys[] = {s->meta.text, push.text};
    size_t n_keys = s->conf.url.db == 0 ? 1 : 2;

    if (begin(s, err) < 0)
        return -1;
    if (redis_script_run(s->owner, scripts_get(which), keys, n_keys, args, n_args, on_reply,
                         &c) < 0)
        return cannot_send(s, err);
    return finish(&c);
}

int session_command(struct session *s, int argc, const char *const *argv,
                    session_decode *decode, void *arg, struct err *err)
{
    struct call c = {.s = s, .decode = decode, .arg = arg, .err = err};

    if (begin(s, err) < 0)
        return -1;
    if (redis_link_send(s->owner, argc, argv, NULL, on_reply, &c) < 0)
        return cannot_send(s, err);
    return finish(&c);
}

static int take_snapshot(void *arg, const struct redisReply *r, struct err *err)
{
    return snapshot_decode(arg, r, err);
}

int session_snapshot(struct session *s, struct snapshot *out, struct err *err)
{
    memset(out, 0, sizeof(*out));
    return session_script(s, SCRIPT_SNAPSHOT, NULL, 0, take_snapshot, out, err);
}

/* ---- signals and time ---- */

static void on_signal(evutil_socket_t number, short what, void *arg)
{
    struct session *s = arg;

    (void)number, (void)what;
    s->interrupted = true;
}

void session_catch_signals(struct session *s)
{
    static const int numbers[ARRAY_LEN(s->signals)] = {SIGINT, SIGTERM};

    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        s->signals[i] = loop_signal_new(s->base, numbers[i], on_signal, s);
        loop_event_add(s->signals[i], NULL);
    }
}

bool session_is_interrupted(const struct session *s)
{
    return s->interrupted;
}

static void on_time(evutil_socket_t fd, short what, void *arg)
{
    bool *over = arg;

    (void)fd, (void)what;
    *over = true;
}

void session_sleep(struct session *s, int64_t ms)
{
    bool over = false;
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
    struct event *timer = loop_timer_new(s->base, on_time, &over);

    loop_event_add(timer, &tv);
    while (!over && !s->interrupted)
        event_base_loop(s->base, EVLOOP_ONCE);
    event_free(timer);
}
