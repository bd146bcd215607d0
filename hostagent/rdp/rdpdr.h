/* SPDX-License-Identifier: Apache-2.0 */
/* rdpdr.h - the device redirection channel (MS-RDPEFS), ended at the relay: the guest talks to a
 * client that has no devices. What the client sends on the channel goes nowhere, so nothing it
 * announces, early or late, can reach the guest. */
#ifndef GENKAN_HOSTAGENT_RDP_RDPDR_H
#define GENKAN_HOSTAGENT_RDP_RDPDR_H

#include "hostagent/rdp/svc.h"

enum rdpdr_component {
	RDPDR_CORE = 0x4472,
	RDPDR_PRINTER = 0x5052,
};

enum rdpdr_packet {	/* PAKID_* (2.2.1.1) */
	RDPDR_SERVER_ANNOUNCE = 0x496e,
	RDPDR_CLIENTID_CONFIRM = 0x4343,	/* and the client's announce reply */
	RDPDR_CLIENT_NAME = 0x434e,
	RDPDR_SERVER_CAPABILITY = 0x5350,
	RDPDR_CLIENT_CAPABILITY = 0x4350,
	RDPDR_DEVICELIST_ANNOUNCE = 0x4441,
	RDPDR_DEVICELIST_REMOVE = 0x444d,
	RDPDR_DEVICE_REPLY = 0x6472,
	RDPDR_IO_REQUEST = 0x4952,
	RDPDR_IO_COMPLETION = 0x4943,
	RDPDR_USER_LOGGEDON = 0x554c,
	RDPDR_PRINTER_CACHE = 0x5043,	/* this and the next from the printer component */
	RDPDR_PRINTER_XPS = 0x5543,
};

enum rdpdr_capability {	/* CAP_*_TYPE (2.2.1.2) */
	RDPDR_CAP_GENERAL = 1,
	RDPDR_CAP_PRINTER = 2,
	RDPDR_CAP_PORT = 3,
	RDPDR_CAP_DRIVE = 4,
	RDPDR_CAP_SMART_CARD = 5,
};

#define RDPDR_VERSION_MAJOR 1
#define RDPDR_VERSION_MINOR 12
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

/* For the audit, a client that is not let through is asked all the same what it would have offered:
 * the relay plays the server as far as the device list, which goes nowhere. */
void rdpdr_ask_begin(rdpdr_answer_fn *answer, void *context);
/* The client's message, whole. True for a device list (filter_devices.h has devices_list());
 * otherwise `answer` was called for what keeps it talking. */
bool rdpdr_ask_take(struct span message, rdpdr_answer_fn *answer, void *context);

#endif
