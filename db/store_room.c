/* SPDX-License-Identifier: Apache-2.0 */
/* What room hosts have for new desktops, and which of them gets one. What is free does not depend
 * on what a desktop is made from, so one reading of all hosts and desktops serves all pools; only
 * where the needed image is, and where its starts fail, is asked once for each image. */
#include "db/store_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/base/cleanup.h"
#include "pool/placement.h"

/* Where an image is: a byte for each host. */
enum { AT_READY = 1, AT_BAD = 2, AT_COMING = 4, AT_PAUSED = 8 };

struct image_places {
	char sha256[STORE_SHA256_SIZE];
	uint8_t *at;
};

struct store_site_room {
	struct store *store;
	int64_t silent_before_ms, now_ms;
	bool read;
	struct placement_host *hosts; /* by name; as for the image looked at last */
	char (*names)[STORE_NAME_SIZE];
	int64_t *committed_bytes; /* what those on the host are expected to take in all */
	int64_t *said_free_bytes; /* what it says is free, less what they will still take */
	size_t count;
	struct image_places *images;
	size_t image_count;
};

struct store_site_room *store_site_room_new(struct store *store, int64_t silent_before_ms,
					    int64_t now_ms)
{
	struct store_site_room *room = xnew(struct store_site_room);

	room->store = store;
	room->silent_before_ms = silent_before_ms;
	room->now_ms = now_ms;
	return room;
}

void store_site_room_free(struct store_site_room *room)
{
	if (!room)
		return;
	for (size_t i = 0; i < room->image_count; i++)
		free(room->images[i].at);
	free(room->images);
	free(room->hosts);
	free(room->names);
	free(room->committed_bytes);
	free(room->said_free_bytes);
	free(room);
}

/* ------------------------------------------------------------------------------------ reading */

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int read_host(struct query *q, struct store_site_room *room, struct error *err)
{
	size_t i = room->count;
	char state[16];

	room->hosts = store_grow(room->hosts, i, sizeof(*room->hosts));
	room->names = store_grow(room->names, i, sizeof(*room->names));
	room->committed_bytes = store_grow(room->committed_bytes, i, sizeof(int64_t));
	room->said_free_bytes = store_grow(room->said_free_bytes, i, sizeof(int64_t));

	struct placement_host *h = &room->hosts[i];
	get_text(q, room->names[i], STORE_NAME_SIZE);
	get_text(q, state, sizeof(state));
	h->active = strcmp(state, "active") == 0;
	h->silent = get_int(q) < room->silent_before_ms;
	h->cpus = get_int(q);
	h->memory_bytes = get_int(q);
	room->said_free_bytes[i] = get_int(q);
	h->disk_bytes = get_int(q);
	h->disk_free_bytes = get_int(q);
	room->committed_bytes[i] = get_int(q); /* its templates' memory */
	room->count++;
	return query_sound(q, err);
}

static int read_hosts(struct store_site_room *room, struct error *err)
{
	OWNED(query_done) struct query q = query(room->store, ST_HOSTS_SPACE);
	int rc;

	while ((rc = query_row(&q, err)) > 0)
		if ((rc = read_host(&q, room, err)) < 0)
			return rc;
	for (size_t i = 0; i < room->count; i++)
		room->hosts[i].name = room->names[i];
	return rc;
}

static void read_placed(struct query *q, struct placement_desktop *d, char host[STORE_NAME_SIZE])
{
	char state[16];

	get_text(q, host, STORE_NAME_SIZE);
	d->cpus = get_int(q);
	d->memory_bytes = get_int(q);
	d->pss_bytes = get_int(q);
	d->overlay_bytes = get_int(q);
	get_text(q, state, sizeof(state));
	d->up = strcmp(state, "ready") == 0 || strcmp(state, "suspended") == 0;
	d->peak.memory_bytes = get_int(q);
	d->peak.overlay_bytes = get_int(q);
}

static void account(struct store_site_room *room, size_t i, const struct placement_desktop *d)
{
	struct placement_host *h = &room->hosts[i];

	h->memory_free_bytes = room->said_free_bytes[i];
	placement_account(h, d, &room->committed_bytes[i]);
	room->said_free_bytes[i] = h->memory_free_bytes;
}

