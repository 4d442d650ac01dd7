/* value.c - values of settings; value.h has the contract. */
#include "config/value.h"

#include "base/units.h"
#include "config/config.h"
#include "config/expand.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_BYTES_MAX                                                                        \
    65536 /* of one string after ${ENV}; every setting's own bound is below */

static void *field(const struct setting *k, void *base)
{
    return (char *)base + k->offset;
}

static const void *field_of(const struct setting *k, const void *base)
{
    return (const char *)base + k->offset;
}

const char *value_show(struct str s, char out[VALUE_SHOWN_MAX])
{
    size_t n = s.len < VALUE_SHOWN_MAX - 4 ? s.len : VALUE_SHOWN_MAX - 4;

    for (size_t i = 0; i < n; i++)
        out[i] = (unsigned char)s.ptr[i] < 0x20 || s.ptr[i] == 0x7f ? '?' : s.ptr[i];
    snprintf(out + n, VALUE_SHOWN_MAX - n, "%s", n < s.len ? "..." : "");
    return out;
}

/* The text as the file has it, before ${ENV}: what the environment held is never shown. */
static bool may_show(const struct setting *k, struct str s)
{
    if (k->form == FORM_BASE_URL) /* credentials hide before '@' and in a query */
        return memchr(s.ptr, '@', s.len) == NULL && memchr(s.ptr, '?', s.len) == NULL;
    return !k->secret && !k->hushed;
}

int value_refuse(const struct setting *k, const struct json *v, const char *where,
                 struct err *err)
{
    char want[SETTINGS_WANT_MAX], shown[VALUE_SHOWN_MAX];
    enum json_kind kind = json_kind(v);
    bool is_text = kind == JSON_KIND_STRING;

    settings_want(k, true, want, sizeof(want));
    if (is_text && !may_show(k, json_text(v)))
        return err_set(err, ERR_RANGE, "%s has a value that is not shown here, want %s", where,
                       want);
    if (is_text && k->type != SETTING_INT && k->type != SETTING_PERCENT &&
        k->type != SETTING_COUNT && k->type != SETTING_TOKENS && k->type < SETTING_LISTS)
        return err_set(err, ERR_RANGE, "%s is '%s', want %s", where,
                       value_show(json_text(v), shown), want);
    if (kind == JSON_KIND_INT && !k->secret && !k->hushed)
        return err_set(err, ERR_RANGE, "%s is %lld, want %s", where, (long long)json_int(v),
                       want);
    return err_set(err, ERR_RANGE, "%s is %s, want %s", where, json_kind_name(kind), want);
}

bool value_is_left(const struct setting *k, const struct json *v, const struct expand *how)
{
    return how != NULL && how->is_of_text && k->vendor && json_kind(v) == JSON_KIND_STRING &&
           memmem(json_text(v).ptr, json_text(v).len, "${", 2) != NULL;
}

char *value_text(const struct setting *k, const struct json *v, const struct expand *how,
                 const char *where, struct err *err)
{
    struct buf text;
    char *result = NULL;

    buf_init(&text, VALUE_BYTES_MAX);
    if (json_kind(v) != JSON_KIND_STRING) {
        value_refuse(k, v, where, err);
        goto out;
    }
    if (value_is_left(k, v, how)) {
        result = xstrndup(json_text(v).ptr, json_text(v).len);
        goto out;
    }
    if (expand_env(json_text(v), how, &text, err) < 0) {
        char said[sizeof(err->msg)];

        if (err != NULL) {
            memcpy(said, err->msg, sizeof(said));
            err_set(err, err->code, "%s %s", where, said);
        }
        goto out;
    }
    result = buf_take(&text);
out:
    buf_release(&text);
    return result;
}

static int set_string(const struct setting *k, void *base, const char *text)
{
    struct str s = str_of(text);
    char **to = field(k, base);

    if (s.len < (size_t)k->min || s.len > (size_t)k->max)
        return -1;
    if (s.len > 0 && !form_matches(k->form, s))
        return -1;
    if (k->form == FORM_BASE_URL)
        while (s.ptr[s.len - 1] == '/')
            s.len--;
    free(*to);
    *to = s.len == 0 && k->empty_is_null ? NULL : xstrndup(s.ptr, s.len);
    return 0;
}

