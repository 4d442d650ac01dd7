/* request.c - what goes out to a region; request.h says in which shape.
 *
 * COST  libcurl 7.88 prints headers byte by byte through its own printf, about 10 ns for each:
 * fewer header bytes are the cheapest way to a faster exchange.  User-Agent is an ordinary
 * header here because CURLOPT_USERAGENT is printed twice; a URL is handed over parsed because
 * curl would parse it, compose it again and parse that. */
#include "upstream/request.h"

#include "base/text.h"
#include "base/version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "upstream/head.h"

#define SPARE_ARENA_BYTES 8192 /* an idle call keeps no larger one */

struct upstream_url {
    int refs;
    char *text;
    char *host; /* "-HOST:PORT": what CURLOPT_RESOLVE drops from curl's cache */
    CURLU *parsed;
};

static void drop_url(struct upstream_url *url)
{
    if (url == NULL || --url->refs > 0)
        return;
    curl_url_cleanup(url->parsed);
    free(url->text);
    free(url->host);
    free(url);
}

void upstream_urls_release(struct upstream_urls *urls)
{
    for (size_t i = 0; i < ARRAY_LEN(urls->slots); i++) {
        drop_url(urls->slots[i]);
        urls->slots[i] = NULL;
    }
}

/* http and https only, no credentials, the path's bytes as they are. */
static const char *parse_url(CURLU *parsed, const char *text)
{
    char *scheme = NULL;
    CURLUcode rc =
        curl_url_set(parsed, CURLUPART_URL, text,
                     CURLU_PATH_AS_IS | CURLU_DISALLOW_USER | CURLU_NON_SUPPORT_SCHEME);

    if (rc == CURLUE_USER_NOT_ALLOWED)
        return "request URL carries credentials";
    if (rc != CURLUE_OK)
        return "request URL is malformed";
    if (curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
        return "request URL has no scheme";
    bool fine = strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0;
    curl_free(scheme);
    return fine ? NULL : "request URL is neither http nor https";
}

/* NULL: out of memory. */
static char *name_host(CURLU *parsed)
{
    char *host = NULL, *port = NULL, *name = NULL;
    size_t need;

    if (curl_url_get(parsed, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(parsed, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK) {
        need = strlen(host) + strlen(port) + 3;
        name = xcalloc(1, need);
        snprintf(name, need, "-%s:%s", host, port);
    }
    curl_free(host);
    curl_free(port);
    return name;
}

/* A reference of the caller's, or NULL with *why. */
static struct upstream_url *get_url(struct upstream_urls *urls, const char *text,
                                    const char **why)
{
    for (size_t i = 0; i < ARRAY_LEN(urls->slots); i++)
        if (urls->slots[i] != NULL && strcmp(urls->slots[i]->text, text) == 0) {
            urls->slots[i]->refs++;
            return urls->slots[i];
        }
    CURLU *parsed = curl_url();
    char *host = NULL;

    *why = parsed == NULL ? "out of memory" : parse_url(parsed, text);
    if (*why == NULL && (host = name_host(parsed)) == NULL)
        *why = "out of memory";
    if (*why != NULL) {
        curl_url_cleanup(parsed);
        return NULL;
    }
    struct upstream_url *url = xcalloc(1, sizeof(*url));

    *url =
        (struct upstream_url){.refs = 2, .text = xstrdup(text), .host = host, .parsed = parsed};
    drop_url(urls->slots[urls->next]);
    urls->slots[urls->next] = url;
    urls->next = (urls->next + 1) % ARRAY_LEN(urls->slots);
    return url;
}

static void reserve(struct upstream_wire *wire, size_t need)
{
    if (need > wire->cap) {
        free(wire->arena);
        wire->cap = need + 512;
        wire->arena = xcalloc(1, wire->cap);
    }
    wire->used = need;
}

/* curl drops "Name:"; "Name;" is its way to send a field with no value.  Returns the room used.
 */
static size_t copy_line(char *out, const char *line, struct str name, struct str value)
{
    size_t len = value.len > 0 ? strlen(line) : name.len + 1;

    memcpy(out, line, len);
    if (value.len == 0)
        out[name.len] = ';';
    out[len] = '\0';
    return len + 1;
}

/* Copies the header lines and lays the list that curl reads over the copies, all in the arena.
 * Names without a value keep curl from adding its own field of that name. */
static const char *copy_headers(struct upstream_wire *wire, const struct upstream_request *req,
                                struct curl_slist **out)
{
    const char *const own[] = {"Expect:", "Accept:", "Content-Type:", version_user_agent()};
    size_t n_own = ARRAY_LEN(own), need = (req->n_headers + n_own) * sizeof(struct curl_slist);
    struct str name, value;

    for (size_t i = 0; i < req->n_headers; i++)
        need += strlen(req->headers[i]) + 2;
    for (size_t i = 0; i < n_own; i++)
        need += strlen(own[i]) + 1;
    reserve(wire, need);
    struct curl_slist *list = (struct curl_slist *)(void *)wire->arena;
    char *text = wire->arena + (req->n_headers + n_own) * sizeof(*list);
    for (size_t i = 0; i < req->n_headers; i++) {
        const char *why = upstream_head_check_request(req->headers[i], &name, &value);

        if (why != NULL)
            return why;
        if (str_ieq(name, STR("user-agent")))
            n_own = ARRAY_LEN(own) - 1; /* the caller's instead of ours */
        list[i].data = text;
        list[i].next = &list[i + 1];
        text += copy_line(text, req->headers[i], name, value);
    }
    for (size_t i = 0; i < n_own; i++) {
        struct curl_slist *node = &list[req->n_headers + i];

        node->data = text;
        text = stpcpy(text, own[i]) + 1;
        node->next = i + 1 < n_own ? node + 1 : NULL;
    }
    *out = list;
    return NULL;
}

static CURLcode set_method(CURL *easy, const struct upstream_request *req)
{
    bool post = strcmp(req->method, "POST") == 0, head = strcmp(req->method, "HEAD") == 0;
    CURLcode rc = CURLE_OK;

    if (post || req->body.len > 0) {
        rc = curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->body.len);
        if (rc == CURLE_OK) /* not copied; "" because NULL means "ask the read callback" */
            rc = curl_easy_setopt(easy, CURLOPT_POSTFIELDS,
                                  req->body.len > 0 ? req->body.ptr : "");
    } else if (head) {
        return curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    }
    if (rc == CURLE_OK && !post && strcmp(req->method, "GET") != 0)
        rc = curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, req->method);
    return rc;
}

/* No folder, so no authority is found in it. */
#define NO_FOLDER "/dev/null"

/* At least TLS 1.2, whatever OpenSSL's configuration allows.  With a file of its own and the
 * built-in folder, a server that any authority of the system signed would be given the key.  It
 * is named by a folder without any: NULL means the built-in one again from libcurl 8.17 on. */
static CURLcode set_tls(CURL *easy, const struct config_trust *trust)
{
    CURLcode rc = curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);

    if (rc != CURLE_OK || trust == NULL)
        return rc;
    if (trust->extra_ca_file != NULL)
        return curl_easy_setopt(easy, CURLOPT_CAINFO, trust->extra_ca_file);
    if (trust->ca_file == NULL)
        return CURLE_OK;
    rc = curl_easy_setopt(easy, CURLOPT_CAINFO, trust->ca_file);
    return rc == CURLE_OK ? curl_easy_setopt(easy, CURLOPT_CAPATH, NO_FOLDER) : rc;
}

