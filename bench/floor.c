/* SPDX-License-Identifier: Apache-2.0 */
/* floor - what a login costs at the least: TLS 1.3 accept, LDAP bind on a persistent ldaps
 * connection, one durable SQLite row shared with whoever commits at the same time, one Ed25519
 * signature, answer. No entitlement, no assignment, no throttle, no audit, no bounds: a peer for
 * bench/login, not a server.
 *
 * usage: floor PORT CERTIFICATE KEY LDAPS-URI LDAP-CA DATABASE THREADS */
#include <arpa/inet.h>
#include <err.h>
#include <ldap.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include "bench/message.h"

struct row {
	const char *user;
	struct row *next;
	int done;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work = PTHREAD_COND_INITIALIZER, committed = PTHREAD_COND_INITIALIZER;
static struct row *waiting;

static SSL_CTX *tls;
static EVP_PKEY *signing_key;
static const char *ldap_uri, *ldap_ca, *database;
static int listener;

static void sql(sqlite3 *db, const char *text)
{
	if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
		errx(1, "%s: %s", text, sqlite3_errmsg(db));
}

/* The one writer: everything that waits goes into one transaction. */
static void *commit_rows(void *arg)
{
	sqlite3 *db;
	sqlite3_stmt *insert;

	if (sqlite3_open(database, &db) != SQLITE_OK)
		errx(1, "%s: %s", database, sqlite3_errmsg(db));
	sql(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
		"CREATE TABLE login (id INTEGER PRIMARY KEY, user TEXT NOT NULL);");
	sqlite3_prepare_v2(db, "INSERT INTO login (user) VALUES (?)", -1, &insert, NULL);
	for (;;) {
		pthread_mutex_lock(&lock);
		while (!waiting)
			pthread_cond_wait(&work, &lock);
		struct row *batch = waiting;
		waiting = NULL;
		pthread_mutex_unlock(&lock);

		sql(db, "BEGIN IMMEDIATE");
		for (struct row *r = batch; r; r = r->next) {
			sqlite3_bind_text(insert, 1, r->user, -1, SQLITE_STATIC);
			if (sqlite3_step(insert) != SQLITE_DONE)
				errx(1, "insert: %s", sqlite3_errmsg(db));
			sqlite3_reset(insert);
		}
		sql(db, "COMMIT");

		pthread_mutex_lock(&lock);
		for (struct row *r = batch, *next; r; r = next) {
			next = r->next;
			r->done = 1;
		}
		pthread_cond_broadcast(&committed);
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

static void make_durable(const char *user)
{
	struct row row = { .user = user };

	pthread_mutex_lock(&lock);
	row.next = waiting;
	waiting = &row;
	pthread_cond_signal(&work);
	while (!row.done)
		pthread_cond_wait(&committed, &lock);
	pthread_mutex_unlock(&lock);
}

static LDAP *connect_directory(void)
{
	int version = LDAP_VERSION3, demand = LDAP_OPT_X_TLS_DEMAND, fresh = 0;
	LDAP *ld;

	if (ldap_initialize(&ld, ldap_uri) != LDAP_SUCCESS)
		errx(1, "ldap_initialize %s", ldap_uri);
	ldap_set_option(ld, LDAP_OPT_PROTOCOL_VERSION, &version);
	ldap_set_option(ld, LDAP_OPT_X_TLS_CACERTFILE, ldap_ca);
	ldap_set_option(ld, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand);
	ldap_set_option(ld, LDAP_OPT_X_TLS_NEWCTX, &fresh);
	return ld;
}

static int bind_user(LDAP *ld, const char *user, char *password)
{
	struct berval secret = { strlen(password), password };
	char dn[256];

	snprintf(dn, sizeof(dn), "uid=%s,ou=people,dc=example,dc=com", user);
	return *password &&
	       ldap_sasl_bind_s(ld, dn, LDAP_SASL_SIMPLE, &secret, NULL, NULL, NULL) == LDAP_SUCCESS;
}

static void sign_ticket(const char *user, char hex[129])
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	unsigned char signature[64];
	size_t len = sizeof(signature);

	if (EVP_DigestSignInit(md, NULL, NULL, NULL, signing_key) != 1 ||
	    EVP_DigestSign(md, signature, &len, (const unsigned char *)user, strlen(user)) != 1)
		errx(1, "sign");
	EVP_MD_CTX_free(md);
	for (size_t i = 0; i < len; i++)
		snprintf(hex + 2 * i, 3, "%02x", signature[i]);
}

/* The value of "key" in a flat JSON text. */
static void member(const char *json, const char *key, char *out, size_t size)
{
	const char *at = strstr(json, key);
	const char *quote = at ? strchr(at + strlen(key), '"') : NULL;
	size_t len = quote ? strcspn(quote + 1, "\"") : 0;

	snprintf(out, size, "%.*s", (int)len, quote ? quote + 1 : "");
}

static void serve(SSL *ssl, LDAP *ld)
{
	char text[MESSAGE_MAX], user[128], password[128], ticket[129] = "", body[512], answer[1024];

	if (SSL_accept(ssl) != 1 || !message_read(ssl, text))
		return;
	member(text, "\"user\":", user, sizeof(user));
	member(text, "\"password\":", password, sizeof(password));
	int right = bind_user(ld, user, password);
	if (right) {
		sign_ticket(user, ticket);
		make_durable(user);
	}
	snprintf(body, sizeof(body), "{\"token\":\"%s\",\"locator\":\"%s\"}", ticket, user);
	int len = snprintf(answer, sizeof(answer),
			   "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
			   right ? "200 OK" : "401 Unauthorized", strlen(body), body);
	SSL_write(ssl, answer, len);
	SSL_shutdown(ssl);
}

static void *serve_all(void *arg)
{
	LDAP *ld = connect_directory();

	for (;;) {
		int one = 1, fd = accept(listener, NULL, NULL);

		if (fd < 0)
			continue;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		SSL *ssl = SSL_new(tls);
		SSL_set_fd(ssl, fd);
		serve(ssl, ld);
		SSL_free(ssl);
		close(fd);
	}
	return NULL;
}

static void listen_on(int port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int one = 1;

	inet_pton(AF_INET, "127.0.0.1", &at.sin_addr);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(listener, 4096) < 0)
		err(1, "port %d", port);
}

int main(int argc, char **argv)
{
	pthread_t thread;

	if (argc != 8)
		errx(2, "usage: floor PORT CERTIFICATE KEY LDAPS-URI LDAP-CA DATABASE THREADS");
	signal(SIGPIPE, SIG_IGN);
	ldap_uri = argv[4];
	ldap_ca = argv[5];
	database = argv[6];
	tls = SSL_CTX_new(TLS_server_method());
	SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION);
	SSL_CTX_set_num_tickets(tls, 0);
	if (SSL_CTX_use_certificate_chain_file(tls, argv[2]) != 1 ||
	    SSL_CTX_use_PrivateKey_file(tls, argv[3], SSL_FILETYPE_PEM) != 1)
		errx(1, "certificate %s, key %s", argv[2], argv[3]);
	signing_key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	listen_on(atoi(argv[1]));
	pthread_create(&thread, NULL, commit_rows, NULL);
	for (int i = atoi(argv[7]); i > 1; i--)
		pthread_create(&thread, NULL, serve_all, NULL);
	serve_all(NULL);
	return 0;
}
