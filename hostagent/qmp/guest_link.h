/* SPDX-License-Identifier: Apache-2.0 */
/* guest_link.h - the line to Genkan's daemon inside one guest. Loop thread only. */
#ifndef GENKAN_QMP_GUEST_LINK_H
#define GENKAN_QMP_GUEST_LINK_H

#include "common/sys/loop.h"
#include "hostagent/qmp/guest_message.h"

struct guest_link;

struct guest_link_handler {
	/* The object may be freed inside each of these. */
	void (*ready)(void *arg);	/* its daemon lives; heard at most once a second */
	/* Before it answers to its identity; may be NULL. */
	void (*reachable)(void *arg);
	void (*identified)(void *arg, const struct guest_message *answer);
	void (*frozen)(void *arg, const struct guest_message *answer);	/* may be NULL */
	void (*rehearsed)(void *arg, const struct guest_message *answer);	/* may be NULL */
	void (*home)(void *arg, const struct guest_message *answer);	/* may be NULL */
	void (*released)(void *arg, const struct guest_message *answer);	/* may be NULL */
	/* The whole line, since the answer has a shape of its own; may be NULL. */
	void (*inspected)(void *arg, struct span line);
	void (*user)(void *arg, const struct guest_message *event);	/* logon, logoff */
	void (*ordered)(void *arg, const struct guest_message *answer);	/* may be NULL */
	void (*closed)(void *arg, const struct error *reason);
};

int guest_link_open(struct loop *loop, const char *path, const struct guest_link_handler *handler,
		    void *arg, struct guest_link **out, struct error *err) MUST_CHECK;
void guest_link_free(struct guest_link *link);

/* A guest that spoke long ago answers now: `ready`. */
int guest_link_ping(struct guest_link *link) MUST_CHECK;
int guest_link_freeze(struct guest_link *link) MUST_CHECK;
/* The user's disk as home, and its end; only the answer to the newest of each counts. */
int guest_link_send_home(struct guest_link *link, const struct vm_home *home) MUST_CHECK;
int guest_link_release_home(struct guest_link *link) MUST_CHECK;
/* Only the answer to the newest inspection counts. */
int guest_link_inspect(struct guest_link *link) MUST_CHECK;
/* Only the answer to the newest identity counts. */
int guest_link_send_identity(struct guest_link *link,
			     const struct guest_identity *identity) MUST_CHECK;
/* To a copy of a template: `rehearsed`, when it has run through this identity and forgotten it. */
int guest_link_rehearse(struct guest_link *link, const struct guest_identity *identity) MUST_CHECK;

/* One of these at a time; `ordered` is the answer. */
int guest_link_show(struct guest_link *link, const char *user, int64_t seq,
		    const char *text) MUST_CHECK;
int guest_link_log_off(struct guest_link *link, const char *user) MUST_CHECK;

#endif
