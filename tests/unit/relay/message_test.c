/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include "hostagent/relay/message.h"

struct pair {
	int fd[2];
};

static int open_pair(void **state)
{
	static struct pair p;

	*state = &p;
	return socketpair(AF_UNIX, SOCK_SEQPACKET, 0, p.fd);
}

static int close_pair(void **state)
{
	struct pair *p = *state;

	close(p->fd[0]);
	close(p->fd[1]);
	return 0;
}

static void test_travels_whole(void **state)
{
	struct pair *p = *state;
	struct message out = { .kind = MESSAGE_EVENT, .event = { .kind = "denied", .count = 7 } },
		       in;
	int fd;

	assert_int_equal(message_send(p->fd[0], &out, -1), 0);
	assert_int_equal(message_receive(p->fd[1], &in, &fd), 1);
	assert_memory_equal(&in, &out, sizeof(in));
	assert_int_equal(fd, -1);
	assert_int_equal(message_receive(p->fd[1], &in, &fd), -EAGAIN);
}

static void test_carries_a_descriptor(void **state)
{
	struct pair *p = *state;
	struct message out = { .kind = MESSAGE_GUEST }, in;
	int sent = open("/dev/null", O_RDONLY | O_CLOEXEC), fd;

	assert_true(sent >= 0);
	assert_int_equal(message_send(p->fd[0], &out, sent), 0);
	assert_int_equal(message_receive(p->fd[1], &in, &fd), 1);
	assert_true(fd >= 0 && fd != sent);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	close(sent);
}

static void test_other_sizes_kinds_and_unended_text_are_refused(void **state)
{
	struct pair *p = *state;
	struct message m = { .kind = 99 }, in;
	int fd;

	assert_int_equal(message_send(p->fd[0], &m, -1), 0);
	assert_int_equal(message_receive(p->fd[1], &in, &fd), -EBADMSG);

	m = (struct message){ .kind = MESSAGE_EVENT };
	memset(m.event.name, 'x', sizeof(m.event.name));
	assert_int_equal(message_send(p->fd[0], &m, -1), 0);
	assert_int_equal(message_receive(p->fd[1], &in, &fd), -EBADMSG);

	m = (struct message){ .kind = MESSAGE_REDEEMED };
	memset(m.grant.password, 'x', sizeof(m.grant.password));
	assert_false(message_is_sound(&m));

	assert_int_equal(send(p->fd[0], &m, sizeof(m) - 1, 0), sizeof(m) - 1);
	assert_int_equal(message_receive(p->fd[1], &in, &fd), -EBADMSG);
}

static void test_end_of_the_peer(void **state)
{
	struct pair *p = *state;
	struct message m = { .kind = MESSAGE_DIAL };
	int fd;

	shutdown(p->fd[0], SHUT_RDWR);
	assert_int_equal(message_receive(p->fd[1], &m, &fd), 0);
	assert_true(message_send(p->fd[1], &m, -1) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_travels_whole, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_carries_a_descriptor, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_other_sizes_kinds_and_unended_text_are_refused,
						open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_end_of_the_peer, open_pair, close_pair),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
