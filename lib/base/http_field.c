/* http_field.c - reads the fields of one message; http_field.h has the contract. */
#include "base/http_field.h"

#include "base/text.h"

struct str http_field_get(const struct http_field *fields, size_t n, const char *name)
{
    struct str want = str_of(name);

    for (size_t i = 0; i < n; i++)
        if (str_ieq(fields[i].name, want))
            return fields[i].value;
    return (struct str){NULL, 0};
}

bool http_field_is_named_by_connection(const struct http_field *fields, size_t n,
                                       struct str name)
{
    for (size_t i = 0; i < n; i++)
        if (str_ieqz(fields[i].name, "connection") && text_list_has(fields[i].value, name))
            return true;
    return false;
}
