/* serve.h - decides what to answer: the vendor's endpoints and the control API. */
#ifndef REGION_SERVE_H
#define REGION_SERVE_H

#include "tests/region/play.h"
#include "tests/region/region.h"

/* Under /_region/: never counted as an attempt. */
bool serve_is_control(const struct wire_request *req);

/* Both start play, or write a ready answer to out and say PLAY_END. */
enum play_verdict serve_attempt(struct region *r, const struct wire_request *req,
                                struct str body, struct attempt *attempt, struct play *play,
                                struct buf *out);
enum play_verdict serve_control(struct region *r, const struct wire_request *req,
                                struct str body, struct play *play, struct buf *out);

#endif
