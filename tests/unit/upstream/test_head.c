/* test_head.c - the strict reading of an answer's head and of request headers. */
#include "upstream/head.h"

#include "base/buf.h"

#include <criterion/criterion.h>
#include <string.h>

static const char *parse(const char *text, struct http_field *fields,
                         struct upstream_head *head)
{
    return upstream_head_parse(str_of(text), fields, head);
}

Test(upstream_head, fields_come_as_received)
{
    struct http_field fields[UPSTREAM_FIELDS_MAX];
    struct upstream_head head;
    const char *why = parse("HTTP/1.1 200 \r\nset-cookie: a\r\nSet-Cookie:\tb \t\r\nempty:\r\n"
                            "latin: \xe9t\xe9\n\r\n",
                            fields, &head);

    cr_assert_null(why, "%s", why);
    cr_assert_eq(head.status, 200);
    cr_assert_eq(head.n_fields, 4u);
    cr_assert(str_eqz(head.fields[0].name, "set-cookie") && str_eqz(head.fields[0].value, "a"));
    cr_assert(str_eqz(head.fields[1].name, "Set-Cookie") && str_eqz(head.fields[1].value, "b"));
    cr_assert_eq(head.fields[2].value.len, 0u);
    cr_assert(str_eqz(head.fields[3].value, "\xe9t\xe9"));
    cr_assert(str_eqz(http_field_get(head.fields, head.n_fields, "SET-COOKIE"), "a"),
              "the first one");
    cr_assert_null(http_field_get(head.fields, head.n_fields, "set-cooki").ptr);
}

Test(upstream_head, status_lines)
{
    static const struct {
        const char *text;
        int status; /* 0: refused */
    } rows[] = {
        {"HTTP/1.1 100 \r\n\r\n", 100},
        {"HTTP/1.1 599 x\r\n\r\n", 599},
        {"HTTP/1.0 200 OK\r\n\r\n", 200},
        {"HTTP/1.1 200\r\n\r\n", 200},
        {"HTTP/1.1 200 OK\n\n", 200},
        {"HTTP/1.1 099 x\r\n\r\n", 0},
        {"HTTP/1.1 600 x\r\n\r\n", 0},
        {"HTTP/1.1 20 x\r\n\r\n", 0},
        {"HTTP/1.1 2000\r\n\r\n", 0},
        {"HTTP/1.1 20x OK\r\n\r\n", 0},
        {"HTTP/1.1  200 OK\r\n\r\n", 0},
        {" HTTP/1.1 200 OK\r\n\r\n", 0},
        {"HTTP/1.2 200 OK\r\n\r\n", 0},
        {"HTTP/2 200 \r\n\r\n", 0},
        {"HTTP 200 OK\r\n\r\n", 0},
        {"http/1.1 200 OK\r\n\r\n", 0},
        {"HTTP/1.1 200 O\rK\r\n\r\n", 0},
        {"HTTP/1.1 101 S\r\n\r\n", 0},
        {"HTTP/1.1 200 OK\r\n", 0},
        {"HTTP/1.1 200 OK", 0},
        {"", 0},
        {"HTTP/1.1 200 OK\r\n\r\nx", 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_field fields[UPSTREAM_FIELDS_MAX];
        struct upstream_head head;
        const char *why = parse(rows[i].text, fields, &head);

        cr_expect_eq(why == NULL, rows[i].status != 0, "row %zu: %s", i, why);
        if (why == NULL)
            cr_expect_eq(head.status, rows[i].status, "row %zu", i);
    }
}

Test(upstream_head, number_of_fields_at_limit_minus_one_limit_and_plus_one)
{
    for (size_t n = UPSTREAM_FIELDS_MAX - 1; n <= UPSTREAM_FIELDS_MAX + 1; n++) {
        struct http_field fields[UPSTREAM_FIELDS_MAX];
        struct upstream_head head;
        struct buf text;

        buf_init(&text, 1 << 16);
        cr_assert_eq(buf_appendf(&text, "HTTP/1.1 200 OK\r\n"), 0);
        for (size_t i = 0; i < n; i++)
            cr_assert_eq(buf_appendf(&text, "x-%zu: y\r\n", i), 0);
        cr_assert_eq(buf_appendf(&text, "\r\n"), 0);
        const char *why = upstream_head_parse(buf_str(&text), fields, &head);
        cr_expect_eq(why == NULL, n <= UPSTREAM_FIELDS_MAX, "%zu fields", n);
        if (why == NULL)
            cr_expect_eq(head.n_fields, n);
        buf_release(&text);
    }
}

Test(upstream_head, nul_bytes_are_refused)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n";
    struct http_field fields[UPSTREAM_FIELDS_MAX];
    struct upstream_head head;

    cr_assert_not_null(
        upstream_head_parse((struct str){text, sizeof(text) - 1}, fields, &head));
}

Test(upstream_head, request_headers)
{
    static const struct {
        const char *line;
        bool fine;
    } rows[] = {
        {"x-a: 1", true},
        {"x-a:1", true},
        {"x-a:", true},
        {"x-a: \xc3\xa9\t1", true},
        {"Authorization: Bearer x", true},
        {"x-a", false},
        {": 1", false},
        {"x a: 1", false},
        {"x-a : 1", false},
        {" x-a: 1", false},
        {"x-a: 1\r\nx-b: 2", false},
        {"x-a: 1\n", false},
        {"x-a: 1\rb", false},
        {"x-a: \x01", false},
        {"x-a: \x7f", false},
        {"x\r\n: 1", false},
        {"Content-Length: 3", false},
        {"transfer-encoding: chunked", false},
        {"CONNECTION: close", false},
        {"Expect: 100-continue", false},
        {"Upgrade: h2c", false},
        {"TE: trailers", false},
        {"", false},
    };
    struct str name, value;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        cr_expect_eq(upstream_head_check_request(rows[i].line, &name, &value) == NULL,
                     rows[i].fine, "row '%s'", rows[i].line);
}
