/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "common/base/text.h"
#include "hostagent/qmp/line_socket.h"
#include "hostagent/qmp/lines.h"

enum { READ_CHUNK = 16384, OUT_LIMIT = 65536 };

struct line_socket {
	int fd;
	struct loop_fd *watch;
	struct lines lines;
	struct buf out;
	const struct line_socket_handler *handler;
	void *arg;
	bool *freed;	/* set while a callback runs: tells it that the object went */
};

int unix_connect(const char *path, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	OWNED_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return error_errno(err, "socket");
	if (str_copy(address.sun_path, sizeof(address.sun_path), path) < 0)
		return error_set(err, ENAMETOOLONG, "socket path %s is too long", path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return error_errno(err, "connect %s", path);
	return steal_fd(&fd);
}

/* Stops watching first, so that `closed` comes once even if the object is kept a while. */
static void fail(struct line_socket *s, int code, const char *what)
{
	struct error reason;

	loop_fd_free(s->watch);
	s->watch = NULL;
	error_set(&reason, code, "%s", what);
	s->handler->closed(s->arg, &reason);
}

static void write_out(struct line_socket *s)
{
	while (s->out.len > 0) {
		ssize_t n = send(s->fd, s->out.ptr, s->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0)
			break;	/* a broken peer is told by the read side */
		buf_consume(&s->out, (size_t)n);
	}
	if (s->watch)
		loop_fd_set(s->watch, s->out.len > 0 ? LOOP_READ | LOOP_WRITE : LOOP_READ);
}

static void handle_bytes(struct line_socket *s, struct span in)
{
	struct span line;
	bool freed = false;
	int n;

	s->freed = &freed;
	while ((n = lines_take(&s->lines, &in, &line)) > 0) {
		s->handler->line(s->arg, line);
		if (freed)
			return;
	}
	s->freed = NULL;
	if (n < 0)
		fail(s, -n, "a line is too long");
}

static void on_socket(void *arg, int fd, unsigned events)
{
	struct line_socket *s = arg;
	uint8_t chunk[READ_CHUNK];

	if (events & LOOP_WRITE)
		write_out(s);
	if (!(events & LOOP_READ))
		return;
	ssize_t n = recv(fd, chunk, sizeof(chunk), MSG_DONTWAIT);

	if (n > 0)
		handle_bytes(s, span_of(chunk, (size_t)n));
	else if (n == 0)
		fail(s, ECONNRESET, "the other end closed the socket");
	else if (errno != EAGAIN && errno != EINTR)
		fail(s, errno, strerror(errno));
}

int line_socket_open(struct loop *loop, const char *path, size_t line_limit,
		     const struct line_socket_handler *handler, void *arg,
		     struct line_socket **out, struct error *err)
{
	int fd = unix_connect(path, err);

	if (fd < 0)
		return fd;
	struct line_socket *s = xnew(struct line_socket);

	s->fd = fd;
	s->handler = handler;
	s->arg = arg;
	s->out = BUF_LIMIT(OUT_LIMIT);
	lines_init(&s->lines, line_limit);
	s->watch = loop_fd_new(loop, fd, LOOP_READ, on_socket, s);
	*out = s;
	return 0;
}

void line_socket_free(struct line_socket *s)
{
	if (!s)
		return;
	if (s->freed)
		*s->freed = true;
	loop_fd_free(s->watch);
	close(s->fd);
	lines_done(&s->lines);
	buf_done(&s->out);
	free(s);
}

int line_socket_send(struct line_socket *s, const char *text)
{
	size_t before = s->out.len;

	buf_put_text(&s->out, text);
	buf_put_u8(&s->out, '\n');
	if (s->out.failed) {
		buf_truncate(&s->out, before);
		s->out.failed = false;
		return -ENOBUFS;
	}
	write_out(s);
	return 0;
}

static ssize_t send_with_fd(int to, struct span text, int fd)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec bytes = { (void *)text.ptr, text.len };
	struct msghdr message = { .msg_iov = &bytes, .msg_iovlen = 1, .msg_control = control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *rights = CMSG_FIRSTHDR(&message);

	rights->cmsg_level = SOL_SOCKET;
	rights->cmsg_type = SCM_RIGHTS;
	rights->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(rights), &fd, sizeof(int));
	return sendmsg(to, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int line_socket_send_fd(struct line_socket *s, const char *text, int fd)
{
	if (s->out.len > 0)
		return -EAGAIN;
	buf_put_text(&s->out, text);
	buf_put_u8(&s->out, '\n');
	ssize_t n = s->out.failed ? -1 : send_with_fd(s->fd, buf_span(&s->out), fd);

	if (n <= 0) {
		buf_reset(&s->out);
		s->out.failed = false;
		return -EAGAIN;
	}
	buf_consume(&s->out, (size_t)n);
	write_out(s);
	return 0;
}
