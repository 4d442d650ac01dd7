/* command.h - the table of subcommands: parsing, help and the manual's check read it. */
#ifndef ADMIN_COMMAND_H
#define ADMIN_COMMAND_H

#include "admin/args.h"
#include "admin/run.h"
#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct command {
    const char *name;        /* one word or two: "region down" */
    const char *args;        /* for people: "NAME" */
    const char *help;        /* a line */
    command_run *run;        /* NULL: help */
    size_t min, max;         /* words behind the name */
    bool writes;             /* changes the fleet's state */
    unsigned flags;          /* ARGS_BITs beside ARGS_EVERYWHERE */
    const char *description; /* sentences, for help COMMAND */
};

const struct command *command_at(size_t i); /* NULL at the end */

/* The command that the words begin with; *used: how many of them are its name.  NULL with a
 * sentence that names what was probably meant. */
const struct command *command_find(const char *const *words, size_t n, size_t *used,
                                   struct err *err);
/* -1: too few or too many words behind the name, or options that are not its. */
int command_check(const struct command *c, const struct args *a, size_t used,
                  struct err *err) MUST_CHECK;

/* The help of all (--help), and of one. */
int command_help(struct buf *out) MUST_CHECK;
int command_help_one(const struct command *c, struct buf *out) MUST_CHECK;
/* "region" alone: the commands whose first word it is.  -1: none is. */
int command_help_group(const char *first, struct buf *out) MUST_CHECK;
/* "usage: sluice-admin region down [OPTION...] NAME". */
int command_usage(const struct command *c, struct buf *out) MUST_CHECK;

#endif
