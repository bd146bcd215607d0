/* SPDX-License-Identifier: Apache-2.0 */
/* evhttp parses; what it lacks is added here around its life cycle:
 *
 * - Each connection has a `struct peer`, tied to its SSL object, so it goes when the connection
 *   goes, whoever ends it. It counts the connection and carries one absolute deadline (handshake,
 *   then request), which evhttp's per-read timeouts do not give: a drip-fed request would outlive
 *   them. A deadline or a cap is enforced by shutdown(2) on the socket: evhttp then sees the end.
 * - evhttp frees a request together with its connection, so an exchange is found by id and is
 *   dropped by the connection's close callback. */
#include "common/net/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/queue.h>
#include <uthash.h>
#include "common/base/list.h"
#include "common/base/secret.h"
#include "common/base/text.h"
#include "common/data/config.h"
#include "common/net/turns.h"
#include "common/sys/clock.h"
#include "common/sys/log.h"

#define HEADER_LIMIT 8192
/* No ClientHello of TLS 1.3 (RFC 8446 4.1.2) with a key exchange and a certificate is shorter,
 * headers included: fewer bytes of a stranger do not wake us up. */
#define HELLO_MIN 81
/* Of one reading. libevent's own leaves 8 KiB with each connection that waits for its answer; this,
 * with its head, fills one of 2 KiB, which is more than a login takes. */
#define READ_MAX 2000
#define STREAM_STUCK_S                                                                             \
	30 /* a peer is cut off when it takes nothing of a streamed answer for so long */

struct source { /* connections of one address */
	char address[INET6_ADDRSTRLEN];
	unsigned count;
	UT_hash_handle hh;
};

struct peer { /* one connection */
	struct list link;
	struct http_server *server; /* NULL after the server was freed */
	struct source *source;
	struct loop_timer *deadline;
	struct exchange *exchange;
	struct bufferevent *bev;
	struct turn turn;   /* until the handshake is done */
	int fd;		    /* -1 until admitted */
	bool seen, counted; /* counted: in the crowd */
	char cn[128], ou[64], key_sha256[65];
};

struct exchange {
	struct http_exchange x; /* first: they are cast back */
	struct http_server *server;
	struct peer *peer;
	struct evhttp_request *request;
	char *path, *address;
	char request_id[HTTP_REQUEST_ID_SIZE];
	struct evkeyvalq query;
	struct evbuffer_cb_entry *drain; /* while an answer is streamed */
	UT_hash_handle hh;
};

struct http_server {
	struct loop *loop;
	struct http_server_config config;
	SSL_CTX *tls;
	char *ca_file;
	struct evhttp *http;
	struct evconnlistener *listener;
	http_handler_fn *handler;
	http_gone_fn *gone;
	http_drained_fn *drained;
	void *arg;
	struct list peers;
	struct source *sources;
	struct exchange *exchanges;
	struct turns turns;
	struct loop_timer *next_turn; /* while nobody is let in */
	bool closed;
	uint64_t last_id;
	unsigned connections;
};

static int peer_slot; /* index of the SSL ex_data that holds the peer */

/* Who comes waits in the kernel's queue until some are through, or have lost their places. */
static void close_door_when_full(struct http_server *server, int64_t now_ms)
{
	if (server->closed || !turns_full(&server->turns))
		return;
	turns_expire(&server->turns, now_ms);
	if (!turns_full(&server->turns))
		return;
	server->closed = true;
	evconnlistener_disable(server->listener);
	loop_timer_start(server->next_turn, TURN_SILENT_MS);
}

static void open_door(struct http_server *server)
{
	if (!server->closed || !turns_free(&server->turns))
		return;
	server->closed = false;
	loop_timer_stop(server->next_turn);
	evconnlistener_enable(server->listener);
}

static void on_next_turn(void *arg)
{
	struct http_server *server = arg;

	turns_expire(&server->turns, clock_monotonic_ms());
	open_door(server);
	if (server->closed)
		loop_timer_start(server->next_turn, TURN_SILENT_MS);
}

