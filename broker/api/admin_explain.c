/* SPDX-License-Identifier: Apache-2.0 */
/* Why a user gets the desktop they get, or none: the same steps as a login, nothing changed. */
#include "broker/api/admin.h"

#include <errno.h>

#include "broker/factor/second_factor.h"
#include "broker/session/connect.h"
#include "broker/session/entitled.h"
#include "common/base/text.h"
#include "common/sys/clock.h"
#include "pool/pool_json.h"

struct explain_input {
	struct directory_person person;
	int64_t host_silent_ms;
	bool factor_by_group;
	char pool[POOL_NAME_SIZE];	/* only this one; "": all */
};

static void free_input(void *arg)
{
	struct explain_input *input = arg;

	directory_person_done(&input->person);
	free(input);
}

static const struct entitlement *entitlement_to(const struct entitled *entitled, size_t pool)
{
	for (size_t i = 0; i < entitled->count; i++)
		if (entitled->items[i].pool == pool)
			return &entitled->items[i];
	return NULL;
}

/* Who has no desktop may stand in line for one. */
static int explain_place(struct store *store, const struct explain_input *input,
			 const struct pool *pool, json_t *out, struct error *err)
{
	struct store_place place;
	int rc = store_place_find(store, input->person.id, pool->name, &place, err);

	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	json_object_set_new(out, "waiting",
			    json_pack("{s:I, s:s, s:s, s:I}", "position", (json_int_t)place.position,
				      "code", reason_word(REASON_WAITING), "why",
				      reason_word(place.why), "estimate_ms",
				      (json_int_t)place.estimate_ms));
	return 0;
}

static int explain_desktop(struct store *store, const struct explain_input *input,
			   const struct pool *pool, json_t *out, struct error *err)
{
	struct store_desktop desktop = { 0 };
	struct store_host host = { 0 };
	int rc = store_assignment_find(store, input->person.id, pool->name, &desktop, err);

	if (rc == -ENOENT) {
		json_object_set_new(out, "desktop", json_null());
		return explain_place(store, input, pool, out, err);
	}
	if (rc == 0)
		rc = store_host_find(store, desktop.host, &host, err);
	if (rc < 0 && rc != -ENOENT)
		return rc;
	enum reason reason = connect_decide(&desktop, rc == 0 ? &host : NULL,
					    clock_wall_ms() - input->host_silent_ms);
	json_object_set_new(out, "desktop",
			    json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "id", desktop.id,
				      "name", desktop.name, "host", desktop.host, "state",
				      desktop_state_word(desktop.state), "stage",
				      desktop_stage_word(desktop.stage), "use",
				      desktop_use_word(desktop.use), "code", reason_word(reason),
				      "reason", desktop.reason));
	return 0;
}

static int explain_pool(struct store *store, const struct explain_input *input,
			const struct pool *pool, const struct entitlement *entitlement,
			json_t *pools, struct error *err)
{
	enum reason why = entitlement ? entitlement->why : REASON_NOT_ENTITLED;
	json_t *out = json_pack("{s:s, s:s, s:b, s:s, s:s, s:s, s:s, s:o}", "pool", pool->name, "title",
				pool->title, "entitled", entitlement != NULL, "code",
				reason_word(why), "principal",
				entitlement ? entitlement->principal : "", "image", pool->image,
				"second_factor", pool_second_factor_word(pool->second_factor),
				"policy", policy_to_json(&pool->policy));

	struct store_push push;
	int rc = store_push_find(store, pool->name, &push, err);

	json_array_append_new(pools, out);
	if (rc < 0 && rc != -ENOENT)
		return rc;
	json_object_set_new(out, "push", rc == 0 ? admin_push_json(&push) : json_null());
	return entitlement ? explain_desktop(store, input, pool, out, err) : 0;
}

static json_t *groups_json(const struct directory_person *person)
{
	json_t *groups = json_array();

	for (size_t i = 0; i < person->group_count; i++)
		json_array_append_new(groups, json_string(person->groups[i].name));
	return groups;
}

