/* cmd_events.c - events [-f] [-n N] [--region NAME]: what happened, and what happens. */
#include "admin/cmd.h"
#include "admin/session.h"
#include "admin/event_stream.h"

#include <string.h>

#define DEFAULT_EVENTS 20
#define BLOCK_MS       1000
#define AGAIN_MS       1000 /* between two tries while Redis is away */

static int print_lines(const struct run *run, const struct event_stream *stream,
                       struct buf *out)
{
    struct json_out o;

    for (size_t i = 0; i < stream->n; i++) {
        if (!args_has(run->args, ARGS_JSON)) {
            if (fleet_event_print(&stream->events[i], run->colour, out) < 0)
                return -1;
            continue;
        }
        json_out_init(&o, out, false);
        fleet_event_json(&stream->events[i], &o);
        if (json_out_finish(&o) < 0 || buf_append(out, "\n", 1) < 0)
            return -1;
    }
    return 0;
}

static int print_whole(const struct run *run, const struct event_stream *stream,
                       struct buf *out)
{
    struct json_out o;

    if (!args_has(run->args, ARGS_JSON))
        return print_lines(run, stream, out);
    json_out_init(&o, out, true);
    json_out_object(&o);
    json_out_key(&o, "fleet");
    json_out_text(&o, session_fleet(run->session));
    json_out_key(&o, "events");
    json_out_array(&o);
    for (size_t i = 0; i < stream->n; i++)
        fleet_event_json(&stream->events[i], &o);
    json_out_end(&o);
    json_out_end(&o);
    return json_out_finish(&o) < 0 ? -1 : buf_append(out, "\n", 1);
}

static enum run_status print(struct run *run, const struct event_stream *stream, bool whole,
                             struct err *err)
{
    enum run_status status;
    struct buf out;
    int rc;

    buf_init(&out, RUN_OUTPUT_MAX);
    rc = whole ? print_whole(run, stream, &out) : print_lines(run, stream, &out);
    status = rc < 0 ? run_too_large(err) : run_print(run, &out, err);
    buf_release(&out);
    return status;
}

/* Until interrupted.  A connection that is lost is made again; that is said once each way. */
static enum run_status follow(struct run *run, struct event_stream *stream, const char *region,
                              struct err *err)
{
    struct session *s = run->session;
    enum run_status status = RUN_OK;
    bool away = false;

    while (status == RUN_OK) {
        int rc = away ? event_stream_check(stream, s, err) : 0;

        if (rc == 0)
            rc = event_stream_next(stream, s, BLOCK_MS, region, err);
        if (session_is_interrupted(s))
            return RUN_OK;
        if (rc < 0 && !session_is_lost(s))
            return run_status(err);
        if (away != (rc < 0))
            run_complain(run->err, rc < 0 ? err->msg : "Redis is back");
        away = rc < 0;
        if (away)
            session_sleep(s, AGAIN_MS);
        else
            status = print(run, stream, false, err);
    }
    return status;
}

/* A name nobody knows would show nothing, for ever. */
static enum run_status check_region(struct run *run, const char *region, struct err *err)
{
    struct snapshot snapshot = {0};
    enum run_status status = run_snapshot(run, &snapshot, err);

    if (status == RUN_OK && region != NULL &&
        run_find_region(run, &snapshot, region, err) == NULL)
        status = RUN_FAILED;
    snapshot_release(&snapshot);
    return status;
}

enum run_status cmd_events(struct run *run, struct err *err)
{
    bool following = args_has(run->args, ARGS_FOLLOW);
    int64_t n = run->args->number[ARGS_NUMBER];
    const char *region = run->args->text[ARGS_REGION];
    enum run_status status = run_connect(run, err);
    struct event_stream stream = {0};

    if (status == RUN_OK)
        status = check_region(run, region, err);
    if (status == RUN_FAILED && following && region == NULL) { /* a fleet may begin yet */
        run_complain(run->err, err->msg);
        status = RUN_OK;
    }
    if (status != RUN_OK)
        return status;
    if (following)
        session_catch_signals(run->session);
    if (event_stream_tail(&stream, run->session, n >= 0 ? (size_t)n : DEFAULT_EVENTS, region,
                          err) < 0)
        status = run_status(err);
    if (status == RUN_OK)
        status = print(run, &stream, !following, err);
    if (status == RUN_OK && following)
        status = follow(run, &stream, region, err);
    event_stream_release(&stream);
    return status;
}
