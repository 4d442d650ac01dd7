/* form.c - shapes of strings; form.h has the contract. */
#include "config/form.h"

#include "base/text.h"
#include "base/units.h"

#include <string.h>

static bool is_visible(char c)
{
    return c > 0x20 && c < 0x7f;
}

/* Every byte is visible ASCII and none is in without. */
static bool all_visible(struct str s, const char *without)
{
    for (size_t i = 0; i < s.len; i++)
        if (!is_visible(s.ptr[i]) || strchr(without, s.ptr[i]) != NULL)
            return false;
    return true;
}

static bool is_text(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] < 0x20 || s.ptr[i] == 0x7f)
            return false;
    return true;
}

static bool is_name(struct str s)
{
    return s.len > 0 && text_is_alnum(s.ptr[0]) && text_is_alnum_or(s, "._-");
}

static bool is_model(struct str s)
{
    return s.len > 0 && all_visible(s, "\"\\");
}

static bool is_port(struct str s)
{
    uint64_t port;

    return s.len <= 5 && str_to_u64(s, &port) && port >= 1 && port <= 65535;
}

static bool is_hedge(struct str s)
{
    int64_t ms;

    return str_eqz(s, "off") || str_eqz(s, "silence") || str_eqz(s, "p95") ||
           (duration_parse(s, &ms) == 0 && ms > 0);
}

static bool is_confirm(struct str s)
{
    uint64_t n;

    if (!str_starts(s, "quorum:"))
        return str_eqz(s, "none") || str_eqz(s, "second_opinion");
    s = (struct str){s.ptr + 7, s.len - 7};
    return s.len <= 3 && s.len > 0 && s.ptr[0] != '0' && str_to_u64(s, &n) && n >= 2;
}

/* host[:port] of a URL or listen address; a bracketed host is an IPv6 literal. */
static bool split_host(struct str s, struct str *host, struct str *port)
{
    if (s.len > 0 && s.ptr[0] == '[') {
        struct str literal = str_split(s, ']', port);

        *host = (struct str){literal.ptr + 1, literal.len - 1};
        if (port->ptr == NULL || host->len == 0 || !text_is_alnum_or(*host, ":."))
            return false;
        if (port->len == 0) {
            *port = (struct str){NULL, 0};
            return true;
        }
        if (port->ptr[0] != ':')
            return false;
        *port = (struct str){port->ptr + 1, port->len - 1};
        return true;
    }
    *host = str_split(s, ':', port);
    return text_is_alnum_or(*host, ".-_");
}

static bool is_listen(struct str s)
{
    struct str host, port;

    return split_host(s, &host, &port) && port.ptr != NULL && is_port(port);
}

static bool is_base_url(struct str s)
{
    struct str host, port, path, authority;
    size_t scheme = str_istarts(s, "http://") ? 7 : str_istarts(s, "https://") ? 8 : 0;

    if (scheme == 0 || !all_visible(s, "\"<>\\^`{|}?#@"))
        return false;
    authority = str_split((struct str){s.ptr + scheme, s.len - scheme}, '/', &path);
    return split_host(authority, &host, &port) && host.len > 0 && host.len < 256 &&
           (port.ptr == NULL || is_port(port));
}

struct str form_host(enum form f, struct str s)
{
    struct str host = {NULL, 0}, rest;

    if (f == FORM_BASE_URL) {
        size_t scheme = str_istarts(s, "http://") ? 7 : 8;

        s = str_split((struct str){s.ptr + scheme, s.len - scheme}, '/', &rest);
    }
    return split_host(s, &host, &rest) ? host : (struct str){NULL, 0};
}

/* One '@' at most, so that a dump masks all that stands in front of it. */
static bool is_proxy(struct str s)
{
    struct str host, port, behind;
    size_t scheme = str_starts(s, "http://") ? 7 : str_starts(s, "socks5h://") ? 10 : 0;

    if (scheme == 0)
        return false;
    s = (struct str){s.ptr + scheme, s.len - scheme};
    if (!all_visible(s, "\"<>\\^`{|}?#/"))
        return false;
    s = str_split(s, '@', &behind);
    if (behind.ptr != NULL)
        s = behind;
    return split_host(s, &host, &port) && host.len > 0 && host.len < 256 && port.ptr != NULL &&
           is_port(port);
}

/* Also makes sure that a dump which masks the part before '@' masks every secret: no query
 * but db=n, no second '@'. */
static bool is_redis_url(struct str s)
{
    static const char *const schemes[] = {"redis://", "rediss://", "redis+sentinel://",
                                          "rediss+sentinel://"};
    struct str rest, query;

    if (!all_visible(s, "\"\\#"))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        size_t n = strlen(schemes[i]);

        if (!str_starts(s, schemes[i]))
            continue;
        rest = (struct str){s.ptr + n, s.len - n};
        return rest.len > 0 && rest.ptr[0] != '/' && rest.ptr[rest.len - 1] != '@' &&
               memchr(rest.ptr, '?', rest.len) == NULL &&
               (strchr(schemes[i], '+') == NULL || memchr(rest.ptr, '/', rest.len) != NULL);
    }
    if (!str_starts(s, "unix:///"))
        return false;
    rest = str_split((struct str){s.ptr + 7, s.len - 7}, '?', &query);
    return rest.len > 1 && memchr(rest.ptr, '@', rest.len) == NULL &&
           (query.ptr == NULL || (str_starts(query, "db=") && query.len <= 5));
}

/* Lower case, as in what browsers send: the two are compared byte by byte. */
static bool is_lower(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] >= 'A' && s.ptr[i] <= 'Z')
            return false;
    return true;
}

