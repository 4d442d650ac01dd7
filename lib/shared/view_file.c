/* view_file.c - a view as a small text; view_file.h has the form and the rules. */
#include "shared/view_file.h"

#include "shared/state_line.h"

#include <stdlib.h>
#include <string.h>

#define MARK "sluice-view 1"

/* A monotonic deadline on the wall clock; one that has passed ends now. */
static int64_t on_wall(int64_t deadline_ms, int64_t wall_ms, int64_t mono_ms)
{
    return deadline_ms > mono_ms ? wall_ms + (deadline_ms - mono_ms) : wall_ms;
}

static int encode_slot(struct buf *out, const struct view *v, const struct view_slot *k,
                       int64_t wall_ms, int64_t mono_ms)
{
    struct state_line l = {.ver = k->ver,
                           .now_ms = wall_ms,
                           .st = k->st,
                           .ep = k->ep,
                           .trips = k->trips,
                           .forced = view_forced_now(k, mono_ms)};

    str_copy(l.gen, sizeof(l.gen), view_gen(v));
    str_copy(l.slot, sizeof(l.slot), k->name);
    str_copy(l.why, sizeof(l.why), k->why);
    str_copy(l.by, sizeof(l.by), k->by);
    if (k->st == BREAKER_OPEN)
        l.until_ms = on_wall(k->until_ms, wall_ms, mono_ms);
    if (l.forced != VIEW_AUTO && k->forced_until_ms != VIEW_NEVER)
        l.funtil_ms = on_wall(k->forced_until_ms, wall_ms, mono_ms);
    if (k->lim_ms > mono_ms)
        l.lim_ms = on_wall(k->lim_ms, wall_ms, mono_ms);
    return state_line_encode(out, &l) < 0 || buf_append(out, "\n", 1) < 0 ? -1 : 0;
}

int view_file_encode(struct buf *out, const char *fleet, const struct view *v, int64_t wall_ms,
                     int64_t mono_ms)
{
    if (view_gen(v)[0] == '\0' || view_count(v) > VIEW_FILE_LINES_MAX ||
        buf_appendf(out, MARK " %s %lld %zu\n", fleet, (long long)wall_ms, view_count(v)) < 0)
        return -1;
    for (size_t i = 0; i < view_count(v); i++)
        if (encode_slot(out, v, view_get(v, i), wall_ms, mono_ms) < 0)
            return -1;
    return buf_append(out, "end\n", 4);
}

struct head {
    int64_t wall_ms, lines;
};

static int decode_head(struct str line, const char *fleet, struct head *h, struct err *err)
{
    struct str rest = line;
    struct str word = str_split(rest, ' ', &rest);
    struct str version = rest.ptr != NULL ? str_split(rest, ' ', &rest) : rest;
    struct str name = rest.ptr != NULL ? str_split(rest, ' ', &rest) : rest;
    struct str wall = rest.ptr != NULL ? str_split(rest, ' ', &rest) : rest;

    if (!str_eqz(word, "sluice-view") || !str_eqz(version, "1") || rest.ptr == NULL ||
        !str_to_whole(wall, STATE_LINE_NUMBER_MAX, &h->wall_ms) ||
        !str_to_whole(rest, VIEW_FILE_LINES_MAX, &h->lines))
        return err_set(err, ERR_SYNTAX, "line 1 is not '" MARK " FLEET TIME LINES'");
    if (!str_eqz(name, fleet))
        return err_set(err, ERR_SYNTAX, "line 1 names another fleet than '%s'", fleet);
    return 0;
}

/* Exactly the promised lines, of one generation and one moment, then "end". */
static int decode_lines(struct str rest, const struct head *h, struct state_line *l,
                        struct err *err)
{
    for (int64_t i = 0; i < h->lines; i++) {
        struct str line = {NULL, 0};

        if (rest.ptr != NULL)
            line = str_split(rest, '\n', &rest);
        if (line.ptr == NULL || rest.ptr == NULL || !state_line_decode(line, &l[i]) ||
            l[i].now_ms != h->wall_ms || strcmp(l[i].gen, l[0].gen) != 0)
            return err_set(err, ERR_SYNTAX, "line %lld is not a state line of that time",
                           (long long)i + 2);
    }
    if (!str_eqz(rest, "end\n"))
        return err_set(err, ERR_SYNTAX, "line %lld is not the end", (long long)h->lines + 2);
    return 0;
}

/* What is left of l after age_ms, in this process' monotonic time.  false: nothing. */
static bool revive(const struct state_line *l, int64_t age_ms, int64_t mono_ms,
                   struct view_slot *k)
{
    int64_t at_ms = mono_ms - age_ms - l->now_ms; /* plus a deadline: that one, monotonic */
    bool young = age_ms <= VIEW_FILE_OPEN_MS;
    bool ran_out = l->funtil_ms != 0 && l->funtil_ms + at_ms <= mono_ms;

    *k = (struct view_slot){
        .ep = l->ep, .st = BREAKER_CLOSED, .forced_until_ms = VIEW_NEVER, .trips = l->trips};
    if (young && l->st != BREAKER_CLOSED) {
        k->st = BREAKER_OPEN;
        k->until_ms = mono_ms;
        if (l->until_ms + at_ms > mono_ms)
            k->until_ms = l->until_ms + at_ms;
    }
    if (young && l->lim_ms + at_ms > mono_ms)
        k->lim_ms = l->lim_ms + at_ms;
    if (l->forced != VIEW_AUTO && !ran_out) {
        k->forced = l->forced;
        k->forced_until_ms = l->funtil_ms != 0 ? l->funtil_ms + at_ms : VIEW_NEVER;
    }
    str_copy(k->why, sizeof(k->why), l->why);
    str_copy(k->by, sizeof(k->by), l->by);
    return k->st != BREAKER_CLOSED || k->lim_ms != 0 || k->forced != VIEW_AUTO;
}

int view_file_decode(struct str text, const char *fleet, int64_t wall_ms, int64_t mono_ms,
                     struct view *v, char *gen, uint64_t *ver, struct err *err)
{
    struct str rest = text, first = str_split(rest, '\n', &rest);
    struct state_line *l = NULL;
    struct head h = {0};
    int rc = -1;

    gen[0] = '\0';
    memset(ver, 0, view_count(v) * sizeof(ver[0]));
    if (text.len > VIEW_FILE_MAX_BYTES) {
        err_set(err, ERR_LIMIT, "it is longer than %zu bytes", VIEW_FILE_MAX_BYTES);
        goto out;
    }
    if (decode_head(first, fleet, &h, err) < 0)
        goto out;
    l = xcalloc((size_t)h.lines + 1, sizeof(*l));
    if (decode_lines(rest, &h, l, err) < 0)
        goto out;
    if (h.wall_ms - wall_ms > VIEW_FILE_AHEAD_MS) {
        err_set(err, ERR_RANGE, "it was written %lld s ahead of this host's clock",
                (long long)(h.wall_ms - wall_ms) / 1000);
        goto out;
    }
    rc = 0;
    int64_t age_ms = wall_ms > h.wall_ms ? wall_ms - h.wall_ms : 0;

    for (int64_t i = 0; age_ms <= VIEW_FILE_FORCED_MS && i < h.lines; i++) {
        int k = view_find(v, str_of(l[i].slot));
        struct view_slot slot;

        if (k < 0)
            continue;
        memcpy(gen, l[i].gen, sizeof(l[i].gen));
        ver[k] = l[i].ver;
        if (revive(&l[i], age_ms, mono_ms, &slot))
            view_restore(v, (size_t)k, &slot);
    }
out:
    free(l);
    return rc;
}
