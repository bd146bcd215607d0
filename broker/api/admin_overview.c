/* SPDX-License-Identifier: Apache-2.0 */
/* A site in a few numbers. Who may not look at hosts or the audit log gets none of them. */
#include "broker/api/admin.h"

#include "common/sys/clock.h"

#define DENIED_SINCE_MS (INT64_C(24) * 3600 * 1000)

static void add(json_t *object, const char *key, int64_t count)
{
	int64_t before = json_integer_value(json_object_get(object, key));

	json_object_set_new(object, key, json_integer(before + count));
}

static json_t *desktops_json(const struct request *r, const struct store_overview *o)
{
	json_t *states = json_object();

	for (size_t i = 0; i < o->desktops.count; i++)
		if (request_may_pool(r, o->desktops.items[i].pool))
			add(states, o->desktops.items[i].state, o->desktops.items[i].count);
	return states;
}

static int64_t sessions_of(const struct request *r, const struct store_overview *o)
{
	int64_t count = 0;

	for (size_t i = 0; i < o->sessions.count; i++)
		if (request_may_pool(r, o->sessions.items[i].pool))
			count += o->sessions.items[i].count;
	return count;
}

static json_t *hosts_json(const struct store_overview *o)
{
	json_t *hosts = json_object();

	for (size_t i = 0; i < o->hosts.count; i++) {
		const struct store_host_tally *t = &o->hosts.items[i];

		json_object_set_new(hosts, t->state,
				    json_pack("{s:I, s:I, s:I, s:I}", "count", (json_int_t)t->count,
					      "cpus", (json_int_t)t->cpus, "memory_bytes",
					      (json_int_t)t->memory_bytes, "memory_free_bytes",
					      (json_int_t)t->memory_free_bytes));
	}
	return hosts;
}

static int overview_run(struct store *store, struct admin_job *a, struct error *err)
{
	OWNED(store_overview_done) struct store_overview o = { 0 };
	const struct request *r = a->r;
	int rc = store_overview(store, clock_wall_ms() - DENIED_SINCE_MS, &o, err);

	a->answer = json_pack("{s:o, s:I}", "desktops", desktops_json(r, &o), "sessions",
			      (json_int_t)sessions_of(r, &o));
	if (r->roles.set & (ROLE_ADMIN | ROLE_AUDITOR | ROLE_HELPDESK))
		json_object_set_new(a->answer, "hosts", hosts_json(&o));
	if (r->roles.set & (ROLE_ADMIN | ROLE_AUDITOR))
		json_object_set_new(a->answer, "denied_day", json_integer(o.denied));
	return rc;
}

void admin_overview(struct request *r)
{
	admin_look(r, overview_run, NULL, NULL);
}
