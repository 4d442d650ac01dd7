/* upstream_script.c - scripted exchanges instead of a network; upstream_script.h says how. */
#include "upstream_script.h"

#include "base/clock.h"
#include "upstream/head.h"

#include <assert.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#define BODY_MAX ((size_t)64 << 20)

struct upstream_call {
    struct upstream *u;
    struct upstream_ops ops;
    void *arg;
    struct script_call *seen; /* in the log */
    struct script_answer *answer;
    struct str body; /* the request's, borrowed */
    size_t bytes_given;
    struct event *step, *total;
    const char *at; /* next piece */
    int rounds;
    bool head_out, paused, gated, released, in_callback, dead;
    int64_t started_us, first_byte_us;
    struct upstream_call *next, **prev;
};

struct upstream {
    struct event_base *base;
    struct script_answer *answers;
    size_t n_answers;
    struct script_call log[SCRIPT_CALLS_MAX];
    size_t n_log, unscripted;
    struct upstream_call *running;
    char story[SCRIPT_CALLS_MAX * 8];
};

/* ---- what tests call ---- */

void script_set(struct upstream *u, struct script_answer *answers, size_t n)
{
    u->answers = answers;
    u->n_answers = n;
}

size_t script_count(const struct upstream *u)
{
    return u->n_log;
}

size_t script_running(const struct upstream *u)
{
    size_t n = 0;

    for (const struct upstream_call *c = u->running; c != NULL; c = c->next)
        n++;
    return n;
}

const struct script_call *script_call(const struct upstream *u, size_t i)
{
    assert(i < u->n_log);
    return &u->log[i];
}

size_t script_unscripted(const struct upstream *u)
{
    return u->unscripted;
}

static struct str region_of(const char *url)
{
    const char *host = strstr(url, "://");
    size_t len;

    assert(host != NULL);
    host += 3;
    len = strcspn(host, ".:/");
    return (struct str){host, len};
}

const char *script_story(struct upstream *u)
{
    struct buf out;

    buf_init(&out, sizeof(u->story) - 1);
    for (size_t i = 0; i < u->n_log; i++)
        if ((i > 0 && buf_append(&out, " ", 1) < 0) ||
            buf_append_str(&out, region_of(u->log[i].url)) < 0)
            abort();
    memcpy(u->story, out.len > 0 ? out.data : "", out.len + 1);
    buf_release(&out);
    return u->story;
}

static void wake(struct upstream_call *c)
{
    if (!c->paused && !c->gated)
        event_active(c->step, 0, 0);
}

void script_release(struct upstream *u)
{
    for (struct upstream_call *c = u->running; c != NULL; c = c->next)
        if (c->gated) {
            c->gated = false;
            c->released = true;
            wake(c);
        }
}

/* ---- one call ---- */

static void destroy(struct upstream_call *c)
{
    *c->prev = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    event_free(c->step);
    event_free(c->total);
    free(c);
}

static void finish(struct upstream_call *c, enum upstream_result result)
{
    struct upstream_end end = {.result = result,
                               .reused = c->answer != NULL && c->answer->reused,
                               .first_byte_us = c->first_byte_us,
                               .total_us = clock_mono_us() - c->started_us,
                               .sends = result == UPSTREAM_CONNECT ? 0 : 1};

    if (result != UPSTREAM_COMPLETE)
        str_copy(end.detail, sizeof(end.detail), "scripted");
    c->seen->ended = true;
    event_del(c->step);
    event_del(c->total);
    c->in_callback = true;
    c->dead = true; /* cancel inside on_end is allowed and does nothing */
    c->ops.on_end(c->arg, &end);
    destroy(c);
}

/* Curl reads the body where the caller keeps it, whenever the peer takes more of it. */
static void read_body_again(const struct upstream_call *c)
{
    if (c->answer == NULL || !c->answer->unread || c->body.len == 0)
        return;
    assert(c->body.len == c->seen->body.len);
    assert(memcmp(c->body.ptr, c->seen->body.data, c->body.len) == 0);
}

static void give_head(struct upstream_call *c)
{
    struct http_field fields[UPSTREAM_FIELDS_MAX];
    struct upstream_head head = {.status = c->answer->status, .fields = fields};
    struct str rest = str_of(c->answer->fields), value;

    while (rest.len > 0 && head.n_fields < UPSTREAM_FIELDS_MAX) {
        struct str line = str_split(rest, '\n', &rest);

        fields[head.n_fields].name = str_split(line, ':', &value);
        fields[head.n_fields++].value = str_trim(value);
    }
    c->head_out = true;
    c->first_byte_us = clock_mono_us() - c->started_us;
    c->in_callback = true;
    c->ops.on_head(c->arg, &head);
    c->in_callback = false;
}

static void give_piece(struct upstream_call *c)
{
    size_t len = strcspn(c->at, "|");
    const char *piece = c->at;

    c->at += len;
    if (*c->at == '|')
        c->at++;
    if (len == 1 && *piece == '~') {
        c->gated = true;
        return;
    }
    c->seen->data_bytes += len;
    c->in_callback = true;
    if (len > 0)
        c->ops.on_data(c->arg, piece, len);
    c->in_callback = false;
}

