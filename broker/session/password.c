/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/session/password.h"

#include "broker/session/attempt.h"
#include "common/sys/clock.h"

#define RETRY_MS 2000

static int changed_run(struct store *store, struct state_job *job, struct error *err)
{
	struct attempt *a = (struct attempt *)job;
	int rc = attempt_forgive(store, a, err);

	return rc < 0 ? rc : attempt_audit(store, a, a->user, "", REASON_OK, err);
}

static void changed_done(struct state_job *job, int rc, const struct error *err)
{
	struct attempt *a = (struct attempt *)job;

	if (rc < 0) {
		attempt_store_failed(a, rc, err);
		return;
	}
	attempt_forgiven(a);
	request_reply_empty(a->r);
	attempt_end(a);
}

static void granted(struct attempt *a, const struct directory_answer *answer)
{
	(void)answer;
	a->job.request = a->r->id;
	if (state_submit(a->r->broker->state, &a->job, changed_run, changed_done) < 0)
		attempt_refuse(a, REASON_BUSY, RETRY_MS);
}

void password_change(struct request *r)
{
	struct attempt *a = attempt_new(r, ATTEMPT_CHANGE_PASSWORD, "password_change");

	if (a)
		attempt_begin(a, granted, NULL, NULL);
}
