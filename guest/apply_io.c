/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/apply_io.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include "common/base/secret.h"
#include "common/base/text.h"
#include "common/sys/clock.h"
#include "common/sys/file.h"
#include "guest/command_io.h"
#include "guest/network_io.h"
#include "guest/paths.h"
#include "guest/rdp_probe_io.h"
#include "guest/settings_io.h"
#include "guest/ssh_io.h"

#define SERVICE_TIMEOUT_MS 120000
#define NETWORK_TIMEOUT_MS 10000
#define CLOCK_TOLERANCE_MS 1000

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
	return 0;
}

static int set_clock(int64_t time_ms, struct error *err)
{
	int64_t off_ms = clock_wall_ms() - time_ms;
	struct timespec now = { .tv_sec = time_ms / 1000, .tv_nsec = time_ms % 1000 * 1000000 };

	if (off_ms >= -CLOCK_TOLERANCE_MS && off_ms <= CLOCK_TOLERANCE_MS)
		return 0;
	return clock_settime(CLOCK_REALTIME, &now) < 0 ? error_errno(err, "set the clock") : 0;
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

/* Whoever finds half of it takes it for none. */
static int save_record(const struct identity_record *record, struct error *err)
{
	OWNED(buf_done) struct buf text = BUF_LIMIT(LINK_LINE_MAX);
	OWNED_FD int fd = open(GUEST_RECORD_FILE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	identity_record_write(record, &text);
	if (fd < 0 || write(fd, text.ptr, text.len) != (ssize_t)text.len)
		return error_errno(err, "write %s", GUEST_RECORD_FILE);
	return 0;
}

int apply_load_record(struct identity_record *out, struct error *err)
{
	OWNED(buf_done) struct buf text = { 0 };
	int rc = file_read(GUEST_RECORD_FILE, LINK_LINE_MAX, &text, err);

	return rc < 0 ? rc : identity_record_parse(buf_span(&text), out, err);
}

/* --- the steps --- */

struct renewal {
	const struct identity *id;
	struct identity_record *record;
	const struct apply_watcher *watcher;
};

static int renew_randomness(struct renewal *r, struct error *err)
{
	return mix_seed(r->id->seed, err);
}

static int renew_clock(struct renewal *r, struct error *err)
{
	return set_clock(r->id->time_ms, err);
}

static int renew_key(struct renewal *r, struct error *err)
{
	return settings_rdp_key(r->id, r->record->certificate_sha256, err);
}

/* A clone's RDP server listens already: its answer need not wait for the rest. */
static int renew_network(struct renewal *r, struct error *err)
{
	int rc = network_apply(r->id, NETWORK_TIMEOUT_MS, err);

	if (rc == 0 && rdp_listens(GUEST_RDP_PORT))
		r->watcher->reachable(r->watcher->arg);
	return rc;
}

static int renew_route(struct renewal *r, struct error *err)
{
	return network_set_route(r->id, err);
}

static int renew_names(struct renewal *r, struct error *err)
{
	int rc = settings_names(r->id, err);

	return rc < 0 ? rc : settings_resolver(r->id, err);
}

static bool used_is_empty;	/* in a template already; without a record nobody adds to it */

int apply_forget_used(struct error *err)
{
	int rc = access(GUEST_USED_DIR, F_OK) < 0 ? 0 : file_remove_tree(GUEST_USED_DIR, err);

	if (rc == 0)
		rc = file_make_dirs(GUEST_USED_DIR, 0700, err);
	used_is_empty = rc == 0;
	return rc;
}

static int renew_record(struct renewal *r, struct error *err)
{
	int rc = used_is_empty ? 0 : apply_forget_used(err);

	used_is_empty = false;
	return rc < 0 ? rc : save_record(r->record, err);
}

/* Nobody reaches us before randomness and key are new, and nobody logs in before all of it is
 * done: the record, without which pam-auth refuses, comes last. */
static int renew(struct renewal *r, size_t steps_end, struct identity_spent *spent,
		 struct error *err)
{
	static int (*const steps[IDENTITY_STEPS])(struct renewal *r, struct error *err) = {
		[IDENTITY_STEP_RANDOM] = renew_randomness, [IDENTITY_STEP_CLOCK] = renew_clock,
		[IDENTITY_STEP_KEY] = renew_key, [IDENTITY_STEP_NETWORK] = renew_network,
		[IDENTITY_STEP_ROUTE] = renew_route,
		[IDENTITY_STEP_NAMES] = renew_names, [IDENTITY_STEP_RECORD] = renew_record,
	};
	int rc = 0;

	for (size_t i = 0; i < steps_end && rc == 0; i++) {
		int64_t began_us = clock_monotonic_us();

		rc = steps[i](r, err);
		spent->us[i] = clock_monotonic_us() - began_us;
	}
	return rc;
}

int apply_identity(const struct identity *identity, bool sessions_begun,
		   const struct apply_watcher *watcher, struct identity_record *out,
		   struct identity_spent *spent, struct error *err)
{
	struct identity_record record = { .epoch = identity->epoch };
	struct renewal renewal = { identity, &record, watcher };
	int rc = 0;

	memcpy(record.desktop, identity->desktop, sizeof(record.desktop));
	memcpy(record.public_key, identity->public_key, sizeof(record.public_key));
	unlink(GUEST_RECORD_FILE);
	if (sessions_begun)
		rc = stop_rdp(err);
	if (rc == 0)
		rc = ssh_forget_keys(err);
	if (rc == 0)
		rc = renew(&renewal, IDENTITY_STEPS, spent, err);
	if (rc == 0)
		rc = apply_ensure_served(err);
	if (rc < 0) {
		unlink(GUEST_RECORD_FILE);
		return rc;
	}
	ssh_renew_keys();
	*out = record;
	return 0;
}

static void nobody_listens(void *arg)
{
}

int apply_rehearse(const struct identity *identity, struct error *err)
{
	static const struct apply_watcher watcher = { nobody_listens, NULL };
	struct identity_record record = { 0 };
	struct identity_spent spent;
	struct renewal renewal = { identity, &record, &watcher };

	return renew(&renewal, IDENTITY_STEP_RECORD, &spent, err);
}

int apply_ensure_served(struct error *err)
{
	int rc = rdp_listens(GUEST_RDP_PORT) ? 0 : start_rdp(err);

	if (rc < 0)
		return rc;
	return rdp_listens(GUEST_RDP_PORT) ? 0 :
		       rdp_probe(GUEST_RDP_PORT, SERVICE_TIMEOUT_MS, err);
}

