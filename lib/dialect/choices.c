/* choices.c - a set of answers, a bit for each; choices.h has the contract. */
#include "dialect/choices.h"

#include "base/base.h"

static int64_t bound(int64_t index)
{
    return index < 0 ? 0 : index >= CHOICES_MAX ? CHOICES_MAX - 1 : index;
}

bool choices_has(const struct choices *set, int64_t index)
{
    index = bound(index);
    return (set->bits[index / 64] >> (index % 64) & 1) != 0;
}

void choices_set(struct choices *set, int64_t index)
{
    index = bound(index);
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
