/* redis_reassert.c - a router's last view, said again to a Redis that forgot it.
 *
 * A flush, a restart or a failover starts a new generation of the data, and what it knows may
 * be older than what routers know, or nothing.  So whoever attaches to a young generation says
 * first what it saw last, and takes the merged answer as its snapshot: there is no moment in
 * which a router that knows an operator's word has applied a view without it.
 *
 * A view that was read from disk is said again as well, but counts only where the new
 * generation follows the one it is of: it may be a day old. */
#include "fleet/shared_state_parts.h"

#include "base/clock.h"
#include "redis/value.h"
#include "shared/view_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define YOUNG_MS 3000 /* as in lua/reassert.lua, which decides */
#define FIELDS   10

struct redis_reassert { /* the view that was read from disk; gone with the first attach */
    char gen[VIEW_GEN_MAX + 1]; /* "": none */
    uint64_t *ver;              /* one per slot */
};

static const char *past_gen(const struct shared_state *s)
{
    const char *gen = view_gen(s->view);

    return gen[0] != '\0' ? gen : s->reassert->gen;
}

bool redis_reassert_is_due(const struct shared_state *s, const struct redisReply *attach)
{
    struct str gen = redis_value_text(redis_value_at(attach, 1));
    const char *past = past_gen(s);
    int64_t now_ms, born_ms;

    return past[0] != '\0' && gen.ptr != NULL && !str_eqz(gen, past) &&
           redis_value_number(redis_value_at(attach, 3), &now_ms) &&
           redis_value_number(redis_value_at(attach, 4), &born_ms) &&
           now_ms - born_ms < YOUNG_MS;
}

static void add_left(struct redis_args *a, int64_t deadline_ms, int64_t now_ms)
{
    redis_args_number(a, deadline_ms > now_ms ? deadline_ms - now_ms : 0);
}

static void add_slot(const struct shared_state *s, size_t i, int64_t now_ms,
                     struct redis_args *a)
{
    const struct view_slot *k = view_get(s->view, i);

    redis_args_word(a, k->name);
    redis_args_unsigned(a, view_gen(s->view)[0] != '\0' ? k->ver : s->reassert->ver[i]);
    redis_args_word(a, breaker_state_name(k->st));
    add_left(a, k->st == BREAKER_OPEN ? k->until_ms : 0, now_ms);
    redis_args_number(a, k->trips);
    redis_args_word(a, view_forced_name(view_forced_now(k, now_ms)));
    if (k->forced_until_ms == VIEW_NEVER)
        redis_args_word(a, "-");
    else
        add_left(a, k->forced_until_ms, now_ms);
    redis_args_word(a, k->why);
    redis_args_word(a, k->by);
    add_left(a, k->lim_ms, now_ms);
}

int redis_reassert_send(struct shared_state *s, struct str gen, redis_reply_cb *cb)
{
    char *to = xstrndup(gen.ptr, gen.len);
    int64_t now_ms = clock_mono_ms();
    struct redis_args a;

    redis_args_init(&a, 4 + view_count(s->view) * FIELDS);
    redis_args_word(&a, to);
    redis_args_word(&a, s->router_id);
    redis_args_word(&a, view_gen(s->view)[0] != '\0' ? "live" : "file");
    redis_args_word(&a, past_gen(s));
    for (size_t i = 0; i < view_count(s->view); i++)
        add_slot(s, i, now_ms, &a);
    int rc = shared_state_run(s, SCRIPT_REASSERT, &a, cb, s);

    free(to);
    return rc;
}

void redis_reassert_open(struct shared_state *s)
{
    s->reassert = xcalloc(1, sizeof(*s->reassert));
}

void redis_reassert_free(struct shared_state *s)
{
    redis_reassert_forget_file(s);
    free(s->reassert);
}

int redis_reassert_save(const struct shared_state *s, struct buf *out)
{
    return view_file_encode(out, s->fleet, s->view, clock_wall_ms(), clock_mono_ms());
}

int redis_reassert_restore(struct shared_state *s, struct str text, struct err *err)
{
    if (view_gen(s->view)[0] != '\0')
        return err_set(err, ERR_CONFLICT, "the fleet's own view is there already");
    redis_reassert_forget_file(s);
    s->reassert->ver = xcalloc(view_count(s->view) + 1, sizeof(s->reassert->ver[0]));
    if (view_file_decode(text, s->fleet, clock_wall_ms(), clock_mono_ms(), s->view,
                         s->reassert->gen, s->reassert->ver, err) == 0)
        return 0;
    redis_reassert_forget_file(s);
    return -1;
}

void redis_reassert_forget_file(struct shared_state *s)
{
    free(s->reassert->ver);
    s->reassert->ver = NULL;
    s->reassert->gen[0] = '\0';
}
