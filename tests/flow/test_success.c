/* test_success.c - a 200 that is no answer is a failed attempt, and a plain answer to a stream
 * request is a stream. */
#include "base/log.h"
#include "flow_words.h"
#include "flow_world.h"
#include "tests/cases/plain_answers.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static const char *const asks[N_DIALECT_PATHS] = {"POST /v1/chat/completions",
                                                  "POST /v1/completions", "POST /v1/embeddings",
                                                  "GET /v1/models"};

/* A success of each path, to be given by the second region. */
static const char *const good[N_DIALECT_PATHS] = {
    WORD_ANSWER, TEXT_CASE("{\"text\":\"hello\",\"finish_reason\":\"stop\"}"),
    VECTOR_CASE("{\"embedding\":[1]},{\"embedding\":[2]}"), "{\"data\":[{\"id\":\"hello\"}]}"};

static char failed_attempt[512]; /* the last line about one */

static void keep_line(enum log_level level, const char *line)
{
    if (level == LOG_WARN && strstr(line, "attempt ended") != NULL)
        str_copy(failed_attempt, sizeof(failed_attempt), line);
}

static void ask(struct flow_client *c, enum dialect_path path)
{
    const char *body = path == DIALECT_MODELS ? "" : PLAIN_ANSWERS_ASK;
    char text[512];

    snprintf(text, sizeof(text),
             "%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
             "Content-Length: %zu\r\n\r\n%s",
             asks[path], strlen(body), body);
    flow_write(c, str_of(text));
}

static void play(const struct plain_answer_case *row)
{
    struct script_answer answers[] = {
        {.region = "a", .status = 200, .fields = WORD_JSON, .body = row->body},
        {.region = "b", .status = 200, .fields = WORD_JSON, .body = good[row->path]}};
    bool fine = row->lacks == NULL;
    struct flow_world f;
    struct flow_client c;
    struct flow_answer a;

    flow_start(&f, NULL);
    log_set_sink(keep_line);
    failed_attempt[0] = '\0';
    script_set(f.w.up, answers, 2);
    flow_open(&f, &c);
    ask(&c, row->path);
    flow_wait_answer(&c, &a);
    cr_expect_eq(a.status, 200, "row '%s'", row->name);
    cr_expect_str_eq(a.body.data, fine ? row->body : good[row->path], "row '%s'", row->name);
    cr_expect_str_eq(script_story(f.w.up), fine ? "a" : "a b", "row '%s'", row->name);
    cr_expect_eq(f.w.slot->fleet->slot[0].attempts[OUTCOME_BROKEN], !fine, "row '%s'",
                 row->name);
    if (!fine)
        cr_expect(strstr(failed_attempt, "outcome=broken") != NULL &&
                      strstr(failed_attempt, row->lacks) != NULL,
                  "row '%s': %s", row->name, failed_attempt);
    flow_answer_release(&a);
    flow_close(&c);
    flow_stop(&f);
}

Test(flow_success, is_shown_or_another_region_is_asked)
{
    for (size_t i = 0; i < ARRAY_LEN(plain_answers); i++)
        play(&plain_answers[i]);
}

#define PLAYED_USAGE                                                                           \
    WORD_PLAYED_CHUNK "],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\n"
#define STREAM_WITH(options)                                                                   \
    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\"}],\"stream\":true" options "}"

static const struct {
    const char *name, *ask, *body;
    const char *events; /* NULL: another region's, which streams */
} streams[] = {
    {"a whole one", WORD_STREAM, WORD_ANSWER, WORD_PLAYED WORD_DONE},
    {"with its usage", STREAM_WITH(",\"stream_options\":{\"include_usage\":true}"), WORD_ANSWER,
     WORD_PLAYED PLAYED_USAGE WORD_DONE},
    {"no usage wanted", STREAM_WITH(",\"stream_options\":{\"include_usage\":false}"),
     WORD_ANSWER, WORD_PLAYED WORD_DONE},
    {"no answer", WORD_STREAM, "{\"detail\":\"Not Found\"}", NULL},
    {"no finish reason", WORD_STREAM, MESSAGE_CASE("\"content\":\"hel\""), NULL},
};

/* The router's own accounting asks for usage as well: the client sees what it asked for. */
Test(flow_success, a_plain_answer_to_a_stream_request_is_played)
{
    for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
        struct script_answer answers[] = {
            {.region = "a",
             .status = 200,
             .fields = "openai-version: yes\n" WORD_JSON,
             .body = streams[i].body},
            {.region = "b", .status = 200, .fields = WORD_SSE, .body = WORD_WHOLE}};
        bool played = streams[i].events != NULL;
        struct flow_world f;
        struct flow_answer a;

        flow_start(&f, "'stream':{'usage':'on'}");
        script_set(f.w.up, answers, 2);
        flow_ask(&f, NULL, streams[i].ask, &a);
        cr_expect_eq(a.status, 200, "row '%s'", streams[i].name);
        cr_expect(a.whole, "row '%s'", streams[i].name);
        cr_expect_str_eq(a.body.data, played ? streams[i].events : WORD_WHOLE, "row '%s'",
                         streams[i].name);
        cr_expect(str_starts(flow_field(&a, "content-type"), "text/event-stream"), "row '%s'",
                  streams[i].name);
        cr_expect_eq(flow_field(&a, "openai-version").ptr != NULL, played, "row '%s'",
                     streams[i].name);
        cr_expect(str_eqz(flow_field(&a, "x-sluice-region"), played ? "a" : "b"), "row '%s'",
                  streams[i].name);
        cr_expect_eq(f.w.slot->requests[METRICS_REQ_OK], 1, "row '%s'", streams[i].name);
        flow_answer_release(&a);
        flow_stop(&f);
    }
}

/* Embeddings are not streamed, whatever the request says: no head comes before the answer. */
Test(flow_success, embeddings_are_plain)
{
    static const char body[] = "{\"model\":\"m\",\"input\":\"x\",\"stream\":true}";
    struct script_answer answer = {.region = "a",
                                   .status = 200,
                                   .fields = WORD_JSON,
                                   .body = VECTOR_CASE("{\"embedding\":[1]}")};
    struct flow_world f;
    struct flow_client c;
    struct flow_answer a;

    flow_start(&f, NULL);
    script_set(f.w.up, &answer, 1);
    flow_open(&f, &c);
    flow_post(&c, "/v1/embeddings", NULL, body);
    flow_wait_answer(&c, &a);
    cr_expect_str_eq(a.body.data, answer.body);
    cr_expect(str_eqz(flow_field(&a, "content-type"), "application/json"));
    flow_answer_release(&a);
    flow_close(&c);
    flow_stop(&f);
}
