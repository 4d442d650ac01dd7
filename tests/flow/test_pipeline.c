/* test_pipeline.c - a second request right behind a first one's body: answered second, with its
 * own answer; and never found where a body was to come that nobody reads. */
#include "flow_words.h"
#include "flow_world.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define HEAD                                                                                   \
    "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"                                \
    "Content-Type: application/json\r\n"
#define MODELS "'models':{'m':{'targets':[{'region':'a'}]}}"
#define LIST   "GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n"

/* Two bodies and two answers that nobody can take for each other. */
#define ASK(word)                                                                              \
    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"" word "\"}]}"
#define ANSWER(word) "{\"choices\":[{\"message\":{\"content\":\"" word "\"}}]}"

#define LARGE_BYTES 100000 /* more than is read at a time, and than `in` may hold */
#define TURNS       4      /* of the loop; more than a request needs to go on to its region */

#define HEAD_BYTES (sizeof(HEAD "Content-Length: 66\r\n\r\n") - 1)

enum { ALL = 1 << 20 };

static const struct {
    const char *name;
    bool chunked, large;
    size_t first_bytes, step_bytes; /* of the first write, and of each one after it */
} arrivals[] = {
    {"in one segment", false, false, ALL, ALL},
    {"in one segment, chunked", true, false, ALL, ALL},
    {"in one segment, large", false, true, ALL, ALL},
    {"in one segment, large and chunked", true, true, ALL, ALL},
    {"behind a body that comes after its head", false, false, HEAD_BYTES, ALL},
    {"behind a body that comes byte by byte", false, false, 1, 1},
    {"behind chunks that come byte by byte", true, false, 1, 1},
    {"behind a large body that comes slowly", false, true, 5000, 5000},
    {"behind large chunks that come slowly", true, true, 5000, 5000},
};

/* A body of that size which says word; spaces between two members are nobody's. */
static void make_body(struct buf *out, const char *word, bool large)
{
    buf_init(out, 2 * LARGE_BYTES);
    cr_assert_eq(buf_appendf(out,
                             "{\"model\":\"m\",%*s\"messages\":[{\"role\":\"user\","
                             "\"content\":\"%s\"}]}",
                             large ? LARGE_BYTES : 0, "", word),
                 0);
}

static void put_chunk(struct buf *out, const char *ext, struct str data)
{
    cr_assert_eq(buf_appendf(out, "%zx%s\r\n", data.len, ext), 0);
    cr_assert_eq(buf_append_str(out, data), 0);
    cr_assert_eq(buf_append(out, "\r\n", 2), 0);
}

/* A request with that body, whole or in two chunks. */
static void put_request(struct buf *out, struct str body, bool chunked)
{
    size_t half = body.len / 2;

    if (!chunked) {
        cr_assert_eq(buf_appendf(out, HEAD "Content-Length: %zu\r\n\r\n", body.len), 0);
        cr_assert_eq(buf_append_str(out, body), 0);
        return;
    }
    cr_assert_eq(buf_appendf(out, HEAD "Transfer-Encoding: chunked\r\n\r\n"), 0);
    put_chunk(out, "", (struct str){body.ptr, half});
    put_chunk(out, ";x=y", (struct str){body.ptr + half, body.len - half});
    put_chunk(out, "", (struct str){"", 0});
}

static void write_slowly(struct flow_client *c, struct str bytes, size_t first, size_t step)
{
    for (size_t n = first; bytes.len > 0; n = step) {
        if (n > bytes.len)
            n = bytes.len;
        flow_write(c, (struct str){bytes.ptr, n});
        bytes = (struct str){bytes.ptr + n, bytes.len - n};
        flow_turn(c->f);
    }
}

/* The next answer is whole and says word; it is taken off what was received. */
static void expect_answer(struct flow_client *c, int status, const char *word, const char *row)
{
    struct flow_answer a;

    flow_wait_answer(c, &a);
    cr_expect(a.whole && a.status == status, "row '%s': %d, %s", row, a.status, a.body.data);
    cr_expect(a.body.len > 0 && strstr(a.body.data, word) != NULL, "row '%s': no '%s' in %s",
              row, word, a.body.data);
    buf_consume(&c->in, a.bytes);
    flow_answer_release(&a);
}

Test(flow_pipeline, behind_an_upload)
{
    for (size_t i = 0; i < ARRAY_LEN(arrivals); i++) {
        struct script_answer answers[] = {
            {.region = "a", .status = 200, .body = ANSWER("one"), .waits = true},
            {.region = "a", .status = 200, .body = ANSWER("two")}};
        const char *row = arrivals[i].name;
        struct flow_world f;
        struct flow_client c;
        struct buf first, second, bytes;

        make_body(&first, "first", arrivals[i].large);
        make_body(&second, "second", false);
        buf_init(&bytes, 4 * LARGE_BYTES);
        put_request(&bytes, buf_str(&first), arrivals[i].chunked);
        put_request(&bytes, buf_str(&second), arrivals[i].chunked);
        flow_start(&f, NULL);
        script_set(f.w.up, answers, ARRAY_LEN(answers));
        flow_open(&f, &c);
        write_slowly(&c, buf_str(&bytes), arrivals[i].first_bytes, arrivals[i].step_bytes);
        cr_assert(flow_wait_calls(&f, 1), "row '%s'", row);
        flow_drain_loop(&f, TURNS);
        cr_expect_eq(script_count(f.w.up), 1u, "row '%s': the second did not wait", row);
        cr_expect_eq(c.in.len, 0u, "row '%s': an answer before its turn", row);
        script_release(f.w.up);
        expect_answer(&c, 200, "one", row);
        expect_answer(&c, 200, "two", row);
        cr_assert_eq(script_count(f.w.up), 2u, "row '%s'", row);
        cr_expect(str_eq(buf_str(&script_call(f.w.up, 0)->body), buf_str(&first)), "row '%s'",
                  row);
        cr_expect(str_eq(buf_str(&script_call(f.w.up, 1)->body), buf_str(&second)), "row '%s'",
                  row);
        cr_expect(c.in.len == 0 && !c.eof && !c.reset, "row '%s'", row);
        buf_release(&first);
        buf_release(&second);
        buf_release(&bytes);
        flow_close(&c);
        flow_stop(&f);
    }
}

