/* SPDX-License-Identifier: Apache-2.0 */
/* nft_script.h - the packet filter of a host as text for nft(8): pure.
 *
 * Table bridge genkan: a port may only send with the MAC and the address it was given, and never
 * to another desktop. Table inet genkan: guests reach nothing but answers to the host itself; the
 * host reaches only their RDP port. Names of ports begin with "gk". */
#ifndef GENKAN_NETWORK_NFT_SCRIPT_H
#define GENKAN_NETWORK_NFT_SCRIPT_H

#include "common/base/buf.h"
#include "hostagent/vm/spec.h"

struct nft_port {
	char id[VM_ID_SIZE];
	uint32_t address;
};

/* One transaction; what running ports were given stays. */
void nft_base_write(const char *bridge, struct buf *out);
void nft_port_add_write(const struct nft_port *port, struct buf *out);
/* Also right when the port was never added. */
void nft_port_remove_write(const struct nft_port *port, struct buf *out);
/* Forgets all ports but these. */
void nft_ports_replace_write(const struct nft_port *ports, size_t count, struct buf *out);
void nft_tables_remove_write(struct buf *out);

#endif
