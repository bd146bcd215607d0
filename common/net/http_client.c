/* SPDX-License-Identifier: Apache-2.0 */
#include "common/net/http_client.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include "common/base/secret.h"

#define ANSWER_LIMIT ((size_t)64 << 20)
#define CONNECT_TIMEOUT_MS 5000L

struct http_client {
	CURL *curl;
	char base[300];
	char *bearer;		/* whole header line */
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

void http_client_cancel(struct http_client *client)
{
	atomic_store(&client->cancelled, true);
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

static int read_answer(struct http_client *client, struct buf *answer, struct http_result *out,
		       struct error *err)
{
	struct http_result result = { 0 };
	curl_off_t connect = 0, tls = 0, total = 0;
	long status = 0;

	curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(client->curl, CURLINFO_CONNECT_TIME_T, &connect);
	curl_easy_getinfo(client->curl, CURLINFO_APPCONNECT_TIME_T, &tls);
	curl_easy_getinfo(client->curl, CURLINFO_TOTAL_TIME_T, &total);
	result.status = (int)status;
	result.connect_us = connect;
	result.tls_us = tls;
	result.total_us = total;
	if (answer->len && json_object_parse(buf_span(answer), &result.body, err) < 0)
		return error_prefix(err, "%s: answer %ld", client->base, status);
	*out = result;
	return 0;
}

int http_request(struct http_client *client, const char *method, const char *path,
		 const json_t *body, int64_t timeout_ms, struct http_result *out, struct error *err)
{
	OWNED(buf_done) struct buf url = BUF_LIMIT(8192);
	struct buf text = BUF_LIMIT(ANSWER_LIMIT);
	OWNED(buf_done) struct buf answer = BUF_LIMIT(ANSWER_LIMIT);
	struct curl_slist *headers = NULL;
	CURL *curl = client->curl;
	CURLcode code;

	atomic_store(&client->cancelled, false);
	buf_printf(&url, "%s%s", client->base, path);
	if (body)
		json_write(body, &text);
	headers = curl_slist_append(headers, "Content-Type: application/json");
	headers = curl_slist_append(headers, "Expect:");
	if (client->bearer)
		headers = curl_slist_append(headers, client->bearer);
	client->why[0] = '\0';
	curl_easy_setopt(curl, CURLOPT_URL, buf_text(&url));
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, NULL);
	curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
	if (body) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)text.len);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, buf_text(&text));
	}
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
	code = curl_easy_perform(curl);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(headers);
	if (text.ptr)
		memory_wipe(text.ptr, text.capacity);	/* a password may have been in it */
	buf_done(&text);
	if (code != CURLE_OK)
		return curl_failure(client, code, err);
	return read_answer(client, &answer, out, err);
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

	error_set(err, EREMOTEIO, "%s (%s)", detail ? detail : "the broker refused",
		  code ? code : "no reason code");
	return -EREMOTEIO;
}
