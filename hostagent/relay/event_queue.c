/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/relay/event_queue.h"

#include <stdlib.h>
#include <string.h>
#include "common/base/cleanup.h"
#include "common/base/text.h"

struct event_queue {
	struct event *ring;
	size_t capacity, first, length;
	size_t in_flight;
	uint64_t lost;
	uint64_t lost_untold;	/* not yet told to the broker */
};

struct event_queue *event_queue_new(size_t capacity)
{
	struct event_queue *q = xnew(struct event_queue);

	q->capacity = capacity;
	q->ring = xcalloc(capacity, sizeof(*q->ring));
	return q;
}

void event_queue_free(struct event_queue *q)
{
	if (!q)
		return;
	free(q->ring);
	free(q);
}

static void append(struct event_queue *q, const struct event *e)
{
	q->ring[(q->first + q->length) % q->capacity] = *e;
	q->length++;
}

/* The row that stands for the events that are missing before `next`. */
static void append_lost(struct event_queue *q, const struct event *next)
{
	struct event e = { .kind = "refused", .what = "pdu", .name = "events_lost",
		.detail = "the relay's event queue was full", .at_ms = next->at_ms };

	e.count = q->lost_untold > UINT32_MAX ? UINT32_MAX : (uint32_t)q->lost_untold;
	append(q, &e);
	q->lost_untold = 0;
}

bool event_queue_put(struct event_queue *q, const struct event *e)
{
	size_t needed = q->lost_untold ? 2 : 1;

	if (q->length + needed > q->capacity) {
		q->lost++;
		q->lost_untold++;
		return false;
	}
	if (q->lost_untold)
		append_lost(q, e);
	append(q, e);
	return true;
}

size_t event_queue_begin(struct event_queue *q, struct event *out, size_t max)
{
	if (q->in_flight)
		return 0;
	q->in_flight = q->length < max ? q->length : max;
	for (size_t i = 0; i < q->in_flight; i++)
		out[i] = q->ring[(q->first + i) % q->capacity];
	return q->in_flight;
}

void event_queue_end(struct event_queue *q, bool delivered)
{
	if (delivered) {
		q->first = (q->first + q->in_flight) % q->capacity;
		q->length -= q->in_flight;
	}
	q->in_flight = 0;
}

size_t event_queue_length(const struct event_queue *q)
{
	return q->length;
}

uint64_t event_queue_lost(const struct event_queue *q)
{
	return q->lost;
}
