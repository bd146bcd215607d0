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

static int row_run(struct store *store, struct state_job *job, struct error *err)
{
	const struct backup *b = (const struct backup *)job;
	struct audit row = {
		.who = b->r->peer,
		.source = b->r->source,
		.what = "backup",
		.reason = REASON_OK,
	};

	return audit_append(store, &row, err);
}

static int copy_run(struct store *store, struct state_job *job, struct error *err)
{
	return store_copy(store, &((struct backup *)job)->copy, err);
}

static void copy_done(struct state_job *job, int rc, const struct error *err)
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

/* By a reader: a large store takes a while, and logins go on. */
static void row_done(struct state_job *job, int rc, const struct error *err)
{
	struct backup *b = (struct backup *)job;

	if (rc < 0)
		request_store_failed(b->r, rc, err);
	if (rc < 0 || request_read(b->r, &b->job, copy_run, copy_done) < 0)
		free(b);
}

void admin_backup(struct request *r)
{
	struct backup *b = xnew(struct backup);

	b->r = r;
	b->copy = (struct buf)BUF_LIMIT(COPY_MAX);
	if (request_submit(r, &b->job, row_run, row_done) < 0)
		free(b);
}
