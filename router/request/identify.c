/* identify.c - request ids; identify.h has the contract. */
#include "router/request/identify.h"

#include <stdbool.h>
#include <string.h>

static bool is_id_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '.' || c == '_' || c == '-';
}

static bool is_usable(struct str id)
{
    if (id.len == 0 || id.len > IDENTIFY_ID_MAX)
        return false;
    for (size_t i = 0; i < id.len; i++)
        if (!is_id_byte(id.ptr[i]))
            return false;
    return true;
}

void identify_request_id(const struct http1_head *head, struct rand *r, char *out)
{
    struct str given = http1_head_get(head, "x-request-id");

    if (is_usable(given)) {
        memcpy(out, given.ptr, given.len);
        out[given.len] = '\0';
        return;
    }
    memcpy(out, "req_", 4);
    rand_hex(r, out + 4, 20);
}
