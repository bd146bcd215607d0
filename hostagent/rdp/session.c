/* SPDX-License-Identifier: Apache-2.0 */
/* session.c - the table of what is legal when, and the machine that walks it.
 *
 * A PDU is cut off the stream, classified as an event, and looked up under the present state. A
 * cell that is left out kills the session. Whatever a killing PDU already wrote is taken back, so
 * that a bad PDU leaves no trace but the fault.
 *
 * The scratch buffer gets its full size at once and never grows: pieces that point into it stay
 * good. A call stops consuming while there is still room for the largest answer to one PDU. */
#include "hostagent/rdp/session_state.h"

#include <assert.h>
#include "common/base/text.h"
#include "hostagent/rdp/x224.h"

/* The largest answer to one PDU: a clipboard text in its chunks. */
#define ANSWER_MAX (RDP_PDU_MAX + 4096)
#define SCRATCH_LIMIT (2 * ANSWER_MAX)
#define WORK_LIMIT ANSWER_MAX
#define PIECES_PER_PDU 4
#define EFFECTS_PER_PDU (GCC_CHANNELS_MAX + 2)
#define ERRINFO_LOGOFF_BY_USER 0x0000000c	/* 2.2.5.1.1 */
#define ERRINFO_SERVER_SHUTDOWN 0x00000019
#define IO_CHANNEL_LICENSE 0x0080	/* SEC_LICENSE_PKT */

static int on_pass(struct rdp_session *s, const struct pdu *pdu, const char **why)
{
	session_pass(s, pdu);
	return 0;
}

static int on_guest_share_data(struct rdp_session *s, const struct pdu *pdu, const char **why)
{
	s->guest_told_why |= pdu->is_error_info;
	session_pass(s, pdu);
	return 0;
}

static int on_client_share_data(struct rdp_session *s, const struct pdu *pdu, const char **why)
{
	s->inputs += pdu->is_input;
	session_pass(s, pdu);
	return 0;
}

static int on_client_fastpath(struct rdp_session *s, const struct pdu *pdu, const char **why)
{
	s->inputs++;
	session_pass(s, pdu);
	return 0;
}

static int on_font_map(struct rdp_session *s, const struct pdu *pdu, const char **why)
{
	session_pass(s, pdu);
	if (s->was_active)
		return 0;
	s->was_active = true;
	(void)session_effect(s, RDP_EFFECT_ACTIVE);
	return session_devices_ask(s, why);
}

static void send_or_abort(struct rdp_session *s, enum rdp_side to, size_t at)
{
	const char *why;
	int rc = session_send(s, to, at, &why);

	assert(rc == 0);	/* our own few bytes in an empty buffer */
	(void)rc;
}

static void error_info_send(struct rdp_session *s, uint32_t error)
{
	size_t at = mcs_send_begin(&s->scratch, MCS_SEND_INDICATION, s->guest_user, s->io.id);

	share_error_info_encode(s->share_id, s->guest_source, error, &s->scratch);
	mcs_send_end(&s->scratch, at);
	send_or_abort(s, RDP_CLIENT, at);
}

static bool takes_error_info(const struct rdp_session *s)
{
	return s->was_active && s->client_knows_error_info;
}

/* A guest that ends a session in order without a word about why has none left: its user logged off.
 * Only then; a client that is told nothing takes it for a loss and comes back. */
static void logoff_tell(struct rdp_session *s)
{
	if (takes_error_info(s) && !s->guest_told_why)
		error_info_send(s, ERRINFO_LOGOFF_BY_USER);
}

static int on_disconnect(struct rdp_session *s, const struct pdu *pdu, const char **why)
{
	if (pdu->from == RDP_GUEST)
		logoff_tell(s);

	size_t at = s->scratch.len;

	mcs_encode(&pdu->mcs, &s->scratch);
	if (session_mcs_stands(s, other_side(pdu->from)) &&
	    session_send(s, other_side(pdu->from), at, why) < 0)
		return -EBADMSG;
	session_close(s, pdu->from == RDP_CLIENT ? RDP_END_CLIENT_LEFT : RDP_END_GUEST_LEFT);
	return 0;
}

struct rule {
	event_handler *run;
	enum rdp_state next;
};

#define GO(handler, state) { handler, state }
/* From the first Demand Active on: what flows whatever the capability exchange is at, because the
 * other end may not know yet that it is on again. */
#define FLOWING(state)                                                                             \
	[C_STATIC] = GO(on_static, state), [G_STATIC] = GO(on_static, state),                      \
	[C_MESSAGE] = GO(on_message, state), [G_MESSAGE] = GO(on_message, state),                  \
	[C_FASTPATH] = GO(on_client_fastpath, state), [G_FASTPATH] = GO(on_pass, state),                      \
	[C_SHARE_DATA] = GO(on_client_share_data, state),                                          \
	[G_SHARE_DATA] = GO(on_guest_share_data, state),                                           \
	[C_DISCONNECT] = GO(on_disconnect, RDP_CLOSED),                                            \
	[G_DISCONNECT] = GO(on_disconnect, RDP_CLOSED)

