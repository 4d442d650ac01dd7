/* window.h - counts of recent attempts in ten buckets that slide with time. */
#ifndef POLICY_WINDOW_H
#define POLICY_WINDOW_H

#include <stdint.h>

#define WINDOW_BUCKETS 10

struct window_counts {
    int64_t ok, fail, slow;
};

struct window { /* public body, so callers embed it */
    int64_t bucket_ms;
    int64_t index[WINDOW_BUCKETS]; /* which stretch of time a bucket holds */
    struct window_counts counts[WINDOW_BUCKETS];
};

/* An empty window of length_ms, rounded down to ten whole milliseconds; at least 10 ms. */
void window_init(struct window *w, int64_t length_ms);
void window_clear(struct window *w); /* forgets the counts, keeps the length */

/* Counts into the bucket of now_ms (>= 0).  Numbers below zero count as zero. */
void window_add(struct window *w, int ok, int fail, int slow, int64_t now_ms);
/* Sum of the buckets that lie in the last ten, the one of now_ms included.  Between nine and
 * ten tenths of the length are seen. */
struct window_counts window_sum(const struct window *w, int64_t now_ms);

#endif
