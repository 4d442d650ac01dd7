/* handover.h - what a supervisor hands to the program that it becomes: the sockets and who
 * still serves on them, as text in the environment.
 *
 *     sluice 1             the form; who does not know it refuses
 *     pid 812              whose environment it is
 *     listen 127.0.0.1:80  the address of the sockets, admin_listen that of the control
 *     socket 5             a descriptor; one line per worker
 *     control 7
 *     serving 840          a worker; draining 831: one that takes nobody new
 *
 * A line of a name that is not known is passed over. */
#ifndef ROUTER_HANDOVER_H
#define ROUTER_HANDOVER_H

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "config/config.h"

#include <sys/types.h>

struct handover_list {
    int *at; /* descriptors, or pids */
    int n;
};

struct handover {
    char *listen, *admin_listen;
    struct handover_list sockets, serving, draining;
    int control; /* -1: none */
};

void handover_init(struct handover *h);
void handover_release(struct handover *h);
void handover_add(struct handover_list *list, int value);

int handover_format(const struct handover *h, pid_t pid, struct buf *out) MUST_CHECK;
/* h is initialised.  -1 with err. */
int handover_parse(struct handover *h, const char *text, pid_t pid, struct err *err) MUST_CHECK;

/* That of pid from our own environment, which then has none.  1; 0: there is none; -1: err. */
int handover_take(struct handover *h, pid_t pid, struct err *err) MUST_CHECK;
int handover_give(const struct handover *h, pid_t pid, struct err *err) MUST_CHECK;
void handover_forget(void); /* our environment has none */

/* Whether conf can serve on these sockets; -1 with err: what it would change. */
int handover_fits(const struct handover *h, const struct config *conf,
                  struct err *err) MUST_CHECK;
/* Lets the descriptors pass an exec, or not. */
void handover_pass_on(const struct handover *h, bool pass);
int handover_check_sockets(const struct handover *h, struct err *err) MUST_CHECK;

#endif
