/* reply.c - answers of our own; reply.h has the contract. */
#include "router/request/reply.h"

#include "base/json_out.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BODY_MAX_BYTES 4096

int reply_format(struct buf *out, const struct dialect *d, const struct reply_error *e)
{
    return d->write_error(out, &(struct dialect_error){.status = e->status,
                                                       .type = e->type,
                                                       .code = e->code,
                                                       .param = e->param,
                                                       .message = e->message});
}

size_t reply_coming_fields(const struct reply_error *e, struct http_reply_field *f,
                           struct reply_coming *text)
{
    size_t n = 0;

    if (e->retry_after_ms >= 0) {
        snprintf(text->after_s, sizeof(text->after_s), "%" PRId64,
                 (e->retry_after_ms + 999) / 1000);
        snprintf(text->after_ms, sizeof(text->after_ms), "%" PRId64, e->retry_after_ms);
        f[n++] = (struct http_reply_field){"Retry-After", str_of(text->after_s)};
        f[n++] = (struct http_reply_field){"retry-after-ms", str_of(text->after_ms)};
    }
    if (e->no_retry || e->may_retry)
        f[n++] = (struct http_reply_field){"x-should-retry",
                                           e->no_retry ? STR("false") : STR("true")};
    return n;
}

void reply_error(struct exchange *ex, const struct dialect *d, const struct reply_error *e,
                 const char *request_id)
{
    struct http_reply_field f[4 + REPLY_COMING_MAX];
    struct reply_coming coming;
    char attempts[24];
    size_t n = 0;
    struct buf body;

    buf_init(&body, BODY_MAX_BYTES);
    if (reply_format(&body, d, e) < 0)
        buf_clear(&body);
    f[n++] = (struct http_reply_field){"Content-Type", STR("application/json")};
    f[n++] = (struct http_reply_field){"x-sluice-error", str_of(e->code)};
    if (request_id != NULL)
        f[n++] = (struct http_reply_field){"x-request-id", str_of(request_id)};
    if (e->attempts > 0) {
        snprintf(attempts, sizeof(attempts), "%d", e->attempts);
        f[n++] = (struct http_reply_field){"x-sluice-attempts", str_of(attempts)};
    }
    n += reply_coming_fields(e, f + n, &coming);
    exchange_reply(ex, e->status, f, n, buf_str(&body));
    buf_release(&body);
}

void reply_format_refusal(void *arg, const struct http_refusal *r, char *out, size_t cap)
{
    struct reply_error e = {.status = r->status,
                            .type = r->type != NULL ? r->type : "invalid_request_error",
                            .code = r->code,
                            .message = r->message};
    struct buf body;

    (void)arg;
    buf_init(&body, cap - 1);
    if (reply_format(&body, dialect_at(0), &e) < 0)
        buf_clear(&body);
    memcpy(out, body.len > 0 ? body.data : "", body.len + 1);
    buf_release(&body);
}

static void put_model(const struct config_model *m, struct json_out *o)
{
    json_out_object(o);
    json_out_key(o, "id");
    json_out_text(o, m->name);
    json_out_key(o, "object");
    json_out_text(o, "model");
    json_out_key(o, "created");
    json_out_int(o, 0);
    json_out_key(o, "owned_by");
    json_out_text(o, "sluice");
    json_out_end(o);
}

int reply_models(const struct config *conf, struct buf *out)
{
    struct json_out o;

    json_out_init(&o, out, false);
    json_out_object(&o);
    json_out_key(&o, "object");
    json_out_text(&o, "list");
    json_out_key(&o, "data");
    json_out_array(&o);
    for (size_t i = 0; i < conf->n_models; i++)
        put_model(&conf->models[i], &o);
    json_out_end(&o);
    json_out_end(&o);
    return json_out_finish(&o);
}

int reply_model(const struct config *conf, struct str id, struct buf *out)
{
    int i = config_find_model(conf, id);
    struct json_out o;

    if (i < 0)
        return -1;
    json_out_init(&o, out, false);
    put_model(&conf->models[i], &o);
    return json_out_finish(&o);
}

/* A region's fields that pass to the client, beside those its dialect names.  A list of what
 * may, not of what may not: a client takes the answer for ours, and there is no end to what an
 * answer may tell a browser or a proxy to do (Set-Cookie, Access-Control-Allow-Origin,
 * Clear-Site-Data, Refresh, X-Accel-Redirect). */
static const char *const passed[] = {
    "content-type", "cache-control", "retry-after", "retry-after-ms", "x-should-retry",
};

/* One of a dialect's names; one that ends in '*' stands for all that begin so. */
static bool is_of(struct str name, const char *pattern)
{
    size_t len = strlen(pattern);

    if (pattern[len - 1] != '*')
        return str_ieqz(name, pattern);
    return name.len >= len - 1 &&
           str_ieq((struct str){name.ptr, len - 1}, (struct str){pattern, len - 1});
}

static bool is_passed(const struct dialect *d, struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(passed); i++)
        if (str_ieqz(name, passed[i]))
            return true;
    for (const char *const *own = d->passes; *own != NULL; own++)
        if (is_of(name, *own))
            return true;
    return false;
}

static bool may_pass(const struct dialect *d, const struct upstream_head *head, struct str name)
{
    return is_passed(d, name) &&
           !http_field_is_named_by_connection(head->fields, head->n_fields, name);
}

size_t reply_forbid_buffering(struct http_reply_field *f, size_t n)
{
    bool no_cache = false;
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        if (str_ieqz(str_of(f[i].name), "x-accel-buffering"))
            continue;
        if (str_ieqz(str_of(f[i].name), "cache-control"))
            no_cache |= text_list_has(f[i].value, STR("no-cache"));
        f[kept++] = f[i];
    }
    if (!no_cache)
        f[kept++] = (struct http_reply_field){"Cache-Control", STR("no-cache")};
    f[kept++] = (struct http_reply_field){"X-Accel-Buffering", STR("no")};
    return kept;
}

int64_t reply_pass_fields(const struct dialect *d, const struct upstream_head *head,
                          struct http_reply_field *f, size_t max, struct buf *text)
{
    size_t n = 0, bytes = 0;

    for (size_t i = 0; i < head->n_fields; i++)
        bytes += head->fields[i].name.len + head->fields[i].value.len + 1;
    buf_clear(text);
    if (buf_reserve(text, bytes) < 0) /* so that text->data does not move below */
        return -1;
    for (size_t i = 0; i < head->n_fields && n < max; i++) {
        const struct http_field *from = &head->fields[i];
        size_t at = text->len;

        if (!may_pass(d, head, from->name))
            continue;
        if (buf_append_str(text, from->name) < 0 || buf_append(text, "", 1) < 0 ||
            buf_append_str(text, from->value) < 0)
            break; /* cannot be: reserved above */
        f[n++] = (struct http_reply_field){
            text->data + at, {text->data + at + from->name.len + 1, from->value.len}};
    }
    return (int64_t)n;
}
