/* test_warn.c - what a config hardly means is said, in one sentence each, without a secret. */
#include "config/warn.h"

#include "base/buf.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const appended[] = {"/chat/completions", NULL, "/completions", "/models"};

#define AT(url, more)  "{\"regions\":[{\"name\":\"a\",\"base_url\":\"" url "\"" more "}]"
#define LOCAL          AT("http://127.0.0.1:1/v1", "")
#define KEY(url)       AT(url, ",\"api_key\":\"hidden\"") "}"
#define ADMIN(address) LOCAL ",\"admin_listen\":\"" address "\"}"

#define PLAIN(host)                                                                            \
    "regions[0].base_url is plain http to '" host "', so whoever is on the way can read "      \
    "regions[0].api_key: want https://\n"
#define OPEN(address)                                                                          \
    "admin_listen is '" address "', where other hosts can ask for the state and the metrics, " \
    "and nobody is asked who they are: want a loopback address such as '127.0.0.1:9090', or "  \
    "an address that operators alone can reach\n"
#define WHOLE(tail, want)                                                                      \
    "regions[0].base_url ends in '" tail "', which is appended to it: want '" want "'\n"
#define BARE                                                                                   \
    "is '$' and a name, which stays as it is: want ${NAME} for the value of a variable\n"
#define EMPTY "uses ${SLUICE_EMPTY}, which is set to nothing: want a value\n"
#define SET                                                                                    \
    "has $SLUICE_SET, which stays as it is: want ${SLUICE_SET} for the value of that "         \
    "variable\n"

/* clang-format off */
static const struct {
    const char *text, *want;
} rows[] = {
    {LOCAL "}", ""},
    /* a key over plain http */
    {KEY("http://api.example.com/v1"),  PLAIN("api.example.com")},
    {KEY("HTTP://10.0.0.7:8000"),       PLAIN("10.0.0.7")},
    {KEY("http://[fd00::1]:8000/v1"),   PLAIN("fd00::1")},
    {KEY("http://127.example.com"),     PLAIN("127.example.com")},
    {KEY("http://notlocalhost"),        PLAIN("notlocalhost")},
    {KEY("http://localhost.example.com"), PLAIN("localhost.example.com")},
    {KEY("https://api.example.com/v1"), ""},
    {KEY("http://127.8.0.1:1/v1"),      ""},
    {KEY("http://[::1]:1/v1"),          ""},
    {KEY("http://[::ffff:127.0.0.1]/v1"), ""},
    {KEY("http://LocalHost/v1"),        ""},
    {KEY("http://a.localhost/v1"),      ""},
    {AT("http://api.example.com/v1", "") "}", ""},
    {AT("http://127.0.0.1/v1", ",\"api_key\":\"hidden\",\"proxy\":\"http://p:1\"") "}", PLAIN("127.0.0.1")},
    {AT("http://h", ",\"headers\":{\"X-Key\":\"hidden\"}") "}",
     "regions[0].base_url is plain http to 'h', so whoever is on the way can read regions[0].headers: want https://\n"},
    {AT("https://h", ",\"headers\":{\"X-Key\":\"$SLUICE_SET\"}") "}", "regions[0].headers.X-Key " SET},
    /* the private port */
    {ADMIN("0.0.0.0:9090"),      OPEN("0.0.0.0:9090")},
    {ADMIN(":9090"),             OPEN(":9090")},
    {ADMIN("[::]:9090"),         OPEN("[::]:9090")},
    {ADMIN("10.1.2.3:9090"),     OPEN("10.1.2.3:9090")},
    {ADMIN("ops.example.com:9"), OPEN("ops.example.com:9")},
    {ADMIN("127.0.0.1:9090"),    ""},
    {ADMIN("[::1]:9090"),        ""},
    {ADMIN("localhost:9090"),    ""},
    {ADMIN(""),                  ""},
    /* a path that is appended */
    {AT("https://h/v1/chat/completions", "") "}",  WHOLE("/chat/completions", "https://h/v1")},
    {AT("https://h/v1/chat/completions/", "") "}", WHOLE("/chat/completions", "https://h/v1")},
    {AT("https://h/completions", "") "}",          WHOLE("/completions", "https://h")},
    {AT("https://h/models", "") "}",               WHOLE("/models", "https://h")},
    {AT("https://models/v1", "") "}",              ""},
    {AT("https://h/chat", "") "}",                 ""},
    {AT("https://h/supermodels/v1", "") "}",       ""},
    /* variables that were not meant so */
    {AT("https://h", ",\"api_key\":\"$OPENAI_KEY\"") "}",       "regions[0].api_key " BARE},
    {AT("https://h", ",\"api_key\":\"$hidden\"") "}",           "regions[0].api_key " BARE},
    {AT("https://h", ",\"api_key\":\"$SLUICE_SET\"") "}",       "regions[0].api_key " SET},
    {AT("https://h", ",\"x_region\":\"a-$SLUICE_SET/b\"") "}",  "regions[0].x_region " SET},
    {AT("https://h", ",\"api_key\":\"pa$hidden\"") "}",         ""},
    {AT("https://h", ",\"api_key\":\"$hid-den\"") "}",          ""},
    {AT("https://h", ",\"api_key\":\"$1hidden\"") "}",          ""},
    {AT("https://h", ",\"api_key\":\"$$hidden\"") "}",          ""},
    {AT("https://h", ",\"api_key\":\"$\"") "}",                 ""},
    {AT("https://h", ",\"api_key\":\"$${SLUICE_SET}\"") "}",    ""},
    {AT("https://h", ",\"api_key\":\"${SLUICE_SET}\"") "}",     ""},
    {AT("https://h", ",\"api_key\":\"${SLUICE_EMPTY}\"") "}",   "regions[0].api_key " EMPTY},
    {AT("https://h", ",\"api_key\":\"hidden${SLUICE_EMPTY}\"") "}", "regions[0].api_key " EMPTY},
    {LOCAL ",\"upstream\":{\"ca_file\":\"${SLUICE_EMPTY}\"}}",  "upstream.ca_file " EMPTY},
    {LOCAL ",\"models\":{\"m\":{\"targets\":[{\"region\":\"a\",\"model\":\"$SLUICE_SET\"}]}}}",
     "models[\"m\"].targets[0].model " SET},
    /* in the order of the file, then of the rules */
    {AT("http://h/models", ",\"api_key\":\"$SLUICE_SET\"") ",\"admin_listen\":\":1\",\"state_file\":\"$SLUICE_SET\"}",
     "regions[0].api_key " SET "state_file " SET OPEN(":1") PLAIN("h") WHOLE("/models", "http://h")},
};
/* clang-format on */

