/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/ssh_io.h"

#include <stdbool.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "common/sys/log.h"
#include "guest/command_io.h"

#define SERVICE_TIMEOUT_MS 120000

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

static int restart(struct error *err)
{
	static const char *const generate[] = { "/usr/bin/ssh-keygen", "-A", NULL };
	static const char *const start[] = { "/usr/bin/systemctl", "restart", "ssh.service", NULL };
	int rc = command_run(generate, SERVICE_TIMEOUT_MS, err);

	return rc < 0 || !is_enabled() ? rc : command_run(start, SERVICE_TIMEOUT_MS, err);
}

int ssh_forget_keys(struct error *err)
{
	static const char *const stop[] = { "/usr/bin/systemctl", "stop", "ssh.service",
					    "ssh.socket", NULL };
	static const char *const names[] = { "rsa", "ecdsa", "ed25519" };
	char path[64];
	bool found = false;

	if (!there_is_a_server())
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(path, sizeof(path), "/etc/ssh/ssh_host_%s_key", names[i]);
		found |= unlink(path) == 0;
		snprintf(path, sizeof(path), "/etc/ssh/ssh_host_%s_key.pub", names[i]);
		unlink(path);
	}
	if (!found)
		return 0;	/* it has none: in a clone, or never had */
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
	if (restart(&err) < 0)
		log_warn("ssh_keys_not_made", kv_error(&err));
	_exit(0);
}
