/* state_file.h - the fleet's last view on this worker's disk, for a start without Redis. */
#ifndef FLEET_STATE_FILE_H
#define FLEET_STATE_FILE_H

#include "base/log.h"
#include "fleet/decider.h"

struct state_file { /* zeroed: none is kept, and the calls below do nothing */
    struct log_ctx log;
    char *path;
    char gen[VIEW_GEN_MAX + 1];
    uint64_t ver; /* of the view that was written last */
    int64_t written_ms;
    bool failing; /* and said so */
};

/* Keeps the view in this file from now on.  d begins with what an earlier run left there.  A file that is missing is none, one that makes no sense is said and left. */
void state_file_open(struct state_file *file, const char *path, struct decider *d,
                     int64_t now_ms);
void state_file_release(struct state_file *file);

/* Both only while d is attached: what is in the file is what the fleet said last. */
void state_file_tick(struct state_file *file, const struct decider *d, int64_t now_ms);
void state_file_save(struct state_file *file, const struct decider *d, int64_t now_ms);

#endif
