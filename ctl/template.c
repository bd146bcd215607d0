/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include "ctl/ctl.h"

void template_row(struct table *table, const json_t *t)
{
	char image[13], state[64];

	snprintf(image, sizeof(image), "%s", ctl_text(t, "image_sha256"));
	snprintf(state, sizeof(state), "%s", ctl_text(t, "state"));
	if (ctl_int(t, "percent") > 0 && ctl_int(t, "percent") < 100)
		snprintf(state, sizeof(state), "%.40s %lld %%", ctl_text(t, "state"),
			 (long long)ctl_int(t, "percent"));
	table_text(table, ctl_text(t, "host"));
	table_text(table, ctl_text(t, "id"));
	table_text(table, image);
	table_int(table, ctl_int(t, "cpus"));
	table_bytes(table, ctl_int(t, "memory_bytes"));
	table_text(table, state);
	table_int(table, ctl_int(t, "desktops"));
	table_text(table, ctl_text(t, "reason"));
}

const char *const template_titles[] = { "HOST",	 "ID",	     "IMAGE",  "CPUS", "MEMORY", "STATE",
					"DESKTOPS", "REASON", NULL };

int template_list(struct ctl *ctl, struct error *err)
{
	return ctl_list(ctl, "/v1/admin/templates", "templates", template_titles, template_row,
			err);
}
