/* SPDX-License-Identifier: Apache-2.0 */
/* Second factors of users: how they stand, and taking one away when a phone is lost. */
#include "broker/api/admin.h"

#include <errno.h>

#include "broker/session/entitled.h"
#include "broker/factor/second_factor.h"
#include "common/base/text.h"

struct factor_input {
	char user[STORE_USER_SIZE];
	char key[STORE_KEY_SIZE]; /* "": the directory does not know them (any more) */
	char reason[STORE_TEXT_SIZE];
	bool is_staff; /* has a role; what helpdesk may not touch */
	bool by_group;
	int64_t max_wrong;
	bool reset;
};

/* Who has left the directory is found by the name they had. */
static int find_key(struct store *store, struct factor_input *input, struct error *err)
{
	struct store_user user;

	if (*input->key)
		return 0;
	int rc = store_user_find_by_name(store, input->user, &user, err);
	if (rc == 0)
		memcpy(input->key, user.key, sizeof(input->key));
	return rc;
}

static const char *state_word(const struct store_factor *factor, bool has, int64_t max_wrong)
{
	return !has                                            ? "none"
	       : max_wrong && factor->wrong_count >= max_wrong ? "locked"
							       : "enrolled";
}

static int show_run(struct store *store, struct admin_job *a, struct error *err)
{
	struct factor_input *input = a->input;
	struct store_factor factor = { 0 };
	int rc = find_key(store, input, err);

	if (rc < 0)
		return rc;
	rc = store_factor_find(store, input->key, &factor, err);
	if (rc < 0 && rc != -ENOENT)
		return rc;
	a->answer = json_pack("{s:s, s:s, s:b, s:I, s:I, s:I, s:I}", "user", input->user, "state",
			      state_word(&factor, rc == 0, input->max_wrong), "by_group",
			      input->by_group, "enrolled_at_ms", (json_int_t)factor.enrolled_at_ms,
			      "used_at_ms", (json_int_t)factor.used_at_ms, "wrong_in_a_row",
			      (json_int_t)factor.wrong_count, "recovery_codes_left",
			      (json_int_t)factor.recovery_left);
	return 0;
}

static int audit_refusal(struct store *store, struct admin_job *a, struct error *err)
{
	const struct factor_input *input = a->input;
	struct audit row = {
		.who = a->r->peer,
		.source = a->r->source,
		.what = "second_factor_reset",
		.subject = input->user,
		.reason = REASON_FORBIDDEN,
		.denied = true,
		.details = json_pack("{s:s}", "reason", input->reason),
	};

	admin_refuse(a, REASON_FORBIDDEN, "Only an admin takes away the second factor of staff.");
	return audit_append(store, &row, err);
}

static int reset_run(struct store *store, struct admin_job *a, struct error *err)
{
	struct factor_input *input = a->input;
	int rc = find_key(store, input, err);

	if (rc < 0)
		return rc;
	if (input->is_staff && !(a->r->roles.set & ROLE_ADMIN))
		return audit_refusal(store, a, err);
	rc = store_factor_reset(store, input->key, err);
	return rc < 0 ? rc
		      : admin_audit(store, a, "second_factor_reset", input->user,
				    json_pack("{s:s}", "reason", input->reason), err);
}

struct factor_question {
	struct request *r;
	struct factor_input *input;
};

static enum reason refusal_of(enum directory_verdict verdict)
{
	return verdict == DIRECTORY_REFUSED ? REASON_NOT_FOUND : directory_reason(verdict);
}

static void on_directory(void *arg, const struct directory_answer *answer)
{
	OWNED(free) struct factor_question *q = arg;
	struct factor_input *input = q->input;
	const struct broker_config *config = q->r->broker->config;

	/* Whose rights the directory does not tell may be anybody: only an admin goes on. */
	if (answer->verdict != DIRECTORY_OK && !(q->r->roles.set & ROLE_ADMIN)) {
		request_refuse(q->r, refusal_of(answer->verdict), -1, NULL);
		free(input);
		return;
	}
	if (answer->verdict == DIRECTORY_OK) {
		const struct directory_person *person = &answer->person;
		struct roles roles = roles_of(&config->roles, person->groups, person->group_count);

		if (str_copy(input->key, sizeof(input->key), person->id) < 0)
			input->key[0] = '\0';
		input->is_staff = roles.set != 0;
		input->by_group =
			second_factor_for_groups(config, person->groups, person->group_count) ||
			second_factor_for_roles(config, roles.set);
	}
	if (input->reset)
		admin_ask(q->r, reset_run, input, free);
	else
		admin_look(q->r, show_run, input, free);
}

static void ask(struct request *r, struct factor_input *input)
{
	struct factor_question *q = xnew(struct factor_question);

	q->r = r;
	q->input = input;
	input->max_wrong = r->broker->config->factor_max_wrong;
	directory_lookup_name(r->broker->directory, input->user, on_directory, q);
}

void admin_factor_show(struct request *r)
{
	struct http_exchange *x = request_exchange(r);
	const char *user = x ? http_query(x, "user") : NULL;
	struct factor_input *input = xnew(struct factor_input);

	if (!user || !*user || str_copy(input->user, sizeof(input->user), user) < 0) {
		free(input);
		request_refuse(r, REASON_BAD_REQUEST, -1, "user: must be given");
		return;
	}
	ask(r, input);
}

void admin_factor_reset(struct request *r)
{
	const json_t *body = request_body(r);
	struct error err = { 0 };

	if (!body)
		return;
	struct factor_input *input = xnew(struct factor_input);
	int rc = json_get_text(body, "user", input->user, sizeof(input->user), &err);

	if (rc == 0)
		rc = json_get_text(body, "reason", input->reason, sizeof(input->reason), &err);
	if (rc == 0 && (!*input->user || !*input->reason))
		rc = error_set(&err, EINVAL, "user and reason: must not be empty");
	if (rc < 0) {
		free(input);
		request_refuse(r, REASON_BAD_REQUEST, -1, err.text);
		return;
	}
	input->reset = true;
	ask(r, input);
}
