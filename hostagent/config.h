/* SPDX-License-Identifier: Apache-2.0 */
/* config.h - /etc/genkan/hostagent.conf as a struct, and the places that follow from it. */
#ifndef GENKAN_HOSTAGENT_CONFIG_H
#define GENKAN_HOSTAGENT_CONFIG_H

#include <limits.h>
#include "common/data/config.h"
#include "hostagent/vm/address.h"
#include "hostagent/vm/spec.h"

struct hostagent_config {
	char *name, *broker, *ca_file;
	char *state_dir, *run_dir, *image_dir, *overlay_dir, *user_disk_dir;
	char *bridge, *bridge_address;
	char *relay_address;
	char *qemu, *qemu_img;
	char *user;
	char *log_level;
	bool allow_tcg, production;
	bool templates, standby;
	char *template_dir;
	int64_t template_keep_ms;
	int64_t memory_reserve_bytes;
	int64_t disk_reserve_bytes;
	int64_t vm_uid_first;
	int64_t starts;			/* at a time; 0: as suits the processors */
	int64_t start_turn_ms;
	int64_t boot_deadline_ms;
	struct vm_subnet subnet;	/* of bridge_address */
};

/* Reads and checks; `problems` receives one line for each thing that is wrong. path NULL: the
 * defaults only. */
int hostagent_config_load(const char *path, struct hostagent_config *out,
			  struct buf *problems) MUST_CHECK;
void hostagent_config_done(struct hostagent_config *config);
DEFINE_OWNED_VALUE(hostagent_config_done, struct hostagent_config);
/* The keys with their defaults, as text. */
void hostagent_config_describe(struct buf *out);

enum host_file {
	HOST_CERTIFICATE, HOST_KEY,
	HOST_CERTIFICATE_NEXT, HOST_KEY_NEXT,	/* renewed, and not yet in their place */
	RELAY_CERTIFICATE, RELAY_KEY, HOST_LOCK, HOST_DESKTOPS,
	HOST_VERIFIED,	/* folder: which images were checked */
	HOST_GUEST_KEY,	/* public key of the broker that guests check credentials with */
	HOST_RUN_DESKTOPS,
	HOST_TEMPLATES,
};
enum desktop_file {
	DESKTOP_FOLDER, DESKTOP_SPEC, DESKTOP_OVERLAY,
	DESKTOP_RUN, DESKTOP_PID, DESKTOP_QMP, DESKTOP_GUEST, DESKTOP_QGA, DESKTOP_SERIAL,
	DESKTOP_SERIAL_LOG, DESKTOP_QEMU_LOG,
	DESKTOP_MACHINE,	/* under which id its QEMU was started, when that is another */
};

struct path {
	char text[PATH_MAX];
};

struct path host_path(const struct hostagent_config *config, enum host_file file);
struct path desktop_path(const struct hostagent_config *config, const char *id,
			 enum desktop_file file);
enum template_file {
	TEMPLATE_FILES, TEMPLATE_FILE_SPEC,
	TEMPLATE_FILE_DISK,		/* overlay on the image; what its clones' overlays lie on */
	TEMPLATE_FILE_BLANK,		/* an overlay on that, as every clone begins */
	TEMPLATE_FILE_MEMORY, TEMPLATE_FILE_STATE,	/* of the privileged helper, on a RAM disk */
};
/* Where the last two are. */
struct path template_memory_dir(const struct hostagent_config *config);
struct path template_path(const struct hostagent_config *config, const char *id,
			  enum template_file file);
struct path image_path(const struct hostagent_config *config, const char *sha256);

#endif
