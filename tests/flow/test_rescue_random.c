/* test_rescue_random.c - whatever an answer is, wherever it is cut and however the other run says
 * it: the client has the whole of that run's answer, or sees an error. */
#include "flow_words.h"
#include "flow_world.h"
#include "random_answer.h"

#include "dialect/sse.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS    900
#define PER_WORLD 30 /* 2 calls each, and a world keeps SCRIPT_CALLS_MAX */

#define CONFIG                                                                                 \
    "'retry':{'backoff':'0s','budget':0},'breaker':{'failure_threshold':1000,"                 \
    "'failure_rate':0},'models':{'m':{'targets':[{'region':'a'},{'region':'b'}]}}"

static int on_event(void *arg, const struct sse_event *ev)
{
    if (ev->has_data)
        random_reader_add(arg, ev->data);
    return 0;
}

/* By the book. */
static char *read_all(struct str bytes, bool *done, bool *error)
{
    struct random_reader *r = random_reader_new();
    struct sse sse;
    char *text;

    sse_init(&sse, 1u << 20);
    cr_assert_eq(sse_feed(&sse, bytes.ptr, bytes.len, on_event, r), 0);
    cr_assert_eq(sse_pending(&sse), 0, "half an event");
    sse_release(&sse);
    *done = random_reader_is_done(r);
    *error = random_reader_has_error(r);
    text = random_reader_text(r);
    random_reader_free(r);
    return text;
}

/* As many clients do: lines end at LF, a CR in front of it is shed. */
static char *read_at_lf(struct str bytes)
{
    struct random_reader *r = random_reader_new();
    struct buf data;
    char *text;

    buf_init(&data, 1u << 20);
    if (str_starts(bytes, "\xEF\xBB\xBF"))
        bytes = (struct str){bytes.ptr + 3, bytes.len - 3};
    while (bytes.len > 0) {
        struct str rest, line = str_split(bytes, '\n', &rest);

        if (line.len > 0 && line.ptr[line.len - 1] == '\r')
            line.len--;
        if (line.len == 0 && data.len > 0) {
            random_reader_add(r, buf_str(&data));
            buf_clear(&data);
        }
        if (str_starts(line, "data: "))
            cr_assert_eq(buf_append(&data, line.ptr + 6, line.len - 6), 0);
        bytes = rest;
    }
    buf_release(&data);
    text = random_reader_text(r);
    random_reader_free(r);
    return text;
}

struct round {
    struct random_answer first, second;
    struct random_run runs[2];
    size_t cut;
    bool same;
};

static void make_round(struct round *t, struct rand *rnd)
{
    random_answer_make(&t->first, rnd);
    t->second = t->first;
    t->same = rand_below(rnd, 3) > 0;
    if (!t->same)
        random_answer_change(&t->second, rnd);
    t->runs[0] = (struct random_run){.name = 'a'};
    t->runs[1] = (struct random_run){.name = 'b'};
    random_answer_say(&t->first, &t->runs[0], rnd);
    random_answer_say(&t->second, &t->runs[1], rnd);
    t->cut = rand_below(rnd, t->runs[0].body.len);
}

static void check_round(const struct round *t, const struct flow_answer *a, int number)
{
    struct str body = buf_str(&a->body);
    bool done, error, own_done, own_error;
    char *text = read_all(body, &done, &error), *own[2];

    for (int i = 0; i < 2; i++)
        own[i] = read_all(buf_str(&t->runs[i].body), &own_done, &own_error);
    cr_assert_eq(a->whole, done, "round %d", number);
    cr_assert_eq(a->whole, !error, "round %d", number);
    cr_assert(a->whole || !t->same, "round %d, cut at %zu: %s\n\nnot from\n\n%s", number,
              t->cut, body.ptr, t->runs[1].body.data);
    /* who lost nothing but the end is not asked again: then it is the first run's */
    if (a->whole)
        cr_assert(strcmp(text, own[1]) == 0 || strcmp(text, own[0]) == 0,
                  "round %d, cut at %zu: %s\n%s\n%s\n%s", number, t->cut, text, own[0], own[1],
                  body.ptr);
    if (!t->runs[0].cr_alone && !t->runs[1].cr_alone) {
        char *at_lf = read_at_lf(body);

        cr_assert_str_eq(at_lf, text, "round %d, cut at %zu: %s", number, t->cut, body.ptr);
        free(at_lf);
    }
    free(text);
    free(own[0]);
    free(own[1]);
}

static void play(struct flow_world *f, struct rand *rnd, int number)
{
    struct round t;
    struct flow_answer a;
    char ask[200];

    make_round(&t, rnd);
    struct script_answer answers[] = {{.region = "a",
                                       .status = 200,
                                       .fields = WORD_SSE,
                                       .bytes = {t.runs[0].body.data, t.cut},
                                       .end = UPSTREAM_CUT},
                                      {.region = "b",
                                       .status = 200,
                                       .fields = WORD_SSE,
                                       .bytes = buf_str(&t.runs[1].body),
                                       .end = UPSTREAM_COMPLETE}};

    snprintf(ask, sizeof(ask),
             "{\"model\":\"m\",\"n\":%d,\"stream\":true,\"messages\":[{\"role\":\"user\"}]%s}",
             t.first.n_choices,
             t.first.usage ? ",\"stream_options\":{\"include_usage\":true}" : "");
    script_set(f->w.up, answers, 2);
    flow_ask(f, NULL, ask, &a);
    cr_assert_eq(a.status, 200, "round %d: %d", number, a.status);
    check_round(&t, &a, number);
    flow_answer_release(&a);
    buf_release(&t.runs[0].body);
    buf_release(&t.runs[1].body);
}

Test(flow_rescue_random, one_whole_answer_or_an_error)
{
    for (int from = 0; from < ROUNDS; from += PER_WORLD) {
        struct flow_world f;
        struct rand rnd;

        flow_start(&f, CONFIG);
        for (int i = from; i < from + PER_WORLD; i++) {
            rand_init(&rnd, (uint64_t)i); /* each round can be played alone */
            play(&f, &rnd, i);
        }
        flow_stop(&f);
    }
}
