/* override.c - an operator's word: said to the fleet, and waited for. */
#include "admin/override.h"

#include "admin/session.h"
#include "base/clock.h"
#include "base/rand.h"
#include "base/str.h"
#include "base/text.h"
#include "base/utf8.h"
#include "redis/value.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_TTL_MS    INT64_C(3600000)
#define SNAPSHOT_FIRST_MS 10
#define SNAPSHOT_LAST_MS  200

/* ---- what is said ---- */

void override_actor(char *out, size_t cap)
{
    const char *user = getenv("SUDO_USER");
    const struct passwd *pw = getpwuid(getuid());
    char host[65] = "", number[32];

    if (user == NULL || user[0] == '\0')
        user = getenv("USER");
    if ((user == NULL || user[0] == '\0') && pw != NULL)
        user = pw->pw_name;
    if (user == NULL || user[0] == '\0') {
        snprintf(number, sizeof(number), "uid%lu", (unsigned long)getuid());
        user = number;
    }
    if (gethostname(host, sizeof(host) - 1) < 0)
        str_copy(host, sizeof(host), "localhost");
    snprintf(out, cap, "%.48s@%s", user, host);
    for (char *c = out; *c != '\0'; c++)
        if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f)
            *c = '?';
}

static int check_reason(const char *reason, struct err *err)
{
    const unsigned char *p = (const unsigned char *)reason;
    size_t len = strlen(reason);

    if (len > VIEW_WORD_MAX)
        return err_set(err, ERR_LIMIT,
                       "the reason has %zu bytes and travels with every state message: want at "
                       "most %d, a ticket's number perhaps",
                       len, VIEW_WORD_MAX);
    for (size_t i = 0, n; i < len; i += n) {
        n = utf8_len(p + i, len - i);
        if (n == 0)
            return err_set(err, ERR_SYNTAX, "the reason is no UTF-8 at byte %zu", i + 1);
        if (p[i] < 0x20 || p[i] == 0x7f || (n == 2 && p[i] == 0xc2 && p[i + 1] < 0xa0))
            return err_set(
                err, ERR_SYNTAX,
                "the reason has a control character at byte %zu: want one line of text", i + 1);
    }
    return 0;
}

static int set_id(struct override *o, const char *given, struct err *err)
{
    struct rand r;

    if (given == NULL) {
        rand_init_os(&r);
        snprintf(o->id, sizeof(o->id), "%016llx%016llx", (unsigned long long)rand_u64(&r),
                 (unsigned long long)rand_u64(&r));
        return 0;
    }
    if (given[0] == '\0' || !text_is_alnum_or(str_of(given), "._:-") ||
        !str_copy(o->id, sizeof(o->id), given))
        return err_set(err, ERR_SYNTAX,
                       "--request-id is no good: want 1..%d letters, digits, "
                       "'.', '_', ':' and '-'",
                       OVERRIDE_ID_MAX);
    return 0;
}

static enum view_forced word_of(const char *word)
{
    for (int i = 0; i < N_VIEW_FORCED; i++)
        if (strcmp(view_forced_name((enum view_forced)i), word) == 0)
            return (enum view_forced)i;
    abort(); /* the command table has no other */
}

int override_init(struct override *o, const char *word, const struct args *a, struct err *err)
{
    memset(o, 0, sizeof(*o));
    o->word = word_of(word);
    if (o->word != VIEW_AUTO)
        o->ttl_ms = args_has(a, ARGS_FOR) ? a->number[ARGS_FOR] : DEFAULT_TTL_MS;
    o->reason = args_has(a, ARGS_REASON) ? a->text[ARGS_REASON] : "";
    o->expect_epoch = a->number[ARGS_EXPECT_EPOCH];
    o->reset = args_has(a, ARGS_RESET);
    override_actor(o->actor, sizeof(o->actor));
    if (check_reason(o->reason, err) < 0)
        return -1;
    return set_id(o, a->text[ARGS_REQUEST_ID], err);
}

/* ---- saying it ---- */

static int take_result(void *arg, const struct redisReply *r, struct err *err)
{
    struct override_result *out = arg;
    int64_t ver;
    char said[200];

    memset(out, 0, sizeof(*out));
    out->conflict = redis_value_is(r, "CONFLICT");
    out->unknown = redis_value_is(r, "UNKNOWN");
    if (out->unknown)
        return 0;
    if ((out->conflict || redis_value_is(r, "OK")) &&
        redis_value_number(redis_value_at(r, 1), &ver) &&
        state_line_decode(redis_value_text(redis_value_at(r, 2)), &out->line)) {
        out->ver = (uint64_t)ver;
        return 0;
    }
    redis_value_show(r, said, sizeof(said));
    return err_set(err, ERR_STORE, "Redis answered the force script with %s", said);
}

int override_say(const struct override *o, struct session *s, struct override_result *out,
                 struct err *err)
{
    char ttl[24], epoch[24];
    const char *args[] = {"-",   o->region, view_forced_name(o->word), ttl, o->actor, o->reason,
                          epoch, o->id,     o->reset ? "reset" : ""};

    snprintf(ttl, sizeof(ttl), "%lld", (long long)o->ttl_ms);
    snprintf(epoch, sizeof(epoch), "%lld", (long long)o->expect_epoch);
    if (o->expect_epoch < 0)
        str_copy(epoch, sizeof(epoch), "-");
    if (session_script(s, SCRIPT_FORCE, args, ARRAY_LEN(args), take_result, out, err) == 0)
        return 0;
    if (!session_is_lost(s) || session_is_interrupted(s))
        return -1;
    return session_script(s, SCRIPT_FORCE, args, ARRAY_LEN(args), take_result, out, err);
}

/* ---- waiting ---- */

static bool all_applied(const struct snapshot *snapshot, uint64_t ver)
{
    for (size_t i = 0; i < snapshot->n_routers; i++)
        if (snapshot->routers[i].applied < (int64_t)ver)
            return false;
    return true;
}

int override_wait(struct session *s, const char *gen, uint64_t ver, int64_t deadline_ms,
                  struct snapshot *snapshot, struct err *err)
{
    int64_t step_ms = SNAPSHOT_FIRST_MS, end_ms = clock_mono_ms() + deadline_ms, left_ms;

    memset(snapshot, 0, sizeof(*snapshot));
    for (;;) {
        snapshot_release(snapshot);
        if (session_snapshot(s, snapshot, err) < 0)
            return -1;
        left_ms = end_ms - clock_mono_ms();
        if (strcmp(snapshot->gen, gen) != 0 || all_applied(snapshot, ver) || left_ms <= 0 ||
            session_is_interrupted(s))
            return 0;
        session_sleep(s, step_ms < left_ms ? step_ms : left_ms);
        step_ms = step_ms * 2 < SNAPSHOT_LAST_MS ? step_ms * 2 : SNAPSHOT_LAST_MS;
    }
}
