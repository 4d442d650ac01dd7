/* refusal.c - what all targets said alike; refusal.h has the contract.
 *
 * A rate limit has to stay one: client libraries read the status and the code, and wait for a
 * 429 as they do for nothing else.  So where every target said the same, asked now or cooling
 * since it said so, the client gets that status with the vendor's words of the shortest wait.
 * Throttled and out of credit together are throttled: the first of them comes back by itself.
 *
 * Words in which our key had to be masked are kept back, and ours stand for them. */
#include "router/request/refusal.h"

#include "policy/cooling.h"

#include <string.h>

#define BODY_MAX_BYTES 65536

static const struct {
    int status;
    const char *type, *code, *message;
    bool needs_operator;
} kinds[N_REFUSAL_KINDS] = {
    [REFUSAL_THROTTLED] = {429, "rate_limit_error", "rate_limit_exceeded",
                           "every region that serves this model is rate limited now", false},
    [REFUSAL_QUOTA] = {429, "insufficient_quota", "insufficient_quota",
                       "every region that serves this model is out of credit", true},
    [REFUSAL_KEY] = {401, "authentication_error", "keys_refused",
                     "every region that serves this model refuses the router's own key", true},
    [REFUSAL_CONFLICT] = {409, "conflict_error", "conflict",
                          "every region that serves this model said that the request conflicts "
                          "with another one",
                          false},
};

#define BIT(kind) (1u << (kind))

void refusal_init(struct refusal *r)
{
    *r = (struct refusal){.kept = REFUSAL_NONE};
    buf_init(&r->body, BODY_MAX_BYTES);
}

void refusal_release(struct refusal *r)
{
    buf_release(&r->body);
}

/* The status that stands for the words of an error inside a success as well. */
static enum refusal_kind kind_of(enum outcome o, int status)
{
    bool inside = status >= 200 && status <= 299;

    switch (o) {
    case OUTCOME_THROTTLED:
        return status == 429 || inside ? REFUSAL_THROTTLED : REFUSAL_NONE; /* 529: overloaded */
    case OUTCOME_QUOTA:
        return REFUSAL_QUOTA;
    case OUTCOME_AUTH:
        return REFUSAL_KEY;
    default:
        return status == 409 ? REFUSAL_CONFLICT : REFUSAL_NONE;
    }
}

static bool is_kinds_status(enum refusal_kind kind, int status)
{
    switch (kind) {
    case REFUSAL_QUOTA:
        return status == 402 || status == 403 || status == 429;
    case REFUSAL_KEY:
        return status == 401 || status == 403;
    default:
        return status == kinds[kind].status;
    }
}

static void keep(struct refusal *r, const struct dialect *d, const struct attempt_end *e)
{
    const struct attempt_answer *a = e->answer;

    r->status = is_kinds_status(r->kept, a->status) ? a->status : kinds[r->kept].status;
    r->may_retry = r->may_not_retry = false;
    for (size_t i = 0; i < a->n_fields; i++)
        if (str_ieqz(str_of(a->fields[i].name), "x-should-retry")) {
            r->may_retry = str_ieqz(a->fields[i].value, "true");
            r->may_not_retry = str_ieqz(a->fields[i].value, "false");
        }
    buf_clear(&r->body);
    if (!d->is_error(a->body) || e->showed_key || buf_append_str(&r->body, a->body) < 0)
        buf_clear(&r->body);
}

void refusal_note(struct refusal *r, const struct dialect *d, const struct attempt_end *e)
{
    enum refusal_kind kind =
        e->answer != NULL ? kind_of(e->outcome, e->answer->status) : REFUSAL_NONE;
    int64_t wait_ms = e->retry_after_ms >= 0 ? e->retry_after_ms : COOLING_GUESS_MS;

    if (kind == REFUSAL_NONE) {
        r->differs = true;
        return;
    }
    r->kinds |= BIT(kind);
    if (kind > r->kept || (kind == r->kept && wait_ms >= r->wait_ms))
        return;
    r->kept = kind;
    r->wait_ms = wait_ms;
    keep(r, d, e);
}

void refusal_note_cooling(struct refusal *r, enum outcome why)
{
    r->kinds |= BIT(why == OUTCOME_QUOTA  ? REFUSAL_QUOTA
                    : why == OUTCOME_AUTH ? REFUSAL_KEY
                                          : REFUSAL_THROTTLED);
}

void refusal_note_other(struct refusal *r)
{
    r->differs = true;
}

enum refusal_kind refusal_of_all(const struct refusal *r)
{
    if (r->differs)
        return REFUSAL_NONE;
    if (r->kinds == (BIT(REFUSAL_THROTTLED) | BIT(REFUSAL_QUOTA)))
        return REFUSAL_THROTTLED;
    for (int kind = 0; kind < N_REFUSAL_KINDS; kind++)
        if (r->kinds == BIT(kind))
            return (enum refusal_kind)kind;
    return REFUSAL_NONE;
}

bool refusal_needs_operator(enum refusal_kind kind)
{
    return kinds[kind].needs_operator;
}

void refusal_explain(enum refusal_kind kind, struct reply_error *e)
{
    e->status = kinds[kind].status;
    e->type = kinds[kind].type;
    e->code = kinds[kind].code;
    e->message = kinds[kind].message;
}
