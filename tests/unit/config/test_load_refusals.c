/* test_load_refusals.c - every way a file can be wrong, and the sentence that says so. */
#include "base/buf.h"
#include "config/config.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define A    "{\"name\":\"us-east\",\"base_url\":\"http://a/v1\"}"
#define B    "{\"name\":\"eu-west\",\"base_url\":\"http://b/v1\"}"
#define REGS "\"regions\":[" A "," B "]"

/* A file with one more top-level member, with one odd region, or with one model. */
#define TOP(member)     "{" REGS "," member "}"
#define REGION(keys)    "{\"regions\":[" A ",{\"name\":\"b\"," keys "}]}"
#define URL(url)        REGION("\"base_url\":\"" url "\"")
#define HEADERS(object) REGION("\"base_url\":\"http://h\",\"headers\":" object)
#define MODELS(models)  TOP("\"models\":{" models "}")
#define TARGET(keys)    MODELS("\"m\":{\"targets\":[{" keys "}]}")
#define GOOD            "\"targets\":[{\"region\":\"us-east\"}]"

/* clang-format off */
static const struct {
    const char *text, *want; /* want: how the message begins, behind "config 'x.json': " */
} rows[] = {
    /* JSON */
    {"",                                  "line 1 column 0: not valid JSON"},
    {"{\n" REGS ",\n}",                   "line 3 column 1: not valid JSON: string or '}' expected"},
    {"[]",                                "the whole is an array, want an object"},
    {"{" REGS "," REGS "}",               "line 1 column 110: a key stands twice in one object, want each once"},
    {TOP("\"fleet\":\"a\\u0000\""),      "line 1 column 118: \\u0000 in a string, want text without it"},
    {"{\"regions\":[[[[[[[[]]]]]]]]}",    "line 1 column 19: nested deeper than the limit of 8"},

    /* unknown settings, with the nearest known one */
    {TOP("\"brekaer\":{}"),               "brekaer is not a known setting, did you mean \"breaker\"?"},
    {TOP("\"zzzzzzzz\":1"),               "zzzzzzzz is not a known setting, want one of \"fleet\", \"listen\", \"admin_listen\", \"redis\", \"state_file\","},
    {TOP("\"breaker.window\":\"10s\""),   "breaker.window is not a known setting"},
    {TOP("\"breaker\":{\"failure_treshold\":5}"), "breaker.failure_treshold is not a known setting, did you mean \"failure_threshold\"?"},
    {TOP("\"retry\":{\"breaker.window\":5}"), "retry.breaker.window is not a known setting"},
    {TOP("\"redis\":{\"enabled\":true}"), "redis.enabled is not a known setting, want one of \"url\", \"subscribe_url\","},
    {TOP("\"timeouts\":{\"stream_timeout\":\"1s\"}"), "timeouts.stream_timeout is not a known setting, want one of \"connect\", \"first_byte\", \"first_content\", \"idle\", \"answer\", \"total\""},
    {TARGET("\"weight\":1"),              "models[\"m\"].targets[0].weight is not a known setting, want one of \"region\", \"model\", \"priority\", \"context_window\""},
    {TOP("\"\":1"),                       "\"\" is not a known setting, want one of \"fleet\""},
    {TOP("\"http\":{\"\":1}"),            "http.\"\" is not a known setting, want one of \"max_head_bytes\""},
    {REGION("\"base_ulr\":\"http://h\""), "regions[1].base_ulr is not a known setting, did you mean \"base_url\"?"},
    {TARGET("\"regoin\":\"us-east\""),    "models[\"m\"].targets[0].regoin is not a known setting, did you mean \"region\"?"},
    {MODELS("\"m\":{\"target\":[]}"),     "models[\"m\"].target is not a known setting, did you mean \"targets\"?"},
    {TOP("\"a\\nb\\u0007\":1"),           "a?b? is not a known setting"},

    /* a region's header fields */
    {HEADERS("[]"),                       "regions[1].headers is an array, want an object of header fields"},
    {HEADERS("{\"X\":5}"),                "regions[1].headers.X has a value that is not shown here, want visible ASCII and inner spaces, 1..4096 bytes"},
    {HEADERS("{\"X\":\"\"}"),             "regions[1].headers.X has a value that is not shown here"},
    {HEADERS("{\"X\":\" a\"}"),           "regions[1].headers.X has a value that is not shown here"},
    {HEADERS("{\"X\":\"a\\r\\nY: b\"}"),  "regions[1].headers.X has a value that is not shown here"},
    {HEADERS("{\"X\":\"${SLUICE_UNSET_X}\"}"), "regions[1].headers.X uses ${SLUICE_UNSET_X}, which is not set"},
    {HEADERS("{\"X: hidden\":\"a\"}"),    "regions[1].headers has a name that is not shown here, want names of header fields of at most 128 bytes"},
    {HEADERS("{\"\":\"a\"}"),             "regions[1].headers has a name that is not shown here"},
    {HEADERS("{\"Host\":\"a\"}"),         "regions[1].headers has 'Host', which is not the config's to set there: want another field"},
    {HEADERS("{\"transfer-encoding\":\"a\"}"), "regions[1].headers has 'transfer-encoding', which is not"},
    {HEADERS("{\"Connection\":\"a\"}"),   "regions[1].headers has 'Connection', which is not"},
    {HEADERS("{\"Proxy-Authorization\":\"a\"}"), "regions[1].headers has 'Proxy-Authorization', which is not"},
    {HEADERS("{\"Accept-Encoding\":\"a\"}"), "regions[1].headers has 'Accept-Encoding', which is not"},
    {HEADERS("{\"X-Request-Id\":\"a\"}"), "regions[1].headers has 'X-Request-Id', which is not"},
    {HEADERS("{\"X-Region\":\"a\"}"),     "regions[1].headers has 'X-Region', which is not"},
    {HEADERS("{\"authorization\":\"a\"},\"api_key\":\"k\""), "regions[1].headers has 'authorization', which is not"},
    {HEADERS("{\"X-K\":\"a\"},\"api_key\":\"k\",\"auth_header\":\"x-k\""), "regions[1].headers has 'X-K', which is not"},
    {HEADERS("{\"X-A\":\"a\",\"x-a\":\"b\"}"), "regions[1].headers has 'x-a' twice, want it once"},
    {HEADERS("{\"a\":\"1\",\"b\":\"1\",\"c\":\"1\",\"d\":\"1\",\"e\":\"1\",\"f\":\"1\",\"g\":\"1\",\"h\":\"1\",\"i\":\"1\",\"j\":\"1\",\"k\":\"1\",\"l\":\"1\",\"m\":\"1\",\"n\":\"1\",\"o\":\"1\",\"p\":\"1\",\"q\":\"1\"}"),
     "regions[1].headers has 17, want an object of header fields, names and values, 0..16 of them"},

    {REGION("\"base_url\":\"http://h\",\"proxy\":\"http://hidden:hidden@h\""),
     "regions[1].proxy has a value that is not shown here, want http://[user:password@]host:port or socks5h://[user:password@]host:port, 0..1024 bytes"},

    /* kinds */
    {TOP("\"fleet\":5"),                  "fleet is 5, want a name of letters"},
    {TOP("\"fleet\":null"),               "fleet is null, want a name"},
    {TOP("\"workers\":\"4\""),            "workers is a string, want a whole number in 1..256"},
    {TOP("\"workers\":true"),             "workers is true or false, want a whole number"},
    {TOP("\"workers\":1.0"),              "workers is a number with a fraction, want a whole number"},
    {TOP("\"workers\":[1]"),              "workers is an array, want a whole number"},
    {TOP("\"breaker\":5"),                "breaker is a number, want an object"},
    {TOP("\"redis\":null"),               "redis is null, want an object"},
    {TOP("\"redis\":\"redis://h\""),      "redis is a string, want an object"},
    {"{\"regions\":{}}",                  "regions is an object, want an array of regions"},
    {"{\"regions\":[1]}",                 "regions[0] is a number, want an object"},
    {TOP("\"models\":[]"),                "models is an array, want an object of models"},
    {MODELS("\"m\":[]"),                  "models[\"m\"] is an array, want an object"},
    {MODELS("\"m\":{\"targets\":{}}"),    "models[\"m\"].targets is an object, want an array of targets"},
    {MODELS("\"m\":{" GOOD ",\"fallbacks\":\"m\"}"), "models[\"m\"].fallbacks is a string, want an array of model names"},
    {MODELS("\"m\":{" GOOD ",\"fallbacks\":[1]}"), "models[\"m\"].fallbacks[0] is a number, want the name of a model"},
    {TARGET("\"region\":7"),              "models[\"m\"].targets[0].region is 7, want the name of a region"},

    /* durations, sizes, words */
    {TOP("\"drain_timeout\":30"),         "drain_timeout is 30, a number without a unit: write \"30s\""},
    {TOP("\"drain_timeout\":\"30\""),     "drain_timeout is '30', want a duration such as \"30s\""},
    {TOP("\"drain_timeout\":1.5"),        "drain_timeout is a number with a fraction, want a duration"},
    {TOP("\"breaker\":{\"window\":\"999ms\"}"), "breaker.window is '999ms', want a duration such as \"30s\", \"250ms\", \"10m\" or \"1h30m\" in 1s..1h"},
    {TOP("\"http\":{\"max_body_bytes\":\"8MB\"}"), "http.max_body_bytes is '8MB', want a number of bytes or a size such as"},
    {TOP("\"http\":{\"max_body_bytes\":0}"), "http.max_body_bytes is 0, want a number of bytes"},
    {TOP("\"http\":{\"max_fields\":129}"), "http.max_fields is 129, want a whole number in 1..128"},
    {TOP("\"http\":{\"cors\":\"*\"}"), "http.cors is a string, want an array of strings"},
    {TOP("\"http\":{\"cors\":[\"https://a\",7]}"), "http.cors[1] is a number, want an origin in lower case such as"},
    {TOP("\"http\":{\"cors\":[\"https://a/\"]}"), "http.cors[0] is 'https://a/', want an origin in lower case such as"},
    {TOP("\"http\":{\"hosts\":[\"a:80\"]}"), "http.hosts[0] is 'a:80', want a host name such as"},
    {TOP("\"stream\":{\"recover\":\"on\"}"), "stream.recover is 'on', want \"off\", \"auto\" or \"always\""},
    {TOP("\"stream\":{\"recover\":true}"), "stream.recover is true or false, want \"off\""},
    {TOP("\"breaker\":{\"scope\":\"vendor\"}"), "breaker.scope is 'vendor', want \"region\" or \"model\""},
    {REGION("\"base_url\":\"http://h\",\"lenient\":\"no_finish_reason\""), "regions[1].lenient is a string, want an array of words: \"no_finish_reason\""},
    {REGION("\"base_url\":\"http://h\",\"lenient\":[\"no_finish\"]"), "regions[1].lenient[0] is no word of it, want an array of words: \"no_finish_reason\""},
    {REGION("\"base_url\":\"http://h\",\"lenient\":[7]"), "regions[1].lenient[0] is no word of it"},
    {REGION("\"base_url\":\"http://h\",\"breaker\":5"), "regions[1].breaker is a number, want an object"},
    {REGION("\"base_url\":\"http://h\",\"breaker\":{\"windw\":\"5s\"}"), "regions[1].breaker.windw is not a known setting, did you mean \"window\"?"},
    {REGION("\"base_url\":\"http://h\",\"breaker\":{\"scope\":\"model\"}"), "regions[1].breaker.scope is not a known setting"},
    {REGION("\"base_url\":\"http://h\",\"breaker\":{\"failure_threshold\":0}"), "regions[1].breaker.failure_threshold is 0, want a whole number in 1..1000"},
    {"{\"regions\":[{\"name\":\"b\",\"base_url\":\"http://h\",\"timeouts\":{\"connect\":\"5m\"}}],\"timeouts\":{\"total\":\"4m\"}}", "regions[0].timeouts.connect is 5m, want at most timeouts.total, which is 4m"},
    {REGION("\"base_url\":\"http://h\",\"breaker\":{\"recovery_timeout\":\"6m\",\"recovery_timeout_max\":\"5m\"}"), "regions[1].breaker.recovery_timeout_max is 5m, want at least its recovery_timeout, which is 6m"},
    {TOP("\"breaker\":{\"last_resort\":\"yes\"}"), "breaker.last_resort is 'yes', want \"off\" or \"try\""},
    {TOP("\"log\":{\"level\":\"INFO\"}"), "log.level is 'INFO', want \"error\", \"warn\", \"info\" or \"debug\""},
    {TOP("\"breaker\":{\"failure_rate\":101}"), "breaker.failure_rate is 101, want a whole number (percent) in 0..100"},
    {TOP("\"breaker\":{\"half_open_max_calls\":65}"), "breaker.half_open_max_calls is 65, want a whole number in 1..64"},

    /* addresses and names */
    {TOP("\"fleet\":\"a b\""),            "fleet is 'a b', want a name of letters"},
    {TOP("\"fleet\":\"{x}\""),            "fleet is '{x}', want a name"},
    {TOP("\"fleet\":\"\""),               "fleet is '', want a name"},
    {TOP("\"listen\":\"\""),              "listen is '', want an address such as"},
    {TOP("\"listen\":\"127.0.0.1\""),     "listen is '127.0.0.1', want an address such as"},
    {TOP("\"listen\":\"127.0.0.1:0\""),   "listen is '127.0.0.1:0', want an address"},
    {TOP("\"listen\":\"h:65536\""),       "listen is 'h:65536', want an address"},
    {TOP("\"listen\":\"::1:80\""),        "listen is '::1:80', want an address"},
    {TOP("\"listen\":\"127.0.0.1:9090\""), "admin_listen is '127.0.0.1:9090', which listen has already: want another address"},

    /* regions */
    {"{}",                                "regions is missing, want an array of regions, 1..256 of them"},
    {"{\"regions\":[]}",                  "regions has 0, want an array of regions, 1..256 of them"},
    {"{\"regions\":[" A "," B "," A "]}", "regions[2].name is 'us-east', which regions[0] has already: want another name"},
    {"{\"regions\":[{\"base_url\":\"http://h\"}]}", "regions[0].name is missing, want a name"},
    {"{\"regions\":[{\"name\":\"a\"}]}",  "regions[0].base_url is missing, want an http:// or https:// URL"},
    {"{\"regions\":[{\"name\":\".a\",\"base_url\":\"http://h\"}]}", "regions[0].name is '.a', want a name of letters"},
    {URL("ftp://h"),                      "regions[1].base_url is 'ftp://h', want an http:// or https:// URL"},
    {URL("file:///etc/passwd"),           "regions[1].base_url is 'file:///etc/passwd', want an http"},
    {URL("http://"),                      "regions[1].base_url is 'http://', want"},
    {URL("http:///v1"),                   "regions[1].base_url is 'http:///v1', want"},
    {URL("http://:80/v1"),                "regions[1].base_url is 'http://:80/v1', want"},
    {URL("http://h:99999"),               "regions[1].base_url is 'http://h:99999', want"},
    {URL("http://h:/v1"),                 "regions[1].base_url is 'http://h:/v1', want"},
    {URL("http://[::1/v1"),               "regions[1].base_url is 'http://[::1/v1', want"},
    {URL("http://h#x"),                   "regions[1].base_url is 'http://h#x', want"},
    {URL("http://h/a b"),                 "regions[1].base_url is 'http://h/a b', want"},
    {URL("http://h\\r\\nX: y"),           "regions[1].base_url is 'http://h??X: y', want"},
    {URL("http://user:hidden@h"),         "regions[1].base_url has a value that is not shown here, want an http"},
    {URL("http://h/?key=hidden"),         "regions[1].base_url has a value that is not shown here, want an http"},
    {REGION("\"base_url\":\"http://h\",\"priority\":-1"), "regions[1].priority is -1, want a whole number in 0..1000"},

    /* what goes into a header */
    {REGION("\"base_url\":\"http://h\",\"api_key\":\"hidden\\n\""), "regions[1].api_key has a value that is not shown here, want visible ASCII without spaces and line breaks"},
    {REGION("\"base_url\":\"http://h\",\"api_key\":\"hid den\""), "regions[1].api_key has a value that is not shown"},
    {REGION("\"base_url\":\"http://h\",\"api_key\":\"hidden\\u00e9\""), "regions[1].api_key has a value that is not shown"},
    {REGION("\"base_url\":\"http://h\",\"api_key\":123456"), "regions[1].api_key is a number, want visible ASCII"},
    {REGION("\"base_url\":\"http://h\",\"auth_header\":\"Bearer hidden\""), "regions[1].auth_header has a value that is not shown here, want the name of a header field"},
    {REGION("\"base_url\":\"http://h\",\"auth_header\":\"\""), "regions[1].auth_header has a value that is not shown"},
    {REGION("\"base_url\":\"http://h\",\"auth_header\":\"Content-Length\""), "regions[1].auth_header has a value"},
    {REGION("\"base_url\":\"http://h\",\"x_region\":\"a\\r\\nb\""), "regions[1].x_region has a value that is not shown here, want visible ASCII and inner spaces"},
    {REGION("\"base_url\":\"http://h\",\"x_region\":\" a\""), "regions[1].x_region has a value"},

    /* Redis */
    {TOP("\"redis\":{\"url\":\"http://u:hidden@h\"}"), "redis.url has a value that is not shown here, want redis://"},
    {TOP("\"redis\":{\"subscribe_url\":\"http://u:hidden@h\"}"), "redis.subscribe_url has a value that is not shown here, want redis://"},
    {TOP("\"redis\":{\"url\":\"redis+tls://h\"}"), "redis.url has a value that is not shown here, want redis://"},
    {TOP("\"redis\":{\"url\":\"redis://\"}"), "redis.url has a value"},
    {TOP("\"redis\":{\"url\":\"redis://u:hidden@\"}"), "redis.url has a value"},
    {TOP("\"redis\":{\"url\":\"unix://x\"}"), "redis.url has a value"},
    {TOP("\"redis\":{\"url\":\"unix:///x?password=hidden\"}"), "redis.url has a value"},

    /* models */
    {MODELS("\"\":{" GOOD "}"),           "models has the name '', want a model name"},
    {MODELS("\"a b\":{" GOOD "}"),        "models has the name 'a b', want a model name"},
    {MODELS("\"m\":{}"),                  "models[\"m\"].targets is missing, want an array of targets, 1..256 of them"},
    {MODELS("\"m\":{\"targets\":[]}"),    "models[\"m\"].targets has 0, want an array of targets"},
    {TARGET(""),                          "models[\"m\"].targets[0].region is missing, want the name of a region"},
    {TARGET("\"region\":\"us-esat\""),    "models[\"m\"].targets[0].region is 'us-esat', want the name of a region, did you mean \"us-east\"?"},
    {TARGET("\"region\":\"zzzzzz\""),     "models[\"m\"].targets[0].region is 'zzzzzz', want the name of a region"},
    {TARGET("\"region\":\"us-east\",\"model\":\"\""), "models[\"m\"].targets[0].model is '', want a model name"},
    {TARGET("\"region\":\"us-east\",\"model\":\"a\\\"b\""), "models[\"m\"].targets[0].model is 'a\"b', want a model name"},
    {TARGET("\"region\":\"us-east\"},{\"region\":\"us-east\""), "models[\"m\"].targets[1] is region 'us-east' with the model name of targets[0]"},
    {TARGET("\"region\":\"us-east\"},{\"region\":\"us-east\",\"model\":\"m\""), "models[\"m\"].targets[1] is region 'us-east' with the model name of targets[0]"},
    {TARGET("\"region\":\"us-east\",\"context_window\":-1"), "models[\"m\"].targets[0].context_window is -1, want"},
    {MODELS("\"m\":{" GOOD ",\"fallbacks\":[\"smal\"]},\"small\":{" GOOD "}"), "models[\"m\"].fallbacks[0] is 'smal', want the name of a model, did you mean \"small\"?"},
    {MODELS("\"m\":{" GOOD ",\"fallbacks\":[\"m\"]}"), "models[\"m\"].fallbacks[0] is 'm', the model itself"},
    {MODELS("\"m\":{" GOOD ",\"fallbacks\":[\"s\",\"s\"]},\"s\":{" GOOD "}"), "models[\"m\"].fallbacks[1] is 's', which stands there already"},

    /* the environment */
    {TOP("\"fleet\":\"${SLUICE_TEST_UNSET}\""), "fleet uses ${SLUICE_TEST_UNSET}, which is not set in the environment"},
    {TOP("\"fleet\":\"${}\""),            "fleet has a ${...} that names no environment variable"},
    {TOP("\"fleet\":\"${A\""),            "fleet has a \"${\" without its '}'"},
    {TOP("\"fleet\":\"${SLUICE_TEST_SECRET}\""), "fleet is '${SLUICE_TEST_SECRET}', want a name of letters"},
    {URL("${SLUICE_TEST_SECRET}"),        "regions[1].base_url is '${SLUICE_TEST_SECRET}', want an http"},
    {TARGET("\"region\":\"${SLUICE_TEST_SECRET}\""), "models[\"m\"].targets[0].region is '${SLUICE_TEST_SECRET}', want the name of a region"},
    {REGION("\"base_url\":\"http://h\",\"api_key\":\"${SLUICE_TEST_LINES}\""), "regions[1].api_key has a value that is not shown"},
};
/* clang-format on */

