/* test_dump.c - a dump loads again to the same values; the digest follows values only. */
#include "config/dump.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXAMPLE "router/sluice.example.json"
#define REGS(key)                                                                              \
    "\"regions\":[{\"name\":\"a\",\"base_url\":\"http://h\",\"api_key\":\"" key "\"}]"

static struct config *parse(const char *text)
{
    struct err err = {0};
    struct config *c = config_parse("x.json", str_of(text), &err);

    cr_assert_not_null(c, "%s\n%s", err.msg, text);
    return c;
}

static void dump(const struct config *c, struct buf *out)
{
    buf_init(out, CONFIG_DUMP_MAX);
    cr_assert_eq(config_dump(c, out), 0);
}

/* Loads text, dumps it, loads the dump: both dumps must agree, and the digests unless a
 * secret was masked. */
static void round_trip(const char *text, bool secret)
{
    struct config *a = parse(text);
    struct buf first, second;

    dump(a, &first);
    cr_expect_null(strstr(first.data, "hidden"), "%s", first.data);
    struct config *b = parse(first.data);

    dump(b, &second);
    cr_expect_str_eq(first.data, second.data);
    cr_expect_eq(strcmp(a->digest, b->digest) != 0, secret, "%s", first.data);
    cr_expect_eq(a->redis.enabled, b->redis.enabled);
    config_free(a);
    config_free(b);
    buf_release(&first);
    buf_release(&second);
}

/* A region shows what it does not take from the config's breaker, and nothing else of it. */
Test(dump, a_regions_own_breaker)
{
    static const char text[] =
        "{\"regions\":[{\"name\":\"a\",\"base_url\":\"http://a\",\"breaker\":"
        "{\"window\":\"20s\",\"failure_rate\":50,\"trip_confirm\":\"none\"}},"
        "{\"name\":\"b\",\"base_url\":\"http://b\"}],"
        "\"breaker\":{\"failure_threshold\":7}}";
    struct config *c = parse(text);
    struct buf out;

    dump(c, &out);
    char *top = strstr(out.data, "\"failure_threshold\": 7");

    cr_expect_not_null(top, "%s", out.data);
    cr_expect(top != NULL && strstr(top + 2, "failure_threshold\"") == NULL, "%s", out.data);
    cr_expect_not_null(strstr(out.data, "\"window\": \"20s\""), "%s", out.data);
    cr_expect_not_null(strstr(out.data, "\"trip_confirm\": \"none\""), "%s", out.data);
    cr_expect_eq(c->regions[0].breaker.rule.failure_threshold, 7);
    cr_expect_eq(c->regions[0].breaker.rule.window_ms, 20000);
    cr_expect_eq(c->regions[1].breaker.rule.window_ms, 10000);
    cr_expect_str_eq(c->regions[1].breaker.trip_confirm, "second_opinion");
    buf_release(&out);
    config_free(c);
    round_trip(text, false);
}

/* A model's limit is its own also where it is the config's: its region may have another. */
Test(dump, limits_of_models_and_regions)
{
    static const char text[] =
        "{\"regions\":[{\"name\":\"a\",\"base_url\":\"http://a\","
        "\"timeouts\":{\"idle\":\"3s\"}}],"
        "\"models\":{\"m\":{\"targets\":[{\"region\":\"a\"}],"
        "\"timeouts\":{\"idle\":\"20s\"}}},\"timeouts\":{\"idle\":\"20s\"}}";
    struct config *c = parse(text);
    struct buf out;

    dump(c, &out);
    struct config *again = parse(out.data);

    cr_expect_eq(again->models[0].targets[0].timeouts.idle_ms, 20000, "%s", out.data);
    cr_expect_eq(again->regions[0].timeouts.idle_ms, 3000, "%s", out.data);
    config_free(again);
    buf_release(&out);
    config_free(c);
    round_trip(text, false);
}