static void end_turn(struct peer *peer)
{
	turns_leave(&peer->server->turns, &peer->turn);
	open_door(peer->server);
}

static void peer_free(struct peer *peer)
{
	if (peer->server) {
		end_turn(peer);
		peer->server->connections--;
		if (peer->counted)
			crowd_leave(peer->server->config.crowd, peer->server->config.crowd_row,
				    peer->source->address);
		if (peer->source && --peer->source->count == 0) {
			HASH_DEL(peer->server->sources, peer->source);
			free(peer->source);
		}
		loop_timer_free(peer->deadline);
		list_remove(&peer->link);
	}
	free(peer);
}

static void on_ssl_free(void *parent, void *ptr, CRYPTO_EX_DATA *data, int index, long argl,
			void *argp)
{
	if (ptr)
		peer_free(ptr);
}

static void make_slot(void)
{
	peer_slot = SSL_get_ex_new_index(0, NULL, NULL, NULL, on_ssl_free);
}

static void hang_up(struct peer *peer)
{
	shutdown(peer->fd, SHUT_RDWR);
}

static struct source *source_of(struct http_server *server, int fd)
{
	struct sockaddr_storage from = { 0 };
	socklen_t len = sizeof(from);
	char address[INET6_ADDRSTRLEN] = "?";
	struct source *source;

	if (getpeername(fd, (struct sockaddr *)&from, &len) == 0)
		getnameinfo((struct sockaddr *)&from, len, address, sizeof(address), NULL, 0,
			    NI_NUMERICHOST);
	HASH_FIND_STR(server->sources, address, source);
	if (!source) {
		source = xnew(struct source);
		memcpy(source->address, address, sizeof(address));
		HASH_ADD_STR(server->sources, address, source);
	}
	source->count++;
	return source;
}

static bool is_too_much(struct peer *peer)
{
	const struct http_server_config *config = &peer->server->config;

	if (!config->crowd)
		return peer->server->connections > config->max_connections ||
		       peer->source->count > config->max_per_source;
	peer->counted = crowd_enter(config->crowd, config->crowd_row, peer->source->address,
				    config->max_per_source, config->max_connections);
	return !peer->counted;
}

static void admit(struct peer *peer)
{
	struct http_server *server = peer->server;
	int fd = bufferevent_getfd(peer->bev);

	if (fd < 0)
		return;
	peer->fd = fd;
	peer->source = source_of(server, fd);
	loop_timer_start(peer->deadline, server->config.handshake_ms);
	if (is_too_much(peer))
		hang_up(peer);
}

/* The first firing comes at once: evhttp sets the socket after the connection object was made. */
static void on_deadline(void *arg)
{
	struct peer *peer = arg;

	if (peer->fd < 0)
		admit(peer);
	else
		hang_up(peer);
}

/* Until so many bytes are there, a connection is not readable. */
static void wake_from(int fd, int bytes)
{
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof(bytes));
}

static void read_certificate(struct peer *peer, const SSL *ssl)
{
	X509 *certificate = SSL_get1_peer_certificate(ssl);

	if (certificate && tls_key_sha256(certificate, peer->key_sha256) < 0)
		peer->key_sha256[0] = '\0';
	/* A certificate signed by its own key is a key: what it says is nobody's word. */
	if (certificate && SSL_get_verify_result(ssl) == X509_V_OK &&
	    X509_self_signed(certificate, 0) == 0 &&
	    tls_subject(certificate, peer->cn, sizeof(peer->cn), peer->ou, sizeof(peer->ou)) < 0)
		peer->cn[0] = peer->ou[0] = '\0';
	X509_free(certificate);
}

