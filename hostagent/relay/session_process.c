/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/relay/session_process.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include "common/base/secret.h"
#include "common/sys/clock.h"
#include "hostagent/relay/leg.h"
#include "hostagent/relay/message.h"
#include "hostagent/relay/session_audit.h"
#include "hostagent/relay/session_tls.h"

/* How long the last words may take to reach both sides. */
#define CLOSE_LIMIT_MS 2000
#define USAGE_EVERY_MS 2000
/* How long an end waits for a client that would not hear the reason. */
#define UNHEARD_LIMIT_MS 1500

struct process {
	const struct session_seat *seat;
	int parent;	/* -1 once the parent is gone */
	struct rdp_session *rdp;
	struct leg legs[RDP_SIDES];
	uint8_t guest_pin[GUEST_PIN_LEN];
	enum rdp_state limited;	/* the state that is being timed */
	int64_t limit_at_ms;	/* 0: no limit */
	int64_t close_by_ms;	/* 0: not closing */
	enum rdp_end wanted_end;
	int64_t end_by_ms;              /* 0: no end is wanted */
	int64_t exception_until_ms;	/* 0: it was given none */
	struct message_usage usage;
	uint64_t inputs;	/* seen by the last look */
	int64_t usage_told_ms;
	bool usage_due;	/* there was input since */
	struct rdp_output out;
};

static const enum rdp_end gone[RDP_SIDES] = {
	[RDP_CLIENT] = RDP_END_CLIENT_GONE,
	[RDP_GUEST] = RDP_END_GUEST_GONE,
};

static void report(struct process *p, const struct message_event *event)
{
	struct message m = { .kind = MESSAGE_EVENT, .event = *event };

	if (p->parent >= 0)
		(void)message_send(p->parent, &m,
				   -1); /* a full socket loses the row, not the session */
}

static void carry_out(struct process *p);

/* ---- Ends ---- */

static void begin_close(struct process *p)
{
	if (p->close_by_ms)
		return;
	p->close_by_ms = clock_monotonic_ms() + CLOSE_LIMIT_MS;
	leg_close_softly(&p->legs[RDP_CLIENT]);
	leg_close_softly(&p->legs[RDP_GUEST]);
}

static void end_session(struct process *p, enum rdp_end end)
{
	if (p->close_by_ms)
		return;
	rdp_session_end(p->rdp, end, &p->out);
	carry_out(p);
	begin_close(p);
}

static void want_end(struct process *p, enum rdp_end end)
{
	if (rdp_session_client_hears(p->rdp)) {
		end_session(p, end);
	} else if (!p->end_by_ms) {
		p->wanted_end = end;
		p->end_by_ms = clock_monotonic_ms() + UNHEARD_LIMIT_MS;
	}
}

/* What was read does not follow the rules: no further word to anybody. */
static void end_by_fault(struct process *p)
{
	const struct rdp_fault *fault = rdp_session_fault(p->rdp);
	struct message_event e;

	if (fault) {
		audit_fault(fault, &e);
		report(p, &e);
	}
	leg_close(&p->legs[RDP_CLIENT]);
	leg_close(&p->legs[RDP_GUEST]);
	begin_close(p);
}

static void end_by_tls(struct process *p, enum rdp_side side, const struct error *err)
{
	struct message_event e;

	audit_tls(side, err->text, &e);
	report(p, &e);
	leg_close(&p->legs[side]);
	end_session(p, gone[side]);
}

/* ---- Effects ---- */

static void start_tls(struct process *p, enum rdp_side side)
{
	SSL *ssl = side == RDP_CLIENT ? session_tls_accept(p->seat->front)
				      : session_tls_connect(p->seat->back, p->guest_pin);
	struct error err = { .text = "out of memory" };

	if (side == RDP_CLIENT && p->seat->answered)
		leg_unqueue(&p->legs[side]);
	if (!ssl || leg_start_tls(&p->legs[side], ssl, &err) < 0)
		end_by_tls(p, side, &err);
}

static void ask_parent(struct process *p, enum message_kind kind, const struct rdp_ticket *ticket)
{
	struct message m = { .kind = kind };

	if (ticket)
		m.redeem = *ticket;
	if (p->parent < 0 || message_send(p->parent, &m, -1) < 0)
		end_session(p, RDP_END_SHUTDOWN);
	memory_wipe(&m, sizeof(m));
}

static void report_denied(struct process *p, const struct rdp_denied *denied)
{
	struct message_event e;

	audit_denied(denied, &e);
	report(p, &e);
}

static void report_active(struct process *p)
{
	struct message_event e;

	audit_active(&e);
	report(p, &e);
	malloc_trim(0);	/* the handshakes are over; an idle session stays small */
}

