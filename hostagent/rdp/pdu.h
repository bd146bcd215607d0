/* SPDX-License-Identifier: Apache-2.0 */
/* pdu.h - what all parsers of this directory share.
 *
 * A stream parser returns the bytes it consumed, 0 for "need more", or -EBADMSG. A parser of a
 * complete body returns 0 or -EBADMSG. Both name in `*why`, with a literal, what was wrong. Spans
 * in results point into the input. A body must be used up: bytes left over are an error. */
#ifndef GENKAN_HOSTAGENT_RDP_PDU_H
#define GENKAN_HOSTAGENT_RDP_PDU_H

#include <errno.h>
#include <sys/types.h>
#include "common/base/buf.h"

static inline int pdu_bad(const char **why, const char *text)
{
	*why = text;
	return -EBADMSG;
}

/* The usual end of a body parser. */
static inline int pdu_finish(const struct reader *r, const char **why)
{
	if (r->bad)
		return pdu_bad(why, "too short");
	if (r->rest.len)
		return pdu_bad(why, "trailing bytes");
	return 0;
}

#endif
