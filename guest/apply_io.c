/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/apply_io.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/random.h>
#include <openssl/rand.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "common/base/text.h"
#include "common/sys/clock.h"
#include "common/sys/file.h"
#include "guest/certificate.h"
#include "guest/command_io.h"
#include "guest/network_io.h"
#include "guest/paths.h"
#include "guest/rdp_probe_io.h"

#define SERVICE_TIMEOUT_MS 120000
#define NETWORK_TIMEOUT_MS 10000
#define CLOCK_TOLERANCE_MS 1000
#define IDLE_TIMEOUT_MS 90000
#define IDLE_WINDOW_MS 250
#define IDLE_WINDOWS 3

#ifndef RNDRESEEDCRNG
#define RNDRESEEDCRNG _IO('R', 0x07)
#endif

/* Clones of one template share the kernel's random state until this has run. */
static int mix_seed(const uint8_t *seed, struct error *err)
{
	_Alignas(struct rand_pool_info) uint8_t raw[sizeof(struct rand_pool_info) +
						    IDENTITY_SEED_LEN];
	struct rand_pool_info *entropy = (struct rand_pool_info *)raw;
	OWNED_FD int fd = open("/dev/urandom", O_WRONLY | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return error_errno(err, "open /dev/urandom");
	entropy->entropy_count = 8 * IDENTITY_SEED_LEN;
	entropy->buf_size = IDENTITY_SEED_LEN;
	memcpy(entropy->buf, seed, IDENTITY_SEED_LEN);
	rc = ioctl(fd, RNDADDENTROPY, entropy);
	memory_wipe(raw, sizeof(raw));
	if (rc < 0 || ioctl(fd, RNDRESEEDCRNG) < 0)
		return error_errno(err, "reseed /dev/urandom");
	/* This process's own generator may have been copied in the middle of its life, too. */
	RAND_seed(seed, IDENTITY_SEED_LEN);
	return RAND_poll() == 1 ? 0 : error_set(err, EIO, "reseed the generator of keys");
}

static int set_clock(int64_t time_ms, struct error *err)
{
	int64_t off_ms = clock_wall_ms() - time_ms;
	struct timespec now = { .tv_sec = time_ms / 1000, .tv_nsec = time_ms % 1000 * 1000000 };

	if (off_ms >= -CLOCK_TOLERANCE_MS && off_ms <= CLOCK_TOLERANCE_MS)
		return 0;
	return clock_settime(CLOCK_REALTIME, &now) < 0 ? error_errno(err, "set the clock") : 0;
}

/* In place and without a flush: after a power loss the host says it all again, and waiting for the
 * disk four times is what would take longest. A file that is cut to nothing first would be written
 * out by ext4 as soon as it is closed. */
static int write_setting(const char *path, const struct buf *text, struct error *err)
{
	OWNED_FD int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	struct stat st;

	if (fd < 0)
		return error_errno(err, "open %s", path);
	if (text->len > 0 && write(fd, text->ptr, text->len) != (ssize_t)text->len)
		return error_errno(err, "write %s", path);
	if (fstat(fd, &st) < 0 ||
	    (st.st_size > (off_t)text->len && ftruncate(fd, (off_t)text->len) < 0))
		return error_errno(err, "cut %s", path);
	return 0;
}

static int set_names(const struct identity *id, struct error *err)
{
	OWNED(buf_done) struct buf text = BUF_LIMIT(1024);
	int rc;

	if (sethostname(id->hostname, strlen(id->hostname)) < 0)
		return error_errno(err, "set the host name");
	buf_printf(&text, "%s\n", id->hostname);
	rc = write_setting("/etc/hostname", &text, err);
	if (rc < 0)
		return rc;
	buf_reset(&text);
	buf_printf(&text, "127.0.0.1 localhost\n127.0.1.1 %s\n::1 localhost\n", id->hostname);
	rc = write_setting("/etc/hosts", &text, err);
	if (rc < 0)
		return rc;
	/* At boot systemd covers an empty file with an id of its own, made before the seed. */
	umount2("/etc/machine-id", MNT_DETACH);
	buf_reset(&text);
	buf_printf(&text, "%s\n", id->machine_id);
	return write_setting("/etc/machine-id", &text, err);
}

static int set_resolver(const struct identity *id, struct error *err)
{
	OWNED(buf_done) struct buf text = BUF_LIMIT(1024);
	char address[INET_ADDRSTRLEN];

	for (size_t i = 0; i < id->dns_count; i++)
		buf_printf(&text, "nameserver %s\n",
			   inet_ntop(AF_INET, &id->dns[i], address, sizeof(address)));
	return write_setting("/etc/resolv.conf", &text, err);
}

/* Read from the file: a static program has no name service. */
static gid_t rdp_group(void)
{
	FILE *file = fopen("/etc/group", "re");
	struct group *group;
	gid_t gid = 0;

	while (file && (group = fgetgrent(file)))
		if (strcmp(group->gr_name, GUEST_RDP_GROUP) == 0)
			gid = group->gr_gid;
	if (file)
		fclose(file);
	return gid;
}

static int write_for_rdp(const char *path, const struct buf *pem, mode_t mode, struct error *err)
{
	int rc = file_write(path, buf_span(pem), mode, err);

	if (rc == 0 && chown(path, 0, rdp_group()) < 0)
		rc = error_errno(err, "chown %s", path);
	return rc;
}

/* The RDP server reads both files anew for every connection. */
static int renew_rdp_key(const char *name, char *sha256, struct error *err)
{
	OWNED(buf_done) struct buf key = BUF_LIMIT(8192);
	OWNED(buf_done) struct buf certificate = BUF_LIMIT(8192);
	int rc = certificate_make(name, clock_wall_ms(), &key, &certificate, sha256, err);

	if (rc == 0)
		rc = file_make_dirs(GUEST_RDP_DIR, 0755, err);
	if (rc == 0)
		rc = write_for_rdp(GUEST_RDP_KEY, &key, 0640, err);
	if (rc == 0)
		rc = write_for_rdp(GUEST_RDP_CERTIFICATE, &certificate, 0644, err);
	memory_wipe(key.ptr, key.len);
	return rc;
}

static int renew_ssh_keys(struct error *err)
{
	static const char *const generate[] = { "/usr/bin/ssh-keygen", "-A", NULL };
	static const char *const restart[] = { "/usr/bin/systemctl", "try-restart", "ssh.service",
					       NULL };
	static const char *const names[] = { "rsa", "ecdsa", "ed25519" };
	char path[64];
	int rc;

	if (access("/usr/sbin/sshd", X_OK) < 0)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(path, sizeof(path), "/etc/ssh/ssh_host_%s_key", names[i]);
		unlink(path);
	}
	rc = command_run(generate, SERVICE_TIMEOUT_MS, err);
	return rc < 0 ? rc : command_run(restart, SERVICE_TIMEOUT_MS, err);
}

