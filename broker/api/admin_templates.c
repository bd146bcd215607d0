/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/api/admin.h"

/* What hosts say about them has been checked when it came in; each is told with its host. */
static void add(void *arg, const char *host, const char *json)
{
	OWNED(json_decref) json_t *templates = json_loads(json, 0, NULL);
	json_t *list = arg, *item;
	size_t i;

	json_array_foreach(templates, i, item) {
		json_object_set_new(item, "host", json_string(host));
		json_array_append(list, item);
	}
}

static int list_run(struct store *store, struct admin_job *a, struct error *err)
{
	json_t *list = json_array();
	int rc = store_templates(store, add, list, err);

	a->answer = json_pack("{s:o}", "templates", list);
	return rc;
}

void admin_templates_list(struct request *r)
{
	admin_look(r, list_run, NULL, NULL);
}
