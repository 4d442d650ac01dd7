/* upstream_rig.h - an upstream, its raw server and clients that note what they are told. */
#ifndef TESTS_UNIT_UPSTREAM_UPSTREAM_RIG_H
#define TESTS_UNIT_UPSTREAM_UPSTREAM_RIG_H

#include "base/buf.h"
#include "upstream/upstream.h"
#include "upstream_server.h"

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

struct upstream_rig {
    struct event_base *base;
    struct upstream *up;
    struct upstream_server srv;
    struct config_upstream conf;
    int inside; /* depth of calls into upstream: no on_end may come then */
};

enum upstream_client_act { NOTHING, CANCEL, PAUSE, START_ANOTHER };

struct upstream_client {
    struct upstream_rig *rig;
    struct upstream_call *call;
    struct upstream_client *another; /* started or cancelled by this one's callback */
    enum upstream_client_act in_head, in_data, in_end;
    int heads, ends, datas, status;
    size_t n_fields;
    struct buf fields, body;
    size_t body_len; /* counted, also when body is full */
    bool data_while_paused;
    bool cancelled, told_late; /* a callback came after its own cancel */
    bool paused;
    struct upstream_end end;
};

/* r->conf may be filled before; what is 0 there gets a default. */
void upstream_rig_start(struct upstream_rig *r, const struct answer *answers, size_t n);
void upstream_rig_stop(struct upstream_rig *r);
/* Runs the loop until *value >= want; fails the test after 30 s. */
void upstream_rig_run_until(struct upstream_rig *r, const int *value, int want,
                            const char *what);
/* Lets everything that is ready happen, for ms. */
void upstream_rig_run_for(struct upstream_rig *r, int ms);

void upstream_client_init(struct upstream_client *c, struct upstream_rig *r);
void upstream_client_release(struct upstream_client *c);
void upstream_client_start(struct upstream_client *c, const struct upstream_request *req);
/* A small POST to the rig's server; auth, a whole header line, may be NULL. */
void upstream_client_post(struct upstream_rig *r, struct upstream_client *c, const char *auth);
/* init, post, and the loop until its end. */
void upstream_client_run(struct upstream_rig *r, struct upstream_client *c);

#define RIG(r, ...)                                                                            \
    static const struct answer answers_[] = {__VA_ARGS__};                                     \
    struct upstream_rig r = {0};                                                               \
    upstream_rig_start(&r, answers_, ARRAY_LEN(answers_))

#endif
