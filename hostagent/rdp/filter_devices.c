/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/rdp/filter_devices.h"

#include <stdio.h>

#define HEADER_LEN 4
#define DOS_NAME_LEN 8
#define CAPABILITY_HEADER_LEN 8
#define CAPABILITIES_MAX 32
#define NAME_SIZE 48
#define STATUS_NOT_SUPPORTED 0xc00000bbu
#define STATUS_NO_SUCH_DEVICE 0xc000000eu

enum device_type {	/* RDPDR_DTYP_* (2.2.1.3) */
	DEVICE_SERIAL = 0x01,
	DEVICE_PARALLEL = 0x02,
	DEVICE_PRINTER = 0x04,
	DEVICE_DRIVE = 0x08,
	DEVICE_SMART_CARD = 0x20,
};

enum major {	/* IRP_MJ_* (2.2.1.4) */
	MAJOR_CREATE = 0x00,
	MAJOR_CLOSE = 0x02,
	MAJOR_READ = 0x03,
	MAJOR_WRITE = 0x04,
	MAJOR_QUERY_INFORMATION = 0x05,
	MAJOR_SET_INFORMATION = 0x06,
	MAJOR_QUERY_VOLUME = 0x0a,
	MAJOR_SET_VOLUME = 0x0b,
	MAJOR_DIRECTORY = 0x0c,
	MAJOR_CONTROL = 0x0e,
	MAJOR_LOCK = 0x11,
};
#define ONE(major) (1u << (major))

/* What a kind of device is called, what it needs, and which requests make sense to it. A kind that
 * is not here is unknown; one without requests has no way to be allowed. */
static const struct kind {
	enum device_type type;
	enum rdpdr_capability capability;
	uint32_t majors;
	const char *word;
	const char *rule;
} kinds[] = {
	{ DEVICE_SERIAL, RDPDR_CAP_PORT, 0, "serial port", NULL },
	{ DEVICE_PARALLEL, RDPDR_CAP_PORT, 0, "parallel port", NULL },
	{ DEVICE_PRINTER, RDPDR_CAP_PRINTER,
	  ONE(MAJOR_CREATE) | ONE(MAJOR_CLOSE) | ONE(MAJOR_WRITE), "printer", "printers" },
	{ DEVICE_DRIVE, RDPDR_CAP_DRIVE,
	  ONE(MAJOR_CREATE) | ONE(MAJOR_CLOSE) | ONE(MAJOR_READ) | ONE(MAJOR_WRITE) |
		  ONE(MAJOR_QUERY_INFORMATION) | ONE(MAJOR_SET_INFORMATION) |
		  ONE(MAJOR_QUERY_VOLUME) | ONE(MAJOR_SET_VOLUME) | ONE(MAJOR_DIRECTORY) |
		  ONE(MAJOR_CONTROL) | ONE(MAJOR_LOCK), "drive", "removable_storage" },
	{ DEVICE_SMART_CARD, RDPDR_CAP_SMART_CARD,
	  ONE(MAJOR_CREATE) | ONE(MAJOR_CLOSE) | ONE(MAJOR_CONTROL), "smart card", "smart_cards" },
};

/* MS-RDPESC 3.1.4, as offsets to 0x00090000: what uses readers and cards. Not here: introducing and
 * forgetting readers and groups of them, SCardControl to the reader itself, setting attributes,
 * writing the client's cache. */
static const uint16_t card_controls[] = {
	0x14,	/* establish context */
	0x18,	/* release context */
	0x1c,	/* is valid context */
	0x20, 0x24,	/* list reader groups */
	0x28, 0x2c,	/* list readers */
	0x98, 0x9c,	/* locate cards */
	0xa0, 0xa4,	/* get status change */
	0xa8,	/* cancel */
	0xac, 0xb0,	/* connect */
	0xb4,	/* reconnect */
	0xb8,	/* disconnect */
	0xbc, 0xc0,	/* begin and end transaction */
	0xc4,	/* state */
	0xc8, 0xcc,	/* status */
	0xd0,	/* transmit */
	0xd8,	/* get attribute */
	0xe0, 0xe4,	/* access started event, and its release */
	0xe8, 0xec,	/* locate cards by ATR */
	0xf0, 0xf4,	/* read cache */
	0x100,	/* get transmit count */
	0x104,	/* get reader icon */
	0x108,	/* get device type id */
};
#define CARD_CONTROL_BASE 0x00090000u