static const struct rule rules[RDP_STATES][EVENTS] = {
	[RDP_X224_REQUEST] = {
		[C_X224_REQUEST] = GO(on_x224_request, RDP_TLS_CLIENT),
	},
	[RDP_RDSTLS] = {
		[C_RDSTLS_REQUEST] = GO(on_rdstls_request, RDP_REDEEM),
	},
	[RDP_HOLD_INITIAL] = {
		[C_CONNECT_INITIAL] = GO(on_standard_initial, RDP_HOLD_SETUP),
	},
	[RDP_HOLD_SETUP] = {
		[C_ERECT_DOMAIN] = GO(on_standard_erect, RDP_HOLD_SETUP),
		[C_ATTACH] = GO(on_standard_attach, RDP_HOLD_SETUP),
		[C_JOIN] = GO(on_standard_join, RDP_HOLD_SETUP),
		[C_INFO] = GO(on_standard_info, RDP_REDEEM),
		[C_DISCONNECT] = GO(on_disconnect, RDP_CLOSED),
	},
	[RDP_X224_CONFIRM] = {
		[G_X224_CONFIRM] = GO(on_x224_confirm, RDP_TLS_GUEST),
	},
	[RDP_MCS_INITIAL] = {
		[C_CONNECT_INITIAL] = GO(on_connect_initial, RDP_MCS_RESPONSE),
	},
	[RDP_MCS_RESPONSE] = {
		[G_CONNECT_RESPONSE] = GO(on_connect_response, RDP_MCS_SETUP),
	},
	[RDP_GUEST_SETUP] = {
		[G_ATTACHED] = GO(on_guest_attached, RDP_GUEST_SETUP),
		[G_JOINED] = GO(on_guest_joined, RDP_GUEST_SETUP),
		[G_DISCONNECT] = GO(on_disconnect, RDP_CLOSED),
	},
	[RDP_MCS_SETUP] = {
		[C_ERECT_DOMAIN] = GO(on_erect_domain, RDP_MCS_SETUP),
		[C_ATTACH] = GO(on_attach, RDP_MCS_SETUP),
		[G_ATTACHED] = GO(on_attached, RDP_MCS_SETUP),
		[C_JOIN] = GO(on_join, RDP_MCS_SETUP),
		[G_JOINED] = GO(on_joined, RDP_MCS_SETUP),
		[C_INFO] = GO(on_client_info, RDP_LICENSE),
		[C_DISCONNECT] = GO(on_disconnect, RDP_CLOSED),
		[G_DISCONNECT] = GO(on_disconnect, RDP_CLOSED),
	},
	[RDP_LICENSE] = {
		[C_LICENSE] = GO(on_license, RDP_LICENSE),
		[G_LICENSE] = GO(on_license, RDP_LICENSE),
		[C_MESSAGE] = GO(on_message, RDP_LICENSE),
		[G_MESSAGE] = GO(on_message, RDP_LICENSE),
		[G_STATIC] = GO(on_static, RDP_LICENSE),
		[G_SHARE_DATA] = GO(on_pass, RDP_LICENSE),	/* Set Error Info after a failed logon */
		[G_DEMAND_ACTIVE] = GO(on_demand_active, RDP_CAPS),
		[C_DISCONNECT] = GO(on_disconnect, RDP_CLOSED),
		[G_DISCONNECT] = GO(on_disconnect, RDP_CLOSED),
	},
	[RDP_CAPS] = {
		FLOWING(RDP_CAPS),
		[C_CONFIRM_ACTIVE] = GO(on_confirm_active, RDP_FINALIZE),
		[G_DEACTIVATE] = GO(on_pass, RDP_DEMAND),
	},
	[RDP_FINALIZE] = {
		FLOWING(RDP_FINALIZE),
		[G_FONT_MAP] = GO(on_font_map, RDP_ACTIVE),
		[G_DEACTIVATE] = GO(on_pass, RDP_DEMAND),
	},
	[RDP_ACTIVE] = {
		FLOWING(RDP_ACTIVE),
		[G_DEACTIVATE] = GO(on_pass, RDP_DEMAND),
	},
	[RDP_DEMAND] = {
		FLOWING(RDP_DEMAND),
		[G_DEMAND_ACTIVE] = GO(on_demand_active, RDP_CAPS),
	},
};

