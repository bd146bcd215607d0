/* SPDX-License-Identifier: Apache-2.0 */
/* rdp_load - the load client of bench/relay: opens sessions through genkan-relay with tickets, or
 * the same sessions through a TLS proxy without, and measures what one of them carries.
 *
 * usage: rdp_load PORT RECORDING stream BYTES MS	PDUs of so many bytes to the client for so long
 *        rdp_load PORT RECORDING input BYTES MS	input events of so many bytes, one a millisecond
 *        rdp_load PORT RECORDING hold COUNT 0	so many idle sessions, until end of input
 *        rdp_load PORT RECORDING open COUNT MS	sessions one after the other in so many threads
 *
 * Standard input has one ticket a line, LOCATOR SECRET in base64url; a line "-" is a session
 * without. Prints one JSON object, then keeps its sessions until descriptor 3 is at its end, so that
 * whoever carries them can be looked at; `open` keeps none. Exit status 1: an error, the run is
 * void. */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include "bench/rdp_wire.h"
#include "common/base/text.h"
#include "common/sys/clock.h"

#define SAMPLES_MAX 1000000
#define LOCATOR_LEN 16
#define SECRET_TEXT_LEN 43
#define EVENT_EVERY_US 1000
#define RELEASE_FD 3

struct ticket {
	bool given;
	uint8_t locator[LOCATOR_LEN];
	char secret[SECRET_TEXT_LEN + 1];
};

static SSL_CTX *tls;
static struct script script;
static struct sockaddr_in server;
static int32_t one_way_us[SAMPLES_MAX], both_ways_us[SAMPLES_MAX];
static pthread_mutex_t tickets = PTHREAD_MUTEX_INITIALIZER;
static atomic_int opened, failed;
static int64_t until_us;
static const char *volatile first_failure = "";

/* ---- Opening a session ---- */

static bool ticket_read(struct ticket *out)
{
	char line[256], locator[64], secret[64];
	bool good = true;

	pthread_mutex_lock(&tickets);
	if (!fgets(line, sizeof(line), stdin))
		good = false;
	pthread_mutex_unlock(&tickets);
	if (!good)
		return false;
	out->given = line[0] != '-' || line[1] != '\n';
	if (!out->given)
		return true;
	if (sscanf(line, "%63s %63s", locator, secret) != 2 ||
	    base64url_decode(span_text(locator), out->locator, LOCATOR_LEN) != LOCATOR_LEN ||
	    str_copy(out->secret, sizeof(out->secret), secret) < 0)
		errx(64, "not a ticket: %s", line);
	return true;
}

static void put_field(struct buf *out, struct span bytes)
{
	buf_put_u16le(out, (uint16_t)bytes.len);
	buf_put_span(out, bytes);
}

/* RDSTLS (MS-RDPBCGR 5.4.5.3): capabilities, our password, the verdict. */
static bool show_ticket(struct wire *w, const struct ticket *ticket)
{
	OWNED(buf_done) struct buf request = { 0 };
	uint8_t wide[2 * SECRET_TEXT_LEN] = { 0 };
	struct span capabilities, verdict;

	for (size_t i = 0; i < SECRET_TEXT_LEN; i++)
		wide[2 * i] = (uint8_t)ticket->secret[i];
	buf_put_u16le(&request, 1);
	buf_put_u16le(&request, 2);
	buf_put_u16le(&request, 1);
	put_field(&request, span_of(ticket->locator, LOCATOR_LEN));
	put_field(&request, SPAN_LITERAL("t\0\0\0"));
	put_field(&request, SPAN_LITERAL("\0\0"));
	put_field(&request, span_of(wide, sizeof(wide)));
	return wire_read(w, 8, &capabilities) && wire_write(w, buf_span(&request)) &&
	       wire_read(w, 10, &verdict) && verdict.ptr[6] == 0;
}

static bool become_tls(struct wire *w)
{
	w->ssl = SSL_new(tls);
	return w->ssl && SSL_set_fd(w->ssl, w->fd) == 1 && SSL_connect(w->ssl) == 1;
}

