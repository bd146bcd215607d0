/* SPDX-License-Identifier: Apache-2.0 */
/* session_state.h - the inside of a session, shared by its files only:
 *	session.c	the state table, the doors, output and refusals
 *	session_connect.c	the connection sequence: from the ticket to the capabilities
 *	session_standard.c	what is different of it for clients that are not ours
 *	session_channel.c	what flows afterwards: static and dynamic channels,
 *	session_clipboard.c	the clipboard,
 *	session_devices.c	and drives, printers, smart cards and the like */
#ifndef GENKAN_HOSTAGENT_RDP_SESSION_STATE_H
#define GENKAN_HOSTAGENT_RDP_SESSION_STATE_H

#include "hostagent/rdp/dynvc.h"
#include "hostagent/rdp/filter_clipboard.h"
#include "hostagent/rdp/filter_devices.h"
#include "hostagent/rdp/framing.h"
#include "hostagent/rdp/gcc.h"
#include "hostagent/rdp/mcs.h"
#include "hostagent/rdp/rdpdr.h"
#include "hostagent/rdp/rdstls.h"
#include "hostagent/rdp/session.h"
#include "hostagent/rdp/share.h"

/* Everything that can arrive. C_ from the client, G_ from the guest. */
enum event {
	C_X224_REQUEST, C_RDSTLS_REQUEST, C_CONNECT_INITIAL, C_ERECT_DOMAIN, C_ATTACH, C_JOIN,
	C_INFO, C_LICENSE, C_CONFIRM_ACTIVE, C_SHARE_DATA, C_MESSAGE, C_STATIC, C_FASTPATH,
	C_DISCONNECT,
	G_X224_CONFIRM, G_CONNECT_RESPONSE, G_ATTACHED, G_JOINED, G_LICENSE, G_DEMAND_ACTIVE,
	G_DEACTIVATE, G_SHARE_DATA, G_FONT_MAP, G_MESSAGE, G_STATIC, G_FASTPATH, G_DISCONNECT,
	EVENTS
};

enum join { NOT_JOINED, JOIN_ASKED, JOINED };

/* Clients take this id for the I/O channel whatever the guest announces (all known servers use
 * it), so another one would let a guest pass I/O data off as a channel's. */
#define IO_CHANNEL_ID 1003

/* Any MCS channel the client may join; only the static ones have a verdict and streams. */
struct channel {
	uint16_t id;	/* as the client knows it; 0: there is none */
	uint16_t guest_id;	/* as the guest does: another one with standard clients at most */
	enum join join;
	char name[GCC_NAME_LEN];
	enum rdp_static_verdict verdict;
	struct svc_stream streams[RDP_SIDES];	/* by sender */
};

#define REFUSALS_MAX 16

/* What a standard client said before its ticket was accepted: session_standard.c. */
struct held {
	uint8_t locator[RDP_LOCATOR_LEN];
	size_t initial_len, info_len;
	uint8_t initial[4096];	/* body of the Connect-Initial */
	uint8_t info[6144];	/* data of the Client Info; wiped once it was passed on */
	size_t joins;	/* asked of the guest so far */
	uint16_t joining;	/* under way; 0: none */
};

/* One side's message so far, on a channel whose messages are decided about whole. */
#define COLLECTED_MAX CLIPBOARD_MESSAGE_MAX
_Static_assert(RDPDR_MESSAGE_MAX <= COLLECTED_MAX, "device messages are collected too");
struct collected {
	size_t len;
	uint8_t bytes[COLLECTED_MAX];
};

struct rdp_session {
	enum rdp_state state;
	enum rdp_end end;
	struct rdp_fault fault;
	uint64_t offset[RDP_SIDES];	/* plaintext bytes consumed */

	struct rdp_output *out;	/* of the call under way */
	struct buf scratch;	/* what pieces of our own point into; never grows, see session.c */
	struct buf work;	/* inner layers before they get their headers */
	bool scratch_is_secret;

	struct rdp_policy policy;
	struct secret user, password, domain;	/* UTF-16LE, wiped with the Client Info */

	bool standard;	/* not our client: no RDSTLS */
	struct held held;
	uint32_t requested_protocols;	/* of the client's X.224 request */
	bool client_knows_error_info;
	bool attach_asked;
	uint16_t user_id;	/* the client's MCS user; 0 before the confirm */
	uint16_t guest_user_id;	/* what the guest calls it */
	enum join user_join;
	struct channel io, message;
	size_t static_count;
	struct channel statics[GCC_CHANNELS_MAX];

	uint32_t share_id;
	uint16_t guest_user;	/* as the guest's Demand Active has them: MCS initiator ... */
	uint16_t guest_source;	/* ... and share control source */
	bool was_active;
	bool guest_told_why;	/* it sends a Set Error Info of its own */
	uint64_t inputs;	/* keyboard and pointer PDUs */

