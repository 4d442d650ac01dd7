/* test_retry.c - one row per rule of what follows a bad outcome, with its edges. */
#include "policy/retry.h"

#include "base/base.h"

#include <criterion/criterion.h>
#include <limits.h>

#define FULL UINT16_MAX
#define HALF 32768

static const struct retry_conf conf = {
    .num_retries = 2, .backoff_ms = 100, .backoff_max_ms = 1000, .wait_ms = 2000};

#define STOP  RETRY_STOP
#define OTHER RETRY_OTHER
#define SAME  RETRY_SAME

/* The facts of a first attempt with much time left and no stated wait. */
#define FACTS(...)                                                                             \
    {                                                                                          \
        .attempts = 1, .left_ms = 60000, .retry_after_ms = -1, __VA_ARGS__                     \
    }

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
/* clang-format off */
static const struct {
    const char *name;
    struct retry_facts f;
    uint16_t jitter;
    enum retry_verdict want;
    int64_t want_delay_ms;
} cases[] = {
    /* nothing to gain */
    {"ok",                     FACTS(.outcome = OUTCOME_OK, .others_left = true), 0, STOP, 0},
    {"aborted",                FACTS(.outcome = OUTCOME_ABORTED, .others_left = true), 0, STOP, 0},
    {"client fault",           FACTS(.outcome = OUTCOME_CLIENT_FAULT, .status = 400, .others_left = true), 0, STOP, 0},
    {"relayed",                FACTS(.outcome = OUTCOME_BROKEN, .relayed = true, .others_left = true), 0, STOP, 0},
    {"relayed, lone 500",      FACTS(.outcome = OUTCOME_SERVER_ERROR, .status = 500, .relayed = true), 0, STOP, 0},
    {"relayed, reused",        FACTS(.outcome = OUTCOME_CONNECT, .reused = true, .relayed = true), 0, STOP, 0},
    {"one attempt left",       FACTS(.outcome = OUTCOME_TIMEOUT, .attempts = 2, .others_left = true), 0, OTHER, 0},
    {"budget used up",         FACTS(.outcome = OUTCOME_TIMEOUT, .attempts = 3, .others_left = true), 0, STOP, 0},
    {"beyond the budget",      FACTS(.outcome = OUTCOME_TIMEOUT, .attempts = 4, .others_left = true), 0, STOP, 0},
    {"one millisecond left",   FACTS(.outcome = OUTCOME_TIMEOUT, .left_ms = 1, .others_left = true), 0, OTHER, 0},
    {"no time left",           FACTS(.outcome = OUTCOME_TIMEOUT, .left_ms = 0, .others_left = true), 0, STOP, 0},
    {"past the deadline",      FACTS(.outcome = OUTCOME_TIMEOUT, .left_ms = -5, .others_left = true), 0, STOP, 0},
    /* another target at once */
    {"too long",               FACTS(.outcome = OUTCOME_TOO_LONG, .status = 400, .others_left = true), FULL, OTHER, 0},
    {"auth",                   FACTS(.outcome = OUTCOME_AUTH, .status = 401, .others_left = true), FULL, OTHER, 0},
    {"quota",                  FACTS(.outcome = OUTCOME_QUOTA, .status = 429, .others_left = true), FULL, OTHER, 0},
    {"502",                    FACTS(.outcome = OUTCOME_SERVER_ERROR, .status = 502, .others_left = true), FULL, OTHER, 0},
    {"error inside a 200",     FACTS(.outcome = OUTCOME_SERVER_ERROR, .status = 200, .others_left = true), FULL, OTHER, 0},
    {"connect, fresh",         FACTS(.outcome = OUTCOME_CONNECT, .others_left = true), FULL, OTHER, 0},
    {"timeout",                FACTS(.outcome = OUTCOME_TIMEOUT, .others_left = true), FULL, OTHER, 0},
    {"broken",                 FACTS(.outcome = OUTCOME_BROKEN, .status = 200, .others_left = true), FULL, OTHER, 0},
    /* no other target */
    {"too long, alone",        FACTS(.outcome = OUTCOME_TOO_LONG, .status = 400), 0, STOP, 0},
    {"auth, alone",            FACTS(.outcome = OUTCOME_AUTH, .status = 401), 0, STOP, 0},
    {"quota, alone",           FACTS(.outcome = OUTCOME_QUOTA, .status = 429, .retry_after_ms = 10), 0, STOP, 0},
    {"502, alone",             FACTS(.outcome = OUTCOME_SERVER_ERROR, .status = 502), 0, STOP, 0},
    {"503, alone",             FACTS(.outcome = OUTCOME_SERVER_ERROR, .status = 503, .retry_after_ms = 10), 0, STOP, 0},
    {"504, alone",             FACTS(.outcome = OUTCOME_SERVER_ERROR, .status = 504), 0, STOP, 0},
    {"501, alone",             FACTS(.outcome = OUTCOME_SERVER_ERROR, .status = 501), 0, STOP, 0},
    {"error in a 200, alone",  FACTS(.outcome = OUTCOME_SERVER_ERROR, .status = 200), 0, STOP, 0},
    {"timeout, alone",         FACTS(.outcome = OUTCOME_TIMEOUT, .reused = true), 0, STOP, 0},
    {"broken, alone",          FACTS(.outcome = OUTCOME_BROKEN, .reused = true), 0, STOP, 0},
    /* lone 500 */
    {"500",                    FACTS(.outcome = OUTCOME_SERVER_ERROR, .status = 500), FULL, SAME, 100},
    {"500, others left",       FACTS(.outcome = OUTCOME_SERVER_ERROR, .status = 500, .others_left = true), HALF, SAME, 50},
    {"500, last, others left", FACTS(.outcome = OUTCOME_SERVER_ERROR, .status = 500, .attempts = 2, .others_left = true), HALF, OTHER, 0},
    {"500, no jitter",         FACTS(.outcome = OUTCOME_SERVER_ERROR, .status = 500), 0, SAME, 0},
    {"500, second attempt",    FACTS(.outcome = OUTCOME_SERVER_ERROR, .status = 500, .attempts = 2), FULL, SAME, 200},
    {"500 again",              FACTS(.outcome = OUTCOME_SERVER_ERROR, .status = 500, .same_retries = 1), 0, STOP, 0},
    {"500 again, others left", FACTS(.outcome = OUTCOME_SERVER_ERROR, .status = 500, .same_retries = 1, .others_left = true), 0, OTHER, 0},
    {"500, delay just fits",   FACTS(.outcome = OUTCOME_SERVER_ERROR, .status = 500, .left_ms = 101), FULL, SAME, 100},
    {"500, no time for it",    FACTS(.outcome = OUTCOME_SERVER_ERROR, .status = 500, .left_ms = 100), FULL, STOP, 0},
    {"500, no time, others",   FACTS(.outcome = OUTCOME_SERVER_ERROR, .status = 500, .left_ms = 100, .others_left = true), FULL, OTHER, 0},
    /* reused connection */
    {"reused",                 FACTS(.outcome = OUTCOME_CONNECT, .reused = true), FULL, SAME, 0},
    {"reused, others left",    FACTS(.outcome = OUTCOME_CONNECT, .reused = true, .others_left = true), FULL, SAME, 0},
    {"reused again",           FACTS(.outcome = OUTCOME_CONNECT, .reused = true, .same_retries = 1), 0, STOP, 0},
    {"reused again, others",   FACTS(.outcome = OUTCOME_CONNECT, .reused = true, .same_retries = 1, .others_left = true), 0, OTHER, 0},
    {"fresh, alone",           FACTS(.outcome = OUTCOME_CONNECT), 0, STOP, 0},
    /* throttled */
    {"throttled, others",      FACTS(.outcome = OUTCOME_THROTTLED, .status = 429, .retry_after_ms = 500, .others_left = true), FULL, OTHER, 0},
    {"no time stated, others", FACTS(.outcome = OUTCOME_THROTTLED, .status = 429, .others_left = true), FULL, OTHER, 0},
    {"too late, others",       FACTS(.outcome = OUTCOME_THROTTLED, .status = 429, .retry_after_ms = 90000, .others_left = true), FULL, OTHER, 0},
    {"no time stated",         FACTS(.outcome = OUTCOME_THROTTLED, .status = 429), FULL, SAME, 100},
    {"no time stated, again",  FACTS(.outcome = OUTCOME_THROTTLED, .status = 429, .attempts = 2, .same_retries = 1), HALF, SAME, 100},
    {"no time stated, enough", FACTS(.outcome = OUTCOME_THROTTLED, .status = 429, .attempts = 3, .same_retries = 2), 0, STOP, 0},
    {"no time stated, no time", FACTS(.outcome = OUTCOME_THROTTLED, .status = 429, .left_ms = 100), FULL, STOP, 0},
    {"no time stated, in time", FACTS(.outcome = OUTCOME_THROTTLED, .status = 429, .left_ms = 101), FULL, SAME, 100},
    {"at once",                FACTS(.outcome = OUTCOME_THROTTLED, .status = 429, .retry_after_ms = 0), FULL, SAME, 0},
    {"stated",                 FACTS(.outcome = OUTCOME_THROTTLED, .status = 429, .retry_after_ms = 1000), 0, SAME, 1000},
    {"a tenth later at most",  FACTS(.outcome = OUTCOME_THROTTLED, .status = 429, .retry_after_ms = 1000), FULL, SAME, 1100},
    {"as long as allowed",     FACTS(.outcome = OUTCOME_THROTTLED, .status = 429, .retry_after_ms = 2000), 0, SAME, 2000},
    {"longer than allowed",    FACTS(.outcome = OUTCOME_THROTTLED, .status = 429, .retry_after_ms = 2001), 0, STOP, 0},
    {"only without the tenth", FACTS(.outcome = OUTCOME_THROTTLED, .status = 429, .retry_after_ms = 1000, .left_ms = 1100), FULL, SAME, 1000},
    {"just before the end",    FACTS(.outcome = OUTCOME_THROTTLED, .status = 429, .retry_after_ms = 1000, .left_ms = 1001), 0, SAME, 1000},
    {"at the end",             FACTS(.outcome = OUTCOME_THROTTLED, .status = 429, .retry_after_ms = 1000, .left_ms = 1000), 0, STOP, 0},
    {"absurdly late",          FACTS(.outcome = OUTCOME_THROTTLED, .status = 429, .retry_after_ms = INT64_MAX), FULL, STOP, 0},
    {"waited once already",    FACTS(.outcome = OUTCOME_THROTTLED, .status = 429, .retry_after_ms = 10, .attempts = 2, .same_retries = 1), 0, SAME, 10},
};
/* clang-format on */
#pragma GCC diagnostic pop

