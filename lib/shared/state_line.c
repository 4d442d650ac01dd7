/* state_line.c - the state line; state_line.h has the schema.
 *
 * Decoding is a walk over the fields with one function per kind of field.  The relations
 * between fields (until only while open, deadlines not in the past, none beyond its cap) are
 * checked at the end, so that a line either means something the scripts can have said or is
 * refused as a whole. */
#include "shared/state_line.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define MARK "1" /* version of this format */

static bool is_control(unsigned char c)
{
    return c < 0x20 || c == 0x7f;
}

/* "%XX" at i, in capitals, as the scripts write it; -1 for anything else. */
static int decode(struct str s, size_t i)
{
    int byte = text_percent(s, i);

    return byte >= 0 && s.ptr[i + 1] < 'a' && s.ptr[i + 2] < 'a' ? byte : -1;
}

bool state_line_unword(struct str s, char *out, size_t cap)
{
    size_t n = 0;
    bool dash = s.len == 3 && memcmp(s.ptr, "%2D", 3) == 0; /* the word "-" itself */

    out[0] = '\0';
    if (str_eqz(s, "-"))
        return true;
    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];

        if (c == '%') {
            int byte = decode(s, i);

            if (byte < 0)
                return false;
            c = (unsigned char)byte;
            if (is_control(c) || (text_is_plain_byte((char)c) && !dash))
                return false;
            i += 2;
        } else if (!text_is_plain_byte((char)c)) {
            return false;
        }
        if (n + 1 >= cap)
            return false;
        out[n++] = (char)c;
    }
    out[n] = '\0';
    return true;
}

int state_line_word(struct buf *out, const char *word)
{
    if (word[0] == '\0')
        return buf_append(out, "-", 1);
    if (strcmp(word, "-") == 0)
        return buf_append(out, "%2D", 3);
    for (const char *c = word; *c != '\0'; c++) {
        unsigned char byte = (unsigned char)*c;
        int rc =
            text_is_plain_byte(*c) ? buf_append(out, c, 1) : buf_appendf(out, "%%%02X", byte);

        if (is_control(byte) || rc < 0)
            return -1;
    }
    return 0;
}

static bool read_state(struct str s, enum breaker_state *out)
{
    for (int i = 0; i < N_BREAKER_STATES; i++) {
        if (str_eqz(s, breaker_state_name((enum breaker_state)i))) {
            *out = (enum breaker_state)i;
            return true;
        }
    }
    return false;
}

static bool read_forced(struct str s, enum view_forced *out)
{
    for (int i = 0; i < N_VIEW_FORCED; i++) {
        if (str_eqz(s, view_forced_name((enum view_forced)i))) {
            *out = (enum view_forced)i;
            return true;
        }
    }
    return false;
}

static bool read_gen(struct str s, char *out)
{
    if (s.len == 0 || s.len > VIEW_GEN_MAX)
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (!text_is_plain_byte(s.ptr[i]))
            return false;
    memcpy(out, s.ptr, s.len);
    out[s.len] = '\0';
    return true;
}

static bool is_within(int64_t deadline_ms, int64_t now_ms, int64_t max_ms)
{
    return deadline_ms >= now_ms && deadline_ms - now_ms <= max_ms;
}

static bool is_consistent(const struct state_line *l)
{
    if (l->slot[0] == '\0' || l->ep == 0)
        return false;
    if (l->st == BREAKER_OPEN ? !is_within(l->until_ms, l->now_ms, STATE_LINE_OPEN_MAX_MS)
                              : l->until_ms != 0)
        return false;
    if (l->funtil_ms != 0 && (l->forced == VIEW_AUTO || l->funtil_ms < l->now_ms))
        return false;
    if (l->ramp_ms != 0 &&
        (l->st != BREAKER_CLOSED || !is_within(l->now_ms, l->ramp_ms, STATE_LINE_RAMP_MAX_MS)))
        return false;
    if ((l->doubt && l->st != BREAKER_OPEN) ||
        (l->cools != COOLING_WHY_THROTTLED && l->lim_ms == 0))
        return false;
    return l->lim_ms == 0 || is_within(l->lim_ms, l->now_ms, STATE_LINE_LIM_MAX_MS);
}

enum field {
    F_MARK,
    F_GEN,
    F_VER,
    F_NOW,
    F_KEY,
    F_ST,
    F_EP,
    F_UNTIL,
    F_N,
    F_FORCED,
    F_FUNTIL,
    F_WHY,
    F_BY,
    F_LIM,
    N_FIELDS, /* that every line has */
    F_RAMP = N_FIELDS,
    F_DOUBT,
    F_COOLS,
    N_FIELDS_MAX
};

static bool read_u64(struct str s, uint64_t *out)
{
    int64_t n;

    if (!str_to_whole(s, STATE_LINE_NUMBER_MAX, &n))
        return false;
    *out = (uint64_t)n;
    return true;
}

