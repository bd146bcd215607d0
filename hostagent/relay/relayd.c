/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/relay/relayd.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <uthash.h>
#include "common/base/list.h"
#include "common/base/secret.h"
#include "common/sys/clock.h"
#include "common/sys/log.h"
#include "hostagent/relay/broker_link.h"
#include "hostagent/relay/connection.h"
#include "hostagent/relay/dial.h"
#include "hostagent/relay/lobby.h"
#include "hostagent/relay/refusals.h"
#include "hostagent/relay/session_link.h"
#include "hostagent/relay/spawner.h"

/* Events of one session beyond this are not passed on: honest ones need a few dozen. */
#define SESSION_EVENTS_MAX 256
/* How often the end is looked for while stopping. */
#define STOP_TICK_MS 20
/* A session process that was told to end and has not is killed. */
#define END_LIMIT_MS 4000
/* Whoever has shown no ticket for so long makes room when there is little. */
#define EVICT_AFTER_MS 1000

struct connection {
	uint64_t number;	/* its name in the log, in questions and answers */
	struct relayd *daemon;
	struct client_address from;
	enum connection_state state;
	pid_t pid;		/* 0 until known */
	int socket;		/* -1: the session process has closed its end */
	struct loop_fd *watch;
	bool exited;
	bool evicted;	/* to make room */
	int status;
	struct dial *dial;
	struct redemption granted;	/* without the password once it was passed on */
	struct event ended;	/* kind "" until the session process has told its end */
	unsigned event_count;
	int64_t began_at_ms;
	struct message_usage usage;
	int64_t end_told_ms;	/* 0: the broker has not ended it */
	UT_hash_handle hh;
};

struct relayd {
	struct loop *loop;
	const struct relay_config *config;
	struct listener *listener;
	struct lobby *lobby;
	struct spawner *spawner;
	struct broker_link *broker;
	struct session_link *sessions;
	struct admission *admission;
	struct connection *connections;	/* by number */
	uint64_t last_number;
	struct refusals refusals;
	struct loop_timer *refusals_timer, *stop_timer;
	int64_t stop_by_ms;	/* 0: running */
	bool failed;
};

static struct connection *connection_find(const struct relayd *d, uint64_t number)
{
	struct connection *c;

	HASH_FIND(hh, d->connections, &number, sizeof(number), c);
	return c;
}

static bool is_waiting(const struct connection *c)
{
	return c->state == CONNECTION_NEW || c->state == CONNECTION_REDEEMING ||
	       c->state == CONNECTION_REFUSED;
}

/* ---- Events ---- */

static void tell(struct connection *c, struct event *e)
{
	struct relayd *d = c->daemon;

	memcpy(e->session, c->granted.session, sizeof(e->session));
	memcpy(e->client_address, c->from.text, sizeof(e->client_address));
	e->at_ms = clock_wall_ms();
	log_info(e->kind, kv_int("connection", (int64_t)c->number), kv_str("session", e->session),
		 kv_str("what", e->what), kv_str("rule", e->rule), kv_str("name", e->name), kv_int("count", e->count),
		 kv_str("detail", e->detail), kv_str("client", e->client_address));
	if (!is_waiting(c) || refusals_note(&d->refusals, e))
		broker_link_event(d->broker, e);
}

static void tell_counted_refusals(void *arg)
{
	struct relayd *d = arg;
	struct event due[REFUSALS_SLOTS + 1];
	size_t count = refusals_collect(&d->refusals, clock_wall_ms(), due);

	for (size_t i = 0; i < count; i++)
		broker_link_event(d->broker, &due[i]);
	loop_timer_start(d->refusals_timer, REFUSALS_PERIOD_MS);
}

static void on_event(struct connection *c, const struct message_event *told)
{
	struct event e;

	if (!connection_event(told, &e) || ++c->event_count > SESSION_EVENTS_MAX)
		return;
	if (strcmp(e.kind, "session_ended") == 0)
		c->ended = e;	/* told to the broker when the process is really gone */
	else if (!is_waiting(c) || strcmp(e.kind, "refused") == 0)
		tell(c, &e);
}

