/* dialect.c - the dialects there are; dialect.h has the contract. */
#include "dialect/dialect.h"

#include <string.h>

static const struct dialect *const dialects[] = {
    &dialect_openai,
};

const struct dialect *dialect_at(size_t i)
{
    return i < ARRAY_LEN(dialects) ? dialects[i] : NULL;
}

const struct dialect *dialect_get(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(dialects); i++)
        if (strcmp(dialects[i]->name, name) == 0)
            return dialects[i];
    return NULL;
}

bool dialect_find_route(struct str path, struct dialect_route *out)
{
    for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
        *out = (struct dialect_route){.dialect = dialects[i]};
        if (dialects[i]->route(path, out))
            return true;
    }
    return false;
}