Test(dump, loads_again)
{
    setenv("SLUICE_DOLLARS", "a${b}", 1);
    round_trip("{" REGS("") "}", false);
    round_trip("{" REGS("hidden") "}", true);
    round_trip("{" REGS("${SLUICE_DOLLARS}") "}", true);
    round_trip("{" REGS("") ",\"redis\":{}}", false);
    round_trip("{" REGS("") ",\"redis\":{\"url\":\"redis://u:hidden@h/1\"}}", true);
    round_trip("{" REGS("") ",\"redis\":{\"subscribe_url\":\"redis://u:hidden@h,i:7\"}}", true);
    round_trip("{" REGS("") ",\"upstream\":{\"extra_ca_file\":\"/a\"}}", false);
    round_trip("{\"regions\":[{\"name\":\"a\",\"base_url\":\"http://h\",\"proxy\":"
               "\"http://hidden:hidden@h:1\"}]}",
               true);
    round_trip("{\"regions\":[{\"name\":\"a\",\"base_url\":\"http://h\",\"proxy\":"
               "\"socks5h://h:1\"}]}",
               false);
    round_trip("{\"regions\":[{\"name\":\"a\",\"base_url\":\"http://h\",\"headers\":"
               "{\"X-A\":\"hidden\",\"x-b\":\"${SLUICE_DOLLARS}\"}}]}",
               true);
    round_trip("{\"regions\":[{\"name\":\"a\",\"base_url\":\"http://h\",\"ca_file\":\"/a\"},"
               "{\"name\":\"b\",\"base_url\":\"http://h\",\"extra_ca_file\":\"/b\"}]}",
               false);
    round_trip("{" REGS("") ",\"upstream\":{\"ca_file\":\"${SLUICE_DOLLARS}\"},"
                            "\"models\":{\"m\":{\"targets\":[{\"region\":\"a\",\"model\":\"${"
                            "SLUICE_DOLLARS}\","
                            "\"priority\":7},{\"region\":\"a\"}],\"fallbacks\":[\"n\"],"
                            "\"context_window\":9},"
                            "\"n\":{\"targets\":[{\"region\":\"a\",\"context_window\":3}]}}}",
               false);
}

Test(dump, oddities_of_a_region)
{
    static const char text[] = "{\"regions\":[{\"name\":\"a\",\"base_url\":\"http://h\","
                               "\"lenient\":[\"no_finish_reason\"]},"
                               "{\"name\":\"b\",\"base_url\":\"http://i\",\"lenient\":[]},"
                               "{\"name\":\"c\",\"base_url\":\"http://j\"}]}";
    struct config *c = parse(text);

    cr_expect_eq(c->regions[0].lenient, CONFIG_LENIENT_NO_FINISH_REASON);
    cr_expect_eq(c->regions[1].lenient, 0u);
    cr_expect_eq(c->regions[2].lenient, 0u);
    config_free(c);
    round_trip(text, false);
}

Test(dump, lists_of_strings)
{
    static const char text[] =
        "{\"regions\":[{\"name\":\"a\",\"base_url\":\"http://h\"}],"
        "\"http\":{\"cors\":[\"https://${SLUICE_NAME}.example\",\"null\"],\"hosts\":[\"b\"]}}";

    setenv("SLUICE_NAME", "app", 1);
    struct config *c = parse(text), *d;

    cr_assert_eq(c->http.cors.n, 2u);
    cr_expect(config_texts_has(&c->http.cors, STR("https://app.example")));
    cr_expect(config_texts_has(&c->http.cors, STR("null")));
    cr_expect_not(config_texts_has(&c->http.cors, STR("https://app.example.org")));
    cr_expect_not(config_texts_has(&c->http.cors, STR("")));
    cr_expect(config_texts_has(&c->http.hosts, STR("B")));
    d = parse("{\"regions\":[{\"name\":\"a\",\"base_url\":\"http://h\"}],"
              "\"http\":{\"cors\":[\"https://app.example\",\"null\"]}}");
    cr_expect_str_eq(c->digest, d->digest, "names are each host's own");
    config_free(c);
    config_free(d);
    round_trip(text, false);
}

Test(dump, the_example_keeps_its_secrets)
{
    struct err err = {0};
    struct buf text;

    setenv("US_EAST_KEY", "hidden-key", 1);
    struct config *c = config_load(EXAMPLE, &err);

    cr_assert_not_null(c, "%s", err.msg);
    dump(c, &text);
    cr_expect_null(strstr(text.data, "hidden-key"));
    cr_expect_null(strstr(text.data, "hs_eu_0123456789abcdef"));
    cr_expect_not_null(strstr(text.data, "\"api_key\": \"***\""));
    cr_expect_not_null(strstr(text.data, "\"total\": \"5m\""));
    cr_expect_not_null(strstr(text.data, "\"max_body_bytes\": \"32MiB\""),
                       "defaults stand there");
    config_free(c);
    buf_release(&text);
}

#define REGION(more) "{\"regions\":[{\"name\":\"a\",\"base_url\":\"http://h\"," more "}]"
#define UNSET        "${SLUICE_UNSET}"

