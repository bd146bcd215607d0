/* SPDX-License-Identifier: Apache-2.0 */
/* session_devices.c - the device channel, in one of three ways.
 *	filter	some kind of device is allowed: messages go through filter_devices.c
 *	noop	none is, but the guest wants to see the channel: the relay answers it (rdpdr.c)
 *	off	the guest does not know of the channel
 * In the last two, nothing goes on; the client is asked which devices it would have brought, since
 * the audit names what was refused. */
#include "hostagent/rdp/session_state.h"

/* The refusals of one message have to fit its effects. */
#define DENIED_PER_MESSAGE 16

struct denying {
	struct rdp_session *s;
	enum rdp_side from;
	unsigned count;
};

static void device_denied(void *context, struct span name)
{
	struct denying *denying = context;

	denying->count++;
	session_deny(denying->s, RDP_DENIED_DEVICE, denying->from,
		     denying->count <= DENIED_PER_MESSAGE ? name : SPAN_LITERAL("more devices"));
}

struct answering {
	struct rdp_session *s;
	const struct channel *channel;
	enum rdp_side to;
	const char **why;
	int rc;
};

static void answer(void *context, struct span message)
{
	struct answering *a = context;

	if (a->rc == 0)
		a->rc = session_speak(a->s, a->channel, a->to, message, 0, a->why);
}

static int chunk_take(struct channel *channel, const struct pdu *pdu, struct svc_chunk *chunk,
		      const char **why)
{
	if (svc_parse(pdu->mcs.data, chunk, why) < 0)
		return -EBADMSG;
	return svc_track(&channel->streams[pdu->from], chunk, RDPDR_MESSAGE_MAX, why);
}

int session_devices_filter(struct rdp_session *s, const struct pdu *pdu, const char **why)
{
	struct channel *channel = pdu->channel;
	struct collected *message = &s->device_messages[pdu->from];
	struct denying denying = { .s = s, .from = pdu->from };
	enum device_verdict verdict = DEVICE_DROP;
	struct svc_chunk chunk;

	if (chunk_take(channel, pdu, &chunk, why) < 0)
		return -EBADMSG;
	session_collect(message, &chunk);
	if (!(chunk.flags & SVC_LAST))
		return 0;
	buf_reset(&s->work);
	if (devices_take(&s->devices, &s->policy, pdu->from, span_of(message->bytes, message->len),
			 device_denied, &denying, &s->work, &verdict, why) < 0)
		return -EBADMSG;
	if (verdict == DEVICE_DROP)
		return 0;
	return session_speak(s, channel, verdict == DEVICE_REPLY ? pdu->from : other_side(pdu->from),
			     buf_span(&s->work), chunk.flags & SVC_SHOW_PROTOCOL, why);
}

int session_devices_noop(struct rdp_session *s, const struct pdu *pdu, const char **why)
{
	struct answering to_guest = { s, pdu->channel, RDP_GUEST, why, 0 };
	struct svc_chunk chunk;

	if (pdu->from == RDP_CLIENT)
		return session_devices_denied(s, pdu, why);
	if (chunk_take(pdu->channel, pdu, &chunk, why) < 0 ||
	    rdpdr_noop_take(&s->rdpdr, &chunk, answer, &to_guest, why) < 0)
		return -EBADMSG;
	return to_guest.rc;
}

/* What the client says goes nowhere. Before it was asked, anything is an announce of its own. */
int session_devices_denied(struct rdp_session *s, const struct pdu *pdu, const char **why)
{
	struct answering to_client = { s, pdu->channel, RDP_CLIENT, why, 0 };
	struct denying denying = { .s = s, .from = RDP_CLIENT };
	struct collected *message = &s->device_messages[RDP_CLIENT];
	struct svc_chunk chunk;

	if (s->asked != pdu->channel) {
		device_denied(&denying, span_text(pdu->channel->name));
		return 0;
	}
	if (chunk_take(pdu->channel, pdu, &chunk, why) < 0)
		return -EBADMSG;
	session_collect(message, &chunk);
	if (!(chunk.flags & SVC_LAST))
		return 0;

	struct span whole = span_of(message->bytes, message->len);

	if (rdpdr_ask_take(whole, answer, &to_client) &&
	    devices_list(whole, device_denied, &denying, why) < 0)
		device_denied(&denying, span_text(pdu->channel->name));
	return to_client.rc;
}

static bool tells_devices(const struct channel *channel)
{
	return channel->join == JOINED &&
	       (channel->verdict == RDP_STATIC_NOOP || channel->verdict == RDP_STATIC_DENY) &&
	       span_equal_fold(span_text(channel->name), SPAN_LITERAL("rdpdr"));
}

int session_devices_ask(struct rdp_session *s, const char **why)
{
	for (size_t i = 0; i < s->static_count; i++) {
		struct channel *channel = &s->statics[i];
		struct answering to_client = { s, channel, RDP_CLIENT, why, 0 };

		if (!tells_devices(channel))
			continue;
		channel->streams[RDP_CLIENT] = (struct svc_stream){ 0 };
		s->asked = channel;
		rdpdr_ask_begin(answer, &to_client);
		return to_client.rc;
	}
	return 0;
}