struct taking {
	struct device_filter *filter;
	const struct rdp_policy *policy;
	enum rdp_side from;
	struct span message, body;	/* with and without the header */
	device_denied_fn *denied;
	void *context;
	struct buf *out;
	const char **why;
};

/* -EBADMSG, or the verdict. */
typedef int take_fn(struct taking *t);

static const struct kind *kind_of(uint32_t type)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (kinds[i].type == type)
			return &kinds[i];
	return NULL;
}

const char *device_rule(struct span name)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct span word = span_text(kinds[i].word);

		if (name.len >= word.len && span_equal(span_of(name.ptr, word.len), word))
			return kinds[i].rule;
	}
	return NULL;
}

static bool kind_allowed(const struct rdp_policy *policy, uint32_t type)
{
	switch (type) {
	case DEVICE_PRINTER:
		return policy->printers == RDP_ALLOW;
	case DEVICE_SMART_CARD:
		return policy->smart_cards == RDP_ALLOW;
	case DEVICE_DRIVE:
		return policy->drives == RDP_ALLOW;
	default:
		return false;
	}
}

static int pass_message(struct taking *t)
{
	buf_put_span(t->out, t->message);
	return DEVICE_PASS;
}

static int drop(struct taking *t, const char *name)
{
	t->denied(t->context, span_text(name));
	return DEVICE_DROP;
}

static void header_put(struct buf *out, enum rdpdr_packet packet)
{
	buf_put_u16le(out, RDPDR_CORE);
	buf_put_u16le(out, packet);
}

/* Announce, its reply and confirmation: two version numbers and a client id. */
static int take_announce(struct taking *t)
{
	return t->body.len == 8 ? pass_message(t) : pdu_bad(t->why, "device announce length");
}

static int take_logged_on(struct taking *t)
{
	return t->body.len == 0 ? pass_message(t) : pdu_bad(t->why, "device logon length");
}

/* 2.2.2.4 */
static int take_name(struct taking *t)
{
	struct reader r = reader_of(t->body);

	read_skip(&r, 8);
	read_skip(&r, read_u32le(&r));
	return pdu_finish(&r, t->why) == 0 ? pass_message(t)
					   : pdu_bad(t->why, "device client name length");
}

/* ---- capabilities (2.2.2.7, 2.2.2.8) ---- */

static bool capability_passes(const struct rdp_policy *policy, uint16_t type)
{
	if (type == RDPDR_CAP_GENERAL)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (kinds[i].capability == type && kind_allowed(policy, kinds[i].type))
			return true;
	return false;
}

static int take_capabilities(struct taking *t)
{
	struct reader r = reader_of(t->body);
	size_t at = t->out->len;
	uint16_t count = read_u16le(&r), kept = 0;

	read_skip(&r, 2);
	if (r.bad || count > CAPABILITIES_MAX)
		return pdu_bad(t->why, "device capabilities count");
	buf_put_span(t->out, span_of(t->message.ptr, HEADER_LEN));
	buf_put_zeros(t->out, 4);
	for (uint16_t i = 0; i < count; i++) {
		struct span set = r.rest;
		uint16_t type = read_u16le(&r);
		uint16_t length = read_u16le(&r);

		if (r.bad || length < CAPABILITY_HEADER_LEN || length > set.len)
			return pdu_bad(t->why, "device capability length");
		read_skip(&r, length - (size_t)4);
		if (!capability_passes(t->policy, type))
			continue;
		set.len = length;
		buf_put_span(t->out, set);
		kept++;
	}
	if (pdu_finish(&r, t->why) < 0)
		return pdu_bad(t->why, "device capabilities length");
	if (!t->out->failed)
		buf_set_u16le(t->out, at + HEADER_LEN, kept);
	return DEVICE_PASS;
}

/* ---- devices ---- */

static struct device *device_find(struct device_filter *filter, uint32_t id)
{
	for (size_t i = 0; i < filter->device_count; i++)
		if (filter->devices[i].id == id)
			return &filter->devices[i];
	return NULL;
}

/* A new entry, or that of a device that is gone. */
static struct device *device_room(struct device_filter *filter)
{
	if (filter->device_count < DEVICES_MAX)
		return &filter->devices[filter->device_count++];
	for (size_t i = 0; i < DEVICES_MAX; i++)
		if (filter->devices[i].removed)
			return &filter->devices[i];
	return NULL;
}

