/* fuzz_cross_site.c - heads as a browser, or somebody who plays one, may send them: what may be
 * served is not a page's unless it is listed, nor came by a name that anybody can point here. */
#include "base/text.h"
#include "http/host.h"
#include "http/http1_head.h"
#include "router/cross_site.h"

#include <stdlib.h>
#include <string.h>

#define OURS "https://app.example.com"

static const struct http1_head_limits limits = {
    .head_max_bytes = 1024, .target_max_bytes = 64, .fields_max = 16};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

/* The name's last label, which decides who may point it anywhere. */
static void check_fixed(struct str name)
{
    struct str last = name, rest = name;

    check(name.len > 0);
    if (name.ptr[0] == '[')
        return;
    while (rest.ptr != NULL)
        last = str_split(rest, '.', &rest);
    check(str_ieqz(last, "localhost") ||
          (last.len > 0 && text_is_digit(last.ptr[last.len - 1])));
}

static void check_served(const struct http_head *head, bool listed)
{
    for (size_t i = 0; i < head->n_fields; i++) {
        const struct http_field *f = &head->fields[i];

        if (str_ieqz(f->name, "origin"))
            check(listed && str_eqz(f->value, OURS));
    }
    if (head->host.ptr != NULL)
        check_fixed(http_host_name(head->host));
}

static bool listed_page(const struct http_head *head)
{
    return str_eqz(http_field_get(head->fields, head->n_fields, "origin"), OURS);
}

/* Whatever was asked for, the answer's fields are tokens of the list. */
static void on_reply(struct exchange *ex, int status, const struct http_reply_field *f,
                     size_t n, struct str body)
{
    struct str name;

    (void)ex;
    check(status == 204 && body.len == 0 && n >= 2 && n <= 4);
    for (size_t i = 0; i < n; i++) {
        struct str list = f[i].value;

        check(text_is_field_value(list) && list.len > 0);
        while (strcmp(f[i].name, "Access-Control-Allow-Headers") == 0 &&
               text_next_item(&list, &name))
            check(text_is_token(name) && !str_ieqz(name, "cookie"));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct exchange_ops ops = {.reply = on_reply};
    char *ours[] = {(char[]){OURS}};
    struct config_texts origins = {ours, 1}, none = {NULL, 0};
    struct http1_head_parser p;
    struct http_refusal r;
    struct http_reply_field f[EXCHANGE_ADDED_MAX];
    struct exchange ex;

    http1_head_parser_init(&p, &limits);
    if (http1_head_parse(&p, (const char *)data, size) == HTTP_PARSE_DONE) {
        p.head.to_loopback = true;
        if (cross_site_may(&origins, &none, &p.head, &r))
            check_served(&p.head, true);
        if (cross_site_may(NULL, &none, &p.head, &r))
            check_served(&p.head, false);
        check(cross_site_fields(&origins, &p.head, f) == (listed_page(&p.head) ? 3u : 1u));
        exchange_init(&ex, &ops, &p.head);
        if (cross_site_is_preflight(&p.head))
            cross_site_answer_preflight(&ex, "POST");
    }
    http1_head_parser_release(&p);
    return 0;
}
