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

bool secret_is_shown(struct str text, const char *key)
{
    struct str parts[3];
    size_t n = parts_of(key, parts);

    for (size_t i = 0; i < n; i++)
        if (memmem(text.ptr, text.len, parts[i].ptr, parts[i].len) != NULL)
            return true;
    return false;
}

bool secret_mask(char *text, size_t len, const char *key)
{
    struct str parts[3];
    size_t n = parts_of(key, parts);
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
