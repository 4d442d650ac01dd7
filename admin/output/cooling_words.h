/* cooling_words.h - why a region cools, for people. */
#ifndef ADMIN_OUTPUT_COOLING_WORDS_H
#define ADMIN_OUTPUT_COOLING_WORDS_H

/* name: "throttled", "quota", "auth" as the fleet's scripts keep it; others come back as they
 * are (a newer router's). */
const char *cooling_words(const char *name);

#endif
