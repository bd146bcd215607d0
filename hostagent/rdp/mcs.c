/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/rdp/mcs.h"

#include "hostagent/rdp/ber.h"
#include "hostagent/rdp/framing.h"
#include "hostagent/rdp/x224.h"

#define CONNECT_INITIAL 0x7f65	/* [APPLICATION 101] */
#define CONNECT_RESPONSE 0x7f66
#define SEGMENTATION_WHOLE 0x30	/* begin and end: RDP never splits MCS data */
#define PRIORITY_HIGH 0x40
#define SEND_HEADER_LEN 15	/* TPKT 4, X.224 3, MCS 8 with a two byte length */

static void domain_read(struct reader *r, struct mcs_domain *out)
{
	struct reader values = reader_of(ber_read(r, BER_SEQUENCE));

	for (size_t i = 0; i < MCS_DOMAIN_PARAMETERS; i++)
		out->value[i] = ber_read_u32(&values, BER_INTEGER);
	if (!reader_finished(&values))
		r->bad = true;
}

static size_t domain_content_size(const struct mcs_domain *domain)
{
	size_t size = 0;

	for (size_t i = 0; i < MCS_DOMAIN_PARAMETERS; i++)
		size += ber_u32_size(domain->value[i]);
	return size;
}

static size_t domain_size(const struct mcs_domain *domain)
{
	return ber_size(BER_SEQUENCE, domain_content_size(domain));
}

static void domain_put(struct buf *out, const struct mcs_domain *domain)
{
	ber_put_header(out, BER_SEQUENCE, domain_content_size(domain));
	for (size_t i = 0; i < MCS_DOMAIN_PARAMETERS; i++)
		ber_put_u32(out, BER_INTEGER, domain->value[i]);
}

/* The element that fills the whole TPKT, opened. */
static int connect_open(struct span body, uint16_t tag, struct reader *content, const char **why)
{
	struct reader r = reader_of(body);

	if (!x224_data_read(&r))
		return pdu_bad(why, "not X.224 data");
	*content = reader_of(ber_read(&r, tag));
	if (r.bad)
		return pdu_bad(why, "not the expected MCS connect PDU");
	return pdu_finish(&r, why);
}

int mcs_connect_initial_parse(struct span body, struct mcs_connect_initial *out, const char **why)
{
	struct mcs_connect_initial pdu;
	struct reader r;

	if (connect_open(body, CONNECT_INITIAL, &r, why) < 0)
		return -EBADMSG;
	(void)ber_read(&r, BER_OCTETS);	/* calling and called domain selectors */
	(void)ber_read(&r, BER_OCTETS);

	struct span upward = ber_read(&r, BER_BOOLEAN);

	if (upward.len != 1 || upward.ptr[0] == 0)
		return pdu_bad(why, "MCS upward flag");
	domain_read(&r, &pdu.target);
	domain_read(&r, &pdu.minimum);
	domain_read(&r, &pdu.maximum);
	pdu.user_data = ber_read(&r, BER_OCTETS);
	if (pdu_finish(&r, why) < 0)
		return -EBADMSG;
	*out = pdu;
	return 0;
}

void mcs_connect_initial_encode(const struct mcs_connect_initial *pdu, struct buf *out)
{
	const struct span selector = SPAN_LITERAL("\x01");
	size_t content = 2 * ber_size(BER_OCTETS, selector.len) + ber_size(BER_BOOLEAN, 1) +
			 domain_size(&pdu->target) + domain_size(&pdu->minimum) +
			 domain_size(&pdu->maximum) + ber_size(BER_OCTETS, pdu->user_data.len);
	size_t at = tpkt_begin(out);

	x224_data_put(out);
	ber_put_header(out, CONNECT_INITIAL, content);
	ber_put_octets(out, selector);
	ber_put_octets(out, selector);
	ber_put_header(out, BER_BOOLEAN, 1);
	buf_put_u8(out, 0xff);
	domain_put(out, &pdu->target);
	domain_put(out, &pdu->minimum);
	domain_put(out, &pdu->maximum);
	ber_put_octets(out, pdu->user_data);
	tpkt_end(out, at);
}

int mcs_connect_response_parse(struct span body, struct mcs_connect_response *out,
			       const char **why)
{
	struct mcs_connect_response pdu;
	struct reader r;

	if (connect_open(body, CONNECT_RESPONSE, &r, why) < 0)
		return -EBADMSG;
	pdu.result = ber_read_u32(&r, BER_ENUMERATED);
	pdu.called_id = ber_read_u32(&r, BER_INTEGER);
	domain_read(&r, &pdu.domain);
	pdu.user_data = ber_read(&r, BER_OCTETS);
	if (pdu_finish(&r, why) < 0)
		return -EBADMSG;
	*out = pdu;
	return 0;
}

void mcs_connect_response_encode(const struct mcs_connect_response *pdu, struct buf *out)
{
	size_t content = ber_u32_size(pdu->result) + ber_u32_size(pdu->called_id) +
			 domain_size(&pdu->domain) + ber_size(BER_OCTETS, pdu->user_data.len);
	size_t at = tpkt_begin(out);

	x224_data_put(out);
	ber_put_header(out, CONNECT_RESPONSE, content);
	ber_put_u32(out, BER_ENUMERATED, pdu->result);
	ber_put_u32(out, BER_INTEGER, pdu->called_id);
	domain_put(out, &pdu->domain);
	ber_put_octets(out, pdu->user_data);
	tpkt_end(out, at);
}

static uint16_t user_read(struct reader *r)
{
	uint16_t less = read_u16be(r);

	if (less > UINT16_MAX - MCS_USER_BASE)
		r->bad = true;
	return (uint16_t)(less + MCS_USER_BASE);
}

