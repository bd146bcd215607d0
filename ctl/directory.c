/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "common/sys/file.h"
#include "ctl/ctl.h"

static void print_servers(const json_t *servers)
{
	const json_t *server;
	size_t i;

	printf("servers:\n");
	json_array_foreach(servers, i, server) {
		printf("  %-40s %s", ctl_text(server, "uri"), ctl_text(server, "state"));
		if (strcmp(ctl_text(server, "state"), "failed") == 0)
			printf(", tried again in %.1f s", (double)ctl_int(server, "probe_in_ms") / 1e3);
		putchar('\n');
	}
}

static void print_steps(const json_t *steps)
{
	const json_t *step;
	size_t i;

	printf("steps:\n");
	json_array_foreach(steps, i, step)
		printf("  %-16s %8.2f ms  %s%s\n", ctl_text(step, "step"),
		       json_number_value(json_object_get(step, "ms")),
		       json_is_true(json_object_get(step, "ok")) ? "" : "FAILED: ",
		       ctl_text(step, "detail"));
}

static void print_answer(const json_t *answer)
{
	const json_t *group;
	size_t i;

	print_servers(json_object_get(answer, "servers"));
	print_steps(json_object_get(answer, "steps"));
	printf("result: %s", ctl_text(answer, "code"));
	if (*ctl_text(answer, "reason"))
		printf(" (%s)", ctl_text(answer, "reason"));
	printf("\nanswered by: %s\n", ctl_text(answer, "server"));
	if (strcmp(ctl_text(answer, "code"), "ok") != 0)
		return;
	printf("user: %s (%s)\nid: %s\ngroups%s:\n", ctl_text(answer, "user"),
	       ctl_text(answer, "display_name"), ctl_text(answer, "id"),
	       json_is_true(json_object_get(answer, "groups_cut")) ? " (not all: there are too many)"
								   : "");
	json_array_foreach(json_object_get(answer, "groups"), i, group)
		printf("  %-24s %s\n", ctl_text(group, "name"), ctl_text(group, "dn"));
}

int directory_test(struct ctl *ctl, struct error *err)
{
	OWNED(json_decref) json_t *answer = NULL;
	OWNED(secret_wipe) struct secret password = { 0 };
	json_t *body = json_pack("{s:s}", "user", ctl->args.values[0]);
	int rc = 0;

	if (ctl->args.password_file) {
		rc = file_read_secret(ctl->args.password_file, &password, err);
		json_object_set_new(body, "password",
				    json_stringn((const char *)password.bytes, password.len));
	}
	if (rc < 0) {
		json_decref(body);
		return rc;
	}
	rc = ctl_request(ctl, "POST", "/v1/admin/directory-test", body, &answer, err);
	if (rc < 0)
		return rc;
	if (ctl->args.json)
		ctl_print_json(answer);
	else
		print_answer(answer);
	if (strcmp(ctl_text(answer, "code"), "ok") == 0)
		return 0;
	return error_set(err, EACCES, "%s: %s", ctl->args.values[0], ctl_text(answer, "code"));
}
