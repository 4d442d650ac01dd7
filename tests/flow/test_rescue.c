/* test_rescue.c - a stream that is cut: one whole answer from another run, or a visible end. */
#include "flow_words.h"
#include "flow_world.h"

#include <criterion/criterion.h>
#include <string.h>

#define S(r, text, how)                                                                        \
    {                                                                                          \
        .region = (r), .status = 200, .fields = WORD_SSE, .body = (text),                      \
        .end = UPSTREAM_##how                                                                  \
    }
#define EVENT(choice) "data: {\"choices\":[" choice "]}\n\n"
#define TEXT(t)       EVENT("{\"index\":0,\"delta\":{\"content\":\"" t "\"}}")
#define ASK_USAGE                                                                              \
    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\"}],\"stream\":true,"                     \
    "\"stream_options\":{\"include_usage\":true}}"
#define ASK_TWO   "{\"model\":\"m\",\"n\":2,\"messages\":[{\"role\":\"user\"}],\"stream\":true}"
#define TEXT_1(t) EVENT("{\"index\":1,\"delta\":{\"content\":\"" t "\"}}")
#define STOP_1    EVENT("{\"index\":1,\"delta\":{},\"finish_reason\":\"stop\"}")
#define ODD       "data: {\"choices\":[{\"index\":0,\"delta\":{\"x\":\"y\"}}]}\n\n"

#define ASK_SEED                                                                               \
    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\"}],\"stream\":true,\"seed\":7}"
#define AUTO   "'stream':{'recover':'auto'}"
#define ALWAYS "'stream':{'recover':'always'}"
#define BROKE  "data: {\"error\":{\"message\":\"the stream from region 'a' broke off: broken"
#define OFF    "'stream':{'recover':'off'}"

