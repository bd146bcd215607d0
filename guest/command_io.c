/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/command_io.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

int command_start(const char *const argv[], pid_t *out, struct error *err)
{
	char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", language[] = "LANG=C.UTF-8";
	char *const environment[] = { path, language, NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none;
	int rc;

	sigemptyset(&none);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	rc = posix_spawn(out, argv[0], &files, &attributes, (char *const *)argv, environment);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attributes);
	if (rc != 0)
		return error_set(err, rc, "start %s: %s", argv[0], strerror(rc));
	return 0;
}

static bool wait_for_exit(pid_t pid, int64_t timeout_ms)
{
	OWNED_FD int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd ended = { .fd = fd, .events = POLLIN };
	int rc;

	if (fd < 0)
		return false;
	do
		rc = poll(&ended, 1, (int)timeout_ms);
	while (rc < 0 && errno == EINTR);
	return rc > 0;
}

static int wait_for_status(pid_t pid, const char *name, int64_t timeout_ms, int *out,
			   struct error *err)
{
	bool in_time = wait_for_exit(pid, timeout_ms);
	int status;

	if (!in_time)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return error_errno(err, "wait for %s", name);
	if (!in_time)
		return error_set(err, ETIMEDOUT, "%s: no end within %d s", name,
				 (int)(timeout_ms / 1000));
	*out = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return 0;
}

int command_wait(pid_t pid, const char *name, int64_t timeout_ms, struct error *err)
{
	int status = 0, rc = wait_for_status(pid, name, timeout_ms, &status, err);

	if (rc < 0 || status == 0)
		return rc;
	return error_set(err, EIO, "%s: failed with status %d", name, status);
}

int command_status(const char *const argv[], int64_t timeout_ms, int *status, struct error *err)
{
	pid_t pid;
	int rc = command_start(argv, &pid, err);

	return rc < 0 ? rc : wait_for_status(pid, argv[0], timeout_ms, status, err);
}

int command_run(const char *const argv[], int64_t timeout_ms, struct error *err)
{
	pid_t pid;
	int rc = command_start(argv, &pid, err);

	return rc < 0 ? rc : command_wait(pid, argv[0], timeout_ms, err);
}
