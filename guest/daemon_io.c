/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon: answers the host's lines on the virtio port one after the other and passes on what
 * PAM says about sessions. One thread; while an identity is applied nothing else is answered.
 *
 * A virtio port whose host side is closed polls as hung up for ever, so it is left out of the poll
 * set then; the kernel sends SIGIO when the host opens or closes it, which a signalfd brings in. */
#include "guest/guest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <linux/netlink.h>
#include "common/base/text.h"
#include "common/sys/file.h"
#include "common/sys/log.h"
#include "guest/apply_io.h"
#include "guest/freeze_io.h"
#include "guest/home_io.h"
#include "guest/identity.h"
#include "guest/inspect.h"
#include "guest/paths.h"
#include "guest/session_io.h"

#define OUT_LIMIT (64 * 1024)

struct daemon {
	int port;
	int sessions;	/* datagrams of pam-session */
	int signals;
	bool host_there;
	bool discarding;	/* in the middle of a line that was too long */
	struct buf in, out;
	bool has_record;
	bool sessions_begun;
	char logged_on[64];	/* account; "" nobody */
	int64_t logoffs;
	char boot[64];		/* the kernel's id of this boot */
	struct home home;
	int64_t shown;	/* highest number of a text that was shown */
	struct identity_record record;
};

DEFINE_OWNED(closedir, DIR);

static void daemon_done(struct daemon *d)
{
	buf_done(&d->in);
	buf_done(&d->out);
	owned_fd_close(&d->port);
	owned_fd_close(&d->sessions);
	owned_fd_close(&d->signals);
}
DEFINE_OWNED_VALUE(daemon_done, struct daemon);

static bool port_has_name(const char *port, const char *name)
{
	OWNED(buf_done) struct buf text = { 0 };
	char path[300];

	snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", port);
	if (file_read(path, 255, &text, NULL) < 0)
		return false;
	return strncmp(buf_text(&text), name, strlen(name)) == 0 &&
	       buf_text(&text)[strlen(name)] == '\n';
}

static int port_try_open(const char *name)
{
	OWNED(closedir) DIR *dir = opendir("/sys/class/virtio-ports");
	struct dirent *entry;
	char path[300];

	while (dir && (entry = readdir(dir))) {
		if (!port_has_name(entry->d_name, name))
			continue;
		snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
		return open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	}
	errno = ENOENT;
	return -1;
}

/* Does not wait for udev's links: the kernel itself makes the node and tells about it. */
static int port_open(struct daemon *d, struct error *err)
{
	OWNED_FD int news = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	char event[4096];

	if (news < 0 || bind(news, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return error_errno(err, "listen for devices");
	while ((d->port = port_try_open(GUEST_PORT_NAME)) < 0) {
		if (errno != ENOENT && errno != ENXIO)
			return error_errno(err, "open the port %s", GUEST_PORT_NAME);
		if (recv(news, event, sizeof(event), 0) < 0 && errno != EINTR && errno != ENOBUFS)
			return error_errno(err, "listen for devices");
	}
	if (fcntl(d->port, F_SETOWN, getpid()) < 0 ||
	    fcntl(d->port, F_SETFL, O_NONBLOCK | O_ASYNC) < 0)
		return error_errno(err, "watch the port %s", GUEST_PORT_NAME);
	return 0;
}

static int sessions_open(struct daemon *d, struct error *err)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX, .sun_path = GUEST_SESSION_SOCKET };
	mode_t mask = umask(0077);
	int rc;

	d->sessions = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	unlink(GUEST_SESSION_SOCKET);
	rc = d->sessions < 0 ? -1 : bind(d->sessions, (struct sockaddr *)&at, sizeof(at));
	umask(mask);
	return rc < 0 ? error_errno(err, "listen on %s", GUEST_SESSION_SOCKET) : 0;
}

static int signals_open(struct daemon *d, struct error *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	d->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return d->signals < 0 ? error_errno(err, "open a signalfd") : 0;
}

static void say(struct daemon *d, struct buf *line)
{
	if (d->out.len + line->len > OUT_LIMIT)
		log_warn("link_line_dropped", kv_int("queued", (int64_t)d->out.len));
	else
		buf_put_span(&d->out, buf_span(line));
}

static void say_event(struct daemon *d, const char *event, const char *user)
{
	OWNED(buf_done) struct buf line = BUF_LIMIT(LINK_LINE_MAX);

	link_write_event(&line, event, user);
	say(d, &line);
}

static void say_sessions(struct daemon *d)
{
	OWNED(buf_done) struct buf line = BUF_LIMIT(LINK_LINE_MAX);

	link_write_sessions(&line, d->logged_on, d->logoffs, d->boot);
	say(d, &line);
}

