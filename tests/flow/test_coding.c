/* test_coding.c - answers in a content coding that nobody asked for. */
#include "flow_words.h"
#include "flow_world.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

static const struct {
    const char *name, *fields;
    const char *ask, *text; /* text: what is packed */
    int status;             /* of the region */
    size_t cut;             /* bytes that are missing at the end */
    bool packs;             /* with gzip; else the text goes as it is */
    enum outcome outcome;
    const char *story, *want; /* what the client gets */
} rows[] = {
    /* clang-format off */
    {"a plain answer", WORD_JSON "Content-Encoding: gzip\n", WORD_ASK, WORD_ANSWER, 200, 0, true, OUTCOME_OK, "a", WORD_ANSWER},
    {"a stream", WORD_SSE "Content-Encoding: x-gzip\n", WORD_STREAM, WORD_WHOLE, 200, 0, true, OUTCOME_OK, "a", WORD_WHOLE},
    {"a refusal", WORD_JSON "Content-Encoding: gzip\n", WORD_ASK, WORD_BAD, 400, 0, true, OUTCOME_CLIENT_FAULT, "a", WORD_BAD},
    {"cut", WORD_JSON "Content-Encoding: gzip\n", WORD_ASK, WORD_ANSWER, 200, 3, true, OUTCOME_BROKEN, "a b", WORD_ANSWER},
    {"none of it", WORD_JSON "Content-Encoding: gzip\n", WORD_ASK, WORD_ANSWER, 200, 0, false, OUTCOME_BROKEN, "a b", WORD_ANSWER},
    {"another one", WORD_JSON "Content-Encoding: br\n", WORD_ASK, WORD_ANSWER, 200, 0, false, OUTCOME_UNFIT, "a b", WORD_ANSWER},
    {"another one, a refusal", WORD_JSON "Content-Encoding: br\n", WORD_ASK, WORD_BAD, 400, 0, false, OUTCOME_CLIENT_FAULT, "a", ""},
    {"identity", WORD_JSON "Content-Encoding: identity\n", WORD_ASK, WORD_ANSWER, 200, 0, false, OUTCOME_OK, "a", WORD_ANSWER},
    /* clang-format on */
};

static struct str pack(const char *text, unsigned char *out, size_t cap)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)text,
                  .avail_in = (uInt)strlen(text),
                  .next_out = out,
                  .avail_out = (uInt)cap};

    cr_assert_eq(deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    cr_assert_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return (struct str){(const char *)out, cap - z.avail_out};
}

Test(flow_coding, never_reaches_the_client)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        unsigned char packed[4096];
        struct script_answer answers[] = {
            {.region = "a", .status = rows[i].status, .fields = rows[i].fields},
            {.region = "b", .status = 200, .fields = WORD_JSON, .body = WORD_ANSWER}};
        struct flow_world f;
        struct flow_answer a;

        answers[0].bytes =
            rows[i].packs ? pack(rows[i].text, packed, sizeof(packed)) : str_of(rows[i].text);
        answers[0].bytes.len -= rows[i].cut;
        flow_start(&f, NULL);
        script_set(f.w.up, answers, 2);
        flow_ask(&f, "Accept-Encoding: gzip, br\r\n", rows[i].ask, &a);
        cr_expect(a.whole, "row '%s'", rows[i].name);
        cr_expect_str_eq(a.body.data != NULL ? a.body.data : "", rows[i].want, "row '%s'",
                         rows[i].name);
        cr_expect_null(flow_field(&a, "content-encoding").ptr, "row '%s'", rows[i].name);
        cr_expect_str_eq(script_story(f.w.up), rows[i].story, "row '%s'", rows[i].name);
        cr_expect_eq(f.w.slot->fleet->slot[0].attempts[rows[i].outcome], 1, "row '%s'",
                     rows[i].name);
        cr_expect_not_null(
            strstr(script_call(f.w.up, 0)->headers.data, "Accept-Encoding: identity\n"));
        cr_expect_eq(flow_times(buf_str(&script_call(f.w.up, 0)->headers), "ccept-Encoding"),
                     1);
        flow_answer_release(&a);
        flow_stop(&f);
    }
}
