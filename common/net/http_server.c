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
#include "common/sys/log.h"

#define HEADER_LIMIT 8192
#define STREAM_UNSENT_MAX (64 * 1024)	/* bytes a slow peer of a streamed answer may be behind */
#define STREAM_STUCK_S 30		/* it is cut off when it takes none of them for so long */

struct source {			/* connections of one address */
	char address[INET6_ADDRSTRLEN];
	unsigned count;
	UT_hash_handle hh;
};

struct peer {			/* one connection */
	struct list link;
	struct http_server *server;	/* NULL after the server was freed */
	struct source *source;
	struct loop_timer *deadline;
	struct http_exchange *exchange;
	struct bufferevent *bev;
	int fd;			/* -1 until admitted */
	bool seen;
	char cn[128], ou[64], key_sha256[65];
};

struct http_exchange {
	uint64_t id;
	struct http_server *server;
	struct peer *peer;
	struct evhttp_request *request;
	char *path, *address;
	struct evkeyvalq query;
	json_t *body;
	bool streaming;
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
	void *arg;
	struct list peers;
	struct source *sources;
	struct http_exchange *exchanges;
	uint64_t last_id;
	unsigned connections;
};

static int peer_slot;	/* index of the SSL ex_data that holds the peer */

static void peer_free(struct peer *peer)
{
	if (peer->server) {
		peer->server->connections--;
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

static void admit(struct peer *peer)
{
	struct http_server *server = peer->server;
	int fd = bufferevent_getfd(peer->bev);
	int on = 1;

	if (fd < 0)
		return;
	peer->fd = fd;
	peer->source = source_of(server, fd);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	loop_timer_start(peer->deadline, server->config.handshake_ms);
	if (server->connections > server->config.max_connections ||
	    peer->source->count > server->config.max_per_source)
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
	if (where & SSL_CB_HANDSHAKE_DONE && !peer->seen) {
		peer->seen = true;
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
	struct bufferevent *bev;

	if (!ssl)
		abort();
	peer->server = server;
	peer->fd = -1;
	peer->deadline = loop_timer_new(server->loop, on_deadline, peer);
	list_append(&server->peers, &peer->link);
	server->connections++;
	SSL_set_ex_data(ssl, peer_slot, peer);
	bev = bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING,
					     BEV_OPT_CLOSE_ON_FREE);
	if (!bev)
		abort();
	bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
	peer->bev = bev;
	loop_timer_start(peer->deadline, 0);
	return bev;
}

static void exchange_free(struct http_exchange *x)
{
	HASH_DEL(x->server->exchanges, x);
	x->peer->exchange = NULL;
	evhttp_clear_headers(&x->query);
	json_decref(x->body);
	free(x->path);
	free(x->address);
	free(x);
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

	exchange_free(peer->exchange);
	/* In the middle of an answer evhttp has let go of the request. */
	if (!evhttp_request_get_connection(request))
		evhttp_request_free(request);
}

static int read_target(struct http_exchange *x)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(x->request);
	const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
	const char *query = uri ? evhttp_uri_get_query(uri) : NULL;
	size_t len = 0;

	x->path = path ? evhttp_uridecode(path, 0, &len) : NULL;
	if (!x->path || strlen(x->path) != len || !utf8_valid(span_text(x->path)))
		return -EINVAL;
	return query && evhttp_parse_query_str(query, &x->query) < 0 ? -EINVAL : 0;
}

static void on_request(struct evhttp_request *request, void *arg)
{
	struct http_server *server = arg;
	struct evhttp_connection *connection = evhttp_request_get_connection(request);
	SSL *ssl = bufferevent_openssl_get_ssl(evhttp_connection_get_bufferevent(connection));
	struct peer *peer = SSL_get_ex_data(ssl, peer_slot);
	struct http_exchange *x = xnew(struct http_exchange);
	char *address = NULL;
	ev_uint16_t port;

	loop_timer_stop(peer->deadline);
	x->id = ++server->last_id;
	x->server = server;
	x->peer = peer;
	x->request = request;
	TAILQ_INIT(&x->query);
	evhttp_connection_get_peer(connection, &address, &port);
	x->address = xstrdup(address ? address : "?");
	peer->exchange = x;
	HASH_ADD(hh, server->exchanges, id, sizeof(x->id), x);
	evhttp_connection_set_closecb(connection, on_close, server);
	if (read_target(x) < 0)
		http_reply_problem(x, 400, "bad_request", -1, "The request target is not valid.");
	else
		server->handler(server->arg, x);
}

static int listen_on(struct http_server *server, struct error *err)
{
	char host[256], service[8];
	uint16_t port;
	struct addrinfo hints = { .ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM };
	struct addrinfo *found;
	int result = config_split_address(server->config.address, host, sizeof(host), &port, err);

	if (result < 0)
		return result;
	snprintf(service, sizeof(service), "%u", port);
	result = getaddrinfo(host, service, &hints, &found);
	if (result)
		return error_set(err, EINVAL, "listen on %s: %s", server->config.address,
				 gai_strerror(result));
	server->listener = evconnlistener_new_bind(loop_base(server->loop), NULL, NULL,
						   LEV_OPT_REUSEABLE | LEV_OPT_CLOSE_ON_EXEC |
							   LEV_OPT_CLOSE_ON_FREE,
						   4096, found->ai_addr, (int)found->ai_addrlen);
	freeaddrinfo(found);
	if (!server->listener)
		return error_errno(err, "listen on %s", server->config.address);
	if (!evhttp_bind_listener(server->http, server->listener)) {
		evconnlistener_free(server->listener);
		return error_set(err, ENOMEM, "listen on %s", server->config.address);
	}
	return 0;
}

int http_server_set_certificate(struct http_server *server, const char *certificate_file,
				const char *key_file, struct error *err)
{
	SSL_CTX *fresh = NULL;
	int rc = tls_server_new(certificate_file, key_file, *server->ca_file ? server->ca_file : NULL,
				server->config.client_certificate, 0, &fresh, err);

	if (rc < 0)
		return rc;
	SSL_CTX_set_info_callback(fresh, on_tls_info);
	SSL_CTX_free(server->tls);	/* open connections hold their own reference */
	server->tls = fresh;
	return 0;
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
	server->ca_file = xstrdup(config->ca_file ? config->ca_file : "");
	result = http_server_set_certificate(server, config->certificate_file, config->key_file,
					     err);
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
	struct http_exchange *x, *next;

	if (!server)
		return;
	HASH_ITER(hh, server->exchanges, x, next)
		exchange_free(x);
	/* libevent frees the connections a little later; their peers must not look back. */
	LIST_EACH_SAFE(it, &server->peers) {
		struct peer *peer = LIST_OF(it, struct peer, link);

		loop_timer_free(peer->deadline);
		peer->server = NULL;
	}
	if (server->http)
		evhttp_free(server->http);

	struct source *source, *after;

	HASH_ITER(hh, server->sources, source, after) {
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

const char *http_method(const struct http_exchange *x)
{
	switch ((int)evhttp_request_get_command(x->request)) {
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

const char *http_path(const struct http_exchange *x)
{
	return x->path;
}

const char *http_query(struct http_exchange *x, const char *name)
{
	return evhttp_find_header(&x->query, name);
}

const json_t *http_body(struct http_exchange *x)
{
	struct evbuffer *input = evhttp_request_get_input_buffer(x->request);
	size_t len = evbuffer_get_length(input);
	struct error err;

	if (x->body)
		return x->body;
	if (len == 0)
		return x->body = json_object();

	uint8_t *bytes = evbuffer_pullup(input, -1);
	int result = json_object_parse(span_of(bytes, len), &x->body, &err);

	memory_wipe(bytes, len);	/* a password may have been in it */
	if (result < 0) {
		http_reply_problem(x, 400, "bad_request", -1, "%s", err.text);
		return NULL;
	}
	return x->body;
}

struct span http_body_bytes(struct http_exchange *x)
{
	struct evbuffer *input = evhttp_request_get_input_buffer(x->request);
	size_t len = evbuffer_get_length(input);

	return span_of(len ? evbuffer_pullup(input, -1) : NULL, len);
}

const char *http_header(const struct http_exchange *x, const char *name)
{
	return evhttp_find_header(evhttp_request_get_input_headers(x->request), name);
}

const char *http_bearer(const struct http_exchange *x)
{
	const char *value = http_header(x, "Authorization");

	return value && str_starts(value, "Bearer ") ? value + strlen("Bearer ") : NULL;
}

const char *http_peer(const struct http_exchange *x)
{
	return x->address;
}

const char *http_peer_cn(const struct http_exchange *x)
{
	return x->peer->cn;
}

const char *http_peer_ou(const struct http_exchange *x)
{
	return x->peer->ou;
}

const char *http_peer_key(const struct http_exchange *x)
{
	return x->peer->key_sha256;
}

uint64_t http_exchange_id(const struct http_exchange *x)
{
	return x->id;
}

struct http_exchange *http_exchange_find(struct http_server *server, uint64_t id)
{
	struct http_exchange *x;

	HASH_FIND(hh, server->exchanges, &id, sizeof(id), x);
	return x;
}

static const char *status_text(int status)
{
	static const struct {
		int status;
		const char *text;
	} texts[] = { { 200, "OK" }, { 201, "Created" }, { 202, "Accepted" },
		      { 204, "No Content" }, { 206, "Partial Content" },
		      { 303, "See Other" }, { 304, "Not Modified" },
		      { 412, "Precondition Failed" }, { 400, "Bad Request" }, { 401, "Unauthorized" },
		      { 403, "Forbidden" }, { 404, "Not Found" }, { 405, "Method Not Allowed" },
		      { 409, "Conflict" }, { 410, "Gone" },
		      { 416, "Range Not Satisfiable" }, { 507, "Insufficient Storage" }, { 429, "Too Many Requests" },
		      { 500, "Internal Server Error" }, { 502, "Bad Gateway" },
		      { 503, "Service Unavailable" }, { 504, "Gateway Timeout" } };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (texts[i].status == status)
			return texts[i].text;
	return "Unknown";
}

static void add_headers(struct http_exchange *x, const char *type)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(x->request);

	evhttp_add_header(headers, "Content-Type", type);
	if (!evhttp_find_header(headers, "Cache-Control"))
		evhttp_add_header(headers, "Cache-Control", "no-store");
	evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
}

/* `content` is taken; NULL sends no body. */
static void send_reply(struct http_exchange *x, int status, const char *type,
		       struct evbuffer *content)
{
	struct evhttp_request *request = x->request;
	struct peer *peer = x->peer;
	int64_t idle_ms = x->server->config.idle_ms;

	add_headers(x, type);
	exchange_free(x);
	loop_timer_start(peer->deadline, idle_ms);
	evhttp_send_reply(request, status, status_text(status), content);
	if (content)
		evbuffer_free(content);
}

static void reply(struct http_exchange *x, int status, const char *type, const json_t *body)
{
	struct evbuffer *content = NULL;
	struct buf text = { 0 };

	if (body) {
		json_write(body, &text);
		content = evbuffer_new();
		evbuffer_add(content, text.ptr, text.len);
		if (text.ptr)
			memory_wipe(text.ptr, text.capacity);
		buf_done(&text);
	}
	send_reply(x, status, type, content);
}

void http_reply_bytes(struct http_exchange *x, const char *range, struct span bytes)
{
	struct evbuffer *content = evbuffer_new();

	evbuffer_add(content, bytes.ptr, bytes.len);
	if (range)
		evhttp_add_header(evhttp_request_get_output_headers(x->request), "Content-Range",
				  range);
	send_reply(x, range ? 206 : 200, "application/octet-stream", content);
}

void http_reply_header(struct http_exchange *x, const char *name, const char *value)
{
	evhttp_add_header(evhttp_request_get_output_headers(x->request), name, value);
}

void http_reply_json(struct http_exchange *x, int status, const json_t *body)
{
	reply(x, status, "application/json", body);
}

void http_reply_file(struct http_exchange *x, const char *type, const char *name, struct span body)
{
	struct evbuffer *content = evbuffer_new();
	char disposition[160];

	evbuffer_add(content, body.ptr, body.len);
	snprintf(disposition, sizeof(disposition), "attachment; filename=\"%.120s\"",
		 name ? name : "");
	if (name)
		evhttp_add_header(evhttp_request_get_output_headers(x->request),
				  "Content-Disposition", disposition);
	send_reply(x, 200, type, content);
}

static json_t *problem_json(int status, const char *code, const char *detail)
{
	return json_pack("{s:s, s:s, s:i, s:s, s:s}", "type", "about:blank", "title",
			 status_text(status), "status", status, "detail", detail, "code", code);
}

void http_reply_problem_with(struct http_exchange *x, int status, const char *code,
			     const json_t *extra, const char *detail)
{
	OWNED(json_decref) json_t *body = problem_json(status, code, detail);

	json_object_update(body, (json_t *)(uintptr_t)extra);
	reply(x, status, "application/problem+json", body);
}

void http_reply_problem(struct http_exchange *x, int status, const char *code,
			int64_t retry_after_ms, const char *detail_fmt, ...)
{
	char detail[512];
	va_list args;

	va_start(args, detail_fmt);
	vsnprintf(detail, sizeof(detail), detail_fmt, args);
	va_end(args);
	detail[utf8_prefix(span_text(detail), sizeof(detail))] = '\0';

	OWNED(json_decref) json_t *body = problem_json(status, code, detail);

	if (retry_after_ms >= 0) {
		char seconds[24];

		snprintf(seconds, sizeof(seconds), "%lld", (long long)((retry_after_ms + 999) / 1000));
		evhttp_add_header(evhttp_request_get_output_headers(x->request), "Retry-After",
				  seconds);
		json_object_set_new(body, "retry_after_ms", json_integer(retry_after_ms));
	}
	reply(x, status, "application/problem+json", body);
}

/* ------------------------------------------------------------------ an answer that goes on */

void http_stream_begin(struct http_exchange *x, const char *type)
{
	const struct timeval stuck = { .tv_sec = STREAM_STUCK_S };

	add_headers(x, type);
	x->streaming = true;
	evhttp_send_reply_start(x->request, 200, status_text(200));
	/* Nothing more is read from it, but its end. */
	bufferevent_set_timeouts(x->peer->bev, NULL, &stuck);
}

int http_stream_send(struct http_exchange *x, struct span bytes)
{
	struct evbuffer *unsent = bufferevent_get_output(x->peer->bev);

	if (evbuffer_get_length(unsent) > STREAM_UNSENT_MAX)
		return -EAGAIN;

	struct evbuffer *content = evbuffer_new();

	evbuffer_add(content, bytes.ptr, bytes.len);
	evhttp_send_reply_chunk(x->request, content);
	evbuffer_free(content);
	return 0;
}

void http_stream_end(struct http_exchange *x)
{
	struct evhttp_request *request = x->request;
	struct peer *peer = x->peer;
	int64_t idle_ms = x->server->config.idle_ms;

	exchange_free(x);
	loop_timer_start(peer->deadline, idle_ms);
	evhttp_send_reply_end(request);
}
