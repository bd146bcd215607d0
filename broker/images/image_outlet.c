/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/images/image_outlet.h"

#include <errno.h>
#include <stdio.h>
#include "broker/images/image_files.h"
#include "common/sys/clock.h"
#include "common/sys/work.h"

#define AT_A_TIME 2
#define LINE_MAX_PARTS 1024
#define BURST_MS 250	/* of the rate, at once */

struct part {
	struct list link;
	struct image_outlet *outlet;
	struct request *r;
	char sha256[80];
	int64_t offset, size_bytes;
	size_t len;
	struct buf bytes;
	int rc;
	struct error err;
};

struct image_outlet {
	const char *folder;
	int64_t rate_bytes;
	int64_t budget_bytes, filled_ms;
	struct work *work;
	struct list line;
	unsigned waiting, under_way;
	struct loop_timer *timer;
};

static void part_free(struct part *part)
{
	buf_done(&part->bytes);
	free(part);
}

static void read_run(void *arg)
{
	struct part *part = arg;

	part->rc = image_file_read(part->outlet->folder, part->sha256, part->offset, part->len,
				   &part->bytes, &part->size_bytes, &part->err);
}

static void answer(struct part *part)
{
	struct http_exchange *x = request_exchange(part->r);
	char range[80];

	if (part->rc == -ERANGE) {
		request_refuse(part->r, REASON_BAD_REQUEST, -1, part->err.text);
		return;
	}
	if (part->rc < 0 || !x) {
		request_store_failed(part->r, part->rc < 0 ? part->rc : -ECANCELED, &part->err);
		return;
	}
	snprintf(range, sizeof(range), "bytes %lld-%lld/%lld", (long long)part->offset,
		 (long long)(part->offset + (int64_t)part->bytes.len - 1),
		 (long long)part->size_bytes);
	request_reply_bytes(part->r, range, buf_span(&part->bytes));
}

static void go_on(struct image_outlet *outlet);

static void read_done(void *arg, int status)
{
	struct part *part = arg;
	struct image_outlet *outlet = part->outlet;

	if (status < 0)
		part->rc = error_set(&part->err, -status, "the broker is stopping");
	answer(part);
	part_free(part);
	outlet->under_way--;
	if (status == 0)
		go_on(outlet);
}

/* How long to wait until bytes may be sent again; 0: now. */
static int64_t pause_ms(struct image_outlet *outlet)
{
	int64_t now_ms = clock_monotonic_ms(), rate = outlet->rate_bytes;

	if (!rate)
		return 0;
	outlet->budget_bytes += (now_ms - outlet->filled_ms) * rate / 1000;
	if (outlet->budget_bytes > rate * BURST_MS / 1000)
		outlet->budget_bytes = rate * BURST_MS / 1000;
	outlet->filled_ms = now_ms;
	return outlet->budget_bytes > 0 ? 0 : -outlet->budget_bytes * 1000 / rate + 1;
}

static void go_on(struct image_outlet *outlet)
{
	while (outlet->under_way < AT_A_TIME && !list_empty(&outlet->line)) {
		struct part *part = LIST_OF(outlet->line.next, struct part, link);
		int64_t wait_ms = pause_ms(outlet);

		if (wait_ms) {
			loop_timer_start(outlet->timer, wait_ms);
			return;
		}
		list_remove(&part->link);
		outlet->waiting--;
		outlet->budget_bytes -= (int64_t)part->len;
		outlet->under_way++;
		if (work_submit(outlet->work, 0, read_run, read_done, part) < 0)
			abort();	/* AT_A_TIME of them: there is always room */
	}
}

static void on_timer(void *arg)
{
	go_on(arg);
}

void image_outlet_take(struct image_outlet *outlet, struct request *r, int64_t offset, size_t len)
{
	if (outlet->waiting >= LINE_MAX_PARTS) {
		request_refuse(r, REASON_BUSY, 1000, NULL);
		return;
	}
	struct part *part = xnew(struct part);

	part->outlet = outlet;
	part->r = r;
	memcpy(part->sha256, r->argument, sizeof(part->sha256));
	part->offset = offset;
	part->len = len;
	part->bytes = BUF_LIMIT(len);
	list_append(&outlet->line, &part->link);
	outlet->waiting++;
	go_on(outlet);
}

struct image_outlet *image_outlet_new(struct loop *loop, const char *folder, int64_t rate_bytes)
{
	struct image_outlet *outlet = xnew(struct image_outlet);

	outlet->folder = folder;
	outlet->rate_bytes = rate_bytes;
	outlet->filled_ms = clock_monotonic_ms();
	list_init(&outlet->line);
	outlet->work = work_new(loop, "images-out", AT_A_TIME, AT_A_TIME);
	outlet->timer = loop_timer_new(loop, on_timer, outlet);
	return outlet;
}

void image_outlet_free(struct image_outlet *outlet)
{
	struct error gone = { .code = ECANCELED, .text = "the broker is stopping" };

	if (!outlet)
		return;
	LIST_EACH_SAFE(it, &outlet->line) {
		struct part *part = LIST_OF(it, struct part, link);

		list_remove(&part->link);
		request_store_failed(part->r, -ECANCELED, &gone);
		part_free(part);
	}
	work_free(outlet->work);
	loop_timer_free(outlet->timer);
	free(outlet);
}