static void on_tls_info(const SSL *ssl, int where, int result)
{
	struct peer *peer = SSL_get_ex_data(ssl, peer_slot);

	if (!peer || !peer->server)
		return;
	if (!peer->turn.spoke && where & SSL_CB_LOOP && SSL_get_state(ssl) != TLS_ST_BEFORE) {
		peer->turn.spoke = true;
		wake_from(SSL_get_fd(ssl), 1); /* what follows may be short */
	}
	if (where & SSL_CB_HANDSHAKE_DONE && !peer->seen) {
		peer->seen = true;
		end_turn(peer);
		if (peer->fd < 0)
			admit(peer);
		read_certificate(peer, ssl);
		loop_timer_start(peer->deadline, peer->server->config.request_ms);
	}
}

static struct bufferevent *on_connection(struct event_base *base, void *arg)
{
	struct http_server *server = arg;
	SSL *ssl = SSL_new(server->tls);
	struct peer *peer = xnew(struct peer);
	int64_t now_ms = clock_monotonic_ms();
	struct bufferevent *bev;

	if (!ssl)
		abort();
	peer->server = server;
	peer->fd = -1;
	peer->deadline = loop_timer_new(server->loop, on_deadline, peer);
	list_append(&server->peers, &peer->link);
	turns_take(&server->turns, &peer->turn, now_ms);
	close_door_when_full(server, now_ms);
	server->connections++;
	SSL_set_ex_data(ssl, peer_slot, peer);
	bev = bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING,
					     BEV_OPT_CLOSE_ON_FREE);
	if (!bev)
		abort();
	bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
	(void)bufferevent_set_max_single_read(bev, READ_MAX);
	peer->bev = bev;
	loop_timer_start(peer->deadline, 0);
	return bev;
}

static void exchange_free(struct exchange *e)
{
	HASH_DELETE(hh, e->server->exchanges, e);
	if (e->drain)
		evbuffer_remove_cb_entry(bufferevent_get_output(e->peer->bev), e->drain);
	e->peer->exchange = NULL;
	evhttp_clear_headers(&e->query);
	http_exchange_done(&e->x);
	free(e->path);
	free(e->address);
	free(e);
}

static void on_close(struct evhttp_connection *connection, void *arg)
{
	struct http_server *server = arg;
	struct bufferevent *bev = evhttp_connection_get_bufferevent(connection);
	SSL *ssl = bev ? bufferevent_openssl_get_ssl(bev) : NULL;
	struct peer *peer = ssl ? SSL_get_ex_data(ssl, peer_slot) : NULL;

	if (!peer || !peer->exchange || peer->server != server)
		return;
	struct evhttp_request *request = peer->exchange->request;

	if (server->gone)
		server->gone(server->arg, &peer->exchange->x);
	exchange_free(peer->exchange);
	/* In the middle of an answer evhttp has let go of the request. */
	if (!evhttp_request_get_connection(request))
		evhttp_request_free(request);
}

static const char *method_text(struct evhttp_request *request)
{
	switch ((int)evhttp_request_get_command(request)) {
	case EVHTTP_REQ_GET:
		return "GET";
	case EVHTTP_REQ_POST:
		return "POST";
	case EVHTTP_REQ_PUT:
		return "PUT";
	case EVHTTP_REQ_DELETE:
		return "DELETE";
	}
	return "?";
}

static int read_query(struct exchange *e, const char *query)
{
	struct http_exchange *x = &e->x;
	struct evkeyval *pair;

	if (evhttp_parse_query_str(query, &e->query) < 0)
		return -EINVAL;
	TAILQ_FOREACH(pair, &e->query, next)
	{
		if (x->query_count == HTTP_QUERY_MAX)
			return -E2BIG;
		x->query[x->query_count++] = (struct http_field){ pair->key, pair->value };
	}
	return 0;
}

static int read_target(struct exchange *e)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(e->request);
	const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
	const char *query = uri ? evhttp_uri_get_query(uri) : NULL;
	size_t len = 0;

	e->path = path ? evhttp_uridecode(path, 0, &len) : NULL;
	e->x.path = e->path ? e->path : "";
	if (!e->path || strlen(e->path) != len || !utf8_valid(span_text(e->path)))
		return -EINVAL;
	return query ? read_query(e, query) : 0;
}

