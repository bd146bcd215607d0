/* SPDX-License-Identifier: Apache-2.0 */
/* broker_link.h - the broker, for a thread that must not wait: one request at a time runs on a
 * thread of its own; its result is announced by `notify` and taken with broker_link_take(). */
#ifndef GENKAN_THINCLIENT_BROKER_LINK_H
#define GENKAN_THINCLIENT_BROKER_LINK_H

#include "thinclient/notice_watch.h"

struct broker_link;

enum link_kind { LINK_SIGN_IN, LINK_CODE, LINK_PASSWORD, LINK_CONNECT, LINK_RESTART, LINK_RESET,
		 LINK_SIGN_OUT };

struct link_result {
	enum link_kind kind;
	unsigned serial;		/* of the request that it answers */
	bool failed;
	struct problem problem;		/* failed */
	struct factor_ask factor;	/* LINK_SIGN_IN that failed with second_factor_* */
	struct sign_in_answer sign_in;	/* LINK_SIGN_IN, LINK_CODE; its token goes to the watch only */
	struct connect_answer connect;	/* LINK_CONNECT */
};
void link_result_wipe(struct link_result *result);
DEFINE_OWNED_VALUE(link_result_wipe, struct link_result);

/* Called on the link's thread. */
typedef void link_notify_fn(void *arg);

/* `watch` is told who has signed in and out; it outlives the link. */
int broker_link_new(const char *address, const char *ca_file, struct notice_watch *watch,
		    link_notify_fn *notify, void *arg, struct broker_link **out,
		    struct error *err) MUST_CHECK;
/* Cancels what runs and waits for the thread, which takes moments. */
void broker_link_free(struct broker_link *link);
DEFINE_OWNED(broker_link_free, struct broker_link);

/* Each replaces a request that has not begun, cancels one that runs, and returns the serial. */
unsigned broker_link_sign_in(struct broker_link *link, const char *user,
			     const struct secret *password);
/* What a sign-in asked for; and a new password for the old one. */
unsigned broker_link_code(struct broker_link *link, const char *challenge, const char *code);
unsigned broker_link_password(struct broker_link *link, const char *user, const struct secret *old,
			      const struct secret *fresh);
unsigned broker_link_connect(struct broker_link *link, const char *id, const char *seen,
			     int64_t seen_position);
/* LINK_RESTART or LINK_RESET of the user's own desktop. */
unsigned broker_link_serve(struct broker_link *link, enum link_kind kind, const char *id);
unsigned broker_link_sign_out(struct broker_link *link);

bool broker_link_take(struct broker_link *link, struct link_result *out);

#endif