/* ---- The end of a connection ---- */

static void tell_end(struct connection *c)
{
	bool crashed = c->exited && !c->evicted && !(WIFEXITED(c->status) && WEXITSTATUS(c->status) == 0);
	struct event e = c->ended;

	if (crashed) {
		log_error("session_process_failed", kv_int("connection", (int64_t)c->number),
			  kv_int("signal", WIFSIGNALED(c->status) ? WTERMSIG(c->status) : 0),
			  kv_int("status", WIFEXITED(c->status) ? WEXITSTATUS(c->status) : -1));
		e = (struct event){ .kind = "session_ended", .name = "crashed", .count = 1 };
	}
	if (!is_waiting(c)) {
		if (!e.kind[0])
			e = (struct event){ .kind = "session_ended", .name = "gone", .count = 1 };
		tell(c, &e);
	}
	log_debug("connection_closed", kv_int("connection", (int64_t)c->number),
		  kv_str("name", e.name),
		  kv_int("lasted_ms", clock_monotonic_ms() - c->began_at_ms));
}

static void close_socket(struct connection *c)
{
	loop_fd_free(c->watch);
	c->watch = NULL;
	if (c->socket >= 0)
		close(c->socket);
	c->socket = -1;
}

static void connection_free(struct connection *c)
{
	struct relayd *d = c->daemon;

	HASH_DEL(d->connections, c);
	admission_leave(d->admission, c->from.source, is_waiting(c));
	dial_free(c->dial);
	close_socket(c);
	memory_wipe(&c->granted, sizeof(c->granted));
	free(c);
}

/* Over when the process has exited: by then everything it said is in the socket. */
static void connection_check_over(struct connection *c)
{
	if (c->socket >= 0 || !c->exited)
		return;
	tell_end(c);
	connection_free(c);
}

static void connection_kill(struct connection *c, const char *reason)
{
	log_error("session_process_out_of_turn", kv_int("connection", (int64_t)c->number),
		  kv_str("reason", reason), kv_int("pid", c->pid));
	if (c->pid > 0 && !c->exited)
		kill(c->pid, SIGKILL);
	close_socket(c);
	connection_check_over(c);
}

/* ---- Answers ---- */

static void answer(struct connection *c, const struct message *m, int fd)
{
	/* It fails only when the process is gone, and then its socket says so as well. */
	if (c->socket >= 0)
		(void)message_send(c->socket, m, fd);
}

static void on_redeemed(void *arg, uint64_t number, const struct redemption *granted)
{
	struct relayd *d = arg;
	struct connection *c = connection_find(d, number);
	struct message m = { .kind = MESSAGE_REFUSED };

	if (!c || c->state != CONNECTION_REDEEMING)
		return;	/* the client left meanwhile: the ticket is spent, nobody may use it */
	c->state = granted ? CONNECTION_GRANTED : CONNECTION_REFUSED;
	if (granted) {
		admission_proven(d->admission);
		c->granted = *granted;
		m.kind = MESSAGE_REDEEMED;
		m.grant = granted->grant;
		memory_wipe(&c->granted.grant, sizeof(c->granted.grant));
		log_info("ticket_redeemed", kv_int("connection", (int64_t)number),
			 kv_str("session", granted->session),
			 kv_str("request", granted->request), kv_str("user", granted->user),
			 kv_str("desktop", granted->desktop), kv_str("client", c->from.text),
			 kv_int("pid", c->pid));
		session_link_begun(d->sessions);
	}
	answer(c, &m, -1);
	memory_wipe(&m, sizeof(m));
}

static void on_dialled(void *arg, int fd)
{
	struct connection *c = arg;
	struct message m = { .kind = fd >= 0 ? MESSAGE_GUEST : MESSAGE_GUEST_FAILED };
	OWNED_FD int guest = fd;

	c->state = CONNECTION_JOINED;
	if (fd < 0)
		log_warn("guest_unreachable", kv_str("session", c->granted.session),
			 kv_str("desktop", c->granted.desktop),
			 kv_str("address", c->granted.guest_address),
			 kv_str("error", strerror(-fd)));
	answer(c, &m, guest);
}

