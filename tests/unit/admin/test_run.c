/* test_run.c - what sluice-admin complains of cannot steer a terminal, whoever worded it. */
#include "admin/run.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static const struct {
    const char *sentence, *want;
} rows[] = {
    {"Redis is back", "sluice-admin: Redis is back\n"},
    {"Redis refused XREAD: \033[2J\xc2\x9b"
     "31m\xe2\x80\xae"
     "back",
     "sluice-admin: Redis refused XREAD: ?[2J?31m?back\n"},
    {"a\nb", "sluice-admin: a?b\n"},
    {"", ""},
};

Test(run, complaints_are_one_clean_line)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *text = NULL;
        size_t len;
        FILE *to = open_memstream(&text, &len);

        run_complain(to, rows[i].sentence);
        fclose(to);
        cr_expect_str_eq(text, rows[i].want, "row %zu", i);
        free(text);
    }
}
