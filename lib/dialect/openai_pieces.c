/* openai_pieces.c - the pieces of an event of the OpenAI dialect, and the event without some of
 * them; openai_pieces.h has the contract.
 *
 *   event    id, created: names.  choices: below.  usage: the last piece.  The rest goes along.
 *   choice   delta: below.  text: a text.  finish_reason.  logprobs: each list's elements.
 *   delta    role: a mark.  tool_calls: by their index.  function_call: each of its members.
 *   call     id: a name.  type: a mark.  function, custom: each of their members.
 *
 * WHATEVER NOBODY HERE KNOWS of a choice, a delta or a call is content as well: a string is a
 * text that clients join (reasoning_content), an array's elements are items one by one
 * (annotations, images), anything else is one item.  Known to be about the answer, and no part of
 * it, are only the members that of_choice names.  What is null or empty is nothing.
 *
 * The tables say how deep it goes, not the event: a value within a value is compared as it is
 * written.  What two readers could disagree about (a name that stands twice or is escaped, a
 * call without its index) is not read at all. */
#include "dialect/openai_pieces.h"

#include "base/json_scan.h"

#include <stdio.h>
#include <string.h>

#define MEMBERS_MAX     64  /* of one object */
#define PLACE_MAX_BYTES 256 /* names on the way to a piece */

struct walk {
    struct dialect_sieve *s;
    bool stopped;
    int64_t choice;
    size_t choices, kept_choices, news, olds;
    struct str usage; /* of the event; empty: it says none */
    char place[PLACE_MAX_BYTES];
    size_t place_len;
};

/* Writes what goes on of a member's value.  false: nothing of it does. */
typedef bool (*put_value)(struct walk *w, const struct json_member *m);

struct rule {
    struct str name;
    put_value put;
};

#define RULE(name, put)                                                                        \
    {                                                                                          \
        {(name), sizeof(name) - 1}, (put)                                                      \
    }
#define RULES_END                                                                              \
    {                                                                                          \
        {NULL, 0}, NULL                                                                        \
    }

static void stop(struct walk *w)
{
    w->stopped = true;
}

static void emit(struct walk *w, struct str text)
{
    if (w->s->out != NULL && buf_append_str(w->s->out, text) < 0)
        stop(w);
}

static size_t here(const struct walk *w)
{
    return w->s->out != NULL ? w->s->out->len : 0;
}

static void undo(struct walk *w, size_t mark)
{
    w->s->changed = true;
    if (w->s->out != NULL)
        w->s->out->len = mark;
}

/* One step further on the way to a piece; w->place_len leads back. */
static void step(struct walk *w, struct str name)
{
    if (name.len + 1 > sizeof(w->place) - w->place_len) {
        stop(w);
        return;
    }
    memcpy(w->place + w->place_len, name.ptr, name.len);
    w->place_len += name.len;
    w->place[w->place_len++] = '\n'; /* stands in no name */
}

static bool put_piece(struct walk *w, enum dialect_piece_kind kind, struct str value)
{
    struct dialect_piece p = {kind, w->choice, {w->place, w->place_len}, value};
    struct str instead = value;
    enum dialect_sift sift = w->s->on_piece(w->s->arg, &p, &instead);

    w->news += sift == DIALECT_SIFT_NEW || sift == DIALECT_SIFT_CUT;
    w->olds += sift == DIALECT_SIFT_OLD;
    w->s->changed = w->s->changed || (sift != DIALECT_SIFT_NEW && sift != DIALECT_SIFT_ALONG);
    w->stopped = w->stopped || sift == DIALECT_SIFT_STOP;
    if (sift == DIALECT_SIFT_OLD || sift == DIALECT_SIFT_STOP)
        return false;
    emit(w, instead);
    return true;
}

static put_value rule_of(const struct rule *rules, struct str name, put_value otherwise)
{
    for (; rules->put != NULL; rules++)
        if (str_eq(name, rules->name))
            return rules->put;
    return otherwise;
}

static bool put_along(struct walk *w, const struct json_member *m)
{
    emit(w, m->value);
    return true;
}

