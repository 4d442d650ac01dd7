/* text.c - one table of bytes, and the walkers that ask it; text.h has the contract. */
#include "base/text.h"

#include <string.h>

enum {
    DIGIT = 1,
    LETTER = 2,
    MARK = 4, /* of a token, beside digits and letters */
    PLAIN = 8 /* of a plain word, beside those */
};

/* clang-format off */
static const unsigned char classes[256] = {
    ['0' ... '9'] = DIGIT, ['A' ... 'Z'] = LETTER, ['a' ... 'z'] = LETTER,
    ['!'] = MARK, ['#'] = MARK, ['$'] = MARK, ['%'] = MARK, ['&'] = MARK, ['\''] = MARK,
    ['*'] = MARK, ['+'] = MARK, ['^'] = MARK, ['`'] = MARK, ['|'] = MARK, ['~']  = MARK,
    ['-'] = MARK | PLAIN, ['.'] = MARK | PLAIN, ['_'] = MARK | PLAIN,
    [':'] = PLAIN, ['@'] = PLAIN, ['/'] = PLAIN,
};
/* clang-format on */

static bool is(char c, int mask)
{
    return (classes[(unsigned char)c] & mask) != 0;
}

bool text_is_digit(char c)
{
    return is(c, DIGIT);
}

bool text_is_alnum(char c)
{
    return is(c, DIGIT | LETTER);
}

bool text_is_token_byte(char c)
{
    return is(c, DIGIT | LETTER | MARK);
}

bool text_is_plain_byte(char c)
{
    return is(c, DIGIT | LETTER | PLAIN);
}

bool text_is_field_byte(char c)
{
    unsigned char byte = (unsigned char)c;

    return (byte >= 0x20 && byte != 0x7f) || byte == '\t';
}

int text_hex_digit(char c)
{
    if (is(c, DIGIT))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool text_is_token(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!text_is_token_byte(s.ptr[i]))
            return false;
    return s.len > 0;
}

bool text_is_field_value(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!text_is_field_byte(s.ptr[i]))
            return false;
    return true;
}

bool text_is_alnum_or(struct str s, const char *extra)
{
    for (size_t i = 0; i < s.len; i++)
        if (!text_is_alnum(s.ptr[i]) && (s.ptr[i] == '\0' || strchr(extra, s.ptr[i]) == NULL))
            return false;
    return true;
}

int text_percent(struct str s, size_t i)
{
    if (s.len - i < 3)
        return -1;
    int high = text_hex_digit(s.ptr[i + 1]), low = text_hex_digit(s.ptr[i + 2]);

    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

bool text_next_item(struct str *list, struct str *item)
{
    if (list->ptr == NULL)
        return false;
    *item = str_trim(str_split(*list, ',', list));
    return true;
}

bool text_list_has(struct str list, struct str item)
{
    struct str one;

    while (text_next_item(&list, &one))
        if (str_ieq(one, item))
            return true;
    return false;
}
