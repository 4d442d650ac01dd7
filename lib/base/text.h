/* text.h - what a byte may be, and the small grammar that HTTP, URLs and our own lines share.
 *
 * ASCII only, whatever the locale says.  Nothing here allocates. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

bool text_is_digit(char c);       /* 0-9 */
bool text_is_alnum(char c);       /* 0-9 A-Z a-z */
bool text_is_token_byte(char c);  /* RFC 9110 5.6.2: tchar */
bool text_is_field_byte(char c);  /* RFC 9110 5.5: HTAB, SP, VCHAR, obs-text; no control byte */
bool text_is_plain_byte(char c);  /* 0-9 A-Z a-z ._:@/-: in a state line, others are "%XX" */
int text_hex_digit(char c);       /* 0..15, in either case; -1: none */
bool text_is_token(struct str s); /* one or more of its bytes */
bool text_is_field_value(struct str s); /* an empty one is */

/* Every byte is a letter, a digit or one of extra. */
bool text_is_alnum_or(struct str s, const char *extra);

/* The byte that "%XX" at s.ptr[i] stands for (RFC 3986 2.1), i < s.len; -1: cut or not
 * hexadecimal.  The '%' itself is not looked at. */
int text_percent(struct str s, size_t i);

/* Takes the first item off a comma-separated list (RFC 9110 5.6.1), without white space around
 * it; it may be empty.  false when there is none left: a span whose ptr is NULL. */
bool text_next_item(struct str *list, struct str *item);

/* Is item, in any case, one of a comma-separated list? */
bool text_list_has(struct str list, struct str item);

#endif
