/* test_sha256.c - the examples of FIPS 180-2 appendix B, and every way a tail can be padded. */
#include "base/sha256.h"

#include "base/base.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *text;
    size_t repeat;
    const char *want;
} rows[] = {
    {"", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {"a", 1000, "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3"},
    {"a", 55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"},
    {"a", 56, "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a"},
    {"a", 63, "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34"},
    {"a", 64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"},
};

Test(sha256, examples)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char data[1000], hex[2 * SHA256_BYTES + 1];
        unsigned char hash[SHA256_BYTES];
        size_t len = 0;

        for (size_t n = 0; n < rows[i].repeat; n++) {
            memcpy(data + len, rows[i].text, strlen(rows[i].text));
            len += strlen(rows[i].text);
        }
        sha256((struct str){data, len}, hash);
        for (size_t n = 0; n < SHA256_BYTES; n++)
            snprintf(hex + 2 * n, 3, "%02x", hash[n]);
        cr_expect_str_eq(hex, rows[i].want, "row %zu", i);
    }
}
