/* test_http_field.c - which field is found, and which ones Connection claims. */
#include "base/http_field.h"

#include "base/base.h"

#include <criterion/criterion.h>

#define FIELDS_MAX 4

Test(http_field, get)
{
    static const struct {
        const char *name;
        struct http_field fields[FIELDS_MAX];
        size_t n;
        const char *ask, *want; /* want NULL: it is not there */
    } rows[] = {
        {"no fields", {{STR("a"), STR("x-priv")}}, 0, "a", NULL},
        {"another", {{STR("b"), STR("1")}}, 1, "a", NULL},
        {"in any case", {{STR("X-Key"), STR("1")}}, 1, "x-KEY", "1"},
        {"the first of two", {{STR("a"), STR("1")}, {STR("A"), STR("2")}}, 2, "a", "1"},
        {"not the first line", {{STR("b"), STR("1")}, {STR("a"), STR("2")}}, 2, "a", "2"},
        {"asked for a prefix", {{STR("abc"), STR("1")}}, 1, "ab", NULL},
        {"named a prefix", {{STR("ab"), STR("1")}}, 1, "abc", NULL},
        {"an empty value is one", {{STR("a"), STR("")}}, 1, "a", ""},
        {"behind the last one", {{STR("b"), STR("1")}, {STR("a"), STR("2")}}, 1, "a", NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str got = http_field_get(rows[i].fields, rows[i].n, rows[i].ask);

        cr_expect_eq(got.ptr != NULL, rows[i].want != NULL, "row '%s'", rows[i].name);
        if (rows[i].want != NULL)
            cr_expect(str_eqz(got, rows[i].want), "row '%s'", rows[i].name);
    }
}

/* Is x-priv claimed? */
Test(http_field, is_named_by_connection)
{
    static const struct {
        const char *name;
        struct http_field fields[FIELDS_MAX];
        size_t n;
        bool want;
    } rows[] = {
        {"no fields", {{STR("a"), STR("x-priv")}}, 0, false},
        {"no Connection", {{STR("x-priv"), STR("x-priv")}}, 1, false},
        {"another one", {{STR("connection"), STR("close")}}, 1, false},
        {"alone", {{STR("connection"), STR("x-priv")}}, 1, true},
        {"in any case", {{STR("CONNECTION"), STR("X-Priv")}}, 1, true},
        {"last of a list", {{STR("connection"), STR("close ,\tx-priv ,")}}, 1, true},
        {"behind empty items", {{STR("connection"), STR(",,x-priv")}}, 1, true},
        {"an empty list", {{STR("connection"), STR("")}}, 1, false},
        {"a longer name", {{STR("connection"), STR("x-priv2")}}, 1, false},
        {"a prefix", {{STR("connection"), STR("x-pri")}}, 1, false},
        {"two words", {{STR("connection"), STR("x priv")}}, 1, false},
        {"in the second of two",
         {{STR("connection"), STR("close")},
          {STR("x-priv"), STR("1")},
          {STR("Connection"), STR("x-priv")}},
         3,
         true},
        {"in a field of a similar name", {{STR("proxy-connection"), STR("x-priv")}}, 1, false},
        {"behind the last one",
         {{STR("connection"), STR("close")}, {STR("connection"), STR("x-priv")}},
         1,
         false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        cr_expect_eq(
            http_field_is_named_by_connection(rows[i].fields, rows[i].n, STR("x-priv")),
            rows[i].want, "row '%s'", rows[i].name);
}
