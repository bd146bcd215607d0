/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include "ctl/ctl.h"

static void row(struct table *table, const json_t *h)
{
	const json_t *relay = json_object_get(h, "relay");
	OWNED(buf_done) struct buf address = BUF_LIMIT(512);

	buf_printf(&address, "%s:%lld", ctl_text(relay, "host"), (long long)ctl_int(relay, "port"));
	table_text(table, ctl_text(h, "name"));
	table_text(table, ctl_text(h, "state"));
	table_text(table, ctl_text(h, "accel"));
	table_int(table, ctl_int(h, "cpus"));
	table_bytes(table, ctl_int(h, "memory_free_bytes"));
	table_bytes(table, ctl_int(h, "memory_bytes"));
	table_bytes(table, ctl_int(h, "desktops_pss_bytes"));
	table_bytes(table, ctl_int(h, "templates_bytes"));
	table_bytes(table, ctl_int(h, "disk_free_bytes"));
	table_bytes(table, ctl_int(h, "disk_bytes"));
	table_bytes(table, ctl_int(h, "desktops_overlay_bytes"));
	table_int(table, ctl_int(h, "desktops"));
	table_text(table, *ctl_text(relay, "host") ? buf_text(&address) : "");
	table_time(table, ctl_int(h, "last_seen_ms"));
}

int host_list(struct ctl *ctl, struct error *err)
{
	static const char *const titles[] = { "NAME", "STATE",	  "ACCEL", "CPUS",  "FREE",
					      "MEMORY", "PSS", "TEMPLATES", "DISK FREE", "DISK",
					      "OVERLAYS", "DESKTOPS", "RELAY", "LAST SEEN", NULL };

	return ctl_list(ctl, "/v1/admin/hosts", "hosts", titles, row, err);
}

int host_token(struct ctl *ctl, struct error *err)
{
	OWNED(json_decref) json_t *answer = NULL;
	json_t *body = json_pack("{s:s}", "name", ctl->args.values[0]);
	int rc = ctl_request(ctl, "POST", "/v1/admin/host-tokens", body, &answer, err);

	if (rc < 0)
		return rc;
	if (ctl->args.json)
		ctl_print_json(answer);
	else	/* alone on its line, for genkan-hostagent --join --token-file */
		printf("%s\n", ctl_text(answer, "token"));
	return 0;
}
