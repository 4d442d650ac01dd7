/* test_args.c - what a command line may say, and each sentence when it says something else. */
#include "admin/args.h"

#include <criterion/criterion.h>
#include <string.h>

#define WORDS_MAX 16

/* words split at '|', so that a value may have spaces. */
static int parse(const char *line, struct args *out, struct err *err)
{
    static char copies[8][512];
    static int turn;
    char *argv[WORDS_MAX], *rest = copies[turn++ % 8], *word;
    int argc = 0;

    cr_assert_lt(strlen(line), sizeof(copies[0]));
    memcpy(rest, line, strlen(line) + 1);
    while (line[0] != '\0' && (word = strsep(&rest, "|")) != NULL)
        argv[argc++] = word;
    memset(err, 0, sizeof(*err));
    return args_parse(out, argc, argv, err);
}

Test(args, options_stand_anywhere)
{
    static const char *const lines[] = {
        "--json|region|down|us-east|--for|10m|--reason|a b|-c|f.json",
        "region|-cf.json|down|--for=10m|us-east|--reason=a b|--json",
        "region|down|--json|--reason|a b|--for|10m|--config=f.json|--|us-east",
    };
    struct args a;
    struct err err;

    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        cr_assert_eq(parse(lines[i], &a, &err), 0, "%s: %s", lines[i], err.msg);
        cr_expect_eq(a.given,
                     ARGS_BIT(ARGS_JSON) | ARGS_BIT(ARGS_FOR) | ARGS_BIT(ARGS_REASON) |
                         ARGS_BIT(ARGS_CONFIG),
                     "%s", lines[i]);
        cr_expect_eq(a.number[ARGS_FOR], 600000);
        cr_expect_eq(a.number[ARGS_WAIT], -1);
        cr_expect_str_eq(a.text[ARGS_REASON], "a b");
        cr_expect_str_eq(a.text[ARGS_CONFIG], "f.json");
        cr_assert_eq(a.n_words, 3);
        cr_expect_str_eq(a.words[0], "region");
        cr_expect_str_eq(a.words[2], "us-east");
    }
}

Test(args, letters_stand_together_and_after_two_dashes_all_is_words)
{
    struct args a;
    struct err err;

    cr_assert_eq(parse("events|-fn5", &a, &err), 0, "%s", err.msg);
    cr_expect(args_has(&a, ARGS_FOLLOW));
    cr_expect_eq(a.number[ARGS_NUMBER], 5);
    cr_assert_eq(parse("--|--json|-x|-", &a, &err), 0, "%s", err.msg);
    cr_expect_eq(a.given, 0);
    cr_expect_eq(a.n_words, 3);
    cr_assert_eq(parse("", &a, &err), 0);
    cr_expect_eq(a.n_words, 0);
}

Test(args, wait_takes_a_duration_or_nothing)
{
    static const struct {
        const char *line;
        int64_t want;
        size_t words;
    } rows[] = {
        {"region|down|r|--wait", -1, 3},         {"region|down|--wait|r", -1, 3},
        {"region|down|r|--wait|30s", 30000, 3},  {"region|down|--wait|30s|r", 30000, 3},
        {"region|down|--wait=1h|r", 3600000, 3}, {"region|down|r|--wait|--json", -1, 3},
    };
    struct args a;
    struct err err;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cr_assert_eq(parse(rows[i].line, &a, &err), 0, "%s: %s", rows[i].line, err.msg);
        cr_expect(args_has(&a, ARGS_WAIT), "%s", rows[i].line);
        cr_expect_eq(a.number[ARGS_WAIT], rows[i].want, "%s", rows[i].line);
        cr_expect_eq(a.n_words, rows[i].words, "%s", rows[i].line);
    }
}