static int device_remember(struct device_filter *filter, uint32_t id, uint32_t type,
			   const char **why)
{
	struct device *device = device_find(filter, id);

	if (device && !device->removed)
		return pdu_bad(why, "device id is in use");
	if (!device)
		device = device_room(filter);
	if (!device)
		return pdu_bad(why, "too many devices");
	*device = (struct device){ .id = id, .type = type };
	return 0;
}

struct announced {
	uint32_t type, id;
	uint8_t dos_name[DOS_NAME_LEN];
	struct span data, whole;
};

/* DEVICE_ANNOUNCE (2.2.1.3) */
static int announced_read(struct reader *r, struct announced *out, const char **why)
{
	struct span rest = r->rest;

	out->type = read_u32le(r);
	out->id = read_u32le(r);
	struct span name = read_bytes(r, DOS_NAME_LEN);

	if (name.len)
		memcpy(out->dos_name, name.ptr, name.len);
	out->data = read_bytes(r, read_u32le(r));
	if (r->bad)
		return pdu_bad(why, "device announce length");
	out->whole = span_of(rest.ptr, rest.len - r->rest.len);
	return 0;
}

/* "drive USBSTICK"; without the name when there is none. */
static void announced_name(const struct announced *device, char out[NAME_SIZE])
{
	const struct kind *kind = kind_of(device->type);
	const uint8_t *nul = memchr(device->dos_name, 0, DOS_NAME_LEN);
	int len = nul ? (int)(nul - device->dos_name) : DOS_NAME_LEN;

	snprintf(out, NAME_SIZE, "%s%s%.*s", kind ? kind->word : "unknown device", len ? " " : "",
		 len, (const char *)device->dos_name);
}

static int announce_open(struct span body, struct reader *r, uint32_t *count, const char **why)
{
	*r = reader_of(body);
	*count = read_u32le(r);
	/* Each takes at least 20 bytes, so a count that lies is short of bytes soon. */
	return r->bad ? pdu_bad(why, "device list length") : 0;
}

static int take_devices(struct taking *t)
{
	struct reader r;
	uint32_t count, kept = 0;
	size_t at = t->out->len + HEADER_LEN;
	char name[NAME_SIZE];

	if (announce_open(t->body, &r, &count, t->why) < 0)
		return -EBADMSG;
	header_put(t->out, RDPDR_DEVICELIST_ANNOUNCE);
	buf_put_u32le(t->out, 0);
	for (uint32_t i = 0; i < count; i++) {
		struct announced device;

		if (announced_read(&r, &device, t->why) < 0)
			return -EBADMSG;
		if (!kind_allowed(t->policy, device.type)) {
			announced_name(&device, name);
			t->denied(t->context, span_text(name));
			continue;
		}
		if (device_remember(t->filter, device.id, device.type, t->why) < 0)
			return -EBADMSG;
		buf_put_span(t->out, device.whole);
		kept++;
	}
	if (pdu_finish(&r, t->why) < 0)
		return pdu_bad(t->why, "device list length");
	if (!t->out->failed)
		buf_set_u32le(t->out, at, kept);
	return DEVICE_PASS;
}

int devices_list(struct span message, device_denied_fn *found, void *context, const char **why)
{
	struct reader r = reader_of(message);
	uint32_t count;
	char name[NAME_SIZE];

	if (read_u16le(&r) != RDPDR_CORE || read_u16le(&r) != RDPDR_DEVICELIST_ANNOUNCE || r.bad)
		return pdu_bad(why, "not a device list");
	if (announce_open(r.rest, &r, &count, why) < 0)
		return -EBADMSG;
	for (uint32_t i = 0; i < count; i++) {
		struct announced device;

		if (announced_read(&r, &device, why) < 0)
			return -EBADMSG;
		announced_name(&device, name);
		found(context, span_text(name));
	}
	return 0;
}

/* 2.2.3.2: only what was let through can go; the guest knows of nothing else. */
static int take_remove(struct taking *t)
{
	struct reader r = reader_of(t->body);
	uint32_t count = read_u32le(&r), kept = 0;
	size_t at = t->out->len + HEADER_LEN;

	header_put(t->out, RDPDR_DEVICELIST_REMOVE);
	buf_put_u32le(t->out, 0);
	for (uint32_t i = 0; i < count && !r.bad; i++) {
		struct device *device = device_find(t->filter, read_u32le(&r));

		if (r.bad || !device || device->removed)
			continue;
		device->removed = true;
		buf_put_u32le(t->out, device->id);
		kept++;
	}
	if (pdu_finish(&r, t->why) < 0)
		return pdu_bad(t->why, "device removal length");
	if (!t->out->failed)
		buf_set_u32le(t->out, at, kept);
	return kept ? DEVICE_PASS : DEVICE_DROP;
}

