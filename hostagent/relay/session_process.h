/* SPDX-License-Identifier: Apache-2.0 */
/* session_process.h - one RDP session, from the accepted socket to its end, in a process of its
 * own.
 *
 * Carries out what the pure session (hostagent/rdp/session.h) asks for: bytes to either side, TLS
 * on either side, and through the parent the ticket's redemption and the guest's socket. Plain
 * poll(2), nothing else. */
#ifndef GENKAN_RELAY_SESSION_PROCESS_H
#define GENKAN_RELAY_SESSION_PROCESS_H

#include <openssl/ssl.h>
#include <stdbool.h>

struct session_seat {
	int client;	/* accepted socket, non-blocking */
	int parent;	/* SOCK_SEQPACKET, see message.h */
	SSL_CTX *front;	/* server side, holds the relay's certificate and key */
	SSL_CTX *back;	/* client side, see session_tls.h */
	bool answered;	/* the client has had the answer to its X.224 request, from the lobby */
};

/* Returns when the session is over; the process then exits with this status. */
int session_process_run(const struct session_seat *seat);

#endif
