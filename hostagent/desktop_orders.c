/* SPDX-License-Identifier: Apache-2.0 */
/* What the broker wants done inside of a desktop: texts shown, its user logged off.
 *
 * Theory. The broker repeats an order until the desktop's report makes it void: a text by the
 * highest number that was shown, a log-off by the stay that it names. A stay's number is the count
 * of everything that ends stays, so an order for a stay that is over can never meet the next user.
 * One order at a time is under way; one that the guest cannot carry out is tried again. */
#include <string.h>
#include "common/sys/log.h"
#include "hostagent/desktop_parts.h"

enum { AGAIN_MS = 3000, LOG_OFF_AGAIN_MS = 30000 };

static void go(struct desktop *desktop);

static void on_again(void *arg)
{
	go(arg);
}

void desktop_orders_init(struct desktop *desktop)
{
	desktop->orders.again = loop_timer_new(desktop->host->loop, on_again, desktop);
}

void desktop_orders_done(struct desktop *desktop)
{
	loop_timer_free(desktop->orders.again);
	free(desktop->orders.notices);
}

static int64_t stay_of(const struct desktop *desktop)
{
	return desktop->logoffs + desktop->resets + desktop->spec.incarnation + 1;
}

static const struct sync_notice *next_notice(const struct desktop_orders *orders)
{
	for (size_t i = 0; i < orders->notice_count; i++)
		if (orders->notices[i].seq > orders->shown)
			return &orders->notices[i];
	return NULL;
}

static void go(struct desktop *desktop)
{
	struct desktop_orders *orders = &desktop->orders;
	const struct sync_notice *notice = next_notice(orders);
	bool log_off = orders->log_off_stay == stay_of(desktop);

	if (!desktop->guest || desktop->state != VM_READY || orders->asked != ORDER_NONE ||
	    !desktop->logged_on[0] || (!log_off && !notice))
		return;
	/* What is to be read comes before the end. */
	if (notice) {
		orders->asked = ORDER_SHOW;
		orders->asked_seq = notice->seq;
		if (guest_link_show(desktop->guest, desktop->logged_on, notice->seq, notice->text) == 0)
			return;
	} else {
		orders->asked = ORDER_LOG_OFF;
		log_info("log_off_wanted", kv_str("desktop", desktop->spec.id),
			 kv_str("request", desktop->request), kv_str("user", desktop->logged_on));
		if (guest_link_log_off(desktop->guest, desktop->logged_on) == 0)
			return;
	}
	orders->asked = ORDER_NONE;
	loop_timer_start(orders->again, AGAIN_MS);
}

void desktop_orders_take(struct desktop *desktop, int64_t log_off_stay,
			 struct sync_notice *notices, size_t count)
{
	struct desktop_orders *orders = &desktop->orders;

	free(orders->notices);
	orders->notices = notices;
	orders->notice_count = count;
	orders->log_off_stay = log_off_stay;
	go(desktop);
}

void desktop_orders_check(struct desktop *desktop)
{
	go(desktop);
}

void desktop_orders_interrupted(struct desktop *desktop)
{
	desktop->orders.asked = ORDER_NONE;
}

void desktop_orders_answered(struct desktop *desktop, const struct guest_message *answer)
{
	struct desktop_orders *orders = &desktop->orders;
	enum desktop_order asked = orders->asked;

	orders->asked = ORDER_NONE;
	if (!answer->ok) {
		log_warn("order_refused", kv_str("desktop", desktop->spec.id),
			 kv_str("order", asked == ORDER_SHOW ? "show" : "log_off"),
			 kv_str("reason", answer->text));
		loop_timer_start(orders->again, AGAIN_MS);
	} else if (asked == ORDER_SHOW) {
		log_info("notice_shown", kv_str("desktop", desktop->spec.id),
			 kv_int("seq", orders->asked_seq));
		orders->shown = orders->asked_seq;
		desktop->host->changed(desktop->host->arg);
		go(desktop);
	} else {
		loop_timer_start(orders->again, LOG_OFF_AGAIN_MS);
	}
}

json_t *desktop_orders_report(const struct desktop_host *host)
{
	json_t *list = json_array();

	LIST_EACH(it, &((struct desktop_host *)host)->desktops) {
		const struct desktop *desktop = desktop_of(it);

		if (desktop->orders.shown)
			json_array_append_new(list, json_pack("{s:s, s:I}", "desktop",
							      desktop->spec.id, "seq",
							      (json_int_t)desktop->orders.shown));
	}
	return list;
}
