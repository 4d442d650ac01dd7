/* test_resume.c - a stream that is rescued reads as one answer, or is not rescued. */
#include "dialect/resume.h"

#include "base/json_scan.h"
#include "base/rand.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define CHUNK(delta) "{\"choices\":[{\"index\":0,\"delta\":" delta ",\"finish_reason\":null}]}"
#define TEXT(t)      CHUNK("{\"content\":\"" t "\"}")
#define FINISH       "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}"

static const struct {
    const char *name;
    const char *delivered[4]; /* of the first run */
    const char *replay;       /* one event of the second, after `before` */
    const char *before[3];
    bool finish;
    enum resume_verdict want;
    const char *out; /* RESUME_REWRITE */
} rows[] = {
    {"seen in full", {TEXT("Hello")}, TEXT("Hel"), {NULL}, false, RESUME_HOLD, NULL},
    {"ends at the seam", {TEXT("Hello")}, TEXT("lo"), {TEXT("Hel")}, false, RESUME_HOLD, NULL},
    {"crosses the seam",
     {TEXT("Hel")},
     TEXT("Hello"),
     {NULL},
     false,
     RESUME_REWRITE,
     TEXT("lo")},
    {"begins at the seam", {TEXT("Hel")}, TEXT("lo"), {TEXT("Hel")}, false, RESUME_PASS, NULL},
    {"differs at once", {TEXT("Hello")}, TEXT("Hi"), {NULL}, false, RESUME_DIFFERS, NULL},
    {"differs later", {TEXT("Hello")}, TEXT("p"), {TEXT("Hel")}, false, RESUME_DIFFERS, NULL},
    {"role only is held",
     {TEXT("a")},
     CHUNK("{\"role\":\"assistant\",\"content\":\"\"}"),
     {NULL},
     false,
     RESUME_HOLD,
     NULL},
    {"ends too early", {TEXT("Hello")}, FINISH, {TEXT("Hel")}, true, RESUME_DIFFERS, NULL},
    {"ends where the other broke",
     {TEXT("Hello")},
     FINISH,
     {TEXT("Hello")},
     true,
     RESUME_PASS,
     NULL},
    {"[DONE] too early", {TEXT("Hello")}, "[DONE]", {TEXT("Hel")}, false, RESUME_DIFFERS, NULL},
    {"a tool call instead of text",
     {TEXT("a")},
     CHUNK("{\"tool_calls\":[{\"index\":0}]}"),
     {NULL},
     false,
     RESUME_DIFFERS,
     NULL},
    {"escapes compare decoded",
     {TEXT("\\u0041b")},
     TEXT("Abc"),
     {NULL},
     false,
     RESUME_REWRITE,
     TEXT("c")},
    {"the new part is escaped",
     {TEXT("a")},
     TEXT("a\\n\\\""),
     {NULL},
     false,
     RESUME_REWRITE,
     TEXT("\\n\\\"")},
    {"a preamble was all there was",
     {CHUNK("{\"role\":\"assistant\"}")},
     TEXT("Hi"),
     {NULL},
     false,
     RESUME_PASS,
     NULL},
};

/* What belongs to tokens cannot be cut where the text is. */
Test(resume, log_probabilities_are_final)
{
    static const char *const events[] = {
        "{\"choices\":[{\"delta\":{\"content\":\"a\"},\"logprobs\":{\"content\":[{}]}}]}",
        "{\"choices\":[{\"text\":\"a\",\"logprobs\":{\"tokens\":[\"a\"]}}]}",
        "{\"choices\":[{\"delta\":{\"content\":\"a\"},\"logprobs\":null}]}",
    };

    for (size_t i = 0; i < ARRAY_LEN(events); i++) {
        struct resume r;

        resume_init(&r, &dialect_openai, 1000);
        resume_note(&r, str_of(events[i]));
        cr_expect_eq(r.final, i < 2, "%s", events[i]);
        resume_release(&r);
    }
}

Test(resume, one_event_at_the_seam)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct resume r;
        struct str out = {NULL, 0};

        resume_init(&r, &dialect_openai, 1000);
        for (size_t k = 0; k < ARRAY_LEN(rows[i].delivered) && rows[i].delivered[k] != NULL;
             k++)
            resume_note(&r, str_of(rows[i].delivered[k]));
        cr_assert(resume_begin(&r), "row '%s'", rows[i].name);
        for (size_t k = 0; k < ARRAY_LEN(rows[i].before) && rows[i].before[k] != NULL; k++)
            cr_expect_eq(resume_feed(&r, str_of(rows[i].before[k]), false, &out), RESUME_HOLD,
                         "row '%s'", rows[i].name);
        cr_expect_eq(resume_feed(&r, str_of(rows[i].replay), rows[i].finish, &out),
                     rows[i].want, "row '%s'", rows[i].name);
        if (rows[i].out != NULL)
            cr_expect(str_eqz(out, rows[i].out), "row '%s': %.*s", rows[i].name, STR_ARG(out));
        resume_release(&r);
    }
}