static const char *const event_names[EVENTS] = {
	[C_X224_REQUEST] = "x224_connection_request",
	[C_RDSTLS_REQUEST] = "rdstls_authentication_request",
	[C_CONNECT_INITIAL] = "mcs_connect_initial",
	[C_ERECT_DOMAIN] = "mcs_erect_domain",
	[C_ATTACH] = "mcs_attach_user_request",
	[C_JOIN] = "mcs_channel_join_request",
	[C_INFO] = "client_info",
	[C_LICENSE] = "client_license",
	[C_CONFIRM_ACTIVE] = "confirm_active",
	[C_SHARE_DATA] = "client_share_data",
	[C_MESSAGE] = "client_message_channel",
	[C_STATIC] = "client_channel_data",
	[C_FASTPATH] = "client_fast_path",
	[C_DISCONNECT] = "client_disconnect",
	[G_X224_CONFIRM] = "x224_connection_confirm",
	[G_CONNECT_RESPONSE] = "mcs_connect_response",
	[G_ATTACHED] = "mcs_attach_user_confirm",
	[G_JOINED] = "mcs_channel_join_confirm",
	[G_LICENSE] = "guest_license",
	[G_DEMAND_ACTIVE] = "demand_active",
	[G_DEACTIVATE] = "deactivate_all",
	[G_SHARE_DATA] = "guest_share_data",
	[G_FONT_MAP] = "font_map",
	[G_MESSAGE] = "guest_message_channel",
	[G_STATIC] = "guest_channel_data",
	[G_FASTPATH] = "guest_fast_path",
	[G_DISCONNECT] = "guest_disconnect",
};

static const struct {
	const char *name;
	int64_t limit_ms;
	bool reads[RDP_SIDES];
} states[RDP_STATES] = {
	[RDP_X224_REQUEST] = { "x224_request", 5000, { true, false } },
	[RDP_TLS_CLIENT] = { "tls_client", 10000, { false, false } },
	[RDP_RDSTLS] = { "rdstls", 10000, { true, false } },
	[RDP_HOLD_INITIAL] = { "hold_initial", 10000, { true, false } },
	[RDP_HOLD_SETUP] = { "hold_setup", 10000, { true, false } },
	[RDP_REDEEM] = { "redeem", 10000, { false, false } },
	[RDP_DIAL] = { "dial", 10000, { false, false } },
	[RDP_X224_CONFIRM] = { "x224_confirm", 10000, { false, true } },
	[RDP_TLS_GUEST] = { "tls_guest", 10000, { false, false } },
	[RDP_MCS_INITIAL] = { "mcs_initial", 10000, { true, true } },
	[RDP_MCS_RESPONSE] = { "mcs_response", 10000, { false, true } },
	[RDP_GUEST_SETUP] = { "guest_setup", 10000, { false, true } },
	[RDP_MCS_SETUP] = { "mcs_setup", 10000, { true, true } },
	[RDP_LICENSE] = { "license", 30000, { true, true } },
	[RDP_CAPS] = { "caps", 15000, { true, true } },
	[RDP_FINALIZE] = { "finalize", 15000, { true, true } },
	[RDP_ACTIVE] = { "active", 0, { true, true } },
	[RDP_DEMAND] = { "demand", 15000, { true, true } },
	[RDP_CLOSED] = { "closed", 0, { false, false } },
	[RDP_FAULTED] = { "faulted", 0, { false, false } },
};

struct rdp_session *rdp_session_new(void)
{
	struct rdp_session *s = xnew(struct rdp_session);

	s->scratch = BUF_LIMIT(SCRATCH_LIMIT);
	s->work = BUF_LIMIT(WORK_LIMIT);
	if (!buf_reserve(&s->scratch, SCRATCH_LIMIT) || !buf_reserve(&s->work, WORK_LIMIT))
		abort();
	return s;
}

static void scratch_wipe(struct rdp_session *s)
{
	if (!s->scratch_is_secret)
		return;
	memory_wipe(s->scratch.ptr, s->scratch.len);
	memory_wipe(s->work.ptr, s->work.len);
	s->scratch_is_secret = false;
}

void rdp_session_free(struct rdp_session *s)
{
	if (!s)
		return;
	scratch_wipe(s);
	buf_done(&s->scratch);
	buf_done(&s->work);
	memory_wipe(s, sizeof(*s));
	free(s);
}

/* ---- output ---- */

static void output_begin(struct rdp_session *s, struct rdp_output *out)
{
	scratch_wipe(s);
	buf_reset(&s->scratch);
	s->out = out;
	out->piece_count = 0;
	out->effect_count = 0;
}

static bool output_has_room(const struct rdp_session *s)
{
	return s->out->piece_count + PIECES_PER_PDU <= RDP_PIECES_MAX &&
	       s->out->effect_count + EFFECTS_PER_PDU <= RDP_EFFECTS_MAX &&
	       s->scratch.len <= SCRATCH_LIMIT - ANSWER_MAX;
}

