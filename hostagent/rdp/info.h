/* SPDX-License-Identifier: Apache-2.0 */
/* info.h - the Client Info PDU (MS-RDPBCGR 2.2.1.11): who logs on, and how the session starts.
 * Works on the data of the MCS send request, security header included. */
#ifndef GENKAN_HOSTAGENT_RDP_INFO_H
#define GENKAN_HOSTAGENT_RDP_INFO_H

#include "hostagent/rdp/pdu.h"

#define SEC_INFO_PACKET 0x0040

/* TS_INFO_PACKET flags (2.2.1.11.1.1) that the relay decides about */
#define INFO_AUTOLOGON 0x00000008u
#define INFO_UNICODE 0x00000010u
#define INFO_REMOTE_CONSOLE_AUDIO 0x00002000u
#define INFO_NO_AUDIO_PLAYBACK 0x00080000u
#define INFO_AUDIO_CAPTURE 0x00200000u
/* Mouse, no Ctrl-Alt-Del, maximized shell, logon notify, compression with its type, Windows key,
 * logon errors, wheel: harmless wishes, kept. RAIL, smart card PIN, saved credentials: not. */
#define INFO_KEPT 0x00031fe3u

/* Longest text with its NUL (2.2.1.11.1.1). */
#define INFO_TEXT_MAX 512
#define INFO_TIME_ZONE_LEN 172

/* Members of TS_EXTENDED_INFO_PACKET (2.2.1.11.1.1.1) in their order; each implies the earlier. */
enum info_extent {
	INFO_PLAIN,	/* no extended part at all */
	INFO_ADDRESS,	/* address family, client address and directory */
	INFO_TIME_ZONE,
	INFO_SESSION_ID,
	INFO_PERFORMANCE,
	INFO_RECONNECT,	/* the auto-reconnect cookie is read over and never written */
	INFO_RESERVED1,
	INFO_RESERVED2,
	INFO_DST_NAME,
	INFO_DST_DISABLED,
};

/* Texts are UTF-16LE, well-formed, without NUL. */
struct client_info {
	uint32_t code_page;	/* the keyboard layout, since texts are Unicode */
	uint32_t flags;
	struct span domain, user, password, shell, work_dir;
	enum info_extent extent;
	uint16_t address_family;
	struct span address, directory;
	struct span time_zone;	/* INFO_TIME_ZONE_LEN bytes */
	uint32_t session_id;
	uint32_t performance_flags;
	struct span dst_name;
	uint16_t dst_disabled;
};

/* Refuses non-Unicode packets, texts that are too long, not terminated or no UTF-16. */
int client_info_parse(struct span data, struct client_info *out, const char **why);
void client_info_encode(const struct client_info *info, struct buf *out);

#endif
