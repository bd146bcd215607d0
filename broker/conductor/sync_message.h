/* SPDX-License-Identifier: Apache-2.0 */
/* sync_message.h - the two messages of a sync as our values. Pure. */
#ifndef GENKAN_CONDUCTOR_SYNC_MESSAGE_H
#define GENKAN_CONDUCTOR_SYNC_MESSAGE_H

#include "common/data/json.h"
#include "db/store.h"

struct sync_shown {
	const char *desktop;
	int64_t seq;
};

struct sync_report {	/* owns its texts */
	struct store_report report;
	int64_t wait_ms;
	struct store_report_image *images;
	struct store_report_desktop *desktops;
	char *templates;	/* JSON */
	struct sync_shown *shown;	/* how far desktops have shown their notices */
	size_t shown_count;
	json_t *body;	/* texts of the report point into it */
};
void sync_report_done(struct sync_report *report);
DEFINE_OWNED_VALUE(sync_report_done, struct sync_report);

/* Every field checked, whatever a host sends; `host` is who sent it and must outlive the report. */
int sync_report_parse(const json_t *body, const char *host, struct sync_report *out,
		      struct error *err) MUST_CHECK;
/* What the host should have. A new reference. */
struct sync_site {
	const char *guest_public_key;
	const uint8_t *deed_key;	/* DEED_KEY_BYTES */
	bool rebuilding;	/* the host keeps what is not listed, and describes all it has */
};
json_t *sync_answer_json(const struct store_desired *desired, const struct store_orders *orders,
			 const struct sync_site *site);

#endif
