/* test_expand.c - ${ENV} is replaced once, by text, or refused by name. */
#include "config/expand.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *text, *want, *error; /* error: a piece of the message */
} rows[] = {
    {"", "", NULL},
    {"plain", "plain", NULL},
    {"${SLUICE_A}", "alpha", NULL},
    {"<${SLUICE_A}-${SLUICE_A}>", "<alpha-alpha>", NULL},
    {"${SLUICE_EMPTY}", "", NULL},
    {"${SLUICE_NESTED}", "${SLUICE_A}\",\"x\":1", NULL}, /* what comes in stays as it is */
    {"$${SLUICE_A}", "${SLUICE_A}", NULL},
    {"$$${SLUICE_A}", "$${SLUICE_A}", NULL},
    {"$", "$", NULL},
    {"$$", "$$", NULL},
    {"$SLUICE_A", "$SLUICE_A", NULL},
    {"a$", "a$", NULL},
    {"{SLUICE_A}", "{SLUICE_A}", NULL},
    {"${SLUICE_UNSET}", NULL, "uses ${SLUICE_UNSET}, which is not set"},
    {"${SLUICE_A", NULL, "without its '}'"},
    {"${", NULL, "without its '}'"},
    {"${}", NULL, "names no environment variable"},
    {"${1A}", NULL, "names no environment variable"},
    {"${A B}", NULL, "names no environment variable"},
    {"${A-B}", NULL, "names no environment variable"},
    {"${SLUICE_A:-x}", NULL, "names no environment variable"},
    {"${${SLUICE_A}}", NULL, "names no environment variable"},
    {"${SLUICE_LONG}", NULL, "is longer than 64 bytes with the value of ${SLUICE_LONG}"},
    {"0123456789012345678901234567890123456789012345678901234567890123", /* 64 bytes */
     "0123456789012345678901234567890123456789012345678901234567890123", NULL},
    {"01234567890123456789012345678901234567890123456789012345678901234", NULL,
     "is longer than the limit of 64 bytes"},
};

Test(expand, each_row)
{
    setenv("SLUICE_A", "alpha", 1);
    setenv("SLUICE_EMPTY", "", 1);
    setenv("SLUICE_NESTED", "${SLUICE_A}\",\"x\":1", 1);
    setenv("SLUICE_LONG", "01234567890123456789012345678901234567890123456789012345678901234",
           1);
    unsetenv("SLUICE_UNSET");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf b;
        struct err err = {0};

        buf_init(&b, 64);
        int rc = expand_env(str_of(rows[i].text), NULL, &b, &err);

        cr_expect_eq(rc, rows[i].error == NULL ? 0 : -1, "row '%s': %s", rows[i].text, err.msg);
        if (rc == 0)
            cr_expect(str_eqz(buf_str(&b), rows[i].want), "row '%s': '%s'", rows[i].text,
                      b.data);
        else
            cr_expect_not_null(strstr(err.msg, rows[i].error), "row '%s': %s", rows[i].text,
                               err.msg);
        buf_release(&b);
    }
}

Test(expand, what_is_quoted_expands_to_itself)
{
    static const char *const texts[] = {"",       "a", "${A}", "$${A}",
                                        "$$${A}", "$", "${",   "a${b${c"};

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct buf quoted, again;
        struct err err = {0};

        buf_init(&quoted, 100);
        buf_init(&again, 100);
        cr_assert_eq(expand_quote(str_of(texts[i]), &quoted), 0);
        cr_assert_eq(expand_env(buf_str(&quoted), NULL, &again, &err), 0, "%s", err.msg);
        cr_expect(str_eqz(buf_str(&again), texts[i]), "'%s' came back as '%s'", texts[i],
                  again.data);
        buf_release(&quoted);
        buf_release(&again);
    }
}
