/* SPDX-License-Identifier: Apache-2.0 */
/* Each thread waits for a question on the one socket and sends its answer there itself: nobody
 * hands anything over. How many may wait is the core's affair. */
#include "broker/directory/directory_worker.h"

#include <errno.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "broker/directory/directory_message.h"
#include "broker/directory/servers.h"
#include "common/sys/clock.h"
#include "common/sys/log.h"

#define PROBE_EVERY_MS 250 /* looks whether a probe is due */
#define PROBE_MS 1000      /* for its answer */

struct worker {
	const struct directory_config *config;
	int link;
	char *uris; /* cut into servers.uri */
	struct secret service_password;
	struct directory_servers servers;
	struct group_cache *groups;
	pthread_mutex_t lock;          /* guards told */
	struct directory_message told; /* the last STATES */
};

struct thread {
	struct worker *worker;
	struct directory_links links[DIRECTORY_MAX_SERVERS];
	struct buf out;
	uint8_t packet[PACKET_MAX];
};

static struct directory_asker asker_of(struct worker *w)
{
	return (struct directory_asker){ w->config, &w->service_password, w->groups, &w->servers };
}

static void send_packet(struct worker *w, struct buf *out)
{
	if (!out->failed && send(w->link, out->ptr, out->len, MSG_NOSIGNAL) < 0 && errno != EPIPE)
		log_error("directory_answer_lost", kv_int("errno", errno));
	buf_reset(out);
}

/* --------------------------------------------------------------------------- state of the servers
 */

static bool read_states(struct worker *w, struct directory_message *out)
{
	bool changed = w->told.server_count != w->servers.count;

	*out = (struct directory_message){ .server_count = w->servers.count };
	pthread_mutex_lock(&w->servers.lock);
	for (size_t i = 0; i < w->servers.count; i++) {
		const struct breaker *b = &w->servers.breakers[i];

		out->servers[i].open = b->open;
		out->servers[i].probe_at_ms = b->open ? b->probe_at_ms : 0;
		changed |= out->servers[i].open != w->told.servers[i].open ||
			   out->servers[i].probe_at_ms != w->told.servers[i].probe_at_ms;
	}
	pthread_mutex_unlock(&w->servers.lock);
	return changed;
}

/* Before the answer that found it out. */
static void tell_states(struct worker *w, struct buf *out)
{
	struct directory_message states;

	pthread_mutex_lock(&w->lock);
	if (read_states(w, &states)) {
		w->told = states;
		directory_states_write(&states, out);
		send_packet(w, out);
	}
	pthread_mutex_unlock(&w->lock);
}

static void send_probes(struct worker *w, struct buf *out)
{
	struct directory_asker asker = asker_of(w);
	size_t due[DIRECTORY_MAX_SERVERS];
	size_t count = directory_servers_due(&w->servers, clock_monotonic_ms(), due);

	for (size_t i = 0; i < count; i++) {
		directory_probe(&asker, due[i], clock_monotonic_ms() + PROBE_MS);
		tell_states(w, out);
	}
}

/* -------------------------------------------------------------------------------------- questions
 */

static int server_index(const struct worker *w, const char *uri)
{
	for (size_t i = 0; uri && i < w->servers.count; i++)
		if (uri == w->servers.uri[i])
			return (int)i;
	return -1;
}

static void send_answer(struct thread *t, uint64_t id, struct directory_answer *a, int64_t took_us)
{
	struct worker *w = t->worker;
	const struct directory_person *person = &a->person;

	for (size_t sent = 0; sent < person->group_count;) {
		size_t n = directory_groups_write(id, person->groups + sent,
						  person->group_count - sent, &t->out);

		a->groups_cut |= t->out.failed; /* a name beyond all bounds */
		sent += n;
		send_packet(w, &t->out);
	}
	directory_answer_write(id, a, server_index(w, a->server), took_us, &t->out);
	send_packet(w, &t->out);
}

