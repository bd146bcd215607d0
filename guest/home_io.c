/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/home_io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include "common/base/text.h"
#include "common/data/json.h"
#include "common/sys/clock.h"
#include "common/sys/file.h"
#include "common/sys/log.h"
#include "guest/account_io.h"
#include "guest/command_io.h"
#include "guest/paths.h"

enum {
	DEVICE_TIMEOUT_MS = 15000, CHECK_TIMEOUT_MS = 120000, FORMAT_TIMEOUT_MS = 120000,
	COPY_TIMEOUT_MS = 30000, TERM_MS = 2000, KILL_MS = 2000, PIDS_MAX = 1024,
	HEAD_LEN = 2048,
	/* The superblock (Documentation/filesystems/ext4/super.rst). */
	SUPERBLOCK = 1024, MAGIC = SUPERBLOCK + 0x38, STATE = SUPERBLOCK + 0x3a,
	INCOMPAT = SUPERBLOCK + 0x60, STATE_VALID = 1, INCOMPAT_RECOVER = 4,
};
#define SKELETON "/etc/skel/."
#define UNDO_FILE "/var/tmp/genkan-home.e2undo"

DEFINE_OWNED(closedir, DIR);

struct place {
	char text[64];
};

static struct place home_place(const char *user)
{
	struct place place;

	snprintf(place.text, sizeof(place.text), "/home/%s", user);
	return place;
}

/* --- what the host said --- */

static void remember(const struct home *home)
{
	OWNED(json_decref) json_t *object = json_pack(
		"{s:s, s:s, s:I, s:b, s:b}", "serial", home->order.serial, "user", home->order.user,
		"uid", (json_int_t)home->order.uid, "fresh", home->order.fresh, "broken", home->broken);
	OWNED(buf_done) struct buf text = BUF_LIMIT(LINK_LINE_MAX);
	struct error err;

	json_write(object, &text);
	if (file_write(GUEST_HOME_FILE, buf_span(&text), 0600, &err) < 0)
		log_warn("home_not_noted", kv_str("reason", err.text));
}

void home_load(struct home *home)
{
	OWNED(buf_done) struct buf text = { 0 };
	OWNED(json_decref) json_t *object = NULL;
	struct home read = { .given = true };
	int64_t uid = 0;

	if (file_read(GUEST_HOME_FILE, LINK_LINE_MAX, &text, NULL) < 0 ||
	    json_object_parse(buf_span(&text), &object, NULL) < 0 ||
	    json_get_text(object, "serial", read.order.serial, sizeof(read.order.serial), NULL) < 0 ||
	    json_get_text(object, "user", read.order.user, sizeof(read.order.user), NULL) < 0 ||
	    json_get_int(object, "uid", GUEST_UID_MIN, UINT32_MAX - 2, &uid, NULL) < 0 ||
	    json_get_bool_or(object, "fresh", false, &read.order.fresh, NULL) < 0 ||
	    json_get_bool_or(object, "broken", false, &read.broken, NULL) < 0)
		return;
	read.order.uid = (uint32_t)uid;
	*home = read;
}

bool home_is_expected(void)
{
	return access(GUEST_HOME_FILE, F_OK) == 0;
}

/* Shown on the desktop by the session's own start. */
static void set_notice(const char *reason)
{
	OWNED(buf_done) struct buf text = BUF_LIMIT(2048);
	struct error err;

	if (!reason) {
		unlink(GUEST_NOTICE_FILE);
		return;
	}
	buf_printf(&text,
		   "Your own disk could not be opened. Nothing on it was changed.\n"
		   "What you save now is lost when you log off. Please tell your administrator.\n\n"
		   "個人用ディスクを開けませんでした。内容は変更されていません。\n"
		   "今保存するファイルはログオフ時に失われます。管理者に連絡してください。\n\n"
		   "(%s)\n", reason);
	if (file_write(GUEST_NOTICE_FILE, buf_span(&text), 0644, &err) < 0)
		log_warn("notice_not_written", kv_str("reason", err.text));
}

/* --- the device --- */

static bool has_serial(const char *disk, const char *serial)
{
	OWNED(buf_done) struct buf text = { 0 };
	char path[300];

	snprintf(path, sizeof(path), "/sys/block/%s/serial", disk);
	return file_read(path, 64, &text, NULL) == 0 && strcmp(buf_text(&text), serial) == 0;
}