/* Whether a login will ask for a code, who says so, and whether there is one. */
static int explain_factor(struct store *store, const struct explain_input *input,
			  const struct entitled *entitled, json_t *out, struct error *err)
{
	struct store_factor factor = { 0 };
	json_t *by = json_array();
	int rc = store_factor_find(store, input->person.id, &factor, err);

	if (input->factor_by_group)
		json_array_append_new(by, json_string("group"));
	for (size_t i = 0; i < entitled->count; i++)
		if (entitled_pool(entitled, i)->second_factor)
			json_array_append_new(by, json_sprintf("pool %s",
							       entitled_pool(entitled, i)->name));
	json_object_set_new(out, "second_factor",
			    json_pack("{s:b, s:o, s:b, s:I}", "needed", json_array_size(by) > 0, "by",
				      by, "enrolled", rc == 0, "wrong_in_a_row",
				      (json_int_t)factor.wrong_count));
	return rc == -ENOENT ? 0 : rc;
}

static int explain_run(struct store *store, struct admin_job *a, struct error *err)
{
	const struct explain_input *input = a->input;
	const struct directory_person *person = &input->person;
	OWNED(entitled_done) struct entitled entitled = { 0 };
	OWNED(json_decref) json_t *pools = json_array();
	int rc = entitled_find(store, person, &entitled, err);

	for (size_t i = 0; rc == 0 && i < entitled.pools->list.count; i++) {
		const char *name = entitled.pools->list.items[i].name;

		if (!request_may_pool(a->r, name) || (*input->pool && strcmp(input->pool, name) != 0))
			continue;
		rc = explain_pool(store, input, &entitled.pools->list.items[i],
				  entitlement_to(&entitled, i), pools, err);
	}
	a->answer = json_pack("{s:s, s:s, s:s, s:o, s:O, s:s}", "user", person->user,
			      "display_name", person->display_name, "id", person->id, "groups",
			      groups_json(person), "pools", pools, "code",
			      reason_word(entitled.count ? REASON_OK : REASON_NOT_ENTITLED));
	return rc < 0 ? rc : explain_factor(store, input, &entitled, a->answer, err);
}

static void on_directory(void *arg, const struct directory_answer *answer)
{
	struct request *r = arg;

	if (answer->verdict == DIRECTORY_REFUSED) {
		request_refuse(r, REASON_NOT_FOUND, -1, "The directory has no such user.");
		return;
	}
	if (answer->verdict != DIRECTORY_OK) {
		bool down = answer->verdict == DIRECTORY_UNREACHABLE;

		request_refuse(r, directory_reason(answer->verdict),
			       answer->verdict == DIRECTORY_BUSY ? answer->retry_after_ms : -1,
			       down ? answer->reason.text : NULL);
		return;
	}

	struct explain_input *input = xnew(struct explain_input);
	input->host_silent_ms = r->broker->config->host_silent_ms;
	directory_person_copy(&answer->person, &input->person);
	input->factor_by_group = second_factor_for_groups(
		r->broker->config, answer->person.groups, answer->person.group_count);
	if (str_copy(input->pool, sizeof(input->pool), r->argument) < 0)
		input->pool[0] = '-';	/* no pool is called that */
	admin_look(r, explain_run, input, free_input);
}

void admin_explain(struct request *r)
{
	struct http_exchange *x = request_exchange(r);
	const char *user = x ? http_query(x, "user") : NULL;
	const char *pool = x ? http_query(x, "pool") : NULL;

	const char *host = x ? http_query(x, "host") : NULL;

	if (!user && !pool && host) {
		admin_explain_host(r, host);
		return;
	}
	if (!user && pool) {
		admin_explain_pool(r, pool);
		return;
	}
	if (!user || !*user || strlen(user) >= STORE_USER_SIZE) {
		request_refuse(r, REASON_BAD_REQUEST, -1, "user, pool or host: must be given");
		return;
	}
	if (pool && str_copy(r->argument, sizeof(r->argument), pool) < 0) {
		request_refuse(r, REASON_NOT_FOUND, -1, "There is no such pool.");
		return;
	}
	directory_lookup_name(r->broker->directory, user, on_directory, r);
}
