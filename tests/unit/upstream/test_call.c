/* test_call.c - pause, resume, cancel and start, everywhere a caller may try them. */
#include "upstream/upstream.h"

#include "upstream_rig.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define ENDLESS_HEAD "HTTP/1.1 200 OK\r\n\r\n"

static void fresh(struct upstream_rig *r, struct upstream_client *c, const char *auth)
{
    upstream_client_init(c, r);
    upstream_client_post(r, c, auth);
}

static long rss_kib(void)
{
    long pages = 0, ignored;
    FILE *f = fopen("/proc/self/statm", "r");

    cr_assert_eq(fscanf(f, "%ld %ld", &ignored, &pages), 2);
    fclose(f);
    return pages * 4;
}

Test(upstream_call, paused_call_gets_nothing_and_memory_stays_bounded)
{
    RIG(r, {.bytes = ENDLESS_HEAD, .after = ENDLESS});
    struct upstream_client c;

    upstream_client_init(&c, &r);
    c.in_data = PAUSE;
    upstream_client_post(&r, &c, NULL);
    upstream_rig_run_until(&r, &c.datas, 1, "data");
    size_t sent_before = 0;
    long before_kib = rss_kib();
    /* Until the server cannot send any more: every buffer on the way is full. */
    for (int i = 0; i < 100 && (i < 3 || r.srv.sent != sent_before); i++) {
        sent_before = r.srv.sent;
        upstream_rig_run_for(&r, 20);
    }
    cr_assert_eq(r.srv.sent, sent_before, "the server can still send: nobody pushes back");
    cr_assert_eq(c.datas, 1);
    cr_assert_lt(r.srv.sent, 16u << 20, "more than the kernel's two buffers hold");
#ifndef __SANITIZE_ADDRESS__ /* it keeps what was freed, the server's buffers here */
    cr_assert_lt(rss_kib() - before_kib, 1024);
#else
    (void)before_kib;
#endif
    cr_assert_eq(c.ends, 0);
    upstream_call_cancel(c.call);
    cr_assert_eq(c.ends, 0);
    upstream_client_release(&c);
    upstream_rig_stop(&r);
}

Test(upstream_call, resume_delivers_what_was_held_from_the_loop)
{
    RIG(r, {.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                     "1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n"});
    struct upstream_client c;

    upstream_client_init(&c, &r);
    c.in_data = PAUSE;
    upstream_client_post(&r, &c, NULL);
    for (int i = 0; i < 20 && c.ends == 0; i++) {
        upstream_rig_run_for(&r, 5);
        int datas = c.datas;

        c.paused = false;
        r.inside++;
        upstream_call_resume(c.call);
        r.inside--;
        cr_assert_eq(c.datas, datas, "on_data inside resume");
    }
    upstream_rig_run_until(&r, &c.ends, 1, "on_end");
    cr_assert(!c.data_while_paused);
    cr_assert_eq(c.end.result, UPSTREAM_COMPLETE, "%s", c.end.detail);
    cr_assert_str_eq(c.body.data, "abc");
    upstream_client_release(&c);
    upstream_rig_stop(&r);
}

Test(upstream_call, pause_and_resume_before_anything_came_changes_nothing)
{
    RIG(r, {.bytes = OK_ANSWER});
    struct upstream_client c;

    fresh(&r, &c, NULL);
    upstream_call_pause(c.call);
    upstream_call_resume(c.call);
    upstream_call_resume(c.call);
    upstream_rig_run_until(&r, &c.ends, 1, "on_end");
    cr_assert_eq(c.end.result, UPSTREAM_COMPLETE);
    cr_assert_str_eq(c.body.data, "ok");
    upstream_client_release(&c);
    upstream_rig_stop(&r);
}

