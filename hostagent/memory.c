/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include "common/sys/file.h"
#include "hostagent/memory.h"

int64_t memory_free(void)
{
	OWNED(buf_done) struct buf text = { 0 };
	const char *line;

	if (file_read("/proc/meminfo", 16384, &text, NULL) < 0)
		return 0;
	line = strstr(buf_text(&text), "MemAvailable:");
	return line ? strtoll(line + strlen("MemAvailable:"), NULL, 10) * 1024 : 0;
}
