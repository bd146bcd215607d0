/* SPDX-License-Identifier: Apache-2.0 */
/* relay_config.h - /etc/genkan/relay.conf. The table in relay_config.c is the list of keys. */
#ifndef GENKAN_RELAY_CONFIG_H
#define GENKAN_RELAY_CONFIG_H

#include "common/data/config.h"

struct relay_config {
	char *listen;
	char *broker, *ca_file, *host_certificate, *host_key;
	char *certificate, *key;
	char *user;	/* "": a uid of its own for each session */
	int64_t session_uid_first;
	char *log_level;
	int64_t max_connections, max_per_source, max_waiting;
	int64_t max_events;
	int64_t redeem_ms, dial_ms, stop_ms;
};

/* -EINVAL with one line per problem; also checks that addresses and the log level are sound. */
int relay_config_load(const char *path, struct relay_config *out, struct buf *problems) MUST_CHECK;
void relay_config_done(struct relay_config *config);
DEFINE_OWNED_VALUE(relay_config_done, struct relay_config);
/* Each key with its default, for --help. */
void relay_config_describe(struct buf *out);

#endif
