/* SPDX-License-Identifier: Apache-2.0 */
/* What an administrator does to somebody's session: disconnect it, log its user off, tell them
 * something. Each with a reason for the audit log. */
#include "broker/api/admin.h"

#include <errno.h>
#include <string.h>

#include "broker/session/notices.h"
#include "common/base/text.h"
#include "common/sys/clock.h"

#define MESSAGE_MS (INT64_C(10) * 60 * 1000)	/* who is not there by then is not told */
#define REASON_SIZE 401

struct order {
	char reason[REASON_SIZE];	/* of the admin; "" none */
	bool of_session;		/* {id} is a session's, else a desktop's */
	bool banner;
	struct store_session session;	/* id "" with a desktop */
	struct store_desktop desktop;
	struct store_notice notice;
};

/* Texts are shown to people: of the control characters only the line feed. */
static bool is_showable(const char *text)
{
	for (; *text; text++)
		if (((unsigned char)*text < ' ' && *text != '\n') || *text == 0x7f)
			return false;
	return true;
}

static int read_texts(const json_t *body, struct order *o, bool message, struct error *err)
{
	char *text = o->notice.text;
	int rc = json_get_text_or(body, "reason", "", o->reason, sizeof(o->reason), err);

	if (rc == 0 && message)
		rc = json_get_text(body, "text", text, sizeof(o->notice.text), err);
	if (rc == 0 && message)
		rc = json_get_bool_or(body, "banner", false, &o->banner, err);
	if (rc == 0 && message && (!*text || !is_showable(text)))
		rc = error_set(err, EINVAL, "text: 1 to %d bytes of UTF-8 without control characters",
			       STORE_NOTICE_SIZE - 1);
	if (rc == 0 && !is_showable(o->reason))
		rc = error_set(err, EINVAL, "reason: has control characters");
	return rc;
}

static void ask(struct request *r, bool of_session, bool message, admin_run_fn *run)
{
	const json_t *body = request_body(r);
	struct error err = { 0 };

	if (!body)
		return;
	struct order *o = xnew(struct order);

	o->of_session = of_session;
	if (read_texts(body, o, message, &err) < 0) {
		free(o);
		request_refuse(r, REASON_BAD_REQUEST, -1, err.text);
		return;
	}
	admin_ask(r, run, o, free);
}

/* The desktop that is meant. 1: refused. */
static int find(struct store *store, struct admin_job *a, const char *what, struct error *err)
{
	struct order *o = a->input;
	const char *id = a->r->argument;
	int rc = o->of_session ? store_session_find(store, id, &o->session, err) : 0;

	if (rc < 0)
		return rc;
	if (!o->of_session || !o->session.ended_at_ms)
		rc = store_desktop_find(store, o->of_session ? o->session.desktop : id, &o->desktop,
					err);
	if (rc < 0)
		return rc;
	if (request_may_pool(a->r, o->of_session ? o->session.pool : o->desktop.pool)) {
		if (*o->desktop.id)
			return 0;
		admin_refuse(a, REASON_SESSION_OVER, NULL);
		return 1;
	}
	rc = admin_refuse_scope(store, a, what, err);
	return rc < 0 ? rc : 1;
}

static int audit(struct store *store, struct admin_job *a, const char *what, struct error *err)
{
	const struct order *o = a->input;
	json_t *details = json_pack("{s:s, s:s, s:s}", "user",
				    *o->session.user_name ? o->session.user_name
							  : o->desktop.user_name,
				    "desktop", o->desktop.name, "reason", o->reason);

	if (*o->notice.text)
		json_object_set_new(details, "text", json_string(o->notice.text));
	return admin_audit(store, a, what, *o->session.id ? o->session.id : o->desktop.id, details,
			   err);
}

/* ---- disconnect ---- */

/* A session that has ended is as it should be. */
static int disconnect_run(struct store *store, struct admin_job *a, struct error *err)
{
	struct order *o = a->input;
	int rc = store_session_find(store, a->r->argument, &o->session, err);

	if (rc == 0 && !request_may_pool(a->r, o->session.pool))
		return admin_refuse_scope(store, a, "session_disconnect", err);
	if (rc == 0 && !o->session.ended_at_ms)
		rc = store_session_end(store, o->session.id, o->session.host, clock_wall_ms(), err);
	if (rc < 0)
		return rc;
	memcpy(o->desktop.name, o->session.desktop_name, sizeof(o->desktop.name));
	a->ended_sessions = true;
	return audit(store, a, "session_disconnect", err);
}

void admin_session_disconnect(struct request *r)
{
	ask(r, true, false, disconnect_run);
}

/* ---- log off ---- */

static int log_off_run(struct store *store, struct admin_job *a, struct error *err)
{
	const struct order *o = a->input;
	int rc = find(store, a, "session_logoff", err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = store_desktop_log_off(store, o->desktop.id, err);
	if (rc == -ESRCH)
		return admin_refuse(a, REASON_NOT_LOGGED_ON, NULL);
	a->job.touched = true;
	return rc < 0 ? rc : audit(store, a, "session_logoff", err);
}

void admin_session_log_off(struct request *r)
{
	ask(r, true, false, log_off_run);
}

void admin_desktop_log_off(struct request *r)
{
	ask(r, false, false, log_off_run);
}

/* ---- message ---- */

static int message_run(struct store *store, struct admin_job *a, struct error *err)
{
	struct order *o = a->input;
	int rc = find(store, a, "session_message", err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	if (!o->desktop.logged_on[0])
		return admin_refuse(a, REASON_NOT_LOGGED_ON, NULL);
	o->notice.kind = STORE_NOTICE_MESSAGE;
	o->notice.in_desktop = true;
	o->notice.in_client = o->banner;
	o->notice.at_ms = clock_wall_ms();
	o->notice.expires_at_ms = o->notice.at_ms + MESSAGE_MS;
	memcpy(o->notice.desktop, o->desktop.id, sizeof(o->notice.desktop));
	rc = store_notice_put(store, &o->notice, err);
	if (rc == -ESRCH)
		return admin_refuse(a, REASON_NOT_LOGGED_ON, NULL);
	if (rc == 0)
		rc = audit(store, a, "session_message", err);
	a->job.touched = true;
	a->notice = &o->notice;
	a->answer = json_pack("{s:I}", "seq", (json_int_t)o->notice.seq);
	return rc;
}

void admin_session_message(struct request *r)
{
	ask(r, true, true, message_run);
}

void admin_desktop_message(struct request *r)
{
	ask(r, false, true, message_run);
}
