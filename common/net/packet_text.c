/* SPDX-License-Identifier: Apache-2.0 */
#include "common/net/packet_text.h"

#include <string.h>

const char *packet_text_read(struct reader *r)
{
	uint16_t len = read_u16be(r);
	struct span text = read_bytes(r, (size_t)len + 1);

	if (r->bad || text.ptr[len] != '\0' || memchr(text.ptr, '\0', len)) {
		r->bad = true;
		return "";
	}
	return (const char *)text.ptr;
}

void packet_text_write(struct buf *out, const char *text, size_t max)
{
	size_t len = strlen(text);

	if (len > max) {
		out->failed = true;
		return;
	}
	buf_put_u16be(out, (uint16_t)len);
	buf_put(out, text, len + 1);
}