/* A client's own, when it can stand in a log. */
static const char *request_id(struct exchange *e, const char *offered)
{
	if (offered && http_request_id_valid(offered))
		memcpy(e->request_id, offered, strlen(offered) + 1);
	else
		http_request_id_new(e->request_id);
	return e->request_id;
}

static void read_request(struct exchange *e)
{
	struct evkeyvalq *headers = evhttp_request_get_input_headers(e->request);
	struct evbuffer *input = evhttp_request_get_input_buffer(e->request);
	struct http_exchange *x = &e->x;

	x->method = method_text(e->request);
	x->address = e->address;
	x->cn = e->peer->cn;
	x->ou = e->peer->ou;
	x->key_sha256 = e->peer->key_sha256;
	for (size_t i = 0; http_exchange_headers[i]; i++) {
		const char *value = evhttp_find_header(headers, http_exchange_headers[i]);

		if (strcmp(http_exchange_headers[i], HTTP_REQUEST_ID) == 0)
			value = request_id(e, value);
		if (value)
			x->headers[x->header_count++] =
				(struct http_field){ http_exchange_headers[i], value };
	}
	x->body_len = evbuffer_get_length(input);
	x->body = x->body_len ? evbuffer_pullup(input, -1) : NULL;
}

static const struct http_carrier carrier;

static void on_request(struct evhttp_request *request, void *arg)
{
	struct http_server *server = arg;
	struct evhttp_connection *connection = evhttp_request_get_connection(request);
	SSL *ssl = bufferevent_openssl_get_ssl(evhttp_connection_get_bufferevent(connection));
	struct peer *peer = SSL_get_ex_data(ssl, peer_slot);
	struct exchange *e = xnew(struct exchange);
	char *address = NULL;
	ev_uint16_t port;

	loop_timer_stop(peer->deadline);
	e->x.carrier = &carrier;
	e->x.id = ++server->last_id;
	e->server = server;
	e->peer = peer;
	e->request = request;
	TAILQ_INIT(&e->query);
	evhttp_connection_get_peer(connection, &address, &port);
	e->address = xstrdup(address ? address : "?");
	peer->exchange = e;
	HASH_ADD_KEYPTR(hh, server->exchanges, &e->x.id, sizeof(e->x.id), e);
	evhttp_connection_set_closecb(connection, on_close, server);
	read_request(e);
	if (read_target(e) < 0)
		http_reply_problem(&e->x, 400, "bad_request", -1,
				   "The request target is not valid.");
	else
		server->handler(server->arg, &e->x);
}

static struct evconnlistener *listener_of(struct http_server *server, struct error *err)
{
	const unsigned flags = LEV_OPT_REUSEABLE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_CLOSE_ON_FREE;
	char host[256], service[8];
	uint16_t port;
	struct addrinfo hints = { .ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM };
	struct addrinfo *found;
	int result;

	if (server->config.listener)
		return evconnlistener_new(loop_base(server->loop), NULL, NULL, flags, 0,
					  server->config.listener);
	if (config_split_address(server->config.address, host, sizeof(host), &port, err) < 0)
		return NULL;
	snprintf(service, sizeof(service), "%u", port);
	result = getaddrinfo(host, service, &hints, &found);
	if (result) {
		error_set(err, EINVAL, "listen on %s: %s", server->config.address,
			  gai_strerror(result));
		return NULL;
	}
	struct evconnlistener *listener =
		evconnlistener_new_bind(loop_base(server->loop), NULL, NULL, flags, 4096,
					found->ai_addr, (int)found->ai_addrlen);
	freeaddrinfo(found);
	if (!listener)
		error_errno(err, "listen on %s", server->config.address);
	return listener;
}

