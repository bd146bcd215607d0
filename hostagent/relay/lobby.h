/* SPDX-License-Identifier: Apache-2.0 */
/* lobby.h - where an accepted connection waits until it has said its first PDU.
 *
 * A stranger who says nothing, or a byte a second, costs a descriptor here and no process. Nothing is
 * read and nothing is understood but the length of the first TPKT, which is looked at in the
 * socket; whoever has it there in full goes on, with every byte still unread. Loop thread only. */
#ifndef GENKAN_RELAY_LOBBY_H
#define GENKAN_RELAY_LOBBY_H

#include "common/sys/loop.h"
#include "hostagent/relay/listener.h"

/* Like the listener's own limit for this PDU in the session. */
#define LOBBY_LIMIT_MS 5000
#define LOBBY_MAX 8192

struct lobby_events {
	listener_fn *ready;	/* takes the descriptor */
	/* It was sent away: "no_request" and "not_rdp" when its time was over, "lobby_full" or admission_name(). */
	void (*refused)(void *arg, const struct client_address *from, const char *why);
};

struct lobby;

struct lobby *lobby_new(struct loop *loop, size_t max_per_source, const struct lobby_events *events,
			void *arg);
/* Closes whoever is still in it. Accepts NULL. */
void lobby_free(struct lobby *lobby);
/* Takes `fd`. When the lobby is full, whoever has waited longest goes. */
void lobby_enter(struct lobby *lobby, int fd, const struct client_address *from);

/* Pure: the length of the TPKT that begins with these four bytes, or 0 when no X.224 connection
 * request is that long (MS-RDPBCGR 2.2.1.1: its length indicator is one byte). */
#define LOBBY_HEADER_LEN 4
size_t lobby_request_length(const uint8_t header[LOBBY_HEADER_LEN]);

#endif
