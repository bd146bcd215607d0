/* SPDX-License-Identifier: Apache-2.0 */
/* site.h - a small site in a real store file, for the tests: one host, one image, pools. */
#ifndef GENKAN_TESTS_DB_SITE_H
#define GENKAN_TESTS_DB_SITE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "common/sys/file.h"
#include "db/store.h"

#define MIB (INT64_C(1) << 20)
#define GIB (INT64_C(1) << 30)
#define IMAGE_SHA "1111111111111111111111111111111111111111111111111111111111111111"
#define NOW INT64_C(1000000)

struct site {
	char dir[64];
	char path[96];
	struct store *store;
};

#define must(call)                                                                                 \
	do {                                                                                       \
		struct error err = { 0 };                                                          \
		int must_rc_ = (call);                                                             \
		if (must_rc_ < 0)                                                                  \
			fail_msg("%s: %d: %s", #call, must_rc_, err.text);                         \
	} while (0)

static inline int site_setup(void **state)
{
	struct site *site = xnew(struct site);

	strcpy(site->dir, "/tmp/genkan-db-XXXXXX");
	assert_non_null(mkdtemp(site->dir));
	snprintf(site->path, sizeof(site->path), "%s/store.db", site->dir);
	must(store_open(site->path, &site->store, &err));
	*state = site;
	return 0;
}

static inline int site_teardown(void **state)
{
	struct site *site = *state;

	store_close(site->store);
	must(file_remove_tree(site->dir, &err));
	free(site);
	return 0;
}

static inline struct pool site_pool(const char *name, enum pool_assignment kind, int64_t max,
				    int64_t spare)
{
	struct pool p = { .assignment = kind,
			  .size_max = max,
			  .size_spare = spare,
			  .on_logoff = pool_on_logoff_default(kind),
			  .disconnect_timeout_ms = POOL_DISCONNECT_DEFAULT_MS,
			  .group_count = 1,
			  .desktop = { .cpus = 1, .memory_bytes = 1 * GIB } };

	snprintf(p.name, sizeof(p.name), "%s", name);
	snprintf(p.title, sizeof(p.title), "Title of %s", name);
	snprintf(p.groups[0], sizeof(p.groups[0]), "%s", name);
	strcpy(p.image, "debian-desktop");
	strcpy(p.channel, "stable");
	return p;
}

static inline void site_apply(struct site *site, const struct pool *pools, size_t count)
{
	OWNED(store_pool_changes_done) struct store_pool_changes changes = { 0 };

	must(store_pools_apply(site->store, pools, count, false, NOW, &changes, &err));
}

static inline void site_user(struct site *site, const char *name)
{
	struct store_user user = { .uid = 1000 };

	snprintf(user.key, sizeof(user.key), "key-%s", name);
	snprintf(user.name, sizeof(user.name), "%s", name);
	snprintf(user.account, sizeof(user.account), "%s", name);
	snprintf(user.display_name, sizeof(user.display_name), "Display %s", name);
	must(store_user_upsert(site->store, &user, NOW, &err));
}

static inline struct store_report site_report(const char *host, int64_t seq)
{
	return (struct store_report){ .host = host,
				      .seq = seq,
				      .accel = "tcg",
				      .cpus = 8,
				      .memory_bytes = 64 * GIB,
				      .memory_free_bytes = 64 * GIB,
				      .relay_host = "192.0.2.1",
				      .relay_port = 3389,
				      .relay_certificate_sha256 = IMAGE_SHA };
}

static inline void site_host(struct site *site, const char *name)
{
	uint8_t token[STORE_HASH_BYTES] = { 0 };
	enum reason reason;
	struct store_report_result result;
	struct store_report report = site_report(name, 1);

	memcpy(token, name, strlen(name));
	must(store_host_token_create(site->store, name, token, NOW + 1000, NOW, &err));
	must(store_host_join(site->store, name, token, NOW, &reason, &err));
	assert_int_equal(reason, REASON_OK);
	must(store_host_report(site->store, &report, NOW, &result, &err));
}

#define site_move(to)                                                                              \
	((struct store_move){ .name = "debian-desktop", .channel = (to), .kind = "publish",        \
			      .now_ms = NOW })

static inline void site_image(struct site *site)
{
	struct store_image image;

	must(store_image_publish(site->store, &site_move("stable"), IMAGE_SHA, 4096, &image, &err));
}

/* Host, image, a floating pool "sales" (max 3, no spare), a dedicated "dev", users anna and bo. */
static inline int site_setup_full(void **state)
{
	site_setup(state);
	struct site *site = *state;
	struct pool pools[] = { site_pool("sales", POOL_FLOATING, 3, 0),
				site_pool("dev", POOL_DEDICATED, 2, 0) };

	site_host(site, "host-a");
	site_image(site);
	site_apply(site, pools, 2);
	site_user(site, "anna");
	site_user(site, "bo");
	return 0;
}

static inline struct store_taken site_take(struct site *site, const char *user, const char *pool)
{
	char key[STORE_KEY_SIZE];
	struct store_taken taken;
	struct store_take take = { .user_key = key, .pool = pool, .now_ms = NOW };

	snprintf(key, sizeof(key), "key-%s", user);
	must(store_assignment_take(site->store, &take, &taken, &err));
	return taken;
}

static inline int64_t site_replenish(struct site *site, int64_t now_ms)
{
	struct store_replenish how = { .now_ms = now_ms };
	int64_t changed = -1;

	must(store_pools_replenish(site->store, &how, &changed, &err));
	return changed;
}

static inline struct store_report_desktop site_ready(const struct store_desktop *d)
{
	return (struct store_report_desktop){ .id = d->id,
					      .epoch = d->epoch,
					      .state = DESKTOP_READY,
					      .stage = DESKTOP_STAGE_READY,
					      .percent = 100,
					      .address = "10.77.0.5",
					      .rdp_certificate_sha256 = IMAGE_SHA };
}

static inline struct store_ticket site_ticket(const struct store_desktop *d, uint8_t mark)
{
	struct store_ticket t = { .user_key = d->user_key,
				  .desktop = d->id,
				  .host = d->host,
				  .epoch = d->epoch,
				  .client_address = "198.51.100.7",
				  .expires_at_ms = NOW + 30000 };

	memset(t.locator, mark, sizeof(t.locator));
	memset(t.secret_sha256, mark + 1, sizeof(t.secret_sha256));
	t.policy.value[POLICY_SOUND] = POLICY_ALLOW;
	return t;
}

static inline struct store_redeem site_redeem(const struct store_ticket *t)
{
	struct store_redeem r = { .host = t->host,
				  .client_address = "198.51.100.7",
				  .now_ms = NOW + 1000 };

	memcpy(r.locator, t->locator, sizeof(r.locator));
	memcpy(r.secret_sha256, t->secret_sha256, sizeof(r.secret_sha256));
	return r;
}

#endif