static const char *const finals[] = {
    CHUNK("{\"tool_calls\":[{\"index\":0}]}"),
    CHUNK("{\"reasoning_content\":\"hm\"}"),
    "{\"choices\":[{\"index\":1,\"delta\":{\"content\":\"x\"}}]}",
    "{\"choices\":[{\"delta\":{\"content\":\"x\"}},{\"delta\":{\"content\":\"y\"}}]}",
    CHUNK("{\"content\":\"\\ud800\"}"), /* half a pair: no text to compare */
    "not json",
};

Test(resume, what_cannot_be_compared_is_final)
{
    for (size_t i = 0; i < ARRAY_LEN(finals); i++) {
        struct resume r;

        resume_init(&r, &dialect_openai, 1000);
        resume_note(&r, str_of(TEXT("a")));
        resume_note(&r, str_of(finals[i]));
        cr_expect_not(resume_begin(&r), "row %zu", i);
        resume_release(&r);
    }
}

Test(resume, text_at_its_cap_and_one_byte_more)
{
    struct resume r;

    resume_init(&r, &dialect_openai,
                6); /* the scanner wants room for the quotes too: 4 bytes of text fit */
    resume_note(&r, str_of(TEXT("1234")));
    cr_expect(resume_begin(&r));
    resume_note(&r, str_of(TEXT("5")));
    cr_expect_not(resume_begin(&r));
    resume_release(&r);
}

Test(resume, a_multi_line_event_is_rewritten_on_one_line)
{
    struct resume r;
    struct str out;

    resume_init(&r, &dialect_openai, 100);
    resume_note(&r, str_of(TEXT("a")));
    cr_assert(resume_begin(&r));
    cr_assert_eq(resume_feed(&r, STR("{\"choices\":\n[{\"delta\":{\"content\":\"ab\"}}]\n}"),
                             false, &out),
                 RESUME_REWRITE);
    cr_expect(str_eqz(out, "{\"choices\": [{\"delta\":{\"content\":\"b\"}}] }"), "%.*s",
              STR_ARG(out));
    resume_release(&r);
}

/* What a client has after an event. */
static void collect(struct buf *client, struct str data)
{
    char text[64];
    struct json_want choices = {.name = "choices"}, delta = {.name = "delta"},
                     content = {.name = "content"};
    struct str choice;
    enum json_type type;
    size_t at = 0;

    cr_assert_eq(json_scan(data, 64, &choices, 1, NULL), 0);
    cr_assert(json_scan_next(choices.span, &at, &choice, &type));
    cr_assert_eq(json_scan(choice, 64, &delta, 1, NULL), 0);
    cr_assert_eq(json_scan(delta.span, 64, &content, 1, NULL), 0);
    cr_assert_eq(json_scan_string(content.span, text, sizeof(text)), 0);
    cr_assert_eq(buf_append(client, text, strlen(text)), 0);
}

static size_t next_chunk(struct rand *rnd, struct str text, size_t at, char *out, size_t cap)
{
    size_t n = 1 + rand_below(rnd, 9);
    struct buf b;

    if (n > text.len - at)
        n = text.len - at;
    buf_init(&b, cap - 1);
    cr_assert_eq(buf_append_str(&b, STR("{\"choices\":[{\"delta\":{\"content\":")), 0);
    cr_assert_eq(json_scan_quote(&b, (struct str){text.ptr + at, n}), 0);
    cr_assert_eq(buf_append_str(&b, STR("}}]}")), 0);
    memcpy(out, b.data, b.len + 1);
    buf_release(&b);
    return n;
}

Test(resume, any_cut_and_any_chunking_gives_the_same_text)
{
    struct str text =
        STR("The \"quick\"\nbrown \\ fox; tab\there, and a good many words more.");
    struct rand rnd;
    char data[256];

    rand_init(&rnd, 20261120);
    for (int round = 0; round < 3000; round++) {
        struct buf client;
        struct resume r;
        size_t at = 0, cut = rand_below(&rnd, text.len);
        struct str out;

        buf_init(&client, 1000);
        resume_init(&r, &dialect_openai, 1000);
        while (at < cut) { /* the run that breaks */
            at += next_chunk(&rnd, text, at, data, sizeof(data));
            collect(&client, str_of(data));
            resume_note(&r, str_of(data));
        }
        cr_assert(resume_begin(&r));
        for (at = 0; at < text.len;) { /* the run that goes on */
            at += next_chunk(&rnd, text, at, data, sizeof(data));
            if (!r.replaying) {
                collect(&client, str_of(data));
                continue;
            }
            enum resume_verdict v = resume_feed(&r, str_of(data), false, &out);

            cr_assert_neq(v, RESUME_DIFFERS, "seed round %d", round);
            if (v == RESUME_PASS)
                collect(&client, str_of(data));
            else if (v == RESUME_REWRITE)
                collect(&client, out);
        }
        cr_assert(str_eq(buf_str(&client), text), "round %d: %s", round, client.data);
        resume_release(&r);
        buf_release(&client);
    }
}
