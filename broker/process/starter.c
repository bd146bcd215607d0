/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/process/starter.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "broker/process/sandbox.h"
#include "common/net/packet_link.h"
#include "common/sys/log.h"

#define START_MS 10000
#define LAST_WAIT_S 5

struct identity {
	bool change;
	uid_t uid;
	gid_t gid;
};

struct order {
	int word;	/* which process; the answer: its pid, or a negative errno */
	pid_t replaces; /* 0: nobody */
};

struct starter {
	int fd;
	int ended; /* in the starter: SIGCHLD */
	pid_t pid;
	struct identity identities[PROCESS_KINDS];
	struct starter_config config;
};

/* --------------------------------------------------------------------------- orders and sockets */

static int send_order(int fd, struct order order, int passed)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec part = { &order, sizeof(order) };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	if (passed >= 0) {
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &passed, sizeof(int));
	}
	return sendmsg(fd, &message, MSG_NOSIGNAL) == sizeof(order) ? 0 : -errno;
}

/* 1: one came; 0: the other end has closed. */
static int receive_order(int fd, struct order *order, int *passed)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec part = { order, sizeof(*order) };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t len;

	do
		len = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
	while (len < 0 && errno == EINTR);
	*passed = -1;
	if (len <= 0)
		return len < 0 ? -errno : 0;
	if (message.msg_controllen >= CMSG_LEN(sizeof(int)) &&
	    control.header.cmsg_type == SCM_RIGHTS)
		memcpy(passed, CMSG_DATA(&control.header), sizeof(int));
	return len == sizeof(*order) ? 1 : -EBADMSG;
}

/* ------------------------------------------------------------------------------ the new process */

static int become(const struct identity *who)
{
	if (!who->change)
		return 0;
	if (setgroups(0, NULL) < 0 || setresgid(who->gid, who->gid, who->gid) < 0 ||
	    setresuid(who->uid, who->uid, who->uid) < 0)
		return -errno;
	return 0;
}

/* Asked when the rights are gone: the one who became another user by a capability alone, and was
 * never root, has kept it until then. */
static int no_way_back(const struct identity *who)
{
	return who->change && setuid(0) == 0 ? -EPERM : 0;
}