/* HTML 7.1.1, "serialization of an origin": scheme://host[:port], the port only where it is not
 * the scheme's own.  Browsers' extensions and desktop programs have schemes of their own. */
static bool is_origin(struct str s)
{
    struct str host, port, rest, scheme = str_split(s, ':', &rest);

    if (str_eqz(s, "*") || str_eqz(s, "null"))
        return true;
    if (!is_lower(s) || scheme.len == 0 || !text_is_alnum_or(scheme, "+.-") ||
        text_is_digit(scheme.ptr[0]) || !str_starts(rest, "//"))
        return false;
    rest = (struct str){rest.ptr + 2, rest.len - 2};
    if (!split_host(rest, &host, &port) || host.len == 0)
        return false;
    return port.ptr == NULL || (is_port(port) && port.ptr[0] != '0' &&
                                !(str_eqz(scheme, "http") && str_eqz(port, "80")) &&
                                !(str_eqz(scheme, "https") && str_eqz(port, "443")));
}

static bool is_host(struct str s)
{
    return str_eqz(s, "*") || (s.len > 0 && text_is_alnum_or(s, ".-_") && s.ptr[0] != '.' &&
                               s.ptr[s.len - 1] != '.');
}

static bool is_field(struct str s)
{
    /* Fields that frame the message or steer the connection are ours to write. */
    static const char *const ours[] = {
        "host",   "content-length",    "content-type", "connection",
        "te",     "transfer-encoding", "trailer",      "upgrade",
        "expect", "keep-alive",        "x-region"};

    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        if (str_ieqz(s, ours[i]))
            return false;
    return text_is_token(s);
}

static bool is_key(struct str s)
{
    return all_visible(s, "");
}

static bool is_value(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!is_visible(s.ptr[i]) && s.ptr[i] != ' ')
            return false;
    return s.len == 0 || (s.ptr[0] != ' ' && s.ptr[s.len - 1] != ' ');
}

static bool is_path(struct str s)
{
    return s.len > 0 && s.ptr[0] == '/' && all_visible(s, "\"<>\\^`{|}#");
}

/* clang-format off */
static const struct {
    bool (*matches)(struct str s);
    const char *want, *pattern;
} forms[N_FORMS] = {
    [FORM_TEXT]      = {is_text,      "text without control bytes", NULL},
    [FORM_NAME]      = {is_name,      "a name of letters, digits, '.', '_' and '-' that starts with a letter or digit",
                                      "^[A-Za-z0-9][A-Za-z0-9._-]*$"},
    [FORM_MODEL]     = {is_model,     "a model name of visible ASCII without quotes and backslash", "^[!#-\\[\\]-~]+$"},
    [FORM_LISTEN]    = {is_listen,    "an address such as \"127.0.0.1:8080\", \"[::1]:8080\" or \":8080\"",
                                      "^(\\[[0-9A-Fa-f:.]+\\]|[A-Za-z0-9._-]*):[0-9]{1,5}$"},
    [FORM_BASE_URL]  = {is_base_url,  "an http:// or https:// URL with a host and without credentials, query and fragment",
                                      "^[Hh][Tt][Tt][Pp][Ss]?://[^/?#@]+(/[^?#@]*)?$"},
    [FORM_REDIS_URL] = {is_redis_url, "redis://[user:password@]host[:port][/db], rediss:// for TLS, redis+sentinel://[user:password@]host[:port],.../master[/db], or unix:///path[?db=n]",
                                      "^(rediss?(\\+sentinel)?://|unix:///)[!-~]+$"},
    [FORM_PROXY]     = {is_proxy,     "http://[user:password@]host:port or socks5h://[user:password@]host:port",
                                      "^(http|socks5h)://[!-~]+:[0-9]{1,5}$"},
    [FORM_CONFIRM]   = {is_confirm,   "\"none\", \"second_opinion\" or \"quorum:N\" with N in 2..999",
                                      "^(none|second_opinion|quorum:([2-9]|[1-9][0-9]{1,2}))$"},
    [FORM_HEDGE]     = {is_hedge,     "\"off\", \"silence\", \"p95\" or a duration such as \"800ms\"",
                                      "^(off|p95|(?=.)([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?)$"},
    [FORM_ORIGIN]    = {is_origin,    "an origin in lower case such as \"https://app.example.com\", without a path and without its scheme's own port, or \"null\", or \"*\" for every page there is",
                                      "^(\\*|null|[a-z][a-z0-9+.-]*://(\\[[0-9a-f:.]+\\]|[a-z0-9._-]+)(:[1-9][0-9]{0,4})?)$"},
    [FORM_HOST]      = {is_host,      "a host name such as \"ai.example.com\", without a port, or \"*\" for every name",
                                      "^(\\*|[A-Za-z0-9_-]([A-Za-z0-9._-]*[A-Za-z0-9_-])?)$"},
    [FORM_PATH]      = {is_path,      "a path that begins with '/', of visible ASCII without '#'", "^/[^\"#<>\\\\^`{|} ]*$"},
    [FORM_FIELD]     = {is_field,     "the name of a header field that may carry a key", "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"},
    [FORM_KEY]       = {is_key,       "visible ASCII without spaces and line breaks", "^[!-~]*$"},
    [FORM_VALUE]     = {is_value,     "visible ASCII and inner spaces", "^([!-~]([ -~]*[!-~])?)?$"},
};
/* clang-format on */

bool form_matches(enum form f, struct str s)
{
    return forms[f].matches(s);
}

const char *form_want(enum form f)
{
    return forms[f].want;
}

const char *form_pattern(enum form f)
{
    return forms[f].pattern;
}
