/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/directory/servers.h"

#include <errno.h>

#include "common/sys/clock.h"
#include "common/sys/log.h"

static void tell(struct directory_servers *servers, size_t i, const struct error *failure)
{
	pthread_mutex_lock(&servers->lock);
	struct breaker *b = &servers->breakers[i];
	bool was_open = b->open;

	if (failure)
		breaker_failed(b, clock_monotonic_ms());
	else
		breaker_succeeded(b);
	pthread_mutex_unlock(&servers->lock);

	if (failure && !was_open)
		log_warn("directory_server_failed", kv_str("server", servers->uri[i]),
			 kv_error(failure));
	else if (!failure && was_open)
		log_info("directory_server_back", kv_str("server", servers->uri[i]));
}

/* Configured order; those that failed lately come last, and only count when all else fails. */
static void order_servers(struct directory_servers *servers, size_t *order)
{
	size_t count = 0;

	pthread_mutex_lock(&servers->lock);
	for (int open = 0; open <= 1; open++)
		for (size_t i = 0; i < servers->count; i++)
			if (servers->breakers[i].open == (open == 1))
				order[count++] = i;
	pthread_mutex_unlock(&servers->lock);
}

size_t directory_servers_due(struct directory_servers *servers, int64_t now_ms,
			     size_t due[DIRECTORY_MAX_SERVERS])
{
	size_t count = 0;

	pthread_mutex_lock(&servers->lock);
	for (size_t i = 0; i < servers->count; i++)
		if (breaker_may_probe(&servers->breakers[i], now_ms))
			due[count++] = i;
	pthread_mutex_unlock(&servers->lock);
	return count;
}

void directory_probe(const struct directory_asker *asker, size_t server, int64_t deadline_ms)
{
	struct directory_links links = { 0 };
	struct directory_question question = { .what = DIRECTORY_ASK_PROBE, .text = "" };
	struct directory_answer answer = { 0 };
	struct directory_query q = {
		.config = asker->config,
		.service_password = asker->service_password,
		.uri = asker->servers->uri[server],
		.links = &links,
		.question = &question,
		.deadline_ms = deadline_ms,
		.answer = &answer,
	};
	int rc = directory_query_run(&q);

	directory_links_close(&links);
	tell(asker->servers, server, rc < 0 ? &answer.reason : NULL);
}

static void forget_answer(struct directory_answer *answer)
{
	struct error reason = answer->reason;

	directory_person_done(&answer->person);
	*answer = (struct directory_answer){ .verdict = DIRECTORY_UNREACHABLE, .reason = reason };
}

static bool password_missing(const struct directory_question *question)
{
	bool needed = question->what == DIRECTORY_ASK_LOGIN ||
		      question->what == DIRECTORY_ASK_CHANGE;

	return needed && !directory_password_usable(&question->password);
}

void directory_ask(const struct directory_asker *asker, struct directory_links *links,
		   const struct directory_question *question, struct directory_answer *answer)
{
	struct directory_servers *servers = asker->servers;
	size_t order[DIRECTORY_MAX_SERVERS];

	answer->verdict = DIRECTORY_REFUSED;
	if (password_missing(question)) {
		error_set(&answer->reason, EINVAL, "the password is empty");
		return;
	}
	order_servers(servers, order);
	for (size_t i = 0; i < servers->count; i++) {
		int64_t now_ms = clock_monotonic_ms(), left_ms = question->deadline_ms - now_ms;
		size_t server = order[i];
		struct directory_query q = {
			.config = asker->config,
			.service_password = asker->service_password,
			.groups = asker->groups,
			.dns = asker->dns,
			.uri = servers->uri[server],
			.links = &links[server],
			.question = question,
			/* an equal share of the time left: a hung first server is not the end */
			.deadline_ms = now_ms + left_ms / (int64_t)(servers->count - i),
			.answer = answer,
		};

		if (left_ms <= 0)
			break;
		forget_answer(answer);
		int rc = directory_query_run(&q);
		tell(servers, server, rc < 0 ? &answer->reason : NULL);
		if (rc == 0) {
			answer->server = servers->uri[server];
			return;
		}
	}
	forget_answer(answer);
}