static void on_redeem_wanted(struct connection *c, const struct rdp_ticket *ticket)
{
	struct relayd *d = c->daemon;

	if (broker_link_redeem(d->broker, c->number, ticket, c->from.text) < 0) {
		log_warn("redeem_queue_full", kv_int("connection", (int64_t)c->number));
		on_redeemed(d, c->number, NULL);
	}
}

static void on_dial_wanted(struct connection *c)
{
	c->dial = dial_new(c->daemon->loop, c->granted.guest_address, c->granted.guest_port,
			   c->daemon->config->dial_ms, on_dialled, c);
}

static void on_message(struct connection *c, const struct message *m)
{
	switch (connection_step(&c->state, m->kind)) {
	case STEP_REDEEM:
		on_redeem_wanted(c, &m->redeem);
		break;
	case STEP_DIAL:
		on_dial_wanted(c);
		break;
	case STEP_TELL:
		on_event(c, &m->event);
		break;
	case STEP_USAGE:
		c->usage = m->usage;
		break;
	case STEP_VIOLATION:
		connection_kill(c, "message out of turn");
		break;
	}
}

static void on_socket(void *arg, int fd, unsigned events)
{
	struct connection *c = arg;
	struct message m;
	OWNED_FD int unwanted = -1;
	int n = message_receive(fd, &m, &unwanted);

	if (n == -EAGAIN)
		return;
	if (n == 1) {
		on_message(c, &m);
		memory_wipe(&m, sizeof(m));
	} else if (n == 0) {
		close_socket(c);
		connection_check_over(c);
	} else {
		connection_kill(c, "malformed message");
	}
}

/* ---- What the broker ends ---- */

static json_t *session_json(const struct connection *c, int64_t now_ms)
{
	int64_t idle_ms = c->usage.last_input_ms ? now_ms - c->usage.last_input_ms
						 : now_ms - c->began_at_ms;

	return json_pack("{s:s, s:I, s:I, s:I, s:I}", "id", c->granted.session, "idle_ms",
			 (json_int_t)(idle_ms > 0 ? idle_ms : 0), "bytes_to_desktop",
			 (json_int_t)(c->usage.bytes[RDP_CLIENT] & INT64_MAX), "bytes_from_desktop",
			 (json_int_t)(c->usage.bytes[RDP_GUEST] & INT64_MAX), "rtt_us",
			 (json_int_t)c->usage.rtt_us);
}

static json_t *list_sessions(void *arg)
{
	const struct relayd *d = arg;
	struct connection *each, *next;
	json_t *sessions = json_array();

	HASH_ITER(hh, d->connections, each, next) {
		if (each->granted.session[0])
			json_array_append_new(sessions, session_json(each, clock_monotonic_ms()));
	}
	return sessions;
}

static void end_session(struct connection *c, const char *reason)
{
	struct message m = { .kind = MESSAGE_END, .end = RDP_END_REVOKED };
	int64_t now_ms = clock_monotonic_ms();

	if (strcmp(reason, "session_moved") == 0)
		m.end = RDP_END_MOVED;
	else if (strcmp(reason, "idle_timeout") == 0)
		m.end = RDP_END_IDLE;
	else if (strcmp(reason, "exception_over") == 0)
		m.end = RDP_END_EXCEPTION;
	else if (strcmp(reason, "session_ended") == 0)	/* a logoff that the guest did not get to tell */
		m.end = RDP_END_GUEST_LEFT;
	if (c->end_told_ms && now_ms > c->end_told_ms + END_LIMIT_MS) {
		connection_kill(c, "does not end");
	} else if (!c->end_told_ms) {
		c->end_told_ms = now_ms;
		log_info("session_end_wanted", kv_int("connection", (int64_t)c->number),
			 kv_str("session", c->granted.session), kv_str("reason", reason));
		answer(c, &m, -1);
	}
}

