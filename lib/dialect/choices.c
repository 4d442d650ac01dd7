/* choices.c - a set of answers, a bit for each; choices.h has the contract. */
#include "dialect/choices.h"

#include "base/base.h"

void choices_set(struct choices *set, int64_t index)
{
    if (index < 0)
        index = 0;
    if (index >= CHOICES_MAX)
        index = CHOICES_MAX - 1;
    set->bits[index / 64] |= UINT64_C(1) << (index % 64);
}

void choices_add(struct choices *set, const struct choices *more)
{
    for (size_t i = 0; i < ARRAY_LEN(set->bits); i++)
        set->bits[i] |= more->bits[i];
}

int choices_count(const struct choices *set)
{
    int n = 0;

    for (size_t i = 0; i < ARRAY_LEN(set->bits); i++)
        n += __builtin_popcountll(set->bits[i]);
    return n;
}

bool choices_within(const struct choices *part, const struct choices *set)
{
    for (size_t i = 0; i < ARRAY_LEN(set->bits); i++)
        if ((part->bits[i] & ~set->bits[i]) != 0)
            return false;
    return true;
}
