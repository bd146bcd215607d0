/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/guest.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include "common/base/text.h"
#include "guest/account_io.h"
#include "guest/paths.h"

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

static int tell_daemon(const char *event, const char *user, struct error *err)
{
	OWNED_FD int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un to = { .sun_family = AF_UNIX, .sun_path = GUEST_SESSION_SOCKET };
	char text[128];
	int len = snprintf(text, sizeof(text), "%s %s", event, user);

	if (fd < 0 || sendto(fd, text, (size_t)len, MSG_DONTWAIT, (struct sockaddr *)&to,
			     sizeof(to)) < 0)
		return error_errno(err, "send to %s", GUEST_SESSION_SOCKET);
	return 0;
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
	return rc < 0 ? rc : tell_daemon(opens ? "logon" : "logoff", user, err);
}
