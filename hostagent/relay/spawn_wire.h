/* SPDX-License-Identifier: Apache-2.0 */
/* spawn_wire.h - between genkan-relay and genkan-relay-sessions: one packet per session begun
 * (with two descriptors) and one or two packets back. */
#ifndef GENKAN_RELAY_SPAWN_WIRE_H
#define GENKAN_RELAY_SPAWN_WIRE_H

#include <stdint.h>
#include <sys/types.h>

#define SPAWN_FD 3	/* where the program finds its socket */

struct spawn_request {	/* with SCM_RIGHTS: the client's socket, the session's end of its pair */
	uint64_t number;
	uint64_t answered;	/* 1: the client's X.224 request was; it is still to be read */
};

enum spawn_news_kind { SPAWN_READY = 1, SPAWN_STARTED, SPAWN_FAILED, SPAWN_EXITED };

struct spawn_news {
	uint32_t kind;
	int32_t status;		/* EXITED: wait status; FAILED: errno */
	uint64_t number;	/* STARTED, FAILED */
	int64_t pid;		/* STARTED, EXITED */
};

#endif
