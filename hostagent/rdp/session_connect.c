/* SPDX-License-Identifier: Apache-2.0 */
/* session_connect.c - the connection sequence (MS-RDPBCGR 1.3.1.1), every PDU of which is parsed
 * into a struct and encoded anew: nothing of it reaches the other side that was not understood. */
#include "hostagent/rdp/session_state.h"

#include "hostagent/rdp/caps.h"
#include "hostagent/rdp/door.h"
#include "hostagent/rdp/info.h"
#include "hostagent/rdp/x224.h"

#define LICENSE_PREAMBLE_LEN 4

int on_x224_request(struct rdp_session *s, const struct pdu *pdu, const char **why)
{
	size_t at = s->scratch.len;
	struct door door;

	if (door_decide(pdu->body, &door, why) < 0)
		return -EBADMSG;
	s->standard = door.standard;
	memcpy(s->held.locator, door.locator, sizeof(s->held.locator));
	s->requested_protocols = door.requested_protocols;
	x224_confirm_encode(&door.confirm, &s->scratch);
	if (session_send(s, RDP_CLIENT, at, why) < 0)
		return -EBADMSG;
	if (door.confirm.failed)
		session_close(s, RDP_END_PROTOCOL);
	else
		session_effect(s, RDP_EFFECT_START_TLS)->side = RDP_CLIENT;
	return 0;
}

int on_rdstls_request(struct rdp_session *s, const struct pdu *pdu, const char **why)
{
	struct rdp_ticket *ticket = &session_effect(s, RDP_EFFECT_REDEEM)->ticket;

	memcpy(ticket->locator, pdu->ticket.locator, sizeof(ticket->locator));
	memcpy(ticket->secret, pdu->ticket.secret, sizeof(ticket->secret));
	return 0;
}

int on_x224_confirm(struct rdp_session *s, const struct pdu *pdu, const char **why)
{
	struct x224_confirm confirm;

	if (x224_confirm_parse(pdu->body, &confirm, why) < 0)
		return -EBADMSG;
	if (confirm.failed || confirm.protocol != X224_PROTOCOL_SSL)
		return pdu_bad(why, "the guest does not do TLS");
	session_effect(s, RDP_EFFECT_START_TLS)->side = RDP_GUEST;
	return 0;
}

/* ---- MCS connect ---- */

/* Decides on every channel the client declares and keeps what is needed to follow it. A denied
 * one is renamed, not removed: the guest then numbers the rest as the client expects. */
static void channels_decide(struct rdp_session *s, struct gcc_client *client)
{
	for (uint32_t i = 0; i < client->channel_count; i++) {
		struct gcc_channel *declared = &client->channels[i];
		struct channel *channel = &s->statics[i];
		struct span name = span_text(declared->name);

		memcpy(channel->name, declared->name, sizeof(channel->name));
		channel->verdict = rdp_policy_static(&s->policy, name);
		declared->options &= ~(GCC_OPTION_COMPRESS | GCC_OPTION_COMPRESS_RDP);
		if (channel->verdict == RDP_STATIC_NOOP)
			session_deny(s, RDP_DENIED_DEVICE, RDP_CLIENT, name);
		if (channel->verdict != RDP_STATIC_DENY)
			continue;
		session_deny(s, RDP_DENIED_STATIC_CHANNEL, RDP_CLIENT, name);
		memcpy(declared->name, "vdblk00", GCC_NAME_LEN);
		declared->name[5] = (char)('0' + i / 10);
		declared->name[6] = (char)('0' + i % 10);
	}
	s->static_count = client->channel_count;
}

int session_connect_guest(struct rdp_session *s, const struct mcs_connect_initial *connect,
			  struct gcc_client *client, const char **why)
{
	struct mcs_connect_initial sent = *connect;
	size_t at = s->scratch.len;

	client->core.selected_protocol = X224_PROTOCOL_SSL;
	client->core.early_flags &= (uint16_t)~GCC_CLIENT_SKIP_JOIN;
	channels_decide(s, client);

	buf_reset(&s->work);
	gcc_client_encode(client, &s->work);
	sent.user_data = buf_span(&s->work);
	mcs_connect_initial_encode(&sent, &s->scratch);
	return session_send(s, RDP_GUEST, at, why);
}

int on_connect_initial(struct rdp_session *s, const struct pdu *pdu, const char **why)
{
	struct mcs_connect_initial connect;
	struct gcc_client client;

	if (mcs_connect_initial_parse(pdu->body, &connect, why) < 0 ||
	    gcc_client_parse(connect.user_data, &client, why) < 0)
		return -EBADMSG;
	if (client.core.selected_protocol != X224_PROTOCOL_RDSTLS)
		return pdu_bad(why, "CS_CORE names another protocol than was selected");
	s->client_knows_error_info = client.core.early_flags & GCC_CLIENT_ERROR_INFO;
	return session_connect_guest(s, &connect, &client, why);
}

