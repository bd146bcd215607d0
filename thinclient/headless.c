/* SPDX-License-Identifier: Apache-2.0 */
#include "thinclient/headless.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include "common/sys/clock.h"
#include "common/sys/file.h"
#include "common/sys/log.h"
#include "thinclient/broker_client.h"
#include "thinclient/end_reason.h"
#include "thinclient/rdp_session.h"
#include "thinclient/screenshot.h"
#include "thinclient/texts.h"
#include "thinclient/timings.h"
#include "thinclient/type_script.h"

enum {
	QUIET_MS = 1000,		/* no paint for so long: the picture has settled */
	SETTLE_MS = 10000,		/* a picture that still moves then counts as settled too */
	QUIET_AFTER_TYPING_MS = 1500,	/* programs need a moment to start */
	TYPING_ANSWER_MS = 10000,
};

struct run {
	const struct options *options;
	struct broker_client *broker;
	struct rdp_session *session;
	int wake_fd;
	struct timings timings;
	struct connect_answer answer;
	struct problem problem;
};

static int fail(struct run *run, const char *code, const char *detail)
{
	problem_set(&run->problem, code, detail);
	return -EREMOTEIO;
}

/* --- broker ---------------------------------------------------------------------------------- */

/* The desktop of the wanted pool, or the only one there is. */
static const struct desktop_entry *choose(const struct sign_in_answer *signed_in, const char *pool)
{
	if (!pool)
		return signed_in->desktop_count == 1 ? &signed_in->desktops[0] : NULL;
	for (size_t i = 0; i < signed_in->desktop_count; i++)
		if (strcmp(signed_in->desktops[i].pool, pool) == 0)
			return &signed_in->desktops[i];
	return NULL;
}

static int no_choice(struct run *run, const struct sign_in_answer *signed_in)
{
	OWNED(buf_done) struct buf pools = { 0 };

	if (signed_in->desktop_count == 0)
		return fail(run, "not_entitled", "no pool is open to this user");
	for (size_t i = 0; i < signed_in->desktop_count; i++)
		buf_printf(&pools, "%s%s", i ? ", " : "", signed_in->desktops[i].pool);
	return fail(run, run->options->pool ? "not_entitled" : "choose_pool", buf_text(&pools));
}

static int wait_for_desktop(struct run *run, const char *id, bool answered)
{
	char seen[sizeof(run->answer.stage)] = "";
	int rc = 0;

	if (!answered)
		rc = broker_connect(run->broker, id, "", 0, &run->answer, &run->problem);
	while (!rc && !run->answer.ready) {
		log_info("desktop_preparing", kv_str("desktop", run->answer.desktop_id),
			 kv_str("stage", run->answer.stage), kv_int("percent", run->answer.percent),
			 kv_int("position", run->answer.position),
			 kv_int("estimate_ms", run->answer.estimate_ms));
		memcpy(seen, run->answer.stage, sizeof(seen));
		rc = broker_connect(run->broker, id, seen, run->answer.position, &run->answer,
				    &run->problem);
	}
	return rc;
}

/* With the code, where one is asked for. */
static int ask_sign_in(struct run *run, const struct secret *password, struct sign_in_answer *out,
		       struct request_time *time)
{
	OWNED(free) struct factor_ask *ask = xnew(struct factor_ask);
	OWNED(secret_wipe) struct secret code = { 0 };
	struct error err = { 0 };
	int rc = broker_sign_in(run->broker, run->options->user, password, out, ask, time,
				&run->problem);

	if (!rc || !run->options->code_file ||
	    strcmp(run->problem.code, "second_factor_required") != 0)
		return rc;
	if (file_read_secret(run->options->code_file, &code, &err))
		return fail(run, "code_file", err.text);
	return broker_give_code(run->broker, ask->challenge, (const char *)code.bytes, out,
				&run->problem);
}

static int sign_in_with_new_password(struct run *run, const struct secret *old,
				     struct sign_in_answer *out, struct request_time *time)
{
	OWNED(secret_wipe) struct secret fresh = { 0 };
	struct error err = { 0 };

	if (file_read_secret(run->options->new_password_file, &fresh, &err))
		return fail(run, "password_file", err.text);
	int rc = broker_change_password(run->broker, run->options->user, old, &fresh, &run->problem);
	return rc ? rc : ask_sign_in(run, &fresh, out, time);
}

