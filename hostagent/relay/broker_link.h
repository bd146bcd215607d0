/* SPDX-License-Identifier: Apache-2.0 */
/* broker_link.h - the relay's only way to the broker: tickets are redeemed, events delivered.
 *
 * Requests block on worker threads, a few at a time for tickets and one for events, so that
 * nobody's login waits behind the audit. Events survive the broker's absence in memory, in order.
 * Loop thread only. */
#ifndef GENKAN_RELAY_BROKER_LINK_H
#define GENKAN_RELAY_BROKER_LINK_H

#include "common/net/http_client.h"
#include "common/sys/loop.h"
#include "hostagent/relay/redeem.h"

struct broker_link;

struct broker_link_config {
	struct http_client_config broker;
	size_t max_events, max_waiting;
	int64_t redeem_ms;
};

/* `granted` NULL: refused or no answer; the reason has been logged. It is wiped afterwards. */
typedef void redeemed_fn(void *arg, uint64_t number, const struct redemption *granted);

int broker_link_new(struct loop *loop, const struct broker_link_config *config,
		    redeemed_fn *redeemed, void *arg, struct broker_link **out,
		    struct error *err) MUST_CHECK;
/* Waits for requests in flight, which are cancelled. */
void broker_link_free(struct broker_link *link);
DEFINE_OWNED(broker_link_free, struct broker_link);

/* Answered once by `redeemed` with the same number. -EAGAIN: too many are waiting. */
int broker_link_redeem(struct broker_link *link, uint64_t number, const struct rdp_ticket *ticket,
		       const char *client_address) MUST_CHECK;
/* Delivered soon; counted when there is no room. */
void broker_link_event(struct broker_link *link, const struct event *e);
/* Events that the broker has not taken yet. */
size_t broker_link_pending(const struct broker_link *link);

#endif
