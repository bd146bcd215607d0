/* SPDX-License-Identifier: Apache-2.0 */
/* session.h - one RDP session between a client and a guest, as a pure state machine.
 *
 * The session sees two plaintext byte streams (after TLS, once there is TLS) and says what to
 * write to either side and what else to do. It opens nothing, reads no clock and keeps no input:
 * whoever owns the sockets owns the bytes. Everything fails closed: the first byte that does not
 * fit the state, the specification or the policy ends the session with a reason for the audit.
 *
 * WHO BUFFERS. The caller keeps one read buffer per side of at least RDP_PDU_MAX bytes and feeds
 * all bytes it holds:
 *
 *	do {
 *		n = rdp_session_feed(s, side, bytes, &out);
 *		if (n < 0) -> close both sockets, report rdp_session_fault(s)
 *		write out.pieces in order; carry out out.effects in order;
 *		bytes.ptr += n, bytes.len -= n;
 *	} while (n > 0);
 *	keep what is left of `bytes` for the next time
 *
 * Only whole PDUs are consumed. Zero means: wait, either for more bytes or, when
 * rdp_session_reads() is false, for another input. Pieces point into the fed bytes (neighbouring
 * passed PDUs are one piece) or into the session; they are good until the next call on this
 * session. How the stream is cut into feeds never changes what comes out, only how it is cut.
 *
 * ORDER. All pieces of one call come before its effects: START_TLS says "the bytes written so
 * far were the last in clear".
 *
 *	client connected           feed(CLIENT)          -> X.224 confirm, START_TLS(CLIENT)
 *	TLS up                     tls_ready(CLIENT)     -> RDSTLS capabilities
 *	                           feed(CLIENT)          -> REDEEM
 *	ticket accepted            redeemed(grant)       -> RDSTLS success, CONNECT_GUEST
 *	   or refused              redeemed(NULL)        -> RDSTLS access denied, CLOSE
 *	guest socket connected     guest_connected()     -> X.224 request to the guest
 *	                           feed(GUEST)           -> START_TLS(GUEST)
 *	TLS up, certificate pinned tls_ready(GUEST)      (the client's bytes are read again)
 *	                           feed(either)          -> the rest, ACTIVE, DENIED..., CLOSE
 *
 * A standard client (session_standard.c) brings its ticket later; for the caller only the order
 * of what is fed and written is another one.
 *
 * One thread. Nothing is allocated after rdp_session_new(). Specification numbers: MS-RDPBCGR
 * unless said otherwise. */
#ifndef GENKAN_HOSTAGENT_RDP_SESSION_H
#define GENKAN_HOSTAGENT_RDP_SESSION_H

#include <sys/types.h>
#include "common/base/secret.h"
#include "hostagent/rdp/policy.h"

/* The longest PDU either side may send: TPKT's length field. */
#define RDP_PDU_MAX 65535
#define RDP_LOCATOR_LEN 16
#define RDP_TICKET_SECRET_LEN 32
#define RDP_PIECES_MAX 32
#define RDP_EFFECTS_MAX 40
#define RDP_NAME_MAX 64

enum rdp_side { RDP_CLIENT, RDP_GUEST };
#define RDP_SIDES 2

enum rdp_state {
	RDP_X224_REQUEST,	/* the client's X.224 connection request */
	RDP_TLS_CLIENT,	/* the caller does the TLS handshake with the client */
	RDP_RDSTLS,	/* the client's ticket */
	RDP_HOLD_INITIAL,	/* a standard client's MCS Connect-Initial, answered by the relay */
	RDP_HOLD_SETUP,	/* its attach and joins too; its ticket is in the Client Info */
	RDP_REDEEM,	/* the caller asks the broker */
	RDP_DIAL,	/* the caller connects to the guest */
	RDP_X224_CONFIRM,	/* the guest's X.224 connection confirm */
	RDP_TLS_GUEST,	/* the caller does the TLS handshake with the guest */
	RDP_MCS_INITIAL,	/* the client's MCS Connect-Initial */
	RDP_MCS_RESPONSE,	/* the guest's MCS Connect-Response */
	RDP_GUEST_SETUP,	/* the relay attaches and joins in a standard client's place */
	RDP_MCS_SETUP,	/* erect domain, attach user, join channels */
	RDP_LICENSE,	/* Client Info went through; until the guest's Demand Active */
	RDP_CAPS,	/* Demand Active went to the client, its Confirm Active is due */
	RDP_FINALIZE,	/* until the guest's Font Map: synchronize, control, font list */
	RDP_ACTIVE,	/* the desktop is shown */
	RDP_DEMAND,	/* Deactivate-All went through (a resize): another Demand Active is due */
	RDP_CLOSED,	/* ended in order; reads nothing */
	RDP_FAULTED,	/* ended by rdp_session_fault(); reads nothing */
};
#define RDP_STATES (RDP_FAULTED + 1)

