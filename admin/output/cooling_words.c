/* cooling_words.c - why a region cools, for people; cooling_words.h has the contract. */
#include "admin/output/cooling_words.h"

#include "base/base.h"

#include <string.h>

static const struct {
    const char *name, *words;
} table[] = {
    {"quota", "quota: out of credit"},
    {"auth", "misconfigured: our key was refused"},
};

const char *cooling_words(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (strcmp(name, table[i].name) == 0)
            return table[i].words;
    return name;
}
