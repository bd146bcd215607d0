/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/api/timings.h"

#include <uthash.h>

#include "common/base/text.h"
#include "common/sys/clock.h"

#define KEPT 256
#define START_MAX_MS INT64_C(86400000)
#define STAGES 6

static const char *const stage_keys[STAGES] = { "turn_ms",   "disk_ms",	 "machine_ms",
						"memory_ms", "guest_ms", "rdp_ms" };

struct timing {
	int64_t at_ms, search_us, bind_us, groups_us, assign_us, total_us;
};

struct start {
	int64_t at_ms, total_ms, stage_ms[STAGES];
	bool clone;
};

/* A host tells of a start in many reports; it is new when it ended later than what was known. */
struct teller {
	char host[STORE_NAME_SIZE];
	int64_t newest_ms;	/* by the host's clock */
	UT_hash_handle hh;
};

struct timings {
	struct timing logins[KEPT];
	struct start starts[KEPT];
	size_t login_count, start_count; /* ever noted */
	struct teller *tellers;
};

struct timings *timings_new(void)
{
	return xnew(struct timings);
}

void timings_free(struct timings *timings)
{
	struct teller *teller, *next;

	if (!timings)
		return;
	HASH_ITER(hh, timings->tellers, teller, next) {
		HASH_DEL(timings->tellers, teller);
		free(teller);
	}
	free(timings);
}

void timings_note(struct timings *timings, const struct request *r, int64_t total_us)
{
	timings->logins[timings->login_count++ % KEPT] = (struct timing){
		clock_wall_ms(), r->search_us, r->bind_us, r->groups_us, r->assign_us, total_us,
	};
}

static struct teller *teller_of(struct timings *timings, const char *host)
{
	struct teller *teller = NULL;

	HASH_FIND_STR(timings->tellers, host, teller);
	if (teller)
		return teller;
	teller = xnew(struct teller);
	if (str_copy(teller->host, sizeof(teller->host), host) < 0) {
		free(teller);
		return NULL;	/* no host has such a name */
	}
	HASH_ADD_STR(timings->tellers, host, teller);
	return teller;
}

static int read_start(const json_t *object, struct start *out)
{
	char way[16];
	int rc = json_get_int(object, "at_ms", 1, INT64_MAX, &out->at_ms, NULL);

	if (rc == 0)
		rc = json_get_text(object, "way", way, sizeof(way), NULL);
	if (rc == 0)
		rc = json_get_int(object, "total_ms", 0, START_MAX_MS, &out->total_ms, NULL);
	for (size_t i = 0; i < STAGES && rc == 0; i++)
		rc = json_get_int(object, stage_keys[i], 0, START_MAX_MS, &out->stage_ms[i], NULL);
	out->clone = rc == 0 && strcmp(way, "clone") == 0;
	return rc;
}

void timings_take(struct timings *timings, const char *host, const json_t *report)
{
	struct teller *teller = teller_of(timings, host);
	const json_t *desktop;
	size_t i;

	if (!teller)
		return;
	int64_t newest_ms = teller->newest_ms;

	json_array_foreach(json_object_get(report, "desktops"), i, desktop) {
		const json_t *object = json_object_get(desktop, "start");
		struct start start;

		if (!object || read_start(object, &start) < 0 ||
		    start.at_ms <= teller->newest_ms)
			continue;
		timings->starts[timings->start_count++ % KEPT] = start;
		if (start.at_ms > newest_ms)
			newest_ms = start.at_ms;
	}
	teller->newest_ms = newest_ms;
}

static json_t *login_json(const struct timing *t)
{
	return json_pack("{s:I, s:f, s:f, s:f, s:f, s:f}", "at_ms", (json_int_t)t->at_ms,
			 "search_ms", (double)t->search_us / 1e3, "bind_ms",
			 (double)t->bind_us / 1e3, "groups_ms", (double)t->groups_us / 1e3,
			 "assign_ms", (double)t->assign_us / 1e3, "total_ms",
			 (double)t->total_us / 1e3);
}

static json_t *start_json(const struct start *s)
{
	json_t *object = json_pack("{s:I, s:s, s:I}", "at_ms", (json_int_t)s->at_ms, "way",
				   s->clone ? "clone" : "boot", "total_ms",
				   (json_int_t)s->total_ms);

	for (size_t i = 0; i < STAGES; i++)
		json_object_set_new(object, stage_keys[i], json_integer(s->stage_ms[i]));
	return object;
}

static size_t oldest_kept(size_t count)
{
	return count > KEPT ? count - KEPT : 0;
}

void timings_get(struct request *r)
{
	const struct timings *timings = r->broker->timings;
	json_t *logins = json_array(), *starts = json_array();

	for (size_t i = oldest_kept(timings->login_count); i < timings->login_count; i++)
		json_array_append_new(logins, login_json(&timings->logins[i % KEPT]));
	for (size_t i = oldest_kept(timings->start_count); i < timings->start_count; i++)
		json_array_append_new(starts, start_json(&timings->starts[i % KEPT]));
	request_reply(r, 200, json_pack("{s:o, s:o}", "logins", logins, "starts", starts));
}
