/* SPDX-License-Identifier: Apache-2.0 */
/* A copy of the store for `genkanctl backup`. It has no keys and no secrets but hashes of them. The
 * row that tells of it is part of it. */
#include "broker/api/handlers.h"
#include "broker/audit/audit.h"

#define COPY_MAX (INT64_C(1) << 30)

struct backup {
	struct state_job job; /* first: jobs are cast back */
	struct request *r;
	struct buf copy;
};

static int backup_run(struct store *store, struct state_job *job, struct error *err)
{
	struct backup *b = (struct backup *)job;
	struct audit row = {
		.who = b->r->peer,
		.source = b->r->source,
		.what = "backup",
		.reason = REASON_OK,
	};
	int rc = audit_append(store, &row, err);

	return rc < 0 ? rc : store_copy(store, &b->copy, err);
}

static void backup_done(struct state_job *job, int rc, const struct error *err)
{
	struct backup *b = (struct backup *)job;

	if (rc < 0)
		request_store_failed(b->r, rc, err);
	else
		request_reply_file(b->r, "application/vnd.sqlite3", "genkan.backup",
				   buf_span(&b->copy));
	buf_done(&b->copy);
	free(b);
}

void admin_backup(struct request *r)
{
	struct backup *b = xnew(struct backup);

	b->r = r;
	b->copy = (struct buf)BUF_LIMIT(COPY_MAX);
	if (request_submit(r, &b->job, backup_run, backup_done) < 0)
		free(b);
}
