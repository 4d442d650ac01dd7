/* args.c - the arguments of one command; args.h has the contract. */
#include "redis/args.h"

#include "base/base.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

void redis_args_init(struct redis_args *a, size_t max)
{
    *a = (struct redis_args){.max = max};
    a->v = xcalloc(max > 0 ? max : 1, sizeof(*a->v));
    a->numbers = xcalloc(max > 0 ? max : 1, sizeof(*a->numbers));
}

void redis_args_release(struct redis_args *a)
{
    free(a->v);
    free(a->numbers);
    *a = (struct redis_args){0};
}

void redis_args_word(struct redis_args *a, const char *word)
{
    assert(a->n < a->max);
    a->v[a->n++] = word;
}

void redis_args_number(struct redis_args *a, int64_t n)
{
    assert(a->n < a->max);
    snprintf(a->numbers[a->n], sizeof(a->numbers[0]), "%" PRId64, n);
    redis_args_word(a, a->numbers[a->n]);
}

void redis_args_unsigned(struct redis_args *a, uint64_t n)
{
    assert(a->n < a->max);
    snprintf(a->numbers[a->n], sizeof(a->numbers[0]), "%" PRIu64, n);
    redis_args_word(a, a->numbers[a->n]);
}
