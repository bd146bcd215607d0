/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include "common/base/list.h"
#include "hostagent/qmp/line_socket.h"
#include "hostagent/qmp/qmp.h"

enum { LINE_LIMIT = 1 << 20, COMMANDS_MAX = 32, NAME_SIZE = 64 };

struct command {
	struct list node;
	int64_t id;
	qmp_answer_fn *fn;
	void *arg;
};

struct qmp {
	struct line_socket *socket;
	const struct qmp_handler *handler;
	void *arg;
	struct list commands;
	unsigned waiting;
	int64_t last_id;
	bool greeted;
};

static void command_finish(struct qmp *qmp, struct command *command, const json_t *result,
			   const struct error *err)
{
	qmp_answer_fn *fn = command->fn;
	void *arg = command->arg;

	list_remove(&command->node);
	qmp->waiting--;
	free(command);
	if (fn)
		fn(arg, result, err);
}

static struct command *command_find(struct qmp *qmp, int64_t id)
{
	LIST_EACH(it, &qmp->commands) {
		struct command *command = LIST_OF(it, struct command, node);

		if (command->id == id)
			return command;
	}
	return NULL;
}

static void on_capabilities(void *arg, const json_t *result, const struct error *err)
{
	struct qmp *qmp = arg;

	if (result)
		qmp->handler->ready(qmp->arg);
	else if (err->code != ECANCELED)
		qmp->handler->closed(qmp->arg, err);
}

static void handle_greeting(struct qmp *qmp)
{
	qmp->greeted = true;
	if (qmp_execute(qmp, "qmp_capabilities", NULL, on_capabilities, qmp) < 0)
		qmp->handler->closed(qmp->arg, &(struct error){ EIO, "QMP greeting failed" });
}

static void handle_answer(struct qmp *qmp, const json_t *message)
{
	const json_t *result = json_object_get(message, "return");
	const json_t *failure = json_object_get(message, "error");
	struct command *command = command_find(qmp, json_integer_value(json_object_get(message,
											"id")));
	const char *why = json_string_value(json_object_get(failure, "desc"));
	struct error err = { 0 };

	if (!command)
		return;
	if (!result)
		error_set(&err, EREMOTEIO, "QEMU: %.200s", why ? why : "no reason given");
	command_finish(qmp, command, result, &err);
}

static void handle_event(struct qmp *qmp, const json_t *message)
{
	char name[NAME_SIZE];
	const json_t *data = json_object_get(message, "data");

	if (json_get_text(message, "event", name, sizeof(name), NULL) == 0)
		qmp->handler->event(qmp->arg, name, json_is_object(data) ? data : NULL);
}

static void on_line(void *arg, struct span line)
{
	struct qmp *qmp = arg;
	OWNED(json_decref) json_t *message = NULL;
	struct error err;

	if (json_object_parse(line, &message, &err) < 0)
		qmp->handler->closed(qmp->arg, &err);
	else if (!qmp->greeted && json_object_get(message, "QMP"))
		handle_greeting(qmp);
	else if (!qmp->greeted)
		qmp->handler->closed(qmp->arg, &(struct error){ EPROTO, "no QMP greeting" });
	else if (json_object_get(message, "event"))
		handle_event(qmp, message);
	else
		handle_answer(qmp, message);
}

static void on_closed(void *arg, const struct error *reason)
{
	struct qmp *qmp = arg;

	qmp->handler->closed(qmp->arg, reason);
}

int qmp_open(struct loop *loop, const char *path, const struct qmp_handler *handler, void *arg,
	     struct qmp **out, struct error *err)
{
	static const struct line_socket_handler socket_handler = { on_line, on_closed };
	struct qmp *qmp = xnew(struct qmp);

	list_init(&qmp->commands);
	qmp->handler = handler;
	qmp->arg = arg;
	int rc = line_socket_open(loop, path, LINE_LIMIT, &socket_handler, qmp, &qmp->socket, err);

	if (rc < 0) {
		free(qmp);
		return rc;
	}
	*out = qmp;
	return 0;
}

void qmp_hand_over(struct qmp *qmp, const struct qmp_handler *handler, void *arg)
{
	qmp->handler = handler;
	qmp->arg = arg;
}

void qmp_free(struct qmp *qmp)
{
	static const struct error gone = { ECANCELED, "the QMP connection was closed" };

	if (!qmp)
		return;
	LIST_EACH_SAFE(it, &qmp->commands)
		command_finish(qmp, LIST_OF(it, struct command, node), NULL, &gone);
	line_socket_free(qmp->socket);
	free(qmp);
}

static void command_write(int64_t id, const char *command, const json_t *arguments,
			  struct buf *out)
{
	OWNED(json_decref) json_t *message = json_pack("{s:s, s:I}", "execute", command, "id",
						       (json_int_t)id);

	if (arguments)
		json_object_set_new(message, "arguments", json_deep_copy(arguments));
	json_write(message, out);
}

int qmp_execute(struct qmp *qmp, const char *command, const json_t *arguments, qmp_answer_fn *fn,
		void *arg)
{
	return qmp_execute_fd(qmp, command, arguments, -1, fn, arg);
}

int qmp_execute_fd(struct qmp *qmp, const char *command, const json_t *arguments, int fd,
		   qmp_answer_fn *fn, void *arg)
{
	OWNED(buf_done) struct buf text = { 0 };

	if (qmp->waiting >= COMMANDS_MAX)
		return -ENOBUFS;
	command_write(qmp->last_id + 1, command, arguments, &text);
	int rc = fd < 0 ? line_socket_send(qmp->socket, buf_text(&text)) :
			  line_socket_send_fd(qmp->socket, buf_text(&text), fd);

	if (rc < 0)
		return rc;
	struct command *waiting = xnew(struct command);

	waiting->id = ++qmp->last_id;
	waiting->fn = fn;
	waiting->arg = arg;
	list_append(&qmp->commands, &waiting->node);
	qmp->waiting++;
	return 0;
}

/* Both at once: QEMU answers in order, and a refused first makes the second fail, too. */
static int move_state(struct qmp *qmp, const char *command, int set, qmp_answer_fn *fn, void *arg)
{
	char uri[48];

	snprintf(uri, sizeof(uri), "file:/dev/fdset/%d", set);
	OWNED(json_decref) json_t *arguments = json_pack("{s:s}", "uri", uri);
	OWNED(json_decref) json_t *abilities = json_pack(
		"{s:[{s:s, s:b}, {s:s, s:b}]}", "capabilities", "capability", "x-ignore-shared",
		"state", 1, "capability", "events", "state", 1);
	int rc = qmp_execute(qmp, "migrate-set-capabilities", abilities, NULL, NULL);

	return rc < 0 ? rc : qmp_execute(qmp, command, arguments, fn, arg);
}

int qmp_save_state(struct qmp *qmp, int set, qmp_answer_fn *fn, void *arg)
{
	return move_state(qmp, "migrate", set, fn, arg);
}

/* A machine that comes from elsewhere tells the switches where it is now; nobody has heard of a
 * clone, which would speak with its template's address. */
int qmp_load_state(struct qmp *qmp, int set, qmp_answer_fn *fn, void *arg)
{
	OWNED(json_decref) json_t *silent = json_pack("{s:i}", "announce-rounds", 0);
	int rc = qmp_execute(qmp, "migrate-set-parameters", silent, NULL, NULL);

	if (rc < 0)
		return rc;
	return move_state(qmp, "migrate-incoming", set, fn, arg);
}
