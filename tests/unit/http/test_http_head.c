/* test_http_head.c - methods: which word is which, and that no other word is one. */
#include "http/http_head.h"

#include "base/base.h"

#include <criterion/criterion.h>

Test(http_head, methods)
{
    static const struct {
        const char *word;
        enum http_method want;
    } rows[] = {
        {"GET", HTTP_GET},         {"HEAD", HTTP_HEAD},     {"POST", HTTP_POST},
        {"PUT", HTTP_PUT},         {"DELETE", HTTP_DELETE}, {"PATCH", HTTP_PATCH},
        {"OPTIONS", HTTP_OPTIONS}, {"get", HTTP_OTHER}, /* RFC 9110 9.1 */
        {"GE", HTTP_OTHER},        {"GETS", HTTP_OTHER},    {"CONNECT", HTTP_OTHER},
        {"TRACE", HTTP_OTHER},     {"other", HTTP_OTHER},   {"", HTTP_OTHER},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum http_method m = http_method_of(str_of(rows[i].word));

        cr_expect_eq(m, rows[i].want, "'%s' is %s", rows[i].word, http_method_name(m));
        cr_expect_str_eq(http_method_name(m), m == HTTP_OTHER ? "other" : rows[i].word);
    }
}
