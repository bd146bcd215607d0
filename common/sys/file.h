/* SPDX-License-Identifier: Apache-2.0 */
/* file.h - small files, whole or not at all. Blocking: start-up, CLIs and work jobs only. */
#ifndef GENKAN_SYS_FILE_H
#define GENKAN_SYS_FILE_H

#include <sys/types.h>
#include "common/base/buf.h"
#include "common/base/error.h"
#include "common/base/secret.h"

/* Appends the file to `out`; -EFBIG past `limit` bytes. "-" reads standard input. */
int file_read(const char *path, size_t limit, struct buf *out, struct error *err) MUST_CHECK;
/* A secret from a file or "-": one trailing newline is cut off. */
int file_read_secret(const char *path, struct secret *out, struct error *err) MUST_CHECK;
/* Written to a temporary beside it, fsynced, renamed over: a reader sees the old or the new. */
int file_write(const char *path, struct span content, mode_t mode, struct error *err) MUST_CHECK;
/* mkdir -p; existing folders are fine. */
int file_make_dirs(const char *path, mode_t mode, struct error *err) MUST_CHECK;
/* rm -r of a folder that is ours; missing is fine. Does not follow links. */
int file_remove_tree(const char *path, struct error *err);
/* Lowercase hex SHA-256 of the content; `out` holds 65 bytes. */
int file_sha256(const char *path, char *out, struct error *err) MUST_CHECK;

#endif
