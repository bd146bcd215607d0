/* SPDX-License-Identifier: Apache-2.0 */
/* filter_devices.h - which messages of the device channel (MS-RDPEFS) go on when the policy lets
 * some kind of device through, and what is left of them.
 *
 * Devices are let through by kind: what a client announces, at logon or hours later, is cut down to
 * the kinds the policy allows, and only those get an entry in the table. A request of the guest goes
 * on only to a device of the table, with a function its kind has a use for, and only its answer
 * comes back. Whatever else is said is refused here or ends the session. */
#ifndef GENKAN_HOSTAGENT_RDP_FILTER_DEVICES_H
#define GENKAN_HOSTAGENT_RDP_FILTER_DEVICES_H

#include "hostagent/rdp/policy.h"
#include "hostagent/rdp/rdpdr.h"
#include "hostagent/rdp/session.h"

#define DEVICES_MAX 64
#define DEVICE_REQUESTS_MAX 256

struct device {
	uint32_t id;
	uint32_t type;
	bool removed;	/* requests may still be on their way to it */
};

struct device_request {
	uint32_t device, completion;
};

/* Zero at the start of a session. */
struct device_filter {
	size_t device_count;
	struct device devices[DEVICES_MAX];
	size_t request_count;	/* that wait for the client's answer */
	struct device_request requests[DEVICE_REQUESTS_MAX];
};

enum device_verdict {
	DEVICE_DROP,
	DEVICE_PASS,	/* `out` goes to the other side */
	DEVICE_REPLY,	/* `out` goes back to the sender */
};

/* Called for each thing refused, with its name: "drive USBSTICK". */
typedef void device_denied_fn(void *context, struct span name);

/* Decides about one whole message of `from` and appends what is to be sent to `out`. -EBADMSG for
 * what nobody says, among it requests to devices that were not let through. */
int devices_take(struct device_filter *filter, const struct rdp_policy *policy, enum rdp_side from,
		 struct span message, device_denied_fn *denied, void *context, struct buf *out,
		 enum device_verdict *verdict, const char **why);

/* The member of the broker's policy object that decides about what devices_take() and devices_list()
 * call by this name, or NULL for what nothing allows. */
const char *device_rule(struct span name);

/* Calls `found` with the name of each device of an announce, whatever the policy. */
int devices_list(struct span message, device_denied_fn *found, void *context, const char **why);

#endif
