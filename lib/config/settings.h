/* settings.h - one row per setting of the config: the loader, the bounds, the dump, the reload check,
 * the schema and the manual all read these tables and nothing else. */
#ifndef CONFIG_SETTINGS_H
#define CONFIG_SETTINGS_H

#include "base/base.h"
#include "config/form.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Beside each: the JSON value, and the C field. */
enum setting_type {
    SETTING_STRING,      /* string            char *; NULL when empty and .empty_is_null */
    SETTING_WORD,        /* one of words      char * */
    SETTING_CHOICE,      /* one of words      an enum: the word's index */
    SETTING_SWITCH,      /* one of two words  bool: true for the second */
    SETTING_INT,         /* whole number      int */
    SETTING_PERCENT,     /* 0..100            int */
    SETTING_COUNT,       /* whole number      size_t */
    SETTING_TOKENS,      /* whole number      int64_t */
    SETTING_SIZE,        /* number or "8MiB"  size_t, bytes */
    SETTING_DURATION,    /* "30s"             int64_t, ms */
    SETTING_REGION_NAME, /* a region's name   size_t, index */
    /* From here on the loader builds an array of elements. */
    SETTING_LISTS,
    SETTING_REGIONS = SETTING_LISTS, /* array of objects  settings_table(SETTINGS_REGION) */
    SETTING_MODELS,                  /* object by name    settings_table(SETTINGS_MODEL) */
    SETTING_TARGETS,                 /* array of objects  settings_table(SETTINGS_TARGET) */
    SETTING_FALLBACKS,               /* array of names    indexes into models */
    SETTING_FLAGS,                   /* array of words    unsigned: a bit for each there */
    SETTING_TEXTS,                   /* array of strings  struct config_texts */
    SETTING_HEADERS,                 /* object of texts   a region's headers, n_headers */
    N_SETTING_TYPES
};

struct setting {
    const char *name; /* path below the table's object: "breaker.window" */
    enum setting_type type;
    size_t offset;            /* of the field in the table's struct; lists: unused */
    int64_t min, max;         /* value; ms; bytes; string: length in bytes; list: elements */
    const char *def;          /* as in the file, quotes left off; NULL: none */
    const char *help;         /* sentences, for people */
    const char *inherits;     /* no value of its own: where it comes from ("the region's") */
    const char *const *words; /* NULL-terminated */
    enum form form;           /* strings: what the text must look like */
    bool fixed;               /* a reload cannot change it: restart */
    bool own;                 /* a host's own: not part of what a fleet shares */
    bool secret;              /* never in a message, masked in a dump */
    bool vendor;              /* for who asks regions: config_read() leaves it as written */
    bool hushed;              /* never in a message: where a secret ends up by mistake */
    bool empty_is_null;
    bool limit; /* stands in the table of limits */
};

enum settings_of {
    SETTINGS_TOP,
    SETTINGS_REGION,
    SETTINGS_MODEL,
    SETTINGS_TARGET,
    N_SETTINGS_OF
};

struct setting_table {
    const char *prefix; /* for people: "regions[]." */
    const struct setting *rows;
    size_t n;
};

#define SETTINGS_MAX 96 /* rows of a table, at most */

const struct setting_table *settings_table(enum settings_of which);
const struct setting *settings_find(const struct setting_table *t,
                                    struct str name); /* NULL: none */
bool settings_is_required(const struct setting *k);

/* "a number in 1..1000", "one of \"off\" or \"try\"": what the row wants, for messages and the
 * manual.  bounds: with them. */
#define SETTINGS_WANT_MAX 256
void settings_want(const struct setting *k, bool bounds, char *out, size_t cap);

/* A number as the row's type writes it: 30000 is "30s" for a duration. */
void settings_format(const struct setting *k, int64_t n, char *out, size_t cap);

#endif