/* What can be taken back when a PDU turns out bad. */
struct output_mark {
	size_t piece_count, effect_count;
	struct rdp_piece last;
};

static struct output_mark output_mark(const struct rdp_output *out)
{
	struct output_mark mark = { out->piece_count, out->effect_count, { 0 } };

	if (out->piece_count)
		mark.last = out->pieces[out->piece_count - 1];
	return mark;
}

static void output_restore(struct rdp_output *out, const struct output_mark *mark)
{
	out->piece_count = mark->piece_count;
	out->effect_count = mark->effect_count;
	if (mark->piece_count)
		out->pieces[mark->piece_count - 1] = mark->last;
}

/* Neighbours in memory that go to the same side are one piece: the common case is a whole read
 * buffer that passes untouched. */
static void piece_add(struct rdp_output *out, enum rdp_side to, struct span bytes)
{
	struct rdp_piece *last = out->piece_count ? &out->pieces[out->piece_count - 1] : NULL;

	if (last && last->to == to && last->bytes.ptr + last->bytes.len == bytes.ptr) {
		last->bytes.len += bytes.len;
		return;
	}
	assert(out->piece_count < RDP_PIECES_MAX);
	out->pieces[out->piece_count++] = (struct rdp_piece){ to, bytes };
}

void session_pass(struct rdp_session *s, const struct pdu *pdu)
{
	struct span rest = pdu->whole;

	if (standard_ids_differ(s, pdu)) {
		struct span header = standard_header_exchange(s, pdu);

		piece_add(s->out, other_side(pdu->from), header);
		rest = span_of(rest.ptr + header.len, rest.len - header.len);
	}
	piece_add(s->out, other_side(pdu->from), rest);
}

int session_send(struct rdp_session *s, enum rdp_side to, size_t begun_at, const char **why)
{
	if (s->scratch.failed || s->work.failed)
		return pdu_bad(why, "does not fit after re-encoding");
	piece_add(s->out, to, span_of(s->scratch.ptr + begun_at, s->scratch.len - begun_at));
	return 0;
}

struct rdp_effect *session_effect(struct rdp_session *s, enum rdp_effect_kind kind)
{
	assert(s->out->effect_count < RDP_EFFECTS_MAX);

	struct rdp_effect *effect = &s->out->effects[s->out->effect_count++];

	effect->kind = kind;
	return effect;
}

void session_close(struct rdp_session *s, enum rdp_end end)
{
	s->state = RDP_CLOSED;
	s->end = end;
	session_effect(s, RDP_EFFECT_CLOSE)->end = end;
}

/* ---- refusals ---- */

static void printable_copy(char out[RDP_NAME_MAX], struct span name)
{
	size_t len = name.len < RDP_NAME_MAX - 1 ? name.len : RDP_NAME_MAX - 1;

	for (size_t i = 0; i < len; i++) {
		uint8_t c = name.ptr[i];

		out[i] = c >= 0x20 && c <= 0x7e ? (char)c : '?';
	}
	out[len] = '\0';
}

/* The entry for it; the last one of the table takes all that comes after it is full. */
static struct rdp_denied *denied_entry(struct rdp_session *s, const struct rdp_denied *wanted)
{
	for (size_t i = 0; i < s->denied_count; i++) {
		struct rdp_denied *entry = &s->denied[i];

		if (entry->kind == wanted->kind && entry->from == wanted->from &&
		    span_equal_fold(span_text(entry->name), span_text(wanted->name)))
			return entry;
	}
	if (s->denied_count == RDP_DENIED_MAX)
		return &s->denied[RDP_DENIED_MAX - 1];

	struct rdp_denied *entry = &s->denied[s->denied_count++];

	*entry = *wanted;
	if (s->denied_count == RDP_DENIED_MAX)
		printable_copy(entry->name, SPAN_LITERAL("..."));
	return entry;
}

static const char *rule_of(enum rdp_denied_kind kind, struct span name)
{
	switch (kind) {
	case RDP_DENIED_STATIC_CHANNEL:
		return rdp_policy_static_rule(name);
	case RDP_DENIED_DYNAMIC_CHANNEL:
		return rdp_policy_dynamic_rule(name);
	case RDP_DENIED_DEVICE:
		return device_rule(name);
	case RDP_DENIED_CLIPBOARD:
		return "clipboard";
	}
	return NULL;
}

void session_deny(struct rdp_session *s, enum rdp_denied_kind kind, enum rdp_side from,
		  struct span name)
{
	struct rdp_denied wanted = { .kind = kind, .from = from, .rule = rule_of(kind, name) };

	printable_copy(wanted.name, name);

	struct rdp_denied *entry = denied_entry(s, &wanted);

	if (entry->count < UINT32_MAX)
		entry->count++;
	if (entry->count == 1)
		session_effect(s, RDP_EFFECT_DENIED)->denied = *entry;
}