/* The core ends us by closing the link; signals meant for the broker go to the core alone. */
static void set_signals(struct starter *s)
{
	sigset_t ended;

	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	sigemptyset(&ended);
	sigaddset(&ended, SIGCHLD);
	sigprocmask(SIG_BLOCK, &ended, NULL);
	s->ended = signalfd(-1, &ended, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void forget_signals(const struct starter *s)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	close(s->ended);
}

/* As the same user, and so with a right that the starter need not have. */
static void put_away(pid_t predecessor)
{
	if (predecessor > 0 && kill(predecessor, SIGKILL) == 0)
		log_info("process_put_away", kv_int("pid", predecessor));
}

static int begin(const struct starter *s, const struct order *order, pid_t parent, int listener)
{
	enum process_kind kind = (enum process_kind)(order->word & 0xff);
	unsigned number = (unsigned)order->word >> 8;
	OWNED_FD int socket_of_listener = listener;
	int ends[2];

	forget_signals(s);
	if (become(&s->identities[kind]) < 0)
		return 1;
	put_away(order->replaces);
	if (sandbox_drop_rights() < 0 ||
	    no_way_back(&s->identities[kind]) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ||
	    getppid() != parent)
		return 1;
	if (packet_pair(ends, NULL) < 0 ||
	    send_order(s->fd, (struct order){ .word = getpid() }, ends[1]) < 0)
		return 1;
	close(ends[1]);
	close(s->fd);
	return s->config.run(s->config.arg, kind, number, ends[0], steal_fd(&socket_of_listener));
}

/* The core sees only that a link has closed. */
static void bury(const struct starter *s)
{
	struct signalfd_siginfo ignored;
	int status;
	pid_t pid;

	(void)!read(s->ended, &ignored, sizeof(ignored));
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		log_info("process_ended", kv_int("pid", pid),
			 kv_int("status", WIFEXITED(status) ? WEXITSTATUS(status) : -1),
			 kv_int("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0));
}

/* Not buried yet, so its number is nobody else's. */
static bool is_alive(pid_t pid)
{
	siginfo_t end = { 0 };

	return pid > 0 && waitid(P_PID, (id_t)pid, &end, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       end.si_pid == 0;
}

static void start_one(struct starter *s, struct order *order, int listener)
{
	pid_t parent = getpid(), pid;

	if ((order->word & 0xff) >= PROCESS_KINDS) {
		(void)send_order(s->fd, (struct order){ .word = -EINVAL }, -1);
		return;
	}
	if (!is_alive(order->replaces))
		order->replaces = 0;
	pid = fork();
	if (pid < 0)
		(void)send_order(s->fd, (struct order){ .word = -errno }, -1);
	else if (pid == 0)
		_exit(begin(s, order, parent, listener));
}

/* Whatever does not end by itself is killed with us: PR_SET_PDEATHSIG. */
static void wait_for_all(void)
{
	signal(SIGALRM, SIG_DFL);
	alarm(LAST_WAIT_S);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
}

static void starter_main(struct starter *s, pid_t parent)
{
	struct order order;
	int listener;

	set_signals(s);
	struct pollfd wait[] = { { s->fd, POLLIN, 0 }, { s->ended, POLLIN, 0 } };
	prctl(PR_SET_NAME, "genkan-starter");
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		return;
	for (;;) {
		if (poll(wait, ARRAY_LEN(wait), -1) < 0)
			continue;
		if (wait[1].revents)
			bury(s);
		if (!wait[0].revents)
			continue;
		if (receive_order(s->fd, &order, &listener) <= 0)
			break;
		start_one(s, &order, listener);
		if (listener >= 0)
			close(listener);
	}
	close(s->fd);
	wait_for_all();
}

/* ------------------------------------------------------------------------------ for the core */

static int find_user(const char *name, struct identity *out, struct error *err)
{
	const struct passwd *pw;

	if (!*name || !sandbox_may_change_user())
		return 0;
	pw = getpwnam(name);
	if (!pw || pw->pw_uid == 0)
		return error_set(err, EINVAL, "user %s: %s", name,
				 pw ? "nothing of the broker's runs as root" : "no such user");
	*out = (struct identity){ true, pw->pw_uid, pw->pw_gid };
	return 0;
}

int starter_new(const struct starter_config *config, struct starter **out, struct error *err)
{
	OWNED(starter_free) struct starter *s = xnew(struct starter);
	pid_t parent = getpid();
	int ends[2];

	s->fd = -1;
	s->config = *config;
	for (int i = 0; i < PROCESS_KINDS; i++)
		if (find_user(config->users[i], &s->identities[i], err) < 0)
			return -EINVAL;
	if (packet_pair(ends, err) < 0)
		return -EMFILE;
	s->pid = fork();
	if (s->pid == 0) {
		close(ends[0]);
		s->fd = ends[1];
		starter_main(s, parent);
		_exit(0);
	}
	s->fd = ends[0];
	close(ends[1]);
	if (s->pid < 0)
		return error_errno(err, "fork");
	*out = STEAL(s);
	return 0;
}

void starter_free(struct starter *s)
{
	if (!s)
		return;
	if (s->fd >= 0)
		close(s->fd);
	if (s->pid > 0)
		while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
			;
	free(s);
}

static int check_peer(const struct starter *s, enum process_kind kind, int link, pid_t *pid,
		      struct error *err)
{
	const struct identity *who = &s->identities[kind];
	struct ucred peer = { 0 };
	socklen_t len = sizeof(peer);
	uid_t expected = who->change ? who->uid : geteuid();

	if (getsockopt(link, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return error_errno(err, "credentials of a new process");
	if (peer.pid != *pid || peer.uid != expected)
		return error_set(err, EPERM, "the new process is %d of user %d, not %d of %d",
				 (int)peer.pid, (int)peer.uid, (int)*pid, (int)expected);
	return 0;
}

int starter_start(struct starter *s, enum process_kind kind, unsigned number, int listener,
		  int *link, pid_t *pid, struct error *err)
{
	struct pollfd wait = { .fd = s->fd, .events = POLLIN };
	struct order order = { (int)(number << 8 | kind), *pid };
	OWNED_FD int end = -1;

	if (send_order(s->fd, order, listener) < 0 || poll(&wait, 1, START_MS) != 1 ||
	    receive_order(s->fd, &order, &end) <= 0)
		return error_set(err, EIO, "a new process did not begin");
	if (order.word <= 0 || end < 0)
		return error_set(err, order.word < 0 ? -order.word : EIO, "fork: %s",
				 strerror(-order.word));
	*pid = order.word;
	if (check_peer(s, kind, end, pid, err) < 0)
		return -EPERM;
	*link = steal_fd(&end);
	return 0;
}