/* Accepted ones inherit them: one call for all instead of some for each. */
static void set_options(int listener)
{
	const int on = 1;

	(void)setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(listener, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	wake_from(listener, HELLO_MIN);
}

static int listen_on(struct http_server *server, struct error *err)
{
	server->listener = listener_of(server, err);
	if (!server->listener)
		return -EINVAL;
	if (!evhttp_bind_listener(server->http, server->listener)) {
		evconnlistener_free(server->listener);
		return error_set(err, ENOMEM, "listen");
	}
	set_options(evconnlistener_get_fd(server->listener));
	return 0;
}

static void take_tls(struct http_server *server, SSL_CTX *fresh)
{
	SSL_CTX_set_info_callback(fresh, on_tls_info);
	SSL_CTX_free(server->tls); /* open connections hold their own reference */
	server->tls = fresh;
}

int http_server_set_pem(struct http_server *server, const struct tls_pem *pem, struct error *err)
{
	SSL_CTX *fresh = NULL;
	int rc = tls_server_from_pem(pem, server->config.client_certificate, 0, &fresh, err);

	if (rc == 0)
		take_tls(server, fresh);
	return rc;
}

int http_server_set_certificate(struct http_server *server, const char *certificate_file,
				const char *key_file, struct error *err)
{
	SSL_CTX *fresh = NULL;
	int rc = tls_server_new(certificate_file, key_file,
				*server->ca_file ? server->ca_file : NULL,
				server->config.client_certificate, 0, &fresh, err);

	if (rc == 0)
		take_tls(server, fresh);
	return rc;
}

int http_server_new(struct loop *loop, const struct http_server_config *config,
		    http_handler_fn *handler, void *arg, struct http_server **out,
		    struct error *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	OWNED(http_server_free) struct http_server *server = xnew(struct http_server);
	int result;

	pthread_once(&once, make_slot);
	server->loop = loop;
	server->config = *config;
	server->handler = handler;
	server->arg = arg;
	list_init(&server->peers);
	turns_init(&server->turns);
	server->next_turn = loop_timer_new(loop, on_next_turn, server);
	server->ca_file = xstrdup(config->ca_file ? config->ca_file : "");
	result = config->pem ? http_server_set_pem(server, config->pem, err)
			     : http_server_set_certificate(server, config->certificate_file,
							   config->key_file, err);
	if (result < 0)
		return result;
	server->http = evhttp_new(loop_base(loop));
	if (!server->http)
		abort();
	evhttp_set_bevcb(server->http, on_connection, server);
	evhttp_set_gencb(server->http, on_request, server);
	evhttp_set_max_headers_size(server->http, HEADER_LIMIT);
	evhttp_set_max_body_size(server->http, (ev_ssize_t)config->max_body_bytes);
	evhttp_set_timeout(server->http, (int)(config->idle_ms / 1000) + 1);
	evhttp_set_allowed_methods(server->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_PUT |
							 EVHTTP_REQ_DELETE);
	result = listen_on(server, err);
	if (result < 0)
		return result;
	*out = STEAL(server);
	return 0;
}

void http_server_free(struct http_server *server)
{
	struct exchange *e, *next;

	if (!server)
		return;
	HASH_ITER(hh, server->exchanges, e, next)
	exchange_free(e);
	/* libevent frees the connections a little later; their peers must not look back. */
	LIST_EACH_SAFE(it, &server->peers)
	{
		struct peer *peer = LIST_OF(it, struct peer, link);

		loop_timer_free(peer->deadline);
		peer->server = NULL;
	}
	loop_timer_free(server->next_turn);
	if (server->http)
		evhttp_free(server->http);

	struct source *source, *after;

	HASH_ITER(hh, server->sources, source, after)
	{
		HASH_DEL(server->sources, source);
		free(source);
	}
	SSL_CTX_free(server->tls);
	free(server->ca_file);
	free(server);
}

uint16_t http_server_port(const struct http_server *server)
{
	struct sockaddr_storage at = { 0 };
	socklen_t len = sizeof(at);

	if (getsockname(evconnlistener_get_fd(server->listener), (struct sockaddr *)&at, &len) < 0)
		return 0;
	return ntohs(at.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&at)->sin6_port
					      : ((struct sockaddr_in *)&at)->sin_port);
}

unsigned http_server_connections(const struct http_server *server)
{
	return server->connections;
}

void http_server_on_gone(struct http_server *server, http_gone_fn *gone)
{
	server->gone = gone;
}

