/* http_head.c - the methods by name; http_head.h has the contract. */
#include "http/http_head.h"

#include "base/base.h"

#include <assert.h>

static const char *const names[] = {
    [HTTP_GET] = "GET",         [HTTP_HEAD] = "HEAD",     [HTTP_POST] = "POST",
    [HTTP_PUT] = "PUT",         [HTTP_DELETE] = "DELETE", [HTTP_PATCH] = "PATCH",
    [HTTP_OPTIONS] = "OPTIONS", [HTTP_OTHER] = "other",
};

const char *http_method_name(enum http_method m)
{
    assert((size_t)m < ARRAY_LEN(names));
    return names[m];
}

enum http_method http_method_of(struct str name)
{
    for (size_t i = 0; i < HTTP_OTHER; i++)
        if (str_eqz(name, names[i]))
            return (enum http_method)i;
    return HTTP_OTHER;
}
