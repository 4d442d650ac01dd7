/* request.h - the spine: one request from its last byte in to its last byte out. */
#ifndef ROUTER_REQUEST_REQUEST_H
#define ROUTER_REQUEST_REQUEST_H

#include "base/str.h"
#include "router/request/attempt.h"
#include "http/http1_connection.h"
#include "router/worker.h"

/* Serves one request and answers on conn, now or later.  Called inside on_request; head and
 * body are those of the connection.  The request frees itself. */
void request_start(struct worker *w, struct http1_connection *conn,
                   const struct http1_head *head, struct str body, enum attempt_path path);

#endif
