/* headers.c - a region's own header fields; headers.h has the contract.
 *
 * A value may be a credential under any name, so each is treated as one. */
#include "config/headers.h"

#include "base/text.h"
#include "config/lists.h"
#include "config/value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define VALUE_MAX      4096
#define FIELD_NAME_MAX 128

/* Beside those that no FORM_FIELD may be: what the router or a dialect writes itself, and what
 * is said to the next hop alone (RFC 9110 section 7.6.1). */
static bool is_ours(const struct config_region *r, const char *name)
{
    static const char *const ours[] = {"accept",
                                       "accept-encoding",
                                       "content-encoding",
                                       "x-request-id",
                                       "proxy-authorization",
                                       "proxy-connection",
                                       "proxy-authenticate"};

    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        if (strcasecmp(name, ours[i]) == 0)
            return true;
    return r->api_key[0] != '\0' && strcasecmp(name, r->auth_header) == 0;
}

static int check_name(const struct config_region *r, const char *name, const char *at,
                      struct err *err)
{
    struct str s = str_of(name);

    if (s.len > FIELD_NAME_MAX ||
        !text_is_token(s)) /* a value that stands in the wrong place? */
        return err_set(err, ERR_RANGE,
                       "%s.headers has a name that is not shown here, want names of header "
                       "fields of at most %d bytes",
                       at, FIELD_NAME_MAX);
    if (!form_matches(FORM_FIELD, s) || is_ours(r, name))
        return err_set(
            err, ERR_CONFLICT,
            "%s.headers has '%s', which is not the config's to set there: want another "
            "field",
            at, name);
    for (size_t i = 0; i < r->n_headers; i++)
        if (strcasecmp(r->headers[i].name, name) == 0)
            return err_set(err, ERR_CONFLICT, "%s.headers has '%s' twice, want it once", at,
                           name);
    return 0;
}

/* The value, which the caller frees; NULL with err. */
static char *load_value(const struct json *v, const struct expand *how, const char *where,
                        struct err *err)
{
    const struct setting *k = settings_find(settings_table(SETTINGS_REGION), STR("headers"));
    char *text = json_kind(v) == JSON_KIND_STRING ? value_text(k, v, how, where, err) : NULL;
    struct str s = str_of(text);

    if (json_kind(v) == JSON_KIND_STRING && text == NULL)
        return NULL;
    if (text != NULL && value_is_left(k, v, how))
        return text;
    if (text != NULL && s.len > 0 && s.len <= VALUE_MAX && form_matches(FORM_VALUE, s))
        return text;
    free(text);
    err_set(err, ERR_RANGE, "%s has a value that is not shown here, want %s, 1..%d bytes",
            where, form_want(FORM_VALUE), VALUE_MAX);
    return NULL;
}

static int load_all(struct config_region *r, const struct json *v, const struct object *o,
                    struct err *err)
{
    struct json_iter it = {0};
    const struct json *value;
    const char *name;
    char where[OBJECT_WHERE_MAX];

    r->headers = xcalloc(json_count(v) + 1, sizeof(*r->headers));
    while (json_next(v, &it, &name, &value)) {
        if (check_name(r, name, o->at, err) < 0)
            return -1;
        object_point(where, "%s.headers.%s", o->at, name);
        char *text = load_value(value, o->how, where, err);

        if (text == NULL)
            return -1;
        r->headers[r->n_headers++] =
            (struct config_header){.name = xstrdup(name), .value = text};
    }
    return 0;
}

int headers_load(struct config_region *r, const struct object *o, struct err *err)
{
    const struct setting *k = settings_find(o->t, STR("headers"));
    const struct json *v = object_given(o, k->name);
    char where[OBJECT_WHERE_MAX];

    if (v == NULL)
        return 0;
    object_join(where, o->at, k->name);
    return lists_check(k, v, JSON_KIND_OBJECT, where, err) < 0 ? -1 : load_all(r, v, o, err);
}

void headers_write(const struct config_region *r, bool mask, struct json_out *o)
{
    json_out_object(o);
    for (size_t i = 0; i < r->n_headers; i++) {
        struct buf text;

        buf_init(&text, VALUE_MAX * 2);
        if (mask ? buf_append(&text, "***", 3) < 0
                 : expand_quote(str_of(r->headers[i].value), &text) < 0)
            o->failed = true;
        json_out_key(o, r->headers[i].name);
        json_out_str(o, buf_str(&text));
        buf_release(&text);
    }
    json_out_end(o);
}

void headers_release(struct config_region *r)
{
    for (size_t i = 0; i < r->n_headers; i++) {
        explicit_bzero(r->headers[i].value, strlen(r->headers[i].value));
        free(r->headers[i].value);
        free(r->headers[i].name);
    }
    free(r->headers);
    r->headers = NULL;
    r->n_headers = 0;
}
