/* test_breaker.c - the machine, as scripted histories: what each step answers and where it
 * ends. */
#include "policy/breaker.h"

#include "base/base.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Open times with jitter 65535: 1000, 2000, 4000, then 5000.  Leases last 500 ms. */
static const struct breaker_conf base_conf = {
    .failure_threshold = 3,
    .failure_rate = 50,
    .minimum_requests = 10,
    .slow_rate = 0,
    .window_ms = 1000,
    .recovery_ms = 1000,
    .recovery_max_ms = 5000,
    .forgive_ms = 60000,
    .half_open_max_calls = 2,
    .success_threshold = 2,
};
#define LEASE_MS 500

/* A script is a line of steps:
 *   f o s       report a failure, a success, a slow success, in the current epoch
 *   F O         the same with the epoch before
 *   B           a batch: 2 failures, a success, then 1 failure
 *   p<t> r<t>   probe with token t; its lease is to be renewed
 *   k<t> x<t> a<t>   probe of token t ends: ok, failed, abandoned; K<t> X<t> in the epoch
 * before
 *   +<ms>       time passes
 * Each step but + adds a letter to the trace: C counted, S stale, T tripped; G granted,
 * W wait, B busy, N not needed; R renewed, - gone; O taken, M moved, S stale, E expired. */
struct history {
    struct breaker *b;
    int64_t now_ms, wait_ms;
    char trace[128];
    size_t len;
};

static char report(struct history *h, char kind)
{
    struct breaker_evidence e = {0};
    uint64_t epoch = breaker_get_epoch(h->b);

    if (kind == 'F' || kind == 'O')
        epoch--;
    if (kind == 'f' || kind == 'F')
        e = (struct breaker_evidence){.fail = 1, .hard_since_ok = 1};
    else if (kind == 'B')
        e = (struct breaker_evidence){.ok = 1, .fail = 3, .hard_since_ok = 1};
    else
        e = (struct breaker_evidence){.ok = 1, .slow = kind == 's'};
    return "CST"[breaker_report(h->b, epoch, &e, h->now_ms, UINT16_MAX)];
}

static char done(struct history *h, char kind, uint64_t token)
{
    uint64_t epoch = breaker_get_epoch(h->b);
    enum breaker_verdict v = BREAKER_PROBE_ABANDON;

    if (kind == 'K' || kind == 'X')
        epoch--;
    if (kind == 'k' || kind == 'K')
        v = BREAKER_PROBE_OK;
    else if (kind == 'x' || kind == 'X')
        v = BREAKER_PROBE_FAIL;
    return "OMSE"[breaker_done(h->b, epoch, token, v, h->now_ms, UINT16_MAX)];
}

static void play(struct history *h, const char *script)
{
    for (char *c = (char *)(uintptr_t)script; *c != '\0';) {
        char kind = *c++, answer = 0;

        if (kind == ' ')
            continue;
        if (kind == '+')
            h->now_ms += strtoll(c, &c, 10);
        else if (strchr("foFOsB", kind) != NULL)
            answer = report(h, kind);
        else if (kind == 'p')
            answer = "GWBN"[breaker_probe(h->b, strtoull(c, &c, 10), LEASE_MS, h->now_ms,
                                          &h->wait_ms)];
        else if (kind == 'r')
            answer = "-R"[breaker_renew(h->b, strtoull(c, &c, 10), LEASE_MS, h->now_ms)];
        else
            answer = done(h, kind, strtoull(c, &c, 10));
        if (answer != 0 && h->len + 1 < sizeof(h->trace))
            h->trace[h->len++] = answer;
    }
}

static struct history start(const struct breaker_conf *conf)
{
    return (struct history){.b = breaker_new(conf), .now_ms = 1000000};
}

#define CLOSED    BREAKER_CLOSED
#define OPEN      BREAKER_OPEN
#define HALF_OPEN BREAKER_HALF_OPEN

