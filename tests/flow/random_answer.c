/* random_answer.c - answers of every kind and their runs; random_answer.h has the contract. */
#include "random_answer.h"

#include "base/base.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum shape { TEXT, LIST, CALL };

static const struct {
    const char *member;
    enum shape shape;
} kinds[] = {
    {"content", TEXT},      {"reasoning_content", TEXT}, {"reasoning", TEXT}, {"refusal", TEXT},
    {"nobody_knows", TEXT}, {"annotations", LIST},       {"images", LIST},    {"numbers", LIST},
    {"tool_calls", CALL},   {"tool_calls", CALL},        {"content", TEXT},
};

/* ---- an answer ---- */

static void random_text(char *out, size_t cap, struct rand *rnd)
{
    static const char *const words[] = {
        "a",     "b ", "\"", "\\", "\n", "{}", "\xC3\xA9", "\t\xE2\x82\xAC", "\xF0\x9F\x98\x80",
        "data: "};
    size_t n = 1 + rand_below(rnd, 12);

    out[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        const char *word = words[rand_below(rnd, ARRAY_LEN(words))];

        if (strlen(out) + strlen(word) < cap)
            memcpy(out + strlen(out), word, strlen(word) + 1);
    }
}

void random_answer_make(struct random_answer *a, struct rand *rnd)
{
    memset(a, 0, sizeof(*a));
    a->n_choices = rand_below(rnd, 2) == 0 ? 1 : 1 + (int)rand_below(rnd, RANDOM_CHOICES_MAX);
    a->usage = rand_below(rnd, 2) == 0;
    for (int c = 0; c < a->n_choices; c++) {
        int calls = 0;

        a->choices[c].n = 1 + (int)rand_below(rnd, RANDOM_SEGMENTS_MAX);
        for (int i = 0; i < a->choices[c].n; i++) {
            struct random_segment *s = &a->choices[c].segments[i];

            s->kind = (int)rand_below(rnd, ARRAY_LEN(kinds));
            s->call = kinds[s->kind].shape == CALL ? calls++ : 0;
            random_text(s->text, sizeof(s->text), rnd);
        }
    }
}

void random_answer_change(struct random_answer *a, struct rand *rnd)
{
    size_t c = rand_below(rnd, (uint64_t)a->n_choices);
    struct random_segment *all = a->choices[c].segments;
    size_t i = rand_below(rnd, (uint64_t)a->choices[c].n), len = strlen(all[i].text);

    switch (rand_below(rnd, 4)) {
    case 0: /* more of it */
        if (len + 1 < sizeof(all[i].text)) {
            memcpy(all[i].text + len, "x", 2);
            break;
        }
        /* fall through */
    case 1: /* something else */
        all[i].text[0] = all[i].text[0] == 'y' ? 'z' : 'y';
        all[i].text[1] = '\0';
        break;
    case 2: /* another kind */
        all[i].kind = kinds[all[i].kind].shape == TEXT ? 5 : 1;
        break;
    default: /* less */
        if (a->choices[c].n > 1)
            a->choices[c].n--;
        else
            memcpy(all[i].text, "w", 2);
        break;
    }
}

/* ---- a run ---- */

struct place { /* how far a choice has been said */
    int segment;
    size_t at; /* bytes of its text; of a call: those behind its head */
    bool head, role, over;
};

struct saying {
    const struct random_answer *a;
    struct random_run *run;
    struct rand *rnd;
    struct place places[RANDOM_CHOICES_MAX];
    const char *line_end;
};

static bool chance(struct rand *rnd, unsigned one_in)
{
    return rand_below(rnd, one_in) == 0;
}

/* Whole characters, at least one. */
static size_t take(const char *text, size_t at, struct rand *rnd)
{
    size_t len = strlen(text), end = at + 1 + rand_below(rnd, len - at);

    while (end < len && ((unsigned char)text[end] & 0xC0) == 0x80)
        end++;
    return end;
}

static json_t *text_piece(const struct random_segment *s, size_t from, size_t to)
{
    return json_stringn(s->text + from, to - from);
}

static json_t *list_piece(const struct random_segment *s, size_t from, size_t to)
{
    json_t *list = json_array();

    for (; from < to; from++)
        json_array_append_new(list, kinds[s->kind].member[0] == 'n'
                                        ? json_integer((unsigned char)s->text[from])
                                        : json_pack("{s:s,s:{s:i}}", "type", "x", "x", "n",
                                                    (unsigned char)s->text[from]));
    return list;
}

