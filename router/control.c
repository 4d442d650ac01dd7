/* control.c - health, metrics and state on the private listener; control.h has the contract.
 *
 * Ready means "send me clients": it stays true while Redis is away or every region is open,
 * because then this router still gives the most honest answer there is, and taking all routers
 * out of a load balancer at once helps nobody.  It turns false when the router is told
 * to stop, drain_delay before it drains. */
#include "router/control.h"

#include "base/clock.h"
#include "base/json_out.h"
#include "base/version.h"
#include "http/listener.h"
#include "router/cross_site.h"
#include "router/health_check.h"
#include "router/metrics_text.h"
#include "router/request/reply.h"
#include "router/server.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define CONTROL_CONNECTIONS_MAX 256
#define PAGE_MAX_BYTES          (16u << 20)

struct control {
    struct worker *w;
    struct http_limits limits;
    struct exchange_handler handler;
    struct listener *listener;
};

/* The page's object is written: its last line ends. */
static int finish(struct json_out *o, struct buf *out)
{
    json_out_end(o);
    return json_out_finish(o) < 0 ? -1 : buf_append_str(out, STR("\n"));
}

static int page_live(const struct worker *w, struct buf *out)
{
    struct json_out o;

    (void)w;
    json_out_init(&o, out, false);
    json_out_object(&o);
    json_out_member_text(&o, "status", "live");
    return finish(&o, out);
}

static int page_ready(const struct worker *w, struct buf *out)
{
    struct json_out o;
    int64_t usable = 0, now_ms = clock_mono_ms();

    for (size_t i = 0; i < w->conf->n_regions; i++)
        usable += fleet_region_usable(w->fleet, i, now_ms);
    json_out_init(&o, out, false);
    json_out_object(&o);
    json_out_member_text(&o, "status",
                         w->leaving    ? "draining"
                         : w->starting ? "starting"
                                       : "ready");
    json_out_member_text(&o, "shared_state", fleet_mode(w->fleet));
    json_out_member_text(&o, "view", fleet_view(w->fleet));
    json_out_member_int(&o, "regions", (int64_t)w->conf->n_regions);
    json_out_member_int(&o, "regions_usable", usable);
    json_out_member_int(&o, "in_flight", w->slot->inflight);
    return finish(&o, out);
}

static int page_metrics(const struct worker *w, struct buf *out)
{
    return metrics_text_render(w->metrics, out);
}

static void put_check(const struct worker *w, size_t i, struct json_out *o)
{
    struct shared_state_check c;

    health_check_last(w->checks, i, clock_mono_ms(), &c);
    json_out_key(o, "check");
    if (!c.known) {
        json_out_null(o);
        return;
    }
    json_out_object(o);
    json_out_member_text(o, "result", c.ok ? "ok" : "fail");
    json_out_member_int(o, "ago_ms", c.ago_ms);
    json_out_member_text(o, "seen", c.what);
    json_out_end(o);
}

/* Milliseconds with three digits, or null. */
static void put_time(struct json_out *o, const char *key, int64_t us)
{
    json_out_key(o, key);
    if (us < 0)
        json_out_null(o);
    else
        json_out_thousandths(o, us);
}

static void put_measures(const struct fleet_region *r, struct json_out *o)
{
    json_out_member_int(o, "health", r->health);
    json_out_key(o, "fleet_health");
    if (r->fleet_health < 0)
        json_out_null(o);
    else
        json_out_int(o, r->fleet_health);
    put_time(o, "first_byte_ms", r->first_us);
    put_time(o, "total_ms", r->total_us);
}

/* Begins an object with what a region and a model in it both have; it stays open. */
static void begin_slot(const char *name, const struct fleet_region *r, struct json_out *o)
{
    json_out_object(o);
    json_out_member_text(o, "name", name);
    json_out_member_text(o, "state", breaker_state_name(r->state));
    json_out_member_int(o, "epoch", (int64_t)r->epoch);
    json_out_member_int(o, "open_for_ms", r->open_for_ms);
    json_out_member_int(o, "cooling_for_ms", r->cooling_for_ms);
    json_out_member_int(o, "share_percent", r->share_percent);
    json_out_member_text(o, "forced", view_forced_name(r->forced));
    json_out_member_bool(o, "alone", r->alone);
    json_out_member_text(o, "reason", r->reason);
}

/* The models of region i, where they have breakers of their own. */
static void put_models(const struct worker *w, size_t i, struct json_out *o)
{
    const struct config_region *region = &w->conf->regions[i];
    struct fleet_region r;

    if (region->n_slots == 0)
        return;
    json_out_key(o, "models");
    json_out_array(o);
    for (size_t n = 0; n < region->n_slots; n++) {
        size_t k = region->first_slot + n;

        fleet_describe(w->fleet, k, clock_mono_ms(), &r);
        begin_slot(w->conf->slots[k].name + strlen(region->name) + 1, &r, o);
        json_out_end(o);
    }
    json_out_end(o);
}