Test(upstream_call, paused_to_its_end_still_has_all_of_it)
{
    RIG(r, {.bytes = OK_ANSWER}, {.bytes = "HTTP/1.1 200 OK\r\n\r\nok", .after = CLOSE});

    for (int i = 0; i < 2; i++) {
        struct upstream_client c;

        fresh(&r, &c, NULL);
        upstream_call_pause(c.call);
        upstream_rig_run_until(&r, &c.heads, 1, "head");
        upstream_rig_run_for(&r, 30);
        cr_assert(c.datas == 0 && c.ends == 0);
        upstream_call_resume(c.call);
        upstream_rig_run_until(&r, &c.ends, 1, "on_end");
        cr_assert_eq(c.end.result, UPSTREAM_COMPLETE, "%s", c.end.detail);
        cr_assert_str_eq(c.body.data, "ok");
        upstream_client_release(&c);
    }
    upstream_rig_stop(&r);
}

Test(upstream_call, cancel_ends_callbacks_and_the_connection)
{
    enum { BEFORE_LOOP, CONNECTED, IN_HEAD, IN_DATA, PAUSED, RESUMED, N };

    for (int when = 0; when < N; when++) {
        RIG(r, {.bytes = ENDLESS_HEAD, .after = ENDLESS}, {.bytes = OK_ANSWER});
        struct upstream_client c, next;
        int told;

        upstream_client_init(&c, &r);
        c.in_head = when == IN_HEAD ? CANCEL : NOTHING;
        c.in_data = when == IN_DATA ? CANCEL : when >= PAUSED ? PAUSE : NOTHING;
        upstream_client_post(&r, &c, NULL);
        if (when == CONNECTED)
            upstream_rig_run_until(&r, &r.srv.accepted, 1, "connection");
        if (when == IN_HEAD)
            upstream_rig_run_until(&r, &c.heads, 1, "head");
        if (when >= IN_DATA)
            upstream_rig_run_until(&r, &c.datas, 1, "data");
        if (when == RESUMED) {
            upstream_rig_run_for(&r, 20);
            c.in_data = CANCEL; /* inside curl_easy_pause() */
            c.paused = false;
            upstream_call_resume(c.call);
            upstream_rig_run_until(&r, &c.datas, 2, "data");
        } else if (when != IN_HEAD && when != IN_DATA) {
            upstream_call_cancel(c.call);
        }
        told = c.heads + c.datas;
        upstream_rig_run_for(&r, 30);
        cr_expect_eq(c.heads + c.datas, told, "case %d: told after cancel", when);
        cr_expect_eq(c.ends, 0, "case %d", when);
        cr_expect_eq(r.srv.closed, r.srv.accepted, "case %d: connection kept", when);
        if (when > CONNECTED) { /* the server's second answer is an ordinary one */
            upstream_client_run(&r, &next);
            cr_expect(next.end.result == UPSTREAM_COMPLETE && !next.end.reused, "case %d",
                      when);
            upstream_client_release(&next);
        }
        upstream_client_release(&c);
        upstream_rig_stop(&r);
    }
}

/* Everything is there when the first callback runs, so curl has more to tell at once. */
Test(upstream_call, nothing_comes_after_cancel_even_from_the_same_read)
{
    for (int in_data = 0; in_data < 2; in_data++) {
        RIG(r, {.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                         "1\r\na\r\n1\r\nb\r\n0\r\n\r\n"});
        struct upstream_client c;

        upstream_client_init(&c, &r);
        *(in_data ? &c.in_data : &c.in_head) = CANCEL;
        upstream_client_post(&r, &c, NULL);
        upstream_rig_run_until(&r, &r.srv.closed, 1, "close");
        cr_expect_eq(c.heads, 1);
        cr_expect_eq(c.datas, in_data);
        cr_expect(!c.told_late && c.ends == 0);
        upstream_client_release(&c);
        upstream_rig_stop(&r);
    }
}

Test(upstream_call, cancel_another_call_from_inside_a_callback)
{
    RIG(r, {.bytes = "", .after = KEEP}, {.bytes = OK_ANSWER});
    struct upstream_client hanging, c;

    fresh(&r, &hanging, NULL);
    upstream_rig_run_until(&r, &r.srv.requests, 1, "request");
    upstream_client_init(&c, &r);
    c.another = &hanging;
    c.in_head = CANCEL;
    upstream_client_post(&r, &c, NULL);
    upstream_rig_run_until(&r, &c.ends, 1, "on_end");
    cr_assert_eq(c.end.result, UPSTREAM_COMPLETE);
    upstream_rig_run_until(&r, &r.srv.closed, 1, "close of the cancelled one");
    cr_assert_eq(hanging.ends, 0);
    upstream_client_release(&c);
    upstream_client_release(&hanging);
    upstream_rig_stop(&r);
}