static int start_rdp(struct error *err)
{
	static const char *const start[] = { "/usr/bin/systemctl", "start", "xrdp.service", NULL };

	return command_run(start, SERVICE_TIMEOUT_MS, err);
}

/* Ends the sessions of an earlier owner, the session manager with them. */
static int stop_rdp(struct error *err)
{
	static const char *const stop[] = { "/usr/bin/systemctl", "stop", "xrdp.service",
					    "xrdp-sesman.service", NULL };

	return command_run(stop, SERVICE_TIMEOUT_MS, err);
}

static int save_record(const struct identity_record *record, struct error *err)
{
	OWNED(buf_done) struct buf text = BUF_LIMIT(LINK_LINE_MAX);

	identity_record_write(record, &text);
	return file_write(GUEST_RECORD_FILE, buf_span(&text), 0600, err);
}

int apply_load_record(struct identity_record *out, struct error *err)
{
	OWNED(buf_done) struct buf text = { 0 };
	int rc = file_read(GUEST_RECORD_FILE, LINK_LINE_MAX, &text, err);

	return rc < 0 ? rc : identity_record_parse(buf_span(&text), out, err);
}

/* No login before all of it is done: the record, without which pam-auth refuses, comes last. */
static int renew(const struct identity *id, struct identity_record *record, struct error *err)
{
	int rc = mix_seed(id->seed, err);

	if (rc == 0)
		rc = set_clock(id->time_ms, err);
	if (rc == 0)
		rc = set_names(id, err);
	if (rc == 0)
		rc = set_resolver(id, err);
	if (rc == 0)
		rc = renew_rdp_key(id->hostname, record->certificate_sha256, err);
	if (rc == 0)
		rc = renew_ssh_keys(err);
	if (rc == 0)	/* a clone's RDP server listens already: nobody reaches it before this */
		rc = network_apply(id, NETWORK_TIMEOUT_MS, err);
	if (rc == 0)
		rc = file_remove_tree(GUEST_USED_DIR, err);
	if (rc == 0)
		rc = file_make_dirs(GUEST_USED_DIR, 0700, err);
	return rc < 0 ? rc : save_record(record, err);
}

