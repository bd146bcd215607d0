/* SPDX-License-Identifier: Apache-2.0 */
/* Each thread waits for a question on the one socket and sends its answer there itself: nobody
 * hands anything over. How many may wait is the core's affair.
 *
 * Threads that wait in recv() are woken in turn, each with cold caches. Those that wait by an epoll of
 * their own with EPOLLEXCLUSIVE are woken in the order they came first: the later ones run only when
 * those before them are busy. */
#include "broker/directory/directory_worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "broker/directory/directory_message.h"
#include "broker/directory/servers.h"
#include "common/sys/clock.h"
#include "common/sys/log.h"

#define PROBE_EVERY_MS 250 /* looks whether a probe is due */
#define PROBE_MS 1000      /* for its answer */

struct connections { /* to each server; more are made the more is asked at once */
	atomic_bool taken;
	struct directory_links links[DIRECTORY_MAX_SERVERS];
};

struct worker {
	struct directory_config config; /* the core's; ca_file is what the core sent */
	int link;
	char *uris; /* cut into servers.uri */
	struct secret service_password;
	struct directory_servers servers;
	struct group_cache *groups;
	struct known_dns *dns;
	struct connections *connections; /* as many as threads, so one is always free */
	pthread_mutex_t lock;            /* guards told and trust */
	struct directory_message told;   /* the last STATES */
	struct {
		uint64_t id;
		uint8_t *bytes;
		size_t have, total;
		int fd; /* memory that libldap reads by the name in config.ca_file; -1: none */
		char name[32];
	} trust;
};

struct thread {
	struct worker *worker;
	int turn; /* epoll */
	struct buf out;
	uint8_t packet[PACKET_MAX];
};

static struct directory_asker asker_of(struct worker *w)
{
	return (struct directory_asker){ &w->config, &w->service_password, w->groups, w->dns,
					 &w->servers };
}

static void send_packet(struct worker *w, struct buf *out)
{
	if (!out->failed && send(w->link, out->ptr, out->len, MSG_NOSIGNAL) < 0 && errno != EPIPE)
		log_error("directory_answer_lost", kv_int("errno", errno));
	buf_reset(out);
}

/* ----------------------------------------------------------------------- state of the servers */

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

/* ----------------------------------------------------------------------------------- whom to trust
 */

/* libldap takes certificates by the name of a file only, and reads it for each connection. */
static int show_trust(struct worker *w)
{
	OWNED_FD int fresh = memfd_create("directory-ca", MFD_CLOEXEC);
	size_t done = 0;

	while (fresh >= 0 && done < w->trust.total) {
		ssize_t n = write(fresh, w->trust.bytes + done, w->trust.total - done);

		if (n <= 0)
			return -errno;
		done += (size_t)n;
	}
	if (fresh < 0 || fchmod(fresh, 0400) < 0)
		return -errno;
	if (w->trust.fd >= 0) /* the name stays, and whoever reads the old one still has it */
		return dup3(fresh, w->trust.fd, O_CLOEXEC) < 0 ? -errno : 0;
	w->trust.fd = steal_fd(&fresh);
	snprintf(w->trust.name, sizeof(w->trust.name), "/proc/self/fd/%d", w->trust.fd);
	w->config.ca_file = w->trust.name;
	return 0;
}

/* Parts may be taken by different threads, and so in any order. */
static int take_trust(struct worker *w, const struct directory_message *m)
{
	int rc = 0;

	pthread_mutex_lock(&w->lock);
	if (m->id > w->trust.id) {
		free(w->trust.bytes);
		w->trust.bytes = xcalloc(1, m->total + 1);
		w->trust.id = m->id;
		w->trust.total = m->total;
		w->trust.have = 0;
	}
	if (m->id == w->trust.id && m->total != w->trust.total)
		rc = -EPROTO;
	else if (m->id == w->trust.id) {
		memcpy(w->trust.bytes + m->offset, m->bytes.ptr, m->bytes.len);
		w->trust.have += m->bytes.len;
		rc = w->trust.have == w->trust.total ? show_trust(w) : 0;
	}
	pthread_mutex_unlock(&w->lock);
	return rc;
}

/* -------------------------------------------------------------------------------------- questions
 */

/* The first that is free: what has been used last is what is still open. */
static struct connections *take_connections(struct worker *w)
{
	for (int64_t i = 0; i < w->config.threads; i++)
		if (!atomic_exchange(&w->connections[i].taken, true))
			return &w->connections[i];
	abort();
}

static int server_index(const struct worker *w, const char *uri)
{
	for (size_t i = 0; uri && i < w->servers.count; i++)
		if (uri == w->servers.uri[i])
			return (int)i;
	return -1;
}

/* What is too long for a message is no group of ours. */
static void drop_long_names(struct directory_answer *a)
{
	struct directory_person *person = &a->person;
	size_t kept = 0;

	for (size_t i = 0; i < person->group_count; i++) {
		struct pool_group *g = &person->groups[i];

		if (strlen(g->name) <= DIRECTORY_TEXT_MAX && strlen(g->dn) <= DIRECTORY_TEXT_MAX) {
			person->groups[kept++] = *g;
			continue;
		}
		free((char *)(uintptr_t)g->name);
		free((char *)(uintptr_t)g->dn);
		a->groups_cut = true;
	}
	person->group_count = kept;
}

