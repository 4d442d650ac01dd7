/* test_identify.c - whose id a request has. */
#include "router/request/identify.h"

#include "base/base.h"

#include <criterion/criterion.h>
#include <string.h>

#define SIXTEEN "0123456789abcdef"

static void identify(const char *given, struct rand *r, char *out)
{
    struct http_field id = {str_of("X-Request-ID"), str_of(given)};
    struct http_head head = {.fields = &id, .n_fields = given != NULL};

    identify_request_id(&head, r, out);
}

Test(identify, request_id)
{
    static const struct {
        const char *given;
        bool kept;
    } rows[] = {
        {NULL, false},
        {"", false},
        {"a", true},
        {"AZaz09._-", true},
        {SIXTEEN SIXTEEN SIXTEEN "0123456789abcde", true},
        {SIXTEEN SIXTEEN SIXTEEN SIXTEEN, true},
        {SIXTEEN SIXTEEN SIXTEEN SIXTEEN "0", false},
        {"a b", false},
        {"a/b", false},
        {"a:b", false},
        {"a\tb", false},
        {"\xc3\xa9", false},
        {"%0a", false},
    };
    struct rand r;

    rand_init(&r, 7);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char id[IDENTIFY_ID_MAX + 1];

        identify(rows[i].given, &r, id);
        if (rows[i].kept)
            cr_expect_str_eq(id, rows[i].given);
        else
            cr_expect(strlen(id) == 24 && strncmp(id, "req_", 4) == 0 &&
                          strspn(id + 4, "0123456789abcdef") == 20,
                      "'%s'", id);
    }
}

Test(identify, made_ids_differ)
{
    char first[IDENTIFY_ID_MAX + 1], second[IDENTIFY_ID_MAX + 1];
    struct rand r;

    rand_init(&r, 7);
    identify(NULL, &r, first);
    identify(NULL, &r, second);
    cr_expect_str_neq(first, second);
}