static void settle(struct store_site_room *room, size_t i)
{
	struct placement_host *h = &room->hosts[i];

	h->memory_free_bytes =
		least(h->memory_bytes - room->committed_bytes[i], room->said_free_bytes[i]);
}

/* Both lists are ordered by host. */
static int account_desktops(struct store_site_room *room, struct error *err)
{
	OWNED(query_done) struct query q = query(room->store, ST_PLACED);
	size_t at = 0;
	int rc;

	while ((rc = query_row(&q, err)) > 0) {
		struct placement_desktop d = { 0 };
		char host[STORE_NAME_SIZE];

		read_placed(&q, &d, host);
		if (query_sound(&q, err) < 0)
			return -EBADMSG;
		while (at < room->count && strcmp(room->names[at], host) < 0)
			at++;
		if (at < room->count && strcmp(room->names[at], host) == 0)
			account(room, at, &d);
	}
	return rc;
}

static int read_site(struct store_site_room *room, struct error *err)
{
	int rc;

	if (room->read)
		return 0;
	if ((rc = read_hosts(room, err)) < 0 || (rc = account_desktops(room, err)) < 0)
		return rc;
	for (size_t i = 0; i < room->count; i++)
		settle(room, i);
	room->read = true;
	return 0;
}

static uint8_t read_place(struct query *q, int64_t now_ms)
{
	int64_t ready = get_int(q);
	bool paused = get_int(q) > now_ms;
	bool coming = get_int(q) != 0;

	return (uint8_t)((ready == 1   ? AT_READY
			  : ready == 0 ? AT_BAD
				       : 0) |
			 (paused ? AT_PAUSED : 0) | (coming ? AT_COMING : 0));
}

/* A row for each host, in the order of the hosts. */
static int read_places(struct store_site_room *room, const char *image_sha256, uint8_t *at,
		       struct error *err)
{
	OWNED(query_done) struct query q = query(room->store, ST_IMAGE_PLACES);
	size_t i = 0;
	int rc;

	query_text(&q, image_sha256);
	while ((rc = query_row(&q, err)) > 0 && i < room->count) {
		at[i++] = read_place(&q, room->now_ms);
		if (query_sound(&q, err) < 0)
			return -EBADMSG;
	}
	return rc < 0 ? rc : 0;
}

static int find_places(struct store_site_room *room, const char *image_sha256, const uint8_t **out,
		       struct error *err)
{
	for (size_t i = 0; i < room->image_count; i++)
		if (strcmp(room->images[i].sha256, image_sha256) == 0) {
			*out = room->images[i].at;
			return 0;
		}

	OWNED(free) uint8_t *at = xcalloc(room->count + 1, 1);
	int rc = read_places(room, image_sha256, at, err);
	if (rc < 0)
		return rc;

	room->images = store_grow(room->images, room->image_count, sizeof(*room->images));
	struct image_places *places = &room->images[room->image_count++];
	snprintf(places->sha256, sizeof(places->sha256), "%s", image_sha256);
	*out = places->at = STEAL(at);
	return 0;
}

/* The hosts as desktops of this image find them. */
static int look(struct store_site_room *room, const char *image_sha256, struct error *err)
{
	const uint8_t *at = NULL;
	int rc;

	if ((rc = read_site(room, err)) < 0 || (rc = find_places(room, image_sha256, &at, err)) < 0)
		return rc;
	for (size_t i = 0; i < room->count; i++) {
		room->hosts[i].image_ready = at[i] & AT_READY;
		room->hosts[i].image_bad = at[i] & AT_BAD;
		room->hosts[i].image_coming = at[i] & AT_COMING;
		room->hosts[i].paused = at[i] & AT_PAUSED;
	}
	return 0;
}

static int read_peak(struct store *store, const char *pool, struct placement_peak *out,
		     struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_POOL_PEAK);
	int rc;

	query_text(&q, pool);
	if ((rc = query_row(&q, err)) < 0)
		return rc;
	out->memory_bytes = get_int(&q);
	out->overlay_bytes = get_int(&q);
	return query_sound(&q, err);
}

