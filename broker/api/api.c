/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/api/api.h"

#include "broker/api/counters.h"
#include "broker/api/handlers.h"
#include "broker/api/timings.h"
#include "broker/conductor/conductor.h"
#include "broker/console/console.h"
#include "broker/events/events.h"
#include "broker/images/image_room.h"
#include "broker/session/login.h"
#include "broker/session/notices.h"
#include "broker/session/password.h"
#include "broker/session/reconnect.h"
#include "broker/session/self_service.h"
#include "broker/session/session_watch.h"
#include "broker/session/staff.h"
#include "common/base/text.h"

enum access {
	ACCESS_ANYBODY, /* the handler decides: password, token or join token */
	ACCESS_STAFF,   /* admin certificate, or a staff token with one of the roles */
	ACCESS_HOST,    /* client certificate with OU genkan-host */
};

struct route {
	const char *method, *path; /* {id} stands for one path segment */
	enum access access;
	void (*handler)(struct request *r);
	unsigned roles; /* besides ROLE_ADMIN, which may do everything */
};

#define ANY_ROLE (ROLE_HELPDESK | ROLE_POOL_ADMIN | ROLE_AUDITOR)
#define READERS ANY_ROLE
#define ALL_POOLS (ROLE_HELPDESK | ROLE_AUDITOR)
#define HELPERS (ROLE_HELPDESK | ROLE_POOL_ADMIN)