static void put_member(struct walk *w, bool *any, const struct json_member *m, put_value put)
{
    size_t mark = here(w), from = w->place_len;

    if (w->s->out == NULL && (put == put_along || json_scan_is_empty(m->type, m->value)))
        return;
    emit(w, *any ? STR(",\"") : STR("\""));
    emit(w, m->name);
    emit(w, STR("\":"));
    step(w, m->name);
    if (json_scan_is_empty(m->type, m->value)) {
        emit(w, m->value);
        *any = true;
    } else if (!w->stopped && put(w, m)) {
        *any = true;
    } else {
        undo(w, mark);
    }
    w->place_len = from;
}

/* Would two readers take this name for different members? */
static bool is_doubtful(const struct str *names, size_t n, struct str name)
{
    if (n == MEMBERS_MAX || memchr(name.ptr, '\\', name.len) != NULL)
        return true;
    for (size_t i = 0; i < n; i++)
        if (str_eq(names[i], name))
            return true;
    return false;
}

/* Writes an object's members by their rules.  false: none of them goes on. */
static bool put_object(struct walk *w, struct str object, const struct rule *rules,
                       put_value otherwise)
{
    struct str names[MEMBERS_MAX];
    struct json_member m;
    size_t n = 0;
    bool any = false;

    emit(w, STR("{"));
    for (size_t at = 0; !w->stopped && json_scan_next_member(object, &at, &m);) {
        if (is_doubtful(names, n, m.name)) {
            stop(w);
            break;
        }
        names[n++] = m.name;
        put_member(w, &any, &m, rule_of(rules, m.name, otherwise));
    }
    emit(w, STR("}"));
    return any;
}

static bool put_name(struct walk *w, const struct json_member *m)
{
    return put_piece(w, DIALECT_NAME, m->value);
}

static bool put_mark(struct walk *w, const struct json_member *m)
{
    return put_piece(w, DIALECT_MARK, m->value);
}

static bool put_elements(struct walk *w, struct str array)
{
    size_t at = 0;
    struct str elem;
    enum json_type type;
    bool any = false;

    emit(w, STR("["));
    while (!w->stopped && json_scan_next(array, &at, &elem, &type)) {
        size_t mark = here(w);

        if (any)
            emit(w, STR(","));
        if (put_piece(w, DIALECT_ITEM, elem))
            any = true;
        else
            undo(w, mark);
    }
    emit(w, STR("]"));
    return any;
}

static bool put_any(struct walk *w, const struct json_member *m)
{
    if (m->type == JSON_ARRAY)
        return put_elements(w, m->value);
    return put_piece(w, m->type == JSON_STRING ? DIALECT_TEXT : DIALECT_ITEM, m->value);
}

static bool put_each(struct walk *w, const struct json_member *m)
{
    static const struct rule none[] = {RULES_END};

    return m->type == JSON_OBJECT ? put_object(w, m->value, none, put_any) : put_any(w, m);
}

/* The number by which a client tells items of an array apart.  -1: it has none. */
static int64_t index_of(struct str object, int64_t otherwise)
{
    struct json_member m;
    int64_t index;

    for (size_t at = 0; json_scan_next_member(object, &at, &m);)
        if (str_eqz(m.name, "index") && m.type != JSON_NULL)
            return m.type == JSON_NUMBER && json_scan_int(m.value, &index) == 0 && index >= 0
                       ? index
                       : -1;
    return otherwise;
}

/* Writes an array's object by its rules, unless nothing of it is news. */
static bool put_item(struct walk *w, bool *any, struct str item, const struct rule *rules)
{
    size_t mark = here(w), news = w->news, olds = w->olds;

    if (*any)
        emit(w, STR(","));
    put_object(w, item, rules, put_any);
    bool kept = w->news > news || (w->s->calm && w->olds == olds);

    if (kept)
        *any = true;
    else
        undo(w, mark);
    return kept;
}

static const struct rule of_call[] = {
    RULE("index", put_along),   RULE("id", put_name),     RULE("type", put_mark),
    RULE("function", put_each), RULE("custom", put_each), RULES_END,
};