Test(args, bounds)
{
    static const struct {
        const char *line;
        enum args_flag flag;
        int64_t want; /* -1: refused */
    } rows[] = {
        {"--for|0", ARGS_FOR, 0},
        {"--for|999ms", ARGS_FOR, -1},
        {"--for|1s", ARGS_FOR, 1000},
        {"--for|8784h", ARGS_FOR, INT64_C(31622400000)},
        {"--for|8784h1ms", ARGS_FOR, -1},
        {"--wait=0s", ARGS_WAIT, -1},
        {"--wait=1ms", ARGS_WAIT, 1},
        {"--wait=1h", ARGS_WAIT, 3600000},
        {"--wait=1h1ms", ARGS_WAIT, -1},
        {"--interval|99ms", ARGS_INTERVAL, -1},
        {"--interval|100ms", ARGS_INTERVAL, 100},
        {"--interval|1h", ARGS_INTERVAL, 3600000},
        {"--interval|0", ARGS_INTERVAL, -1},
        {"-n|0", ARGS_NUMBER, 0},
        {"-n|10000", ARGS_NUMBER, 10000},
        {"-n|10001", ARGS_NUMBER, -1},
        {"--count|0", ARGS_COUNT, -1},
        {"--count|1", ARGS_COUNT, 1},
        {"--expect-epoch|0", ARGS_EXPECT_EPOCH, -1},
        {"--expect-epoch|1", ARGS_EXPECT_EPOCH, 1},
        {"--expect-epoch|9007199254740991", ARGS_EXPECT_EPOCH, INT64_C(9007199254740991)},
        {"--expect-epoch|9007199254740992", ARGS_EXPECT_EPOCH, -1},
    };
    struct args a;
    struct err err;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int rc = parse(rows[i].line, &a, &err);

        cr_expect_eq(rc, rows[i].want < 0 ? -1 : 0, "%s: %s", rows[i].line, err.msg);
        if (rc == 0)
            cr_expect_eq(a.number[rows[i].flag], rows[i].want, "%s", rows[i].line);
    }
}

Test(args, refusals_say_what_was_meant)
{
    static const struct {
        const char *line, *want;
    } rows[] = {
        {"--for|10", "--for is '10' without a unit: want 10s, 10m or 10h"},
        {"--for|7d", "want 168h"},
        {"--for|-5m", "time only goes forward"},
        {"--for|0s", "would be over at once: for no end say --for 0, without a unit"},
        {"--for|0m", "would be over at once"},
        {"--for|100000h", "--for is '100000h', want 1s to 8784h, or 0 for no end"},
        {"--for|soon", "--for is 'soon', want a duration such as \"30s\""},
        {"--for|99999999999999999999h", "want a duration"},
        {"--for|", "want a duration"},
        {"--for", "--for wants a value: --for DURATION"},
        {"--for|1m|--for|2m", "--for is given twice"},
        {"--json|--json", "--json is given twice"},
        {"--json=yes", "--json takes no value"},
        {"--wait=soon", "--wait is 'soon'"},
        {"--jsn", "there is no option --jsn: did you mean --json?"},
        {"--interval=2", "without a unit: want 2s"},
        {"--frobnicate=3", "there is no option --frobnicate, see"},
        {"--", NULL},
        {"-x", "there is no option -x"},
        {"-n|five", "-n is 'five', want a whole number in 0..10000"},
        {"-n|-1", "want a whole number"},
        {"-n", "-n wants a value: -n N"},
        {"a|b|c|d|e|f|g|h|i", "more than 8 words"},
    };
    struct args a;
    struct err err;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int rc = parse(rows[i].line, &a, &err);

        cr_expect_eq(rc, rows[i].want == NULL ? 0 : -1, "%s", rows[i].line);
        if (rows[i].want != NULL)
            cr_expect_not_null(strstr(err.msg, rows[i].want), "%s: %s", rows[i].line, err.msg);
    }
}

Test(args, every_row_is_there)
{
    for (int i = 0; i < N_ARGS_FLAGS; i++) {
        const struct args_row *row = args_row((enum args_flag)i);

        cr_assert_not_null(row->name);
        cr_expect_not_null(row->help, "%s", row->name);
        cr_expect_not_null(args_name((enum args_flag)i), "%s", row->name);
        cr_expect_eq(row->kind == ARGS_SWITCH, row->value == NULL, "%s", row->name);
    }
}
