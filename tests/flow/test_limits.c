/* test_limits.c - how long a silent region is waited for: by which limit, and what counts as a
 * sign of life. */
#include "flow_words.h"
#include "flow_world.h"

#include <criterion/criterion.h>
#include <string.h>

#define ANSWERS                                                                                \
    {                                                                                          \
        .region = "b", .status = 200, .fields = WORD_JSON, .body = WORD_ANSWER                 \
    }
#define STREAMS(r, text)                                                                       \
    {                                                                                          \
        .region = (r), .status = 200, .fields = WORD_SSE, .body = (text)                       \
    }
#define TARGETS "'targets':[{'region':'a'},{'region':'b'}]"

/* The model's own, else the region's; the config's would be waited for longer than a test. */
Test(flow_limits, of_models_and_regions)
{
    static const struct {
        const char *extra;
        bool stream, region; /* region: the limit is the region's */
    } rows[] = {
        {"'models':{'m':{" TARGETS ",'timeouts':{'first_byte':'300ms'}}}", true, false},
        {"'models':{'m':{" TARGETS ",'timeouts':{'answer':'300ms'}}}", false, false},
        {"'models':{'m':{" TARGETS ",'timeouts':{'first_byte':'300ms'}},'n':{" TARGETS "}}",
         true, false},
        {"'models':{'m':{'targets':[{'region':'a'}],'fallbacks':['n'],"
         "'timeouts':{'first_byte':'300ms'}},'n':{'targets':[{'region':'b'}]}}",
         true, false},
        {"'workers':1", true, true},
        {"'workers':1", false, true},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct script_answer answers[] = {{.region = "a", .hangs = true}, ANSWERS};
        struct flow_world f;
        struct flow_answer a;

        flow_start(&f, rows[i].extra);
        if (rows[i].region) {
            f.conf->regions[0].timeouts.first_byte_ms = 300;
            f.conf->regions[0].timeouts.answer_ms = 300;
        }
        if (rows[i].stream)
            answers[1] = (struct script_answer)STREAMS("b", WORD_WHOLE);
        script_set(f.w.up, answers, 2);
        flow_ask(&f, NULL, rows[i].stream ? WORD_STREAM : WORD_ASK, &a);
        cr_expect_eq(a.status, 200, "row %zu", i);
        cr_expect_str_eq(script_story(f.w.up), "a b", "row %zu", i);
        cr_expect_eq(f.w.slot->fleet->slot[0].attempts[OUTCOME_TIMEOUT], 1, "row %zu", i);
        flow_answer_release(&a);
        flow_stop(&f);
    }
}
