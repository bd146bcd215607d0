/* SPDX-License-Identifier: Apache-2.0 */
#include "common/net/http_client.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include "common/base/secret.h"
#include "common/net/tls.h"

#define ANSWER_LIMIT ((size_t)64 << 20)
#define CONNECT_TIMEOUT_MS 5000L

struct http_client {
	CURL *curl;
	char base[300];
	char *bearer;		/* whole header line */
	const char *header;	/* one more */
	char why[CURL_ERROR_SIZE];
	atomic_bool cancelled;
};

static void global_init(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

static size_t on_answer(char *bytes, size_t size, size_t count, void *arg)
{
	struct buf *answer = arg;

	buf_put(answer, bytes, size * count);
	return answer->failed ? 0 : size * count;
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	struct http_client *client = arg;

	return atomic_load(&client->cancelled) ? 1 : 0;
}

/* One for the process: it lives in memory only, and goes with it. */
static int show_own_key(CURL *curl, struct error *err)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct buf certificate, key;
	int rc = 0;

	pthread_mutex_lock(&lock);
	if (!certificate.len)
		rc = tls_own_key_new(&certificate, &key, err);
	struct curl_blob shown = { certificate.ptr, certificate.len, CURL_BLOB_COPY };
	struct curl_blob secret = { key.ptr, key.len, CURL_BLOB_COPY };
	pthread_mutex_unlock(&lock);
	if (rc == 0) {
		curl_easy_setopt(curl, CURLOPT_SSLCERT_BLOB, &shown);
		curl_easy_setopt(curl, CURLOPT_SSLKEY_BLOB, &secret);
	}
	return rc;
}

int http_client_new(const struct http_client_config *config, struct http_client **out,
		    struct error *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	OWNED(http_client_free) struct http_client *client = xnew(struct http_client);
	CURL *curl;

	if (!config->ca_file || !*config->ca_file)
		return error_set(err, EINVAL, "%s: a CA file is needed to verify it",
				 config->address);
	if ((size_t)snprintf(client->base, sizeof(client->base), "https://%s", config->address) >=
	    sizeof(client->base))
		return error_set(err, EINVAL, "address too long");
	pthread_once(&once, global_init);
	curl = client->curl = curl_easy_init();
	if (!curl)
		return error_set(err, ENOMEM, "no HTTP client");
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(curl, CURLOPT_CAINFO, config->ca_file);
	curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
	if (config->certificate_file) {
		curl_easy_setopt(curl, CURLOPT_SSLCERT, config->certificate_file);
		curl_easy_setopt(curl, CURLOPT_SSLKEY, config->key_file);
	}
	if (config->own_key && show_own_key(curl, err) < 0)
		return -EIO;
	if (config->interface)
		curl_easy_setopt(curl, CURLOPT_INTERFACE, config->interface);
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 1L);
	curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
	curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_answer);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, client->why);
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, client);
	*out = STEAL(client);
	return 0;
}

static void wipe_text(char *text)
{
	if (text)
		memory_wipe(text, strlen(text));
	free(text);
}

void http_client_free(struct http_client *client)
{
	if (!client)
		return;
	if (client->curl)
		curl_easy_cleanup(client->curl);
	wipe_text(client->bearer);
	free(client);
}

void http_client_set_bearer(struct http_client *client, const char *token)
{
	wipe_text(STEAL(client->bearer));
	if (token) {
		size_t size = strlen(token) + sizeof("Authorization: Bearer ");

		client->bearer = xcalloc(1, size);
		snprintf(client->bearer, size, "Authorization: Bearer %s", token);
	}
}

void http_client_set_header(struct http_client *client, const char *header)
{
	client->header = header;
}

void http_client_cancel(struct http_client *client)
{
	atomic_store(&client->cancelled, true);
}

void http_client_arm(struct http_client *client)
{
	atomic_store(&client->cancelled, false);
}

static int curl_failure(struct http_client *client, CURLcode code, struct error *err)
{
	const char *why = client->why[0] ? client->why : curl_easy_strerror(code);
	int number = EIO;

	switch ((int)code) {
	case CURLE_COULDNT_RESOLVE_HOST:
		number = EHOSTUNREACH;
		break;
	case CURLE_COULDNT_CONNECT:
		number = ECONNREFUSED;
		break;
	case CURLE_OPERATION_TIMEDOUT:
		number = ETIMEDOUT;
		break;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_ISSUER_ERROR:
		number = EPROTO;
		break;
	case CURLE_GOT_NOTHING:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
		number = ECONNRESET;
		break;
	case CURLE_ABORTED_BY_CALLBACK:
		number = ECANCELED;
		break;
	}
	return error_set(err, number, "%s: %s", client->base, why);
}

