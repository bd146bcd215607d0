/* SPDX-License-Identifier: Apache-2.0 */
/* Logging in with the directory's password, for those who have no admin certificate. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include "common/sys/file.h"
#include "ctl/ctl.h"

int ctl_ask_secret(const char *prompt, struct secret *out, struct error *err)
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
		     : error_set(err, EINVAL, "%.*s: nothing was given", (int)strcspn(prompt, ":"), prompt);
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
				   : ctl_ask_secret("Password: ", out, err);
}

static json_t *secret_json(const struct secret *secret)
{
	return json_stringn((const char *)secret->bytes, secret->len);
}

/* -------------------------------------------------------------------------------- second factor */

static void print_quiet_row(size_t side)
{
	for (size_t i = 0; i < side + 4; i++)
		fputs("\u2588", stderr);
	fputc('\n', stderr);
}

/* Two rows of modules in one of text, light on dark, as terminals mostly are. */
static void print_qr(const char *rows)
{
	size_t side = strcspn(rows, "\n");
	static const char *const blocks[] = { "\u2588", "\u2580", "\u2584", " " };

	if (side < 21 || strlen(rows) != side * (side + 1))
		return;
	print_quiet_row(side);
	for (size_t y = 0; y < side; y += 2) {
		const char *upper = rows + y * (side + 1), *lower = upper + side + 1;

		fputs("\u2588\u2588", stderr);
		for (size_t x = 0; x < side; x++) {
			bool dark_below = y + 1 < side && lower[x] == '1';

			fputs(blocks[(upper[x] == '1' ? 2 : 0) + (dark_below ? 1 : 0)], stderr);
		}
		fputs("\u2588\u2588\n", stderr);
	}
	print_quiet_row(side);
}

static void show_enrolment(const json_t *problem)
{
	fputs("A second factor is needed. Scan this with an authenticator app:\n\n", stderr);
	print_qr(ctl_text(problem, "qr_rows"));
	fprintf(stderr, "\nor type its key by hand: %s\n", ctl_text(problem, "secret"));
}

static bool is_code(const json_t *answer, const char *code)
{
	return strcmp(ctl_text(answer, "code"), code) == 0;
}

/* Asks for codes until one is right, as long as the broker lets it. */
static int give_code(struct ctl *ctl, const char *challenge, int *status, json_t **answer,
		     struct error *err)
{
	for (int tries = 0; tries < 3; tries++) {
		OWNED(secret_wipe) struct secret code = { 0 };
		int rc = ctl_ask_secret("Code: ", &code, err);

		if (rc < 0)
			return rc;
		json_decref(*answer);
		*answer = NULL;
		rc = ctl_request_any(ctl, "POST", "/v1/admin/session/second-factor",
				     json_pack("{s:s, s:o}", "challenge", challenge, "code",
					       secret_json(&code)),
				     status, answer, err);
		if (rc < 0 || (!is_code(*answer, "second_factor_wrong") &&
			       !is_code(*answer, "second_factor_used")))
			return rc;
		fprintf(stderr, "%s\n", ctl_text(*answer, "detail"));
	}
	return 0;
}

static int second_factor(struct ctl *ctl, int *status, json_t **answer, struct error *err)
{
	OWNED(json_decref) json_t *challenge = json_incref(json_object_get(*answer, "challenge"));

	if (is_code(*answer, "second_factor_enrolment"))
		show_enrolment(*answer);
	return give_code(ctl, json_is_string(challenge) ? json_string_value(challenge) : "", status,
			 answer, err);
}

static void print_recovery_codes(const json_t *answer)
{
	const json_t *codes = json_object_get(answer, "recovery_codes"), *code;
	size_t i;

	if (!json_is_array(codes))
		return;
	printf("Recovery codes, each good once in place of a code of the app. They are not shown "
	       "again:\n");
	json_array_foreach(codes, i, code)
		printf("  %s\n", json_string_value(code));
}

/* ---------------------------------------------------------------------------------------- login */

static int log_in(struct ctl *ctl, const struct secret *password, json_t **answer, struct error *err)
{
	json_t *body = json_pack("{s:s, s:o, s:{s:s, s:s}}", "user", ctl->args.values[0], "password",
				 secret_json(password), "client", "name", "genkanctl", "version",
				 GENKAN_VERSION);
	int status = 0;
	int rc = ctl_request_any(ctl, "POST", "/v1/admin/session", body, &status, answer, err);

	if (rc == 0 && (is_code(*answer, "second_factor_required") ||
			is_code(*answer, "second_factor_enrolment")))
		rc = second_factor(ctl, &status, answer, err);
	if (rc < 0 || status < 300)
		return rc;
	struct http_result refused = { .status = status, .body = *answer };
	return http_result_problem(&refused, err);
}

int staff_login(struct ctl *ctl, struct error *err)
{
	OWNED(secret_wipe) struct secret password = { 0 };
	OWNED(json_decref) json_t *answer = NULL;
	int rc = read_password(&ctl->args, &password, err);

	if (rc < 0)
		return rc;
	ctl->without_login = true;
	rc = log_in(ctl, &password, &answer, err);
	if (rc == 0)
		rc = ctl_session_save(ctl, ctl_text(answer, "token"), err);
	if (rc < 0)
		return rc;
	json_object_del(answer, "token");
	if (ctl->args.json) {
		ctl_print_json(answer);
		return 0;
	}
	printf("%s: %s%s%s\n", ctl_text(answer, "user"), ctl_text(answer, "roles"),
	       *ctl_text(answer, "pools") ? " of " : "", ctl_text(answer, "pools"));
	print_recovery_codes(answer);
	return 0;
}

/* ------------------------------------------------------------------------------------- password */

/* Typed twice: what cannot be seen is easily mistyped. */
static int ask_new_password(const struct arguments *args, struct secret *out, struct error *err)
{
	OWNED(secret_wipe) struct secret again = { 0 };

	if (args->new_password_file)
		return file_read_secret(args->new_password_file, out, err);
	int rc = ctl_ask_secret("New password: ", out, err);
	if (rc == 0)
		rc = ctl_ask_secret("New password again: ", &again, err);
	if (rc == 0 && !span_equal_secret(secret_span(out), secret_span(&again)))
		rc = error_set(err, EINVAL, "the two are not the same");
	return rc;
}

int password_change(struct ctl *ctl, struct error *err)
{
	OWNED(secret_wipe) struct secret old = { 0 };
	OWNED(secret_wipe) struct secret fresh = { 0 };
	OWNED(json_decref) json_t *answer = NULL;
	int rc = read_password(&ctl->args, &old, err);

	if (rc == 0)
		rc = ask_new_password(&ctl->args, &fresh, err);
	if (rc < 0)
		return rc;
	ctl->without_login = true;
	rc = ctl_request(ctl, "POST", "/v1/password",
			 json_pack("{s:s, s:o, s:o}", "user", ctl->args.values[0], "password",
				   secret_json(&old), "new_password", secret_json(&fresh)),
			 &answer, err);
	if (rc == 0 && !ctl->args.json)
		printf("%s: the password has been changed\n", ctl->args.values[0]);
	return rc;
}

int staff_logout(struct ctl *ctl, struct error *err)
{
	OWNED(json_decref) json_t *answer = NULL;
	int rc = ctl_request(ctl, "DELETE", "/v1/admin/session", NULL, &answer, err);

	ctl_session_forget(ctl);
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