static bool read_ms(struct str s, int64_t *out)
{
    return str_to_whole(s, STATE_LINE_NUMBER_MAX, out);
}

/* Another word, or what a later version has there, says nothing. */
static enum cooling_why read_cools(const struct str *f, int n)
{
    for (int i = COOLING_WHY_QUOTA; n > F_COOLS && i < N_COOLING_WHY; i++)
        if (str_eqz(f[F_COOLS], cooling_why_name((enum cooling_why)i)))
            return (enum cooling_why)i;
    return COOLING_WHY_THROTTLED;
}

/* The fields that routers of the first versions did not know: each only where it differs from
 * what its absence says, or where more follows. */
static bool read_optional(const struct str *f, int n, bool more, struct state_line *out)
{
    more = more || n > F_COOLS;
    out->ramp_ms = 0;
    out->cools = read_cools(f, n);
    out->doubt = n > F_DOUBT && str_eqz(f[F_DOUBT], "1");
    if (n > F_DOUBT && !out->doubt && !(more && str_eqz(f[F_DOUBT], "0")))
        return false;
    return n <= F_RAMP ||
           (read_ms(f[F_RAMP], &out->ramp_ms) && (out->doubt || out->ramp_ms != 0 || more));
}

/* What a later version says behind the fields that this one knows. */
static bool is_passable(struct str rest)
{
    while (rest.ptr != NULL) {
        struct str field = str_split(rest, ' ', &rest);

        for (size_t i = 0; i < field.len; i++)
            if (field.ptr[i] <= ' ' || field.ptr[i] > '~')
                return false;
        if (field.len == 0)
            return false;
    }
    return true;
}

bool state_line_decode(struct str line, struct state_line *out)
{
    struct str f[N_FIELDS_MAX], rest = line;
    int64_t trips;
    int n = 0;

    if (line.len > VIEW_LINE_MAX)
        return false;
    while (n < N_FIELDS_MAX && rest.ptr != NULL)
        f[n++] = str_split(rest, ' ', &rest);
    if (n < N_FIELDS || !str_eqz(f[F_MARK], MARK) || !is_passable(rest) ||
        (n > F_COOLS && !is_passable(f[F_COOLS])) ||
        !read_optional(f, n, rest.ptr != NULL, out))
        return false;
    if (!read_gen(f[F_GEN], out->gen) || !read_u64(f[F_VER], &out->ver) ||
        !read_ms(f[F_NOW], &out->now_ms) ||
        !state_line_unword(f[F_KEY], out->slot, sizeof(out->slot)) ||
        !read_state(f[F_ST], &out->st) || !read_u64(f[F_EP], &out->ep) ||
        !read_ms(f[F_UNTIL], &out->until_ms) ||
        !str_to_whole(f[F_N], STATE_LINE_TRIPS_MAX, &trips) ||
        !read_forced(f[F_FORCED], &out->forced) || !read_ms(f[F_FUNTIL], &out->funtil_ms) ||
        !state_line_unword(f[F_WHY], out->why, sizeof(out->why)) ||
        !state_line_unword(f[F_BY], out->by, sizeof(out->by)) ||
        !read_ms(f[F_LIM], &out->lim_ms))
        return false;
    out->trips = (int)trips;
    return is_consistent(out);
}

int state_line_encode(struct buf *out, const struct state_line *l)
{
    struct buf b;
    int rc = -1;

    buf_init(&b, VIEW_LINE_MAX);
    if (!is_consistent(l) ||
        buf_appendf(&b, MARK " %s %llu %lld ", l->gen, (unsigned long long)l->ver,
                    (long long)l->now_ms) < 0 ||
        state_line_word(&b, l->slot) < 0 ||
        buf_appendf(&b, " %s %llu %lld %d %s %lld ", breaker_state_name(l->st),
                    (unsigned long long)l->ep, (long long)l->until_ms, l->trips,
                    view_forced_name(l->forced), (long long)l->funtil_ms) < 0 ||
        state_line_word(&b, l->why) < 0 || buf_append(&b, " ", 1) < 0 ||
        state_line_word(&b, l->by) < 0 || buf_appendf(&b, " %lld", (long long)l->lim_ms) < 0)
        goto out;
    bool cools = l->cools != COOLING_WHY_THROTTLED;

    if ((cools || l->doubt || l->ramp_ms != 0) &&
        buf_appendf(&b, " %lld%s", (long long)l->ramp_ms,
                    l->doubt ? " 1"
                    : cools  ? " 0"
                             : "") < 0)
        goto out;
    if (cools && buf_appendf(&b, " %s", cooling_why_name(l->cools)) < 0)
        goto out;
    rc = buf_append_str(out, buf_str(&b));
out:
    buf_release(&b);
    return rc;
}
