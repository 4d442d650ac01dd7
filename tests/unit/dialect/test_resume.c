/* test_resume.c - what goes on of another run, event by event. */
#include "dialect/resume.h"

#include <criterion/criterion.h>
#include <string.h>

#define CHOICES(list) "{\"choices\":[" list "]}"
#define OF(i, delta)  "{\"index\":" #i ",\"delta\":" delta "}"
#define D(delta)      CHOICES(OF(0, delta))
#define D1(delta)     CHOICES(OF(1, delta))
#define TEXT(t)       D("{\"content\":\"" t "\"}")
#define TEXT_1(t)     D1("{\"content\":\"" t "\"}")
#define REASON(t)     D("{\"reasoning_content\":\"" t "\"}")
#define END(i)        "{\"index\":" #i ",\"delta\":{},\"finish_reason\":\"stop\"}"
#define STOP          CHOICES(END(0))
#define STOP_1        CHOICES(END(1))
#define ROLE          D("{\"role\":\"assistant\",\"content\":\"\"}")
#define USAGE         "{\"choices\":[],\"usage\":{\"prompt_tokens\":1}}"
#define CALLS(list)   D("{\"tool_calls\":[" list "]}")
#define CALL(i, id, args)                                                                      \
    "{\"index\":" #i ",\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"f\","  \
    "\"arguments\":\"" args "\"}}"
#define ARGS(i, args) "{\"index\":" #i ",\"function\":{\"arguments\":\"" args "\"}}"
#define CITE(url)     "{\"type\":\"url_citation\",\"url\":\"" url "\"}"
#define NAMED(id, t)                                                                           \
    "{\"id\":\"" id "\",\"created\":" t ",\"model\":\"m\",\"choices\":["                       \
    "{\"index\":0,\"delta\":{\"content\":\"a\"}}]}"

#define HOLD    "hold"
#define PASS    "pass"
#define DIFFERS "differs"

#define N_EVENTS 6

