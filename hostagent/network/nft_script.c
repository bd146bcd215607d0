/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/network/nft_script.h"
#include "hostagent/vm/address.h"

static const char bridge_rules[] =
	"add table bridge genkan\n"
	"add set bridge genkan macs { type ifname . ether_addr; }\n"
	"add set bridge genkan addresses { type ifname . ipv4_addr; }\n"
	"add chain bridge genkan ports { type filter hook prerouting priority -300; }\n"
	"add chain bridge genkan guest\n"
	"add chain bridge genkan between { type filter hook forward priority 0; }\n"
	"flush chain bridge genkan ports\n"
	"flush chain bridge genkan guest\n"
	"flush chain bridge genkan between\n"
	"add rule bridge genkan ports iifname \"gk*\" jump guest\n"
	"add rule bridge genkan guest iifname . ether saddr != @macs drop\n"
	"add rule bridge genkan guest arp htype 1 arp ptype ip iifname . arp saddr ether @macs "
	"iifname . arp saddr ip @addresses accept\n"
	"add rule bridge genkan guest ether type ip iifname . ip saddr @addresses accept\n"
	"add rule bridge genkan guest drop\n"
	"add rule bridge genkan between iifname \"gk*\" oifname \"gk*\" drop\n";

static const char host_chains[] =
	"add table inet genkan\n"
	"add chain inet genkan input { type filter hook input priority -10; }\n"
	"add chain inet genkan output { type filter hook output priority -10; }\n"
	"add chain inet genkan forward { type filter hook forward priority -10; }\n"
	"flush table inet genkan\n";

void nft_base_write(const char *bridge, struct buf *out)
{
	buf_put_text(out, bridge_rules);
	buf_put_text(out, host_chains);
	buf_printf(out,
		   "add rule inet genkan input iifname \"%s\" ct state established accept\n"
		   "add rule inet genkan input iifname \"%s\" drop\n",
		   bridge, bridge);
	buf_printf(out,
		   "add rule inet genkan output oifname \"%s\" ct state established accept\n"
		   "add rule inet genkan output oifname \"%s\" tcp dport 3389 accept\n"
		   "add rule inet genkan output oifname \"%s\" drop\n",
		   bridge, bridge, bridge);
	buf_printf(out,
		   "add rule inet genkan forward iifname \"%s\" drop\n"
		   "add rule inet genkan forward oifname \"%s\" drop\n",
		   bridge, bridge);
}

static void elements_write(const char *verb, const struct nft_port *port, struct buf *out)
{
	char tap[VM_TAP_SIZE], mac[VM_MAC_SIZE], address[VM_ADDRESS_SIZE];

	vm_tap_name(port->id, tap);
	vm_mac(port->address, mac);
	vm_address_text(port->address, address);
	buf_printf(out, "%s element bridge genkan macs { \"%s\" . %s }\n", verb, tap, mac);
	buf_printf(out, "%s element bridge genkan addresses { \"%s\" . %s }\n", verb, tap, address);
}

void nft_port_add_write(const struct nft_port *port, struct buf *out)
{
	elements_write("add", port, out);
}

void nft_port_remove_write(const struct nft_port *port, struct buf *out)
{
	elements_write("add", port, out);	/* nft cannot delete what is not there */
	elements_write("delete", port, out);
}

void nft_ports_replace_write(const struct nft_port *ports, size_t count, struct buf *out)
{
	buf_put_text(out, "flush set bridge genkan macs\nflush set bridge genkan addresses\n");
	for (size_t i = 0; i < count; i++)
		elements_write("add", &ports[i], out);
}

void nft_tables_remove_write(struct buf *out)
{
	buf_put_text(out, "add table bridge genkan\ndelete table bridge genkan\n"
			  "add table inet genkan\ndelete table inet genkan\n");
}
