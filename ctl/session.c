/* SPDX-License-Identifier: Apache-2.0 */
/* RDP sessions, the audit log, and ending everything at once. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <curl/curl.h>
#include "common/sys/clock.h"
#include "ctl/ctl.h"

/* Known while it runs, once its relay has told. */
static void session_usage(struct table *table, const json_t *s)
{
	char text[4][32] = { "", "", "", "" };

	if (json_object_get(s, "idle_ms")) {
		snprintf(text[0], sizeof(text[0]), "%lld s", (long long)ctl_int(s, "idle_ms") / 1000);
		snprintf(text[1], sizeof(text[1]), "%lld KiB",
			 (long long)ctl_int(s, "bytes_to_desktop") / 1024);
		snprintf(text[2], sizeof(text[2]), "%lld KiB",
			 (long long)ctl_int(s, "bytes_from_desktop") / 1024);
		snprintf(text[3], sizeof(text[3]), "%.1f ms", (double)ctl_int(s, "rtt_us") / 1000);
	}
	for (size_t i = 0; i < ARRAY_LEN(text); i++)
		table_text(table, text[i]);
}

static void session_row(struct table *table, const json_t *s)
{
	table_text(table, ctl_text(s, "id"));
	table_text(table, ctl_text(s, "user"));
	table_text(table, ctl_text(s, "desktop_name"));
	table_text(table, ctl_text(s, "host"));
	table_text(table, ctl_text(s, "client_address"));
	table_time(table, ctl_int(s, "began_at_ms"));
	table_time(table, ctl_int(s, "active_at_ms"));
	table_time(table, ctl_int(s, "ended_at_ms"));
	session_usage(table, s);
}

/* Path with ?limit= and a flag; -EINVAL for a limit that is no number. */
static int with_query(struct ctl *ctl, const char *path, const char *flag, char *out, size_t size,
		      struct error *err)
{
	const char *limit = ctl->args.limit ? ctl->args.limit : "100";

	if (!*limit || strspn(limit, "0123456789") != strlen(limit) || strlen(limit) > 6)
		return error_set(err, EINVAL, "--limit: must be a number");
	snprintf(out, size, "%s?limit=%s%s", path, limit, flag);
	return 0;
}

int session_list(struct ctl *ctl, struct error *err)
{
	static const char *const titles[] = { "ID",    "USER",	 "DESKTOP", "HOST", "CLIENT",
					      "BEGAN", "ACTIVE", "ENDED",   "IDLE", "IN",
					      "OUT",   "RTT",	 NULL };
	char path[128];
	int rc = with_query(ctl, "/v1/admin/sessions", ctl->args.all ? "&all=1" : "", path,
			    sizeof(path), err);

	return rc < 0 ? rc : ctl_list(ctl, path, "sessions", titles, session_row, err);
}

static int act(struct ctl *ctl, const char *verb, json_t *body, const char *said,
	       struct error *err)
{
	OWNED(json_decref) json_t *request = body;
	const char *id = ctl->args.values[0];
	char path[96];

	if (strlen(id) != 16 || strspn(id, "0123456789abcdef") != 16)
		return error_set(err, EINVAL, "%s: not the id of a session", id);
	snprintf(path, sizeof(path), "/v1/admin/sessions/%s/%s", id, verb);
	return ctl_act(ctl, path, STEAL(request), id, said, err);
}

int session_end(struct ctl *ctl, struct error *err)
{
	return act(ctl, "end", NULL, "ended", err);
}

int session_disconnect(struct ctl *ctl, struct error *err)
{
	OWNED(json_decref) json_t *body = NULL;
	int rc = ctl_reason(ctl, &body, err);

	return rc < 0 ? rc : act(ctl, "disconnect", STEAL(body), "disconnected; the desktop goes on", err);
}

int session_log_off(struct ctl *ctl, struct error *err)
{
	OWNED(json_decref) json_t *body = NULL;
	int rc = ctl_reason(ctl, &body, err);

	return rc < 0 ? rc : act(ctl, "logoff", STEAL(body), "its user is being logged off", err);
}

