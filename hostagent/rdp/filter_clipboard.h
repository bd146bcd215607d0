/* SPDX-License-Identifier: Apache-2.0 */
/* filter_clipboard.h - which clipboard messages of a session go on, to whom, and with what left of
 * them.
 *
 * The clipboard is text or nothing: of a format list, only text formats go on; content goes on only
 * as the answer to a question for a text format that was offered, in a direction the policy allows.
 * Files have no way at all: their formats are on no list, and requests for their content are
 * answered with a failure here. A list of the forbidden direction is answered as if it had been
 * taken, so that its sender goes on. */
#ifndef GENKAN_HOSTAGENT_RDP_FILTER_CLIPBOARD_H
#define GENKAN_HOSTAGENT_RDP_FILTER_CLIPBOARD_H

#include "hostagent/rdp/cliprdr.h"
#include "hostagent/rdp/policy.h"
#include "hostagent/rdp/session.h"

/* Longest message that is kept: a full text with its header and padding. */
#define CLIPBOARD_MESSAGE_MAX (CLIPRDR_TEXT_MAX + CLIPRDR_HEADER_LEN + 4)
/* Longest that may be announced; what lies between is swallowed and refused. */
#define CLIPBOARD_ANNOUNCED_MAX (8u << 20)

/* Zero at the start of a session. Arrays are by side. */
struct clipboard_filter {
	bool long_names[RDP_SIDES];	/* it said it can */
	uint32_t offered[RDP_SIDES];	/* text formats of its last list that went on: bits by id */
	unsigned lists[RDP_SIDES];	/* its lists that the other side has yet to answer */
	unsigned requests[RDP_SIDES];	/* its requests that the other side has yet to answer */
};

enum clipboard_verdict {
	CLIPBOARD_DROP,
	CLIPBOARD_PASS,	/* `out` goes to the other side */
	CLIPBOARD_REPLY,	/* `out` goes back to the sender */
};

/* Called for each thing refused, with its name. */
typedef void clipboard_denied_fn(void *context, struct span name);

/* Decides about one message of `from` and appends what is to be sent to `out`. `truncated`: the
 * message was longer than CLIPBOARD_MESSAGE_MAX and `message` is only its beginning.
 * -EBADMSG for what no clipboard sends. */
int clipboard_take(struct clipboard_filter *filter, enum rdp_clipboard policy, enum rdp_side from,
		   struct span message, bool truncated, clipboard_denied_fn *denied, void *context,
		   struct buf *out, enum clipboard_verdict *verdict, const char **why);

#endif