static int set_word(const struct setting *k, void *base, const char *text)
{
    size_t i = 0;

    while (k->words[i] != NULL && strcmp(k->words[i], text) != 0)
        i++;
    if (k->words[i] == NULL)
        return -1;
    if (k->type == SETTING_WORD) {
        char **to = field(k, base);

        free(*to);
        *to = xstrdup(text);
    } else if (k->type == SETTING_SWITCH) {
        *(bool *)field(k, base) = i == 1;
    } else {
        int n = (int)i;

        /* Every enum of ours has int's size; the row's author chose the field. */
        memcpy(field(k, base), &n, sizeof(n));
    }
    return 0;
}

static int set_number(const struct setting *k, void *base, int64_t n)
{
    if (n < k->min || n > k->max)
        return -1;
    if (k->type == SETTING_INT || k->type == SETTING_PERCENT)
        *(int *)field(k, base) = (int)n;
    else if (k->type == SETTING_COUNT || k->type == SETTING_SIZE)
        *(size_t *)field(k, base) = (size_t)n;
    else
        *(int64_t *)field(k, base) = n;
    return 0;
}

static bool is_number(const struct setting *k)
{
    return k->type >= SETTING_INT && k->type <= SETTING_DURATION;
}

/* The value as text: a string in the file, or a default. */
static int set_text(const struct setting *k, void *base, const char *text)
{
    int64_t n;

    switch (k->type) {
    case SETTING_STRING:
        return set_string(k, base, text);
    case SETTING_WORD:
    case SETTING_CHOICE:
    case SETTING_SWITCH:
        return set_word(k, base, text);
    case SETTING_DURATION:
        return duration_parse(str_of(text), &n) < 0 ? -1 : set_number(k, base, n);
    case SETTING_SIZE:
        return size_parse(str_of(text), &n) < 0 ? -1 : set_number(k, base, n);
    default:
        return -1;
    }
}

int value_set(const struct setting *k, void *base, const struct json *v,
              const struct expand *how, const char *where, struct err *err)
{
    enum json_kind kind = json_kind(v);

    if (kind == JSON_KIND_INT && k->type == SETTING_DURATION)
        return err_set(err, ERR_RANGE, "%s is %lld, a number without a unit: write \"%llds\"",
                       where, (long long)json_int(v), (long long)json_int(v));
    if (kind == JSON_KIND_INT && is_number(k))
        return set_number(k, base, json_int(v)) < 0 ? value_refuse(k, v, where, err) : 0;
    if (is_number(k) && k->type != SETTING_DURATION && k->type != SETTING_SIZE)
        return value_refuse(k, v, where, err);

    char *text = value_text(k, v, how, where, err);

    if (text == NULL)
        return -1;
    if (value_is_left(k, v, how)) { /* each of them is a string */
        char **to = field(k, base);

        free(*to);
        *to = text;
        return 0;
    }
    int rc = set_text(k, base, text);

    free(text);
    return rc < 0 ? value_refuse(k, v, where, err) : 0;
}

void value_set_default(const struct setting *k, void *base)
{
    int64_t n = 0;

    if (k->def == NULL)
        return;
    if (is_number(k) && str_to_u64(str_of(k->def), (uint64_t *)&n))
        n = set_number(k, base, n);
    else
        n = set_text(k, base, k->def);
    assert(n == 0); /* a default outside its own row's bounds fails the first test */
    (void)n;
}

static void release_texts(struct config_texts *t)
{
    for (size_t i = 0; i < t->n; i++)
        free(t->text[i]);
    free(t->text);
    *t = (struct config_texts){NULL, 0};
}

void value_release(const struct setting *k, void *base)
{
    if (k->type == SETTING_TEXTS)
        release_texts(field(k, base));
    if (k->type != SETTING_STRING && k->type != SETTING_WORD)
        return;
    char **text = field(k, base);

    if (k->secret && *text != NULL)
        explicit_bzero(*text, strlen(*text));
    free(*text);
    *text = NULL;
}

