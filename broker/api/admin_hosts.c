/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/api/admin.h"

#include <errno.h>

#include "broker/session/token.h"
#include "common/sys/clock.h"

#define TOKEN_MAX_MS (INT64_C(7) * 24 * 3600 * 1000)

static json_t *host_json(const struct store_host *h)
{
	return json_pack("{s:{s:I, s:I, s:I}, s:I, s:I, s:I, s:I, s:I, s:s, s:s, s:s, s:I, s:I, s:I, "
			 "s:{s:s, s:I, s:s}, s:I, s:I, s:I}",
			 "starts", "max", (json_int_t)h->starts_max, "under_way",
			 (json_int_t)h->starts_under_way, "waiting",
			 (json_int_t)h->starts_waiting,
			 "disk_bytes", (json_int_t)h->disk_bytes, "disk_free_bytes",
			 (json_int_t)h->disk_free_bytes, "templates_bytes",
			 (json_int_t)h->templates_bytes, "desktops_pss_bytes",
			 (json_int_t)h->pss_bytes, "desktops_overlay_bytes",
			 (json_int_t)h->overlay_bytes, "name",
			 h->name, "state", store_host_state_word(h->state), "accel", h->accel,
			 "cpus", (json_int_t)h->cpus, "memory_bytes", (json_int_t)h->memory_bytes,
			 "memory_free_bytes", (json_int_t)h->memory_free_bytes, "relay", "host",
			 h->relay_host, "port", (json_int_t)h->relay_port, "certificate_sha256",
			 h->relay_certificate_sha256, "last_seen_ms", (json_int_t)h->last_seen_ms,
			 "desktops", (json_int_t)h->desktops, "generation",
			 (json_int_t)h->generation);
}

/* ?limit=N&cursor=NAME&state=WORD&text=TEXT */
static int list_run(struct store *store, struct admin_job *a, struct error *err)
{
	OWNED(store_host_list_done) struct store_host_list list = { 0 };
	const struct admin_page *page = a->input;
	json_t *hosts = json_array();
	int rc = store_hosts_page(store, page->cursor, page->state, page->text, page->limit, &list,
				  err);

	for (size_t i = 0; i < list.count; i++)
		json_array_append_new(hosts, host_json(&list.items[i]));
	a->answer = json_pack("{s:o}", "hosts", hosts);
	if (list.count == page->limit)
		admin_page_next(a, list.items[list.count - 1].name);
	return rc;
}

void admin_hosts_list(struct request *r)
{
	admin_look_page(r, ADMIN_PAGE_ROWS, list_run);
}

struct token_input {
	char name[STORE_NAME_SIZE];
	int64_t ttl_ms;
};

static int token_run(struct store *store, struct admin_job *a, struct error *err)
{
	const struct token_input *input = a->input;
	OWNED(token_wipe) struct token token;
	int64_t now_ms = clock_wall_ms();

	token_new(&token);
	int rc = store_host_token_create(store, input->name, token.hash, now_ms + input->ttl_ms,
					 now_ms, err);
	if (rc < 0)
		return rc;
	a->answer = json_pack("{s:s, s:I}", "token", token.text, "expires_at_ms",
			      (json_int_t)(now_ms + input->ttl_ms));
	return admin_audit(store, a, "host_token", input->name, NULL, err);
}

void admin_host_token(struct request *r)
{
	const json_t *body = request_body(r);
	struct error err = { 0 };

	if (!body)
		return;
	struct token_input *input = xnew(struct token_input);
	int64_t usual_ms = r->broker->config->join_token_ms;
	int rc = json_get_text(body, "name", input->name, sizeof(input->name), &err);
	if (rc == 0 && !pool_name_valid(input->name))
		rc = error_set(&err, EINVAL, "name: must be like [a-z][a-z0-9-]{0,31}");
	if (rc == 0)
		rc = json_get_int_or(body, "ttl_ms", usual_ms, 1, TOKEN_MAX_MS, &input->ttl_ms,
				     &err);
	if (rc < 0) {
		free(input);
		request_refuse(r, REASON_BAD_REQUEST, -1, err.text);
		return;
	}
	r->key.given = false;	/* a secret is not kept; another token replaces this one anyway */
	admin_ask(r, token_run, input, free);
}
