/* test_linger.c - a stream that said [DONE] is over for its client, whatever its vendor does.
 */
#include "flow_words.h"
#include "flow_world.h"

#include <criterion/criterion.h>

#define SSE    "Content-Type: text/event-stream\n"
#define HI     "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}\n\n"
#define STOP   "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
#define DONE   "data: [DONE]\n\n"
#define STREAM "{\"model\":\"m\",\"messages\":[1],\"stream\":true}"

static const struct {
    const char *name;
    struct script_answer a;
    bool cancelled; /* its connection is given up at once */
} rows[] = {
    {"ends properly",
     {.region = "a", .status = 200, .fields = SSE, .body = HI STOP DONE},
     false},
    {"ends a piece later",
     {.region = "a", .status = 200, .fields = SSE, .body = HI STOP DONE "|"},
     false},
    {"is cut behind it",
     {.region = "a", .status = 200, .fields = SSE, .body = HI STOP DONE, .end = UPSTREAM_CUT},
     false},
    {"goes on talking",
     {.region = "a", .status = 200, .fields = SSE, .body = HI STOP DONE HI "|" HI},
     false},
    {"does not hang up",
     {.region = "a", .status = 200, .fields = SSE, .body = HI STOP DONE, .hangs = true},
     true},
    {"never took the request's body",
     {.region = "a", .status = 200, .fields = SSE, .body = HI STOP DONE "|~|~", .unread = true},
     true},
};

/* The client's answer is whole before the vendor's connection is; the next request on the same
 * connection reuses the memory that the first one's body had. */
Test(flow_linger, client_is_served_at_once)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct flow_world f;
        struct flow_client c;
        struct flow_answer a;
        struct script_answer answers[] = {rows[i].a,
                                          {.region = "a", .status = 200, .body = WORD_ANSWER}};

        flow_start(&f, NULL);
        script_set(f.w.up, answers, ARRAY_LEN(answers));
        flow_open(&f, &c);
        flow_post(&c, "/v1/chat/completions", NULL, STREAM);
        flow_wait_answer(&c, &a);
        cr_expect_eq(a.status, 200, "row '%s'", rows[i].name);
        cr_expect(a.whole, "row '%s'", rows[i].name);
        cr_expect_str_eq(a.body.data, HI STOP DONE, "row '%s'", rows[i].name);
        cr_expect_eq(f.w.slot->fleet->slot[0].attempts[OUTCOME_OK], 1, "row '%s'",
                     rows[i].name);
        flow_answer_release(&a);
        buf_clear(&c.in);
        flow_post(&c, "/v1/chat/completions", NULL, "{\"model\":\"m\",\"messages\":[2]}");
        flow_wait_answer(&c, &a);
        cr_expect(a.whole && a.status == 200, "row '%s'", rows[i].name);
        script_release(f.w.up);
        cr_expect(flow_wait_running(&f, 0), "row '%s': a call is left", rows[i].name);
        cr_expect_eq(script_call(f.w.up, 0)->cancelled, rows[i].cancelled, "row '%s'",
                     rows[i].name);
        flow_answer_release(&a);
        flow_close(&c);
        flow_stop(&f);
    }
}

/* The worker may go while a call lingers. */
Test(flow_linger, ends_with_the_worker)
{
    struct flow_world f;
    struct flow_answer a;
    struct script_answer answer = {
        .region = "a", .status = 200, .fields = SSE, .body = HI STOP DONE, .hangs = true};

    flow_start(&f, NULL);
    script_set(f.w.up, &answer, 1);
    flow_ask(&f, NULL, STREAM, &a);
    cr_expect(a.whole);
    cr_expect_eq(script_running(f.w.up), 1);
    flow_answer_release(&a);
    flow_stop(&f);
}
