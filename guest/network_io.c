/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/network_io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/route.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include "common/base/text.h"
#include "common/sys/clock.h"

DEFINE_OWNED(closedir, DIR);

struct card {
	char name[IFNAMSIZ];
	unsigned index;
};

static bool is_virtio_net(const char *name)
{
	char path[300], target[300];
	ssize_t len;

	snprintf(path, sizeof(path), "/sys/class/net/%s/device/driver", name);
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		return false;
	target[len] = '\0';
	return strcmp(strrchr(target, '/') ? strrchr(target, '/') + 1 : target, "virtio_net") == 0;
}

/* The virtio-net interface with the lowest index: names depend on the slot, indexes on age. */
static bool find_interface(struct card *out)
{
	OWNED(closedir) DIR *dir = opendir("/sys/class/net");
	struct card best = { 0 };
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		unsigned int index = if_nametoindex(entry->d_name);

		if (index == 0 || (best.index && index > best.index) ||
		    !is_virtio_net(entry->d_name))
			continue;
		if (str_copy(best.name, sizeof(best.name), entry->d_name) == 0)
			best.index = index;
	}
	*out = best;
	return best.index != 0;
}

static int wait_for_interface(struct card *out, int64_t timeout_ms, struct error *err)
{
	OWNED_FD int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct sockaddr_nl links = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	int64_t deadline_ms = clock_monotonic_ms() + timeout_ms;
	char news[8192];

	if (fd < 0 || bind(fd, (struct sockaddr *)&links, sizeof(links)) < 0)
		return error_errno(err, "listen for network interfaces");
	while (!find_interface(out)) {
		struct pollfd changed = { .fd = fd, .events = POLLIN };
		int64_t left_ms = deadline_ms - clock_monotonic_ms();

		if (left_ms <= 0)
			return error_set(err, ENODEV, "no virtio network interface");
		if (poll(&changed, 1, (int)left_ms) > 0)
			(void)!recv(fd, news, sizeof(news), MSG_DONTWAIT);
	}
	return 0;
}

/* A neighbour's router advertisement must not give this desktop an address. */
static int refuse_ipv6(const char *name, struct error *err)
{
	OWNED_FD int fd = -1;
	char path[128];

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : error_errno(err, "open %s", path);
	return write(fd, "1", 1) < 0 ? error_errno(err, "write %s", path) : 0;
}

static struct sockaddr inet_sockaddr(struct in_addr address)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr = address };
	struct sockaddr out;

	memcpy(&out, &in, sizeof(out));
	return out;
}

static int bring_up(int fd, const struct card *card, struct error *err)
{
	struct ifreq request = { 0 };

	memcpy(request.ifr_name, card->name, IFNAMSIZ);
	if (ioctl(fd, SIOCGIFFLAGS, &request) < 0)
		return error_errno(err, "read the flags of %s", card->name);
	if (request.ifr_flags & IFF_UP)
		return 0;
	request.ifr_flags |= IFF_UP | IFF_RUNNING;
	if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		return error_errno(err, "bring up %s", card->name);
	return 0;
}

static int set_mac(int fd, const struct card *card, const struct identity *id, struct error *err)
{
	struct ifreq request = { 0 };

	if (!id->has_mac)
		return 0;
	memcpy(request.ifr_name, card->name, IFNAMSIZ);
	if (ioctl(fd, SIOCGIFHWADDR, &request) < 0)
		return error_errno(err, "read the hardware address of %s", card->name);
	if (memcmp(request.ifr_hwaddr.sa_data, id->mac, sizeof(id->mac)) == 0)
		return 0;
	memcpy(request.ifr_hwaddr.sa_data, id->mac, sizeof(id->mac));
	if (ioctl(fd, SIOCSIFHWADDR, &request) < 0)
		return error_errno(err, "set the hardware address of %s", card->name);
	return 0;
}

