/* test_http1_answer.c - the head of an answer, byte for byte. */
#include "http/http1_answer.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct {
    int64_t wall_ms;
    const char *want;
} dates[] = {
    {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
    {784111777000, "Sun, 06 Nov 1994 08:49:37 GMT"}, /* the example of RFC 9110 5.6.7 */
    {951782399999, "Mon, 28 Feb 2000 23:59:59 GMT"},
    {951782400000, "Tue, 29 Feb 2000 00:00:00 GMT"},
    {4102444800000, "Fri, 01 Jan 2100 00:00:00 GMT"},
};

Test(http1_answer, dates)
{
    struct http_date d = {0};

    for (size_t i = 0; i < ARRAY_LEN(dates); i++) {
        cr_expect_str_eq(http_date_text(&d, dates[i].wall_ms), dates[i].want);
        cr_expect_str_eq(http_date_text(&d, dates[i].wall_ms), dates[i].want, "from the cache");
    }
}

#define FRONT "HTTP/1.1 200 OK\r\nDate: D\r\n"

static const struct {
    struct http1_answer a;
    const char *want;
} rows[] = {
    {{.status = 200, .framing = HTTP_LENGTH}, FRONT "Content-Length: 0\r\n\r\n"},
    {{.status = 200, .framing = HTTP_LENGTH, .content_length = 1234567890123},
     FRONT "Content-Length: 1234567890123\r\n\r\n"},
    {{.status = 200, .framing = HTTP_CHUNKED}, FRONT "Transfer-Encoding: chunked\r\n\r\n"},
    {{.status = 200, .framing = HTTP_UNTIL_CLOSE, .connection = "close"},
     FRONT "Connection: close\r\n\r\n"},
    {{.status = 599, .framing = HTTP_NO_CONTENT}, "HTTP/1.1 599 Unknown\r\nDate: D\r\n\r\n"},
};

Test(http1_answer, heads)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out;

        buf_init(&out, 1000);
        cr_expect_eq(http1_answer_write(&out, &rows[i].a, "D"), 0);
        cr_expect_str_eq(out.data, rows[i].want, "row %zu", i);
        buf_release(&out);
    }
}

Test(http1_answer, the_cap_is_kept)
{
    struct http1_answer a = {.status = 200, .framing = HTTP_LENGTH};
    size_t need = sizeof(FRONT "Content-Length: 0\r\n\r\n") - 1;

    for (size_t max = 0; max <= need + 1; max++) {
        struct buf out;

        buf_init(&out, max);
        cr_expect_eq(http1_answer_write(&out, &a, "D"), max < need ? -1 : 0, "cap %zu", max);
        cr_expect_leq(out.len, max);
        buf_release(&out);
    }
}

Test(http1_answer, every_status_the_server_gives_has_a_phrase)
{
    static const int ours[] = {200, 400, 404, 405, 408, 413, 414, 415, 417,
                               429, 431, 500, 501, 502, 503, 504, 505, 529};

    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        cr_expect_str_neq(http1_answer_reason(ours[i]), "Unknown", "%d", ours[i]);
}
