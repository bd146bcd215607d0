/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/rdp/dynvc.h"

#define NAME_MAX_LEN 255
#define VERSION_MAX 3
#define STATUS_FAILED 0x80000000u

/* cbId: 0, 1, 2 stand for 1, 2, 4 bytes; 3 stands for nothing. */
static uint32_t sized_read(struct reader *r, unsigned size_code)
{
	if (size_code == 0)
		return read_u8(r);
	if (size_code == 1)
		return read_u16le(r);
	if (size_code == 2)
		return read_u32le(r);
	r->bad = true;
	return 0;
}

/* 2.2.1: the guest's message from version 2 on carries four priority charges. */
static int capabilities_read(struct reader *r, enum rdp_side from, struct dynvc_pdu *pdu,
			     const char **why)
{
	read_skip(r, 1);
	pdu->version = read_u16le(r);
	if (pdu->version < 1 || pdu->version > VERSION_MAX)
		return pdu_bad(why, "dynamic channel version");
	if (from == RDP_GUEST && pdu->version > 1)
		read_skip(r, 8);
	return pdu_finish(r, why);
}

static int create_read(struct reader *r, enum rdp_side from, struct dynvc_pdu *pdu,
		       const char **why)
{
	if (from == RDP_CLIENT) {
		pdu->status = read_u32le(r);
		return pdu_finish(r, why);
	}

	struct span name = read_rest(r);
	const uint8_t *nul = name.len ? memchr(name.ptr, 0, name.len) : NULL;

	if (!nul || nul != name.ptr + name.len - 1)
		return pdu_bad(why, "dynamic channel name does not end with its NUL");
	name.len--;
	if (name.len == 0 || name.len > NAME_MAX_LEN)
		return pdu_bad(why, "dynamic channel name length");
	pdu->name = name;
	return 0;
}

int dynvc_parse(struct span in, enum rdp_side from, bool whole, struct dynvc_pdu *out,
		const char **why)
{
	struct reader r = reader_of(in);
	struct dynvc_pdu pdu = { 0 };
	uint8_t header = read_u8(&r);
	bool control = true;
	int rc = 0;

	if (r.bad)
		return pdu_bad(why, "empty dynamic channel message");
	pdu.command = (enum dynvc_command)(header >> 4);
	if (pdu.command != DYNVC_CAPABILITIES)
		pdu.channel = sized_read(&r, header & 3);
	if (r.bad)
		return pdu_bad(why, "dynamic channel id");
	switch ((int)pdu.command) {
	case DYNVC_CAPABILITIES:
		rc = capabilities_read(&r, from, &pdu, why);
		break;
	case DYNVC_CREATE:
		rc = create_read(&r, from, &pdu, why);
		break;
	case DYNVC_CLOSE:
		rc = pdu_finish(&r, why);
		break;
	case DYNVC_DATA_FIRST:
	case DYNVC_DATA_FIRST_COMPRESSED:
		control = false;
		(void)sized_read(&r, header >> 2 & 3);	/* length of the whole */
		if (r.bad)
			return pdu_bad(why, "dynamic channel data length");
		break;
	case DYNVC_DATA:
	case DYNVC_DATA_COMPRESSED:
		control = false;
		break;
	default:
		return pdu_bad(why, "dynamic channel command");
	}
	if (rc < 0)
		return -EBADMSG;
	if (control && (!whole || in.len > DYNVC_CONTROL_MAX))
		return pdu_bad(why, "dynamic channel control message in pieces");
	*out = pdu;
	return 0;
}

void dynvc_create_response_encode(uint32_t channel, uint32_t status, struct buf *out)
{
	unsigned size_code = channel < 0x100 ? 0 : channel < 0x10000 ? 1 : 2;

	buf_put_u8(out, (uint8_t)(DYNVC_CREATE << 4 | size_code));
	if (size_code == 0)
		buf_put_u8(out, (uint8_t)channel);
	else if (size_code == 1)
		buf_put_u16le(out, (uint16_t)channel);
	else
		buf_put_u32le(out, channel);
	buf_put_u32le(out, status);
}

