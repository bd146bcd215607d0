/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "tests/unit/test.h"
#include "common/base/cleanup.h"
#include "hostagent/relay/leg_wire.h"

struct pair {
	int ours, theirs;
	struct leg_wire wire;
	BIO *bio;
};

static int setup(void **state)
{
	struct pair *p = xnew(struct pair);
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	p->ours = fds[0];
	p->theirs = fds[1];
	p->bio = leg_wire_bio_new(&p->wire, p->ours);
	assert_non_null(p->bio);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct pair *p = *state;

	BIO_free(p->bio);
	close(p->ours);
	if (p->theirs >= 0)
		close(p->theirs);
	free(p);
	return 0;
}

static void say(struct pair *p, const char *text)
{
	assert_int_equal(write(p->theirs, text, strlen(text)), strlen(text));
}

static void expect(struct pair *p, int size, const char *text)
{
	char got[64] = "";

	assert_int_equal(BIO_read(p->bio, got, size), strlen(text));
	assert_string_equal(got, text);
}

static void expect_nothing(struct pair *p)
{
	char got[8];

	assert_true(BIO_read(p->bio, got, sizeof(got)) < 0);
	assert_true(BIO_should_retry(p->bio));
	assert_true(BIO_should_read(p->bio));
}

static void test_one_call_takes_all_there_is(void **state)
{
	struct pair *p = *state;

	say(p, "header");
	say(p, "body");
	expect(p, 6, "header");
	say(p, "late");
	expect(p, 63, "body"); /* the socket is not asked in between */
	expect_nothing(p);
	leg_wire_arm(&p->wire);
	expect(p, 63, "late");
}

static void test_empty_socket_is_asked_once_a_turn(void **state)
{
	struct pair *p = *state;

	expect_nothing(p);
	say(p, "a");
	expect(p, 63, "a");
	say(p, "b");
	expect_nothing(p);
	leg_wire_arm(&p->wire);
	expect(p, 63, "b");
}

static void test_full_buffer_is_followed_by_another(void **state)
{
	struct pair *p = *state;
	static char chunk[LEG_WIRE_SIZE + 100];
	size_t got = 0;
	int n;

	memset(chunk, 'x', sizeof(chunk));
	assert_int_equal(write(p->theirs, chunk, sizeof(chunk)), sizeof(chunk));
	while ((n = BIO_read(p->bio, chunk, sizeof(chunk))) > 0)
		got += (size_t)n;
	assert_int_equal(got, sizeof(chunk));
	assert_true(BIO_should_retry(p->bio));
}

static void test_end_is_no_wait(void **state)
{
	struct pair *p = *state;
	char got[8];

	say(p, "last");
	close(p->theirs);
	p->theirs = -1;
	expect(p, 63, "last");
	expect_nothing(p); /* a short read: the next turn tells */
	leg_wire_arm(&p->wire);
	assert_int_equal(BIO_read(p->bio, got, sizeof(got)), 0);
	assert_false(BIO_should_retry(p->bio));
	assert_true(BIO_eof(p->bio));
}

static void test_writing(void **state)
{
	struct pair *p = *state;
	static const char block[4096] = { 1 };
	char got[16] = "";
	int n;

	p->wire.more = true;
	assert_int_equal(BIO_write(p->bio, "one ", 4), 4);
	p->wire.more = false;
	assert_int_equal(BIO_write(p->bio, "two", 3), 3);
	assert_int_equal(BIO_flush(p->bio), 1);
	assert_int_equal(read(p->theirs, got, sizeof(got)), 7);
	assert_string_equal(got, "one two");
	while ((n = BIO_write(p->bio, block, sizeof(block))) > 0)
		continue;
	assert_true(BIO_should_write(p->bio));
	close(p->theirs);
	p->theirs = -1;
	assert_true(BIO_write(p->bio, "x", 1) < 0); /* and no signal */
	assert_false(BIO_should_retry(p->bio));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_call_takes_all_there_is, setup, teardown),
		cmocka_unit_test_setup_teardown(test_empty_socket_is_asked_once_a_turn, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_full_buffer_is_followed_by_another, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_end_is_no_wait, setup, teardown),
		cmocka_unit_test_setup_teardown(test_writing, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
