/* cli.c - sluice-admin as a function: finds the command, runs it, prints what went wrong. */
#include "admin/cli.h"

#include "admin/command.h"
#include "admin/run.h"
#include "admin/session.h"
#include "base/version.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int print_usage_error(FILE *to, const struct command *c, const struct err *err)
{
    struct buf more;
    int rc;

    buf_init(&more, 64u << 10);
    rc = c != NULL ? command_usage(c, &more)
                   : buf_appendf(&more, "usage: sluice-admin [OPTION...] COMMAND [ARG...]\n");
    if (rc == 0 && buf_appendf(&more, "\"sluice-admin help%s%s\" says more\n",
                               c != NULL ? " " : "", c != NULL ? c->name : "") == 0) {
        run_complain(to, err->msg);
        fwrite(more.data, 1, more.len, to);
        fflush(to);
    }
    buf_release(&more);
    return RUN_USAGE;
}

/* help, help COMMAND, COMMAND --help, help region */
static int help(struct run *run, const char *const *words, size_t n)
{
    struct err err = {0};
    struct buf out;
    size_t used;
    int rc = RUN_OK;

    buf_init(&out, 64u << 10);
    if (n == 0) {
        rc = command_help(&out);
    } else if (n > 1 || command_help_group(words[0], &out) < 0) {
        const struct command *c = command_find(words, n, &used, &err);

        rc = c != NULL ? command_help_one(c, &out) : print_usage_error(run->err, NULL, &err);
    }
    if (rc == RUN_OK && run_print(run, &out, &err) != RUN_OK) {
        run_complain(run->err, err.msg);
        rc = RUN_FAILED;
    }
    buf_release(&out);
    return rc < 0 ? RUN_FAILED : rc;
}

static bool wants_colour(FILE *out)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

    return isatty(fileno(out)) && (no == NULL || no[0] == '\0') &&
           (term == NULL || strcmp(term, "dumb") != 0);
}

static int run_command(struct run *run, const struct command *c, size_t used)
{
    struct err err = {0};
    enum run_status status;

    if (command_check(c, run->args, used, &err) < 0)
        return print_usage_error(run->err, c, &err);
    run->command = c->name;
    run->words = run->args->words + used;
    run->n_words = run->args->n_words - used;
    status = c->run(run, &err);
    session_close(run->session);
    if (status == RUN_USAGE)
        return print_usage_error(run->err, c, &err);
    if (status != RUN_OK)
        run_complain(run->err, err.msg);
    return (int)status;
}

int cli_main(int argc, char *const *argv, FILE *out, FILE *err_file)
{
    struct args args;
    struct err err = {0};
    struct run run = {.args = &args, .out = out, .err = err_file};
    const struct command *c;
    size_t used = 0;

    signal(SIGPIPE, SIG_IGN); /* Redis may close a socket that we write to */
    run.terminal = fileno(out) >= 0 && isatty(fileno(out));
    run.colour = run.terminal && wants_colour(out);
    if (args_parse(&args, argc - 1, argv + 1, &err) < 0)
        return print_usage_error(err_file, NULL, &err);
    if (args_has(&args, ARGS_VERSION)) {
        fprintf(out, "sluice-admin %s\n", version_text());
        return fflush(out) == 0 ? RUN_OK : RUN_FAILED;
    }
    if (args_has(&args, ARGS_HELP))
        return help(&run, args.words, args.n_words);
    if (args.n_words == 0) {
        run.out = err_file; /* nobody asked for it: it must not end up in a pipe */
        help(&run, NULL, 0);
        return RUN_USAGE;
    }
    c = command_find(args.words, args.n_words, &used, &err);
    if (c == NULL)
        return print_usage_error(err_file, NULL, &err);
    if (c->run == NULL)
        return help(&run, args.words + used, args.n_words - used);
    return run_command(&run, c, used);
}