/* 2.2.2.1: the guest's word on an announce. */
static int take_reply(struct taking *t)
{
	struct reader r = reader_of(t->body);
	const struct device *device = device_find(t->filter, read_u32le(&r));

	read_skip(&r, 4);
	if (pdu_finish(&r, t->why) < 0)
		return pdu_bad(t->why, "device reply length");
	return device ? pass_message(t) : pdu_bad(t->why, "reply to a device that was not announced");
}

/* ---- requests and answers ---- */

struct request {
	uint32_t device, completion, major, control;
};

/* How much stands in front of the variable part of a request (2.2.1.4). */
static size_t request_fixed_len(uint32_t major)
{
	switch (major) {
	case MAJOR_CREATE:
	case MAJOR_CLOSE:
	case MAJOR_READ:
	case MAJOR_WRITE:
	case MAJOR_CONTROL:
		return 32;
	default:
		return 0;
	}
}

/* The variable part of those whose length is told: a path, data, input of a control. */
static int request_rest(struct reader *r, uint32_t major, struct request *out)
{
	struct reader fixed = reader_of(read_bytes(r, request_fixed_len(major)));
	uint32_t length = 0;

	switch (major) {
	case MAJOR_CREATE:
		read_skip(&fixed, 28);
		length = read_u32le(&fixed);
		break;
	case MAJOR_WRITE:
		length = read_u32le(&fixed);
		break;
	case MAJOR_CONTROL:
		read_skip(&fixed, 4);
		length = read_u32le(&fixed);
		out->control = read_u32le(&fixed);
		break;
	case MAJOR_CLOSE:
	case MAJOR_READ:
		break;
	default:
		return r->bad ? -EBADMSG : 0;
	}
	read_skip(r, length);
	return r->bad || r->rest.len ? -EBADMSG : 0;
}

static int request_read(struct taking *t, struct request *out)
{
	struct reader r = reader_of(t->body);

	*out = (struct request){ .device = read_u32le(&r) };
	read_skip(&r, 4);	/* file */
	out->completion = read_u32le(&r);
	out->major = read_u32le(&r);
	read_skip(&r, 4);	/* minor function: of directories only */
	if (r.bad || request_rest(&r, out->major, out) < 0)
		return pdu_bad(t->why, "device request length");
	return 0;
}

static bool request_fits(const struct request *request, const struct device *device)
{
	const struct kind *kind = kind_of(device->type);

	if (!kind || request->major > 31 || !(kind->majors & ONE(request->major)))
		return false;
	if (kind->type != DEVICE_SMART_CARD || request->major != MAJOR_CONTROL)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(card_controls); i++)
		if (request->control == CARD_CONTROL_BASE + card_controls[i])
			return true;
	return false;
}

/* An answer in the client's place (2.2.1.5): with what each kind of answer has at least. */
static int refuse_request(struct taking *t, const struct request *request, uint32_t status)
{
	bool longer = request->major == MAJOR_CREATE || request->major == MAJOR_WRITE;

	header_put(t->out, RDPDR_IO_COMPLETION);
	buf_put_u32le(t->out, request->device);
	buf_put_u32le(t->out, request->completion);
	buf_put_u32le(t->out, status);
	buf_put_zeros(t->out, longer ? 5 : 4);
	return DEVICE_REPLY;
}

static void deny_request(struct taking *t, const struct request *request,
			 const struct device *device)
{
	const struct kind *kind = kind_of(device->type);
	const char *word = kind ? kind->word : "device";
	char name[NAME_SIZE];

	if (request->major == MAJOR_CONTROL)
		snprintf(name, sizeof(name), "%s control %08x", word, request->control);
	else
		snprintf(name, sizeof(name), "%s request %02x", word, request->major);
	t->denied(t->context, span_text(name));
}

static struct device_request *request_find(struct device_filter *filter, uint32_t device,
					   uint32_t completion)
{
	for (size_t i = 0; i < filter->request_count; i++)
		if (filter->requests[i].device == device &&
		    filter->requests[i].completion == completion)
			return &filter->requests[i];
	return NULL;
}

