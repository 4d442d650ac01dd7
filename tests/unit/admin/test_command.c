/* test_command.c - commands are found, guessed and refused; help and manual know all of them.
 */
#include "admin/command.h"

#include <criterion/criterion.h>
#include <string.h>

static size_t split(const char *line, const char **words)
{
    static char copy[256];
    char *rest = copy, *word;
    size_t n = 0;

    memcpy(copy, line, strlen(line) + 1);
    while (line[0] != '\0' && (word = strsep(&rest, " ")) != NULL)
        words[n++] = word;
    return n;
}

Test(command, every_name_finds_itself)
{
    const char *words[8];
    struct err err;
    size_t used;

    for (size_t i = 0; command_at(i) != NULL; i++) {
        const struct command *c = command_at(i);
        size_t n = split(c->name, words);

        cr_expect_eq(command_find(words, n, &used, &err), c, "%s", c->name);
        cr_expect_eq(used, n, "%s", c->name);
        cr_expect_leq(c->min, c->max, "%s", c->name);
        cr_expect_eq(c->flags & ARGS_EVERYWHERE, 0, "%s", c->name);
    }
}

Test(command, a_mistake_is_answered_with_what_was_meant)
{
    static const struct {
        const char *line, *want;
    } rows[] = {
        {"statsu",
         "no command 'statsu' (did you mean 'status'?), only: status, region, routers"},
        {"xyzzyplugh", "no command 'xyzzyplugh', only: status"},
        {"region", "region wants one of: show, down, drain, up, auto"},
        {"region dwn", "no command 'region dwn' (did you mean 'down'?), only: show"},
        {"region us-east", "no command 'region us-east'"},
        {"config", "config wants one of: check"},
        {"down us-east", "(did you mean 'region down'?)"},
        {"check f.json", "(did you mean 'config check'?)"},
        {"", "want a command"},
    };
    const char *words[8];
    struct err err;
    size_t used;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t n = split(rows[i].line, words);

        cr_expect_null(command_find(words, n, &used, &err), "%s", rows[i].line);
        cr_expect_not_null(strstr(err.msg, rows[i].want), "%s: %s", rows[i].line, err.msg);
    }
}

Test(command, words_and_options_are_checked)
{
    static const struct {
        const char *line;
        unsigned given;
        const char *want; /* NULL: fine */
    } rows[] = {
        {"status", 0, NULL},
        {"status us-east", ARGS_BIT(ARGS_JSON), NULL},
        {"status us-east eu-west", 0, "status does not know what to do with 'eu-west'"},
        {"status", ARGS_BIT(ARGS_FOR), "status has no option --for"},
        {"region down", 0, "region down wants NAME"},
        {"region down a b", 0, "'b'"},
        {"region down a", ARGS_BIT(ARGS_FOR) | ARGS_BIT(ARGS_WAIT), NULL},
        {"region down a", ARGS_BIT(ARGS_RESET), "region down has no option --reset"},
        {"region auto a", ARGS_BIT(ARGS_RESET), NULL},
        {"region auto a", ARGS_BIT(ARGS_FOR), "region auto has no option --for"},
        {"region show a", ARGS_BIT(ARGS_REASON), "has no option --reason"},
        {"routers", ARGS_BIT(ARGS_FOLLOW), "routers has no option -f"},
        {"watch", ARGS_BIT(ARGS_INTERVAL) | ARGS_BIT(ARGS_COUNT), NULL},
        {"config check", 0, "config check wants FILE"},
    };
    struct args a = {0};
    struct err err;
    size_t used;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        a.n_words = split(rows[i].line, a.words);
        a.given = rows[i].given;
        const struct command *c = command_find(a.words, a.n_words, &used, &err);

        cr_assert_not_null(c, "%s", rows[i].line);
        cr_expect_eq(command_check(c, &a, used, &err), rows[i].want == NULL ? 0 : -1, "%s",
                     rows[i].line);
        if (rows[i].want != NULL)
            cr_expect_not_null(strstr(err.msg, rows[i].want), "%s: %s", rows[i].line, err.msg);
    }
}

Test(command, help_has_every_command_and_option)
{
    char option[80];
    struct buf all, one;

    buf_init(&all, 1u << 20);
    buf_init(&one, 1u << 20);
    cr_assert_eq(command_help(&all), 0);
    for (size_t i = 0; command_at(i) != NULL; i++) {
        const struct command *c = command_at(i);

        cr_expect_not_null(strstr(all.data, c->help), "%s", c->name);
        buf_clear(&one);
        cr_assert_eq(command_help_one(c, &one), 0);
        for (int f = 0; f < N_ARGS_FLAGS; f++) {
            bool its = ((c->flags | ARGS_EVERYWHERE) & ARGS_BIT(f)) != 0;

            snprintf(option, sizeof(option), "--%s ", args_row((enum args_flag)f)->name);
            cr_expect_eq(strstr(one.data, option) != NULL, its, "%s %s", c->name, option);
        }
    }
    for (char *line = all.data, *end; (end = strchr(line, '\n')) != NULL; line = end + 1)
        cr_expect_leq(end - line, 100, "%.*s", (int)(end - line), line);
    buf_clear(&one);
    cr_assert_eq(command_help_group("region", &one), 0);
    cr_expect_not_null(strstr(one.data, "region drain"));
    cr_expect_null(strstr(one.data, "routers "));
    cr_expect_eq(command_help_group("status", &one), -1);
    buf_release(&all);
    buf_release(&one);
}

/* "region down": .It Ic region down; a flag: .Fl -for, and .Fl f for a letter. */
Test(command, the_manual_has_every_command_and_option)
{
    char want[80];
    struct err err;
    struct buf page;

    buf_init(&page, 1u << 20);
    cr_assert_eq(buf_read_file(&page, "admin/sluice-admin.1", &err), 0, "%s", err.msg);
    for (size_t i = 0; command_at(i) != NULL; i++) {
        snprintf(want, sizeof(want), "\n.It Ic %s", command_at(i)->name);
        cr_expect_not_null(strstr(page.data, want), "the manual lacks '%s'", want + 1);
    }
    for (int f = 0; f < N_ARGS_FLAGS; f++) {
        const struct args_row *row = args_row((enum args_flag)f);

        snprintf(want, sizeof(want), "Fl -%s%s%s", row->name, row->value != NULL ? " " : "",
                 row->value == NULL           ? ""
                 : row->kind == ARGS_OPTIONAL ? "Op Ar"
                                              : "Ar");
        cr_expect_not_null(strstr(page.data, want), "the manual lacks '%s'", want);
        snprintf(want, sizeof(want), "\n.It Fl %c ,", row->letter);
        if (row->letter != '\0')
            cr_expect_not_null(strstr(page.data, want), "the manual lacks '%s'", want + 1);
    }
    buf_release(&page);
}
