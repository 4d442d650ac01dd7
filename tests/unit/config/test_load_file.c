/* test_load_file.c - a file is fine only when a router could start with it. */
#include "config/config.h"

#include "base/base.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CERTIFICATE "tests/unit/config/authority.pem"
#define REVOCATIONS "tests/unit/config/revocations.pem"

/* Writes a config whose rest, from within its region on, is more, reads it, and removes it. */
static struct config *load(const char *more, char path[32], struct err *err)
{
    snprintf(path, 32, "/tmp/test_load_fileXXXXXX");
    FILE *f = fdopen(mkstemp(path), "w");

    cr_assert_not_null(f);
    fprintf(f, "{\"regions\":[{\"name\":\"a\",\"base_url\":\"http://a\"%s}", more);
    fclose(f);
    struct config *conf = config_load(path, err);

    unlink(path);
    return conf;
}

static const struct {
    const char *url, *want; /* NULL: a config; else the end of the sentence */
} rows[] = {
    {"redis://h:65535/65535", NULL},
    {"redis://u:p@[::1]:6379/0", NULL},
    {"unix:///r?db=1", NULL},
    {"redis+sentinel://h,i:1/m/2", NULL},
    {"redis://h:65536/0", "the port is no number in 1..65535"},
    {"redis://:hunter2@h:abc/0", "the port is no number in 1..65535"},
    {"redis://h/a", "the database is no number in 0..65535"},
    {"redis://[::1/0", "'[' without ']' around the address"},
    {"unix:///r?db=z", "the database is no number in 0..65535"},
};

Test(load_file, a_url_that_no_worker_could_use_is_refused_with_the_file)
{
    static const char *const keys[] = {"url", "subscribe_url"};

    for (size_t i = 0; i < ARRAY_LEN(rows) * ARRAY_LEN(keys); i++) {
        const char *url = rows[i / 2].url, *want = rows[i / 2].want, *key = keys[i % 2];
        char path[32], more[256], sentence[256];
        struct err err = {0};

        snprintf(more, sizeof(more), "}],\"redis\":{\"%s\":\"%s\"}", key, url);
        struct config *conf = load(more, path, &err);

        snprintf(sentence, sizeof(sentence), "config '%s': redis.%s: Redis URL: %s", path, key,
                 want != NULL ? want : "");
        cr_expect_eq(conf != NULL, want == NULL, "%s: %s", url, err.msg);
        cr_expect(want == NULL || strcmp(err.msg, sentence) == 0, "%s: %s", url, err.msg);
        cr_expect(strstr(err.msg, "hunter2") == NULL, "%s", err.msg);
        config_free(conf);
    }
}

static const struct {
    const char *more, *want; /* the same */
} files[] = {
    {"}]", NULL},
    {"}],\"upstream\":{\"ca_file\":\"" CERTIFICATE "\"}", NULL},
    {"}],\"upstream\":{\"ca_file\":\"/none.pem\"}",
     "upstream.ca_file '/none.pem' cannot be read as PEM certificates: No such file or "
     "directory"},
    {"}],\"upstream\":{\"ca_file\":\"/dev/null\"}",
     "upstream.ca_file '/dev/null' cannot be read as PEM certificates: no certificate or crl "
     "found"},
    {"}],\"upstream\":{\"ca_file\":\"" REVOCATIONS "\"}",
     "upstream.ca_file '" REVOCATIONS "' holds no certificate, want those of authorities"},
    {"}],\"upstream\":{\"extra_ca_file\":\"/none.pem\"}",
     "upstream.extra_ca_file '/none.pem' cannot be read as PEM certificates: No such file or "
     "directory"},
    {",\"ca_file\":\"" CERTIFICATE "\"}]", NULL},
    {",\"ca_file\":\"/none.pem\"}]",
     "regions[0].ca_file '/none.pem' cannot be read as PEM certificates: No such file or "
     "directory"},
    {",\"extra_ca_file\":\"/dev/null\"}]",
     "regions[0].extra_ca_file '/dev/null' cannot be read as PEM certificates: no certificate "
     "or crl found"},
    {"}],\"redis\":{\"url\":\"rediss://h\"}", NULL},
    {"}],\"redis\":{\"url\":\"redis://h\",\"ca_file\":\"/none.pem\"}", NULL},
    {"}],\"redis\":{\"url\":\"rediss://h\",\"ca_file\":\"/none.pem\"}",
     "Redis URL with TLS: redis.ca_file '/none.pem' cannot be read as PEM certificates: No "
     "such "
     "file or directory"},
    {"}],\"redis\":{\"subscribe_url\":\"rediss://h\",\"ca_file\":\"/none.pem\"}",
     "Redis URL with TLS: redis.ca_file '/none.pem' cannot be read as PEM certificates: No "
     "such "
     "file or directory"},
    {"}],\"redis\":{\"url\":\"rediss://h\",\"key_file\":\"/none.pem\"}",
     "Redis URL with TLS: redis.cert_file and redis.key_file go together, one of them is "
     "missing"},
};

Test(load_file, a_file_that_no_worker_could_read_is_refused_with_its_key)
{
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        const char *want = files[i].want;
        char path[32], sentence[256];
        struct err err = {0};
        struct config *conf = load(files[i].more, path, &err);

        snprintf(sentence, sizeof(sentence), "config '%s': %s", path, want != NULL ? want : "");
        cr_expect_eq(conf != NULL, want == NULL, "row %zu: %s", i, err.msg);
        cr_expect(want == NULL || strcmp(err.msg, sentence) == 0, "row %zu: %s", i, err.msg);
        config_free(conf);
    }
}

Test(load_file, what_the_config_itself_refuses_stays_refused)
{
    struct err err = {0};

    cr_expect_null(config_load("/no/such/file", &err));
    cr_expect_str_eq(err.msg, "config '/no/such/file': cannot open: No such file or directory");
}
