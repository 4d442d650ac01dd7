/* run.h - one run of sluice-admin: what was asked, where it prints, whom it talks to. */
#ifndef ADMIN_RUN_H
#define ADMIN_RUN_H

#include "admin/args.h"
#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "shared/snapshot.h"

#include <stdbool.h>
#include <stdio.h>

struct session;

enum run_status { RUN_OK = 0, RUN_FAILED = 1, RUN_USAGE = 2, RUN_NO_STORE = 3 };

#define RUN_OUTPUT_MAX (64u << 20)

struct run {
    const struct args *args;
    const char *const *words; /* behind the command's name */
    size_t n_words;
    const char *command; /* "region down" */
    FILE *out, *err;
    bool terminal, colour;   /* of out */
    struct session *session; /* after run_connect */
};

/* A command's exit status; when it is not RUN_OK, err may hold the sentence to print. */
typedef enum run_status command_run(struct run *run, struct err *err);

/* Which Redis and which fleet: options, then the config file, then the environment.  Connects;
 * RUN_OK, or the status with err set. */
enum run_status run_connect(struct run *run, struct err *err) MUST_CHECK;
/* The fleet as it is; the caller calls snapshot_release either way.  A fleet that no router
 * ever joined is an error here. */
enum run_status run_snapshot(struct run *run, struct snapshot *out, struct err *err) MUST_CHECK;
/* The status that goes with an error: away is RUN_NO_STORE. */
enum run_status run_status(const struct err *err);

/* Writes what stands in out, and flushes.  RUN_FAILED with err when nobody can read it; with an
 * empty sentence when the reader merely went away ("| head"). */
enum run_status run_print(struct run *run, const struct buf *out, struct err *err) MUST_CHECK;
/* For an output that does not fit RUN_OUTPUT_MAX: RUN_FAILED with err. */
enum run_status run_too_large(struct err *err);

/* "sluice-admin: ", the sentence without what could steer a terminal, and a line's end; nothing
 * for an empty one.  What a server says may be in it. */
void run_complain(FILE *to, const char *sentence);

/* The slot called name, or NULL with a sentence that names the nearest and the known ones. */
const struct snapshot_slot *run_find_region(const struct run *run,
                                            const struct snapshot *snapshot, const char *name,
                                            struct err *err);

#endif
