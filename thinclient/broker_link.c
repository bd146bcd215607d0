/* SPDX-License-Identifier: Apache-2.0 */
#include "thinclient/broker_link.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include "thinclient/broker_client.h"

struct link_request {
	enum link_kind kind;
	unsigned serial;
	char user[256];
	struct secret password, fresh;
	char code[64];
	char id[64], seen[32];
	int64_t seen_position;
};

struct broker_link {
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	struct broker_client *client;
	struct notice_watch *watch;
	link_notify_fn *notify;
	void *arg;
	/* under the mutex */
	bool stopping, running, waiting, has_result;
	enum link_kind current;		/* valid while `running` */
	unsigned serial;
	struct link_request request;	/* valid while `waiting` */
	struct link_result result;	/* valid while `has_result` */
};

void link_result_wipe(struct link_result *result)
{
	memory_wipe(result, sizeof(*result));
}

static void run(struct broker_link *link, const struct link_request *request,
		struct link_result *result)
{
	int rc = 0;

	result->kind = request->kind;
	result->serial = request->serial;
	switch (request->kind) {
	case LINK_SIGN_IN:
		rc = broker_sign_in(link->client, request->user, &request->password,
				    &result->sign_in, &result->factor, NULL, &result->problem);
		if (rc == 0)
			notice_watch_begin(link->watch, &result->sign_in.token);
		secret_wipe(&result->sign_in.token);
		break;
	case LINK_CODE:
		rc = broker_give_code(link->client, request->id, request->code, &result->sign_in,
				      &result->problem);
		if (rc == 0)
			notice_watch_begin(link->watch, &result->sign_in.token);
		secret_wipe(&result->sign_in.token);
		break;
	case LINK_PASSWORD:
		rc = broker_change_password(link->client, request->user, &request->password,
					    &request->fresh, &result->problem);
		break;
	case LINK_CONNECT:
		rc = broker_connect(link->client, request->id, request->seen,
				    request->seen_position, &result->connect, &result->problem);
		break;
	case LINK_RESTART:
		rc = broker_serve(link->client, request->id, "restart", &result->problem);
		break;
	case LINK_RESET:
		rc = broker_serve(link->client, request->id, "reset", &result->problem);
		break;
	case LINK_SIGN_OUT:
		notice_watch_end(link->watch);
		broker_sign_out(link->client);
		break;
	}
	result->failed = rc != 0;
}

/* True with a request, false when the link ends. */
static bool next_request(struct broker_link *link, struct link_request *out)
{
	pthread_mutex_lock(&link->mutex);
	link->running = false;
	while (!link->waiting && !link->stopping)
		pthread_cond_wait(&link->wake, &link->mutex);
	bool found = link->waiting &&
		     (!link->stopping || link->request.kind == LINK_SIGN_OUT);

	if (found) {
		*out = link->request;
		link->current = out->kind;
		broker_client_arm(link->client);	/* from here on a cancel is for this one */
	}
	memory_wipe(&link->request, sizeof(link->request));
	link->waiting = false;
	link->running = found;
	pthread_mutex_unlock(&link->mutex);
	return found;
}

static void *link_thread(void *arg)
{
	struct broker_link *link = arg;
	struct link_request request;

	while (next_request(link, &request)) {
		OWNED(link_result_wipe) struct link_result result = { 0 };

		run(link, &request, &result);
		memory_wipe(&request, sizeof(request));
		pthread_mutex_lock(&link->mutex);
		link->result = result;
		link->has_result = true;
		pthread_mutex_unlock(&link->mutex);
		link->notify(link->arg);
	}
	return NULL;
}

int broker_link_new(const char *address, const char *ca_file, struct notice_watch *watch,
		    link_notify_fn *notify, void *arg, struct broker_link **out, struct error *err)
{
	struct broker_link *link = xnew(struct broker_link);
	int rc = broker_client_new(address, ca_file, &link->client, err);

	link->watch = watch;
	link->notify = notify;
	link->arg = arg;
	pthread_mutex_init(&link->mutex, NULL);
	pthread_cond_init(&link->wake, NULL);
	if (!rc && pthread_create(&link->thread, NULL, link_thread, link))
		rc = error_set(err, EAGAIN, "no thread for the broker");
	if (rc) {
		broker_client_free(link->client);
		free(link);
		return rc;
	}
	*out = link;
	return 0;
}

/* Under the mutex. Signing out takes a moment at most and is not given up. */
static void cancel_running(struct broker_link *link)
{
	if (link->running && link->current != LINK_SIGN_OUT)
		broker_client_cancel(link->client);
}

void broker_link_free(struct broker_link *link)
{
	if (!link)
		return;
	pthread_mutex_lock(&link->mutex);
	link->stopping = true;
	pthread_cond_signal(&link->wake);
	cancel_running(link);
	pthread_mutex_unlock(&link->mutex);
	pthread_join(link->thread, NULL);

	broker_client_free(link->client);
	pthread_cond_destroy(&link->wake);
	pthread_mutex_destroy(&link->mutex);
	memory_wipe(link, sizeof(*link));
	free(link);
}

static unsigned submit(struct broker_link *link, struct link_request *request)
{
	pthread_mutex_lock(&link->mutex);
	request->serial = ++link->serial;
	link->request = *request;
	link->waiting = true;
	cancel_running(link);
	pthread_cond_signal(&link->wake);
	pthread_mutex_unlock(&link->mutex);
	memory_wipe(&request->password, sizeof(request->password));
	memory_wipe(&request->fresh, sizeof(request->fresh));
	memory_wipe(request->code, sizeof(request->code));
	return request->serial;
}

unsigned broker_link_sign_in(struct broker_link *link, const char *user,
			     const struct secret *password)
{
	struct link_request request = { .kind = LINK_SIGN_IN, .password = *password };

	snprintf(request.user, sizeof(request.user), "%s", user);
	return submit(link, &request);
}

unsigned broker_link_code(struct broker_link *link, const char *challenge, const char *code)
{
	struct link_request request = { .kind = LINK_CODE };

	snprintf(request.id, sizeof(request.id), "%s", challenge);
	snprintf(request.code, sizeof(request.code), "%s", code);
	return submit(link, &request);
}

unsigned broker_link_password(struct broker_link *link, const char *user, const struct secret *old,
			      const struct secret *fresh)
{
	struct link_request request = { .kind = LINK_PASSWORD, .password = *old, .fresh = *fresh };

	snprintf(request.user, sizeof(request.user), "%s", user);
	return submit(link, &request);
}

unsigned broker_link_connect(struct broker_link *link, const char *id, const char *seen,
			     int64_t seen_position)
{
	struct link_request request = { .kind = LINK_CONNECT, .seen_position = seen_position };

	snprintf(request.id, sizeof(request.id), "%s", id);
	snprintf(request.seen, sizeof(request.seen), "%s", seen);
	return submit(link, &request);
}

unsigned broker_link_serve(struct broker_link *link, enum link_kind kind, const char *id)
{
	struct link_request request = { .kind = kind };

	snprintf(request.id, sizeof(request.id), "%s", id);
	return submit(link, &request);
}

unsigned broker_link_sign_out(struct broker_link *link)
{
	struct link_request request = { .kind = LINK_SIGN_OUT };

	return submit(link, &request);
}

bool broker_link_take(struct broker_link *link, struct link_result *out)
{
	pthread_mutex_lock(&link->mutex);
	bool found = link->has_result;

	if (found)
		*out = link->result;
	memory_wipe(&link->result, sizeof(link->result));
	link->has_result = false;
	pthread_mutex_unlock(&link->mutex);
	return found;
}
