/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/config.h"

#include <errno.h>

#include "broker/directory/profile.h"
#include "broker/factor/second_factor.h"
#include "common/sys/log.h"

#define KEY(section, name, type, member, fallback, help)                                           \
	{ section, name, type, offsetof(struct broker_config, member), fallback, help, false }
#define NEED(section, name, type, member, help)                                                    \
	{ section, name, type, offsetof(struct broker_config, member), NULL, help, true }

const struct config_key broker_keys[] = {
	KEY("broker", "listen", CONFIG_TEXT, listen, "0.0.0.0:8443", "clients and admins"),
	KEY("broker", "agent_listen", CONFIG_TEXT, agent_listen, "0.0.0.0:8444", "hosts"),
	NEED("broker", "names", CONFIG_TEXT, names, "names and addresses clients use for it"),
	KEY("broker", "state_dir", CONFIG_TEXT, state_dir, "/var/lib/genkan/broker",
	    "store, CA and keys"),
	KEY("broker", "certificate", CONFIG_TEXT, certificate, "", "the site's certificate chain"),
	KEY("broker", "key", CONFIG_TEXT, key, "", "its key"),
	KEY("broker", "max_connections", CONFIG_COUNT, max_connections, "20000", "per port"),
	KEY("broker", "max_per_source", CONFIG_COUNT, max_per_source, "512", "per address"),
	KEY("broker", "fronts", CONFIG_COUNT, fronts, "0", "processes for clients; 0: one per CPU"),
	KEY("broker", "front_user", CONFIG_TEXT, front_user, "", "user of the fronts"),
	KEY("broker", "directory_user", CONFIG_TEXT, directory_user, "",
	    "user of the directory worker"),
	KEY("broker", "max_queued", CONFIG_COUNT, max_queued, "4096", "requests for the store"),
	KEY("broker", "audit_syslog", CONFIG_TEXT, audit_syslog, "", "socket of the system's log"),
	KEY("broker", "log_level", CONFIG_TEXT, log_level, "info", "debug, info, warn or error"),

	KEY("images", "dir", CONFIG_TEXT, images_dir, "", "golden images; empty: in state_dir"),
	KEY("images", "rate", CONFIG_BYTES, images_rate_bytes, "100M",
	    "bytes a second to hosts, all together; 0: no limit"),
	KEY("images", "keep_unfinished", CONFIG_DURATION_MS, images_keep_unfinished_ms, "24h",
	    "how long an interrupted upload can go on"),

	NEED("directory", "uri", CONFIG_TEXT, directory.uri, "servers, in order"),
	KEY("directory", "start_tls", CONFIG_BOOL, directory.start_tls, "no", "for ldap://"),
	NEED("directory", "ca_file", CONFIG_TEXT, directory.ca_file, "who signed the servers"),
	KEY("directory", "profile", CONFIG_TEXT, directory.profile, "rfc2307bis",
	    "rfc2307bis, rfc2307 or ad"),
	NEED("directory", "base_dn", CONFIG_TEXT, directory.base_dn, "where people are"),
	KEY("directory", "bind_dn", CONFIG_TEXT, directory.bind_dn, "", "service account"),
	KEY("directory", "bind_password_file", CONFIG_TEXT, directory.bind_password_file, "",
	    "its password"),
	KEY("directory", "user_dn", CONFIG_TEXT, directory.user_dn, "", "DN pattern with {user}"),
	KEY("directory", "user_filter", CONFIG_TEXT, directory.user_filter, PROFILE_VALUE,
	    "filter pattern with {user}"),
	KEY("directory", "group_base_dn", CONFIG_TEXT, directory.group_base_dn, "",
	    "where groups are"),
	KEY("directory", "group_filter", CONFIG_TEXT, directory.group_filter, PROFILE_VALUE,
	    "filter pattern with {dn} and {user}"),
	KEY("directory", "primary_filter", CONFIG_TEXT, directory.primary_filter, PROFILE_VALUE,
	    "filter pattern with {gid} or {sid}"),
	KEY("directory", "parent_filter", CONFIG_TEXT, directory.parent_filter, PROFILE_VALUE,
	    "filter pattern with a group's {dn}"),
	KEY("directory", "member_of", CONFIG_TEXT, directory.member_of, PROFILE_VALUE,
	    "attribute naming a user's groups"),
	KEY("directory", "attr_user", CONFIG_TEXT, directory.attr_user, PROFILE_VALUE, "user name"),
	KEY("directory", "attr_name", CONFIG_TEXT, directory.attr_name, PROFILE_VALUE,
	    "name on the screen"),
	KEY("directory", "attr_uid_number", CONFIG_TEXT, directory.attr_uid_number, PROFILE_VALUE,
	    "user number in the desktop"),
	KEY("directory", "attr_id", CONFIG_TEXT, directory.attr_id, PROFILE_VALUE, "identity"),
	KEY("directory", "attr_group", CONFIG_TEXT, directory.attr_group, PROFILE_VALUE, "group name"),
	KEY("directory", "group_cache", CONFIG_DURATION_MS, directory.group_cache_ms, "60s",
	    "groups in groups are remembered"),
	KEY("directory", "deadline_ms", CONFIG_COUNT, directory.deadline_ms, "2000",
	    "for one question, all servers"),
	KEY("directory", "threads", CONFIG_COUNT, directory.threads, "8", "questions at a time"),
	KEY("directory", "max_queued", CONFIG_COUNT, directory.max_queued, "1024",
	    "questions waiting"),

	KEY("login", "user_failures", CONFIG_COUNT, user_failures, "5", "wrong passwords per user"),
	KEY("login", "source_failures", CONFIG_COUNT, source_failures, "20",
	    "wrong passwords per address"),
	KEY("login", "failure_window", CONFIG_DURATION_MS, failure_window_ms, "5m",
	    "counted together"),
	KEY("login", "block", CONFIG_DURATION_MS, block_ms, "5m", "wait after too many"),
	KEY("login", "session", CONFIG_DURATION_MS, session_ms, "12h", "life of a login"),
	KEY("login", "require_client_key", CONFIG_BOOL, require_client_key, "no",
	    "only clients that show a TLS key"),
	KEY("login", "ticket", CONFIG_DURATION_MS, ticket_ms, "30s", "life of a ticket"),

	KEY("second_factor", "groups", CONFIG_TEXT, factor_groups, "", "groups who need one"),
	KEY("second_factor", "roles", CONFIG_TEXT, factor_roles, "", "roles that need one"),
	KEY("second_factor", "issuer", CONFIG_TEXT, factor_issuer, "Genkan",
	    "what authenticator apps show"),
	KEY("second_factor", "challenge", CONFIG_DURATION_MS, challenge_ms, "5m",
	    "time to type the code"),
	KEY("second_factor", "max_wrong", CONFIG_COUNT, factor_max_wrong, "50",
	    "wrong codes in a row that lock it; 0: no limit"),

	KEY("roles", "admin", CONFIG_TEXT, roles.admin, "", "groups of admins"),
	KEY("roles", "auditor", CONFIG_TEXT, roles.auditor, "", "groups who look at everything"),
	KEY("roles", "helpdesk", CONFIG_TEXT, roles.helpdesk, "", "groups who help users"),
	KEY("roles", "pool_admin", CONFIG_TEXT, roles.pool_admin, "", "groups and their pools"),
	KEY("roles", "session", CONFIG_DURATION_MS, staff_session_ms, "8h", "life of their login"),

	KEY("console", "enabled", CONFIG_BOOL, console, "yes", "the web console"),
	KEY("console", "session", CONFIG_DURATION_MS, console_session_ms, "4h",
	    "life of a login in a browser"),

	KEY("hosts", "silent_after", CONFIG_DURATION_MS, host_silent_ms, "75s",
	    "no report: the host is lost"),
	KEY("hosts", "join_token", CONFIG_DURATION_MS, join_token_ms, "1h", "life of a join token"),
	KEY("hosts", "certificate_days", CONFIG_COUNT, host_certificate_days, "825",
	    "life of a host certificate"),
};
const size_t broker_key_count = ARRAY_LEN(broker_keys);