static int take_request(struct taking *t)
{
	struct device_filter *filter = t->filter;
	struct request request;

	if (request_read(t, &request) < 0)
		return -EBADMSG;

	const struct device *device = device_find(filter, request.device);

	if (!device)
		return pdu_bad(t->why, "request to a device that was not announced");
	if (device->removed)
		return refuse_request(t, &request, STATUS_NO_SUCH_DEVICE);
	if (!request_fits(&request, device)) {
		deny_request(t, &request, device);
		return refuse_request(t, &request, STATUS_NOT_SUPPORTED);
	}
	if (request_find(filter, request.device, request.completion))
		return pdu_bad(t->why, "device request id is in use");
	if (filter->request_count == DEVICE_REQUESTS_MAX)
		return pdu_bad(t->why, "too many device requests wait for an answer");
	filter->requests[filter->request_count++] =
		(struct device_request){ request.device, request.completion };
	return pass_message(t);
}

static int take_completion(struct taking *t)
{
	struct device_filter *filter = t->filter;
	struct reader r = reader_of(t->body);
	uint32_t device = read_u32le(&r);
	struct device_request *request = request_find(filter, device, read_u32le(&r));

	read_skip(&r, 4);
	if (r.bad)
		return pdu_bad(t->why, "device answer length");
	if (!request)
		return pdu_bad(t->why, "answer to no device request");
	*request = filter->requests[--filter->request_count];
	return pass_message(t);
}

/* MS-RDPEPC 2.2.2.3: the guest would leave bytes of its own at the client. */
static int take_printer_cache(struct taking *t)
{
	return drop(t, "printer settings to keep");
}

/* MS-RDPEPC 2.2.2.2: print jobs would be XPS documents. Drivers have another way. */
static int take_printer_xps(struct taking *t)
{
	return drop(t, "printer in XPS mode");
}

static const struct {
	enum rdp_side from;
	enum rdpdr_component component;
	enum rdpdr_packet packet;
	take_fn *take;
} takers[] = {
	{ RDP_GUEST, RDPDR_CORE, RDPDR_SERVER_ANNOUNCE, take_announce },
	{ RDP_GUEST, RDPDR_CORE, RDPDR_CLIENTID_CONFIRM, take_announce },
	{ RDP_GUEST, RDPDR_CORE, RDPDR_SERVER_CAPABILITY, take_capabilities },
	{ RDP_GUEST, RDPDR_CORE, RDPDR_USER_LOGGEDON, take_logged_on },
	{ RDP_GUEST, RDPDR_CORE, RDPDR_DEVICE_REPLY, take_reply },
	{ RDP_GUEST, RDPDR_CORE, RDPDR_IO_REQUEST, take_request },
	{ RDP_GUEST, RDPDR_PRINTER, RDPDR_PRINTER_CACHE, take_printer_cache },
	{ RDP_GUEST, RDPDR_PRINTER, RDPDR_PRINTER_XPS, take_printer_xps },
	{ RDP_CLIENT, RDPDR_CORE, RDPDR_CLIENTID_CONFIRM, take_announce },
	{ RDP_CLIENT, RDPDR_CORE, RDPDR_CLIENT_NAME, take_name },
	{ RDP_CLIENT, RDPDR_CORE, RDPDR_CLIENT_CAPABILITY, take_capabilities },
	{ RDP_CLIENT, RDPDR_CORE, RDPDR_DEVICELIST_ANNOUNCE, take_devices },
	{ RDP_CLIENT, RDPDR_CORE, RDPDR_DEVICELIST_REMOVE, take_remove },
	{ RDP_CLIENT, RDPDR_CORE, RDPDR_IO_COMPLETION, take_completion },
};

static take_fn *taker_find(enum rdp_side from, uint16_t component, uint16_t packet)
{
	for (size_t i = 0; i < ARRAY_LEN(takers); i++)
		if (takers[i].from == from && takers[i].component == component &&
		    takers[i].packet == packet)
			return takers[i].take;
	return NULL;
}

int devices_take(struct device_filter *filter, const struct rdp_policy *policy, enum rdp_side from,
		 struct span message, device_denied_fn *denied, void *context, struct buf *out,
		 enum device_verdict *verdict, const char **why)
{
	struct reader r = reader_of(message);
	uint16_t component = read_u16le(&r);
	uint16_t packet = read_u16le(&r);
	take_fn *take = r.bad ? NULL : taker_find(from, component, packet);

	if (!take)
		return pdu_bad(why, "device message that this side does not send");

	struct taking t = { .filter = filter, .policy = policy, .from = from, .message = message,
			    .body = r.rest, .denied = denied, .context = context, .out = out,
			    .why = why };
	int rc = take(&t);

	if (rc < 0)
		return -EBADMSG;
	*verdict = (enum device_verdict)rc;
	return 0;
}