Test(upstream_call, start_from_inside_every_callback)
{
    for (int where = 0; where < 3; where++) {
        RIG(r, {.bytes = OK_ANSWER});
        struct upstream_client c, another;

        upstream_client_init(&c, &r);
        upstream_client_init(&another, &r);
        c.another = &another;
        *(where == 0 ? &c.in_head : where == 1 ? &c.in_data : &c.in_end) = START_ANOTHER;
        upstream_client_post(&r, &c, NULL);
        upstream_rig_run_until(&r, &another.ends, 1, "end of the other");
        cr_expect(c.ends == 1 && c.end.result == UPSTREAM_COMPLETE);
        cr_expect_eq(another.end.result, UPSTREAM_COMPLETE, "%s", another.end.detail);
        upstream_client_release(&c);
        upstream_client_release(&another);
        upstream_rig_stop(&r);
    }
}

Test(upstream_call, cancel_inside_on_end_is_harmless)
{
    RIG(r, {.bytes = OK_ANSWER});
    struct upstream_client c, next;

    upstream_client_init(&c, &r);
    c.in_end = CANCEL;
    upstream_client_post(&r, &c, NULL);
    upstream_rig_run_until(&r, &c.ends, 1, "on_end");
    upstream_client_run(&r, &next);
    cr_assert(next.end.reused);
    upstream_client_release(&c);
    upstream_client_release(&next);
    upstream_rig_stop(&r);
}

Test(upstream_call, free_with_running_calls_is_silent)
{
    RIG(r, {.bytes = ENDLESS_HEAD, .after = ENDLESS});
    struct upstream_client started, reading, paused;

    fresh(&r, &reading, "Authorization: a");
    upstream_client_init(&paused, &r);
    paused.in_data = PAUSE;
    upstream_client_post(&r, &paused, "Authorization: b");
    upstream_rig_run_until(&r, &reading.datas, 1, "data");
    upstream_rig_run_until(&r, &paused.datas, 1, "data");
    fresh(&r, &started, NULL);
    upstream_free(r.up);
    r.up = NULL;
    upstream_rig_run_for(&r, 20);
    cr_assert_eq(started.ends + reading.ends + paused.ends, 0);
    cr_assert_eq(r.srv.closed, r.srv.accepted);
    upstream_client_release(&started);
    upstream_client_release(&reading);
    upstream_client_release(&paused);
    upstream_rig_stop(&r);
}

/* Small bodies leave with the head, larger ones piece by piece: both are counted. */
Test(upstream_call, knows_when_the_whole_request_is_sent)
{
    static const size_t sizes[] = {0, 2, 65536, 3u << 20};
    RIG(r, {.bytes = ENDLESS_HEAD, .after = ENDLESS});
    struct buf body;
    char url[64];

    buf_init(&body, 4u << 20);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/v1", r.srv.port);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct upstream_client c;
        struct upstream_request req = {
            .method = "POST", .url = url, .connect_ms = 5000, .total_ms = 10000};

        cr_assert_eq(buf_reserve(&body, sizes[i]), 0);
        while (body.len < sizes[i])
            cr_assert_eq(buf_append(&body, "x", 1), 0);
        req.body = buf_str(&body);
        upstream_client_init(&c, &r);
        c.in_data = PAUSE;
        upstream_client_start(&c, &req);
        cr_expect_not(upstream_call_is_sent(c.call), "%zu bytes before they went", sizes[i]);
        upstream_rig_run_until(&r, &c.datas, 1, "data");
        cr_expect(upstream_call_is_sent(c.call), "%zu bytes", sizes[i]);
        upstream_call_cancel(c.call);
        upstream_client_release(&c);
    }
    buf_release(&body);
    upstream_rig_stop(&r);
}
