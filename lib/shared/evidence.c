/* evidence.c - evidence on its way out; evidence.h has the contract. */
#include "shared/evidence.h"

#include <stdlib.h>

struct slot {
    int64_t due_ms;       /* -1: empty */
    int64_t since_ms;     /* of its first attempt */
    int64_t fail_from_ms; /* a failure before this moment waits for company until then */
    struct evidence_item item;
};

struct evidence {
    size_t n;
    int64_t due_ms;                /* of the earliest slot; -1: none */
    int64_t ok_gap_ms, ok_from_ms; /* no batch of successes alone leaves before this moment */
    struct slot *slots;
};

struct evidence *evidence_new(size_t n_slots)
{
    struct evidence *b = xcalloc(1, sizeof(*b));

    b->n = n_slots;
    b->due_ms = -1;
    b->slots = xcalloc(n_slots > 0 ? n_slots : 1, sizeof(b->slots[0]));
    for (size_t i = 0; i < n_slots; i++)
        b->slots[i].due_ms = -1;
    return b;
}

void evidence_free(struct evidence *b)
{
    if (b == NULL)
        return;
    free(b->slots);
    free(b);
}

static int64_t earlier(int64_t a, int64_t b) /* -1 is never */
{
    if (a < 0 || b < 0)
        return a < 0 ? b : a;
    return a < b ? a : b;
}

static int attempts(const struct evidence_item *item)
{
    return item->evidence.ok + item->evidence.fail;
}

static void count(struct slot *s, bool failed, bool slow, int64_t now_ms)
{
    struct breaker_evidence *e = &s->item.evidence;

    e->slow += slow;
    if (failed) {
        e->fail++;
        e->hard_since_ok++;
    } else {
        e->ok++;
        e->hard_since_ok = 0;
    }
    if (!failed)
        s->due_ms = earlier(s->due_ms, now_ms + EVIDENCE_OK_MS);
    else
        s->due_ms = earlier(s->due_ms, now_ms > s->fail_from_ms ? now_ms : s->fail_from_ms);
    if (attempts(&s->item) >= EVIDENCE_MAX)
        s->due_ms = now_ms;
}

static void leave(struct evidence *b, struct slot *s, int64_t now_ms, struct evidence_item *out)
{
    *out = s->item;
    s->due_ms = -1;
    if (out->evidence.fail > 0)
        s->fail_from_ms = now_ms + EVIDENCE_FAIL_MS;
    else
        b->ok_from_ms = now_ms + b->ok_gap_ms;
}

void evidence_set_ok_gap(struct evidence *b, int64_t ms)
{
    b->ok_gap_ms = ms;
}

enum evidence_added evidence_add(struct evidence *b, size_t slot, uint64_t epoch, bool failed,
                                 bool slow, int64_t now_ms, struct evidence_item *out)
{
    struct slot *s = &b->slots[slot];
    enum evidence_added added = EVIDENCE_QUEUED;

    if (s->due_ms >= 0 && epoch < s->item.epoch)
        return EVIDENCE_LATE;
    if (s->due_ms >= 0 && (epoch > s->item.epoch || attempts(&s->item) >= EVIDENCE_MAX)) {
        leave(b, s, now_ms, out);
        added = EVIDENCE_DISPLACED;
    }
    if (s->due_ms < 0) {
        s->item = (struct evidence_item){.slot = slot, .epoch = epoch};
        s->since_ms = now_ms;
    }
    count(s, failed, slow, now_ms);
    b->due_ms = earlier(b->due_ms, s->due_ms);
    return added;
}

int64_t evidence_due_ms(const struct evidence *b)
{
    return b->due_ms;
}

static bool must_wait(const struct evidence *b, const struct slot *s, int64_t now_ms)
{
    return s->item.evidence.fail == 0 && attempts(&s->item) < EVIDENCE_MAX &&
           now_ms < b->ok_from_ms;
}

bool evidence_take(struct evidence *b, int64_t now_ms, struct evidence_item *out)
{
    struct slot *first = NULL;

    if (b->due_ms < 0 || b->due_ms > now_ms)
        return false;
    for (size_t i = 0; i < b->n; i++) {
        struct slot *s = &b->slots[i];

        if (s->due_ms < 0 || s->due_ms > now_ms)
            continue;
        if (must_wait(b, s, now_ms))
            s->due_ms = b->ok_from_ms;
        else if (first == NULL || s->since_ms < first->since_ms)
            first = s;
    }
    if (first != NULL)
        leave(b, first, now_ms, out);
    b->due_ms = -1;
    for (size_t i = 0; i < b->n; i++)
        b->due_ms = earlier(b->due_ms, b->slots[i].due_ms);
    return first != NULL;
}

uint64_t evidence_clear(struct evidence *b)
{
    uint64_t dropped = 0;

    for (size_t i = 0; i < b->n; i++) {
        if (b->slots[i].due_ms >= 0)
            dropped += (uint64_t)attempts(&b->slots[i].item);
        b->slots[i].due_ms = -1;
    }
    b->due_ms = -1;
    return dropped;
}
