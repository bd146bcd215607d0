/* SPDX-License-Identifier: Apache-2.0 */
/* priv.h - the privileged helper: a process forked before the agent gives up its rights. It ends
 * with the agent; the QEMUs that it started do not. */
#ifndef GENKAN_PRIV_PRIV_H
#define GENKAN_PRIV_PRIV_H

#include "hostagent/priv/message.h"
#include "hostagent/priv/spawn.h"

struct priv;

/* Forks the helper. Before any thread is started. `host` must outlive it. */
int priv_start(const struct spawn_host *host, struct priv **out, struct error *err) MUST_CHECK;
void priv_free(struct priv *priv);
pid_t priv_pid(const struct priv *priv);

/* Blocking, one thread at a time: the host's work queue. */
int priv_spawn(struct priv *priv, const struct vm_spec *spec, enum vm_launch launch, pid_t *pid,
	       struct error *err) MUST_CHECK;
/* The machine that stands by under the id `machine` is this desktop's from now on. */
int priv_take(struct priv *priv, const struct vm_spec *spec, const char *machine,
	      struct error *err) MUST_CHECK;
int priv_kill(struct priv *priv, const char *id, struct error *err) MUST_CHECK;
int priv_clean(struct priv *priv, const struct vm_spec *spec, struct error *err) MUST_CHECK;
int priv_sweep(struct priv *priv, const struct nft_port *ports, size_t count,
	       struct error *err) MUST_CHECK;
/* A template's memory and state: closed for writing, or removed. */
int priv_seal(struct priv *priv, const char *id, struct error *err) MUST_CHECK;
int priv_weigh(struct priv *priv, const char *id, int64_t *pss_bytes, int64_t *templates_bytes,
	       struct error *err) MUST_CHECK;
int priv_drop(struct priv *priv, const char *id, struct error *err) MUST_CHECK;

/* What the helper does for PRIV_CLEAN; also the clean-up commands, which run as root. */
int priv_clean_here(const struct spawn_host *host, const struct vm_spec *spec,
		    struct error *err) MUST_CHECK;

#endif
