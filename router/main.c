/* main.c - sluice-router: flags, the config, and then the supervisor. */
#include "base/buf.h"
#include "base/version.h"
#include "config/dump.h"
#include "config/reference.h"
#include "config/schema.h"
#include "router/cohort.h"
#include "router/handover.h"
#include "router/supervisor.h"
#include "router/upgrade.h"
#include "config/config.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: sluice-router -c FILE             serve\n"
    "       sluice-router -c FILE --check     say whether FILE is fine, change nothing\n"
    "       sluice-router -c FILE --dump      print the effective config, secrets masked\n"
    "       sluice-router --schema            print the config's JSON Schema\n"
    "       sluice-router --reference         print the settings of sluice.json(5)\n"
    "       sluice-router --settings | --limits  the same as a table, the limits alone\n"
    "       sluice-router --version | --help\n"
    "\n"
    "SIGHUP reloads FILE, SIGUSR2 runs the program anew, SIGTERM drains and stops.  "
    "sluice-router(8) says more.\n";

enum action {
    ACT_SERVE,
    ACT_CHECK,
    ACT_UPGRADE_CHECK,
    ACT_DUMP,
    ACT_SCHEMA,
    ACT_REFERENCE,
    ACT_SETTINGS,
    ACT_LIMITS
};

/* What needs no config. */
static int (*const printers[])(struct buf *out) = {
    [ACT_SCHEMA] = config_schema,
    [ACT_REFERENCE] = config_reference_mdoc,
    [ACT_SETTINGS] = config_reference_markdown,
    [ACT_LIMITS] = config_limits_markdown,
};

static int print(int (*make)(struct buf *out))
{
    struct buf out;
    int rc = 1;

    buf_init(&out, 8u << 20);
    if (make(&out) == 0 && fwrite(out.data, 1, out.len, stdout) == out.len)
        rc = 0;
    buf_release(&out);
    return rc;
}

static int dump(const struct config *conf)
{
    struct buf out;
    int rc = 1;

    buf_init(&out, 8u << 20);
    if (config_dump(conf, &out) == 0 && puts(out.data) >= 0)
        rc = 0;
    buf_release(&out);
    return rc;
}

/* 1 and a sentence where what was printed did not arrive. */
static int finish(int rc)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return rc;
    fprintf(stderr, "sluice-router: cannot write the output: %s\n", strerror(errno));
    return 1;
}

/* A running router, our parent, asks whether we could go on in its place. */
static int check_handover(const struct config *conf)
{
    struct handover h;
    struct err err = {0};
    int rc = 0;

    handover_init(&h);
    if (handover_take(&h, getppid(), &err) < 0 ||
        (h.sockets.n > 0 && handover_fits(&h, conf, &err) < 0)) {
        fprintf(stderr, "sluice-router: %s\n", err.msg);
        rc = 1;
    } else {
        printf(UPGRADE_YES "%s\n", version_text());
    }
    handover_release(&h);
    return rc;
}

static int with_config(const char *path, enum action act, char *const *argv)
{
    struct err err = {0};
    /* A dump is of the text alone, so that it can be read on any host. */
    struct config *conf = act == ACT_DUMP ? config_read(path, &err) : config_load(path, &err);
    int rc = 0;

    if (conf == NULL) {
        fprintf(stderr, "sluice-router: %s\n", err.msg);
        return 1;
    }
    if (act == ACT_SERVE)
        return supervisor_run(conf, argv); /* takes conf */
    if (act == ACT_DUMP)
        rc = dump(conf);
    else if (act == ACT_UPGRADE_CHECK)
        rc = check_handover(conf);
    else if (act == ACT_CHECK) {
        cohort_say_warnings(conf);
        printf("config '%s' is fine: %zu regions, %zu models, digest %s\n", path,
               conf->n_regions, conf->n_models, conf->digest);
    }
    rc = finish(rc);
    config_free(conf);
    return rc;
}

/* The action, and the file in *path; -1: usage. */
static int read_flags(int argc, char **argv, const char **path)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"check", no_argument, NULL, ACT_CHECK},
        {UPGRADE_CHECK + 2, no_argument, NULL, ACT_UPGRADE_CHECK},
        {"dump", no_argument, NULL, ACT_DUMP},
        {"schema", no_argument, NULL, ACT_SCHEMA},
        {"reference", no_argument, NULL, ACT_REFERENCE},
        {"settings", no_argument, NULL, ACT_SETTINGS},
        {"keys", no_argument, NULL, ACT_SETTINGS},
        {"limits", no_argument, NULL, ACT_LIMITS},
        {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int act = ACT_SERVE, c;

    while ((c = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
        if (c == 'c')
            *path = optarg;
        else if (c == 'V' || c == 'h') {
            if (c == 'V')
                printf("sluice-router %s\n", version_text());
            else
                fputs(usage, stdout);
            exit(finish(0));
        } else if (c < (int)ARRAY_LEN(printers))
            act = c;
        else
            return -1;
    }
    if (optind != argc || (*path == NULL && act < ACT_SCHEMA))
        return -1;
    return act;
}

int main(int argc, char **argv)
{
    const char *path = NULL;

    /* libcurl, and OpenSSL where it was built so, write every connection's keys to that file:
     * whoever has it can read the API keys that went by.  Before anything reads it. */
    unsetenv("SSLKEYLOGFILE");
    int act = read_flags(argc, argv, &path);

    if (act < 0) {
        fputs(usage, stderr);
        return 2;
    }
    return act >= ACT_SCHEMA ? finish(print(printers[act]))
                             : with_config(path, (enum action)act, argv);
}
