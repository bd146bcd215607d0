/* SPDX-License-Identifier: Apache-2.0 */
/* storm_load - everybody comes back at once: each of USERS users reconnects once, by the session
 * token given to the TLS key of this client, with at most CLIENTS connections open. Who is told to
 * wait, or finds nobody, tries again a little later, until GIVE-UP seconds have passed. The line
 * "half" is printed when half of them have their ticket. Prints one JSON object at the end.
 *
 * usage: storm_load PORT CA CERTIFICATE KEY TOKENS CLIENTS USERS POOL GIVE-UP
 *
 * TOKENS is a file with one token a line. With TOKENS "-" each user logs in with the password
 * instead, as login_load does: for the peer. */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/tcp.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include "bench/message.h"
#include "common/sys/clock.h"

static SSL_CTX *tls;
static struct sockaddr_in server;
static char (*tokens)[64];
static const char *pool;
static int users;
static int64_t end_us;
static atomic_int next_user, done, failed, retries;
static char (*desktops)[40];	/* what each was given */

static void read_tokens(const char *path)
{
	FILE *file = fopen(path, "r");

	tokens = calloc((size_t)users, sizeof(*tokens));
	if (!file || !tokens)
		err(1, "%s", path);
	for (int i = 0; i < users; i++)
		if (fscanf(file, "%63s", tokens[i]) != 1)
			errx(1, "%s: only %d tokens", path, i);
	fclose(file);
}

static int write_request(int user, char *out, size_t size)
{
	char body[256] = "{}", who[128] = "";

	if (tokens)
		snprintf(who, sizeof(who), "Authorization: Bearer %s\r\n", tokens[user]);
	else
		snprintf(body, sizeof(body),
			 "{\"user\":\"user%05d\",\"password\":\"password-of-user%05d\"}", user, user);
	return snprintf(out, size,
			"POST %s%s%s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s"
			"Content-Type: application/json\r\nContent-Length: %zu\r\n"
			"Connection: close\r\n\r\n%s",
			tokens ? "/v1/desktops/" : "/v1/login", tokens ? pool : "",
			tokens ? "/connect" : "", who, strlen(body), body);
}

/* The id behind "desktop":{"id":" of an answer; the floor has none. */
static void note_desktop(int user, const char *answer)
{
	const char *at = strstr(answer, "\"desktop\"");

	at = at ? strstr(at, "\"id\"") : NULL;
	if (at)
		sscanf(at + 4, "%*[: \"]%39[0-9a-f]", desktops[user]);
}

/* 0: has a ticket; else milliseconds to wait. */
static int try_once(SSL *ssl, int user)
{
	char request[1024], answer[MESSAGE_MAX];
	int len = write_request(user, request, sizeof(request));

	if (SSL_connect(ssl) != 1 || SSL_write(ssl, request, len) != len ||
	    !message_read(ssl, answer))
		return 200;
	if (strncmp(answer, "HTTP/1.1 200", 12) == 0 && strstr(answer, "\"locator\"")) {
		note_desktop(user, answer);
		return 0;
	}
	const char *retry = strstr(answer, "\"retry_after_ms\"");
	return retry ? (int)strtol(retry + strlen("\"retry_after_ms\":"), NULL, 10) + 1 : 500;
}

static int connect_once(int user)
{
	int one = 1, wait_ms = 200, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct timeval patience = { .tv_sec = 15 };
	SSL *ssl = SSL_new(tls);

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), "127.0.0.1");
	SSL_set_fd(ssl, fd);
	if (connect(fd, (struct sockaddr *)&server, sizeof(server)) == 0)
		wait_ms = try_once(ssl, user);
	SSL_shutdown(ssl);
	SSL_free(ssl);
	close(fd);
	return wait_ms;
}

static void *client(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)&arg;

	for (;;) {
		int user = atomic_fetch_add(&next_user, 1), wait_ms;

		if (user >= users)
			return NULL;
		while ((wait_ms = connect_once(user)) > 0 && clock_monotonic_us() < end_us) {
			atomic_fetch_add(&retries, 1);
			wait_ms += rand_r(&seed) % (wait_ms / 2 + 1);
			usleep((useconds_t)wait_ms * 1000);
		}
		if (wait_ms > 0)
			atomic_fetch_add(&failed, 1);
		else if (atomic_fetch_add(&done, 1) + 1 == users / 2) {
			puts("half");
			fflush(stdout);
		}
	}
}

/* Two users with one desktop. */
static int count_doubles(void)
{
	int doubles = 0;

	for (int i = 0; i < users; i++)
		for (int j = i + 1; desktops[i][0] && j < users; j++)
			doubles += strcmp(desktops[i], desktops[j]) == 0;
	return doubles;
}

int main(int argc, char **argv)
{
	pthread_attr_t small;

	if (argc != 10)
		errx(2, "usage: storm_load PORT CA CERTIFICATE KEY TOKENS CLIENTS USERS POOL GIVE-UP");
	signal(SIGPIPE, SIG_IGN);
	server = (struct sockaddr_in){ .sin_family = AF_INET,
				       .sin_port = htons((uint16_t)atoi(argv[1])) };
	inet_pton(AF_INET, "127.0.0.1", &server.sin_addr);
	tls = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION);
	SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
	if (SSL_CTX_load_verify_locations(tls, argv[2], NULL) != 1 ||
	    SSL_CTX_use_certificate_file(tls, argv[3], SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_use_PrivateKey_file(tls, argv[4], SSL_FILETYPE_PEM) != 1)
		errx(1, "CA %s, certificate %s, key %s", argv[2], argv[3], argv[4]);
	int clients = atoi(argv[6]);
	users = atoi(argv[7]);
	pool = argv[8];
	if (strcmp(argv[5], "-") != 0)
		read_tokens(argv[5]);
	desktops = calloc((size_t)users, sizeof(*desktops));
	pthread_t *threads = calloc((size_t)clients, sizeof(*threads));
	if (!desktops || !threads)
		errx(1, "out of memory");

	int64_t begin_us = clock_monotonic_us();
	end_us = begin_us + atoi(argv[9]) * INT64_C(1000000);
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 256 * 1024);
	for (int i = 0; i < clients; i++)
		if (pthread_create(&threads[i], &small, client, NULL) != 0)
			errx(1, "thread %d", i);
	for (int i = 0; i < clients; i++)
		pthread_join(threads[i], NULL);
	double seconds = (double)(clock_monotonic_us() - begin_us) / 1e6;
	printf("{\"users\": %d, \"done\": %d, \"failed\": %d, \"retries\": %d, \"doubles\": %d, "
	       "\"seconds\": %.3f}\n",
	       users, done, failed, retries, count_doubles(), seconds);
	return failed ? 1 : 0;
}
