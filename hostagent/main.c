/* SPDX-License-Identifier: Apache-2.0 */
/* genkan-hostagent: runs the desktops of one KVM host. */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include "common/sys/clock.h"
#include "common/sys/file.h"
#include "common/sys/log.h"
#include "hostagent/accel.h"
#include "hostagent/agent.h"
#include "hostagent/destroy.h"
#include "hostagent/join.h"
#include "hostagent/network/network.h"

const char *argp_program_version = "genkan-hostagent " GENKAN_VERSION;

enum mode { MODE_RUN, MODE_CHECK, MODE_JOIN, MODE_PROBE, MODE_CLEANUP, MODE_DESTROY_ALL };
enum { OPT_CHECK = 256, OPT_JOIN, OPT_TOKEN, OPT_PROBE, OPT_CLEANUP, OPT_DESTROY };

enum { LOCK_MS = 15000, LOCK_RETRY_MS = 50 };

struct arguments {
	const char *config_path, *token_file;
	enum mode mode;
};

static error_t parse_option(int key, char *text, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case 'c':
		arguments->config_path = text;
		return 0;
	case OPT_CHECK:
		arguments->mode = MODE_CHECK;
		return 0;
	case OPT_JOIN:
		arguments->mode = MODE_JOIN;
		return 0;
	case OPT_TOKEN:
		arguments->token_file = text;
		return 0;
	case OPT_PROBE:
		arguments->mode = MODE_PROBE;
		return 0;
	case OPT_CLEANUP:
		arguments->mode = MODE_CLEANUP;
		return 0;
	case OPT_DESTROY:
		arguments->mode = MODE_DESTROY_ALL;
		return 0;
	case ARGP_KEY_END:
		if (arguments->mode == MODE_JOIN && !arguments->token_file)
			argp_error(state, "--join needs --token-file");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_option options[] = {
	{ "config", 'c', "FILE", 0, "Configuration (/etc/genkan/hostagent.conf)", 0 },
	{ "check", OPT_CHECK, NULL, 0, "Check the configuration and exit", 0 },
	{ "join", OPT_JOIN, NULL, 0, "Get this host's certificate from the broker and exit", 0 },
	{ "token-file", OPT_TOKEN, "FILE", 0, "One-time token for --join; - reads it from stdin", 0 },
	{ "probe", OPT_PROBE, NULL, 0, "Print the accelerator that works here and exit", 0 },
	{ "cleanup", OPT_CLEANUP, NULL, 0, "Remove bridge and packet filter and exit", 0 },
	{ "destroy-all", OPT_DESTROY, NULL, 0, "End and remove all desktops and the network, and exit",
	  0 },
	{ 0 },
};
static const struct argp argp = {
	.options = options, .parser = parse_option,
	.doc = "Runs the desktops of one KVM host as the broker orders. Desktops run on when the agent "
	       "ends, and are taken up again by the next one.\v"
	       "See genkan-hostagent(8) and genkan-hostagent.conf(5).",
};

/* The helper of an agent that was killed still finishes its last order, and holds the lock. */
static int wait_for_lock(int fd)
{
	int64_t deadline_ms = clock_monotonic_ms() + LOCK_MS;

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK || clock_monotonic_ms() > deadline_ms)
			return -errno;
		poll(NULL, 0, LOCK_RETRY_MS);
	}
	return 0;
}

/* Two agents on one state folder would start each desktop twice. */
static int take_lock(const struct hostagent_config *config, struct error *err)
{
	struct path path = host_path(config, HOST_LOCK);
	int rc = file_make_dirs(config->state_dir, 0755, err);

	if (rc < 0)
		return rc;
	int fd = open(path.text, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return error_errno(err, "open %s", path.text);
	if (wait_for_lock(fd) < 0) {
		close(fd);
		return error_set(err, EBUSY, "another agent runs on %s", config->state_dir);
	}
	return fd;	/* held until the process ends */
}

/* The account of the agent; root stays root where there is no such account. */
static void find_account(const struct hostagent_config *config, struct spawn_host *host)
{
	const struct passwd *account = getpwnam(config->user);

	host->agent_uid = account && geteuid() == 0 ? account->pw_uid : geteuid();
	host->agent_gid = account && geteuid() == 0 ? account->pw_gid : getegid();
}

static int own(const struct spawn_host *host, const char *path, struct error *err)
{
	if (lchown(path, host->agent_uid, host->agent_gid) < 0 && errno != ENOENT)
		return error_errno(err, "chown %s", path);
	return 0;
}

static int own_state(const struct spawn_host *host, struct error *err)
{
	static const enum host_file files[] = { HOST_CERTIFICATE, HOST_KEY, RELAY_CERTIFICATE,
						RELAY_KEY, HOST_DESKTOPS, HOST_VERIFIED,
						HOST_TEMPLATES };
	int rc = own(host, host->config->state_dir, err);

	for (size_t i = 0; i < ARRAY_LEN(files) && rc == 0; i++)
		rc = own(host, host_path(host->config, files[i]).text, err);
	if (rc == 0 && host->config->overlay_dir[0])
		rc = own(host, host->config->overlay_dir, err);
	/* On shared storage that may be for its server to decide: who opens a disk finds out. */
	if (rc == 0 && host->config->user_disk_dir[0])
		(void)own(host, host->config->user_disk_dir, NULL);
	return rc;
}

/* One that is there already may be shared, and is left as it is. */
static int make_image_dir(const struct spawn_host *host, struct error *err)
{
	const char *path = host->config->image_dir;
	int rc;

	if (access(path, F_OK) == 0)
		return 0;
	rc = file_make_dirs(path, 0755, err);
	return rc < 0 ? rc : own(host, path, err);
}

static int drop_privileges(const struct spawn_host *host, struct error *err)
{
	if (geteuid() == 0 && host->agent_uid != 0 &&
	    (setgroups(0, NULL) < 0 ||
	     setresgid(host->agent_gid, host->agent_gid, host->agent_gid) < 0 ||
	     setresuid(host->agent_uid, host->agent_uid, host->agent_uid) < 0))
		return error_errno(err, "become %s", host->config->user);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0)
		return error_errno(err, "prctl");
	return 0;
}

