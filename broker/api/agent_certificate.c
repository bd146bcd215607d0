/* SPDX-License-Identifier: Apache-2.0 */
/* A host that is known renews its certificate before it ends. Who it is, its present certificate says:
 * nothing in the request can ask for another name. */
#include "broker/api/handlers.h"

#include <errno.h>

#include "broker/audit/audit.h"
#include "common/base/text.h"
#include "common/sys/clock.h"

struct renewal {
	struct state_job job;	/* first: jobs are cast back */
	struct request *r;
	char name[STORE_NAME_SIZE];
	struct buf certificate_pem;
};

static void renewal_free(struct renewal *n)
{
	buf_done(&n->certificate_pem);
	free(n);
}

static int renewal_run(struct store *store, struct state_job *job, struct error *err)
{
	struct renewal *n = (struct renewal *)job;
	struct store_host host;
	int rc = store_host_find(store, n->name, &host, err);

	if (rc < 0)
		return rc;
	struct audit row = {
		.who = n->name,
		.source = n->r->source,
		.what = "host_certificate",
		.subject = n->name,
	};
	return audit_append(store, &row, err);
}

static void renewal_done(struct state_job *job, int rc, const struct error *err)
{
	struct renewal *n = (struct renewal *)job;

	if (rc == -ENOENT)	/* removed: its certificate is still good, and is of no use */
		request_refuse(n->r, REASON_FORBIDDEN, -1,
			       "This host is not known; join it again.");
	else if (rc < 0)
		request_store_failed(n->r, rc, err);
	else
		request_reply(n->r, 200,
			      json_pack("{s:s}", "certificate_pem", buf_text(&n->certificate_pem)));
	renewal_free(n);
}

void agent_certificate(struct request *r)
{
	const json_t *body = request_body(r);
	OWNED(free) char *csr = NULL;
	struct error err = { 0 };

	if (!body)
		return;
	struct renewal *n = xnew(struct renewal);
	n->r = r;
	csr = xcalloc(1, AGENT_CSR_SIZE);
	int rc = str_copy(n->name, sizeof(n->name), r->peer);

	if (rc < 0)
		rc = error_set(&err, EINVAL, "the name in the certificate is too long");
	else
		rc = json_get_text(body, "csr_pem", csr, AGENT_CSR_SIZE, &err);
	if (rc == 0)
		rc = authority_sign_host(r->broker->authority, n->name, span_text(csr),
					 clock_wall_ms() / 1000, &n->certificate_pem, &err);
	if (rc < 0) {
		request_refuse(r, REASON_BAD_REQUEST, -1, err.text);
		renewal_free(n);
	} else if (request_submit(r, &n->job, renewal_run, renewal_done) < 0) {
		renewal_free(n);
	}
}
