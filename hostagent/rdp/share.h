/* SPDX-License-Identifier: Apache-2.0 */
/* share.h - share control and share data headers (MS-RDPBCGR 2.2.8.1.1.1), as far as the relay
 * must know what passes on the I/O channel: capabilities, the end of the connection sequence, and
 * the server redirection that must never pass. */
#ifndef GENKAN_HOSTAGENT_RDP_SHARE_H
#define GENKAN_HOSTAGENT_RDP_SHARE_H

#include "hostagent/rdp/pdu.h"

enum share_type {	/* PDUTYPE_* */
	SHARE_DEMAND_ACTIVE = 1,
	SHARE_CONFIRM_ACTIVE = 3,
	SHARE_DEACTIVATE_ALL = 6,
	SHARE_DATA = 7,
	SHARE_REDIRECTION = 10,
};

#define SHARE_DATA_HEADER_LEN 12
#define SHARE_DATA_ERROR_INFO 47	/* PDUTYPE2_SET_ERROR_INFO_PDU */
#define SHARE_DATA_FONT_MAP 40
#define SHARE_DATA_INPUT 28	/* PDUTYPE2_INPUT */

struct share_pdu {
	enum share_type type;
	uint8_t data_type;	/* pduType2 of SHARE_DATA, else 0 */
	uint16_t source;	/* the sender's MCS user */
	struct span body;	/* behind the share control header */
};

/* Takes the next PDU off `r`: one MCS payload may carry several, and clients process all of them.
 * 1, 0 at the end, or -EBADMSG for anything that is no share control PDU to the last byte. */
int share_next(struct reader *r, struct share_pdu *out, const char **why);

size_t share_begin(struct buf *out, enum share_type type, uint16_t source);
void share_end(struct buf *out, size_t begun_at);

/* Appends Set Error Info (2.2.5.1.1). */
void share_error_info_encode(uint32_t share_id, uint16_t source, uint32_t error, struct buf *out);

#endif
