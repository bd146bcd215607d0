/* SPDX-License-Identifier: Apache-2.0 */
/* A network front that was taken over: what it may still do, and what it may say to the core. The
 * starter, the sandbox and the core's side are those of the broker; the front is ours. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "broker/front/front_message.h"
#include "broker/front/front_room.h"
#include "broker/process/sandbox.h"
#include "common/net/packet_link.h"
#include "tests/unit/broker/drill.h"

enum { MANY = 64, WAIT_MS = 60000, OURS = 77, BODY_MOST = 100000 };
enum { NOT_TRIED = -2, ENDED = -1, DONE = 0 };

static struct shared { /* with the processes that are started */
	atomic_int outcome[MANY], starts[MANY], answered[MANY];
} * shared;

static struct error err;

/* ---------------------------------------------------------------------- what it tries to do */

static int done_or_errno(long rc)
{
	return rc < 0 ? errno : DONE;
}

static int nothing(int link)
{
	return DONE;
}

static int open_file(int link)
{
	return done_or_errno(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

static int create_file(int link)
{
	return done_or_errno(open("/tmp/genkan-front-drill", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
}

static int make_socket(int link)
{
	return done_or_errno(socket(AF_INET, SOCK_STREAM, 0));
}

static int connect_out(int link)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX, .sun_path = "/run/systemd/private" };

	return done_or_errno(connect(link, (struct sockaddr *)&to, sizeof(to)));
}

static int listen_itself(int link)
{
	return done_or_errno(listen(link, 1));
}

static int trace(int link)
{
	return done_or_errno(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
}

static int read_memory(int link)
{
	char byte;
	struct iovec here = { &byte, 1 }, there = { (void *)(uintptr_t)&shared, 1 };

	return done_or_errno(process_vm_readv(getppid(), &here, 1, &there, 1, 0));
}

static int signal_others(int link)
{
	return done_or_errno(kill(getppid(), 0));
}

static int fork_once(int link)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return done_or_errno(pid);
}

static int fork_the_old_way(int link)
{
	return done_or_errno(syscall(SYS_fork));
}

static int run_program(int link)
{
	char *const argv[] = { (char *)(uintptr_t) "true", NULL };

	return done_or_errno(execv("/bin/true", argv));
}

static int become_root(int link)
{
	return done_or_errno(setresuid(0, 0, 0));
}

static int make_code(int link)
{
	void *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return code == MAP_FAILED ? errno : DONE;
}

static const struct attempt {
	const char *name;
	int (*fn)(int link);
	int outcome;
} attempts[] = {
	{ "nothing", nothing, DONE },
	{ "open a file", open_file, EPERM },
	{ "create one", create_file, EPERM },
	{ "socket", make_socket, EPERM },
	{ "connect", connect_out, EPERM },
	{ "listen", listen_itself, ENDED },
	{ "ptrace", trace, ENDED },
	{ "read another's memory", read_memory, ENDED },
	{ "kill", signal_others, EPERM },
	{ "fork", fork_once, EPERM },
	{ "the system call fork", fork_the_old_way, ENDED },
	{ "exec", run_program, ENDED },
	{ "setuid", become_root, EPERM },
	{ "memory to run code in", make_code, EPERM },
};
enum { FREE = MANY / 2 }; /* from this number on without the sandbox */

static int attempt_main(void *arg, enum process_kind kind, unsigned number, int link, int listener)
{
	sandbox_close_process();
	if (number < FREE && sandbox_enter(SANDBOX_FRONT, &err) < 0)
		return 1;
	shared->outcome[number] = ENDED;
	shared->outcome[number] = attempts[number % FREE].fn(link);
	return 0;
}

static struct starter *start(process_main_fn *run)
{
	struct starter_config config = { .run = run };
	struct starter *starter;

	for (int i = 0; i < PROCESS_KINDS; i++)
		config.users[i] = "";
	if (sandbox_may_change_user())
		config.users[PROCESS_CLIENT_FRONT] = "nobody";
	for (int i = 0; i < MANY; i++)
		shared->outcome[i] = NOT_TRIED;
	assert_int_equal(starter_new(&config, &starter, &err), 0);
	return starter;
}

static int outcome_of(struct starter *starter, unsigned number)
{
	OWNED_FD int link = -1;
	char byte;
	pid_t pid = 0;

	assert_int_equal(
		starter_start(starter, PROCESS_CLIENT_FRONT, number, -1, &link, &pid, &err), 0);
	struct pollfd end = { .fd = link, .events = POLLIN };
	assert_int_equal(poll(&end, 1, WAIT_MS), 1);
	assert_true(read(link, &byte, 1) <= 0); /* it has ended */
	return shared->outcome[number];
}

static void a_front_that_was_taken_over_can_do_nothing(void **state)
{
	OWNED(starter_free) struct starter *starter = start(attempt_main);

	for (unsigned i = 0; i < ARRAY_LEN(attempts); i++) {
		int outcome = outcome_of(starter, i);

		if (outcome != attempts[i].outcome)
			fail_msg("%s: %d, not %d", attempts[i].name, outcome, attempts[i].outcome);
	}
	/* Without the sandbox the drill can do what anybody may. */
	assert_int_equal(outcome_of(starter, FREE + 1), DONE);
	assert_int_equal(outcome_of(starter, FREE + 3), DONE);
	assert_int_equal(outcome_of(starter, FREE + 9), DONE);
}

/* ----------------------------------------------------------------------------- what it says */

static void say(int link, const struct buf *packet)
{
	(void)!send(link, packet->ptr, packet->len, MSG_NOSIGNAL);
}

/* A request of which the body is still to come, but for its beginning. */
static void begin_request(int link, size_t body_len)
{
	static uint8_t body[2 * BODY_MOST];
	OWNED(buf_done) struct buf packet = BUF_LIMIT(PACKET_MAX);
	struct http_exchange x = { .method = "POST",
				   .path = "/evil",
				   .address = "a",
				   .cn = "",
				   .ou = "",
				   .key_sha256 = "",
				   .body = body,
				   .body_len = body_len };

	front_request_write(OURS, &x, &packet);
	say(link, &packet);
}

static void write_bad(unsigned number, int link, struct buf *out)
{
	static uint8_t noise[PACKET_MAX];
	const struct http_answer answer = { .status = 200, .type = "text/plain" };
	const struct tls_pem pem = { 0 };

	switch (number) {
	case 0:
		buf_put_span(out, span_of(noise, 1));
		break;
	case 1:
		memset(noise, 0xff, sizeof(noise));
		buf_put_span(out, span_of(noise, 4096));
		break;
	case 2:
		front_answer_write(OURS, &answer, out);
		break;
	case 3:
		front_certificate_write(&pem, out);
		break;
	case 4:
		front_bytes_write(FRONT_PIECE, OURS, span_of(noise, 9), out);
		break;
	case 5:
		front_end_write(FRONT_END, OURS, out);
		break;
	case 6: /* of a certificate that nobody has sent */
		front_ready_write("", out);
		break;
	case 7: /* the body of somebody else's request: number 8 has begun one of this id */
		front_bytes_write(FRONT_BODY, OURS, span_of(noise, 9), out);
		break;
	case 8: /* taken, before anything was answered */
		begin_request(link, BODY_MOST);
		front_drained_write(OURS, 1, out);
		break;
	case 9: /* two of one id */
		begin_request(link, BODY_MOST);
		begin_request(link, BODY_MOST);
		break;
	case 10: /* longer than anybody may send */
		begin_request(link, 2 * BODY_MOST);
		break;
	case 11: /* more of it than there is */
		begin_request(link, PACKET_MAX);
		front_bytes_write(FRONT_BODY, OURS, span_of(noise, PACKET_MAX / 2), out);
		break;
	default: /* an id that no front gives */
		front_end_write(FRONT_GONE, UINT64_MAX, out);
	}
}
enum { BAD = 13 };

static void wait_for_the_end(int link)
{
	char byte;

	while (recv(link, &byte, 1, 0) > 0)
		;
}

/* Says what no front says; the one that comes after it is as it should be. */
static int talk_main(void *arg, enum process_kind kind, unsigned number, int link, int listener)
{
	OWNED(buf_done) struct buf packet = BUF_LIMIT(PACKET_MAX);
	struct http_exchange x = { .method = "GET",
				   .path = "/good",
				   .address = "a",
				   .cn = "",
				   .ou = "",
				   .key_sha256 = "" };

	fcntl(link, F_SETFL, 0);
	close(listener);
	if (++shared->starts[number] == 1) {
		write_bad(number, link, &packet);
		say(link, &packet);
	} else {
		front_request_write(1, &x, &packet);
		say(link, &packet);
		shared->answered[number] = recv(link, &(char){ 0 }, 1, 0) == 1;
	}
	wait_for_the_end(link);
	return 0;
}

struct core {
	struct loop *loop;
	struct loop_timer *look, *late;
	int bad;
};

static void on_request(void *arg, struct http_exchange *x)
{
	struct core *core = arg;

	core->bad += strcmp(http_path(x), "/good") != 0;
	http_reply_json(x, 200, NULL);
}

static void look(void *arg)
{
	struct core *core = arg;
	int answered = 0;

	for (int i = 0; i < BAD; i++)
		answered += shared->answered[i];
	if (answered == BAD)
		loop_stop(core->loop);
	else
		loop_timer_start(core->look, 20);
}

static void too_late(void *arg)
{
	loop_stop(((struct core *)arg)->loop);
}

static void free_address(char *out, size_t size)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	OWNED_FD int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	snprintf(out, size, "127.0.0.1:%u", ntohs(at.sin_port));
}

static void a_front_that_says_what_none_says_is_ended_and_nothing_else_is(void **state)
{
	OWNED(starter_free) struct starter *starter = start(talk_main);
	struct core core = { .loop = loop_new() };
	char address[32];
	struct front_room_config config = {
		.address = address,
		.kind = PROCESS_CLIENT_FRONT,
		.count = BAD,
		.max_connections = 100,
		.max_body_bytes = BODY_MOST,
		.starter = starter,
		.handler = on_request,
		.arg = &core,
	};
	struct front_room *room;

	free_address(address, sizeof(address));
	core.look = loop_timer_new(core.loop, look, &core);
	core.late = loop_timer_new(core.loop, too_late, &core);
	loop_timer_start(core.look, 0);
	loop_timer_start(core.late, WAIT_MS);
	assert_int_equal(front_room_new(core.loop, &config, &room, &err), 0);
	loop_run(core.loop);
	for (int i = 0; i < BAD; i++)
		if (!shared->answered[i] || shared->starts[i] != 2)
			fail_msg("front %d: %d starts, %s", i, shared->starts[i],
				 shared->answered[i] ? "answered" : "no answer");
	assert_int_equal(core.bad, 0);
	front_room_free(room);
	loop_timer_free(core.look);
	loop_timer_free(core.late);
	loop_free(core.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_front_that_was_taken_over_can_do_nothing),
		cmocka_unit_test(a_front_that_says_what_none_says_is_ended_and_nothing_else_is),
	};

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED)
		return 1;
	return drill_run(tests, NULL);
}
