/* session.h - one conversation with Redis, call by call: a CLI may wait.
 *
 * Below it is the same link that routers use, on an event base of its own; every wait here ends
 * by an answer, by a deadline or by a signal.  The process has to ignore SIGPIPE. */
#ifndef ADMIN_SESSION_H
#define ADMIN_SESSION_H

#include "base/base.h"
#include "base/err.h"
#include "shared/names.h"
#include "shared/snapshot.h"
#include "redis/error.h"
#include "redis/tls.h"
#include "shared/scripts.h"

#include <stdbool.h>
#include <stdint.h>

struct redisReply;
struct session;

#define SESSION_CONNECT_MS 3000 /* from the name lookup to the first answer */
#define SESSION_COMMAND_MS 5000 /* for one command's answer */

struct session_conf {
    const char *url;   /* may carry a password: it is never shown */
    const char *fleet; /* as keys_name wants it */
    struct redis_tls_conf tls;
    int64_t connect_ms, command_ms;
};

/* Connects.  NULL with a sentence: the URL is wrong (ERR_SYNTAX ...), or nobody answers there
 * (ERR_STORE). */
struct session *session_open(const struct session_conf *conf, struct err *err) MUST_CHECK;
void session_close(struct session *s); /* NULL is fine */

const char *session_where(const struct session *s); /* the URL without its secrets */
/* The URL names one host, by its address: nothing leads elsewhere while that one is down. */
bool session_has_one_address(const struct session *s);
const char *session_fleet(const struct session *s);
struct names_text session_push(const struct session *s); /* the fleet's channel */

/* Reads a reply that is no error reply; borrowed for the call.  -1 with err: it makes no
 * sense. */
typedef int session_decode(void *arg, const struct redisReply *r, struct err *err);

/* Each waits for the answer and hands it to decode.  A lost connection is made anew before the
 * call; one that is lost during it, or gives no answer in time and is given up for that, may
 * have done its work or not: -1 with ERR_STORE, and session_is_lost().  Error replies by name become sentences with ERR_STORE too, but for what a
 * script says about its arguments (ERR_RANGE). */
int session_script(struct session *s, enum script which, const char *const *args, size_t n_args,
                   session_decode *decode, void *arg, struct err *err) MUST_CHECK;
int session_command(struct session *s, int argc, const char *const *argv,
                    session_decode *decode, void *arg, struct err *err) MUST_CHECK;
bool session_is_lost(const struct session *s); /* no connection now */
/* The error reply that the last call got, or its connecting; NONE: none. */
enum redis_error session_error(const struct session *s);

/* The fleet as it is; the caller calls snapshot_release either way. */
int session_snapshot(struct session *s, struct snapshot *out, struct err *err) MUST_CHECK;

/* From now on SIGINT and SIGTERM end waits instead of the process. */
void session_catch_signals(struct session *s);
bool session_is_interrupted(const struct session *s);
void session_sleep(struct session *s, int64_t ms); /* returns early when interrupted */

#endif
