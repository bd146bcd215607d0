/* SPDX-License-Identifier: Apache-2.0 */
/* lines.h - newline-delimited text from a peer that is not trusted: bounded, no system call. */
#ifndef GENKAN_QMP_LINES_H
#define GENKAN_QMP_LINES_H

#include "common/base/buf.h"

struct lines {
	struct buf pending;	/* the line that is being received */
	size_t limit;		/* longest line, without its newline */
	bool taken;		/* pending was handed out and is void */
};

void lines_init(struct lines *lines, size_t limit);
void lines_done(struct lines *lines);

/* Moves bytes from the front of `in`. 1: `line` is complete, without its newline and a preceding
 * CR, valid until the next call. 0: `in` is used up. -EMSGSIZE: the peer's line is too long. */
int lines_take(struct lines *lines, struct span *in, struct span *line) MUST_CHECK;

#endif