Test(breaker, histories)
{
    /* clang-format off */
    static const struct {
        const char *name, *script, *trace;
        enum breaker_state want;
        uint64_t epoch;
        int trips;
    } cases[] = {
        /* row rule */
        {"one short of the row",             "ff",                 "CC",       CLOSED, 1, 0},
        {"third failure opens",              "fff",                "CCT",      OPEN,   2, 1},
        {"a success ends the row",           "ffoff",              "CCCCC",    CLOSED, 1, 0},
        {"... and it starts again",          "ffofff",             "CCCCCT",   OPEN,   2, 1},
        {"a row outlasts the window",        "f+5000f+5000f",      "CCT",      OPEN,   2, 1},
        {"only failures after the ok of a batch count", "ffB",     "CCC",      CLOSED, 1, 0},
        {"... and they do count",            "Bff",                "CCT",      OPEN,   2, 1},
        {"evidence of another epoch",        "ffFf",               "CCST",     OPEN,   2, 1},
        {"a stale success does not end the row", "ffOf",           "CCST",     OPEN,   2, 1},
        {"evidence while open",              "fff fo",             "CCTSS",    OPEN,   2, 1},
        {"evidence while half-open",         "fff+1000 p1 fo",     "CCTGSS",   HALF_OPEN, 3, 1},
        /* rate rule: 50 % of at least 10 */
        {"nine are too few",                 "ofofofoff",          "CCCCCCCCC", CLOSED, 1, 0},
        {"half of ten",                      "ofofofofof",         "CCCCCCCCCT", OPEN, 2, 1},
        {"five of eleven, then six of twelve", "oofofofofoff",     "CCCCCCCCCCCT", OPEN, 2, 1},
        {"four of ten",                      "ofofofofoo",         "CCCCCCCCCC", CLOSED, 1, 0},
        {"old ones left the window",         "ofofof+1000 ofof",   "CCCCCCCCCC", CLOSED, 1, 0},
        {"still in the window",              "ofofof+890 ofof",    "CCCCCCCCCT", OPEN, 2, 1},
        /* open and half-open */
        {"a probe of a closed breaker",      "p1",                 "N",        CLOSED, 1, 0},
        {"one millisecond early",            "fff+999 p1",         "CCTW",     OPEN,   2, 1},
        {"due",                              "fff+1000 p1",        "CCTG",     HALF_OPEN, 3, 1},
        {"two leases and no third",          "fff+1000 p1p2p3",    "CCTGGB",   HALF_OPEN, 3, 1},
        {"same token, same answer",          "fff+1000 p1p1p2p1",  "CCTGGGG",  HALF_OPEN, 3, 1},
        {"a lease ends by itself",           "fff+1000 p1p2+500p3", "CCTGGG",  HALF_OPEN, 3, 1},
        {"... not earlier",                  "fff+1000 p1p2+499p3", "CCTGGB",  HALF_OPEN, 3, 1},
        {"asking again renews it",           "fff+1000 p1p2+400p1+100p3p4", "CCTGGGGB", HALF_OPEN, 3, 1},
        {"a renewal lengthens it",           "fff+1000 p1p2+400r1+100p3p4", "CCTGGRGB", HALF_OPEN, 3, 1},
        {"... as long as it lives",          "fff+1000 p1+499r1+499r1", "CCTGRR", HALF_OPEN, 3, 1},
        {"a late renewal takes no slot",     "fff+1000 p1+500r1p2p3", "CCTG-GG", HALF_OPEN, 3, 1},
        {"nor one after the probe's end",    "fff+1000 p1p2k1r1p3", "CCTGGO-G", HALF_OPEN, 3, 1},
        {"nor does one start half-open",     "fff+1000 r1",        "CCT-",     OPEN,   2, 1},
        {"nor is one needed while closed",   "r1",                 "-",        CLOSED, 1, 0},
        {"an abandoned probe frees the slot", "fff+1000 p1p2a1p3", "CCTGGOG",  HALF_OPEN, 3, 1},
        {"one success is not enough",        "fff+1000 p1k1",      "CCTGO",    HALF_OPEN, 3, 1},
        {"two successes close",              "fff+1000 p1k1p2k2",  "CCTGOGM",  CLOSED, 4, 1},
        {"abandoned ones are not successes", "fff+1000 p1a1p2a2p1k1", "CCTGOGOGO", HALF_OPEN, 3, 1},
        {"a probe ends once",                "fff+1000 p1k1k1",    "CCTGOE",   HALF_OPEN, 3, 1},
        {"an unknown token",                 "fff+1000 p1k7",      "CCTGE",    HALF_OPEN, 3, 1},
        {"a success after its lease",        "fff+1000 p1+500k1",  "CCTGE",    HALF_OPEN, 3, 1},
        {"a success in its last millisecond", "fff+1000 p1+499k1p1k1", "CCTGOGM", CLOSED, 4, 1},
        {"a failure after its lease",        "fff+1000 p1+500x1",  "CCTGE",    HALF_OPEN, 3, 1},
        {"a failed probe opens for longer",  "fff+1000 p1x1+1999p1", "CCTGMW", OPEN,   4, 2},
        {"... which ends as well",           "fff+1000 p1x1+2000p1", "CCTGMG", HALF_OPEN, 5, 2},
        {"a failure drops earlier successes", "fff+1000 p1k1p2x2+2000p1k1", "CCTGOGMGO", HALF_OPEN, 5, 2},
        {"a failure drops the other leases", "fff+1000 p1p2x1 X2+2000p3p4p5", "CCTGGMSGGB", HALF_OPEN, 5, 2},
        {"a late ok of the epoch before",    "fff+1000 p1p2x1+2000p2 K2k2", "CCTGGMGSO", HALF_OPEN, 5, 2},
        {"a probe result while closed",      "fff+1000 p1p2k1k2p3 k2", "CCTGGOMNS", CLOSED, 4, 1},
        {"a probe result while open",        "fff k1",             "CCTS",     OPEN,   2, 1},
        {"closing clears the row",           "fff+1000p1k1p1k1 ff", "CCTGOGMCC", CLOSED, 4, 1},
        {"closing clears the window",        "fofofofof+0f+1000p1k1p1k1 f", "CCCCCCCCCTGOGMC", CLOSED, 4, 1},
        /* open time */
        {"the open time is capped",          "fff+1000p1x1+2000p1x1+4000p1x1+5000p1x1+4999p1",
                                             "CCTGMGMGMGMW", OPEN, 10, 5},
        {"... at 5000",                      "fff+1000p1x1+2000p1x1+4000p1x1+5000p1x1+5000p1",
                                             "CCTGMGMGMGMG", HALF_OPEN, 11, 5},
        /* forgiveness: one trip per clean 60 s */
        {"a trip just after closing",        "fff+1000p1k1p1k1 fff", "CCTGOGMCCT", OPEN, 5, 2},
        {"almost a clean minute",            "fff+1000p1k1p1k1 +59999fff", "CCTGOGMCCT", OPEN, 5, 2},
        {"a clean minute forgives one",      "fff+1000p1k1p1k1 +60000fff", "CCTGOGMCCT", OPEN, 5, 1},
        {"two trips, one clean minute",      "fff+1000p1x1+2000p1k1p1k1 +60000fff", "CCTGMGOGMCCT", OPEN, 7, 2},
        {"never below zero",                 "fff+1000p1k1p1k1 +6000000fff", "CCTGOGMCCT", OPEN, 5, 1},
        {"each failure starts a new minute", "fff+1000p1k1p1k1 +40000f+40000ff", "CCTGOGMCCT", OPEN, 5, 2},
        {"a success does not",               "fff+1000p1k1p1k1 +40000o+40000fff", "CCTGOGMCCCT", OPEN, 5, 1},
        {"a failed probe forgives nothing",  "fff+90000p1x1",      "CCTGM",    OPEN,   4, 2},
    };
    /* clang-format on */

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct history h = start(&base_conf);

        play(&h, cases[i].script);
        cr_expect_str_eq(h.trace, cases[i].trace, "row '%s': %s", cases[i].name, h.trace);
        cr_expect_eq(breaker_get_state(h.b), cases[i].want, "row '%s': state", cases[i].name);
        cr_expect_eq(breaker_get_epoch(h.b), cases[i].epoch, "row '%s': epoch %d",
                     cases[i].name, (int)breaker_get_epoch(h.b));
        cr_expect_eq(breaker_get_trips(h.b), cases[i].trips, "row '%s': trips %d",
                     cases[i].name, breaker_get_trips(h.b));
        breaker_free(h.b);
    }
}

