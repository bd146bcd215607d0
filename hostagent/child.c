/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "common/sys/clock.h"
#include "hostagent/child.h"

enum { ERROR_TEXT_LIMIT = 4096 };

struct child {
	pid_t pid;
	int pidfd, out, err;	/* descriptors of ours */
};

int pidfd_of(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? -errno : fd;
}

int child_kill_wait(int pidfd, int signal, int64_t wait_ms)
{
	struct pollfd end = { .fd = pidfd, .events = POLLIN };

	if (syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) < 0)
		return errno == ESRCH ? 0 : -errno;
	return poll(&end, 1, (int)wait_ms) == 1 ? 0 : -ETIMEDOUT;
}

static int input_file(struct span input, struct error *err)
{
	OWNED_FD int fd = memfd_create("input", MFD_CLOEXEC);

	if (fd < 0 || write(fd, input.ptr, input.len) != (ssize_t)input.len ||
	    lseek(fd, 0, SEEK_SET) < 0)
		return error_errno(err, "input of a command");
	return steal_fd(&fd);
}

/* Between fork and exec: only calls that are safe there. */
static void __attribute__((noreturn)) become(const char *const argv[], int in, int out, int err)
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", language[] = "LC_ALL=C";
	static char *const environment[] = { path, language, NULL };
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
		_exit(126);
	execve(argv[0], (char *const *)(uintptr_t)argv, environment);
	_exit(127);
}

static int child_start(const char *const argv[], struct span input, struct child *out,
		       struct error *err)
{
	int out_pipe[2], err_pipe[2];
	OWNED_FD int in = input_file(input, err);

	if (in < 0)
		return in;
	if (pipe2(out_pipe, O_CLOEXEC) < 0)
		return error_errno(err, "pipe");
	if (pipe2(err_pipe, O_CLOEXEC) < 0) {
		close(out_pipe[0]);
		close(out_pipe[1]);
		return error_errno(err, "pipe");
	}
	pid_t pid = fork();

	if (pid == 0)
		become(argv, in, out_pipe[1], err_pipe[1]);
	close(out_pipe[1]);
	close(err_pipe[1]);
	*out = (struct child){ pid, pid > 0 ? pidfd_of(pid) : -1, out_pipe[0], err_pipe[0] };
	return pid > 0 ? 0 : error_errno(err, "fork for %s", argv[0]);
}

/* Reads what there is; false at the end. Bytes past the limit are read and dropped. */
static bool drain(int fd, struct buf *into)
{
	char chunk[1024];
	ssize_t n = read(fd, chunk, sizeof(chunk));

	if (n > 0 && into && into->len + (size_t)n <= into->limit)
		buf_put(into, chunk, (size_t)n);
	return n > 0 || (n < 0 && errno == EINTR);
}

static void child_collect(struct child *child, int64_t until_ms, struct buf *output,
			  struct buf *complaint)
{
	struct pollfd fds[2] = { { child->out, POLLIN, 0 }, { child->err, POLLIN, 0 } };

	while (fds[0].fd >= 0 || fds[1].fd >= 0) {
		int64_t left_ms = until_ms - clock_monotonic_ms();

		if (left_ms <= 0 || poll(fds, 2, (int)left_ms) == 0)
			return;
		if (fds[0].revents && !drain(child->out, output))
			fds[0].fd = -1;
		if (fds[1].revents && !drain(child->err, complaint))
			fds[1].fd = -1;
	}
}

static const char *last_line(struct buf *text)
{
	while (text->len > 0 && text->ptr[text->len - 1] == '\n')
		buf_truncate(text, text->len - 1);
	const char *line = strrchr(buf_text(text), '\n');

	return line ? line + 1 : buf_text(text);
}

static int child_finish(struct child *child, const char *name, int64_t until_ms,
			struct buf *complaint, struct error *err)
{
	struct pollfd end = { .fd = child->pidfd, .events = POLLIN };
	int64_t left_ms = until_ms - clock_monotonic_ms();
	int status = 0;
	bool late = poll(&end, 1, left_ms > 0 ? (int)left_ms : 0) != 1;

	if (late)
		kill(child->pid, SIGKILL);
	waitpid(child->pid, &status, 0);
	close(child->pidfd);
	close(child->out);
	close(child->err);
	if (late)
		return error_set(err, ETIMEDOUT, "%s did not finish in time", name);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return error_set(err, ENOENT, "%s cannot be run", name);
	return error_set(err, EIO, "%s failed: %s", name, last_line(complaint));
}

int child_run(const char *const argv[], struct span input, int64_t deadline_ms, struct buf *output,
	      struct error *err)
{
	OWNED(buf_done) struct buf complaint = BUF_LIMIT(ERROR_TEXT_LIMIT);
	int64_t until_ms = clock_monotonic_ms() + deadline_ms;
	struct child child = { 0 };
	int rc = child_start(argv, input, &child, err);

	if (rc < 0)
		return rc;
	child_collect(&child, until_ms, output, &complaint);
	return child_finish(&child, argv[0], until_ms, &complaint, err);
}