/* Refused at its head.  What was to be its body looks like a request, and so does what follows:
 * whether they are there already, or come once the refusal was read, they are nobody's. */
static const struct {
    const char *name, *head;
    int status;
} refused[] = {
    {"unknown path", "POST /v1/nothing HTTP/1.1\r\nHost: localhost\r\n", 404},
    {"wrong method", "PUT /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n", 405},
    {"wrong media type", HEAD "Content-Type: text/plain\r\n", 415},
    {"compressed", HEAD "Content-Encoding: gzip\r\n", 415},
    {"too many at once", HEAD, 503},
};

enum { BODY_HERE, BODY_LATER, BODY_CHUNKED, N_BODIES };

static void send_refused(struct flow_client *c, const char *head, int body)
{
    char first[512];

    snprintf(first, sizeof(first), "%s%s\r\n\r\n%s", head,
             body == BODY_CHUNKED ? "Transfer-Encoding: chunked" : "Content-Length: 1000",
             body == BODY_LATER ? "" : LIST LIST);
    flow_write(c, str_of(first));
    cr_assert(flow_wait_text(c, "\r\n\r\n{"), "%s", head);
    if (!c->eof && !c->reset)
        flow_write(c, STR(LIST LIST));
}

static bool is_over(void *arg)
{
    const struct flow_client *c = arg;

    return c->eof || c->reset;
}

Test(flow_pipeline, behind_a_body_that_nobody_reads)
{
    for (size_t i = 0; i < ARRAY_LEN(refused) * N_BODIES; i++) {
        struct script_answer answer = {
            .region = "a", .status = 200, .body = ANSWER("one"), .waits = true};
        const char *row = refused[i / N_BODIES].name;
        struct flow_world f;
        struct flow_client holder, c;
        struct flow_answer a;

        flow_start(&f, MODELS ",'http':{'max_requests':1}");
        script_set(f.w.up, &answer, 1);
        flow_open(&f, &holder); /* of the only place */
        flow_post(&holder, "/v1/chat/completions", NULL, ASK("first"));
        cr_assert(flow_wait_calls(&f, 1));
        flow_open(&f, &c);
        send_refused(&c, refused[i / N_BODIES].head, (int)(i % N_BODIES));
        cr_expect(flow_until(&f, is_over, &c), "row '%s' %zu: still open", row, i % N_BODIES);
        cr_expect_not(c.reset, "row '%s' %zu: the answer may be lost", row, i % N_BODIES);
        flow_read(&c, &a);
        cr_expect(a.whole && a.status == refused[i / N_BODIES].status, "row '%s' %zu: %d", row,
                  i % N_BODIES, a.status);
        cr_expect(str_ieqz(flow_field(&a, "connection"), "close"), "row '%s' %zu", row,
                  i % N_BODIES);
        cr_expect_eq(a.bytes, c.in.len, "row '%s' %zu: more than one answer: %s", row,
                     i % N_BODIES, c.in.data);
        flow_answer_release(&a);
        script_release(f.w.up);
        expect_answer(&holder, 200, "one", row);
        flow_close(&holder);
        flow_close(&c);
        flow_stop(&f);
    }
}

/* Refused with nothing left on its way: the next one stands where it should, and is served. */
Test(flow_pipeline, behind_a_refused_request_that_is_all_there)
{
    static const char *const uploads[] = {
        HEAD "Content-Length: 44\r\n\r\n" LIST, /* that looks like a request */
        HEAD "Content-Length: 2\r\n\r\n{}",
        HEAD "Content-Length: 0\r\n\r\n",
    };

    for (size_t i = 0; i < ARRAY_LEN(uploads); i++) {
        struct script_answer answer = {
            .region = "a", .status = 200, .body = ANSWER("one"), .waits = true};
        struct flow_world f;
        struct flow_client holder, c;
        char text[512];

        flow_start(&f, MODELS ",'http':{'max_requests':1}");
        script_set(f.w.up, &answer, 1);
        flow_open(&f, &holder);
        flow_post(&holder, "/v1/chat/completions", NULL, ASK("first"));
        cr_assert(flow_wait_calls(&f, 1));
        flow_open(&f, &c);
        snprintf(text, sizeof(text), "%s" LIST, uploads[i]);
        flow_write(&c, str_of(text));
        expect_answer(&c, 503, "overloaded", uploads[i]);
        expect_answer(&c, 200, "\"object\":\"list\"", uploads[i]);
        flow_drain_loop(&f, TURNS);
        cr_expect(c.in.len == 0 && !c.eof && !c.reset, "upload %zu: %s", i, c.in.data);
        script_release(f.w.up);
        expect_answer(&holder, 200, "one", uploads[i]);
        flow_close(&holder);
        flow_close(&c);
        flow_stop(&f);
    }
}
