/* tls_files.h - certificates for one test, made by the openssl program in a directory of their
 * own, gone with the test. */
#ifndef TESTS_UNIT_REDIS_TLS_FILES_H
#define TESTS_UNIT_REDIS_TLS_FILES_H

struct tls_files {
    char dir[64];
};

/* ca and other: two authorities.  good (127.0.0.1, ::1, localhost), wrong (other.example),
 * old (good, but expired), client: of ca.  stranger: like good, but of other.  Each as
 * <dir>/<name>.crt and .key. */
void tls_files_make(struct tls_files *f);
void tls_files_remove(struct tls_files *f);
/* "<dir>/<name>", in one of a few static buffers. */
const char *tls_files_path(const struct tls_files *f, const char *name);
/* Options for redis_server_start: TLS on its port, with the certificate of that name.
 * auth: of tls-auth-clients. */
const char *tls_files_options(const struct tls_files *f, const char *name, const char *auth);

#endif
