/* region_headers.c - what a request to a region carries beside its body; region_headers.h has
 * the contract.
 *
 * A secret goes only to the host that owns it: the client's credentials stop here, and a
 * region's own are bound to its URL in one row. */
#include "router/request/region_headers.h"

#include "base/str.h"
#include "base/version.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define NO_CODING "Accept-Encoding: identity" /* answers are read and relayed as they are */

struct region_lines { /* made once: what every request to a region carries */
    const struct dialect *dialect;
    char *url[N_DIALECT_PATHS]; /* NULL: its dialect has none */
    char *check_url;
    char *auth, *x_region; /* "Name: value"; NULL when not sent */
    char **headers;        /* the same of each of its config's */
};

struct region_headers {
    const struct config *conf;
    struct region_lines *regions;
};

static char *join(const char *a, const char *b, const char *c)
{
    struct buf out;

    buf_init(&out, 65536);
    if (buf_appendf(&out, "%s%s%s", a, b, c) < 0)
        buf_clear(&out); /* cannot be: the config bounds each part */
    return buf_take(&out);
}

/* A key goes bare into a field of the operator's choice, and in the dialect's form into the
 * field where the dialect has it. */
static char *auth_line(const struct dialect *d, const struct config_region *r)
{
    bool usual = str_ieqz(str_of(r->auth_header), d->auth_header);
    struct buf line;

    buf_init(&line, 65536);
    if (buf_appendf(&line, "%s: %s%s", r->auth_header, usual ? d->auth_prefix : "",
                    r->api_key) < 0)
        buf_clear(&line); /* cannot be: the config bounds each part */
    return buf_take(&line);
}

static void make_headers(struct region_lines *lines, const struct config_region *r)
{
    lines->headers = xcalloc(r->n_headers + 1, sizeof(*lines->headers));
    for (size_t i = 0; i < r->n_headers; i++)
        lines->headers[i] = join(r->headers[i].name, ": ", r->headers[i].value);
}

static void free_headers(struct region_lines *lines)
{
    for (char **line = lines->headers; *line != NULL; line++) {
        explicit_bzero(*line, strlen(*line));
        free(*line);
    }
    free(lines->headers);
}

struct region_headers *region_headers_new(const struct config *conf)
{
    struct region_headers *e = xcalloc(1, sizeof(*e));

    e->conf = conf;
    e->regions = xcalloc(conf->n_regions, sizeof(*e->regions));
    for (size_t i = 0; i < conf->n_regions; i++) {
        const struct config_region *r = &conf->regions[i];
        const struct dialect *d = dialect_get("openai"); /* no config names another */

        e->regions[i].dialect = d;
        for (int p = 0; p < N_DIALECT_PATHS; p++)
            if (d->asks[p] != NULL)
                e->regions[i].url[p] = join(r->base_url, d->asks[p], "");
        e->regions[i].check_url =
            join(r->base_url, r->health_path != NULL ? r->health_path : conf->health.path, "");
        if (r->api_key[0] != '\0')
            e->regions[i].auth = auth_line(d, r);
        if (r->x_region[0] != '\0')
            e->regions[i].x_region = join("X-Region", ": ", r->x_region);
        make_headers(&e->regions[i], r);
    }
    return e;
}

void region_headers_free(struct region_headers *e)
{
    if (e == NULL)
        return;
    for (size_t i = 0; i < e->conf->n_regions; i++) {
        for (int p = 0; p < N_DIALECT_PATHS; p++)
            free(e->regions[i].url[p]);
        free(e->regions[i].check_url);
        if (e->regions[i].auth != NULL)
            explicit_bzero(e->regions[i].auth, strlen(e->regions[i].auth));
        free(e->regions[i].auth);
        free(e->regions[i].x_region);
        free_headers(&e->regions[i]);
    }
    free(e->regions);
    free(e);
}

/* The client's fields that go on to a region, beside those its dialect names.  A list of what
 * may, not of what may not: a credential under a name nobody thought of must not reach a
 * vendor. */
static const char *const forwarded[] = {
    "user-agent", "idempotency-key", "traceparent",
    "tracestate", "accept-language", "x-client-request-id",
};

const struct dialect *region_headers_dialect(const struct region_headers *e, size_t region)
{
    return e->regions[region].dialect;
}

