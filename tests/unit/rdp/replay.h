/* SPDX-License-Identifier: Apache-2.0 */
/* replay.h - runs a recorded conversation through a session and writes down what came out.
 *
 * A recording is a sequence of { u8 side, u32be length, bytes }: what a client and a guest wrote,
 * in plaintext, in the order in which it was read. Effects are answered at once, as a relay would.
 * The recordings in data/ were taken between libfreerdp 3.10 and freerdp-shadow. */
#ifndef GENKAN_TESTS_UNIT_RDP_REPLAY_H
#define GENKAN_TESTS_UNIT_RDP_REPLAY_H

#include "common/base/buf.h"
#include "hostagent/rdp/session.h"

#define REPLAY_USER "tanaka"
#define REPLAY_PASSWORD "gk1.one-time"

struct replay {
	struct rdp_session *session;
	struct rdp_policy policy;
	bool refuse_ticket;
	size_t step;	/* most bytes added to a side's buffer at once; 0 = all */
	struct buf unread[RDP_SIDES];
	struct buf written[RDP_SIDES];	/* what the session wrote to each side */
	struct buf lines;	/* one line per effect, and one for a fault */
	bool over;	/* closed or faulted */
	struct rdp_ticket ticket;
};

void replay_init(struct replay *r, const struct rdp_policy *policy, size_t step);
void replay_done(struct replay *r);
/* Bytes arrive from a side. */
void replay_bytes(struct replay *r, enum rdp_side side, struct span bytes);
/* A recording arrives; stops early at its first malformed record or when the session is over. */
void replay_recording(struct replay *r, struct span recording);
/* Carries out what a call left in `out`; for calls that the test makes itself. */
void replay_output(struct replay *r, struct rdp_output *out);

/* The n-th record of a recording, or an empty span. */
struct span recording_bytes(struct span recording, size_t n);
/* Reads a whole file, or aborts. */
void file_load(const char *path, struct buf *out);

#endif
