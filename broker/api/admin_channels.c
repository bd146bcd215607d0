/* SPDX-License-Identifier: Apache-2.0 */
/* Channels of an image pointed elsewhere: forward by promote, back by rollback. */
#include "broker/api/admin.h"

#include <errno.h>
#include <string.h>
#include "common/sys/clock.h"

struct move_input {
	bool back;
	int64_t publication;	/* 0: the usual one */
	char reason[STORE_TEXT_SIZE];
};

/* Forward: what canary points to; back: what stable pointed to before. */
static int usual(struct store *store, const char *name, bool back, int64_t *out, struct error *err)
{
	return back ? store_channel_before(store, name, "stable", out, err)
		    : store_channel_find(store, name, "canary", out, err);
}

static int check(struct admin_job *a, bool back, int64_t from, int64_t to)
{
	if (back && to >= from)
		return admin_refuse(a, REASON_BAD_REQUEST,
				    "A rollback goes to an older publication; promote goes forward.");
	if (!back && to < from)
		return admin_refuse(a, REASON_BAD_REQUEST,
				    "Promote goes to a newer publication; rollback goes back.");
	return 1;
}

static int move_run(struct store *store, struct admin_job *a, struct error *err)
{
	const struct move_input *input = a->input;
	const char *name = a->r->argument;
	int64_t from = 0, to = input->publication;
	int rc = store_channel_find(store, name, "stable", &from, err);

	if (rc == -ENOENT && !input->back)
		rc = 0;		/* never was on stable */
	if (rc == 0 && !to)
		rc = usual(store, name, input->back, &to, err);
	if (rc == -ENOENT)
		return admin_refuse(a, REASON_NOT_FOUND,
				    input->back ? "There is no older publication to go back to."
						: "The canary channel points to nothing.");
	if (rc < 0 || (rc = check(a, input->back, from, to)) <= 0)
		return rc;
	struct store_move move = { .name = name, .channel = "stable", .publication = to,
				   .kind = input->back ? "rollback" : "promote",
				   .who = a->r->peer, .reason = input->reason,
				   .now_ms = clock_wall_ms() };
	rc = store_channel_move(store, &move, err);
	if (rc == -ENOENT)
		return admin_refuse(a, REASON_NOT_FOUND, "There is no such publication.");
	if (rc < 0)
		return rc;
	a->job.touched = true;
	a->answer = json_pack("{s:s, s:s, s:I, s:I, s:s}", "image", name, "channel", "stable", "from",
			      (json_int_t)from, "to", (json_int_t)to, "reason", input->reason);
	return admin_audit(store, a, input->back ? "image_rollback" : "image_promote", name,
			   json_incref(a->answer), err);
}

static void move(struct request *r, bool back)
{
	const json_t *body = request_body(r);
	struct error err = { 0 };

	if (!body)
		return;
	struct move_input *input = xnew(struct move_input);
	int rc = json_get_int_or(body, "publication", 0, 1, INT64_MAX, &input->publication, &err);

	input->back = back;
	if (rc == 0)
		rc = json_get_text_or(body, "reason", "", input->reason, sizeof(input->reason), &err);
	if (rc == 0 && !pool_name_valid(r->argument))
		rc = error_set(&err, EINVAL, "that is no name of an image");
	if (rc < 0) {
		free(input);
		request_refuse(r, REASON_BAD_REQUEST, -1, err.text);
		return;
	}
	admin_ask(r, move_run, input, free);
}

void admin_image_promote(struct request *r)
{
	move(r, false);
}

void admin_image_rollback(struct request *r)
{
	move(r, true);
}
