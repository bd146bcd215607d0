/* SPDX-License-Identifier: Apache-2.0 */
/* Users' second factors, as the helpdesk sees them. */
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include "ctl/ctl.h"

static void print_time(const char *title, int64_t at_ms)
{
	char text[32] = "never";

	if (at_ms)
		ctl_time_text(at_ms, text);
	printf("  %-22s %s\n", title, text);
}

int second_factor_show(struct ctl *ctl, struct error *err)
{
	OWNED(buf_done) struct buf path = BUF_LIMIT(4096);
	OWNED(json_decref) json_t *answer = NULL;
	char *escaped = curl_easy_escape(NULL, ctl->args.values[0], 0);

	buf_printf(&path, "/v1/admin/second-factor?user=%s", escaped ? escaped : "");
	curl_free(escaped);
	int rc = ctl_request(ctl, "GET", buf_text(&path), NULL, &answer, err);
	if (rc < 0)
		return rc;
	if (ctl->args.json) {
		ctl_print_json(answer);
		return 0;
	}
	printf("%s: %s\n", ctl_text(answer, "user"), ctl_text(answer, "state"));
	print_time("set up", ctl_int(answer, "enrolled_at_ms"));
	print_time("last used", ctl_int(answer, "used_at_ms"));
	printf("  %-22s %lld\n  %-22s %lld\n", "recovery codes left",
	       (long long)ctl_int(answer, "recovery_codes_left"), "wrong codes in a row",
	       (long long)ctl_int(answer, "wrong_in_a_row"));
	return 0;
}

int second_factor_reset(struct ctl *ctl, struct error *err)
{
	const char *user = ctl->args.values[0];

	if (!ctl->args.reason)
		return error_set(err, EINVAL,
				 "--reason: must be given; it is kept in the audit log");
	json_t *body = json_pack("{s:s, s:s}", "user", user, "reason", ctl->args.reason);
	return body ? ctl_act(ctl, "/v1/admin/second-factor/reset", body, user,
			      "the second factor is gone; the next login sets up another", err)
		    : error_set(err, EINVAL, "the name and --reason must be UTF-8");
}
