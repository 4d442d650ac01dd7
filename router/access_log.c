/* access_log.c - counters and log lines of what ended; access_log.h has the contract.
 *
 * A request that went well is a debug line: at thousands a second nobody reads them, and the
 * metrics have them all.  What went wrong is said. */
#include "router/access_log.h"

#include <inttypes.h>

void access_log_attempt(struct worker *w, const struct log_ctx *log,
                        const struct access_log_attempt *a)
{
    struct metrics_region *m = &w->slot->region[a->region];
    const struct attempt_end *e = a->end;
    const char *id = e->answer != NULL ? e->answer->upstream_id : "";
    bool well = e->outcome == OUTCOME_OK || e->outcome == OUTCOME_CLIENT_FAULT;

    w->slot->attempts++;
    if (a->number > 1)
        w->slot->retries++;
    if (e->first_byte_us > 0)
        metrics_observe(&m->first_byte, e->first_byte_us);
    if (e->outcome == OUTCOME_OK && e->first_byte_us > 0)
        fleet_note_times(w->fleet, a->region, e->first_byte_us, e->total_us);
    if (e->usage.known) {
        m->prompt_tokens += (uint64_t)e->usage.prompt_tokens;
        m->completion_tokens += (uint64_t)e->usage.completion_tokens;
    }
    if (e->outcome != OUTCOME_OK && e->content_events > 0) { /* produced, and mostly billed */
        m->partial_streams++;
        m->partial_events += (uint64_t)e->content_events;
    }
    log_at(well ? LOG_DEBUG : LOG_WARN, log,
           "attempt ended n=%d region=%s outcome=%s status=%d ms=%" PRId64 "%s%s%s%s",
           a->number, w->conf->regions[a->region].name, outcome_traits(e->outcome)->name,
           e->answer != NULL ? e->answer->status : 0, e->total_us / 1000,
           id[0] != '\0' ? " upstream_id=" : "", id, e->detail[0] != '\0' ? " detail=" : "",
           e->detail);
}

void access_log_request(struct worker *w, const struct log_ctx *log,
                        const struct access_log_request *r)
{
    w->slot->requests[r->result]++;
    w->slot->bytes_out += r->bytes;
    metrics_observe(&w->slot->duration, r->total_us);
    metrics_observe(&w->slot->overhead, r->overhead_us);
    log_at(r->result == METRICS_REQ_FAILED ? LOG_WARN : LOG_DEBUG, log,
           "request ended result=%s status=%d region=%s attempts=%d ms=%" PRId64 "%s%s",
           metrics_request_name((int)r->result), r->status, r->region, r->attempts,
           r->total_us / 1000, r->upstream_id[0] != '\0' ? " upstream_id=" : "",
           r->upstream_id);
}
