/* test_secret_file.c - a file that is not one line of text holds no secret. */
#include "config/secret_file.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT(s) s, sizeof(s) - 1

static char long_text[SECRET_FILE_MAX + 10];

static const struct {
    const char *text;
    size_t len;
    const char *want, *error; /* error: the whole of it; want NULL: the text itself */
} rows[] = {
    {TEXT("sk-1\n"), "sk-1", NULL},
    {TEXT("sk-1"), "sk-1", NULL},
    {TEXT("sk-1\r\n"), "sk-1", NULL},
    {TEXT(" a b \n"), " a b ", NULL},
    {TEXT("${A}\n"), "${A}", NULL},
    {TEXT(""), NULL, "is empty, want one line"},
    {TEXT("\n"), NULL, "is empty, want one line"},
    {TEXT("\r\n"), NULL, "is empty, want one line"},
    {TEXT("a\n\n"), NULL, "has several lines, want one"},
    {TEXT("\na"), NULL, "has several lines, want one"},
    {TEXT("a\nb\n"), NULL, "has several lines, want one"},
    {TEXT("a\rb\n"), NULL, "has control bytes, want one line of text"},
    {TEXT("a\0b\n"), NULL, "has control bytes, want one line of text"},
    {TEXT("a\x7f"), NULL, "has control bytes, want one line of text"},
    {long_text, SECRET_FILE_MAX, NULL, NULL},
    {long_text, SECRET_FILE_MAX + 1, NULL, "is larger than the limit of 4096 bytes"},
    {long_text, SECRET_FILE_MAX + 9, NULL, "is larger than the limit of 4096 bytes"},
};

static char folder[] = "/tmp/test_secretXXXXXX", path[64], config[64];

static void open_folder(void)
{
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/key", folder);
    snprintf(config, sizeof(config), "%s/c.json", folder);
}

static void close_folder(void)
{
    unlink(path);
    rmdir(folder);
}

static void write_key(const char *text, size_t len)
{
    FILE *f = fopen(path, "w");

    cr_assert_not_null(f);
    cr_assert_eq(fwrite(text, 1, len, f), len);
    fclose(f);
}

Test(secret_file, each_row)
{
    open_folder();
    memset(long_text, 'k', sizeof(long_text) - 1);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str want = rows[i].want != NULL ? str_of(rows[i].want)
                                               : (struct str){rows[i].text, rows[i].len};
        struct err err = {0};
        struct buf out;

        write_key(rows[i].text, rows[i].len);
        buf_init(&out, SECRET_FILE_MAX);
        int rc = secret_file_read(STR("key"), config, &out, &err);

        cr_expect_eq(rc, rows[i].error == NULL ? 0 : -1, "row %zu: %s", i, err.msg);
        if (rc == 0)
            cr_expect(str_eq(buf_str(&out), want), "row %zu", i);
        else
            cr_expect_str_eq(err.msg, rows[i].error, "row %zu: %s", i, err.msg);
        buf_release(&out);
    }
    close_folder();
}

Test(secret_file, what_is_no_file_is_not_waited_for)
{
    char pipe[80], none[80];

    open_folder();
    snprintf(pipe, sizeof(pipe), "%s/pipe", folder);
    snprintf(none, sizeof(none), "%s/none", folder);
    cr_assert_eq(mkfifo(pipe, 0600), 0);
    const struct {
        const char *path, *beside, *error;
    } paths[] = {
        {folder, config, "is a directory, want a file of one line"},
        {".", config, "is a directory, want a file of one line"},
        {pipe, config, "is no regular file, want a file of one line"},
        {"pipe", config, "is no regular file, want a file of one line"},
        {"/dev/null", config, "is no regular file, want a file of one line"},
        {none, config, "cannot be read: No such file or directory"},
        {"none", "c.json", "cannot be read: No such file or directory"},
        {"", config, "is no path, want one of at most 4095 bytes"},
        {none, NULL, "cannot be read here, where no file is"},
    };

    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct err err = {0};
        struct buf out;

        buf_init(&out, 100);
        cr_expect_eq(secret_file_read(str_of(paths[i].path), paths[i].beside, &out, &err), -1);
        cr_expect_str_eq(err.msg, paths[i].error, "path %zu: %s", i, err.msg);
        buf_release(&out);
    }
    unlink(pipe);
    close_folder();
}

Test(secret_file, one_that_every_user_may_read_is_open)
{
    open_folder();
    write_key("k", 1);
    chmod(path, 0640);
    cr_expect_not(secret_file_is_open(STR("key"), config));
    chmod(path, 0644);
    cr_expect(secret_file_is_open(STR("key"), config));
    cr_expect(secret_file_is_open(str_of(path), "c.json"));
    cr_expect_not(secret_file_is_open(STR("key"), NULL));
    cr_expect_not(secret_file_is_open(STR("none"), config));
    close_folder();
}
