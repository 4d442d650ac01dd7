/* window.c - counts of recent attempts in ten buckets that slide with time.
 *
 * A bucket is named by floor(now_ms / bucket_ms) and lives in slot name % 10.  Nothing has to
 * run when time passes: a bucket whose name is too old is not summed, and is wiped when its
 * slot is written again.  The script that counts for the whole fleet names its buckets the
 * same way, so both see the same window at the same time.
 *
 * REJECTED  A list of single attempts: exact to the millisecond, but its size follows the
 * traffic.
 */
#include "policy/window.h"

void window_init(struct window *w, int64_t length_ms)
{
    w->bucket_ms = length_ms < WINDOW_BUCKETS ? 1 : length_ms / WINDOW_BUCKETS;
    window_clear(w);
}

void window_clear(struct window *w)
{
    for (int i = 0; i < WINDOW_BUCKETS; i++) {
        w->index[i] = -1;
        w->counts[i] = (struct window_counts){0};
    }
}

static int64_t positive(int n)
{
    return n > 0 ? n : 0;
}

void window_add(struct window *w, int ok, int fail, int slow, int64_t now_ms)
{
    int64_t index = now_ms / w->bucket_ms;
    int64_t slot = index % WINDOW_BUCKETS;

    if (w->index[slot] != index) {
        w->index[slot] = index;
        w->counts[slot] = (struct window_counts){0};
    }
    w->counts[slot].ok += positive(ok);
    w->counts[slot].fail += positive(fail);
    w->counts[slot].slow += positive(slow);
}

struct window_counts window_sum(const struct window *w, int64_t now_ms)
{
    struct window_counts sum = {0};
    int64_t now_index = now_ms / w->bucket_ms;

    for (int i = 0; i < WINDOW_BUCKETS; i++) {
        if (w->index[i] < 0 || w->index[i] > now_index ||
            w->index[i] <= now_index - WINDOW_BUCKETS)
            continue;
        sum.ok += w->counts[i].ok;
        sum.fail += w->counts[i].fail;
        sum.slow += w->counts[i].slow;
    }
    return sum;
}
