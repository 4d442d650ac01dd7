/* command.c - the table of subcommands, and the help made from it. */
#include "admin/command.h"

#include "admin/cmd.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>

#define BIT(flag) ARGS_BIT(ARGS_##flag)
#define FORCING   (BIT(REASON) | BIT(WAIT) | BIT(EXPECT_EPOCH) | BIT(REQUEST_ID))

/* clang-format off */
static const struct command commands[] = {
    {"status",       "[REGION]",  "state of every region, or of one",   cmd_status,       0, 1, false,
     0,
     "Prints one line per region: the breaker's state, the operator's word over it, its epoch, how\n"
     "long it stays open, the attempts in the window, the fleet's averages of health and latency\n"
     "(first byte/whole), probes under way, cooling, and why it is so."},
    {"region show",  "NAME",      "everything about one region",        cmd_region_show,  1, 1, false,
     0,
     "Prints all that the fleet knows about a region, a fact a line."},
    {"region down",  "NAME",      "send a region nothing",              cmd_region_force, 1, 1, true,
     BIT(FOR) | FORCING,
     "No router sends the region anything, not even as a last resort, until the time is over or\n"
     "\"region auto\".  Running requests are not cut."},
    {"region drain", "NAME",      "send a region nothing new",          cmd_region_force, 1, 1, true,
     BIT(FOR) | FORCING,
     "Running requests finish, new ones go elsewhere, until the time is over or \"region auto\"."},
    {"region up",    "NAME",      "use a region although its breaker is open", cmd_region_force, 1, 1, true,
     BIT(FOR) | FORCING,
     "The region is used whatever its breaker says, until the time is over or \"region auto\".  The\n"
     "breaker goes on underneath."},
    {"region auto",  "NAME",      "leave a region to its breaker again", cmd_region_force, 1, 1, true,
     FORCING | BIT(RESET),
     "Ends up, down or drain.  The breaker decides again; --reset closes it as well."},
    {"routers",      "",          "who is alive, and who lags",         cmd_routers,      0, 0, false,
     0,
     "Prints one line per live router.  A config that differs from most routers' is marked with\n"
     "'*'; LAG counts the changes that a router has not said to have applied."},
    {"events",       "",          "what happened: trips, recoveries, operators' acts", cmd_events, 0, 0, false,
     BIT(FOLLOW) | BIT(NUMBER) | BIT(REGION),
     "Prints the last changes of regions and routers, oldest first.  With -f it goes on until\n"
     "Ctrl-C, over losses of the connection as well."},
    {"watch",        "",          "the status, live",                   cmd_watch,        0, 0, false,
     BIT(INTERVAL) | BIT(COUNT),
     "Draws the status again and again, in place on a terminal, until Ctrl-C.  Elsewhere the looks\n"
     "follow each other with an empty line between them, as JSON with one object a line."},
    {"doctor",       "",          "find what is wrong, say what to do",  cmd_doctor,       0, 0, false,
     0,
     "Looks at Redis (latency, role, eviction, persistence, clock, rights) and at the fleet (who\n"
     "lags, who does not listen, configs and versions that differ, words without an end, regions\n"
     "that do not heal).  Prints a line per finding; changes nothing.  Exits 1 where one is bad."},
    {"config check", "FILE",      "validate a config file, change nothing", cmd_config_check, 1, 1, false,
     0,
     "Says whether the routers would take the file, or what is wrong with it and where.  Needs no\n"
     "Redis."},
    {"help",         "[COMMAND]", "say how to use a command",           NULL,             0, 2, false,
     0,
     "Prints the list of commands, or a command's options."},
};
/* clang-format on */

const struct command *command_at(size_t i)
{
    return i < ARRAY_LEN(commands) ? &commands[i] : NULL;
}

/* ---- finding ---- */

/* How many of the words are the command's name; 0: they are not. */
static size_t matches(const struct command *c, const char *const *words, size_t n)
{
    struct str rest, first = str_split(str_of(c->name), ' ', &rest);

    if (n == 0 || !str_eqz(first, words[0]))
        return 0;
    if (rest.ptr == NULL)
        return 1;
    return n > 1 && str_eqz(rest, words[1]) ? 2 : 0;
}

static struct str second_word(const struct command *c)
{
    struct str rest;

    str_split(str_of(c->name), ' ', &rest);
    return rest;
}

static bool is_group(const char *word)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        struct str rest, first = str_split(str_of(commands[i].name), ' ', &rest);

        if (rest.ptr != NULL && str_eqz(first, word))
            return true;
    }
    return false;
}

/* Second words of the group, or first words of all; each once.  They are literals' parts, so
 * they are copied. */
struct candidates {
    char text[ARRAY_LEN(commands)][24];
    const char *list[ARRAY_LEN(commands)];
    size_t n;
};

static void collect(struct candidates *c, const char *group)
{
    c->n = 0;
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        struct str rest, word = str_split(str_of(commands[i].name), ' ', &rest);

        if (group != NULL && (rest.ptr == NULL || !str_eqz(word, group)))
            continue;
        if (group != NULL)
            word = rest;
        if (c->n > 0 && str_eqz(word, c->text[c->n - 1]))
            continue;
        snprintf(c->text[c->n], sizeof(c->text[0]), STR_FMT, STR_ARG(word));
        c->list[c->n] = c->text[c->n];
        c->n++;
    }
}

