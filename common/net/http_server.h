/* SPDX-License-Identifier: Apache-2.0 */
/* http_server.h - bounded HTTPS server on the loop (evhttp over OpenSSL).
 *
 * Requests reach one handler, which answers by http_exchange.h. Loop thread only.
 * Limits: header 8 KiB, body `max_body_bytes`, connections in total and per source address, an
 * absolute deadline for the TLS handshake and for receiving a request; a peer that reads a streamed
 * answer too slowly is cut off. Of those who come at one moment some are greeted first (turns.h). */
#ifndef GENKAN_NET_HTTP_SERVER_H
#define GENKAN_NET_HTTP_SERVER_H

#include "common/net/crowd.h"
#include "common/net/http_exchange.h"
#include "common/net/tls.h"
#include "common/sys/loop.h"

struct http_server;

struct http_server_config {
	const char *address; /* host:port */
	int listener;        /* a listening socket, which is taken; 0: none, use `address` */
	const char *certificate_file, *key_file, *ca_file;
	const struct tls_pem *pem; /* instead of the files */
	enum tls_peer client_certificate;
	unsigned max_connections, max_per_source;
	struct crowd *crowd;		/* of several servers at one door, counted together; or NULL */
	unsigned crowd_row;
	size_t max_body_bytes;
	int64_t handshake_ms, request_ms, idle_ms;
};

typedef void http_handler_fn(void *arg, struct http_exchange *x);
/* The peer left before it had its answer: the exchange goes after this call. */
typedef void http_gone_fn(void *arg, struct http_exchange *x);
typedef void http_drained_fn(void *arg, struct http_exchange *x);

int http_server_new(struct loop *loop, const struct http_server_config *config,
		    http_handler_fn *handler, void *arg, struct http_server **out,
		    struct error *err) MUST_CHECK;
/* Open exchanges are dropped; later http_reply_* calls on them do nothing. */
void http_server_free(struct http_server *server);
DEFINE_OWNED(http_server_free, struct http_server);
/* For connections from now on; those that are open keep theirs. When it fails nothing changes. */
int http_server_set_certificate(struct http_server *server, const char *certificate_file,
				const char *key_file, struct error *err) MUST_CHECK;
int http_server_set_pem(struct http_server *server, const struct tls_pem *pem,
			struct error *err) MUST_CHECK;
/* For who passes exchanges on: peers that leave early, and peers that have taken all that was
 * streamed to them so far. */
void http_server_on_gone(struct http_server *server, http_gone_fn *gone);
void http_server_on_drained(struct http_server *server, http_drained_fn *drained);
uint16_t http_server_port(const struct http_server *server);
unsigned http_server_connections(const struct http_server *server);

/* Exchanges are found again by id: NULL when the client left or it was answered meanwhile. */
struct http_exchange *http_exchange_find(struct http_server *server, uint64_t id);

#endif