static json_t *call_piece(struct saying *y, const struct random_segment *s, bool head,
                          size_t from, size_t to)
{
    json_t *call = json_pack("{s:i}", "index", s->call), *function = json_object();
    char id[32];

    if (head) {
        snprintf(id, sizeof(id), "call-%c-%d", y->run->name, s->call);
        json_object_set_new(call, "id", json_string(id));
        json_object_set_new(call, "type", json_string("function"));
        json_object_set_new(function, "name", json_string("f"));
    }
    json_object_set_new(function, "arguments", json_stringn(s->text + from, to - from));
    json_object_set_new(call, "function", function);
    return json_pack("[o]", call);
}

/* One more piece of a choice into its delta.  false: its member is there already. */
static bool say_piece(struct saying *y, int c, json_t *delta)
{
    struct place *p = &y->places[c];
    const struct random_segment *s = &y->a->choices[c].segments[p->segment];
    const char *member = kinds[s->kind].member;
    size_t from = p->at, to;
    json_t *piece;

    if (json_object_get(delta, member) != NULL)
        return false;
    to = take(s->text, from, y->rnd);
    if (kinds[s->kind].shape == TEXT) {
        piece = text_piece(s, from, to);
    } else if (kinds[s->kind].shape == LIST) {
        piece = list_piece(s, from, to);
    } else {
        bool head = !p->head;

        if (head && chance(y->rnd, 2))
            to = from; /* the arguments follow */
        p->head = true;
        piece = call_piece(y, s, head, from, to);
    }
    cr_assert_not_null(piece);
    json_object_set_new(delta, member, piece);
    p->at = to;
    if (s->text[to] == '\0') {
        p->segment++;
        p->at = 0;
        p->head = false;
    }
    return true;
}

static json_t *say_choice(struct saying *y, int c)
{
    struct place *p = &y->places[c];
    json_t *delta = json_object(), *finish = json_null();
    int n = y->a->choices[c].n;

    if (!p->role && chance(y->rnd, 2))
        json_object_set_new(delta, "role", json_string("assistant"));
    p->role = true;
    do {
        if (p->segment < n && !say_piece(y, c, delta))
            break;
    } while (p->segment < n && chance(y->rnd, 3));
    if (p->segment == n && (json_object_size(delta) == 0 || chance(y->rnd, 3))) {
        finish = json_string("stop");
        p->over = true;
    }
    return json_pack("{s:i,s:o,s:o}", "index", c, "delta", delta, "finish_reason", finish);
}

static void put(struct buf *out, const char *text)
{
    cr_assert_eq(buf_append_str(out, str_of(text)), 0);
}

static void say_event(struct saying *y, json_t *choices, bool usage)
{
    char id[16];
    json_t *event;
    size_t flags[] = {JSON_COMPACT, 0, JSON_ENSURE_ASCII, JSON_INDENT(1)};

    snprintf(id, sizeof(id), "id-%c", y->run->name);
    event = json_pack("{s:s,s:i,s:s,s:o}", "id", id, "created", y->run->name, "object", "chunk",
                      "choices", choices);
    if (usage)
        json_object_set_new(event, "usage", json_pack("{s:i}", "prompt_tokens", 7));
    char *text = json_dumps(event, flags[rand_below(y->rnd, ARRAY_LEN(flags))]);

    for (char *line = text, *next; line != NULL; line = next) {
        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        put(&y->run->body, "data: ");
        put(&y->run->body, line);
        put(&y->run->body, y->line_end);
    }
    put(&y->run->body, y->line_end);
    free(text);
    json_decref(event);
}

static void say_some(struct saying *y)
{
    json_t *choices = json_array();
    int first = (int)rand_below(y->rnd, (uint64_t)y->a->n_choices);

    for (int i = 0; i < y->a->n_choices; i++) {
        int c = (first + i) % y->a->n_choices;

        if (!y->places[c].over && (json_array_size(choices) == 0 || chance(y->rnd, 4)))
            json_array_append_new(choices, say_choice(y, c));
    }
    say_event(y, choices, false);
}

static bool is_over(const struct saying *y)
{
    for (int c = 0; c < y->a->n_choices; c++)
        if (!y->places[c].over)
            return false;
    return true;
}

void random_answer_say(const struct random_answer *a, struct random_run *run, struct rand *rnd)
{
    static const char *const line_ends[] = {"\n", "\r\n", "\n", "\r\n", "\r"};
    struct saying y = {.a = a, .run = run, .rnd = rnd};

    y.line_end = line_ends[rand_below(rnd, ARRAY_LEN(line_ends))];
    run->cr_alone = strcmp(y.line_end, "\r") == 0;
    buf_init(&run->body, 1u << 20);
    if (chance(rnd, 8))
        put(&run->body, "\xEF\xBB\xBF");
    while (!is_over(&y)) {
        if (chance(rnd, 8)) {
            put(&run->body, ": still here");
            put(&run->body, y.line_end);
            put(&run->body, y.line_end);
        }
        say_some(&y);
    }
    if (a->usage)
        say_event(&y, json_array(), true);
    put(&run->body, "data: [DONE]");
    put(&run->body, y.line_end);
    put(&run->body, y.line_end);
}