/* ---- classification ---- */

struct channel *session_channel(struct rdp_session *s, enum rdp_side side, uint16_t id)
{
	if (id == 0)
		return NULL;
	for (size_t i = 0; i < s->static_count; i++)
		if (channel_id_at(&s->statics[i], side) == id)
			return &s->statics[i];
	if (channel_id_at(&s->io, side) == id)
		return &s->io;
	return channel_id_at(&s->message, side) == id ? &s->message : NULL;
}

/* Set Error Info that says something: all servers send one with "none" at the start. */
static bool is_error_info(const struct share_pdu *share)
{
	struct reader r = reader_of(share->body);

	if (share->type != SHARE_DATA || share->data_type != SHARE_DATA_ERROR_INFO)
		return false;
	read_skip(&r, SHARE_DATA_HEADER_LEN);
	return read_u32le(&r) != 0;
}

/* All share control PDUs of a payload. Several in one are allowed for share data only. */
static int share_classify(struct pdu *pdu, const char **why)
{
	static const enum event by_type[RDP_SIDES][16] = {
		[RDP_CLIENT] = { [SHARE_CONFIRM_ACTIVE] = C_CONFIRM_ACTIVE,
				 [SHARE_DATA] = C_SHARE_DATA },
		[RDP_GUEST] = { [SHARE_DEMAND_ACTIVE] = G_DEMAND_ACTIVE,
				[SHARE_DEACTIVATE_ALL] = G_DEACTIVATE,
				[SHARE_DATA] = G_SHARE_DATA },
	};
	struct reader r = reader_of(pdu->mcs.data);
	struct share_pdu share;
	size_t count = 0;
	int more;

	while ((more = share_next(&r, &share, why)) > 0) {
		enum event event = by_type[pdu->from][share.type];

		count++;
		if (share.type == SHARE_REDIRECTION)
			return pdu_bad(why, "server redirection");
		if (event == C_X224_REQUEST)	/* zero: not in the table */
			return pdu_bad(why, "share control type");
		if (share.type != SHARE_DATA && (count > 1 || r.rest.len))
			return pdu_bad(why, "share control PDUs in one payload");
		if (pdu->from == RDP_GUEST && share.data_type == SHARE_DATA_FONT_MAP)
			event = G_FONT_MAP;
		if (count == 1 || event == G_FONT_MAP)
			pdu->event = event;
		pdu->body = share.body;
		pdu->source = share.source;
		pdu->is_input |= share.type == SHARE_DATA && share.data_type == SHARE_DATA_INPUT;
		pdu->is_error_info |= is_error_info(&share);
	}
	if (count == 0 && more == 0)
		return pdu_bad(why, "empty");
	return more;
}

/* Without RDP security, only Client Info and licensing have a security header (5.4.7.2). What is
 * neither must be share control PDUs, to the last byte. */
static int io_classify(struct rdp_session *s, struct pdu *pdu, const char **why)
{
	struct reader r = reader_of(pdu->mcs.data);
	uint16_t flags = read_u16le(&r);
	uint16_t type = read_u16le(&r);

	if (pdu->from == RDP_CLIENT && s->state <= RDP_MCS_SETUP) {
		pdu->event = C_INFO;
		return 0;
	}
	/* A share control version, where flagsHi would be 0. xrdp's licensing PDU has it as well,
	 * but then the type is 0, which no share control PDU has. */
	if ((type & 0xfff0) == 0x0010 && type != 0x0010)
		return share_classify(pdu, why);
	if (r.bad)
		return pdu_bad(why, "too short");
	if (flags & IO_CHANNEL_LICENSE)
		pdu->event = pdu->from == RDP_CLIENT ? C_LICENSE : G_LICENSE;
	else if (pdu->from == RDP_CLIENT)
		pdu->event = C_INFO;
	else
		return pdu_bad(why, "neither licensing nor share control");
	return 0;
}

static int data_classify(struct rdp_session *s, struct pdu *pdu, const char **why)
{
	uint16_t id = pdu->mcs.channel;
	struct channel *channel = session_channel(s, pdu->from, id);

	if (pdu->from == RDP_CLIENT && (s->user_id == 0 || pdu->mcs.initiator != s->user_id))
		return pdu_bad(why, "another user's data");
	if (!channel)
		return pdu_bad(why, "data on an unknown channel");
	if (channel->join != JOINED)
		return pdu_bad(why, "data on a channel that is not joined");
	pdu->channel = channel;
	if (channel == &s->io)
		return io_classify(s, pdu, why);
	if (channel == &s->message)
		pdu->event = pdu->from == RDP_CLIENT ? C_MESSAGE : G_MESSAGE;
	else
		pdu->event = pdu->from == RDP_CLIENT ? C_STATIC : G_STATIC;
	return 0;
}

