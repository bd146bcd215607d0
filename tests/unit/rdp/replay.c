/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rdp/replay.h"

#include <assert.h>
#include <stdio.h>

#define TRANSCRIPT_MAX ((size_t)64 << 20)

void replay_init(struct replay *r, const struct rdp_policy *policy, size_t step)
{
	*r = (struct replay){ .session = rdp_session_new(), .policy = *policy, .step = step };
	for (size_t i = 0; i < RDP_SIDES; i++)
		r->unread[i].limit = r->written[i].limit = TRANSCRIPT_MAX;
}

void replay_done(struct replay *r)
{
	rdp_session_free(r->session);
	for (size_t i = 0; i < RDP_SIDES; i++) {
		buf_done(&r->unread[i]);
		buf_done(&r->written[i]);
	}
	buf_done(&r->lines);
}

static void redeem(struct replay *r, const struct rdp_ticket *ticket)
{
	struct rdp_grant grant = { REPLAY_USER, REPLAY_PASSWORD, NULL, r->policy };
	struct rdp_output out;
	int rc;

	r->ticket = *ticket;
	rc = rdp_session_redeemed(r->session, r->refuse_ticket ? NULL : &grant, &out);
	assert(rc == 0);
	(void)rc;
	replay_output(r, &out);
}

static void effect_run(struct replay *r, const struct rdp_effect *effect)
{
	const struct rdp_denied *denied = &effect->denied;
	struct rdp_output out;

	switch (effect->kind) {
	case RDP_EFFECT_START_TLS:
		buf_printf(&r->lines, "start_tls %s\n", rdp_side_name(effect->side));
		(void)rdp_session_tls_ready(r->session, effect->side, &out);
		replay_output(r, &out);
		break;
	case RDP_EFFECT_REDEEM:
		buf_put_text(&r->lines, "redeem\n");
		redeem(r, &effect->ticket);
		break;
	case RDP_EFFECT_CONNECT_GUEST:
		buf_put_text(&r->lines, "connect_guest\n");
		(void)rdp_session_guest_connected(r->session, &out);
		replay_output(r, &out);
		break;
	case RDP_EFFECT_DENIED:
		buf_printf(&r->lines, "denied %s %s %s\n", rdp_denied_name(denied->kind),
			   denied->name, rdp_side_name(denied->from));
		break;
	case RDP_EFFECT_ACTIVE:
		buf_put_text(&r->lines, "active\n");
		break;
	case RDP_EFFECT_CLOSE:
		buf_printf(&r->lines, "close %s\n", rdp_end_name(effect->end));
		r->over = true;
		break;
	}
}

void replay_output(struct replay *r, struct rdp_output *out)
{
	for (size_t i = 0; i < out->piece_count; i++)
		buf_put_span(&r->written[out->pieces[i].to], out->pieces[i].bytes);
	for (size_t i = 0; i < out->effect_count; i++)
		effect_run(r, &out->effects[i]);
}

static void fault_note(struct replay *r)
{
	const struct rdp_fault *fault = rdp_session_fault(r->session);

	buf_printf(&r->lines, "fault %s: %s, from %s at %llu\n", fault->pdu, fault->reason,
		   rdp_side_name(fault->from), (unsigned long long)fault->offset);
	r->over = true;
}

static bool feed_once(struct replay *r, enum rdp_side side)
{
	struct rdp_output out;
	ssize_t n = rdp_session_feed(r->session, side, buf_span(&r->unread[side]), &out);

	if (n < 0) {
		fault_note(r);
		return false;
	}
	assert((size_t)n <= r->unread[side].len);

	/* The pieces point into `unread`, so it may not move before they are written. */
	replay_output(r, &out);
	buf_consume(&r->unread[side], (size_t)n);
	return n > 0 && !r->over;
}

static void feed_all(struct replay *r)
{
	bool moved = true;

	while (moved && !r->over) {
		moved = feed_once(r, RDP_CLIENT);
		if (!r->over)
			moved |= feed_once(r, RDP_GUEST);
	}
}

void replay_bytes(struct replay *r, enum rdp_side side, struct span bytes)
{
	size_t step = r->step ? r->step : bytes.len;

	for (size_t at = 0; at < bytes.len && !r->over; at += step) {
		size_t len = bytes.len - at < step ? bytes.len - at : step;

		buf_put(&r->unread[side], bytes.ptr + at, len);
		feed_all(r);
	}
}

void replay_recording(struct replay *r, struct span recording)
{
	struct reader in = reader_of(recording);

	while (in.rest.len && !r->over) {
		uint8_t side = read_u8(&in);
		uint32_t length = read_u32be(&in);
		struct span bytes = read_bytes(&in, length);

		if (in.bad || side >= RDP_SIDES)
			return;
		replay_bytes(r, (enum rdp_side)side, bytes);
	}
}

struct span recording_bytes(struct span recording, size_t n)
{
	struct reader in = reader_of(recording);
	struct span bytes = { 0 };

	for (size_t i = 0; i <= n; i++) {
		read_skip(&in, 1);
		bytes = read_bytes(&in, read_u32be(&in));
	}
	return bytes;
}

void file_load(const char *path, struct buf *out)
{
	FILE *file = fopen(path, "rb");
	size_t n;

	if (!file) {
		perror(path);
		abort();
	}
	do {
		uint8_t *at = buf_reserve(out, 65536);

		n = at ? fread(at, 1, 65536, file) : 0;
		out->len += n;
	} while (n > 0);
	fclose(file);
}
