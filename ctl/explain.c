/* SPDX-License-Identifier: Apache-2.0 */
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "ctl/ctl.h"
#include "pool/reason.h"

/* What a code means, for people. */
static const char *meaning(const char *code)
{
	enum reason reason;

	return reason_parse(code, &reason) == 0 ? reason_text(reason) : "";
}

static void print_desktop(const json_t *desktop)
{
	if (!json_is_object(desktop)) {
		printf("    desktop:  none yet\n");
		return;
	}
	printf("    desktop:  %s on %s, %s, %s\n", ctl_text(desktop, "name"),
	       ctl_text(desktop, "host"), ctl_text(desktop, "state"), ctl_text(desktop, "use"));
	if (*ctl_text(desktop, "reason"))
		printf("    because:  %s\n", ctl_text(desktop, "reason"));
}

static void print_waiting(const json_t *waiting)
{
	int64_t estimate_ms = ctl_int(waiting, "estimate_ms");

	if (!json_is_object(waiting))
		return;
	printf("    waiting:  number %lld in line, %s: %s\n", (long long)ctl_int(waiting, "position"),
	       ctl_text(waiting, "why"), meaning(ctl_text(waiting, "why")));
	if (estimate_ms >= 0)
		printf("    estimate: %lld s\n", (long long)((estimate_ms + 999) / 1000));
}

static void print_policy(const json_t *policy)
{
	const char *item;
	json_t *value;

	printf("    policy:  ");
	json_object_foreach((json_t *)policy, item, value)
		printf(" %s=%s", item, json_string_value(value));
	putchar('\n');
}

static void print_pool(const json_t *pool)
{
	const char *code = ctl_text(pool, "code");

	printf("  %s (%s)\n    %s: %s%s%s\n", ctl_text(pool, "pool"), ctl_text(pool, "title"), code,
	       meaning(code), *ctl_text(pool, "principal") ? " -> " : "",
	       ctl_text(pool, "principal"));
	if (!json_is_true(json_object_get(pool, "entitled")))
		return;
	printf("    image:    %s\n", ctl_text(pool, "image"));
	print_policy(json_object_get(pool, "policy"));
	print_desktop(json_object_get(pool, "desktop"));
	print_waiting(json_object_get(pool, "waiting"));
}

static void print_answer(const json_t *answer)
{
	const json_t *element;
	size_t i;

	printf("%s (%s)\n  id:     %s\n  groups:", ctl_text(answer, "user"),
	       ctl_text(answer, "display_name"), ctl_text(answer, "id"));
	json_array_foreach(json_object_get(answer, "groups"), i, element)
		printf(" %s", json_string_value(element));
	printf("\n  result: %s: %s\n", ctl_text(answer, "code"), meaning(ctl_text(answer, "code")));
	json_array_foreach(json_object_get(answer, "pools"), i, element)
		print_pool(element);
}

int explain_user(struct ctl *ctl, struct error *err)
{
	OWNED(json_decref) json_t *answer = NULL;
	OWNED(buf_done) struct buf path = BUF_LIMIT(4096);
	char *name = curl_easy_escape(NULL, ctl->args.values[0], 0);

	buf_printf(&path, "/v1/admin/explain?user=%s", name ? name : "");
	curl_free(name);

	int rc = ctl_request(ctl, "GET", buf_text(&path), NULL, &answer, err);
	if (rc < 0)
		return rc;
	if (ctl->args.json)
		ctl_print_json(answer);
	else
		print_answer(answer);
	return 0;
}