static void expect_refused(const char *text, const char *want)
{
    struct err err = {0};
    struct config *c = config_parse("x.json", str_of(text), &err);
    const char *head = "config 'x.json': ";

    cr_expect_null(c, "%s loads, want '%s'", text, want);
    cr_expect(str_starts(str_of(err.msg), head), "%s", err.msg);
    cr_expect(str_starts(str_of(err.msg + strlen(head)), want), "got  %s\nwant %s", err.msg,
              want);
    cr_expect_null(strstr(err.msg, "hid"), "a secret stands in: %s", err.msg);
    cr_expect_neq(err.code, ERR_NONE);
    config_free(c);
}

Test(load_refusals, each_row)
{
    setenv("SLUICE_TEST_SECRET", "hidden secret", 1);
    setenv("SLUICE_TEST_LINES", "hidden\n", 1);
    unsetenv("SLUICE_TEST_UNSET");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        expect_refused(rows[i].text, rows[i].want);
}

/* n regions, and one model with n_targets (every other one under a second name), n_fallbacks
 * fallbacks and as many models as that needs, but at least n_models. */
static char *make_file(int n_regions, int n_models, int n_targets, int n_fallbacks)
{
    struct buf b;
    int rc = 0;

    buf_init(&b, CONFIG_MAX_BYTES);
    for (int i = 0; i < n_regions; i++)
        rc |= buf_appendf(&b, "%s{\"name\":\"r%d\",\"base_url\":\"http://h\"}",
                          i == 0 ? "{\"regions\":[" : ",", i);
    rc |= buf_appendf(&b, "],\"models\":{");
    for (int i = 0; i < n_models; i++) {
        rc |= buf_appendf(&b, "%s\"m%d\":{\"targets\":[", i == 0 ? "" : ",", i);
        for (int t = 0; t < (i == 0 ? n_targets : 1); t++)
            rc |= buf_appendf(&b, "%s{\"region\":\"r0\",\"model\":\"t%d\"}", t == 0 ? "" : ",",
                              t);
        rc |= buf_appendf(&b, "],\"fallbacks\":[");
        for (int f = 0; f < (i == 0 ? n_fallbacks : 0); f++)
            rc |= buf_appendf(&b, "%s\"m%d\"", f == 0 ? "" : ",", f + 1);
        rc |= buf_appendf(&b, "]}");
    }
    rc |= buf_appendf(&b, "}}");
    cr_assert_eq(rc, 0);
    return buf_take(&b);
}

