/* SPDX-License-Identifier: Apache-2.0 */
#include "common/net/packet_link.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "common/base/list.h"
#include "common/base/secret.h"

#define AT_ONCE 16
#define KERNEL_BUFFER (1024 * 1024) /* the kernel may give less */

struct waiting {
	struct list link;
	size_t len;
	uint8_t bytes[];
};

struct packet_link {
	struct packet_link_config config;
	int fd;
	struct loop_fd *watch;
	struct list queue;
	size_t queued_bytes;
	bool ended;
	bool busy, gone;	/* inside callbacks; freed there */
};

/* One set for the loop thread: never on disk as swap, where the system lets us say so. */
static uint8_t packets[AT_ONCE][PACKET_MAX];

static void lock_packets(void)
{
	(void)mlock(packets, sizeof(packets));
}

int packet_pair(int ends[2], struct error *err)
{
	const int size = KERNEL_BUFFER;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return error_errno(err, "socketpair");
	for (int i = 0; i < 2; i++)
		(void)setsockopt(ends[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return 0;
}

static void drop_queue(struct packet_link *link)
{
	LIST_EACH_SAFE(it, &link->queue)
	{
		struct waiting *w = LIST_OF(it, struct waiting, link);

		list_remove(&w->link);
		memory_wipe(w->bytes, w->len);
		free(w);
	}
	link->queued_bytes = 0;
}

static void end(struct packet_link *link)
{
	link->ended = true;
	loop_fd_set(link->watch, 0);
	drop_queue(link);
	link->config.end(link->config.arg);
}

/* Only the bytes that were written are worth wiping. */
static int receive(struct packet_link *link, size_t lengths[AT_ONCE])
{
	struct mmsghdr headers[AT_ONCE] = { 0 };
	struct iovec parts[AT_ONCE];

	for (int i = 0; i < AT_ONCE; i++) {
		parts[i] = (struct iovec){ packets[i], PACKET_MAX };
		headers[i].msg_hdr.msg_iov = &parts[i];
		headers[i].msg_hdr.msg_iovlen = 1;
	}
	int count = recvmmsg(link->fd, headers, AT_ONCE, MSG_DONTWAIT, NULL);

	if (count < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	for (int i = 0; i < count; i++) {
		lengths[i] = headers[i].msg_len;
		if (headers[i].msg_len == 0 || headers[i].msg_hdr.msg_flags & MSG_TRUNC)
			lengths[i] = 0;
	}
	return count;
}

static void read_packets(struct packet_link *link)
{
	size_t lengths[AT_ONCE];
	int count = receive(link, lengths);

	link->busy = true;
	if (count < 0)
		end(link);
	for (int i = 0; i < count; i++) {
		if (link->gone || link->ended)
			; /* what came behind is nobody's any more */
		else if (lengths[i] == 0)
			end(link);
		else
			link->config.packet(link->config.arg, span_of(packets[i], lengths[i]));
		memory_wipe(packets[i], lengths[i]);
	}
	link->busy = false;
	if (link->gone)
		free(link);
}

/* 0: sent, or nobody is there any more. */
static int send_now(struct packet_link *link, const uint8_t *bytes, size_t len)
{
	if (send(link->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	return errno == EAGAIN || errno == EINTR || errno == ENOBUFS ? -EAGAIN : 0;
}

static void send_queue(struct packet_link *link)
{
	LIST_EACH_SAFE(it, &link->queue)
	{
		struct waiting *w = LIST_OF(it, struct waiting, link);

		if (send_now(link, w->bytes, w->len) < 0)
			return;
		link->queued_bytes -= w->len;
		list_remove(&w->link);
		memory_wipe(w->bytes, w->len);
		free(w);
	}
	loop_fd_set(link->watch, LOOP_READ);
}

static void on_fd(void *arg, int fd, unsigned events)
{
	struct packet_link *link = arg;

	if (events & LOOP_WRITE)
		send_queue(link);
	if (events & LOOP_READ)
		read_packets(link);
}

struct packet_link *packet_link_take_fd(struct loop *loop, int fd,
					const struct packet_link_config *config)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct packet_link *link = xnew(struct packet_link);

	pthread_once(&once, lock_packets);
	link->config = *config;
	link->fd = fd;
	list_init(&link->queue);
	link->watch = loop_fd_new(loop, fd, LOOP_READ, on_fd, link);
	return link;
}

void packet_link_free(struct packet_link *link)
{
	if (!link)
		return;
	loop_fd_free(link->watch);
	drop_queue(link);
	close(link->fd);
	link->gone = true;
	if (!link->busy)
		free(link);
}

int packet_link_send(struct packet_link *link, struct span packet)
{
	if (link->ended)
		return 0;
	if (list_empty(&link->queue) && send_now(link, packet.ptr, packet.len) == 0)
		return 0;
	if (link->queued_bytes + packet.len > link->config.max_waiting_bytes)
		return -ENOBUFS;

	struct waiting *w = xcalloc(1, sizeof(*w) + packet.len);

	w->len = packet.len;
	memcpy(w->bytes, packet.ptr, packet.len);
	if (list_empty(&link->queue))
		loop_fd_set(link->watch, LOOP_READ | LOOP_WRITE);
	list_append(&link->queue, &w->link);
	link->queued_bytes += packet.len;
	return 0;
}

size_t packet_link_waiting(const struct packet_link *link)
{
	return link->queued_bytes;
}
