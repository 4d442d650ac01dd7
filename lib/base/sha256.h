/* sha256.h - SHA-256 (FIPS 180-4) of one span of bytes. */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include "base/str.h"

#define SHA256_BYTES 32

void sha256(struct str data, unsigned char out[SHA256_BYTES]);

#endif