Test(load_refusals, lists_at_limit_minus_one_limit_and_plus_one)
{
    static const struct {
        int regions, models, targets, fallbacks;
        const char *want; /* NULL: loads */
    } lists[] = {
        {255, 0, 0, 0, NULL},
        {256, 0, 0, 0, NULL},
        {257, 0, 0, 0, "regions has 257, want"},
        {1, 1023, 1, 0, NULL},
        {1, 1024, 1, 0, NULL},
        {1, 1025, 1, 0, "models has 1025, want"},
        {1, 1, 255, 0, NULL},
        {1, 1, 256, 0, NULL},
        {1, 1, 257, 0, "models[\"m0\"].targets has 257, want"},
        {1, 20, 1, 15, NULL},
        {1, 20, 1, 16, NULL},
        {1, 20, 1, 17, "models[\"m0\"].fallbacks has 17, want"},
    };

    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        char *text =
            make_file(lists[i].regions, lists[i].models, lists[i].targets, lists[i].fallbacks);
        struct err err = {0};

        if (lists[i].want != NULL) {
            expect_refused(text, lists[i].want);
        } else {
            struct config *c = config_parse("x.json", str_of(text), &err);

            cr_expect_not_null(c, "row %zu: %s", i, err.msg);
            config_free(c);
        }
        free(text);
    }
}

