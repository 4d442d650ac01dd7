/* url.c - where Redis is and as whom we speak.
 *
 * The grammar is RFC 3986's, cut down to what a Redis needs.  The text may hold a password, so
 * no message quotes any of it but the host, the port and the database, and those only once it
 * is certain where the password ended.
 */
#include "redis/url.h"

#include "base/text.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#define PORT_DEFAULT          6379
#define PORT_DEFAULT_SENTINEL 26379
#define DB_MAX                65535 /* `databases` in redis.conf is 16 by default */

#define WANT "[user:password@]host[:port]"

/* RFC 3986 section 2.1.  A NUL would end the C string early, so it is refused. */
static int decode(struct str s, char *out, size_t cap, const char *what, struct err *err)
{
    size_t n = 0;

    for (size_t i = 0; i < s.len; i++) {
        int c = (unsigned char)s.ptr[i];

        if (c == '%') {
            if ((c = text_percent(s, i)) < 0)
                return err_set(err, ERR_SYNTAX,
                               "%s has a '%%' without two hex digits (%%25 is '%%')", what);
            i += 2;
        }
        if (c == '\0')
            return err_set(err, ERR_SYNTAX, "%s has a NUL byte", what);
        if (n + 1 >= cap)
            return err_set(err, ERR_LIMIT, "%s is longer than %zu bytes", what, cap - 1);
        out[n++] = (char)c;
    }
    out[n] = '\0';
    return 0;
}

static struct str before(struct str s, size_t n)
{
    return (struct str){s.ptr, n};
}

static struct str after(struct str s, size_t n)
{
    return (struct str){s.ptr + n, s.len - n};
}

static size_t find(struct str s, char c) /* s.len: not there */
{
    const char *at = s.len > 0 ? memchr(s.ptr, c, s.len) : NULL;

    return at == NULL ? s.len : (size_t)(at - s.ptr);
}

/* "user:password@" in front of s, if there is one, is decoded and taken off. */
static int take_login(struct redis_url *u, struct str *s, struct err *err)
{
    size_t at = find(*s, '@'), colon;

    if (at == s->len)
        return 0;
    struct str login = before(*s, at);

    *s = after(*s, at + 1);
    if (find(*s, '@') < s->len)
        return err_set(err, ERR_SYNTAX, "more than one '@': write %%40 for one in a password");
    colon = find(login, ':');
    if (colon == login.len)
        return err_set(err, ERR_SYNTAX,
                       "no ':' in front of '@', want user:password@ or :password@");
    if (decode(before(login, colon), u->user, sizeof(u->user), "the user", err) < 0 ||
        decode(after(login, colon + 1), u->password, sizeof(u->password), "the password", err) <
            0)
        return -1;
    if (u->password[0] == '\0')
        return err_set(err, ERR_SYNTAX, "the password is empty, want user:password@ or no '@'");
    return 0;
}

static int parse_db(struct redis_url *u, struct str s, struct err *err)
{
    uint64_t n;

    if (!str_to_u64(s, &n) || n > DB_MAX)
        return err_set(err, ERR_RANGE, "the database is no number in 0..%d", DB_MAX);
    u->db = (int)n;
    return 0;
}

static bool is_host_char(char c, bool v6)
{
    return text_is_alnum(c) || c == '.' || c == '-' || c == '_' ||
           (v6 && (c == ':' || c == '%'));
}

bool redis_node_make(struct redis_node *out, struct str host, int64_t port)
{
    if (host.len == 0 || host.len >= sizeof(out->host) || port < 1 || port > 65535)
        return false;
    for (size_t i = 0; i < host.len; i++)
        if (!is_host_char(host.ptr[i], true))
            return false;
    memcpy(out->host, host.ptr, host.len);
    out->host[host.len] = '\0';
    out->port = (int)port;
    return true;
}

bool redis_node_set(struct redis_node *out, struct str host, struct str port)
{
    uint64_t n;

    return str_to_u64(port, &n) && n <= 65535 && redis_node_make(out, host, (int64_t)n);
}

