/* SPDX-License-Identifier: Apache-2.0 */
#include "db/store_internal.h"

#include <errno.h>
#include <string.h>

void store_read_user(struct query *q, struct store_user *out)
{
	get_text(q, out->key, sizeof(out->key));
	get_text(q, out->name, sizeof(out->name));
	get_text(q, out->display_name, sizeof(out->display_name));
	get_text(q, out->account, sizeof(out->account));
	out->uid = get_int(q);
}

static int find(struct store *store, enum statement by, const char *value, struct store_user *out,
		struct error *err)
{
	OWNED(query_done) struct query q = query(store, by);
	struct store_user user = { 0 };
	int rc;

	query_text(&q, value);
	if ((rc = query_row(&q, err)) <= 0)
		return rc < 0 ? rc : error_set(err, ENOENT, "no such user");
	store_read_user(&q, &user);
	if ((rc = query_sound(&q, err)) == 0)
		*out = user;
	return rc;
}

int store_user_find(struct store *store, const char *key, struct store_user *out,
		    struct error *err)
{
	return find(store, ST_PERSON_FIND, key, out, err);
}

int store_user_find_by_name(struct store *store, const char *name, struct store_user *out,
			    struct error *err)
{
	return find(store, ST_PERSON_FIND_NAME, name, out, err);
}

static bool same_user(const struct store_user *a, const struct store_user *b)
{
	return !strcmp(a->name, b->name) && !strcmp(a->display_name, b->display_name) &&
	       !strcmp(a->account, b->account) && a->uid == b->uid;
}

int store_user_upsert(struct store *store, const struct store_user *user, int64_t now_ms,
		      struct error *err)
{
	struct store_user known;
	int rc = store_user_find(store, user->key, &known, NULL);

	if (rc == 0 && same_user(&known, user))
		return 0;

	OWNED(query_done) struct query q = query(store, ST_PERSON_PUT);
	query_text(&q, user->key);
	query_text(&q, user->name);
	query_text(&q, user->display_name);
	query_text(&q, user->account);
	query_int(&q, user->uid);
	query_int(&q, now_ms);
	rc = query_run(&q, err);
	return rc < 0 ? rc : 0;
}
