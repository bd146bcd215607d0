/* SPDX-License-Identifier: Apache-2.0 */
/* line_socket.h - a unix socket of QEMU that speaks lines. Loop thread only.
 * Both directions are bounded; a peer that breaks a bound is closed. */
#ifndef GENKAN_QMP_LINE_SOCKET_H
#define GENKAN_QMP_LINE_SOCKET_H

#include "common/base/span.h"
#include "common/sys/loop.h"

struct line_socket;

struct line_socket_handler {
	/* The object may be freed inside either. */
	void (*line)(void *arg, struct span line);
	void (*closed)(void *arg, const struct error *reason);	/* once; only free it then */
};

int line_socket_open(struct loop *loop, const char *path, size_t line_limit,
		     const struct line_socket_handler *handler, void *arg,
		     struct line_socket **out, struct error *err) MUST_CHECK;
void line_socket_free(struct line_socket *socket);

/* Queues text and a newline. -ENOBUFS: the peer does not read, nothing was queued. */
int line_socket_send(struct line_socket *socket, const char *text) MUST_CHECK;

/* The same with a descriptor beside its first byte. -EAGAIN: something is queued before it. */
int line_socket_send_fd(struct line_socket *socket, const char *text, int fd) MUST_CHECK;

/* Connects without waiting; used by whatever else talks to a socket of QEMU. */
int unix_connect(const char *path, struct error *err) MUST_CHECK;

#endif
