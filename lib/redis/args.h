/* args.h - the arguments of one command: words are borrowed, numbers are written here. */
#ifndef REDIS_ARGS_H
#define REDIS_ARGS_H

#include <stddef.h>
#include <stdint.h>

#define REDIS_ARGS_NUMBER_BYTES 24

struct redis_args {
    const char **v; /* n of them; each as long-lived as what was added */
    size_t n, max;
    char (*numbers)[REDIS_ARGS_NUMBER_BYTES]; /* a place for each */
};

/* Room for max arguments; more is a bug of the caller. */
void redis_args_init(struct redis_args *a, size_t max);
void redis_args_release(struct redis_args *a);
void redis_args_word(struct redis_args *a, const char *word);
void redis_args_number(struct redis_args *a, int64_t n);
void redis_args_unsigned(struct redis_args *a, uint64_t n);

#endif