/* Setting 0.0.0.0 removes the address that is there. */
static int remove_address(const struct card *card, struct error *err)
{
	struct ifreq request = { .ifr_addr = inet_sockaddr((struct in_addr){ 0 }) };
	OWNED_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return error_errno(err, "open a socket");
	memcpy(request.ifr_name, card->name, IFNAMSIZ);
	if (ioctl(fd, SIOCSIFADDR, &request) < 0 && errno != EADDRNOTAVAIL)
		return error_errno(err, "remove the address of %s", card->name);
	return 0;
}

struct address_request {
	struct nlmsghdr header;
	struct ifaddrmsg address;
	struct rtattr local_header;
	struct in_addr local;
	struct rtattr broadcast_header;
	struct in_addr broadcast;
};

/* The older calls would set a mask by the class of the address first, and routes for it. */
static int add_address(int link, const struct card *card, const struct identity *id,
		       struct error *err)
{
	struct in_addr hosts = { htonl(UINT32_MAX >> id->prefix) };
	struct rtattr local = { RTA_LENGTH(sizeof(struct in_addr)), IFA_LOCAL };
	struct rtattr broadcast = { RTA_LENGTH(sizeof(struct in_addr)), IFA_BROADCAST };
	struct address_request request = {
		.header = { .nlmsg_len = sizeof(request), .nlmsg_type = RTM_NEWADDR,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL },
		.address = { .ifa_family = AF_INET, .ifa_prefixlen = (uint8_t)id->prefix,
			     .ifa_index = card->index },
		.local_header = local, .local = id->address, .broadcast_header = broadcast,
		.broadcast.s_addr = id->address.s_addr | hosts.s_addr,
	};
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char rest[256];
	} answer;

	if (send(link, &request, sizeof(request), 0) < 0 ||
	    recv(link, &answer, sizeof(answer), 0) < (ssize_t)NLMSG_LENGTH(sizeof(answer.error)))
		return error_errno(err, "set the address of %s", card->name);
	errno = -answer.error.error;
	return errno ? error_errno(err, "set the address of %s", card->name) : 0;
}

/* The card as network_prepare() left it; a clone wakes up with it. */
static struct card prepared;

static int find_card(struct card *card, int64_t timeout_ms, struct error *err)
{
	int rc;

	if (prepared.index) {
		*card = prepared;
		return 0;
	}
	rc = wait_for_interface(card, timeout_ms, err);
	return rc < 0 ? rc : refuse_ipv6(card->name, err);
}

int network_apply(const struct identity *identity, int64_t timeout_ms, struct error *err)
{
	OWNED_FD int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct card card;
	int rc;

	if (fd < 0)
		return error_errno(err, "open a socket");
	rc = find_card(&card, timeout_ms, err);
	if (rc == 0)
		rc = set_mac(fd, &card, identity, err);
	if (rc == 0 && !prepared.index)
		rc = remove_address(&card, err);
	if (rc == 0)
		rc = add_address(fd, &card, identity, err);
	if (rc == 0 && !prepared.index)
		rc = bring_up(fd, &card, err);
	prepared.index = 0;
	return rc;
}

int network_set_route(const struct identity *identity, struct error *err)
{
	OWNED_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct rtentry route = { .rt_flags = RTF_UP };

	if (fd < 0)
		return error_errno(err, "open a socket");
	route.rt_dst = route.rt_genmask = inet_sockaddr((struct in_addr){ 0 });
	while (ioctl(fd, SIOCDELRT, &route) == 0)
		;	/* what an earlier identity left */
	if (identity->gateway.s_addr == 0)
		return 0;
	route.rt_gateway = inet_sockaddr(identity->gateway);
	route.rt_flags |= RTF_GATEWAY;
	return ioctl(fd, SIOCADDRT, &route) < 0 ? error_errno(err, "set the default route") : 0;
}

int network_prepare(int64_t timeout_ms, struct error *err)
{
	OWNED_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct card card;
	int rc;

	if (fd < 0)
		return error_errno(err, "open a socket");
	rc = find_card(&card, timeout_ms, err);
	if (rc == 0)
		rc = remove_address(&card, err);
	if (rc == 0)
		rc = bring_up(fd, &card, err);
	if (rc == 0)
		prepared = card;
	return rc;
}