static void on_session_over(void *arg, const char *session, const char *reason)
{
	const struct relayd *d = arg;
	struct connection *each, *next;

	HASH_ITER(hh, d->connections, each, next) {
		if (strcmp(each->granted.session, session) == 0)
			end_session(each, reason);
	}
}

/* ---- The beginning of a connection ---- */

static struct connection *connection_new(struct relayd *d, const struct client_address *from,
					 int socket)
{
	struct connection *c = xnew(struct connection);

	c->number = ++d->last_number;
	c->daemon = d;
	c->from = *from;
	c->socket = socket;
	c->began_at_ms = clock_monotonic_ms();
	c->watch = loop_fd_new(d->loop, socket, LOOP_READ, on_socket, c);
	HASH_ADD(hh, d->connections, number, sizeof(c->number), c);
	return c;
}

static void refuse(struct relayd *d, const struct client_address *from, const char *name)
{
	struct event e = { .kind = "refused", .what = "tls", .count = 1, .at_ms = clock_wall_ms() };

	snprintf(e.name, sizeof(e.name), "%s", name);
	memcpy(e.client_address, from->text, sizeof(e.client_address));
	if (refusals_note(&d->refusals, &e)) {
		log_warn("connection_refused", kv_str("name", name), kv_str("client", from->text));
		broker_link_event(d->broker, &e);
	}
}

/* One in ten thousand real clients is that slow, and it may come again. */
static bool may_be_evicted(const struct connection *c, int64_t now_ms)
{
	return is_waiting(c) && c->pid > 0 && !c->exited && !c->evicted &&
	       now_ms - c->began_at_ms >= EVICT_AFTER_MS;
}

/* Those who leave TLS half done may not keep the others out. The table is in order of age. */
static void make_room(struct relayd *d)
{
	int64_t now_ms = clock_monotonic_ms();
	struct connection *each, *next;

	if (admission_waiting(d->admission) * 4 < (size_t)d->config->max_waiting * 3)
		return;
	HASH_ITER(hh, d->connections, each, next) {
		if (!may_be_evicted(each, now_ms))
			continue;
		each->evicted = true;
		refuse(d, &each->from, "made_room");
		kill(each->pid, SIGKILL);
		return;
	}
}

static void on_refused(void *arg, const struct client_address *from, const char *why)
{
	refuse(arg, from, why);
}

static void on_visitor(void *arg, int fd, const struct client_address *from)
{
	struct relayd *d = arg;

	lobby_enter(d->lobby, fd, from);
}

static void on_client(void *arg, int accepted, const struct client_address *from, bool answered)
{
	struct relayd *d = arg;

	make_room(d);
	OWNED_FD int client = accepted;
	enum admission_verdict verdict = admission_enter(d->admission, from->source);
	int pair[2];

	if (verdict != ADMIT) {
		refuse(d, from, admission_name(verdict));
		return;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) {
		log_error("session_not_begun", kv_str("error", strerror(errno)));
		admission_leave(d->admission, from->source, true);
		return;
	}
	OWNED_FD int theirs = pair[1];
	struct connection *c = connection_new(d, from, pair[0]);
	int n = spawner_begin(d->spawner, c->number, client, theirs, answered);
	if (n < 0) {
		log_error("session_not_begun", kv_str("error", strerror(-n)));
		connection_free(c);
	}
}

/* ---- News of session processes ---- */

static void on_started(void *arg, uint64_t number, pid_t pid)
{
	struct connection *c = connection_find(arg, number);

	if (!c)
		return;
	c->pid = pid;
	log_debug("connection_opened", kv_int("connection", (int64_t)number), kv_int("pid", pid),
		  kv_str("client", c->from.text));
}

static void on_failed(void *arg, uint64_t number, int code)
{
	struct connection *c = connection_find(arg, number);

	log_error("session_not_begun", kv_str("error", strerror(code)));
	if (c)
		connection_free(c);
}

static void on_exited(void *arg, pid_t pid, int status)
{
	struct relayd *d = arg;
	struct connection *each, *next;

	HASH_ITER(hh, d->connections, each, next) {
		if (each->pid != pid || each->exited)
			continue;
		each->exited = true;
		each->status = status;
		connection_check_over(each);
		return;
	}
}

