/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/relay/leg_wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

void leg_wire_arm(struct leg_wire *wire)
{
	wire->drained = false;
}

static bool come_again(int code)
{
	return code == EAGAIN || code == EINTR;
}

/* 1 with bytes in the buffer, 0 at the end, -1 for another time or when the connection broke. */
static int receive(BIO *bio, struct leg_wire *wire)
{
	if (wire->drained) {
		BIO_set_retry_read(bio);
		return -1;
	}
	ssize_t n = recv(wire->fd, wire->bytes, sizeof(wire->bytes), 0);

	if (n == 0)
		BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
	if (n < 0 && come_again(errno))
		BIO_set_retry_read(bio);
	if (n <= 0)
		return (int)n;
	wire->drained = (size_t)n < sizeof(wire->bytes);
	wire->at = 0;
	wire->len = (size_t)n;
	return 1;
}

static int wire_read(BIO *bio, char *out, int size)
{
	struct leg_wire *wire = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	if (!wire->len) {
		int n = receive(bio, wire);

		if (n <= 0)
			return n;
	}
	size_t len = (size_t)size < wire->len ? (size_t)size : wire->len;

	memcpy(out, wire->bytes + wire->at, len);
	wire->at += len;
	wire->len -= len;
	return (int)len;
}

static int wire_write(BIO *bio, const char *bytes, int len)
{
	const struct leg_wire *wire = BIO_get_data(bio);
	ssize_t n = send(wire->fd, bytes, (size_t)len, MSG_NOSIGNAL | (wire->more ? MSG_MORE : 0));

	BIO_clear_retry_flags(bio);
	if (n < 0 && come_again(errno))
		BIO_set_retry_write(bio);
	return (int)n;
}

static long wire_control(BIO *bio, int command, long number, void *arg)
{
	switch (command) {
	case BIO_CTRL_FLUSH: /* nothing is held back */
		return 1;
	case BIO_CTRL_EOF:
		return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
	default:
		return 0;
	}
}

/* One for the whole process. */
static const BIO_METHOD *method(void)
{
	static BIO_METHOD *made;
	BIO_METHOD *fresh;

	if (made)
		return made;
	fresh = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "leg");
	if (!fresh || BIO_meth_set_read(fresh, wire_read) != 1 ||
	    BIO_meth_set_write(fresh, wire_write) != 1 ||
	    BIO_meth_set_ctrl(fresh, wire_control) != 1) {
		BIO_meth_free(fresh);
		return NULL;
	}
	return made = fresh;
}

BIO *leg_wire_bio_new(struct leg_wire *wire, int fd)
{
	const BIO_METHOD *how = method();
	BIO *bio = how ? BIO_new(how) : NULL;

	if (!bio)
		return NULL;
	wire->fd = fd;
	wire->drained = wire->more = false;
	wire->at = wire->len = 0;
	BIO_set_data(bio, wire);
	BIO_set_init(bio, 1);
	return bio;
}
