/* main.c - sluice-admin: see cli.c; everything else can be linked into a test. */
#include "admin/cli.h"

#include <stdlib.h>

int main(int argc, char **argv)
{
    /* An OpenSSL that was built so writes a connection's keys there, Redis' password with it. */
    unsetenv("SSLKEYLOGFILE");
    return cli_main(argc, argv, stdout, stderr);
}
