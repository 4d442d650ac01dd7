/* fuzz_config.c - any bytes as a config file: a sentence or a config whose dump loads again. */
#include "config/dump.h"
#include "config/warn.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    setenv("US_EAST_KEY", "sk-fuzz-secret", 1);
    setenv("A", "a", 1);
    setenv("HOSTILE", "sk-fuzz-secret\r\n\",\"x\":${A}", 1);
    return 0;
}

static const char *const appended[] = {"/chat/completions", "/models"};

static void check_message(const struct err *err, bool secret_written)
{
    assert(err->code != ERR_NONE && strncmp(err->msg, "config 'f': ", 12) == 0);
    assert(secret_written || strstr(err->msg, "sk-fuzz-secret") == NULL);
    for (const char *c = err->msg; *c != '\0'; c++)
        assert((unsigned char)*c >= 0x20 && *c != 0x7f);
}

static void check_again(const struct config *c)
{
    struct buf first, second;
    struct err err = {0};

    buf_init(&first, CONFIG_DUMP_MAX);
    buf_init(&second, CONFIG_DUMP_MAX);
    assert(config_dump(c, &first) == 0);
    assert(strstr(first.data, "\"api_key\": \"sk-fuzz-secret\"") == NULL);
    struct config *again = config_parse("dump", buf_str(&first), &err);

    assert(again != NULL);
    assert(config_dump(again, &second) == 0);
    assert(str_eq(buf_str(&first), buf_str(&second)));
    config_free(again);
    buf_release(&first);
    buf_release(&second);
}

static void check_warning(void *arg, const char *sentence)
{
    (void)arg;
    assert(sentence[0] != '\0');
    for (const char *c = sentence; *c != '\0'; c++)
        assert((unsigned char)*c >= 0x20 && *c != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    struct config *c = config_parse("f", (struct str){(const char *)data, size}, &err);

    if (c == NULL) {
        check_message(&err, memmem(data, size, "sk-", 3) != NULL);
    } else {
        check_again(c);
        config_warn(c, appended, ARRAY_LEN(appended), check_warning, NULL);
    }
    config_free(c);
    return 0;
}