/* The guest's number, which a client of ours uses as well. */
static void channel_number(struct rdp_session *s, struct channel *channel, uint16_t id)
{
	channel->guest_id = id;
	if (!s->standard)
		channel->id = id;
}

static int channel_ids_take(struct rdp_session *s, const struct gcc_server *server,
			    const char **why)
{
	if (server->io_channel != IO_CHANNEL_ID)
		return pdu_bad(why, "I/O channel id is not 1003");
	if (server->channel_count != s->static_count)
		return pdu_bad(why, "SC_NET count differs from CS_NET");
	if (server->has_message_channel && server->message_channel == 0)
		return pdu_bad(why, "message channel id");
	channel_number(s, &s->io, server->io_channel);
	for (uint32_t i = 0; i < server->channel_count; i++) {
		uint16_t id = server->channels[i];

		if (id <= MCS_USER_BASE || session_channel(s, RDP_GUEST, id))
			return pdu_bad(why, "channel id twice or too low");
		channel_number(s, &s->statics[i], id);
	}
	if (server->has_message_channel && !s->standard) {
		if (server->message_channel <= MCS_USER_BASE ||
		    session_channel(s, RDP_GUEST, server->message_channel))
			return pdu_bad(why, "channel id twice or too low");
		channel_number(s, &s->message, server->message_channel);
	}
	return 0;
}

int on_connect_response(struct rdp_session *s, const struct pdu *pdu, const char **why)
{
	struct mcs_connect_response connect;
	struct gcc_server server;
	size_t at = s->scratch.len;

	if (mcs_connect_response_parse(pdu->body, &connect, why) < 0)
		return -EBADMSG;
	if (connect.result != 0)
		return pdu_bad(why, "the guest refuses the MCS connection");
	if (gcc_server_parse(connect.user_data, &server, why) < 0 ||
	    channel_ids_take(s, &server, why) < 0)
		return -EBADMSG;
	if (server.encryption_method || server.encryption_level)
		return pdu_bad(why, "the guest wants RDP encryption inside TLS");
	if (s->standard)
		return standard_guest_attach(s, why);
	server.requested_protocols = s->requested_protocols;
	server.early_flags &= ~(uint32_t)GCC_SERVER_SKIP_JOIN;

	buf_reset(&s->work);
	gcc_server_encode(&server, &s->work);
	connect.user_data = buf_span(&s->work);
	mcs_connect_response_encode(&connect, &s->scratch);
	return session_send(s, RDP_CLIENT, at, why);
}

/* ---- MCS set-up ---- */

static int mcs_forward(struct rdp_session *s, const struct pdu *pdu, const char **why)
{
	size_t at = s->scratch.len;

	mcs_encode(&pdu->mcs, &s->scratch);
	return session_send(s, other_side(pdu->from), at, why);
}

int on_erect_domain(struct rdp_session *s, const struct pdu *pdu, const char **why)
{
	return mcs_forward(s, pdu, why);
}

int on_attach(struct rdp_session *s, const struct pdu *pdu, const char **why)
{
	if (s->attach_asked)
		return pdu_bad(why, "second attach");
	s->attach_asked = true;
	return mcs_forward(s, pdu, why);
}

int on_attached(struct rdp_session *s, const struct pdu *pdu, const char **why)
{
	if (!s->attach_asked || s->user_id)
		return pdu_bad(why, "nobody waits for it");
	if (pdu->mcs.result != 0 || pdu->mcs.initiator == 0)
		return pdu_bad(why, "the guest refuses the user");
	if (session_channel(s, RDP_GUEST, pdu->mcs.initiator))
		return pdu_bad(why, "user id is a channel's");
	s->user_id = s->guest_user_id = pdu->mcs.initiator;
	return mcs_forward(s, pdu, why);
}

/* The join state of the user's own channel or of a known one. */
static enum join *join_of(struct rdp_session *s, uint16_t id)
{
	struct channel *channel;

	if (s->user_id && id == s->user_id)
		return &s->user_join;
	channel = session_channel(s, RDP_CLIENT, id);
	return channel ? &channel->join : NULL;
}

enum join *session_join_asked(struct rdp_session *s, const struct pdu *pdu, const char **why)
{
	enum join *join = join_of(s, pdu->mcs.channel);

	if (s->user_id == 0 || pdu->mcs.initiator != s->user_id)
		*why = "another user's join";
	else if (!join)
		*why = "unknown channel";
	else if (*join != NOT_JOINED)
		*why = "joined twice";
	else
		return join;
	return NULL;
}

int on_join(struct rdp_session *s, const struct pdu *pdu, const char **why)
{
	enum join *join = session_join_asked(s, pdu, why);

	if (!join)
		return -EBADMSG;
	*join = JOIN_ASKED;
	return mcs_forward(s, pdu, why);
}

