/* test_host.c - whose name a request came by. */
#include "http/host.h"

#include "base/base.h"
#include "http/target.h"

#include <criterion/criterion.h>

static const struct {
    const char *host, *name;
    bool fixed;
} rows[] = {
    /* clang-format off */
    {"localhost",              "localhost",              true},
    {"localhost:8080",         "localhost",              true},
    {"LocalHost:",             "LocalHost",              true},
    {"localhost.",             "localhost",              true},
    {"app.localhost:3000",     "app.localhost",          true},
    {"127.0.0.1:8080",         "127.0.0.1",              true},
    {"127.8.9.10",             "127.8.9.10",             true},
    {"10.0.0.7:80",            "10.0.0.7",               true},
    {"255.255.255.255",        "255.255.255.255",        true},
    {"[::1]:8080",             "[::1]",                  true},
    {"[fe80::1]",              "[fe80::1]",              true},
    {"evil.example:8080",      "evil.example",           false},
    {"localhost.evil.example", "localhost.evil.example", false},
    {"evillocalhost",          "evillocalhost",          false},
    {".localhost",             ".localhost",             false},
    {"127.0.0.1.evil.example", "127.0.0.1.evil.example", false},
    {"127.0.0.1.nip.io:8080",  "127.0.0.1.nip.io",       false},
    {"127.0.0.256",            "127.0.0.256",            false},
    {"127.0.0.01",             "127.0.0.01",             false},
    {"127.0.0",                "127.0.0",                false},
    {"127.1",                  "127.1",                  false},
    {"2130706433",             "2130706433",             false},
    {"0x7f.0.0.1",             "0x7f.0.0.1",             false},
    {"127.0.0.1.2",            "127.0.0.1.2",            false},
    {"127..0.1",               "127..0.1",               false},
    {"sluice",                 "sluice",                 false},
    {".",                      ".",                      false},
    {"..",                     ".",                      false},
    /* clang-format on */
};

Test(host, a_name_that_nobody_else_can_point_here)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str name = http_host_name(str_of(rows[i].host));

        cr_expect(http_target_is_host(str_of(rows[i].host)), "%s", rows[i].host);
        cr_expect(str_eqz(name, rows[i].name), "%s: %.*s", rows[i].host, STR_ARG(name));
        cr_expect_eq(http_host_is_fixed(name), rows[i].fixed, "%s", rows[i].host);
    }
    cr_expect_eq(http_host_name(str_of("")).len, 0u);
    cr_expect_not(http_host_is_fixed(str_of("")));
}
