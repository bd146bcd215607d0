/* SPDX-License-Identifier: Apache-2.0 */
/* config.h - genkan-broker's settings; the table in config.c is their specification and
 * genkan-broker.conf(5) their description. */
#ifndef GENKAN_BROKER_CONFIG_H
#define GENKAN_BROKER_CONFIG_H

#include "broker/api/roles.h"
#include "broker/directory/directory.h"
#include "common/data/config.h"

enum { BROKER_FRONTS_MAX = 16 };

struct broker_config {
	char *listen, *agent_listen, *names, *state_dir;
	char *certificate, *key;	/* of the site; empty: our own CA's */
	int64_t max_connections, max_per_source, max_queued, fronts;
	char *front_user, *directory_user;
	char *log_level;
	char *audit_syslog;

	char *images_dir;
	int64_t images_rate_bytes, images_keep_unfinished_ms;

	struct directory_config directory;

	int64_t user_failures, source_failures, failure_window_ms, block_ms;
	int64_t session_ms, ticket_ms;
	bool require_client_key;

	char *factor_groups, *factor_roles, *factor_issuer;
	int64_t challenge_ms, factor_max_wrong;

	struct roles_config roles;
	int64_t staff_session_ms;
	bool console;
	int64_t console_session_ms;
	int64_t host_silent_ms, join_token_ms, host_certificate_days;
};

extern const struct config_key broker_keys[];
extern const size_t broker_key_count;

/* Fills every key; each problem is one line in `problems`. path NULL: defaults only. */
int broker_config_load(const char *path, struct broker_config *out,
		       struct buf *problems) MUST_CHECK;
void broker_config_done(struct broker_config *config);
DEFINE_OWNED_VALUE(broker_config_done, struct broker_config);

#endif
