/* SPDX-License-Identifier: Apache-2.0 */
#include "thinclient/timings.h"

#include "common/data/json.h"

static const struct {
	const char *key, *title;
} stages[STAGES] = {
	[STAGE_TLS] = { "tls_ms", "TLS with the broker" },
	[STAGE_LOGIN] = { "login_ms", "login" },
	[STAGE_ASSIGN] = { "assign_ms", "desktop assigned and ready" },
	[STAGE_RELAY] = { "relay_ms", "relay and RDP connected" },
	[STAGE_FIRST_FRAME] = { "first_frame_ms", "first complete frame" },
	[STAGE_SETTLED] = { "settled_ms", "picture settled" },
};

struct timings timings_none(void)
{
	struct timings t = { 0 };

	for (int i = 0; i < STAGES; i++)
		t.us[i] = -1;
	return t;
}

int64_t timings_total_us(const struct timings *t)
{
	int64_t total = 0;

	for (int i = 0; i <= STAGE_FIRST_FRAME; i++)
		total += t->us[i] > 0 ? t->us[i] : 0;
	return total;
}

void timings_write_table(const struct timings *t, struct buf *out)
{
	for (int i = 0; i < STAGES; i++)
		if (t->us[i] >= 0)
			buf_printf(out, "%-28s %9.1f ms\n", stages[i].title,
				   (double)t->us[i] / 1000.0);
	buf_printf(out, "%-28s %9.1f ms\n", "total to the first frame",
		   (double)timings_total_us(t) / 1000.0);
}

static void put(json_t *object, const char *key, int64_t us)
{
	json_object_set_new(object, key, us < 0 ? json_null() : json_real((double)us / 1000.0));
}

void timings_write_json(const struct timings *t, const char *desktop, const char *reason,
			struct buf *out)
{
	OWNED(json_decref) json_t *object = json_object();

	json_object_set_new(object, "ok", json_boolean(!reason));
	json_object_set_new(object, "code", reason ? json_string(reason) : json_null());
	json_object_set_new(object, "desktop", desktop ? json_string(desktop) : json_null());
	for (int i = 0; i < STAGES; i++)
		put(object, stages[i].key, t->us[i]);
	put(object, "total_ms", timings_total_us(t));
	json_object_set_new(object, "ticket_at_ms",
			    t->ticket_at_ms ? json_integer(t->ticket_at_ms) : json_null());
	json_object_set_new(object, "width", json_integer(t->width));
	json_object_set_new(object, "height", json_integer(t->height));
	json_object_set_new(object, "paints", json_integer(t->paints));
	char *text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(9));

	buf_printf(out, "%s\n", text);
	free(text);
}
