/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/audit/audit_loss.h"

#include "broker/api/counters.h"
#include "broker/audit/audit.h"
#include "broker/state_queue.h"
#include "common/sys/log.h"

struct loss {
	struct state_job job; /* first: jobs are cast back */
	const char *process, *why;
	unsigned unanswered;
};

static int loss_run(struct store *store, struct state_job *job, struct error *err)
{
	const struct loss *loss = (const struct loss *)job;
	struct audit row = {
		.who = "broker",
		.source = "",
		.what = "process_ended",
		.subject = loss->process,
		.reason = REASON_OK,
		.details = json_pack("{s:s, s:I}", "why", loss->why, "unanswered",
				     (json_int_t)loss->unanswered),
	};

	return audit_append(store, &row, err);
}

static void loss_done(struct state_job *job, int rc, const struct error *why)
{
	if (rc < 0)
		log_error("loss_not_in_the_audit_log", kv_error(why));
	free(job);
}

void audit_loss(struct broker *broker, const char *process, const char *why, unsigned unanswered)
{
	struct loss *loss = xnew(struct loss);

	counters_process(broker, process);
	loss->process = process;
	loss->why = why;
	loss->unanswered = unanswered;
	state_submit_always(broker->state, &loss->job, loss_run, loss_done);
}
