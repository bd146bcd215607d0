/* SPDX-License-Identifier: Apache-2.0 */
/* session_standard.c - clients that know nothing of Genkan (mstsc, FreeRDP, rdesktop, Remmina).
 *
 * They cannot speak RDSTLS. Their ticket's locator is the routing token of the X.224 request, in
 * clear; its secret comes in the Client Info, which follows TLS but also the whole MCS connection.
 * So the relay does that connection by itself, with channel ids of its own, and the guest is
 * dialled only when the ticket was accepted: nothing of a client without one ever reaches a guest.
 * Then the relay connects to the guest as that client would have (the Connect-Initial, kept as it
 * came, is parsed once more and decided on by the policy) and from then on exchanges the ids.
 *
 *	HOLD_INITIAL  Connect-Initial kept, Connect-Response answered
 *	HOLD_SETUP    erect, attach, joins answered; Client Info kept, its secret -> REDEEM
 *	REDEEM, DIAL, X224_CONFIRM, TLS_GUEST   as for our own client
 *	MCS_RESPONSE  Connect-Initial went to the guest
 *	GUEST_SETUP   attach and joins one after the other; Client Info -> LICENSE
 *
 * A message channel (autodetect, heartbeat) is not offered to such clients: whether the guest has
 * one is not known when they ask. */
#include "hostagent/rdp/session_state.h"

#include "common/base/text.h"
#include "hostagent/rdp/info.h"
#include "hostagent/rdp/x224.h"

/* As xrdp numbers them, so that with xrdp no id has to be exchanged. */
#define FIRST_CHANNEL_ID (IO_CHANNEL_ID + 1)
#define STANDARD_USER_ID 1002
#define SERVER_VERSION 0x00080004u	/* RDP 5.0 and later (2.2.1.4.2) */
#define SECRET_MARK 0x1f	/* between name and secret in the user name */
#define SECRET_TEXT_MAX 64
#define MCS_HEADER_LEN 12	/* TPKT, X.224, type, initiator, channel */
#define MCS_INITIATOR_AT 8

/* ---- The client's MCS connection ---- */

static int client_parse(struct span body, struct mcs_connect_initial *connect,
			struct gcc_client *client, const char **why)
{
	if (mcs_connect_initial_parse(body, connect, why) < 0 ||
	    gcc_client_parse(connect->user_data, client, why) < 0)
		return -EBADMSG;
	if (client->core.selected_protocol != X224_PROTOCOL_SSL)
		return pdu_bad(why, "CS_CORE names another protocol than was selected");
	return 0;
}

static void response_encode(struct rdp_session *s, const struct gcc_server *server)
{
	/* What servers answer: 34 channels, 3 users, 1 priority, height 1, 65528 bytes, version 2 */
	struct mcs_connect_response connect = {
		.domain = { { 34, 3, 0, 1, 0, 1, 65528, 2 } },
	};

	buf_reset(&s->work);
	gcc_server_encode(server, &s->work);
	connect.user_data = buf_span(&s->work);
	mcs_connect_response_encode(&connect, &s->scratch);
}

int on_standard_initial(struct rdp_session *s, const struct pdu *pdu, const char **why)
{
	struct gcc_server server = { .version = SERVER_VERSION,
				     .has_requested = true,
				     .requested_protocols = s->requested_protocols,
				     .io_channel = IO_CHANNEL_ID };
	struct mcs_connect_initial connect;
	struct gcc_client client;
	size_t at = s->scratch.len;

	if (client_parse(pdu->body, &connect, &client, why) < 0)
		return -EBADMSG;
	if (pdu->body.len > sizeof(s->held.initial))
		return pdu_bad(why, "too long to be kept");
	memcpy(s->held.initial, pdu->body.ptr, pdu->body.len);
	s->held.initial_len = pdu->body.len;

	s->client_knows_error_info = client.core.early_flags & GCC_CLIENT_ERROR_INFO;
	s->io.id = IO_CHANNEL_ID;
	s->static_count = server.channel_count = client.channel_count;
	for (uint32_t i = 0; i < client.channel_count; i++)
		s->statics[i].id = server.channels[i] = (uint16_t)(FIRST_CHANNEL_ID + i);
	response_encode(s, &server);
	return session_send(s, RDP_CLIENT, at, why);
}

