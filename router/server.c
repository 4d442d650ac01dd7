/* server.c - routes of the client port; server.h has the contract. */
#include "router/server.h"

#include "base/loop.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "router/cross_site.h"
#include "router/descriptors.h"
#include "dialect/dialect.h"
#include "http/listener.h"
#include "router/request/reply.h"
#include "router/request/request.h"

#include <assert.h>
#include <event2/event.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#define MODELS_MAX_BYTES (4u << 20)

#define SPARE_PART 8    /* of http.memory, that is made room for beyond what is short */
#define TRIM_MS    1000 /* it takes milliseconds where much is held */
#define SAID_MS    5000

static const struct timeval memory_tick = {0, 100 * 1000};

struct server {
    struct worker *w;
    struct http_limits limits;
    struct exchange_handler handler;
    struct listener *listener;
    struct event *memory; /* runs while clients are connected */
    int64_t trim_ms,
        said_ms;       /* when unused memory is given back again; when it is said again */
    struct buf models; /* the answer of GET /v1/models; empty when no models are configured */
};

static bool refuse(struct http_refusal *r, int status, const char *code, const char *message)
{
    r->status = status;
    r->type = "invalid_request_error";
    r->code = code;
    str_copy(r->message, sizeof(r->message), message);
    return false;
}

enum said { SAID_NOTHING, SAID_SO, SAID_ELSE };

/* What the fields of that name say, parameters aside: all of them want, or one something else. */
static enum said what_is_said(const struct http_head *head, const char *name, const char *want)
{
    enum said said = SAID_NOTHING;

    for (size_t i = 0; i < head->n_fields; i++) {
        struct str rest;

        if (!str_ieqz(head->fields[i].name, name))
            continue;
        if (!str_ieqz(str_trim(str_split(head->fields[i].value, ';', &rest)), want))
            return SAID_ELSE;
        said = SAID_SO;
    }
    return said;
}

/* A body has to be called JSON: a page of another site may send any other body without asking
 * first (Fetch 2.2.2, "CORS-safelisted request-header"), and one that is called nothing. */
static bool is_body_wanted(const struct http_head *head, struct http_refusal *r)
{
    if (what_is_said(head, "content-type", "application/json") != SAID_SO)
        return refuse(r, 415, "unsupported_media_type",
                      "the body must be sent with the field 'Content-Type: application/json' "
                      "(curl: -H 'Content-Type: application/json')");
    if (what_is_said(head, "content-encoding", "identity") == SAID_ELSE)
        return refuse(r, 415, "unsupported_content_encoding",
                      "the body must be sent without a Content-Encoding");
    return true;
}

static const char *methods(const struct dialect_route *route)
{
    return route->path == DIALECT_MODELS ? "GET, HEAD" : "POST";
}

static bool on_head(void *arg, const struct http_head *head, struct http_refusal *r)
{
    struct server *s = arg;
    struct dialect_route route;
    bool known = dialect_find_route(head->path, &route), get = route.path == DIALECT_MODELS;

    if (!cross_site_may(&s->w->conf->http.cors, &s->w->conf->http.hosts, head, r))
        return false;
    if (!known)
        return refuse(r, 404, "unknown_path",
                      "no such path here; there are /v1/chat/completions, /v1/completions, "
                      "/v1/embeddings and /v1/models");
    if (cross_site_is_preflight(head))
        return true;
    if (get ? head->method != HTTP_GET && head->method != HTTP_HEAD
            : head->method != HTTP_POST) {
        r->allow = methods(&route);
        return refuse(r, 405, "method_not_allowed", "the method is not allowed for this path");
    }
    return get || is_body_wanted(head, r);
}

static void serve_json(struct exchange *ex, struct str body)
{
    const struct http_reply_field f[] = {{"Content-Type", STR("application/json")}};

    exchange_reply(ex, 200, f, ARRAY_LEN(f), body);
}

static void serve_model(struct server *s, struct exchange *ex,
                        const struct dialect_route *route)
{
    struct reply_error e = {.status = 404,
                            .type = "invalid_request_error",
                            .code = "model_not_found",
                            .param = "model",
                            .message = "this model is not served here; GET /v1/models lists "
                                       "those that are",
                            .retry_after_ms = -1,
                            .no_retry = true};
    struct buf body;

    if (s->w->conf->n_models == 0)
        e.message = "the config names no models, so none is known by name here; GET /v1/models "
                    "asks a region for its list";
    buf_init(&body, 8192);
    if (reply_model(s->w->conf, route->model, &body) < 0)
        reply_error(ex, route->dialect, &e, NULL);
    else
        serve_json(ex, buf_str(&body));
    buf_release(&body);
}

/* A question about our own models. */
static void on_models_body(void *arg, struct exchange *ex, struct str body)
{
    struct server *s = arg;
    struct dialect_route route;

    (void)body;
    if (!dialect_find_route(ex->head->path, &route))
        abort(); /* on_head let it through */
    if (route.model.ptr != NULL)
        serve_model(s, ex, &route);
    else
        serve_json(ex, buf_str(&s->models));
}

