/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/conductor/rebuild.h"

#include <errno.h>

#include "broker/audit/audit.h"
#include "common/base/text.h"
#include "common/sys/clock.h"
#include "pool/pool.h"

int rebuild_host(struct store *store, const struct sync_report *in, struct error *err)
{
	const char *host = in->report.host;
	struct store_host known;
	int rc = store_host_find(store, host, &known, err);

	if (rc != -ENOENT || !pool_name_valid(host))
		return rc;
	rc = store_rebuild_host(store, host, in->report.generation, clock_wall_ms(), err);
	if (rc < 0)
		return rc;
	struct audit row = {
		.who = host, .what = "host_found", .subject = host, .reason = REASON_OK
	};

	return audit_append(store, &row, err);
}

/* What the host says besides about one that we may not know. False: too little. */
static bool describe(const json_t *item, struct store_adoption *a)
{
	return json_get_text(item, "name", a->name, sizeof(a->name), NULL) == 0 &&
	       json_get_text(item, "image_sha256", a->image_sha256, sizeof(a->image_sha256),
			     NULL) == 0 &&
	       json_get_int(item, "cpus", 1, 65536, &a->cpus, NULL) == 0 &&
	       json_get_int(item, "memory_bytes", 1, INT64_C(1) << 50, &a->memory_bytes, NULL) ==
		       0 &&
	       json_get_int_or(item, "incarnation", 0, 0, INT64_MAX, &a->incarnation, NULL) == 0;
}

static int list_unknown(struct store *store, const struct store_adoption *a, const char *why,
			struct error *err)
{
	struct store_unknown u = { .at_ms = clock_wall_ms() };

	if (str_copy(u.id, sizeof(u.id), a->report->id) < 0 ||
	    str_copy(u.host, sizeof(u.host), a->host) < 0 ||
	    str_copy(u.name, sizeof(u.name), a->name) < 0 ||
	    str_copy(u.account, sizeof(u.account), a->report->logged_on) < 0 ||
	    str_copy(u.why, sizeof(u.why), why) < 0)
		return 0; /* a text of the host's that is no name */
	return store_unknown_put(store, &u, err);
}

static int adopt(struct store *store, const struct store_adoption *a, bool *changed,
		 struct error *err)
{
	const char *why = NULL;
	int rc = store_adopt(store, a, clock_wall_ms(), &why, err);

	if (rc < 0 || why)
		return rc < 0 ? rc : list_unknown(store, a, why, err);
	*changed = true;
	struct audit row = {
		.who = a->user.name,
		.source = a->host,
		.what = "desktop_adopted",
		.subject = a->report->id,
		.reason = REASON_OK,
		.details = json_pack("{s:s, s:s, s:s}", "host", a->host, "pool", a->pool, "desktop",
				     a->name),
	};

	return audit_append(store, &row, err);
}

static int look_at(struct store *store, const uint8_t *key, const struct sync_report *in, size_t i,
		   bool *changed, struct error *err)
{
	const json_t *item = json_array_get(json_object_get(in->body, "desktops"), i);
	const struct store_report_desktop *r = &in->report.desktops[i];
	struct store_adoption a = { .report = r, .host = in->report.host };
	struct store_desktop known;
	char text[DEED_SIZE] = "";
	struct deed deed;
	int rc = store_desktop_find(store, r->id, &known, err);

	if (rc != -ENOENT)
		return rc;
	if (!describe(item, &a))
		return 0; /* it was not asked yet, or is of an older version */
	if (json_get_text_or(item, "deed", "", text, sizeof(text), NULL) < 0 || !*text)
		return list_unknown(store, &a, "nobody's, or its host was never told whose", err);
	if (deed_read(key, text, &deed) < 0 || strcmp(deed.desktop, r->id) != 0 ||
	    strcmp(deed.host, a.host) != 0 || deed.epoch != r->epoch)
		return list_unknown(store, &a, "its deed is not of this site's broker", err);
	memcpy(a.pool, deed.pool, sizeof(a.pool));
	a.user = deed.user;
	return adopt(store, &a, changed, err);
}

int rebuild_desktops(struct store *store, const uint8_t key[DEED_KEY_BYTES],
		     const struct sync_report *in, enum store_rebuild how, bool *changed,
		     struct error *err)
{
	int64_t wanted = 0;
	bool all = false;
	int rc = store_host_generation(store, in->report.host, &wanted, err);

	/* What it says counts once it has been asked. */
	if (rc < 0 || in->report.generation < wanted)
		return rc;
	for (size_t i = 0; i < in->report.desktop_count && rc >= 0; i++)
		rc = look_at(store, key, in, i, changed, err);
	if (rc >= 0)
		rc = store_rebuild_told(store, in->report.host, &all, err);
	if (rc < 0 || !all || how != STORE_REBUILD_KNOWN)
		return rc < 0 ? rc : 0;
	*changed = true;
	struct audit row = { .who = "broker", .what = "rebuild_finish", .reason = REASON_OK };

	rc = audit_append(store, &row, err);
	return rc < 0 ? rc : store_rebuild_finish(store, err);
}
