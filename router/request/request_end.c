/* request_end.c - the answers that end a request; request_impl.h lists them. */
#include "router/request/request_impl.h"

#include "base/clock.h"
#include "dialect/sse.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define REFUSAL_MAX_BYTES 65536 /* of a vendor's error that is passed on within a stream */
#define PLAY_ROOM_BYTES   65536 /* that an answer may grow by, beyond its double, as events */

const char *request_region(const struct request *req)
{
    return req->target != NULL ? req->w->conf->regions[req->target->region].name : "-";
}

enum state request_refuse(struct request *req, const struct reply_error *e)
{
    req->result.result = e->status >= 500 ? METRICS_REQ_FAILED : METRICS_REQ_REFUSED;
    req->result.status = e->status;
    if (req->relay.head_out)
        relay_fail(&req->relay, e);
    else
        reply_error(req->ex, req->dialect, e, req->id);
    return ST_DONE;
}

/* What the router says beside the vendor's own fields.  a: the answer that it is about; NULL:
 * no single one. */
static size_t own_fields(struct request *req, const struct attempt_answer *a,
                         struct http_reply_field *f, char numbers[2][24])
{
    int64_t now_us = clock_mono_us();
    int64_t running_us = request_is_trying(req) ? now_us - req->tries[0].started_us : 0;
    int64_t overhead_us = now_us - req->started_us - req->upstream_us - running_us;

    req->result.overhead_us = overhead_us;
    snprintf(numbers[0], sizeof(numbers[0]), "%d", req->attempts);
    snprintf(numbers[1], sizeof(numbers[1]), "%" PRId64, overhead_us);
    f[0] = (struct http_reply_field){"x-request-id", str_of(req->id)};
    f[1] = (struct http_reply_field){"x-sluice-region", str_of(request_region(req))};
    f[2] = (struct http_reply_field){"x-sluice-attempts", str_of(numbers[0])};
    f[3] = (struct http_reply_field){"x-sluice-overhead-us", str_of(numbers[1])};
    if (a == NULL || a->upstream_id[0] == '\0')
        return 4;
    str_copy(req->result.upstream_id, sizeof(req->result.upstream_id), a->upstream_id);
    f[4] = (struct http_reply_field){"x-sluice-upstream-request-id",
                                     str_of(req->result.upstream_id)};
    return 5;
}

static size_t all_fields(struct request *req, const struct attempt_answer *a,
                         struct http_reply_field *f, char numbers[2][24])
{
    size_t n = a->n_fields < UPSTREAM_FIELDS_MAX ? a->n_fields : UPSTREAM_FIELDS_MAX;

    memcpy(f, a->fields, n * sizeof(*f));
    return n + own_fields(req, a, f + n, numbers);
}

/* The vendor's whole answer, as it is. */
enum state request_pass(struct request *req, const struct attempt_answer *a)
{
    struct http_reply_field f[REPLY_FIELDS_MAX];
    char numbers[2][24];
    size_t n = all_fields(req, a, f, numbers);

    req->result.status = a->status;
    req->result.bytes = a->body.len;
    exchange_reply(req->ex, a->status, f, n, a->body);
    return ST_DONE;
}

/* The vendor's own words of a refusal, in-band: a client reads its codes.  false: they are no
 * error object of a sane size. */
static bool fail_in_its_words(struct request *req)
{
    struct str body = req->end->answer->body;

    if (body.len > REFUSAL_MAX_BYTES || !req->dialect->is_error(body))
        return false;
    req->result.status = 200;
    relay_fail_as(&req->relay, body);
    return true;
}

enum state request_pass_said(struct request *req, const struct reply_error *e)
{
    struct http_reply_field f[REPLY_FIELDS_MAX];
    struct reply_coming coming;
    char numbers[2][24];
    size_t n = 1;

    req->result.status = e->status;
    if (req->relay.head_out) {
        relay_fail_as(&req->relay, buf_str(&req->said.body));
        return ST_DONE;
    }
    f[0] = (struct http_reply_field){"Content-Type", STR("application/json")};
    n += own_fields(req, NULL, f + n, numbers);
    n += reply_coming_fields(e, f + n, &coming);
    exchange_reply(req->ex, e->status, f, n, buf_str(&req->said.body));
    return ST_DONE;
}

/* The vendor's refusal.  An error that came inside a 200 goes out as the 400 it is. */
enum state request_pass_refusal(struct request *req)
{
    const struct attempt_answer *a = req->end->answer;
    struct http_reply_field f[REPLY_FIELDS_MAX];
    char numbers[2][24];
    size_t n;

    req->result.result = METRICS_REQ_VENDOR_4XX;
    if (req->relay.head_out && fail_in_its_words(req))
        return ST_DONE;
    if (req->relay.head_out) {
        struct reply_error e = {.status = a->status,
                                .type = "invalid_request_error",
                                .code = "vendor_refused",
                                .message =
                                    "the region refused the request after the stream was "
                                    "opened",
                                .retry_after_ms = -1};

        req->result.status = 200;
        relay_fail(&req->relay, &e);
        return ST_DONE;
    }
    if (a->status >= 400)
        return request_pass(req, a);
    f[0] = (struct http_reply_field){"Content-Type", STR("application/json")};
    n = 1 + own_fields(req, a, f + 1, numbers);
    req->result.status = 400;
    exchange_reply(req->ex, 400, f, n, a->body);
    return ST_DONE;
}

