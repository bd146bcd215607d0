/* SPDX-License-Identifier: Apache-2.0 */
#include "db/store_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const state_words[STORE_HOST_STATES] = {
	[STORE_HOST_ACTIVE] = "active",
	[STORE_HOST_DRAINING] = "draining",
	[STORE_HOST_MAINTENANCE] = "maintenance",
	[STORE_HOST_LOST] = "lost",
	[STORE_HOST_FENCED] = "fenced",
};

const char *store_host_state_word(enum store_host_state state)
{
	return state_words[state];
}

static int parse_state(const char *word, enum store_host_state *out)
{
	for (int i = 0; i < STORE_HOST_STATES; i++) {
		if (strcmp(state_words[i], word) != 0)
			continue;
		*out = (enum store_host_state)i;
		return 0;
	}
	return -EINVAL;
}

void store_host_list_done(struct store_host_list *list)
{
	free(list->items);
	*list = (struct store_host_list){ 0 };
}

int store_read_host(struct query *q, struct store_host *out, struct error *err)
{
	get_text(q, out->name, sizeof(out->name));
	get_word(q, parse_state, &out->state);
	get_text(q, out->accel, sizeof(out->accel));
	out->cpus = get_int(q);
	out->memory_bytes = get_int(q);
	out->memory_free_bytes = get_int(q);
	get_text(q, out->relay_host, sizeof(out->relay_host));
	out->relay_port = get_int(q);
	get_text(q, out->relay_certificate_sha256, sizeof(out->relay_certificate_sha256));
	out->seq = get_int(q);
	out->generation = get_int(q);
	out->last_seen_ms = get_int(q);
	out->desktops = get_int(q);
	out->disk_bytes = get_int(q);
	out->disk_free_bytes = get_int(q);
	out->templates_bytes = get_int(q);
	out->pss_bytes = get_int(q);
	out->overlay_bytes = get_int(q);
	out->starts_max = get_int(q);
	out->starts_under_way = get_int(q);
	out->starts_waiting = get_int(q);
	return query_sound(q, err);
}

int store_host_find(struct store *store, const char *name, struct store_host *out,
		    struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_HOST_FIND);
	struct store_host host = { 0 };
	int rc;

	query_text(&q, name);
	if ((rc = query_row(&q, err)) <= 0)
		return rc < 0 ? rc : error_set(err, ENOENT, "host %s: never joined", name);
	if ((rc = store_read_host(&q, &host, err)) == 0)
		*out = host;
	return rc;
}

int store_hosts(struct store *store, struct store_host_list *out, struct error *err)
{
	OWNED(store_host_list_done) struct store_host_list list = { 0 };
	OWNED(query_done) struct query q = query(store, ST_HOSTS);
	int rc;

	while ((rc = query_row(&q, err)) > 0)
		if (store_read_host(&q, STORE_APPEND(&list), err) < 0)
			return -EBADMSG;
	if (rc < 0)
		return rc;
	*out = list;
	list = (struct store_host_list){ 0 };
	return 0;
}

int store_host_set_state(struct store *store, const char *name, enum store_host_state state,
			 struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_HOST_SET_STATE);

	query_text(&q, state_words[state]);
	query_text(&q, name);

	int rc = query_run(&q, err);
	return rc < 0 ? rc : rc == 0 ? error_set(err, ENOENT, "host %s: never joined", name) : 0;
}

int store_hosts_lost(struct store *store, int64_t silent_before_ms, int64_t *count,
		     struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_HOSTS_LOST);

	query_int(&q, silent_before_ms);

	int rc = query_run(&q, err);
	if (rc < 0)
		return rc;
	*count = rc;
	return 0;
}

int store_host_generation(struct store *store, const char *host, int64_t *out, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_HOST_GENERATION);
	int rc;

	query_text(&q, host);
	if ((rc = query_row(&q, err)) <= 0)
		return rc < 0 ? rc : error_set(err, ENOENT, "host %s: never joined", host);
	*out = get_int(&q);
	return query_sound(&q, err);
}

int store_bump_host(struct store *store, const char *host, int64_t *generation, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_HOST_BUMP);
	int rc;

	query_text(&q, host);
	if ((rc = query_row(&q, err)) <= 0)
		return rc < 0 ? rc : error_set(err, ENOENT, "host %s: never joined", host);
	*generation = get_int(&q);
	return query_sound(&q, err);
}

int store_bump_all_hosts(struct store *store, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_HOSTS_BUMP);
	int rc = query_run(&q, err);

	return rc < 0 ? rc : 0;
}

/* ----------------------------------------------------------------------------------- joining */

int store_host_token_create(struct store *store, const char *host,
			    const uint8_t token_sha256[STORE_HASH_BYTES], int64_t expires_at_ms,
			    int64_t now_ms, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_HOST_TOKEN_PUT);

	if (!pool_name_valid(host))
		return error_set(err, EINVAL, "host %s: not a valid name", host);
	if (expires_at_ms <= now_ms)
		return error_set(err, EINVAL, "host %s: the token would already be expired", host);
	query_text(&q, host);
	query_hex(&q, token_sha256, STORE_HASH_BYTES);
	query_int(&q, expires_at_ms);

	int rc = query_run(&q, err);
	return rc < 0 ? rc : 0;
}