static void user_put(struct buf *out, uint16_t user)
{
	buf_put_u16be(out, (uint16_t)(user - MCS_USER_BASE));
}

/* Send request and indication carry the bulk, so they come first and alone. */
static int send_read(struct reader *r, struct mcs_pdu *out, const char **why)
{
	out->initiator = user_read(r);
	out->channel = read_u16be(r);

	uint8_t flags = read_u8(r);
	size_t length = per_read_length(r);

	if (r->bad)
		return pdu_bad(why, "too short");
	if ((flags & 0x3f) != SEGMENTATION_WHOLE)
		return pdu_bad(why, "MCS segmentation flags");
	if (length != r->rest.len)
		return pdu_bad(why, "MCS data length");
	out->data = r->rest;
	return 0;
}

/* subHeight and subInterval, of no use in a domain of one and not passed on: two integers of one
 * byte each, for which rdesktop writes two of two bytes without their lengths. */
static void heights_skip(struct reader *r)
{
	if (r->rest.len == 4) {
		read_skip(r, 4);
		return;
	}
	(void)per_read_u32(r);
	(void)per_read_u32(r);
}

int mcs_parse(struct span body, struct mcs_pdu *out, const char **why)
{
	struct reader r = reader_of(body);
	struct mcs_pdu pdu = { 0 };

	if (!x224_data_read(&r))
		return pdu_bad(why, "not X.224 data");

	uint8_t first = read_u8(&r);
	uint8_t low = first & 3;

	pdu.type = (enum mcs_type)(first >> 2);
	switch ((int)pdu.type) {
	case MCS_SEND_REQUEST:
	case MCS_SEND_INDICATION:
		if (low != 0)
			return pdu_bad(why, "MCS header bits");
		if (send_read(&r, &pdu, why) < 0)
			return -EBADMSG;
		*out = pdu;
		return 0;
	case MCS_ERECT_DOMAIN:
		heights_skip(&r);
		break;
	case MCS_DISCONNECT:
		pdu.result = (uint8_t)(low << 1 | read_u8(&r) >> 7);
		low = 0;
		break;
	case MCS_ATTACH_REQUEST:
		break;
	case MCS_ATTACH_CONFIRM:
		pdu.result = read_u8(&r);
		if (low == 2)
			pdu.initiator = user_read(&r);
		low &= 1;
		break;
	case MCS_JOIN_REQUEST:
		pdu.initiator = user_read(&r);
		pdu.channel = read_u16be(&r);
		break;
	case MCS_JOIN_CONFIRM:
		pdu.result = read_u8(&r);
		pdu.initiator = user_read(&r);
		pdu.requested = read_u16be(&r);
		if (low == 2)
			pdu.channel = read_u16be(&r);
		low &= 1;
		break;
	default:
		return pdu_bad(why, "MCS PDU type");
	}
	if (low != 0)
		return pdu_bad(why, "MCS header bits");
	if (pdu_finish(&r, why) < 0)
		return -EBADMSG;
	*out = pdu;
	return 0;
}

/* Results are ENUMERATED of 16 values: 4 bits, which aligned PER leaves at the top of a byte
 * together with the CHOICE; every peer writes them in a byte of their own, and so do we. */
void mcs_encode(const struct mcs_pdu *pdu, struct buf *out)
{
	size_t at = tpkt_begin(out);
	uint8_t first = (uint8_t)(pdu->type << 2);

	x224_data_put(out);
	switch (pdu->type) {
	case MCS_ERECT_DOMAIN:
		buf_put_u8(out, first);
		buf_put_u32be(out, 0x01000100);	/* two integers of one byte: 0, 0 */
		break;
	case MCS_DISCONNECT:
		buf_put_u8(out, (uint8_t)(first | (pdu->result >> 1 & 3)));
		buf_put_u8(out, (uint8_t)(pdu->result << 7));
		break;
	case MCS_ATTACH_REQUEST:
		buf_put_u8(out, first);
		break;
	case MCS_ATTACH_CONFIRM:
		buf_put_u8(out, first | (pdu->initiator ? 2 : 0));
		buf_put_u8(out, pdu->result);
		if (pdu->initiator)
			user_put(out, pdu->initiator);
		break;
	case MCS_JOIN_REQUEST:
		buf_put_u8(out, first);
		user_put(out, pdu->initiator);
		buf_put_u16be(out, pdu->channel);
		break;
	case MCS_JOIN_CONFIRM:
		buf_put_u8(out, first | (pdu->channel ? 2 : 0));
		buf_put_u8(out, pdu->result);
		user_put(out, pdu->initiator);
		buf_put_u16be(out, pdu->requested);
		if (pdu->channel)
			buf_put_u16be(out, pdu->channel);
		break;
	case MCS_SEND_REQUEST:
	case MCS_SEND_INDICATION:
		out->failed = true;
		break;
	}
	tpkt_end(out, at);
}

size_t mcs_send_begin(struct buf *out, enum mcs_type type, uint16_t initiator, uint16_t channel)
{
	size_t at = tpkt_begin(out);

	x224_data_put(out);
	buf_put_u8(out, (uint8_t)(type << 2));
	user_put(out, initiator);
	buf_put_u16be(out, channel);
	buf_put_u8(out, PRIORITY_HIGH | SEGMENTATION_WHOLE);
	buf_put_u16be(out, 0);
	return at;
}

void mcs_send_end(struct buf *out, size_t begun_at)
{
	size_t length = out->failed ? 0 : out->len - begun_at - SEND_HEADER_LEN;

	if (length > 0x7fff) {
		out->failed = true;
		return;
	}
	buf_set_u16be(out, begun_at + SEND_HEADER_LEN - 2, (uint16_t)(0x8000 | length));
	tpkt_end(out, begun_at);
}
