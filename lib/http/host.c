/* host.c - whose name a request came by; host.h has the contract.
 *
 * A page whose own name leads to 127.0.0.1 all of a sudden (DNS rebinding) is, to its browser,
 * of one origin with whatever answers there.  What it cannot do is say another Host than its
 * own.  So a name that nobody else can point here is safe: an address has no name, and browsers
 * ask no server for localhost ("Let 'localhost' be localhost"). */
#include "http/host.h"

#include <string.h>

struct str http_host_name(struct str host)
{
    const char *from = host.len > 0 ? memrchr(host.ptr, ']', host.len) : NULL;
    size_t skip = from != NULL ? (size_t)(from - host.ptr) : 0;
    const char *colon = host.len > 0 ? memchr(host.ptr + skip, ':', host.len - skip) : NULL;

    if (colon != NULL)
        host.len = (size_t)(colon - host.ptr);
    if (host.len > 1 && host.ptr[host.len - 1] == '.')
        host.len--;
    return host;
}

/* Four numbers up to 255: what WHATWG URL 3.5 calls any other spelling's canonical one. */
static bool is_ipv4(struct str name)
{
    struct str rest = name;
    int64_t n;

    for (int i = 0; i < 4; i++) {
        struct str part = str_split(rest, '.', &rest);

        if (!str_to_whole(part, 255, &n))
            return false;
    }
    return rest.ptr == NULL;
}

bool http_host_is_fixed(struct str name)
{
    static const char below[] = ".localhost";
    size_t n = sizeof(below) - 1;

    if (name.len > n && str_ieqz((struct str){name.ptr + name.len - n, n}, below))
        return true;
    return str_ieqz(name, "localhost") || (name.len > 0 && name.ptr[0] == '[') || is_ipv4(name);
}