static void on_signal(void *arg, int signum)
{
	log_info("agent_stopping", kv_str("desktops", "run on"));
	loop_stop(arg);
}

static int run_loop(const struct spawn_host *host, struct priv *priv, struct error *err)
{
	OWNED(loop_free) struct loop *loop = loop_new();
	OWNED(agent_free) struct agent *agent = NULL;
	struct loop_signal *term = loop_signal_new(loop, SIGTERM, on_signal, loop);
	struct loop_signal *interrupt = loop_signal_new(loop, SIGINT, on_signal, loop);
	int rc = agent_new(loop, host->config, host->accel, priv, &agent, err);

	if (rc == 0) {
		log_info("agent_started", kv_str("name", host->config->name),
			 kv_str("accel", vm_accel_name(host->accel)));
		loop_run(loop);
	}
	agent_free(STEAL(agent));
	loop_signal_free(term);
	loop_signal_free(interrupt);
	return rc;
}

static int run(const struct hostagent_config *config, struct error *err)
{
	struct spawn_host host = { .config = config };
	struct priv *priv = NULL;
	OWNED_FD int lock = take_lock(config, err);
	int rc;

	if (lock < 0)
		return lock;
	find_account(config, &host);
	if ((rc = accel_choose(config, &host.accel, err)) < 0 ||
	    (rc = join_finish(config, err)) < 0 ||
	    (rc = relay_certificate_ensure(config, err)) < 0 ||
	    (rc = network_up(config, err)) < 0 || (rc = own_state(&host, err)) < 0 ||
	    (rc = make_image_dir(&host, err)) < 0 ||
	    (rc = priv_start(&host, &priv, err)) < 0)
		return rc;
	if ((rc = drop_privileges(&host, err)) == 0)
		rc = run_loop(&host, priv, err);
	priv_free(priv);
	return rc;
}

static int join(const struct hostagent_config *config, const char *token_file, struct error *err)
{
	int rc = join_broker(config, token_file, err);

	return rc < 0 ? rc : relay_certificate_ensure(config, err);
}

static int probe(const struct hostagent_config *config, struct error *err)
{
	enum vm_accel accel;
	int rc = accel_choose(config, &accel, err);

	if (rc == 0)
		puts(vm_accel_name(accel));
	return rc;
}

/* The clean-up commands: not beside an agent that would bring things back. */
static int alone(const struct hostagent_config *config,
		 int (*command)(const struct hostagent_config *config, struct error *err),
		 struct error *err)
{
	OWNED_FD int lock = take_lock(config, err);

	return lock < 0 ? lock : command(config, err);
}

static int act(const struct arguments *arguments, const struct hostagent_config *config,
	       struct error *err)
{
	switch (arguments->mode) {
	case MODE_RUN:
		return run(config, err);
	case MODE_CHECK:
		return 0;
	case MODE_JOIN:
		return join(config, arguments->token_file, err);
	case MODE_PROBE:
		return probe(config, err);
	case MODE_CLEANUP:
		return alone(config, destroy_network, err);
	case MODE_DESTROY_ALL:
		return alone(config, destroy_all, err);
	}
	return -EINVAL;
}

int main(int argc, char **argv)
{
	struct arguments arguments = { .config_path = "/etc/genkan/hostagent.conf" };
	OWNED(hostagent_config_done) struct hostagent_config config = { 0 };
	OWNED(buf_done) struct buf problems = { 0 };
	struct error err = { 0 };
	enum log_level level;

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	if (hostagent_config_load(arguments.config_path, &config, &problems) < 0) {
		fputs(buf_text(&problems), stderr);
		return 2;
	}
	if (log_level_parse(config.log_level, &level) == 0)
		log_set_level(level);
	umask(022);
	if (act(&arguments, &config, &err) < 0) {
		fprintf(stderr, "genkan-hostagent: %s\n", err.text);
		return 1;
	}
	return 0;
}