void http_server_on_drained(struct http_server *server, http_drained_fn *drained)
{
	server->drained = drained;
}

struct http_exchange *http_exchange_find(struct http_server *server, uint64_t id)
{
	struct exchange *e;

	HASH_FIND(hh, server->exchanges, &id, sizeof(id), e);
	return e ? &e->x : NULL;
}

/* ------------------------------------------------------------------------------------- answers */

static void add_headers(struct evhttp_request *request, const struct http_answer *answer)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(request);

	evhttp_add_header(headers, "Content-Type", answer->type);
	evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
	for (size_t i = 0; i < answer->header_count; i++)
		evhttp_add_header(headers, answer->headers[i].name, answer->headers[i].value);
	if (!evhttp_find_header(headers, "Cache-Control"))
		evhttp_add_header(headers, "Cache-Control", "no-store");
}

static struct evbuffer *content_of(struct span bytes)
{
	struct evbuffer *content = evbuffer_new();

	if (!content || evbuffer_add(content, bytes.ptr, bytes.len) < 0)
		abort();
	return content;
}

/* Header and body of a short answer side by side: libevent would write a TLS record for each, and
 * the peer read them one by one. What is written leaves in the loop's next turn. */
static void join_output(struct bufferevent *bev)
{
	struct evbuffer *output = bufferevent_get_output(bev);

	if (evbuffer_get_length(output) <= SSL3_RT_MAX_PLAIN_LENGTH)
		(void)!evbuffer_pullup(output, -1); /* if not, then in two */
}

static void answer_whole(struct http_exchange *x, const struct http_answer *answer)
{
	struct exchange *e = (struct exchange *)x;
	struct evhttp_request *request = e->request;
	struct evbuffer *content = answer->no_body ? NULL : content_of(answer->body);
	struct bufferevent *bev = e->peer->bev;

	loop_timer_start(e->peer->deadline, e->server->config.idle_ms);
	exchange_free(e);
	evhttp_send_reply(request, answer->status, http_status_text(answer->status), content);
	join_output(bev);
	if (content)
		evbuffer_free(content);
}

static void on_output(struct evbuffer *output, const struct evbuffer_cb_info *info, void *arg)
{
	struct exchange *e = arg;

	if (info->n_deleted && info->orig_size + info->n_added == info->n_deleted)
		e->server->drained(e->server->arg, &e->x);
}

static void stream(struct exchange *e, const struct http_answer *answer)
{
	const struct timeval stuck = { .tv_sec = STREAM_STUCK_S };

	e->x.streaming = true;
	evhttp_send_reply_start(e->request, answer->status, http_status_text(answer->status));
	/* Nothing more is read from it, but its end. */
	bufferevent_set_timeouts(e->peer->bev, NULL, &stuck);
	if (e->server->drained)
		e->drain = evbuffer_add_cb(bufferevent_get_output(e->peer->bev), on_output, e);
}

static void answer(struct http_exchange *x, const struct http_answer *answer)
{
	struct exchange *e = (struct exchange *)x;

	add_headers(e->request, answer);
	if (answer->more)
		stream(e, answer);
	else
		answer_whole(x, answer);
}

static size_t behind(const struct http_exchange *x)
{
	const struct exchange *e = (const struct exchange *)x;

	return evbuffer_get_length(bufferevent_get_output(e->peer->bev));
}

static void piece(struct http_exchange *x, struct span bytes)
{
	struct exchange *e = (struct exchange *)x;
	struct evbuffer *content = content_of(bytes);

	x->streamed_bytes += bytes.len;
	evhttp_send_reply_chunk(e->request, content);
	evbuffer_free(content);
}

static void end(struct http_exchange *x)
{
	struct exchange *e = (struct exchange *)x;
	struct evhttp_request *request = e->request;

	loop_timer_start(e->peer->deadline, e->server->config.idle_ms);
	exchange_free(e);
	evhttp_send_reply_end(request);
}

static const struct http_carrier carrier = { answer, behind, piece, end };
