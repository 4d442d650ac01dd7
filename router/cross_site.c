/* cross_site.c - may a web page send this?  cross_site.h has the contract.
 *
 * Our own keys pay for what a client asks, and a router on a laptop or in an office asks nobody
 * who he is.  Its users' browsers are inside as well, and run what any page says.  A page can
 *
 *   send a POST of another site without asking   its body is never called JSON (server.c), and
 *                                                it carries an Origin
 *   ask first whether it may                     refused unless its origin is in http.cors
 *   let its own name lead to our address         then its browser takes us for its own site: a
 *   (DNS rebinding)                              POST still carries its Origin, a GET says its
 *                                                name in Host
 *
 * ORIGIN  We serve no page, so there is no origin of our own: whoever sends one is a page, and
 * has to be listed, under whatever name it reached us.  Browsers send it with each request but
 * GET and HEAD, and with these when a page of another site wants to read the answer (Fetch 3.2,
 * "append a request Origin header").  Other clients do not send it.
 *
 * SEC-FETCH-SITE  Says for the rest, an image's source or a link, whether another site is behind
 * it (Fetch Metadata 2.3).  Only sent to https and to loopback addresses, so its absence proves
 * nothing.  "none" is what somebody typed.
 *
 * HOST  What a rebound page cannot change.  On a loopback address nobody comes by another name
 * than localhost, unless a proxy in front passes on the one that it was asked by; such names are
 * listed in http.hosts.  On other addresses our names are not known to us, so they are held to
 * the list only where there is one.  Without a Host (HTTP/1.0) it is no browser.
 *
 * REJECTED  The Host check only where the request looks like a browser's: over plain http a
 * rebound page's GET looks like anybody's.  Only where Host names our own port: behind a
 * forwarded port (ssh -L, kubectl port-forward) a browser names another one.
 */
#include "router/cross_site.h"

#include "base/buf.h"
#include "base/text.h"
#include "http/host.h"

#define MAX_AGE_S "600"

static bool refuse(struct http_refusal *r, int status, const char *code, const char *message)
{
    *r = (struct http_refusal){.status = status, .type = "invalid_request_error", .code = code};
    str_copy(r->message, sizeof(r->message), message);
    return false;
}

/* "*" stands for every page with an origin; "null", which any page can have itself sent as, only
 * for itself.  As browsers write it, so bytes are compared. */
static bool is_listed(const struct config_texts *origins, struct str origin)
{
    bool all = false;

    for (size_t i = 0; origins != NULL && i < origins->n; i++) {
        if (str_eqz(origin, origins->text[i]))
            return true;
        all |= str_eqz(STR("*"), origins->text[i]);
    }
    return all && !str_eqz(origin, "null");
}

static bool is_any_page_allowed(const struct config_texts *origins)
{
    return is_listed(origins, STR("*"));
}

/* May the page behind it ask, if there is one? */
static bool may_page(const struct config_texts *origins, const struct http_head *head)
{
    bool has_origin = false, other_site = false;

    for (size_t i = 0; i < head->n_fields; i++) {
        const struct http_field *f = &head->fields[i];

        if (str_ieqz(f->name, "origin")) {
            if (!is_listed(origins, f->value))
                return false;
            has_origin = true;
        } else if (str_ieqz(f->name, "sec-fetch-site")) {
            other_site |= !str_ieqz(f->value, "same-origin") && !str_ieqz(f->value, "none");
        }
    }
    return has_origin || !other_site || is_any_page_allowed(origins);
}

static bool may_host(const struct config_texts *hosts, const struct http_head *head)
{
    struct str name = http_host_name(head->host);

    if (head->host.ptr == NULL || (!head->to_loopback && hosts->n == 0))
        return true;
    return http_host_is_fixed(name) || config_texts_has(hosts, name) ||
           config_texts_has(hosts, STR("*"));
}

