/* test_cli.c - the program as a whole: what it prints where, and how it exits. */
#include "admin/cli.h"

#include "base/base.h"
#include "base/json.h"
#include "base/version.h"
#include "tests/unit/shared/lua_call.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct result {
    int rc;
    char *out, *err;
};

/* line's words are split at '|'. */
static struct result run(const char *line)
{
    char copy[512], *argv[24] = {"sluice-admin"}, *rest = copy, *word;
    struct result r = {0};
    size_t out_len, err_len;
    FILE *out = open_memstream(&r.out, &out_len), *err = open_memstream(&r.err, &err_len);
    int argc = 1;

    snprintf(copy, sizeof(copy), "%s", line);
    while (line[0] != '\0' && (word = strsep(&rest, "|")) != NULL)
        argv[argc++] = word;
    r.rc = cli_main(argc, argv, out, err);
    fclose(out);
    fclose(err);
    return r;
}

static void release(struct result *r)
{
    free(r->out);
    free(r->err);
}

static void clean_environment(void)
{
    unsetenv("SLUICE_REDIS");
    unsetenv("SLUICE_FLEET");
    setenv("USER", "alice", 1);
    unsetenv("SUDO_USER");
}

TestSuite(cli, .init = clean_environment);

struct row {
    const char *line;
    int rc;
    const char *out, *err; /* NULL: nothing at all there */
};

static void check(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct row *w = &rows[i];
        struct result r = run(w->line);

        cr_expect_eq(r.rc, w->rc, "%s: %d %s", w->line, r.rc, r.err);
        cr_expect(w->out != NULL ? strstr(r.out, w->out) != NULL : r.out[0] == '\0', "%s: %s",
                  w->line, r.out);
        cr_expect(w->err != NULL ? strstr(r.err, w->err) != NULL : r.err[0] == '\0', "%s: %s",
                  w->line, r.err);
        release(&r);
    }
}

Test(cli, without_redis)
{
    static const struct row rows[] = {
        {"", 2, NULL, "region drain"},
        {"--help", 0, "usage: sluice-admin", NULL},
        {"-h", 0, "usage: sluice-admin", NULL},
        {"help", 0, "Exit status", NULL},
        {"help|region", 0, "region auto", NULL},
        {"help|region|down", 0, "--for DURATION", NULL},
        {"region|down|--help", 0, "--for DURATION", NULL},
        {"help|regoin", 2, NULL, "did you mean 'region'?"},
        {"statsu", 2, NULL, "did you mean 'status'?"},
        {"status|--for|1m", 2, NULL, "usage: sluice-admin status"},
        {"status", 2, NULL, "which Redis?"},
        {"status|--redis|redis://u:hunter2@h", 2, NULL, "put the URL into SLUICE_REDIS"},
        {"status|--redis|unix:///nowhere.sock", 3, NULL, "cannot be reached"},
        {"status|-c|/nowhere.json", 1, NULL, "/nowhere.json"},
        {"config|check|/nowhere.json", 1, NULL, "/nowhere.json"},
        {"config|check|/nowhere.json|--json", 1, "\"ok\": false", "/nowhere.json"},
        {"\033[2J", 2, NULL, "no command '?[2J'"},
    };

    check(rows, ARRAY_LEN(rows));
}

Test(cli, version)
{
    struct result r = run("--version");
    char want[64];

    snprintf(want, sizeof(want), "sluice-admin %s\n", version_text());
    cr_expect_eq(r.rc, 0, "%s", r.err);
    cr_expect_str_eq(r.out, want);
    cr_expect_str_eq(r.err, "");
    release(&r);
}

Test(cli, config_check)
{
    struct result r;

    setenv("US_EAST_KEY", "hunter2", 1);
    r = run("config|check|router/sluice.example.json");
    cr_expect_eq(r.rc, 0, "%s", r.err);
    cr_expect_not_null(strstr(r.out, "is fine: fleet demo, 2 regions, 2 models"), "%s", r.out);
    release(&r);
    r = run("config|check|router/sluice.example.json|--json");
    cr_expect_not_null(strstr(r.out, "\"us-east\""), "%s", r.out);
    cr_expect_null(strstr(r.out, "hunter2"), "%s", r.out);
    release(&r);
    unsetenv("US_EAST_KEY");
    r = run("-c|router/sluice.example.json|status");
    cr_expect_eq(r.rc, 3, "no Redis there");
    cr_expect_null(strstr(r.err, "US_EAST_KEY"), "a region's secret is not needed here: %s",
                   r.err);
    release(&r);
}

static void open_fleet(struct lua *l)
{
    lua_start(l, "");
    setenv("SLUICE_REDIS", l->server.url, 1);
    setenv("SLUICE_FLEET", "t", 1);
}

