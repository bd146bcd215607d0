/* SPDX-License-Identifier: Apache-2.0 */
/* entitled.h - the pools a user may use, with the desktops they have there. */
#ifndef GENKAN_SESSION_ENTITLED_H
#define GENKAN_SESSION_ENTITLED_H

#include "broker/directory/directory.h"
#include "common/data/json.h"
#include "db/store.h"

struct entitled {
	struct store_pool_view *pools;
	struct entitlement *items;	/* point into pools */
	size_t count;
};
void entitled_done(struct entitled *entitled);
DEFINE_OWNED_VALUE(entitled_done, struct entitled);

int entitled_find(struct store *store, const struct directory_person *person, struct entitled *out,
		  struct error *err) MUST_CHECK;
const struct pool *entitled_pool(const struct entitled *entitled, size_t index);
/* The pool meant by a desktop id of the user or a pool name; NULL: none they may use. */
int entitled_resolve(struct store *store, const struct entitled *entitled, const char *user_key,
		     const char *id, const struct pool **out, struct error *err) MUST_CHECK;
/* The API's array of ENTRY. `known`: a desktop of the user that was just looked up, or NULL. */
int entitled_json(struct store *store, const struct entitled *entitled, const char *user_key,
		  const struct store_desktop *known, json_t **out, struct error *err) MUST_CHECK;

/* The store's picture of a person of the directory. */
int user_of_person(const struct directory_person *person, struct store_user *out) MUST_CHECK;
/* A copy that owns its groups. */
void directory_person_copy(const struct directory_person *from, struct directory_person *out);

#endif