static struct dynvc_channel *channel_find(struct dynvc_table *table, uint32_t id)
{
	for (size_t i = 0; i < table->used; i++)
		if (table->channels[i].state != DYNVC_FREE && table->channels[i].id == id)
			return &table->channels[i];
	return NULL;
}

/* A free entry, or a closing one whose other side never answered. */
static struct dynvc_channel *channel_room(struct dynvc_table *table)
{
	for (size_t i = 0; i < table->used; i++)
		if (table->channels[i].state == DYNVC_FREE)
			return &table->channels[i];
	if (table->used < DYNVC_CHANNELS_MAX)
		return &table->channels[table->used++];
	for (size_t i = 0; i < table->used; i++)
		if (table->channels[i].state == DYNVC_CLOSING)
			return &table->channels[i];
	return NULL;
}

static int guest_creates(struct dynvc_table *table, const struct rdp_policy *policy,
			 const struct dynvc_pdu *pdu, enum dynvc_verdict *verdict,
			 const char **why)
{
	struct dynvc_channel *channel = channel_find(table, pdu->channel);

	if (channel && channel->state != DYNVC_CLOSING)
		return pdu_bad(why, "dynamic channel id is in use");
	if (rdp_policy_dynamic(policy, pdu->name) != RDP_ALLOW) {
		*verdict = DYNVC_REFUSE;
		return 0;
	}
	if (!channel)
		channel = channel_room(table);
	if (!channel)
		return pdu_bad(why, "too many dynamic channels");
	*channel = (struct dynvc_channel){ .id = pdu->channel, .state = DYNVC_PENDING };
	*verdict = DYNVC_PASS;
	return 0;
}

static int client_answers(struct dynvc_table *table, const struct dynvc_pdu *pdu,
			  enum dynvc_verdict *verdict, const char **why)
{
	struct dynvc_channel *channel = channel_find(table, pdu->channel);

	if (!channel || channel->state != DYNVC_PENDING)
		return pdu_bad(why, "answer to no dynamic channel request");
	channel->state = pdu->status & STATUS_FAILED ? DYNVC_FREE : DYNVC_OPEN;
	*verdict = DYNVC_PASS;
	return 0;
}

static enum dynvc_verdict either_closes(struct dynvc_table *table, uint32_t id)
{
	struct dynvc_channel *channel = channel_find(table, id);

	if (!channel)
		return DYNVC_DROP;
	channel->state = channel->state == DYNVC_CLOSING ? DYNVC_FREE : DYNVC_CLOSING;
	return DYNVC_PASS;
}

static enum dynvc_verdict data_passes(struct dynvc_table *table, uint32_t id)
{
	const struct dynvc_channel *channel = channel_find(table, id);

	return channel && channel->state == DYNVC_OPEN ? DYNVC_PASS : DYNVC_DROP;
}

int dynvc_filter(struct dynvc_table *table, const struct rdp_policy *policy, enum rdp_side from,
		 const struct svc_chunk *chunk, struct dynvc_pdu *out, enum dynvc_verdict *verdict,
		 const char **why)
{
	int rc = 0;

	if (!(chunk->flags & SVC_FIRST)) {
		*verdict = table->pass_rest[from] ? DYNVC_PASS : DYNVC_DROP;
		return 0;
	}
	if (dynvc_parse(chunk->data, from, chunk->flags & SVC_LAST, out, why) < 0)
		return -EBADMSG;
	switch (out->command) {
	case DYNVC_CAPABILITIES:
		*verdict = DYNVC_PASS;
		break;
	case DYNVC_CREATE:
		rc = from == RDP_GUEST ? guest_creates(table, policy, out, verdict, why)
				       : client_answers(table, out, verdict, why);
		break;
	case DYNVC_CLOSE:
		*verdict = either_closes(table, out->channel);
		break;
	case DYNVC_DATA_FIRST:
	case DYNVC_DATA:
	case DYNVC_DATA_FIRST_COMPRESSED:
	case DYNVC_DATA_COMPRESSED:
		*verdict = data_passes(table, out->channel);
		break;
	}
	table->pass_rest[from] = rc == 0 && *verdict == DYNVC_PASS;
	return rc;
}
