/* test_target.c - one canonical form per path, decoded once. */
#include "http/target.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct {
    const char *path, *want; /* NULL: refused */
} rows[] = {
    {"/", "/"},
    {"/v1/chat/completions", "/v1/chat/completions"},
    {"/v1/%63hat", "/v1/chat"},
    {"/v1/%7euser", "/v1/~user"},
    {"/%2541", "/%2541"}, /* never twice */
    {"/a%2fb", "/a%2Fb"}, /* stays apart from "/a/b" */
    {"/a%5cb", "/a%5Cb"},
    {"/%C3%a9", "/%C3%A9"},
    {"/a/./b", "/a/b"},
    {"/a/../b", "/b"},
    {"/a/%2e%2E/b", "/b"},
    {"/a/.%2e", "/"},
    {"/a/b/..", "/a/"},
    {"/a/.", "/a/"},
    {"/.", "/"},
    {"/./", "/"},
    {"/a/.../b", "/a/.../b"},
    {"/.well-known/x", "/.well-known/x"},
    {"/..a", "/..a"},
    {"//v1", "//v1"},
    {"/a//b", "/a//b"},
    {"/a//../b", "/a/b"},
    {"/..", NULL},
    {"/../", NULL},
    {"/a/../..", NULL},
    {"/%2e%2e", NULL},
    {"/a%00", NULL},
    {"/a%1f", NULL},
    {"/a%7F", NULL},
    {"/a%20", "/a%20"},
    {"/a%", NULL},
    {"/a%4", NULL},
    {"/a%4x", NULL},
};

Test(http_target, canonical_paths)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf scratch;
        struct str got;

        buf_init(&scratch, strlen(rows[i].path));
        int rc = http_target_canonical(str_of(rows[i].path), &scratch, &got);

        if (rows[i].want == NULL)
            cr_expect_eq(rc, -1, "'%s' must be refused", rows[i].path);
        else
            cr_expect(rc == 0 && str_eqz(got, rows[i].want), "'%s' gives '%.*s', want '%s'",
                      rows[i].path, (int)got.len, got.ptr, rows[i].want);
        buf_release(&scratch);
    }
}

Test(http_target, canonical_form_is_stable)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf scratch;
        struct str got;

        if (rows[i].want == NULL)
            continue;
        buf_init(&scratch, 100);
        cr_expect_eq(http_target_canonical(str_of(rows[i].want), &scratch, &got), 0);
        cr_expect(str_eqz(got, rows[i].want), "'%s' changes again", rows[i].want);
        buf_release(&scratch);
    }
}
