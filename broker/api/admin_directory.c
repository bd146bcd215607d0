/* SPDX-License-Identifier: Apache-2.0 */
/* What the directory says about somebody, step by step, with times. */
#include "broker/api/admin.h"

#include <errno.h>

#include "broker/directory/directory.h"
#include "common/base/text.h"

static json_t *steps_json(const struct directory_trace *trace)
{
	json_t *steps = json_array();

	for (size_t i = 0; trace && i < trace->count; i++) {
		const struct directory_step *s = &trace->steps[i];

		json_array_append_new(steps, json_pack("{s:s, s:s, s:f, s:b}", "step", s->what,
						       "detail", s->detail, "ms",
						       (double)s->us / 1e3, "ok", !s->failed));
	}
	return steps;
}

static json_t *servers_json(struct directory *directory)
{
	struct directory_server_state states[DIRECTORY_MAX_SERVERS];
	size_t count = directory_server_states(directory, states);
	json_t *servers = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(servers,
				      json_pack("{s:s, s:s, s:I}", "uri", states[i].uri, "state",
						states[i].open ? "failed" : "in use", "probe_in_ms",
						(json_int_t)states[i].probe_in_ms));
	return servers;
}

static json_t *groups_json(const struct directory_person *person)
{
	json_t *groups = json_array();

	for (size_t i = 0; i < person->group_count; i++)
		json_array_append_new(groups, json_pack("{s:s, s:s}", "name", person->groups[i].name,
							"dn", person->groups[i].dn));
	return groups;
}

static void on_directory(void *arg, const struct directory_answer *answer)
{
	struct request *r = arg;
	enum reason reason = directory_audit_reason(answer->verdict);

	request_reply(r, 200,
		      json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:s, s:o, s:o, s:o}", "code",
				reason_word(reason), "reason", answer->reason.text, "id",
				answer->person.id, "user", answer->person.user, "display_name",
				answer->person.display_name, "groups_cut", answer->groups_cut,
				"server", answer->server ? answer->server : "", "groups",
				groups_json(&answer->person), "steps", steps_json(answer->trace),
				"servers", servers_json(r->broker->directory)));
}

void admin_directory_test(struct request *r)
{
	OWNED(secret_wipe) struct secret password = { 0 };
	const json_t *body = request_body(r);
	char user[STORE_USER_SIZE];
	struct error err = { 0 };

	if (!body)
		return;
	const json_t *text = json_object_get(body, "password");
	int rc = json_get_text(body, "user", user, sizeof(user), &err);
	if (rc == 0 && text)
		rc = json_is_string(text) ? secret_set(&password, span_of(json_string_value(text),
									  json_string_length(text)))
					  : -EINVAL;
	if (rc < 0) {
		request_refuse(r, REASON_BAD_REQUEST, -1,
			       *err.text ? err.text : "password: must be a text");
		return;
	}
	directory_test(r->broker->directory, user, text ? &password : NULL, on_directory, r);
}