int on_standard_erect(struct rdp_session *s, const struct pdu *pdu, const char **why)
{
	return 0;
}

static int answer(struct rdp_session *s, enum rdp_side to, const struct mcs_pdu *pdu,
		  const char **why)
{
	size_t at = s->scratch.len;

	mcs_encode(pdu, &s->scratch);
	return session_send(s, to, at, why);
}

int on_standard_attach(struct rdp_session *s, const struct pdu *pdu, const char **why)
{
	if (s->attach_asked)
		return pdu_bad(why, "second attach");
	s->attach_asked = true;
	s->user_id = STANDARD_USER_ID;
	return answer(s, RDP_CLIENT,
		      &(struct mcs_pdu){ .type = MCS_ATTACH_CONFIRM, .initiator = s->user_id }, why);
}

int on_standard_join(struct rdp_session *s, const struct pdu *pdu, const char **why)
{
	enum join *join = session_join_asked(s, pdu, why);

	if (!join)
		return -EBADMSG;
	*join = JOINED;
	return answer(s, RDP_CLIENT,
		      &(struct mcs_pdu){ .type = MCS_JOIN_CONFIRM,
					 .initiator = s->user_id,
					 .requested = pdu->mcs.channel,
					 .channel = pdu->mcs.channel },
		      why);
}

/* ---- The secret ---- */

/* UTF-16 of ASCII; -EINVAL for anything else or what is too long. */
static int ascii_of(struct span utf16, char out[SECRET_TEXT_MAX])
{
	struct reader r = reader_of(utf16);
	size_t len = 0;

	while (r.rest.len) {
		uint16_t unit = read_u16le(&r);

		if (unit == 0 || unit > 0x7e || len + 1 >= SECRET_TEXT_MAX)
			return -EINVAL;
		out[len++] = (char)unit;
	}
	out[len] = '\0';
	return 0;
}

/* Behind the mark in the user name; without a mark it is the password. */
static struct span secret_of(const struct client_info *info)
{
	struct reader r = reader_of(info->user);

	while (r.rest.len)
		if (read_u16le(&r) == SECRET_MARK)
			return r.rest;
	return info->password;
}

static bool secret_read(const struct client_info *info, uint8_t out[RDP_TICKET_SECRET_LEN])
{
	char text[SECRET_TEXT_MAX];
	bool good = ascii_of(secret_of(info), text) == 0 &&
		    base64url_decode(span_text(text), out, RDP_TICKET_SECRET_LEN) ==
			    RDP_TICKET_SECRET_LEN;

	memory_wipe(text, sizeof(text));
	return good;
}

int on_standard_info(struct rdp_session *s, const struct pdu *pdu, const char **why)
{
	struct client_info info;
	struct rdp_ticket ticket = { .standard = 1 };

	if (s->user_join != JOINED || s->io.join != JOINED)
		return pdu_bad(why, "the user's channel is not joined");
	if (client_info_parse(pdu->mcs.data, &info, why) < 0)
		return -EBADMSG;
	if (pdu->mcs.data.len > sizeof(s->held.info))
		return pdu_bad(why, "too long to be kept");
	if (!secret_read(&info, ticket.secret)) {	/* not one of ours: no need to ask */
		session_refuse(s);
		return 0;
	}
	memcpy(s->held.info, pdu->mcs.data.ptr, pdu->mcs.data.len);
	s->held.info_len = pdu->mcs.data.len;
	memcpy(ticket.locator, s->held.locator, sizeof(ticket.locator));
	session_effect(s, RDP_EFFECT_REDEEM)->ticket = ticket;
	memory_wipe(&ticket, sizeof(ticket));
	return 0;
}

/* ---- The guest's MCS connection ---- */

