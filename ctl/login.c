/* SPDX-License-Identifier: Apache-2.0 */
/* Logging in with the directory's password, for those who have no admin certificate. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include "common/sys/file.h"
#include "ctl/ctl.h"

/* Without showing it; from a pipe as it comes. */
static int ask_secret(const char *prompt, struct secret *out, struct error *err)
{
	struct termios shown, hidden;
	bool terminal = tcgetattr(STDIN_FILENO, &shown) == 0;
	int rc;

	if (terminal) {
		hidden = shown;
		hidden.c_lflag &= ~(tcflag_t)ECHO;
		fputs(prompt, stderr);
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
	}
	char line[SECRET_MAX + 2];
	rc = fgets(line, sizeof(line), stdin)
		     ? secret_set(out, span_of(line, strcspn(line, "\n")))
		     : error_set(err, EINVAL, "no password was given");
	memory_wipe(line, sizeof(line));
	if (terminal) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
		fputc('\n', stderr);
	}
	return rc;
}

static int read_password(const struct arguments *args, struct secret *out, struct error *err)
{
	return args->password_file ? file_read_secret(args->password_file, out, err)
				   : ask_secret("Password: ", out, err);
}

int staff_login(struct ctl *ctl, struct error *err)
{
	OWNED(secret_wipe) struct secret password = { 0 };
	OWNED(json_decref) json_t *answer = NULL;
	int rc = read_password(&ctl->args, &password, err);

	if (rc < 0)
		return rc;
	ctl->without_login = true;
	json_t *body = json_pack("{s:s, s:o, s:{s:s, s:s}}", "user", ctl->args.values[0], "password",
				 json_stringn((const char *)password.bytes, password.len), "client",
				 "name", "genkanctl", "version", GENKAN_VERSION);
	rc = ctl_request(ctl, "POST", "/v1/admin/session", body, &answer, err);
	if (rc == 0)
		rc = ctl_session_save(ctl_text(answer, "token"), err);
	if (rc < 0)
		return rc;
	json_object_del(answer, "token");
	if (ctl->args.json)
		ctl_print_json(answer);
	else
		printf("%s: %s%s%s\n", ctl_text(answer, "user"), ctl_text(answer, "roles"),
		       *ctl_text(answer, "pools") ? " of " : "", ctl_text(answer, "pools"));
	return 0;
}

int staff_logout(struct ctl *ctl, struct error *err)
{
	OWNED(json_decref) json_t *answer = NULL;
	int rc = ctl_request(ctl, "DELETE", "/v1/admin/session", NULL, &answer, err);

	ctl_session_forget();
	return rc;
}

int staff_whoami(struct ctl *ctl, struct error *err)
{
	OWNED(json_decref) json_t *answer = NULL;
	int rc = ctl_request(ctl, "GET", "/v1/admin/session", NULL, &answer, err);

	if (rc < 0)
		return rc;
	if (ctl->args.json)
		ctl_print_json(answer);
	else
		printf("%s: %s%s%s\n", ctl_text(answer, "user"), ctl_text(answer, "roles"),
		       *ctl_text(answer, "pools") ? " of " : "", ctl_text(answer, "pools"));
	return 0;
}
