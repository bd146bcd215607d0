/* SPDX-License-Identifier: Apache-2.0 */
/* ctl.h - what every command of genkanctl works with: its arguments and the broker. */
#ifndef GENKAN_CTL_CTL_H
#define GENKAN_CTL_CTL_H

#include "common/base/secret.h"
#include "common/net/http_client.h"
#include "ctl/arguments.h"
#include "ctl/table.h"

/* Exit statuses; genkanctl(1) explains them. */
enum ctl_exit {
	CTL_DONE,
	CTL_FAILED,
	CTL_USAGE,
	CTL_NOT_FOUND,
	CTL_REFUSED,
	CTL_CONFLICT,
	CTL_UNREACHABLE,
	CTL_NOT_LOGGED_IN,
	CTL_UNFINISHED,
};

struct ctl {
	struct arguments args;
	struct http_client *client;	/* made by the first request */
	bool without_login;		/* for the login itself */
	int http_status;		/* of the last problem that the broker answered with */
	enum ctl_exit exit_status;	/* where a command knows better than its error says */
};

enum ctl_exit ctl_exit_status(const struct ctl *ctl, int rc);

void ctl_done(struct ctl *ctl);

/* Profile: options, else the file of --config or --site, else ~/.config/genkan/ctl.conf, else
 * /etc/genkan/ctl.conf. */
struct ctl_profile {
	char *broker, *ca, *certificate, *key;
};
int ctl_profile_load(const struct arguments *args, struct ctl_profile *out,
		     struct error *err) MUST_CHECK;
void ctl_profile_done(struct ctl_profile *profile);
DEFINE_OWNED_VALUE(ctl_profile_done, struct ctl_profile);

/* One request to the admin API. An order (POST) carries a key, and is sent again when its answer was lost or
 * the broker was busy: it is carried out once. `body` is taken (may be NULL); `answer` is a new reference, an
 * empty object when the broker answered without a body. An HTTP error is an error here. */
int ctl_request(struct ctl *ctl, const char *method, const char *path, json_t *body,
		json_t **answer, struct error *err) MUST_CHECK;

/* The same, but a problem is an answer, too, with its status. */
int ctl_request_any(struct ctl *ctl, const char *method, const char *path, json_t *body,
		    int *status, json_t **answer, struct error *err) MUST_CHECK;
/* All of a list, page by page, unless the path names a limit. */
int ctl_get_list(struct ctl *ctl, const char *path, const char *list, json_t **answer,
		 struct error *err) MUST_CHECK;

/* Makes ctl->client. */
int ctl_connect(struct ctl *ctl, struct error *err) MUST_CHECK;

/* The token of `genkanctl login`. */
int ctl_session_save(const struct ctl *ctl, const char *token, struct error *err) MUST_CHECK;
void ctl_session_forget(const struct ctl *ctl);

/* From the terminal without showing it, or a line from a pipe. */
int ctl_ask_secret(const char *prompt, struct secret *out, struct error *err) MUST_CHECK;

/* To standard output. */
void ctl_print_json(const json_t *value);
void ctl_print_table(const struct table *table);

/* Members for tables: "" and 0 when absent. */
const char *ctl_text(const json_t *object, const char *key);
int64_t ctl_int(const json_t *object, const char *key);

/* "2026-11-23 17:00:00", local time. */
void ctl_time_text(int64_t at_ms, char out[32]);

/* GET `path`, then --json as it is, or `row` for each element of `list` into a table. */
int ctl_list(struct ctl *ctl, const char *path, const char *list, const char *const *titles,
	     void (*row)(struct table *table, const json_t *element), struct error *err);

/* GET `path`, then the answer with --json, or what `print` makes of it. */
int ctl_show(struct ctl *ctl, const char *path, void (*print)(const json_t *answer),
	     struct error *err) MUST_CHECK;
/* POST `path`, then the answer with --json, or "NAME: said". `body` is taken; may be NULL. */
int ctl_act(struct ctl *ctl, const char *path, json_t *body, const char *name, const char *said,
	    struct error *err) MUST_CHECK;
