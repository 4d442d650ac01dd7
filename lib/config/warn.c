/* warn.c - oddities of a config; warn.h has the contract.
 *
 * Some can be seen in the file's text alone, which is gone when the config is loaded: the
 * loader keeps those sentences in config.oddities.  The others are rules over the values.
 *
 * WHY NOT an error: each of them is right for somebody, such as a key over plain http to a
 * sidecar of the same pod. */
#include "config/warn.h"

#include "base/buf.h"
#include "config/form.h"
#include "config/object.h"
#include "config/secret_file.h"
#include "config/value.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define DEPTH_MAX      8 /* of the file: the loader refuses a deeper one */
#define ODDITIES_BYTES 65536
#define SENTENCE_MAX   640
#define MORE           "there is more of the kind than is shown here"

/* --- the text --- */

struct level { /* an object or array on the way to the string that is looked at */
    const struct json *v;
    struct json_iter it;
    size_t i;
    char at[OBJECT_WHERE_MAX];
};

struct texts {
    struct buf out;
    const char *at;
    bool full;
};

static void note(void *arg, const char *what)
{
    struct texts *t = arg;

    if (t->full)
        return;
    t->full = t->out.len + strlen(t->at) + strlen(what) + sizeof(MORE) + 2 > t->out.max;
    if (buf_appendf(&t->out, "%s%s%s%s", t->out.len > 0 ? "\n" : "", t->full ? "" : t->at,
                    t->full ? "" : " ", t->full ? MORE : what) < 0)
        t->full = true; /* cannot be: there is room for it */
}

/* The next value of l and its path in where; NULL: there is none left. */
static const struct json *next_value(struct level *l, size_t depth,
                                     char where[OBJECT_WHERE_MAX])
{
    const struct json *v = NULL;
    const char *name;

    if (json_kind(l->v) == JSON_KIND_ARRAY) {
        object_point(where, "%s[%zu]", l->at, l->i);
        return json_at(l->v, l->i++);
    }
    if (json_kind(l->v) != JSON_KIND_OBJECT || !json_next(l->v, &l->it, &name, &v))
        return NULL;
    if (depth == 1 && strcmp(l->at, "models") == 0)
        object_point(where, "%s[\"%s\"]", l->at, name);
    else
        object_join(where, l->at, name);
    return v;
}

char *warn_about_texts(const struct json *root, const struct expand *how)
{
    struct level levels[DEPTH_MAX + 1] = {{.v = root}};
    struct texts t = {.full = false};
    size_t depth = 0;
    char where[OBJECT_WHERE_MAX];

    buf_init(&t.out, ODDITIES_BYTES);
    for (;;) {
        const struct json *v = next_value(&levels[depth], depth, where);

        if (v == NULL && depth-- == 0)
            break;
        if (v != NULL && json_kind(v) == JSON_KIND_STRING) {
            t.at = where;
            expand_doubt(json_text(v), how, note, &t);
        } else if (v != NULL && json_count(v) > 0 && depth < DEPTH_MAX) {
            levels[++depth] = (struct level){.v = v};
            memcpy(levels[depth].at, where, sizeof(where));
        }
    }
    return t.out.len > 0 ? buf_take(&t.out) : NULL;
}

/* --- the values --- */

struct warner {
    const struct config *c;
    void (*say)(void *arg, const char *sentence);
    void *arg;
};

static PRINTF_LIKE(2, 3) void warn(const struct warner *w, const char *fmt, ...)
{
    char sentence[SENTENCE_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(sentence, sizeof(sentence), fmt, ap);
    va_end(ap);
    w->say(w->arg, sentence);
}

/* A name of this host (RFC 6761 section 6.3), 127.0.0.0/8 or ::1, which an IPv4 address may be
 * mapped into (RFC 4291 section 2.5.5.2). */
static bool is_loopback(struct str host)
{
    char text[256];
    struct in6_addr v6;
    struct in_addr v4;
    size_t tail = sizeof(".localhost") - 1;

    snprintf(text, sizeof(text), STR_FMT, STR_ARG(host));
    if (inet_pton(AF_INET, text, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET;
    if (inet_pton(AF_INET6, text, &v6) == 1)
        return IN6_IS_ADDR_LOOPBACK(&v6) ||
               (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == IN_LOOPBACKNET);
    return strcasecmp(text, "localhost") == 0 ||
           (host.len > tail && strcasecmp(text + host.len - tail, ".localhost") == 0);
}

/* A key that everybody on the way can read. */
static void warn_of_plain_key(const struct warner *w, size_t i)
{
    const struct config_region *r = &w->c->regions[i];
    struct str host = form_host(FORM_BASE_URL, str_of(r->base_url));

    if ((r->api_key[0] == '\0' && r->n_headers == 0) ||
        !str_istarts(str_of(r->base_url), "http://") ||
        (is_loopback(host) && r->proxy == NULL)) /* a proxy's loopback is another one */
        return;
    warn(w,
         "regions[%zu].base_url is plain http to '" STR_FMT "', so whoever is on the way can "
         "read regions[%zu].%s: want https://",
         i, STR_ARG(host), i, r->api_key[0] != '\0' ? "api_key" : "headers");
}

/* A base URL copied from a page that shows a whole request. */
static void warn_of_whole_url(const struct warner *w, size_t i, const char *const *appended,
                              size_t n)
{
    struct str url = str_of(w->c->regions[i].base_url);
    struct str tail = {NULL, 0}; /* the longest: /completions ends /chat/completions */

    for (size_t k = 0; k < n; k++) {
        struct str path = str_of(appended[k]);

        if (path.len > tail.len && path.len < url.len &&
            str_eq((struct str){url.ptr + url.len - path.len, path.len}, path))
            tail = path;
    }
    if (tail.ptr == NULL)
        return;
    url.len -= tail.len;
    warn(w, "regions[%zu].base_url ends in '" STR_FMT "', which is appended to it: want '%.*s'",
         i, STR_ARG(tail), url.len < 256 ? (int)url.len : 256, url.ptr);
}

static void warn_of_open_file(const struct warner *w, size_t i)
{
    const char *file = w->c->regions[i].api_key_file;
    char shown[VALUE_SHOWN_MAX];

    if (file != NULL && secret_file_is_open(str_of(file), w->c->path))
        warn(w, "regions[%zu].api_key_file is '%s', which every user of this host may read: %s",
             i, value_show(str_of(file), shown), EXPAND_CLOSED);
}

/* The private port asks nobody who they are. */
static void warn_of_open_port(const struct warner *w)
{
    struct str host = form_host(FORM_LISTEN, str_of(w->c->admin_listen));

    if (w->c->admin_listen[0] == '\0' || is_loopback(host))
        return;
    warn(
        w,
        "admin_listen is '%s', where other hosts can ask for the state and the metrics, and "
        "nobody is asked who they are: want a loopback address such as '127.0.0.1:9090', or an "
        "address that operators alone can reach",
        w->c->admin_listen);
}

void config_warn(const struct config *c, const char *const *appended, size_t n_appended,
                 void (*say)(void *arg, const char *sentence), void *arg)
{
    struct warner w = {c, say, arg};
    struct str line, rest = str_of(c->oddities);

    while (rest.ptr != NULL && rest.len > 0) {
        line = str_split(rest, '\n', &rest);
        warn(&w, STR_FMT, STR_ARG(line));
    }
    warn_of_open_port(&w);
    for (size_t i = 0; i < c->n_regions; i++) {
        warn_of_plain_key(&w, i);
        warn_of_open_file(&w, i);
        warn_of_whole_url(&w, i, appended, n_appended);
    }
}