static const char *begin(struct wire *w, const struct ticket *ticket)
{
	struct span confirm;

	if (connect(w->fd, (struct sockaddr *)&server, sizeof(server)) < 0)
		return "connect";
	if (ticket->given && (!wire_write(w, script.request) || !wire_read_pdu(w, &confirm)))
		return "X.224";
	if (!become_tls(w))
		return "TLS";
	if (ticket->given && !show_ticket(w, ticket))
		return "ticket";
	return script_play(&script, w, STEP_CLIENT) ? NULL : "connection sequence";
}

static struct wire *session_open(const struct ticket *ticket)
{
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct wire *w = wire_new(fd);

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	const char *failure = begin(w, ticket);
	if (!failure)
		return w;
	if (atomic_fetch_add(&failed, 1) == 0)
		first_failure = failure;
	wire_free(w);
	return NULL;
}

static struct wire *session_or_die(void)
{
	struct ticket ticket;
	struct wire *w = ticket_read(&ticket) ? session_open(&ticket) : NULL;

	if (!w)
		errx(1, "no session: %s", *first_failure ? first_failure : "no ticket");
	return w;
}

static void send_order(struct wire *w, const struct order *order, size_t size)
{
	OWNED(buf_done) struct buf pdu = { 0 };

	order_encode(order, size, &pdu);
	if (!wire_write(w, buf_span(&pdu)))
		errx(1, "the session broke");
}

/* ---- What is measured ---- */

static void wait_to_be_released(void)
{
	char rest;

	fflush(stdout);
	while (read(RELEASE_FD, &rest, 1) > 0)
		continue;
}

static void run_stream(uint32_t size, uint32_t ms)
{
	struct order order = { .kind = ORDER_STREAM, .size = size, .for_ms = ms }, got;
	struct wire *w = session_or_die();
	int64_t bytes = 0, began_us = clock_monotonic_us();
	struct span pdu;

	send_order(w, &order, 0);
	for (;;) {
		if (!wire_read_pdu(w, &pdu))
			errx(1, "the stream broke after %lld bytes", (long long)bytes);
		if (!order_decode(pdu, &got))
			continue;
		if (got.kind == ORDER_STREAMED)
			break;
		bytes += (int64_t)pdu.len;
	}
	if (bytes != got.count)
		errx(1, "%lld bytes came of %lld", (long long)bytes, (long long)got.count);
	double seconds = (double)(clock_monotonic_us() - began_us) / 1e6;

	printf("{\"bytes\": %lld, \"seconds\": %.3f, \"gb_per_s\": %.4f}\n", (long long)bytes,
	       seconds, (double)bytes / seconds / 1e9);
	wait_to_be_released();
	wire_free(w);
}

static int by_value(const void *a, const void *b)
{
	return *(const int32_t *)a - *(const int32_t *)b;
}

static int32_t percentile(int32_t *sorted, int count, int per_thousand)
{
	return count ? sorted[(int64_t)(count - 1) * per_thousand / 1000] : 0;
}

static void sleep_until_us(int64_t at_us)
{
	struct timespec at = { at_us / 1000000, at_us % 1000000 * 1000 };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
		continue;
}

static void run_input(uint32_t size, uint32_t ms)
{
	struct wire *w = session_or_die();
	int64_t next_us = clock_monotonic_us(), end_us = next_us + ms * INT64_C(1000);
	int count = 0;

	for (; next_us < end_us && count < SAMPLES_MAX; next_us += EVENT_EVERY_US, count++) {
		struct order event = { .kind = ORDER_EVENT, .size = size }, seen = { 0 };
		struct span pdu;

		sleep_until_us(next_us);
		event.at_us = clock_monotonic_us();
		send_order(w, &event, size);
		do {
			if (!wire_read_pdu(w, &pdu))
				errx(1, "event %d was not answered", count);
		} while (!order_decode(pdu, &seen) || seen.count != event.at_us);
		one_way_us[count] = (int32_t)(seen.at_us - event.at_us);
		both_ways_us[count] = (int32_t)(clock_monotonic_us() - event.at_us);
	}
	qsort(one_way_us, (size_t)count, sizeof(int32_t), by_value);
	qsort(both_ways_us, (size_t)count, sizeof(int32_t), by_value);
	printf("{\"events\": %d, \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f, "
	       "\"both_ways_p50_ms\": %.3f, \"both_ways_p99_ms\": %.3f}\n",
	       count, percentile(one_way_us, count, 500) / 1e3,
	       percentile(one_way_us, count, 990) / 1e3, percentile(one_way_us, count, 1000) / 1e3,
	       percentile(both_ways_us, count, 500) / 1e3, percentile(both_ways_us, count, 990) / 1e3);
	wait_to_be_released();
	wire_free(w);
}