static const struct {
    const char *name;
    const char *delivered[N_EVENTS];
    struct {
        const char *event, *want; /* a word above, or what it is rewritten to */
    } run[N_EVENTS];
} rows[] = {
    {"seen in full", {TEXT("Hello")}, {{TEXT("Hel"), HOLD}}},
    {"ends at the seam", {TEXT("Hello")}, {{TEXT("Hel"), HOLD}, {TEXT("lo"), HOLD}}},
    {"crosses the seam", {TEXT("Hel")}, {{TEXT("Hello"), TEXT("lo")}, {TEXT("!"), PASS}}},
    {"begins at the seam", {TEXT("Hel")}, {{TEXT("Hel"), HOLD}, {TEXT("lo"), PASS}}},
    {"differs at once", {TEXT("Hello")}, {{TEXT("Hi"), DIFFERS}}},
    {"differs later", {TEXT("Hello")}, {{TEXT("Hel"), HOLD}, {TEXT("p"), DIFFERS}}},
    {"role only is held", {ROLE, TEXT("a")}, {{ROLE, HOLD}}},
    {"a role of another kind",
     {D("{\"role\":\"assistant\",\"content\":\"a\"}")},
     {{D("{\"role\":\"tool\"}"), DIFFERS}}},
    {"a role with the words at the seam",
     {D("{\"role\":\"assistant\",\"content\":\"a\"}")},
     {{D("{\"role\":\"assistant\",\"content\":\"ab\"}"), TEXT("b")}}},
    {"ends too early", {TEXT("Hello")}, {{TEXT("Hel"), HOLD}, {STOP, DIFFERS}}},
    {"ends where the other broke", {TEXT("Hello")}, {{TEXT("Hello"), HOLD}, {STOP, PASS}}},
    {"last words and end at once",
     {TEXT("Hello")},
     {{CHOICES("{\"index\":0,\"delta\":{\"content\":\"Hello\"},\"finish_reason\":\"stop\"}"),
       CHOICES("{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}")}}},
    {"escapes compare decoded", {TEXT("\\u0041b")}, {{TEXT("Abc"), TEXT("c")}}},
    {"the new part is escaped", {TEXT("a")}, {{TEXT("a\\n\\\""), TEXT("\\n\\\"")}}},
    {"a preamble was all there was", {ROLE}, {{ROLE, HOLD}, {TEXT("Hi"), PASS}}},
    {"completions",
     {CHOICES("{\"text\":\"ab\"}")},
     {{CHOICES("{\"text\":\"a\"}"), HOLD},
      {CHOICES("{\"text\":\"bc\"}"), CHOICES("{\"text\":\"c\"}")},
      {CHOICES("{\"text\":\"\",\"finish_reason\":\"stop\"}"), PASS}}},

    /* other channels */
    {"reasoning", {REASON("hm")}, {{REASON("hmm"), REASON("m")}, {TEXT("a"), PASS}}},
    {"reasoning, then text",
     {REASON("hm"), TEXT("a")},
     {{REASON("hm"), HOLD}, {TEXT("ab"), TEXT("b")}}},
    {"it thinks longer before the same words",
     {REASON("hm"), TEXT("a")},
     {{REASON("hmm"), DIFFERS}}},
    {"it thinks less", {REASON("hm"), TEXT("a")}, {{REASON("h"), HOLD}, {TEXT("ab"), DIFFERS}}},
    {"the words by another name", {REASON("hm")}, {{D("{\"reasoning\":\"hm\"}"), DIFFERS}}},
    {"reasoning and text in one event",
     {REASON("h")},
     {{D("{\"reasoning_content\":\"hm\",\"content\":\"a\"}"),
       D("{\"reasoning_content\":\"m\",\"content\":\"a\"}")}}},
    {"a refusal",
     {D("{\"refusal\":\"No\"}")},
     {{D("{\"refusal\":\"No.\"}"), D("{\"refusal\":\".\"}")}}},
    {"a refusal instead of text", {TEXT("No")}, {{D("{\"refusal\":\"No\"}"), DIFFERS}}},
    {"an unknown text", {D("{\"x\":\"ab\"}")}, {{D("{\"x\":\"abc\"}"), D("{\"x\":\"c\"}")}}},
    {"an unknown number, once per event",
     {D("{\"content\":\"a\",\"token_id\":5}")},
     {{D("{\"content\":\"a\",\"token_id\":5}"), HOLD},
      {D("{\"content\":\"b\",\"token_id\":7}"), PASS}}},
    {"an unknown number that differs", {D("{\"x\":5}")}, {{D("{\"x\":7}"), DIFFERS}}},
    {"an unknown number once more",
     {D("{\"x\":5}")},
     {{D("{\"x\":5}"), HOLD}, {D("{\"x\":5}"), PASS}}},
    {"null and empty are nothing",
     {D("{\"content\":\"a\",\"x\":null,\"y\":[],\"z\":{},\"tool_calls\":[]}")},
     {{TEXT("a"), HOLD}, {TEXT("b"), PASS}}},

    /* lists */
    {"citations",
     {TEXT("a"), D("{\"annotations\":[" CITE("u") "]}")},
     {{TEXT("a"), HOLD}, {D("{\"annotations\":[" CITE("u") "]}"), HOLD}, {TEXT("b"), PASS}}},
    {"citations that were cut",
     {TEXT("a"), D("{\"annotations\":[" CITE("u") "]}")},
     {{TEXT("a"), HOLD},
      {D("{\"annotations\":[" CITE("u") "," CITE("v") "]}"),
       D("{\"annotations\":[" CITE("v") "]}")}}},
    {"other citations",
     {TEXT("a"), D("{\"annotations\":[" CITE("u") "]}")},
     {{TEXT("a"), HOLD}, {D("{\"annotations\":[" CITE("v") "]}"), DIFFERS}}},
    {"no citations",
     {TEXT("a"), D("{\"annotations\":[" CITE("u") "]}")},
     {{TEXT("a"), HOLD}, {TEXT("b"), DIFFERS}}},
    {"images",
     {D("{\"images\":[{\"url\":\"data:x\"}]}")},
     {{D("{\"images\":[{\"url\":\"data:x\"}]}"), HOLD}, {TEXT("a"), PASS}}},
    {"log probabilities of the same tokens",
     {CHOICES("{\"delta\":{\"content\":\"a\"},\"logprobs\":{\"content\":[{\"t\":1}]}}")},
     {{CHOICES(
           "{\"delta\":{\"content\":\"ab\"},\"logprobs\":{\"content\":[{\"t\":1},{\"t\":2}]}}"),
       CHOICES("{\"delta\":{\"content\":\"b\"},\"logprobs\":{\"content\":[{\"t\":2}]}}")}}},
    {"log probabilities of other tokens",
     {CHOICES("{\"delta\":{\"content\":\"a\"},\"logprobs\":{\"content\":[{\"t\":1}]}}")},
     {{CHOICES("{\"delta\":{\"content\":\"ab\"},\"logprobs\":{\"content\":[{\"t\":3}]}}"),
       DIFFERS}}},
    {"an unknown member of a choice",
     {CHOICES("{\"delta\":{\"content\":\"a\"},\"x\":{\"y\":1}}")},
     {{CHOICES("{\"delta\":{\"content\":\"a\"},\"x\":{\"y\":2}}"), DIFFERS}}},
    {"a filter's word about a part of the text",
     {CHOICES("{\"delta\":{\"content\":\"a\"},\"content_filter_results\":{\"y\":1}}")},
     {{CHOICES("{\"delta\":{\"content\":\"ab\"},\"content_filter_results\":{\"y\":2}}"),
       CHOICES("{\"delta\":{\"content\":\"b\"},\"content_filter_results\":{\"y\":2}}")}}},

    /* tool calls */
    {"a call keeps the first run's id",
     {CALLS(CALL(0, "A", "{"))},
     {{CALLS(CALL(0, "B", "")), HOLD},
      {CALLS(ARGS(0, "{")), HOLD},
      {CALLS(ARGS(0, "}")), PASS},
      {STOP, PASS}}},
    {"a call that crosses the seam",
     {CALLS(CALL(0, "A", "{"))},
     {{CALLS(CALL(0, "B", "{}")), CALLS(ARGS(0, "}"))}}},
    {"an id with every fragment",
     {CALLS(CALL(0, "A", ""))},
     {{CALLS(CALL(0, "B", "")), HOLD},
      {CALLS("{\"index\":0,\"id\":\"B\",\"function\":{\"arguments\":\"1\"}}"),
       CALLS(ARGS(0, "1"))}}},
    {"a new call keeps its own id",
     {CALLS(CALL(0, "A", "{}"))},
     {{CALLS(CALL(0, "B", "{}")), HOLD},
      {CALLS(CALL(1, "C", "")), PASS},
      {CALLS(ARGS(1, "{}")), PASS}}},
    {"an old and a new call in one event",
     {CALLS(CALL(0, "A", "{}"))},
     {{CALLS(CALL(0, "B", "{}") "," CALL(1, "C", "{}")), CALLS(CALL(1, "C", "{}"))}}},
    {"other arguments", {CALLS(CALL(0, "A", "{"))}, {{CALLS(CALL(0, "B", "[")), DIFFERS}}},
    {"another function",
     {CALLS(CALL(0, "A", ""))},
     {{CALLS("{\"index\":0,\"function\":{\"name\":\"g\"}}"), DIFFERS}}},
    {"another type",
     {CALLS(CALL(0, "A", ""))},
     {{CALLS("{\"index\":0,\"type\":\"custom\"}"), DIFFERS}}},
    {"the next call before the first is whole",
     {CALLS(CALL(0, "A", "{}"))},
     {{CALLS(CALL(0, "B", "{")), HOLD}, {CALLS(CALL(1, "C", "")), DIFFERS}}},
    {"text instead of a call", {CALLS(CALL(0, "A", ""))}, {{TEXT("a"), DIFFERS}}},
    {"a call instead of text", {TEXT("a")}, {{CALLS(CALL(0, "A", "")), DIFFERS}}},
    {"a call without its index",
     {CALLS(CALL(0, "A", ""))},
     {{CALLS("{\"id\":\"A\",\"function\":{\"name\":\"f\"}}"), DIFFERS}}},
    {"a custom tool",
     {CALLS("{\"index\":0,\"custom\":{\"name\":\"f\",\"input\":\"x\"}}")},
     {{CALLS("{\"index\":0,\"custom\":{\"name\":\"f\",\"input\":\"xy\"}}"),
       CALLS("{\"index\":0,\"custom\":{\"input\":\"y\"}}")}}},
    {"a function call of old",
     {D("{\"function_call\":{\"name\":\"f\",\"arguments\":\"{\"}}")},
     {{D("{\"function_call\":{\"name\":\"f\",\"arguments\":\"{}\"}}"),
       D("{\"function_call\":{\"arguments\":\"}\"}}")}}},

    /* several choices */
    {"each goes on when it has caught up",
     {TEXT("a"), TEXT_1("xyz")},
     {{TEXT("ab"), TEXT("b")},
      {TEXT_1("xy"), HOLD},
      {TEXT("c"), PASS},
      {TEXT_1("z!"), TEXT_1("!")},
      {STOP, PASS},
      {STOP_1, PASS}}},
    {"two in one event",
     {CHOICES(OF(0, "{\"content\":\"a\"}") "," OF(1, "{\"content\":\"x\"}"))},
     {{CHOICES(OF(0, "{\"content\":\"ab\"}") "," OF(1, "{\"content\":\"x\"}")), TEXT("b")},
      {CHOICES(OF(0, "{\"content\":\"c\"}") "," OF(1, "{\"content\":\"y\"}")), PASS}}},
    {"one differs",
     {TEXT("a"), TEXT_1("x")},
     {{TEXT("ab"), TEXT("b")}, {TEXT_1("z"), DIFFERS}}},
    {"one ends too early", {TEXT("a"), TEXT_1("xy")}, {{TEXT_1("x"), HOLD}, {STOP_1, DIFFERS}}},
    {"one had ended",
     {TEXT("a"), STOP, TEXT_1("x")},
     {{TEXT("a"), HOLD}, {STOP, HOLD}, {TEXT_1("xy"), TEXT_1("y")}, {STOP_1, PASS}}},
    {"one had ended and says more", {TEXT("a"), STOP, TEXT_1("x")}, {{TEXT("ab"), DIFFERS}}},
    {"one had ended otherwise",
     {TEXT("a"), STOP, TEXT_1("x")},
     {{TEXT("a"), HOLD},
      {CHOICES("{\"index\":0,\"delta\":{},\"finish_reason\":\"length\"}"), DIFFERS}}},

    /* what is the stream's own */
    {"id and time stay the first run's",
     {NAMED("1", "7")},
     {{NAMED("2", "8"), HOLD}, {NAMED("2", "8"), NAMED("1", "7")}}},
    {"the same id", {NAMED("1", "7")}, {{NAMED("1", "7"), HOLD}, {NAMED("1", "7"), PASS}}},
    {"an id where there was none",
     {TEXT("a")},
     {{NAMED("2", "8"), HOLD}, {NAMED("2", "8"), PASS}}},
    {"usage that was missing",
     {TEXT("a"), STOP},
     {{TEXT("a"), HOLD}, {STOP, HOLD}, {USAGE, PASS}}},
    {"usage with an end that was delivered",
     {TEXT("a"), STOP},
     {{TEXT("a"), HOLD},
      {"{\"choices\":[" END(0) "],\"usage\":{\"prompt_tokens\":1}}", USAGE}}},
    {"usage before it has caught up", {TEXT("ab")}, {{TEXT("a"), HOLD}, {USAGE, HOLD}}},
    {"what says nothing",
     {TEXT("ab")},
     {{"{\"choices\":[]}", HOLD}, {TEXT("ab"), HOLD}, {"{\"choices\":[]}", PASS}}},

    /* what nobody can tell */
    {"not JSON", {TEXT("a")}, {{"not json", DIFFERS}}},
    {"a name that stands twice",
     {TEXT("a")},
     {{D("{\"content\":\"b\",\"content\":\"a\"}"), DIFFERS}}},
    {"a name that is escaped", {TEXT("a")}, {{D("{\"cont\\u0065nt\":\"a\"}"), DIFFERS}}},
    {"a text of half a character", {TEXT("a")}, {{TEXT("\\ud800"), DIFFERS}}},
};

