/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/rdp/svc.h"

/* FIRST, LAST, SHOW_PROTOCOL, SUSPEND, RESUME, SHADOW_PERSISTENT */
#define FLAGS_KNOWN 0x000000f3u
/* COMPRESSED, AT_FRONT, FLUSHED and the compression type */
#define FLAGS_COMPRESSION 0x00ef0000u

int svc_parse(struct span in, struct svc_chunk *out, const char **why)
{
	struct reader r = reader_of(in);
	struct svc_chunk chunk;

	chunk.total = read_u32le(&r);
	chunk.flags = read_u32le(&r);
	chunk.data = read_rest(&r);
	if (r.bad)
		return pdu_bad(why, "channel chunk too short");
	if (chunk.flags & FLAGS_COMPRESSION)
		return pdu_bad(why, "compressed channel chunk");
	if (chunk.flags & ~FLAGS_KNOWN)
		return pdu_bad(why, "channel chunk flags");
	*out = chunk;
	return 0;
}

int svc_track(struct svc_stream *stream, const struct svc_chunk *chunk, uint32_t total_max,
	      const char **why)
{
	if (chunk->flags & SVC_FIRST)
		*stream = (struct svc_stream){ .total = chunk->total, .open = true };
	if (!stream->open)
		return pdu_bad(why, "channel chunk without a first one");
	if (chunk->total != stream->total)
		return pdu_bad(why, "channel message length changes");
	if (stream->total > total_max)
		return pdu_bad(why, "channel message too long");
	if (chunk->data.len > stream->total - stream->received)
		return pdu_bad(why, "channel chunk runs past its message");
	stream->received += (uint32_t)chunk->data.len;
	if (chunk->flags & SVC_LAST) {
		if (stream->received != stream->total)
			return pdu_bad(why, "channel message ends early");
		stream->open = false;
	}
	return 0;
}

void svc_put_chunk_header(struct buf *out, size_t message_len, uint32_t flags)
{
	buf_put_u32le(out, (uint32_t)message_len);
	buf_put_u32le(out, flags);
}

void svc_put_header(struct buf *out, size_t message_len)
{
	svc_put_chunk_header(out, message_len, SVC_FIRST | SVC_LAST);
}
