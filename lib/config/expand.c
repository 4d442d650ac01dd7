/* expand.c - ${ENV} and ${file:PATH} in strings; expand.h has the contract. */
#include "config/expand.h"

#include "base/text.h"
#include "config/form.h"
#include "config/secret_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 128
#define PATH_MAX_BYTES 256 /* a message names it */

static bool is_env_name(struct str s)
{
    return s.len > 0 && s.len <= NAME_MAX_BYTES && !text_is_digit(s.ptr[0]) &&
           text_is_alnum_or(s, "_");
}

static bool is_file(struct str name)
{
    return str_starts(name, "file:");
}

static struct str path_of(struct str name)
{
    return (struct str){name.ptr + 5, name.len - 5};
}

static int append_file(struct str path, const struct expand *how, struct buf *out,
                       struct err *err)
{
    struct err why = {0};

    if (path.len == 0 || path.len > PATH_MAX_BYTES || !form_matches(FORM_TEXT, path) ||
        memmem(path.ptr, path.len, "${", 2) != NULL)
        return err_set(err, ERR_SYNTAX,
                       "has a ${file:...} that names no file, want a path of at most %d bytes "
                       "without a variable in it",
                       PATH_MAX_BYTES);
    if (secret_file_read(path, how != NULL ? how->beside : NULL, out, &why) == 0)
        return 0;
    return err_set(err, why.code, "uses ${file:" STR_FMT "}, which %s", STR_ARG(path), why.msg);
}

static int append_value(struct str name, struct buf *out, struct err *err)
{
    if (!is_env_name(name))
        return err_set(err, ERR_SYNTAX,
                       "has a ${...} that names no environment variable, want letters, digits "
                       "and '_' (write \"$${\" for a literal \"${\")");
    char *z = xstrndup(name.ptr, name.len);
    const char *value = getenv(z);
    int rc = 0;

    if (value == NULL)
        rc = err_set(err, ERR_UNKNOWN_NAME, "uses ${%s}, which is not set in the environment",
                     z);
    else if (buf_append(out, value, strlen(value)) < 0)
        rc = err_set(err, ERR_LIMIT, "is longer than %zu bytes with the value of ${%s}",
                     out->max, z);
    free(z);
    return rc;
}

static int too_long(const struct buf *out, struct err *err)
{
    return err_set(err, ERR_LIMIT, "is longer than the limit of %zu bytes", out->max);
}

int expand_env(struct str text, const struct expand *how, struct buf *out, struct err *err)
{
    while (text.len > 0) {
        size_t take = 1; /* bytes of text that this step uses up */

        if (str_starts(text, "$${")) {
            take = 3;
            if (buf_append(out, "${", 2) < 0)
                return too_long(out, err);
        } else if (str_starts(text, "${")) {
            struct str rest, name = {text.ptr + 2, text.len - 2};

            name = str_split(name, '}', &rest);
            if (rest.ptr == NULL)
                return err_set(err, ERR_SYNTAX,
                               "has a \"${\" without its '}' (write \"$${\" for "
                               "a literal \"${\")");
            if (is_file(name) ? append_file(path_of(name), how, out, err) < 0
                              : append_value(name, out, err) < 0)
                return -1;
            take = name.len + 3;
        } else if (buf_append(out, text.ptr, 1) < 0) {
            return too_long(out, err);
        }
        text = (struct str){text.ptr + take, text.len - take};
    }
    return 0;
}

/* name: what stands behind a '$' without braces. */
static void doubt_bare(struct str name, bool is_whole, void (*say)(void *arg, const char *what),
                       void *arg)
{
    char z[NAME_MAX_BYTES + 1], what[NAME_MAX_BYTES * 2 + 128];

    if (!is_env_name(name))
        return;
    snprintf(z, sizeof(z), STR_FMT, STR_ARG(name));
    if (getenv(z) != NULL) {
        snprintf(what, sizeof(what),
                 "has $%s, which stays as it is: want ${%s} for the value of that variable", z,
                 z);
        say(arg, what);
    } else if (is_whole) { /* not shown: it may be a secret */
        say(arg, "is '$' and a name, which stays as it is: want ${NAME} for the value of a "
                 "variable");
    }
}

/* name: what stands in ${...}. */
static void doubt_empty(struct str name, void (*say)(void *arg, const char *what), void *arg)
{
    char z[NAME_MAX_BYTES + 1], what[NAME_MAX_BYTES + 128];

    if (!is_env_name(name))
        return;
    snprintf(z, sizeof(z), STR_FMT, STR_ARG(name));
    const char *value = getenv(z);

    if (value == NULL || value[0] != '\0')
        return;
    snprintf(what, sizeof(what), "uses ${%s}, which is set to nothing: want a value", z);
    say(arg, what);
}

static void doubt_open(struct str path, const struct expand *how,
                       void (*say)(void *arg, const char *what), void *arg)
{
    char what[PATH_MAX_BYTES + 160];

    if (path.len > PATH_MAX_BYTES || how == NULL || !secret_file_is_open(path, how->beside))
        return;
    snprintf(what, sizeof(what),
             "uses ${file:" STR_FMT "}, which every user of this host may read: " EXPAND_CLOSED,
             STR_ARG(path));
    say(arg, what);
}

void expand_doubt(struct str text, const struct expand *how,
                  void (*say)(void *arg, const char *what), void *arg)
{
    const size_t whole = text.len;

    while (text.len > 0) {
        struct str rest, name = {text.ptr + 1, 0};
        size_t take = 1;

        if (str_starts(text, "$${")) {
            take = 3;
        } else if (str_starts(text, "${")) {
            name = str_split((struct str){text.ptr + 2, text.len - 2}, '}', &rest);
            if (is_file(name))
                doubt_open(path_of(name), how, say, arg);
            else
                doubt_empty(name, say, arg);
            take = name.len + 2;
        } else if (text.ptr[0] == '$') {
            while (name.len + 1 < text.len &&
                   (text_is_alnum(name.ptr[name.len]) || name.ptr[name.len] == '_'))
                name.len++;
            doubt_bare(name, name.len + 1 == whole, say, arg);
        }
        text = (struct str){text.ptr + take, text.len - take};
    }
}

int expand_quote(struct str text, struct buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        struct str rest = {text.ptr + i, text.len - i};

        if (str_starts(rest, "${") && buf_append(out, "$", 1) < 0)
            return -1;
        if (buf_append(out, rest.ptr, 1) < 0)
            return -1;
    }
    return 0;
}