static void port_write(struct daemon *d)
{
	while (d->out.len > 0) {
		ssize_t n = write(d->port, d->out.ptr, d->out.len);

		if (n <= 0)
			return;
		buf_consume(&d->out, (size_t)n);
	}
}

/* Said in the middle of our work: the host goes on while we do. */
static void on_reachable(void *arg)
{
	struct daemon *d = arg;

	say_event(d, "reachable", NULL);
	port_write(d);
}

static int take_identity(struct daemon *d, const struct identity *identity,
			 struct identity_spent *spent, struct error *err)
{
	const struct apply_watcher watcher = { on_reachable, d };
	int rc;

	if (d->has_record && identity_record_matches(&d->record, identity))
		return apply_ensure_served(err);
	d->has_record = false;
	rc = apply_identity(identity, d->sessions_begun, &watcher, &d->record, spent, err);
	if (rc < 0)
		return rc;
	d->has_record = true;
	d->sessions_begun = false;
	return 0;
}

/* A host that did not hear the answer says it again. */
static int take_text(struct daemon *d, const struct link_request *request, struct error *err)
{
	int rc = 0;

	if (request->seq > d->shown)
		rc = session_show(request->user, request->text, err);
	if (rc == 0 && request->seq > d->shown)
		d->shown = request->seq;
	return rc;
}

/* Whose session is over has what was wanted. */
static int take_log_off(struct daemon *d, const struct link_request *request, struct error *err)
{
	return strcmp(d->logged_on, request->user) == 0 ?
		       session_end_start(request->user, d->logoffs, err) : 0;
}

static int carry_out(struct daemon *d, const struct link_request *request,
		     struct identity_spent *spent, struct error *err)
{
	switch (request->command) {
	case LINK_PING:
	case LINK_INSPECT:	/* all of it is in the answer */
		break;
	case LINK_FREEZE:
		return guest_freeze(err);
	case LINK_REHEARSE:
		return guest_rehearse(&request->identity, err);
	case LINK_IDENTITY:
		return take_identity(d, &request->identity, spent, err);
	case LINK_HOME:
		return home_mount(&d->home, &request->home, err);
	case LINK_RELEASE:
		return home_release(&d->home, err);
	case LINK_SHOW:
		return take_text(d, request, err);
	case LINK_LOG_OFF:
		return take_log_off(d, request, err);
	}
	return 0;
}

static void take_line(struct daemon *d, struct span line)
{
	OWNED(buf_done) struct buf answer = BUF_LIMIT(LINK_LINE_MAX);
	struct identity_spent spent = { 0 };
	struct link_request request;
	struct error err = { 0 };
	int64_t id = 0;
	int rc = link_request_parse(line, &id, &request, &err);

	if (rc == 0)
		rc = carry_out(d, &request, &spent, &err);
	if (rc < 0) {
		log_warn("link_request_failed", kv_int("id", id), kv_str("reason", err.text));
		if (rc == -EUCLEAN)
			link_write_refusal(&answer, id, "broken", err.text);
		else
			link_write_error(&answer, id, err.text);
	} else if (request.command == LINK_INSPECT) {
		link_write_inspection(&answer, id, guest_inspect(d->logged_on));
	} else {
		bool named = request.command == LINK_IDENTITY;

		link_write_ok(&answer, id, named ? d->record.certificate_sha256 : NULL,
			      named ? &spent : NULL);
	}
	memory_wipe(&request, sizeof(request));
	say(d, &answer);
	port_write(d);
}

static void take_lines(struct daemon *d)
{
	const uint8_t *end;

	while ((end = d->in.len ? memchr(d->in.ptr, '\n', d->in.len) : NULL)) {
		size_t len = (size_t)(end - d->in.ptr);

		if (!d->discarding)
			take_line(d, span_of(d->in.ptr, len));
		d->discarding = false;
		buf_consume(&d->in, len + 1);
	}
	if (d->in.len >= LINK_LINE_MAX) {
		d->discarding = true;
		buf_reset(&d->in);
	}
}

static void port_read(struct daemon *d)
{
	uint8_t chunk[LINK_LINE_MAX];
	ssize_t n;

	while ((n = read(d->port, chunk, sizeof(chunk))) > 0) {
		buf_put(&d->in, chunk, (size_t)n);
		take_lines(d);
	}
}

/* Each connection of the host begins with a clean line and our greeting. */
static void port_check_host(struct daemon *d)
{
	struct pollfd p = { .fd = d->port, .events = POLLIN };
	bool there = poll(&p, 1, 0) >= 0 && !(p.revents & POLLHUP);

	if (there && !d->host_there) {
		say_event(d, "ready", NULL);
		say_sessions(d);
	}
	if (!there) {
		buf_reset(&d->in);
		buf_reset(&d->out);
		d->discarding = false;
	}
	d->host_there = there;
}

