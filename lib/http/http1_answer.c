/* http1_answer.c - the head of an answer; http1_answer.h has the contract. */
#include "http/http1_answer.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const struct {
    int status;
    const char *reason;
} reasons[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {424, "Failed Dependency"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {529, "Overloaded"},
};

const char *http1_answer_reason(int status)
{
    if (status == 200)
        return "OK";
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Unknown";
}

bool http1_answer_is_empty(int status)
{
    return status < 200 || status == 204 || status == 304;
}

const char *http_date_text(struct http_date *d, int64_t wall_ms)
{
    /* strftime would follow the locale; these names are fixed by the RFC. */
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t second = (time_t)(wall_ms / 1000);
    struct tm tm;

    if (d->text[0] != '\0' && d->second == second)
        return d->text;
    if (gmtime_r(&second, &tm) == NULL)
        return "Thu, 01 Jan 1970 00:00:00 GMT";
    d->second = second;
    snprintf(d->text, sizeof(d->text), "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday],
             tm.tm_mday, months[tm.tm_mon], (tm.tm_year + 1900) % 10000, tm.tm_hour, tm.tm_min,
             tm.tm_sec);
    return d->text;
}

static int add(struct buf *out, const char *text)
{
    return buf_append(out, text, strlen(text));
}

static int add_number(struct buf *out, uint64_t n)
{
    char digits[24];
    size_t at = sizeof(digits);

    do
        digits[--at] = (char)('0' + n % 10);
    while ((n /= 10) > 0);
    return buf_append(out, digits + at, sizeof(digits) - at);
}

static int add_field(struct buf *out, const struct http_reply_field *f)
{
    for (size_t i = 0; i < f->value.len; i++)
        if (f->value.ptr[i] == '\r' || f->value.ptr[i] == '\n' || f->value.ptr[i] == '\0')
            return 0;
    return add(out, f->name) < 0 || add(out, ": ") < 0 || buf_append_str(out, f->value) < 0 ||
                   add(out, "\r\n") < 0
               ? -1
               : 0;
}

static int add_framing(struct buf *out, const struct http1_answer *a)
{
    switch (a->framing) {
    case HTTP_LENGTH:
        return add(out, "Content-Length: ") < 0 ||
                       add_number(out, (uint64_t)a->content_length) < 0 || add(out, "\r\n") < 0
                   ? -1
                   : 0;
    case HTTP_CHUNKED:
        return add(out, "Transfer-Encoding: chunked\r\n");
    case HTTP_UNTIL_CLOSE:
    case HTTP_NO_CONTENT:
        break;
    }
    return 0;
}

int http1_answer_write(struct buf *out, const struct http1_answer *a, const char *date)
{
    /* RFC 9112 2.3: our own version, whatever the client's was. */
    if (add(out, "HTTP/1.1 ") < 0 || add_number(out, (uint64_t)a->status) < 0 ||
        add(out, " ") < 0 || add(out, http1_answer_reason(a->status)) < 0 ||
        add(out, "\r\nDate: ") < 0 || add(out, date) < 0 || add(out, "\r\n") < 0 ||
        add_framing(out, a) < 0)
        return -1;
    if (a->connection != NULL &&
        (add(out, "Connection: ") < 0 || add(out, a->connection) < 0 || add(out, "\r\n") < 0))
        return -1;
    for (size_t i = 0; i < a->n_fields; i++)
        if (add_field(out, &a->fields[i]) < 0)
            return -1;
    for (size_t i = 0; i < a->n_added; i++)
        if (add_field(out, &a->added[i]) < 0)
            return -1;
    return add(out, "\r\n");
}
