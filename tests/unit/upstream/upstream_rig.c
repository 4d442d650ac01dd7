/* upstream_rig.c - upstream_rig.h says what it is. */
#include "upstream_rig.h"

#include <criterion/criterion.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

void upstream_rig_start(struct upstream_rig *r, const struct answer *answers, size_t n)
{
    struct err err;

    signal(SIGPIPE, SIG_IGN);
    r->conf.pool_connections = r->conf.pool_connections ? r->conf.pool_connections : 10;
    r->conf.keepalive_ms = 30000;
    r->conf.dns_cache_ms = 300000;
    r->base = event_base_new();
    upstream_server_start(&r->srv, r->base, answers, n);
    r->up = upstream_new(r->base, &r->conf, &err);
    cr_assert_not_null(r->up, "%s", err.msg);
}

void upstream_rig_stop(struct upstream_rig *r)
{
    upstream_free(r->up);
    upstream_server_stop(&r->srv);
    event_base_free(r->base);
}

static void on_guard(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    *(bool *)arg = true;
}

void upstream_rig_run_until(struct upstream_rig *r, const int *value, int want,
                            const char *what)
{
    bool late = false;
    struct event *guard = evtimer_new(r->base, on_guard, &late);
    struct timeval tv = {30, 0};

    event_add(guard, &tv);
    while (*value < want && !late)
        event_base_loop(r->base, EVLOOP_ONCE);
    event_free(guard);
    cr_assert(!late, "no %s in 30 s", what);
}

void upstream_rig_run_for(struct upstream_rig *r, int ms)
{
    bool late = false;
    struct event *guard = evtimer_new(r->base, on_guard, &late);
    struct timeval tv = {ms / 1000, ms % 1000 * 1000};

    event_add(guard, &tv);
    while (!late)
        event_base_loop(r->base, EVLOOP_ONCE);
    event_free(guard);
}

static void act(struct upstream_client *c, enum upstream_client_act what)
{
    c->cancelled |= what == CANCEL && c->another == NULL;
    if (what == CANCEL)
        upstream_call_cancel(c->another != NULL ? c->another->call : c->call);
    if (what == PAUSE) {
        upstream_call_pause(c->call);
        c->paused = true;
    }
    if (what == START_ANOTHER && c->another->call == NULL)
        upstream_client_post(c->rig, c->another, "Authorization: Bearer another");
}

static void on_head(void *arg, const struct upstream_head *h)
{
    struct upstream_client *c = arg;

    c->rig->inside++;
    c->heads++;
    c->told_late |= c->cancelled;
    c->status = h->status;
    c->n_fields = h->n_fields;
    for (size_t i = 0; i < h->n_fields; i++)
        cr_assert_eq(buf_appendf(&c->fields, "%.*s=%.*s\n", STR_ARG(h->fields[i].name),
                                 STR_ARG(h->fields[i].value)),
                     0);
    act(c, c->in_head);
    c->rig->inside--;
}

static void on_data(void *arg, const char *data, size_t len)
{
    struct upstream_client *c = arg;

    c->rig->inside++;
    c->datas++;
    c->told_late |= c->cancelled;
    c->data_while_paused |= c->paused;
    cr_assert_eq(c->heads, 1, "data before the head");
    if (buf_append(&c->body, data, len) < 0)
        buf_clear(&c->body);
    c->body_len += len;
    act(c, c->in_data);
    c->rig->inside--;
}

static void on_end(void *arg, const struct upstream_end *end)
{
    struct upstream_client *c = arg;

    cr_assert_eq(c->rig->inside, 0, "on_end inside another call");
    cr_assert_eq(c->ends, 0, "on_end twice");
    c->ends++;
    c->told_late |= c->cancelled;
    c->end = *end;
    act(c, c->in_end);
}

static const struct upstream_ops ops = {on_head, on_data, on_end};

void upstream_client_init(struct upstream_client *c, struct upstream_rig *r)
{
    memset(c, 0, sizeof(*c));
    c->rig = r;
    buf_init(&c->fields, 1 << 20);
    buf_init(&c->body, 1 << 20);
}

void upstream_client_release(struct upstream_client *c)
{
    buf_release(&c->fields);
    buf_release(&c->body);
}

void upstream_client_start(struct upstream_client *c, const struct upstream_request *req)
{
    c->rig->inside++;
    c->call = upstream_start(c->rig->up, req, &ops, c);
    cr_assert_not_null(c->call);
    c->rig->inside--;
}

void upstream_client_post(struct upstream_rig *r, struct upstream_client *c, const char *auth)
{
    char url[64];
    const char *headers[] = {"Content-Type: application/json", auth};

    snprintf(url, sizeof(url), "http://127.0.0.1:%d/v1/x?a=b", r->srv.port);
    upstream_client_start(c, &(struct upstream_request){.method = "POST",
                                                        .url = url,
                                                        .headers = headers,
                                                        .n_headers = auth != NULL ? 2 : 1,
                                                        .body = STR("{\"a\":1}"),
                                                        .connect_ms = 5000,
                                                        .total_ms = 8000});
}

void upstream_client_run(struct upstream_rig *r, struct upstream_client *c)
{
    upstream_client_init(c, r);
    upstream_client_post(r, c, "Authorization: Bearer one");
    upstream_rig_run_until(r, &c->ends, 1, "on_end");
}
