/* SPDX-License-Identifier: Apache-2.0 */
/* genkan-relay - the only way from a client to a desktop of this host. See genkan-relay(8). */
#include <argp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include "common/net/tls.h"
#include "common/sys/capability.h"
#include "common/sys/log.h"
#include "hostagent/relay/relay_config.h"
#include "hostagent/relay/relayd.h"

const char *argp_program_version = "genkan-relay " GENKAN_VERSION;

struct options {
	const char *config_path;
	bool check;
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'c':
		o->config_path = arg;
		return 0;
	case 'k':
		o->check = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_usage(state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* --help ends with the table of configuration keys. */
static char *help_with_keys(int key, const char *text, void *input)
{
	struct buf keys = BUF_LIMIT(0);

	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *)text;
	buf_printf(&keys, "Configuration keys:\n");
	relay_config_describe(&keys);
	return buf_steal_text(&keys);
}

static struct options read_flags(int argc, char **argv)
{
	static const struct argp_option flags[] = {
		{ "config", 'c', "FILE", 0, "configuration, default /etc/genkan/relay.conf", 0 },
		{ "check", 'k', NULL, 0, "check configuration, certificates and keys, then exit",
		  0 },
		{ 0 },
	};
	static const struct argp argp = {
		.options = flags,
		.parser = parse_option,
		.doc = "Relays RDP sessions to the desktops of this host.",
		.help_filter = help_with_keys
	};
	struct options o = { .config_path = "/etc/genkan/relay.conf" };

	argp_parse(&argp, argc, argv, 0, NULL, &o);
	return o;
}

static bool load_config(const char *path, struct relay_config *out)
{
	OWNED(buf_done) struct buf problems = BUF_LIMIT(0);

	if (relay_config_load(path, out, &problems) == 0)
		return true;
	fprintf(stderr, "genkan-relay: %s is not usable:\n%s", path, buf_text(&problems));
	return false;
}

static bool check_pair(const char *certificate, const char *key, struct error *err)
{
	OWNED(SSL_CTX_free) SSL_CTX *ctx = NULL;

	return tls_server_new(certificate, key, NULL, TLS_PEER_NONE, 0, &ctx, err) == 0;
}

static int check_files(const struct relay_config *config)
{
	OWNED(X509_free) X509 *ca = NULL;
	struct error err;

	if (tls_certificate_load(config->ca_file, &ca, &err) < 0 ||
	    !check_pair(config->host_certificate, config->host_key, &err) ||
	    !check_pair(config->certificate, config->key, &err)) {
		fprintf(stderr, "genkan-relay: %s\n", err.text);
		return EXIT_FAILURE;
	}
	printf("genkan-relay: configuration is good\n");
	return EXIT_SUCCESS;
}

static void on_stop_signal(void *arg, int signum)
{
	relayd_stop(arg);
}

/* One descriptor per session here, whatever the shell's soft limit is. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int serve(const struct relay_config *config)
{
	OWNED(loop_free) struct loop *loop = loop_new();
	struct relayd *daemon;
	struct error err;

	if (relayd_new(loop, config, &daemon, &err) < 0) {
		log_error("start_failed", kv_error(&err));
		return EXIT_FAILURE;
	}
	/* It was for genkan-relay-sessions, which has left the network by now. */
	if (capability_drop(CAP_SYS_ADMIN, &err) < 0) {
		log_error("start_failed", kv_error(&err));
		relayd_free(daemon);
		return EXIT_FAILURE;
	}
	struct loop_signal *term = loop_signal_new(loop, SIGTERM, on_stop_signal, daemon);
	struct loop_signal *interrupt = loop_signal_new(loop, SIGINT, on_stop_signal, daemon);

	loop_run(loop);

	bool failed = relayd_failed(daemon);
	loop_signal_free(term);
	loop_signal_free(interrupt);
	relayd_free(daemon);
	log_info("relay_stopped");
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct options options = read_flags(argc, argv);
	OWNED(relay_config_done) struct relay_config config = { 0 };
	enum log_level level;

	if (!load_config(options.config_path, &config))
		return EXIT_FAILURE;
	if (options.check)
		return check_files(&config);
	if (log_level_parse(config.log_level, &level) == 0)
		log_set_level(level);
	prctl(PR_SET_DUMPABLE, 0);	/* holds tickets and the host's key */
	raise_descriptor_limit();
	return serve(&config);
}
