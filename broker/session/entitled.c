/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/session/entitled.h"

#include <errno.h>

#include "broker/session/connect.h"
#include "broker/session/guest_account.h"
#include "common/base/text.h"

void entitled_done(struct entitled *entitled)
{
	free(entitled->items);
	store_pool_view_done(entitled->pools);
	*entitled = (struct entitled){ 0 };
}

int entitled_find(struct store *store, const struct directory_person *person, struct entitled *out,
		  struct error *err)
{
	int rc = store_pools_view(store, &out->pools, err);

	if (rc < 0)
		return rc;
	const struct store_pool_list *pools = &out->pools->list;

	out->items = xcalloc(pools->count + 1, sizeof(out->items[0]));
	out->count = pool_entitlements(pools->items, pools->count, person->user,
				       person->groups, person->group_count, out->items);
	return 0;
}

const struct pool *entitled_pool(const struct entitled *entitled, size_t index)
{
	return &entitled->pools->list.items[entitled->items[index].pool];
}

static const struct pool *by_name(const struct entitled *entitled, const char *name)
{
	for (size_t i = 0; i < entitled->count; i++)
		if (strcmp(entitled_pool(entitled, i)->name, name) == 0)
			return entitled_pool(entitled, i);
	return NULL;
}

int entitled_resolve(struct store *store, const struct entitled *entitled, const char *user_key,
		     const char *id, const struct pool **out, struct error *err)
{
	OWNED(store_desktop_list_done) struct store_desktop_list own = { 0 };
	int rc = store_assignments(store, user_key, &own, err);

	if (rc < 0)
		return rc;
	*out = by_name(entitled, id);
	for (size_t i = 0; i < own.count; i++)
		if (strcmp(own.items[i].id, id) == 0)
			*out = by_name(entitled, own.items[i].pool);
	return 0;
}

int entitled_json(struct store *store, const struct entitled *entitled, const char *user_key,
		  const struct store_desktop *known, json_t **out, struct error *err)
{
	OWNED(json_decref) json_t *entries = json_array();

	for (size_t i = 0; i < entitled->count; i++) {
		const struct pool *pool = entitled_pool(entitled, i);
		struct store_desktop desktop;

		if (known && *known->id && strcmp(known->pool, pool->name) == 0) {
			json_array_append_new(entries, desktop_entry_json(pool, known));
			continue;
		}
		int rc = store_assignment_find(store, user_key, pool->name, &desktop, err);
		if (rc < 0 && rc != -ENOENT)
			return rc;
		json_array_append_new(entries,
				      desktop_entry_json(pool, rc == 0 ? &desktop : NULL));
	}
	*out = STEAL(entries);
	return 0;
}

int user_of_person(const struct directory_person *person, struct store_user *out)
{
	int rc = str_copy(out->key, sizeof(out->key), person->id);

	if (rc == 0)
		rc = str_copy(out->name, sizeof(out->name), person->user);
	if (rc == 0)
		rc = str_copy(out->display_name, sizeof(out->display_name), person->display_name);
	guest_account_name(person->user, person->id, out->account, sizeof(out->account));
	out->uid = guest_account_uid(person->uid_number, person->id);
	return rc;
}

void directory_person_copy(const struct directory_person *from, struct directory_person *out)
{
	*out = *from;
	out->groups = xcalloc(from->group_count + 1, sizeof(out->groups[0]));
	for (size_t i = 0; i < from->group_count; i++)
		out->groups[i] = (struct pool_group){
			.name = xstrdup(from->groups[i].name),
			.dn = from->groups[i].dn ? xstrdup(from->groups[i].dn) : NULL,
		};
}
