/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/guest.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include "common/base/text.h"
#include "guest/account_io.h"
#include "guest/home_io.h"
#include "guest/paths.h"

enum { HOME_WAIT_S = 60 };

/* The folder that desktop programs expect; there is no session manager that would make it. */
static int make_runtime_dir(const char *user, struct error *err)
{
	char path[64];
	uint32_t uid, gid;
	int rc = account_find(user, &uid, &gid, err);

	if (rc < 0)
		return rc;
	snprintf(path, sizeof(path), "/run/user/%u", uid);
	mkdir("/run/user", 0755);
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return error_errno(err, "create %s", path);
	return lchown(path, uid, gid) < 0 ? error_errno(err, "chown %s", path) : 0;
}

/* A home on a disk of its own may still have to be mounted: the daemon says when it is there. */
static int wait_for_home(int fd, struct error *err)
{
	struct timeval limit = { .tv_sec = HOME_WAIT_S };
	char answer[8];

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (recv(fd, answer, sizeof(answer), 0) < 0)
		return error_errno(err, "wait for the home folder");
	return 0;
}

static int tell(const char *event, const char *what, bool wait, struct error *err)
{
	OWNED_FD int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un to = { .sun_family = AF_UNIX, .sun_path = GUEST_SESSION_SOCKET };
	struct sockaddr_un from = { .sun_family = AF_UNIX };
	char text[128];
	int len = snprintf(text, sizeof(text), "%s %s", event, what);

	/* To be answered one needs a name; the kernel gives one (unix(7), autobind). */
	if (fd >= 0 && wait && bind(fd, (struct sockaddr *)&from, sizeof(sa_family_t)) < 0)
		return error_errno(err, "name a socket");
	if (fd < 0 || sendto(fd, text, (size_t)len, MSG_DONTWAIT, (struct sockaddr *)&to,
			     sizeof(to)) < 0)
		return error_errno(err, "send to %s", GUEST_SESSION_SOCKET);
	return wait ? wait_for_home(fd, err) : 0;
}

int guest_tell_daemon(const char *event, const char *what, struct error *err)
{
	return tell(event, what, false, err);
}

int guest_pam_session(struct error *err)
{
	const char *user = getenv("PAM_USER"), *type = getenv("PAM_TYPE");
	bool opens;
	int rc = 0;

	if (!user || !type || !guest_account_name_valid(span_text(user)))
		return error_set(err, EINVAL, "no PAM_USER or PAM_TYPE; pam_exec calls this");
	opens = strcmp(type, "open_session") == 0;
	if (!opens && strcmp(type, "close_session") != 0)
		return 0;
	if (opens)
		rc = make_runtime_dir(user, err);
	return rc < 0 ? rc : tell(opens ? "logon" : "logoff", user, opens && home_is_expected(), err);
}
