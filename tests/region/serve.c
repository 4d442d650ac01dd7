/* serve.c - what to answer; serve.h has the contract.
 *
 * In order: a fault that answers by itself, the key, the endpoint, the body, the answer. */
#include "tests/region/serve.h"

#include "base/clock.h"
#include "tests/region/peer.h"
#include "tests/region/quote.h"

#include <string.h>

static bool ends_with(struct str s, const char *end)
{
    size_t len = strlen(end);

    return s.len >= len && memcmp(s.ptr + s.len - len, end, len) == 0;
}

static const struct endpoint {
    const char *path; /* behind any base path; the first that fits */
    enum prompt_kind kind;
} endpoints[] = {
    {"/chat/completions", PROMPT_CHAT},
    {"/completions", PROMPT_COMPLETION},
    {"/embeddings", PROMPT_EMBEDDING},
};

static const struct endpoint *find_endpoint(struct str path)
{
    for (size_t i = 0; i < ARRAY_LEN(endpoints); i++)
        if (ends_with(path, endpoints[i].path))
            return &endpoints[i];
    return NULL;
}

static bool has_key(const struct region *r, const struct wire_request *req)
{
    const char *key = r->conf.require_key;
    struct str bearer = wire_field(req, "authorization");

    if (key == NULL || str_eqz(wire_field(req, "x-api-key"), key) ||
        str_eqz(wire_field(req, "api-key"), key))
        return true;
    if (!str_istarts(bearer, "bearer "))
        return false;
    bearer.ptr += 7;
    bearer.len -= 7;
    return str_eqz(str_trim(bearer), key);
}

static void refuse(struct play *play, int status, const char *message, const char *param,
                   const char *code)
{
    struct buf body;

    buf_init(&body, 64u << 10);
    answer_error(&body, message, "invalid_request_error", param, code);
    play_plain(play, status, buf_str(&body));
    buf_release(&body);
}

/* Answers that a fault gives whatever the request says.  true: the play has one. */
static bool by_fault(const struct fault *f, struct play *play)
{
    struct buf body;
    int status = 200;

    if (f == NULL || (f->status == FAULT_NONE && f->body == NULL && f->error_in_200 == NULL))
        return false;
    buf_init(&body, 16u << 20);
    if (f->status != FAULT_NONE)
        status = (int)f->status;
    if (f->body != NULL) {
        quote_add(&body, f->body, strlen(f->body));
    } else if (f->error_in_200 != NULL) {
        quote_addf(&body, "{\"error\":");
        quote_add(&body, f->error_in_200, strlen(f->error_in_200));
        quote_addf(&body, "}");
    } else {
        answer_status(&body, status);
    }
    play_plain(play, status, (struct str){body.data != NULL ? body.data : "", body.len});
    buf_release(&body);
    return true;
}

static void init_answer(const struct region *r, const struct fault *f, struct answer *a)
{
    int64_t events = r->conf.events, chunk_bytes = r->conf.chunk_bytes;

    if (f != NULL && f->events != FAULT_NONE)
        events = f->events;
    if (f != NULL && f->chunk_bytes != FAULT_NONE)
        chunk_bytes = f->chunk_bytes;
    answer_init(a, &r->conf.voice, &r->prompt, events, chunk_bytes);
    if (f != NULL && f->usage != FAULT_NONE)
        a->usage = f->usage == 1;
}

static void by_model(struct region *r, const struct endpoint *e, struct str body,
                     struct play *play, int readable, const struct prompt_error *err)
{
    struct answer a;
    struct buf text;

    if (readable < 0) {
        refuse(play, 400, err->message, err->param, NULL);
        return;
    }
    init_answer(r, play->fault, &a);
    a.n = play->n;
    if (r->prompt.stream && e->kind != PROMPT_EMBEDDING) {
        play_stream(play, &a, r->prompt.include_usage);
        return;
    }
    buf_init(&text, 64u << 20);
    answer_plain(&a, &r->prompt, &text);
    play_plain(play, 200, buf_str(&text));
    if (play->fault == NULL) {
        buf_clear(&r->memo_body);
        if (buf_append_str(&r->memo_body, body) == 0) {
            r->memo_kind = e->kind;
            buf_release(&r->memo_answer);
            quote_add(&r->memo_answer, text.data, text.len);
        }
    }
    buf_release(&text);
    answer_release(&a);
}

/* The healthy plain answer to a body just like the last: what a benchmark sends. */
static bool by_memo(struct region *r, const struct endpoint *e, struct str body,
                    struct play *play, struct buf *out)
{
    if (r->faults.n > 0 || body.len == 0 || e->kind != r->memo_kind ||
        !str_eq(body, buf_str(&r->memo_body)))
        return false;
    play->status = 200;
    quote_addf(out,
               "HTTP/1.1 200 OK\r\nx-request-id: req-%s-%llu\r\nx-region: %s\r\n"
               "content-type: application/json\r\ncontent-length: %zu\r\n%s\r\n",
               play->name, (unsigned long long)play->n, play->name, r->memo_answer.len,
               play->keep ? (play->old ? "connection: keep-alive\r\n" : "")
                          : "connection: close\r\n");
    quote_add(out, r->memo_answer.data, r->memo_answer.len);
    return true;
}

