/* SPDX-License-Identifier: Apache-2.0 */
/* framing.h - cuts a plaintext stream into PDUs: TPKT (RFC 1006, T.123 8) and fast-path
 * (MS-RDPBCGR 2.2.9.1.2 and 2.2.8.1.2). The first byte tells them apart. */
#ifndef GENKAN_HOSTAGENT_RDP_FRAMING_H
#define GENKAN_HOSTAGENT_RDP_FRAMING_H

#include "hostagent/rdp/pdu.h"

enum frame_kind { FRAME_TPKT, FRAME_FASTPATH };

struct frame {
	enum frame_kind kind;
	struct span body;	/* behind the header */
};

/* A fast-path frame that claims encryption or a checksum is bad: TLS is the only protection. */
ssize_t frame_parse(struct span in, struct frame *out, const char **why);

/* Begins a TPKT and returns its place for tpkt_end(), which writes the length or sets failed. */
size_t tpkt_begin(struct buf *out);
void tpkt_end(struct buf *out, size_t begun_at);

#endif
