/* SPDX-License-Identifier: Apache-2.0 */
/* session_channel.c - data on the message channel and on static channels. */
#include "hostagent/rdp/session_state.h"

/* Security header flags on the message channel (MS-RDPBCGR 2.2.8.1.1.2.1) */
#define SEC_AUTODETECT_REQUEST 0x1000
#define SEC_AUTODETECT_RESPONSE 0x2000
#define SEC_HEARTBEAT 0x4000
#define SEC_TRANSPORT_REQUEST 0x0002

#define MCS_SERVER_USER 1002	/* as all servers have it; until Demand Active says so */
#define CHUNK_MAX 1600	/* CHANNEL_CHUNK_LENGTH, what every peer takes */
#define REFUSED_STATUS 0xc0000001u	/* STATUS_UNSUCCESSFUL */
#define SOUND_MESSAGE_MAX (1u << 20)
#define DYNAMIC_MESSAGE_MAX 65536

int on_message(struct rdp_session *s, const struct pdu *pdu, const char **why)
{
	struct reader r = reader_of(pdu->mcs.data);
	uint16_t flags = read_u16le(&r);

	read_skip(&r, 2);
	if (r.bad)
		return pdu_bad(why, "too short");
	if (flags & SEC_TRANSPORT_REQUEST)
		return pdu_bad(why, "initiate multitransport");
	if (pdu->from == RDP_CLIENT ? flags != SEC_AUTODETECT_RESPONSE
				    : flags != SEC_AUTODETECT_REQUEST && flags != SEC_HEARTBEAT)
		return pdu_bad(why, "message channel flags");
	session_pass(s, pdu);
	return 0;
}

static struct span channel_name(const struct channel *channel)
{
	return span_text(channel->name);
}

/* ---- whole messages ---- */

void session_collect(struct collected *message, const struct svc_chunk *chunk)
{
	if (chunk->flags & SVC_FIRST)
		message->len = 0;

	size_t room = sizeof(message->bytes) - message->len;
	size_t len = chunk->data.len < room ? chunk->data.len : room;

	if (len)
		memcpy(message->bytes + message->len, chunk->data.ptr, len);
	message->len += len;
}

int session_speak(struct rdp_session *s, const struct channel *channel, enum rdp_side to,
		  struct span message, uint32_t show, const char **why)
{
	enum mcs_type type = to == RDP_GUEST ? MCS_SEND_REQUEST : MCS_SEND_INDICATION;
	uint16_t guest = s->guest_user ? s->guest_user : MCS_SERVER_USER;
	uint16_t user = to == RDP_GUEST ? s->guest_user_id : guest;
	uint32_t flags = SVC_FIRST | show;
	struct reader r = reader_of(message);
	size_t begun_at = s->scratch.len;

	while (r.rest.len) {
		size_t len = r.rest.len < CHUNK_MAX ? r.rest.len : CHUNK_MAX;
		size_t at = mcs_send_begin(&s->scratch, type, user, channel_id_at(channel, to));

		svc_put_chunk_header(&s->scratch, message.len,
				     flags | (len == r.rest.len ? SVC_LAST : 0));
		buf_put_span(&s->scratch, read_bytes(&r, len));
		mcs_send_end(&s->scratch, at);
		flags &= ~SVC_FIRST;
	}
	return session_send(s, to, begun_at, why);
}

/* ---- drdynvc ---- */

/* Our answers may not fall into the middle of a message of the client's. */
static int refusals_send(struct rdp_session *s, const struct channel *channel, const char **why)
{
	int rc = 0;

	if (channel->streams[RDP_CLIENT].open)
		return 0;
	for (size_t i = 0; i < s->refusal_count && rc == 0; i++) {
		buf_reset(&s->work);
		dynvc_create_response_encode(s->refusals[i], REFUSED_STATUS, &s->work);
		rc = session_speak(s, channel, RDP_GUEST, buf_span(&s->work), 0, why);
	}
	s->refusal_count = 0;
	return rc;
}

static int dynamic_take(struct rdp_session *s, const struct pdu *pdu, const char **why)
{
	struct channel *channel = pdu->channel;
	enum dynvc_verdict verdict = DYNVC_DROP;
	struct svc_chunk chunk;
	struct dynvc_pdu dynamic;

	if (svc_parse(pdu->mcs.data, &chunk, why) < 0 ||
	    svc_track(&channel->streams[pdu->from], &chunk, DYNAMIC_MESSAGE_MAX, why) < 0 ||
	    dynvc_filter(&s->dynvc, &s->policy, pdu->from, &chunk, &dynamic, &verdict, why) < 0)
		return -EBADMSG;
	switch (verdict) {
	case DYNVC_PASS:
		session_pass(s, pdu);
		break;
	case DYNVC_DROP:
		break;
	case DYNVC_REFUSE:
		session_deny(s, RDP_DENIED_DYNAMIC_CHANNEL, RDP_GUEST, dynamic.name);
		if (s->refusal_count == REFUSALS_MAX)
			return pdu_bad(why, "too many refused requests wait for an answer");
		s->refusals[s->refusal_count++] = dynamic.channel;
		break;
	}
	return refusals_send(s, channel, why);
}

static int sound_take(struct rdp_session *s, const struct pdu *pdu, const char **why)
{
	struct svc_chunk chunk;

	if (svc_parse(pdu->mcs.data, &chunk, why) < 0 ||
	    svc_track(&pdu->channel->streams[pdu->from], &chunk, SOUND_MESSAGE_MAX, why) < 0)
		return -EBADMSG;
	session_pass(s, pdu);
	return 0;
}

/* Nothing goes on. A client's devices are asked for their names, and so may answer. */
static int denied_take(struct rdp_session *s, const struct pdu *pdu, const char **why)
{
	if (pdu->from == RDP_CLIENT && pdu->channel == s->asked)
		return session_devices_denied(s, pdu, why);
	session_deny(s, RDP_DENIED_STATIC_CHANNEL, pdu->from, channel_name(pdu->channel));
	return 0;
}

int on_static(struct rdp_session *s, const struct pdu *pdu, const char **why)
{
	switch (pdu->channel->verdict) {
	case RDP_STATIC_DENY:
		return denied_take(s, pdu, why);
	case RDP_STATIC_PASS:
		return sound_take(s, pdu, why);
	case RDP_STATIC_DYNAMIC:
		return dynamic_take(s, pdu, why);
	case RDP_STATIC_NOOP:
		return session_devices_noop(s, pdu, why);
	case RDP_STATIC_DEVICES:
		return session_devices_filter(s, pdu, why);
	case RDP_STATIC_CLIPBOARD:
		return session_clipboard_take(s, pdu, why);
	}
	return -EBADMSG;
}