static void add(void *arg, const char *sentence)
{
    struct buf *out = arg;

    cr_assert_eq(buf_appendf(out, "%s\n", sentence), 0);
}

static struct config *parse(const char *text)
{
    struct err err = {0};
    struct config *c = config_parse("x.json", str_of(text), &err);

    cr_assert_not_null(c, "%s: %s", text, err.msg);
    return c;
}

Test(warn, each_row)
{
    setenv("SLUICE_SET", "some-value", 1);
    setenv("SLUICE_EMPTY", "", 1);
    unsetenv("OPENAI_KEY");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct config *c = parse(rows[i].text);
        struct buf out;

        buf_init(&out, 4096);
        cr_assert_eq(buf_append(&out, "", 0), 0);
        config_warn(c, appended, ARRAY_LEN(appended), add, &out);
        cr_expect(str_eqz(buf_str(&out), rows[i].want), "%s\n got: " STR_FMT "\nwant: %s",
                  rows[i].text, STR_ARG(buf_str(&out)), rows[i].want);
        buf_release(&out);
        config_free(c);
    }
}

static void count(void *arg, const char *sentence)
{
    size_t *n = arg;

    n[0]++;
    n[1] += strstr(sentence, "there is more of the kind") != NULL;
}

/* Many of them are bounded, and that some are left out is said. */
Test(warn, oddities_are_bounded)
{
    struct buf text;
    size_t n[2] = {0};

    setenv("SLUICE_SET", "some-value", 1);
    buf_init(&text, 1 << 20);
    cr_assert_eq(buf_appendf(&text, LOCAL ",\"models\":{"), 0);
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(buf_appendf(&text,
                                 "%s\"%064d\":{\"targets\":[{\"region\":\"a\",\"model\":"
                                 "\"$SLUICE_SET\"}]}",
                                 i > 0 ? "," : "", i),
                     0);
    cr_assert_eq(buf_appendf(&text, "}}"), 0);
    struct config *c = parse(text.data);

    config_warn(c, appended, ARRAY_LEN(appended), count, n);
    cr_expect(n[0] > 300 && n[0] < 1000, "%zu", n[0]);
    cr_expect_eq(n[1], 1u);
    config_free(c);
    buf_release(&text);
}
