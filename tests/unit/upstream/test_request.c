/* test_request.c - what may go out to a region, and what it looks like there. */
#include "upstream/request.h"

#include "base/clock.h"
#include "upstream_rig.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void run(struct upstream_rig *r, struct upstream_client *c, struct upstream_request req)
{
    char url[128];

    snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", r->srv.port,
             req.url != NULL ? req.url : "/v1");
    req.url = url;
    upstream_client_init(c, r);
    upstream_client_start(c, &req);
    upstream_rig_run_until(r, &c->ends, 1, "on_end");
}

Test(upstream_request, bad_requests_end_internal_and_send_nothing)
{
    static const struct {
        const char *name, *method, *url, *header;
        size_t body;
    } rows[] = {
        {"CRLF in a value", "POST", NULL, "x: a\r\ny: b", 1},
        {"LF in a value", "POST", NULL, "x: a\ny: b", 1},
        {"CR in a value", "POST", NULL, "x: a\rb", 1},
        {"no colon", "POST", NULL, "x", 1},
        {"Content-Length of the caller's", "POST", NULL, "Content-Length: 9", 1},
        {"Transfer-Encoding", "POST", NULL, "Transfer-Encoding: chunked", 1},
        {"method", "PO ST", NULL, "x: a", 1},
        {"no method", "", NULL, "x: a", 1},
        {"CRLF in the method", "POST\r\n", NULL, "x: a", 1},
        {"GET with a body", "GET", NULL, "x: a", 1},
        {"file", "GET", "file:///etc/passwd", "x: a", 0},
        {"gopher", "GET", "gopher://127.0.0.1:1/", "x: a", 0},
        {"unknown scheme", "GET", "abc://127.0.0.1/", "x: a", 0},
        {"no host", "GET", "http://", "x: a", 0},
        {"no URL", "GET", "", "x: a", 0},
        {"CRLF in the URL", "GET", "http://127.0.0.1/a\r\nb", "x: a", 0},
        {"space in the URL", "GET", "http://127.0.0.1/a b", "x: a", 0},
        {"port", "GET", "http://127.0.0.1:70000/", "x: a", 0},
        {"credentials in the URL", "GET", "http://u:secret@127.0.0.1/", "x: a", 0},
    };
    RIG(r, {.bytes = OK_ANSWER});

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct upstream_client c;
        char url[128];

        snprintf(url, sizeof(url), "http://127.0.0.1:%d/", r.srv.port);
        upstream_client_init(&c, &r);
        upstream_client_start(
            &c, &(struct upstream_request){.method = rows[i].method,
                                           .url = rows[i].url != NULL ? rows[i].url : url,
                                           .headers = &rows[i].header,
                                           .n_headers = 1,
                                           .body = {"b", rows[i].body},
                                           .connect_ms = 1000,
                                           .total_ms = 2000});
        upstream_rig_run_until(&r, &c.ends, 1, "on_end");
        cr_expect_eq(c.end.result, UPSTREAM_INTERNAL, "row '%s': %s", rows[i].name,
                     upstream_result_name(c.end.result));
        cr_expect(c.end.detail[0] != '\0' && strstr(c.end.detail, "secret") == NULL, "row '%s'",
                  rows[i].name);
        cr_expect(c.heads == 0 && c.end.sends == 0, "row '%s'", rows[i].name);
        upstream_client_release(&c);
    }
    cr_assert_eq(r.srv.accepted, 0);
    upstream_rig_stop(&r);
}

