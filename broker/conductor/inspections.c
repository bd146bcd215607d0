/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/conductor/inspections.h"

#include <errno.h>

#include "broker/conductor/conductor.h"
#include "common/sys/clock.h"

#define WAIT_MS 20000

struct inspection {
	struct list link;
	int64_t number;
	char desktop[STORE_ID_SIZE];
	char host[STORE_NAME_SIZE];
	struct loop_timer *timer;
	struct request *r;
};

struct inspections {
	struct broker *broker;
	struct list waiting;
	int64_t last_number;
};

static void inspection_free(struct inspection *i)
{
	list_remove(&i->link);
	loop_timer_free(i->timer);
	free(i);
}

static void on_timeout(void *arg)
{
	struct inspection *i = arg;

	request_refuse(i->r, REASON_DESKTOP_SILENT, -1, NULL);
	inspection_free(i);
}

/* Above all numbers of an earlier run, which hosts may remember. */
static int64_t next_number(struct inspections *all)
{
	int64_t now_ms = clock_wall_ms();

	all->last_number = now_ms > all->last_number ? now_ms : all->last_number + 1;
	return all->last_number;
}

void inspections_ask(struct inspections *all, const char *desktop, const char *host,
		     struct request *r)
{
	struct inspection *i = xnew(struct inspection);

	i->number = next_number(all);
	i->r = r;
	memcpy(i->desktop, desktop, strlen(desktop) + 1);
	memcpy(i->host, host, strlen(host) + 1);
	i->timer = loop_timer_new(all->broker->loop, on_timeout, i);
	loop_timer_start(i->timer, WAIT_MS);
	list_append(&all->waiting, &i->link);
	conductor_poke_host(all->broker->conductor, host);
}

void inspections_add(struct inspections *all, json_t *answer)
{
	json_t *desktop;
	size_t n;

	json_array_foreach(json_object_get(answer, "desktops"), n, desktop) {
		const char *id = json_string_value(json_object_get(desktop, "id"));

		LIST_EACH(it, &all->waiting) {
			struct inspection *i = LIST_OF(it, struct inspection, link);

			if (id && strcmp(i->desktop, id) == 0)
				json_object_set_new(desktop, "inspect", json_integer(i->number));
		}
	}
}

static void answer(struct inspection *i, const json_t *told)
{
	const char *error = json_string_value(json_object_get(told, "error"));
	json_t *found = json_object_get(told, "found");

	if (json_is_true(json_object_get(told, "ok")) && json_is_object(found))
		request_reply(i->r, 200, json_pack("{s:s, s:I, s:O}", "desktop", i->desktop, "at_ms",
						   (json_int_t)clock_wall_ms(), "found", found));
	else
		request_refuse(i->r, REASON_DESKTOP_SILENT, -1, error);
	inspection_free(i);
}

void inspections_take(struct inspections *all, const char *host, const json_t *report)
{
	const json_t *desktop;
	size_t n;

	json_array_foreach(json_object_get(report, "desktops"), n, desktop) {
		const char *id = json_string_value(json_object_get(desktop, "id"));
		const json_t *told = json_object_get(desktop, "inspection");
		int64_t number = json_integer_value(json_object_get(told, "number"));

		LIST_EACH_SAFE(it, &all->waiting) {
			struct inspection *i = LIST_OF(it, struct inspection, link);

			if (id && number == i->number && strcmp(i->desktop, id) == 0 &&
			    strcmp(i->host, host) == 0)
				answer(i, told);
		}
	}
}

struct inspections *inspections_new(struct broker *broker)
{
	struct inspections *all = xnew(struct inspections);

	all->broker = broker;
	list_init(&all->waiting);
	return all;
}

void inspections_free(struct inspections *all)
{
	struct error gone = { .code = ECANCELED, .text = "the broker is stopping" };

	if (!all)
		return;
	LIST_EACH_SAFE(it, &all->waiting) {
		struct inspection *i = LIST_OF(it, struct inspection, link);

		request_store_failed(i->r, -ECANCELED, &gone);
		inspection_free(i);
	}
	free(all);
}