static void send_answer(struct thread *t, uint64_t id, struct directory_answer *a, int64_t took_us)
{
	struct worker *w = t->worker;
	const struct directory_person *person = &a->person;
	size_t sent;

	drop_long_names(a);
	sent = directory_answer_write(id, a, server_index(w, a->server), took_us, &t->out);
	send_packet(w, &t->out);
	while (sent < person->group_count) {
		sent += directory_groups_write(id, person->groups + sent,
					       person->group_count - sent, &t->out);
		send_packet(w, &t->out);
	}
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

static void ask(struct worker *w, const struct directory_question *question,
		struct directory_answer *answer)
{
	struct directory_asker asker = asker_of(w);
	struct connections *connections = take_connections(w);

	directory_ask(&asker, connections->links, question, answer);
	atomic_store(&connections->taken, false);
}

static void answer_question(struct thread *t, uint64_t id,
			    const struct directory_question *question)
{
	struct directory_answer answer = { 0 };
	int64_t began_us = clock_monotonic_us(), took_us = 0;

	if (began_us / 1000 > question->deadline_ms) {
		answer.verdict = DIRECTORY_UNREACHABLE;
		error_set(&answer.reason, ETIMEDOUT, "all threads were busy until the deadline");
	} else {
		ask(t->worker, question, &answer);
		took_us = clock_monotonic_us() - began_us;
	}
	answer.trace = question->trace;
	tell_states(t->worker, &t->out);
	send_answer(t, id, &answer, took_us);
	directory_person_done(&answer.person);
}

static int handle_question(struct thread *t, const struct directory_message *m)
{
	OWNED(free) struct directory_trace *trace = NULL;
	struct directory_question question;

	if (m->wants_trace)
		trace = xnew(struct directory_trace);
	int rc = take_question(m, &question, trace);
	if (rc == 0)
		answer_question(t, m->id, &question);
	secret_wipe(&question.password);
	secret_wipe(&question.fresh);
	return rc;
}

static int handle(struct thread *t, size_t len)
{
	struct directory_message m;
	int rc = directory_message_parse(span_of(t->packet, len), &m, NULL);

	if (rc == 0 && m.kind == DIRECTORY_ASK)
		rc = handle_question(t, &m);
	else if (rc == 0)
		rc = m.kind == DIRECTORY_TRUST ? take_trust(t->worker, &m) : -EPROTO;
	memory_wipe(t->packet, len);
	return rc;
}

/* The end of the link is the end of the process. */
static void *serve(void *arg)
{
	struct thread *t = arg;
	struct epoll_event event;

	for (;;) {
		(void)epoll_wait(t->turn, &event, 1, -1);
		ssize_t len = recv(t->worker->link, t->packet, sizeof(t->packet), MSG_DONTWAIT);

		if (len < 0 && (errno == EINTR || errno == EAGAIN))
			continue; /* another has it */
		if (len <= 0)
			_exit(0);
		if (handle(t, (size_t)len) < 0) {
			log_error("directory_question_not_understood");
			_exit(1);
		}
	}
}

/* ------------------------------------------------------------------------------------ its life */

/* Whom to trust comes first, then the password, then questions. */
static int hear_hello(struct worker *w)
{
	static uint8_t packet[PACKET_MAX];
	struct directory_message m = { 0 };
	int rc = 0;

	while (rc == 0 && m.kind != DIRECTORY_HELLO) {
		ssize_t len = recv(w->link, packet, sizeof(packet), 0);

		rc = len <= 0 ? -EPIPE
			      : directory_message_parse(span_of(packet, (size_t)len), &m, NULL);
		if (rc == 0 && m.kind == DIRECTORY_TRUST)
			rc = take_trust(w, &m);
		else if (rc == 0)
			rc = m.kind == DIRECTORY_HELLO
				     ? secret_set(&w->service_password, m.password)
				     : -EPROTO;
	}
	memory_wipe(packet, sizeof(packet));
	return rc == 0 && w->trust.fd < 0 ? -EPROTO : rc;
}

static void start_threads(struct worker *w)
{
	for (int64_t i = 0; i < w->config.threads; i++) {
		struct epoll_event event = { .events = EPOLLIN | EPOLLEXCLUSIVE };
		struct thread *t = xnew(struct thread);
		pthread_t id;

		t->worker = w;
		t->turn = epoll_create1(EPOLL_CLOEXEC);
		if (t->turn < 0 || epoll_ctl(t->turn, EPOLL_CTL_ADD, w->link, &event) < 0)
			abort();
		t->out = BUF_LIMIT(PACKET_MAX);
		(void)mlock(t->packet, sizeof(t->packet));
		if (pthread_create(&id, NULL, serve, t))
			abort();
		pthread_detach(id);
	}
}

/* Until the core has closed the link: also when each thread is held by a server. */
static bool core_is_there(int link, int timeout_ms)
{
	struct pollfd end = { .fd = link, .events = 0 };

	return poll(&end, 1, timeout_ms) <= 0;
}

int directory_worker_run(const struct directory_config *config, int link,
			 int (*close_in)(void *arg), void *arg)
{
	OWNED(buf_done) struct buf out = BUF_LIMIT(PACKET_MAX);
	static struct worker w;

	signal(SIGPIPE, SIG_IGN); /* a server that has closed is an answer like another */
	w.config = *config;
	w.link = link;
	w.uris = xstrdup(config->uri);
	w.servers.count = directory_split_uris(w.uris, w.servers.uri);
	w.groups = group_cache_new(config->group_cache_ms);
	w.dns = known_dns_new();
	w.connections = xcalloc((size_t)config->threads, sizeof(w.connections[0]));
	w.trust.fd = -1;
	pthread_mutex_init(&w.servers.lock, NULL);
	pthread_mutex_init(&w.lock, NULL);
	if (hear_hello(&w) < 0 || close_in(arg) < 0)
		return 1;
	start_threads(&w);
	while (core_is_there(link, PROBE_EVERY_MS))
		send_probes(&w, &out);
	return 0;
}
