/* json_out.h - writes JSON text into a buffer: commas, indentation and escaping in one place.
 *
 *     json_out_init(&o, &buf, true);
 *     json_out_object(&o);
 *     json_out_key(&o, "region");  json_out_text(&o, "us-east");
 *     json_out_end(&o);
 *     if (json_out_finish(&o) < 0) ...the buffer's cap did not allow it
 */
#ifndef BASE_JSON_OUT_H
#define BASE_JSON_OUT_H

#include "base/base.h"
#include "base/buf.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define JSON_OUT_DEPTH_MAX 32

struct json_out { /* public body, so callers embed it; owns nothing */
    struct buf *to;
    bool indent; /* two spaces a level; else one line */
    bool failed; /* the cap did not allow a write: nothing more is written */
    bool keyed;  /* a key stands, its value comes */
    unsigned depth;
    struct {
        bool object, filled;
    } level[JSON_OUT_DEPTH_MAX + 1];
};

void json_out_init(struct json_out *o, struct buf *to, bool indent); /* appends to *to */
void json_out_object(struct json_out *o);
void json_out_array(struct json_out *o);
void json_out_end(struct json_out *o); /* closes the innermost of the two */
void json_out_key(struct json_out *o, const char *name);

/* Bytes that are no UTF-8 come out as U+FFFD, so the text is JSON whatever s holds. */
void json_out_str(struct json_out *o, struct str s);
void json_out_text(struct json_out *o, const char *z); /* NULL writes null */
void json_out_int(struct json_out *o, int64_t n);
void json_out_thousandths(struct json_out *o, int64_t n); /* 12345 writes 12.345; n >= 0 */
void json_out_bool(struct json_out *o, bool b);
void json_out_null(struct json_out *o);

/* A name and its value. */
void json_out_member_text(struct json_out *o, const char *name, const char *z);
void json_out_member_int(struct json_out *o, const char *name, int64_t n);
void json_out_member_bool(struct json_out *o, const char *name, bool b);

/* 0 when everything is written and closed; -1 when the cap did not allow it. */
int json_out_finish(struct json_out *o) MUST_CHECK;

#endif