static bool is_forwarded(const struct dialect *d, struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(forwarded); i++)
        if (str_ieqz(name, forwarded[i]))
            return true;
    for (const char *const *own = d->forwards; *own != NULL; own++)
        if (str_ieqz(name, *own))
            return true;
    return str_istarts(name,
                       "x-stainless-"); /* what the vendors' own libraries say of themselves */
}

/* The config's word on a field goes before the client's. */
static bool is_set(const struct config_region *r, struct str name)
{
    for (size_t i = 0; i < r->n_headers; i++)
        if (str_ieqz(name, r->headers[i].name))
            return true;
    return false;
}

static bool may_forward(const struct dialect *d, const struct config_region *r,
                        const struct http_head *from, struct str name)
{
    return is_forwarded(d, name) && !is_set(r, name) &&
           !http_field_is_named_by_connection(from->fields, from->n_fields, name);
}

/* Bytes the made lines need: buf must not move under the pointers into it. */
static size_t text_bytes(const struct dialect *d, const struct config_region *r,
                         const struct region_headers_ask *ask)
{
    size_t need = strlen("X-Request-Id: ") + strlen(ask->request_id) + 1;

    for (size_t i = 0; i < ask->from->n_fields; i++)
        if (may_forward(d, r, ask->from, ask->from->fields[i].name))
            need += ask->from->fields[i].name.len + ask->from->fields[i].value.len + 3;
    return need;
}

static void add(struct region_headers_lines *l, struct str name, struct str value)
{
    size_t at = l->text.len;

    if (l->n == REGION_HEADERS_LINES_MAX || value.len == 0)
        return;
    if (buf_append_str(&l->text, name) < 0 || buf_append(&l->text, ": ", 2) < 0 ||
        buf_append_str(&l->text, value) < 0 || buf_append(&l->text, "", 1) < 0)
        return; /* cannot be: reserved by the caller */
    l->line[l->n++] = l->text.data + at;
}

/* What every request to this region carries: the dialect's own lines and our credentials. */
static void add_ours(const struct region_lines *r, struct region_headers_lines *out)
{
    for (const char *const *own = r->dialect->headers; *own != NULL; own++)
        out->line[out->n++] = *own;
    if (r->auth != NULL)
        out->line[out->n++] = r->auth;
    if (r->x_region != NULL)
        out->line[out->n++] = r->x_region;
    for (char *const *line = r->headers; *line != NULL; line++)
        out->line[out->n++] = *line;
}

void region_headers_fill(const struct region_headers *e, const struct region_headers_ask *ask,
                         struct region_headers_lines *out)
{
    const struct region_lines *r = &e->regions[ask->region];
    const struct config_region *conf = &e->conf->regions[ask->region];
    size_t need = text_bytes(r->dialect, conf, ask);

    assert(r->url[ask->path] != NULL);
    *out = (struct region_headers_lines){.url = r->url[ask->path],
                                         .proxy = conf->proxy,
                                         .trust = config_trust_of(e->conf, ask->region)};
    buf_init(&out->text, need);
    if (ask->path != DIALECT_MODELS)
        out->line[out->n++] = "Content-Type: application/json";
    out->line[out->n++] = ask->stream ? "Accept: text/event-stream, application/json"
                                      : "Accept: application/json";
    out->line[out->n++] = NO_CODING;
    add_ours(r, out);
    if (buf_reserve(&out->text, need) < 0)
        return;
    add(out, STR("X-Request-Id"), str_of(ask->request_id));
    for (size_t i = 0; i < ask->from->n_fields; i++)
        if (may_forward(r->dialect, conf, ask->from, ask->from->fields[i].name))
            add(out, ask->from->fields[i].name, ask->from->fields[i].value);
}

void region_headers_fill_check(const struct region_headers *e, size_t region,
                               struct region_headers_lines *out)
{
    const struct region_lines *r = &e->regions[region];

    *out = (struct region_headers_lines){.url = r->check_url,
                                         .proxy = e->conf->regions[region].proxy,
                                         .trust = config_trust_of(e->conf, region)};
    buf_init(&out->text, 1);
    out->line[out->n++] = "Accept: application/json";
    if (!is_set(&e->conf->regions[region], STR("user-agent")))
        out->line[out->n++] = version_user_agent();
    out->line[out->n++] = NO_CODING;
    add_ours(r, out);
}

void region_headers_lines_release(struct region_headers_lines *l)
{
    buf_release(&l->text);
}
