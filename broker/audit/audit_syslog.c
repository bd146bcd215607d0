/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/audit/audit_syslog.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>

#include "common/base/text.h"
#include "common/data/json.h"
#include "common/sys/log.h"

enum { LOOK_MS = 500, RETRY_MS = 5000, ROWS = 256 };

struct audit_syslog {
	struct state_job job; /* first: jobs are cast back */
	struct broker *broker;
	struct loop_timer *timer;
	int fd; /* never connected: the core may not (sandbox.c), and the log may be started anew */
	struct sockaddr_un address;
	bool busy; /* the job is under way, `stopped` frees then */
	bool stopped, refused;
	int64_t sent, known; /* ids; `known` is what the store has of it, -1: not asked */
	struct store_audit_list rows;
};

static void look(void *arg);

struct audit_syslog *audit_syslog_new(struct broker *broker)
{
	if (!*broker->config->audit_syslog)
		return NULL;
	struct audit_syslog *a = xnew(struct audit_syslog);

	a->broker = broker;
	a->fd = -1;
	a->known = -1;
	a->timer = loop_timer_new(broker->loop, look, a);
	loop_timer_start(a->timer, LOOK_MS);
	return a;
}

static void finish(struct audit_syslog *a)
{
	store_audit_list_done(&a->rows);
	if (a->fd >= 0)
		close(a->fd);
	free(a);
}

void audit_syslog_free(struct audit_syslog *a)
{
	if (!a)
		return;
	loop_timer_free(STEAL(a->timer));
	a->stopped = true;
	if (!a->busy)
		finish(a);
}

/* ------------------------------------------------------------------------------------- sending */

static int open_socket(struct audit_syslog *a, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *path = a->broker->config->audit_syslog;

	if (a->fd >= 0)
		return 0;
	if (str_copy(address.sun_path, sizeof(address.sun_path), path) < 0)
		return error_set(err, ENAMETOOLONG, "%s: too long for a socket", path);
	OWNED_FD int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_errno(err, "%s", path);
	a->address = address;
	a->fd = steal_fd(&fd);
	return 0;
}

/* RFC 3164, as everything that listens at /dev/log reads it; the time is when it was done. */
static void write_line(const struct store_audit_row *row, struct buf *out)
{
	OWNED(json_decref)
	json_t *json =
		json_pack("{s:I, s:I, s:s, s:s, s:s, s:s, s:b, s:s, s:s, s:s, s:s}", "id",
			  (json_int_t)row->id, "at_ms", (json_int_t)row->at_ms, "who", row->who,
			  "source", row->source, "what", row->what, "code", row->code, "denied",
			  row->denied, "subject", row->subject, "details", row->details,
			  "previous_sha256", row->previous_sha256, "sha256", row->sha256);
	time_t at_s = (time_t)(row->at_ms / 1000);
	char when[32] = "";
	struct tm tm;

	if (localtime_r(&at_s, &tm))
		strftime(when, sizeof(when), "%b %e %H:%M:%S", &tm);
	buf_printf(out, "<%d>%s genkan-audit[%d]: ",
		   LOG_AUTHPRIV | (row->denied ? LOG_NOTICE : LOG_INFO), when, (int)getpid());
	json_write(json, out);
}

static int send_rows(struct audit_syslog *a, struct error *err)
{
	int rc = open_socket(a, err);

	for (size_t i = 0; i < a->rows.count && rc == 0; i++) {
		OWNED(buf_done) struct buf line = { 0 };

		write_line(&a->rows.items[i], &line);
		if (sendto(a->fd, line.ptr, line.len, MSG_NOSIGNAL, (struct sockaddr *)&a->address,
			   sizeof(a->address)) < 0)
			rc = error_errno(err, "%s", a->broker->config->audit_syslog);
		else
			a->sent = a->rows.items[i].id;
	}
	return rc;
}

/* ------------------------------------------------------------------------------------- reading */

static int read_run(struct store *store, struct state_job *job, struct error *err)
{
	struct audit_syslog *a = (struct audit_syslog *)job;
	int rc = 0;

	if (a->known < 0) {
		if ((rc = store_audit_sent(store, &a->known, err)) < 0)
			return rc;
		a->sent = a->known;
	}
	if (a->sent > a->known && (rc = store_audit_set_sent(store, a->sent, err)) < 0)
		return rc;
	a->known = a->sent;
	store_audit_list_done(&a->rows);
	return store_audit_after(store, a->sent, ROWS, &a->rows, err);
}

static void read_done(struct state_job *job, int rc, const struct error *why)
{
	struct audit_syslog *a = (struct audit_syslog *)job;
	struct error err = { 0 };
	size_t count = a->rows.count;

	a->busy = false;
	if (a->stopped) {
		finish(a);
		return;
	}
	if (rc < 0) {
		a->known = -1; /* what the store has of it is not certain */
		log_warn("audit_not_read", kv_error(why));
	} else if (count && (rc = send_rows(a, &err)) < 0 && !a->refused) {
		log_error("audit_not_sent", kv_int("row", a->sent + 1), kv_error(&err));
	} else if (rc == 0 && a->refused) {
		log_info("audit_sent_again", kv_int("row", a->sent));
	}
	a->refused = rc < 0;
	loop_timer_start(a->timer, rc < 0 ? RETRY_MS : count ? 1 : LOOK_MS);
}

static void look(void *arg)
{
	struct audit_syslog *a = arg;

	a->busy = true;
	state_submit_always(a->broker->state, &a->job, read_run, read_done);
}
