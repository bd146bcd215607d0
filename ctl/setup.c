/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <netdb.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "common/sys/file.h"

#define TEXT_MAX (64 * 1024)

/* ---------------------------------------------------------------------------------- settings */

/* "key = ..." or "; key = ..." */
static const struct setup_value *value_of_line(struct span line, const struct setup_value *values,
					       size_t count)
{
	const char *p = (const char *)line.ptr, *end = p + line.len;

	while (p < end && (*p == ';' || *p == ' '))
		p++;
	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(values[i].key);

		if (!values[i].value || (size_t)(end - p) < len + 2 ||
		    memcmp(p, values[i].key, len) != 0)
			continue;
		if (p[len] == ' ' && p[len + 1] == '=')
			return &values[i];
	}
	return NULL;
}

void setup_fill_in(struct span text, const struct setup_value *values, size_t count,
		   struct buf *out)
{
	OWNED(free) bool *done = xcalloc(count + 1, sizeof(*done));
	const char *p = (const char *)text.ptr, *end = p + text.len;

	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((newline ? newline : end) - p);
		const struct setup_value *v = value_of_line(span_of(p, len), values, count);

		if (v && !done[v - values]) {
			buf_printf(out, "%s = %s\n", v->key, v->value);
			done[v - values] = true;
		} else {
			buf_put(out, p, len);
			buf_put_u8(out, '\n');
		}
		p += len + (newline != NULL);
	}
	for (size_t i = 0; i < count; i++)
		if (values[i].value && !done[i])
			buf_printf(out, "%s = %s\n", values[i].key, values[i].value);
}

int setup_settings(const char *name, const struct setup_value *values, size_t count,
		   struct error *err)
{
	OWNED(buf_done) struct buf from = BUF_LIMIT(256);
	OWNED(buf_done) struct buf to = BUF_LIMIT(256);
	OWNED(buf_done) struct buf text = { 0 };
	OWNED(buf_done) struct buf filled = { 0 };
	int rc;

	buf_printf(&from, SETUP_SHARE "/%s", name);
	buf_printf(&to, SETUP_ETC "/%s", name);
	if (access(buf_text(&to), F_OK) == 0) {
		printf("%s is there already and stays as it is\n", buf_text(&to));
		return 0;
	}
	if ((rc = file_read(buf_text(&from), TEXT_MAX, &text, err)) < 0)
		return rc;
	setup_fill_in(buf_span(&text), values, count, &filled);
	if ((rc = file_make_dirs(SETUP_ETC, 0755, err)) < 0 ||
	    (rc = file_write(buf_text(&to), buf_span(&filled), 0644, err)) < 0)
		return rc;
	printf("%s: made\n", buf_text(&to));
	return 0;
}

static int give_to(const char *path, const char *user, struct error *err)
{
	const struct passwd *account = user ? getpwnam(user) : NULL;

	if (!user)
		return 0;
	if (!account)
		return error_set(err, ENOENT, "there is no account %s: is its package installed?",
				 user);
	if (chown(path, account->pw_uid, account->pw_gid) < 0)
		return error_errno(err, "chown %s", path);
	return 0;
}

int setup_file(const char *path, struct span content, mode_t mode, const char *user,
	       struct error *err)
{
	OWNED(buf_done) struct buf there = { 0 };
	int rc;

	if (access(path, F_OK) == 0) {
		if ((rc = file_read(path, TEXT_MAX, &there, err)) < 0)
			return rc;
		if (there.len == content.len && memcmp(there.ptr, content.ptr, content.len) == 0)
			return 0;
		return error_set(err, EEXIST, "%s is there already, with another content", path);
	}
	if ((rc = file_make_dirs(SETUP_ETC, 0755, err)) < 0 ||
	    (rc = file_write(path, content, mode, err)) < 0 || (rc = give_to(path, user, err)) < 0)
		return rc;
	printf("%s: made\n", path);
	return 0;
}

/* ---------------------------------------------------------------------------------- programs */

static int become(const char *user)
{
	const struct passwd *account = getpwnam(user);

	return !account || initgroups(user, account->pw_gid) < 0 || setgid(account->pw_gid) < 0 ||
			       setuid(account->pw_uid) < 0
		       ? -1
		       : 0;
}

static void run_child(const char *const argv[], const char *user, int in, int out)
{
	union {
		const char *const *in;
		char *const *out;
	} arguments = { .in = argv };

	if ((user && become(user) < 0) || (in >= 0 && dup2(in, STDIN_FILENO) < 0) ||
	    (out >= 0 && dup2(out, STDOUT_FILENO) < 0))
		_exit(126);
	execvp(argv[0], arguments.out);
	_exit(127);
}

static int collect(int fd, struct buf *output)
{
	char part[4096];
	ssize_t n;

	while ((n = read(fd, part, sizeof(part))) > 0)
		buf_put(output, part, (size_t)n);
	return 0;
}

int setup_run(const char *const argv[], const char *user, struct span input, struct buf *output,
	      struct error *err)
{
	int in[2], out[2] = { -1, -1 }, status = 0;

	fflush(stdout);
	if (input.len > PIPE_BUF)
		return error_set(err, E2BIG, "%s: too much input", argv[0]);
	if (pipe2(in, O_CLOEXEC) < 0 || (output && pipe2(out, O_CLOEXEC) < 0))
		return error_errno(err, "pipe");

	pid_t pid = fork();
	if (pid == 0)
		run_child(argv, user, input.len ? in[0] : -1, out[1]);
	close(in[0]);
	if (out[1] >= 0)
		close(out[1]);
	if (pid > 0 && input.len && write(in[1], input.ptr, input.len) < 0)
		status = -1;
	close(in[1]);
	if (output) {
		collect(out[0], output);
		close(out[0]);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return error_errno(err, "run %s", argv[0]);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return error_set(err, ENOENT, "%s is not installed", argv[0]);
	if (status != 0)
		return error_set(err, EIO, "%s ended without success (see above)", argv[0]);
	return 0;
}

/* -------------------------------------------------------------------------------- this machine */

void setup_host_name(char out[256])
{
	const struct addrinfo hints = { .ai_flags = AI_CANONNAME, .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	char name[256] = "localhost";

	gethostname(name, sizeof(name) - 1);
	snprintf(out, 256, "%s", name);
	if (getaddrinfo(name, NULL, &hints, &found) == 0) {
		if (found->ai_canonname && strchr(found->ai_canonname, '.'))
			snprintf(out, 256, "%s", found->ai_canonname);
		freeaddrinfo(found);
	}
}

int setup_needs_root(const char *command, struct error *err)
{
	return geteuid() == 0 ? 0 : error_set(err, EPERM, "needs root: sudo genkanctl %s", command);
}
