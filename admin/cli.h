/* cli.h - sluice-admin as a function: words in, text and an exit status out. */
#ifndef ADMIN_CLI_H
#define ADMIN_CLI_H

#include <stdio.h>

/* argv with the program's name.  0 done, 1 failed, 2 usage, 3 no store. */
int cli_main(int argc, char *const *argv, FILE *out, FILE *err);

#endif