enum rdp_end {
	RDP_END_NONE,
	RDP_END_CLIENT_LEFT,	/* the client disconnected in order */
	RDP_END_GUEST_LEFT,	/* the guest disconnected in order: logoff, shutdown */
	RDP_END_CLIENT_GONE,	/* its connection closed or broke */
	RDP_END_GUEST_GONE,
	RDP_END_TIMEOUT,	/* rdp_state_limit_ms() passed */
	RDP_END_PROTOCOL,	/* the client offers no protocol that carries a ticket */
	RDP_END_TICKET,	/* the ticket was refused */
	RDP_END_GUEST_UNREACHABLE,	/* could not be dialled, or its certificate is not the pinned one */
	RDP_END_REVOKED,	/* the broker or an administrator ended it */
	RDP_END_MOVED,	/* its user opened the desktop somewhere else */
	RDP_END_IDLE,	/* no key, no pointer for longer than its pool allows */
	RDP_END_EXCEPTION,	/* the time of the exception it was given is over */
	RDP_END_SHUTDOWN,	/* this relay stops */
	RDP_END_FAULT,	/* rdp_session_fault() has the reason */
};

enum rdp_denied_kind {
	RDP_DENIED_STATIC_CHANNEL,
	RDP_DENIED_DYNAMIC_CHANNEL,
	RDP_DENIED_DEVICE,	/* rdpdr, answered as a client without devices */
	RDP_DENIED_CLIPBOARD,
};

/* One thing the policy refused. `name` is printable ASCII (other bytes became '?'). */
struct rdp_denied {
	enum rdp_denied_kind kind;
	enum rdp_side from;	/* who wanted it */
	uint32_t count;	/* how often it was tried, or data for it dropped, so far */
	const char *rule;	/* the policy's word that decided: "sound"; NULL: nothing allows it */
	char name[RDP_NAME_MAX];
};

/* Why the session was killed. The texts are literals. */
struct rdp_fault {
	const char *pdu;	/* "mcs_connect_initial" */
	const char *reason;	/* "33 channels" */
	enum rdp_side from;
	uint64_t offset;	/* of the PDU in this side's plaintext stream, in bytes */
};

enum rdp_effect_kind {
	RDP_EFFECT_START_TLS,	/* .side: begin TLS there (as server for CLIENT, as client for GUEST),
				 * then rdp_session_tls_ready() */
	RDP_EFFECT_REDEEM,	/* .ticket: ask the broker, then rdp_session_redeemed() */
	RDP_EFFECT_CONNECT_GUEST,	/* dial the granted guest, then rdp_session_guest_connected() */
	RDP_EFFECT_DENIED,	/* .denied: first time for this kind and name */
	RDP_EFFECT_ACTIVE,	/* the desktop is shown; once per session */
	RDP_EFFECT_CLOSE,	/* .end: flush what was written, close both sides; the last effect */
};

struct rdp_ticket {
	uint8_t locator[RDP_LOCATOR_LEN];
	uint8_t secret[RDP_TICKET_SECRET_LEN];	/* wipe the output after use */
	uint8_t standard;	/* 1: from a standard client, in its Client Info instead of RDSTLS */
};

struct rdp_effect {
	enum rdp_effect_kind kind;
	union {
		enum rdp_side side;
		struct rdp_ticket ticket;
		struct rdp_denied denied;
		enum rdp_end end;
	};
};

