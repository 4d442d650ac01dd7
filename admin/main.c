/* main.c - sluice-admin: see cli.c; everything else can be linked into a test. */
#include "admin/cli.h"

int main(int argc, char **argv)
{
    return cli_main(argc, argv, stdout, stderr);
}
