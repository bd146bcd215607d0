/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/audit/audit.h"

#include "common/data/json.h"
#include "common/sys/clock.h"

int audit_append(struct store *store, const struct audit *row, struct error *err)
{
	OWNED(json_decref) json_t *given = row->details;
	OWNED(json_decref) json_t *details = given ? json_copy(given) : json_object();
	OWNED(buf_done) struct buf text = { 0 };
	struct store_audit stored = {
		.at_ms = clock_wall_ms(),
		.who = row->who,
		.source = row->source,
		.what = row->what,
		.code = reason_word(row->reason),
		.denied = row->denied,
		.subject = row->subject,
	};

	if (*store_request(store))
		json_object_set_new(details, "request", json_string(store_request(store)));
	json_write(details, &text);
	stored.details = buf_text(&text);
	return store_audit_append(store, &stored, err);
}