/* Who may send which MCS PDU; EVENTS for nobody. */
static enum event mcs_event(enum mcs_type type, enum rdp_side from)
{
	bool client = from == RDP_CLIENT;

	switch (type) {
	case MCS_ERECT_DOMAIN:
		return client ? C_ERECT_DOMAIN : EVENTS;
	case MCS_ATTACH_REQUEST:
		return client ? C_ATTACH : EVENTS;
	case MCS_JOIN_REQUEST:
		return client ? C_JOIN : EVENTS;
	case MCS_SEND_REQUEST:
		return client ? C_STATIC : EVENTS;
	case MCS_ATTACH_CONFIRM:
		return client ? EVENTS : G_ATTACHED;
	case MCS_JOIN_CONFIRM:
		return client ? EVENTS : G_JOINED;
	case MCS_SEND_INDICATION:
		return client ? EVENTS : G_STATIC;
	case MCS_DISCONNECT:
		return client ? C_DISCONNECT : G_DISCONNECT;
	}
	return EVENTS;
}

static int mcs_classify(struct rdp_session *s, struct pdu *pdu, const char **why)
{
	if (mcs_parse(pdu->body, &pdu->mcs, why) < 0)
		return -EBADMSG;
	pdu->event = mcs_event(pdu->mcs.type, pdu->from);
	if (pdu->event == EVENTS)
		return pdu_bad(why, "MCS PDU of the other direction");
	if (pdu->mcs.type == MCS_SEND_REQUEST || pdu->mcs.type == MCS_SEND_INDICATION)
		return data_classify(s, pdu, why);
	return 0;
}

static int tpkt_classify(struct rdp_session *s, struct pdu *pdu, const char **why)
{
	bool client = pdu->from == RDP_CLIENT;

	if (s->state == RDP_X224_REQUEST || s->state == RDP_X224_CONFIRM) {
		pdu->event = client ? C_X224_REQUEST : G_X224_CONFIRM;
		return 0;
	}
	if (s->state == RDP_MCS_INITIAL || s->state == RDP_MCS_RESPONSE ||
	    s->state == RDP_HOLD_INITIAL) {
		pdu->event = client ? C_CONNECT_INITIAL : G_CONNECT_RESPONSE;
		return 0;
	}
	return mcs_classify(s, pdu, why);
}

/* Bytes of the next PDU of this side, 0 for more, or -EBADMSG. */
static ssize_t pdu_next(struct rdp_session *s, enum rdp_side from, struct span in,
			struct pdu *pdu, const char **why)
{
	struct frame frame;
	ssize_t n;

	pdu->from = from;
	pdu->channel = NULL;
	pdu->is_input = pdu->is_error_info = false;
	if (s->state == RDP_RDSTLS) {
		pdu->event = C_RDSTLS_REQUEST;
		return rdstls_request_parse(in, &pdu->ticket, why);
	}
	pdu->event = EVENTS;
	n = frame_parse(in, &frame, why);
	if (n <= 0)
		return n;
	pdu->whole = span_of(in.ptr, (size_t)n);
	pdu->body = frame.body;
	if (frame.kind == FRAME_FASTPATH)
		pdu->event = from == RDP_CLIENT ? C_FASTPATH : G_FASTPATH;
	else if (tpkt_classify(s, pdu, why) < 0)
		return -EBADMSG;
	return n;
}

/* ---- the machine ---- */

static int session_step(struct rdp_session *s, const struct pdu *pdu, const char **why)
{
	enum rdp_state state = s->state;
	const struct rule *rule = &rules[state][pdu->event];

	if (!rule->run)
		return pdu_bad(why, "not legal in this state");
	if (rule->run(s, pdu, why) < 0)
		return -EBADMSG;
	if (s->state == state)
		s->state = rule->next;
	return 0;
}

static void session_fault(struct rdp_session *s, const struct pdu *pdu, const char *why)
{
	s->state = RDP_FAULTED;
	s->end = RDP_END_FAULT;
	s->fault = (struct rdp_fault){
		.pdu = pdu->event < EVENTS ? event_names[pdu->event] : "frame",
		.reason = why,
		.from = pdu->from,
		.offset = s->offset[pdu->from],
	};
}

/* One PDU: bytes consumed, 0 to wait, or -EBADMSG with the session faulted and nothing written. */
static ssize_t session_take(struct rdp_session *s, enum rdp_side side, struct span in)
{
	struct output_mark mark = output_mark(s->out);
	struct pdu pdu;
	const char *why = "";
	ssize_t n = pdu_next(s, side, in, &pdu, &why);

	if (n == 0)
		return 0;
	if (n > 0 && session_step(s, &pdu, &why) == 0) {
		if (pdu.event == C_RDSTLS_REQUEST)
			memory_wipe(&pdu.ticket, sizeof(pdu.ticket));
		s->offset[side] += (uint64_t)n;
		return n;
	}
	output_restore(s->out, &mark);
	session_fault(s, &pdu, why);
	return -EBADMSG;
}

