/* test_secret.c - a key in a vendor's words is found and masked, whole or by its ends. */
#include "router/request/secret.h"

#include "base/base.h"

#include <criterion/criterion.h>
#include <stdio.h>
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

static const struct {
    const char *value, *text, *masked; /* of a header field of the config */
} values[] = {
    {"tenant-0123", "no tenant-0123 here", "no *********** here"},
    {"tenant-0123", "no tenant-012 here", "no tenant-012 here"},
    {"tenant-0123", "0123", "0123"}, /* its end alone is not a key's */
    {"Bearer sk-other-1", "key sk-other-1", "key **********"},
    {"a long sentence of its end", "its end", "its end"},
    {"a long sentence of its end", "a long sentence of its end", "**************************"},
    {"short", "short", "short"},
    {"tenant-0123", "key " KEY " of tenant-0123", "key *********************** of ***********"},
};

Test(secret, of_a_regions_header_fields)
{
    char name[] = "X-Tenant", key[] = KEY, value[64];
    struct config_header header = {.name = name, .value = value};
    const struct config_region r = {.api_key = key, .headers = &header, .n_headers = 1};

    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        char *text = strdup(values[i].text);
        bool shown = strcmp(values[i].text, values[i].masked) != 0;

        snprintf(value, sizeof(value), "%s", values[i].value);
        cr_expect_eq(secret_of_region_is_shown(str_of(text), &r), shown, "row %zu", i);
        cr_expect_eq(secret_mask_of_region(text, strlen(text), &r), shown, "row %zu", i);
        cr_expect_str_eq(text, values[i].masked, "row %zu", i);
        free(text);
    }
}

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
