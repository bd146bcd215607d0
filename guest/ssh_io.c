/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/ssh_io.h"

#include <stdbool.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "common/sys/log.h"
#include "guest/command_io.h"

#define SERVICE_TIMEOUT_MS 120000
#define KEY_TIMEOUT_MS 60000
#define BEHIND_LOGINS 10 /* nice(2) */

/* All that a clone gets. Each server and client of the last ten years knows one of them, and an RSA
 * key takes the processor hundreds of times longer: seconds, and where there is no KVM a minute, of
 * every host when many desktops are forked at once. */
static const char *const made[] = { "ecdsa", "ed25519" };

struct key_path {
	char text[64];
};

static bool there_is_a_server(void)
{
	return access("/usr/sbin/sshd", X_OK) == 0;
}

/* A unit that is disabled or masked stays as it is. */
static bool is_enabled(void)
{
	static const char *const ask[] = { "/usr/bin/systemctl", "--quiet", "is-enabled",
					   "ssh.service", NULL };

	return command_run(ask, SERVICE_TIMEOUT_MS, NULL) == 0;
}

static struct key_path key_path(const char *type)
{
	struct key_path path;

	snprintf(path.text, sizeof(path.text), "/etc/ssh/ssh_host_%s_key", type);
	return path;
}

static int make_key(const char *type, struct error *err)
{
	struct key_path path = key_path(type);
	const char *const make[] = {
		"/usr/bin/ssh-keygen", "-q", "-t", type, "-N", "", "-f", path.text, NULL
	};

	return command_run(make, KEY_TIMEOUT_MS, err);
}

static int restart(struct error *err)
{
	static const char *const start[] = { "/usr/bin/systemctl", "restart", "ssh.service", NULL };
	int rc = 0;

	for (size_t i = 0; i < ARRAY_LEN(made) && rc == 0; i++)
		rc = make_key(made[i], err);
	return rc < 0 || !is_enabled() ? rc : command_run(start, SERVICE_TIMEOUT_MS, err);
}

int ssh_forget_keys(struct error *err)
{
	static const char *const stop[] = { "/usr/bin/systemctl", "stop", "ssh.service",
					    "ssh.socket", NULL };
	static const char *const names[] = { "rsa", "dsa", "ecdsa", "ed25519" };
	char public[80];
	bool found = false;

	if (!there_is_a_server())
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct key_path path = key_path(names[i]);

		found |= unlink(path.text) == 0;
		snprintf(public, sizeof(public), "%s.pub", path.text);
		unlink(public);
	}
	if (!found)
		return 0; /* it has none: in a clone, or never had */
	return command_run(stop, SERVICE_TIMEOUT_MS, err);
}

/* The first child leaves at once, so that the daemon has nobody to wait for. */
void ssh_renew_keys(void)
{
	struct error err = { 0 };
	pid_t pid = there_is_a_server() ? fork() : -1;

	if (pid > 0)
		waitpid(pid, NULL, 0);
	if (pid != 0)
		return;
	if (fork() != 0)
		_exit(0);
	if (nice(BEHIND_LOGINS) < 0)
		log_warn("ssh_keys_not_behind_logins");
	if (restart(&err) < 0)
		log_warn("ssh_keys_not_made", kv_error(&err));
	_exit(0);
}
