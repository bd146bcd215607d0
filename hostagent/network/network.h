/* SPDX-License-Identifier: Apache-2.0 */
/* network.h - bridge, taps and packet filter of this host. Needs root: the privileged helper and
 * the clean-up commands only. Blocking.
 *
 * A tap is not persistent: it lives as long as the QEMU that holds it, and leaves nothing. */
#ifndef GENKAN_NETWORK_NETWORK_H
#define GENKAN_NETWORK_NETWORK_H

#include "hostagent/config.h"
#include "hostagent/network/nft_script.h"

/* Bridge with its address (made when missing) and the filter. Running desktops notice nothing. */
int network_up(const struct hostagent_config *config, struct error *err) MUST_CHECK;
/* Removes the filter, and the bridge when network_up() made it. */
int network_down(const struct hostagent_config *config, struct error *err) MUST_CHECK;

/* A new tap that leads nowhere. */
int network_tap_open(const char *id, int *fd, struct error *err) MUST_CHECK;
/* A port that is not connected gets the name of another desktop. */
int network_tap_rename(const char *from_id, const char *to_id, struct error *err) MUST_CHECK;
/* Puts it on the bridge, isolated from the other ports, admitted with its MAC and address. */
int network_tap_connect(const struct hostagent_config *config, const struct nft_port *port,
			struct error *err) MUST_CHECK;
int network_port_remove(const struct nft_port *port, struct error *err) MUST_CHECK;
/* These are admitted and nobody else; those that run are on the bridge afterwards. */
int network_ports_replace(const struct hostagent_config *config, const struct nft_port *ports,
			  size_t count, struct error *err) MUST_CHECK;

#endif
