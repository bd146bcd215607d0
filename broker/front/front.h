/* SPDX-License-Identifier: Apache-2.0 */
/* front.h - the process that strangers talk to: it ends TLS, parses HTTP and passes requests on to
 * the core, over one socket, and the core's answers back. It has the door's key, no store, no
 * directory, and no other key. Its main is front_run(). */
#ifndef GENKAN_FRONT_FRONT_H
#define GENKAN_FRONT_FRONT_H

#include "common/net/http_server.h"

struct front_door {
	enum tls_peer client_certificate;
	unsigned max_connections, max_per_source;
	size_t max_body_bytes;
	struct crowd *crowd; /* NULL: this is the only front of its door */
	int64_t handshake_ms, request_ms, idle_ms;
};

/* Serves until the core closes `link`, then returns the exit status. Both descriptors are taken.
 * `close_in` is called when nothing more needs to be opened: from then on a stranger may speak. */
int front_run(const struct front_door *door, unsigned number, int link, int listener,
	      int (*close_in)(void *arg), void *arg);

#endif
