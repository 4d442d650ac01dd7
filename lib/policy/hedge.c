/* hedge.c - patience with a silent region; hedge.h has the contract. */
#include "policy/hedge.h"

#define TIMES_P95       4 /* no chance outlier: that region has most likely stopped answering */
#define TIMES_TYPICAL   3 /* of an average, for a p95 that is not known */
#define PATIENCE_MIN_MS 5000
#define PATIENCE_NEW_MS 10000 /* nothing is known of it */
#define QUICK_MIN_MS    2000
#define QUICK_NEW_MS    3000

static bool is_quick(const struct hedge_facts *f)
{
    return f->is_probe || (f->is_doubted && f->region_silent_ms >= f->silent_ms);
}

int64_t hedge_patience_ms(const struct hedge_facts *f)
{
    int64_t p95_ms = f->p95_ms >= 0 ? f->p95_ms : TIMES_TYPICAL * f->typical_ms;
    int64_t least_ms = is_quick(f) ? QUICK_MIN_MS : PATIENCE_MIN_MS;
    int64_t known_ms = is_quick(f) ? p95_ms : TIMES_P95 * p95_ms;

    if (p95_ms < 0)
        return is_quick(f) ? QUICK_NEW_MS : PATIENCE_NEW_MS;
    return known_ms > least_ms ? known_ms : least_ms;
}

bool hedge_is_due(const struct hedge_facts *f)
{
    int64_t patience_ms = hedge_patience_ms(f);

    return f->silent_ms >= patience_ms &&
           (f->is_probe || f->budget || f->region_silent_ms >= patience_ms);
}

bool hedge_was_overtaken(const struct hedge_facts *f)
{
    return f->silent_ms >= hedge_patience_ms(f);
}
