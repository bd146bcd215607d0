/* SPDX-License-Identifier: Apache-2.0 */
/* A new host trades its one-time token for a certificate. */
#include "broker/api/handlers.h"

#include <errno.h>

#include "broker/audit/audit.h"
#include "broker/session/token.h"
#include "common/base/text.h"
#include "common/sys/clock.h"

struct join {
	struct state_job job;	/* first: jobs are cast back */
	struct request *r;
	char name[STORE_NAME_SIZE];
	uint8_t token_sha256[STORE_HASH_BYTES];
	struct buf certificate_pem;
	enum reason reason;
};

static void join_free(struct join *j)
{
	buf_done(&j->certificate_pem);
	free(j);
}

static int join_run(struct store *store, struct state_job *job, struct error *err)
{
	struct join *j = (struct join *)job;
	int rc = store_host_join(store, j->name, j->token_sha256, clock_wall_ms(), &j->reason, err);

	if (rc < 0)
		return rc;
	struct audit row = {
		.who = j->name,
		.source = j->r->source,
		.what = "host_join",
		.subject = j->name,
		.reason = j->reason,
		.denied = j->reason != REASON_OK,
	};
	return audit_append(store, &row, err);
}

static void join_done(struct state_job *job, int rc, const struct error *err)
{
	struct join *j = (struct join *)job;

	if (rc < 0)
		request_store_failed(j->r, rc, err);
	else if (j->reason != REASON_OK)
		request_refuse(j->r, REASON_FORBIDDEN, -1, "The join token is not valid.");
	else
		request_reply(j->r, 200,
			      json_pack("{s:s, s:s}", "certificate_pem",
					buf_text(&j->certificate_pem), "ca_pem",
					authority_ca_pem(j->r->broker->authority)));
	join_free(j);
}

static int read_join(const json_t *body, struct join *j, struct error *err)
{
	OWNED(free) char *csr = xcalloc(1, AGENT_CSR_SIZE);
	char token[128];
	int rc = json_get_text(body, "name", j->name, sizeof(j->name), err);

	if (rc == 0 && !pool_name_valid(j->name))
		rc = error_set(err, EINVAL, "name: must be like [a-z][a-z0-9-]{0,31}");
	if (rc == 0)
		rc = json_get_text(body, "token", token, sizeof(token), err);
	if (rc == 0 && token_hash(token, j->token_sha256) < 0)
		memset(j->token_sha256, 0, sizeof(j->token_sha256));	/* no token has this hash */
	if (rc == 0)
		rc = json_get_text(body, "csr_pem", csr, AGENT_CSR_SIZE, err);
	/* Signed first, so that a bad request does not use the token up; given out only after. */
	if (rc == 0)
		rc = authority_sign_host(j->r->broker->authority, j->name, span_text(csr),
					 clock_wall_ms() / 1000, &j->certificate_pem, err);
	return rc;
}

void agent_join(struct request *r)
{
	const json_t *body = request_body(r);
	struct error err = { 0 };

	if (!body)
		return;
	struct join *j = xnew(struct join);
	j->r = r;
	if (read_join(body, j, &err) < 0) {
		request_refuse(r, REASON_BAD_REQUEST, -1, err.text);
		join_free(j);
		return;
	}
	memcpy(r->who, j->name, sizeof(j->name));
	if (request_submit(r, &j->job, join_run, join_done) < 0)
		join_free(j);
}
