/* test_http1_head.c - every refusal of the head parser, its caps, and the same verdict for
 * every split of the bytes. */
#include "http/http1_head.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOST "Host: a.example\r\n"
#define OK   0

static const struct http1_head_limits wide = {32768, 8192, 100};

/* clang-format off */
static const struct { /* sections are RFC 9112's unless named */
    const char *name, *text;
    int want; /* OK or the status */
} rows[] = {
    {"plain",                              "GET / HTTP/1.1\r\n" HOST "\r\n", OK},
    {"one empty line in front, 2.2",       "\r\nGET / HTTP/1.1\r\n" HOST "\r\n", OK},
    {"two empty lines in front, 2.2",      "\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", 400},
    {"a bare CR in front, 2.2",            "\rGET / HTTP/1.1\r\n" HOST "\r\n", 400},
    {"a bare LF in front, 2.2",            "\nGET / HTTP/1.1\r\n" HOST "\r\n", 400},
    /* request line, 3 */
    {"no method, 3.1",                     " / HTTP/1.1\r\n" HOST "\r\n", 400},
    {"method not a token, 3.1",            "GE{T / HTTP/1.1\r\n" HOST "\r\n", 400},
    {"TLS on the plain port, 3.1",         "\x16\x03\x01\x02", 400},
    {"method of 24 bytes, 3",              "ABCDEFGHIJKLMNOPQRSTUVWX / HTTP/1.1\r\n" HOST "\r\n", OK},
    {"method of 25 bytes, 3",              "ABCDEFGHIJKLMNOPQRSTUVWXY / HTTP/1.1\r\n" HOST "\r\n", 501},
    {"tab between the parts, 3",           "GET\t/ HTTP/1.1\r\n" HOST "\r\n", 400},
    {"two spaces before the target, 3",    "GET  / HTTP/1.1\r\n" HOST "\r\n", 400},
    {"two spaces before the version, 3",   "GET /  HTTP/1.1\r\n" HOST "\r\n", 400},
    {"space behind the version, 3",        "GET / HTTP/1.1 \r\n" HOST "\r\n", 400},
    {"space in the target, 3.2",           "GET /a b HTTP/1.1\r\n" HOST "\r\n", 400},
    {"HTTP/0.9, 3",                        "GET /\r\n", 400},
    {"bare LF behind the request line",    "GET / HTTP/1.1\n" HOST "\r\n", 400},
    {"bare CR behind the request line",    "GET / HTTP/1.1\rX" HOST "\r\n", 400},
    {"CR CR LF behind the request line",   "GET / HTTP/1.1\r\r\n" HOST "\r\n", 400},
    /* version, 2.3 */
    {"lower case name, 2.3",               "GET / http/1.1\r\n" HOST "\r\n", 400},
    {"no minor, 2.3",                      "GET / HTTP/1\r\n" HOST "\r\n", 400},
    {"two-digit minor, 2.3",               "GET / HTTP/1.10\r\n" HOST "\r\n", 400},
    {"two-digit major, 2.3",               "GET / HTTP/11.1\r\n" HOST "\r\n", 400},
    {"HTTP/2.0, RFC 9110 15.6.6",          "GET / HTTP/2.0\r\n" HOST "\r\n", 505},
    {"HTTP/0.9 spelt out",                 "GET / HTTP/0.9\r\n" HOST "\r\n", 505},
    {"HTTP/2 preface",                     "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
    {"HTTP/1.2 is read as 1.1, 9110 2.5",  "GET / HTTP/1.2\r\n" HOST "\r\n", OK},
    /* target, 3.2 */
    {"relative target, 3.2.1",             "GET v1/models HTTP/1.1\r\n" HOST "\r\n", 400},
    {"fragment, 3.2",                      "GET /a#b HTTP/1.1\r\n" HOST "\r\n", 400},
    {"raw byte over 0x7f, 3.2",            "GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n", 400},
    {"raw quote, 3.2",                     "GET /\" HTTP/1.1\r\n" HOST "\r\n", 400},
    {"raw backslash, 3.2",                 "GET /a\\b HTTP/1.1\r\n" HOST "\r\n", 400},
    {"bracket in the path, 3.2",           "GET /a[0] HTTP/1.1\r\n" HOST "\r\n", 400},
    {"cut escape, RFC 3986 2.1",           "GET /a%4 HTTP/1.1\r\n" HOST "\r\n", 400},
    {"escape not hex, RFC 3986 2.1",       "GET /a%zz HTTP/1.1\r\n" HOST "\r\n", 400},
    {"bad escape in the query",            "GET /a?b=%g0 HTTP/1.1\r\n" HOST "\r\n", 400},
    {"encoded NUL",                        "GET /a%00 HTTP/1.1\r\n" HOST "\r\n", 400},
    {"encoded line feed",                  "GET /a%0a HTTP/1.1\r\n" HOST "\r\n", 400},
    {"encoded DEL",                        "GET /a%7f HTTP/1.1\r\n" HOST "\r\n", 400},
    {"above the root",                     "GET /a/../../b HTTP/1.1\r\n" HOST "\r\n", 400},
    {"above the root, encoded",            "GET /%2e%2e/b HTTP/1.1\r\n" HOST "\r\n", 400},
    {"asterisk with GET, 3.2.4",           "GET * HTTP/1.1\r\n" HOST "\r\n", 400},
    {"asterisk with OPTIONS, 3.2.4",       "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", OK},
    {"authority with GET, 3.2.3",          "GET a.example:80 HTTP/1.1\r\n" HOST "\r\n", 400},
    {"CONNECT to a path, 3.2.3",           "CONNECT / HTTP/1.1\r\n" HOST "\r\n", 400},
    {"CONNECT without a port, 3.2.3",      "CONNECT a.example HTTP/1.1\r\n" HOST "\r\n", 400},
    {"CONNECT in good form",               "CONNECT a.example:443 HTTP/1.1\r\n" HOST "\r\n", 501},
    {"absolute-form of Host, 3.2.2",       "GET http://A.example/x HTTP/1.1\r\n" HOST "\r\n", OK},
    {"absolute-form, no path",             "GET http://a.example HTTP/1.1\r\n" HOST "\r\n", OK},
    {"absolute-form, foreign, 3.2.2",      "GET http://b.example/ HTTP/1.1\r\n" HOST "\r\n", 400},
    {"absolute-form, other port",          "GET http://a.example:81/ HTTP/1.1\r\n" HOST "\r\n", 400},
    {"absolute-form, user part, 9110 4.2.4", "GET http://u@a.example/ HTTP/1.1\r\n" HOST "\r\n", 400},
    {"absolute-form, other scheme",        "GET ftp://a.example/ HTTP/1.1\r\n" HOST "\r\n", 400},
    {"absolute-form without Host, 1.0",    "GET http://a.example/ HTTP/1.0\r\n\r\n", 400},
    /* Host, 3.2 */
    {"no Host",                            "GET / HTTP/1.1\r\n\r\n", 400},
    {"no Host in 1.0",                     "GET / HTTP/1.0\r\n\r\n", OK},
    {"two Hosts",                          "GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400},
    {"two Hosts in 1.0",                   "GET / HTTP/1.0\r\n" HOST HOST "\r\n", 400},
    {"empty Host",                         "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
    {"Host with a path",                   "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
    {"Host with a user",                   "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400},
    {"Host with a space",                  "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
    {"Host with a list",                   "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400},
    {"Host with port 65535",               "GET / HTTP/1.1\r\nHost: a:65535\r\n\r\n", OK},
    {"Host with port 65536",               "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", 400},
    {"Host with a word as port",           "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", 400},
    {"Host is a port alone",               "GET / HTTP/1.1\r\nHost: :80\r\n\r\n", 400},
    {"Host is an IPv6 address",            "GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", OK},
    {"Host is half an IPv6 address",       "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400},
    {"Host is a bare IPv6 address",        "GET / HTTP/1.1\r\nHost: ::1\r\n\r\n", 400},
    /* fields, 5 */
    {"space before the colon, 5.1",        "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
    {"tab before the colon, 5.1",          "GET / HTTP/1.1\r\n" HOST "X\t: a\r\n\r\n", 400},
    {"empty name, 5.1",                    "GET / HTTP/1.1\r\n" HOST ": a\r\n\r\n", 400},
    {"name not a token, 5.1",              "GET / HTTP/1.1\r\n" HOST "X(y: a\r\n\r\n", 400},
    {"DEL in a name, 5.1",                 "GET / HTTP/1.1\r\n" HOST "X\x7f: a\r\n\r\n", 400},
    {"no colon, 5",                        "GET / HTTP/1.1\r\n" HOST "Xy\r\n\r\n", 400},
    {"obs-fold, 5.2",                      "GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n", 400},
    {"obs-fold by tab, 5.2",               "GET / HTTP/1.1\r\n" HOST "X: a\r\n\tb\r\n\r\n", 400},
    {"space before the first field, 2.2",  "GET / HTTP/1.1\r\n " HOST "\r\n", 400},
    {"control byte in a value, 9110 5.5",  "GET / HTTP/1.1\r\n" HOST "X: a\x01\r\n\r\n", 400},
    {"DEL in a value, 9110 5.5",           "GET / HTTP/1.1\r\n" HOST "X: a\x7f\r\n\r\n", 400},
    {"bare CR in a value, 2.2",            "GET / HTTP/1.1\r\n" HOST "X: a\rb\r\n\r\n", 400},
    {"bare LF behind a field, 2.2",        "GET / HTTP/1.1\r\n" HOST "X: a\n\r\n", 400},
    {"bare LF as the empty line, 2.2",     "GET / HTTP/1.1\r\n" HOST "\n", 400},
    {"obs-text in a value, 9110 5.5",      "GET / HTTP/1.1\r\n" HOST "X: \xe9\r\n\r\n", OK},
    {"empty value",                        "GET / HTTP/1.1\r\n" HOST "X:\r\n\r\n", OK},
    /* framing, 6 */
    {"chunked, 7.1",                       "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", OK},
    {"Chunked in any case, 7",             "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: cHuNkEd\r\n\r\n", OK},
    {"unknown before chunked, 6.1",        "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
    {"chunked is not last, 6.3",           "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, gzip\r\n\r\n", 400},
    {"no chunked at all, 6.3",             "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n", 400},
    {"identity, 6.3",                      "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\n", 400},
    {"chunked twice, 6.1",                 "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, chunked\r\n\r\n", 400},
    {"two fields, 6.1",                    "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"empty, 6.1",                         "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n\r\n", 400},
    {"xchunked",                           "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n", 400},
    {"chunked with a parameter",           "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked;q=1\r\n\r\n", 400},
    {"chunked with a comma",               "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked,\r\n\r\n", 400},
    {"chunked in quotes",                  "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: \"chunked\"\r\n\r\n", 400},
    {"vertical tab before chunked",        "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: \x0b" "chunked\r\n\r\n", 400},
    {"in HTTP/1.0, 6.1",                   "POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", 400},
    {"with Content-Length, 6.3",           "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", 400},
    {"Content-Length first, 6.3",          "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"unknown coding with a length, 6.3",  "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 400},
    {"length zero",                        "POST / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", OK},
    {"length with white space around, 5.1", "POST / HTTP/1.1\r\n" HOST "Content-Length: \t3 \r\n\r\n", OK},
    {"two equal lengths, 6.3",             "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 3\r\n\r\n", 400},
    {"two different lengths, 6.3",         "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 4\r\n\r\n", 400},
    {"a list of lengths, 6.3",             "POST / HTTP/1.1\r\n" HOST "Content-Length: 3, 3\r\n\r\n", 400},
    {"length with a plus",                 "POST / HTTP/1.1\r\n" HOST "Content-Length: +3\r\n\r\n", 400},
    {"length with a minus",                "POST / HTTP/1.1\r\n" HOST "Content-Length: -3\r\n\r\n", 400},
    {"length with a space inside",         "POST / HTTP/1.1\r\n" HOST "Content-Length: 1 2\r\n\r\n", 400},
    {"hexadecimal length",                 "POST / HTTP/1.1\r\n" HOST "Content-Length: 0x3\r\n\r\n", 400},
    {"no length at all",                   "POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n", 400},
    {"length INT64_MAX",                   "POST / HTTP/1.1\r\n" HOST "Content-Length: 9223372036854775807\r\n\r\n", OK},
    {"length INT64_MAX + 1",               "POST / HTTP/1.1\r\n" HOST "Content-Length: 9223372036854775808\r\n\r\n", 400},
    {"length 2^64",                        "POST / HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551616\r\n\r\n", 400},
    /* Expect, RFC 9110 10.1.1 */
    {"100-continue in any case",           "POST / HTTP/1.1\r\n" HOST "Expect: 100-Continue\r\n\r\n", OK},
    {"another expectation",                "POST / HTTP/1.1\r\n" HOST "Expect: 200-ok\r\n\r\n", 417},
    {"100-continue and another",           "POST / HTTP/1.1\r\n" HOST "Expect: 100-continue, x\r\n\r\n", 417},
};
/* clang-format on */

/* Feeds text up to cut, then the rest, each time from a fresh copy so that spans must follow.
 */
static int verdict_of(const char *text, size_t len, size_t cut,
                      const struct http1_head_limits *l)
{
    struct http1_head_parser p;
    char *first = xcalloc(1, cut + 1), *whole = xcalloc(1, len + 1);

    memcpy(first, text, cut);
    memcpy(whole, text, len);
    http1_head_parser_init(&p, l);
    enum http_parse r = http1_head_parse(&p, first, cut);

    free(first);
    if (r == HTTP_PARSE_MORE)
        r = http1_head_parse(&p, whole, len);
    int status = r == HTTP_PARSE_DONE ? OK : r == HTTP_PARSE_REFUSED ? p.verdict.status : -1;

    if (r == HTTP_PARSE_REFUSED)
        cr_expect_not_null(p.verdict.message);
    if (r == HTTP_PARSE_DONE)
        cr_expect_leq(p.used, len);
    free(whole);
    http1_head_parser_release(&p);
    return status;
}

Test(http1_head, verdicts_at_every_split)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t len = strlen(rows[i].text);

        for (size_t cut = 0; cut <= len; cut++)
            cr_expect_eq(verdict_of(rows[i].text, len, cut, &wide), rows[i].want,
                         "row '%s' cut at %zu: %d", rows[i].name, cut,
                         verdict_of(rows[i].text, len, cut, &wide));
    }
}

Test(http1_head, nul_bytes_are_refused_everywhere)
{
    /* The last line end is there for the NUL in the one before it to be seen. */
    static const char text[] = "GET /a HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n\r\n";

    for (size_t at = 0; at < sizeof(text) - 3; at++) {
        char copy[sizeof(text)];

        memcpy(copy, text, sizeof(text));
        copy[at] = '\0';
        cr_expect_eq(verdict_of(copy, sizeof(text) - 1, 0, &wide), 400, "NUL at %zu", at);
    }
}

static void expect_str(struct str got, const char *want, const char *what)
{
    cr_expect(want == NULL ? got.ptr == NULL : got.ptr != NULL && str_eqz(got, want),
              "%s: '%.*s', want '%s'", what, (int)got.len, got.ptr != NULL ? got.ptr : "",
              want != NULL ? want : "(none)");
}

Test(http1_head, everything_is_read_byte_by_byte)
{
    static const char text[] =
        "POST /v1/%63hat/./x?q=%41&r=/? HTTP/1.1\r\nhost: A.example:80\r\n"
        "X-Key: \t a b \t\r\nCONTENT-length: 12\r\nExpect: 100-continue\r\n"
        "x-key: second\r\n\r\nbody";
    struct http1_head_parser p;
    char *data = NULL;
    enum http_parse r = HTTP_PARSE_MORE;
    size_t n = 0;

    http1_head_parser_init(&p, &wide);
    while (r == HTTP_PARSE_MORE && n < sizeof(text) - 1) {
        char *moved = xcalloc(1, ++n);

        memcpy(moved, text, n);
        r = http1_head_parse(&p, moved, n);
        free(data);
        data = moved;
    }
    cr_assert_eq(r, HTTP_PARSE_DONE);
    cr_expect_eq(p.used, sizeof(text) - 1 - 4);
    cr_expect_eq(p.head.method, HTTP_POST);
    cr_expect_eq(p.wire.minor, 1);
    cr_expect_eq(p.wire.content_length, 12);
    cr_expect(p.wire.expect_continue && p.wire.keep_alive && !p.wire.chunked);
    cr_expect_eq(p.head.n_fields, 5u);
    expect_str(p.head.target, "/v1/%63hat/./x?q=%41&r=/?", "target");
    expect_str(p.head.path, "/v1/chat/x", "path");
    expect_str(p.head.query, "q=%41&r=/?", "query");
    expect_str(p.head.host, "A.example:80", "host");
    expect_str(http_field_get(p.head.fields, p.head.n_fields, "x-key"), "a b", "first of two");
    expect_str(http_field_get(p.head.fields, p.head.n_fields, "x-ke"), NULL,
               "a prefix of a name");
    char *moved = xcalloc(1, n);

    memcpy(moved, data, n);
    http1_head_rebase(&p, moved);
    free(data);
    expect_str(p.head.path, "/v1/chat/x", "path after a move");
    expect_str(http_field_get(p.head.fields, p.head.n_fields, "HOST"), "A.example:80",
               "field after a move");
    http1_head_parser_reset(&p);
    cr_expect_eq(http1_head_parse(&p, "GET / HTTP/1.0\r\n\r\n", 18), HTTP_PARSE_DONE);
    expect_str(p.head.host, NULL, "nothing left of the last request");
    cr_expect(!p.wire.keep_alive && p.head.n_fields == 0 && p.wire.content_length == -1);
    free(moved);
    http1_head_parser_release(&p);
}

static const struct {
    const char *line, *connection;
    bool want;
} keep_alive[] = {
    {"GET / HTTP/1.1\r\n", "", true},
    {"GET / HTTP/1.1\r\n", "Connection: close\r\n", false},
    {"GET / HTTP/1.1\r\n", "Connection: x, CLOSE\r\n", false},
    {"GET / HTTP/1.1\r\n", "Connection: keep-alive\r\nConnection: close\r\n", false},
    {"GET / HTTP/1.1\r\n", "Connection: closed\r\n", true},
    {"GET / HTTP/1.0\r\n", "", false},
    {"GET / HTTP/1.0\r\n", "Connection: Keep-Alive\r\n", true},
    {"GET / HTTP/1.0\r\n", "Connection: keep-alive, close\r\n", false},
};

Test(http1_head, keep_alive_per_version)
{
    for (size_t i = 0; i < ARRAY_LEN(keep_alive); i++) {
        struct http1_head_parser p;
        char text[256];
        int n = snprintf(text, sizeof(text), "%s" HOST "%s\r\n", keep_alive[i].line,
                         keep_alive[i].connection);

        http1_head_parser_init(&p, &wide);
        cr_assert_eq(http1_head_parse(&p, text, (size_t)n), HTTP_PARSE_DONE, "row %zu", i);
        cr_expect_eq(p.wire.keep_alive, keep_alive[i].want, "row %zu", i);
        http1_head_parser_release(&p);
    }
}

Test(http1_head, caps_at_limit_minus_one_limit_and_plus_one)
{
    static const char text[] = "GET /abc HTTP/1.1\r\n" HOST "X: y\r\nZ: w\r\n\r\n";
    size_t len = sizeof(text) - 1;

    for (size_t cut = 0; cut <= len; cut++) {
        struct http1_head_limits l = wide;

        for (size_t d = 0; d < 3; d++) { /* the cap is one above, equal, one below the need */
            l = wide, l.head_max_bytes = len + 1 - d;
            cr_expect_eq(verdict_of(text, len, cut, &l), d < 2 ? OK : 431, "head %zu", d);
            l = wide, l.target_max_bytes = 4 + 1 - d;
            cr_expect_eq(verdict_of(text, len, cut, &l), d < 2 ? OK : 414, "target %zu", d);
            l = wide, l.fields_max = 3 + 1 - d;
            cr_expect_eq(verdict_of(text, len, cut, &l), d < 2 ? OK : 431, "fields %zu", d);
        }
    }
}

Test(http1_head, an_endless_line_is_refused_at_the_cap)
{
    struct http1_head_limits l = {256, 64, 10};
    char text[600] = "GET / HTTP/1.1\r\nX: ";

    memset(text + strlen(text), 'a', sizeof(text) - strlen(text));
    cr_expect_eq(verdict_of(text, 256, 100, &l), -1, "not yet");
    cr_expect_eq(verdict_of(text, 257, 100, &l), 431);
    memset(text, 'G', sizeof(text));
    cr_expect_eq(verdict_of(text, 24, 0, &l), -1);
    cr_expect_eq(verdict_of(text, 25, 0, &l), 501);
}

/* Heads of n fields in turn through one parser, each read in two halves whose bytes move. */
Test(http1_head, the_field_table_grows_with_the_head)
{
    static const size_t sizes[] = {1, 15, 16, 17, HTTP_FIELDS_MAX, 2, 33};
    struct http1_head_limits l = {32768, 8192, HTTP_FIELDS_MAX};
    struct http1_head_parser p;

    http1_head_parser_init(&p, &l);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        size_t n = sizes[i], len = 0;
        char text[4096], moved[4096], want[32];

        len += (size_t)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n" HOST);
        for (size_t k = 1; k < n; k++)
            len += (size_t)snprintf(text + len, sizeof(text) - len, "F%zu: v%zu\r\n", k, k);
        len += (size_t)snprintf(text + len, sizeof(text) - len, "\r\n");
        cr_assert_eq(http1_head_parse(&p, text, len / 2), HTTP_PARSE_MORE, "%zu fields", n);
        memcpy(moved, text, len);
        memset(text, '#', sizeof(text));
        cr_assert_eq(http1_head_parse(&p, moved, len), HTTP_PARSE_DONE, "%zu fields", n);
        cr_assert_eq(p.head.n_fields, n);
        cr_expect(str_eqz(p.head.fields[0].value, "a.example"), "%zu fields", n);
        for (size_t k = 1; k < n; k++) {
            snprintf(want, sizeof(want), "v%zu", k);
            cr_expect(str_eqz(p.head.fields[k].value, want), "field %zu of %zu", k, n);
        }
        http1_head_parser_reset(&p);
    }
    http1_head_parser_release(&p);
}
