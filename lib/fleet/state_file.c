/* state_file.c - the fleet's last view on this worker's disk, for a start without Redis.
 *
 * Written when the view has changed, at most once a second, and once a minute so that its age
 * means "not heard from the fleet for so long".  Never while Redis is away: what is in the file
 * then is what the fleet said last.
 *
 * REJECTED  fsync: a lost file costs what there was before it, and waiting for a disk would
 * stop the loop.  The rename makes sure that nobody reads half a file. */
#include "fleet/state_file.h"

#include "shared/view_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GAP_MS     1000
#define REFRESH_MS 60000

static int write_all(int fd, struct str text)
{
    while (text.len > 0) {
        ssize_t n = write(fd, text.ptr, text.len);

        if (n < 0 && errno != EINTR)
            return -1;
        if (n > 0)
            text = (struct str){text.ptr + n, text.len - (size_t)n};
    }
    return 0;
}

/* Beside the file and then over it; each process has a name of its own for that. */
static int replace(const char *path, struct str text, struct err *err)
{
    char tmp[4200];
    int fd = -1, rc = -1;

    if (snprintf(tmp, sizeof(tmp), "%s.%d", path, (int)getpid()) >= (int)sizeof(tmp))
        return err_set(err, ERR_LIMIT, "its name is too long");
    fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0 && write_all(fd, text) == 0)
        rc = 0;
    if (fd >= 0 && close(fd) < 0)
        rc = -1;
    if (rc == 0)
        rc = rename(tmp, path);
    if (rc < 0) {
        err_set(err, ERR_IO, "%s", strerror(errno));
        if (fd >= 0)
            unlink(tmp);
    }
    return rc;
}

static void save(struct state_file *file, const struct decider *d, int64_t now_ms)
{
    struct err err = {0};
    struct buf text;

    buf_init(&text, VIEW_FILE_MAX_BYTES);
    file->written_ms = now_ms;
    file->ver = decider_version(d);
    str_copy(file->gen, sizeof(file->gen), decider_generation(d));
    if (decider_save(d, &text) == 0) {
        bool failed = replace(file->path, buf_str(&text), &err) < 0;

        if (failed && !file->failing)
            log_at(LOG_WARN, &file->log, "cannot write state_file '%s': %s", file->path,
                   err.msg);
        file->failing = failed;
    }
    buf_release(&text);
}

void state_file_tick(struct state_file *file, const struct decider *d, int64_t now_ms)
{
    if (file->path == NULL || now_ms - file->written_ms < GAP_MS)
        return;
    if (file->ver != decider_version(d) || strcmp(file->gen, decider_generation(d)) != 0 ||
        now_ms - file->written_ms >= REFRESH_MS)
        save(file, d, now_ms);
}

void state_file_save(struct state_file *file, const struct decider *d, int64_t now_ms)
{
    if (file->path != NULL)
        save(file, d, now_ms);
}

void state_file_release(struct state_file *file)
{
    free(file->path);
    file->path = NULL;
}

void state_file_open(struct state_file *file, const char *path, struct decider *d,
                     int64_t now_ms)
{
    struct err err = {0};
    struct buf text;

    buf_init(&text, VIEW_FILE_MAX_BYTES);
    *file = (struct state_file){.path = xstrdup(path), .log = {.where = "fleet"}};
    file->written_ms = now_ms - GAP_MS;
    if (access(path, F_OK) == 0) {
        bool restored = buf_read_file(&text, path, &err) == 0 &&
                        decider_restore(d, buf_str(&text), &err) == 0;
        if (restored)
            log_at(LOG_INFO, &file->log, "last view read from '%s'", path);
        else
            log_at(LOG_WARN, &file->log, "state_file '%s' is left alone: %s", path, err.msg);
    }
    buf_release(&text);
}
