/* upgrade.h - this process becomes another program: the one that its command line names now.
 *
 * That program is first asked, as a child, whether it could go on here: with this config, on
 * these sockets.  Who says no, or does not know the question, never runs. */
#ifndef ROUTER_UPGRADE_H
#define ROUTER_UPGRADE_H

#include "router/handover.h"

#include <signal.h>

#define UPGRADE_CHECK    "--upgrade-check"     /* the question, beside -c FILE */
#define UPGRADE_YES      "goes on as version " /* the answer, before the version */
#define UPGRADE_SAYS_MAX 256

struct upgrade_check; /* a child that is asked */

struct upgrade_program {
    char *const *argv;       /* our own command line */
    const char *config;      /* the file */
    const sigset_t *blocked; /* signals that a new program starts with */
};

/* NULL with err.  h is borrowed for the call. */
struct upgrade_check *upgrade_check_new(const struct upgrade_program *p,
                                        const struct handover *h, struct err *err);
void upgrade_check_free(struct upgrade_check *c); /* a child that still runs is killed */
pid_t upgrade_check_pid(const struct upgrade_check *c);
bool upgrade_check_is_late(const struct upgrade_check *c, int64_t now_ms);
/* The child has ended with status and was waited for.  0: it goes on, says is its version; -1
 * with err: what it said instead. */
int upgrade_check_ended(struct upgrade_check *c, int status, char says[UPGRADE_SAYS_MAX],
                        struct err *err) MUST_CHECK;

/* Returns on failure alone, with err, and then nothing has changed. */
void upgrade_run(const struct upgrade_program *p, const struct handover *h, struct err *err);

#endif
