/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/secret.h"
#include "common/sys/clock.h"
#include "hostagent/qmp/guest_link.h"
#include "hostagent/qmp/line_socket.h"

enum { READY_PAUSE_MS = 1000, USER_PAUSE_MS = 100 };

struct guest_link {
	struct line_socket *socket;
	const struct guest_link_handler *handler;
	void *arg;
	int64_t last_id;
	int64_t ping_id, identity_id, freeze_id, rehearse_id, home_id, release_id,
		inspect_id, order_id;	/* what is waited for; 0 = nothing */
	int64_t ready_at_ms, user_at_ms;
};

/* A guest may say it as often as it likes; it is heard once in a while. */
static bool heard_lately(int64_t *last_ms, int64_t pause_ms)
{
	int64_t now_ms = clock_monotonic_ms();

	if (*last_ms && now_ms - *last_ms < pause_ms)
		return true;
	*last_ms = now_ms;
	return false;
}

static void tell_ready(struct guest_link *link)
{
	if (!heard_lately(&link->ready_at_ms, READY_PAUSE_MS))
		link->handler->ready(link->arg);
}

static void handle_answer(struct guest_link *link, const struct guest_message *answer,
			  struct span line)
{
	if (answer->id == link->ping_id && link->ping_id) {
		link->ping_id = 0;
		tell_ready(link);
	} else if (answer->id == link->identity_id && link->identity_id) {
		link->identity_id = 0;
		link->handler->identified(link->arg, answer);
	} else if (answer->id == link->freeze_id && link->freeze_id) {
		link->freeze_id = 0;
		link->handler->frozen(link->arg, answer);
	} else if (answer->id == link->rehearse_id && link->rehearse_id) {
		link->rehearse_id = 0;
		link->handler->rehearsed(link->arg, answer);
	} else if (answer->id == link->home_id && link->home_id) {
		link->home_id = 0;
		link->handler->home(link->arg, answer);
	} else if (answer->id == link->release_id && link->release_id) {
		link->release_id = 0;
		link->handler->released(link->arg, answer);
	} else if (answer->id == link->inspect_id && link->inspect_id) {
		link->inspect_id = 0;
		link->handler->inspected(link->arg, line);
	} else if (answer->id == link->order_id && link->order_id) {
		link->order_id = 0;
		link->handler->ordered(link->arg, answer);
	}
}

static void on_line(void *arg, struct span line)
{
	struct guest_link *link = arg;
	struct guest_message message = guest_message_parse(line);

	switch (message.kind) {
	case GUEST_NOISE:
		break;
	case GUEST_EVENT_READY:
		tell_ready(link);
		break;
	case GUEST_EVENT_REACHABLE:
		if (link->identity_id && link->handler->reachable)
			link->handler->reachable(link->arg);
		break;
	case GUEST_EVENT_LOGON:
	case GUEST_EVENT_LOGOFF:
		if (!heard_lately(&link->user_at_ms, USER_PAUSE_MS))
			link->handler->user(link->arg, &message);
		break;
	case GUEST_EVENT_SESSIONS:
		link->handler->user(link->arg, &message);
		break;
	case GUEST_ANSWER:
		handle_answer(link, &message, line);
		break;
	}
}

static void on_closed(void *arg, const struct error *reason)
{
	struct guest_link *link = arg;

	link->handler->closed(link->arg, reason);
}

int guest_link_ping(struct guest_link *link)
{
	OWNED(buf_done) struct buf line = { 0 };

	link->ping_id = ++link->last_id;
	guest_ping_write(link->ping_id, &line);
	return line_socket_send(link->socket, buf_text(&line));
}

int guest_link_freeze(struct guest_link *link)
{
	OWNED(buf_done) struct buf line = { 0 };

	link->freeze_id = ++link->last_id;
	guest_freeze_write(link->freeze_id, &line);
	return line_socket_send(link->socket, buf_text(&line));
}

int guest_link_send_home(struct guest_link *link, const struct vm_home *home)
{
	OWNED(buf_done) struct buf line = { 0 };

	link->home_id = ++link->last_id;
	guest_home_write(link->home_id, home, &line);
	return line_socket_send(link->socket, buf_text(&line));
}

int guest_link_release_home(struct guest_link *link)
{
	OWNED(buf_done) struct buf line = { 0 };

	link->release_id = ++link->last_id;
	guest_release_write(link->release_id, &line);
	return line_socket_send(link->socket, buf_text(&line));
}

int guest_link_inspect(struct guest_link *link)
{
	OWNED(buf_done) struct buf line = { 0 };

	link->inspect_id = ++link->last_id;
	guest_inspect_write(link->inspect_id, &line);
	return line_socket_send(link->socket, buf_text(&line));
}

int guest_link_show(struct guest_link *link, const char *user, int64_t seq, const char *text)
{
	OWNED(buf_done) struct buf line = { 0 };

	link->order_id = ++link->last_id;
	guest_show_write(link->order_id, user, seq, text, &line);
	return line_socket_send(link->socket, buf_text(&line));
}

int guest_link_log_off(struct guest_link *link, const char *user)
{
	OWNED(buf_done) struct buf line = { 0 };

	link->order_id = ++link->last_id;
	guest_log_off_write(link->order_id, user, &line);
	return line_socket_send(link->socket, buf_text(&line));
}

int guest_link_open(struct loop *loop, const char *path, const struct guest_link_handler *handler,
		    void *arg, struct guest_link **out, struct error *err)
{
	static const struct line_socket_handler socket_handler = { on_line, on_closed };
	struct guest_link *link = xnew(struct guest_link);

	link->handler = handler;
	link->arg = arg;
	/* Ids go on growing over reconnects: a late answer never fits a newer question. */
	link->last_id = clock_wall_ms();
	int rc = line_socket_open(loop, path, GUEST_LINE_MAX, &socket_handler, link, &link->socket,
				  err);

	if (rc < 0) {
		guest_link_free(link);
		return rc;
	}
	*out = link;
	return 0;
}

void guest_link_free(struct guest_link *link)
{
	if (!link)
		return;
	line_socket_free(link->socket);
	free(link);
}

int guest_link_send_identity(struct guest_link *link, const struct guest_identity *identity)
{
	OWNED(buf_done) struct buf line = { 0 };

	link->identity_id = ++link->last_id;
	guest_identity_write(link->identity_id, identity, &line);
	int rc = line_socket_send(link->socket, buf_text(&line));

	memory_wipe(line.ptr, line.len);
	return rc;
}

int guest_link_rehearse(struct guest_link *link, const struct guest_identity *identity)
{
	OWNED(buf_done) struct buf line = { 0 };

	link->rehearse_id = ++link->last_id;
	guest_rehearse_write(link->rehearse_id, identity, &line);
	int rc = line_socket_send(link->socket, buf_text(&line));

	memory_wipe(line.ptr, line.len);
	return rc;
}
