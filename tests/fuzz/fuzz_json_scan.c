/* fuzz_json_scan.c - any bytes as JSON: spans stay inside the text and are JSON themselves. */
#include "base/json_scan.h"

#include "base/buf.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(struct str span)
{
    char text[256], back[256];
    struct buf quoted;

    if (json_scan_string(span, text, sizeof(text)) < 0)
        return;
    buf_init(&quoted, 8192);
    assert(json_scan_quote(&quoted, str_of(text)) == 0);
    assert(json_scan_string(buf_str(&quoted), back, sizeof(back)) == 0);
    assert(strcmp(text, back) == 0);
    buf_release(&quoted);
}

static void check_elements(const struct json_want *w)
{
    size_t at = 0, n = 0;
    struct str elem;
    enum json_type type;

    while (json_scan_next(w->span, &at, &elem, &type)) {
        assert(at <= w->span.len && elem.len > 0);
        assert(elem.ptr > w->span.ptr && elem.ptr + elem.len < w->span.ptr + w->span.len);
        n++;
    }
    assert(n == w->count);
}

static void check_members(const struct json_want *w)
{
    size_t at = 0, n = 0;
    struct json_member m;

    while (json_scan_next_member(w->span, &at, &m)) {
        assert(m.name.ptr > w->span.ptr && m.value.len > 0);
        assert(m.value.ptr + m.value.len < w->span.ptr + w->span.len);
        if (m.type == JSON_OBJECT)
            assert(json_scan(m.value, JSON_SCAN_DEPTH_MAX, NULL, 0, NULL) == 0);
        n++;
    }
    assert(n == w->count && (n == 0) == json_scan_is_empty(w->type, w->span));
}

static void check_span(struct str text, const struct json_want *w)
{
    int64_t whole;
    double real;

    if (w->type == JSON_NONE) {
        assert(w->span.len == 0);
        return;
    }
    assert(w->span.len > 0 && w->span.ptr > text.ptr);
    assert(w->span.ptr + w->span.len < text.ptr + text.len);
    if (w->type == JSON_OBJECT) {
        assert(json_scan(w->span, JSON_SCAN_DEPTH_MAX, NULL, 0, NULL) == 0);
        check_members(w);
    }
    if (w->type == JSON_ARRAY)
        check_elements(w);
    if (w->type == JSON_STRING)
        check_text(w->span);
    assert(json_scan_is_number(w->span) == (w->type == JSON_NUMBER));
    if (json_scan_int(w->span, &whole) == 0 || json_scan_double(w->span, &real) == 0)
        assert(w->type == JSON_NUMBER);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json_want wants[] = {
        {.name = "model"}, {.name = "messages"}, {.name = "a"}, {.name = "stream"}};
    char *exact = malloc(size > 0 ? size : 1); /* a sanitizer sees a read beyond it */
    struct str text = {exact, size};
    struct json_scan_error err;

    struct json_member m;

    if (size > 0)
        memcpy(exact, data, size);
    for (size_t at = 0; json_scan_next_member(text, &at, &m);) /* of whatever it is */
        assert(at <= size && m.value.ptr + m.value.len <= exact + size);
    if (json_scan(text, JSON_SCAN_DEPTH_MAX, wants, ARRAY_LEN(wants), &err) == 0) {
        bool empty;

        for (size_t i = 0; i < ARRAY_LEN(wants); i++)
            check_span(text, &wants[i]);
        assert(json_scan_insert_at(text, &empty) < size);
    } else {
        assert(err.offset <= size && err.line >= 1 && err.column >= 1 && err.what[0] != '\0');
    }
    check_text(text); /* whatever it is: the readers check for themselves */
    int64_t whole;
    double real;

    (void)!json_scan_int(text, &whole);
    (void)!json_scan_double(text, &real);
    free(exact);
    return 0;
}