/* Read for a host that serves nothing: what is said to regions in secret is not looked up. */
static const struct {
    const char *text, *shown, *error; /* shown: a piece of the dump; error: of the message */
} read_rows[] = {
    {REGION("\"api_key\":\"" UNSET "\"") "}", "\"api_key\": \"***\"", NULL},
    {REGION("\"api_key\":\"hidden" UNSET "\"") "}", "\"api_key\": \"***\"", NULL},
    {REGION("\"api_key\":\"\"") "}", "\"api_key\": \"\"", NULL},
    {REGION("\"headers\":{\"X-K\":\"hidden " UNSET "\"}") "}", "\"X-K\": \"***\"", NULL},
    {REGION("\"proxy\":\"" UNSET "\"") "}", "\"proxy\": \"" UNSET "\"", NULL},
    {REGION("\"proxy\":\"http://" UNSET ":1\"") "}", "\"proxy\": \"http://" UNSET ":1\"", NULL},
    {REGION("\"proxy\":\"http://u:hidden" UNSET "@h:1\"") "}", "\"proxy\": \"http://***@h:1\"",
     NULL},
    {REGION("\"proxy\":\"" UNSET "hidden@" UNSET "\"") "}", "\"proxy\": \"***@" UNSET "\"",
     NULL},
    {REGION("\"proxy\":\"${hidden@h:1\"") "}", "\"proxy\": \"***@h:1\"", NULL},
    {REGION("\"proxy\":\"http://u:hidden@h:1\"") "}", "\"proxy\": \"http://***@h:1\"", NULL},
    {REGION("\"api_key\":\"hid den\"") "}", NULL, "regions[0].api_key has a value"},
    {REGION("\"priority\":1") ",\"redis\":{\"url\":\"redis://:" UNSET "@h\"}}", NULL,
     "redis.url uses ${SLUICE_UNSET}, which is not set in the environment"},
    {REGION("\"x_region\":\"" UNSET "\"") "}", NULL, "regions[0].x_region uses"},
};

Test(dump, a_config_that_is_read_needs_no_secret_of_a_region)
{
    unsetenv("SLUICE_UNSET");
    for (size_t i = 0; i < ARRAY_LEN(read_rows); i++) {
        char path[] = "/tmp/test_dumpXXXXXX";
        FILE *f = fdopen(mkstemp(path), "w");
        struct err err = {0};
        struct buf out;

        cr_assert_not_null(f);
        fputs(read_rows[i].text, f);
        fclose(f);
        struct config *c = config_read(path, &err);

        unlink(path);
        cr_expect_eq(c != NULL, read_rows[i].shown != NULL, "row %zu: %s", i, err.msg);
        if (c == NULL) {
            cr_expect_not_null(strstr(err.msg, read_rows[i].error), "row %zu: %s", i, err.msg);
            continue;
        }
        dump(c, &out);
        cr_expect_not_null(strstr(out.data, read_rows[i].shown), "row %zu: %s", i, out.data);
        cr_expect_null(strstr(out.data, "hidden"), "row %zu: %s", i, out.data);
        buf_release(&out);
        config_free(c);
    }
}

Test(dump, the_cap_is_respected)
{
    struct config *c = parse("{" REGS("") "}");
    struct buf text;

    dump(c, &text);
    size_t len = text.len;

    for (size_t max = len - 1; max <= len + 1; max++) {
        struct buf b;

        buf_init(&b, max);
        cr_expect_eq(config_dump(c, &b), max < len ? -1 : 0);
        buf_release(&b);
    }
    config_free(c);
    buf_release(&text);
}

Test(dump, the_digest_follows_values)
{
    static const struct {
        const char *text;
        bool same;
    } rows[] = {
        {"{ " REGS("k1") ", \"breaker\": {\"window\": \"10000ms\"} }", true},
        {"{\"http\":{\"max_body_bytes\":33554432}," REGS("k1") "}", true},
        {"{\"listen\":\"127.0.0.1:81\",\"admin_listen\":\"\",\"workers\":3," REGS("k1") "}",
         true},
        {"{\"state_file\":\"/s\"," REGS("k1") "}", true},
        {"{" REGS("k2") "}", false},
        {"{" REGS("k1") ",\"breaker\":{\"window\":\"11s\"}}", false},
        {"{" REGS("k1") ",\"redis\":{}}", false},
        {"{" REGS("k1") ",\"models\":{\"m\":{\"targets\":[{\"region\":\"a\"}]}}}", false},
    };
    struct config *base = parse("{" REGS("k1") "}");

    cr_expect_eq(strspn(base->digest, "0123456789abcdef"), 16u);
    cr_expect_eq(strlen(base->digest), 16u);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct config *c = parse(rows[i].text);

        cr_expect_eq(strcmp(c->digest, base->digest) == 0, rows[i].same, "%s", rows[i].text);
        config_free(c);
    }
    config_free(base);
}
