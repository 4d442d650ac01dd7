/* flow_world.h - a worker with its client port, a scripted upstream and raw clients, all in one
 * event loop.
 *
 * Nothing sleeps: flow_until() runs the loop until something is the case or FLOW_DEADLINE_MS
 * have passed. */
#ifndef FLOW_FLOW_WORLD_H
#define FLOW_FLOW_WORLD_H

#include "base/base.h"
#include "base/buf.h"
#include "router/server.h"
#include "router/worker.h"
#include "upstream_script.h"

#include <stdbool.h>
#include <stdint.h>

#define FLOW_DEADLINE_MS 30000

struct flow_world {
    struct event_base *base;
    struct config *conf;
    struct metrics *metrics;
    struct worker w;
    struct server *server;
    int listener;
};

/* Regions a, b and c (http://a.test/v1 ..., keys key-a ..., priorities 1, 2, 3; b's key goes in
 * x-api-key; c says X-Region: moon), then extra: more members of the config with ' for ", or
 * NULL. Fails the test when anything of it does not start. */
void flow_start(struct flow_world *f, const char *extra);
/* Also checks what must hold at the end of every test: no request, no attempt and no call is
 * left, and no call was made that the script did not know. */
void flow_stop(struct flow_world *f);
/* Runs the loop until is(arg).  false: it was not within the deadline. */
bool flow_until(struct flow_world *f, bool (*is)(void *arg), void *arg);
void flow_turn(struct flow_world *f); /* what is ready now, without waiting */
void flow_drain_loop(struct flow_world *f, int turns);

struct flow_client { /* one connection; raw bytes out, answers parsed */
    struct flow_world *f;
    int fd;
    struct buf in;
    struct event *readable;
    bool eof, reset; /* the peer closed, or reset */
};

struct flow_answer { /* the first whole answer among the bytes received */
    int status;      /* 0: no head yet */
    struct buf head; /* with its status line */
    struct buf body; /* unchunked */
    bool chunked;
    bool whole;   /* its framing ended properly */
    size_t bytes; /* of the input up to its end; 0: not whole */
};

void flow_open(struct flow_world *f, struct flow_client *c);
void flow_close(struct flow_client *c); /* a plain close */
void flow_kill(struct flow_client *c);  /* closes with a reset */
void flow_write(struct flow_client *c, struct str bytes);
/* POST path with body; more: further fields, each ended by CRLF, or NULL. */
void flow_post(struct flow_client *c, const char *path, const char *more, const char *body);
void flow_set_reading(struct flow_client *c, bool on); /* a client that stops reading */
/* Parses what there is; release with flow_answer_release. */
void flow_read(const struct flow_client *c, struct flow_answer *a);
/* Waits until the answer is whole or the connection is over. */
void flow_wait_answer(struct flow_client *c, struct flow_answer *a);
void flow_answer_release(struct flow_answer *a);
/* A field of the answer; ptr NULL when it is not there. */
struct str flow_field(const struct flow_answer *a, const char *name);
/* Waits until text stands in the bytes received. */
bool flow_wait_text(struct flow_client *c, const char *text);
bool flow_wait_calls(struct flow_world *f, size_t n);   /* so many were made */
bool flow_wait_running(struct flow_world *f, size_t n); /* so many are running */

/* POST /v1/chat/completions on a connection of its own, answer and close. */
void flow_ask(struct flow_world *f, const char *more, const char *body, struct flow_answer *a);

/* Occurrences of what in bytes. */
size_t flow_times(struct str bytes, const char *what);

#endif
