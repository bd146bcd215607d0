/* SPDX-License-Identifier: Apache-2.0 */
/* rdpdr.h - the device redirection channel (MS-RDPEFS), ended at the relay: the guest talks to a
 * client that has no devices, and the real client is never asked. What the client sends on the
 * channel goes nowhere, so nothing it announces, early or late, can reach the guest. */
#ifndef GENKAN_HOSTAGENT_RDP_RDPDR_H
#define GENKAN_HOSTAGENT_RDP_RDPDR_H

#include "hostagent/rdp/svc.h"

#define RDPDR_MESSAGE_MAX 65536
#define RDPDR_PREFIX_LEN 12	/* the longest part of a message that an answer depends on */

/* The guest's message so far; zero between messages. */
struct rdpdr_noop {
	uint8_t prefix[RDPDR_PREFIX_LEN];
	size_t len;
};

/* Takes the next chunk (already through svc_track()) and, once the message is complete, calls
 * `answer` for each message to send back: at most two, good during the call. -EBADMSG for a
 * message that no server sends to a client without devices. */
typedef void rdpdr_answer_fn(void *context, struct span message);
int rdpdr_noop_take(struct rdpdr_noop *noop, const struct svc_chunk *chunk,
		    rdpdr_answer_fn *answer, void *context, const char **why);

#endif
