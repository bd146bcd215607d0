/* SPDX-License-Identifier: Apache-2.0 */
/* Second factors and their recovery codes. */
#include "db/store_internal.h"

#include <errno.h>

int store_factor_find(struct store *store, const char *user_key, struct store_factor *out,
		      struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_FACTOR_FIND);
	struct store_factor factor = { 0 };
	int rc;

	query_text(&q, user_key);
	if ((rc = query_row(&q, err)) <= 0)
		return rc < 0 ? rc : -ENOENT;
	get_text(&q, factor.key_id, sizeof(factor.key_id));
	get_text(&q, factor.sealed, sizeof(factor.sealed));
	factor.last_step = get_int(&q);
	factor.wrong_count = get_int(&q);
	factor.enrolled_at_ms = get_int(&q);
	factor.used_at_ms = get_int(&q);
	factor.recovery_left = get_int(&q);
	if ((rc = query_sound(&q, err)) == 0)
		*out = factor;
	return rc;
}

static int put_recovery(struct store *store, const char *user_key,
			const uint8_t hash[STORE_HASH_BYTES], struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_RECOVERY_PUT);

	query_text(&q, user_key);
	query_hex(&q, hash, STORE_HASH_BYTES);
	return query_run(&q, err);
}

static int put_factor(struct store *store, const char *user_key, const struct store_factor *factor,
		      struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_FACTOR_PUT);

	query_text(&q, user_key);
	query_text(&q, factor->key_id);
	query_text(&q, factor->sealed);
	query_int(&q, factor->last_step);
	query_int(&q, factor->enrolled_at_ms);
	query_int(&q, factor->used_at_ms);
	return query_run(&q, err);
}

int store_factor_enrol(struct store *store, const char *user_key, const struct store_factor *factor,
		       const uint8_t recovery[][STORE_HASH_BYTES], size_t recovery_count,
		       struct error *err)
{
	OWNED(tx_done) struct tx tx = { 0 };
	struct store_factor known;
	int rc = tx_begin(store, &tx, err);

	if (rc == 0)
		rc = store_factor_find(store, user_key, &known, err);
	if (rc != -ENOENT)
		return rc < 0 ? rc : error_set(err, EEXIST, "there is a second factor already");
	if ((rc = put_factor(store, user_key, factor, err)) < 0)
		return rc;
	for (size_t i = 0; i < recovery_count; i++)
		if ((rc = put_recovery(store, user_key, recovery[i], err)) < 0)
			return rc;
	return tx_commit(&tx, err);
}

int store_factor_reseal(struct store *store, const char *user_key, const char *key_id,
			const char *sealed, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_FACTOR_RESEAL);

	query_text(&q, key_id);
	query_text(&q, sealed);
	query_text(&q, user_key);

	int rc = query_run(&q, err);
	return rc < 0 ? rc : 0;
}

int store_factor_used(struct store *store, const char *user_key, int64_t step, int64_t now_ms,
		      struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_FACTOR_USED);

	query_int(&q, step);
	query_int(&q, now_ms);
	query_text(&q, user_key);

	int rc = query_run(&q, err);
	return rc < 0 ? rc : rc == 0 ? -EALREADY : 0;
}

static int use_recovery(struct store *store, const char *user_key,
			const uint8_t code_sha256[STORE_HASH_BYTES], int64_t now_ms,
			struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_RECOVERY_USE);

	query_int(&q, now_ms);
	query_text(&q, user_key);
	query_hex(&q, code_sha256, STORE_HASH_BYTES);
	return query_run(&q, err);
}

static int mark_recovered(struct store *store, const char *user_key, int64_t now_ms,
			  struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_FACTOR_RECOVERED);

	query_int(&q, now_ms);
	query_text(&q, user_key);
	return query_run(&q, err);
}

int store_factor_recover(struct store *store, const char *user_key,
			 const uint8_t code_sha256[STORE_HASH_BYTES], int64_t now_ms,
			 struct error *err)
{
	OWNED(tx_done) struct tx tx = { 0 };
	int rc;

	if ((rc = tx_begin(store, &tx, err)) < 0 ||
	    (rc = use_recovery(store, user_key, code_sha256, now_ms, err)) < 0)
		return rc;
	if (rc == 0)
		return -EALREADY;
	rc = mark_recovered(store, user_key, now_ms, err);
	return rc < 0 ? rc : tx_commit(&tx, err);
}

static int run_for(struct store *store, enum statement id, const char *user_key, struct error *err)
{
	OWNED(query_done) struct query q = query(store, id);

	query_text(&q, user_key);
	return query_run(&q, err);
}

int store_factor_wrong(struct store *store, const char *user_key, struct error *err)
{
	int rc = run_for(store, ST_FACTOR_WRONG, user_key, err);

	return rc < 0 ? rc : 0;
}

int store_factor_reset(struct store *store, const char *user_key, struct error *err)
{
	OWNED(tx_done) struct tx tx = { 0 };
	int rc;

	if ((rc = tx_begin(store, &tx, err)) < 0 ||
	    (rc = run_for(store, ST_FACTOR_DROP, user_key, err)) < 0)
		return rc;
	if (rc == 0)
		return error_set(err, ENOENT, "this user has no second factor");
	rc = run_for(store, ST_LOGINS_DROP_OF, user_key, err);
	return rc < 0 ? rc : tx_commit(&tx, err);
}
