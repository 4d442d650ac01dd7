/* fuzz_openai.c - any bytes as a stream event, an answer or its fields: no crash, sane results.
 */
#include "base/base.h"
#include "dialect/openai.h"
#include "dialect/retry_after.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct str same_for_all(const void *arg, const char *name)
{
    (void)name;
    return *(const struct str *)arg;
}

static void check_usage(const struct openai_usage *u)
{
    assert(u->prompt_tokens >= 0 && u->completion_tokens >= 0);
    assert(u->cached_tokens >= 0 && u->cached_tokens <= u->prompt_tokens);
}

static void check_outcome(int status, struct str body)
{
    struct openai_usage usage;
    enum outcome whole = openai_classify(status, body, true, &usage);
    enum outcome cut = openai_classify(status, body, false, NULL);

    assert(whole < N_OUTCOMES && cut < N_OUTCOMES);
    assert(whole != OUTCOME_ABORTED && whole != OUTCOME_CONNECT);
    assert(whole == OUTCOME_OK || !usage.known);
    check_usage(&usage);
    assert((status >= 200 && status <= 299) || whole != OUTCOME_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *exact = malloc(size > 0 ? size : 1); /* a sanitizer sees a read beyond it */
    struct str text = {exact, size};
    struct openai_chunk chunk;
    static const int statuses[] = {0, 100, 200, 299, 302, 400, 403, 413, 429, 500, 529, 600};

    if (size > 0)
        memcpy(exact, data, size);
    openai_read_chunk(text, &chunk);
    assert(chunk.kind <= OPENAI_EV_MALFORMED);
    assert(chunk.kind != OPENAI_EV_MALFORMED || !chunk.finish);
    assert(chunk.kind != OPENAI_EV_ERROR ||
           (chunk.error != OUTCOME_OK && chunk.error < N_OUTCOMES));
    check_usage(&chunk.usage);
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        check_outcome(statuses[i], text);
    int64_t wait_ms = retry_after_ms(same_for_all, &text, 1717171717000);

    assert(wait_ms >= -1 && wait_ms <= RETRY_AFTER_MAX_MS);
    free(exact);
    return 0;
}