bool cross_site_may(const struct config_texts *origins, const struct config_texts *hosts,
                    const struct http_head *head, struct http_refusal *r)
{
    if (!may_page(origins, head))
        return refuse(
            r, 403, "origin_not_allowed",
            origins != NULL
                ? "a web page sent this request, and its origin is not in http.cors: "
                  "list it there, as in \"https://app.example.com\", if that page may "
                  "spend this router's keys"
                : "a web page sent this request, and none may read the private port");
    if (!may_host(hosts, head)) /* RFC 9110 15.5.20 */
        return refuse(r, 421, "misdirected_request",
                      "Host names neither localhost, nor an IP address, nor a name in "
                      "http.hosts: list the name there if a proxy in front passes it on or "
                      "clients use it");
    return true;
}

/* ---- what a page is told ---- */

static struct str get(const struct http_head *head, const char *name)
{
    return http_field_get(head->fields, head->n_fields, name);
}

bool cross_site_is_preflight(const struct http_head *head)
{
    return head->method == HTTP_OPTIONS && get(head, "origin").ptr != NULL &&
           get(head, "access-control-request-method").ptr != NULL;
}

/* What OpenAI's, Azure's and Anthropic's libraries send, and tracing does. */
static const char *const asked_fields[] = {
    "accept",       "api-key",         "authorization", "content-type",
    "x-api-key",    "idempotency-key", "traceparent",   "tracestate",
    "x-request-id", "user-agent",      "baggage",       "x-client-request-id",
};
static const char *const asked_prefixes[] = {"x-stainless-", "openai-", "anthropic-"};

static bool may_ask_with(struct str name)
{
    if (!text_is_token(name))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(asked_fields); i++)
        if (str_ieqz(name, asked_fields[i]))
            return true;
    for (size_t i = 0; i < ARRAY_LEN(asked_prefixes); i++)
        if (str_istarts(name, asked_prefixes[i]))
            return true;
    return false;
}

/* Of the fields that are asked for those that may be sent; never longer than the question. */
static void list_fields(struct str asked, struct buf *out)
{
    struct str name;

    buf_init(out, 2 * asked.len + 2);
    while (text_next_item(&asked, &name))
        if (may_ask_with(name) &&
            (buf_append(out, ", ", out->len > 0 ? 2 : 0) < 0 || buf_append_str(out, name) < 0))
            return; /* cannot be */
}

void cross_site_answer_preflight(struct exchange *ex, const char *methods)
{
    struct http_reply_field f[4] = {
        {"Access-Control-Allow-Methods", str_of(methods)},
        {"Access-Control-Max-Age", STR(MAX_AGE_S)},
    };
    size_t n = 2;
    struct buf fields;

    list_fields(get(ex->head, "access-control-request-headers"), &fields);
    if (fields.len > 0)
        f[n++] = (struct http_reply_field){"Access-Control-Allow-Headers", buf_str(&fields)};
    if (str_ieqz(get(ex->head, "access-control-request-private-network"), "true"))
        f[n++] = (struct http_reply_field){"Access-Control-Allow-Private-Network", STR("true")};
    exchange_reply(ex, 204, f, n, (struct str){NULL, 0});
    buf_release(&fields);
}

/* Credentials of the browser's (cookies) are never allowed: a page has to send its own key. */
size_t cross_site_fields(const struct config_texts *origins, const struct http_head *head,
                         struct http_reply_field f[EXCHANGE_ADDED_MAX])
{
    struct str origin = get(head, "origin");
    size_t n = 0;

    if (origins->n == 0)
        return 0;
    f[n++] = (struct http_reply_field){"Vary", STR("Origin")}; /* whoever asks: for caches */
    if (origin.ptr == NULL || !is_listed(origins, origin))
        return n;
    f[n++] = (struct http_reply_field){"Access-Control-Allow-Origin", origin};
    f[n++] = (struct http_reply_field){
        "Access-Control-Expose-Headers",
        STR("x-request-id, x-sluice-region, x-sluice-attempts, x-sluice-overhead-us, "
            "x-sluice-error, x-sluice-upstream-request-id, retry-after, retry-after-ms, "
            "x-should-retry")};
    return n;
}
