/* SPDX-License-Identifier: Apache-2.0 */
/* After the broker's store was lost. */
#include <stdio.h>
#include <string.h>
#include "ctl/ctl.h"

#define PATH "/v1/admin/rebuild"

static void print(const json_t *answer)
{
	static const char *const titles[] = { "NAME", "HOST", "LOGGED ON", "ID", "UNKNOWN BECAUSE",
					      NULL };
	OWNED(table_free) struct table *table = table_new(titles);
	const json_t *unknown = json_object_get(answer, "unknown"), *u;
	const char *how = ctl_text(answer, "rebuilding");
	size_t i;

	if (strcmp(how, "none") == 0)
		puts("No rebuilding is under way.");
	else
		printf("Rebuilding from the reports of %s.\n",
		       strcmp(how, "all_hosts") == 0 ? "all hosts, until genkanctl rebuild finish"
						     : "the hosts of the backup");
	json_array_foreach(unknown, i, u)
	{
		table_text(table, ctl_text(u, "name"));
		table_text(table, ctl_text(u, "host"));
		table_text(table, ctl_text(u, "account"));
		table_text(table, ctl_text(u, "id"));
		table_text(table, ctl_text(u, "why"));
	}
	if (json_array_size(unknown))
		ctl_print_table(table);
}

int rebuild_show(struct ctl *ctl, struct error *err)
{
	return ctl_show(ctl, PATH, print, err);
}

int rebuild_begin(struct ctl *ctl, struct error *err)
{
	return ctl_act(ctl, PATH "/begin", json_object(), "rebuild",
		       "hosts are asked what they run; no new desktops until it is finished", err);
}

int rebuild_finish(struct ctl *ctl, struct error *err)
{
	return ctl_act(ctl, PATH "/finish", json_object(), "rebuild",
		       "finished; desktops that are still unknown are destroyed", err);
}