static int parse_host(struct redis_node *out, struct str s, int port_default, struct err *err)
{
    bool v6 = s.len > 0 && s.ptr[0] == '[';
    struct str host, port = {NULL, 0};
    size_t end = find(s, v6 ? ']' : ':');
    uint64_t n = (uint64_t)port_default;

    if (v6) {
        if (end == s.len)
            return err_set(err, ERR_SYNTAX, "'[' without ']' around the address");
        host = (struct str){s.ptr + 1, end - 1};
        port = after(s, end + 1);
        if (port.len > 0 && port.ptr[0] != ':')
            return err_set(err, ERR_SYNTAX, "after ']' only ':port' may follow");
    } else {
        host = before(s, end);
        port = after(s, end);
    }
    if (host.len == 0)
        return err_set(err, ERR_SYNTAX, "the host is missing");
    if (host.len >= sizeof(out->host))
        return err_set(err, ERR_LIMIT, "the host is longer than %zu bytes",
                       sizeof(out->host) - 1);
    for (size_t i = 0; i < host.len; i++)
        if (!is_host_char(host.ptr[i], v6))
            return err_set(err, ERR_SYNTAX, "the host has a byte that no host name has");
    if (port.len > 0 && (!str_to_u64(after(port, 1), &n) || n < 1 || n > 65535))
        return err_set(err, ERR_RANGE, "the port is no number in 1..65535");
    memcpy(out->host, host.ptr, host.len);
    out->host[host.len] = '\0';
    out->port = (int)n;
    return 0;
}

static int parse_nodes(struct redis_url *u, struct str s, int port_default, struct err *err)
{
    struct redis_node first = {.port = port_default};
    size_t comma = find(s, ',');

    if (parse_host(&first, before(s, comma), port_default, err) < 0)
        return -1;
    memcpy(u->host, first.host, sizeof(u->host));
    u->port = first.port;
    while (comma < s.len) {
        s = after(s, comma + 1);
        comma = find(s, ',');
        if (u->n_others == ARRAY_LEN(u->others))
            return err_set(err, ERR_LIMIT, "more than %d hosts", REDIS_URL_NODES_MAX);
        if (parse_host(&u->others[u->n_others++], before(s, comma), port_default, err) < 0)
            return -1;
    }
    return 0;
}

/* What follows the hosts: "/master[/db]" of a Sentinel URL, else "[/db]". */
static int parse_path(struct redis_url *u, struct str s, bool sentinel, struct err *err)
{
    if (sentinel) {
        size_t end;

        s = s.len > 0 ? after(s, 1) : s;
        end = find(s, '/');
        if (end == 0)
            return err_set(err, ERR_SYNTAX,
                           "the master's name is missing, want redis+sentinel://" WANT
                           ",.../master[/db]");
        if (decode(before(s, end), u->master, sizeof(u->master), "the master's name", err) < 0)
            return -1;
        s = after(s, end);
    }
    if (s.len > 1 && parse_db(u, after(s, 1), err) < 0)
        return -1;
    if (u->n_others > 0 && u->db != 0 && !sentinel)
        return err_set(err, ERR_RANGE,
                       "several hosts are nodes of a Redis Cluster, which has database 0 only");
    return 0;
}

static int parse_tcp(struct redis_url *u, struct str s, bool sentinel, struct err *err)
{
    /* The path is split off first, so an '@' behind it is no login. */
    size_t slash = find(s, '/');
    struct str authority = before(s, slash);

    if (find(s, '?') < s.len || find(s, '#') < s.len)
        return err_set(err, ERR_SYNTAX,
                       "'?' and '#' have no meaning here (in a password: %%3F, %%23)");
    if (slash < s.len && find(after(s, slash), '@') < s.len - slash)
        return err_set(err, ERR_SYNTAX,
                       "'/' in front of '@': write %%2F for one in a password");
    if (take_login(u, &authority, err) < 0 ||
        parse_nodes(u, authority, sentinel ? PORT_DEFAULT_SENTINEL : PORT_DEFAULT, err) < 0)
        return -1;
    return parse_path(u, after(s, slash), sentinel, err);
}

static int parse_unix(struct redis_url *u, struct str s, struct err *err)
{
    size_t slash = find(s, '/'), query = find(s, '?');
    struct str authority = before(s, slash);
    struct sockaddr_un room;

    if (slash == s.len || query < slash)
        return err_set(err, ERR_SYNTAX, "no '/' where the path begins, want unix:///path");
    if (take_login(u, &authority, err) < 0)
        return -1;
    if (authority.len > 0)
        return err_set(err, ERR_SYNTAX, "a host in a unix URL, want unix:///path");
    u->is_unix = true;
    if (decode((struct str){s.ptr + slash, query - slash}, u->host, sizeof(room.sun_path),
               "the path", err) < 0)
        return -1;
    if (query == s.len)
        return 0;
    struct str option = after(s, query + 1);

    if (!str_starts(option, "db="))
        return err_set(err, ERR_SYNTAX, "only '?db=n' may follow the path");
    return parse_db(u, after(option, 3), err);
}

