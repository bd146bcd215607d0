/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/session_io.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include "common/base/buf.h"
#include "common/base/text.h"
#include "common/sys/file.h"
#include "guest/account_io.h"
#include "guest/paths.h"
#include "guest/processes_io.h"

#define ENVIRONMENT_MAX 65536
#define VARIABLES_MAX 512

/* The environment of one of the session's programs: where its display is, and whose. */
struct environment {
	struct buf text;
	char *variables[VARIABLES_MAX + 1];
	const char *home;
};

static void environment_done(struct environment *e)
{
	buf_done(&e->text);
}
DEFINE_OWNED_VALUE(environment_done, struct environment);

static bool environment_read(pid_t pid, struct environment *out)
{
	char path[32];
	bool has_display = false;
	size_t count = 0;

	buf_reset(&out->text);
	snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	if (file_read(path, ENVIRONMENT_MAX, &out->text, NULL) < 0)
		return false;
	buf_put_u8(&out->text, '\0');
	out->home = "/";
	for (char *at = (char *)out->text.ptr, *end = at + out->text.len;
	     at < end && *at && count < VARIABLES_MAX; at += strlen(at) + 1) {
		has_display |= str_starts(at, "DISPLAY=");
		if (str_starts(at, "HOME="))
			out->home = at + strlen("HOME=");
		out->variables[count++] = at;
	}
	out->variables[count] = NULL;
	return has_display;
}

static int find_environment(const char *user, uint32_t uid, struct environment *out,
			    struct error *err)
{
	OWNED(processes_done) struct processes list = { 0 };

	processes_of(uid, &list);
	for (size_t i = 0; i < list.count; i++)
		if (processes_rank(&list, &list.items[i]) != PROCESS_DISPLAY &&
		    environment_read(list.items[i].pid, out))
			return 0;
	return error_set(err, ESRCH, "%s has no session with a display", user);
}

/* A pipe holds more than the longest text, so nobody has to wait for the reader. */
static int text_pipe(const char *text, struct error *err)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_errno(err, "make a pipe");
	ssize_t n = write(ends[1], text, strlen(text));

	close(ends[1]);
	if (n == (ssize_t)strlen(text))
		return ends[0];
	close(ends[0]);
	return error_set(err, EIO, "pass the text on");
}

static void clear_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In a child: without a controlling terminal, without anything of ours. */
static void detach(int input)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	clear_signals();
	dup2(input >= 0 ? input : null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
}

/* Whoever it is belongs to process 1 from the start: nobody here waits for it. */
static int start(void (*become)(const void *arg), const void *arg, const char *what,
		 struct error *err)
{
	pid_t pid = fork();

	if (pid < 0)
		return error_errno(err, "start %s", what);
	if (pid == 0) {
		if (fork() == 0)
			become(arg);
		_exit(0);
	}
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return 0;
}

struct window {
	const struct environment *environment;
	uint32_t uid, gid;
	int text;
};

static void become_window(const void *arg)
{
	const struct window *w = arg;
	char program[] = GUEST_MESSAGE_PROGRAM;
	char *const argv[] = { program, NULL };
	gid_t group = w->gid;

	detach(w->text);
	if (setgroups(1, &group) < 0 || setgid(w->gid) < 0 || setuid(w->uid) < 0 ||
	    (chdir(w->environment->home) < 0 && chdir("/") < 0))
		_exit(1);
	dup2(STDOUT_FILENO, STDERR_FILENO);
	execve(program, argv, (char *const *)w->environment->variables);
	_exit(1);
}

int session_show(const char *user, const char *text, struct error *err)
{
	OWNED(environment_done) struct environment environment = { 0 };
	struct window window = { .environment = &environment };
	int rc = account_find(user, &window.uid, &window.gid, err);

	if (rc == 0 && access(GUEST_MESSAGE_PROGRAM, X_OK) < 0)
		rc = error_errno(err, "%s", GUEST_MESSAGE_PROGRAM);
	if (rc == 0)
		rc = find_environment(user, window.uid, &environment, err);
	if (rc < 0)
		return rc;
	OWNED_FD int input = text_pipe(text, err);

	if (input < 0)
		return input;
	window.text = input;
	return start(become_window, &window, "the window", err);
}

struct ending {
	char user[64], stay[24];
};

static void become_ending(const void *arg)
{
	const struct ending *e = arg;
	char name[] = "genkan-guest", verb[] = "end-session", user[64], stay[24];
	char *const argv[] = { name, verb, user, stay, NULL };
	char *const nothing[] = { NULL };

	detach(-1);
	memcpy(user, e->user, sizeof(user));
	memcpy(stay, e->stay, sizeof(stay));
	execve("/proc/self/exe", argv, nothing);
	_exit(1);
}

int session_end_start(const char *user, int64_t stay, struct error *err)
{
	struct ending ending;
	uint32_t uid, gid;
	int rc = account_find(user, &uid, &gid, err);

	if (rc == 0)
		rc = str_copy(ending.user, sizeof(ending.user), user);
	snprintf(ending.stay, sizeof(ending.stay), "%lld", (long long)stay);
	return rc < 0 ? rc : start(become_ending, &ending, "the end of the session", err);
}