static const char *name_of(enum resume_verdict v, struct str out, char *text, size_t cap)
{
    switch (v) {
    case RESUME_HOLD:
        return HOLD;
    case RESUME_PASS:
        return PASS;
    case RESUME_DIFFERS:
        return DIFFERS;
    case RESUME_REWRITE:
        break;
    }
    cr_assert_lt(out.len, cap);
    memcpy(text, out.ptr, out.len);
    text[out.len] = '\0';
    return text;
}

Test(resume, event_by_event)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct resume r;
        char text[1024];

        resume_init(&r, &dialect_openai, 10000, 10000);
        for (size_t k = 0; k < N_EVENTS && rows[i].delivered[k] != NULL; k++)
            resume_note(&r, str_of(rows[i].delivered[k]));
        cr_expect(resume_begin(&r), "row '%s'", rows[i].name);
        for (size_t k = 0; k < N_EVENTS && rows[i].run[k].event != NULL; k++) {
            struct str out = {NULL, 0};
            enum resume_verdict v = resume_feed(&r, str_of(rows[i].run[k].event), &out);

            cr_expect_str_eq(name_of(v, out, text, sizeof(text)), rows[i].run[k].want,
                             "row '%s', event %zu: %s", rows[i].name, k, text);
        }
        resume_release(&r);
    }
}

