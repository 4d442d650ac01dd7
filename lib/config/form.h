/* form.h - what a string in the config must look like before it may reach a header, a URL, a
 * Redis key or a socket. */
#ifndef CONFIG_FORM_H
#define CONFIG_FORM_H

#include "base/base.h"
#include "base/str.h"

#include <stdbool.h>

enum form {
    FORM_TEXT,      /* no control bytes */
    FORM_NAME,      /* letters, digits, '.', '_', '-'; starts with a letter or digit */
    FORM_MODEL,     /* visible ASCII without quotes and backslash */
    FORM_LISTEN,    /* "host:port", "[v6]:port" or ":port" */
    FORM_BASE_URL,  /* http(s)://host[:port][/path] */
    FORM_REDIS_URL, /* redis://... or unix:///path; a start has redis/url.c read the rest */
    FORM_PROXY,     /* http:// or socks5h:// [user:password@]host:port */
    FORM_FIELD,     /* header field name that may carry a key (RFC 9110 section 5.1) */
    FORM_KEY,       /* visible ASCII: an API key */
    FORM_VALUE,     /* header field value (RFC 9110 section 5.5, ASCII only) */
    FORM_PATH,      /* "/" and visible ASCII; a query is allowed, a fragment is not */
    FORM_CONFIRM,   /* "none", "second_opinion" or "quorum:N", N in 2..999 */
    FORM_HEDGE,     /* "off", "p95" or a duration of at least 1ms */
    FORM_ORIGIN,    /* a web page's origin as browsers write it, "null", or "*" */
    FORM_HOST,      /* a host name without a port, or "*" */
    N_FORMS
};

/* The host of a text that matches f, FORM_BASE_URL or FORM_LISTEN; without brackets, empty for
 * all addresses. */
struct str form_host(enum form f, struct str s);
bool form_matches(enum form f, struct str s);
const char *form_want(enum form f);    /* "an http:// or https:// URL", for messages */
const char *form_pattern(enum form f); /* the same as an ECMA 262 regular expression, coarser */

#endif
