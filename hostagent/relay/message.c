/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/relay/message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include "common/base/secret.h"

union fd_control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int))];
};

static void attach_fd(struct msghdr *header, union fd_control *control, int fd)
{
	memset(control, 0, sizeof(*control));
	header->msg_control = control->bytes;
	header->msg_controllen = sizeof(control->bytes);

	struct cmsghdr *c = CMSG_FIRSTHDR(header);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
}

int message_send(int socket, const struct message *m, int fd)
{
	struct iovec body = { .iov_base = (void *)m, .iov_len = sizeof(*m) };
	struct msghdr header = { .msg_iov = &body, .msg_iovlen = 1 };
	union fd_control control;
	ssize_t n;

	if (fd >= 0)
		attach_fd(&header, &control, fd);
	do {
		n = sendmsg(socket, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

static int detach_fd(struct msghdr *header)
{
	int fd = -1;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
		    c->cmsg_len == CMSG_LEN(sizeof(int)))
			memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	}
	return fd;
}

static bool text_ends(const char *text, size_t size)
{
	return memchr(text, 0, size) != NULL;
}

bool message_is_sound(const struct message *m)
{
	switch ((enum message_kind)m->kind) {
	case MESSAGE_EVENT:
		return text_ends(m->event.kind, sizeof(m->event.kind)) &&
		       text_ends(m->event.what, sizeof(m->event.what)) &&
		       text_ends(m->event.rule, sizeof(m->event.rule)) &&
		       text_ends(m->event.name, sizeof(m->event.name)) &&
		       text_ends(m->event.detail, sizeof(m->event.detail));
	case MESSAGE_REDEEMED:
		return text_ends(m->grant.user, sizeof(m->grant.user)) &&
		       text_ends(m->grant.password, sizeof(m->grant.password));
	case MESSAGE_REDEEM:
	case MESSAGE_DIAL:
	case MESSAGE_REFUSED:
	case MESSAGE_GUEST:
	case MESSAGE_GUEST_FAILED:
	case MESSAGE_USAGE:
		return true;
	case MESSAGE_END:
		return m->end <= RDP_END_FAULT;
	}
	return false;
}

int message_receive(int socket, struct message *out, int *fd)
{
	struct iovec body = { .iov_base = out, .iov_len = sizeof(*out) };
	union fd_control control;
	struct msghdr header = { .msg_iov = &body, .msg_iovlen = 1,
		.msg_control = control.bytes, .msg_controllen = sizeof(control.bytes) };
	ssize_t n;

	*fd = -1;
	do {
		n = recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? 0 : -errno;
	if (n == 0)
		return 0;

	OWNED_FD int received = detach_fd(&header);
	if (n != sizeof(*out) || (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) ||
	    !message_is_sound(out)) {
		memory_wipe(out, sizeof(*out));
		return -EBADMSG;
	}
	*fd = steal_fd(&received);
	return 1;
}