Test(cli, a_fleet_that_nobody_joined)
{
    static const struct row rows[] = {
        {"status", 1, NULL, "no router ever joined fleet 't'"},
        {"routers", 1, NULL, "no router ever joined fleet 't'"},
        {"events", 1, NULL, "no router ever joined fleet 't'"},
        {"region|down|eu", 1, NULL, "no router ever joined fleet 't'"},
        {"watch|--count|1", 0, "no router ever joined fleet 't'", NULL},
    };
    struct lua l;

    open_fleet(&l);
    check(rows, ARRAY_LEN(rows));
    lua_stop(&l);
}

Test(cli, a_fleet)
{
    static const struct row rows[] = {
        {"status", 0, "fleet t  generation ", NULL},
        {"status|eu", 0, "\neu ", NULL},
        {"status|uss", 1, NULL, "knows no region 'uss' (did you mean 'us'?), only: eu, us"},
        {"region|show|eu", 0, "applied by 1 of 1 live routers", NULL},
        {"region|down|eu|--for|10m|--reason|vendor incident", 0,
         "vendor incident\nversion 1: "
         "acknowledged by 0 of 1 router so far",
         NULL},
        {"region|down|eu|--wait|20ms", 1, "version 2: acknowledged by 0 of 1 router\n",
         "after 20ms 1 of 1 routers have not applied version 2: r1 (at version 0"},
        {"status", 0, "down for 59m59s", NULL},
        {"region|up|eu|--expect-epoch|1", 1, NULL,
         "its epoch is 3, not 1 (closed, forced: down, "
         "by alice@"},
        {"region|up|eu|--expect-epoch|3|--for|0", 0, "eu is forced up without end\n", NULL},
        {"region|drain|us|--request-id|x1", 0, "us is forced drain until", NULL},
        {"region|up|us|--request-id|x1", 1, NULL,
         "request id 'x1' was used before, for 'region drain us' as version 4: nothing was "
         "done"},
        {"region|auto|us", 0, "us is not forced, its breaker decides: closed\n", NULL},
        {"region|drain|us|--request-id|x1", 0,
         "this was done before, as version 4; since then us "
         "is not forced",
         NULL},
        {"region|auto|us", 0, "nothing to do: us is not forced", NULL},
        {"region|auto|us|--reset", 0, "us is not forced", NULL},
        {"events", 0, "auto -> down: vendor incident (by alice@", NULL},
        {"events|-n|1|--region|eu", 0, "down -> up", NULL},
        {"events|--region|uss", 1, NULL, "did you mean 'us'?"},
        {"routers", 0, "1 of 1 routers lags behind version 6", NULL},
        {"watch|--count|2|--interval|100ms", 0, "\n\nfleet t", NULL},
    };
    struct lua l;

    open_fleet(&l);
    lua_run(&l, SCRIPT_ATTACH, "r1 - seed h 1 v c 5 0 eu us");
    check(rows, ARRAY_LEN(rows));
    lua_stop(&l);
}

static void expect_json(const char *line, const char *const *members)
{
    struct result r = run(line);
    struct err err;
    struct json *doc = json_parse(str_of(r.out), 1u << 20, 8, &err);

    cr_expect_eq(r.rc, 0, "%s: %s", line, r.err);
    cr_assert_not_null(doc, "%s: %s: %s", line, err.msg, r.out);
    for (; *members != NULL; members++)
        cr_expect_not_null(json_get(doc, *members), "%s: %s", line, *members);
    json_free(doc);
    release(&r);
}

#define MEMBERS(...) ((const char *const[]){__VA_ARGS__, NULL})

Test(cli, json_everywhere)
{
    struct lua l;

    open_fleet(&l);
    lua_run(&l, SCRIPT_ATTACH, "r1 - seed h 1 v c 5 0 eu us");
    expect_json("status|--json", MEMBERS("fleet", "regions", "version"));
    expect_json("region|show|eu|--json", MEMBERS("region", "state", "acknowledged"));
    expect_json("region|down|eu|--json", MEMBERS("region", "version", "request_id", "behind",
                                                 "acknowledged", "live_routers", "generation"));
    expect_json("routers|--json", MEMBERS("routers", "now_ms"));
    expect_json("events|--json", MEMBERS("events", "fleet"));
    expect_json("watch|--json|--count|1", MEMBERS("regions", "fleet"));
    lua_stop(&l);
}

Test(cli, a_reader_that_went_away_is_told_nothing)
{
    char *text, *argv[] = {"sluice-admin", "--help", NULL};
    size_t len;
    FILE *err = open_memstream(&text, &len), *out;
    int ends[2];

    cr_assert_eq(pipe(ends), 0);
    close(ends[0]);
    out = fdopen(ends[1], "w");
    cr_expect_eq(cli_main(2, argv, out, err), 1);
    fclose(out);
    fclose(err);
    cr_expect_str_eq(text, "");
    free(text);

    out = fopen("/dev/full", "w");
    err = open_memstream(&text, &len);
    cr_expect_eq(cli_main(2, argv, out, err), 1);
    fclose(out);
    fclose(err);
    cr_expect_not_null(strstr(text, "cannot write the output: No space left"), "%s", text);
    free(text);
}
