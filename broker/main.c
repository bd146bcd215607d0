/* SPDX-License-Identifier: Apache-2.0 */
/* genkan-broker: who somebody is, which desktop is theirs, and where it runs. */
#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>

#include "broker/api/api.h"
#include "broker/api/timings.h"
#include "broker/audit/audit_loss.h"
#include "broker/audit/audit_syslog.h"
#include "broker/certificates.h"
#include "broker/conductor/conductor.h"
#include "broker/conductor/inspections.h"
#include "broker/directory/ldap_link.h"
#include "broker/events/events.h"
#include "broker/factor/second_factor.h"
#include "broker/images/image_room.h"
#include "broker/process/processes.h"
#include "broker/process/sandbox.h"
#include "broker/restore.h"
#include "broker/session/attempt.h"
#include "broker/session/notices.h"
#include "broker/session/session_watch.h"
#include "broker/session/throttle.h"
#include "common/data/metrics.h"
#include "common/sys/log.h"

const char *argp_program_version = "genkan-broker " GENKAN_VERSION;

struct flags {
	const char *config, *admin, *restore;
	bool init, check, new_factor_key;
};

static error_t parse_flag(int key, char *arg, struct argp_state *state)
{
	struct flags *flags = state->input;

	switch (key) {
	case 'c':
		flags->config = arg;
		return 0;
	case 'i':
		flags->init = true;
		return 0;
	case 'a':
		flags->admin = arg;
		return 0;
	case 'f':
		flags->new_factor_key = true;
		return 0;
	case 'r':
		flags->restore = arg;
		return 0;
	case 'k':
		flags->check = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{ "config", 'c', "FILE", 0, "settings (/etc/genkan/broker.conf)", 0 },
	{ "init", 'i', NULL, 0, "make what is missing in the state folder, then exit", 0 },
	{ "admin", 'a', "NAME", 0, "make a certificate for one more administrator, then exit", 0 },
	{ "new-second-factor-key", 'f', NULL, 0, "seal second factors with a new key, then exit", 0 },
	{ "restore", 'r', "FILE", 0, "make a backup the store, then exit; - reads it", 0 },
	{ "check", 'k', NULL, 0, "check settings and keys, then exit", 0 },
	{ 0 },
};
static const struct argp argp = {
	options, parse_flag, NULL, "The broker of a Genkan site.", NULL, NULL, NULL,
};

/* A connection is a descriptor: the usual soft limit of 1024 is there for select(2) only. */
static void raise_descriptor_limit(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

static int fail(const struct error *err)
{
	fprintf(stderr, "genkan-broker: %s\n", err->text);
	return 1;
}

static int init(const struct broker_config *config)
{
	OWNED(buf_done) struct buf made = { 0 };
	OWNED(store_close) struct store *store = NULL;
	struct authority_paths paths;
	struct error err = { 0 };
	int rc = authority_init(config, &made, &err);

	if (rc == 0)
		rc = authority_paths(config, &paths, &err);
	if (rc == 0)
		rc = factor_keys_init(paths.factor_keys, &made, &err);
	if (rc == 0)
		rc = store_open(paths.store, &store, &err);
	fputs(buf_text(&made), stdout);
	return rc < 0 ? fail(&err) : 0;
}

static int make_admin(const struct broker_config *config, const char *name)
{
	OWNED(buf_done) struct buf made = { 0 };
	struct error err = { 0 };

	if (authority_make_admin(config, name, &made, &err) < 0)
		return fail(&err);
	fputs(buf_text(&made), stdout);
	return 0;
}

static int rotate_factor_key(const struct broker_config *config)
{
	OWNED(buf_done) struct buf made = { 0 };
	struct authority_paths paths;
	struct error err = { 0 };
	int rc = authority_paths(config, &paths, &err);

	if (rc == 0)
		rc = factor_keys_rotate(paths.factor_keys, &made, &err);
	fputs(buf_text(&made), stdout);
	return rc < 0 ? fail(&err) : 0;
}

static int restore(const struct broker_config *config, const char *file)
{
	OWNED(buf_done) struct buf said = { 0 };
	struct error err = { 0 };
	int rc = broker_restore(config, file, &said, &err);

	fputs(buf_text(&said), stdout);
	return rc < 0 ? fail(&err) : 0;
}

static void broker_close(struct broker *broker)
{
	certificates_free(STEAL(broker->certificates));
	audit_syslog_free(STEAL(broker->audit_syslog));
	events_free(STEAL(broker->events));
	front_room_free(STEAL(broker->clients));
	front_room_free(STEAL(broker->agents));
	image_room_free(STEAL(broker->images));
	directory_free(broker->directory);
	state_queue_free(broker->state);
	conductor_free(broker->conductor);
	session_watch_free(broker->watch);
	inspections_free(broker->inspections);
	metrics_free(STEAL(broker->metrics));
	timings_free(STEAL(broker->timings));
	notices_free(broker->notices);
	login_gate_free(broker->gate);
	throttle_free(broker->throttle);
	second_factor_free(broker->second_factor);
	authority_free(broker->authority);
	loop_free(broker->loop);
}
DEFINE_OWNED_VALUE(broker_close, struct broker);

static void on_change(void *arg, bool moved)
{
	struct broker *broker = arg;

	conductor_changed(broker->conductor, moved);
}

static void on_touched(void *arg, const struct store_touch_list *touched)
{
	struct broker *broker = arg;

	if (broker->events)
		events_touched(broker->events, touched);
}

static int open_rooms(struct broker *broker, struct error *err)
{
	const struct broker_config *config = broker->config;
	struct authority_paths paths;
	int rc = authority_paths(config, &paths, err);

	broker->loop = loop_new_for_server();
	if (rc == 0)
		rc = directory_new(broker->loop, &config->directory, &broker->directory, err);
	if (rc == 0)
		rc = second_factor_new(config, &broker->second_factor, err);
	if (rc == 0)
		rc = authority_open(config, &broker->authority, err);
	if (rc < 0)
		return rc;

	struct state_queue_config state = {
		.path = paths.store,
		.max_queued = (unsigned)config->max_queued,
		.host_silent_ms = config->host_silent_ms,
		.on_change = on_change,
		.on_touched = on_touched,
		.arg = broker,
	};
	rc = state_queue_new(broker->loop, &state, &broker->state, err);
	return rc < 0 ? rc : throttle_new(paths.store, &broker->throttle, err);
}

static void on_front_lost(void *arg, const char *why, unsigned unanswered)
{
	audit_loss(arg, "front", why, unanswered);
}

static int open_doors(struct broker *broker, struct processes *processes, struct error *err)
{
	const struct broker_config *config = broker->config;
	struct front_room_config door = {
		.address = config->listen,
		.kind = PROCESS_CLIENT_FRONT,
		.count = processes_fronts(config),
		.max_connections = (unsigned)config->max_connections,
		.max_body_bytes = processes->clients.max_body_bytes,
		.crowd = processes->clients.crowd,
		.starter = processes->starter,
		.handler = api_client_request,
		.lost = on_front_lost,
		.arg = broker,
	};
	int rc = front_room_new(broker->loop, &door, &broker->clients, err);

	if (rc < 0)
		return rc;
	door.address = config->agent_listen;
	door.kind = PROCESS_AGENT_FRONT;
	door.count = 1;
	door.max_body_bytes = processes->agents.max_body_bytes;
	door.crowd = NULL;
	door.handler = api_agent_request;
	rc = front_room_new(broker->loop, &door, &broker->agents, err);
	return rc < 0 ? rc : certificates_open_doors(broker->certificates, err);
}

static int start_directory(void *arg, int *link, struct error *err)
{
	const struct broker *broker = arg;

	return processes_start_directory(broker->processes, link, err);
}

static void on_directory_lost(void *arg, const struct directory_loss *loss)
{
	log_error("directory_worker_ended", kv_str("why", loss->why),
		  kv_int("lived_ms", loss->lived_ms), kv_int("unanswered", loss->questions));
	audit_loss(arg, "directory", loss->why, loss->questions);
}

static int open_directory(struct broker *broker, struct error *err)
{
	const struct directory_worker_config worker = { start_directory, on_directory_lost,
							broker };

	return directory_open(broker->directory, &worker, err);
}

static void on_stop(void *arg, int signum)
{
	struct broker *broker = arg;

	log_info("stopping", kv_int("signal", signum));
	loop_stop(broker->loop);
}

struct reload {
	const struct flags *flags;
	struct broker *broker;
};

/* SIGHUP: the level of the log is the one setting that changes while we run, and the certificate
 * is looked at. */
static void on_reload(void *arg, int signum)
{
	const struct reload *reload = arg;
	const struct flags *flags = reload->flags;
	OWNED(broker_config_done) struct broker_config config = { 0 };
	OWNED(buf_done) struct buf problems = { 0 };
	enum log_level level = LOG_LEVEL_INFO;

	(void)signum;
	certificates_look(reload->broker->certificates);
	if (broker_config_load(flags->config, &config, &problems) < 0) {
		log_error("reload_failed", kv_str("problems", buf_text(&problems)));
		return;
	}
	if (log_level_parse(config.log_level, &level) == 0)
		log_set_level(level);
	log_info("reloaded", kv_str("log_level", config.log_level));
}

static int serve(const struct broker_config *config, struct flags *flags)
{
	OWNED(processes_end) struct processes processes = { .config = config };
	OWNED(broker_close) struct broker broker = { .config = config, .processes = &processes };
	struct error err = { 0 };
	int rc = flags->check ? 0 : processes_begin(&processes, &err);

	if (rc == 0)
		rc = open_rooms(&broker, &err);

	if (rc < 0)
		return fail(&err);
	rc = certificates_new(&broker, &broker.certificates, &err);
	if (rc < 0)
		return fail(&err);
	if (flags->check)
		return 0;

	broker.gate = login_gate_new(&broker);
	broker.audit_syslog = audit_syslog_new(&broker);
	broker.conductor = conductor_new(&broker);
	broker.events = events_new(&broker);
	broker.images = image_room_new(&broker);
	broker.watch = session_watch_new(&broker);
	broker.inspections = inspections_new(&broker);
	broker.metrics = metrics_new();
	broker.timings = timings_new();
	broker.notices = notices_new(&broker);
	rc = open_directory(&broker, &err);
	if (rc == 0)
		rc = open_doors(&broker, &processes, &err);
	if (rc == 0)	/* afterwards it can speak to nobody */
		sd_notify(1, "READY=1");
	if (rc == 0)
		rc = processes_close_core_in(&err);
	if (rc < 0)
		return fail(&err);

	struct reload reload = { flags, &broker };
	struct loop_signal *term = loop_signal_new(broker.loop, SIGTERM, on_stop, &broker);
	struct loop_signal *intr = loop_signal_new(broker.loop, SIGINT, on_stop, &broker);
	struct loop_signal *hup = loop_signal_new(broker.loop, SIGHUP, on_reload, &reload);
	log_info("started", kv_str("version", GENKAN_VERSION), kv_str("listen", config->listen),
		 kv_str("agent_listen", config->agent_listen));
	loop_run(broker.loop);
	loop_signal_free(hup);
	loop_signal_free(intr);
	loop_signal_free(term);
	return 0;
}

/* An answer that lacks a member for want of memory would be taken for a whole one. */
static void *json_memory(size_t size)
{
	return xrealloc(NULL, size);
}

int main(int argc, char **argv)
{
	struct flags flags = { .config = "/etc/genkan/broker.conf" };
	OWNED(broker_config_done) struct broker_config config = { 0 };
	OWNED(buf_done) struct buf problems = { 0 };
	enum log_level level = LOG_LEVEL_INFO;

	json_set_alloc_funcs(json_memory, free);
	ldap_link_init_process();
	sandbox_close_process();
	raise_descriptor_limit();
	argp_parse(&argp, argc, argv, 0, NULL, &flags);
	if (broker_config_load(flags.config, &config, &problems) < 0) {
		fputs(buf_text(&problems), stderr);
		return 2;
	}
	if (log_level_parse(config.log_level, &level) == 0)
		log_set_level(level);
	if (flags.admin)
		return make_admin(&config, flags.admin);
	if (flags.new_factor_key)
		return rotate_factor_key(&config);
	if (flags.restore)
		return restore(&config, flags.restore);
	return flags.init ? init(&config) : serve(&config, &flags);
}
