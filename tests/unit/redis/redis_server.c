/* redis_server.c - a private redis-server for one test. */
#include "redis_server.h"

#include "base/base.h"
#include "base/clock.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_LIMIT_MS 30000
#define ARGS_MAX       64

static void die(const struct redis_server *s, const char *what)
{
    fprintf(stderr, "redis_server %s: %s\n", s->dir, what);
    abort();
}

/* A port nobody listens on now; somebody may take it before redis-server does, then the start
 * is tried with another one. */
static int free_port(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(at);

    if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) < 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) < 0)
        abort();
    close(fd);
    return ntohs(at.sin_port);
}

static void exec_server(const struct redis_server *s, pid_t parent)
{
    char port[16], log[96], options[sizeof(s->options)];
    char *argv[ARGS_MAX], *rest = options;
    int n = 0;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    snprintf(port, sizeof(port), "%d", s->port);
    snprintf(log, sizeof(log), "%s/log", s->dir);
    snprintf(options, sizeof(options), "%s", s->options);
    char *fixed[] = {"redis-server",
                     "--port",
                     port,
                     "--bind",
                     "127.0.0.1",
                     "--unixsocket",
                     (char *)s->path,
                     "--dir",
                     (char *)s->dir,
                     "--logfile",
                     log,
                     "--save",
                     "",
                     "--appendonly",
                     "no",
                     "--daemonize",
                     "no"};

    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        argv[n++] = fixed[i];
    for (char *word; (word = strsep(&rest, " ")) != NULL && n < ARGS_MAX - 1;)
        if (word[0] != '\0')
            argv[n++] = strcmp(word, "@PORT") == 0 ? port : word;
    argv[n] = NULL;
    close(STDIN_FILENO);
    execvp(argv[0], argv);
    _exit(127);
}

/* Any answer will do: with a password set, PING is refused by a living server. */
static bool answers(const struct redis_server *s)
{
    struct timeval limit = {.tv_usec = 500000};
    redisContext *c = redisConnectUnixWithTimeout(s->path, limit);
    redisReply *r = NULL;

    if (c != NULL && c->err == 0 && redisSetTimeout(c, limit) == REDIS_OK)
        r = redisCommand(c, "PING");
    bool yes =
        r != NULL && !(r->type == REDIS_REPLY_ERROR && strncmp(r->str, "LOADING", 7) == 0);

    freeReplyObject(r);
    redisFree(c);
    return yes;
}

static bool launch(struct redis_server *s)
{
    int64_t end_ms = clock_mono_ms() + START_LIMIT_MS;
    pid_t parent = getpid();

    s->pid = fork();
    if (s->pid == 0)
        exec_server(s, parent);
    if (s->pid < 0)
        die(s, "cannot fork");
    while (!answers(s)) {
        if (waitpid(s->pid, NULL, WNOHANG) == s->pid) {
            s->pid = 0;
            return false;
        }
        if (clock_mono_ms() > end_ms)
            die(s, "no answer to PING in 30 s");
        poll(NULL, 0, 5); /* nothing to wait on before the socket file exists */
    }
    return true;
}

void redis_server_start(struct redis_server *s, const char *options)
{
    memset(s, 0, sizeof(*s));
    snprintf(s->dir, sizeof(s->dir), "/tmp/sluice-redis-XXXXXX");
    if (mkdtemp(s->dir) == NULL)
        die(s, "cannot make a temporary directory");
    snprintf(s->path, sizeof(s->path), "%s/sock", s->dir);
    snprintf(s->url, sizeof(s->url), "unix://%s", s->path);
    snprintf(s->options, sizeof(s->options), "%s", options);
    for (int tries = 0; tries < 5; tries++) {
        s->port = free_port();
        if (launch(s))
            return;
    }
    die(s, "redis-server ends at once, five times");
}

void redis_server_restart(struct redis_server *s)
{
    if (s->pid != 0 || !launch(s))
        die(s, "cannot be started again");
}

void redis_server_pause(struct redis_server *s)
{
    int status;

    if (s->pid == 0 || kill(s->pid, SIGSTOP) < 0 || waitpid(s->pid, &status, WUNTRACED) < 0 ||
        !WIFSTOPPED(status))
        die(s, "cannot be paused");
}

void redis_server_resume(struct redis_server *s)
{
    if (s->pid == 0 || kill(s->pid, SIGCONT) < 0)
        die(s, "cannot be resumed");
}

void redis_server_kill(struct redis_server *s)
{
    if (s->pid == 0)
        return;
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
    s->pid = 0;
}

void redis_server_stop(struct redis_server *s)
{
    DIR *dir;

    redis_server_kill(s);
    if (s->dir[0] == '\0' || (dir = opendir(s->dir)) == NULL)
        return;
    for (struct dirent *e; (e = readdir(dir)) != NULL;)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            unlinkat(dirfd(dir), e->d_name, 0);
    closedir(dir);
    rmdir(s->dir);
    memset(s, 0, sizeof(*s));
}

struct redisReply *redis_server_command(const struct redis_server *s, const char *format, ...)
{
    struct timeval limit = {.tv_sec = 5};
    redisContext *c = redisConnectUnixWithTimeout(s->path, limit);
    const char *pass = strstr(s->options, "--requirepass ");
    va_list ap;

    if (c == NULL || c->err != 0 || redisSetTimeout(c, limit) != REDIS_OK)
        die(s, "cannot connect");
    if (pass != NULL) {
        pass += strlen("--requirepass ");
        freeReplyObject(redisCommand(c, "AUTH %b", pass, strcspn(pass, " ")));
    }
    va_start(ap, format);
    redisReply *r = redisvCommand(c, format, ap);
    va_end(ap);
    redisFree(c);
    if (r == NULL)
        die(s, "no answer to a command");
    return r;
}
