/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/api/counters.h"

#include "broker/session/session_watch.h"
#include "common/data/metrics.h"
#include "common/sys/clock.h"

static const struct metric build = { "genkan_broker_info", "Version of the broker.", METRIC_GAUGE,
				     "version" };
static const struct metric requests = { "genkan_requests_total",
					"Answered HTTP requests, by reason code.", METRIC_COUNTER,
					"code" };
static const struct metric refusals = { "genkan_refusals_total",
					"What relays refused, by kind: devices, channels, tickets.",
					METRIC_COUNTER, "what" };
static const struct metric events = { "genkan_session_events_total",
				      "RDP sessions that became active or ended.", METRIC_COUNTER,
				      "event" };
static const struct metric sessions = { "genkan_sessions", "RDP sessions that relays carry now.",
					METRIC_GAUGE, NULL };
static const struct metric processes = { "genkan_processes_ended_total",
					 "Processes of the broker that ended by themselves.",
					 METRIC_COUNTER, "process" };
static const struct metric questions = { "genkan_directory_questions",
					 "Questions that the directory has not answered yet.",
					 METRIC_GAUGE, NULL };

static const struct metric certificate = { "genkan_certificate_days",
					   "Days until the broker's certificate ends.",
					   METRIC_GAUGE, NULL };
static const struct metric desktops = { "genkan_desktops", "Desktops, by state.", METRIC_GAUGE,
					"state" };
static const struct metric hosts = { "genkan_hosts", "Hosts, by state.", METRIC_GAUGE, "state" };
static const struct metric memory_free = { "genkan_hosts_memory_free_bytes",
					   "Free memory of hosts, by their state.", METRIC_GAUGE,
					   "state" };

void counters_request(struct broker *broker, int status, const char *code)
{
	if (broker->metrics)
		metrics_add(broker->metrics, &requests, status == 499 ? "client_left" : code, 1);
}

void counters_refusal(struct broker *broker, const char *what, int64_t count)
{
	metrics_add(broker->metrics, &refusals, what, count);
}

void counters_session(struct broker *broker, const char *event)
{
	metrics_add(broker->metrics, &events, event, 1);
}

void counters_process(struct broker *broker, const char *process)
{
	metrics_add(broker->metrics, &processes, process, 1);
}

/* ------------------------------------------------------------------------------------- scrape */

/* What the store counts is asked for at each scrape: nothing is left of a state that is no more. */
struct scrape {
	struct state_job job; /* first: jobs are cast back */
	struct request *r;
	struct metrics *states;
};

static void scrape_free(struct scrape *s)
{
	metrics_free(s->states);
	free(s);
}

static int scrape_run(struct store *store, struct state_job *job, struct error *err)
{
	struct scrape *s = (struct scrape *)job;
	OWNED(store_overview_done) struct store_overview o = { 0 };
	int rc = store_overview(store, clock_wall_ms(), &o, err);

	for (size_t i = 0; i < o.desktops.count; i++)
		metrics_add(s->states, &desktops, o.desktops.items[i].state,
			    o.desktops.items[i].count);
	for (size_t i = 0; i < o.hosts.count; i++) {
		metrics_set(s->states, &hosts, o.hosts.items[i].state, o.hosts.items[i].count);
		metrics_set(s->states, &memory_free, o.hosts.items[i].state,
			    o.hosts.items[i].memory_free_bytes);
	}
	return rc;
}

static int64_t certificate_days(struct broker *broker)
{
	const X509 *own = authority_broker_certificate(broker->authority);
	int days = 0, seconds = 0;

	ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(own));
	return days;
}

static void scrape_done(struct state_job *job, int rc, const struct error *err)
{
	struct scrape *s = (struct scrape *)job;
	struct broker *broker = s->r->broker;
	OWNED(json_decref) json_t *usage = session_watch_usage(broker->watch);
	OWNED(buf_done) struct buf text = BUF_LIMIT(262144);

	if (rc < 0) {
		request_store_failed(s->r, rc, err);
		scrape_free(s);
		return;
	}
	metrics_set(broker->metrics, &build, GENKAN_VERSION, 1);
	metrics_set(broker->metrics, &sessions, NULL, (int64_t)json_object_size(usage));
	metrics_set(broker->metrics, &certificate, NULL, certificate_days(broker));
	metrics_set(broker->metrics, &questions, NULL, directory_questions(broker->directory));
	metrics_write(broker->metrics, &text);
	metrics_write(s->states, &text);
	request_reply_file(s->r, "text/plain; version=0.0.4", NULL, buf_span(&text));
	scrape_free(s);
}

void counters_get(struct request *r)
{
	struct scrape *s = xnew(struct scrape);

	s->r = r;
	s->states = metrics_new();
	if (request_read(r, &s->job, scrape_run, scrape_done) < 0)
		scrape_free(s);
}
