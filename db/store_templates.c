/* SPDX-License-Identifier: Apache-2.0 */
#include "db/store_internal.h"

#include <string.h>

int store_templates_put(struct store *store, const char *host, const char *json,
			struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_HOST_TEMPLATES_PUT);

	query_text(&q, json);
	query_text(&q, host);
	return query_run(&q, err);
}

int store_templates(struct store *store, store_templates_fn *fn, void *arg, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_HOST_TEMPLATES);
	int rc;

	while ((rc = query_row(&q, err)) > 0) {
		char host[STORE_NAME_SIZE], json[STORE_TEMPLATES_SIZE];

		get_text(&q, host, sizeof(host));
		get_text(&q, json, sizeof(json));
		rc = query_sound(&q, err);
		if (rc < 0)
			return rc;
		fn(arg, host, json);
	}
	return rc;
}