/* `limited` is still the state that the end came from. */
static void report_close(struct process *p, enum rdp_end end)
{
	struct message_event e;

	if (audit_early_end(end, p->limited, &e))
		report(p, &e);
}

static void carry_out_effect(struct process *p, struct rdp_effect *effect)
{
	switch (effect->kind) {
	case RDP_EFFECT_START_TLS:
		start_tls(p, effect->side);
		break;
	case RDP_EFFECT_REDEEM:
		ask_parent(p, MESSAGE_REDEEM, &effect->ticket);
		memory_wipe(&effect->ticket, sizeof(effect->ticket));
		break;
	case RDP_EFFECT_CONNECT_GUEST:
		ask_parent(p, MESSAGE_DIAL, NULL);
		break;
	case RDP_EFFECT_DENIED:
		report_denied(p, &effect->denied);
		break;
	case RDP_EFFECT_ACTIVE:
		report_active(p);
		break;
	case RDP_EFFECT_CLOSE:
		report_close(p, effect->end);
		begin_close(p);
		break;
	}
}

/* Everything the last call on the session asked for. Effects may call the session again and so
 * replace p->out: they are taken from a copy, after all pieces were queued. */
static void carry_out(struct process *p)
{
	struct rdp_effect effects[RDP_EFFECTS_MAX];
	size_t count = p->out.effect_count;
	bool overflow = false;

	for (size_t i = 0; i < p->out.piece_count; i++) {
		struct leg *to = &p->legs[p->out.pieces[i].to];

		overflow |= leg_queue(to, p->out.pieces[i].bytes) < 0;
	}
	memcpy(effects, p->out.effects, count * sizeof(effects[0]));
	memory_wipe(p->out.effects, count * sizeof(effects[0]));
	p->out.piece_count = p->out.effect_count = 0;

	for (size_t i = 0; i < count; i++)
		carry_out_effect(p, &effects[i]);
	if (overflow)
		end_by_fault(p);
}

/* ---- Bytes ---- */

static struct leg_facts facts_of(const struct process *p, enum rdp_side side)
{
	return (struct leg_facts){
		.phase = p->legs[side].phase,
		.tls_wants_write = p->legs[side].tls_wants_write,
		.queued = leg_queued(&p->legs[side]),
		.other_queued = leg_queued(&p->legs[!side]),
		.session_reads = rdp_session_reads(p->rdp, side),
	};
}

/* Gives the session what was read from one side, as far as it takes it. */
static void feed(struct process *p, enum rdp_side side)
{
	struct leg *leg = &p->legs[side];
	size_t used = 0;
	ssize_t n = 1;

	while (n > 0 && used < leg->in_len && rdp_session_reads(p->rdp, side)) {
		struct span rest = span_of(leg->in + used, leg->in_len - used);

		n = rdp_session_feed(p->rdp, side, rest, &p->out);
		if (n < 0) {
			end_by_fault(p);
			return;
		}
		used += (size_t)n;
		p->usage.bytes[side] += (uint64_t)n;
		carry_out(p);
	}
	leg_consume(leg, used);
	/* A fault behind good PDUs of one batch is told by the session alone: it reads no more. */
	if (rdp_session_fault(p->rdp) && !p->close_by_ms)
		end_by_fault(p);
}

static void read_leg(struct process *p, enum rdp_side side)
{
	struct leg *leg = &p->legs[side];
	struct error err;
	ssize_t n = leg_fill(leg, &err);

	if (n == -EPROTO) {
		end_by_tls(p, side, &err);
	} else if (n < 0) {
		leg_close(leg);
		end_session(p, gone[side]);
	}
}

static void shake_hands(struct process *p, enum rdp_side side)
{
	struct leg *leg = &p->legs[side];
	struct error err;

	leg->drained = true;
	int done = leg_handshake(leg, &err);
	if (done < 0) {
		end_by_tls(p, side, &err);
	} else if (done) {
		(void)rdp_session_tls_ready(p->rdp, side, &p->out);
		carry_out(p);
	}
}

static bool peer_left(const struct leg_facts *facts, short revents)
{
	if (poll_may_read(facts))
		return false;	/* reading will tell, behind the last data */
	return revents & (POLLRDHUP | POLLHUP | POLLERR);
}

