/* SPDX-License-Identifier: Apache-2.0 */
/* lobby.h - where an accepted connection waits until it has said what a client says first: its X.224
 * connection request, and after the answer a whole TLS ClientHello.
 *
 * A stranger who says nothing, or a byte a second, or leaves TLS half done, costs a descriptor here
 * and no process. What is understood is one PDU of at most 260 bytes, looked at in the socket (rdp/door.h);
 * of TLS only the length of its first record. Whoever goes on does so with every byte still unread.
 * Loop thread only. */
#ifndef GENKAN_RELAY_LOBBY_H
#define GENKAN_RELAY_LOBBY_H

#include "common/sys/loop.h"
#include "hostagent/relay/listener.h"

/* As much as a session gives them. */
#define LOBBY_REQUEST_MS 5000
#define LOBBY_HELLO_MS 10000
#define LOBBY_MAX 8192

struct lobby_events {
	/* Takes the descriptor. `answered`: its request was, with yes; the same answer is still due
	 * from whoever reads the request, and must not be sent. */
	void (*ready)(void *arg, int fd, const struct client_address *from, bool answered);
	/* It was sent away: "no_request", "not_rdp", "no_hello" and "not_tls" when its time was over,
	 * "lobby_full" or admission_name(). */
	void (*refused)(void *arg, const struct client_address *from, const char *why);
};

struct lobby;

struct lobby *lobby_new(struct loop *loop, size_t max_per_source, const struct lobby_events *events,
			void *arg);
/* Closes whoever is still in it. Accepts NULL. */
void lobby_free(struct lobby *lobby);
/* Takes `fd`. When the lobby is full, whoever got on least lately goes. */
void lobby_enter(struct lobby *lobby, int fd, const struct client_address *from);

/* Pure: the length of the TPKT that begins with these four bytes, or 0 when no X.224 connection
 * request is that long (MS-RDPBCGR 2.2.1.1: its length indicator is one byte). */
#define LOBBY_HEADER_LEN 4
size_t lobby_request_length(const uint8_t header[LOBBY_HEADER_LEN]);

/* Pure: the length of the TLS record behind these five bytes, or 0 when it is no handshake. */
#define LOBBY_RECORD_HEADER_LEN 5
size_t lobby_hello_length(const uint8_t header[LOBBY_RECORD_HEADER_LEN]);

#endif
