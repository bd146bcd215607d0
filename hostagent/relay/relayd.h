/* SPDX-License-Identifier: Apache-2.0 */
/* relayd.h - the parent: admits clients, has a session process made for each, answers its two
 * questions (is this ticket good? connect me to its guest) and keeps the account of it.
 *
 * It never reads a byte of RDP. Loop thread only. */
#ifndef GENKAN_RELAY_RELAYD_H
#define GENKAN_RELAY_RELAYD_H

#include "common/sys/loop.h"
#include "hostagent/relay/relay_config.h"

struct relayd;

/* `config` is borrowed. Must come before any thread exists: it starts genkan-relay-sessions. */
int relayd_new(struct loop *loop, const struct relay_config *config, struct relayd **out,
	       struct error *err) MUST_CHECK;
void relayd_free(struct relayd *d);
DEFINE_OWNED(relayd_free, struct relayd);

/* No new clients; sessions say goodbye; the loop stops when all are gone and their events are
 * delivered, or after config->stop_ms. */
void relayd_stop(struct relayd *d);
/* True when it ended because it could not go on. */
bool relayd_failed(const struct relayd *d);

#endif
