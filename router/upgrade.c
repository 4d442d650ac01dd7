/* upgrade.c - upgrade.h has the contract.
 *
 * The pid stays, so whoever watches it - systemd, a container, a pid file - sees nothing; and
 * the workers stay children of it, so none of them is told that its parent has gone.
 *
 * REJECTED  A second supervisor beside the first, as nginx has it: its pid would be another
 * one, and process 1 of a container cannot leave. */
#include "router/upgrade.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK_MS 10000

struct upgrade_check {
    pid_t pid; /* 0: waited for */
    int said;  /* what the child prints */
    int64_t until_ms;
};

static void run_check(const struct upgrade_program *p, const struct handover *h, pid_t parent,
                      int out)
{
    char config[] = "-c", question[] = UPGRADE_CHECK;
    char *path = xstrdup(p->config);
    char *argv[] = {p->argv[0], config, path, question, NULL};
    struct err err = {0};

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    sigprocmask(SIG_SETMASK, p->blocked, NULL);
    if (getppid() == parent && handover_give(h, parent, &err) == 0)
        execvp(argv[0], argv);
    dprintf(STDERR_FILENO, "cannot run '%s': %s\n", argv[0],
            err.msg[0] != '\0' ? err.msg : strerror(errno));
    _exit(127);
}

struct upgrade_check *upgrade_check_new(const struct upgrade_program *p,
                                        const struct handover *h, struct err *err)
{
    struct upgrade_check *c;
    pid_t self = getpid(), pid;
    int said[2];

    if (pipe2(said, O_CLOEXEC | O_NONBLOCK) < 0) {
        err_set(err, ERR_IO, "pipe: %s", strerror(errno));
        return NULL;
    }
    pid = fork();
    if (pid == 0)
        run_check(p, h, self, said[1]);
    close(said[1]);
    if (pid < 0) {
        err_set(err, ERR_IO, "cannot fork: %s", strerror(errno));
        close(said[0]);
        return NULL;
    }
    c = xcalloc(1, sizeof(*c));
    c->pid = pid;
    c->said = said[0];
    c->until_ms = clock_mono_ms() + CHECK_MS;
    return c;
}

void upgrade_check_free(struct upgrade_check *c)
{
    if (c == NULL)
        return;
    if (c->pid > 0) {
        kill(c->pid, SIGKILL);
        waitpid(c->pid, NULL, 0);
    }
    close(c->said);
    free(c);
}

pid_t upgrade_check_pid(const struct upgrade_check *c)
{
    return c->pid;
}

bool upgrade_check_is_late(const struct upgrade_check *c, int64_t now_ms)
{
    return now_ms >= c->until_ms;
}

/* Its first line, without our name in front. */
static void read_line(int fd, char line[UPGRADE_SAYS_MAX])
{
    static const char name[] = "sluice-router: ";
    ssize_t n = read(fd, line, UPGRADE_SAYS_MAX - 1);

    line[n > 0 ? n : 0] = '\0';
    line[strcspn(line, "\n")] = '\0';
    if (strncmp(line, name, strlen(name)) == 0)
        memmove(line, line + strlen(name), strlen(line) - strlen(name) + 1);
}

/* An exit status alone proves nothing: a shell runs an empty file with success. */
int upgrade_check_ended(struct upgrade_check *c, int status, char says[UPGRADE_SAYS_MAX],
                        struct err *err)
{
    size_t yes = strlen(UPGRADE_YES);

    c->pid = 0;
    read_line(c->said, says);
    if (WIFSIGNALED(status))
        return err_set(err, ERR_IO, "the program asked ended by signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status) != 0 || strncmp(says, UPGRADE_YES, yes) != 0)
        return err_set(err, ERR_IO, "the program asked does not go on (exit %d): %s",
                       WEXITSTATUS(status), says[0] != '\0' ? says : "not a word");
    memmove(says, says + yes, strlen(says) - yes + 1);
    return 0;
}

void upgrade_run(const struct upgrade_program *p, const struct handover *h, struct err *err)
{
    if (handover_give(h, getpid(), err) < 0)
        return;
    fflush(NULL);
    handover_pass_on(h, true);
    execvp(p->argv[0], p->argv);
    err_set(err, ERR_IO, "cannot run '%s': %s", p->argv[0], strerror(errno));
    handover_pass_on(h, false);
    handover_forget();
}