/* clang-format off */
static const struct {
    const char *text;
    bool local, tls, sentinel;
} schemes[] = {
    {"redis://",           false, false, false},
    {"rediss://",          false, true,  false},
    {"redis+sentinel://",  false, false, true},
    {"rediss+sentinel://", false, true,  true},
    {"unix://",            true,  false, false},
};
/* clang-format on */

static int parse(struct redis_url *u, struct str s, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        if (!str_istarts(s, schemes[i].text))
            continue;
        s = after(s, strlen(schemes[i].text));
        u->tls = schemes[i].tls;
        return schemes[i].local ? parse_unix(u, s, err)
                                : parse_tcp(u, s, schemes[i].sentinel, err);
    }
    return err_set(err, ERR_SYNTAX,
                   "want redis://" WANT "[/db], rediss:// for TLS, redis+sentinel://" WANT
                   ",.../master[/db], or unix:///path[?db=n]");
}

int redis_url_parse(struct redis_url *out, const char *url, struct err *err)
{
    memset(out, 0, sizeof(*out));
    if (parse(out, str_of(url), err) == 0)
        return 0;
    redis_url_release(out);
    return err_wrap(err, "Redis URL");
}

void redis_url_release(struct redis_url *u)
{
    explicit_bzero(u, sizeof(*u));
}

size_t redis_url_count(const struct redis_url *u)
{
    return 1 + u->n_others;
}

struct redis_node redis_url_node(const struct redis_url *u, size_t i)
{
    struct redis_node first = {.port = u->port};

    if (i > 0)
        return u->others[i - 1];
    memcpy(first.host, u->host, sizeof(first.host));
    return first;
}

bool redis_node_equal(const struct redis_node *a, const struct redis_node *b)
{
    return a->port == b->port && strcasecmp(a->host, b->host) == 0;
}

void redis_node_show(const struct redis_node *n, char out[REDIS_NODE_TEXT_MAX])
{
    bool v6 = strchr(n->host, ':') != NULL;

    snprintf(out, REDIS_NODE_TEXT_MAX, "%s%s%s:%d", v6 ? "[" : "", n->host, v6 ? "]" : "",
             n->port);
}

/* Text as a URL writes it: a control byte in it must not reach a terminal. */
static void show_text(const char *text, char *out, size_t cap)
{
    size_t n = 0;

    for (const char *c = text; *c != '\0' && n + 4 <= cap; c++) {
        unsigned char b = (unsigned char)*c;

        if (b > ' ' && b < 0x7f && b != '%' && b != '?' && b != '#')
            out[n++] = *c;
        else
            n += (size_t)snprintf(out + n, cap - n, "%%%02X", b);
    }
    out[n] = '\0';
}

/* As much of more as there is room for. */
static void add(char *out, size_t cap, const char *more)
{
    size_t n = strlen(out);

    snprintf(out + n, cap - n, "%s", more);
}

void redis_url_show(const struct redis_url *u, char *out, size_t cap)
{
    char text[3 * sizeof(u->host) + 1], node[REDIS_NODE_TEXT_MAX];

    if (u->is_unix) {
        show_text(u->host, text, sizeof(text));
        snprintf(out, cap, "unix://%s", text);
        snprintf(text, sizeof(text), "?db=%d", u->db);
        if (u->db != 0)
            add(out, cap, text);
        return;
    }
    snprintf(out, cap, "redis%s%s://", u->tls ? "s" : "",
             u->master[0] != '\0' ? "+sentinel" : "");
    for (size_t i = 0; i < redis_url_count(u); i++) {
        const struct redis_node at = redis_url_node(u, i);

        redis_node_show(&at, node);
        add(out, cap, i > 0 ? "," : "");
        add(out, cap, node);
    }
    if (u->master[0] != '\0') {
        show_text(u->master, text, sizeof(text));
        add(out, cap, "/");
        add(out, cap, text);
    }
    snprintf(text, sizeof(text), "/%d", u->db);
    add(out, cap, text);
}
