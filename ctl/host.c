/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
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

static const char *const titles[] = { "NAME", "STATE",	  "ACCEL", "CPUS",  "FREE",
				      "MEMORY", "PSS", "TEMPLATES", "DISK FREE", "DISK",
				      "OVERLAYS", "DESKTOPS", "RELAY", "LAST SEEN", NULL };

int host_list(struct ctl *ctl, struct error *err)
{
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

static json_t *those_of(const json_t *answer, const char *list, const char *key, const char *name)
{
	json_t *found = json_array(), *item;
	size_t i;

	json_array_foreach(json_object_get(answer, list), i, item)
		if (strcmp(ctl_text(item, key), name) == 0)
			json_array_append(found, item);
	return found;
}

static void show_starts(const json_t *starts)
{
	if (ctl_int(starts, "max"))
		printf("\n%lld of at most %lld starts under way, %lld waiting for their turn.\n",
		       (long long)ctl_int(starts, "under_way"), (long long)ctl_int(starts, "max"),
		       (long long)ctl_int(starts, "waiting"));
}

static void show(const json_t *answer)
{
	OWNED(table_free) struct table *host = table_new(titles);
	OWNED(table_free) struct table *templates = table_new(template_titles);
	const json_t *list = json_object_get(answer, "templates"), *item;
	size_t i;

	row(host, json_object_get(answer, "host"));
	ctl_print_table(host);
	show_starts(json_object_get(json_object_get(answer, "host"), "starts"));
	json_array_foreach(list, i, item)
		template_row(templates, item);
	putchar('\n');
	if (json_array_size(list) > 0)
		ctl_print_table(templates);
	else
		printf("It has no template: every desktop boots.\n");
}

int host_show(struct ctl *ctl, struct error *err)
{
	const char *name = ctl->args.values[0];
	OWNED(json_decref) json_t *hosts = NULL;
	OWNED(json_decref) json_t *templates = NULL;
	int rc = ctl_get_list(ctl, "/v1/admin/hosts", "hosts", &hosts, err);

	if (rc == 0)
		rc = ctl_get_list(ctl, "/v1/admin/templates", "templates", &templates, err);
	if (rc < 0)
		return rc;
	OWNED(json_decref) json_t *found = those_of(hosts, "hosts", "name", name);

	if (json_array_size(found) == 0)
		return error_set(err, ENOENT, "there is no host %s", name);
	OWNED(json_decref) json_t *answer = json_pack(
		"{s:O, s:o}", "host", json_array_get(found, 0), "templates",
		those_of(templates, "templates", "host", name));

	if (ctl->args.json)
		ctl_print_json(answer);
	else
		show(answer);
	return 0;
}
