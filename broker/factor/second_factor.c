/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/factor/second_factor.h"

#include <errno.h>
#include <stdio.h>

#include "broker/factor/qr.h"
#include "common/base/text.h"
#include "common/sys/clock.h"
#include "common/sys/log.h"

struct second_factor {
	struct factor_keys *keys;
	struct challenges *challenges;
};

int second_factor_new(const struct broker_config *config, struct second_factor **out,
		      struct error *err)
{
	OWNED(second_factor_free) struct second_factor *factor = xnew(struct second_factor);
	OWNED(buf_done) struct buf made = { 0 };
	struct authority_paths paths;
	int rc = authority_paths(config, &paths, err);

	if (rc == 0)
		rc = factor_keys_init(paths.factor_keys, &made, err);
	if (rc == 0)
		rc = factor_keys_open(paths.factor_keys, &factor->keys, err);
	if (rc < 0)
		return rc;
	if (made.len)
		log_info("second_factor_key_made", kv_str("file", paths.factor_keys));
	factor->challenges = challenges_new(config->challenge_ms);
	*out = STEAL(factor);
	return 0;
}

void second_factor_free(struct second_factor *factor)
{
	if (!factor)
		return;
	challenges_free(factor->challenges);
	factor_keys_free(factor->keys);
	free(factor);
}

/* ------------------------------------------------------------------------------------ who has to
 */

bool second_factor_for_groups(const struct broker_config *config, const struct pool_group *groups,
			      size_t count)
{
	return roles_any_group(config->factor_groups, groups, count);
}

bool second_factor_for_roles(const struct broker_config *config, unsigned roles)
{
	unsigned wanted = 0;

	return roles_parse_words(config->factor_roles, &wanted, NULL) == 0 && (wanted & roles);
}

int second_factor_check_config(const struct broker_config *config, struct error *err)
{
	unsigned wanted;

	if (config->challenge_ms < 10000 || config->challenge_ms > 3600000)
		return error_set(err, EINVAL, "second_factor.challenge: must be 10s to 1h");
	if (!*config->factor_issuer || strlen(config->factor_issuer) > 64 ||
	    strchr(config->factor_issuer, ':'))
		return error_set(err, EINVAL,
				 "second_factor.issuer: must be 1 to 64 bytes without a colon");
	int rc = roles_parse_words(config->factor_roles, &wanted, err);
	return rc < 0 ? error_prefix(err, "second_factor.roles") : 0;
}

/* ---------------------------------------------------------------------------------- one login's */

void factor_step_wipe(struct factor_step *step)
{
	memory_wipe(step, sizeof(*step));
}

void factor_step_begin(struct request *r, struct factor_step *step)
{
	step->keys = r->broker->second_factor->keys;
	step->claim.max_wrong = r->broker->config->factor_max_wrong;
}

/* What a challenge of this client would look like. */
static struct challenge client_of(const struct request *r, bool staff)
{
	struct challenge c = { .staff = staff };

	memcpy(c.peer_key, r->peer_key, sizeof(c.peer_key));
	memcpy(c.source, r->source, sizeof(c.source));
	return c;
}

struct attempt *factor_step_resume(struct request *r, bool staff, const char *what,
				   struct factor_step *step)
{
	const json_t *body = request_body(r);
	struct challenge from, found;
	struct factor_claim *claim = &step->claim;
	char text[128];
	struct error err = { 0 };

	if (!body)
		return NULL;	/* and `r` is gone */
	from = client_of(r, staff);
	factor_step_begin(r, step);
	int rc = json_get_text(body, "challenge", text, sizeof(text), &err);
	if (rc == 0)
		rc = json_get_text(body, "code", claim->code, sizeof(claim->code), &err);
	if (rc < 0) {
		request_refuse(r, REASON_BAD_REQUEST, -1, err.text);
		return NULL;
	}
	if (challenges_find(r->broker->second_factor->challenges, text, &from, clock_monotonic_ms(),
			    &found) < 0) {
		request_refuse(r, REASON_CHALLENGE_OVER, -1, NULL);
		return NULL;
	}
	memcpy(step->challenge, text,
	       sizeof(step->challenge)); /* a text of this length alone is found */
	claim->given = true;
	claim->enrolling = found.enrolling;
	memcpy(claim->secret, found.secret, sizeof(claim->secret));
	struct attempt *a = attempt_of_person(r, what, found.user, found.user_key, body);
	memory_wipe(&found, sizeof(found));
	return a;
}

