/* SPDX-License-Identifier: Apache-2.0 */
/* svc.h - static virtual channel chunks (MS-RDPBCGR 2.2.6.1, 3.1.5.2): checked one by one and
 * followed as a message, never collected. */
#ifndef GENKAN_HOSTAGENT_RDP_SVC_H
#define GENKAN_HOSTAGENT_RDP_SVC_H

#include "hostagent/rdp/pdu.h"

#define SVC_FIRST 0x00000001u
#define SVC_LAST 0x00000002u
#define SVC_SHOW_PROTOCOL 0x00000010u
#define SVC_HEADER_LEN 8

struct svc_chunk {
	uint32_t total;	/* bytes of the whole message */
	uint32_t flags;
	struct span data;
};

/* A chunk that claims compression is bad: it was negotiated away. So are unknown flags. */
int svc_parse(struct span in, struct svc_chunk *out, const char **why);

/* One direction of one channel. Zero is the state between messages. */
struct svc_stream {
	uint32_t total;
	uint32_t received;
	bool open;	/* inside a message */
};

/* Takes note of a chunk. FIRST begins anew; anything else must continue the open message, repeat
 * its total and not run past it; LAST must complete it. */
int svc_track(struct svc_stream *stream, const struct svc_chunk *chunk, uint32_t total_max,
	      const char **why);

/* Header of a message that is its own only chunk. */
void svc_put_header(struct buf *out, size_t message_len);
/* Header of one chunk of several. */
void svc_put_chunk_header(struct buf *out, size_t message_len, uint32_t flags);

#endif