static bool find_device(const char *serial, struct place *out)
{
	OWNED(closedir) DIR *dir = opendir("/sys/block");
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (!str_starts(entry->d_name, "vd") || !has_serial(entry->d_name, serial))
			continue;
		snprintf(out->text, sizeof(out->text), "/dev/%.50s", entry->d_name);
		return access(out->text, F_OK) == 0;
	}
	return false;
}

/* Only the last word about a disk counts: a node that is opened while its disk is still being added
 * has the kernel look for a driver of it, in vain and for half a second. */
static bool tells_of_a_disk(const char *event, ssize_t len)
{
	return len > 0 && strncmp(event, "add@", 4) == 0 &&
	       memmem(event, strnlen(event, (size_t)len), "/block/vd", strlen("/block/vd"));
}

static int wait_for_device(const char *serial, struct place *out, struct error *err)
{
	OWNED_FD int news = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int64_t deadline_ms = clock_monotonic_ms() + DEVICE_TIMEOUT_MS;
	char event[4096];
	ssize_t len;

	if (news < 0 || bind(news, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return error_errno(err, "listen for devices");
	while (!find_device(serial, out)) {
		struct pollfd changed = { .fd = news, .events = POLLIN };
		int64_t left_ms = deadline_ms - clock_monotonic_ms();

		if (left_ms <= 0)
			return error_set(err, ENODEV, "the user's disk %s did not appear", serial);
		do	/* an overrun has lost some: then every one may be the one */
			len = poll(&changed, 1, (int)left_ms) > 0 ?
				      recv(news, event, sizeof(event), MSG_DONTWAIT) : 0;
		while (len > 0 && !tells_of_a_disk(event, len) &&
		       clock_monotonic_ms() < deadline_ms);
	}
	return 0;
}

/* --- its file system --- */

enum home_content home_look(struct span head)
{
	if (head.len < HEAD_LEN || head.ptr[MAGIC] != 0x53 || head.ptr[MAGIC + 1] != 0xef)
		return HOME_NO_FILE_SYSTEM;
	bool clean = head.ptr[STATE] == STATE_VALID && head.ptr[STATE + 1] == 0 &&
		     !(head.ptr[INCOMPAT] & INCOMPAT_RECOVER);

	return clean ? HOME_CLEAN : HOME_TO_CHECK;
}

static int look_at(const char *device, enum home_content *content, struct error *err)
{
	OWNED_FD int fd = open(device, O_RDONLY | O_CLOEXEC);
	uint8_t head[HEAD_LEN];

	if (fd < 0 || pread(fd, head, sizeof(head), 0) != sizeof(head))
		return error_errno(err, "read %s", device);
	*content = home_look(span_of(head, sizeof(head)));
	return 0;
}

/* The header (lib/ext2fs/undo_io.c): a magic, and how many blocks were kept. */
bool home_has_undo(struct span head)
{
	static const uint8_t none[8];

	return head.len >= 16 && memcmp(head.ptr, "E2UNDO02", 8) == 0 &&
	       memcmp(head.ptr + 8, none, 8) != 0;
}

/* A check that failed has perhaps changed something already. e2undo takes no file without blocks.
 */
static void undo_check(const char *device)
{
	const char *const undo[] = { "/sbin/e2undo", UNDO_FILE, device, NULL };
	OWNED_FD int fd = open(UNDO_FILE, O_RDONLY | O_CLOEXEC);
	uint8_t head[16];
	struct error err;

	if (fd < 0 || pread(fd, head, sizeof(head), 0) != sizeof(head) ||
	    !home_has_undo(span_of(head, sizeof(head))))
		return;
	if (command_run(undo, CHECK_TIMEOUT_MS, &err) < 0)
		log_error("home_check_not_undone", kv_str("device", device),
			  kv_str("reason", err.text));
}

/* The journal is replayed, and what can be repaired without a decision is repaired: all or nothing.
 * Not `whole`: what calls itself clean is believed. */
static int check_file_system(const char *device, bool whole, struct error *err)
{
	const char *const check[] = { "/sbin/e2fsck", whole ? "-fp" : "-p", "-z", UNDO_FILE,
				      device, NULL };
	int status = 0;

	unlink(UNDO_FILE);
	int rc = command_status(check, CHECK_TIMEOUT_MS, &status, err);

	if (rc < 0 || status <= 1)	/* 1: errors were corrected */
		return rc;
	undo_check(device);
	return error_set(err, EUCLEAN,
			 "its file system is damaged beyond automatic repair (e2fsck: status %d)",
			 status);
}

static int format(const char *device, struct error *err)
{
	const char *const make[] = { "/sbin/mke2fs", "-q", "-F", "-t", "ext4", "-m", "0", "-L",
				     "genkan-home", "-E",
				     "lazy_itable_init=1,lazy_journal_init=1,nodiscard", device,
				     NULL };

	log_info("home_formatted", kv_str("device", device));
	return command_run(make, FORMAT_TIMEOUT_MS, err);
}

static int mount_on(const char *device, const char *place, struct error *err)
{
	if (mkdir(place, 0700) < 0 && errno != EEXIST)
		return error_errno(err, "create %s", place);
	if (mount(device, place, "ext4", MS_NOSUID | MS_NODEV, "errors=remount-ro") < 0)
		return error_set(err, EUCLEAN, "its file system cannot be mounted: %s",
				 strerror(errno));
	return 0;
}

/* A clean file system is looked through only when it cannot be mounted: a login waits for this. */
static int check_and_mount(const char *device, const char *place, struct error *err)
{
	enum home_content content = HOME_TO_CHECK;
	int rc = look_at(device, &content, err);

	if (rc < 0)
		return rc;
	if (content == HOME_NO_FILE_SYSTEM)
		return error_set(err, EUCLEAN, "it holds no file system any more");
	if (content == HOME_TO_CHECK && (rc = check_file_system(device, false, err)) < 0)
		return rc;
	if ((rc = mount_on(device, place, err)) != -EUCLEAN)
		return rc;
	log_warn("home_checked_whole", kv_str("device", device), kv_str("reason", err->text));
	if ((rc = check_file_system(device, true, err)) < 0)
		return rc;
	if ((rc = mount_on(device, place, err)) == -EUCLEAN)
		undo_check(device);
	return rc;
}

/* A disk that was never used is formatted; one that was is never, whatever it looks like. */
static int open_file_system(const char *device, const char *place, bool fresh, struct error *err)
{
	int rc = check_and_mount(device, place, err);

	if (rc != -EUCLEAN || !fresh)
		return rc;
	rc = format(device, err);
	return rc < 0 ? rc : mount_on(device, place, err);
}

/* The group of the account, or, as long as there is none, the one it will have. */
static uint32_t group_of(const struct home_order *order)
{
	uint32_t uid, gid;

	return account_find(order->user, &uid, &gid, NULL) == 0 && uid == order->uid ? gid :
										      order->uid;
}

static int fill(const char *place, const struct home_order *order, struct error *err)
{
	char owner[32];
	const char *const copy[] = { "/bin/cp", "-rn", "--preserve=mode", SKELETON, place, NULL };
	const char *const own[] = { "/bin/chown", "-hR", owner, place, NULL };
	char lost[80];

	snprintf(owner, sizeof(owner), "%u:%u", order->uid, group_of(order));
	snprintf(lost, sizeof(lost), "%s/lost+found", place);
	rmdir(lost);	/* e2fsck makes it anew when it has something for it */
	int rc = command_run(copy, COPY_TIMEOUT_MS, err);

	if (rc == 0)
		rc = command_run(own, COPY_TIMEOUT_MS, err);
	if (rc == 0 && chmod(place, 0700) < 0)
		rc = error_errno(err, "chmod %s", place);
	return rc;
}

static int own(const char *place, const struct home_order *order, struct error *err)
{
	struct stat st;

	if (lstat(place, &st) < 0 ||
	    (st.st_uid != order->uid && lchown(place, order->uid, group_of(order)) < 0))
		return error_errno(err, "own %s", place);
	return 0;
}

static bool is_mounted(const char *place)
{
	struct stat here, above;

	return stat(place, &here) == 0 && stat("/home", &above) == 0 && here.st_dev != above.st_dev;
}

/* Without the disk: the folder is made by the account's creation, or here when that was before. */
static void give_temporary(const struct home_order *order)
{
	struct place place = home_place(order->user);
	uint32_t uid, gid;
	struct error err;

	rmdir(place.text);
	if (account_find(order->user, &uid, &gid, NULL) < 0)
		return;
	if (mkdir(place.text, 0700) < 0 || fill(place.text, order, &err) < 0)
		log_warn("no_temporary_home", kv_str("user", order->user));
}

static int mount_disk(const struct home_order *order, int64_t *there_ms, struct error *err)
{
	struct place place = home_place(order->user), device;
	int rc;

	if (is_mounted(place.text))
		return 0;
	if ((rc = wait_for_device(order->serial, &device, err)) < 0)
		return rc;
	*there_ms = clock_monotonic_ms();
	if ((rc = open_file_system(device.text, place.text, order->fresh, err)) < 0)
		return rc;
	rc = order->fresh ? fill(place.text, order, err) : own(place.text, order, err);
	if (rc < 0)
		umount2(place.text, 0);
	return rc;
}

int home_mount(struct home *home, const struct home_order *order, struct error *err)
{
	int64_t began_ms = clock_monotonic_ms();

	home->order = *order;
	home->given = true;
	int64_t there_ms = began_ms;
	int rc = mount_disk(order, &there_ms, err);

	home->broken = rc == -EUCLEAN;
	if (home->broken)
		give_temporary(order);
	set_notice(home->broken ? err->text : NULL);
	remember(home);
	if (rc == 0)
		log_info("home_mounted", kv_str("user", order->user), kv_int("device_ms", there_ms - began_ms),
			 kv_int("took_ms", clock_monotonic_ms() - began_ms));
	return rc;
}

int home_ensure(struct home *home, const char *user, struct error *err)
{
	struct home_order order = home->order;

	if (!home->given || home->broken || strcmp(order.user, user) != 0)
		return 0;
	if (is_mounted(home_place(user).text))
		return own(home_place(user).text, &order, err);
	order.fresh = false;	/* it was mounted before */
	return home_mount(home, &order, err);
}

/* --- the end --- */

static bool belongs_to(const char *pid, uint32_t uid)
{
	char path[300];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%s", pid);
	return stat(path, &st) == 0 && st.st_uid == uid;
}

/* Signals what the user runs; pidfds of it, so that its end can be waited for. */
static size_t signal_all(uint32_t uid, int how, int *pidfds)
{
	OWNED(closedir) DIR *dir = opendir("/proc");
	struct dirent *entry;
	size_t count = 0;

	while (dir && count < PIDS_MAX && (entry = readdir(dir))) {
		int fd;

		if (strspn(entry->d_name, "0123456789") != strlen(entry->d_name) ||
		    !belongs_to(entry->d_name, uid))
			continue;
		fd = (int)syscall(SYS_pidfd_open, atoi(entry->d_name), 0);
		if (fd < 0)
			continue;
		syscall(SYS_pidfd_send_signal, fd, how, NULL, 0);
		pidfds[count++] = fd;
	}
	return count;
}

static bool all_end(int *pidfds, size_t count, int64_t deadline_ms)
{
	bool ended = true;

	for (size_t i = 0; i < count; i++) {
		struct pollfd end = { .fd = pidfds[i], .events = POLLIN };
		int64_t left_ms = deadline_ms - clock_monotonic_ms();

		ended &= poll(&end, 1, left_ms > 0 ? (int)left_ms : 0) > 0;
		close(pidfds[i]);
	}
	return ended;
}

/* What forks while it is being ended is met by the next round. */
static void end_processes(uint32_t uid)
{
	static const struct { int signal, wait_ms; } rounds[] = { { SIGTERM, TERM_MS },
								  { SIGKILL, KILL_MS },
								  { SIGKILL, KILL_MS } };
	int pidfds[PIDS_MAX];

	for (size_t i = 0; i < ARRAY_LEN(rounds); i++) {
		size_t count = signal_all(uid, rounds[i].signal, pidfds);

		if (count == 0)
			return;
		if (!all_end(pidfds, count, clock_monotonic_ms() + rounds[i].wait_ms))
			log_warn("processes_linger", kv_int("uid", uid),
				 kv_int("signal", rounds[i].signal));
	}
}

int home_release(struct home *home, struct error *err)
{
	struct place place = home_place(home->order.user);

	if (!home->given || home->broken || !is_mounted(place.text))
		return 0;
	end_processes(home->order.uid);
	if (umount2(place.text, 0) == 0) {
		log_info("home_released", kv_str("user", home->order.user));
		return 0;
	}
	int rc = error_errno(err, "unmount %s", place.text);
	OWNED_FD int fd = open(place.text, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	/* Somebody else is in it. What was written is safe; the rest ends with the machine. */
	if (fd >= 0)
		syncfs(fd);
	return rc;
}