int64_t value_number(const struct setting *k, const void *base)
{
    const void *at = field_of(k, base);
    int n;

    switch (k->type) {
    case SETTING_SWITCH:
        return *(const bool *)at;
    case SETTING_CHOICE:
        memcpy(&n, at, sizeof(n));
        return n;
    case SETTING_INT:
    case SETTING_PERCENT:
        return *(const int *)at;
    case SETTING_COUNT:
    case SETTING_SIZE:
    case SETTING_REGION_NAME:
        return (int64_t) * (const size_t *)at;
    case SETTING_TOKENS:
    case SETTING_DURATION:
        return *(const int64_t *)at;
    default:
        return 0;
    }
}

const char *value_string(const struct setting *k, const void *base)
{
    return *(char *const *)field_of(k, base);
}

bool value_equal(const struct setting *k, const void *a, const void *b)
{
    if (k->type == SETTING_STRING || k->type == SETTING_WORD)
        return str_eq(str_of(value_string(k, a)), str_of(value_string(k, b)));
    return value_number(k, a) == value_number(k, b);
}

/* A URL's credentials become three stars; what has none stays as it is. */
static int append_masked_url(struct buf *out, const char *url)
{
    const char *at = strrchr(url, '@'), *authority = strstr(url, "//");

    if (at == NULL || authority == NULL)
        return expand_quote(str_of(url), out);
    if (buf_append(out, url, (size_t)(authority + 2 - url)) < 0 ||
        buf_append(out, "***", 3) < 0)
        return -1;
    return expand_quote(str_of(at), out);
}

/* Is all of it one ${...}? */
static bool is_one_name(const char *text)
{
    const char *end = strchr(text, '}');

    return str_starts(str_of(text), "${") && end != NULL && end[1] == '\0';
}

/* A proxy as it is written, which names variables but may have a secret beside them: that is
 * left out up to the last '@', as of a URL. */
static int append_masked_text(struct buf *out, const char *text)
{
    static const char *const schemes[] = {"", "http://", "socks5h://"};
    const char *at = strrchr(text, '@');
    size_t i = ARRAY_LEN(schemes) - 1;

    if (at == NULL || is_one_name(text))
        return buf_append(out, text, strlen(text));
    while (i > 0 && !str_starts(str_of(text), schemes[i]))
        i--;
    if (buf_append(out, schemes[i], strlen(schemes[i])) < 0 || buf_append(out, "***", 3) < 0)
        return -1;
    return buf_append(out, at, strlen(at));
}

static void write_string(const struct setting *k, const void *base, bool mask, bool is_of_text,
                         struct json_out *o)
{
    const char *text = value_string(k, base);
    struct buf shown;
    int rc;

    buf_init(&shown, VALUE_BYTES_MAX * 2);
    if (mask && is_of_text && k->form == FORM_PROXY && text != NULL)
        rc = append_masked_text(&shown, text);
    else if (is_of_text && k->vendor && !k->secret && text != NULL)
        rc = buf_append(&shown, text, strlen(text));
    else if (mask && (k->form == FORM_REDIS_URL || k->form == FORM_PROXY) && text != NULL)
        rc = append_masked_url(&shown, text);
    else if (mask && k->secret && text != NULL && text[0] != '\0')
        rc = buf_append(&shown, "***", 3);
    else
        rc = expand_quote(str_of(text), &shown);
    if (rc < 0)
        o->failed = true;
    json_out_str(o, buf_str(&shown));
    buf_release(&shown);
}

void value_write(const struct setting *k, const void *base, bool mask, bool is_of_text,
                 struct json_out *o)
{
    char text[DURATION_TEXT_MAX];

    switch (k->type) {
    case SETTING_STRING:
    case SETTING_WORD:
        write_string(k, base, mask, is_of_text, o);
        break;
    case SETTING_CHOICE:
    case SETTING_SWITCH:
        json_out_text(o, k->words[value_number(k, base)]);
        break;
    case SETTING_DURATION:
    case SETTING_SIZE:
        settings_format(k, value_number(k, base), text, sizeof(text));
        json_out_text(o, text);
        break;
    default:
        json_out_int(o, value_number(k, base));
        break;
    }
}
