/* SPDX-License-Identifier: Apache-2.0 */
/* dynvc.h - the filter on drdynvc (MS-RDPEDYC): which dynamic channels a guest may open.
 *
 * Control messages (capabilities, create, close) must come in one chunk and are checked in full.
 * Data messages pass chunk by chunk as long as their channel is open; what is inside, compressed
 * or not, is not looked at, since the channel id stands outside the compressed part. A channel the
 * policy denies is refused towards the guest by the relay, and the client never hears of it. */
#ifndef GENKAN_HOSTAGENT_RDP_DYNVC_H
#define GENKAN_HOSTAGENT_RDP_DYNVC_H

#include "hostagent/rdp/session.h"
#include "hostagent/rdp/svc.h"

#define DYNVC_CHANNELS_MAX 256
#define DYNVC_CONTROL_MAX 1600	/* CHANNEL_CHUNK_LENGTH (MS-RDPBCGR 3.1.5.2.1) */

enum dynvc_command {
	DYNVC_CREATE = 1,
	DYNVC_DATA_FIRST = 2,
	DYNVC_DATA = 3,
	DYNVC_CLOSE = 4,
	DYNVC_CAPABILITIES = 5,
	DYNVC_DATA_FIRST_COMPRESSED = 6,
	DYNVC_DATA_COMPRESSED = 7,
};	/* SOFT_SYNC 8 and 9 would move channels to UDP: never legal here */

struct dynvc_pdu {
	enum dynvc_command command;
	uint32_t channel;	/* but for capabilities */
	struct span name;	/* create from the guest, without NUL */
	uint32_t status;	/* create from the client; the top bit says failure */
	uint16_t version;	/* capabilities */
};

/* `in` is the first chunk of a message; `whole` says that it is also the last. Data messages are
 * parsed up to the channel id. */
int dynvc_parse(struct span in, enum rdp_side from, bool whole, struct dynvc_pdu *out,
		const char **why);
/* The client's answer to a create request. */
void dynvc_create_response_encode(uint32_t channel, uint32_t status, struct buf *out);

enum dynvc_state {
	DYNVC_FREE,
	DYNVC_PENDING,	/* the guest asked, the client has not answered */
	DYNVC_OPEN,
	DYNVC_CLOSING,	/* one side closed; the other one's close may still come */
};

struct dynvc_channel {
	uint32_t id;
	enum dynvc_state state;
};

/* Zero is a table without channels. */
struct dynvc_table {
	size_t used;	/* entries before this one may be in use */
	struct dynvc_channel channels[DYNVC_CHANNELS_MAX];
	bool pass_rest[RDP_SIDES];	/* what to do with the chunks after the first */
};

enum dynvc_verdict {
	DYNVC_PASS,
	DYNVC_DROP,
	DYNVC_REFUSE,	/* answer the guest with dynvc_create_response_encode(channel) */
};

/* The verdict on one chunk that svc_track() accepted; `out->name` is set with DYNVC_REFUSE. */
int dynvc_filter(struct dynvc_table *table, const struct rdp_policy *policy, enum rdp_side from,
		 const struct svc_chunk *chunk, struct dynvc_pdu *out, enum dynvc_verdict *verdict,
		 const char **why);

#endif
