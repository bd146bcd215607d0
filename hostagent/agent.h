/* SPDX-License-Identifier: Apache-2.0 */
/* agent.h - the running host agent: what the broker wants, brought about. Loop thread only. */
#ifndef GENKAN_HOSTAGENT_AGENT_H
#define GENKAN_HOSTAGENT_AGENT_H

#include "common/sys/loop.h"
#include "hostagent/config.h"
#include "hostagent/priv/priv.h"

struct agent;

/* Takes up what an earlier agent left and begins to talk to the broker. `priv` stays the
 * caller's. */
int agent_new(struct loop *loop, const struct hostagent_config *config, enum vm_accel accel,
	      struct priv *priv, struct agent **out, struct error *err) MUST_CHECK;
/* Lets go of everything; desktops run on. */
void agent_free(struct agent *agent);
DEFINE_OWNED(agent_free, struct agent);

#endif