int standard_guest_begin(struct rdp_session *s, const char **why)
{
	struct mcs_connect_initial connect;
	struct gcc_client client;

	if (client_parse(span_of(s->held.initial, s->held.initial_len), &connect, &client, why) < 0)
		return -EBADMSG;
	client.has_message_channel = false;
	return session_connect_guest(s, &connect, &client, why);
}

int standard_guest_attach(struct rdp_session *s, const char **why)
{
	s->state = RDP_GUEST_SETUP;
	if (answer(s, RDP_GUEST, &(struct mcs_pdu){ .type = MCS_ERECT_DOMAIN }, why) < 0)
		return -EBADMSG;
	return answer(s, RDP_GUEST, &(struct mcs_pdu){ .type = MCS_ATTACH_REQUEST }, why);
}

/* The user's own channel, the I/O channel, then the static ones that the client has joined. */
static uint16_t join_next(struct rdp_session *s)
{
	size_t n = s->held.joins++;

	if (n < 2)
		return n == 0 ? s->guest_user_id : s->io.guest_id;
	for (; n - 2 < s->static_count; n = s->held.joins++)
		if (s->statics[n - 2].join == JOINED)
			return s->statics[n - 2].guest_id;
	return 0;
}

static int info_pass(struct rdp_session *s, const char **why)
{
	struct client_info info;
	int rc = client_info_parse(span_of(s->held.info, s->held.info_len), &info, why);

	if (rc == 0)
		rc = session_info_send(s, &info, why);
	memory_wipe(&s->held, sizeof(s->held));
	s->state = RDP_LICENSE;
	return rc;
}

static int join_or_go_on(struct rdp_session *s, const char **why)
{
	s->held.joining = join_next(s);
	if (!s->held.joining)
		return info_pass(s, why);
	return answer(s, RDP_GUEST,
		      &(struct mcs_pdu){ .type = MCS_JOIN_REQUEST,
					 .initiator = s->guest_user_id,
					 .channel = s->held.joining },
		      why);
}

int on_guest_attached(struct rdp_session *s, const struct pdu *pdu, const char **why)
{
	if (s->guest_user_id)
		return pdu_bad(why, "nobody waits for it");
	if (pdu->mcs.result != 0 || pdu->mcs.initiator == 0)
		return pdu_bad(why, "the guest refuses the user");
	if (session_channel(s, RDP_GUEST, pdu->mcs.initiator))
		return pdu_bad(why, "user id is a channel's");
	s->guest_user_id = pdu->mcs.initiator;
	return join_or_go_on(s, why);
}

int on_guest_joined(struct rdp_session *s, const struct pdu *pdu, const char **why)
{
	if (!s->held.joining || pdu->mcs.requested != s->held.joining ||
	    pdu->mcs.initiator != s->guest_user_id)
		return pdu_bad(why, "nobody waits for it");
	if (pdu->mcs.result != 0 || pdu->mcs.channel != pdu->mcs.requested)
		return pdu_bad(why, "the guest refuses a channel");
	return join_or_go_on(s, why);
}

/* ---- Ids ---- */

/* The user id of a guest's indication is the server's own and stays. */
bool standard_ids_differ(const struct rdp_session *s, const struct pdu *pdu)
{
	if (!s->standard || !pdu->channel)
		return false;
	return pdu->channel->id != pdu->channel->guest_id ||
	       (pdu->from == RDP_CLIENT && s->user_id != s->guest_user_id);
}

struct span standard_header_exchange(struct rdp_session *s, const struct pdu *pdu)
{
	uint16_t user = pdu->from == RDP_CLIENT ? s->guest_user_id : pdu->mcs.initiator;
	size_t at = s->scratch.len;

	buf_put(&s->scratch, pdu->whole.ptr, MCS_INITIATOR_AT);
	buf_put_u16be(&s->scratch, (uint16_t)(user - MCS_USER_BASE));
	buf_put_u16be(&s->scratch, channel_id_at(pdu->channel, other_side(pdu->from)));
	return span_of(s->scratch.ptr + at, MCS_HEADER_LEN);
}
