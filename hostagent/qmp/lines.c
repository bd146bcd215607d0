/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include "hostagent/qmp/lines.h"

void lines_init(struct lines *lines, size_t limit)
{
	*lines = (struct lines){ .pending = BUF_LIMIT(limit + 2), .limit = limit };
}

void lines_done(struct lines *lines)
{
	buf_done(&lines->pending);
}

static struct span without_cr(struct span line)
{
	if (line.len > 0 && line.ptr[line.len - 1] == '\r')
		line.len--;
	return line;
}

int lines_take(struct lines *lines, struct span *in, struct span *line)
{
	if (lines->taken) {
		buf_reset(&lines->pending);
		lines->taken = false;
	}
	if (in->len == 0)
		return 0;

	const uint8_t *end = memchr(in->ptr, '\n', in->len);
	size_t len = end ? (size_t)(end - in->ptr) : in->len;

	if (len > lines->limit - lines->pending.len)
		return -EMSGSIZE;
	buf_put(&lines->pending, in->ptr, len);
	if (lines->pending.failed)
		return -EMSGSIZE;
	len += end ? 1 : 0;
	in->ptr += len;
	in->len -= len;
	if (!end)
		return 0;
	*line = without_cr(buf_span(&lines->pending));
	lines->taken = true;
	return 1;
}