static void run_hold(uint32_t wanted)
{
	struct wire **all = xcalloc(wanted, sizeof(*all));
	int64_t began_us = clock_monotonic_us();

	for (uint32_t i = 0; i < wanted; i++)
		all[i] = session_or_die();
	printf("{\"sessions\": %u, \"seconds\": %.3f}\n", wanted,
	       (double)(clock_monotonic_us() - began_us) / 1e6);
	wait_to_be_released();
	for (uint32_t i = 0; i < wanted; i++)
		wire_free(all[i]);
	free(all);
}

static void *keep_opening(void *arg)
{
	struct ticket ticket;

	while (clock_monotonic_us() < until_us && ticket_read(&ticket)) {
		int64_t began_us = clock_monotonic_us();
		struct wire *w = session_open(&ticket);

		if (!w)
			continue;
		int n = atomic_fetch_add(&opened, 1);

		if (n < SAMPLES_MAX)
			one_way_us[n] = (int32_t)(clock_monotonic_us() - began_us);
		wire_free(w);
	}
	return NULL;
}

static void run_open(uint32_t threads, uint32_t ms)
{
	pthread_t *all = xcalloc(threads, sizeof(*all));
	int64_t began_us = clock_monotonic_us();

	until_us = began_us + ms * INT64_C(1000);
	for (uint32_t i = 0; i < threads; i++)
		if (pthread_create(&all[i], NULL, keep_opening, NULL) != 0)
			err(1, "thread");
	for (uint32_t i = 0; i < threads; i++)
		pthread_join(all[i], NULL);
	double seconds = (double)(clock_monotonic_us() - began_us) / 1e6;

	qsort(one_way_us, (size_t)opened, sizeof(int32_t), by_value);
	printf("{\"sessions\": %d, \"errors\": %d, \"first_error\": \"%s\", \"seconds\": %.3f, "
	       "\"sessions_per_s\": %.1f, \"p50_ms\": %.3f, \"p99_ms\": %.3f}\n",
	       opened, failed, first_failure, seconds, opened / seconds,
	       percentile(one_way_us, opened, 500) / 1e3,
	       percentile(one_way_us, opened, 990) / 1e3);
	free(all);
}

int main(int argc, char **argv)
{
	if (argc != 6)
		errx(64, "usage: rdp_load PORT RECORDING stream|input|hold|open NUMBER MS");
	signal(SIGPIPE, SIG_IGN);
	server = (struct sockaddr_in){ .sin_family = AF_INET,
				       .sin_port = htons((uint16_t)atoi(argv[1])),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	script_load(&script, argv[2]);
	tls = SSL_CTX_new(TLS_client_method());	/* whose certificate it is does not matter here */
	SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
	uint32_t number = (uint32_t)atoi(argv[4]);
	uint32_t ms = (uint32_t)atoi(argv[5]);

	if (strcmp(argv[3], "stream") == 0)
		run_stream(number, ms);
	else if (strcmp(argv[3], "input") == 0)
		run_input(number, ms);
	else if (strcmp(argv[3], "hold") == 0)
		run_hold(number);
	else if (strcmp(argv[3], "open") == 0)
		run_open(number, ms);
	else
		errx(64, "unknown load %s", argv[3]);
	return failed ? 1 : 0;
}
