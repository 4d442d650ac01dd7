/* health.c - a score that falls slowly and recovers fast; health.h has the contract.
 *
 * Ten failures take 40 points, four successes give them back: the score tells a region that
 * fails now and then from one that fails all the time.  Whether to send there at all is the
 * breaker's matter. */
#include "policy/health.h"

#define POINT    1000 /* thousandths: whole points would stand still below 20 */
#define FULL     (100 * POINT)
#define GAIN     (10 * POINT)
#define KEEP_PCT 95

void health_note(struct health *h, bool well)
{
    int score = FULL - h->lost_pml;

    if (!well)
        score = score * KEEP_PCT / 100;
    else
        score = score + GAIN < FULL ? score + GAIN : FULL;
    h->lost_pml = FULL - score;
}

int health_score(const struct health *h)
{
    return (FULL - h->lost_pml + POINT / 2) / POINT;
}