static const struct {
    const char *name;
    const char *config, *ask;
    struct script_answer answers[3];
    const char *story;
    const char *body; /* up to an error event of ours */
    bool fails;
} rows[] = {
    {"cut in the text",
     ALWAYS,
     WORD_STREAM,
     {S("a", WORD_ROLE TEXT("h"), CUT), S("b", WORD_WHOLE, COMPLETE)},
     "a b",
     WORD_ROLE TEXT("h") TEXT("i") WORD_STOP WORD_DONE,
     false},
    {"cut within an event, mended twice",
     ALWAYS,
     WORD_STREAM,
     {S("a", WORD_ROLE TEXT("h") "data: {", CUT), S("b", TEXT("hi") TEXT("!") "da", CUT),
      S("c", TEXT("hi!") TEXT("?") WORD_STOP, COMPLETE)},
     "a b c",
     WORD_ROLE TEXT("h") TEXT("i") TEXT("!") TEXT("?") WORD_STOP WORD_DONE,
     false},
    {"a run that ends in other words",
     ALWAYS,
     WORD_STREAM,
     {S("a", TEXT("hi"), CUT), S("b", TEXT("ho") WORD_STOP WORD_DONE, COMPLETE)},
     "a b",
     TEXT("hi"),
     true},
    {"a run that says less",
     ALWAYS,
     WORD_STREAM,
     {S("a", TEXT("hi") TEXT("!"), CUT), S("b", TEXT("hi") WORD_STOP WORD_DONE, COMPLETE)},
     "a b",
     TEXT("hi") TEXT("!"),
     true},
    {"what was held back by one that was given up counts for nothing",
     ALWAYS,
     WORD_STREAM,
     {S("a", WORD_ROLE ODD, CUT), S("b", ODD TEXT("h"), CUT),
      S("c", ODD TEXT("hi") WORD_STOP WORD_DONE, COMPLETE)},
     "a b c",
     ODD TEXT("h") TEXT("i") WORD_STOP WORD_DONE,
     false},
    {"one of two answers was whole",
     ALWAYS,
     ASK_TWO,
     {S("a", TEXT("a") WORD_STOP TEXT_1("x"), CUT),
      S("b", TEXT_1("x") TEXT("a") TEXT_1("y") WORD_STOP STOP_1 WORD_DONE, COMPLETE)},
     "a b",
     TEXT("a") WORD_STOP TEXT_1("x") TEXT_1("y") STOP_1 WORD_DONE,
     false},
    {"one of two answers does not come again",
     ALWAYS,
     ASK_TWO,
     {S("a", TEXT("a") TEXT_1("x"), CUT), S("b", TEXT("a") WORD_STOP WORD_DONE, COMPLETE)},
     "a b",
     TEXT("a") TEXT_1("x") WORD_STOP,
     true},

    /* nobody said how a cut stream is to be treated */
    {"by default",
     NULL,
     WORD_STREAM,
     {S("a", WORD_ROLE TEXT("h"), CUT), S("b", WORD_WHOLE, COMPLETE)},
     "a b",
     WORD_ROLE TEXT("h") TEXT("i") WORD_STOP WORD_DONE,
     false},
    {"auto, and nothing asks for a repeatable answer",
     AUTO,
     WORD_STREAM,
     {S("a", WORD_HI, CUT)},
     "a",
     WORD_HI,
     true},
    {"auto, and a seed does",
     AUTO,
     ASK_SEED,
     {S("a", WORD_HI, CUT), S("b", WORD_WHOLE, COMPLETE)},
     "a b",
     WORD_HI WORD_STOP WORD_DONE,
     false},

    /* what is missing is the usage, or only the end */
    {"usage that was asked for",
     ALWAYS,
     ASK_USAGE,
     {S("a", WORD_HI WORD_STOP, CUT),
      S("b", WORD_ROLE WORD_HI WORD_STOP WORD_USAGE WORD_DONE, COMPLETE)},
     "a b",
     WORD_HI WORD_STOP WORD_USAGE WORD_DONE,
     false},
    {"usage that is waited for in vain",
     ALWAYS ",'timeouts':{'idle':'300ms'}",
     ASK_USAGE,
     {{.region = "a",
       .status = 200,
       .fields = WORD_SSE,
       .body = WORD_HI WORD_STOP,
       .hangs = true},
      S("b", WORD_HI WORD_STOP WORD_USAGE WORD_DONE, COMPLETE)},
     "a b",
     WORD_HI WORD_STOP WORD_USAGE WORD_DONE,
     false},
    {"usage that nobody can give",
     OFF,
     ASK_USAGE,
     {S("a", WORD_HI WORD_STOP, CUT)},
     "a",
     WORD_HI WORD_STOP,
     true},
    {"usage of another answer",
     ALWAYS,
     ASK_USAGE,
     {S("a", WORD_HI WORD_STOP, CUT),
      S("b", TEXT("ho") WORD_STOP WORD_USAGE WORD_DONE, COMPLETE)},
     "a b",
     WORD_HI WORD_STOP,
     true},
    {"usage of a longer answer",
     ALWAYS,
     ASK_USAGE,
     {S("a", WORD_HI WORD_STOP, CUT),
      S("b", WORD_HI TEXT("!") WORD_STOP WORD_USAGE WORD_DONE, COMPLETE)},
     "a b",
     WORD_HI WORD_STOP,
     true},
    {"usage that the other run has not either",
     ALWAYS,
     ASK_USAGE,
     {S("a", WORD_HI WORD_STOP, CUT), S("b", WORD_HI WORD_STOP WORD_DONE, COMPLETE)},
     "a b",
     WORD_HI WORD_STOP WORD_DONE,
     false},
    {"cut behind the usage",
     OFF,
     ASK_USAGE,
     {S("a", WORD_HI WORD_STOP WORD_USAGE, CUT)},
     "a",
     WORD_HI WORD_STOP WORD_USAGE WORD_DONE,
     false},
    {"usage without its blank line",
     OFF,
     ASK_USAGE,
     {S("a", WORD_HI WORD_STOP "data: {\"choices\":[],\"usage\":{}}\n", COMPLETE)},
     "a",
     WORD_HI WORD_STOP "data: {\"choices\":[],\"usage\":{}}\n\n" WORD_DONE,
     false},
    {"a vendor that says no usage",
     OFF,
     ASK_USAGE,
     {S("a", WORD_HI WORD_STOP WORD_DONE, COMPLETE)},
     "a",
     WORD_HI WORD_STOP WORD_DONE,
     false},
    {"a vendor that says neither usage nor its end",
     OFF,
     ASK_USAGE,
     {S("a", WORD_HI WORD_STOP, COMPLETE)},
     "a",
     WORD_HI WORD_STOP WORD_DONE,
     false},
    {"usage that nobody asked for",
     ALWAYS,
     WORD_STREAM,
     {S("a", WORD_HI WORD_STOP, CUT)},
     "a",
     WORD_HI WORD_STOP WORD_DONE,
     false},
};

Test(flow_rescue, rows)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct script_answer answers[3];
        struct flow_world f;
        struct flow_answer a;
        size_t n = 0, want = strlen(rows[i].body);

        memcpy(answers, rows[i].answers, sizeof(answers));
        while (n < 3 && answers[n].region != NULL)
            n++;
        flow_start(&f, rows[i].config);
        script_set(f.w.up, answers, n);
        flow_ask(&f, NULL, rows[i].ask, &a);
        cr_expect_str_eq(script_story(f.w.up), rows[i].story, "row '%s'", rows[i].name);
        cr_expect_eq(a.whole, !rows[i].fails, "row '%s'", rows[i].name);
        cr_assert_geq(a.body.len, want, "row '%s': %s", rows[i].name, a.body.data);
        cr_expect(memcmp(a.body.data, rows[i].body, want) == 0, "row '%s': %s", rows[i].name,
                  a.body.data);
        if (rows[i].fails)
            cr_expect(strncmp(a.body.data + want, BROKE, strlen(BROKE)) == 0, "row '%s': %s",
                      rows[i].name, a.body.data);
        else
            cr_expect_eq(a.body.len, want, "row '%s': %s", rows[i].name, a.body.data);
        flow_answer_release(&a);
        flow_stop(&f);
    }
}