Test(breaker, switched_rules)
{
    /* clang-format off */
    static const struct {
        const char *name;
        int failure_rate, slow_rate, minimum;
        const char *script;
        enum breaker_state want;
    } cases[] = {
        {"no rate rule",                  0,   0,  4, "ofofofofof", CLOSED},
        {"slow rule off",                 0,   0,  4, "ssssss",     CLOSED},
        {"slow rule below its share",     0,   75, 4, "ssoo",       CLOSED},
        {"slow rule at its share",        0,   75, 4, "osss",       OPEN},
        {"slow rule, too few",            0,   75, 4, "sss",        CLOSED},
        {"no minimum: the first speaks",  100, 0,  0, "f",          OPEN},
        {"no minimum: nothing seen",      1,   1,  0, "o",          CLOSED},
        {"all of them",                   100, 0,  2, "of",         CLOSED},
        {"one percent",                   1,   0,  4, "oofo",       OPEN},
    };
    /* clang-format on */

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct breaker_conf conf = base_conf;

        conf.failure_rate = cases[i].failure_rate;
        conf.slow_rate = cases[i].slow_rate;
        conf.minimum_requests = cases[i].minimum;
        struct history h = start(&conf);

        play(&h, cases[i].script);
        cr_expect_eq(breaker_get_state(h.b), cases[i].want, "row '%s'", cases[i].name);
        breaker_free(h.b);
    }
}