static void serve_leg(struct process *p, enum rdp_side side, short revents)
{
	struct leg *leg = &p->legs[side];
	struct leg_facts facts = facts_of(p, side);

	switch (leg->phase) {
	case LEG_ABSENT:
	case LEG_CLOSED:
		break;
	case LEG_HANDSHAKE:
		if (revents || !leg->drained)
			shake_hands(p, side);
		break;
	case LEG_LINGER:
		if (revents)
			leg_linger(leg);
		break;
	case LEG_CLEAR:
	case LEG_OPEN:
		if (peer_left(&facts, revents)) {
			leg_close(leg);
			end_session(p, gone[side]);
		} else if (poll_may_read(&facts) && ((revents & ~POLLOUT) || !leg->drained)) {
			read_leg(p, side);
		}
		break;
	case LEG_FLUSHING:
	case LEG_CLOSING:
		if (revents & (POLLHUP | POLLERR)) {
			leg_close(leg);
			end_session(p, gone[side]);
		}
		break;
	}
}

static void flush_leg(struct process *p, enum rdp_side side)
{
	struct error err;

	if (leg_flush(&p->legs[side], &err) < 0) {
		leg_close(&p->legs[side]);
		end_session(p, gone[side]);
	}
}

/* ---- The parent's answers ---- */

static void on_redeemed(struct process *p, struct message_grant *grant)
{
	struct rdp_grant given = { .user = grant->user, .password = grant->password,
		.policy = grant->policy };

	memcpy(p->guest_pin, grant->guest_pin, sizeof(p->guest_pin));
	if (grant->exception_ms)
		p->exception_until_ms = clock_monotonic_ms() + grant->exception_ms;
	if (rdp_session_redeemed(p->rdp, &given, &p->out) < 0)
		end_session(p, RDP_END_REVOKED);
	else
		carry_out(p);
}

static void on_refused(struct process *p)
{
	(void)rdp_session_redeemed(p->rdp, NULL, &p->out);
	carry_out(p);
}

static void on_guest(struct process *p, int *fd)
{
	if (p->legs[RDP_GUEST].phase != LEG_ABSENT || *fd < 0)
		return;
	leg_take_fd(&p->legs[RDP_GUEST], steal_fd(fd));
	(void)rdp_session_guest_connected(p->rdp, &p->out);
	carry_out(p);
}

static void on_parent_message(struct process *p, struct message *m, int *fd)
{
	switch ((enum message_kind)m->kind) {
	case MESSAGE_REDEEMED:
		on_redeemed(p, &m->grant);
		break;
	case MESSAGE_REFUSED:
		on_refused(p);
		break;
	case MESSAGE_GUEST:
		on_guest(p, fd);
		break;
	case MESSAGE_GUEST_FAILED:
		end_session(p, RDP_END_GUEST_UNREACHABLE);
		break;
	case MESSAGE_END:
		want_end(p, (enum rdp_end)m->end);
		break;
	case MESSAGE_USAGE:
	case MESSAGE_REDEEM:
	case MESSAGE_DIAL:
	case MESSAGE_EVENT:
		end_session(p, RDP_END_SHUTDOWN);
		break;
	}
}

static void serve_parent(struct process *p)
{
	struct message m;
	OWNED_FD int fd = -1;
	int n = message_receive(p->parent, &m, &fd);

	if (n == -EAGAIN)
		return;
	if (n == 1) {
		on_parent_message(p, &m, &fd);
	} else {
		p->parent = -1;	/* nobody left to account to */
		end_session(p, RDP_END_SHUTDOWN);
	}
	memory_wipe(&m, sizeof(m));
}

/* ---- Time ---- */

/* An idle session wakes nobody up: its last word says since when it has been idle. */
static void tell_usage(struct process *p, int64_t now_ms)
{
	struct message m = { .kind = MESSAGE_USAGE };
	uint64_t inputs = rdp_session_inputs(p->rdp);

	if (inputs != p->inputs) {
		p->usage.last_input_ms = now_ms;
		p->usage_due = true;
	}
	p->inputs = inputs;
	if (rdp_session_state(p->rdp) != RDP_ACTIVE || now_ms < p->usage_told_ms + USAGE_EVERY_MS ||
	    p->parent < 0)
		return;
	if (!p->usage.last_input_ms)
		p->usage.last_input_ms = now_ms;
	p->usage_told_ms = now_ms;
	p->usage_due = false;
	p->usage.rtt_us = leg_rtt_us(&p->legs[RDP_CLIENT]);
	m.usage = p->usage;
	(void)message_send(p->parent, &m, -1);
}

static void restart_limit(struct process *p, int64_t now_ms)
{
	enum rdp_state state = rdp_session_state(p->rdp);
	int64_t limit_ms = rdp_state_limit_ms(state);

	if (state == p->limited && p->limit_at_ms >= 0)
		return;
	p->limited = state;
	p->limit_at_ms = limit_ms ? now_ms + limit_ms : 0;
}