ssize_t rdp_session_feed(struct rdp_session *s, enum rdp_side side, struct span in,
			 struct rdp_output *out)
{
	size_t done = 0;

	output_begin(s, out);
	if (s->state == RDP_FAULTED)
		return -EBADMSG;
	while (done < in.len && rdp_session_reads(s, side) && output_has_room(s)) {
		ssize_t n = session_take(s, side, span_of(in.ptr + done, in.len - done));

		if (n < 0 && done == 0)
			return -EBADMSG;
		if (n <= 0)
			break;	/* a fault after good PDUs is told by the next call */
		done += (size_t)n;
	}
	return (ssize_t)done;
}

/* ---- answers to effects ---- */

int rdp_session_tls_ready(struct rdp_session *s, enum rdp_side side, struct rdp_output *out)
{
	const char *why;

	output_begin(s, out);
	if (side == RDP_CLIENT && s->state == RDP_TLS_CLIENT && s->standard) {
		s->state = RDP_HOLD_INITIAL;
		return 0;
	}
	if (side == RDP_GUEST && s->state == RDP_TLS_GUEST && s->standard) {
		if (standard_guest_begin(s, &why) < 0)
			return -EPROTO;
		s->state = RDP_MCS_RESPONSE;
		return 0;
	}
	if (side == RDP_CLIENT && s->state == RDP_TLS_CLIENT) {
		rdstls_capabilities_encode(&s->scratch);
		send_or_abort(s, RDP_CLIENT, 0);
		s->state = RDP_RDSTLS;
		return 0;
	}
	if (side == RDP_GUEST && s->state == RDP_TLS_GUEST) {
		s->state = RDP_MCS_INITIAL;
		return 0;
	}
	return -EPROTO;
}

static int text_take(struct rdp_session *s, const char *text, struct secret *out)
{
	buf_reset(&s->work);

	int rc = utf8_to_utf16le(span_text(text), &s->work);

	if (rc == 0 && s->work.len <= 2 * RDP_TEXT_MAX)
		rc = secret_set(out, buf_span(&s->work));
	else
		rc = -EINVAL;
	memory_wipe(s->work.ptr, s->work.len);
	return rc;
}

static int grant_take(struct rdp_session *s, const struct rdp_grant *grant)
{
	if (!grant->user || !grant->user[0] || !grant->password)
		return -EINVAL;
	if (text_take(s, grant->user, &s->user) < 0 ||
	    text_take(s, grant->password, &s->password) < 0 ||
	    text_take(s, grant->domain ? grant->domain : "", &s->domain) < 0)
		return -EINVAL;
	s->policy = grant->policy;
	return 0;
}

static void ultimatum_send(struct rdp_session *s, enum rdp_side to)
{
	size_t at = s->scratch.len;

	mcs_encode(&(struct mcs_pdu){ .type = MCS_DISCONNECT, .result = MCS_REASON_PROVIDER },
		   &s->scratch);
	send_or_abort(s, to, at);
}

static void ticket_answer(struct rdp_session *s, uint32_t code)
{
	size_t at = s->scratch.len;

	if (s->standard)
		return;	/* it is not waiting for one */
	rdstls_response_encode(code, &s->scratch);
	send_or_abort(s, RDP_CLIENT, at);
}

void session_refuse(struct rdp_session *s)
{
	ticket_answer(s, RDSTLS_ACCESS_DENIED);
	if (session_mcs_stands(s, RDP_CLIENT))
		ultimatum_send(s, RDP_CLIENT);
	session_close(s, RDP_END_TICKET);
}

int rdp_session_redeemed(struct rdp_session *s, const struct rdp_grant *grant,
			 struct rdp_output *out)
{
	output_begin(s, out);
	if (s->state != RDP_REDEEM)
		return -EPROTO;
	if (grant && grant_take(s, grant) < 0)
		return -EINVAL;
	if (!grant) {
		session_refuse(s);
		return 0;
	}
	ticket_answer(s, RDSTLS_SUCCESS);
	s->state = RDP_DIAL;
	(void)session_effect(s, RDP_EFFECT_CONNECT_GUEST);
	return 0;
}

int rdp_session_guest_connected(struct rdp_session *s, struct rdp_output *out)
{
	output_begin(s, out);
	if (s->state != RDP_DIAL)
		return -EPROTO;
	x224_request_encode(X224_PROTOCOL_SSL, &s->scratch);
	send_or_abort(s, RDP_GUEST, 0);
	s->state = RDP_X224_CONFIRM;
	return 0;
}