Test(retry, rules)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct retry_plan plan = retry_plan(&conf, &cases[i].f, cases[i].jitter);

        cr_expect_eq(plan.verdict, cases[i].want, "row '%s': verdict %d", cases[i].name,
                     (int)plan.verdict);
        cr_expect_eq(plan.delay_ms, cases[i].want_delay_ms, "row '%s': delay %lld",
                     cases[i].name, (long long)plan.delay_ms);
    }
}

Test(retry, back_off_doubles_up_to_its_cap)
{
    static const struct {
        int attempts;
        int64_t backoff_ms, max_ms, want_ms;
    } rows[] = {
        {1, 100, 1000, 100},  {2, 100, 1000, 200},    {4, 100, 1000, 800},
        {5, 100, 1000, 1000}, {100, 100, 1000, 1000}, {INT_MAX - 1, 1, 1LL << 40, 1LL << 40},
        {3, 0, 1000, 0},      {3, 500, 300, 300},     {0, 100, 1000, 100},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct retry_conf c = {.num_retries = INT_MAX,
                               .backoff_ms = rows[i].backoff_ms,
                               .backoff_max_ms = rows[i].max_ms};
        struct retry_facts f = {.outcome = OUTCOME_SERVER_ERROR,
                                .status = 500,
                                .attempts = rows[i].attempts,
                                .left_ms = INT64_MAX};
        struct retry_plan plan = retry_plan(&c, &f, FULL);

        cr_expect_eq(plan.verdict, RETRY_SAME, "row %zu", i);
        cr_expect_eq(plan.delay_ms, rows[i].want_ms, "row %zu: %lld", i,
                     (long long)plan.delay_ms);
        cr_expect_eq(retry_plan(&c, &f, 0).delay_ms, 0, "row %zu: full jitter starts at 0", i);
    }
}

Test(retry, waits_for_nothing_when_waiting_is_off)
{
    struct retry_conf c = conf;
    struct retry_facts f = {.outcome = OUTCOME_THROTTLED,
                            .status = 429,
                            .attempts = 1,
                            .retry_after_ms = 0,
                            .left_ms = 1000};

    c.wait_ms = 0;
    cr_expect_eq(retry_plan(&c, &f, 0).verdict, RETRY_STOP);
    c.wait_ms = 1;
    cr_expect_eq(retry_plan(&c, &f, 0).verdict, RETRY_SAME);
}

Test(retry, zero_retries_means_one_attempt)
{
    struct retry_conf c = conf;
    struct retry_facts f = {.outcome = OUTCOME_TIMEOUT,
                            .attempts = 1,
                            .others_left = true,
                            .retry_after_ms = -1,
                            .left_ms = 1000};

    c.num_retries = 0;
    cr_expect_eq(retry_plan(&c, &f, 0).verdict, RETRY_STOP);
    c.num_retries = 1;
    cr_expect_eq(retry_plan(&c, &f, 0).verdict, RETRY_OTHER);
}