static void give_bytes(struct upstream_call *c)
{
    struct str all = c->answer->bytes;
    size_t from = c->bytes_given, n = from == 0 ? 1 : all.len - from;

    c->bytes_given += n;
    c->seen->data_bytes += n;
    c->in_callback = true;
    c->ops.on_data(c->arg, all.ptr + from, n);
    c->in_callback = false;
}

static void on_script_step(evutil_socket_t fd, short what, void *arg)
{
    struct upstream_call *c = arg;
    const struct script_answer *a = c->answer;

    (void)fd, (void)what;
    read_body_again(c);
    if (a == NULL) {
        finish(c, UPSTREAM_CONNECT);
        return;
    }
    if (a->waits && !c->released) {
        c->gated = true;
        return;
    }
    if (!c->head_out && a->status != 0) {
        give_head(c);
    } else if (c->at != NULL && *c->at != '\0') {
        give_piece(c);
    } else if (c->at != NULL && ++c->rounds < a->repeat) {
        c->at = a->body;
    } else if (c->bytes_given < a->bytes.len) {
        give_bytes(c);
    } else if (!a->hangs) {
        finish(c, a->end);
        return;
    } else {
        return; /* until it is cancelled or its time is over */
    }
    if (c->dead)
        destroy(c);
    else
        wake(c);
}

static void arm_total(struct upstream_call *c, int64_t us)
{
    struct timeval tv = {us / 1000000, us % 1000000};

    event_add(c->total, &tv);
}

/* A timer starts at the turn of the loop in which it was set, so it may end early: the real
 * upstream never does. */
static void on_script_total(evutil_socket_t fd, short what, void *arg)
{
    struct upstream_call *c = arg;
    int64_t left_us = c->started_us + 1000 * c->seen->total_ms - clock_mono_us();

    (void)fd, (void)what;
    if (left_us > 0)
        arm_total(c, left_us);
    else
        finish(c, UPSTREAM_TOTAL_TIMEOUT);
}

static struct script_answer *next_answer(struct upstream *u, const char *url)
{
    struct str region = region_of(url);

    for (size_t i = 0; i < u->n_answers; i++) {
        struct script_answer *a = &u->answers[i];

        if ((a->used_once && !a->for_ever) || !str_eqz(region, a->region))
            continue;
        a->used_once = true;
        return a;
    }
    return NULL;
}

static struct script_call *write_down(struct upstream *u, const struct upstream_request *req)
{
    struct script_call *s = &u->log[u->n_log];

    assert(u->n_log < SCRIPT_CALLS_MAX);
    u->n_log++;
    str_copy(s->method, sizeof(s->method), req->method);
    str_copy(s->url, sizeof(s->url), req->url);
    buf_init(&s->headers, BODY_MAX);
    buf_init(&s->body, BODY_MAX);
    for (size_t i = 0; i < req->n_headers; i++) {
        struct str name, value;

        assert(upstream_head_check_request(req->headers[i], &name, &value) == NULL);
        if (buf_appendf(&s->headers, "%s\n", req->headers[i]) < 0)
            abort();
    }
    if (buf_append_str(&s->body, req->body) < 0)
        abort();
    s->connect_ms = req->connect_ms;
    s->total_ms = req->total_ms;
    return s;
}

/* ---- lib/upstream/upstream.h ---- */

struct upstream *upstream_new(struct event_base *base, const struct config_upstream *conf,
                              struct err *err)
{
    struct upstream *u = xcalloc(1, sizeof(*u));

    (void)conf, (void)err;
    u->base = base;
    return u;
}

void upstream_free(struct upstream *u)
{
    if (u == NULL)
        return;
    while (u->running != NULL)
        destroy(u->running);
    for (size_t i = 0; i < u->n_log; i++) {
        buf_release(&u->log[i].headers);
        buf_release(&u->log[i].body);
    }
    free(u);
}

struct upstream_call *upstream_start(struct upstream *u, const struct upstream_request *req,
                                     const struct upstream_ops *ops, void *arg)
{
    struct upstream_call *c = xcalloc(1, sizeof(*c));

    c->u = u;
    c->ops = *ops;
    c->arg = arg;
    c->body = req->body;
    c->seen = write_down(u, req);
    c->answer = next_answer(u, req->url);
    if (c->answer == NULL)
        u->unscripted++;
    else
        c->at = c->answer->body;
    c->started_us = clock_mono_us();
    c->step = event_new(u->base, -1, 0, on_script_step, c);
    c->total = event_new(u->base, -1, 0, on_script_total, c);
    arm_total(c, 1000 * req->total_ms);
    c->next = u->running;
    c->prev = &u->running;
    if (c->next != NULL)
        c->next->prev = &c->next;
    u->running = c;
    wake(c);
    return c;
}

void upstream_call_pause(struct upstream_call *c)
{
    assert(!c->dead);
    c->seen->pauses++;
    c->paused = true;
}

void upstream_call_resume(struct upstream_call *c)
{
    assert(!c->dead);
    c->seen->resumes++;
    c->paused = false;
    if (!c->in_callback)
        wake(c);
}

bool upstream_call_is_sent(const struct upstream_call *c)
{
    return c->answer != NULL && !c->answer->unread;
}

void upstream_call_cancel(struct upstream_call *c)
{
    if (c->dead)
        return;
    read_body_again(c);
    c->seen->cancelled = true;
    if (c->in_callback)
        c->dead = true;
    else
        destroy(c);
}
