/* fuzz_openai.c - any bytes as what a dialect reads (a stream event, an answer, its fields, a
 * client's body or path): no crash, sane results, in every dialect there is. */
#include "base/base.h"
#include "base/json_scan.h"
#include "dialect/chat_request.h"
#include "dialect/resume.h"
#include "dialect/retry_after.h"
#include "dialect/sse.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct str same_for_all(const void *arg, const char *name)
{
    (void)name;
    return *(const struct str *)arg;
}

static bool inside(struct str part, struct str whole)
{
    return part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len;
}

static void check_usage(const struct dialect_usage *u)
{
    assert(u->prompt_tokens >= 0 && u->completion_tokens >= 0);
    assert(u->cached_tokens >= 0 && u->cached_tokens <= u->prompt_tokens);
}

static int count_done(void *arg, const struct sse_event *sse)
{
    struct dialect_event ev = {.kind = DIALECT_META};

    ((const struct dialect *)arg)->read_event(sse, &ev);
    assert(ev.kind != DIALECT_MALFORMED);
    return ev.kind == DIALECT_DONE ? 1 : 0;
}

/* A success played as a stream: every event can be read, the last one is its end. */
static void check_stream(const struct dialect *d, enum dialect_path path, struct str body)
{
    struct buf out;
    struct sse s;

    buf_init(&out, 2 * body.len + 65536);
    sse_init(&s, 2 * body.len + 65536);
    if (d->write_stream(&out, path, body, true) == 0) {
        assert(sse_feed(&s, out.data, out.len, count_done, (void *)d) == 1);
        assert(sse_pending(&s) == 0);
    }
    sse_release(&s);
    buf_release(&out);
}

static void check_outcome(const struct dialect *d, enum dialect_path path, int status,
                          struct str body)
{
    struct dialect_answer a = {
        .path = path, .status = status, .body = body, .as_stream = path < DIALECT_EMBEDDINGS};
    struct dialect_reading cut, whole;

    d->classify(&a, &cut);
    a.whole = true;
    d->classify(&a, &whole);
    assert(whole.outcome < N_OUTCOMES && cut.outcome < N_OUTCOMES);
    assert(whole.outcome != OUTCOME_ABORTED && whole.outcome != OUTCOME_CONNECT);
    assert(whole.outcome == OUTCOME_OK || !whole.usage.known);
    check_usage(&whole.usage);
    assert((status >= 200 && status <= 299) || whole.outcome != OUTCOME_OK);
    if (whole.outcome == OUTCOME_OK && a.as_stream)
        check_stream(d, path, body);
}

/* An event is its own repetition, and what is made of one can be read. */
static void check_rerun(const struct dialect *d, struct str data)
{
    struct resume r;
    struct str out;

    resume_init(&r, d, 1u << 20, 1u << 20);
    (void)resume_begin(&r); /* nothing was said: all of it is new */
    if (resume_feed(&r, data, &out) == RESUME_REWRITE)
        assert(json_scan_lax(out, NULL, 0) == 0);
    resume_release(&r);
    resume_init(&r, d, 1u << 20, 1u << 20);
    resume_note(&r, data);
    if (resume_begin(&r)) {
        enum resume_verdict v = resume_feed(&r, data, &out);

        assert(v != RESUME_DIFFERS && resume_is_level(&r));
        if (v == RESUME_REWRITE)
            assert(json_scan_lax(out, NULL, 0) == 0);
    }
    resume_release(&r);
}

static void check_event(const struct dialect *d, struct str text, struct str name)
{
    struct sse_event sse = {.raw = text, .data = text, .name = name, .has_data = true};
    struct dialect_event ev = {.kind = DIALECT_META};

    d->read_event(&sse, &ev);
    assert(ev.kind <= DIALECT_MALFORMED);
    assert(ev.raw.ptr == text.ptr && ev.data.ptr == text.ptr);
    assert(ev.kind != DIALECT_MALFORMED || !ev.finish);
    assert(ev.kind != DIALECT_ERROR || (ev.error != OUTCOME_OK && ev.error < N_OUTCOMES));
    check_usage(&ev.usage);
    if (ev.kind == DIALECT_META || ev.kind == DIALECT_CONTENT)
        check_rerun(d, text);
    (void)d->is_error(text);
}

/* What was read of a body can be spliced, whatever it is. */
static void check_body(const struct dialect *d, enum dialect_path path, struct str body)
{
    struct chat_request a;
    struct chat_request_error bad = {.message = ""};
    struct buf buf;
    struct str out;

    if (d->read_request(&a, path, body, 64, &bad) < 0) {
        assert(memchr(bad.message, '\0', sizeof(bad.message)) != NULL);
        return;
    }
    buf_init(&buf, body.len + 6 * CHAT_REQUEST_MODEL_MAX + 256);
    assert(d->splice_request(&a, "another", true, &buf, &out) == 0);
    assert(d->read_request(&a, path, out, 64, &bad) == 0);
    assert(strcmp(a.model, "another") == 0 && (!a.stream || a.wants_usage));
    buf_release(&buf);
}

static void check_dialect(const struct dialect *d, struct str text)
{
    static const int statuses[] = {0, 100, 200, 299, 302, 400, 403, 413, 429, 500, 529, 600};

    check_event(d, text, (struct str){NULL, 0});
    check_event(d, text, STR("error"));
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        for (int p = 0; p < N_DIALECT_PATHS; p++)
            check_outcome(d, (enum dialect_path)p, statuses[i], text);
    int64_t wait_ms = d->retry_after_ms(same_for_all, &text, 1717171717000);

    assert(wait_ms >= -1 && wait_ms <= RETRY_AFTER_MAX_MS);
    for (int p = 0; p < DIALECT_MODELS; p++)
        check_body(d, (enum dialect_path)p, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *exact = malloc(size > 0 ? size : 1); /* a sanitizer sees a read beyond it */
    struct str text = {exact, size};
    struct dialect_route route;
    const struct dialect *d;

    if (size > 0)
        memcpy(exact, data, size);
    for (size_t i = 0; (d = dialect_at(i)) != NULL; i++)
        check_dialect(d, text);
    if (dialect_find_route(text, &route) && route.model.ptr != NULL)
        assert(inside(route.model, text));
    free(exact);
    return 0;
}
