/* test_version.c - a program's version is the one that the Makefile states. */
#include "base/version.h"

#include <criterion/criterion.h>
#include <stdio.h>

Test(version, is_the_makefiles)
{
    FILE *f = fopen("Makefile", "r");
    char line[512], stated[64] = "", field[128];

    cr_assert_not_null(f);
    while (stated[0] == '\0' && fgets(line, sizeof(line), f) != NULL)
        if (sscanf(line, "VERSION := %63s", stated) != 1)
            stated[0] = '\0';
    fclose(f);
    cr_assert_str_eq(version_text(), stated);
    snprintf(field, sizeof(field), "User-Agent: sluice/%s", stated);
    cr_assert_str_eq(version_user_agent(), field);
}
