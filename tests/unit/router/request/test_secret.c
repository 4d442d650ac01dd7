/* test_secret.c - a key in a vendor's words is found and masked, whole or by its ends. */
#include "router/request/secret.h"

#include "base/base.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define KEY "sk-live-0123456789-WXYZ"

static const struct {
    const char *key, *text, *masked;
} rows[] = {
    {KEY, "key " KEY ".", "key ***********************."},
    {KEY, KEY KEY, "**********************************************"},
    {KEY, "sk-live-****", "************"},
    {KEY, "ends in WXYZ", "ends in ****"},
    {KEY, "sk-live", "sk-live"},
    {KEY, "XYZ", "XYZ"},
    {KEY, "", ""},
    {"", "anything", "anything"},
    {"abc", "xabcx", "x***x"},
    {"abc", "ab", "ab"},
    {"********", "a ******** b", "a ******** b"},
};

Test(secret, rows)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *text = strdup(rows[i].text);
        bool shown = strcmp(rows[i].text, rows[i].masked) != 0 || rows[i].key[0] == '*';

        cr_expect_eq(secret_is_shown(str_of(text), rows[i].key), shown, "row %zu", i);
        cr_expect_eq(secret_mask(text, strlen(text), rows[i].key), shown, "row %zu", i);
        cr_expect_str_eq(text, rows[i].masked, "row %zu", i);
        free(text);
    }
}
