/* region_headers.c - what a request to a region carries beside its body; region_headers.h has
 * the contract.
 *
 * A secret goes only to the host that owns it: the client's credentials stop here, and a
 * region's own are bound to its URL in one row. */
#include "router/request/region_headers.h"

#include "base/str.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

struct region_lines { /* made once: what every request to a region carries */
    char *url[N_ATTEMPT_PATHS];
    char *check_url;
    char *auth, *x_region; /* "Name: value"; NULL when not sent */
};

struct region_headers {
    const struct config *conf;
    struct region_lines *regions;
};

static const char *const paths[N_ATTEMPT_PATHS] = {
    [ATTEMPT_CHAT] = "/chat/completions",
    [ATTEMPT_COMPLETIONS] = "/completions",
    [ATTEMPT_EMBEDDINGS] = "/embeddings",
    [ATTEMPT_MODELS] = "/models",
};

static char *join(const char *a, const char *b, const char *c)
{
    struct buf out;

    buf_init(&out, 65536);
    if (buf_appendf(&out, "%s%s%s", a, b, c) < 0)
        buf_clear(&out); /* cannot be: the config bounds each part */
    return buf_take(&out);
}

struct region_headers *region_headers_new(const struct config *conf)
{
    struct region_headers *e = xcalloc(1, sizeof(*e));

    e->conf = conf;
    e->regions = xcalloc(conf->n_regions, sizeof(*e->regions));
    for (size_t i = 0; i < conf->n_regions; i++) {
        const struct config_region *r = &conf->regions[i];
        bool bearer = str_ieqz(str_of(r->auth_header), "authorization");

        for (int p = 0; p < N_ATTEMPT_PATHS; p++)
            e->regions[i].url[p] = join(r->base_url, paths[p], "");
        e->regions[i].check_url =
            join(r->base_url, r->health_path != NULL ? r->health_path : conf->health.path, "");
        if (r->api_key[0] != '\0')
            e->regions[i].auth = join(r->auth_header, bearer ? ": Bearer " : ": ", r->api_key);
        if (r->x_region[0] != '\0')
            e->regions[i].x_region = join("X-Region", ": ", r->x_region);
    }
    return e;
}

void region_headers_free(struct region_headers *e)
{
    if (e == NULL)
        return;
    for (size_t i = 0; i < e->conf->n_regions; i++) {
        for (int p = 0; p < N_ATTEMPT_PATHS; p++)
            free(e->regions[i].url[p]);
        free(e->regions[i].check_url);
        if (e->regions[i].auth != NULL)
            explicit_bzero(e->regions[i].auth, strlen(e->regions[i].auth));
        free(e->regions[i].auth);
        free(e->regions[i].x_region);
    }
    free(e->regions);
    free(e);
}

/* The client's fields that go on to a region.  A list of what may, not of what may not: a
 * credential under a name nobody thought of must not reach a vendor. */
static const char *const forwarded[] = {
    "user-agent", "openai-beta",     "idempotency-key",     "traceparent",
    "tracestate", "accept-language", "x-client-request-id",
};

/* RFC 9110 7.6.1: what Connection lists is for us alone. */
static bool is_named_by_connection(const struct http1_head *from, struct str name)
{
    for (size_t i = 0; i < from->n_fields; i++)
        if (str_ieqz(from->fields[i].name, "connection") &&
            text_list_has(from->fields[i].value, name))
            return true;
    return false;
}

static bool may_forward(const struct http1_head *from, struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(forwarded); i++)
        if (str_ieqz(name, forwarded[i]))
            return !is_named_by_connection(from, name);
    return str_istarts(name, "x-stainless-") && !is_named_by_connection(from, name);
}

/* Bytes the made lines need: buf must not move under the pointers into it. */
static size_t text_bytes(const struct attempt_ask *ask)
{
    size_t need = strlen("X-Request-Id: ") + strlen(ask->request_id) + 1;

    for (size_t i = 0; i < ask->from->n_fields; i++)
        if (may_forward(ask->from, ask->from->fields[i].name))
            need += ask->from->fields[i].name.len + ask->from->fields[i].value.len + 3;
    return need;
}

static void add(struct region_headers_lines *l, struct str name, struct str value)
{
    size_t at = l->text.len;

    if (l->n == ENVELOPE_LINES_MAX || value.len == 0)
        return;
    if (buf_append_str(&l->text, name) < 0 || buf_append(&l->text, ": ", 2) < 0 ||
        buf_append_str(&l->text, value) < 0 || buf_append(&l->text, "", 1) < 0)
        return; /* cannot be: reserved by the caller */
    l->line[l->n++] = l->text.data + at;
}

void region_headers_fill(const struct region_headers *e, const struct attempt_ask *ask,
                         struct region_headers_lines *out)
{
    const struct region_lines *r = &e->regions[ask->region];
    size_t need = text_bytes(ask);

    *out = (struct region_headers_lines){.url = r->url[ask->path]};
    buf_init(&out->text, need);
    if (ask->path != ATTEMPT_MODELS)
        out->line[out->n++] = "Content-Type: application/json";
    out->line[out->n++] = ask->stream ? "Accept: text/event-stream, application/json"
                                      : "Accept: application/json";
    if (r->auth != NULL)
        out->line[out->n++] = r->auth;
    if (r->x_region != NULL)
        out->line[out->n++] = r->x_region;
    if (buf_reserve(&out->text, need) < 0)
        return;
    add(out, STR("X-Request-Id"), str_of(ask->request_id));
    for (size_t i = 0; i < ask->from->n_fields; i++)
        if (may_forward(ask->from, ask->from->fields[i].name))
            add(out, ask->from->fields[i].name, ask->from->fields[i].value);
}

void region_headers_fill_check(const struct region_headers *e, size_t region,
                               struct region_headers_lines *out)
{
    const struct region_lines *r = &e->regions[region];

    *out = (struct region_headers_lines){.url = r->check_url};
    buf_init(&out->text, 1);
    out->line[out->n++] = "Accept: application/json";
    out->line[out->n++] = "User-Agent: sluice/" SLUICE_VERSION;
    if (r->auth != NULL)
        out->line[out->n++] = r->auth;
    if (r->x_region != NULL)
        out->line[out->n++] = r->x_region;
}

void region_headers_lines_release(struct region_headers_lines *l)
{
    buf_release(&l->text);
}
