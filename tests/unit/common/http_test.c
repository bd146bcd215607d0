/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/common/certificates.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>
#include "common/net/http_client.h"
#include "common/net/http_server.h"

struct world {
	struct certificates certificates;
	struct loop *loop;
	struct http_server *server;
	struct loop_timer *later, *more;
	uint64_t held, streamed;
	atomic_int sent;	/* chunks of the streamed answer */
	atomic_bool slow, peer_gone;
	char address[32];
	pthread_t client;
	void (*story)(struct world *);
};

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static void answer_later(void *arg)
{
	struct world *w = arg;
	struct http_exchange *x = http_exchange_find(w->server, w->held);
	OWNED(json_decref) json_t *body = json_pack("{s:b}", "late", 1);

	if (x)
		http_reply_json(x, 200, body);
}

/* Ten lines, or as many as a peer that reads none of them is given. */
static void stream_on(void *arg)
{
	struct world *w = arg;
	struct http_exchange *x = http_exchange_find(w->server, w->streamed);
	static char block[4096];
	char line[32];

	if (!x) {
		w->peer_gone = true;
		return;
	}
	snprintf(line, sizeof(line), "line %d\n", w->sent);
	if (!w->slow && w->sent == 10) {
		http_stream_end(x);
		return;
	}
	memset(block, 'x', sizeof(block));
	if (http_stream_send(x, w->slow ? span_of(block, sizeof(block)) : span_text(line)) == 0)
		w->sent++;
	loop_timer_start(w->more, 1);
}

static void echo(struct http_exchange *x)
{
	const json_t *in = http_body(x);

	if (!in)
		return;

	OWNED(json_decref) json_t *body = json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:O}", "method", http_method(x), "cn", http_peer_cn(x),
		"ou", http_peer_ou(x), "bearer", http_bearer(x) ? http_bearer(x) : "", "q",
		http_query(x, "q") ? http_query(x, "q") : "", "in", in);

	http_reply_json(x, 200, body);
}

static void handle(void *arg, struct http_exchange *x)
{
	struct world *w = arg;

	if (strcmp(http_path(x), "/echo") == 0) {
		echo(x);
	} else if (strcmp(http_path(x), "/later") == 0) {
		w->held = http_exchange_id(x);
		loop_timer_start(w->later, 20);
	} else if (strcmp(http_path(x), "/stream") == 0) {
		w->streamed = http_exchange_id(x);
		w->slow = http_query(x, "slow") != NULL;
		http_reply_header(x, "X-Kind", "stream");
		http_stream_begin(x, "text/plain");
		stream_on(w);
	} else if (strcmp(http_path(x), "/empty") == 0) {
		http_reply_json(x, 204, NULL);
	} else {
		http_reply_problem(x, 404, "not_found", 1500, "There is no %s here.", http_path(x));
	}
}

static void finish(void *arg)
{
	loop_stop(((struct world *)arg)->loop);
}

static void *client_thread(void *arg)
{
	struct world *w = arg;

	w->story(w);
	loop_post(w->loop, finish, w);
	return NULL;
}

static void run_world(void (*story)(struct world *), unsigned per_source)
{
	struct world w = { .story = story };
	struct http_server_config config;

	certificates_make(&w.certificates);
	config = (struct http_server_config){
		.address = "127.0.0.1:0", .certificate_file = w.certificates.server,
		.key_file = w.certificates.server_key, .ca_file = w.certificates.ca,
		.client_certificate = TLS_PEER_OPTIONAL, .max_connections = 500,
		.max_per_source = per_source, .max_body_bytes = 4096, .handshake_ms = 300,
		.request_ms = 300, .idle_ms = 5000,
	};
	w.loop = loop_new();
	w.later = loop_timer_new(w.loop, answer_later, &w);
	w.more = loop_timer_new(w.loop, stream_on, &w);
	assert_int_equal(http_server_new(w.loop, &config, handle, &w, &w.server, NULL), 0);
	snprintf(w.address, sizeof(w.address), "127.0.0.1:%u", http_server_port(w.server));
	assert_int_equal(pthread_create(&w.client, NULL, client_thread, &w), 0);
	loop_run(w.loop);
	pthread_join(w.client, NULL);
	http_server_free(w.server);
	loop_timer_free(w.later);
	loop_timer_free(w.more);
	loop_free(w.loop);
	certificates_remove(&w.certificates);
}

static struct http_client *client_of(struct world *w, bool with_certificate)
{
	struct http_client_config config = {
		.address = w->address, .ca_file = w->certificates.ca,
		.certificate_file = with_certificate ? w->certificates.client : NULL,
		.key_file = with_certificate ? w->certificates.client_key : NULL,
	};
	struct http_client *client;