static void check_address(const char *key, const char *address, struct buf *problems)
{
	struct error err = { 0 };
	char host[256];
	uint16_t port;

	if (config_split_address(address, host, sizeof(host), &port, &err) < 0)
		buf_printf(problems, "broker.%s: %s\n", key, err.text);
}

static int check_ranges(const struct broker_config *config, struct buf *problems)
{
	size_t before = problems->len;
	enum log_level level;

	check_address("listen", config->listen, problems);
	check_address("agent_listen", config->agent_listen, problems);
	struct error err = { 0 };
	if (roles_check(&config->roles, &err) < 0)
		buf_printf(problems, "%s\n", err.text);
	if (second_factor_check_config(config, &err) < 0)
		buf_printf(problems, "%s\n", err.text);
	if (config->ticket_ms < 1000 || config->ticket_ms > 30000)
		buf_put_text(problems, "login.ticket: must be 1s to 30s\n");
	if (config->console_session_ms < 1000)
		buf_put_text(problems, "console.session: must be at least 1s\n");
	if (config->host_silent_ms < 1000)
		buf_put_text(problems, "hosts.silent_after: must be at least 1s\n");
	if (config->max_connections < 1 || config->max_per_source < 1 || config->max_queued < 1)
		buf_put_text(problems, "broker: limits must be at least 1\n");
	if (config->fronts > BROKER_FRONTS_MAX)
		buf_printf(problems, "broker.fronts: must be at most %d\n", BROKER_FRONTS_MAX);
	if (config->host_certificate_days < 1 || config->host_certificate_days > 3650)
		buf_put_text(problems, "hosts.certificate_days: must be 1 to 3650\n");
	if (*config->images_dir && *config->images_dir != '/')
		buf_put_text(problems, "images.dir: must be an absolute path\n");
	if (!*config->certificate != !*config->key)
		buf_put_text(problems, "broker: certificate and key go together\n");
	if (*config->audit_syslog && *config->audit_syslog != '/')
		buf_put_text(problems, "broker.audit_syslog: must be an absolute path\n");
	if (log_level_parse(config->log_level, &level) < 0)
		buf_put_text(problems, "broker.log_level: must be debug, info, warn or error\n");
	return problems->len > before ? -EINVAL : 0;
}

int broker_config_load(const char *path, struct broker_config *out, struct buf *problems)
{
	int rc = config_load(path, broker_keys, broker_key_count, out, problems);

	struct error err = { 0 };

	if (rc == 0 && (rc = directory_profile_apply(&out->directory, &err)) < 0)
		buf_printf(problems, "%s\n", err.text);
	return rc == 0 ? check_ranges(out, problems) : rc;
}

void broker_config_done(struct broker_config *config)
{
	config_done(broker_keys, broker_key_count, config);
}
