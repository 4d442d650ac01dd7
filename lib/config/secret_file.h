/* secret_file.h - a file that holds one secret and nothing else. */
#ifndef CONFIG_SECRET_FILE_H
#define CONFIG_SECRET_FILE_H

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>

#define SECRET_FILE_MAX 4096 /* bytes, the line break left off */

/* Appends the only line of the file to out, without its line break.  A relative path starts in
 * the folder of the file beside; NULL: no file may be read.  -1 with err, the end of a sentence
 * that began with the file's name: it cannot be read, is no regular file, or holds anything but
 * one line of text. */
int secret_file_read(struct str path, const char *beside, struct buf *out,
                     struct err *err) MUST_CHECK;

/* May every user of this host read it?  False too where that cannot be known. */
bool secret_file_is_open(struct str path, const char *beside);

#endif
