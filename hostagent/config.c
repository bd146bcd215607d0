/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include "common/base/text.h"
#include "common/sys/log.h"
#include "hostagent/config.h"
#include "hostagent/vm/turn.h"

#define KEY(name, type, fallback, help)                                                            \
	{ "hostagent", #name, type, offsetof(struct hostagent_config, name), fallback, help, false }
#define REQUIRED_KEY(name, help)                                                                   \
	{ "hostagent", #name, CONFIG_TEXT, offsetof(struct hostagent_config, name), NULL, help, true }

static const struct config_key keys[] = {
	REQUIRED_KEY(name, "name of this host, as the broker knows it"),
	REQUIRED_KEY(broker, "host:port of the broker's agent link"),
	KEY(ca_file, CONFIG_TEXT, "/etc/genkan/ca.crt", "CA certificate that the broker is checked against"),
	KEY(state_dir, CONFIG_TEXT, "/var/lib/genkan/host", "certificates, spec files, overlays"),
	KEY(run_dir, CONFIG_TEXT, "/run/genkan", "sockets, process ids, serial logs"),
	KEY(image_dir, CONFIG_TEXT, "/var/lib/genkan/images", "golden images, <sha256>.qcow2"),
	KEY(overlay_dir, CONFIG_TEXT, "", "folder for overlays; empty: in each desktop's folder"),
	KEY(user_disk_dir, CONFIG_TEXT, "", "folder for users' disks, shared by all hosts or local; empty: none"),
	KEY(bridge, CONFIG_TEXT, "genkan0", "bridge of the desktops, made when missing"),
	KEY(bridge_address, CONFIG_TEXT, "10.77.0.1/24", "its address; desktops get theirs from the subnet"),
	KEY(relay_address, CONFIG_TEXT, "", "host:port that clients are told for this host's relay"),
	KEY(qemu, CONFIG_TEXT, "/usr/bin/qemu-system-x86_64", "the emulator"),
	KEY(qemu_img, CONFIG_TEXT, "/usr/bin/qemu-img", "its image tool"),
	KEY(user, CONFIG_TEXT, "genkan-hostagent", "account of the agent after its start; kept when missing"),
	KEY(vm_uid_first, CONFIG_COUNT, "1900000000", "first of the uids of desktops; 0: the agent's own"),
	KEY(production, CONFIG_BOOL, "yes", "refuse what is only fit for trials"),
	KEY(allow_tcg, CONFIG_BOOL, "no", "emulate when KVM does not work (never with production)"),
	{ "hostagent", "boot_deadline", CONFIG_DURATION_MS,
	  offsetof(struct hostagent_config, boot_deadline_ms), "180s",
	  "longest wait for a guest to come up", false },
	KEY(templates, CONFIG_BOOL, "yes", "freeze a running desktop of each kind and fork others from it"),
	KEY(standby, CONFIG_BOOL, "yes", "keep one machine per template started for the next desktop"),
	KEY(starts, CONFIG_COUNT, "0", "most desktops that start at a time; 0: as suits the processors"),
	{ "hostagent", "start_turn", CONFIG_DURATION_MS,
	  offsetof(struct hostagent_config, start_turn_ms), "30s",
	  "how long a start may hold others up", false },
	KEY(template_dir, CONFIG_TEXT, "", "RAM disk for the memory of templates; empty: run_dir/templates"),
	{ "hostagent", "template_keep", CONFIG_DURATION_MS,
	  offsetof(struct hostagent_config, template_keep_ms), "10m",
	  "how long a template is kept that no desktop needs", false },
	{ "hostagent", "memory_reserve", CONFIG_BYTES,
	  offsetof(struct hostagent_config, memory_reserve_bytes), "512M",
	  "memory of the host that desktops may not use", false },
	{ "hostagent", "disk_reserve", CONFIG_BYTES,
	  offsetof(struct hostagent_config, disk_reserve_bytes), "1G",
	  "disk that stays free: no new desktop takes it", false },
	KEY(log_level, CONFIG_TEXT, "info", "debug, info, warn or error"),
};

static void problem(struct buf *problems, const char *path, const char *key, const char *text)
{
	buf_printf(problems, "%s: %s: %s\n", path ? path : "defaults", key, text);
}

static bool bridge_name_valid(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len < VM_TAP_SIZE &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len && name[0] != '-' &&
	       !str_starts(name, "gk");
}

/* The longest socket path must fit sun_path. */
static bool run_dir_fits(const struct hostagent_config *config)
{
	struct path longest = desktop_path(config, "0123456789abcdef", DESKTOP_SERIAL);

	return strlen(longest.text) < sizeof(((struct sockaddr_un *)NULL)->sun_path);
}

static void check_address(const char *path, const char *key, const char *text,
			  struct buf *problems)
{
	char host[256];
	uint16_t port;
	struct error err;

	if (config_split_address(text, host, sizeof(host), &port, &err) < 0)
		problem(problems, path, key, err.text);
}

static void check_folders(const char *path, const struct hostagent_config *config,
			  struct buf *problems)
{
	const struct { const char *key, *value; } folders[] = {
		{ "state_dir", config->state_dir }, { "run_dir", config->run_dir },
		{ "image_dir", config->image_dir }, { "qemu", config->qemu },
		{ "qemu_img", config->qemu_img },
	};

	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		if (folders[i].value[0] != '/' || strlen(folders[i].value) > 3000)
			problem(problems, path, folders[i].key, "must be an absolute path");
	if (config->overlay_dir[0] && config->overlay_dir[0] != '/')
		problem(problems, path, "overlay_dir", "must be empty or an absolute path");
	if (config->template_dir[0] && config->template_dir[0] != '/')
		problem(problems, path, "template_dir", "must be empty or an absolute path");
	if (config->user_disk_dir[0] && config->user_disk_dir[0] != '/')
		problem(problems, path, "user_disk_dir", "must be empty or an absolute path");
	if (!run_dir_fits(config))
		problem(problems, path, "run_dir", "is too long for the name of a unix socket");
}

static void check(const char *path, struct hostagent_config *config, struct buf *problems)
{
	struct error err;
	enum log_level level;

	if (!vm_name_valid(config->name) || strlen(config->name) > 32)
		problem(problems, path, "name", "lowercase letters, digits and dashes, at most 32");
	check_address(path, "broker", config->broker, problems);
	if (config->relay_address[0])
		check_address(path, "relay_address", config->relay_address, problems);
	check_folders(path, config, problems);
	if (!bridge_name_valid(config->bridge))
		problem(problems, path, "bridge",
			"lowercase letters, digits and dashes, at most 15, not beginning with gk");
	if (vm_subnet_parse(config->bridge_address, &config->subnet, &err) < 0)
		problem(problems, path, "bridge_address", err.text);
	if (config->production && config->allow_tcg)
		problem(problems, path, "allow_tcg", "emulation is refused with production = yes");
	if (config->vm_uid_first > 4294000000)
		problem(problems, path, "vm_uid_first", "leaves no room for 65536 uids");
	if (config->boot_deadline_ms < 1000)
		problem(problems, path, "boot_deadline", "must be at least 1s");
	if (config->starts < 0 || config->starts > VM_STARTS_MAX)
		problem(problems, path, "starts", "at most 256");
	if (config->start_turn_ms < 1000)
		problem(problems, path, "start_turn", "must be at least 1s");
	if (log_level_parse(config->log_level, &level) < 0)
		problem(problems, path, "log_level", "must be debug, info, warn or error");
}

int hostagent_config_load(const char *path, struct hostagent_config *out, struct buf *problems)
{
	size_t before = problems->len;

	*out = (struct hostagent_config){ 0 };
	if (config_load(path, keys, ARRAY_LEN(keys), out, problems) < 0)
		return -EINVAL;
	if (path)
		check(path, out, problems);
	return problems->len == before ? 0 : -EINVAL;
}

void hostagent_config_done(struct hostagent_config *config)
{
	config_done(keys, ARRAY_LEN(keys), config);
}

void hostagent_config_describe(struct buf *out)
{
	config_describe(keys, ARRAY_LEN(keys), out);
}

/* PATH_MAX is checked by whoever opens: a cut path names nothing that exists. */
static struct path PRINTF_LIKE(1, 2) path_of(const char *fmt, ...)
{
	struct path path;
	va_list args;

	va_start(args, fmt);
	vsnprintf(path.text, sizeof(path.text), fmt, args);
	va_end(args);
	return path;
}

struct path host_path(const struct hostagent_config *config, enum host_file file)
{
	static const char *const names[] = {
		[HOST_CERTIFICATE] = "host.crt", [HOST_KEY] = "host.key",
		[HOST_CERTIFICATE_NEXT] = "host.crt.next", [HOST_KEY_NEXT] = "host.key.next",
		[RELAY_CERTIFICATE] = "relay.crt", [RELAY_KEY] = "relay.key",
		[HOST_LOCK] = "lock", [HOST_DESKTOPS] = "desktops", [HOST_VERIFIED] = "verified",
		[HOST_GUEST_KEY] = "guest.pub", [HOST_RUN_DESKTOPS] = "desktops",
		[HOST_TEMPLATES] = "templates",
	};

	return path_of("%s/%s", file == HOST_RUN_DESKTOPS ? config->run_dir : config->state_dir,
		       names[file]);
}

struct path desktop_path(const struct hostagent_config *config, const char *id,
			 enum desktop_file file)
{
	static const char *const names[] = {
		[DESKTOP_FOLDER] = "", [DESKTOP_SPEC] = "/spec.json",
		[DESKTOP_OVERLAY] = "/overlay.qcow2", [DESKTOP_RUN] = "", [DESKTOP_PID] = "/pid",
		[DESKTOP_QMP] = "/qmp.sock", [DESKTOP_GUEST] = "/guest.sock",
		[DESKTOP_QGA] = "/qga.sock", [DESKTOP_SERIAL] = "/serial.sock",
		[DESKTOP_SERIAL_LOG] = "/serial.log", [DESKTOP_QEMU_LOG] = "/qemu.log",
		[DESKTOP_MACHINE] = "/machine",
	};

	if (file == DESKTOP_OVERLAY && config->overlay_dir[0])
		return path_of("%s/%s.qcow2", config->overlay_dir, id);
	return path_of("%s/desktops/%s%s",
		       file >= DESKTOP_RUN ? config->run_dir : config->state_dir, id, names[file]);
}

struct path template_memory_dir(const struct hostagent_config *config)
{
	if (config->template_dir[0])
		return path_of("%s", config->template_dir);
	return path_of("%s/templates", config->run_dir);
}

struct path template_path(const struct hostagent_config *config, const char *id,
			  enum template_file file)
{
	static const char *const names[] = {
		[TEMPLATE_FILES] = "", [TEMPLATE_FILE_SPEC] = "/spec.json",
		[TEMPLATE_FILE_DISK] = "/disk.qcow2", [TEMPLATE_FILE_BLANK] = "/blank.qcow2",
		[TEMPLATE_FILE_MEMORY] = ".ram", [TEMPLATE_FILE_STATE] = ".state",
	};

	if (file >= TEMPLATE_FILE_MEMORY)
		return path_of("%.3000s/%s%s", template_memory_dir(config).text, id, names[file]);
	return path_of("%s/templates/%s%s", config->state_dir, id, names[file]);
}

struct path image_path(const struct hostagent_config *config, const char *sha256)
{
	return path_of("%s/%s.qcow2", config->image_dir, sha256);
}
