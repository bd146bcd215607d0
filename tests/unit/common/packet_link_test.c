/* SPDX-License-Identifier: Apache-2.0 */
#include "common/net/packet_link.h"

#include <errno.h>
#include <sys/socket.h>
#include "tests/unit/test.h"

struct end {
	struct loop *loop;
	struct packet_link *link;
	size_t packets, bytes;
	uint8_t last;
	size_t wanted; /* bytes after which the loop stops */
	bool ended;
};

static void on_packet(void *arg, struct span packet)
{
	struct end *e = arg;

	e->packets++;
	e->bytes += packet.len;
	assert_int_equal(packet.ptr[0], (uint8_t)(e->last + 1)); /* in order */
	e->last = packet.ptr[0];
	if (e->bytes >= e->wanted)
		loop_stop(e->loop);
}

static void on_end(void *arg)
{
	struct end *e = arg;

	e->ended = true;
	loop_stop(e->loop);
}

static struct end open_end(struct loop *loop)
{
	return (struct end){ .loop = loop };
}

static void take(struct end *e, int fd, size_t max)
{
	struct packet_link_config config = { max, on_packet, on_end, e };

	e->link = packet_link_take_fd(e->loop, fd, &config);
}

static void all_arrives_in_order_however_much_waits(void **state)
{
	OWNED(loop_free) struct loop *loop = loop_new_for_server();
	struct end a = open_end(loop), b = open_end(loop);
	static uint8_t bytes[PACKET_MAX];
	int ends[2], rc = 0;

	(void)state;
	assert_int_equal(packet_pair(ends, NULL), 0);
	take(&a, ends[0], 4 * 1024 * 1024);
	take(&b, ends[1], 4 * 1024 * 1024);
	for (int i = 0; i < 100; i++) {
		bytes[0]++;
		assert_int_equal(packet_link_send(a.link, span_of(bytes, PACKET_MAX)), 0);
	}
	assert_true(packet_link_waiting(a.link) > 0);
	b.wanted = 100 * PACKET_MAX;
	loop_run(loop);
	assert_int_equal(b.packets, 100);
	assert_int_equal(packet_link_waiting(a.link), 0);

	for (int i = 0; i < 1000 && rc == 0; i++)
		rc = packet_link_send(a.link, span_of(bytes, PACKET_MAX));
	assert_int_equal(rc, -ENOBUFS);
	packet_link_free(a.link);
	packet_link_free(b.link);
}

static void the_end_is_told_once(void **state)
{
	OWNED(loop_free) struct loop *loop = loop_new_for_server();
	struct end a = open_end(loop);
	int ends[2];

	(void)state;
	assert_int_equal(packet_pair(ends, NULL), 0);
	take(&a, ends[0], 1000);
	assert_int_equal(send(ends[1], "\1", 1, 0), 1);
	close(ends[1]);
	a.wanted = 1000;
	loop_run(loop);
	assert_true(a.ended);
	assert_int_equal(a.packets, 1);
	assert_int_equal(packet_link_send(a.link, SPAN_LITERAL("nobody")), 0);
	packet_link_free(a.link);
}

static void a_packet_that_is_too_long_ends_it(void **state)
{
	OWNED(loop_free) struct loop *loop = loop_new_for_server();
	struct end a = open_end(loop);
	static uint8_t bytes[PACKET_MAX + 1];
	int ends[2];

	(void)state;
	assert_int_equal(packet_pair(ends, NULL), 0);
	take(&a, ends[0], 1000);
	assert_int_equal(send(ends[1], bytes, sizeof(bytes), 0), sizeof(bytes));
	loop_run(loop);
	assert_true(a.ended);
	assert_int_equal(a.packets, 0);
	packet_link_free(a.link);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_arrives_in_order_however_much_waits),
		cmocka_unit_test(the_end_is_told_once),
		cmocka_unit_test(a_packet_that_is_too_long_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