int factor_step_run(struct store *store, struct factor_step *step, const char *user_key,
		    struct error *err)
{
	return factor_claim_run(step->keys, store, &step->claim, user_key, clock_wall_ms(), err);
}

static bool is_challenge(enum reason reason)
{
	return reason == REASON_SECOND_FACTOR_REQUIRED || reason == REASON_SECOND_FACTOR_ENROLMENT;
}

bool factor_step_audits_itself(const struct factor_step *step)
{
	return !is_challenge(step->claim.reason);
}

static void put_text(json_t *object, const char *key, struct buf *text)
{
	json_object_set_new(object, key, json_string(buf_text(text)));
	if (text->ptr)
		memory_wipe(text->ptr, text->capacity);
}

/* What an app needs to make codes, to be read by it or typed by hand. */
static void put_enrolment(json_t *extra, const struct challenge *c, const char *issuer)
{
	OWNED(buf_done) struct buf uri = { 0 }, rows = { 0 }, svg = { 0 }, secret = { 0 };
	struct error err = { 0 };

	totp_uri(c->secret, issuer, c->user, &uri);
	totp_secret_text(c->secret, &secret);
	if (qr_encode(buf_text(&uri), &rows, &svg, &err) < 0)
		log_warn("no_qr_code", kv_error(&err));
	put_text(extra, "otpauth_uri", &uri);
	put_text(extra, "secret", &secret);
	put_text(extra, "qr_rows", &rows);
	put_text(extra, "qr_svg", &svg);
}

static json_t *new_challenge(struct request *r, const struct factor_step *step, bool staff,
			     const struct attempt *a, const struct store_user *user)
{
	const struct broker_config *config = r->broker->config;
	struct challenge c = client_of(r, staff);
	struct token token;

	memcpy(c.user, a->user, sizeof(c.user));
	memcpy(c.user_key, user->key, sizeof(c.user_key));
	c.enrolling = step->claim.reason == REASON_SECOND_FACTOR_ENROLMENT;
	if (c.enrolling)
		random_bytes(c.secret, sizeof(c.secret));
	challenges_add(r->broker->second_factor->challenges, &c, clock_monotonic_ms(), &token);

	json_t *extra = json_pack("{s:s, s:I}", "challenge", token.text, "expires_in_ms",
				  (json_int_t)config->challenge_ms);
	if (c.enrolling)
		put_enrolment(extra, &c, config->factor_issuer);
	token_wipe(&token);
	memory_wipe(&c, sizeof(c));
	return extra;
}

void factor_step_refuse(struct attempt *a, struct factor_step *step, bool staff,
			const struct store_user *user)
{
	enum reason reason = step->claim.reason;

	if (is_challenge(reason))
		attempt_refuse_with(a, reason, new_challenge(a->r, step, staff, a, user));
	else
		attempt_fail(a, reason, reason);
}

void factor_step_passed(struct request *r, struct factor_step *step, json_t *body)
{
	const struct factor_claim *claim = &step->claim;

	if (!claim->given)
		return;
	challenges_drop(r->broker->second_factor->challenges, step->challenge);
	json_object_set_new(body, "recovery_codes_left", json_integer(claim->recovery_left));
	if (!claim->enrolled)
		return;
	json_t *codes = json_array();

	for (size_t i = 0; i < RECOVERY_CODES; i++)
		json_array_append_new(codes, json_string(claim->recovery[i]));
	json_object_set_new(body, "recovery_codes", codes);
}