static int judge_token(struct store *store, const char *host, const uint8_t *token_sha256,
		       int64_t now_ms, enum reason *reason, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_HOST_TOKEN_FIND);
	char owner[STORE_NAME_SIZE];
	int rc;

	query_hex(&q, token_sha256, STORE_HASH_BYTES);
	if ((rc = query_row(&q, err)) < 0)
		return rc;
	if (rc == 0) {
		*reason = REASON_TOKEN_UNKNOWN;
		return 0;
	}
	get_text(&q, owner, sizeof(owner));

	int64_t expires_at_ms = get_int(&q);
	int64_t used_at_ms = get_int(&q);
	*reason = strcmp(owner, host) != 0  ? REASON_TOKEN_HOST :
		  used_at_ms != 0	    ? REASON_TOKEN_USED :
		  expires_at_ms <= now_ms ? REASON_TOKEN_EXPIRED :
					      REASON_OK;
	return query_sound(&q, err);
}

static int use_token(struct store *store, const uint8_t *token_sha256, int64_t now_ms,
		     struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_HOST_TOKEN_USE);

	query_int(&q, now_ms);
	query_hex(&q, token_sha256, STORE_HASH_BYTES);
	return query_run(&q, err);
}

static int put_host(struct store *store, const char *host, int64_t now_ms, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_HOST_JOIN);

	query_text(&q, host);
	query_int(&q, now_ms);
	return query_run(&q, err);
}

int store_host_join(struct store *store, const char *host,
		    const uint8_t token_sha256[STORE_HASH_BYTES], int64_t now_ms,
		    enum reason *reason, struct error *err)
{
	OWNED(tx_done) struct tx tx = { 0 };
	enum reason verdict;
	int rc;

	if ((rc = tx_begin(store, &tx, err)) < 0 ||
	    (rc = judge_token(store, host, token_sha256, now_ms, &verdict, err)) < 0)
		return rc;
	if (verdict == REASON_OK && ((rc = use_token(store, token_sha256, now_ms, err)) < 0 ||
				     (rc = put_host(store, host, now_ms, err)) < 0))
		return rc;
	if ((rc = tx_commit(&tx, err)) < 0)
		return rc;
	*reason = verdict;
	return 0;
}

/* ------------------------------------------------------------------------------ desired state */

void store_desired_done(struct store_desired *desired)
{
	free(desired->images);
	free(desired->desktops);
	free(desired->needless);
	*desired = (struct store_desired){ 0 };
}

static int read_images(struct store *store, const char *host, struct store_desired *out,
		       struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_IMAGES_OF_HOST);
	int rc;

	query_text(&q, host);
	while ((rc = query_row(&q, err)) > 0) {
		out->images = store_grow(out->images, out->image_count, sizeof(*out->images));

		struct store_desired_image *image = &out->images[out->image_count++];
		get_text(&q, image->name, sizeof(image->name));
		get_text(&q, image->sha256, sizeof(image->sha256));
		image->size_bytes = get_int(&q);
		image->held = get_int(&q) != 0;
		if (query_sound(&q, err) < 0)
			return -EBADMSG;
	}
	return rc;
}

static int read_needless(struct store *store, struct store_desired *out, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_IMAGES_NOT_NEEDED);
	int rc;

	while ((rc = query_row(&q, err)) > 0) {
		out->needless =
			store_grow(out->needless, out->needless_count, sizeof(*out->needless));
		get_text(&q, out->needless[out->needless_count++], STORE_SHA256_SIZE);
		if (query_sound(&q, err) < 0)
			return -EBADMSG;
	}
	return rc;
}

int store_image_for_host(struct store *store, const char *host, const char *sha256, bool *needed,
			 struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_IMAGE_FOR_HOST);
	int rc;

	query_text(&q, host);
	query_text(&q, sha256);
	if ((rc = query_row(&q, err)) < 0)
		return rc;
	*needed = get_int(&q) != 0;
	return query_sound(&q, err);
}

static int read_desktops(struct store *store, const char *host, struct store_desired *out,
			 struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_DESKTOPS_OF_HOST);
	int rc;

	query_text(&q, host);
	while ((rc = query_row(&q, err)) > 0) {
		out->desktops = store_grow(out->desktops, out->desktop_count, sizeof(*out->desktops));
		if (store_read_desktop(&q, &out->desktops[out->desktop_count++], NULL, err) < 0)
			return -EBADMSG;
	}
	return rc;
}

int store_desired_for_host(struct store *store, const char *host, struct store_desired *out,
			   struct error *err)
{
	OWNED(store_desired_done) struct store_desired desired = { 0 };
	OWNED(tx_done) struct tx tx = { 0 };
	int rc;

	if ((rc = tx_begin_read(store, &tx, err)) < 0 ||
	    (rc = store_host_generation(store, host, &desired.generation, err)) < 0 ||
	    (rc = read_images(store, host, &desired, err)) < 0 ||
	    (rc = read_needless(store, &desired, err)) < 0 ||
	    (rc = read_desktops(store, host, &desired, err)) < 0)
		return rc;
	*out = desired;
	desired = (struct store_desired){ 0 };
	return 0;
}