/* The same rows with a third run: what the second added counts as delivered. */
Test(resume, a_run_that_breaks_again_is_resumed_from_where_it_got)
{
    struct resume r;
    struct str out;

    resume_init(&r, &dialect_openai, 10000, 10000);
    resume_note(&r, str_of(TEXT("ab")));
    cr_assert(resume_begin(&r));
    cr_expect_eq(resume_feed(&r, str_of(TEXT("abc")), &out), RESUME_REWRITE);
    cr_expect_eq(resume_feed(&r, str_of(CALLS(CALL(0, "B", "{"))), &out), RESUME_PASS);
    cr_assert(resume_begin(&r));
    cr_expect_not(resume_is_level(&r));
    cr_expect_eq(resume_feed(&r, str_of(TEXT("abc")), &out), RESUME_HOLD);
    cr_expect_eq(resume_feed(&r, str_of(CALLS(CALL(0, "C", "{}"))), &out), RESUME_REWRITE);
    cr_expect(str_eqz(out, CALLS(ARGS(0, "}"))));
    cr_expect(resume_is_level(&r));
    resume_release(&r);
}

static const char *const finals[][3] = {
    {"not json"},
    {"{\"choices\":7}"},
    {CHOICES("7")},
    {CHOICES("{\"delta\":7}")},
    {CHOICES("{\"text\":7}")},
    {CHOICES("{\"index\":-1,\"delta\":{\"content\":\"x\"}}")},
    {CHOICES("{\"index\":128,\"delta\":{\"content\":\"x\"}}")},
    {CHOICES("{\"index\":0.5,\"delta\":{\"content\":\"x\"}}")},
    {TEXT("\\ud800")},
    {TEXT("\\u0000")},
    {D("{\"content\":\"a\",\"content\":\"b\"}")},
    {CALLS("{\"id\":\"A\"}")},
    {CALLS("7")},
    {CALLS(CALL(0, "A", "{}")), CALLS(CALL(0, "B", "{}"))}, /* Gemini's, each at place 0 */
    {STOP, CHOICES("{\"index\":0,\"delta\":{},\"finish_reason\":\"length\"}")},
};