/* What the user still runs would keep the home in use; nobody is told of the logoff before it is
 * closed. */
static void prepare_home(struct daemon *d, bool logon, const char *user)
{
	struct error err = { 0 };
	int rc = logon ? home_ensure(&d->home, user, &err) : home_release(&d->home, &err);

	if (rc < 0)
		log_warn(logon ? "home_missing" : "home_still_open", kv_str("user", user),
			 kv_str("reason", err.text));
}

static void take_session(struct daemon *d, bool logon, const char *user)
{
	prepare_home(d, logon, user);
	snprintf(d->logged_on, sizeof(d->logged_on), "%s", logon ? user : "");
	d->logoffs += !logon;
	say_event(d, logon ? "logon" : "logoff", user);
	say_sessions(d);
}

/* The session's processes are gone. Usually PAM has told the logoff by then. */
static void take_gone(struct daemon *d, char *what)
{
	char *stay = strchr(what, ' ');

	if (!stay)
		return;
	*stay++ = '\0';
	if (strcmp(d->logged_on, what) == 0 && strtoll(stay, NULL, 10) == d->logoffs)
		take_session(d, false, what);
}

static void sessions_read(struct daemon *d)
{
	struct sockaddr_un from;
	socklen_t from_len = sizeof(from);
	char text[128];
	ssize_t n;

	while ((n = recvfrom(d->sessions, text, sizeof(text) - 1, 0, (struct sockaddr *)&from,
			     &from_len)) > 0) {
		char *user;

		text[n] = '\0';
		user = strchr(text, ' ');
		if (user && str_starts(text, "gone ")) {
			take_gone(d, user + 1);
			from_len = sizeof(from);
			continue;
		}
		if (!user || !guest_account_name_valid(span_text(user + 1)))
			continue;
		d->sessions_begun = true;
		take_session(d, str_starts(text, "logon "), user + 1);
		if (from_len > sizeof(sa_family_t))	/* it waits until the home is there */
			sendto(d->sessions, "done", 4, MSG_DONTWAIT, (struct sockaddr *)&from,
			       from_len);
		from_len = sizeof(from);
	}
}

/* True when asked to end. */
static bool signals_read(struct daemon *d)
{
	struct signalfd_siginfo info;
	bool end = false;

	while (read(d->signals, &info, sizeof(info)) == sizeof(info))
		end |= info.ssi_signo == SIGTERM;
	return end;
}

static int serve(struct daemon *d, struct error *err)
{
	for (;;) {
		struct pollfd p[3] = { { .fd = d->signals, .events = POLLIN },
				       { .fd = d->sessions, .events = POLLIN },
				       { .fd = d->port, .events = POLLIN } };

		port_check_host(d);
		if (d->out.len > 0)
			p[2].events |= POLLOUT;
		if (!d->host_there)
			p[2].fd = -1;
		if (poll(p, ARRAY_LEN(p), -1) < 0 && errno != EINTR)
			return error_errno(err, "poll");
		if (p[0].revents && signals_read(d))
			return 0;
		if (p[1].revents)
			sessions_read(d);
		if (p[2].revents & POLLIN)
			port_read(d);
		if (d->host_there)
			port_write(d);
	}
}

static void read_boot(struct daemon *d)
{
	OWNED(buf_done) struct buf text = { 0 };

	if (file_read("/proc/sys/kernel/random/boot_id", 64, &text, NULL) == 0)
		snprintf(d->boot, sizeof(d->boot), "%.*s", (int)strcspn(buf_text(&text), "\n"),
			 buf_text(&text));
}

int guest_daemon(struct error *err)
{
	OWNED(daemon_done) struct daemon d = { .port = -1, .sessions = -1, .signals = -1,
					       .in = BUF_LIMIT(2 * LINK_LINE_MAX),
					       .out = BUF_LIMIT(OUT_LIMIT) };
	int rc = file_make_dirs(GUEST_RUN_DIR, 0755, err);

	read_boot(&d);
	home_load(&d.home);

	d.has_record = apply_load_record(&d.record, NULL) == 0;
	d.sessions_begun = d.has_record;	/* a restarted daemon cannot know: assume it */
	if (rc == 0)
		rc = signals_open(&d, err);
	if (rc == 0)
		rc = sessions_open(&d, err);
	if (rc == 0)
		rc = port_open(&d, err);
	return rc < 0 ? rc : serve(&d, err);
}
