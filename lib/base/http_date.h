/* http_date.h - reads the dates of HTTP fields (RFC 9110 section 5.6.7). */
#ifndef BASE_HTTP_DATE_H
#define BASE_HTTP_DATE_H

#include "base/base.h"
#include "base/str.h"

#include <stdint.h>

/* Milliseconds since 1970 (UTC) of an IMF-fixdate, RFC 850 or asctime date; -1 when s is none
 * of the three or names no day or time that exists.  now_ms, the present, places two-digit
 * years: one that seems more than 50 years ahead is in the past.  Reads no clock, no locale. */
int http_date_read(struct str s, int64_t now_ms, int64_t *out_ms) MUST_CHECK;

#endif