	assert_int_equal(http_client_new(&config, &client, NULL), 0);
	return client;
}

static void echo_story(struct world *w)
{
	OWNED(http_client_free) struct http_client *client = client_of(w, true);
	OWNED(json_decref) json_t *in = json_pack("{s:s}", "name", "山田");
	struct http_result r;
	struct error err;

	http_client_set_bearer(client, "tok");
	assert_int_equal(http_request(client, "POST", "/echo?q=a%20b", in, 5000, &r, &err), 0);
	assert_int_equal(r.status, 200);
	assert_string_equal(text_of(r.body, "cn"), "host-a");
	assert_string_equal(text_of(r.body, "ou"), "genkan-host");
	assert_string_equal(text_of(r.body, "bearer"), "tok");
	assert_string_equal(text_of(r.body, "q"), "a b");
	assert_string_equal(text_of(json_object_get(r.body, "in"), "name"), "山田");
	assert_true(r.tls_us > 0);
	http_result_done(&r);
	assert_int_equal(http_request(client, "GET", "/later", NULL, 5000, &r, &err), 0);
	assert_true(json_is_true(json_object_get(r.body, "late")));
	http_result_done(&r);
	assert_int_equal(http_request(client, "DELETE", "/empty", NULL, 5000, &r, &err), 0);
	assert_int_equal(r.status, 204);
	assert_null(r.body);
	assert_int_equal(http_request(client, "GET", "/nowhere", NULL, 5000, &r, &err), 0);
	assert_int_equal(r.status, 404);
	assert_int_equal(http_result_problem(&r, &err), -EREMOTEIO);
	assert_string_equal(err.text, "There is no /nowhere here. (not_found)");
	assert_int_equal(json_integer_value(json_object_get(r.body, "retry_after_ms")), 1500);
	http_result_done(&r);
}

static void refusal_story(struct world *w)
{
	OWNED(http_client_free) struct http_client *client = client_of(w, false);
	struct http_client_config wrong = { .address = w->address, .ca_file = w->certificates.client };
	OWNED(http_client_free) struct http_client *stranger = NULL;
	OWNED(json_decref) json_t *big = json_object();
	struct http_result r;
	struct error err;

	assert_int_equal(http_client_new(&wrong, &stranger, &err), 0);
	assert_int_equal(http_request(stranger, "GET", "/echo", NULL, 5000, &r, &err), -EPROTO);
	for (int i = 0; i < 400; i++) {
		char key[16];

		snprintf(key, sizeof(key), "key%d", i);
		json_object_set_new(big, key, json_string("0123456789"));
	}
	/* Too large: refused by the server with a status or a closed connection, never handled. */
	if (http_request(client, "POST", "/echo", big, 5000, &r, &err) == 0) {
		assert_int_not_equal(r.status, 200);
		http_result_done(&r);
	}
}

static int connect_plain(struct world *w);

static SSL *connect_tls(struct world *w, SSL_CTX **context)
{
	SSL *ssl;

	*context = SSL_CTX_new(TLS_client_method());
	ssl = SSL_new(*context);
	SSL_set_fd(ssl, connect_plain(w));
	assert_int_equal(SSL_connect(ssl), 1);
	return ssl;
}

static void ask_stream(SSL *ssl, const char *path)
{
	char request[128];
	int len = snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);

	assert_int_equal(SSL_write(ssl, request, len), len);
}

static void close_tls(SSL *ssl, SSL_CTX *context)
{
	close(SSL_get_fd(ssl));
	SSL_free(ssl);
	SSL_CTX_free(context);
}

/* All of it comes, piece by piece, and the connection goes on afterwards. */
static void stream_story(struct world *w)
{
	SSL_CTX *context;
	SSL *ssl = connect_tls(w, &context);
	char text[4096];
	size_t len = 0;

	for (int i = 0; i < 2; i++) {
		w->sent = 0;
		len = 0;
		ask_stream(ssl, "/stream");
		do {
			int n = SSL_read(ssl, text + len, (int)(sizeof(text) - len - 1));

			assert_true(n > 0);
			len += (size_t)n;
			text[len] = '\0';
		} while (!strstr(text, "\r\n0\r\n\r\n"));
		assert_non_null(strstr(text, "X-Kind: stream"));
		assert_non_null(strstr(text, "line 0\n"));
		assert_non_null(strstr(text, "line 9\n"));
	}
	close_tls(ssl, context);
}

