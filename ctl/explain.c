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

/* Where a pool stands with the publications of its image. */
static void print_push(const json_t *push)
{
	int64_t next = ctl_int(push, "next"), refused = ctl_int(push, "refused");
	const char *code = ctl_text(push, "code");

	if (!json_is_object(push))
		return;
	printf("    push:     publication %lld", (long long)ctl_int(push, "current"));
	if (next)
		printf(", trying %lld", (long long)next);
	if (refused)
		printf(", refused %lld", (long long)refused);
	printf(", %s: %s\n", code, meaning(code));
	if (*ctl_text(push, "detail"))
		printf("    because:  %s\n", ctl_text(push, "detail"));
}

static void print_health(const json_t *push)
{
	const json_t *h = json_object_get(push, "health");

	if (!ctl_int(push, "next") && !ctl_int(push, "refused"))
		return;
	printf("    seen:     %lld ready, %lld failed starts, %lld died, %lld logins, %lld failed\n",
	       (long long)ctl_int(h, "ready"), (long long)ctl_int(h, "failed"),
	       (long long)ctl_int(h, "crashed"), (long long)ctl_int(h, "logins"),
	       (long long)ctl_int(h, "logins_failed"));
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
	print_push(json_object_get(pool, "push"));
	print_desktop(json_object_get(pool, "desktop"));
	print_waiting(json_object_get(pool, "waiting"));
}

static void print_factor(const json_t *factor)
{
	const json_t *by;
	size_t i;

	if (!json_is_true(json_object_get(factor, "needed")))
		return;
	printf("  second factor: %s, asked for by", json_is_true(json_object_get(factor, "enrolled")) ?
						  "set up" : "to be set up");
	json_array_foreach(json_object_get(factor, "by"), i, by)
		printf("%s %s", i ? "," : "", json_string_value(by));
	putchar('\n');
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
	print_factor(json_object_get(answer, "second_factor"));
	json_array_foreach(json_object_get(answer, "pools"), i, element)
		print_pool(element);
}

static void put_query(struct buf *path, const char *key, const char *value)
{
	char *escaped = curl_easy_escape(NULL, value, 0);

	buf_printf(path, "%s%s=%s", path->len ? "&" : "/v1/admin/explain?", key,
		   escaped ? escaped : "");
	curl_free(escaped);
}

static void print_hosts(const json_t *hosts, const char *title)
{
	const json_t *host;
	size_t i;

	json_array_foreach(hosts, i, host) {
		printf("    %s %s: %s: %s\n", title, ctl_text(host, "host"), ctl_text(host, "code"),
		       meaning(ctl_text(host, "code")));
		printf("      memory to give: %lld MiB of which %lld are needed; disk: %lld MiB, %lld; "
		       "processors: %lld given, %lld real\n",
		       (long long)ctl_int(host, "memory_free_bytes") >> 20,
		       (long long)ctl_int(host, "memory_needed_bytes") >> 20,
		       (long long)ctl_int(host, "disk_free_bytes") >> 20,
		       (long long)ctl_int(host, "disk_needed_bytes") >> 20,
		       (long long)ctl_int(host, "cpus_used"), (long long)ctl_int(host, "cpus"));
	}
}

static void print_trouble(const json_t *t)
{
	printf("    trouble:  publication %lld on %s: %lld failed starts in a row: %s\n",
	       (long long)ctl_int(t, "publication"), ctl_text(t, "host"),
	       (long long)ctl_int(t, "failures"), ctl_text(t, "reason"));
}

static void print_template(const json_t *t)
{
	const char *reason = ctl_text(t, "reason");
	int64_t percent = ctl_int(t, "percent");

	printf("    template: %s on %s: %s", ctl_text(t, "id"), ctl_text(t, "host"),
	       ctl_text(t, "state"));
	if (percent > 0 && percent < 100)
		printf(" %lld %%", (long long)percent);
	printf(", %lld desktops%s%s\n", (long long)ctl_int(t, "desktops"), *reason ? ": " : "", reason);
}

static void print_pool_answer(const json_t *answer)
{
	const json_t *counts = json_object_get(answer, "counts"), *trouble, *template;
	size_t i;

	printf("%s (%s)\n    result:   %s: %s\n", ctl_text(answer, "pool"), ctl_text(answer, "title"),
	       ctl_text(answer, "code"), meaning(ctl_text(answer, "code")));
	printf("    desktops: %lld in use, %lld spares ready, %lld coming, %lld failed, %lld leaving; "
	       "%lld spares wanted, at most %lld in all\n",
	       (long long)ctl_int(counts, "assigned"), (long long)ctl_int(counts, "spare_ready"),
	       (long long)ctl_int(counts, "spare_coming"), (long long)ctl_int(counts, "failed"),
	       (long long)ctl_int(counts, "leaving"), (long long)ctl_int(answer, "spare"),
	       (long long)ctl_int(answer, "max"));
	printf("    in line:  %lld\n", (long long)ctl_int(counts, "waiting"));
	print_push(json_object_get(answer, "push"));
	print_health(json_object_get(answer, "push"));
	print_hosts(json_object_get(answer, "hosts"), "host");
	print_hosts(json_object_get(answer, "next_hosts"), "for what is tried:");
	json_array_foreach(json_object_get(answer, "templates"), i, template)
		print_template(template);
	json_array_foreach(json_object_get(answer, "troubles"), i, trouble)
		print_trouble(trouble);
}

int explain_pool(struct ctl *ctl, struct error *err)
{
	OWNED(buf_done) struct buf path = BUF_LIMIT(4096);

	put_query(&path, "pool", ctl->args.values[0]);
	return ctl_show(ctl, buf_text(&path), print_pool_answer, err);
}

int explain_user(struct ctl *ctl, struct error *err)
{
	OWNED(buf_done) struct buf path = BUF_LIMIT(4096);

	put_query(&path, "user", ctl->args.values[0]);
	if (ctl->args.pool)
		put_query(&path, "pool", ctl->args.pool);
	return ctl_show(ctl, buf_text(&path), print_answer, err);
}
