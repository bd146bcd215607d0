/* SPDX-License-Identifier: Apache-2.0 */
/* listener.h - accepts RDP clients on the loop. Loop thread only. */
#ifndef GENKAN_RELAY_LISTENER_H
#define GENKAN_RELAY_LISTENER_H

#include "common/sys/loop.h"
#include "hostagent/relay/admission.h"

struct listener;

struct client_address {
	struct source source;
	char text[64];	/* numeric, without the port */
};

/* `fd` is non-blocking, tuned for interactive traffic and belongs to the callee. */
typedef void listener_fn(void *arg, int fd, const struct client_address *from);

int listener_new(struct loop *loop, const char *address, listener_fn *fn, void *arg,
		 struct listener **out, struct error *err) MUST_CHECK;
void listener_free(struct listener *l);
/* The port that was bound, for address ":0". */
uint16_t listener_port(const struct listener *l);

/* Small packets at once; a peer that vanished is noticed within two minutes. */
void socket_tune(int fd);

#endif
