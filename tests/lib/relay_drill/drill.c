/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/relay_drill/drill.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>
#include "common/base/cleanup.h"
#include "hostagent/relay/message.h"

#define FIRST_BYTES_MS 2000

/* Each returns 0 when it worked, or an errno. */
typedef int attempt_fn(const char *argument);

static int try_open(const char *path)
{
	return open(path, O_RDONLY) < 0 ? errno : 0;
}

static int try_create(const char *path)
{
	return open(path, O_WRONLY | O_CREAT, 0600) < 0 ? errno : 0;
}

static int try_socket(const char *unused)
{
	return socket(AF_INET, SOCK_STREAM, 0) < 0 ? errno : 0;
}

static int try_connect(const char *port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ? errno : 0;
}

static int try_unix(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	return fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ? errno : 0;
}

static int try_ptrace(const char *pid)
{
	return ptrace(PTRACE_ATTACH, atoi(pid), NULL, NULL) < 0 ? errno : 0;
}

static int try_read_memory(const char *pid)
{
	char byte;
	struct iovec mine = { &byte, 1 }, theirs = { (void *)0x400000, 1 };

	return process_vm_readv(atoi(pid), &mine, 1, &theirs, 1, 0) < 0 ? errno : 0;
}

static int try_kill(const char *pid)
{
	return kill(atoi(pid), SIGKILL) < 0 ? errno : 0;
}

static int try_fork(const char *unused)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid < 0 ? errno : 0;
}

static int try_exec(const char *path)
{
	execl(path, path, (char *)NULL);
	return errno;
}

static int try_setuid(const char *unused)
{
	return setuid(0) < 0 ? errno : 0;
}

static int try_chroot(const char *unused)
{
	return chroot("/") < 0 ? errno : 0;
}

static int try_namespace(const char *unused)
{
	return unshare(CLONE_NEWUSER) < 0 ? errno : 0;
}

/* A gigabyte; more than any session may have. */
static int try_memory(const char *unused)
{
	void *at = mmap(NULL, (size_t)1 << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);

	return at == MAP_FAILED ? errno : 0;
}

static int try_code(const char *unused)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);

	return at == MAP_FAILED ? errno : 0;
}

/* What a session does all day: shows that the drill itself works. */
static int try_nothing(const char *unused)
{
	return 0;
}

static const struct {
	const char *name;
	attempt_fn *run;
} attempts[] = {
	{ "open", try_open },	      { "create", try_create },	     { "socket", try_socket },
	{ "connect", try_connect },   { "unix", try_unix },	     { "ptrace", try_ptrace },
	{ "read_memory", try_read_memory }, { "kill", try_kill },    { "fork", try_fork },
	{ "exec", try_exec },	      { "setuid", try_setuid },	     { "chroot", try_chroot },
	{ "namespace", try_namespace }, { "memory", try_memory },    { "code", try_code },
	{ "nothing", try_nothing },
};

static void tell(int parent, const char *name, int outcome)
{
	struct message m = { .kind = MESSAGE_EVENT, .event = { .kind = "refused", .what = "pdu",
								 .count = 1 } };

	snprintf(m.event.name, sizeof(m.event.name), "drill %s", name);
	snprintf(m.event.detail, sizeof(m.event.detail), "%s",
		 outcome ? strerrorname_np(outcome) : "DONE");
	(void)message_send(parent, &m, -1);
}

/* In front of the words, for the lobby. */
#define TPKT_HEADER_LEN 4

bool drill_unfiltered(int client)
{
	struct pollfd readable = { client, POLLIN, 0 };
	char first[TPKT_HEADER_LEN + 8] = { 0 };

	(void)poll(&readable, 1, FIRST_BYTES_MS);
	(void)!recv(client, first, sizeof(first) - 1, MSG_PEEK | MSG_DONTWAIT);
	return strcmp(first + TPKT_HEADER_LEN, "DRILL -") == 0;
}

void drill_run(int client, int parent)
{
	char line[TPKT_HEADER_LEN + 256] = { 0 }, name[32], argument[200] = "";

	(void)!recv(client, line, sizeof(line) - 1, MSG_PEEK | MSG_DONTWAIT);
	if (sscanf(line + TPKT_HEADER_LEN, "DRILL %*1[+-] %31s %199s", name, argument) < 1)
		return;
	for (size_t i = 0; i < ARRAY_LEN(attempts); i++)
		if (strcmp(attempts[i].name, name) == 0)
			tell(parent, name, attempts[i].run(argument));
	_exit(0);
}
