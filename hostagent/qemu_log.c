/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include "common/sys/file.h"
#include "hostagent/qemu_log.h"

enum { LOG_LIMIT = 65536 };

void qemu_last_words(const char *path, char *out, size_t size)
{
	OWNED(buf_done) struct buf log = { 0 };
	const char *text, *line;

	if (file_read(path, LOG_LIMIT, &log, NULL) < 0)
		buf_reset(&log);
	while (log.len > 0 && log.ptr[log.len - 1] == '\n')
		buf_truncate(&log, log.len - 1);
	text = buf_text(&log);
	line = strrchr(text, '\n');
	snprintf(out, size, "%s", line ? line + 1 : text);
}