Test(upstream_request, methods_and_bodies)
{
    static const struct {
        const char *method, *body, *line, *length;
    } rows[] = {
        {"GET", NULL, "GET /v1/../a%2fb?q=1 HTTP/1.1\r\n", NULL},
        {"POST", "abc", "POST /v1/../a%2fb?q=1 HTTP/1.1\r\n", "\r\nContent-Length: 3\r\n"},
        {"POST", NULL, "POST /v1/../a%2fb?q=1 HTTP/1.1\r\n", "\r\nContent-Length: 0\r\n"},
        {"PUT", "abc", "PUT /v1/../a%2fb?q=1 HTTP/1.1\r\n", "\r\nContent-Length: 3\r\n"},
        {"DELETE", NULL, "DELETE /v1/../a%2fb?q=1 HTTP/1.1\r\n", NULL},
        {"HEAD", NULL, "HEAD /v1/../a%2fb?q=1 HTTP/1.1\r\n", NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        RIG(r, {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"});
        static const char *const headers[] = {"x-empty:", "x-agent: a"};
        struct upstream_client c;

        run(&r, &c,
            (struct upstream_request){.method = rows[i].method,
                                      .url = "/v1/../a%2fb?q=1",
                                      .headers = headers,
                                      .n_headers = 2,
                                      .body = str_of(rows[i].body)});
        cr_expect_eq(c.end.result, UPSTREAM_COMPLETE, "row %zu: %s", i, c.end.detail);
        cr_expect_eq(strncmp(r.srv.seen.data, rows[i].line, strlen(rows[i].line)), 0, "%s",
                     r.srv.seen.data);
        cr_expect_eq(strstr(r.srv.seen.data,
                            rows[i].length != NULL ? rows[i].length : "Content-Length") != NULL,
                     rows[i].length != NULL, "%s", r.srv.seen.data);
        cr_expect_not_null(strstr(r.srv.seen.data, "\r\nx-empty:\r\n"));
        cr_expect_null(strstr(r.srv.seen.data, "Transfer-Encoding"));
        cr_expect_null(strstr(r.srv.seen.data, "Content-Type"));
        upstream_client_release(&c);
        upstream_rig_stop(&r);
    }
}

Test(upstream_request, callers_user_agent_replaces_ours)
{
    static const char *const mine = "user-agent: openai/1";
    RIG(r, {.bytes = OK_ANSWER});
    struct upstream_client c;

    run(&r, &c, (struct upstream_request){.method = "GET", .headers = &mine, .n_headers = 1});
    cr_assert_eq(c.end.result, UPSTREAM_COMPLETE);
    cr_assert_not_null(strstr(r.srv.seen.data, "\r\nuser-agent: openai/1\r\n"));
    cr_assert_null(strstr(r.srv.seen.data, "sluice/"));
    upstream_client_release(&c);
    upstream_rig_stop(&r);
}

Test(upstream_request, a_large_post_does_not_wait_for_100_continue)
{
    size_t len = 3 << 20;
    char *body = malloc(len);
    RIG(r, {.bytes = OK_ANSWER});
    struct upstream_client c;

    memset(body, 'x', len);
    run(&r, &c, (struct upstream_request){.method = "POST", .body = {body, len}});
    cr_assert_eq(c.end.result, UPSTREAM_COMPLETE, "%s", c.end.detail);
    cr_assert_null(strstr(r.srv.seen.data, "Expect"), "curl would wait for an answer to it");
    cr_assert_not_null(strstr(r.srv.seen.data, "\r\nContent-Length: 3145728\r\n"));
    cr_assert_gt(r.srv.seen.len, len);
    upstream_client_release(&c);
    upstream_rig_stop(&r);
    free(body);
}

Test(upstream_request, proxies_and_netrc_of_the_environment_are_ignored)
{
    /* Port 9 on loopback: a proxy that refuses. */
    static const char *const names[] = {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        setenv(names[i], "http://127.0.0.1:9/", 1);
    RIG(r, {.bytes = "HTTP/1.1 200 OK\r\nSet-Cookie: k=v\r\nContent-Length: 2\r\n\r\nok"});
    struct upstream_client c, d;

    run(&r, &c, (struct upstream_request){.method = "GET"});
    cr_assert_eq(c.end.result, UPSTREAM_COMPLETE, "%s", c.end.detail);
    run(&r, &d, (struct upstream_request){.method = "GET"});
    cr_assert_eq(d.end.result, UPSTREAM_COMPLETE, "%s", d.end.detail);
    cr_assert_null(strstr(r.srv.seen.data, "Cookie"));
    cr_assert_null(strstr(r.srv.seen.data, "Authorization"));
    upstream_client_release(&c);
    upstream_client_release(&d);
    upstream_rig_stop(&r);
}

Test(upstream_request, more_urls_than_are_kept)
{
    RIG(r, {.bytes = OK_ANSWER});

    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 40; i++) {
            struct upstream_client c;
            char path[32], want[64];

            snprintf(path, sizeof(path), "/p%d", i);
            snprintf(want, sizeof(want), "GET /p%d HTTP/1.1\r\n", i);
            buf_clear(&r.srv.seen);
            run(&r, &c, (struct upstream_request){.method = "GET", .url = path});
            cr_assert_eq(c.end.result, UPSTREAM_COMPLETE);
            cr_assert_eq(strncmp(r.srv.seen.data, want, strlen(want)), 0);
            upstream_client_release(&c);
        }
    upstream_rig_stop(&r);
}