static void read_times(struct http_client *client, struct http_result *out)
{
	curl_off_t connect = 0, tls = 0, total = 0;
	long status = 0;

	curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(client->curl, CURLINFO_CONNECT_TIME_T, &connect);
	curl_easy_getinfo(client->curl, CURLINFO_APPCONNECT_TIME_T, &tls);
	curl_easy_getinfo(client->curl, CURLINFO_TOTAL_TIME_T, &total);
	*out = (struct http_result){ .status = (int)status, .connect_us = connect, .tls_us = tls,
				     .total_us = total };
}

static int read_answer(struct http_client *client, const struct buf *answer,
		       struct http_result *result, struct error *err)
{
	if (answer->len && json_object_parse(buf_span(answer), &result->body, err) < 0)
		return error_prefix(err, "%s: answer %d", client->base, result->status);
	return 0;
}

struct question {
	const char *method, *path, *range;
	struct span body;
	bool has_body;
	int64_t timeout_ms;
};

static int perform(struct http_client *client, const struct question *q, const char *type,
		   struct buf *answer, struct http_result *result, struct error *err)
{
	OWNED(buf_done) struct buf url = BUF_LIMIT(8192);
	struct curl_slist *headers = NULL;
	CURL *curl = client->curl;
	CURLcode code;

	if (atomic_load(&client->cancelled))
		return error_set(err, ECANCELED, "%s: cancelled", client->base);
	buf_printf(&url, "%s%s", client->base, q->path);
	headers = curl_slist_append(headers, type);
	headers = curl_slist_append(headers, "Expect:");
	if (client->bearer)
		headers = curl_slist_append(headers, client->bearer);
	if (client->header)
		headers = curl_slist_append(headers, client->header);
	client->why[0] = '\0';
	curl_easy_setopt(curl, CURLOPT_URL, buf_text(&url));
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, NULL);
	curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
	if (q->has_body) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)q->body.len);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, q->body.ptr);
	}
	curl_easy_setopt(curl, CURLOPT_RANGE, q->range);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, q->method);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)q->timeout_ms);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
	code = curl_easy_perform(curl);
	if (code == CURLE_SSL_CERTPROBLEM)	/* read while key and certificate were replaced */
		code = curl_easy_perform(curl);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(headers);
	if (code != CURLE_OK)
		return curl_failure(client, code, err);
	read_times(client, result);
	return 0;
}

int http_request(struct http_client *client, const char *method, const char *path,
		 const json_t *body, int64_t timeout_ms, struct http_result *out, struct error *err)
{
	struct buf text = BUF_LIMIT(ANSWER_LIMIT);
	OWNED(buf_done) struct buf answer = BUF_LIMIT(ANSWER_LIMIT);
	struct http_result result = { 0 };

	if (body)
		json_write(body, &text);
	struct question q = { .method = method, .path = path, .body = buf_span(&text),
			      .has_body = body != NULL, .timeout_ms = timeout_ms };
	int rc = perform(client, &q, "Content-Type: application/json", &answer, &result, err);

	if (text.ptr)
		memory_wipe(text.ptr, text.capacity);	/* a password may have been in it */
	buf_done(&text);
	if (rc == 0)
		rc = read_answer(client, &answer, &result, err);
	if (rc == 0)
		*out = result;
	return rc;
}

int http_request_bytes(struct http_client *client, const char *method, const char *path,
		       struct span body, const char *range, int64_t timeout_ms, struct buf *bytes,
		       struct http_result *out, struct error *err)
{
	struct http_result result = { 0 };
	struct question q = { .method = method, .path = path, .range = range, .body = body,
			      .has_body = body.len > 0, .timeout_ms = timeout_ms };
	size_t before = bytes->len;
	int rc = perform(client, &q, "Content-Type: application/octet-stream", bytes, &result, err);

	if (rc < 0)
		return rc;
	if (result.status != 200 && result.status != 206) {
		struct buf text = { .ptr = bytes->ptr + before, .len = bytes->len - before };

		rc = read_answer(client, &text, &result, err);
		buf_truncate(bytes, before);
	}
	if (rc == 0)
		*out = result;
	return rc;
}

void http_result_done(struct http_result *result)
{
	json_decref(result->body);
	result->body = NULL;
}

int http_result_problem(const struct http_result *result, struct error *err)
{
	const char *detail = json_string_value(json_object_get(result->body, "detail"));
	const char *code = json_string_value(json_object_get(result->body, "code"));

	const char *request = json_string_value(json_object_get(result->body, "request_id"));

	error_set(err, EREMOTEIO, "%s (%s%s%s)", detail ? detail : "the broker refused",
		  code ? code : "no reason code", request && result->status >= 500 ? ", request " : "",
		  request && result->status >= 500 ? request : "");
	return -EREMOTEIO;
}
