/* jansson_peer.h - jansson's verdict on a text, for comparing with ours.
 *
 * Apart from the test, because jansson.h and base/json_scan.h name their types alike. */
#ifndef TESTS_UNIT_BASE_JANSSON_PEER_H
#define TESTS_UNIT_BASE_JANSSON_PEER_H

#include <stddef.h>

enum jansson_verdict {
    JANSSON_OBJECT,        /* valid, and an object */
    JANSSON_REFUSED,       /* not JSON, or not an object */
    JANSSON_CANNOT_DECODE, /* no verdict on the grammar: it decodes what we only validate (a
                              number beyond a double, half a surrogate pair, NUL in a name), or
                              the text holds a raw NUL, which it may lose */
};

/* why: its message, cut to cap. */
enum jansson_verdict jansson_peer(const char *text, size_t len, char *why, size_t cap);

#endif