/* ---- a client ---- */

struct random_reader {
    json_t *state;
    bool done, error;
};

struct random_reader *random_reader_new(void)
{
    struct random_reader *r = xcalloc(1, sizeof(*r));

    r->state = json_object();
    return r;
}

void random_reader_free(struct random_reader *r)
{
    json_decref(r->state);
    free(r);
}

static json_t *child(json_t *object, const char *name, json_t *(*make)(void))
{
    json_t *v = json_object_get(object, name);

    if (v == NULL) {
        v = make();
        json_object_set_new(object, name, v);
    }
    return v;
}

static void join_text(json_t *into, const char *name, json_t *more)
{
    json_t *had = json_object_get(into, name);

    json_object_set_new(into, name,
                        json_sprintf("%s%s", had != NULL ? json_string_value(had) : "",
                                     json_string_value(more)));
}

/* What is the same however often it is said, or may be said but once. */
static void set_once(json_t *into, const char *name, json_t *v)
{
    json_t *had = json_object_get(into, name);

    cr_assert(had == NULL || json_equal(had, v), "two of %s", name);
    json_object_set(into, name, v);
}

static void join(json_t *into, json_t *from);

static void join_calls(json_t *into, json_t *calls)
{
    size_t i;
    json_t *call;

    json_array_foreach(calls, i, call)
    {
        char name[32];

        snprintf(name, sizeof(name), "%d",
                 (int)json_integer_value(json_object_get(call, "index")));
        join(child(into, name, json_object), call);
    }
}

static void join(json_t *into, json_t *from)
{
    const char *name;
    json_t *v;

    json_object_foreach(from, name, v)
    {
        if (strcmp(name, "role") == 0) /* a client knows who speaks */
            continue;
        if (strcmp(name, "id") == 0 || strcmp(name, "type") == 0 || strcmp(name, "index") == 0)
            set_once(into, name, v);
        else if (json_is_string(v) && json_string_length(v) > 0)
            join_text(into, name, v);
        else if (strcmp(name, "tool_calls") == 0)
            join_calls(child(into, name, json_object), v);
        else if (json_is_array(v) && json_array_size(v) > 0)
            json_array_extend(child(into, name, json_array), v);
        else if (json_is_object(v) && json_object_size(v) > 0)
            join(child(into, name, json_object), v);
    }
}

void random_reader_add(struct random_reader *r, struct str data)
{
    json_t *event, *choice;
    size_t i;

    cr_assert_not(r->done || r->error, "an event behind the last one");
    r->done = str_eqz(data, "[DONE]");
    if (r->done)
        return;
    event = json_loadb(data.ptr, data.len, 0, NULL);
    cr_assert_not_null(event, "no JSON: %.*s", (int)data.len, data.ptr);
    r->error = json_object_get(event, "error") != NULL;
    if (!r->error) {
        set_once(r->state, "id", json_object_get(event, "id"));
        set_once(r->state, "created", json_object_get(event, "created"));
    }
    json_array_foreach(json_object_get(event, "choices"), i, choice)
    {
        char name[32];

        snprintf(name, sizeof(name), "choice %d",
                 (int)json_integer_value(json_object_get(choice, "index")));
        json_t *into = child(r->state, name, json_object);

        if (json_is_string(json_object_get(choice, "finish_reason")))
            cr_assert_null(json_object_get(into, "finish"), "finished twice");
        else
            cr_assert_null(json_object_get(into, "finish"), "content behind the end");
        join(into, json_object_get(choice, "delta"));
        if (json_is_string(json_object_get(choice, "finish_reason")))
            json_object_set(into, "finish", json_object_get(choice, "finish_reason"));
    }
    if (json_is_object(json_object_get(event, "usage")))
        set_once(r->state, "usage", json_object_get(event, "usage"));
    json_decref(event);
}

bool random_reader_is_done(const struct random_reader *r)
{
    return r->done;
}

bool random_reader_has_error(const struct random_reader *r)
{
    return r->error;
}

static void hide_ids(json_t *state)
{
    const char *name, *number;
    json_t *choice, *call;

    json_object_foreach(state, name, choice)
        json_object_foreach(json_object_get(choice, "tool_calls"), number,
                            call) if (json_object_get(call, "id") != NULL)
            json_object_set_new(call, "id", json_string("one"));
    json_object_del(state, "id");
    json_object_del(state, "created");
}

char *random_reader_text(const struct random_reader *r)
{
    json_t *copy = json_deep_copy(r->state);
    char *text;

    hide_ids(copy);
    text = json_dumps(copy, JSON_SORT_KEYS);
    json_decref(copy);
    return text;
}
