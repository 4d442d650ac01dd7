/* args.c - the command line as options and words.
 *
 * REJECTED  getopt_long: it abbreviates ("--re" became --redis, --reason or --reset by luck),
 * cannot say what was probably meant, and takes a second --for without a word.
 */
#include "admin/args.h"

#include "base/str.h"
#include "base/units.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define SECOND   INT64_C(1000)
#define HOUR     (3600 * SECOND)
#define YEAR     (366 * 24 * HOUR)
#define EXACT    ((INT64_C(1) << 53) - 1) /* Lua's numbers are exact up to here */
#define NO_BOUND 0, 0

/* clang-format off */
static const struct args_row rows[N_ARGS_FLAGS] = {
    [ARGS_CONFIG]  = {"config",  'c',  ARGS_TEXT,   "FILE", NO_BOUND,
                      "the router's config: takes its Redis and its fleet"},
    [ARGS_REDIS]   = {"redis",   '\0', ARGS_TEXT,   "URL",  NO_BOUND,
                      "redis:, rediss:, redis+sentinel:, unix:; "
                      "else -c FILE, else $SLUICE_REDIS"},
    [ARGS_FLEET]   = {"fleet",   '\0', ARGS_TEXT,   "NAME", NO_BOUND,
                      "the fleet; else -c FILE's, else $SLUICE_FLEET, else \"default\""},
    [ARGS_JSON]    = {"json",    '\0', ARGS_SWITCH, NULL,   NO_BOUND,
                      "print JSON with stable fields"},
    [ARGS_HELP]    = {"help",    'h',  ARGS_SWITCH, NULL,   NO_BOUND, "say how to use it"},
    [ARGS_VERSION] = {"version", 'V',  ARGS_SWITCH, NULL,   NO_BOUND, "print the version"},

    [ARGS_FOR]          = {"for",          '\0', ARGS_TTL,      "DURATION", SECOND, YEAR,
                           "how long it lasts, default 1h; 0: until somebody says otherwise"},
    [ARGS_REASON]       = {"reason",       '\0', ARGS_TEXT,     "TEXT",     NO_BOUND,
                           "why, for the others: stands in status and events"},
    [ARGS_WAIT]         = {"wait",         '\0', ARGS_OPTIONAL, "DURATION", 1, HOUR,
                           "return when every live router obeys; fail after DURATION, default 10s"},
    [ARGS_EXPECT_EPOCH] = {"expect-epoch", '\0', ARGS_COUNTED,  "N",        1, EXACT,
                           "only if the region's epoch still is N"},
    [ARGS_REQUEST_ID]   = {"request-id",   '\0', ARGS_TEXT,     "ID",       NO_BOUND,
                           "name of this change: said again, it changes nothing again"},
    [ARGS_RESET]        = {"reset",        '\0', ARGS_SWITCH,   NULL,       NO_BOUND,
                           "close the breaker as well, with an empty window"},
    [ARGS_FOLLOW]       = {"follow",       'f',  ARGS_SWITCH,   NULL,       NO_BOUND,
                           "go on with what happens from now"},
    [ARGS_NUMBER]       = {"number",       'n',  ARGS_COUNTED,  "N",        0, 10000,
                           "the last N events, default 20"},
    [ARGS_REGION]       = {"region",       '\0', ARGS_TEXT,     "NAME",     NO_BOUND,
                           "only this region's events"},
    [ARGS_INTERVAL]     = {"interval",     '\0', ARGS_DURATION, "DURATION", 100, HOUR,
                           "time between two looks, default 1s"},
    [ARGS_COUNT]        = {"count",        '\0', ARGS_COUNTED,  "N",        1, 1000000000,
                           "end after N looks"},
};
static const char *const names[N_ARGS_FLAGS] = {
    [ARGS_CONFIG] = "-c",             [ARGS_REDIS] = "--redis",
    [ARGS_FLEET] = "--fleet",         [ARGS_JSON] = "--json",
    [ARGS_HELP] = "--help",           [ARGS_VERSION] = "--version",
    [ARGS_FOR] = "--for",             [ARGS_REASON] = "--reason",
    [ARGS_WAIT] = "--wait",           [ARGS_EXPECT_EPOCH] = "--expect-epoch",
    [ARGS_REQUEST_ID] = "--request-id", [ARGS_RESET] = "--reset",
    [ARGS_FOLLOW] = "-f",             [ARGS_NUMBER] = "-n",
    [ARGS_REGION] = "--region",       [ARGS_INTERVAL] = "--interval",
    [ARGS_COUNT] = "--count",
};
/* clang-format on */

