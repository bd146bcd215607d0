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
static bool find_interface(char *out)
{
	OWNED(closedir) DIR *dir = opendir("/sys/class/net");
	unsigned int best = 0;
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		unsigned int index = if_nametoindex(entry->d_name);

		if (index == 0 || (best && index > best) || !is_virtio_net(entry->d_name))
			continue;
		if (str_copy(out, IFNAMSIZ, entry->d_name) == 0)
			best = index;
	}
	return best != 0;
}

static int wait_for_interface(char *out, int64_t timeout_ms, struct error *err)
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

static int bring_up(int fd, const char *name, struct error *err)
{
	struct ifreq request = { 0 };

	if (str_copy(request.ifr_name, sizeof(request.ifr_name), name) < 0)
		return error_set(err, EINVAL, "%s: name too long", name);
	if (ioctl(fd, SIOCGIFFLAGS, &request) < 0)
		return error_errno(err, "read the flags of %s", name);
	if (request.ifr_flags & IFF_UP)
		return 0;
	request.ifr_flags |= IFF_UP | IFF_RUNNING;
	return ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? error_errno(err, "bring up %s", name) : 0;
}

static int set_mac(int fd, const char *name, const struct identity *id, struct error *err)
{
	struct ifreq request = { 0 };

	if (!id->has_mac)
		return 0;
	if (str_copy(request.ifr_name, sizeof(request.ifr_name), name) < 0)
		return error_set(err, EINVAL, "%s: name too long", name);
	if (ioctl(fd, SIOCGIFHWADDR, &request) < 0)
		return error_errno(err, "read the hardware address of %s", name);
	if (memcmp(request.ifr_hwaddr.sa_data, id->mac, sizeof(id->mac)) == 0)
		return 0;
	memcpy(request.ifr_hwaddr.sa_data, id->mac, sizeof(id->mac));
	if (ioctl(fd, SIOCSIFHWADDR, &request) < 0)
		return error_errno(err, "set the hardware address of %s", name);
	return 0;
}

static int set_address(int fd, const char *name, const struct identity *id, struct error *err)
{
	struct in_addr mask = { htonl(UINT32_MAX << (32 - id->prefix)) };
	struct ifreq request = { 0 };

	if (str_copy(request.ifr_name, sizeof(request.ifr_name), name) < 0)
		return error_set(err, EINVAL, "%s: name too long", name);
	request.ifr_addr = inet_sockaddr(id->address);
	if (ioctl(fd, SIOCSIFADDR, &request) < 0)
		return error_errno(err, "set the address of %s", name);
	request.ifr_netmask = inet_sockaddr(mask);
	if (ioctl(fd, SIOCSIFNETMASK, &request) < 0)
		return error_errno(err, "set the netmask of %s", name);
	return bring_up(fd, name, err);
}

static int set_default_route(int fd, struct in_addr gateway, struct error *err)
{
	struct rtentry route = { .rt_flags = RTF_UP };

	route.rt_dst = route.rt_genmask = inet_sockaddr((struct in_addr){ 0 });
	while (ioctl(fd, SIOCDELRT, &route) == 0)
		;	/* what an earlier identity left */
	if (gateway.s_addr == 0)
		return 0;
	route.rt_gateway = inet_sockaddr(gateway);
	route.rt_flags |= RTF_GATEWAY;
	return ioctl(fd, SIOCADDRT, &route) < 0 ? error_errno(err, "set the default route") : 0;
}

int network_apply(const struct identity *identity, int64_t timeout_ms, struct error *err)
{
	OWNED_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char name[IFNAMSIZ];
	int rc;

	if (fd < 0)
		return error_errno(err, "open a socket");
	rc = wait_for_interface(name, timeout_ms, err);
	if (rc == 0)
		rc = refuse_ipv6(name, err);
	if (rc == 0)
		rc = set_mac(fd, name, identity, err);
	if (rc == 0)
		rc = set_address(fd, name, identity, err);
	return rc < 0 ? rc : set_default_route(fd, identity->gateway, err);
}

int network_prepare(int64_t timeout_ms, struct error *err)
{
	OWNED_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char name[IFNAMSIZ];
	int rc;

	if (fd < 0)
		return error_errno(err, "open a socket");
	rc = wait_for_interface(name, timeout_ms, err);
	if (rc == 0)
		rc = refuse_ipv6(name, err);
	return rc < 0 ? rc : bring_up(fd, name, err);
}
