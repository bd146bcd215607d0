/* SPDX-License-Identifier: Apache-2.0 */
/* Login sessions, failed logins, and what runs out. */
#include "db/store_internal.h"

#include <errno.h>
#include <string.h>

#define KEEP_TICKETS_MS INT64_C(600000)		/* to tell "expired" and "used" from "unknown" */
#define KEEP_SESSIONS_MS (INT64_C(90) * 86400000)
#define KEEP_NOTICES_MS (INT64_C(12) * 3600 * 1000)	/* to know what was told */
#define KEEP_TOKENS_MS INT64_C(86400000)
#define KEEP_THROTTLES_MS INT64_C(86400000)

int store_login_session_create(struct store *store, const struct store_login *login,
			       struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_LOGIN_PUT);

	query_hex(&q, login->token_sha256, sizeof(login->token_sha256));
	query_text(&q, login->user_key);
	query_text(&q, login->client_address);
	query_text(&q, login->client_key_sha256);
	query_int(&q, login->staff);
	query_int(&q, login->second_factor);
	query_int(&q, login->created_at_ms);
	query_int(&q, login->expires_at_ms);

	int rc = query_run(&q, err);
	return rc < 0 ? rc : 0;
}

int store_login_session_find(struct store *store, const uint8_t token_sha256[STORE_HASH_BYTES],
			     int64_t now_ms, struct store_login *out, struct store_user *user,
			     struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_LOGIN_FIND);
	struct store_login login = { 0 };
	struct store_user owner = { 0 };
	int rc;

	query_hex(&q, token_sha256, STORE_HASH_BYTES);
	query_int(&q, now_ms);
	if ((rc = query_row(&q, err)) <= 0)
		return rc < 0 ? rc : -ENOENT;
	memcpy(login.token_sha256, token_sha256, STORE_HASH_BYTES);
	get_text(&q, login.user_key, sizeof(login.user_key));
	get_text(&q, login.client_address, sizeof(login.client_address));
	get_text(&q, login.client_key_sha256, sizeof(login.client_key_sha256));
	login.staff = get_int(&q) != 0;
	login.second_factor = get_int(&q) != 0;
	login.created_at_ms = get_int(&q);
	login.expires_at_ms = get_int(&q);
	store_read_user(&q, &owner);
	if ((rc = query_sound(&q, err)) < 0)
		return rc;
	*out = login;
	if (user)
		*user = owner;
	return 0;
}

int store_login_session_end(struct store *store, const uint8_t token_sha256[STORE_HASH_BYTES],
			    struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_LOGIN_DROP);

	query_hex(&q, token_sha256, STORE_HASH_BYTES);

	int rc = query_run(&q, err);
	return rc < 0 ? rc : 0;
}

static int run(struct store *store, enum statement id, struct error *err)
{
	OWNED(query_done) struct query q = query(store, id);

	return query_run(&q, err);
}

static int run_at(struct store *store, enum statement id, int64_t time_ms, struct error *err)
{
	OWNED(query_done) struct query q = query(store, id);

	query_int(&q, time_ms);
	return query_run(&q, err);
}

int store_revoke_all(struct store *store, int64_t now_ms, struct store_revoked *out,
		     struct error *err)
{
	OWNED(tx_done) struct tx tx = { 0 };
	int logins, tickets, tokens, rc;

	if ((rc = tx_begin(store, &tx, err)) < 0 ||
	    (rc = logins = run(store, ST_LOGINS_DROP, err)) < 0 ||
	    (rc = tickets = run_at(store, ST_TICKETS_REVOKE, now_ms, err)) < 0 ||
	    (rc = tokens = run_at(store, ST_TOKENS_REVOKE, now_ms, err)) < 0 ||
	    (rc = tx_commit(&tx, err)) < 0)
		return rc;
	*out = (struct store_revoked){ logins, tickets, tokens };
	return 0;
}

/* ---------------------------------------------------------------------------------- throttle */

void store_throttle_fold(const char *text, char *out, size_t size)
{
	size_t i = 0;

	for (; text[i] && i + 1 < size; i++)
		out[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + ('a' - 'A') : text[i]);
	out[i] = '\0';
}

static bool window_is_over(const struct store_failures *f, const struct store_throttle_rule *rule,
			   int64_t now_ms)
{
	return now_ms - f->window_began_at_ms > rule->window_ms || now_ms < f->window_began_at_ms;
}

void store_failures_add(struct store_failures *f, const struct store_throttle_rule *rule,
			int64_t now_ms)
{
	if (window_is_over(f, rule, now_ms))
		*f = (struct store_failures){ .window_began_at_ms = now_ms };
	f->count++;
	if (f->count >= rule->max_failures)
		f->blocked_until_ms = now_ms + rule->block_ms;
}

