/* SPDX-License-Identifier: Apache-2.0 */
/* handlers.h - the handlers in api/; each takes the request over. */
#ifndef GENKAN_API_HANDLERS_H
#define GENKAN_API_HANDLERS_H

#include "broker/api/request.h"

void health_get(struct request *r);
void ready_get(struct request *r);

#define AGENT_CSR_SIZE 8192	/* of a request for a host's certificate */
void agent_join(struct request *r);
void agent_certificate(struct request *r);
void agent_redeem(struct request *r);
void agent_events(struct request *r);

void admin_overview(struct request *r);
void admin_pools_list(struct request *r);
void admin_pools_apply(struct request *r);
void admin_pool_put(struct request *r);
void admin_desktops_list(struct request *r);
void admin_user_disks_list(struct request *r);
void admin_user_disk_set_aside(struct request *r);
void admin_desktop_delete(struct request *r);
void admin_desktop_restart(struct request *r);
void admin_desktop_reset(struct request *r);
void admin_hosts_list(struct request *r);
void admin_templates_list(struct request *r);
void admin_host_token(struct request *r);
void admin_host_drain(struct request *r);
void admin_host_undrain(struct request *r);
void admin_host_remove(struct request *r);
void admin_rebuild_show(struct request *r);
void admin_rebuild_begin(struct request *r);
void admin_rebuild_finish(struct request *r);
void admin_explain_host(struct request *r, const char *name);
void admin_images_list(struct request *r);
void admin_image_publish(struct request *r);
void admin_image_show(struct request *r);
void admin_image_promote(struct request *r);
void admin_image_rollback(struct request *r);
void admin_sessions_list(struct request *r);
void admin_session_end(struct request *r);
void admin_session_disconnect(struct request *r);
void admin_session_log_off(struct request *r);
void admin_session_message(struct request *r);
void admin_desktop_log_off(struct request *r);
void admin_desktop_message(struct request *r);
void admin_backup(struct request *r);
void admin_revoke_all(struct request *r);
void admin_audit_list(struct request *r);
void admin_audit_export(struct request *r);
void admin_explain(struct request *r);
void admin_explain_pool(struct request *r, const char *pool);
void admin_desktop_inspect(struct request *r);
void admin_pool_probe(struct request *r);
void admin_exceptions_list(struct request *r);
void admin_exception_request(struct request *r);
void admin_exception_show(struct request *r);
void admin_exception_approve(struct request *r);
void admin_exception_revoke(struct request *r);
void admin_factor_show(struct request *r);
void admin_factor_reset(struct request *r);
void admin_directory_test(struct request *r);

#endif
