/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/process/processes.h"

#include <errno.h>
#include <sched.h>
#include <sys/prctl.h>

#include "broker/directory/directory_worker.h"
#include "broker/process/sandbox.h"
#include "common/sys/log.h"

#define HANDSHAKE_MS 5000
#define REQUEST_MS 10000
#define IDLE_MS 120000
#define CLIENT_BODY_MAX (1024 * 1024)
#define AGENT_BODY_MAX (4 * 1024 * 1024)
#define FRONTS_USUALLY_MAX 4

unsigned processes_fronts(const struct broker_config *config)
{
	cpu_set_t usable;
	int count = sched_getaffinity(0, sizeof(usable), &usable) == 0 ? CPU_COUNT(&usable) : 1;

	if (config->fronts > 0)
		return (unsigned)config->fronts;
	return count < FRONTS_USUALLY_MAX ? (unsigned)count : FRONTS_USUALLY_MAX;
}

static int enter(enum sandbox_role role)
{
	struct error err = { 0 };
	int rc;

	sandbox_close_process();
	rc = sandbox_enter(role, &err);
	if (rc < 0)
		log_error("sandbox", kv_error(&err));
	return rc;
}

static int close_front_in(void *arg)
{
	(void)arg;
	return enter(SANDBOX_FRONT);
}

static int close_directory_in(void *arg)
{
	(void)arg;
	return enter(SANDBOX_DIRECTORY);
}

static int run(void *arg, enum process_kind kind, unsigned number, int link, int listener)
{
	struct processes *p = arg;

	switch (kind) {
	case PROCESS_CLIENT_FRONT:
		prctl(PR_SET_NAME, "genkan-front");
		return front_run(&p->clients, number, link, listener, close_front_in, p);
	case PROCESS_AGENT_FRONT:
		prctl(PR_SET_NAME, "genkan-front-a");
		return front_run(&p->agents, number, link, listener, close_front_in, p);
	case PROCESS_DIRECTORY:
		prctl(PR_SET_NAME, "genkan-ldap");
		crowd_free(STEAL(p->clients.crowd)); /* the fronts' */
		return directory_worker_run(&p->config->directory, link, close_directory_in, p);
	case PROCESS_KINDS:
		break;
	}
	return 1;
}

static struct front_door door_of(const struct broker_config *config)
{
	return (struct front_door){
		.max_connections = (unsigned)config->max_connections,
		.max_per_source = (unsigned)config->max_per_source,
		.handshake_ms = HANDSHAKE_MS,
		.request_ms = REQUEST_MS,
		.idle_ms = IDLE_MS,
	};
}

/* A login passes through four processes, and each wakes the next just before it sleeps itself: to be
 * interrupted by the one it has woken costs two switches for nothing. The share of the processor stays
 * what it was. For those that come after, too; what cannot be had is done without. */
static void interrupt_nobody(void)
{
	(void)sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){ 0 });
}

int processes_begin(struct processes *p, struct error *err)
{
	struct starter_config starter = {
		.users = {
			[PROCESS_CLIENT_FRONT] = p->config->front_user,
			[PROCESS_AGENT_FRONT] = p->config->front_user,
			[PROCESS_DIRECTORY] = p->config->directory_user,
		},
		.run = run,
		.arg = p,
	};
	unsigned fronts = processes_fronts(p->config);

	p->clients = p->agents = door_of(p->config);
	p->clients.client_certificate = TLS_PEER_KEY;
	p->clients.max_body_bytes = CLIENT_BODY_MAX;
	p->clients.crowd = fronts > 1 ? crowd_new(fronts) : NULL;
	p->agents.client_certificate = TLS_PEER_OPTIONAL;
	p->agents.max_body_bytes = AGENT_BODY_MAX;
	interrupt_nobody();
	return starter_new(&starter, &p->starter, err);
}

int processes_start_directory(struct processes *p, int *link, struct error *err)
{
	return starter_start(p->starter, PROCESS_DIRECTORY, 0, -1, link, &p->directory, err);
}

int processes_close_core_in(struct error *err)
{
	if (sandbox_drop_rights() < 0)
		return error_set(err, EPERM, "cannot give up what only the starter needs");
	return sandbox_enter(SANDBOX_CORE, err);
}

void processes_end(struct processes *p)
{
	starter_free(STEAL(p->starter));
	crowd_free(STEAL(p->clients.crowd));
}
