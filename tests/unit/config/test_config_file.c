/* test_config_file.c - a file is fine only when its redis.url is. */
#include "config/config_file.h"

#include "base/base.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *url, *want; /* NULL: no redis section, a config; else the end of the sentence */
} rows[] = {
    {NULL, NULL},
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

Test(config_file, a_url_that_no_worker_could_use_is_refused_with_the_file)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *url = rows[i].url, *want = rows[i].want;
        char path[] = "/tmp/test_config_fileXXXXXX", sentence[256];
        struct err err = {0};
        FILE *f = fdopen(mkstemp(path), "w");

        cr_assert_not_null(f);
        fprintf(f, "{\"regions\":[{\"name\":\"a\",\"base_url\":\"http://a\"}]");
        if (url != NULL)
            fprintf(f, ",\"redis\":{\"url\":\"%s\"}", url);
        fprintf(f, "}");
        fclose(f);
        struct config *conf = config_file_load(path, &err);

        unlink(path);
        snprintf(sentence, sizeof(sentence), "config '%s': redis.url: Redis URL: %s", path,
                 want != NULL ? want : "");
        cr_expect_eq(conf != NULL, want == NULL, "%s: %s", url, err.msg);
        cr_expect(want == NULL || strcmp(err.msg, sentence) == 0, "%s: %s", url, err.msg);
        cr_expect(strstr(err.msg, "hunter2") == NULL, "%s", err.msg);
        config_free(conf);
    }
}

Test(config_file, what_the_config_itself_refuses_stays_refused)
{
    struct err err = {0};

    cr_expect_null(config_file_load("/no/such/file", &err));
    cr_expect_str_eq(err.msg, "config '/no/such/file': cannot open: No such file or directory");
}