/* Who takes nothing holds up to a bound only, and who leaves is noticed. */
static void slow_story(struct world *w)
{
	SSL_CTX *context;
	SSL *ssl = connect_tls(w, &context);

	ask_stream(ssl, "/stream?slow=1");
	for (int before = -1; before != w->sent; usleep(300000))
		before = w->sent;
	assert_true(w->sent > 0 && w->sent < 4096);
	close_tls(ssl, context);
	for (int i = 0; i < 100 && !w->peer_gone; i++)
		usleep(20000);
	assert_true(w->peer_gone);
}

static int connect_plain(struct world *w)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	at.sin_port = htons((uint16_t)strtoul(strchr(w->address, ':') + 1, NULL, 10));
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

static bool closed_within(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char c[64];

	return poll(&p, 1, ms) == 1 && read(fd, c, sizeof(c)) <= 0;
}

static void half_open_story(struct world *w)
{
	OWNED(http_client_free) struct http_client *client = client_of(w, false);
	struct http_result r;
	struct error err;
	int fds[6];

	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = connect_plain(w);
	/* More than max_per_source = 4 from here: the surplus is cut at once, the rest by deadline. */
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		assert_true(closed_within(fds[i], 3000));
		close(fds[i]);
	}
	assert_int_equal(http_request(client, "GET", "/echo", NULL, 5000, &r, &err), 0);
	assert_int_equal(r.status, 200);
	http_result_done(&r);
}

/* More than are greeted at once stand at the door and say nothing. */
static void crowd_story(struct world *w)
{
	OWNED(http_client_free) struct http_client *client = client_of(w, false);
	struct http_result r;
	struct error err;
	int fds[200];

	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = connect_plain(w);
	assert_int_equal(http_request(client, "GET", "/echo", NULL, 5000, &r, &err), 0);
	assert_int_equal(r.status, 200);
	http_result_done(&r);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		assert_true(closed_within(fds[i], 3000));
		close(fds[i]);
	}
}

static void garbage_story(struct world *w)
{
	OWNED(http_client_free) struct http_client *client = client_of(w, false);
	struct http_result r;
	struct error err;

	for (unsigned i = 0; i < 8; i++) {
		int fd = connect_plain(w);
		char noise[700];

		for (size_t n = 0; n < sizeof(noise); n++)
			noise[n] = (char)(n * 2654435761u >> (i + 3));
		assert_true(write(fd, noise, sizeof(noise)) > 0);
		for (int reads = 0; reads < 3 && !closed_within(fd, 1000); reads++)
			;
		close(fd);
	}
	assert_int_equal(http_request(client, "GET", "/echo", NULL, 5000, &r, &err), 0);
	http_result_done(&r);
}

/* One that comes before its request begins is not lost, and none reaches beyond http_client_arm(). */
static void cancel_story(struct world *w)
{
	OWNED(http_client_free) struct http_client *client = client_of(w, false);
	struct http_result r;
	struct error err;

	http_client_arm(client);
	http_client_cancel(client);
	assert_int_equal(http_request(client, "GET", "/empty", NULL, 5000, &r, &err), -ECANCELED);
	assert_int_equal(http_request(client, "GET", "/empty", NULL, 5000, &r, &err), -ECANCELED);
	http_client_arm(client);
	assert_int_equal(http_request(client, "DELETE", "/empty", NULL, 5000, &r, &err), 0);
	assert_int_equal(r.status, 204);
	http_result_done(&r);
}

static void cancels_hit_what_they_are_for(void **state)
{
	run_world(cancel_story, 50);
}

static void requests_and_answers(void **state)
{
	run_world(echo_story, 50);
}

static void streams(void **state)
{
	run_world(stream_story, 50);
}

static void slow_streams(void **state)
{
	run_world(slow_story, 50);
}

static void refusals(void **state)
{
	run_world(refusal_story, 50);
}

static void half_open_connections_are_cut(void **state)
{
	run_world(half_open_story, 4);
}

static void a_silent_crowd_holds_nobody_up(void **state)
{
	run_world(crowd_story, 500);
}

static void garbage_is_survived(void **state)
{
	run_world(garbage_story, 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_and_answers), cmocka_unit_test(refusals),
		cmocka_unit_test(streams), cmocka_unit_test(slow_streams),
		cmocka_unit_test(cancels_hit_what_they_are_for),
		cmocka_unit_test(half_open_connections_are_cut),
		cmocka_unit_test(a_silent_crowd_holds_nobody_up),
		cmocka_unit_test(garbage_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
