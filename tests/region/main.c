/* main.c - sluice-region: a programmable vendor for tests and benchmarks.
 *
 * Speaks OpenAI's API, logs every attempt it sees, and fails as it is told by
 * POST /_region/fault.  fault.c lists what can go wrong. */
#include "base/clock.h"
#include "tests/region/region.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* clang-format off */
static const char usage[] =
    "usage: sluice-region --listen HOST:PORT --name NAME [OPTION...]\n"
    "\n"
    "  --listen HOST:PORT    address to serve; port 0 takes any, and says which\n"
    "  --control HOST:PORT   a second address for /_region/, open when --listen refuses\n"
    "  --name NAME           name in headers, ids and texts\n"
    "  --require-key KEY     answer 401 to other keys\n"
    "  --log FILE            append a JSON line per finished attempt\n"
    "  --log-max N           attempts kept for GET /_region/log (default 10000; 0: only counts)\n"
    "  --text SEED           say words made from SEED and the prompt instead of an echo\n"
    "  --tokens N            length of such a text (default 32)\n"
    "  --events N            content events per answer, whatever the text\n"
    "  --chunk-bytes N       bytes per content event\n"
    "  --models A,B          what GET /models lists\n"
    "  --stamp               stream chunks carry x_sent_us (CLOCK_MONOTONIC)\n"
    "\n"
    "control: GET /_region/log, GET /_region/counts, POST and DELETE /_region/fault,\n"
    "         POST /_region/reset\n";

enum flag { LISTEN = 256, CONTROL, NAME, REQUIRE_KEY, LOG, LOG_MAX, TEXT, TOKENS, EVENTS,
            CHUNK_BYTES, MODELS, STAMP, HELP };

static const struct option options[] = {
    {"listen",      required_argument, NULL, LISTEN},
    {"control",     required_argument, NULL, CONTROL},
    {"name",        required_argument, NULL, NAME},
    {"require-key", required_argument, NULL, REQUIRE_KEY},
    {"log",         required_argument, NULL, LOG},
    {"log-max",     required_argument, NULL, LOG_MAX},
    {"text",        required_argument, NULL, TEXT},
    {"tokens",      required_argument, NULL, TOKENS},
    {"events",      required_argument, NULL, EVENTS},
    {"chunk-bytes", required_argument, NULL, CHUNK_BYTES},
    {"models",      required_argument, NULL, MODELS},
    {"stamp",       no_argument,       NULL, STAMP},
    {"help",        no_argument,       NULL, HELP},
    {NULL, 0, NULL, 0},
};
/* clang-format on */

static NORETURN void fail(const char *what, const char *why)
{
    fprintf(stderr, "sluice-region: %s: %s\n", what, why);
    exit(2);
}

static size_t number(const char *text)
{
    uint64_t n;

    if (!str_to_u64(str_of(text), &n) || n > 100000000)
        fail(text, "expected a number in 0..100000000");
    return (size_t)n;
}

static FILE *open_log(const char *path)
{
    FILE *f = fopen(path, "ae");

    if (f == NULL)
        fail(path, strerror(errno));
    return f;
}

static void take_flag(struct region_conf *conf, int flag, char *value)
{
    switch ((enum flag)flag) {
    case LISTEN:
        conf->listen = value;
        break;
    case CONTROL:
        conf->control = value;
        break;
    case NAME:
        conf->voice.name = value;
        break;
    case REQUIRE_KEY:
        conf->require_key = value;
        break;
    case LOG:
        conf->log_file = open_log(value);
        break;
    case LOG_MAX:
        conf->log_max = number(value);
        break;
    case TEXT:
        conf->voice.text = value;
        break;
    case TOKENS:
        conf->voice.tokens = number(value);
        break;
    case EVENTS:
        conf->events = (int64_t)number(value);
        break;
    case CHUNK_BYTES:
        conf->chunk_bytes = (int64_t)number(value);
        break;
    case MODELS:
        conf->voice.models = value;
        break;
    case STAMP:
        conf->voice.stamp = true;
        break;
    case HELP:
        fputs(usage, stdout);
        exit(0);
    }
}

static void read_flags(struct region_conf *conf, int argc, char **argv)
{
    int flag;

    *conf = (struct region_conf){.events = -1, .chunk_bytes = -1, .log_max = 10000};
    conf->voice.tokens = 32;
    conf->voice.models = "gpt-4.1,small";
    while ((flag = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (flag == '?') {
            fputs(usage, stderr);
            exit(2);
        }
        take_flag(conf, flag, optarg);
    }
    if (conf->listen == NULL || conf->voice.name == NULL || optind < argc)
        fail("flags", "--listen HOST:PORT and --name NAME are needed, and nothing else");
    if (strlen(conf->voice.name) > 64)
        fail("--name", "longer than 64 bytes");
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    event_base_loopbreak(arg);
}

static void raise_descriptors(void)
{
    struct rlimit lim;

    if (getrlimit(RLIMIT_NOFILE, &lim) < 0)
        return;
    lim.rlim_cur = lim.rlim_max;
    setrlimit(RLIMIT_NOFILE, &lim);
}

static int serve(const struct region_conf *conf)
{
    struct event_base *base = event_base_new();
    struct event *term = evsignal_new(base, SIGTERM, on_signal, base);
    struct event *intr = evsignal_new(base, SIGINT, on_signal, base);
    struct err err;
    struct region *r = region_new(base, conf, &err);

    if (r != NULL) {
        event_add(term, NULL);
        event_add(intr, NULL);
        if (conf->control != NULL)
            printf("control on %d\n", region_port(&r->control));
        printf("listening on %d\n", region_port(&r->door));
        fflush(stdout);
        event_base_dispatch(base);
    } else {
        fprintf(stderr, "sluice-region: %s\n", err.msg);
    }
    region_free(r);
    event_free(term);
    event_free(intr);
    event_base_free(base);
    return r != NULL ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct region_conf conf;

    read_flags(&conf, argc, argv);
    signal(SIGPIPE, SIG_IGN);
    raise_descriptors();
    return serve(&conf);
}
