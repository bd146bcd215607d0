/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/freeze_io.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>
#include "common/sys/clock.h"
#include "common/sys/file.h"
#include "guest/apply_io.h"
#include "guest/command_io.h"
#include "guest/network_io.h"
#include "guest/paths.h"
#include "guest/rdp_probe_io.h"
#include "guest/settings_io.h"
#include "guest/ssh_io.h"

#define WARM_TIMEOUT_MS 120000
#define NETWORK_TIMEOUT_MS 10000
#define IDLE_TIMEOUT_MS 90000
#define IDLE_WINDOW_MS 250
#define IDLE_WINDOWS 3

static const struct identity nobody = { .hostname = "template",
					.machine_id = "00000000000000000000000000000000" };

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
static int wait_until_idle(int windows, struct error *err)
{
	int64_t deadline_ms = clock_monotonic_ms() + IDLE_TIMEOUT_MS;
	int64_t ticks = sysconf(_SC_CLK_TCK) * sysconf(_SC_NPROCESSORS_ONLN) * IDLE_WINDOW_MS / 1000;

	for (int quiet = 0; quiet < windows;) {
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
	int rc = settings_rdp_key(&nobody, sha256, err);

	if (rc == 0)
		rc = settings_write(GUEST_TEMPLATE_FILE, &empty, err);
	if (rc == 0)
		rc = apply_ensure_served(err);
	if (rc == 0)
		rc = rdp_probe(GUEST_RDP_PORT, WARM_TIMEOUT_MS, err);
	return rc < 0 ? rc : settings_forget_rdp_key(err);
}

/* What the image wants to have in memory; an image without it is as good, only slower. */
static int warm_sessions(struct error *err)
{
	static const char *const warm[] = { GUEST_WARM_PROGRAM, NULL };

	return access(GUEST_WARM_PROGRAM, X_OK) < 0 ? 0 : command_run(warm, WARM_TIMEOUT_MS, err);
}

/* The files of an identity as they will be, so that clones only overwrite them. */
static int prepare_names(struct error *err)
{
	int rc = settings_cover(err);

	if (rc == 0)
		rc = settings_names(&nobody, err);
	return rc < 0 ? rc : settings_resolver(&nobody, err);
}

int guest_freeze(struct error *err)
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
		rc = apply_forget_used(err);
	if (rc == 0)
		rc = ssh_forget_keys(err);
	if (rc == 0)
		rc = warm_sessions(err);
	unlink("/var/lib/systemd/random-seed");
	sync();
	return rc < 0 ? rc : wait_until_idle(IDLE_WINDOWS, err);
}

int guest_rehearse(const struct identity *identity, struct error *err)
{
	int rc;

	if (access(GUEST_RECORD_FILE, F_OK) == 0 || access(GUEST_TEMPLATE_FILE, F_OK) < 0)
		return error_set(err, EPERM, "this is no copy of a template, or it has an identity");
	rc = apply_rehearse(identity, err);
	if (rc == 0)
		rc = rdp_rehearse(GUEST_RDP_PORT, WARM_TIMEOUT_MS, err);
	if (rc == 0)
		rc = settings_forget_rdp_key(err);
	if (rc == 0)
		rc = network_prepare(NETWORK_TIMEOUT_MS, err);
	return rc < 0 ? rc : wait_until_idle(1, err);
}
