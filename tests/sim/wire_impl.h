/* wire_impl.h - the inside of wire*.c; nobody else includes it. */
#ifndef SIM_WIRE_IMPL_H
#define SIM_WIRE_IMPL_H

#include "redis/link.h"
#include "vtime.h"
#include "wire.h"

struct redis_owner { /* of a link */
    struct redis_owner *next;
    struct redis_link *link;
    struct redis_owner_conf conf;
};

struct wire_message {
    struct wire_message *next;
    int64_t at_us;
    int argc; /* a command's */
    char **argv;
    struct redisReply *reply; /* an answer, or a push */
    redis_reply_cb *cb;       /* NULL: already called */
    void *arg;
    void (*release)(void *arg);
    const struct redis_owner *from;
    int64_t sent_us;
    bool sent_off; /* the server has it */
};

struct wire_pipe {
    struct wire_message *head, **tail;
    struct vtime_job *job;
    int64_t last_us;
};

struct redis_link {
    struct redis_link *next; /* of the network */
    struct redis_link_conf conf;
    struct redis_link_ops ops;
    void *arg;
    struct redis_owner *owners;
    int owner; /* the router */
    char name[64];
    bool started, up, subscribed, freed, lost; /* lost: the server does not know it any more */
    int server_life;
    unsigned failures;
    struct wire_pipe out, in;
    struct wire_message *waiting; /* sent commands whose answer has not come */
    struct vtime_job *try, *deadline;
};

void wire_add(struct redis_link *l); /* to the network */
void wire_message_free(struct wire_message *m);
void wire_pipe_clear(struct wire_pipe *p);
void wire_push_back(struct redis_link *l, struct wire_pipe *p, struct wire_message *m,
                    void (*pump)(void *));
void wire_plan_try(struct redis_link *l, int64_t ms);
void wire_plan_deadline(struct redis_link *l); /* of the commands that wait */
void wire_pump_out(void *link);                /* jobs */
void wire_on_reset(void *link);

#endif
