/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/relay/spawner.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include "hostagent/relay/spawn_wire.h"

#define PROGRAM "genkan-relay-sessions"
#define READY_MS 10000

struct spawner {
	int fd;
	pid_t pid;
	struct loop_fd *watch;
	struct spawner_events events;
	void *arg;
};

/* Beside this program, so that a build tree works as it is, else where it is installed. */
static const char *find_program(char *out, size_t size)
{
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (len > 0) {
		self[len] = 0;
		char *slash = strrchr(self, '/');
		int n = snprintf(out, size, "%.*s/%s", (int)(slash - self), self, PROGRAM);
		if (n > 0 && (size_t)n < size && access(out, X_OK) == 0)
			return out;
	}
	return GENKAN_LIBEXEC_DIR "/" PROGRAM;
}

static _Noreturn void become_program(int fd, const char *program, const char *certificate,
				     const char *key, const char *user, const char *uid_first)
{
	/* fd is close-on-exec; its copy at SPAWN_FD is not. */
	if (fd == SPAWN_FD ? fcntl(fd, F_SETFD, 0) < 0 : dup2(fd, SPAWN_FD) < 0)
		_exit(71);
	execl(program, PROGRAM, certificate, key, user, uid_first, (char *)NULL);
	_exit(127);
}

static int await_ready(int fd, const char *program, struct error *err)
{
	struct pollfd ready = { fd, POLLIN, 0 };
	struct spawn_news news;

	if (poll(&ready, 1, READY_MS) <= 0)
		return error_set(err, ETIMEDOUT, "%s does not get ready", program);
	if (recv(fd, &news, sizeof(news), 0) != sizeof(news) || news.kind != SPAWN_READY)
		return error_set(err, ECHILD, "%s did not start", program);
	return 0;
}

static void on_news(void *arg, int fd, unsigned events)
{
	struct spawner *s = arg;
	struct spawn_news news;
	ssize_t n = recv(fd, &news, sizeof(news), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n != sizeof(news)) {
		loop_fd_set(s->watch, 0);
		s->events.gone(s->arg);
		return;
	}
	switch ((enum spawn_news_kind)news.kind) {
	case SPAWN_READY:
		break;
	case SPAWN_STARTED:
		s->events.started(s->arg, news.number, (pid_t)news.pid);
		break;
	case SPAWN_FAILED:
		s->events.failed(s->arg, news.number, news.status);
		break;
	case SPAWN_EXITED:
		s->events.exited(s->arg, (pid_t)news.pid, news.status);
		break;
	}
}

int spawner_new(struct loop *loop, const char *certificate, const char *key, const char *user,
		int64_t uid_first, const struct spawner_events *events, void *arg, struct spawner **out,
		struct error *err)
{
	char path[PATH_MAX];
	const char *program = find_program(path, sizeof(path));
	char first[24];
	int pair[2];

	snprintf(first, sizeof(first), "%lld", (long long)uid_first);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_errno(err, "socketpair");
	OWNED_FD int ours = pair[0];
	OWNED_FD int theirs = pair[1];
	pid_t pid = fork();
	if (pid < 0)
		return error_errno(err, "fork");
	if (pid == 0)
		become_program(theirs, program, certificate, key, user, first);
	close(steal_fd(&theirs));
	if (await_ready(ours, program, err) < 0) {
		close(steal_fd(&ours));	/* it ends when the socket does */
		waitpid(pid, NULL, 0);
		return -ECHILD;
	}

	struct spawner *s = xnew(struct spawner);
	s->fd = steal_fd(&ours);
	s->pid = pid;
	s->events = *events;
	s->arg = arg;
	s->watch = loop_fd_new(loop, s->fd, LOOP_READ, on_news, s);
	*out = s;
	return 0;
}

void spawner_free(struct spawner *s)
{
	if (!s)
		return;
	loop_fd_free(s->watch);
	close(s->fd);
	waitpid(s->pid, NULL, 0);	/* its only reason to wait was our end of the socket */
	free(s);
}

int spawner_begin(struct spawner *s, uint64_t number, int client, int parent, bool answered)
{
	struct spawn_request request = { .number = number, .answered = answered };
	const int fds[2] = { client, parent };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(fds))];
	} control = { .bytes = { 0 } };
	struct iovec body = { &request, sizeof(request) };
	struct msghdr header = { .msg_iov = &body, .msg_iovlen = 1, .msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&header);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(c), fds, sizeof(fds));
	return sendmsg(s->fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}