int64_t store_failures_wait(const struct store_failures *f, const struct store_throttle_rule *rule,
			    int64_t now_ms)
{
	int64_t left = f->blocked_until_ms - now_ms;

	if (rule->max_failures == 0 || left < 0)
		return 0;
	/* A clock that jumped back must not block for longer than the rule says. */
	return left > rule->block_ms ? rule->block_ms : left;
}

int64_t store_failures_left(const struct store_failures *f, const struct store_throttle_rule *rule,
			    int64_t now_ms)
{
	int64_t count = window_is_over(f, rule, now_ms) ? 0 : f->count;

	return count < rule->max_failures ? rule->max_failures - count : 1;
}

int store_throttles(struct store *store, store_throttle_fn *fn, void *arg, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_THROTTLES);
	int rc;

	while ((rc = query_row(&q, err)) > 0) {
		struct store_failures failures;
		char kind[8], subject[STORE_USER_SIZE];

		get_text(&q, kind, sizeof(kind));
		get_text(&q, subject, sizeof(subject));
		failures.count = get_int(&q);
		failures.window_began_at_ms = get_int(&q);
		failures.blocked_until_ms = get_int(&q);
		if ((rc = query_sound(&q, err)) < 0)
			return rc;
		fn(arg, kind, subject, &failures);
	}
	return rc;
}

static int read_failures(struct store *store, const char *kind, const char *subject,
			 struct store_failures *out, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_THROTTLE_FIND);
	int rc;

	*out = (struct store_failures){ 0 };
	query_text(&q, kind);
	query_text(&q, subject);
	if ((rc = query_row(&q, err)) <= 0)
		return rc;
	out->count = get_int(&q);
	out->window_began_at_ms = get_int(&q);
	out->blocked_until_ms = get_int(&q);
	return query_sound(&q, err);
}

static int add_failure(struct store *store, const char *kind, const char *subject,
		       const struct store_throttle_rule *rule, int64_t now_ms, struct error *err)
{
	struct store_failures f;
	int rc;

	if (rule->max_failures == 0)
		return 0;
	if ((rc = read_failures(store, kind, subject, &f, err)) < 0)
		return rc;
	store_failures_add(&f, rule, now_ms);

	OWNED(query_done) struct query q = query(store, ST_THROTTLE_PUT);
	query_text(&q, kind);
	query_text(&q, subject);
	query_int(&q, f.count);
	query_int(&q, f.window_began_at_ms);
	query_int(&q, f.blocked_until_ms);
	return query_run(&q, err);
}

int store_throttle_fail(struct store *store, const struct store_throttle *throttle, int64_t now_ms,
			struct error *err)
{
	OWNED(tx_done) struct tx tx = { 0 };
	char user[STORE_USER_SIZE];
	int rc;

	store_throttle_fold(throttle->user, user, sizeof(user));
	if ((rc = tx_begin(store, &tx, err)) < 0 ||
	    (rc = add_failure(store, "user", user, &throttle->per_user, now_ms, err)) < 0 ||
	    (rc = add_failure(store, "source", throttle->source, &throttle->per_source, now_ms,
			      err)) < 0)
		return rc;
	return tx_commit(&tx, err);
}

int store_throttle_success(struct store *store, const struct store_throttle *throttle,
			   struct error *err)
{
	char user[STORE_USER_SIZE];
	int rc;

	store_throttle_fold(throttle->user, user, sizeof(user));

	OWNED(query_done) struct query q = query(store, ST_THROTTLE_DROP);
	query_text(&q, "user");
	query_text(&q, user);
	rc = query_run(&q, err);
	return rc < 0 ? rc : 0;
}

static int purge_throttles(struct store *store, int64_t now_ms, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_THROTTLES_PURGE);

	query_int(&q, now_ms);
	query_int(&q, now_ms - KEEP_THROTTLES_MS);
	return query_run(&q, err);
}

int store_housekeep(struct store *store, int64_t now_ms, struct error *err)
{
	OWNED(tx_done) struct tx tx = { 0 };
	int rc;

	if ((rc = tx_begin(store, &tx, err)) < 0 ||
	    (rc = run_at(store, ST_TICKETS_PURGE, now_ms - KEEP_TICKETS_MS, err)) < 0 ||
	    (rc = run_at(store, ST_SESSIONS_PURGE, now_ms - KEEP_SESSIONS_MS, err)) < 0 ||
	    (rc = run_at(store, ST_NOTICES_PURGE, now_ms - KEEP_NOTICES_MS, err)) < 0 ||
	    (rc = run_at(store, ST_LOGINS_PURGE, now_ms, err)) < 0 ||
	    (rc = run_at(store, ST_TOKENS_PURGE, now_ms - KEEP_TOKENS_MS, err)) < 0 ||
	    (rc = run_at(store, ST_KEPT_PURGE, now_ms, err)) < 0 ||
	    (rc = purge_throttles(store, now_ms, err)) < 0)
		return rc;
	return tx_commit(&tx, err);
}
