/* SPDX-License-Identifier: Apache-2.0 */
/* event_queue.h - audit events on their way to the broker: bounded, in order, delivered in batches.
 *
 * A batch is borrowed while it is in flight and leaves the queue only when the broker took it, so a
 * failed delivery is repeated with the same events first. When the queue is full the newest events
 * are not taken; they are counted, and the count itself becomes an event once there is room. Pure:
 * no socket, no clock. */
#ifndef GENKAN_RELAY_EVENT_QUEUE_H
#define GENKAN_RELAY_EVENT_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EVENT_ADDRESS 64

struct event {
	char session[20];	/* 16 hex digits, "" before a ticket was redeemed */
	char kind[16], what[24], rule[24];
	char name[64], detail[128];
	char client_address[EVENT_ADDRESS];
	int64_t at_ms;		/* wall clock */
	uint32_t count;
};

struct event_queue;

struct event_queue *event_queue_new(size_t capacity);
void event_queue_free(struct event_queue *q);

/* False when the event was not taken and only counted. */
bool event_queue_put(struct event_queue *q, const struct event *e);
/* Copies up to `max` of the oldest events and marks them as in flight; 0 when a batch is already
 * in flight or there is nothing to send. */
size_t event_queue_begin(struct event_queue *q, struct event *out, size_t max);
/* Ends the flight: delivered events leave, others stay at the front. */
void event_queue_end(struct event_queue *q, bool delivered);

size_t event_queue_length(const struct event_queue *q);
/* Events lost to a full queue since the start. */
uint64_t event_queue_lost(const struct event_queue *q);

#endif
