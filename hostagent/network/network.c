/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include "common/base/text.h"
#include "hostagent/child.h"
#include "hostagent/network/network.h"

enum { COMMAND_MS = 10000 };
#define BRIDGE_ALIAS "made by genkan-hostagent"

static int run_nft(struct buf *script, struct error *err)
{
	static const char *const argv[] = { "/usr/sbin/nft", "-f", "-", NULL };

	return child_run(argv, buf_span(script), COMMAND_MS, NULL, err);
}

static int run_ip(struct buf *script, struct error *err)
{
	static const char *const argv[] = { "/usr/sbin/ip", "-batch", "-", NULL };

	return child_run(argv, buf_span(script), COMMAND_MS, NULL, err);
}

/* Desktops speak IPv4 to this host and nothing else. A kernel without IPv6 has no such file. */
static void ipv6_off(const char *interface)
{
	char path[128];

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", interface);
	OWNED_FD int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, "1", 1) != 1)
		return;
}

static int bridge_up(const struct hostagent_config *config, struct error *err)
{
	OWNED(buf_done) struct buf script = { 0 };
	const char *name = config->bridge;
	char mac[VM_MAC_SIZE];

	vm_mac(config->subnet.gateway, mac);	/* fixed: ports come and go */
	if (if_nametoindex(name) == 0)
		buf_printf(&script, "link add name %s address %s type bridge\n"
				    "link set dev %s alias \"" BRIDGE_ALIAS "\"\n",
			   name, mac, name);
	buf_printf(&script, "address replace %s dev %s\nlink set dev %s up\n",
		   config->bridge_address, name, name);
	int rc = run_ip(&script, err);

	ipv6_off(name);
	return rc;
}

int network_up(const struct hostagent_config *config, struct error *err)
{
	OWNED(buf_done) struct buf script = { 0 };
	int rc = bridge_up(config, err);

	if (rc < 0)
		return error_prefix(err, "bridge %s", config->bridge);
	nft_base_write(config->bridge, &script);
	rc = run_nft(&script, err);
	return rc < 0 ? error_prefix(err, "packet filter") : 0;
}

/* Asks ip(8): /sys may show another network namespace than ours. */
static bool bridge_is_ours(const char *name)
{
	OWNED(buf_done) struct buf shown = BUF_LIMIT(4096);
	const char *const argv[] = { "/usr/sbin/ip", "link", "show", "dev", name, NULL };

	return child_run(argv, (struct span){ 0 }, COMMAND_MS, &shown, NULL) == 0 &&
	       strstr(buf_text(&shown), BRIDGE_ALIAS);
}

int network_down(const struct hostagent_config *config, struct error *err)
{
	OWNED(buf_done) struct buf script = { 0 };
	OWNED(buf_done) struct buf links = { 0 };

	nft_tables_remove_write(&script);
	int rc = run_nft(&script, err);

	if (rc < 0)
		return rc;
	if (if_nametoindex(config->bridge) == 0 || !bridge_is_ours(config->bridge))
		return 0;
	buf_printf(&links, "link del dev %s\n", config->bridge);
	return run_ip(&links, err);
}

static int tap_new(const char *name, struct error *err)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	OWNED_FD int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return error_errno(err, "open /dev/net/tun");
	if (str_copy(request.ifr_name, sizeof(request.ifr_name), name) < 0)
		return error_set(err, ENAMETOOLONG, "tap %s", name);
	if (ioctl(fd, TUNSETIFF, &request) < 0)
		return error_errno(err, "tap %s", name);
	return steal_fd(&fd);
}

int network_tap_open(const char *id, int *out, struct error *err)
{
	char name[VM_TAP_SIZE];

	vm_tap_name(id, name);
	OWNED_FD int fd = tap_new(name, err);

	if (fd < 0)
		return fd;
	ipv6_off(name);
	*out = steal_fd(&fd);
	return 0;
}

int network_tap_rename(const char *from_id, const char *to_id, struct error *err)
{
	OWNED_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { 0 };
	char from[VM_TAP_SIZE], to[VM_TAP_SIZE];

	vm_tap_name(from_id, from);
	vm_tap_name(to_id, to);
	memcpy(request.ifr_name, from, sizeof(from));
	memcpy(request.ifr_newname, to, sizeof(to));
	if (fd < 0 || ioctl(fd, SIOCSIFNAME, &request) < 0)
		return error_errno(err, "rename %s to %s", from, to);
	return 0;
}

static void join_write(const struct hostagent_config *config, const char *tap, struct buf *out)
{
	buf_printf(out, "link set dev %s master %s\n", tap, config->bridge);
	buf_printf(out, "link set dev %s type bridge_slave isolated on\n", tap);
	buf_printf(out, "link set dev %s up\n", tap);
}

int network_tap_connect(const struct hostagent_config *config, const struct nft_port *port,
			struct error *err)
{
	OWNED(buf_done) struct buf links = { 0 };
	OWNED(buf_done) struct buf rules = { 0 };
	char name[VM_TAP_SIZE];

	vm_tap_name(port->id, name);
	nft_port_add_write(port, &rules);
	int rc = run_nft(&rules, err);

	if (rc < 0)
		return rc;
	join_write(config, name, &links);
	return run_ip(&links, err);
}

int network_port_remove(const struct nft_port *port, struct error *err)
{
	OWNED(buf_done) struct buf script = { 0 };

	nft_port_remove_write(port, &script);
	return run_nft(&script, err);
}

int network_ports_replace(const struct hostagent_config *config, const struct nft_port *ports,
			  size_t count, struct error *err)
{
	OWNED(buf_done) struct buf script = { 0 };
	OWNED(buf_done) struct buf links = { 0 };
	char tap[VM_TAP_SIZE];

	nft_ports_replace_write(ports, count, &script);
	int rc = run_nft(&script, err);

	/* The bridge may be another one than theirs: whoever removed it left them without. */
	for (size_t i = 0; i < count; i++) {
		vm_tap_name(ports[i].id, tap);
		if (if_nametoindex(tap) != 0)
			join_write(config, tap, &links);
	}
	return rc < 0 || links.len == 0 ? rc : run_ip(&links, err);
}