static void put_region(const struct worker *w, size_t i, struct json_out *o)
{
    struct fleet_region r;

    fleet_describe(w->fleet, i, clock_mono_ms(), &r);
    begin_slot(w->conf->regions[i].name, &r, o);
    json_out_member_int(o, "in_flight", w->slot->fleet->slot[i].inflight);
    put_measures(&r, o);
    put_check(w, i, o);
    put_models(w, i, o);
    json_out_end(o);
}

static int page_state(const struct worker *w, struct buf *out)
{
    struct json_out o;

    json_out_init(&o, out, false);
    json_out_object(&o);
    json_out_member_text(&o, "router", w->id);
    json_out_member_text(&o, "version", version_text());
    json_out_member_text(&o, "config", w->conf->digest);
    json_out_member_text(&o, "fleet", w->conf->fleet);
    json_out_member_int(&o, "uptime_s", (clock_wall_ms() - w->started_wall_ms) / 1000);
    json_out_member_bool(&o, "draining", w->draining);
    json_out_member_int(&o, "in_flight", w->slot->inflight);
    json_out_member_int(&o, "connections", w->slot->connections);
    json_out_key(&o, "shared_state");
    json_out_object(&o);
    json_out_member_text(&o, "mode", fleet_mode(w->fleet));
    json_out_member_text(&o, "generation", fleet_generation(w->fleet));
    json_out_member_int(&o, "version", (int64_t)fleet_version(w->fleet));
    json_out_key(&o, "regions");
    json_out_array(&o);
    for (size_t i = 0; i < w->conf->n_regions; i++)
        put_region(w, i, &o);
    json_out_end(&o);
    json_out_end(&o);
    return finish(&o, out);
}

static const struct page {
    const char *path, *type;
    int (*render)(const struct worker *w, struct buf *out);
    bool says_ready; /* 503 where clients should not be sent */
} pages[] = {
    {"/livez", "application/json", page_live, false},
    {"/health/live", "application/json", page_live, false},
    {"/readyz", "application/json", page_ready, true},
    {"/health/ready", "application/json", page_ready, true},
    {"/metrics", "text/plain; version=0.0.4; charset=utf-8", page_metrics, false},
    {"/state", "application/json", page_state, false},
};

static const struct page *find_page(struct str path)
{
    for (size_t i = 0; i < ARRAY_LEN(pages); i++)
        if (str_eqz(path, pages[i].path))
            return &pages[i];
    return NULL;
}

static bool on_head(void *arg, const struct http_head *head, struct http_refusal *r)
{
    const struct control *c = arg;

    if (!cross_site_may(NULL, &c->w->conf->http.hosts, head, r))
        return false;
    if (find_page(head->path) == NULL) {
        *r = (struct http_refusal){.status = 404, .code = "unknown_path"};
        str_copy(r->message, sizeof(r->message),
                 "no such page; there are /livez, /readyz, /metrics and /state");
        return false;
    }
    if (head->method != HTTP_GET && head->method != HTTP_HEAD) {
        *r = (struct http_refusal){
            .status = 405, .allow = "GET, HEAD", .code = "method_not_allowed"};
        str_copy(r->message, sizeof(r->message), "only GET and HEAD are allowed here");
        return false;
    }
    return true;
}

static void on_body(void *arg, struct exchange *ex, struct str body)
{
    struct control *c = arg;
    const struct page *page = find_page(ex->head->path);
    struct buf out;

    (void)body;
    assert(page != NULL); /* on_head let it through */
    struct http_reply_field f[] = {{"Content-Type", str_of(page->type)},
                                   {"Cache-Control", STR("no-store")}};
    int status = page->says_ready && (c->w->leaving || c->w->starting) ? 503 : 200;

    buf_init(&out, PAGE_MAX_BYTES);
    if (page->render(c->w, &out) < 0) {
        status = 500;
        buf_clear(&out);
    }
    exchange_reply(ex, status, f, ARRAY_LEN(f), buf_str(&out));
    buf_release(&out);
}

static void on_exchange(void *arg, struct exchange *ex)
{
    static const struct exchange_taker taker = {.on_body = on_body};

    exchange_take(ex, &taker, arg);
}

struct control *control_new(struct worker *w, int fd)
{
    struct control *c = xcalloc(1, sizeof(*c));

    c->w = w;
    server_limits(&w->conf->http, &c->limits);
    c->limits.output_max_bytes = PAGE_MAX_BYTES;
    c->handler = (struct exchange_handler){.arg = c,
                                           .on_head = on_head,
                                           .on_exchange = on_exchange,
                                           .format_error = reply_format_refusal};
    c->listener = listener_new(w->base, fd, CONTROL_CONNECTIONS_MAX, &c->limits, &c->handler);
    return c;
}

void control_free(struct control *c)
{
    if (c == NULL)
        return;
    listener_free(c->listener);
    free(c);
}
