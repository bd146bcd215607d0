/* SPDX-License-Identifier: Apache-2.0 */
/* packet_link.h - one end of a SOCK_SEQPACKET pair between two processes of a program.
 *
 * Packets are whole or not at all and at most PACKET_MAX bytes; what the kernel does not take at
 * once waits here, up to `max_waiting_bytes`. What came is wiped after it was handled: passwords
 * travel here. Loop thread only. */
#ifndef GENKAN_NET_PACKET_LINK_H
#define GENKAN_NET_PACKET_LINK_H

#include "common/base/span.h"
#include "common/sys/loop.h"

enum { PACKET_MAX = 32 * 1024 };

struct packet_link;

/* The packet is borrowed. The link may be freed in it. */
typedef void packet_link_fn(void *arg, struct span packet);
/* The other end has closed, or a packet was too long: nothing comes any more. */
typedef void packet_link_end_fn(void *arg);

struct packet_link_config {
	size_t max_waiting_bytes;
	packet_link_fn *packet;
	packet_link_end_fn *end;
	void *arg;
};

/* Two ends that are closed on exec. */
int packet_pair(int ends[2], struct error *err) MUST_CHECK;
/* The descriptor is taken. */
struct packet_link *packet_link_take_fd(struct loop *loop, int fd,
					const struct packet_link_config *config);
void packet_link_free(struct packet_link *link);
DEFINE_OWNED(packet_link_free, struct packet_link);

/* -ENOBUFS: too much waits already, and this was not taken. A link that has ended takes all. */
int packet_link_send(struct packet_link *link, struct span packet);
size_t packet_link_waiting(const struct packet_link *link);

#endif