struct rdp_piece {
	enum rdp_side to;
	struct span bytes;
};

/* Filled anew by every call that takes it. */
struct rdp_output {
	size_t piece_count;
	size_t effect_count;
	struct rdp_piece pieces[RDP_PIECES_MAX];
	struct rdp_effect effects[RDP_EFFECTS_MAX];
};

/* What a redeemed ticket grants. The texts (UTF-8) are copied and wiped once they were sent:
 * each at most RDP_TEXT_MAX UTF-16 units. */
#define RDP_TEXT_MAX 255
struct rdp_grant {
	const char *user;
	const char *password;
	const char *domain;	/* NULL or "" for none */
	struct rdp_policy policy;
};

struct rdp_session;

struct rdp_session *rdp_session_new(void);
/* Wipes every secret. Accepts NULL. */
void rdp_session_free(struct rdp_session *s);
DEFINE_OWNED(rdp_session_free, struct rdp_session);

/* See the top. Bytes consumed, 0 to wait, or -EBADMSG: the session is RDP_FAULTED, `out` is empty
 * and rdp_session_fault() has the reason. Never consumes past a PDU that asks for an effect that
 * must be carried out first (START_TLS, REDEEM, CLOSE). */
ssize_t rdp_session_feed(struct rdp_session *s, enum rdp_side side, struct span in,
			 struct rdp_output *out);

/* The answers to effects. -EPROTO and no change when nobody asked in this state. */
int rdp_session_tls_ready(struct rdp_session *s, enum rdp_side side, struct rdp_output *out);
/* `grant` NULL: refused. -EINVAL: a text is too long or no UTF-8; end the session then. */
int rdp_session_redeemed(struct rdp_session *s, const struct rdp_grant *grant,
			 struct rdp_output *out);
int rdp_session_guest_connected(struct rdp_session *s, struct rdp_output *out);

/* Ends the session from outside: MCS Disconnect Provider Ultimatum (2.2.2.3) to each side whose
 * MCS connection stands, RDSTLS failure when the client still waits for one, then CLOSE.
 * For RDP_END_REVOKED, _MOVED, _EXCEPTION and _SHUTDOWN the client is told first with Set Error Info (2.2.5.1.1) once it is active.
 * Does nothing when already closed or faulted. */
void rdp_session_end(struct rdp_session *s, enum rdp_end end, struct rdp_output *out);

/* Whether bytes of `side` are wanted now: the caller's poll mask. In TLS_* states the socket
 * belongs to the handshake and this is false. */
bool rdp_session_reads(const struct rdp_session *s, enum rdp_side side);

/* False while the desktop comes on or changes its size, between Demand Active and Font Map: a client
 * in the middle of that loses the word why its session ends, and takes the end alone for somebody's
 * wish. */
bool rdp_session_client_hears(const struct rdp_session *s);

/* How many keyboard and pointer PDUs the client has sent: whether somebody is there. */
uint64_t rdp_session_inputs(const struct rdp_session *s);

enum rdp_state rdp_session_state(const struct rdp_session *s);
enum rdp_end rdp_session_ended(const struct rdp_session *s);
/* NULL unless RDP_FAULTED. */
const struct rdp_fault *rdp_session_fault(const struct rdp_session *s);
/* Everything refused so far with its final counts, for the last audit record; at most
 * RDP_DENIED_MAX entries, the last of which then collects the rest under the name "...". */
#define RDP_DENIED_MAX 64
const struct rdp_denied *rdp_session_denied(const struct rdp_session *s, size_t *count);

/* How long the state may last before rdp_session_end(RDP_END_TIMEOUT); 0 = for ever. The caller
 * restarts the time whenever the state changes. */
int64_t rdp_state_limit_ms(enum rdp_state state);
/* "mcs_initial", "timeout", "static_channel": stable words for logs and audit. */
const char *rdp_state_name(enum rdp_state state);
const char *rdp_end_name(enum rdp_end end);
const char *rdp_denied_name(enum rdp_denied_kind kind);
const char *rdp_side_name(enum rdp_side side);

#endif