static void on_spawner_gone(void *arg)
{
	struct relayd *d = arg;

	log_error("sessions_program_gone");
	d->failed = true;
	relayd_stop(d);
}

/* ---- Life ---- */

static bool is_stopped(const struct relayd *d)
{
	return (!d->connections && !broker_link_pending(d->broker)) ||
	       clock_monotonic_ms() >= d->stop_by_ms;
}

static void on_stop_tick(void *arg)
{
	struct relayd *d = arg;

	if (is_stopped(d))
		loop_stop(d->loop);
	else
		loop_timer_start(d->stop_timer, STOP_TICK_MS);
}

void relayd_stop(struct relayd *d)
{
	const struct message end = { .kind = MESSAGE_END, .end = RDP_END_SHUTDOWN };
	struct connection *each, *next;

	if (d->stop_by_ms)
		return;
	d->stop_by_ms = clock_monotonic_ms() + d->config->stop_ms;
	listener_free(d->listener);
	d->listener = NULL;
	lobby_free(d->lobby);
	d->lobby = NULL;
	HASH_ITER(hh, d->connections, each, next)
		answer(each, &end, -1);
	log_info("relay_stopping", kv_int("connections", (int64_t)admission_total(d->admission)));
	loop_timer_start(d->stop_timer, 0);
}

bool relayd_failed(const struct relayd *d)
{
	return d->failed;
}

static struct broker_link_config broker_config(const struct relay_config *config)
{
	return (struct broker_link_config){
		.broker = { .address = config->broker,
			    .ca_file = config->ca_file,
			    .certificate_file = config->host_certificate,
			    .key_file = config->host_key },
		.max_events = (size_t)config->max_events,
		.max_waiting = (size_t)config->max_waiting,
		.redeem_ms = config->redeem_ms,
	};
}

int relayd_new(struct loop *loop, const struct relay_config *config, struct relayd **out,
	       struct error *err)
{
	static const struct lobby_events visits = { on_client, on_refused };
	static const struct spawner_events news = { on_started, on_failed, on_exited,
						    on_spawner_gone };
	const struct broker_link_config broker = broker_config(config);
	OWNED(relayd_free) struct relayd *d = xnew(struct relayd);

	d->loop = loop;
	d->config = config;
	d->admission = admission_new((size_t)config->max_connections,
				     (size_t)config->max_per_source, (size_t)config->max_waiting);
	d->lobby = lobby_new(loop, (size_t)config->max_per_source, &visits, d);
	d->refusals_timer = loop_timer_new(loop, tell_counted_refusals, d);
	d->stop_timer = loop_timer_new(loop, on_stop_tick, d);
	if (spawner_new(loop, config->certificate, config->key, config->user,
			config->session_uid_first, &news, d,
			&d->spawner, err) < 0 ||
	    broker_link_new(loop, &broker, on_redeemed, d, &d->broker, err) < 0 ||
	    session_link_new(loop, &broker.broker, list_sessions, on_session_over, d, &d->sessions,
			     err) < 0 ||
	    listener_new(loop, config->listen, on_visitor, d, &d->listener, err) < 0)
		return -EINVAL;
	loop_timer_start(d->refusals_timer, REFUSALS_PERIOD_MS);
	log_info("relay_listening", kv_str("address", config->listen),
		 kv_int("port", listener_port(d->listener)));
	*out = STEAL(d);
	return 0;
}

void relayd_free(struct relayd *d)
{
	struct connection *each, *next;

	if (!d)
		return;
	listener_free(d->listener);
	lobby_free(d->lobby);
	session_link_free(d->sessions);
	broker_link_free(d->broker);
	HASH_ITER(hh, d->connections, each, next)
		connection_free(each);
	spawner_free(d->spawner);
	loop_timer_free(d->refusals_timer);
	loop_timer_free(d->stop_timer);
	admission_free(d->admission);
	free(d);
}
