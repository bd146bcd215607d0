/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include "common/sys/log.h"
#include "guest/guest.h"
#include "guest/session_io.h"

static int report_to_syslog(int rc, const char *what, const struct error *err)
{
	if (rc < 0)
		syslog(LOG_AUTHPRIV | LOG_WARNING, "%s: %s", what, err->text);
	return rc < 0 ? 1 : 0;
}

static int report_to_log(int rc, const char *event, const struct error *err)
{
	if (rc < 0)
		log_error(event, kv_error(err));
	return rc < 0 ? 1 : 0;
}

static int usage(FILE *out, int status)
{
	fputs("usage: genkan-guest daemon         serve the host (systemd starts this)\n"
	      "       genkan-guest pam-auth       check a guest credential (pam_exec calls this)\n"
	      "       genkan-guest pam-session    report logon and logoff (pam_exec calls this)\n"
	      "       genkan-guest end-session USER STAY   log a user off (the daemon starts this)\n"
	      "       genkan-guest agent-port     pass on the port of QEMU's guest agent\n"
	      "       genkan-guest --version\n",
	      out);
	return status;
}

int main(int argc, char **argv)
{
	struct error err = { 0 };

	if (getpid() == 1 && strcmp(argv[0], "/init") == 0)
		return report_to_log(guest_initrd(&err), "initrd_failed", &err);
	if (argc == 4 && strcmp(argv[1], "end-session") == 0)
		return report_to_log(session_end(argv[2], argv[3], &err), "session_not_ended", &err);
	if (argc != 2)
		return usage(stderr, 2);
	if (strcmp(argv[1], "daemon") == 0)
		return report_to_log(guest_daemon(&err), "guest_daemon_failed", &err);
	if (strcmp(argv[1], "agent-port") == 0)
		return report_to_log(guest_agent_port(&err), "agent_port_failed", &err);
	if (strcmp(argv[1], "pam-auth") == 0)
		return report_to_syslog(guest_pam_auth(&err), "pam-auth", &err);
	if (strcmp(argv[1], "pam-session") == 0)
		return report_to_syslog(guest_pam_session(&err), "pam-session", &err);
	if (strcmp(argv[1], "--version") == 0)
		return printf("genkan-guest %s\n", GENKAN_VERSION) < 0;
	return usage(strcmp(argv[1], "--help") == 0 ? stdout : stderr,
		     strcmp(argv[1], "--help") == 0 ? 0 : 2);
}
