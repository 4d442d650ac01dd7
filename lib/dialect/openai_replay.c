/* openai_replay.c - a plain answer as a stream; openai_replay.h has the contract.
 *
 *   data: {envelope, "choices":[{index, delta: the whole message, "finish_reason":null}]}
 *   data: {envelope, "choices":[{index, delta: {},                "finish_reason":"stop"}]}
 *   ... the same for every further choice
 *   data: {envelope, "choices":[], "usage":{...}}    where the client asked for it
 *   data: [DONE]
 *
 * What the vendor wrote is copied as it lies: a message is a delta already, but for the index
 * by which clients join the fragments of tool calls.  A member that nobody here knows stays
 * where it is inside a message, and is left out of the envelope and of a choice.
 *
 * Source: OpenAI API reference, "The chat completion chunk object", "The completion object". */
#include "dialect/openai_replay.h"

#include "base/json_scan.h"
#include "dialect/sse.h"

#include <stdio.h>

#define SCAN(text, wants) json_scan_lax(text, wants, ARRAY_LEN(wants))

struct playing {
    struct buf *out;
    bool chat;
    struct json_want envelope[6]; /* what every chunk repeats */
    size_t from;                  /* of the data that is being written */
};

static int put(struct playing *p, const char *text)
{
    return buf_append_str(p->out, str_of(text));
}

/* A member of the vendor's, behind another one; nothing where it is absent. */
static int put_member(struct playing *p, const struct json_want *w)
{
    if (w->type == JSON_NONE)
        return 0;
    return buf_appendf(p->out, ",\"%s\":", w->name) < 0 ? -1 : buf_append_str(p->out, w->span);
}

static int begin_chunk(struct playing *p)
{
    if (put(p, "data: ") < 0)
        return -1;
    p->from = p->out->len;
    if (put(p, p->chat ? "{\"object\":\"chat.completion.chunk\""
                       : "{\"object\":\"text_completion\"") < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(p->envelope); i++)
        if (put_member(p, &p->envelope[i]) < 0)
            return -1;
    return put(p, ",\"choices\":[");
}

static int end_chunk(struct playing *p)
{
    if (put(p, "}") < 0)
        return -1;
    sse_one_line(p->out, p->from);
    return put(p, "\n\n");
}

/* Appends object with one more member in front of its own. */
static int put_with(struct playing *p, struct str object, const char *member)
{
    bool empty;
    size_t at = json_scan_insert_at(object, &empty);

    if (buf_append(p->out, object.ptr, at) < 0 || put(p, member) < 0 ||
        (!empty && put(p, ",") < 0))
        return -1;
    return buf_append(p->out, object.ptr + at, object.len - at);
}

/* The calls, each with its place among them: the one key that joins a call's fragments. */
static int put_tool_calls(struct playing *p, struct str calls)
{
    size_t at = 0;
    struct str call;
    enum json_type type;

    if (put(p, "[") < 0)
        return -1;
    for (int i = 0; json_scan_next(calls, &at, &call, &type); i++) {
        struct json_want w[] = {{.name = "index"}};
        char member[32];

        if (i > 0 && put(p, ",") < 0)
            return -1;
        snprintf(member, sizeof(member), "\"index\":%d", i);
        bool add = type == JSON_OBJECT && SCAN(call, w) == 0 && w[0].type == JSON_NONE;

        if ((add ? put_with(p, call, member) : buf_append_str(p->out, call)) < 0)
            return -1;
    }
    return put(p, "]");
}

/* The message, with a role and with the tool calls as a stream has them. */
static int put_delta(struct playing *p, struct str message)
{
    struct json_want w[] = {{.name = "role"}, {.name = "tool_calls"}};

    if (SCAN(message, w) < 0)
        return -1;
    struct str head = message, tail = {message.ptr + message.len, 0};

    if (w[1].type == JSON_ARRAY) {
        head.len = (size_t)(w[1].span.ptr - message.ptr);
        tail.ptr = w[1].span.ptr + w[1].span.len;
        tail.len = message.len - head.len - w[1].span.len;
    }
    if ((w[0].type == JSON_NONE ? put_with(p, head, "\"role\":\"assistant\"")
                                : buf_append_str(p->out, head)) < 0)
        return -1;
    if (w[1].type == JSON_ARRAY && put_tool_calls(p, w[1].span) < 0)
        return -1;
    return buf_append_str(p->out, tail);
}