static void by_path(struct region *r, const struct wire_request *req, struct play *play)
{
    struct buf body;

    if (find_endpoint(req->path) != NULL) {
        refuse(play, 405, "Only POST requests are accepted here.", NULL, "method_not_allowed");
        return;
    }
    if (!ends_with(req->path, "/models") || !str_eqz(req->method, "GET")) {
        refuse(play, 404, "Invalid URL: there is nothing at this path.", NULL, "unknown_url");
        return;
    }
    buf_init(&body, 1u << 20);
    answer_models(&r->conf.voice, &body);
    play_plain(play, 200, buf_str(&body));
    buf_release(&body);
}

enum play_verdict serve_attempt(struct region *r, const struct wire_request *req,
                                struct str body, struct attempt *attempt, struct play *play,
                                struct buf *out)
{
    const struct endpoint *e = str_eqz(req->method, "POST") ? find_endpoint(req->path) : NULL;
    struct prompt_error err = {.param = NULL};
    int readable = -1;

    journal_body(&r->journal, attempt, body);
    play_start(play, NULL, r->conf.voice.name, attempt->n);
    attempt->status = 200;
    if (e != NULL && has_key(r, req) && by_memo(r, e, body, play, out))
        return PLAY_END;
    r->prompt.model[0] = '\0';
    if (e != NULL)
        readable = prompt_read(e->kind, body, &r->prompt, &err);
    play->fault = fault_pick(&r->faults, req->path, r->prompt.model, clock_mono_ms());
    attempt->faulty = play->fault != NULL;
    attempt->stream = e != NULL && r->prompt.stream;
    if (by_fault(play->fault, play))
        (void)0;
    else if (!has_key(r, req))
        refuse(play, 401, "Incorrect API key provided.", NULL, "invalid_api_key");
    else if (wire_field(req, "host").ptr == NULL && !req->old)
        refuse(play, 400, "There is no Host header.", NULL, NULL);
    else if (e != NULL)
        by_model(r, e, body, play, readable, &err);
    else
        by_path(r, req, play);
    attempt->status = play->status;
    return PLAY_MORE;
}

bool serve_is_control(const struct wire_request *req)
{
    return str_starts(req->path, "/_region/");
}

static bool set_faults(struct region *r, const struct wire_request *req, struct str body,
                       struct err *err)
{
    if (str_eqz(req->method, "DELETE"))
        fault_set_clear(&r->faults);
    else if (fault_set_parse(&r->faults, body, clock_mono_ms(), err) < 0)
        return false;
    region_apply_faults(r);
    return true;
}

static int control(struct region *r, const struct wire_request *req, struct str body,
                   struct buf *out)
{
    struct err err;
    struct str what = {req->path.ptr + 9, req->path.len - 9};
    bool get = str_eqz(req->method, "GET");

    if (get && str_eqz(what, "log")) {
        journal_write(&r->journal, out);
    } else if (get && str_eqz(what, "counts")) {
        journal_write_counts(&r->journal, out);
    } else if (!get && str_eqz(what, "reset")) {
        journal_reset(&r->journal);
        fault_set_clear(&r->faults);
        region_apply_faults(r);
        quote_addf(out, "{\"ok\":true}\n");
    } else if (!get && str_eqz(what, "go")) {
        peer_go_on(r);
        quote_addf(out, "{\"ok\":true}\n");
    } else if (!get && str_eqz(what, "fault")) {
        if (!set_faults(r, req, body, &err)) {
            answer_error(out, err.msg, "invalid_request_error", NULL, NULL);
            return 400;
        }
        quote_addf(out, "{\"ok\":true,\"faults\":%zu}\n", r->faults.n);
    } else {
        answer_error(out, "GET log, GET counts, POST or DELETE fault, POST go, POST reset",
                     "invalid_request_error", NULL, NULL);
        return 404;
    }
    return 200;
}

enum play_verdict serve_control(struct region *r, const struct wire_request *req,
                                struct str body, struct play *play, struct buf *out)
{
    struct buf text;
    int status;

    buf_init(&text, 1u << 30);
    play_start(play, NULL, r->conf.voice.name, 0);
    status = control(r, req, body, &text);
    play->status = status;
    quote_addf(out,
               "HTTP/1.1 %d %s\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n"
               "%s\r\n",
               status, answer_reason(status), text.len,
               play->keep ? "" : "connection: close\r\n");
    if (buf_append(out, text.data, text.len) < 0)
        play->keep = false;
    buf_release(&text);
    return PLAY_END;
}
