/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/relay/relay_config.h"

#include <errno.h>
#include <stddef.h>
#include "common/sys/log.h"

#define KEY(name, type, fallback, help)                                                            \
	{ "relay", #name, type, offsetof(struct relay_config, name), fallback, help, false }
#define REQUIRED_KEY(name, help)                                                                   \
	{ "relay", #name, CONFIG_TEXT, offsetof(struct relay_config, name), NULL, help, true }

static const struct config_key keys[] = {
	KEY(listen, CONFIG_TEXT, "0.0.0.0:3389", "where clients connect"),
	REQUIRED_KEY(broker, "the broker's agent link, host:port"),
	KEY(ca_file, CONFIG_TEXT, "/var/lib/genkan/host/ca.crt",
	    "who may sign the broker's certificate"),
	KEY(host_certificate, CONFIG_TEXT, "/var/lib/genkan/host/host.crt", "shown to the broker"),
	KEY(host_key, CONFIG_TEXT, "/var/lib/genkan/host/host.key", "its key"),
	KEY(certificate, CONFIG_TEXT, "/var/lib/genkan/host/relay.crt", "shown to clients"),
	KEY(key, CONFIG_TEXT, "/var/lib/genkan/host/relay.key", "its key"),
	KEY(user, CONFIG_TEXT, "",
	    "what all session processes run as when started as root; empty: each has its own uid"),
	KEY(session_uid_first, CONFIG_COUNT, "1910000000", "first of the uids of sessions"),
	KEY(log_level, CONFIG_TEXT, "info", "debug, info, warn or error"),
	KEY(max_connections, CONFIG_COUNT, "4000", "connections in total"),
	KEY(max_per_source, CONFIG_COUNT, "64", "connections of one client address"),
	KEY(max_waiting, CONFIG_COUNT, "2048", "connections that have not shown a ticket yet"),
	KEY(max_events, CONFIG_COUNT, "10000", "audit events kept while the broker is away"),
	KEY(redeem_ms, CONFIG_DURATION_MS, "8s", "how long the broker may take to redeem a ticket"),
	KEY(dial_ms, CONFIG_DURATION_MS, "5s", "how long a guest may take to accept a connection"),
	KEY(stop_ms, CONFIG_DURATION_MS, "4s",
	    "how long sessions may take to end when the relay stops"),
};

static void check_address(const char *name, const char *text, struct buf *problems)
{
	char host[256];
	uint16_t port;
	struct error err;

	if (text && *text && config_split_address(text, host, sizeof(host), &port, &err) < 0)
		buf_printf(problems, "%s: %s\n", name, err.text);
}

static void check_at_least_one(const char *name, int64_t value, struct buf *problems)
{
	if (value < 1)
		buf_printf(problems, "%s: must be at least 1\n", name);
}

int relay_config_load(const char *path, struct relay_config *out, struct buf *problems)
{
	enum log_level level;
	int n = config_load(path, keys, ARRAY_LEN(keys), out, problems);

	if (n < 0)
		return n;
	check_address("listen", out->listen, problems);
	check_address("broker", out->broker, problems);
	check_at_least_one("max_connections", out->max_connections, problems);
	check_at_least_one("max_per_source", out->max_per_source, problems);
	check_at_least_one("max_waiting", out->max_waiting, problems);
	check_at_least_one("max_events", out->max_events, problems);
	if (out->session_uid_first < 1 || out->session_uid_first > 4294000000)
		buf_printf(problems, "session_uid_first: leaves no room for 16384 uids\n");
	if (log_level_parse(out->log_level, &level) < 0)
		buf_printf(problems, "log_level: %s: not debug, info, warn or error\n",
			   out->log_level);
	return problems->len ? -EINVAL : 0;
}

void relay_config_done(struct relay_config *config)
{
	config_done(keys, ARRAY_LEN(keys), config);
}

void relay_config_describe(struct buf *out)
{
	config_describe(keys, ARRAY_LEN(keys), out);
}
