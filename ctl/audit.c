/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log as JSON lines, and whether its rows hang together. The chain is computed here, not
 * by the broker whose log it is; a copy on another machine can be checked the same way. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "common/wire/audit_chain.h"
#include "ctl/ctl.h"

#define LINE_MAX_BYTES (1 << 20)

typedef int row_fn(void *arg, const json_t *row, struct error *err);

/* Each row in order, page by page. */
static int each_row(struct ctl *ctl, row_fn *fn, void *arg, struct error *err)
{
	int64_t after = 0;

	for (;;) {
		OWNED(json_decref) json_t *answer = NULL;
		const json_t *row;
		char path[80];
		size_t i;

		snprintf(path, sizeof(path), "/v1/admin/audit-export?after=%lld", (long long)after);
		int rc = ctl_request(ctl, "GET", path, NULL, &answer, err);
		if (rc < 0)
			return rc;
		const json_t *rows = json_object_get(answer, "audit");
		if (json_array_size(rows) == 0)
			return 0;
		json_array_foreach(rows, i, row) {
			rc = fn(arg, row, err);
			if (rc < 0)
				return rc;
			after = ctl_int(row, "id");
		}
	}
}

static int print_row(void *arg, const json_t *row, struct error *err)
{
	(void)arg;
	if (json_dumpf(row, stdout, JSON_COMPACT | JSON_SORT_KEYS) < 0 || putchar('\n') == EOF)
		return error_errno(err, "write");
	return 0;
}

int audit_export(struct ctl *ctl, struct error *err)
{
	int rc = each_row(ctl, print_row, NULL, err);

	return rc == 0 && fflush(stdout) ? error_errno(err, "write") : rc;
}

static int check_row(void *arg, const json_t *row, struct error *err)
{
	struct audit_link link = {
		.id = ctl_int(row, "id"),
		.at_ms = ctl_int(row, "at_ms"),
		.denied = json_is_true(json_object_get(row, "denied")),
		.who = ctl_text(row, "who"),
		.source = ctl_text(row, "source"),
		.what = ctl_text(row, "what"),
		.code = ctl_text(row, "code"),
		.subject = ctl_text(row, "subject"),
		.details = ctl_text(row, "details"),
	};

	return audit_chain_next(arg, &link, ctl_text(row, "previous_sha256"),
				ctl_text(row, "sha256"), err);
}

/* JSON lines as audit_export() has written them. */
static int each_line(const char *path, row_fn *fn, void *arg, struct error *err)
{
	OWNED(free) char *line = xcalloc(1, LINE_MAX_BYTES);
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
	int rc = file ? 0 : error_errno(err, "open %s", path);

	while (rc == 0 && fgets(line, LINE_MAX_BYTES, file)) {
		json_error_t why;
		OWNED(json_decref) json_t *row = json_loads(line, 0, &why);

		rc = row ? fn(arg, row, err) : error_set(err, EBADMSG, "%s: %s", path, why.text);
	}
	if (file && file != stdin)
		fclose(file);
	return rc;
}

int audit_verify(struct ctl *ctl, struct error *err)
{
	struct audit_walk walk = { 0 };
	int rc = ctl->args.count ? each_line(ctl->args.values[0], check_row, &walk, err)
				 : each_row(ctl, check_row, &walk, err);

	if (rc < 0)
		return rc;
	if (ctl->args.json) {
		OWNED(json_decref) json_t *told = json_pack("{s:I, s:s}", "rows",
							    (json_int_t)walk.rows, "last_sha256",
							    walk.previous);
		ctl_print_json(told);
	} else {
		printf("%lld rows, each fits the one before; the last is %s\n", (long long)walk.rows,
		       walk.previous);
	}
	return 0;
}
