/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/api/api.h"

#include "broker/api/handlers.h"
#include "broker/conductor/conductor.h"
#include "broker/images/image_room.h"
#include "broker/session/login.h"
#include "broker/session/password.h"
#include "broker/session/reconnect.h"
#include "broker/session/self_service.h"
#include "broker/session/session_watch.h"
#include "common/base/text.h"

enum access {
	ACCESS_ANYBODY,		/* the handler decides: password, token or join token */
	ACCESS_ADMIN,		/* client certificate with OU genkan-admin */
	ACCESS_HOST,		/* client certificate with OU genkan-host */
};

struct route {
	const char *method, *path;	/* {id} stands for one path segment */
	enum access access;
	void (*handler)(struct request *r);
};

static const struct route client_routes[] = {
	{ "GET", "/v1/health", ACCESS_ANYBODY, health_get },
	{ "POST", "/v1/login", ACCESS_ANYBODY, login_begin },
	{ "POST", "/v1/password", ACCESS_ANYBODY, password_change },
	{ "GET", "/v1/desktops", ACCESS_ANYBODY, reconnect_list },
	{ "POST", "/v1/desktops/{id}/connect", ACCESS_ANYBODY, reconnect_connect },
	{ "GET", "/v1/desktops/{id}/rdp", ACCESS_ANYBODY, reconnect_rdp_file },
	{ "POST", "/v1/desktops/{id}/restart", ACCESS_ANYBODY, self_service_restart },
	{ "POST", "/v1/desktops/{id}/reset", ACCESS_ANYBODY, self_service_reset },
	{ "GET", "/v1/session", ACCESS_ANYBODY, reconnect_whoami },
	{ "DELETE", "/v1/session", ACCESS_ANYBODY, reconnect_logout },

	{ "GET", "/v1/admin/pools", ACCESS_ADMIN, admin_pools_list },
	{ "PUT", "/v1/admin/pools", ACCESS_ADMIN, admin_pools_apply },
	{ "GET", "/v1/admin/desktops", ACCESS_ADMIN, admin_desktops_list },
	{ "POST", "/v1/admin/desktops/{id}/delete", ACCESS_ADMIN, admin_desktop_delete },
	{ "POST", "/v1/admin/desktops/{id}/restart", ACCESS_ADMIN, admin_desktop_restart },
	{ "POST", "/v1/admin/desktops/{id}/reset", ACCESS_ADMIN, admin_desktop_reset },
	{ "GET", "/v1/admin/hosts", ACCESS_ADMIN, admin_hosts_list },
	{ "POST", "/v1/admin/host-tokens", ACCESS_ADMIN, admin_host_token },
	{ "GET", "/v1/admin/images", ACCESS_ADMIN, admin_images_list },
	{ "POST", "/v1/admin/images", ACCESS_ADMIN, admin_image_publish },
	{ "GET", "/v1/admin/images/{id}", ACCESS_ADMIN, admin_image_show },
	{ "POST", "/v1/admin/image-uploads", ACCESS_ADMIN, image_upload_begin },
	{ "PUT", "/v1/admin/image-uploads/{id}", ACCESS_ADMIN, image_upload_part },
	{ "GET", "/v1/admin/sessions", ACCESS_ADMIN, admin_sessions_list },
	{ "POST", "/v1/admin/sessions/{id}/end", ACCESS_ADMIN, admin_session_end },
	{ "GET", "/v1/admin/audit", ACCESS_ADMIN, admin_audit_list },
	{ "GET", "/v1/admin/exceptions", ACCESS_ADMIN, admin_exceptions_list },
	{ "POST", "/v1/admin/exceptions", ACCESS_ADMIN, admin_exception_request },
	{ "GET", "/v1/admin/exceptions/{id}", ACCESS_ADMIN, admin_exception_show },
	{ "POST", "/v1/admin/exceptions/{id}/approve", ACCESS_ADMIN, admin_exception_approve },
	{ "POST", "/v1/admin/exceptions/{id}/revoke", ACCESS_ADMIN, admin_exception_revoke },
	{ "GET", "/v1/admin/explain", ACCESS_ADMIN, admin_explain },
	{ "POST", "/v1/admin/directory-test", ACCESS_ADMIN, admin_directory_test },
	{ "POST", "/v1/admin/revoke-all", ACCESS_ADMIN, admin_revoke_all },
};

static const struct route agent_routes[] = {
	{ "POST", "/agent/v1/join", ACCESS_ANYBODY, agent_join },
	{ "POST", "/agent/v1/sync", ACCESS_HOST, conductor_sync },
	{ "GET", "/agent/v1/images/{id}", ACCESS_HOST, image_part_get },
	{ "GET", "/agent/v1/images/{id}/pieces", ACCESS_HOST, image_pieces_get },
	{ "POST", "/agent/v1/redeem", ACCESS_HOST, agent_redeem },
	{ "POST", "/agent/v1/events", ACCESS_HOST, agent_events },
	{ "POST", "/agent/v1/sessions", ACCESS_HOST, session_watch_ask },
};

/* Whether `path` has the shape of `pattern`; the segment of {id} is copied out. */
static bool path_matches(const char *pattern, const char *path, char *argument, size_t size)
{
	const char *hole = strstr(pattern, "{id}");

	if (!hole)
		return strcmp(pattern, path) == 0;

	size_t before = (size_t)(hole - pattern);
	const char *tail = hole + strlen("{id}");
	if (strncmp(pattern, path, before) != 0)
		return false;

	const char *segment = path + before;
	size_t len = strcspn(segment, "/");
	if (len == 0 || len >= size || strcmp(segment + len, tail) != 0)
		return false;
	memcpy(argument, segment, len);
	argument[len] = '\0';
	return true;
}

static bool allowed(enum access access, const struct request *r, const char *ou)
{
	switch (access) {
	case ACCESS_ANYBODY:
		return true;
	case ACCESS_ADMIN:
		return strcmp(ou, AUTHORITY_OU_ADMIN) == 0 && *r->peer;
	case ACCESS_HOST:
		return strcmp(ou, AUTHORITY_OU_HOST) == 0 && *r->peer;
	}
	return false;
}

static void dispatch(const struct route *routes, size_t count, struct request *r,
		     struct http_exchange *x)
{
	bool other_method = false;

	for (size_t i = 0; i < count; i++) {
		const struct route *route = &routes[i];

		if (!path_matches(route->path, http_path(x), r->argument, sizeof(r->argument)))
			continue;
		if (strcmp(route->method, http_method(x)) != 0) {
			other_method = true;
			continue;
		}
		if (allowed(route->access, r, http_peer_ou(x)))
			route->handler(r);
		else
			request_refuse(r, REASON_FORBIDDEN, -1, NULL);
		return;
	}
	request_refuse(r, REASON_NOT_FOUND, -1,
		       other_method ? "This address does not take this method." : NULL);
}

void api_client_request(void *arg, struct http_exchange *x)
{
	struct broker *broker = arg;

	dispatch(client_routes, ARRAY_LEN(client_routes),
		 request_new(broker, &broker->clients, x), x);
}

void api_agent_request(void *arg, struct http_exchange *x)
{
	struct broker *broker = arg;

	dispatch(agent_routes, ARRAY_LEN(agent_routes), request_new(broker, &broker->agents, x), x);
}

void health_get(struct request *r)
{
	request_reply(r, 200, json_pack("{s:s, s:s}", "status", "ok", "version", GENKAN_VERSION));
}
