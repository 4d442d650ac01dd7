/* health.h - how well a region has done lately, 0 (bad) to 100, for people and for choosing. */
#ifndef POLICY_HEALTH_H
#define POLICY_HEALTH_H

#include <stdbool.h>

struct health {   /* zeroed at first: healthy until something says otherwise */
    int lost_pml; /* below 100, in thousandths of a point */
};

/* An attempt that says something about the region ended: +10 points, or 95 % of what was. */
void health_note(struct health *h, bool well);
int health_score(const struct health *h); /* 0..100, rounded */

#endif
