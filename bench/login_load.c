/* SPDX-License-Identifier: Apache-2.0 */
/* login_load - closed-loop logins: each client opens a TCP connection, does a full TLS 1.3 handshake
 * with the server's certificate verified, posts name and password to /v1/login, reads the answer,
 * closes, and begins again. Prints one JSON object.
 *
 * usage: login_load PORT CA CLIENTS SECONDS FIRST-USER USERS NEEDED
 *
 * Users are user00000, user00001, ... with password "password-of-" and the name. NEEDED is a text
 * each 200 answer must contain ("locator": a ticket was given out). With SECONDS 0 each user logs in
 * once. */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include "bench/message.h"
#include "common/sys/clock.h"

#define SAMPLES_MAX 2000000

static SSL_CTX *tls;
static struct sockaddr_in server;
static const char *needed;
static int first_user, users;
static int64_t end_us;		/* 0: each user once */
static atomic_int next_login;
static atomic_int count, errors;
static int32_t *samples_us;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char first_error[300];

static void note_error(const char *what, const char *text)
{
	pthread_mutex_lock(&lock);
	if (!first_error[0]) {
		snprintf(first_error, sizeof(first_error), "%s %.200s", what, text);
		for (char *p = first_error; *p; p++)
			if (*p == '"' || *p == '\\' || (unsigned char)*p < ' ')
				*p = ' ';
	}
	pthread_mutex_unlock(&lock);
	atomic_fetch_add(&errors, 1);
}

static void exchange(SSL *ssl, int user)
{
	char body[256], request[1024], answer[MESSAGE_MAX];

	snprintf(body, sizeof(body),
		 "{\"user\":\"user%05d\",\"password\":\"password-of-user%05d\","
		 "\"client\":{\"name\":\"bench\",\"version\":\"1\"}}",
		 user, user);
	int len = snprintf(request, sizeof(request),
			   "POST /v1/login HTTP/1.1\r\nHost: 127.0.0.1\r\n"
			   "Content-Type: application/json\r\nContent-Length: %zu\r\n"
			   "Connection: close\r\n\r\n%s",
			   strlen(body), body);
	if (SSL_connect(ssl) != 1)
		note_error("handshake", X509_verify_cert_error_string(SSL_get_verify_result(ssl)));
	else if (SSL_write(ssl, request, len) != len || !message_read(ssl, answer))
		note_error("exchange", "the server left");
	else if (strncmp(answer, "HTTP/1.1 200", 12) != 0 || !strstr(answer, needed))
		note_error("answer", strstr(answer, "\r\n\r\n") ? strstr(answer, "\r\n\r\n") : answer);
}

static void login(int user)
{
	int64_t begin_us = clock_monotonic_us();
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	SSL *ssl = SSL_new(tls);

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), "127.0.0.1");
	SSL_set_fd(ssl, fd);
	if (connect(fd, (struct sockaddr *)&server, sizeof(server)) < 0)
		note_error("connect", strerror(errno));
	else
		exchange(ssl, user);
	SSL_shutdown(ssl);
	SSL_free(ssl);
	close(fd);

	int n = atomic_fetch_add(&count, 1);
	if (n < SAMPLES_MAX)
		samples_us[n] = (int32_t)(clock_monotonic_us() - begin_us);
}

static void *client(void *arg)
{
	for (;;) {
		int n = atomic_fetch_add(&next_login, 1);

		if (end_us ? clock_monotonic_us() >= end_us : n >= users)
			return NULL;
		login((first_user + n) % (end_us ? users : first_user + users));
	}
}

static int by_value(const void *a, const void *b)
{
	return *(const int32_t *)a - *(const int32_t *)b;
}

static double cpu_us(void)
{
	struct rusage used;

	getrusage(RUSAGE_SELF, &used);
	return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
	       (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

static void print_result(double seconds, double used_us)
{
	int n = count < SAMPLES_MAX ? count : SAMPLES_MAX;

	qsort(samples_us, (size_t)n, sizeof(*samples_us), by_value);
	printf("{\"logins\": %d, \"errors\": %d, \"seconds\": %.3f, \"logins_per_s\": %.1f, "
	       "\"p50_ms\": %.3f, \"p99_ms\": %.3f, \"client_cpu_us\": %.1f, \"first_error\": \"%s\"}\n",
	       count, errors, seconds, count / seconds, n ? samples_us[n / 2] / 1e3 : 0,
	       n ? samples_us[n * 99LL / 100] / 1e3 : 0, count ? used_us / count : 0, first_error);
}

int main(int argc, char **argv)
{
	if (argc != 8)
		errx(2, "usage: login_load PORT CA CLIENTS SECONDS FIRST-USER USERS NEEDED");
	signal(SIGPIPE, SIG_IGN);
	server = (struct sockaddr_in){ .sin_family = AF_INET,
				       .sin_port = htons((uint16_t)atoi(argv[1])) };
	inet_pton(AF_INET, "127.0.0.1", &server.sin_addr);
	tls = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION);
	SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
	if (SSL_CTX_load_verify_locations(tls, argv[2], NULL) != 1)
		errx(1, "CA %s", argv[2]);
	int clients = atoi(argv[3]);
	int seconds = atoi(argv[4]);
	first_user = atoi(argv[5]);
	users = atoi(argv[6]);
	needed = argv[7];
	samples_us = calloc(SAMPLES_MAX, sizeof(*samples_us));
	pthread_t *threads = calloc((size_t)clients, sizeof(*threads));
	if (!samples_us || !threads)
		errx(1, "out of memory");

	int64_t begin_us = clock_monotonic_us();
	double cpu_before_us = cpu_us();
	end_us = seconds ? begin_us + seconds * INT64_C(1000000) : 0;
	for (int i = 0; i < clients; i++)
		if (pthread_create(&threads[i], NULL, client, NULL) != 0)
			errx(1, "thread %d", i);
	for (int i = 0; i < clients; i++)
		pthread_join(threads[i], NULL);
	print_result((double)(clock_monotonic_us() - begin_us) / 1e6, cpu_us() - cpu_before_us);
	free(threads);
	free(samples_us);
	SSL_CTX_free(tls);
	return errors ? 1 : 0;
}