static int sign_in(struct run *run, struct sign_in_answer *out)
{
	OWNED(secret_wipe) struct secret password = { 0 };
	struct request_time time = { 0 };
	struct error err = { 0 };

	if (file_read_secret(run->options->password_file, &password, &err))
		return fail(run, "password_file", err.text);
	int rc = ask_sign_in(run, &password, out, &time);
	if (rc && run->options->new_password_file &&
	    strcmp(run->problem.code, "password_expired") == 0)
		rc = sign_in_with_new_password(run, &password, out, &time);

	if (!rc) {
		run->timings.us[STAGE_TLS] = time.tls_us;
		run->timings.us[STAGE_LOGIN] = time.total_us - time.tls_us;
	}
	return rc;
}

static int get_ticket(struct run *run)
{
	OWNED(sign_in_answer_wipe) struct sign_in_answer signed_in = { 0 };
	int rc = sign_in(run, &signed_in);

	if (rc)
		return rc;
	int64_t began_us = clock_monotonic_us();
	const struct desktop_entry *entry = choose(&signed_in, run->options->pool);

	if (!entry)
		return no_choice(run, &signed_in);
	if (signed_in.has_connect)
		run->answer = signed_in.connect;
	rc = wait_for_desktop(run, entry->id, signed_in.has_connect);
	if (!rc && *run->answer.notice)
		log_warn("notice", kv_str("code", run->answer.notice),
			 kv_str("text", texts_reason(LANGUAGE_EN, run->answer.notice)));
	if (!rc)
		run->timings.us[STAGE_ASSIGN] = clock_monotonic_us() - began_us;
	return rc;
}

/* --- session --------------------------------------------------------------------------------- */

static void on_notify(void *arg)
{
	struct run *run = arg;

	eventfd_write(run->wake_fd, 1);
}

static int session_over(struct run *run)
{
	struct rdp_status status;

	rdp_session_status(run->session, &status);
	return status.phase == RDP_ENDED ? fail(run, status.reason, status.detail) : 0;
}

/* Until something happened in the session or `until_us`. */
static void wait_event(struct run *run, int64_t until_us)
{
	struct pollfd fd = { .fd = run->wake_fd, .events = POLLIN };
	int64_t left_ms = (until_us - clock_monotonic_us() + 999) / 1000;
	eventfd_t count;

	if (left_ms > 0 && poll(&fd, 1, (int)left_ms) == 1)
		eventfd_read(run->wake_fd, &count);
}

static int wait_active(struct run *run, int64_t began_us, int64_t deadline_us)
{
	struct rdp_status status;

	for (;;) {
		rdp_session_status(run->session, &status);
		if (status.phase == RDP_ACTIVE) {
			run->timings.us[STAGE_RELAY] = status.active_us - began_us;
			return 0;
		}
		int rc = session_over(run);

		if (rc)
			return rc;
		if (clock_monotonic_us() >= deadline_us)
			return fail(run, "relay_timeout", "the desktop was not reached in time");
		wait_event(run, deadline_us);
	}
}

/* A complete picture after at least `min_paints` paints, and then `quiet_ms` without a paint. A
 * picture that never rests counts as settled after SETTLE_MS; none by the deadline is a failure. */
static int wait_settled(struct run *run, unsigned min_paints, int64_t quiet_ms,
			int64_t deadline_us, struct frame_state *state)
{
	int64_t painted_us = 0;

	for (;;) {
		frame_get_state(rdp_session_frame(run->session), state);
		int64_t now_us = clock_monotonic_us();
		bool painted = state->complete_us && state->paints >= min_paints;
		int64_t quiet_at_us = state->last_paint_us + quiet_ms * 1000;

		if (painted && !painted_us)
			painted_us = now_us;
		if (painted &&
		    (now_us >= quiet_at_us || now_us >= painted_us + SETTLE_MS * 1000))
			return 0;
		int rc = session_over(run);

		if (rc)
			return rc;
		if (!painted && now_us >= deadline_us)
			return fail(run, "no_picture", "no complete picture in time");
		wait_event(run, painted ? quiet_at_us : deadline_us);
	}
}

static int wait_picture(struct run *run)
{
	int64_t deadline_us = clock_monotonic_us() + run->options->frame_deadline_ms * 1000;
	int64_t began_us = clock_monotonic_us();
	struct frame_state state;

	run->timings.ticket_at_ms = clock_wall_ms();
	int rc = wait_active(run, began_us, deadline_us);

	if (!rc)
		rc = wait_settled(run, 1, QUIET_MS, deadline_us, &state);
	if (rc)
		return rc;
	run->timings.us[STAGE_FIRST_FRAME] =
		state.complete_us - began_us - run->timings.us[STAGE_RELAY];
	run->timings.us[STAGE_SETTLED] = state.last_paint_us - state.complete_us;
	run->timings.paints = state.paints;
	run->timings.width = state.width;
	run->timings.height = state.height;
	return 0;
}

