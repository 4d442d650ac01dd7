/* judge_impl.h - the inside of judge*.c; nobody else includes it. */
#ifndef SIM_JUDGE_IMPL_H
#define SIM_JUDGE_IMPL_H

#include "judge.h"
#include "shared/state_line.h"

#define JUDGE_LINES_MAX   64
#define JUDGE_BEGUN_MAX   4096
#define JUDGE_TELLERS_MAX 64

struct judge_state { /* of a slot, as the data have it */
    enum breaker_state st;
    uint64_t ep, v;
    int64_t until_ms, lim_ms;
    char forced[8], hard[24], n[24], succ[24];
    uint64_t window, leases;
};

struct judge_teller { /* a router that reported */
    char id[24];
    int64_t ok_ms;            /* its last success, in the data's time */
    bool in_row;              /* has a part in the present row of failures */
    int64_t rate_ms, slow_ms; /* when its own attempts last were enough for one in a rate */
    bool doubted;             /* had a part in the trip, or its probe failed since */
    int64_t local_until_ms;
};

struct judge_opinion {
    struct judge_teller tellers[JUDGE_TELLERS_MAX];
    int n;
    int64_t doubt_until_ms; /* 0: none */
    bool is_blind;          /* who failed in this open time is not known */
};

struct judge_slot {
    char name[VIEW_SLOT_MAX + 1];
    struct judge_state was;
    int succ; /* in-lease successes of the present half-open time */
    /* of the present open time, where it began in this generation by a trip or a probe */
    int64_t opened_us, opened_forward_ms, open_ms;
    bool is_timed;
    char word[8], why[40]; /* the operator's last; word "": none */
    bool held;             /* by the data, since it was said */
    struct judge_opinion opinion;
};

struct judge_begun { /* attempts under one epoch */
    int router, slot;
    char gen[VIEW_GEN_MAX + 1];
    uint64_t ep;
    int begun, counted;
};

struct judge_seen { /* what a router had applied */
    char gen[VIEW_GEN_MAX + 1];
    uint64_t ver, slot_ver[JUDGE_SLOTS_MAX], slot_ep[JUDGE_SLOTS_MAX];
    bool knows[JUDGE_SLOTS_MAX]; /* the operator's last word */
    bool excused;                /* from saying what it knows from an earlier life */
    /* the first change that its subscriber has not heard */
    uint64_t unheard;
    unsigned subscription;
    int64_t unheard_us;
};

struct judge {
    struct server *s;
    const struct breaker_conf *conf;
    int64_t lease_ms;
    bool verbose;
    char verdict[400];
    uint64_t digest;
    struct judge_slot slots[JUDGE_SLOTS_MAX];
    int n_slots;

    const char *script; /* that runs, with its arguments */
    const char *const *args;
    int n_args, slot;                 /* slot: the one it is about, or -1 */
    bool again, lease_lives, settles; /* settles: the probe that ends a doubt */
    int64_t tripped_ms;               /* 0: a probe has failed since the trip */
    int leases;                       /* that lived on the slot before */
    char gen[VIEW_GEN_MAX + 1];
    uint64_t ver;
    int64_t now_ms; /* of the data: their clock when last used */
    char *lines[JUDGE_LINES_MAX];
    int n_lines;

    struct judge_begun *begun;
    int n_begun;
    struct judge_seen seen[JUDGE_ROUTERS_MAX];
};

/* A field of the data's {tag}:<kind><slot>, or NULL. */
const char *judge_data(struct judge *j, const char *kind, const char *slot, const char *field);
int64_t judge_number(const char *s); /* NULL: 0 */
void judge_copy(char *to, size_t cap, const char *s);
struct judge_state judge_read_state(struct judge *j, const char *slot);
/* judge_opinion.c: invariant 12 */
void judge_opinion_forget(struct judge_slot *k);
void judge_opinion_line(struct judge *j, struct judge_slot *k, const struct state_line *l);
void judge_opinion_after(struct judge *j, struct judge_slot *k, const struct redisReply *r);
bool judge_is_script(const struct judge *j, const char *name); /* does this one run? */
bool judge_is_reset(const struct judge *j); /* an operator's, of the breaker */
/* NULL: no such attempt began. */
struct judge_begun *judge_begun_of(struct judge *j, int router, int slot, const char *gen,
                                   uint64_t ep);

#endif
