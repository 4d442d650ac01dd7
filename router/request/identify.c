/* identify.c - request ids; identify.h has the contract. */
#include "router/request/identify.h"

#include "base/text.h"

#include <stdbool.h>
#include <string.h>

static bool is_usable(struct str id)
{
    return id.len > 0 && id.len <= IDENTIFY_ID_MAX && text_is_alnum_or(id, "._-");
}

void identify_request_id(const struct http_head *head, struct rand *r, char *out)
{
    struct str given = http_field_get(head->fields, head->n_fields, "x-request-id");

    if (is_usable(given)) {
        memcpy(out, given.ptr, given.len);
        out[given.len] = '\0';
        return;
    }
    memcpy(out, "req_", 4);
    rand_hex(r, out + 4, 20);
}
