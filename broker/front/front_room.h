/* SPDX-License-Identifier: Apache-2.0 */
/* front_room.h - the core's side of the network fronts: it has them started and started again,
 * gives them their certificate, and carries the requests they send to the handlers. Loop thread
 * only.
 *
 * A front that ends takes only its own connections with it; its listening socket stays open here,
 * so that who comes meanwhile waits for the next one. What a front sends is checked like what a
 * stranger sends: one that breaks the rules is ended. */
#ifndef GENKAN_FRONT_FRONT_ROOM_H
#define GENKAN_FRONT_FRONT_ROOM_H

#include "broker/process/starter.h"
#include "common/net/http_server.h"

struct front_room;

struct front_room_config {
	const char *address; /* host:port */
	enum process_kind kind;
	unsigned count;
	unsigned max_connections; /* in all, as the fronts are told */
	size_t max_body_bytes;
	struct crowd *crowd; /* of the fronts; NULL with one */
	struct starter *starter;
	http_handler_fn *handler;
	void (*lost)(void *arg, const char *why,
		     unsigned unanswered); /* a front; arg as for handler; may be NULL */
	void *arg;
};

/* Binds the address. Nobody is let in before the first front_room_set_certificate(). */
int front_room_new(struct loop *loop, const struct front_room_config *config,
		   struct front_room **out, struct error *err) MUST_CHECK;
void front_room_free(struct front_room *room);
DEFINE_OWNED(front_room_free, struct front_room);

/* `done` comes once all fronts have it; `problem` is "" or what one of them said. */
typedef void front_room_certificate_fn(void *arg, const char *problem);
void front_room_set_certificate(struct front_room *room, const struct tls_pem *pem,
				front_room_certificate_fn *done, void *arg);

/* NULL when the client left or it was answered meanwhile. */
struct http_exchange *front_room_find(struct front_room *room, uint64_t id);

#endif
