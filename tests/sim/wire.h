/* wire.h - the network between routers and the simulated Redis, in place of redis/link.c: each
 * link keeps its order, no two links do, and any of them can be slow, cut, or deaf. */
#ifndef SIM_WIRE_H
#define SIM_WIRE_H

#include "server.h"

#include <stdbool.h>
#include <stdint.h>

struct wire_conf {
    int64_t delay_min_us, delay_max_us; /* one way */
    bool partitioned[64];               /* per router: nothing goes either way */
    bool deaf[64];                      /* its subscription's socket lives, nothing comes */
    int push_loss_percent;
    bool fails_silently; /* a server that dies says no goodbye */
};

/* One network at a time; server and conf are borrowed, conf may be changed at any time. */
void wire_start(struct server *s, struct wire_conf *conf);
/* Every link must have been freed. */
void wire_stop(void);
/* A message on the push channel, to all who listen. */
void wire_publish(const char *line);
/* The links made from now on are this router's; a router that crashes says no goodbye. */
void wire_crash(int router);
/* The server's process ended, or closes them: its connections break.  ended: perhaps without a
 * word. */
void wire_server_gone(bool ended);
/* What the server does with a command when it arrives. */
void wire_on_command(struct redisReply *(*cb)(void *arg, int router, int argc,
                                              const char *const *argv),
                     void *arg);

#endif
