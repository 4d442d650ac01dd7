/* call.h - inside of the upstream module: one exchange, and the pool it runs in. */
#ifndef UPSTREAM_CALL_H
#define UPSTREAM_CALL_H

#include "upstream/upstream.h"

#include <curl/curl.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <sys/queue.h>

#include "base/buf.h"
#include "upstream/address.h"
#include "upstream/chunks.h"
#include "upstream/request.h"
#include "upstream/sockets.h"

struct upstream_call {
    struct upstream *u;
    CURL *easy;
    struct upstream_ops ops;
    void *arg;
    LIST_ENTRY(upstream_call) link; /* running or spare */
    TAILQ_ENTRY(upstream_call) todo;
    bool queued; /* on the todo list */
    bool added;  /* curl_multi_add_handle() was done */
    bool dead;   /* cancelled inside curl: no more callbacks */
    bool ending; /* inside on_end */
    bool paused; /* the caller wants no data */
    bool held;   /* curl was told so */
    bool yields; /* held until the others had their turn */
    bool head_done;
    bool chunked;                  /* the answer's body is read through: */
    struct upstream_chunks chunks; /* where in it we are */
    size_t taken_bytes;            /* of what curl holds, by us before the pause */
    bool dialled;  /* a socket was opened for it: it may run on a new connection */
    int sends;     /* times a request was about to be written */
    int fd;        /* the socket it was last seen on, or -1 */
    int no_socket; /* errno of the last socket(2) for it; 0: it was given one */
    size_t head_bytes;
    size_t turn_bytes; /* of the body, since others had their turn */
    struct buf head;   /* lines of the head that is being received */
    const char *why;   /* our own reason to end it; decides over curl's code */
    enum upstream_result why_result;
    int64_t total_ms;
    size_t body_bytes;         /* of the request */
    int64_t start_us, head_us; /* our clock; head_us 0: no head has begun */
    struct upstream_wire wire; /* what curl borrows */
    char errbuf[CURL_ERROR_SIZE];
};

LIST_HEAD(call_list, upstream_call);
TAILQ_HEAD(call_queue, upstream_call);

struct upstream {
    CURLM *multi;
    struct upstream_sockets *socks;
    struct event kick, timer;
    struct event again; /* the kick, once the sockets were looked at: */
    bool rested;        /* they were, and those that yield may go on */
    struct call_list running, spare;
    struct call_queue todo;
    size_t n_running, n_spare, n_todo;
    struct buf spare_head; /* one head is being received at a time, nearly always */
    int in_curl;           /* depth: curl is on the stack */
    bool expired;          /* curl wants CURL_SOCKET_TIMEOUT now */
    bool reuse_handles;    /* this libcurl forgets what it must with curl_easy_reset() */
    int64_t deadline_us;   /* curl's next timeout, 0: none */
    int64_t armed_us;      /* when the timer event fires, 0: not armed; may be early */
    long pool, maxage_s, dns_cache_s;
    struct upstream_urls urls;
    struct upstream_addresses addresses;
};

/* on_end, then free (to be reused).  code counts unless the call has a reason of its own. */
void upstream_call_finish(struct upstream_call *c, CURLcode code);
/* Our own reason for the end; the caller sees to it that the end comes. */
void upstream_call_fail(struct upstream_call *c, enum upstream_result result, const char *why);
/* Out of curl and off the todo list.  A transfer that has not ended loses its connection. */
void upstream_call_detach(struct upstream_call *c);
void upstream_call_dequeue(struct upstream_call *c);
void upstream_call_destroy(struct upstream_call *c);
/* The buffer of a head goes to the next call that needs one. */
void upstream_call_give_head_back(struct upstream_call *c);

/* The rest of the body comes when the other events had their turn. */
void upstream_call_yield(struct upstream_call *c);

/* call_answer.c, for curl: CURLOPT_HEADERFUNCTION (one line per call, its end included) and
 * CURLOPT_WRITEFUNCTION. */
size_t upstream_call_on_header(char *line, size_t size, size_t n, void *arg);
size_t upstream_call_on_data(char *data, size_t size, size_t n, void *arg);

#endif
