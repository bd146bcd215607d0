/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/rdp/rdpdr.h"

#define CAPABILITY_GENERAL_LEN 44
#define CAPABILITY_GENERAL_VERSION 2
#define CAPABILITY_PLAIN_LEN 8
#define MESSAGE_MAX 96

struct message {
	uint8_t bytes[MESSAGE_MAX];
	size_t len;
};

static void put_u16(struct message *m, uint16_t v)
{
	m->bytes[m->len++] = (uint8_t)v;
	m->bytes[m->len++] = (uint8_t)(v >> 8);
}

static void put_u32(struct message *m, uint32_t v)
{
	put_u16(m, (uint16_t)v);
	put_u16(m, (uint16_t)(v >> 16));
}

static struct message message_begin(enum rdpdr_packet packet)
{
	struct message m = { .len = 0 };

	put_u16(&m, RDPDR_CORE);
	put_u16(&m, packet);
	return m;
}

/* 2.2.2.2, 2.2.2.3, 2.2.2.6 */
static struct message announce(enum rdpdr_packet packet, uint32_t client_id)
{
	struct message m = message_begin(packet);

	put_u16(&m, RDPDR_VERSION_MAJOR);
	put_u16(&m, RDPDR_VERSION_MINOR);
	put_u32(&m, client_id);
	return m;
}

/* 2.2.2.4; the name shows up nowhere, since there are no devices to label with it. */
static struct message client_name(void)
{
	static const char name[] = "client";
	struct message m = message_begin(RDPDR_CLIENT_NAME);

	put_u32(&m, 1);	/* Unicode */
	put_u32(&m, 0);
	put_u32(&m, 2 * sizeof(name));
	for (size_t i = 0; i < sizeof(name); i++)
		put_u16(&m, (uint16_t)name[i]);
	return m;
}

/* 2.2.2.7.1, the one mandatory set */
static void put_general(struct message *m)
{
	put_u16(m, RDPDR_CAP_GENERAL);
	put_u16(m, CAPABILITY_GENERAL_LEN);
	put_u32(m, CAPABILITY_GENERAL_VERSION);
	put_u32(m, 0);	/* osType and osVersion are ignored */
	put_u32(m, 0);
	put_u16(m, RDPDR_VERSION_MAJOR);
	put_u16(m, RDPDR_VERSION_MINOR);
	put_u32(m, 0xffff);	/* ioCode1: RDPDR_IRP_MJ_*, all of which are mandatory */
	put_u32(m, 0);
	put_u32(m, 0x7);	/* device remove, display name, user logged on PDUs */
	put_u32(m, 0);
	put_u32(m, 0);
	put_u32(m, 0);
}

/* 2.2.2.8 without drives, printers, ports, smart cards */
static struct message client_capability(void)
{
	struct message m = message_begin(RDPDR_CLIENT_CAPABILITY);

	put_u16(&m, 1);
	put_u16(&m, 0);
	put_general(&m);
	return m;
}

/* 2.2.2.7 with everything there is, so that the client leaves nothing out */
static struct message server_capability(void)
{
	struct message m = message_begin(RDPDR_SERVER_CAPABILITY);

	put_u16(&m, RDPDR_CAP_SMART_CARD);
	put_u16(&m, 0);
	put_general(&m);
	for (uint16_t type = RDPDR_CAP_PRINTER; type <= RDPDR_CAP_SMART_CARD; type++) {
		put_u16(&m, type);
		put_u16(&m, CAPABILITY_PLAIN_LEN);
		put_u32(&m, type == RDPDR_CAP_DRIVE ? 2 : 1);
	}
	return m;
}

/* 2.2.2.9 with nothing in it */
static struct message no_devices(void)
{
	struct message m = message_begin(RDPDR_DEVICELIST_ANNOUNCE);

	put_u32(&m, 0);
	return m;
}

static void send_one(rdpdr_answer_fn *answer, void *context, struct message m)
{
	answer(context, span_of(m.bytes, m.len));
}

static int message_complete(struct span prefix, rdpdr_answer_fn *answer, void *context,
			    const char **why)
{
	struct reader r = reader_of(prefix);
	uint16_t component = read_u16le(&r);
	uint16_t packet = read_u16le(&r);

	if (r.bad || component != RDPDR_CORE)
		return pdu_bad(why, "device channel component");
	switch (packet) {
	case RDPDR_SERVER_ANNOUNCE:
		read_skip(&r, 4);
		uint32_t client_id = read_u32le(&r);

		if (r.bad)
			return pdu_bad(why, "device server announce too short");
		send_one(answer, context, announce(RDPDR_CLIENTID_CONFIRM, client_id));
		send_one(answer, context, client_name());
		return 0;
	case RDPDR_SERVER_CAPABILITY:
		send_one(answer, context, client_capability());
		return 0;
	case RDPDR_CLIENTID_CONFIRM:
	case RDPDR_USER_LOGGEDON:
		send_one(answer, context, no_devices());
		return 0;
	default:
		return pdu_bad(why, "device request to a client without devices");
	}
}

int rdpdr_noop_take(struct rdpdr_noop *noop, const struct svc_chunk *chunk,
		    rdpdr_answer_fn *answer, void *context, const char **why)
{
	if (chunk->flags & SVC_FIRST)
		noop->len = 0;

	size_t room = sizeof(noop->prefix) - noop->len;
	size_t taken = chunk->data.len < room ? chunk->data.len : room;

	if (taken)
		memcpy(noop->prefix + noop->len, chunk->data.ptr, taken);
	noop->len += taken;
	if (!(chunk->flags & SVC_LAST))
		return 0;
	return message_complete(span_of(noop->prefix, noop->len), answer, context, why);
}

/* ---- asking ---- */

#define ASK_CLIENT_ID 1

void rdpdr_ask_begin(rdpdr_answer_fn *answer, void *context)
{
	send_one(answer, context, announce(RDPDR_SERVER_ANNOUNCE, ASK_CLIENT_ID));
}

bool rdpdr_ask_take(struct span message, rdpdr_answer_fn *answer, void *context)
{
	struct reader r = reader_of(message);
	uint16_t component = read_u16le(&r);
	uint16_t packet = read_u16le(&r);

	if (r.bad || component != RDPDR_CORE)
		return false;
	if (packet == RDPDR_CLIENT_NAME) {
		send_one(answer, context, server_capability());
		send_one(answer, context, announce(RDPDR_CLIENTID_CONFIRM, ASK_CLIENT_ID));
		send_one(answer, context, message_begin(RDPDR_USER_LOGGEDON));
	}
	return packet == RDPDR_DEVICELIST_ANNOUNCE;
}