enum state request_refuse_body(struct request *req, const struct chat_request_error *bad)
{
    struct reply_error e = {.status = 400,
                            .type = "invalid_request_error",
                            .code = bad->code,
                            .param = bad->param,
                            .message = bad->message,
                            .retry_after_ms = -1,
                            .no_retry = true};

    return request_refuse(req, &e);
}

enum state request_refuse_model(struct request *req)
{
    char text[CHAT_REQUEST_MODEL_MAX + 96];
    struct reply_error e = {.status = 404,
                            .type = "invalid_request_error",
                            .code = "model_not_found",
                            .param = "model",
                            .message = text,
                            .retry_after_ms = -1,
                            .no_retry = true};

    snprintf(text, sizeof(text),
             "the model '%s' is not served here; GET /v1/models lists those that are",
             req->ask.model);
    return request_refuse(req, &e);
}

/* A failure the client has already seen a part of: it must see the failure too. */
enum state request_fail_relayed(struct request *req)
{
    char text[224];
    struct reply_error e = {.status = 502,
                            .type = "server_error",
                            .code = "stream_broken",
                            .message = text,
                            .retry_after_ms = -1};

    bool unfit = req->broke.outcome == OUTCOME_UNFIT;

    if (unfit)
        e.code = req->broke.unfit;
    snprintf(text, sizeof(text), "the stream from region '%s' broke off: %s%s",
             req->broke.region != NULL ? req->broke.region : request_region(req),
             unfit ? req->broke.unfit : outcome_traits(req->broke.outcome)->name,
             req->resume != NULL && req->resume->rerun ? ", and no other run went on with it"
                                                       : "");
    req->result.result = METRICS_REQ_FAILED;
    if (req->ask.stream && req->end->outcome == OUTCOME_CLIENT_FAULT && fail_in_its_words(req))
        return ST_DONE;
    if (req->ask.stream)
        relay_fail(&req->relay, &e);
    else
        exchange_abort(req->ex);
    return ST_DONE;
}

/* A plain answer that is no use to a client that reads a stream: it has seen a part of another
 * one, or this one grows too much by its events. */
static enum state fail_not_a_stream(struct request *req)
{
    struct reply_error e = {.status = 502,
                            .type = "server_error",
                            .code = "stream_expected",
                            .message = "the region answered a stream request without a stream",
                            .retry_after_ms = -1};

    return request_refuse(req, &e);
}

static bool is_stream(const struct attempt_answer *a)
{
    for (size_t i = 0; i < a->n_fields; i++)
        if (str_ieqz(str_of(a->fields[i].name), "content-type"))
            return sse_is_type(a->fields[i].value);
    return false;
}

/* The vendor's fields, but what they call a plain answer is an event stream now. */
static void open_stream(struct request *req, const struct attempt_answer *a)
{
    struct http_reply_field f[REPLY_FIELDS_MAX];
    char numbers[2][24];
    size_t n = all_fields(req, a, f, numbers), kept = 0;

    for (size_t i = 0; i < n; i++)
        if (!str_ieqz(str_of(f[i].name), "content-type"))
            f[kept++] = f[i];
    f[kept++] = (struct http_reply_field){"Content-Type", RELAY_STREAM_TYPE};
    kept = reply_forbid_buffering(f, kept);
    req->result.status = 200;
    relay_open(&req->relay, 200, f, kept, -1);
}

enum state request_play(struct request *req, const struct attempt_answer *a)
{
    enum state to = ST_DONE;
    struct buf events;

    buf_init(&events, 2 * a->body.len + PLAY_ROOM_BYTES);
    if (req->relay.any_bytes ||
        req->dialect->write_stream(&events, req->path, a->body, req->ask.wants_usage) < 0) {
        to = fail_not_a_stream(req);
    } else {
        open_stream(req, a);
        (void)relay_bytes(&req->relay, buf_str(&events)); /* as bounded as the plain answer */
        relay_finish(&req->relay, false);
    }
    buf_release(&events);
    return to;
}

void request_open(struct request *req, const struct attempt_answer *a)
{
    struct http_reply_field f[REPLY_FIELDS_MAX];
    char numbers[2][24];
    size_t n = all_fields(req, a, f, numbers);

    if (is_stream(a))
        n = reply_forbid_buffering(f, n);
    req->result.status = a->status;
    if (!req->ask.stream) /* not prepared for one: too large to hold, or nobody asked */
        req->relay = (struct relay){
            .ex = req->ex, .dialect = req->dialect, .conf = &req->w->conf->stream};
    relay_open(&req->relay, a->status, f, n, -1);
}