	struct dynvc_table dynvc;
	size_t refusal_count;	/* answers that wait for the client's message to end */
	uint32_t refusals[REFUSALS_MAX];
	struct rdpdr_noop rdpdr;
	const struct channel *asked;	/* the device channel of a client that tells its devices */
	struct device_filter devices;
	struct collected device_messages[RDP_SIDES];	/* by sender */
	struct clipboard_filter clipboard;
	struct collected clipboard_messages[RDP_SIDES];

	size_t denied_count;
	struct rdp_denied denied[RDP_DENIED_MAX];
};

/* One PDU on its way through: as much of it parsed as its event needs. */
struct pdu {
	enum rdp_side from;
	enum event event;
	struct span whole;	/* as received */
	struct span body;	/* TPKT content, or the share control body ... */
	uint16_t source;	/* ... and its source */
	struct mcs_pdu mcs;
	struct channel *channel;	/* of MCS data */
	struct rdstls_request ticket;
	bool is_input;	/* C_SHARE_DATA: keyboard or pointer in it */
	bool is_error_info;	/* G_SHARE_DATA: a reason for an end in it */
};

/* A handler returns 0 or -EBADMSG with `why`; on success the table decides the next state, unless
 * the handler ended the session. */
typedef int event_handler(struct rdp_session *s, const struct pdu *pdu, const char **why);

event_handler on_x224_request, on_rdstls_request, on_x224_confirm, on_connect_initial,
	on_connect_response, on_erect_domain, on_attach, on_attached, on_join, on_joined,
	on_client_info, on_demand_active, on_confirm_active;
event_handler on_standard_initial, on_standard_erect, on_standard_attach, on_standard_join,
	on_standard_info, on_guest_attached, on_guest_joined;
event_handler on_license, on_message, on_static;
event_handler session_clipboard_take;
event_handler session_devices_filter, session_devices_noop, session_devices_denied;
/* Asks a client whose devices are denied which those are: once, when the desktop is shown. */
int session_devices_ask(struct rdp_session *s, const char **why);

static inline enum rdp_side other_side(enum rdp_side side)
{
	return side == RDP_CLIENT ? RDP_GUEST : RDP_CLIENT;
}

/* Output of the call under way. */
void session_pass(struct rdp_session *s, const struct pdu *pdu);
/* What was appended to scratch from `begun_at` on goes to `to`; -EBADMSG when it did not fit. */
int session_send(struct rdp_session *s, enum rdp_side to, size_t begun_at, const char **why);
struct rdp_effect *session_effect(struct rdp_session *s, enum rdp_effect_kind kind);
void session_close(struct rdp_session *s, enum rdp_end end);
/* Adds a chunk (already through svc_track()) to its message; what does not fit is left out. */
void session_collect(struct collected *message, const struct svc_chunk *chunk);
/* Sends a message of the relay's own on a static channel to `to`, as if the other side had, in
 * chunks that every peer takes. `show` is SVC_SHOW_PROTOCOL when what caused it had that. */
int session_speak(struct rdp_session *s, const struct channel *channel, enum rdp_side to,
		  struct span message, uint32_t show, const char **why);
/* Counts a refusal; the first of its kind, sender and name becomes an effect. */
void session_deny(struct rdp_session *s, enum rdp_denied_kind kind, enum rdp_side from,
		  struct span name);

static inline uint16_t channel_id_at(const struct channel *channel, enum rdp_side side)
{
	return side == RDP_CLIENT ? channel->id : channel->guest_id;
}

/* The joinable channel that `side` knows by this id, or NULL. */
struct channel *session_channel(struct rdp_session *s, enum rdp_side side, uint16_t id);
/* Whether the relay has an MCS connection with that side: it is ended before the socket is. */
bool session_mcs_stands(const struct rdp_session *s, enum rdp_side side);
/* The ticket was refused: the client is told as far as it can be, then CLOSE. */
void session_refuse(struct rdp_session *s);

/* Steps of session_connect.c that both kinds of clients take. */
int session_connect_guest(struct rdp_session *s, const struct mcs_connect_initial *connect,
			  struct gcc_client *client, const char **why);
struct client_info;
int session_info_send(struct rdp_session *s, struct client_info *info, const char **why);
/* The join state behind a client's join request, still NOT_JOINED; NULL: bad. */
enum join *session_join_asked(struct rdp_session *s, const struct pdu *pdu, const char **why);

/* session_standard.c: TLS with the guest is up; its Connect-Response
 * was good; do ids have to be exchanged in this PDU, and the first bytes of it with them exchanged,
 * which are as many as they were. */
int standard_guest_begin(struct rdp_session *s, const char **why);
int standard_guest_attach(struct rdp_session *s, const char **why);
bool standard_ids_differ(const struct rdp_session *s, const struct pdu *pdu);
struct span standard_header_exchange(struct rdp_session *s, const struct pdu *pdu);

#endif