static void on_exchange(void *arg, struct exchange *ex)
{
    static const struct exchange_taker models = {.on_body = on_models_body};
    struct server *s = arg;
    struct dialect_route route;

    if (!dialect_find_route(ex->head->path, &route))
        abort(); /* on_head let it through */
    if (ex->head->method == HTTP_OPTIONS)
        cross_site_answer_preflight(ex, methods(&route));
    else if (route.path == DIALECT_MODELS &&
             (route.model.ptr != NULL || s->w->conf->n_models > 0))
        exchange_take(ex, &models, s);
    else /* without a list of our own, a region's */
        request_start(s->w, ex, &route);
}

static size_t add_fields(void *arg, const struct http_head *head,
                         struct http_reply_field f[EXCHANGE_ADDED_MAX])
{
    const struct server *s = arg;

    return cross_site_fields(&s->w->conf->http.cors, head, f);
}

static void on_open(void *arg)
{
    struct server *s = arg;

    if (s->w->slot->connections++ == 0)
        loop_event_add(s->memory, &memory_tick);
}

/* Room for who comes: from who holds most and does not move, and of pages between blocks in use,
 * which stay with the process and would come on top. */
static void make_room(struct server *s, size_t short_bytes)
{
    int64_t now_ms = clock_mono_ms();
    size_t shed = 0;

    if (short_bytes > 0)
        shed = listener_shed(s->listener, short_bytes + memory_budget_bytes() / SPARE_PART);
    s->w->slot->shed += shed;
    if (short_bytes > 0 || now_ms >= s->trim_ms) {
        malloc_trim(0);
        s->trim_ms = now_ms + TRIM_MS;
    }
    if (short_bytes == 0 || now_ms < s->said_ms)
        return;
    s->said_ms = now_ms + SAID_MS;
    log_at(
        LOG_WARN, NULL,
        "memory is short, clients are refused or given up held=%zu budget=%zu connections=%zu "
        "given_up=%zu",
        memory_held_bytes(), memory_budget_bytes(), server_connections(s), shed);
}

/* Every tenth of a second: is too much held? */
static void on_memory_tick(evutil_socket_t fd, short what, void *arg)
{
    struct server *s = arg;
    size_t short_bytes = memory_short_bytes();

    (void)fd, (void)what;
    s->w->slot->memory_bytes = (int64_t)memory_held_bytes();
    s->w->slot->memory_budget_bytes = (int64_t)memory_budget_bytes();
    if (short_bytes > 0 || memory_held_bytes() > memory_budget_bytes() / 2)
        make_room(s, short_bytes);
    if (s->w->slot->connections > 0)
        loop_event_add(s->memory, &memory_tick);
}

static void on_close(void *arg)
{
    struct server *s = arg;

    s->w->slot->connections--;
}

static void count_refusal(void *arg, const struct http_refusal *r, char *out, size_t cap)
{
    struct server *s = arg;

    s->w->slot->http_refused++;
    reply_format_refusal(NULL, r, out, cap);
}

void server_limits(const struct config_http *h, struct http_limits *l)
{
    *l = (struct http_limits){
        .head_max_bytes = h->head_max_bytes,
        .target_max_bytes = h->target_max_bytes,
        .fields_max = h->fields_max,
        .body_max_bytes = h->body_max_bytes,
        .chunk_ext_max_bytes = h->chunk_ext_max_bytes,
        .output_max_bytes = h->output_max_bytes,
        .keepalive_requests = h->keepalive_requests,
        .header_timeout_ms = h->header_timeout_ms,
        .body_timeout_ms = h->body_timeout_ms,
        .idle_timeout_ms = h->idle_timeout_ms,
        .write_timeout_ms = h->write_timeout_ms,
    };
}

struct server *server_new(struct worker *w, int fd, struct err *err)
{
    struct server *s = xcalloc(1, sizeof(*s));

    s->w = w;
    server_limits(&w->conf->http, &s->limits);
    s->handler = (struct exchange_handler){.arg = s,
                                           .on_head = on_head,
                                           .on_exchange = on_exchange,
                                           .format_error = count_refusal,
                                           .add_fields = add_fields,
                                           .on_open = on_open,
                                           .on_close = on_close};
    s->memory = loop_timer_new(w->base, on_memory_tick, s);
    buf_init(&s->models, MODELS_MAX_BYTES);
    if (reply_models(w->conf, &s->models) < 0) {
        err_set(err, ERR_LIMIT, "the list of models exceeds %u bytes", MODELS_MAX_BYTES);
        server_free(s);
        return NULL;
    }
    s->listener = listener_new(w->base, fd,
                               (int)descriptors_for_clients(
                                   descriptors_raise(), (size_t)w->conf->http.connections_max),
                               &s->limits, &s->handler);
    return s;
}

void server_add_socket(struct server *s, int fd)
{
    listener_add(s->listener, fd);
}

void server_remove_socket(struct server *s, int fd)
{
    listener_remove(s->listener, fd);
}

bool server_is_accepting(const struct server *s)
{
    return listener_is_accepting(s->listener);
}

void server_drain(struct server *s)
{
    listener_drain(s->listener);
}

size_t server_connections(const struct server *s)
{
    return listener_connections(s->listener);
}

void server_free(struct server *s)
{
    if (s == NULL)
        return;
    if (s->listener != NULL)
        listener_free(s->listener);
    event_free(s->memory);
    buf_release(&s->models);
    free(s);
}
