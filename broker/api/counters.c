/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/api/counters.h"

#include "broker/session/session_watch.h"
#include "common/data/metrics.h"

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

void counters_get(struct request *r)
{
	struct broker *broker = r->broker;
	OWNED(json_decref) json_t *usage = session_watch_usage(broker->watch);
	OWNED(buf_done) struct buf text = BUF_LIMIT(262144);

	metrics_set(broker->metrics, &build, GENKAN_VERSION, 1);
	metrics_set(broker->metrics, &sessions, NULL, (int64_t)json_object_size(usage));
	metrics_write(broker->metrics, &text);
	request_reply_file(r, "text/plain; version=0.0.4", NULL, buf_span(&text));
}
