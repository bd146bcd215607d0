/* SPDX-License-Identifier: Apache-2.0 */
/* What of the configuration can be found wrong before a server is asked. */
#include <errno.h>

#include "broker/directory/directory.h"
#include "broker/directory/directory_query.h"
#include "broker/directory/escape.h"
#include "common/base/text.h"

size_t directory_split_uris(char *text, const char *out[DIRECTORY_MAX_SERVERS])
{
	char *rest = NULL;
	size_t count = 0;

	for (char *uri = strtok_r(text, " \t", &rest); uri; uri = strtok_r(NULL, " \t", &rest)) {
		if (count < DIRECTORY_MAX_SERVERS)
			out[count] = uri;
		count++;
	}
	return count;
}

static int check_uris(const struct directory_config *config, struct error *err)
{
	const char *scheme = config->start_tls ? "ldap://" : "ldaps://";
	OWNED(free) char *text = xstrdup(config->uri);
	const char *uri[DIRECTORY_MAX_SERVERS];
	size_t count = directory_split_uris(text, uri);

	if (count > DIRECTORY_MAX_SERVERS)
		return error_set(err, EINVAL, "directory.uri: more than %d servers",
				 DIRECTORY_MAX_SERVERS);
	for (size_t i = 0; i < count; i++)
		if (!str_starts(uri[i], scheme))
			return error_set(err, EINVAL, "directory.uri: %s: must begin with %s%s",
					 uri[i], scheme,
					 config->start_tls ? " when start_tls is on"
							   : " or start_tls must be on");
	return count ? 0 : error_set(err, EINVAL, "directory.uri: no server is named");
}

static int check_pattern(const char *key, const char *pattern, size_t names, struct error *err)
{
	OWNED(buf_done) struct buf trash = { 0 };
	struct template_value values[] = { { "user", "x" }, { "dn", "x" } };
	int rc = template_expand(pattern, values, names, filter_escape, &trash, err);

	return rc < 0 ? error_prefix(err, "directory.%s", key) : 0;
}

static int check_primary(const char *pattern, struct error *err)
{
	OWNED(buf_done) struct buf trash = { 0 };
	struct template_value values[] = { { "gid", "1" }, { "sid", "x" } };
	int rc = template_expand(pattern, values, ARRAY_LEN(values), filter_escape, &trash, err);

	return rc < 0 ? error_prefix(err, "directory.primary_filter") : 0;
}

int directory_check_config(const struct directory_config *config, struct error *err)
{
	int rc = check_pattern("user_filter", config->user_filter, 1, err);

	if (rc == 0)
		rc = check_pattern("user_dn", config->user_dn, 1, err);
	if (rc == 0)
		rc = check_pattern("group_filter", config->group_filter, 2, err);
	if (rc == 0)
		rc = check_primary(config->primary_filter, err);
	if (rc == 0)
		rc = check_pattern("parent_filter", config->parent_filter, 2, err);
	if (rc < 0)
		return rc;
	if (!strstr(config->user_filter, "{user}") && !*config->user_dn)
		return error_set(err, EINVAL, "directory.user_filter: must contain {user}");
	if (access(config->ca_file, R_OK) < 0)
		return error_errno(err, "directory.ca_file: %s", config->ca_file);
	if (config->deadline_ms < 100 || config->threads < 1 || config->threads > 256)
		return error_set(err, EINVAL,
				 "directory: deadline_ms must be >= 100, threads 1 to 256");
	return check_uris(config, err);
}
