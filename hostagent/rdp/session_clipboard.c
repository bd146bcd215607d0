/* SPDX-License-Identifier: Apache-2.0 */
/* session_clipboard.c - the clipboard channel: messages are collected whole, decided about, and
 * sent on as messages of the relay's own, so that answers never fall into the middle of another. */
#include "hostagent/rdp/session_state.h"

#define MCS_SERVER_USER 1002	/* as all servers have it; until Demand Active says so */
#define CHUNK_MAX 1600	/* CHANNEL_CHUNK_LENGTH, what every peer takes */
/* A list may name hundreds of formats; the refusals of one message have to fit its effects. */
#define DENIED_PER_MESSAGE 16

struct denying {
	struct rdp_session *s;
	enum rdp_side from;
	unsigned count;
};

static void format_denied(void *context, struct span name)
{
	struct denying *denying = context;

	denying->count++;
	session_deny(denying->s, RDP_DENIED_CLIPBOARD, denying->from,
		     denying->count <= DENIED_PER_MESSAGE ? name : SPAN_LITERAL("more formats"));
}

static void collect(struct clipboard_stream *stream, const struct svc_chunk *chunk)
{
	size_t room = sizeof(stream->message) - stream->len;
	size_t len = chunk->data.len < room ? chunk->data.len : room;

	if (len)
		memcpy(stream->message + stream->len, chunk->data.ptr, len);
	stream->len += len;
}

/* Chunk by chunk; `show` is SVC_SHOW_PROTOCOL when the message that caused this one had it. */
static int speak(struct rdp_session *s, const struct channel *channel, enum rdp_side to,
		 struct span message, uint32_t show, const char **why)
{
	enum mcs_type type = to == RDP_GUEST ? MCS_SEND_REQUEST : MCS_SEND_INDICATION;
	uint16_t guest = s->guest_user ? s->guest_user : MCS_SERVER_USER;
	uint16_t user = to == RDP_GUEST ? s->user_id : guest;
	uint32_t flags = SVC_FIRST | show;
	struct reader r = reader_of(message);
	size_t begun_at = s->scratch.len;

	while (r.rest.len) {
		size_t len = r.rest.len < CHUNK_MAX ? r.rest.len : CHUNK_MAX;
		size_t at = mcs_send_begin(&s->scratch, type, user, channel->id);

		svc_put_chunk_header(&s->scratch, message.len,
				     flags | (len == r.rest.len ? SVC_LAST : 0));
		buf_put_span(&s->scratch, read_bytes(&r, len));
		mcs_send_end(&s->scratch, at);
		flags &= ~SVC_FIRST;
	}
	return session_send(s, to, begun_at, why);
}

int session_clipboard_take(struct rdp_session *s, const struct pdu *pdu, const char **why)
{
	struct channel *channel = pdu->channel;
	struct clipboard_stream *stream = &s->clipboard_streams[pdu->from];
	struct denying denying = { .s = s, .from = pdu->from };
	enum clipboard_verdict verdict = CLIPBOARD_DROP;
	struct svc_chunk chunk;

	if (svc_parse(pdu->mcs.data, &chunk, why) < 0 ||
	    svc_track(&channel->streams[pdu->from], &chunk, CLIPBOARD_ANNOUNCED_MAX, why) < 0)
		return -EBADMSG;
	if (chunk.flags & SVC_FIRST)
		stream->len = 0;
	collect(stream, &chunk);
	if (!(chunk.flags & SVC_LAST))
		return 0;
	buf_reset(&s->work);
	if (clipboard_take(&s->clipboard, s->policy.clipboard, pdu->from,
			   span_of(stream->message, stream->len), stream->len < chunk.total,
			   format_denied, &denying, &s->work, &verdict, why) < 0)
		return -EBADMSG;
	if (verdict == CLIPBOARD_DROP)
		return 0;
	return speak(s, channel, verdict == CLIPBOARD_REPLY ? pdu->from : other_side(pdu->from),
		     buf_span(&s->work), chunk.flags & SVC_SHOW_PROTOCOL, why);
}
