/* test_exchange.c - who hears of an exchange, with a maker that is no connection at all. */
#include "http/exchange.h"

#include <criterion/criterion.h>
#include <string.h>

struct maker { /* notes what it is asked for, a letter each */
    struct exchange ex;
    char asked[32];
};

struct taker { /* and what it is told */
    char told[32];
};

static void note(char *notes, char letter)
{
    size_t len = strlen(notes);

    cr_assert_lt(len, 31u);
    notes[len] = letter;
}

static void reply(struct exchange *ex, int status, const struct http_reply_field *f, size_t n,
                  struct str body)
{
    (void)status, (void)f, (void)n, (void)body;
    note(((struct maker *)ex)->asked, 'r');
}

static void start(struct exchange *ex, int status, const struct http_reply_field *f, size_t n,
                  int64_t content_length)
{
    (void)status, (void)f, (void)n, (void)content_length;
    note(((struct maker *)ex)->asked, 's');
}

static bool write_piece(struct exchange *ex, const void *data, size_t len)
{
    (void)data;
    note(((struct maker *)ex)->asked, 'w');
    return len < 3;
}

static void finish(struct exchange *ex)
{
    note(((struct maker *)ex)->asked, 'f');
}

static void cut(struct exchange *ex)
{
    note(((struct maker *)ex)->asked, 'a');
}

static void on_body(void *arg, struct exchange *ex, struct str body)
{
    (void)ex, (void)body;
    note(((struct taker *)arg)->told, 'B');
}

static void on_gone(void *arg)
{
    note(((struct taker *)arg)->told, 'G');
}

static void on_writable(void *arg)
{
    note(((struct taker *)arg)->told, 'W');
}

/* One letter of a history: what the taker asks for (small) or the maker has to tell (large). */
static void play(struct maker *m, char step)
{
    switch (step) {
    case 'r':
        exchange_reply(&m->ex, 200, NULL, 0, STR(""));
        break;
    case 's':
        exchange_start(&m->ex, 200, NULL, 0, -1);
        break;
    case 'w':
        cr_expect(exchange_write(&m->ex, "ab", 2));
        cr_expect_not(exchange_write(&m->ex, "abc", 3), "the maker's word passes");
        break;
    case 'f':
        exchange_finish(&m->ex);
        break;
    case 'a':
        exchange_abort(&m->ex);
        break;
    case 'B':
        exchange_tell_body(&m->ex, STR("body"));
        break;
    case 'G':
        exchange_tell_gone(&m->ex);
        break;
    case 'W':
        exchange_tell_writable(&m->ex);
        break;
    default:
        cr_assert_fail("no step '%c'", step);
    }
}

static const struct {
    const char *history, *asked, *told;
} rows[] = {
    {"Br", "r", "B"},         /* served */
    {"BrG", "r", "B"},        /* ended: not gone any more */
    {"rB", "r", ""},          /* answered early: no body any more */
    {"G", "", "G"},           /* gone before the body */
    {"GBWG", "", "G"},        /* and nothing after that */
    {"BswWfW", "swwf", "BW"}, /* streamed */
    {"BswaG", "swwa", "B"},   /* and broken off */
    {"BsWG", "s", "BWG"},     /* or left */
};

Test(exchange, nobody_hears_of_one_that_is_over)
{
    static const struct exchange_ops ops = {reply, start, write_piece, finish, cut};
    static const struct exchange_taker taker = {on_body, on_gone, on_writable};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_head head = {.method = HTTP_GET};
        struct maker m = {0};
        struct taker t = {0};

        exchange_init(&m.ex, &ops, &head);
        cr_expect_eq(m.ex.head, &head);
        exchange_take(&m.ex, &taker, &t);
        for (const char *c = rows[i].history; *c != '\0'; c++)
            play(&m, *c);
        cr_expect_str_eq(m.asked, rows[i].asked, "row '%s'", rows[i].history);
        cr_expect_str_eq(t.told, rows[i].told, "row '%s'", rows[i].history);
    }
}

/* A taker may leave out what it does not care for, and pass the exchange on. */
Test(exchange, silent_takers_and_heirs)
{
    static const struct exchange_ops ops = {reply, start, write_piece, finish, cut};
    static const struct exchange_taker silent = {0}, heir = {on_body, on_gone, on_writable};
    struct maker m = {0};
    struct taker t = {0};

    exchange_init(&m.ex, &ops, NULL);
    play(&m, 'G'); /* not taken yet */
    exchange_take(&m.ex, &silent, NULL);
    play(&m, 'B');
    play(&m, 'W');
    exchange_take(&m.ex, &heir, &t);
    play(&m, 'W');
    play(&m, 'G');
    cr_expect_str_eq(t.told, "WG");
}
