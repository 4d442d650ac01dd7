/* secret_file.c - a file that holds one secret; secret_file.h has the contract.
 *
 * WHY NOT a pipe or a device: it is read again at each reload, and a reader that waits for a
 * writer would hold up the supervisor. */
#include "config/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_MAX (SECRET_FILE_MAX + 2) /* with a line break of two bytes */

static bool find(struct str path, const char *beside, char out[PATH_MAX])
{
    const char *slash = strrchr(beside, '/');
    int folder = path.ptr[0] == '/' || slash == NULL ? 0 : (int)(slash + 1 - beside);
    int n = snprintf(out, PATH_MAX, "%.*s" STR_FMT, folder, beside, STR_ARG(path));

    return n > 0 && n < PATH_MAX;
}

static int open_file(const char *path, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;

    if (fd < 0)
        return err_set(err, ERR_IO, "cannot be read: %s", strerror(errno));
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        return fd;
    close(fd);
    return err_set(err, ERR_IO, "is %s, want a file of one line",
                   S_ISDIR(st.st_mode) ? "a directory" : "no regular file");
}

/* All of it, as far as it is not larger than READ_MAX. */
static int read_all(int fd, char data[READ_MAX + 1], size_t *len, struct err *err)
{
    ssize_t n = 1;

    for (*len = 0; n > 0 && *len <= READ_MAX; *len += n > 0 ? (size_t)n : 0)
        n = read(fd, data + *len, READ_MAX + 1 - *len);
    return n < 0 ? err_set(err, ERR_IO, "cannot be read: %s", strerror(errno)) : 0;
}

static int take_line(struct str s, struct buf *out, struct err *err)
{
    if (s.len > 0 && s.ptr[s.len - 1] == '\n')
        s.len -= s.len > 1 && s.ptr[s.len - 2] == '\r' ? 2 : 1;
    if (s.len == 0)
        return err_set(err, ERR_RANGE, "is empty, want one line");
    if (s.len > SECRET_FILE_MAX)
        return err_set(err, ERR_LIMIT, "is larger than the limit of %d bytes", SECRET_FILE_MAX);
    if (memchr(s.ptr, '\n', s.len) != NULL)
        return err_set(err, ERR_RANGE, "has several lines, want one");
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] < 0x20 || s.ptr[i] == 0x7f)
            return err_set(err, ERR_RANGE, "has control bytes, want one line of text");
    return buf_append_str(out, s) < 0
               ? err_set(err, ERR_LIMIT, "makes it longer than %zu bytes", out->max)
               : 0;
}

int secret_file_read(struct str path, const char *beside, struct buf *out, struct err *err)
{
    char file[PATH_MAX], data[READ_MAX + 1];
    size_t len;

    if (beside == NULL)
        return err_set(err, ERR_IO, "cannot be read here, where no file is");
    if (path.len == 0 || !find(path, beside, file))
        return err_set(err, ERR_RANGE, "is no path, want one of at most %d bytes",
                       PATH_MAX - 1);
    int fd = open_file(file, err);

    if (fd < 0)
        return -1;
    int rc = read_all(fd, data, &len, err);

    close(fd);
    if (rc == 0)
        rc = take_line((struct str){data, len}, out, err);
    explicit_bzero(data, sizeof(data));
    return rc;
}

bool secret_file_is_open(struct str path, const char *beside)
{
    char file[PATH_MAX];
    struct stat st;

    return beside != NULL && path.len > 0 && find(path, beside, file) && stat(file, &st) == 0 &&
           (st.st_mode & S_IROTH) != 0;
}