static char *name_proxy(const char *proxy)
{
    const char *at = strrchr(proxy, '@'), *scheme = strstr(proxy, "://");
    const char *host = at != NULL ? at + 1 : scheme != NULL ? scheme + 3 : proxy;
    size_t need = strlen(host) + 2;
    char *name = xcalloc(1, need);

    snprintf(name, need, "-%s", host);
    return name;
}

/* A tunnel, so that what is said to the region, and by it, is between us and it, TLS included.
 * The proxy's own head is none of the answer, and ours are none of its. */
static CURLcode set_proxy(struct upstream_wire *wire, CURL *easy, const char *proxy)
{
    CURLcode rc = CURLE_OK;

    if (proxy == NULL)
        return rc;
    wire->proxy = name_proxy(proxy);
#define SET(option, value) (rc = rc != CURLE_OK ? rc : curl_easy_setopt(easy, option, value))
    SET(CURLOPT_PROXY, proxy);
    SET(CURLOPT_NOPROXY, ""); /* nor does the environment name exceptions */
    SET(CURLOPT_HTTPPROXYTUNNEL, 1L);
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    SET(CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE);
#undef SET
    return rc;
}

const char *upstream_request_apply(struct upstream_wire *wire, CURL *easy,
                                   struct upstream_urls *urls,
                                   const struct upstream_request *req)
{
    struct curl_slist *headers;
    const char *why = NULL;

    if (!text_is_token(str_of(req->method)))
        return "request method is not a token";
    if ((req->body.len > 0) &&
        (strcmp(req->method, "GET") == 0 || strcmp(req->method, "HEAD") == 0))
        return "request body with a method that has none";
    if ((wire->url = get_url(urls, req->url, &why)) == NULL ||
        (why = copy_headers(wire, req, &headers)) != NULL)
        return why;
    if (curl_easy_setopt(easy, CURLOPT_URL, req->url) != CURLE_OK || /* else it is composed */
        curl_easy_setopt(easy, CURLOPT_CURLU, wire->url->parsed) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                         (long)(req->total_ms > 0 ? req->total_ms : 0)) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                         (long)(req->connect_ms > 0 ? req->connect_ms : 0)) != CURLE_OK ||
        set_tls(easy, req->trust) != CURLE_OK ||
        set_proxy(wire, easy, req->proxy) != CURLE_OK || set_method(easy, req) != CURLE_OK)
        return "libcurl refused an option of the request";
    return NULL;
}

const char *upstream_wire_host(const struct upstream_wire *wire)
{
    if (wire->proxy != NULL)
        return wire->proxy;
    return wire->url != NULL ? wire->url->host : NULL;
}

const char *upstream_wire_look_up(struct upstream_wire *wire, CURL *easy)
{
    wire->forget =
        (struct curl_slist){.data = wire->proxy != NULL ? wire->proxy : wire->url->host};
    return curl_easy_setopt(easy, CURLOPT_RESOLVE, &wire->forget) == CURLE_OK
               ? NULL
               : "libcurl refused to forget an address";
}

void upstream_wire_wipe(struct upstream_wire *wire)
{
    if (wire->used > 0)
        explicit_bzero(wire->arena, wire->used);
    wire->used = 0;
    drop_url(wire->url);
    wire->url = NULL;
    free(wire->proxy);
    wire->proxy = NULL;
    if (wire->cap > SPARE_ARENA_BYTES) {
        free(wire->arena);
        wire->arena = NULL;
        wire->cap = 0;
    }
}

void upstream_wire_release(struct upstream_wire *wire)
{
    upstream_wire_wipe(wire);
    free(wire->arena);
}
