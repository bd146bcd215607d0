/* SPDX-License-Identifier: Apache-2.0 */
/* gcc.h - T.124 conference create request and response with RDP's settings blocks
 * (MS-RDPBCGR 2.2.1.3.2 to 2.2.1.3.9, 2.2.1.4.2 to 2.2.1.4.6).
 *
 * Parsed into structs and encoded anew, so nothing that has no member here can pass. Blocks of
 * unknown type are dropped; any block twice is bad. */
#ifndef GENKAN_HOSTAGENT_RDP_GCC_H
#define GENKAN_HOSTAGENT_RDP_GCC_H

#include "hostagent/rdp/pdu.h"

#define GCC_CHANNELS_MAX 31
#define GCC_NAME_LEN 8	/* at most 7 characters and a NUL */

/* earlyCapabilityFlags of the client (2.2.1.3.2) */
#define GCC_CLIENT_ERROR_INFO 0x0001
#define GCC_CLIENT_SKIP_JOIN 0x0800
/* and of the server (2.2.1.4.2) */
#define GCC_SERVER_SKIP_JOIN 0x00000008

/* Channel options (2.2.1.3.4.1) */
#define GCC_OPTION_COMPRESS_RDP 0x00800000u
#define GCC_OPTION_COMPRESS 0x00400000u

struct gcc_channel {
	char name[GCC_NAME_LEN];	/* printable ASCII, NUL-terminated and NUL-filled */
	uint32_t options;
};

/* CS_CORE; the members up to selected_protocol must be there, the later ones come in this order. */
struct gcc_client_core {
	uint32_t version;
	uint16_t width, height;
	uint16_t color_depth;
	uint16_t sas_sequence;
	uint32_t keyboard_layout;
	uint32_t client_build;
	uint8_t client_name[32];	/* UTF-16LE, NUL-terminated */
	uint32_t keyboard_type, keyboard_subtype, function_keys;
	uint8_t ime_file[64];
	uint16_t post_beta2_color_depth;
	uint16_t product_id;
	uint32_t serial;
	uint16_t high_color_depth, supported_color_depths;
	uint16_t early_flags;
	uint8_t dig_product_id[64];
	uint8_t connection_type;
	uint32_t selected_protocol;
	unsigned physical_members;	/* how many of the following were sent: 0, 2, 3 or 5 */
	uint32_t physical_width, physical_height;
	uint16_t orientation;
	uint32_t desktop_scale, device_scale;
};

struct gcc_client {
	struct gcc_client_core core;
	bool has_security, has_cluster, has_net;	/* has_security only says that it was sent */
	bool has_monitors, has_monitor_attributes, has_message_channel, has_multitransport;
	uint32_t channel_count;
	struct gcc_channel channels[GCC_CHANNELS_MAX];
	struct span monitors;	/* CS_MONITOR: whole entries of 20 bytes, at most 16 */
	struct span monitor_attributes;	/* CS_MONITOR_EX: the same */
};

struct gcc_server {
	uint32_t version;
	bool has_requested, has_early;
	uint32_t requested_protocols;	/* what the server says the client asked for */
	uint32_t early_flags;
	uint32_t encryption_method, encryption_level;
	bool has_message_channel, has_multitransport;
	uint16_t io_channel;
	uint16_t message_channel;
	uint32_t channel_count;
	uint16_t channels[GCC_CHANNELS_MAX];
};

int gcc_client_parse(struct span in, struct gcc_client *out, const char **why);
/* Leaves out CS_MULTITRANSPORT; CS_SECURITY offers no methods; CS_CLUSTER asks for no session. */
void gcc_client_encode(const struct gcc_client *client, struct buf *out);

int gcc_server_parse(struct span in, struct gcc_server *out, const char **why);
/* Leaves out SC_MULTITRANSPORT; SC_SECURITY is always none. */
void gcc_server_encode(const struct gcc_server *server, struct buf *out);

#endif