int on_joined(struct rdp_session *s, const struct pdu *pdu, const char **why)
{
	enum join *join = join_of(s, pdu->mcs.requested);

	if (!join || *join != JOIN_ASKED || pdu->mcs.initiator != s->user_id)
		return pdu_bad(why, "nobody waits for it");
	if (pdu->mcs.result == 0 && pdu->mcs.channel != pdu->mcs.requested)
		return pdu_bad(why, "another channel than was asked for");
	*join = pdu->mcs.result == 0 ? JOINED : NOT_JOINED;
	return mcs_forward(s, pdu, why);
}

/* ---- Client Info ---- */

/* The logon is the ticket's, not the client's; the wishes are those the policy leaves. */
static void info_decide(struct rdp_session *s, struct client_info *info)
{
	uint32_t flags = (info->flags & INFO_KEPT) | INFO_UNICODE | INFO_AUTOLOGON;

	if (s->policy.sound == RDP_ALLOW)
		flags |= info->flags & (INFO_REMOTE_CONSOLE_AUDIO | INFO_NO_AUDIO_PLAYBACK);
	else
		flags |= INFO_NO_AUDIO_PLAYBACK;
	if (s->policy.microphone == RDP_ALLOW)
		flags |= info->flags & INFO_AUDIO_CAPTURE;
	info->flags = flags;
	info->domain = secret_span(&s->domain);
	info->user = secret_span(&s->user);
	info->password = secret_span(&s->password);
	info->shell = info->work_dir = (struct span){ 0 };
	info->session_id = 0;
}

int session_info_send(struct rdp_session *s, struct client_info *info, const char **why)
{
	size_t at = mcs_send_begin(&s->scratch, MCS_SEND_REQUEST, s->guest_user_id,
				   s->io.guest_id);

	info_decide(s, info);
	s->scratch_is_secret = true;
	client_info_encode(info, &s->scratch);
	mcs_send_end(&s->scratch, at);
	secret_wipe(&s->user);
	secret_wipe(&s->password);
	secret_wipe(&s->domain);
	return session_send(s, RDP_GUEST, at, why);
}

int on_client_info(struct rdp_session *s, const struct pdu *pdu, const char **why)
{
	struct client_info info;

	if (s->user_join != JOINED)
		return pdu_bad(why, "the user's channel is not joined");
	if (client_info_parse(pdu->mcs.data, &info, why) < 0)
		return -EBADMSG;
	return session_info_send(s, &info, why);
}

/* 2.2.1.12.1.1: passes as it is, when it is one message of the length it says. */
int on_license(struct rdp_session *s, const struct pdu *pdu, const char **why)
{
	struct reader r = reader_of(pdu->mcs.data);

	read_skip(&r, 4);	/* the security header, which made it a licensing PDU */
	size_t rest = r.rest.len;

	read_skip(&r, 2);
	uint16_t length = read_u16le(&r);

	if (r.bad || length != rest || length < LICENSE_PREAMBLE_LEN)
		return pdu_bad(why, "licensing message length");
	session_pass(s, pdu);
	return 0;
}

/* ---- capabilities ---- */

static int caps_forward(struct rdp_session *s, const struct pdu *pdu,
			const struct caps_active *active, const char **why)
{
	bool demand = active->kind == CAPS_DEMAND;
	size_t at = mcs_send_begin(&s->scratch, demand ? MCS_SEND_INDICATION : MCS_SEND_REQUEST,
				   demand ? pdu->mcs.initiator : s->guest_user_id,
				   channel_id_at(&s->io, other_side(pdu->from)));
	size_t share_at = share_begin(&s->scratch,
				      demand ? SHARE_DEMAND_ACTIVE : SHARE_CONFIRM_ACTIVE,
				      demand ? s->guest_source : s->guest_user_id);

	caps_encode(active, &s->scratch);
	share_end(&s->scratch, share_at);
	mcs_send_end(&s->scratch, at);
	return session_send(s, other_side(pdu->from), at, why);
}

int on_demand_active(struct rdp_session *s, const struct pdu *pdu, const char **why)
{
	struct caps_active active;

	if (caps_parse(pdu->body, CAPS_DEMAND, &active, why) < 0)
		return -EBADMSG;
	s->share_id = active.share_id;
	s->guest_user = pdu->mcs.initiator;
	s->guest_source = pdu->source;
	return caps_forward(s, pdu, &active, why);
}

int on_confirm_active(struct rdp_session *s, const struct pdu *pdu, const char **why)
{
	struct caps_active active;

	if (caps_parse(pdu->body, CAPS_CONFIRM, &active, why) < 0)
		return -EBADMSG;
	if (active.share_id != s->share_id)
		return pdu_bad(why, "share id is not the demanded one");
	return caps_forward(s, pdu, &active, why);
}
