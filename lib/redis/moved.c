/* moved.c - where a Cluster's node says that a key is served. */
#include "redis/moved.h"

#include "base/str.h"
#include "redis/error.h"

#include <hiredis/hiredis.h>
#include <string.h>

#define SLOTS 16384

bool redis_moved_of(const struct redisReply *r, const struct redis_node *from,
                    struct redis_node *out)
{
    struct str slot, place;
    uint64_t n;

    if (redis_error_of(r) != REDIS_ERROR_MOVED)
        return false;
    (void)str_split((struct str){r->str, r->len}, ' ', &slot);
    if (slot.ptr == NULL)
        return false;
    slot = str_split(slot, ' ', &place);
    if (!str_to_u64(slot, &n) || n >= SLOTS || place.ptr == NULL)
        return false;

    /* The last colon: an IPv6 address has no brackets here. */
    const char *colon = memrchr(place.ptr, ':', place.len);

    if (colon == NULL)
        return false;
    struct str host = {place.ptr, (size_t)(colon - place.ptr)};
    struct str port = {colon + 1, place.len - host.len - 1};

    return redis_node_set(out, host.len > 0 ? host : str_of(from->host), port);
}