Test(load_refusals, a_model_name_at_limit_minus_one_limit_and_plus_one)
{
    for (int len = CONFIG_NAME_MAX - 1; len <= CONFIG_NAME_MAX + 1; len++) {
        char text[512];
        struct err err = {0};

        snprintf(text, sizeof(text), "{" REGS ",\"models\":{\"%0*d\":{" GOOD "}}}", len, 1);
        struct config *c = config_parse("x.json", str_of(text), &err);

        cr_expect_eq(c != NULL, len <= CONFIG_NAME_MAX, "%d bytes: %s", len, err.msg);
        config_free(c);
    }
}

Test(load_refusals, bytes_of_the_file_at_limit_minus_one_limit_and_plus_one)
{
    static const char small[] = "{" REGS "}";
    char *text = malloc(CONFIG_MAX_BYTES + 1);

    cr_assert_not_null(text);
    memset(text, ' ', CONFIG_MAX_BYTES + 1);
    memcpy(text, small, sizeof(small) - 1);
    for (size_t len = CONFIG_MAX_BYTES - 1; len <= CONFIG_MAX_BYTES + 1; len++) {
        struct err err = {0};
        struct config *c = config_parse("x.json", (struct str){text, len}, &err);

        cr_expect_eq(c != NULL, len <= CONFIG_MAX_BYTES, "%zu bytes: %s", len, err.msg);
        config_free(c);
    }
    free(text);
}

Test(load_refusals, a_file_that_cannot_be_read)
{
    struct err err = {0};

    cr_expect_null(config_load("/nonexistent/x.json", &err));
    cr_expect_str_eq(err.msg,
                     "config '/nonexistent/x.json': cannot open: No such file or directory");
    cr_expect_null(config_load("/", &err));
    cr_expect_str_eq(err.msg, "config '/': cannot read: Is a directory");
}
