/* test_region_key.c - a key that a file holds is the region's, and is shown nowhere. */
#include "config/region_key.h"

#include "base/buf.h"
#include "config/dump.h"
#include "config/warn.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/test_keyXXXXXX";

static void write_file(const char *name, const char *text)
{
    char path[64];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = fopen(path, "w");

    cr_assert_not_null(f);
    fputs(text, f);
    fclose(f);
    cr_assert_eq(chmod(path, 0600), 0);
}

static const char *config_path(void)
{
    static char path[64];

    snprintf(path, sizeof(path), "%s/c d.json", folder);
    return path;
}

/* Writes a config of one region with more, in a folder with some files. */
static void prepare(const char *more)
{
    char text[512];

    snprintf(text, sizeof(text),
             "{\"regions\":[{\"name\":\"a\",\"base_url\":\"https://a\"%s}]}", more);
    write_file("c d.json", text);
    write_file("key", "hidden\n");
    write_file("spaced", "hidden key\n");
    write_file("empty", "");
}

static void clean(void)
{
    static const char *const names[] = {"c d.json", "key", "spaced", "empty"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char path[64];

        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

/* clang-format off */
static const struct {
    const char *more, *key, *error; /* key NULL: refused; error: its end */
} rows[] = {
    {",\"api_key_file\":\"key\"",                              "hidden", NULL},
    {",\"api_key_file\":\"${SLUICE_FOLDER}/key\"",             "hidden", NULL},
    {",\"api_key_file\":\"key\",\"api_key\":\"\"",             "hidden", NULL},
    {",\"api_key\":\"${file:key}\"",                           "hidden", NULL},
    {",\"api_key\":\"a-${file:key}-${file:./key}\"",           "a-hidden-hidden", NULL},
    {",\"api_key\":\"$${file:key}\"",                          "${file:key}", NULL},
    {",\"api_key_file\":\"key\",\"api_key\":\"k\"", NULL,
     "regions[0].api_key and regions[0].api_key_file are both set, want one of them"},
    {",\"api_key_file\":\"spaced\"", NULL,
     "regions[0].api_key_file is 'spaced', which holds no key, want visible ASCII without spaces"},
    {",\"api_key_file\":\"empty\"", NULL,
     "regions[0].api_key_file is 'empty', which is empty, want one line"},
    {",\"api_key_file\":\"${SLUICE_FOLDER}/none\"", NULL,
     "regions[0].api_key_file is '${SLUICE_FOLDER}/none', which cannot be read: No such file or directory"},
    {",\"api_key_file\":\"\"", NULL,
     "regions[0].api_key_file is '', want text without control bytes, 1..4096 bytes"},
    {",\"api_key_file\":\"key\",\"headers\":{\"Authorization\":\"x\"}", NULL,
     "regions[0].headers has 'Authorization', which is not the config's to set there: want another field"},
    {",\"api_key\":\"${file:spaced}\"", NULL,
     "regions[0].api_key has a value that is not shown here, want visible ASCII without spaces and line breaks, 0..4096 bytes"},
    {",\"api_key\":\"${file:empty}\"", NULL,
     "regions[0].api_key uses ${file:empty}, which is empty, want one line"},
    {",\"api_key\":\"${file:}\"", NULL,
     "regions[0].api_key has a ${file:...} that names no file, want a path of at most 256 bytes without a variable in it"},
    {",\"api_key\":\"${file:${SLUICE_FOLDER}/key}\"", NULL,
     "regions[0].api_key has a ${file:...} that names no file, want a path of at most 256 bytes without a variable in it"},
};
/* clang-format on */

static void no_warning(void *arg, const char *sentence)
{
    cr_expect_fail("%s: %s", (const char *)arg, sentence);
}

static void check_dump(const struct config *c)
{
    struct buf out;

    buf_init(&out, CONFIG_DUMP_MAX);
    cr_assert_eq(config_dump(c, &out), 0);
    cr_expect_null(strstr(out.data, "hidden"), "%s", out.data);
    cr_expect_eq(strstr(out.data, "api_key_file") != NULL, c->regions[0].api_key_file != NULL);
    write_file("c d.json", out.data); /* and it loads again */
    buf_release(&out);
}

Test(region_key, each_row)
{
    cr_assert_not_null(mkdtemp(folder));
    setenv("SLUICE_FOLDER", folder, 1);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char sentence[512];
        struct err err = {0};

        prepare(rows[i].more);
        struct config *c = config_load(config_path(), &err);

        cr_expect_eq(c != NULL, rows[i].key != NULL, "row %zu: %s", i, err.msg);
        if (c == NULL) {
            snprintf(sentence, sizeof(sentence), "config '%s': %s", config_path(),
                     rows[i].error);
            cr_expect_str_eq(err.msg, sentence, "row %zu: %s", i, err.msg);
            continue;
        }
        cr_expect_str_eq(c->regions[0].api_key, rows[i].key, "row %zu", i);
        config_warn(c, NULL, 0, no_warning, (void *)(uintptr_t)rows[i].more);
        check_dump(c);
        config_free(c);
        c = config_load(config_path(), &err);
        cr_expect_not_null(c, "row %zu: %s", i, err.msg);
        config_free(c);
    }
    clean();
}

static void note(void *arg, const char *sentence)
{
    cr_assert_eq(buf_appendf(arg, "%s\n", sentence), 0);
}

Test(region_key, a_file_that_every_user_may_read_is_warned_of)
{
    char key[64];
    struct err err = {0};
    struct buf out;

    cr_assert_not_null(mkdtemp(folder));
    prepare(",\"api_key_file\":\"key\",\"headers\":{\"X-K\":\"${file:key}\"}");
    snprintf(key, sizeof(key), "%s/key", folder);
    cr_assert_eq(chmod(key, 0644), 0);
    struct config *c = config_load(config_path(), &err);

    cr_assert_not_null(c, "%s", err.msg);
    buf_init(&out, 4096);
    config_warn(c, NULL, 0, note, &out);
    cr_expect_str_eq(
        out.data, "regions[0].headers.X-K uses ${file:key}, which every user of this host may "
                  "read: " EXPAND_CLOSED "\n"
                  "regions[0].api_key_file is 'key', which every user of this host may "
                  "read: " EXPAND_CLOSED "\n");
    buf_release(&out);
    config_free(c);
    clean();
}

/* A host that serves nothing needs neither the files nor the variables that name them. */
Test(region_key, a_config_that_is_read_opens_no_key)
{
    struct err err = {0};
    struct buf out;

    cr_assert_not_null(mkdtemp(folder));
    unsetenv("SLUICE_FOLDER");
    prepare(
        ",\"api_key_file\":\"${SLUICE_FOLDER}/none\",\"headers\":{\"X-K\":\"${file:none}\"}");
    struct config *c = config_read(config_path(), &err);

    cr_assert_not_null(c, "%s", err.msg);
    buf_init(&out, CONFIG_DUMP_MAX);
    cr_assert_eq(config_dump(c, &out), 0);
    cr_expect_not_null(strstr(out.data, "\"api_key_file\": \"${SLUICE_FOLDER}/none\""), "%s",
                       out.data);
    cr_expect_not_null(strstr(out.data, "\"X-K\": \"***\""));
    buf_release(&out);
    config_free(c);
    clean();
}

/* What is only text names no file of this host: config_parse() reads none. */
Test(region_key, a_text_reads_no_file)
{
    static const char *const texts[] = {
        "{\"regions\":[{\"name\":\"a\",\"base_url\":\"http://a\",\"api_key_file\":\"/etc/"
        "hostname\"}]}",
        "{\"regions\":[{\"name\":\"a\",\"base_url\":\"http://a\",\"api_key\":\"${file:/etc/"
        "hostname}\"}]}",
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct err err = {0};

        cr_expect_null(config_parse("x.json", str_of(texts[i]), &err));
        cr_expect_not_null(strstr(err.msg, "which cannot be read here, where no file is"), "%s",
                           err.msg);
    }
}
