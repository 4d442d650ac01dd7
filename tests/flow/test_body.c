/* test_body.c - the client's bytes go upstream unchanged but for what the config names. */
#include "flow_words.h"
#include "flow_world.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define MODELS                                                                                 \
    "'models':{'m':{'targets':[{'region':'a'},{'region':'b','model':'m-eu'}],"                 \
    "'fallbacks':['small']},'small':{'targets':[{'region':'c'}]}}"
#define USAGE "'stream':{'usage':'on'}"

static const struct {
    const char *name, *extra, *body, *want; /* want NULL: unchanged */
    int region;                             /* that answers; those before fail */
} rows[] = {
    {"unchanged, odd spelling and all", NULL,
     " {\"temperature\" : 0.70000 , "
     "\"messages\":[{\"x\":1e2}],\t\"model\":\"m\",\"k\":\"\\u0041\"} ",
     NULL, 0},
    {"the model's own name", MODELS, "{\"model\":\"m\",\"messages\":[1]}", NULL, 0},
    {"mapped", MODELS, "{\"messages\":[1] ,\"model\" : \"m\" }",
     "{\"messages\":[1] ,\"model\" : \"m-eu\" }", 1},
    {"escaped model is the same model", MODELS, "{\"model\":\"\\u006d\",\"messages\":[1]}",
     "{\"model\":\"m-eu\",\"messages\":[1]}", 1},
    {"fallback has its own name", MODELS, "{\"model\":\"m\",\"messages\":[1]}",
     "{\"model\":\"small\",\"messages\":[1]}", 2},
    {"usage is not asked for a plain answer", USAGE, "{\"model\":\"m\",\"messages\":[1]}", NULL,
     0},
};

Test(flow_body, upstream_bytes)
{
    static const char *const names[] = {"a", "b", "c"};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct script_answer answers[3];
        struct flow_world f;
        struct flow_answer a;
        const struct script_call *call;

        for (int r = 0; r < 3; r++)
            answers[r] = (struct script_answer){.region = names[r],
                                                .status = r == rows[i].region ? 200 : 503,
                                                .body = WORD_ANSWER};
        flow_start(&f, rows[i].extra);
        script_set(f.w.up, answers, 3);
        flow_ask(&f, NULL, rows[i].body, &a);
        cr_expect_eq(a.status, 200, "row '%s'", rows[i].name);
        call = script_call(f.w.up, script_count(f.w.up) - 1);
        cr_expect_str_eq(call->body.data, rows[i].want != NULL ? rows[i].want : rows[i].body,
                         "row '%s'", rows[i].name);
        flow_answer_release(&a);
        flow_stop(&f);
    }
}

/* Usage that only we asked for is counted, and not shown. */
static const struct {
    const char *name, *extra, *body;
    bool asked, shown;
} usages[] = {
    {"off", NULL, "{\"model\":\"m\",\"messages\":[1],\"stream\":true}", false, true},
    {"our wish", USAGE, "{\"model\":\"m\",\"messages\":[1],\"stream\":true}", true, false},
    {"declined by the client", USAGE,
     "{\"model\":\"m\",\"messages\":[1],\"stream\":true,\"stream_options\":{\"include_usage\":"
     "false}}",
     true, false},
    {"the client's wish, too", USAGE,
     "{\"model\":\"m\",\"messages\":[1],\"stream\":true,\"stream_options\":{\"include_usage\":"
     "true}}",
     true, true},
};

Test(flow_body, usage_of_streams)
{
    for (size_t i = 0; i < ARRAY_LEN(usages); i++) {
        struct script_answer answer = {.region = "a",
                                       .status = 200,
                                       .fields = WORD_SSE,
                                       .body = WORD_HI WORD_STOP "|" WORD_USAGE "|" WORD_DONE};
        struct flow_world f;
        struct flow_answer a;

        flow_start(&f, usages[i].extra);
        script_set(f.w.up, &answer, 1);
        flow_ask(&f, NULL, usages[i].body, &a);
        cr_expect(a.whole, "row '%s'", usages[i].name);
        cr_expect_str_eq(a.body.data,
                         usages[i].shown ? WORD_HI WORD_STOP WORD_USAGE WORD_DONE
                                         : WORD_HI WORD_STOP WORD_DONE,
                         "row '%s'", usages[i].name);
        cr_expect_eq(strstr(script_call(f.w.up, 0)->body.data, "\"include_usage\":true") !=
                         NULL,
                     usages[i].asked, "row '%s'", usages[i].name);
        cr_expect_eq(f.w.slot->region[0].prompt_tokens, 3, "row '%s'", usages[i].name);
        cr_expect_eq(f.w.slot->region[0].completion_tokens, 2, "row '%s'", usages[i].name);
        flow_answer_release(&a);
        flow_stop(&f);
    }
}

/* A body as large as is allowed, and one byte more. */
Test(flow_body, size_limit)
{
    for (int over = -1; over <= 1; over++) {
        struct script_answer answer = {.region = "a", .status = 200, .body = WORD_ANSWER};
        struct flow_world f;
        struct flow_answer a;
        char body[2048];
        int n = snprintf(body, sizeof(body), "{\"model\":\"m\",\"messages\":[\"%0*d\"]}",
                         1024 + over - 29, 0);

        cr_assert_eq(n, 1024 + over);
        flow_start(&f, "'http':{'max_body_bytes':'1KiB'}");
        script_set(f.w.up, &answer, 1);
        flow_ask(&f, NULL, body, &a);
        cr_expect_eq(a.status, over <= 0 ? 200 : 413, "%d bytes: %d", n, a.status);
        cr_expect_eq(script_count(f.w.up), over <= 0);
        flow_answer_release(&a);
        flow_stop(&f);
    }
}
