/* test_upload.c - a request begins with its head: it is admitted before a byte of its body is
 * read, takes a place when all of it is there, and ends like any other when it stays away. */
#include "flow_words.h"
#include "flow_world.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ONE   "'http':{'max_requests':1}"
#define QUICK "'http':{'body_timeout':'100ms','max_body_bytes':'1KiB'}"
#define HEAD                                                                                   \
    "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"                                \
    "Content-Type: application/json\r\n"

static void open_with(struct flow_world *f, struct flow_client *c, const char *bytes)
{
    flow_open(f, c);
    flow_write(c, str_of(bytes));
}

static bool has_one_request(void *arg)
{
    const struct flow_world *f = arg;

    return f->w.requests != NULL;
}

static bool has_a_call(void *arg)
{
    const struct flow_world *f = arg;

    return script_running(f->w.up) == 1;
}

static bool has_no_request(void *arg)
{
    const struct flow_world *f = arg;

    return f->w.requests == NULL;
}

/* How much of a request is there when it is refused because of one that runs already. */
static const struct {
    const char *name, *bytes;
    bool stays; /* the connection: nothing of the request is left on its way */
} refused[] = {
    {"a head", HEAD "Content-Length: 1000000\r\n\r\n", false},
    {"a head that waits to be asked",
     HEAD "Content-Length: 1000000\r\nExpect: 100-continue\r\n\r\n", false},
    {"a head, chunks to come", HEAD "Transfer-Encoding: chunked\r\n\r\n", false},
    {"a part of the body", HEAD "Content-Length: 1000000\r\n\r\n{\"model\":", false},
    {"all of a small body", HEAD "Content-Length: 2\r\n\r\n{}", true},
};

Test(flow_upload, is_refused_before_the_body_is_sent)
{
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct script_answer answer = {
            .region = "a", .status = 200, .body = WORD_ANSWER, .waits = true, .for_ever = true};
        struct flow_world f;
        struct flow_client first, second;
        struct flow_answer a;

        flow_start(&f, ONE);
        script_set(f.w.up, &answer, 1);
        /* the first holds the only place */
        flow_open(&f, &first);
        flow_post(&first, "/v1/chat/completions", NULL, WORD_ASK);
        cr_assert(flow_until(&f, has_a_call, &f));
        open_with(&f, &second, refused[i].bytes);
        flow_wait_answer(&second, &a);
        cr_expect_eq(a.status, 503, "row '%s'", refused[i].name);
        cr_expect(a.whole && str_starts(buf_str(&second.in), "HTTP/1.1 503 "),
                  "row '%s': %.40s", refused[i].name, second.in.data);
        cr_expect(str_eqz(flow_field(&a, "x-sluice-error"), "overloaded"));
        cr_expect(str_eqz(flow_field(&a, "retry-after"), "1"));
        cr_expect_not_null(flow_field(&a, "x-request-id").ptr);
        cr_expect_eq(flow_field(&a, "connection").ptr == NULL, refused[i].stays, "row '%s'",
                     refused[i].name);
        cr_expect_eq(f.w.slot->requests[METRICS_REQ_FAILED], 1);
        cr_expect_eq(f.w.slot->inflight, 1, "row '%s'", refused[i].name);
        flow_answer_release(&a);

        /* the first goes on, and then there is room */
        script_release(f.w.up);
        flow_wait_answer(&first, &a);
        cr_expect_eq(a.status, 200, "row '%s'", refused[i].name);
        flow_answer_release(&a);
        if (refused[i].stays) {
            buf_clear(&second.in);
            answer.waits = false;
            flow_post(&second, "/v1/chat/completions", NULL, WORD_ASK);
            flow_wait_answer(&second, &a);
            cr_expect_eq(a.status, 200, "row '%s'", refused[i].name);
            flow_answer_release(&a);
        }
        flow_close(&first);
        flow_close(&second);
        flow_stop(&f);
    }
}

/* Uploads that take their time hold no place: others are served meanwhile. */
Test(flow_upload, keeps_nobody_out)
{
    struct script_answer answer = {
        .region = "a", .status = 200, .body = WORD_ANSWER, .for_ever = true};
    struct flow_world f;
    struct flow_client slow, quick;
    struct flow_answer a;
    char head[128];

    flow_start(&f, ONE);
    script_set(f.w.up, &answer, 1);
    snprintf(head, sizeof(head), HEAD "Content-Length: %zu\r\n\r\n", strlen(WORD_ASK));
    open_with(&f, &slow, head);
    cr_assert(flow_until(&f, has_one_request, &f));
    flow_open(&f, &quick);
    flow_post(&quick, "/v1/chat/completions", NULL, WORD_ASK);
    flow_wait_answer(&quick, &a);
    cr_expect_eq(a.status, 200);
    flow_answer_release(&a);
    flow_write(&slow, str_of(WORD_ASK));
    flow_wait_answer(&slow, &a);
    cr_expect_eq(a.status, 200);
    cr_expect_eq(f.w.slot->inflight, 0);
    flow_answer_release(&a);
    flow_close(&slow);
    flow_close(&quick);
    flow_stop(&f);
}

/* The client is asked for its body once the request is admitted, and not before. */
Test(flow_upload, is_asked_for_after_it_is_admitted)
{
    struct script_answer answer = {.region = "a", .status = 200, .body = WORD_ANSWER};
    struct flow_world f;
    struct flow_client c;
    struct flow_answer a;
    char head[256];

    flow_start(&f, ONE);
    script_set(f.w.up, &answer, 1);
    snprintf(head, sizeof(head), HEAD "Content-Length: %zu\r\nExpect: 100-continue\r\n\r\n",
             strlen(WORD_ASK));
    open_with(&f, &c, head);
    cr_assert(flow_wait_text(&c, "HTTP/1.1 100 Continue\r\n\r\n"));
    cr_expect_eq(f.w.slot->inflight, 0);
    cr_expect_eq(script_count(f.w.up), 0);
    flow_write(&c, str_of(WORD_ASK));
    flow_wait_answer(&c, &a);
    cr_expect_eq(a.status, 200);
    flow_answer_release(&a);
    flow_close(&c);
    flow_stop(&f);
}