int apply_identity(const struct identity *identity, bool sessions_begun,
		   struct identity_record *out, struct error *err)
{
	struct identity_record record = { .epoch = identity->epoch };
	int rc = 0;

	memcpy(record.desktop, identity->desktop, sizeof(record.desktop));
	memcpy(record.public_key, identity->public_key, sizeof(record.public_key));
	unlink(GUEST_RECORD_FILE);
	if (sessions_begun)
		rc = stop_rdp(err);
	if (rc == 0)
		rc = renew(identity, &record, err);
	if (rc == 0)
		rc = apply_ensure_served(err);
	if (rc < 0) {
		unlink(GUEST_RECORD_FILE);
		return rc;
	}
	*out = record;
	return 0;
}

int apply_ensure_served(struct error *err)
{
	int rc = rdp_listens(GUEST_RDP_PORT) ? 0 : start_rdp(err);

	if (rc < 0)
		return rc;
	return rdp_listens(GUEST_RDP_PORT) ? 0 :
		       rdp_probe(GUEST_RDP_PORT, SERVICE_TIMEOUT_MS, err);
}

/* --- templates --- */

static int64_t idle_ticks(void)
{
	OWNED(buf_done) struct buf text = { 0 };
	long long idle = 0;

	if (file_read("/proc/stat", 65536, &text, NULL) < 0 ||
	    sscanf(buf_text(&text), "cpu %*d %*d %*d %lld", &idle) != 1)
		return 0;
	return idle;
}

/* Nothing tells that the work after a boot has ended; it shows as processors that rest. */
static int wait_until_idle(struct error *err)
{
	int64_t deadline_ms = clock_monotonic_ms() + IDLE_TIMEOUT_MS;
	int64_t ticks = sysconf(_SC_CLK_TCK) * sysconf(_SC_NPROCESSORS_ONLN) * IDLE_WINDOW_MS / 1000;

	for (int quiet = 0; quiet < IDLE_WINDOWS;) {
		int64_t before = idle_ticks();

		if (clock_monotonic_ms() > deadline_ms)
			return error_set(err, EBUSY, "the guest does not come to rest");
		poll(NULL, 0, IDLE_WINDOW_MS);
		quiet = idle_ticks() - before >= ticks * 9 / 10 ? quiet + 1 : 0;
	}
	return 0;
}

/* Asked once, the server's pages are in memory and its child has run. */
static int warm_rdp(struct error *err)
{
	static const struct buf empty = { 0 };
	char sha256[65];
	int rc = renew_rdp_key("template", sha256, err);

	if (rc == 0)
		rc = write_setting(GUEST_TEMPLATE_FILE, &empty, err);
	if (rc == 0)
		rc = start_rdp(err);
	if (rc == 0)
		rc = rdp_probe(GUEST_RDP_PORT, SERVICE_TIMEOUT_MS, err);
	unlink(GUEST_RDP_KEY);
	unlink(GUEST_RDP_CERTIFICATE);
	return rc;
}

/* What the image wants to have in memory; an image without it is as good, only slower. */
static int warm_sessions(struct error *err)
{
	static const char *const warm[] = { GUEST_WARM_PROGRAM, NULL };

	return access(GUEST_WARM_PROGRAM, X_OK) < 0 ? 0 : command_run(warm, SERVICE_TIMEOUT_MS, err);
}

/* The files of an identity as they will be, so that clones only overwrite them; and systemd's cover
 * over the machine id is gone before it could notice in a clone. */
static int prepare_names(struct error *err)
{
	static const struct identity nobody = { .hostname = "template",
						.machine_id = "00000000000000000000000000000000" };
	int rc = set_names(&nobody, err);

	return rc < 0 ? rc : set_resolver(&nobody, err);
}

int apply_freeze(struct error *err)
{
	int rc;

	if (access(GUEST_RECORD_FILE, F_OK) == 0)
		return error_set(err, EPERM, "this desktop has an identity");
	rc = network_prepare(NETWORK_TIMEOUT_MS, err);
	if (rc == 0)
		rc = prepare_names(err);
	if (rc == 0)
		rc = warm_rdp(err);
	if (rc == 0)
		rc = warm_sessions(err);
	unlink("/var/lib/systemd/random-seed");
	sync();
	return rc < 0 ? rc : wait_until_idle(err);
}
