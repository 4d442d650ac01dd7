/* names.c - names of the fleet's keys in Redis; names.h has the contract. */
#include "shared/names.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const char *const suffixes[N_NAMES_KINDS] = {
    [NAMES_META] = "meta",
    [NAMES_LOG] = "log",
};

struct names_text names_of(const char *fleet, enum names_kind kind)
{
    struct names_text name;

    assert((unsigned)kind < N_NAMES_KINDS && strlen(fleet) <= NAMES_FLEET_MAX);
    snprintf(name.text, sizeof(name.text), "{sluice:%s}:%s", fleet, suffixes[kind]);
    return name;
}

struct names_text names_push(const char *fleet, int db)
{
    struct names_text name;

    assert(strlen(fleet) <= NAMES_FLEET_MAX);
    if (db == 0)
        snprintf(name.text, sizeof(name.text), "{sluice:%s}:push", fleet);
    else
        snprintf(name.text, sizeof(name.text), "{sluice:%s}:push:%d", fleet, db);
    return name;
}