const struct args_row *args_row(enum args_flag flag)
{
    return &rows[flag];
}

const char *args_name(enum args_flag flag)
{
    return names[flag];
}

bool args_has(const struct args *a, enum args_flag flag)
{
    return (a->given & ARGS_BIT(flag)) != 0;
}

/* ---- values ---- */

/* The unit that was probably meant, for a number without one and for days. */
static int refuse_duration(enum args_flag flag, const char *text, struct err *err)
{
    size_t digits = strspn(text, "0123456789");
    uint64_t n;

    if (text[0] == '-')
        return err_set(err, ERR_RANGE, "%s is '%s', but time only goes forward: want %s",
                       names[flag], text, DURATION_WANT);
    if (digits > 0 && text[digits] == '\0')
        return err_set(err, ERR_SYNTAX, "%s is '%s' without a unit: want %ss, %sm or %sh",
                       names[flag], text, text, text, text);
    if (digits > 0 && strcmp(text + digits, "d") == 0 &&
        str_to_u64((struct str){text, digits}, &n) && n <= 1000)
        return err_set(err, ERR_SYNTAX, "%s is '%s', and the largest unit is h: want %lluh",
                       names[flag], text, (unsigned long long)n * 24);
    return err_set(err, ERR_SYNTAX, "%s is '%s', want %s", names[flag], text, DURATION_WANT);
}

static int set_duration(struct args *a, enum args_flag flag, const char *text, struct err *err)
{
    const struct args_row *row = &rows[flag];
    bool endless = row->kind == ARGS_TTL;
    char min[DURATION_TEXT_MAX], max[DURATION_TEXT_MAX];
    int64_t ms;

    if (endless && strcmp(text, "0") == 0) {
        a->number[flag] = 0;
        return 0;
    }
    if (duration_parse(str_of(text), &ms) < 0)
        return refuse_duration(flag, text, err);
    if (ms >= row->min && ms <= row->max) {
        a->number[flag] = ms;
        return 0;
    }
    duration_format(row->min, min, sizeof(min));
    duration_format(row->max, max, sizeof(max));
    if (ms == 0 && endless)
        return err_set(err, ERR_RANGE,
                       "%s is '%s', which would be over at once: for no end say "
                       "%s 0, without a unit",
                       names[flag], text, names[flag]);
    return err_set(err, ERR_RANGE, "%s is '%s', want %s to %s%s", names[flag], text, min, max,
                   endless ? ", or 0 for no end" : "");
}

static int set_value(struct args *a, enum args_flag flag, const char *text, struct err *err)
{
    const struct args_row *row = &rows[flag];
    uint64_t n;

    a->text[flag] = text;
    if (row->kind == ARGS_TEXT)
        return 0;
    if (row->kind != ARGS_COUNTED)
        return set_duration(a, flag, text, err);
    if (!str_to_u64(str_of(text), &n) || n < (uint64_t)row->min || n > (uint64_t)row->max)
        return err_set(err, ERR_RANGE, "%s is '%s', want a whole number in %lld..%lld",
                       names[flag], text, (long long)row->min, (long long)row->max);
    a->number[flag] = (int64_t)n;
    return 0;
}

/* ---- options ---- */

struct reader {
    struct args *out;
    int argc, at;
    char *const *argv;
};

static bool is_duration(const char *text)
{
    int64_t ms;

    return duration_parse(str_of(text), &ms) == 0;
}

