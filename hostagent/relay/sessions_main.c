/* SPDX-License-Identifier: Apache-2.0 */
/* genkan-relay-sessions - turns accepted sockets into session processes.
 *
 * Started by genkan-relay, never by hand. It is a program of its own so that no session process
 * is ever a copy of the one that holds the host's key and talks to the broker: it knows the
 * relay's RDP certificate and nothing else, has one thread, and reads only what genkan-relay
 * sends. Sessions outlive it; it ends when genkan-relay does. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include "common/net/tls.h"
#include "hostagent/relay/sandbox.h"
#include "hostagent/relay/session_process.h"
#include "hostagent/relay/session_tls.h"
#include "hostagent/relay/spawn_wire.h"
#include "hostagent/relay/uid_pool.h"
#ifdef GENKAN_DRILL
#include "tests/lib/relay_drill/drill.h"
#endif

struct nursery {
	int relay;	/* SPAWN_FD */
	int signals;
	SSL_CTX *front, *back;
	struct sandbox box;
	bool own_uids;	/* each session has a user id from `uids` */
	struct uid_pool uids;
};

static void tell(const struct nursery *n, struct spawn_news news)
{
	/* Blocking: genkan-relay reads promptly, and when it is gone this fails at once. */
	(void)!send(n->relay, &news, sizeof(news), MSG_NOSIGNAL);
}

/* ---- In the new process ---- */

static _Noreturn void be_session(const struct nursery *n, struct sandbox *box, int client,
				 int parent, bool answered)
{
	struct session_seat seat = { client, parent, n->front, n->back, answered };
	struct error err;
	sigset_t none;

	close(n->relay);
	close(n->signals);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_NAME, "relay-session");
#ifdef GENKAN_DRILL
	box->unfiltered = drill_unfiltered(client);
#endif
	if (sandbox_enter(box, &err) < 0) {
		fprintf(stderr, "genkan-relay-sessions: %s\n", err.text);
		_exit(70);
	}
#ifdef GENKAN_DRILL
	drill_run(client, parent);
#endif
	int status = session_process_run(&seat);
	SSL_CTX_free(seat.front);
	SSL_CTX_free(seat.back);
	_exit(status);
}

/* ---- In the nursery ---- */

static void begin_session(struct nursery *n, const struct spawn_request *request, int client,
			  int parent)
{
	struct sandbox box = n->box;
	bool ready = !n->own_uids || uid_pool_next(&n->uids, &box.uid);
	pid_t pid = -1;

	errno = EUSERS;
	if (n->own_uids)
		box.gid = box.uid;
	if (ready)
		pid = fork();
	if (pid == 0)
		be_session(n, &box, client, parent, request->answered);
	if (pid < 0) {
		tell(n, (struct spawn_news){
				.kind = SPAWN_FAILED, .status = errno, .number = request->number });
		return;
	}
	if (n->own_uids)
		uid_pool_give(&n->uids, box.uid, pid);
	tell(n, (struct spawn_news){ .kind = SPAWN_STARTED, .number = request->number, .pid = pid });
}

/* False when genkan-relay is gone. */
static bool serve_request(struct nursery *n)
{
	struct spawn_request request;
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control;
	struct iovec body = { &request, sizeof(request) };
	struct msghdr header = { .msg_iov = &body, .msg_iovlen = 1, .msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	ssize_t got = recvmsg(n->relay, &header, MSG_CMSG_CLOEXEC);

	if (got < 0)
		return errno == EINTR || errno == EAGAIN;
	struct cmsghdr *c = CMSG_FIRSTHDR(&header);
	if (got != sizeof(request) || !c || c->cmsg_len != CMSG_LEN(2 * sizeof(int)))
		return false;

	int fds[2];
	memcpy(fds, CMSG_DATA(c), sizeof(fds));
	begin_session(n, &request, fds[0], fds[1]);
	close(fds[0]);
	close(fds[1]);
	return true;
}

static void reap(struct nursery *n)
{
	struct signalfd_siginfo seen;
	int status;
	pid_t pid;

	(void)!read(n->signals, &seen, sizeof(seen));
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		uid_pool_free_of(&n->uids, pid);
		tell(n, (struct spawn_news){ .kind = SPAWN_EXITED, .status = status, .pid = pid });
	}
}

static int watch_children(struct nursery *n, struct error *err)
{
	sigset_t set;

	/* Whoever stops the service signals all of it: genkan-relay decides, we and the sessions
	 * follow its sockets. */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return error_errno(err, "sigprocmask");
	n->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return n->signals < 0 ? error_errno(err, "signalfd") : 0;
}

static void serve(struct nursery *n)
{
	enum { RELAY, SIGNALS };
	struct pollfd fds[] = {
		[RELAY] = { n->relay, POLLIN, 0 }, [SIGNALS] = { n->signals, POLLIN, 0 }
	};
	bool goes_on = true;

	while (goes_on) {
		if (poll(fds, ARRAY_LEN(fds), -1) < 0)
			continue;
		if (fds[SIGNALS].revents)
			reap(n);
		if (fds[RELAY].revents)
			goes_on = serve_request(n);
	}
}

int main(int argc, char **argv)
{
	static struct nursery n = { .relay = SPAWN_FD };
	struct error err;

	if (argc != 5 || fcntl(SPAWN_FD, F_GETFD) < 0) {
		fprintf(stderr, "genkan-relay-sessions is started by genkan-relay\n");
		return 64;
	}
	if (session_tls_front_new(argv[1], argv[2], &n.front, &err) < 0 ||
	    session_tls_back_new(&n.back, &err) < 0 ||
	    sandbox_prepare(argv[3], &n.box, &err) < 0 ||
	    watch_children(&n, &err) < 0) {
		fprintf(stderr, "genkan-relay-sessions: %s\n", err.text);
		return 1;
	}
	n.own_uids = n.box.is_root && !argv[3][0];
	n.uids.first = (uid_t)strtoul(argv[4], NULL, 10);
	tell(&n, (struct spawn_news){ .kind = SPAWN_READY });
	serve(&n);
	SSL_CTX_free(n.front);
	SSL_CTX_free(n.back);
	return 0;
}