/* The hosts, and what one more desktop of the pool is expected to take. */
static int look_for(struct store_site_room *room, const struct pool *pool, const char *image_sha256,
		    struct placement_peak *peak, struct placement_need *need, struct error *err)
{
	int rc;

	if ((rc = look(room, image_sha256, err)) < 0 ||
	    (rc = read_peak(room->store, pool->name, peak, err)) < 0)
		return rc;
	*need = placement_expect(&pool->desktop, peak);
	return 0;
}

/* ---------------------------------------------------------------------------------- answering */

void store_room_list_done(struct store_room_list *list)
{
	free(list->items);
	*list = (struct store_room_list){ 0 };
}

static void add_room(struct store_room_list *list, const struct placement_host *h,
		     const struct placement_need *need)
{
	struct store_room *room = STORE_APPEND(list);

	*room = (struct store_room){
		.reason = placement_fits(h, need),
		.memory_bytes = h->memory_bytes,
		.memory_free_bytes = h->memory_free_bytes,
		.memory_needed_bytes = need->memory_bytes,
		.disk_bytes = h->disk_bytes,
		.disk_free_bytes = h->disk_free_bytes,
		.disk_needed_bytes = need->disk_bytes,
		.cpus = h->cpus,
		.cpus_used = h->cpus_used,
	};
	snprintf(room->host, sizeof(room->host), "%s", h->name);
}

int store_pool_room(struct store *store, const struct pool *pool, const char *image_sha256,
		    int64_t silent_before_ms, int64_t now_ms, struct store_room_list *out,
		    struct error *err)
{
	OWNED(store_site_room_free)
	struct store_site_room *room = store_site_room_new(store, silent_before_ms, now_ms);
	struct placement_peak peak;
	struct placement_need need;
	int rc = look_for(room, pool, image_sha256, &peak, &need, err);

	for (size_t i = 0; i < room->count && rc == 0; i++)
		add_room(out, &room->hosts[i], &need);
	return rc;
}

int store_hosts_room(struct store_site_room *room, const struct pool *pool,
		     const char *image_sha256, int64_t *memory_free_bytes, int64_t *need_bytes,
		     bool *possible, struct error *err)
{
	struct placement_peak peak;
	struct placement_need need;
	int64_t free_bytes = 0;
	int rc;

	*memory_free_bytes = 0;
	*need_bytes = pool->desktop.memory_bytes;
	*possible = false;
	if (!*image_sha256)
		return 0;
	if ((rc = look_for(room, pool, image_sha256, &peak, &need, err)) < 0)
		return rc;
	*need_bytes = need.memory_bytes;
	for (size_t i = 0; i < room->count; i++)
		if (room->hosts[i].active && !room->hosts[i].silent &&
		    room->hosts[i].memory_free_bytes > 0)
			free_bytes += room->hosts[i].memory_free_bytes;
	*memory_free_bytes = free_bytes;
	*possible = placement_choose(room->hosts, room->count, &need, NULL) >= 0 ||
		    placement_is_full(room->hosts, room->count, &need);
	return 0;
}

static enum reason why_none(const struct store_site_room *room, const struct placement_need *need)
{
	if (placement_is_full(room->hosts, room->count, need))
		return REASON_HOSTS_FULL;
	return placement_is_coming(room->hosts, room->count, need) ? REASON_IMAGE_COMING
								   : REASON_NO_HOST;
}

int store_room_take(struct store_site_room *room, const struct pool *pool, const char *image_sha256,
		    char host[STORE_NAME_SIZE], enum reason *reason, struct error *err)
{
	struct placement_desktop taken = { .cpus = pool->desktop.cpus,
					   .memory_bytes = pool->desktop.memory_bytes };
	struct placement_need need;
	int rc = look_for(room, pool, image_sha256, &taken.peak, &need, err);

	if (rc < 0)
		return rc;

	ssize_t best = placement_choose(room->hosts, room->count, &need, NULL);
	if (best < 0) {
		*reason = why_none(room, &need);
		return 0;
	}
	account(room, (size_t)best, &taken);
	settle(room, (size_t)best);
	memcpy(host, room->names[best], STORE_NAME_SIZE);
	*reason = REASON_OK;
	return 0;
}
