/* expand.c - ${ENV} in strings; expand.h has the contract. */
#include "config/expand.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 128

static bool is_env_name(struct str s)
{
    return s.len > 0 && s.len <= NAME_MAX_BYTES && !text_is_digit(s.ptr[0]) &&
           text_is_alnum_or(s, "_");
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

int expand_env(struct str text, struct buf *out, struct err *err)
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
            if (append_value(name, out, err) < 0)
                return -1;
            take = name.len + 3;
        } else if (buf_append(out, text.ptr, 1) < 0) {
            return too_long(out, err);
        }
        text = (struct str){text.ptr + take, text.len - take};
    }
    return 0;
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