static void on_stroke(void *arg, struct key_stroke stroke)
{
	struct run *run = arg;

	if (stroke.scancode)
		rdp_session_key(run->session, stroke.scancode, stroke.down, false);
	else
		rdp_session_unicode(run->session, stroke.unicode);
}

static int type_text(struct run *run)
{
	struct frame_state state;
	struct error err;

	if (!run->options->type_text)
		return 0;
	frame_get_state(rdp_session_frame(run->session), &state);
	rdp_session_sync_locks(run->session, 0);
	if (type_script_run(run->options->type_text, on_stroke, run, &err))
		return fail(run, "bad_request", err.text);
	return wait_settled(run, state.paints + 1, QUIET_AFTER_TYPING_MS,
			    clock_monotonic_us() + TYPING_ANSWER_MS * 1000, &state);
}

static int save_screenshot(struct run *run)
{
	struct error err;

	if (!run->options->screenshot)
		return 0;
	if (screenshot_save(rdp_session_frame(run->session), run->options->screenshot, &err))
		return fail(run, "screenshot", err.text);
	return 0;
}

/* Standard input carries nothing that we want; its end means stop. */
static bool input_ended(void)
{
	char rest[256];

	return read(STDIN_FILENO, rest, sizeof(rest)) <= 0;
}

static int hold(struct run *run)
{
	bool until_eof = run->options->hold_until_eof;
	int64_t until_us = clock_monotonic_us() + run->options->hold_ms * 1000;

	while (until_eof || clock_monotonic_us() < until_us) {
		struct pollfd fds[] = { { .fd = run->wake_fd, .events = POLLIN },
					{ .fd = until_eof ? STDIN_FILENO : -1, .events = POLLIN } };
		int64_t left_ms = (until_us - clock_monotonic_us() + 999) / 1000;
		eventfd_t count;

		poll(fds, ARRAY_LEN(fds), until_eof ? -1 : (int)left_ms);
		if (fds[0].revents)
			eventfd_read(run->wake_fd, &count);
		int rc = session_over(run);

		if (rc)
			return rc;
		if (fds[1].revents && input_ended())
			return 0;
	}
	return 0;
}

static int open_session(struct run *run)
{
	struct rdp_session_config config = {
		.ticket = &run->answer.ticket,
		.width = run->options->width,
		.height = run->options->height,
		.sound = run->options->sound ? SOUND_SILENT : SOUND_NONE,
		/* --type thinks in keys of a US keyboard */
		.keyboard_layout = run->options->type_text ? 0x409
							   : run->options->keyboard_layout_id,
		.notify = on_notify,
		.arg = run,
	};
	struct error err;

	if (rdp_session_start(&config, &run->session, &err))
		return fail(run, "internal", err.text);
	return 0;
}

/* --- report ---------------------------------------------------------------------------------- */

static void report(const struct run *run, bool failed)
{
	OWNED(buf_done) struct buf text = { 0 };

	if (run->options->json)
		timings_write_json(&run->timings,
				   run->answer.desktop_name[0] ? run->answer.desktop_name : NULL,
				   failed ? run->problem.code : NULL, &text);
	else if (!failed)
		timings_write_table(&run->timings, &text);
	fputs(buf_text(&text), stdout);
	fflush(stdout);
}

static int run_stages(struct run *run)
{
	struct error err = { 0 };
	int rc = broker_client_new(run->options->broker, run->options->ca_file, &run->broker, &err);

	if (rc)
		return fail(run, "internal", err.text);
	rc = get_ticket(run);
	if (!rc)
		rc = open_session(run);
	if (!rc)
		rc = wait_picture(run);
	if (!rc)
		rc = type_text(run);
	if (!rc)
		rc = save_screenshot(run);
	report(run, rc != 0);
	return rc ? rc : hold(run);
}

int headless_run(const struct options *options)
{
	struct run run = { .options = options, .timings = timings_none() };

	run.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int rc = run_stages(&run);

	if (rc)
		fprintf(stderr, "genkan-client: %s: %s\n", run.problem.code, run.problem.detail);
	rdp_session_free(run.session);
	if (run.broker)
		broker_sign_out(run.broker);
	broker_client_free(run.broker);
	connect_answer_wipe(&run.answer);
	close(run.wake_fd);
	return rc ? 1 : 0;
}
