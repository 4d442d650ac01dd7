/* test_connect_options.c - whose Redis and whose fleet, and what may not be said where. */
#include "admin/connect_options.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/sluice-where-XXXXXX";

static void write_config(const char *text)
{
    int fd = mkstemp(path);

    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

#define REGIONS "\"regions\":[{\"name\":\"a\",\"base_url\":\"http://127.0.0.1:1/v1\"}]"

static void clean_environment(void)
{
    unsetenv("SLUICE_REDIS");
    unsetenv("SLUICE_FLEET");
}

static enum connect_options_verdict find(struct connect_options *w, const char *redis,
                                         const char *fleet, bool config, struct err *err)
{
    struct args a = {0};

    a.text[ARGS_REDIS] = redis;
    a.text[ARGS_FLEET] = fleet;
    a.text[ARGS_CONFIG] = path;
    a.given = (redis != NULL ? ARGS_BIT(ARGS_REDIS) : 0) |
              (fleet != NULL ? ARGS_BIT(ARGS_FLEET) : 0) | (config ? ARGS_BIT(ARGS_CONFIG) : 0);
    memset(err, 0, sizeof(*err));
    return connect_options_find(w, &a, err);
}

Test(connect_options, options_then_config_then_environment)
{
    static const struct {
        const char *redis, *fleet;
        bool config;
        const char *env_redis, *env_fleet, *want_url, *want_fleet;
    } rows[] = {
        {"redis://a", NULL, false, NULL, NULL, "redis://a", "default"},
        {"redis://a", "f", false, "redis://e", "g", "redis://a", "f"},
        {NULL, NULL, false, "redis://e", "g", "redis://e", "g"},
        {NULL, NULL, false, "redis://u:pw@e", "", "redis://u:pw@e", "default"},
        {NULL, NULL, true, "redis://e", "g", "redis://c:1/2", "cfleet"},
        {"redis://a", NULL, true, "redis://e", "g", "redis://a", "cfleet"},
        {NULL, "f", true, NULL, NULL, "redis://c:1/2", "f"},
    };
    struct connect_options w;
    struct err err;

    write_config("{\"fleet\":\"cfleet\",\"redis\":{\"url\":\"redis://c:1/2\","
                 "\"connect_timeout\":\"9s\"}," REGIONS "}");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        clean_environment();
        if (rows[i].env_redis != NULL)
            setenv("SLUICE_REDIS", rows[i].env_redis, 1);
        if (rows[i].env_fleet != NULL)
            setenv("SLUICE_FLEET", rows[i].env_fleet, 1);
        cr_expect_eq(find(&w, rows[i].redis, rows[i].fleet, rows[i].config, &err),
                     CONNECT_OPTIONS_FOUND, "row %zu: %s", i, err.msg);
        cr_expect_str_eq(w.url, rows[i].want_url, "row %zu", i);
        cr_expect_str_eq(w.fleet, rows[i].want_fleet, "row %zu", i);
        cr_expect_eq(w.connect_ms, rows[i].config ? 9000 : 3000, "row %zu", i);
        connect_options_release(&w);
        cr_expect_null(w.url);
    }
    unlink(path);
}

Test(connect_options, refusals)
{
    static const struct {
        const char *redis, *fleet, *env;
        enum connect_options_verdict verdict;
        const char *want;
    } rows[] = {
        {"redis://user:hunter2@h", NULL, NULL, CONNECT_OPTIONS_USAGE,
         "put the URL into SLUICE_REDIS"},
        {"redis://:hunter2@h", NULL, NULL, CONNECT_OPTIONS_USAGE,
         "put the URL into SLUICE_REDIS"},
        {"redis://u:hunter2@h:bad/x", NULL, NULL, CONNECT_OPTIONS_USAGE,
         "put the URL into SLUICE_REDIS"},
        {"u:hunter2@h", NULL, NULL, CONNECT_OPTIONS_USAGE, "put the URL into SLUICE_REDIS"},
        {"http://h", NULL, NULL, CONNECT_OPTIONS_USAGE, "--redis: "},
        {NULL, NULL, "rubbish", CONNECT_OPTIONS_USAGE, "SLUICE_REDIS: "},
        {NULL, NULL, NULL, CONNECT_OPTIONS_USAGE, "which Redis? Give --redis URL or -c FILE"},
        {NULL, NULL, "", CONNECT_OPTIONS_USAGE, "which Redis?"},
        {"redis://h", "a{b}", NULL, CONNECT_OPTIONS_USAGE, "--fleet is no fleet's name"},
        {"redis://h", "", NULL, CONNECT_OPTIONS_USAGE, "--fleet is no fleet's name"},
        {"redis://h", "0123456789012345678901234567890123456789012345678901234567890123x", NULL,
         CONNECT_OPTIONS_USAGE, "1..64 bytes"},
    };
    struct connect_options w;
    struct err err;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        clean_environment();
        if (rows[i].env != NULL)
            setenv("SLUICE_REDIS", rows[i].env, 1);
        cr_expect_eq(find(&w, rows[i].redis, rows[i].fleet, false, &err), rows[i].verdict,
                     "row %zu", i);
        cr_expect_not_null(strstr(err.msg, rows[i].want), "row %zu: %s", i, err.msg);
        cr_expect_null(strstr(err.msg, "hunter2"), "row %zu: %s", i, err.msg);
        connect_options_release(&w);
    }
}

Test(connect_options, a_config_without_redis_shares_nothing)
{
    struct connect_options w;
    struct err err;

    clean_environment();
    write_config("{" REGIONS "}");
    cr_expect_eq(find(&w, NULL, NULL, true, &err), CONNECT_OPTIONS_NO_STORE);
    cr_expect_not_null(strstr(err.msg, "has no redis section"), "%s", err.msg);
    connect_options_release(&w);
    cr_expect_eq(find(&w, "redis://h", NULL, true, &err), CONNECT_OPTIONS_FOUND, "%s", err.msg);
    connect_options_release(&w);
    unlink(path);
    cr_expect_eq(find(&w, NULL, NULL, true, &err), CONNECT_OPTIONS_WRONG);
    cr_expect_not_null(strstr(err.msg, path), "%s", err.msg);
    connect_options_release(&w);
}
