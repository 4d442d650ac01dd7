/* version.c - the only object that is compiled with SLUICE_VERSION, the Makefile's: another
 * version is this one object anew. */
#include "base/version.h"

const char *version_text(void)
{
    return SLUICE_VERSION;
}

const char *version_user_agent(void)
{
    return "User-Agent: sluice/" SLUICE_VERSION;
}
