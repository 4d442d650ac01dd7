/* expand.h - ${ENV} and ${file:PATH} in the config's strings. */
#ifndef CONFIG_EXPAND_H
#define CONFIG_EXPAND_H

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>

/* How the strings of a file are read; NULL stands for one that is all zero. */
struct expand {
    const char
        *beside;     /* the config's file: relative paths start in its folder; NULL: no file is
                           read */
    bool is_of_text; /* rows that only who asks regions needs (vendor in settings.h) stay as
                        they are written */
};

/* Appends text with every ${NAME} replaced by the environment's value and every ${file:PATH} by
 * the line that the file holds (secret_file.h); "$${" stands for a literal "${", any other '$'
 * for itself.  It works on decoded strings, so a value cannot
 * inject JSON, and what a value brings in is not expanded again.  -1 with err: NAME is not set
 * (set to nothing is fine), is no name, has no '}', the file cannot be used, or the buffer's cap
 * is reached. */
int expand_env(struct str text, const struct expand *how, struct buf *out,
               struct err *err) MUST_CHECK;

/* Tells say what about text, a value of the file, was hardly meant so, each as the end of a
 * sentence that begins with where it stands: a ${NAME} that is set to nothing, a "$NAME" without
 * braces, a file that every user may read.  Of the text nothing is shown but names of variables that are set, and of files. */
void expand_doubt(struct str text, const struct expand *how,
                  void (*say)(void *arg, const char *what), void *arg);

/* What is wanted of a file with a secret, for such a sentence. */
#define EXPAND_CLOSED "want one that only its owner and group may (chmod o-r)"

/* The reverse for a dump: text in which expand_env() finds nothing to replace. */
int expand_quote(struct str text, struct buf *out) MUST_CHECK;

#endif
