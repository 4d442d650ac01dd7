/* random_answer.h - answers of every kind, said as streams in any cut, and read back.
 *
 * An answer is a list of segments per choice; a run of it is one way of cutting them into
 * events, of spelling those, and of the ids that a run makes up.  Two runs of one answer read
 * the same to a client, but for the ids. */
#ifndef FLOW_RANDOM_ANSWER_H
#define FLOW_RANDOM_ANSWER_H

#include "base/buf.h"
#include "base/rand.h"
#include "base/str.h"

#include <stdbool.h>

#define RANDOM_CHOICES_MAX  3
#define RANDOM_SEGMENTS_MAX 6

struct random_segment { /* of one member of a delta */
    int kind;           /* an index into the kinds, see random_answer.c */
    int call;           /* of a tool call: its index */
    char text[64];      /* joined by clients; of a list: a byte per item */
};

struct random_answer {
    int n_choices;
    bool usage;
    struct {
        int n;
        struct random_segment segments[RANDOM_SEGMENTS_MAX];
    } choices[RANDOM_CHOICES_MAX];
};

void random_answer_make(struct random_answer *a, struct rand *rnd);
/* Another answer that differs in one place; perhaps behind what a client got of the first. */
void random_answer_change(struct random_answer *a, struct rand *rnd);

struct random_run {
    char name;       /* in its ids */
    bool cr_alone;   /* its lines end so: a client that splits at LF cannot read them */
    struct buf body; /* the whole stream */
};
void random_answer_say(const struct random_answer *a, struct random_run *run, struct rand *rnd);

/* Joins what a client read, an event's data at a time, as the official client libraries do. */
struct random_reader;
struct random_reader *random_reader_new(void);
void random_reader_free(struct random_reader *r);
void random_reader_add(struct random_reader *r, struct str data);
bool random_reader_is_done(const struct random_reader *r);   /* [DONE] was the last one */
bool random_reader_has_error(const struct random_reader *r); /* an error was the last one */
/* What it has, in one spelling; ids of calls are left out where there is one and only one. */
char *random_reader_text(const struct random_reader *r);

#endif