static int take_question(const struct directory_message *m, struct directory_question *q,
			 struct directory_trace *trace)
{
	*q = (struct directory_question){
		.what = m->what,
		.text = m->text,
		.deadline_ms = m->deadline_ms,
		.trace = m->wants_trace ? trace : NULL,
	};
	return secret_set(&q->password, m->password) < 0 || secret_set(&q->fresh, m->fresh) < 0
		       ? -EMSGSIZE
		       : 0;
}

static void answer_question(struct thread *t, const struct directory_message *m,
			    struct directory_question *question)
{
	struct directory_asker asker = asker_of(t->worker);
	struct directory_answer answer = { .verdict = DIRECTORY_UNREACHABLE };
	int64_t began_us = clock_monotonic_us(), took_us = 0;

	if (clock_monotonic_ms() > question->deadline_ms) {
		error_set(&answer.reason, ETIMEDOUT, "all workers were busy until the deadline");
	} else {
		answer = (struct directory_answer){ 0 };
		directory_ask(&asker, t->links, question, &answer);
		took_us = clock_monotonic_us() - began_us;
	}
	answer.trace = question->trace;
	tell_states(t->worker, &t->out);
	send_answer(t, m->id, &answer, took_us ? took_us : 0);
	directory_person_done(&answer.person);
}

static int handle(struct thread *t, size_t len)
{
	OWNED(free) struct directory_trace *trace = NULL;
	struct directory_message m;
	struct directory_question question = { 0 };
	int rc = directory_message_parse(span_of(t->packet, len), &m, NULL);

	if (rc == 0 && m.kind != DIRECTORY_ASK)
		rc = -EPROTO;
	if (rc == 0 && m.wants_trace)
		trace = xnew(struct directory_trace);
	if (rc == 0)
		rc = take_question(&m, &question, trace);
	if (rc == 0)
		answer_question(t, &m, &question);
	secret_wipe(&question.password);
	secret_wipe(&question.fresh);
	memory_wipe(t->packet, len);
	return rc;
}

/* The end of the link is the end of the process. */
static void *serve(void *arg)
{
	struct thread *t = arg;

	for (;;) {
		ssize_t len = recv(t->worker->link, t->packet, sizeof(t->packet), 0);

		if (len < 0 && errno == EINTR)
			continue;
		if (len <= 0)
			_exit(0);
		if (handle(t, (size_t)len) < 0) {
			log_error("directory_question_not_understood");
			_exit(1);
		}
	}
}

/* ------------------------------------------------------------------------------------ its life */

static int hear_hello(struct worker *w)
{
	static uint8_t packet[PACKET_MAX];
	struct directory_message m;
	ssize_t len = recv(w->link, packet, sizeof(packet), 0);
	int rc =
		len <= 0 ? -EPIPE : directory_message_parse(span_of(packet, (size_t)len), &m, NULL);

	if (rc == 0)
		rc = m.kind == DIRECTORY_HELLO ? secret_set(&w->service_password, m.password)
					       : -EPROTO;
	memory_wipe(packet, sizeof(packet));
	return rc;
}

static void start_threads(struct worker *w)
{
	for (int64_t i = 0; i < w->config->threads; i++) {
		struct thread *t = xnew(struct thread);
		pthread_t id;

		t->worker = w;
		t->out = BUF_LIMIT(PACKET_MAX);
		(void)mlock(t->packet, sizeof(t->packet));
		if (pthread_create(&id, NULL, serve, t))
			abort();
		pthread_detach(id);
	}
}

int directory_worker_run(const struct directory_config *config, int link,
			 int (*close_in)(void *arg), void *arg)
{
	OWNED(buf_done) struct buf out = BUF_LIMIT(PACKET_MAX);
	static struct worker w;

	w.config = config;
	w.link = link;
	w.uris = xstrdup(config->uri);
	w.servers.count = directory_split_uris(w.uris, w.servers.uri);
	w.groups = group_cache_new(config->group_cache_ms);
	pthread_mutex_init(&w.servers.lock, NULL);
	pthread_mutex_init(&w.lock, NULL);
	if (hear_hello(&w) < 0 || close_in(arg) < 0)
		return 1;
	start_threads(&w);
	for (;;) {
		poll(NULL, 0, PROBE_EVERY_MS);
		send_probes(&w, &out);
	}
}