static const struct route client_routes[] = {
	{ "GET", "/metrics", ACCESS_STAFF, counters_get, 0 },
	{ "GET", "/v1/health", ACCESS_ANYBODY, health_get, 0 },
	{ "GET", "/healthz", ACCESS_ANYBODY, health_get, 0 },
	{ "GET", "/readyz", ACCESS_ANYBODY, ready_get, 0 },
	{ "POST", "/v1/login", ACCESS_ANYBODY, login_begin, 0 },
	{ "POST", "/v1/login/second-factor", ACCESS_ANYBODY, login_second_factor, 0 },
	{ "POST", "/v1/password", ACCESS_ANYBODY, password_change, 0 },
	{ "GET", "/v1/desktops", ACCESS_ANYBODY, reconnect_list, 0 },
	{ "POST", "/v1/desktops/{id}/connect", ACCESS_ANYBODY, reconnect_connect, 0 },
	{ "GET", "/v1/desktops/{id}/rdp", ACCESS_ANYBODY, reconnect_rdp_file, 0 },
	{ "POST", "/v1/desktops/{id}/restart", ACCESS_ANYBODY, self_service_restart, 0 },
	{ "POST", "/v1/desktops/{id}/reset", ACCESS_ANYBODY, self_service_reset, 0 },
	{ "GET", "/v1/notices", ACCESS_ANYBODY, notices_ask, 0 },
	{ "GET", "/v1/events", ACCESS_ANYBODY, events_listen, 0 },
	{ "POST", "/v1/console/session", ACCESS_ANYBODY, console_login, 0 },
	{ "POST", "/v1/console/session/second-factor", ACCESS_ANYBODY, console_second_factor, 0 },
	{ "GET", "/v1/console/session", ACCESS_ANYBODY, console_whoami, 0 },
	{ "DELETE", "/v1/console/session", ACCESS_ANYBODY, console_logout, 0 },
	{ "GET", "/v1/session", ACCESS_ANYBODY, reconnect_whoami, 0 },
	{ "DELETE", "/v1/session", ACCESS_ANYBODY, reconnect_logout, 0 },

	{ "POST", "/v1/admin/session", ACCESS_ANYBODY, staff_login, 0 },
	{ "POST", "/v1/admin/session/second-factor", ACCESS_ANYBODY, staff_second_factor, 0 },
	{ "GET", "/v1/admin/session", ACCESS_STAFF, staff_whoami, ANY_ROLE },
	{ "DELETE", "/v1/admin/session", ACCESS_ANYBODY, staff_logout, 0 },
	{ "GET", "/v1/admin/overview", ACCESS_STAFF, admin_overview, READERS },
	{ "GET", "/v1/admin/timings", ACCESS_STAFF, timings_get, ANY_ROLE },
	{ "GET", "/v1/admin/pools", ACCESS_STAFF, admin_pools_list, READERS },
	{ "PUT", "/v1/admin/pools", ACCESS_STAFF, admin_pools_apply, ROLE_POOL_ADMIN },
	{ "PUT", "/v1/admin/pools/{id}", ACCESS_STAFF, admin_pool_put, ROLE_POOL_ADMIN },
	{ "GET", "/v1/admin/desktops", ACCESS_STAFF, admin_desktops_list, READERS },
	{ "POST", "/v1/admin/desktops/{id}/delete", ACCESS_STAFF, admin_desktop_delete,
	  ROLE_POOL_ADMIN },
	{ "POST", "/v1/admin/desktops/{id}/restart", ACCESS_STAFF, admin_desktop_restart, HELPERS },
	{ "POST", "/v1/admin/desktops/{id}/reset", ACCESS_STAFF, admin_desktop_reset, HELPERS },
	{ "GET", "/v1/admin/user-disks", ACCESS_STAFF, admin_user_disks_list, ALL_POOLS },
	{ "POST", "/v1/admin/user-disks/{id}/set-aside", ACCESS_STAFF, admin_user_disk_set_aside,
	  0 },
	{ "POST", "/v1/admin/desktops/{id}/inspect", ACCESS_STAFF, admin_desktop_inspect, 0 },
	{ "POST", "/v1/admin/pools/{id}/probe", ACCESS_STAFF, admin_pool_probe, 0 },
	{ "POST", "/v1/admin/desktops/{id}/logoff", ACCESS_STAFF, admin_desktop_log_off, HELPERS },
	{ "POST", "/v1/admin/desktops/{id}/message", ACCESS_STAFF, admin_desktop_message, HELPERS },
	{ "GET", "/v1/admin/hosts", ACCESS_STAFF, admin_hosts_list, ALL_POOLS },
	{ "POST", "/v1/admin/hosts/{id}/drain", ACCESS_STAFF, admin_host_drain, 0 },
	{ "POST", "/v1/admin/hosts/{id}/undrain", ACCESS_STAFF, admin_host_undrain, 0 },
	{ "POST", "/v1/admin/hosts/{id}/remove", ACCESS_STAFF, admin_host_remove, 0 },
	{ "GET", "/v1/admin/templates", ACCESS_STAFF, admin_templates_list, ALL_POOLS },
	{ "POST", "/v1/admin/host-tokens", ACCESS_STAFF, admin_host_token, 0 },
	{ "GET", "/v1/admin/images", ACCESS_STAFF, admin_images_list, READERS },
	{ "POST", "/v1/admin/images", ACCESS_STAFF, admin_image_publish, 0 },
	{ "GET", "/v1/admin/images/{id}", ACCESS_STAFF, admin_image_show, READERS },
	{ "POST", "/v1/admin/images/{id}/promote", ACCESS_STAFF, admin_image_promote, 0 },
	{ "POST", "/v1/admin/images/{id}/rollback", ACCESS_STAFF, admin_image_rollback, 0 },
	{ "POST", "/v1/admin/image-uploads", ACCESS_STAFF, image_upload_begin, 0 },
	{ "PUT", "/v1/admin/image-uploads/{id}", ACCESS_STAFF, image_upload_part, 0 },
	{ "GET", "/v1/admin/sessions", ACCESS_STAFF, admin_sessions_list, READERS },
	{ "POST", "/v1/admin/sessions/{id}/end", ACCESS_STAFF, admin_session_end, HELPERS },
	{ "POST", "/v1/admin/sessions/{id}/disconnect", ACCESS_STAFF, admin_session_disconnect,
	  HELPERS },
	{ "POST", "/v1/admin/sessions/{id}/logoff", ACCESS_STAFF, admin_session_log_off, HELPERS },
	{ "POST", "/v1/admin/sessions/{id}/message", ACCESS_STAFF, admin_session_message, HELPERS },
	{ "GET", "/v1/admin/audit", ACCESS_STAFF, admin_audit_list, ROLE_AUDITOR },
	{ "GET", "/v1/admin/audit-export", ACCESS_STAFF, admin_audit_export, ROLE_AUDITOR },
	{ "GET", "/v1/admin/exceptions", ACCESS_STAFF, admin_exceptions_list, ROLE_AUDITOR },
	{ "POST", "/v1/admin/exceptions", ACCESS_STAFF, admin_exception_request, 0 },
	{ "GET", "/v1/admin/exceptions/{id}", ACCESS_STAFF, admin_exception_show, ROLE_AUDITOR },
	{ "POST", "/v1/admin/exceptions/{id}/approve", ACCESS_STAFF, admin_exception_approve, 0 },
	{ "POST", "/v1/admin/exceptions/{id}/revoke", ACCESS_STAFF, admin_exception_revoke, 0 },
	{ "GET", "/v1/admin/explain", ACCESS_STAFF, admin_explain, READERS },
	{ "GET", "/v1/admin/second-factor", ACCESS_STAFF, admin_factor_show, ALL_POOLS },
	{ "POST", "/v1/admin/second-factor/reset", ACCESS_STAFF, admin_factor_reset,
	  ROLE_HELPDESK },
	{ "POST", "/v1/admin/directory-test", ACCESS_STAFF, admin_directory_test, ROLE_HELPDESK },
	{ "GET", "/v1/admin/rebuild", ACCESS_STAFF, admin_rebuild_show, 0 },
	{ "POST", "/v1/admin/rebuild/begin", ACCESS_STAFF, admin_rebuild_begin, 0 },
	{ "POST", "/v1/admin/rebuild/finish", ACCESS_STAFF, admin_rebuild_finish, 0 },
	{ "POST", "/v1/admin/backup", ACCESS_STAFF, admin_backup, 0 },
	{ "POST", "/v1/admin/revoke-all", ACCESS_STAFF, admin_revoke_all, 0 },
};

