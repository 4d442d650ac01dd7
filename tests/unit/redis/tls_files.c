/* tls_files.c - certificates for one test. */
#include "tls_files.h"

#include "base/base.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static PRINTF_LIKE(2, 3) void run(const struct tls_files *f, const char *format, ...)
{
    char line[1024], full[1280];
    va_list ap;

    va_start(ap, format);
    vsnprintf(line, sizeof(line), format, ap);
    va_end(ap);
    snprintf(full, sizeof(full), "cd %s && openssl %s >>log 2>&1", f->dir, line);
    cr_assert_eq(system(full), 0, "%s", full);
}

static void make_ca(const struct tls_files *f, const char *name)
{
    run(f,
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
        "-subj /CN=%s -keyout %s.key -out %s.crt",
        name, name, name);
}

#define CURRENT "-days 2"
#define EXPIRED "-not_before 20200101000000Z -not_after 20200102000000Z"
/* OpenSSL 3.0 has no -not_after, 3.5 no negative days. */
#define EXPIRED_BEFORE_3_4 "-days -1"

static void make(const struct tls_files *f, const char *name, const char *ca, bool expired,
                 const char *names)
{
    char ext[96];
    FILE *file;

    snprintf(ext, sizeof(ext), "%s/%s.ext", f->dir, name);
    file = fopen(ext, "w");
    cr_assert_not_null(file);
    fprintf(file, "subjectAltName=%s\n", names);
    fclose(file);
    run(f,
        "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=%s "
        "-keyout %s.key -out %s.csr",
        name, name, name);
    run(f,
        "x509 -req -in %s.csr -CA %s.crt -CAkey %s.key -CAcreateserial "
        "-extfile %s.ext -out %s.crt $(%s)",
        name, ca, ca, name, name,
        !expired ? "echo " CURRENT
                 : "openssl x509 -help 2>&1 | grep -q not_after && echo " EXPIRED
                   " || echo " EXPIRED_BEFORE_3_4);
}

void tls_files_make(struct tls_files *f)
{
    static const char here[] = "IP:127.0.0.1,IP:::1,DNS:localhost";

    snprintf(f->dir, sizeof(f->dir), "/tmp/sluice-tls-XXXXXX");
    cr_assert_not_null(mkdtemp(f->dir));
    make_ca(f, "ca");
    make_ca(f, "other");
    make(f, "good", "ca", false, here);
    make(f, "old", "ca", true, here);
    make(f, "wrong", "ca", false, "DNS:other.example,IP:127.0.0.2");
    make(f, "client", "ca", false, "DNS:router");
    make(f, "stranger", "other", false, here);
}

void tls_files_remove(struct tls_files *f)
{
    DIR *dir = opendir(f->dir);

    cr_assert_not_null(dir);
    for (struct dirent *e; (e = readdir(dir)) != NULL;)
        if (e->d_name[0] != '.')
            unlinkat(dirfd(dir), e->d_name, 0);
    closedir(dir);
    rmdir(f->dir);
}

const char *tls_files_path(const struct tls_files *f, const char *name)
{
    static char paths[4][96];
    static unsigned next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof(paths[0]), "%s/%s", f->dir, name);
    return path;
}

const char *tls_files_options(const struct tls_files *f, const char *name, const char *auth)
{
    static char options[512];

    snprintf(options, sizeof(options),
             "--port 0 --tls-port @PORT --tls-auth-clients %s --tls-cert-file %s/%s.crt "
             "--tls-key-file %s/%s.key --tls-ca-cert-file %s/ca.crt",
             auth, f->dir, name, f->dir, name, f->dir);
    return options;
}
