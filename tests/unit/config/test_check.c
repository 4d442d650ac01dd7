/* test_check.c - rules between settings, and what a reload may change. */
#include "config/check.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct config *parse(const char *members, struct err *err)
{
    char text[1024];

    *err = (struct err){0};
    snprintf(text, sizeof(text),
             "{\"regions\":[{\"name\":\"a\",\"base_url\":\"http://h\"}]%s%s}",
             members[0] != '\0' ? "," : "", members);
    return config_parse("x.json", str_of(text), err);
}

/* clang-format off */
static const struct {
    const char *members, *want; /* want NULL: loads */
} rows[] = {
    {"\"breaker\":{\"recovery_timeout\":\"59s\",\"recovery_timeout_max\":\"1m\"}", NULL},
    {"\"breaker\":{\"recovery_timeout\":\"60s\",\"recovery_timeout_max\":\"1m\"}", NULL},
    {"\"breaker\":{\"recovery_timeout\":\"61s\",\"recovery_timeout_max\":\"1m\"}",
     "breaker.recovery_timeout_max is 1m, want at least breaker.recovery_timeout, which is 1m1s"},
    {"\"breaker\":{\"recovery_timeout\":\"10m\"}", NULL},
    {"\"retry\":{\"backoff\":\"1s\",\"backoff_max\":\"1s\"}", NULL},
    {"\"retry\":{\"backoff\":\"1001ms\",\"backoff_max\":\"1s\"}",
     "retry.backoff_max is 1s, want at least retry.backoff, which is 1s1ms"},
    {"\"retry\":{\"backoff\":\"6s\"}", "retry.backoff_max is 5s, want at least retry.backoff, which is 6s"},
    {"\"timeouts\":{\"total\":\"5s\"}", NULL},
    {"\"timeouts\":{\"total\":\"4999ms\"}", "timeouts.total is 4s999ms, want at least timeouts.connect, which is 5s"},
    {"\"http\":{\"max_head_bytes\":8192}", NULL},
    {"\"http\":{\"memory\":0}", NULL},
    {"\"http\":{\"memory\":\"64MiB\"}", NULL},
    {"\"http\":{\"memory\":67107840}", "http.memory is 65535KiB, want 0 or at least 64MiB"},
    {"\"http\":{\"max_head_bytes\":8191}", "http.max_head_bytes is 8191B, want at least http.max_target_bytes, which is 8KiB"},
    {"\"upstream\":{\"max_connections_per_host\":50}", NULL},
    {"\"upstream\":{\"max_connections_per_host\":50,\"max_connections\":50}", NULL},
    {"\"upstream\":{\"max_connections_per_host\":50,\"max_connections\":49}",
     "upstream.max_connections is 49, want at least upstream.max_connections_per_host, which is 50"},
    {"\"upstream\":{\"ca_file\":\"/a\"}", NULL},
    {"\"upstream\":{\"extra_ca_file\":\"/a\"}", NULL},
    {"\"upstream\":{\"ca_file\":\"/a\",\"extra_ca_file\":\"/b\"}",
     "upstream.ca_file and upstream.extra_ca_file are both set, want one of them"},
    {"\"health\":{\"interval\":\"0s\"}", NULL},
    {"\"health\":{\"interval\":\"100ms\"}", NULL},
    {"\"health\":{\"interval\":\"99ms\"}", "health.interval is 99ms, want 0s for none or at least 100ms"},
    {"\"health\":{\"status\":0}", NULL},
    {"\"health\":{\"status\":199}", "health.status is 199, want 0 for any 2xx or 200..599"},
    {"\"health\":{\"status\":200}", NULL},
    {"\"stream\":{\"heartbeat\":\"0s\"}", NULL},
    {"\"stream\":{\"heartbeat\":\"100ms\"}", NULL},
    {"\"stream\":{\"heartbeat\":\"99ms\"}", "stream.heartbeat is 99ms, want 0s for none or at least 100ms"},
    {"\"listen\":\"127.0.0.1:1\",\"admin_listen\":\"127.0.0.1:2\"", NULL},
    {"\"listen\":\"127.0.0.1:1\",\"admin_listen\":\"\"", NULL},
    {"\"listen\":\"127.0.0.1:1\",\"admin_listen\":\"127.0.0.1:1\"", "admin_listen is '127.0.0.1:1', which listen has already"},
    {"\"breaker\":{\"half_open_max_calls\":1,\"success_threshold\":9}", NULL},
};

static const struct {
    const char *from, *to, *want; /* want NULL: may be reloaded */
} reloads[] = {
    {"", "", NULL},
    {"", "\"fleet\":\"other\",\"breaker\":{\"window\":\"1m\"},\"log\":{\"level\":\"debug\"}", NULL},
    {"", "\"redis\":{\"url\":\"redis://h\"}", NULL},
    {"", "\"listen\":\"127.0.0.1:8080\",\"workers\":1", NULL},
    {"", "\"listen\":\"127.0.0.1:8081\",\"workers\":2", "config 'x.json': listen changed, which needs a restart"},
    {"", "\"admin_listen\":\"\"", "config 'x.json': admin_listen changed"},
    {"\"workers\":2", "\"workers\":3", "config 'x.json': workers changed"},
};
/* clang-format on */

Test(check, each_rule_at_limit_minus_one_limit_and_plus_one)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err err;
        struct config *c = parse(rows[i].members, &err);

        cr_expect_eq(c != NULL, rows[i].want == NULL, "row '%s': %s", rows[i].members, err.msg);
        if (rows[i].want != NULL)
            cr_expect_not_null(strstr(err.msg, rows[i].want), "%s", err.msg);
        config_free(c);
    }
}

Test(check, a_reload_names_the_first_key_that_needs_a_restart)
{
    for (size_t i = 0; i < ARRAY_LEN(reloads); i++) {
        struct err err;
        struct config *from = parse(reloads[i].from, &err), *to = parse(reloads[i].to, &err);

        cr_assert(from != NULL && to != NULL, "%s", err.msg);
        int rc = config_reload_check(from, to, &err);

        cr_expect_eq(rc, reloads[i].want == NULL ? 0 : -1, "row '%s'", reloads[i].to);
        if (reloads[i].want != NULL)
            cr_expect(str_starts(str_of(err.msg), reloads[i].want), "%s", err.msg);
        config_free(from);
        config_free(to);
    }
}
