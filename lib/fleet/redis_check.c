/* redis_check.c - who checks a slot from outside, and what was seen. */
#include "fleet/shared_state_parts.h"

#include "base/str.h"
#include "redis/value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct asked { /* one check script under way; its callback comes exactly once */
    struct shared_state *s;
    size_t slot;
};

/* BUSY wait [result ago what] */
static bool take_busy(const struct redisReply *r, struct shared_state_check_answer *a)
{
    struct str result = redis_value_text(redis_value_at(r, 2)),
               what = redis_value_text(redis_value_at(r, 4));

    if (!redis_value_is(r, "BUSY") || !redis_value_number(redis_value_at(r, 1), &a->wait_ms))
        return false;
    if (result.len == 0)
        return true;
    a->other.known = redis_value_number(redis_value_at(r, 3), &a->other.ago_ms);
    a->other.ok = str_eqz(result, "ok");
    snprintf(a->other.what, sizeof(a->other.what), "%.*s", (int)(what.len & 0xffff), what.ptr);
    for (char *c = a->other.what; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    return a->other.known && what.len > 0;
}

static void on_checked(void *arg, const struct redisReply *r, const char *why)
{
    struct asked *asked = arg;
    struct shared_state *s = asked->s;
    struct shared_state_check_answer a = {.slot = asked->slot};

    free(asked);
    shared_state_hold(s);
    if (shared_state_usable(s, SCRIPT_CHECK, r, why)) {
        a.held = redis_value_is(r, "HELD");
        if (!a.held && !take_busy(r, &a))
            shared_state_rubbish(s, SCRIPT_CHECK);
        else if (s->ev.on_check != NULL)
            s->ev.on_check(s->ev.arg, &a);
    }
    shared_state_drop(s);
}

bool redis_check_lease(struct shared_state *s, size_t slot, int64_t lease_ms,
                       const struct shared_state_check *seen, int64_t took_ms)
{
    struct asked *asked;
    struct redis_args a;

    if (!redis_attach_is_level(s))
        return false;
    asked = xcalloc(1, sizeof(*asked));
    *asked = (struct asked){s, slot};
    shared_state_args(s, slot, 7, &a);
    redis_args_word(&a, s->router_id);
    redis_args_number(&a, lease_ms);
    if (seen != NULL) {
        redis_args_word(&a, seen->ok ? "ok" : "fail");
        redis_args_word(&a, seen->what);
        redis_args_number(&a, took_ms);
    }
    if (shared_state_run(s, SCRIPT_CHECK, &a, on_checked, asked) == 0)
        return true;
    free(asked);
    return false;
}
