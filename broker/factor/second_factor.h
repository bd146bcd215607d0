/* SPDX-License-Identifier: Apache-2.0 */
/* second_factor.h - the code besides the password, for logins of both sides.
 *
 *	password right -> claim: needed? -> challenge to the client -> challenge + code -> claim:
 *right?
 *
 * The first request is answered second_factor_required or second_factor_enrolment with a challenge
 * (challenges.h), the second lets in. Loop thread. */
#ifndef GENKAN_FACTOR_SECOND_FACTOR_H
#define GENKAN_FACTOR_SECOND_FACTOR_H

#include "broker/factor/challenges.h"
#include "broker/factor/claim.h"
#include "broker/session/attempt.h"

struct second_factor;

/* Keys from the state folder: a first one is made when there is none. */
int second_factor_new(const struct broker_config *config, struct second_factor **out,
		      struct error *err) MUST_CHECK;
void second_factor_free(struct second_factor *factor);
DEFINE_OWNED(second_factor_free, struct second_factor);

/* Do the settings ask for one of members of these groups, of holders of these roles? */
bool second_factor_for_groups(const struct broker_config *config, const struct pool_group *groups,
			      size_t count);
bool second_factor_for_roles(const struct broker_config *config, unsigned roles);
int second_factor_check_config(const struct broker_config *config, struct error *err) MUST_CHECK;

/* One login's second factor, in the struct of its login. */
struct factor_step {
	struct factor_claim claim;
	const struct factor_keys *keys;
	char challenge[TOKEN_TEXT_SIZE]; /* that came */
};
void factor_step_wipe(struct factor_step *step);
/* A login without a code: only fills in what the claim needs. */
void factor_step_begin(struct request *r, struct factor_step *step);
/* The second request, {challenge, code}: an attempt that asks the directory by identity; NULL:
 * refused already. */
struct attempt *factor_step_resume(struct request *r, bool staff, const char *what,
				   struct factor_step *step) MUST_CHECK;
/* A step of the login's state job. claim.reason says whether to go on. */
int factor_step_run(struct store *store, struct factor_step *step, const char *user_key,
		    struct error *err) MUST_CHECK;
/* When it is not to go on: answers and ends the attempt. */
void factor_step_refuse(struct attempt *a, struct factor_step *step, bool staff,
			const struct store_user *user);
/* When it did: the challenge is over, and what the client has to know is put into its answer. */
void factor_step_passed(struct request *r, struct factor_step *step, json_t *body);
/* Whether the refusal writes its own row of the audit log; else the login's job does. */
bool factor_step_audits_itself(const struct factor_step *step);

#endif