static bool put_calls(struct walk *w, const struct json_member *m)
{
    size_t at = 0, from = w->place_len;
    struct str call;
    enum json_type type;
    bool any = false;
    char number[24];

    if (m->type != JSON_ARRAY)
        return put_any(w, m);
    emit(w, STR("["));
    while (!w->stopped && json_scan_next(m->value, &at, &call, &type)) {
        int64_t index = type == JSON_OBJECT ? index_of(call, -1) : -1;

        if (index < 0) {
            stop(w);
            break;
        }
        snprintf(number, sizeof(number), "%lld", (long long)index);
        step(w, str_of(number));
        put_item(w, &any, call, of_call);
        w->place_len = from;
    }
    emit(w, STR("]"));
    return any;
}

static const struct rule of_delta[] = {
    RULE("role", put_mark),
    RULE("tool_calls", put_calls),
    RULE("function_call", put_each),
    RULES_END,
};

static bool put_delta(struct walk *w, const struct json_member *m)
{
    if (m->type != JSON_OBJECT)
        stop(w);
    else
        put_object(w, m->value, of_delta, put_any);
    return true;
}

static bool put_text(struct walk *w, const struct json_member *m)
{
    if (m->type != JSON_STRING)
        stop(w);
    else if (!put_piece(w, DIALECT_TEXT, m->value))
        emit(w, STR("\"\""));
    return true;
}

static bool put_finish(struct walk *w, const struct json_member *m)
{
    if (m->type != JSON_STRING)
        emit(w, m->value);
    else if (!put_piece(w, DIALECT_FINISH, m->value))
        emit(w, STR("null"));
    return true;
}

static const struct rule of_choice[] = {
    RULE("delta", put_delta),
    RULE("text", put_text),
    RULE("logprobs", put_each),
    RULE("finish_reason", put_finish),
    RULE("index", put_along),
    RULE("native_finish_reason", put_along), /* OpenRouter */
    RULE("stop_reason", put_along),          /* vLLM */
    RULE("matched_stop", put_along),         /* SGLang */
    RULE("content_filter_results",
         put_along), /* Azure: of a part of the text, wherever it ends */
    RULE("content_filter_offsets", put_along),
    RULES_END,
};

static bool put_choices(struct walk *w, const struct json_member *m)
{
    size_t at = 0;
    struct str choice;
    enum json_type type;
    bool any = false;

    if (m->type != JSON_ARRAY) {
        stop(w);
        return true;
    }
    emit(w, STR("["));
    while (!w->stopped && json_scan_next(m->value, &at, &choice, &type)) {
        w->choice = type == JSON_OBJECT ? index_of(choice, 0) : -1;
        if (w->choice < 0 || w->choice >= CHOICES_MAX) {
            stop(w);
            break;
        }
        w->place_len = 0;
        w->choices++;
        w->kept_choices += put_item(w, &any, choice, of_choice);
    }
    emit(w, STR("]"));
    w->choice = DIALECT_NO_CHOICE;
    return true;
}

/* Shown last: whether it is news depends on what else the event says. */
static bool put_usage(struct walk *w, const struct json_member *m)
{
    if (m->type == JSON_OBJECT)
        w->usage = m->value;
    return put_along(w, m);
}

static const struct rule of_event[] = {
    RULE("choices", put_choices),
    RULE("usage", put_usage),
    RULE("id", put_name),
    RULE("created", put_name),
    RULES_END,
};

static bool shows_usage(struct walk *w)
{
    struct dialect_piece p = {DIALECT_USAGE, DIALECT_NO_CHOICE, STR("usage"), w->usage};
    struct str instead;

    return w->usage.len > 0 && w->s->on_piece(w->s->arg, &p, &instead) == DIALECT_SIFT_NEW;
}

int openai_pieces_sift(struct str data, struct dialect_sieve *s)
{
    struct walk w = {.s = s, .choice = DIALECT_NO_CHOICE};

    s->changed = s->kept = false;
    if (!str_starts(str_trim(data), "{")) /* a byte order mark, for one */
        return -1;
    put_object(&w, data, of_event, put_along);
    if (w.stopped)
        return -1;
    bool usage = shows_usage(&w);

    s->kept = usage || (w.choices > 0 ? w.kept_choices > 0 : s->calm);
    return 0;
}
