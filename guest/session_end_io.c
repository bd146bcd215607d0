/* SPDX-License-Identifier: Apache-2.0 */
/* Ends a user's session from outside, as a logoff from its own menu would: programs get the time
 * to save what they want to save while display and window manager are still there. */
#include "guest/session_io.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include "common/sys/clock.h"
#include "common/sys/log.h"
#include "guest/account_io.h"
#include "guest/guest.h"
#include "guest/paths.h"
#include "guest/processes_io.h"

#define PROGRAMS_MS 8000
#define SESSION_MS 6000
#define KILL_MS 3000
#define MANAGER_MS 3000 /* the session manager notices, PAM runs, and it ends */

static void signal_up_to(uint32_t uid, enum process_rank rank, int signal)
{
	OWNED(processes_done) struct processes list = { 0 };

	processes_of(uid, &list);
	for (size_t i = 0; i < list.count; i++)
		if (processes_rank(&list, &list.items[i]) <= rank)
			kill(list.items[i].pid, signal);
}

/* One that is still there, or 0. */
static pid_t left_up_to(uint32_t uid, enum process_rank rank)
{
	OWNED(processes_done) struct processes list = { 0 };

	processes_of(uid, &list);
	for (size_t i = 0; i < list.count; i++)
		if (processes_rank(&list, &list.items[i]) <= rank)
			return list.items[i].pid;
	return 0;
}

static int watch(pid_t pid)
{
	return pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
}

/* `watched` from watch(); of one that is not there, its end is not waited for. */
static void wait_for_end(int watched, int64_t timeout_ms)
{
	struct pollfd ended = { .fd = watched, .events = POLLIN };

	if (watched >= 0 && timeout_ms > 0)
		poll(&ended, 1, (int)timeout_ms);
}

static void wait_for(pid_t pid, int64_t timeout_ms)
{
	OWNED_FD int fd = watch(pid);

	wait_for_end(fd, timeout_ms);
}

/* Before its session ends: afterwards nobody can tell which it was. */
static int watch_manager(uint32_t uid)
{
	OWNED(processes_done) struct processes list = { 0 };

	processes_of(uid, &list);
	return watch(processes_manager(&list));
}

/* True when all up to this rank have gone in time. */
static bool wait_for_rank(uint32_t uid, enum process_rank rank, int64_t timeout_ms)
{
	int64_t until_ms = clock_monotonic_ms() + timeout_ms;
	pid_t left;

	while ((left = left_up_to(uid, rank))) {
		int64_t now_ms = clock_monotonic_ms();

		if (now_ms >= until_ms)
			return false;
		wait_for(left, until_ms - now_ms);
	}
	return true;
}

static void end_processes(uint32_t uid)
{
	int64_t until_ms;

	signal_up_to(uid, PROCESS_PROGRAM, SIGTERM);
	wait_for_rank(uid, PROCESS_PROGRAM, PROGRAMS_MS);
	signal_up_to(uid, PROCESS_SESSION, SIGTERM);
	if (wait_for_rank(uid, PROCESS_DISPLAY, SESSION_MS))
		return;
	log_warn("session_killed", kv_int("uid", uid));
	until_ms = clock_monotonic_ms() + KILL_MS;
	do /* what one of them started meanwhile, too */
		signal_up_to(uid, PROCESS_DISPLAY, SIGKILL);
	while (!wait_for_rank(uid, PROCESS_DISPLAY, 100) && clock_monotonic_ms() < until_ms);
}

int session_end(const char *user, const char *stay, struct error *err)
{
	OWNED_FD int lock = open(GUEST_ENDING_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	char who[96];
	uint32_t uid, gid;
	int rc = account_find(user, &uid, &gid, err);

	if (rc < 0)
		return rc;
	if (uid < 1000)
		return error_set(err, EPERM, "%s: not the account of a user", user);
	if (lock < 0)
		return error_errno(err, "open %s", GUEST_ENDING_FILE);
	if (flock(lock, LOCK_EX | LOCK_NB) < 0)
		return 0; /* it is being ended */
	OWNED_FD int manager = watch_manager(uid);

	end_processes(uid);
	wait_for_end(manager, MANAGER_MS); /* by then PAM has told the logoff */
	snprintf(who, sizeof(who), "%s %s", user, stay);
	return guest_tell_daemon("gone", who, err);
}