int session_message(struct ctl *ctl, struct error *err)
{
	OWNED(json_decref) json_t *body = NULL;
	int rc = ctl_message(ctl, &body, err);

	return rc < 0 ? rc : act(ctl, "message", STEAL(body), "will be shown to its user", err);
}

static void audit_row(struct table *table, const json_t *row)
{
	OWNED(buf_done) struct buf details = { 0 };
	const json_t *object = json_object_get(row, "details");

	if (json_object_size(object))
		json_write(object, &details);
	table_time(table, ctl_int(row, "at_ms"));
	table_text(table, json_is_true(json_object_get(row, "denied")) ? "DENIED" : "");
	table_text(table, ctl_text(row, "who"));
	table_text(table, ctl_text(row, "source"));
	table_text(table, ctl_text(row, "what"));
	table_text(table, ctl_text(row, "code"));
	table_text(table, ctl_text(row, "subject"));
	table_text(table, buf_text(&details));
}

/* "2h": so long ago; or a day, or a minute of it, local time. */
static int read_since(const char *text, int64_t now_ms, int64_t *out_ms, struct error *err)
{
	static const char units[] = "mhd";
	static const int64_t unit_ms[] = { 60000, 3600000, 86400000 };
	struct tm tm = { .tm_isdst = -1 };
	char *end;
	long count = strtol(text, &end, 10);
	const char *unit = *end ? strchr(units, *end) : NULL;

	if (end != text && count > 0 && unit && !end[1]) {
		*out_ms = now_ms - count * unit_ms[unit - units];
		return 0;
	}
	end = strptime(text, "%Y-%m-%d %H:%M", &tm);
	if (!end || *end) {
		tm = (struct tm){ .tm_isdst = -1 };
		end = strptime(text, "%Y-%m-%d", &tm);
	}
	if (!end || *end)
		return error_set(err, EINVAL,
				 "--since: like 30m, 2h, 3d, 2026-11-23 or \"2026-11-23 08:00\"");
	*out_ms = (int64_t)mktime(&tm) * 1000;
	return 0;
}

static void put_escaped(struct buf *out, const char *name, const char *value)
{
	char *escaped = value ? curl_easy_escape(NULL, value, 0) : NULL;

	if (escaped)
		buf_printf(out, "&%s=%s", name, escaped);
	curl_free(escaped);
}

int audit_list(struct ctl *ctl, struct error *err)
{
	static const char *const titles[] = { "TIME", "",     "WHO",	 "FROM",    "WHAT",
					      "CODE", "SUBJECT", "DETAILS", NULL };
	OWNED(buf_done) struct buf query = BUF_LIMIT(2048);
	char path[2200];
	int64_t since_ms = 0;
	int rc = ctl->args.since ? read_since(ctl->args.since, clock_wall_ms(), &since_ms, err) : 0;

	if (rc < 0)
		return rc;
	buf_put_text(&query, ctl->args.denied ? "&denied=1" : "");
	put_escaped(&query, "user", ctl->args.user);
	put_escaped(&query, "pool", ctl->args.pool);
	if (since_ms)
		buf_printf(&query, "&since_ms=%lld", (long long)since_ms);
	rc = with_query(ctl, "/v1/admin/audit", buf_text(&query), path, sizeof(path), err);
	return rc < 0 ? rc : ctl_list(ctl, path, "audit", titles, audit_row, err);
}

int revoke_all(struct ctl *ctl, struct error *err)
{
	OWNED(json_decref) json_t *answer = NULL;

	if (!ctl->args.all)
		return error_set(err, EINVAL,
				 "revoke ends every login, ticket, session and join token of the site; say "
				 "revoke --all if that is meant");

	int rc = ctl_request(ctl, "POST", "/v1/admin/revoke-all", NULL, &answer, err);
	if (rc < 0)
		return rc;
	if (ctl->args.json)
		ctl_print_json(answer);
	else
		printf("ended: %lld logins, %lld tickets, %lld sessions, %lld join tokens\n",
		       (long long)ctl_int(answer, "logins"), (long long)ctl_int(answer, "tickets"),
		       (long long)ctl_int(answer, "sessions"), (long long)ctl_int(answer, "tokens"));
	return 0;
}