static void refuse(const char *const *words, size_t n, struct err *err)
{
    const char *group = is_group(words[0]) ? words[0] : NULL;
    const char *word = group == NULL ? words[0] : n > 1 ? words[1] : NULL;
    struct candidates c;
    char all[200] = "";

    collect(&c, group);
    for (size_t i = 0, at = 0; i < c.n && at < sizeof(all); i++)
        at +=
            (size_t)snprintf(all + at, sizeof(all) - at, "%s%s", i > 0 ? ", " : "", c.list[i]);
    if (word == NULL) {
        err_set(err, ERR_SYNTAX, "%s wants one of: %s", group, all);
        return;
    }
    const char *near = str_nearest(word, c.list, c.n);

    for (size_t i = 0; i < ARRAY_LEN(commands) && near == NULL && group == NULL; i++)
        if (str_eqz(second_word(&commands[i]), word))
            near = commands[i].name; /* "down us-east": the group was left out */

    err_set(err, ERR_UNKNOWN_NAME, "there is no command '%s%s%.40s'%s%s%s, only: %s",
            group != NULL ? group : "", group != NULL ? " " : "", word,
            near != NULL ? " (did you mean '" : "", near != NULL ? near : "",
            near != NULL ? "'?)" : "", all);
}

const struct command *command_find(const char *const *words, size_t n, size_t *used,
                                   struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        *used = matches(&commands[i], words, n);
        if (*used > 0)
            return &commands[i];
    }
    if (n == 0)
        err_set(err, ERR_SYNTAX, "want a command");
    else
        refuse(words, n, err);
    return NULL;
}

int command_check(const struct command *c, const struct args *a, size_t used, struct err *err)
{
    size_t n = a->n_words - used;

    if (n < c->min)
        return err_set(err, ERR_SYNTAX, "%s wants %s", c->name, c->args);
    if (n > c->max)
        return err_set(err, ERR_SYNTAX, "%s does not know what to do with '%.60s'", c->name,
                       a->words[used + c->max]);
    for (int i = 0; i < N_ARGS_FLAGS; i++) {
        enum args_flag flag = (enum args_flag)i;

        if (args_has(a, flag) && !((c->flags | ARGS_EVERYWHERE) & ARGS_BIT(flag)))
            return err_set(err, ERR_SYNTAX, "%s has no option %s", c->name, args_name(flag));
    }
    return 0;
}

/* ---- help ---- */

static int print_rows(const char *group, struct buf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        const struct command *c = &commands[i];

        if (group != NULL &&
            !(str_starts(str_of(c->name), group) && c->name[strlen(group)] == ' '))
            continue;
        if (buf_appendf(out, "  %-12s  %-10s %s\n", c->name, c->args, c->help) < 0)
            return -1;
    }
    return 0;
}

static int print_flags(unsigned flags, struct buf *out)
{
    for (int i = 0; i < N_ARGS_FLAGS; i++) {
        const struct args_row *row = args_row((enum args_flag)i);
        char left[60], letter[8] = "    ";

        if (!(flags & ARGS_BIT(i)))
            continue;
        if (row->letter != '\0')
            snprintf(letter, sizeof(letter), "-%c, ", row->letter);
        snprintf(left, sizeof(left), "%s--%s%s%s%s", letter, row->name,
                 row->value == NULL           ? ""
                 : row->kind == ARGS_OPTIONAL ? " ["
                                              : " ",
                 row->value != NULL ? row->value : "", row->kind == ARGS_OPTIONAL ? "]" : "");
        if (buf_appendf(out, "  %-23s %s\n", left, row->help) < 0)
            return -1;
    }
    return 0;
}

int command_help(struct buf *out)
{
    if (buf_appendf(out, "usage: sluice-admin [OPTION...] COMMAND [ARG...]\n\n") < 0 ||
        print_rows(NULL, out) < 0 ||
        buf_appendf(out, "\nWhere the shared state is, and how to "
                         "print:\n") < 0 ||
        print_flags(ARGS_EVERYWHERE | ARGS_BIT(ARGS_VERSION), out) < 0)
        return -1;
    return buf_appendf(out, "\nExit status: 0 done, 1 failed, 2 usage, 3 no Redis.  "
                            "\"sluice-admin help COMMAND\" lists its options;\n"
                            "sluice-admin(1) says more.\n");
}

int command_usage(const struct command *c, struct buf *out)
{
    return buf_appendf(out, "usage: sluice-admin %s [OPTION...]%s%s\n", c->name,
                       c->args[0] != '\0' ? " " : "", c->args);
}

int command_help_one(const struct command *c, struct buf *out)
{
    if (command_usage(c, out) < 0 || buf_appendf(out, "\n%s\n", c->description) < 0)
        return -1;
    if (c->flags != 0 && (buf_append(out, "\n", 1) < 0 || print_flags(c->flags, out) < 0))
        return -1;
    return buf_append(out, "\n", 1) < 0 ? -1 : print_flags(ARGS_EVERYWHERE, out);
}

int command_help_group(const char *first, struct buf *out)
{
    if (!is_group(first) ||
        buf_appendf(out, "usage: sluice-admin %s COMMAND [OPTION...] ARG\n\n", first) < 0)
        return -1;
    return print_rows(first, out);
}
