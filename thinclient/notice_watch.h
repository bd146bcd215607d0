/* SPDX-License-Identifier: Apache-2.0 */
/* notice_watch.h - asks the broker, by long poll on a thread and a connection of its own, what its
 * user is to be told, for as long as somebody is signed in. Every function from any thread. */
#ifndef GENKAN_THINCLIENT_NOTICE_WATCH_H
#define GENKAN_THINCLIENT_NOTICE_WATCH_H

#include "thinclient/broker_api.h"

struct notice_watch;

/* Called on the watch's thread: there is something to take. */
typedef void notice_notify_fn(void *arg);

int notice_watch_new(const char *address, const char *ca_file, notice_notify_fn *notify, void *arg,
		     struct notice_watch **out, struct error *err) MUST_CHECK;
void notice_watch_free(struct notice_watch *watch);
DEFINE_OWNED(notice_watch_free, struct notice_watch);

/* With the token of a sign-in, which is copied; again for another one. */
void notice_watch_begin(struct notice_watch *watch, const struct secret *token);
/* What was not taken is forgotten, the token too. */
void notice_watch_end(struct notice_watch *watch);
/* The oldest that was not taken yet; false: none. */
bool notice_watch_take(struct notice_watch *watch, struct notice *out);

#endif
