/* main.c - histories of a simulated fleet, one per seed.
 *
 *          sim [--seeds N] [--from N] [--jobs N]     so many of them
 *          sim --seed N [--verbose] [--mutant NAME]  one of them again
 *          sim --mutant NAME [--seeds N]             one mutant, which must be caught
 *          sim --mutants [--seeds N]                 all of the mutants
 *          sim --scale                               what a large fleet costs
 *
 * Ends with "N passed, N failed". */
#include "base/base.h"
#include "scale.h"
#include "server.h"
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SKEW_EVERY   16   /* histories between two that run again with other wall clocks */
#define MUTANT_SEEDS 4000 /* within which a mutant must be caught; the rarest: 1 in 400 */
#define SHOWN_MAX    3    /* broken histories that are named in full */

struct options {
    uint64_t from, seeds, seed;
    int jobs;
    bool one, said_seeds, verbose, mutants, scale;
    const char *mutant;
};

static bool is_good(uint64_t seed, bool verbose, struct world_result *r)
{
    world_run(seed, false, verbose, r);
    if (r->verdict[0] == '\0' && seed % SKEW_EVERY == 0) {
        struct world_result other;

        world_run(seed, true, false, &other);
        if (other.digest != r->digest)
            snprintf(r->verdict, sizeof(r->verdict),
                     "invariant 8: with other wall clocks the history is another one");
    }
    return r->verdict[0] == '\0';
}

static int run_one(const struct options *o)
{
    struct world_result r;
    bool good = is_good(o->seed, o->verbose, &r);

    printf("seed %llu: %s, %llu scripts, level %.1f s after the last fault\n",
           (unsigned long long)o->seed, good ? "every invariant held" : r.verdict,
           (unsigned long long)r.calls, r.level_s);
    return good ? 0 : 1;
}

/* Every jobs-th seed from first on; writes how many failed to fd. */
static void work(const struct options *o, uint64_t first, int fd)
{
    uint64_t failed = 0;
    struct world_result r;

    for (uint64_t i = first; i < o->seeds; i += (uint64_t)o->jobs) {
        if (is_good(o->from + i, false, &r))
            continue;
        if (failed++ < SHOWN_MAX)
            printf("FAIL seed %llu: %s\n", (unsigned long long)(o->from + i), r.verdict);
    }
    fflush(stdout);
    if (write(fd, &failed, sizeof(failed)) != sizeof(failed))
        abort();
}

static int run_all(const struct options *o)
{
    uint64_t failed = 0, part;
    int fds[2];

    if (pipe(fds) < 0)
        abort();
    fflush(stdout);
    for (int i = 0; i < o->jobs; i++) {
        pid_t pid = fork();

        if (pid < 0)
            abort();
        if (pid == 0) {
            work(o, (uint64_t)i, fds[1]);
            _exit(0);
        }
    }
    close(fds[1]);
    for (int i = 0; i < o->jobs; i++) {
        if (read(fds[0], &part, sizeof(part)) == sizeof(part))
            failed += part;
        else
            failed++; /* a worker crashed */
    }
    while (wait(NULL) > 0)
        ;
    close(fds[0]);
    if (failed > 0)
        printf("see one again: build/tests/sim/sim --seed N --verbose\n");
    printf("%llu passed, %llu failed\n", (unsigned long long)(o->seeds - failed),
           (unsigned long long)failed);
    return failed > 0 ? 1 : 0;
}

static const struct server_mutant *find_mutant(const char *name)
{
    for (const struct server_mutant *m = server_mutants; m->name != NULL; m++)
        if (strcmp(m->name, name) == 0)
            return m;
    return NULL;
}

static bool is_caught(const struct server_mutant *m, const struct world_result *r)
{
    char invariant[24];

    snprintf(invariant, sizeof(invariant), "invariant %d:", m->invariant);
    return m->invariant > 0 ? strncmp(r->verdict, invariant, strlen(invariant)) == 0
                            : r->verdict[0] != '\0';
}

/* Is it caught, by a history that is a good one without it? */
static bool run_mutant(const struct options *o, const struct server_mutant *m)
{
    struct world_result r, without;
    uint64_t seeds = o->said_seeds ? o->seeds : MUTANT_SEEDS, i = 0;
    bool found = server_load(m);

    for (r.verdict[0] = '\0'; found && i < seeds && !is_caught(m, &r); i++)
        world_run(o->from + i, false, false, &r);
    server_unload();
    if (!found || !is_caught(m, &r)) {
        printf("FAIL mutant %-14s (%s) %s\n", m->name, m->what,
               found ? "was not caught" : "is about a line that is not in the scripts");
        return false;
    }
    if (!server_load(NULL))
        abort();
    world_run(o->from + i - 1, false, false, &without);
    server_unload();
    printf("%s mutant %-14s seed %llu: %s\n", without.verdict[0] == '\0' ? "ok  " : "FAIL",
           m->name, (unsigned long long)(o->from + i - 1),
           without.verdict[0] == '\0' ? r.verdict : "is broken without it too");
    return without.verdict[0] == '\0';
}

static int run_mutants(const struct options *o)
{
    int passed = 0, failed = 0;

    for (const struct server_mutant *m = server_mutants; m->name != NULL; m++) {
        if (o->mutant != NULL && strcmp(o->mutant, m->name) != 0)
            continue;
        if (run_mutant(o, m))
            passed++;
        else
            failed++;
        fflush(stdout);
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0 ? 1 : 0;
}

static int usage(void)
{
    fprintf(stderr, "usage: sim [--seeds N] [--from N] [--jobs N] [--mutants]\n"
                    "       sim --seed N [--verbose] [--mutant NAME]\n"
                    "       sim --scale\n");
    return 2;
}

static bool parse(int argc, char **argv, struct options *o)
{
    *o = (struct options){.seeds = 1000, .jobs = (int)sysconf(_SC_NPROCESSORS_ONLN)};
    for (int i = 1; i < argc; i++) {
        const char *next = i + 1 < argc ? argv[i + 1] : NULL;

        if (strcmp(argv[i], "--verbose") == 0) {
            o->verbose = true;
        } else if (strcmp(argv[i], "--mutants") == 0) {
            o->mutants = true;
        } else if (strcmp(argv[i], "--scale") == 0) {
            o->scale = true;
        } else if (next == NULL) {
            return false;
        } else if (strcmp(argv[i], "--mutant") == 0) {
            o->mutant = argv[++i];
        } else if (strcmp(argv[i], "--seed") == 0) {
            o->one = true;
            o->seed = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--seeds") == 0) {
            o->said_seeds = true;
            o->seeds = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--from") == 0) {
            o->from = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--jobs") == 0) {
            o->jobs = (int)strtoul(argv[++i], NULL, 10);
        } else {
            return false;
        }
    }
    return o->jobs > 0 && (o->mutant == NULL || find_mutant(o->mutant) != NULL);
}

int main(int argc, char **argv)
{
    struct options o;
    int rc;

    if (!parse(argc, argv, &o))
        return usage();
    if (o.scale)
        return scale_print();
    if (o.mutants || (o.mutant != NULL && !o.one))
        return run_mutants(&o);
    if (!server_load(o.mutant != NULL ? find_mutant(o.mutant) : NULL))
        return 1;
    rc = o.one ? run_one(&o) : run_all(&o);
    server_unload();
    return rc;
}