static void check_limits(struct process *p, int64_t now_ms)
{
	restart_limit(p, now_ms);
	if (!p->close_by_ms && p->limit_at_ms && now_ms >= p->limit_at_ms)
		end_session(p, RDP_END_TIMEOUT);
	if (p->exception_until_ms && now_ms >= p->exception_until_ms)
		want_end(p, RDP_END_EXCEPTION); /* whatever the broker is doing */
	if (p->end_by_ms && (now_ms >= p->end_by_ms || rdp_session_client_hears(p->rdp)))
		end_session(p, p->wanted_end);
}

/* The earlier of two times of which 0 is never. */
static int64_t earlier(int64_t a, int64_t b)
{
	return !a ? b : !b ? a : a < b ? a : b;
}

static bool wants_another_turn(const struct process *p, enum rdp_side side)
{
	struct leg_facts facts = facts_of(p, side);

	return !p->legs[side].drained &&
	       (facts.phase == LEG_HANDSHAKE || poll_may_read(&facts));
}

static int wait_ms(const struct process *p, int64_t now_ms)
{
	int64_t until = p->limit_at_ms;

	if (!until && p->usage_due)	/* a state with a limit will not last */
		until = p->usage_told_ms + USAGE_EVERY_MS;
	until = earlier(until, p->end_by_ms ? p->end_by_ms : p->exception_until_ms);
	if (p->close_by_ms)
		until = p->close_by_ms;
	if (wants_another_turn(p, RDP_CLIENT) || wants_another_turn(p, RDP_GUEST))
		return 0;
	if (!until)
		return -1;
	return until > now_ms ? (int)(until - now_ms) : 0;
}

static bool is_over(const struct process *p, int64_t now_ms)
{
	bool client_done = p->legs[RDP_CLIENT].phase == LEG_CLOSED;
	bool guest_done = p->legs[RDP_GUEST].phase == LEG_CLOSED;

	return p->close_by_ms && ((client_done && guest_done) || now_ms >= p->close_by_ms);
}

static void turn(struct process *p, int64_t now_ms)
{
	enum { PARENT = RDP_SIDES };
	struct pollfd fds[RDP_SIDES + 1];

	for (int side = 0; side < RDP_SIDES; side++) {
		struct leg_facts facts = facts_of(p, (enum rdp_side)side);

		fds[side] = (struct pollfd){ p->legs[side].fd, poll_mask(&facts), 0 };
	}
	fds[PARENT] = (struct pollfd){ p->parent, POLLIN, 0 };
	if (poll(fds, ARRAY_LEN(fds), wait_ms(p, now_ms)) < 0)
		return;

	if (fds[PARENT].revents)
		serve_parent(p);
	for (int side = 0; side < RDP_SIDES; side++)
		serve_leg(p, (enum rdp_side)side, fds[side].revents);
	for (int side = 0; side < RDP_SIDES; side++)
		feed(p, (enum rdp_side)side);
	for (int side = 0; side < RDP_SIDES; side++)
		flush_leg(p, (enum rdp_side)side);
}

static void report_end(struct process *p)
{
	size_t count;
	const struct rdp_denied *denied = rdp_session_denied(p->rdp, &count);
	struct message_event e;

	for (size_t i = 0; i < count; i++) {
		if (audit_denied_rest(&denied[i], &e))
			report(p, &e);
	}
	audit_ended(rdp_session_ended(p->rdp), p->usage.bytes, &e);
	report(p, &e);
}

int session_process_run(const struct session_seat *seat)
{
	struct process *p = xnew(struct process);
	int64_t now_ms = clock_monotonic_ms();

	p->seat = seat;
	p->parent = seat->parent;
	p->rdp = rdp_session_new();
	leg_init(&p->legs[RDP_CLIENT]);
	leg_init(&p->legs[RDP_GUEST]);
	leg_take_fd(&p->legs[RDP_CLIENT], seat->client);
	p->limit_at_ms = -1;
	restart_limit(p, now_ms);

	while (!is_over(p, now_ms)) {
		turn(p, now_ms);
		now_ms = clock_monotonic_ms();
		check_limits(p, now_ms);
		tell_usage(p, now_ms);
	}

	report_end(p);
	leg_close(&p->legs[RDP_CLIENT]);
	leg_close(&p->legs[RDP_GUEST]);
#ifdef GENKAN_SANITIZED
	/* The leak check wants all of it back. Otherwise it goes with the process, to the kernel,
	 * which clears it: to wipe what was never used would first fetch the memory for it. */
	leg_done(&p->legs[RDP_CLIENT]);
	leg_done(&p->legs[RDP_GUEST]);
	rdp_session_free(p->rdp);
	free(p);
#endif
	return 0;
}
