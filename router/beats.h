/* beats.h - who looks after each socket of the client port: memory that all workers share.
 *
 * A worker that accepts from its socket says so every BEATS_EVERY_MS.  Silence means that it
 * has died, hangs, or cannot take another client; nobody has to find out which. */
#ifndef ROUTER_BEATS_H
#define ROUTER_BEATS_H

#include <stdbool.h>
#include <stdint.h>

#define BEATS_EVERY_MS  50
#define BEATS_SILENT_MS 200

struct beats;

/* Before the first fork; all sockets are silent.  NULL when the kernel refuses the memory. */
struct beats *beats_new(int sockets);
void beats_free(struct beats *b);

void beats_say(struct beats *b, int socket, int64_t now_ms);
void beats_stop(struct beats *b, int socket); /* silent at once: its worker has died */
bool beats_is_silent(const struct beats *b, int socket, int64_t now_ms);
/* For how long; 0: nobody has looked after it yet, or its worker has died. */
int64_t beats_silence_ms(const struct beats *b, int socket, int64_t now_ms);

#endif