enum { C_INDEX, C_SAID, C_FINISH, C_LOGPROBS, C_FILTERED, N_MEMBERS };

static int put_index(struct playing *p, const struct json_want *index, int place)
{
    if (index->type == JSON_NUMBER)
        return put(p, "{\"index\":") < 0 ? -1 : buf_append_str(p->out, index->span);
    return buf_appendf(p->out, "{\"index\":%d", place);
}

static int put_said(struct playing *p, const struct json_want *c, int place)
{
    if (begin_chunk(p) < 0 || put_index(p, &c[C_INDEX], place) < 0 ||
        put(p, p->chat ? ",\"delta\":" : ",\"text\":") < 0)
        return -1;
    if ((p->chat ? put_delta(p, c[C_SAID].span) : buf_append_str(p->out, c[C_SAID].span)) < 0)
        return -1;
    return put_member(p, &c[C_LOGPROBS]) < 0 || put(p, ",\"finish_reason\":null}]") < 0
               ? -1
               : end_chunk(p);
}

static int put_reason(struct playing *p, const struct json_want *reason)
{
    return reason->type != JSON_NONE ? put_member(p, reason)
                                     : put(p, ",\"finish_reason\":null");
}

static int put_finish(struct playing *p, const struct json_want *c, int place)
{
    if (begin_chunk(p) < 0 || put_index(p, &c[C_INDEX], place) < 0 ||
        put(p, p->chat ? ",\"delta\":{}" : ",\"text\":\"\"") < 0)
        return -1;
    return put_member(p, &c[C_FILTERED]) < 0 || put_reason(p, &c[C_FINISH]) < 0 ||
                   put(p, "}]") < 0
               ? -1
               : end_chunk(p);
}

static int put_choice(struct playing *p, struct str choice, int place)
{
    struct json_want c[N_MEMBERS] = {[C_INDEX] = {.name = "index"},
                                     [C_SAID] = {.name = p->chat ? "message" : "text"},
                                     [C_FINISH] = {.name = "finish_reason"},
                                     [C_LOGPROBS] = {.name = "logprobs"},
                                     [C_FILTERED] = {.name = "content_filter_results"}};

    return SCAN(choice, c) < 0 || put_said(p, c, place) < 0 ? -1 : put_finish(p, c, place);
}

static int put_usage(struct playing *p, const struct json_want *usage)
{
    return begin_chunk(p) < 0 || put(p, "]") < 0 || put_member(p, usage) < 0 ? -1
                                                                             : end_chunk(p);
}

int openai_replay_write(struct buf *out, enum dialect_path path, struct str answer, bool usage)
{
    struct playing p = {.out = out,
                        .chat = path == DIALECT_CHAT,
                        .envelope = {{.name = "id"},
                                     {.name = "created"},
                                     {.name = "model"},
                                     {.name = "system_fingerprint"},
                                     {.name = "service_tier"},
                                     {.name = "provider"}}};
    struct json_want w[] = {{.name = "choices"}, {.name = "usage"}};
    size_t at = 0;
    struct str choice;
    enum json_type type;

    if (SCAN(answer, p.envelope) < 0 || SCAN(answer, w) < 0)
        return -1;
    for (int i = 0; json_scan_next(w[0].span, &at, &choice, &type); i++)
        if (put_choice(&p, choice, i) < 0)
            return -1;
    if (usage && w[1].type == JSON_OBJECT && put_usage(&p, &w[1]) < 0)
        return -1;
    return put(&p, "data: [DONE]\n\n");
}
