/* region.h - the simulated region: listeners, connections, what they share. */
#ifndef REGION_REGION_H
#define REGION_REGION_H

#include "tests/region/answer.h"
#include "base/err.h"
#include "tests/region/fault.h"
#include "tests/region/journal.h"
#include "tests/region/wire.h"

#include <event2/event.h>

#include <netinet/in.h>
#include <sys/socket.h>

struct region_conf {
    const char *listen, *control; /* HOST:PORT, port 0: any; control NULL: none */
    const char *require_key;      /* NULL: any key, or none */
    struct voice voice;
    int64_t events, chunk_bytes; /* -1: as the request has it */
    size_t log_max;
    FILE *log_file; /* taken */
};

struct region_door { /* one listening address */
    struct region *region;
    int fd, holder; /* -1: closed; holder keeps the port while it is */
    struct sockaddr_storage addr;
    socklen_t addr_len;
    struct event *accept;
};

struct peer;
TAILQ_HEAD(peers, peer);

struct region {
    struct region_conf conf;
    struct event_base *base;
    struct region_door door, control;
    struct event *heal;   /* opens the door again when "refuse" is over */
    struct event *breath; /* accepts again after a shortage of descriptors */
    struct fault_set faults;
    struct journal journal;
    struct peers peers;
    uint64_t n_peers;
    /* scratch: used inside one call, never across two */
    struct wire_request req;
    struct prompt prompt;
    char input[65536];
    /* the last plain answer, for a caller that sends the same body again and again */
    enum prompt_kind memo_kind;
    struct buf memo_body, memo_answer;
};

/* conf is copied, its strings borrowed.  NULL with err when an address cannot be had. */
struct region *region_new(struct event_base *base, const struct region_conf *conf,
                          struct err *err);
void region_free(struct region *r);
int region_port(const struct region_door *door); /* 0: closed for good */

/* Faults changed: closes or opens the door as they say. */
void region_apply_faults(struct region *r);

#endif