/* Bodies made of the command line: --reason; the text behind the id, with --reason and --banner. */
int ctl_reason(const struct ctl *ctl, json_t **out, struct error *err) MUST_CHECK;
int ctl_message(const struct ctl *ctl, json_t **out, struct error *err) MUST_CHECK;

/* The commands. */
int pool_apply(struct ctl *ctl, struct error *err);
int pool_diff(struct ctl *ctl, struct error *err);
int pool_check_files(struct ctl *ctl, struct error *err);
int pool_edit(struct ctl *ctl, struct error *err);
int pool_export(struct ctl *ctl, struct error *err);
int pool_print_schema(struct ctl *ctl, struct error *err);
int pool_list(struct ctl *ctl, struct error *err);
int desktop_list(struct ctl *ctl, struct error *err);
int desktop_delete(struct ctl *ctl, struct error *err);
int desktop_restart(struct ctl *ctl, struct error *err);
int desktop_reset(struct ctl *ctl, struct error *err);
int user_disk_list(struct ctl *ctl, struct error *err);
int user_disk_show(struct ctl *ctl, struct error *err);
int user_disk_set_aside(struct ctl *ctl, struct error *err);
int desktop_log_off(struct ctl *ctl, struct error *err);
int desktop_message(struct ctl *ctl, struct error *err);
int host_list(struct ctl *ctl, struct error *err);
int store_backup(struct ctl *ctl, struct error *err);
int store_restore(struct ctl *ctl, struct error *err);
int site_init(struct ctl *ctl, struct error *err);
int doctor(struct ctl *ctl, struct error *err);
int host_invite(struct ctl *ctl, struct error *err);
int host_join(struct ctl *ctl, struct error *err);
int rebuild_show(struct ctl *ctl, struct error *err);
int rebuild_begin(struct ctl *ctl, struct error *err);
int rebuild_finish(struct ctl *ctl, struct error *err);
int host_drain(struct ctl *ctl, struct error *err);
int host_undrain(struct ctl *ctl, struct error *err);
int host_remove(struct ctl *ctl, struct error *err);
int explain_host(struct ctl *ctl, struct error *err);
int host_token(struct ctl *ctl, struct error *err);
/* A row of templates, also of those that `host show` tells of. */
struct table;
extern const char *const template_titles[];
void template_row(struct table *table, const json_t *t);
int host_show(struct ctl *ctl, struct error *err);
int template_list(struct ctl *ctl, struct error *err);
int image_list(struct ctl *ctl, struct error *err);
int image_publish(struct ctl *ctl, struct error *err);
int image_promote(struct ctl *ctl, struct error *err);
int image_rollback(struct ctl *ctl, struct error *err);
int image_show(struct ctl *ctl, struct error *err);
int exception_grant(struct ctl *ctl, struct error *err);
int exception_approve(struct ctl *ctl, struct error *err);
int exception_revoke(struct ctl *ctl, struct error *err);
int exception_list(struct ctl *ctl, struct error *err);
int exception_show(struct ctl *ctl, struct error *err);
int policy_show(struct ctl *ctl, struct error *err);
int policy_verify(struct ctl *ctl, struct error *err);
int session_end(struct ctl *ctl, struct error *err);
int session_disconnect(struct ctl *ctl, struct error *err);
int session_log_off(struct ctl *ctl, struct error *err);
int session_message(struct ctl *ctl, struct error *err);
int session_list(struct ctl *ctl, struct error *err);
int audit_export(struct ctl *ctl, struct error *err);
int audit_verify(struct ctl *ctl, struct error *err);
int audit_list(struct ctl *ctl, struct error *err);
int directory_test(struct ctl *ctl, struct error *err);
int second_factor_show(struct ctl *ctl, struct error *err);
int second_factor_reset(struct ctl *ctl, struct error *err);
int password_change(struct ctl *ctl, struct error *err);
int staff_login(struct ctl *ctl, struct error *err);
int staff_logout(struct ctl *ctl, struct error *err);
int staff_whoami(struct ctl *ctl, struct error *err);
int explain_pool(struct ctl *ctl, struct error *err);
int explain_user(struct ctl *ctl, struct error *err);
int revoke_all(struct ctl *ctl, struct error *err);

#endif
