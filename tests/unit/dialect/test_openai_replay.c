/* test_openai_replay.c - a plain answer as the stream that would have said the same. */
#include "dialect/openai_replay.h"

#include "base/base.h"
#include "dialect/progress.h"
#include "dialect/sse.h"
#include "tests/cases/plain_answers.h"

#include <criterion/criterion.h>
#include <string.h>

#define CHUNK "data: {\"object\":\"chat.completion.chunk\""
#define TEXT  "data: {\"object\":\"text_completion\""
#define DONE  "data: [DONE]\n\n"
#define STOP(i)                                                                                \
    CHUNK ",\"choices\":[{\"index\":" #i ",\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"

/* clang-format off */
static const struct {
    const char *name;
    enum dialect_path path;
    bool usage;
    const char *answer, *want;
} rows[] = {
    {"a text", DIALECT_CHAT, false,
     "{\"id\":\"c1\",\"object\":\"chat.completion\",\"created\":7,\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"hi\"},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3}}",
     CHUNK ",\"id\":\"c1\",\"created\":7,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"hi\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n"
     CHUNK ",\"id\":\"c1\",\"created\":7,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n" DONE},
    {"its usage where that was asked for", DIALECT_CHAT, true,
     "{\"choices\":[{\"message\":{\"role\":\"a\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3}}",
     CHUNK ",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"a\"},\"finish_reason\":null}]}\n\n" STOP(0)
     CHUNK ",\"choices\":[],\"usage\":{\"prompt_tokens\":3}}\n\n" DONE},
    {"no usage where there is none", DIALECT_CHAT, true,
     "{\"choices\":[{\"message\":{\"role\":\"a\"},\"finish_reason\":\"stop\"}],\"usage\":null}",
     CHUNK ",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"a\"},\"finish_reason\":null}]}\n\n" STOP(0) DONE},
    {"a role is added", DIALECT_CHAT, false,
     "{\"choices\":[{\"message\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}",
     CHUNK ",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"hi\"},\"finish_reason\":null}]}\n\n" STOP(0) DONE},
    {"tool calls get their index", DIALECT_CHAT, false,
     "{\"choices\":[{\"message\":{\"role\":\"a\",\"tool_calls\":[{\"id\":\"x\"},{},{\"index\":9}],\"x\":1},\"finish_reason\":\"stop\"}]}",
     CHUNK ",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"a\",\"tool_calls\":[{\"index\":0,\"id\":\"x\"},{\"index\":1},{\"index\":9}],\"x\":1},\"finish_reason\":null}]}\n\n" STOP(0) DONE},
    {"role and tool calls", DIALECT_CHAT, false,
     "{\"choices\":[{\"message\":{\"tool_calls\":[{\"id\":\"x\"}]},\"finish_reason\":\"stop\"}]}",
     CHUNK ",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"tool_calls\":[{\"index\":0,\"id\":\"x\"}]},\"finish_reason\":null}]}\n\n" STOP(0) DONE},
    {"two choices, one without its index", DIALECT_CHAT, false,
     "{\"choices\":[{\"index\":0,\"message\":{\"role\":\"a\"},\"finish_reason\":\"stop\"},{\"message\":{\"role\":\"b\"},\"finish_reason\":\"stop\"}]}",
     CHUNK ",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"a\"},\"finish_reason\":null}]}\n\n" STOP(0)
     CHUNK ",\"choices\":[{\"index\":1,\"delta\":{\"role\":\"b\"},\"finish_reason\":null}]}\n\n" STOP(1) DONE},
    {"on several lines", DIALECT_CHAT, false,
     "{\n\"choices\": [\r\n{\"message\":{\n\"role\":\"a\\n\"},\n\"finish_reason\":\"stop\"\n}]\n}",
     CHUNK ",\"choices\":[{\"index\":0,\"delta\":{ \"role\":\"a\\n\"},\"finish_reason\":null}]}\n\n" STOP(0) DONE},
    {"a legacy completion", DIALECT_COMPLETIONS, false,
     "{\"id\":\"c\",\"choices\":[{\"text\":\"hi\",\"index\":0,\"finish_reason\":\"length\"}]}",
     TEXT ",\"id\":\"c\",\"choices\":[{\"index\":0,\"text\":\"hi\",\"finish_reason\":null}]}\n\n"
     TEXT ",\"id\":\"c\",\"choices\":[{\"index\":0,\"text\":\"\",\"finish_reason\":\"length\"}]}\n\n" DONE},
};
/* clang-format on */

Test(openai_replay, says_the_same)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out;

        buf_init(&out, 4096);
        cr_assert_eq(
            openai_replay_write(&out, rows[i].path, str_of(rows[i].answer), rows[i].usage), 0,
            "row '%s'", rows[i].name);
        cr_expect_str_eq(out.data, rows[i].want, "row '%s'", rows[i].name);
        buf_release(&out);
    }
}

struct readback {
    struct progress progress;
    bool done;
};

static int on_event(void *arg, const struct sse_event *sse)
{
    struct readback *back = arg;
    struct dialect_event ev = {.kind = DIALECT_META};

    dialect_openai.read_event(sse, &ev);
    cr_expect(ev.kind != DIALECT_MALFORMED && ev.kind != DIALECT_ERROR && !back->done);
    progress_note(&back->progress, &ev);
    back->done = ev.kind == DIALECT_DONE;
    return 0;
}

/* Every success that may be played reads as a stream that ended whole. */
Test(openai_replay, is_a_whole_stream)
{
    size_t played = 0;

    for (size_t i = 0; i < ARRAY_LEN(plain_answers); i++) {
        const struct plain_answer_case *c = &plain_answers[i];
        struct readback back = {.progress = {.asked = 1}};
        struct dialect_reading r;
        struct buf out;
        struct sse s;

        dialect_openai.classify(&(struct dialect_answer){.path = c->path,
                                                         .status = 200,
                                                         .body = str_of(c->body),
                                                         .whole = true,
                                                         .as_stream = true},
                                &r);
        if (c->path > DIALECT_COMPLETIONS || r.outcome != OUTCOME_OK)
            continue;
        buf_init(&out, 4096);
        sse_init(&s, 4096);
        cr_assert_eq(openai_replay_write(&out, c->path, str_of(c->body), true), 0);
        cr_expect_eq(sse_feed(&s, out.data, out.len, on_event, &back), 0);
        cr_expect(back.done && progress_is_whole(&back.progress), "row '%s': %s", c->name,
                  out.data);
        played++;
        sse_release(&s);
        buf_release(&out);
    }
    cr_expect_geq(played, 10u);
}

Test(openai_replay, says_when_there_is_no_room)
{
    struct str answer = str_of(rows[0].answer);

    for (size_t room = 0; room < strlen(rows[0].want); room++) {
        struct buf out;

        buf_init(&out, room);
        cr_expect_eq(openai_replay_write(&out, DIALECT_CHAT, answer, false), -1, "%zu", room);
        buf_release(&out);
    }
}