Test(breaker, a_batch_counts_whole)
{
    struct history h = start(&base_conf);
    struct breaker_evidence three = {.fail = 3, .hard_since_ok = 3};

    cr_expect_eq(breaker_report(h.b, 1, &three, h.now_ms, 0), BREAKER_TRIPPED);
    cr_expect_eq(breaker_get_until(h.b), h.now_ms + 500);
    breaker_free(h.b);
}

Test(breaker, soft_failures_count_in_the_rate_only)
{
    struct history h = start(&base_conf);
    struct breaker_evidence soft = {.fail = 1};

    for (int i = 0; i < 9; i++)
        cr_expect_eq(breaker_report(h.b, 1, &soft, h.now_ms, 0), BREAKER_COUNTED, "%d", i);
    cr_expect_eq(breaker_report(h.b, 1, &soft, h.now_ms, 0), BREAKER_TRIPPED);
    breaker_free(h.b);
}

Test(breaker, says_how_long_to_wait)
{
    struct history h = start(&base_conf);

    play(&h, "fff+400p1");
    cr_expect_eq(h.wait_ms, 600);
    cr_expect_eq(breaker_get_until(h.b), h.now_ms + 600);
    play(&h, "+600p1+100p2+150p3");
    cr_expect_str_eq(h.trace, "CCTWGGB");
    cr_expect_eq(h.wait_ms, 250, "until the earliest lease ends");
    cr_expect_eq(breaker_get_until(h.b), 0, "only an open breaker has an end");
    play(&h, "p1");
    cr_expect_eq(h.wait_ms, 0, "granted: nothing to wait for");
    breaker_free(h.b);
}

