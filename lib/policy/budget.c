/* budget.c - extra attempts as a share of requests; budget.h has the contract. */
#include "policy/budget.h"

#define ATTEMPT 100 /* hundredths */

void budget_init(struct budget *b, int percent, int64_t cap, int64_t saved)
{
    b->percent = percent;
    b->cap = cap;
    b->centi = (saved < cap ? saved : cap) * ATTEMPT;
}

void budget_earn(struct budget *b)
{
    b->centi += b->percent;
    if (b->centi > b->cap * ATTEMPT)
        b->centi = b->cap * ATTEMPT;
}

bool budget_has(const struct budget *b)
{
    return b->percent == 0 || b->centi >= ATTEMPT;
}

bool budget_spend(struct budget *b)
{
    if (!budget_has(b))
        return false;
    if (b->percent > 0)
        b->centi -= ATTEMPT;
    return true;
}

void budget_bill(struct budget *b)
{
    if (b->percent > 0 && b->centi > -b->cap * ATTEMPT)
        b->centi -= ATTEMPT;
}