/* What the client is told with Set Error Info (2.2.5.1.1). */
static const uint32_t error_infos[] = {
	[RDP_END_GUEST_LEFT] = ERRINFO_LOGOFF_BY_USER,
	[RDP_END_REVOKED] = 1, /* ERRINFO_RPC_INITIATED_DISCONNECT */
	[RDP_END_MOVED] = 5,   /* ERRINFO_DISCONNECTED_BY_OTHER_CONNECTION */
	[RDP_END_IDLE] = 3,    /* ERRINFO_IDLE_TIMEOUT */
	[RDP_END_EXCEPTION] = ERRINFO_SERVER_SHUTDOWN, /* a client that comes back by itself does */
	[RDP_END_SHUTDOWN] = ERRINFO_SERVER_SHUTDOWN,
	[RDP_END_FAULT] = 0,
};

/* Without the reason, an ultimatum would keep those away who are to come back. */
static bool takes_ultimatum(const struct rdp_session *s, enum rdp_side side, enum rdp_end end)
{
	if (side == RDP_CLIENT && error_infos[end] == ERRINFO_SERVER_SHUTDOWN &&
	    !rdp_session_client_hears(s))
		return false;
	return session_mcs_stands(s, side);
}

void rdp_session_end(struct rdp_session *s, enum rdp_end end, struct rdp_output *out)
{
	output_begin(s, out);
	if (s->state == RDP_CLOSED || s->state == RDP_FAULTED)
		return;
	if (s->state == RDP_REDEEM)
		ticket_answer(s, RDSTLS_ACCESS_DENIED);
	if (error_infos[end] && takes_error_info(s))
		error_info_send(s, error_infos[end]);
	for (int side = 0; side < RDP_SIDES; side++)
		if (takes_ultimatum(s, (enum rdp_side)side, end))
			ultimatum_send(s, (enum rdp_side)side);
	session_close(s, end);
}

/* ---- questions ---- */

bool rdp_session_client_hears(const struct rdp_session *s)
{
	return s->state != RDP_DEMAND && s->state != RDP_CAPS && s->state != RDP_FINALIZE;
}

bool session_mcs_stands(const struct rdp_session *s, enum rdp_side side)
{
	if (side == RDP_GUEST)
		return s->state >= RDP_MCS_RESPONSE;
	return s->state >= (s->standard ? RDP_HOLD_SETUP : RDP_MCS_SETUP);
}

bool rdp_session_reads(const struct rdp_session *s, enum rdp_side side)
{
	return states[s->state].reads[side];
}

uint64_t rdp_session_inputs(const struct rdp_session *s)
{
	return s->inputs;
}

enum rdp_state rdp_session_state(const struct rdp_session *s)
{
	return s->state;
}

enum rdp_end rdp_session_ended(const struct rdp_session *s)
{
	return s->end;
}

const struct rdp_fault *rdp_session_fault(const struct rdp_session *s)
{
	return s->state == RDP_FAULTED ? &s->fault : NULL;
}

const struct rdp_denied *rdp_session_denied(const struct rdp_session *s, size_t *count)
{
	*count = s->denied_count;
	return s->denied;
}

int64_t rdp_state_limit_ms(enum rdp_state state)
{
	return states[state].limit_ms;
}

const char *rdp_state_name(enum rdp_state state)
{
	return states[state].name;
}

const char *rdp_end_name(enum rdp_end end)
{
	static const char *const names[] = {
		[RDP_END_NONE] = "none",
		[RDP_END_CLIENT_LEFT] = "client_left",
		[RDP_END_GUEST_LEFT] = "guest_left",
		[RDP_END_CLIENT_GONE] = "client_gone",
		[RDP_END_GUEST_GONE] = "guest_gone",
		[RDP_END_TIMEOUT] = "timeout",
		[RDP_END_PROTOCOL] = "protocol",
		[RDP_END_TICKET] = "ticket",
		[RDP_END_GUEST_UNREACHABLE] = "guest_unreachable",
		[RDP_END_REVOKED] = "revoked",
		[RDP_END_MOVED] = "moved",
		[RDP_END_IDLE] = "idle_timeout",
		[RDP_END_EXCEPTION] = "exception_over",
		[RDP_END_SHUTDOWN] = "shutdown",
		[RDP_END_FAULT] = "fault",
	};

	return names[end];
}

const char *rdp_denied_name(enum rdp_denied_kind kind)
{
	static const char *const names[] = {
		[RDP_DENIED_STATIC_CHANNEL] = "static_channel",
		[RDP_DENIED_DYNAMIC_CHANNEL] = "dynamic_channel",
		[RDP_DENIED_DEVICE] = "device",
		[RDP_DENIED_CLIPBOARD] = "clipboard",
	};

	return names[kind];
}

const char *rdp_side_name(enum rdp_side side)
{
	return side == RDP_CLIENT ? "client" : "guest";
}
