/* redis_url.c - where Redis is and as whom we speak.
 *
 * The grammar is RFC 3986's, cut down to what a Redis needs.  The text may hold a password, so
 * no message quotes any of it but the host, the port and the database, and those only once it
 * is certain where the password ended.
 */
#include "state/redis_url.h"

#include "base/str.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#define PORT_DEFAULT 6379
#define DB_MAX       65535 /* `databases` in redis.conf is 16 by default */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* RFC 3986 section 2.1.  A NUL would end the C string early, so it is refused. */
static int decode(struct str s, char *out, size_t cap, const char *what, struct err *err)
{
    size_t n = 0;

    for (size_t i = 0; i < s.len; i++) {
        int c = (unsigned char)s.ptr[i];

        if (c == '%') {
            int hi = s.len - i > 2 ? hex_value(s.ptr[i + 1]) : -1;
            int lo = s.len - i > 2 ? hex_value(s.ptr[i + 2]) : -1;

            if (hi < 0 || lo < 0)
                return err_set(err, ERR_SYNTAX,
                               "%s has a '%%' without two hex digits (%%25 is '%%')", what);
            c = hi * 16 + lo;
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
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           c == '.' || c == '-' || c == '_' || (v6 && (c == ':' || c == '%'));
}

static int parse_host(struct redis_url *u, struct str s, struct err *err)
{
    bool v6 = s.len > 0 && s.ptr[0] == '[';
    struct str host, port = {NULL, 0};
    size_t end = find(s, v6 ? ']' : ':');
    uint64_t n = PORT_DEFAULT;

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
    if (host.len >= sizeof(u->host))
        return err_set(err, ERR_LIMIT, "the host is longer than %zu bytes",
                       sizeof(u->host) - 1);
    for (size_t i = 0; i < host.len; i++)
        if (!is_host_char(host.ptr[i], v6))
            return err_set(err, ERR_SYNTAX, "the host has a byte that no host name has");
    if (port.len > 0 && (!str_to_u64(after(port, 1), &n) || n < 1 || n > 65535))
        return err_set(err, ERR_RANGE, "the port is no number in 1..65535");
    memcpy(u->host, host.ptr, host.len);
    u->host[host.len] = '\0';
    u->port = (int)n;
    return 0;
}

static int parse_tcp(struct redis_url *u, struct str s, struct err *err)
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
    if (take_login(u, &authority, err) < 0 || parse_host(u, authority, err) < 0)
        return -1;
    if (slash + 1 < s.len)
        return parse_db(u, after(s, slash + 1), err);
    return 0;
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

int redis_url_parse(struct redis_url *out, const char *url, struct err *err)
{
    static const char tcp[] = "redis://", local[] = "unix://";
    struct str s = str_of(url);
    int rc;

    memset(out, 0, sizeof(*out));
    if (str_istarts(s, tcp))
        rc = parse_tcp(out, after(s, sizeof(tcp) - 1), err);
    else if (str_istarts(s, local))
        rc = parse_unix(out, after(s, sizeof(local) - 1), err);
    else
        rc = err_set(err, ERR_SYNTAX,
                     "want redis://[user:password@]host[:port][/db] or unix:///path[?db=n]");
    if (rc < 0) {
        redis_url_release(out);
        return err_wrap(err, "Redis URL");
    }
    return 0;
}

void redis_url_release(struct redis_url *u)
{
    explicit_bzero(u, sizeof(*u));
}

/* The path as a URL writes it: a control byte in it must not reach a terminal. */
static void show_path(const char *path, char *out, size_t cap)
{
    size_t n = 0;

    for (const char *c = path; *c != '\0' && n + 4 <= cap; c++) {
        unsigned char b = (unsigned char)*c;

        if (b > ' ' && b < 0x7f && b != '%' && b != '?' && b != '#')
            out[n++] = *c;
        else
            n += (size_t)snprintf(out + n, cap - n, "%%%02X", b);
    }
    out[n] = '\0';
}

void redis_url_show(const struct redis_url *u, char *out, size_t cap)
{
    char path[3 * sizeof(u->host) + 1];
    bool v6 = strchr(u->host, ':') != NULL;

    if (!u->is_unix) {
        snprintf(out, cap, "redis://%s%s%s:%d/%d", v6 ? "[" : "", u->host, v6 ? "]" : "",
                 u->port, u->db);
        return;
    }
    show_path(u->host, path, sizeof(path));
    if (u->db == 0)
        snprintf(out, cap, "unix://%s", path);
    else
        snprintf(out, cap, "unix://%s?db=%d", path, u->db);
}