static const struct route agent_routes[] = {
	{ "POST", "/agent/v1/join", ACCESS_ANYBODY, agent_join, 0 },
	{ "POST", "/agent/v1/certificate", ACCESS_HOST, agent_certificate, 0 },
	{ "POST", "/agent/v1/sync", ACCESS_HOST, conductor_sync, 0 },
	{ "GET", "/agent/v1/images/{id}", ACCESS_HOST, image_part_get, 0 },
	{ "GET", "/agent/v1/images/{id}/pieces", ACCESS_HOST, image_pieces_get, 0 },
	{ "POST", "/agent/v1/redeem", ACCESS_HOST, agent_redeem, 0 },
	{ "POST", "/agent/v1/events", ACCESS_HOST, agent_events, 0 },
	{ "POST", "/agent/v1/sessions", ACCESS_HOST, session_watch_ask, 0 },
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

static bool has_certificate(const struct request *r, const char *ou, const char *wanted)
{
	return strcmp(ou, wanted) == 0 && *r->peer;
}

static void refuse(struct request *r)
{
	request_refuse(r, REASON_FORBIDDEN, -1, NULL);
}

/* What a pool-admin is let in for alone, concerns the pools of the department alone. */
static void with_roles(struct request *r, const void *arg)
{
	const struct route *route = arg;
	unsigned granted = r->roles.set & (route->roles | ROLE_ADMIN);

	r->scoped = granted == ROLE_POOL_ADMIN;
	if (granted)
		route->handler(r);
	else
		refuse(r);
}

static void enter(const struct route *route, struct request *r, struct http_exchange *x)
{
	switch (route->access) {
	case ACCESS_ANYBODY:
		route->handler(r);
		return;
	case ACCESS_HOST:
		if (has_certificate(r, http_peer_ou(x), AUTHORITY_OU_HOST))
			route->handler(r);
		else
			refuse(r);
		return;
	case ACCESS_STAFF:
		if (has_certificate(r, http_peer_ou(x), AUTHORITY_OU_ADMIN)) {
			r->roles.set = ROLE_ADMIN;
			with_roles(r, route);
		} else if (request_has_token(r, SIDE_STAFF)) {
			staff_identify(r, with_roles, route);
		} else {
			refuse(r);
		}
		return;
	}
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
		if (strcmp(route->method, "POST") == 0 && order_key_read(x, &r->key) < 0)
			request_refuse(r, REASON_BAD_REQUEST, -1,
				       ORDER_KEY_HEADER ": must be 1 to 128 visible characters");
		else
			enter(route, r, x);
		return;
	}
	request_refuse(r, REASON_NOT_FOUND, -1,
		       other_method ? "This address does not take this method." : NULL);
}

void api_client_request(void *arg, struct http_exchange *x)
{
	struct broker *broker = arg;

	if (console_serve(broker->config, x))
		return;
	dispatch(client_routes, ARRAY_LEN(client_routes), request_new(broker, &broker->clients, x),
		 x);
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

struct ready {
	struct state_job job; /* first: jobs are cast back */
	struct request *r;
};

static int ready_run(struct store *store, struct state_job *job, struct error *err)
{
	(void)store;
	(void)job;
	(void)err;
	return 0;
}

/* The store took a transaction: logins can be answered. */
static void ready_done(struct state_job *job, int rc, const struct error *err)
{
	struct ready *ready = (struct ready *)job;

	if (rc < 0)
		request_store_failed(ready->r, rc, err);
	else
		request_reply(ready->r, 200, json_pack("{s:s}", "status", "ready"));
	free(ready);
}

void ready_get(struct request *r)
{
	struct ready *ready = xnew(struct ready);

	ready->r = r;
	if (request_submit(r, &ready->job, ready_run, ready_done) < 0)
		free(ready);
}
