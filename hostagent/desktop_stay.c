/* SPDX-License-Identifier: Apache-2.0 */
/* The user's stay in a desktop, as its guest tells it, and restarts by order.
 *
 * Theory. What the broker is told are counts that only grow: logoffs and resets. A count told twice
 * does no harm, and one that grew while nobody listened is not missed. The guest has a count of its
 * own that begins anew with each boot and is repeated on each connection; where it is ahead of what
 * we know of it, somebody has logged off. A guest that lies about it ends its own user's stay. */
#include <stdio.h>
#include "common/base/text.h"
#include "common/sys/log.h"
#include "hostagent/desktop_parts.h"

enum { NOTE_MS = 200 };	/* a guest that talks a lot does not fill the host's queue of work */

static void on_note(void *arg)
{
	struct desktop *desktop = arg;

	desktop->note_due = false;
	if (desktop->state != VM_STOPPING && desktop->state != VM_CLEANING)
		desktop_job_save(desktop);
}

void desktop_stay_init(struct desktop *desktop)
{
	desktop->note = loop_timer_new(desktop->host->loop, on_note, desktop);
}

static void changed(struct desktop *desktop)
{
	desktop->host->changed(desktop->host->arg);
	desktop_stay_note(desktop);
}

void desktop_stay_note(struct desktop *desktop)
{
	if (desktop->note_due)
		return;
	desktop->note_due = true;
	loop_timer_start(desktop->note, NOTE_MS);
}

/* An account name that is longer than any of ours is cut: it is only shown. */
static void set_logged_on(struct desktop *desktop, const char *account)
{
	size_t len = utf8_prefix(span_text(account), sizeof(desktop->logged_on) - 1);

	snprintf(desktop->logged_on, sizeof(desktop->logged_on), "%.*s", (int)len, account);
}

static void logged_off(struct desktop *desktop, const char *account, int64_t times)
{
	log_info("guest_logoff", kv_str("desktop", desktop->spec.id), kv_str("user", account));
	desktop->logoffs += times;
	desktop->logged_on[0] = '\0';
}

/* The first word of a guest after its reboot, when nobody watched that: the agent was down. */
static bool rebooted_unseen(struct desktop *desktop, const char *boot)
{
	bool unseen = boot[0] && desktop->guest_boot[0] && strcmp(desktop->guest_boot, boot) != 0;

	if (boot[0])
		memcpy(desktop->guest_boot, boot, sizeof(desktop->guest_boot));
	if (!unseen)
		return false;
	log_info("guest_rebooted", kv_str("desktop", desktop->spec.id), kv_str("seen", "later"));
	desktop->resets++;
	desktop->guest_logoffs = 0;
	desktop->logged_on[0] = '\0';
	desktop_home_rebooted(desktop);
	desktop_home_ready(desktop);
	return true;
}

void desktop_take_user(struct desktop *desktop, const struct guest_message *message)
{
	bool news = strcmp(desktop->logged_on, message->text) != 0;

	if (message->kind == GUEST_EVENT_LOGON) {
		log_info("guest_logon", kv_str("desktop", desktop->spec.id),
			 kv_str("user", message->text));
		set_logged_on(desktop, message->text);
	} else if (message->kind == GUEST_EVENT_LOGOFF) {
		logged_off(desktop, message->text, 1);
		desktop->guest_logoffs++;
	} else {
		bool first = message->boot[0] && !desktop->guest_boot[0];

		news |= rebooted_unseen(desktop, message->boot) || first;
		news |= message->id != desktop->guest_logoffs;
		if (message->id > desktop->guest_logoffs)
			logged_off(desktop, "", message->id - desktop->guest_logoffs);
		desktop->guest_logoffs = message->id;
		set_logged_on(desktop, message->text);
		if (!news)
			return;
	}
	changed(desktop);
	desktop_orders_check(desktop);
}

void desktop_guest_rebooted(struct desktop *desktop, bool by_itself)
{
	if (by_itself && desktop->state == VM_READY) {
		log_info("guest_rebooted", kv_str("desktop", desktop->spec.id));
		desktop->resets++;
	}
	desktop->guest_logoffs = 0;
	desktop->guest_boot[0] = '\0';
	desktop->logged_on[0] = '\0';
	changed(desktop);
	desktop_home_rebooted(desktop);
	desktop_event(desktop, VM_EV_RESET);
}

static void on_reset(void *arg, const json_t *result, const struct error *err)
{
	if (!result)
		log_warn("restart_refused", kv_error(err));
}

static bool is_up(enum vm_state state)
{
	return state == VM_BOOTING || state == VM_IDENTITY || state == VM_READY;
}

void desktop_restart_if_due(struct desktop *desktop)
{
	if (desktop->restart_to <= desktop->spec.incarnation)
		return;
	if (is_up(desktop->state)) {
		if (!desktop->qmp_ready ||
		    qmp_execute(desktop->qmp, "system_reset", NULL, on_reset, NULL) < 0)
			return;		/* the next connection tries again */
		desktop->guest_boot[0] = '\0';	/* the next one is by order */
		log_info("desktop_restarted", kv_str("desktop", desktop->spec.id),
			 kv_str("request", desktop->request),
			 kv_int("incarnation", desktop->restart_to));
	}
	desktop->spec.incarnation = desktop->restart_to;
	changed(desktop);
}

void desktop_restart(struct desktop *desktop, int64_t incarnation)
{
	desktop->restart_to = incarnation;
	desktop_restart_if_due(desktop);
}