Test(resume, what_cannot_be_compared_is_final)
{
    for (size_t i = 0; i < ARRAY_LEN(finals); i++) {
        struct resume r;

        resume_init(&r, &dialect_openai, 10000, 10000);
        resume_note(&r, str_of(TEXT("a")));
        for (size_t k = 0; k < ARRAY_LEN(finals[i]) && finals[i][k] != NULL; k++)
            resume_note(&r, str_of(finals[i][k]));
        cr_expect_not(resume_begin(&r), "row %zu", i);
        resume_release(&r);
    }
}

/* Over all channels, and what each of them costs counts as well. */
Test(resume, what_is_kept_is_bounded)
{
    static const char *const events[] = {TEXT("0123456789"), REASON("0123456789"),
                                         CALLS(CALL(0, "A", "0123456789"))};
    size_t limit = 0;

    for (; limit < 10000; limit++) {
        struct resume r;

        resume_init(&r, &dialect_openai, limit, 10000);
        for (size_t i = 0; i < ARRAY_LEN(events); i++)
            resume_note(&r, str_of(events[i]));
        bool fits = resume_begin(&r);

        resume_release(&r);
        if (fits)
            break;
    }
    cr_expect(limit > 600 && limit < 1600, "%zu", limit);
}

/* A run that adds more than is kept goes on; only there is no other one after it. */
Test(resume, a_long_answer_is_rescued_once)
{
    struct resume r;
    struct str out;

    resume_init(&r, &dialect_openai, 200, 10000);
    resume_note(&r, str_of(TEXT("a")));
    cr_assert(resume_begin(&r));
    cr_expect_eq(resume_feed(&r, str_of(TEXT("ab")), &out), RESUME_REWRITE);
    for (int i = 0; i < 100; i++)
        cr_expect_eq(resume_feed(&r, str_of(TEXT("0123456789")), &out), RESUME_PASS);
    cr_expect_eq(resume_feed(&r, str_of(STOP), &out), RESUME_PASS);
    cr_expect(resume_is_level(&r));
    cr_expect_not(resume_begin(&r));
    resume_release(&r);
}
