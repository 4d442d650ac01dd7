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

#define YOUNG_MS     3000 /* as in lua/reassert.lua, which decides */
#define FIELDS       10
#define NUMBER_BYTES 24

struct words { /* one slot's, as the script wants them */
    char ver[NUMBER_BYTES], until[NUMBER_BYTES], n[NUMBER_BYTES], funtil[NUMBER_BYTES],
        lim[NUMBER_BYTES];
};

static const char *past_gen(const struct shared_state *s)
{
    const char *gen = view_gen(s->view);

    return gen[0] != '\0' ? gen : s->file.gen;
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

static void write_left(char *out, int64_t deadline_ms, int64_t now_ms)
{
    snprintf(out, NUMBER_BYTES, "%lld",
             (long long)(deadline_ms > now_ms ? deadline_ms - now_ms : 0));
}

static void write_key(const struct shared_state *s, size_t i, int64_t now_ms, struct words *w,
                      const char **args)
{
    const struct view_slot *k = view_get(s->view, i);
    enum view_forced forced = view_forced_now(k, now_ms);
    uint64_t ver = view_gen(s->view)[0] != '\0' ? k->ver : s->file.ver[i];

    snprintf(w->ver, sizeof(w->ver), "%llu", (unsigned long long)ver);
    snprintf(w->n, sizeof(w->n), "%d", k->trips);
    write_left(w->until, k->st == BREAKER_OPEN ? k->until_ms : 0, now_ms);
    if (k->forced_until_ms == VIEW_NEVER)
        snprintf(w->funtil, sizeof(w->funtil), "-");
    else
        write_left(w->funtil, k->forced_until_ms, now_ms);
    write_left(w->lim, k->lim_ms, now_ms);
    const char *row[FIELDS] = {k->name,   w->ver, breaker_state_name(k->st),
                               w->until,  w->n,   view_forced_name(forced),
                               w->funtil, k->why, k->by,
                               w->lim};

    memcpy(args, row, sizeof(row));
}

int redis_reassert_send(struct shared_state *s, struct str gen, redis_reply_cb *cb)
{
    size_t n = view_count(s->view);
    const char **args = xcalloc(4 + n * FIELDS, sizeof(*args));
    struct words *words = xcalloc(n + 1, sizeof(*words));
    char *to = xstrndup(gen.ptr, gen.len);
    int64_t now_ms = clock_mono_ms();

    args[0] = to;
    args[1] = s->router_id;
    args[2] = view_gen(s->view)[0] != '\0' ? "live" : "file";
    args[3] = past_gen(s);
    for (size_t i = 0; i < n; i++)
        write_key(s, i, now_ms, &words[i], args + 4 + i * FIELDS);
    int rc = shared_state_run(s, SCRIPT_REASSERT, args, 4 + n * FIELDS, cb, s);

    free(to);
    free(words);
    free(args);
    return rc;
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
    s->file.ver = xcalloc(view_count(s->view) + 1, sizeof(s->file.ver[0]));
    if (view_file_decode(text, s->fleet, clock_wall_ms(), clock_mono_ms(), s->view, s->file.gen,
                         s->file.ver, err) == 0)
        return 0;
    redis_reassert_forget_file(s);
    return -1;
}

void redis_reassert_forget_file(struct shared_state *s)
{
    free(s->file.ver);
    s->file.ver = NULL;
    s->file.gen[0] = '\0';
}