Test(breaker, open_time)
{
    /* clang-format off */
    static const struct {
        int64_t recovery_ms, max_ms;
        int n;
        uint16_t jitter;
        int64_t want_ms;
    } cases[] = {
        {1000,  60000, 1,       0,     500},
        {1000,  60000, 1,       65535, 1000},
        {1000,  60000, 1,       32767, 749},
        {1000,  60000, 0,       65535, 1000},
        {1000,  60000, 2,       65535, 2000},
        {1000,  60000, 6,       65535, 32000},
        {1000,  60000, 7,       65535, 60000},
        {1000,  60000, 7,       0,     30000},
        {1000,  64000, 7,       65535, 64000},
        {1000,  60000, INT_MAX, 65535, 60000},
        {1,     1LL << 45, INT_MAX, 65535, 1LL << 45},
        {90000, 60000, 1,       65535, 60000},
        {1001,  60000, 1,       0,     500},
        {1001,  60000, 1,       65535, 1001},
        {1,     1,     1,       0,     0},
    };
    /* clang-format on */

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct breaker_conf conf = {.recovery_ms = cases[i].recovery_ms,
                                    .recovery_max_ms = cases[i].max_ms};

        cr_expect_eq(breaker_open_ms(&conf, cases[i].n, cases[i].jitter), cases[i].want_ms,
                     "row %zu", i);
    }
}

Test(breaker, adopts_a_state)
{
    struct history h = start(&base_conf);

    play(&h, "ff");
    breaker_adopt(h.b, BREAKER_OPEN, h.now_ms + 700, 4, h.now_ms);
    cr_expect_eq(breaker_get_epoch(h.b), 2);
    cr_expect_eq(breaker_get_trips(h.b), 4);
    play(&h, "F+699p1+1p1x1");
    cr_expect_str_eq(h.trace, "CCSWGM");
    cr_expect_eq(breaker_get_trips(h.b), 5);
    breaker_adopt(h.b, BREAKER_CLOSED, h.now_ms + 700, 1, h.now_ms);
    cr_expect_eq(breaker_get_until(h.b), 0);
    play(&h, "ff");
    cr_expect_eq(breaker_get_state(h.b), BREAKER_CLOSED, "the old row is forgotten");
    cr_expect_eq(breaker_get_trips(h.b), 1, "forgiveness starts with the adoption");
    breaker_adopt(h.b, BREAKER_HALF_OPEN, 0, -3, h.now_ms);
    cr_expect_eq(breaker_get_trips(h.b), 0);
    play(&h, "p1");
    cr_expect_eq(h.trace[h.len - 1], 'G');
    breaker_free(h.b);
}

Test(breaker, holds_as_many_leases_as_allowed)
{
    struct breaker_conf conf = base_conf;
    int64_t wait_ms;

    conf.half_open_max_calls = BREAKER_LEASES_MAX;
    struct breaker *b = breaker_new(&conf);

    breaker_adopt(b, BREAKER_HALF_OPEN, 0, 1, 0);
    for (uint64_t t = 1; t <= BREAKER_LEASES_MAX; t++)
        cr_expect_eq(breaker_probe(b, t, 100, 0, &wait_ms), BREAKER_GRANTED);
    cr_expect_eq(breaker_probe(b, 1000, 100, 0, &wait_ms), BREAKER_BUSY);
    cr_expect_eq(breaker_done(b, 2, 64, BREAKER_PROBE_ABANDON, 0, 0), BREAKER_DONE_OK);
    cr_expect_eq(breaker_probe(b, 1000, 100, 0, &wait_ms), BREAKER_GRANTED);
    breaker_free(b);
    breaker_free(NULL);
}

Test(breaker, names)
{
    cr_expect_str_eq(breaker_state_name(BREAKER_CLOSED), "closed");
    cr_expect_str_eq(breaker_state_name(BREAKER_OPEN), "open");
    cr_expect_str_eq(breaker_state_name(BREAKER_HALF_OPEN), "half-open");
}
