/* SPDX-License-Identifier: Apache-2.0 */
/* The core and the directory worker, taken over: each attempt is made by a process of its own
 * behind the list of system calls of that role, which is the one that is shipped. It either fails
 * or is the process's end. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/process/sandbox.h"
#include "tests/unit/broker/drill.h"

enum { WORKED = 0, NO_SANDBOX = 255 };

static int door = -1;      /* a socket that listens, as the core has */
static int somewhere = -1; /* where one could connect to */
static struct sockaddr_in there;
static const char file_of_others[] = "/etc/passwd";

/* Each returns a negative number with errno, or what is not one. */
typedef long attempt_fn(void);

static long nothing(void)
{
	return 0;
}

static long read_file(void)
{
	return open(file_of_others, O_RDONLY | O_CLOEXEC);
}

static long create_file(void)
{
	return open("/tmp/genkan-sandbox-drill", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
}

static long make_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static long connect_out(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return fd < 0 ? fd : connect(fd, (struct sockaddr *)&there, sizeof(there));
}

/* A door that no longer listens is a socket like any other. */
static long connect_with_the_door(void)
{
	(void)shutdown(door, SHUT_RDWR);
	return connect(door, (struct sockaddr *)&there, sizeof(there));
}

static long send_with_the_door(void)
{
	struct sockaddr nobody = { .sa_family = AF_UNSPEC };

	(void)shutdown(door, SHUT_RDWR);
	(void)sendto(door, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL, &nobody, sizeof(nobody));
	return sendto(door, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL, (struct sockaddr *)&there,
		      sizeof(there));
}

static long raw_packets(void)
{
	return socket(AF_PACKET, SOCK_RAW, 0);
}

static long listen_itself(void)
{
	return listen(door, 1);
}

static long trace(void)
{
	return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

static long read_memory(void)
{
	char byte;
	struct iovec mine = { &byte, 1 }, theirs = { &door, 1 };

	return process_vm_readv(getppid(), &mine, 1, &theirs, 1, 0);
}

static long write_memory(void)
{
	char byte = 1;
	struct iovec mine = { &byte, 1 }, theirs = { &door, 1 };

	return process_vm_writev(getppid(), &mine, 1, &theirs, 1, 0);
}

static long kill_others(void)
{
	return kill(getppid(), 0);
}

static long new_process(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid;
}

static long program(void)
{
	char *const argv[] = { (char *)(uintptr_t) "true", NULL };

	return execv("/bin/true", argv);
}

static long another_user(void)
{
	return setresuid(1, 1, 1);
}

static long namespace(void)
{
	return unshare(CLONE_NEWUSER);
}

static long code(void)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);

	return at == MAP_FAILED ? -1 : 0;
}

static int listener(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(listen(fd, 64), 0);
	return fd;
}

/* WORKED, an errno, or 256 and the signal that ended it. */
static int outcome_of(enum sandbox_role role, attempt_fn *attempt)
{
	struct error err;
	int status = 0;
	pid_t pid;

	door = listener();
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		sandbox_close_process();
		if (sandbox_drop_rights() < 0 || sandbox_enter(role, &err) < 0)
			_exit(NO_SANDBOX);
		_exit(attempt() < 0 ? errno : WORKED);
	}
	close(door);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? 256 + WTERMSIG(status) : WEXITSTATUS(status);
}

enum { ANY = -1, FAILS = EPERM, ENDS = 256 + SIGSYS };

static const struct {
	const char *name;
	attempt_fn *run;
	int core, directory;
} attempts[] = {
	{ "nothing", nothing, WORKED, WORKED },
	{ "read a file", read_file, WORKED, WORKED }, /* as its user may */
	{ "create a file", create_file, WORKED, FAILS },
	{ "make a socket", make_socket, FAILS, WORKED },
	{ "connect", connect_out, FAILS, WORKED },
	{ "connect with the door", connect_with_the_door, FAILS, WORKED },
	{ "send with the door", send_with_the_door, FAILS, ANY },
	{ "raw packets", raw_packets, FAILS, FAILS },
	{ "listen", listen_itself, ENDS, ENDS },
	{ "trace", trace, ENDS, ENDS },
	{ "read memory", read_memory, ENDS, ENDS },
	{ "write memory", write_memory, ENDS, ENDS },
	{ "kill", kill_others, FAILS, FAILS },
	{ "a process", new_process, FAILS, FAILS },
	{ "a program", program, ENDS, ENDS },
	{ "another user", another_user, FAILS, FAILS },
	{ "a namespace", namespace, ENDS, ENDS },
	{ "code", code, FAILS, FAILS },
};

static void check(const char *who, const char *what, int found, int expected)
{
	if (expected != ANY && found != expected)
		fail_msg("%s: %s: %d instead of %d", who, what, found, expected);
}

static void who_was_taken_over_is_held(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(attempts); i++) {
		check("core", attempts[i].name, outcome_of(SANDBOX_CORE, attempts[i].run),
		      attempts[i].core);
		check("directory", attempts[i].name, outcome_of(SANDBOX_DIRECTORY, attempts[i].run),
		      attempts[i].directory);
	}
	unlink("/tmp/genkan-sandbox-drill");
}

/* Without the list, what the core is refused works here: else its refusal says nothing. */
static void connections_work_without_the_list(void **state)
{
	assert_int_equal(connect_out(), 0);
	door = listener();
	assert_int_equal(connect_with_the_door(), 0);
	close(door);
}

static int open_doors(void **state)
{
	socklen_t len = sizeof(there);

	somewhere = listener();
	return getsockname(somewhere, (struct sockaddr *)&there, &len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_was_taken_over_is_held),
		cmocka_unit_test(connections_work_without_the_list),
	};

	return drill_run(tests, open_doors);
}
