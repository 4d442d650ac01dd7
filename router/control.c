/* control.c - health, metrics and state on the private listener; control.h has the contract.
 *
 * Ready means "send me clients": it stays true while Redis is away or every region is open,
 * because then this router still gives the most honest answer there is, and taking all routers
 * out of a load balancer at once helps nobody.  It turns false when draining starts. */
#include "router/control.h"

#include "base/clock.h"
#include "base/json_scan.h"
#include "http/listener.h"
#include "router/health_check.h"
#include "router/metrics_text.h"
#include "router/request/reply.h"
#include "router/server.h"

#include <assert.h>
#include <inttypes.h>
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

static int page_live(const struct worker *w, struct buf *out)
{
    (void)w;
    return buf_append_str(out, STR("{\"status\":\"live\"}\n"));
}

static int page_ready(const struct worker *w, struct buf *out)
{
    size_t usable = 0;
    int64_t now_ms = clock_mono_ms();

    for (size_t i = 0; i < w->conf->n_regions; i++)
        usable += fleet_region_usable(w->fleet, i, now_ms);
    return buf_appendf(out,
                       "{\"status\":\"%s\",\"shared_state\":\"%s\",\"regions\":%zu,"
                       "\"regions_usable\":%zu,\"in_flight\":%" PRId64 "}\n",
                       w->draining ? "draining" : "ready", fleet_mode(w->fleet),
                       w->conf->n_regions, usable, w->slot->inflight);
}

static int page_metrics(const struct worker *w, struct buf *out)
{
    return metrics_text_render(w->metrics, out);
}

static int put_check(const struct worker *w, size_t i, struct buf *out)
{
    struct store_check c;

    health_check_last(w->checks, i, clock_mono_ms(), &c);
    if (!c.known)
        return buf_append_str(out, STR(",\"check\":null"));
    if (buf_appendf(out, ",\"check\":{\"result\":\"%s\",\"ago_ms\":%" PRId64 ",\"seen\":",
                    c.ok ? "ok" : "fail", c.ago_ms) < 0 ||
        json_scan_quote(out, str_of(c.what)) < 0)
        return -1;
    return buf_append_str(out, STR("}"));
}

/* Milliseconds with three digits, or null. */
static int put_time(struct buf *out, const char *name, int64_t us)
{
    if (us < 0)
        return buf_appendf(out, ",\"%s\":null", name);
    return buf_appendf(out, ",\"%s\":%" PRId64 ".%03d", name, us / 1000, (int)(us % 1000));
}

static int put_measures(const struct fleet_region *r, struct buf *out)
{
    if (buf_appendf(out, ",\"health\":%d", r->health) < 0 ||
        (r->fleet_health < 0 ? buf_appendf(out, ",\"fleet_health\":null")
                             : buf_appendf(out, ",\"fleet_health\":%d", r->fleet_health)) < 0)
        return -1;
    return put_time(out, "first_byte_ms", r->first_us) < 0 ||
                   put_time(out, "total_ms", r->total_us) < 0
               ? -1
               : 0;
}

/* The members that a region and a model in it have both; the object stays open. */
static int put_slot(const char *name, const struct fleet_region *r, struct buf *out)
{
    if (json_scan_quote(out, str_of(name)) < 0 ||
        buf_appendf(out,
                    ",\"state\":\"%s\",\"epoch\":%" PRIu64 ",\"open_for_ms\":%" PRId64
                    ",\"cooling_for_ms\":%" PRId64 ",\"share_percent\":%d"
                    ",\"forced\":\"%s\",\"alone\":%s,\"reason\":",
                    breaker_state_name(r->state), r->epoch, r->open_for_ms, r->cooling_for_ms,
                    r->share_percent, view_forced_name(r->forced),
                    r->alone ? "true" : "false") < 0)
        return -1;
    return json_scan_quote(out, str_of(r->reason));
}

/* The models of region i, where they have breakers of their own. */
static int put_models(const struct worker *w, size_t i, struct buf *out)
{
    const struct config_region *region = &w->conf->regions[i];
    struct fleet_region r;

    if (region->n_slots == 0)
        return 0;
    for (size_t n = 0; n < region->n_slots; n++) {
        size_t k = region->first_slot + n;

        fleet_describe(w->fleet, k, clock_mono_ms(), &r);
        if (buf_appendf(out, "%s{\"name\":", n == 0 ? ",\"models\":[" : ",") < 0 ||
            put_slot(w->conf->slots[k].name + strlen(region->name) + 1, &r, out) < 0 ||
            buf_append_str(out, STR("}")) < 0)
            return -1;
    }
    return buf_append_str(out, STR("]"));
}

static int put_region(const struct worker *w, size_t i, struct buf *out)
{
    struct fleet_region r;

    fleet_describe(w->fleet, i, clock_mono_ms(), &r);
    if (buf_appendf(out, "%s{\"name\":", i > 0 ? "," : "") < 0 ||
        put_slot(w->conf->regions[i].name, &r, out) < 0 ||
        buf_appendf(out, ",\"in_flight\":%" PRId64, w->slot->fleet->slot[i].inflight) < 0 ||
        put_measures(&r, out) < 0 || put_check(w, i, out) < 0 || put_models(w, i, out) < 0)
        return -1;
    return buf_append_str(out, STR("}"));
}

static int page_state(const struct worker *w, struct buf *out)
{
    int64_t up_s = (clock_wall_ms() - w->started_wall_ms) / 1000;

    if (buf_appendf(out,
                    "{\"router\":\"%s\",\"version\":\"%s\",\"config\":\"%s\",\"fleet\":\"%s\","
                    "\"uptime_s\":%" PRId64 ",\"draining\":%s,\"in_flight\":%" PRId64
                    ",\"connections\":%" PRId64 ",\"shared_state\":{\"mode\":\"%s\","
                    "\"generation\":\"%s\",\"version\":%" PRIu64 ",\"regions\":[",
                    w->id, SLUICE_VERSION, w->conf->digest, w->conf->fleet, up_s,
                    w->draining ? "true" : "false", w->slot->inflight, w->slot->connections,
                    fleet_mode(w->fleet), fleet_generation(w->fleet),
                    fleet_version(w->fleet)) < 0)
        return -1;
    for (size_t i = 0; i < w->conf->n_regions; i++)
        if (put_region(w, i, out) < 0)
            return -1;
    return buf_append_str(out, STR("]}}\n"));
}

static const struct page {
    const char *path, *type;
    int (*render)(const struct worker *w, struct buf *out);
    bool fails_draining;
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

static bool on_head(void *arg, const struct http1_head *head, struct http_refusal *r)
{
    (void)arg;
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
    int status = page->fails_draining && c->w->draining ? 503 : 200;

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
