/* SPDX-License-Identifier: Apache-2.0 */
/* session_clipboard.c - the clipboard channel: messages are collected whole, decided about, and
 * sent on as messages of the relay's own, so that answers never fall into the middle of another. */
#include "hostagent/rdp/session_state.h"

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

int session_clipboard_take(struct rdp_session *s, const struct pdu *pdu, const char **why)
{
	struct channel *channel = pdu->channel;
	struct collected *stream = &s->clipboard_messages[pdu->from];
	struct denying denying = { .s = s, .from = pdu->from };
	enum clipboard_verdict verdict = CLIPBOARD_DROP;
	struct svc_chunk chunk;

	if (svc_parse(pdu->mcs.data, &chunk, why) < 0 ||
	    svc_track(&channel->streams[pdu->from], &chunk, CLIPBOARD_ANNOUNCED_MAX, why) < 0)
		return -EBADMSG;
	session_collect(stream, &chunk);
	if (!(chunk.flags & SVC_LAST))
		return 0;
	buf_reset(&s->work);
	if (clipboard_take(&s->clipboard, s->policy.clipboard, pdu->from,
			   span_of(stream->bytes, stream->len), stream->len < chunk.total,
			   format_denied, &denying, &s->work, &verdict, why) < 0)
		return -EBADMSG;
	if (verdict == CLIPBOARD_DROP)
		return 0;
	return session_speak(s, channel, verdict == CLIPBOARD_REPLY ? pdu->from : other_side(pdu->from),
		     buf_span(&s->work), chunk.flags & SVC_SHOW_PROTOCOL, why);
}
