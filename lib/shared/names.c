/* names.c - names of the fleet's keys in Redis; names.h has the contract. */
#include "shared/names.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const char *const suffixes[N_KEYS_KINDS] = {
    [KEYS_META] = "meta",
    [KEYS_PUSH] = "push",
    [KEYS_LOG] = "log",
};

struct keys_name keys_name(const char *fleet, enum keys_kind kind)
{
    struct keys_name name;

    assert((unsigned)kind < N_KEYS_KINDS && strlen(fleet) <= KEYS_FLEET_MAX);
    snprintf(name.text, sizeof(name.text), "{sluice:%s}:%s", fleet, suffixes[kind]);
    return name;
}
