/* secret.c - a region's key in what the region says; secret.h has the contract.
 *
 * A secret goes only to the host that owns it, and vendors like to quote the key that they
 * refuse, or its ends.  Four bytes of a text are a key's last four by chance once in millions of
 * errors; then four stars stand in an error's sentence. */
#include "router/request/secret.h"

#include <string.h>

#define END_BYTES  4 /* of a key, as vendors show it */
#define HEAD_BYTES 8

/* What of key betrays it: all of it, and of one long enough its two ends. */
static size_t parts_of(const char *key, struct str out[3])
{
    size_t len = strlen(key);

    out[0] = (struct str){key, len};
    out[1] = (struct str){key, HEAD_BYTES};
    out[2] = (struct str){key + (len > END_BYTES ? len - END_BYTES : 0), END_BYTES};
    return len == 0 ? 0 : len < HEAD_BYTES ? 1 : 3;
}

static bool is_any_shown(struct str text, const struct str *parts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (memmem(text.ptr, text.len, parts[i].ptr, parts[i].len) != NULL)
            return true;
    return false;
}

static bool mask_all(char *text, size_t len, const struct str *parts, size_t n)
{
    bool found = false;

    for (size_t i = 0; i < n; i++) {
        size_t from = 0;
        char *at;

        while ((at = memmem(text + from, len - from, parts[i].ptr, parts[i].len)) != NULL) {
            memset(at, '*', parts[i].len);
            from = (size_t)(at - text) + parts[i].len;
            found = true;
        }
    }
    return found;
}

bool secret_is_shown(struct str text, const char *key)
{
    struct str parts[3];

    return is_any_shown(text, parts, parts_of(key, parts));
}

bool secret_mask(char *text, size_t len, const char *key)
{
    struct str parts[3];

    return mask_all(text, len, parts, parts_of(key, parts));
}

/* Values long enough to be a secret: a short one, such as a number, stands in any text.  Of
 * "Bearer KEY" the last word: whoever quotes it seldom quotes the scheme. */
static size_t values_of(const struct config_region *r, struct str out[CONFIG_HEADERS_MAX])
{
    size_t n = 0;

    for (size_t i = 0; i < r->n_headers; i++) {
        const char *value = r->headers[i].value, *space = strrchr(value, ' ');
        bool has_word = space != NULL && strlen(space + 1) >= HEAD_BYTES;

        if (strlen(value) >= HEAD_BYTES)
            out[n++] = str_of(has_word ? space + 1 : value);
    }
    return n;
}

bool secret_of_region_is_shown(struct str text, const struct config_region *r)
{
    struct str values[CONFIG_HEADERS_MAX];

    return secret_is_shown(text, r->api_key) ||
           is_any_shown(text, values, values_of(r, values));
}

bool secret_mask_of_region(char *text, size_t len, const struct config_region *r)
{
    struct str values[CONFIG_HEADERS_MAX];
    bool found = mask_all(text, len, values, values_of(r, values));

    return secret_mask(text, len, r->api_key) || found;
}
