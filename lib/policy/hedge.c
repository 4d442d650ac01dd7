/* hedge.c - patience with a silent region; hedge.h has the contract. */
#include "policy/hedge.h"

#define TIMES_P95       4 /* no chance outlier: that region has most likely stopped answering */
#define PATIENCE_MIN_MS 5000
#define PATIENCE_NEW_MS                                                                        \
    30000 /* nothing is known of it: models that think are silent for long */
#define PROBE_MIN_MS 2000
#define PROBE_NEW_MS 10000

int64_t hedge_patience_ms(int64_t p95_ms, bool is_probe)
{
    int64_t least_ms = is_probe ? PROBE_MIN_MS : PATIENCE_MIN_MS;
    int64_t known_ms = is_probe ? p95_ms : TIMES_P95 * p95_ms;

    if (p95_ms < 0)
        return is_probe ? PROBE_NEW_MS : PATIENCE_NEW_MS;
    return known_ms > least_ms ? known_ms : least_ms;
}

bool hedge_is_due(const struct hedge_facts *f)
{
    int64_t patience_ms = hedge_patience_ms(f->p95_ms, f->is_probe);

    return f->silent_ms >= patience_ms &&
           (f->is_probe || f->budget || f->region_silent_ms >= patience_ms);
}

bool hedge_was_overtaken(int64_t silent_ms, int64_t p95_ms, bool is_probe)
{
    return silent_ms >= hedge_patience_ms(p95_ms, is_probe);
}
