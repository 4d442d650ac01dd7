/* choices.h - a set of the answers that one request asked for (n, several prompts). */
#ifndef DIALECT_CHOICES_H
#define DIALECT_CHOICES_H

#include <stdbool.h>
#include <stdint.h>

#define CHOICES_MAX 128 /* that are told apart: the largest n of OpenAI */

struct choices { /* by their index; larger ones count as the last, below 0 as the first */
    uint64_t bits[CHOICES_MAX / 64];
};

void choices_set(struct choices *set, int64_t index);
bool choices_has(const struct choices *set, int64_t index);
void choices_add(struct choices *set, const struct choices *more);
int choices_count(const struct choices *set);
bool choices_within(const struct choices *part, const struct choices *set);

#endif
