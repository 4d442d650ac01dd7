/* facts.h - what a doctor asks Redis, apart from the fleet's own state. */
#ifndef ADMIN_DOCTOR_FACTS_H
#define ADMIN_DOCTOR_FACTS_H

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct session;

enum doctor_known { DOCTOR_UNKNOWN, DOCTOR_NO, DOCTOR_YES };

struct doctor_facts {
    int64_t latency_us; /* the middle one of some round trips */

    bool has_info; /* else the user may not, and the fields of this block are empty */
    char version[32], role[16], master_link[16], run[64], policy[32];
    int64_t maxmemory_bytes, used_bytes, replicas;
    enum doctor_known aof;
    bool is_cluster; /* a node of one */

    bool one_address;   /* the URL names one host, by its address */
    bool shards_denied; /* a Cluster's nodes cannot be learned */

    enum doctor_known save_points; /* CONFIG GET save, where allowed */

    bool has_meta;                 /* the fleet's meta key could be read and is there */
    char meta_run[64];             /* run id under which the generation began */
    int64_t time_ms, meta_last_ms; /* Redis' clock now, and when it was last written */

    int64_t subscribers; /* of the push channel; -1: the user may not ask */
    char denied[256];    /* commands that routers need and this user may not: "publish, del" */
};

/* Asks everything it may.  What Redis refuses stays unknown; -1 with err only when the
 * connection is lost. */
int doctor_facts_gather(struct doctor_facts *f, struct session *s, struct err *err) MUST_CHECK;

/* Fills version .. aof from the text of INFO. */
void doctor_facts_info(struct doctor_facts *f, struct str info);

#endif