/* attached: the value behind '=' or behind the letter; NULL: the next word's turn. */
static int take_option(struct reader *r, enum args_flag flag, const char *attached,
                       struct err *err)
{
    const struct args_row *row = &rows[flag];

    if (args_has(r->out, flag))
        return err_set(err, ERR_CONFLICT, "%s is given twice: want it once", names[flag]);
    r->out->given |= ARGS_BIT(flag);
    if (row->kind == ARGS_SWITCH)
        return attached == NULL ? 0
                                : err_set(err, ERR_SYNTAX, "%s takes no value", names[flag]);
    if (attached == NULL && row->kind == ARGS_OPTIONAL &&
        (r->at == r->argc || !is_duration(r->argv[r->at])))
        return 0;
    if (attached == NULL && r->at == r->argc)
        return err_set(err, ERR_SYNTAX, "%s wants a value: %s %s", names[flag], names[flag],
                       row->value);
    return set_value(r->out, flag, attached != NULL ? attached : r->argv[r->at++], err);
}

static int refuse_long(struct str name, struct err *err)
{
    const char *known[N_ARGS_FLAGS];
    char word[40];

    for (int i = 0; i < N_ARGS_FLAGS; i++)
        known[i] = rows[i].name;
    snprintf(word, sizeof(word), STR_FMT, name.len < sizeof(word) ? (int)name.len : 39,
             name.ptr);
    const char *near = str_nearest(word, known, N_ARGS_FLAGS);

    return err_set(err, ERR_UNKNOWN_NAME, "there is no option --%s%s%s%s", word,
                   near != NULL ? ": did you mean --" : ", see sluice-admin --help",
                   near != NULL ? near : "", near != NULL ? "?" : "");
}

static int take_long(struct reader *r, const char *word, struct err *err)
{
    struct str value, name = str_split(str_of(word + 2), '=', &value);

    for (int i = 0; i < N_ARGS_FLAGS; i++)
        if (str_eqz(name, rows[i].name))
            return take_option(r, (enum args_flag)i, value.ptr, err);
    return refuse_long(name, err);
}

static int find_letter(char c)
{
    for (int i = 0; i < N_ARGS_FLAGS; i++)
        if (rows[i].letter == c)
            return i;
    return -1;
}

static int take_letters(struct reader *r, const char *word, struct err *err)
{
    for (const char *c = word + 1; *c != '\0'; c++) {
        int flag = find_letter(*c);

        if (flag < 0)
            return err_set(err, ERR_UNKNOWN_NAME,
                           "there is no option -%c, see sluice-admin --help",
                           isprint((unsigned char)*c) ? *c : '?');
        if (rows[flag].kind != ARGS_SWITCH)
            return take_option(r, (enum args_flag)flag, c[1] != '\0' ? c + 1 : NULL, err);
        if (take_option(r, (enum args_flag)flag, NULL, err) < 0)
            return -1;
    }
    return 0;
}

static int take_word(struct args *a, const char *word, struct err *err)
{
    if (a->n_words == ARGS_WORDS_MAX)
        return err_set(err, ERR_LIMIT, "more than %d words on the command line",
                       ARGS_WORDS_MAX);
    a->words[a->n_words++] = word;
    return 0;
}

int args_parse(struct args *out, int argc, char *const *argv, struct err *err)
{
    struct reader r = {.out = out, .argc = argc, .argv = argv};
    bool ended = false;
    int rc = 0;

    memset(out, 0, sizeof(*out));
    for (int i = 0; i < N_ARGS_FLAGS; i++)
        out->number[i] = -1;
    while (rc == 0 && r.at < argc) {
        const char *word = argv[r.at++];

        if (ended || word[0] != '-' || word[1] == '\0')
            rc = take_word(out, word, err);
        else if (strcmp(word, "--") == 0)
            ended = true;
        else if (word[1] == '-')
            rc = take_long(&r, word, err);
        else
            rc = take_letters(&r, word, err);
    }
    return rc;
}
