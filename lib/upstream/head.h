/* head.h - what HTTP heads we accept from a region and which fields we send to one.
 *
 * Pure: bytes in, verdict out.  curl parses the same bytes for its own framing, leniently (the
 * last of two Content-Lengths wins, "5abc" is 5, obs-fold passes); this is the strict reading
 * that decides whether its framing may be believed. */
#ifndef UPSTREAM_HEAD_H
#define UPSTREAM_HEAD_H

#include "base/base.h"
#include "base/str.h"
#include "upstream/upstream.h"

/* text is one whole head: status line, field lines, empty line, each with its line end.
 * fields is room for UPSTREAM_FIELDS_MAX; head and fields point into text and fields.
 * NULL when the head is sound, else a sentence that quotes nothing of it.
 * RFC 9112 sections 4 (status line), 5 (fields), 6.1 to 6.3 (framing); RFC 9110 section 8.6. */
const char *upstream_head_parse(struct str text, struct http_field *fields,
                                struct upstream_head *head) MUST_CHECK;

/* "Name: value" of a request: NULL when it may be sent, else why not.  *name and *value are set
 * then.  Framing and hop-by-hop fields are curl's to write and are refused. */
const char *upstream_head_check_request(const char *line, struct str *name,
                                        struct str *value) MUST_CHECK;

#endif
