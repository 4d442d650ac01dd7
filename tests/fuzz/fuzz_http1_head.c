/* fuzz_http1_head.c - hostile request heads: no crash, and one verdict however they are split.
 */
#include "http/http1_head.h"

#include <stdlib.h>
#include <string.h>

static const struct http1_head_limits limits = {
    .head_max_bytes = 512, .target_max_bytes = 64, .fields_max = 8};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

/* A span lies within the bytes, or in the parser's own memory (the canonical path). */
static void check_span(struct str s, const char *data, size_t size)
{
    for (size_t i = 0; i < s.len; i++) {
        volatile char byte = s.ptr[i]; /* the sanitizer looks at the address */

        (void)byte;
    }
    check(s.ptr == NULL || (s.ptr >= data && s.ptr + s.len <= data + size));
}

/* step 0: one call.  Each call gets its bytes in fresh memory of exactly that size. */
static enum http_parse run(struct http1_head_parser *p, const uint8_t *data, size_t size,
                           size_t step, char **last)
{
    enum http_parse r = HTTP_PARSE_MORE;
    size_t n = 0;

    http1_head_parser_init(p, &limits);
    *last = NULL;
    while (r == HTTP_PARSE_MORE && n < size) {
        n = step == 0 || step > size - n ? size : n + step;
        char *copy = malloc(n);

        check(copy != NULL);
        memcpy(copy, data, n);
        r = http1_head_parse(p, copy, n);
        free(*last);
        *last = copy;
        for (size_t i = 0; i < p->head.n_fields; i++) {
            check_span(p->head.fields[i].name, copy, n);
            check_span(p->head.fields[i].value, copy, n);
        }
        check_span(p->head.target, copy, n);
        check_span(p->head.host, copy, n);
        check(r != HTTP_PARSE_DONE || (p->used <= n && p->used <= limits.head_max_bytes));
        check(r != HTTP_PARSE_MORE || n <= limits.head_max_bytes);
    }
    return r;
}

static bool same(struct str a, struct str b)
{
    return (a.ptr == NULL) == (b.ptr == NULL) && str_eq(a, b);
}

static void compare(const struct http1_head_parser *a, const struct http1_head_parser *b,
                    enum http_parse r)
{
    const struct http_head *x = &a->head, *y = &b->head;
    const struct http1_head_wire *v = &a->wire, *w = &b->wire;

    if (r == HTTP_PARSE_REFUSED)
        check(a->verdict.status == b->verdict.status &&
              strcmp(a->verdict.message, b->verdict.message) == 0);
    if (r != HTTP_PARSE_DONE)
        return;
    check(a->used == b->used && x->method == y->method && v->minor == w->minor);
    check(v->keep_alive == w->keep_alive && v->expect_continue == w->expect_continue);
    check(v->chunked == w->chunked && v->content_length == w->content_length);
    check(!(v->chunked && v->content_length >= 0));
    check(same(x->target, y->target) && same(x->path, y->path) && same(x->query, y->query) &&
          same(x->host, y->host));
    check(x->n_fields == y->n_fields);
    for (size_t i = 0; i < x->n_fields; i++)
        check(same(x->fields[i].name, y->fields[i].name) &&
              same(x->fields[i].value, y->fields[i].value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t steps[] = {1, 2, 7, 61};
    struct http1_head_parser whole, split;
    char *whole_data, *split_data;
    enum http_parse r = run(&whole, data, size, 0, &whole_data);

    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        check(run(&split, data, size, steps[i], &split_data) == r);
        compare(&whole, &split, r);
        http1_head_parser_release(&split);
        free(split_data);
    }
    http1_head_parser_release(&whole);
    free(whole_data);
    return 0;
}
