/* SPDX-License-Identifier: Apache-2.0 */
/* paths.h - where genkan-guest keeps and finds things inside the desktop. */
#ifndef GENKAN_GUEST_PATHS_H
#define GENKAN_GUEST_PATHS_H

#define GUEST_PORT_NAME "org.genkan.guest.0"
#define GUEST_AGENT_PORT "/dev/virtio-ports/org.qemu.guest_agent.0"
#define GUEST_AGENT_SOCKET "/run/qemu-ga.sock"	/* systemd listens, and starts QEMU's guest agent */
#define GUEST_RUN_DIR "/run/genkan"
#define GUEST_ETC_DIR GUEST_RUN_DIR "/etc"	/* files of /etc that a clone has in memory */
#define GUEST_RECORD_FILE GUEST_RUN_DIR "/identity.json"
#define GUEST_TEMPLATE_FILE GUEST_RUN_DIR "/template"	/* the RDP server may run, without logins */
#define GUEST_WARM_PROGRAM "/usr/lib/genkan/warm"
#define GUEST_MESSAGE_PROGRAM "/usr/lib/genkan/message"	/* shows standard input in a window */
#define GUEST_ENDING_FILE GUEST_RUN_DIR "/ending"	/* locked while a session is being ended */
#define GUEST_USED_DIR GUEST_RUN_DIR "/used"	/* one empty file per consumed nonce */
#define GUEST_HOME_FILE GUEST_RUN_DIR "/home.json"	/* the user's disk, as the host named it */
#define GUEST_NOTICE_FILE GUEST_RUN_DIR "/notice"	/* shown on the desktop */
#define GUEST_SESSION_SOCKET GUEST_RUN_DIR "/guest.sock"
#define GUEST_RDP_DIR GUEST_RUN_DIR "/rdp"
#define GUEST_RDP_KEY GUEST_RDP_DIR "/key.pem"
#define GUEST_RDP_CERTIFICATE GUEST_RDP_DIR "/cert.pem"
#define GUEST_RDP_GROUP "xrdp"	/* may read the key */
#define GUEST_RDP_PORT 3389

#endif
