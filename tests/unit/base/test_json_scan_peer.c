/* test_json_scan_peer.c - thousands of damaged texts: our verdict is jansson's. */
#include "base/json_scan.h"

#include "base/rand.h"
#include "tests/unit/base/jansson_peer.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 2048

static const char *const seeds[] = {
    "{}",
    "{\"model\":\"gpt-4.1\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello, "
    "\\\"you\\\"\"}],"
    "\"stream\":true,\"temperature\":0.7,\"max_tokens\":100,\"seed\":null}",
    "{\"a\":[1,-2.5e+10,0,1E-2,[],[[]],{}],\"b\":{\"c\":false,\"d\":{\"e\":"
    "\"\\u00e9\\ud83d\\ude00\"}}}",
    " {\r\n\t\"k\" : [ true , null , \"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\" ] }\n",
    "{\"id\":\"c-1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\\b\\f\\n\\r\\t\\/"
    "\\\\\"},"
    "\"finish_reason\":null}],\"usage\":{\"prompt_tokens\":12}}",
    "{\"deep\":[[[[{\"x\":[{\"y\":{\"z\":[0]}}]}]]]],\"long\":"
    "\"abcdefghijklmnopqrstuvwxyz0123456789\"}",
};

static const char *const tokens[] = {
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "\\u",
    "\\u12",
    "\\ud800",
    "\\n",
    "0",
    "-",
    ".",
    "e",
    "E+",
    "true",
    "nul",
    "null",
    " ",
    "\n",
    "\x1F",
    "\x80",
    "\xC3",
    "\xED\xA0\x80",
    "\xF4\x90",
    "\xC2\xA9",
    "{}",
    "[]",
    "\"a\":1",
    ",\"b\":2",
    "1e5",
    "01",
    "\xEF\xBB\xBF",
    "//",
    "'",
};

struct text {
    char bytes[TEXT_MAX];
    size_t len;
};

static void splice(struct text *t, size_t at, size_t cut, const char *add, size_t n)
{
    if (cut > t->len - at)
        cut = t->len - at;
    if (t->len - cut + n > TEXT_MAX)
        return;
    memmove(t->bytes + at + n, t->bytes + at + cut, t->len - at - cut);
    memcpy(t->bytes + at, add, n);
    t->len = t->len - cut + n;
}

static void damage(struct text *t, struct rand *r)
{
    size_t at = rand_below(r, t->len + 1);
    char copy[16] = {0};
    const char *token = tokens[rand_below(r, ARRAY_LEN(tokens))];

    switch (rand_below(r, 6)) {
    case 0:
        copy[0] = (char)rand_u64(r);
        splice(t, at, 1, copy, 1);
        break;
    case 1:
        splice(t, at, 1 + rand_below(r, 4), "", 0);
        break;
    case 2:
        splice(t, at, 0, token, strlen(token));
        break;
    case 3:
        splice(t, at, strlen(token), token, strlen(token));
        break;
    case 4: /* a piece of the text stands twice */
        if (t->len - at >= sizeof(copy)) {
            memcpy(copy, t->bytes + at, sizeof(copy));
            splice(t, rand_below(r, t->len), 0, copy, sizeof(copy));
        }
        break;
    default:
        t->len = at;
        break;
    }
}

static void compare(const struct text *t)
{
    char *exact = malloc(t->len > 0 ? t->len : 1); /* a sanitizer sees a read beyond it */
    char why[200];

    memcpy(exact, t->bytes, t->len);
    bool ours = json_scan((struct str){exact, t->len}, 500, NULL, 0, NULL) == 0;
    enum jansson_verdict theirs = jansson_peer(exact, t->len, why, sizeof(why));

    if (theirs != JANSSON_CANNOT_DECODE)
        cr_expect_eq(ours, theirs == JANSSON_OBJECT, "ours %d, jansson: '%s': %.*s", ours, why,
                     (int)t->len, t->bytes);
    free(exact);
}

Test(json_scan_peer, same_verdict_as_jansson_on_damaged_texts)
{
    struct rand r;

    rand_init(&r, 20240607);
    for (int i = 0; i < 60000; i++) {
        const char *seed = seeds[rand_below(&r, ARRAY_LEN(seeds))];
        struct text t = {.len = strlen(seed)};

        memcpy(t.bytes, seed, t.len);
        for (uint64_t hits = rand_below(&r, 5); hits > 0; hits--)
            damage(&t, &r);
        compare(&t);
    }
}

Test(json_scan_peer, same_verdict_as_jansson_on_every_two_bytes)
{
    for (unsigned a = 0; a < 256; a++) {
        for (unsigned b = 0; b < 256; b++) {
            struct text bare = {.bytes = {'{', '"', 'k', '"', ':', (char)a, (char)b, '}'},
                                .len = 8};
            struct text inside = {.bytes = {'{', '"', (char)a, (char)b, '"', ':', '1', '}'},
                                  .len = 8};

            compare(&bare);
            compare(&inside);
        }
    }
}
