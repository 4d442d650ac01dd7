/* args.h - the command line as options and words: one table for parsing, help and manual.
 *
 * Options may stand anywhere, as "--name VALUE" or "--name=VALUE"; "--" ends them. */
#ifndef ADMIN_ARGS_H
#define ADMIN_ARGS_H

#include "base/base.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum args_flag {
    ARGS_CONFIG, /* where the shared state is, and how to print: every command */
    ARGS_REDIS,
    ARGS_FLEET,
    ARGS_JSON,
    ARGS_HELP,
    ARGS_VERSION,
    ARGS_FOR, /* from here on: of some commands */
    ARGS_REASON,
    ARGS_WAIT,
    ARGS_EXPECT_EPOCH,
    ARGS_REQUEST_ID,
    ARGS_RESET,
    ARGS_FOLLOW,
    ARGS_NUMBER,
    ARGS_REGION,
    ARGS_INTERVAL,
    ARGS_COUNT,
    N_ARGS_FLAGS
};
#define ARGS_BIT(flag) (1u << (flag))
#define ARGS_EVERYWHERE                                                                        \
    (ARGS_BIT(ARGS_CONFIG) | ARGS_BIT(ARGS_REDIS) | ARGS_BIT(ARGS_FLEET) |                     \
     ARGS_BIT(ARGS_JSON) | ARGS_BIT(ARGS_HELP))

enum args_kind {
    ARGS_SWITCH,   /* no value */
    ARGS_TEXT,     /* any */
    ARGS_COUNTED,  /* a whole number in min..max */
    ARGS_DURATION, /* ms in min..max */
    ARGS_TTL,      /* the same, or 0 for "no end" */
    ARGS_OPTIONAL, /* a duration that may be left out */
};

struct args_row {
    const char *name; /* without the dashes */
    char letter;      /* '\0': none */
    enum args_kind kind;
    const char *value; /* how the help calls the value; NULL: takes none */
    int64_t min, max;
    const char *help;
};
const struct args_row *args_row(enum args_flag flag);
/* "--for" or "-c": as it stands in messages and help. */
const char *args_name(enum args_flag flag);

#define ARGS_WORDS_MAX 8

struct args {       /* everything is borrowed from argv */
    unsigned given; /* ARGS_BITs */
    const char *text[N_ARGS_FLAGS];
    int64_t number[N_ARGS_FLAGS]; /* ms for durations; -1: not given, or without its value */
    const char *words[ARGS_WORDS_MAX];
    size_t n_words;
};

/* argv without the program's name.  -1 with a sentence that says what was expected; never
 * quotes the value of --redis. */
int args_parse(struct args *out, int argc, char *const *argv, struct err *err) MUST_CHECK;
bool args_has(const struct args *a, enum args_flag flag);

#endif