/* Ways in which the body stays away. */
enum way { CLOSE, RESET, HALF_CLOSE, STALL, SERVER_GOES };
static const struct {
    const char *name, *bytes;
    enum way way;
    int status; /* that the client is told; 0: it is not there, or the server is not */
} missing[] = {
    {"left behind its head", HEAD "Content-Length: 500\r\n\r\n", CLOSE, 0},
    {"left within its body", HEAD "Content-Length: 500\r\n\r\n{\"mod", CLOSE, 0},
    {"reset behind its head", HEAD "Content-Length: 500\r\n\r\n", RESET, 0},
    {"reset within a chunk", HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"", RESET, 0},
    {"ends in the middle", HEAD "Content-Length: 500\r\n\r\n{\"mod", HALF_CLOSE, 400},
    {"stalls", HEAD "Content-Length: 500\r\n\r\n{\"mod", STALL, 408},
    {"waits to be asked, and stalls",
     HEAD "Content-Length: 500\r\nExpect: 100-continue\r\n\r\n", STALL, 408},
    {"the server goes", HEAD "Content-Length: 500\r\n\r\n{\"mod", SERVER_GOES, 0},
};

static void stay_away(struct flow_world *f, struct flow_client *c, enum way way)
{
    if (way == CLOSE)
        flow_close(c);
    else if (way == RESET)
        flow_kill(c);
    else if (way == HALF_CLOSE)
        shutdown(c->fd, SHUT_WR);
    else if (way == SERVER_GOES)
        server_free(f->server);
    if (way == SERVER_GOES)
        f->server = NULL;
}

Test(flow_upload, that_stays_away_leaves_nothing)
{
    for (size_t i = 0; i < ARRAY_LEN(missing); i++) {
        struct flow_world f;
        struct flow_client c;
        struct flow_answer a;

        flow_start(&f, missing[i].way == STALL ? QUICK : NULL);
        open_with(&f, &c, missing[i].bytes);
        cr_assert(flow_until(&f, has_one_request, &f), "row '%s'", missing[i].name);
        stay_away(&f, &c, missing[i].way);
        cr_expect(flow_until(&f, has_no_request, &f), "row '%s'", missing[i].name);
        cr_expect_eq(f.w.slot->inflight, 0, "row '%s'", missing[i].name);
        cr_expect_eq(f.w.slot->requests[METRICS_REQ_GONE], 1, "row '%s'", missing[i].name);
        cr_expect_eq(f.w.slot->duration.count, 1u, "row '%s'", missing[i].name);
        if (missing[i].status != 0) {
            flow_wait_answer(&c, &a);
            cr_expect_eq(a.status, missing[i].status, "row '%s'", missing[i].name);
            flow_answer_release(&a);
        }
        if (missing[i].way != CLOSE && missing[i].way != RESET)
            flow_close(&c);
        flow_stop(&f);
    }
}

/* A body that breaks its framing or outgrows the limit on its way: the request ends, and the
 * client is told why. */
Test(flow_upload, that_goes_wrong_is_answered)
{
    static const struct {
        const char *chunk;
        int status;
    } rows[] = {{"zz\r\n", 400}, {"401\r\n", 413}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct flow_world f;
        struct flow_client c;
        struct flow_answer a;

        flow_start(&f, QUICK);
        open_with(&f, &c, HEAD "Transfer-Encoding: chunked\r\n\r\n");
        cr_assert(flow_until(&f, has_one_request, &f));
        flow_write(&c, str_of(rows[i].chunk));
        flow_wait_answer(&c, &a);
        cr_expect_eq(a.status, rows[i].status);
        cr_expect(str_ieqz(flow_field(&a, "connection"), "close"));
        cr_expect_null(f.w.requests);
        cr_expect_eq(f.w.slot->requests[METRICS_REQ_GONE], 1);
        flow_answer_release(&a);
        flow_close(&c);
        flow_stop(&f);
    }
}

/* What an upload takes is the client's time: neither the request's, nor overhead of ours. */
Test(flow_upload, takes_no_time_of_the_request)
{
    struct script_answer answer = {.region = "a", .status = 200, .body = WORD_ANSWER};
    int64_t due_ms = clock_mono_ms() + 1200;
    struct flow_world f;
    struct flow_client c;
    struct flow_answer a;
    char head[256];
    uint64_t overhead_us;

    flow_start(&f, "'timeouts':{'connect':'1s','first_byte':'1s','first_content':'1s',"
                   "'idle':'1s','total':'1s'}");
    script_set(f.w.up, &answer, 1);
    snprintf(head, sizeof(head), HEAD "Content-Length: %zu\r\n\r\n", strlen(WORD_ASK));
    open_with(&f, &c, head);
    cr_assert(flow_until(&f, has_one_request, &f));
    while (clock_mono_ms() < due_ms)
        flow_turn(&f);
    flow_write(&c, str_of(WORD_ASK));
    flow_wait_answer(&c, &a);
    cr_expect_eq(a.status, 200);
    cr_assert(str_to_u64(flow_field(&a, "x-sluice-overhead-us"), &overhead_us));
    cr_expect_lt(overhead_us, 1000000u);
    cr_expect_lt(f.w.slot->duration.sum_us, 1000000u);
    flow_answer_release(&a);
    flow_close(&c);
    flow_stop(&f);
}
