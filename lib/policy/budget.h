/* budget.h - extra attempts as a share of requests: what keeps an outage from doubling the
 * load.
 *
 * Every request earns a fraction of an attempt, every extra attempt (a retry, a hedge) spends a
 * whole one; one at a target that failed nobody is made on credit, and billed if it fails.  What was saved up is capped, so quiet hours do not buy a storm.  The idea is
 * Finagle's RetryBudget and Envoy's retry_budget. */
#ifndef POLICY_BUDGET_H
#define POLICY_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

struct budget {
    int percent;   /* of requests that may spend; 0: no bound */
    int64_t cap;   /* attempts that may be saved up */
    int64_t centi; /* saved: hundredths of an attempt */
};

/* Starts with `saved` attempts in hand (at most cap). */
void budget_init(struct budget *b, int percent, int64_t cap, int64_t saved);
void budget_earn(struct budget *b);      /* one request arrived */
bool budget_has(const struct budget *b); /* is there an extra attempt left? */
/* One extra attempt, if there is one left. */
bool budget_spend(struct budget *b);
/* One that was made on credit, into debt if need be: at most as deep as what may be saved. */
void budget_bill(struct budget *b);

#endif
