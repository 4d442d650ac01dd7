/* result.h - what libcurl's verdict on a transfer means to us. */
#ifndef UPSTREAM_RESULT_H
#define UPSTREAM_RESULT_H

#include "upstream/upstream.h"

#include <curl/curl.h>

struct upstream_ended {
    CURLcode code;
    bool sent, head_done;       /* the connection stood; a final head was delivered */
    int64_t total_us, total_ms; /* time taken; the limit, 0: none */
};

enum upstream_result upstream_result_of(const struct upstream_ended *ended);

/* Copies text, with everything but printable ASCII as '?': names in curl's sentences, such as
 * a certificate's subject, are the peer's. */
void upstream_result_detail(char *out, size_t size, const char *text);

#endif
