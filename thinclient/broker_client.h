/* SPDX-License-Identifier: Apache-2.0 */
/* broker_client.h - one conversation with the broker: sign in, connect, sign out. Blocking; one
 * thread at a time, except broker_client_cancel(). Keeps the session token, never the password. */
#ifndef GENKAN_THINCLIENT_BROKER_CLIENT_H
#define GENKAN_THINCLIENT_BROKER_CLIENT_H

#include "thinclient/broker_api.h"

struct broker_client;

struct request_time {
	int64_t tls_us;		/* TCP and TLS; 0 when the connection was there already */
	int64_t total_us;
};

int broker_client_new(const char *address, const char *ca_file, struct broker_client **out,
		      struct error *err) MUST_CHECK;
void broker_client_free(struct broker_client *client);
DEFINE_OWNED(broker_client_free, struct broker_client);
/* Any thread: requests fail with the code "cancelled" until broker_client_arm(), see
 * http_client.h. */
void broker_client_cancel(struct broker_client *client);
void broker_client_arm(struct broker_client *client);

/* 0, or a negative errno with `problem` filled, and with `ask` when it is second_factor_required or
 * second_factor_enrolment. `time` may be NULL. */
int broker_sign_in(struct broker_client *client, const char *user, const struct secret *password,
		   struct sign_in_answer *out, struct factor_ask *ask, struct request_time *time,
		   struct problem *problem) MUST_CHECK;
/* With the code that a sign-in asked for. */
int broker_give_code(struct broker_client *client, const char *challenge, const char *code,
		     struct sign_in_answer *out, struct problem *problem) MUST_CHECK;
int broker_change_password(struct broker_client *client, const char *user,
			   const struct secret *old, const struct secret *fresh,
			   struct problem *problem) MUST_CHECK;
/* Waits up to 20 s for a stage other than `seen` ("" = answer at once) or another place in line. */
int broker_connect(struct broker_client *client, const char *id, const char *seen,
		   int64_t seen_position, struct connect_answer *out,
		   struct problem *problem) MUST_CHECK;
/* `deed`: "restart" or "reset" of the user's own desktop, as far as its pool allows. */
int broker_serve(struct broker_client *client, const char *id, const char *deed,
		 struct problem *problem) MUST_CHECK;
/* Best effort: forgets the token here in any case. */
void broker_sign_out(struct broker_client *client);

#endif
