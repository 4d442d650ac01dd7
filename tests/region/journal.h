/* journal.h - every attempt the region saw, and how it ended. */
#ifndef REGION_JOURNAL_H
#define REGION_JOURNAL_H

#include "base/buf.h"

#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define JOURNAL_BODY_MAX (256u << 10) /* bytes of a request body that are kept */

enum attempt_end {
    ATTEMPT_ACTIVE,
    ATTEMPT_COMPLETE,
    ATTEMPT_CLIENT_GONE,
    ATTEMPT_CUT,   /* we closed early, as told */
    ATTEMPT_RESET, /* we reset, as told */
    N_ATTEMPT_ENDS
};

struct attempt {
    TAILQ_ENTRY(attempt) link;
    bool listed, live;      /* who still needs it: the list, a connection */
    uint64_t n, conn, life; /* 1 for the first; connection number; of which journal life */
    int64_t wall_ms, start_ms, end_ms;
    bool check; /* a GET: not work for a model */
    char *head, *body;
    size_t head_len, body_len, body_bytes; /* kept, kept, received */
    uint32_t body_crc32;
    bool stream, faulty;
    int status;
    size_t events;
    uint64_t sent_bytes;
    enum attempt_end end;
};

struct journal {
    TAILQ_HEAD(attempts, attempt) list;
    size_t n_listed, max; /* oldest are forgotten beyond max */
    size_t bytes;         /* held by the list's heads and bodies */
    uint64_t life, next;
    uint64_t attempts, checks, active, ends[N_ATTEMPT_ENDS];
    FILE *file; /* one line per finished attempt; NULL for none */
};

void journal_init(struct journal *j, size_t max, FILE *file);
void journal_release(struct journal *j);
/* Forgets all; attempts under way end uncounted. */
void journal_reset(struct journal *j);

/* Notes a request head.  The result is the caller's until journal_end(). */
struct attempt *journal_begin(struct journal *j, struct str head, bool check, uint64_t conn);
void journal_body(struct journal *j, struct attempt *a, struct str body);
void journal_end(struct journal *j, struct attempt *a, enum attempt_end end);

void journal_write(const struct journal *j, struct buf *out);        /* a JSON array */
void journal_write_counts(const struct journal *j, struct buf *out); /* a JSON object */

#endif
