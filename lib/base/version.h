/* version.h - which Sluice this is: what a router tells the fleet and the regions. */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

const char *version_text(void);       /* "1.2.3" */
const char *version_user_agent(void); /* "User-Agent: sluice/1.2.3", the line of a head */

#endif
