/* SPDX-License-Identifier: Apache-2.0 */
/* The QMP client and the guest link against a socket that says what the test tells it to. */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "hostagent/qmp/guest_link.h"
#include "hostagent/qmp/qmp.h"

struct story {
	struct loop *loop;
	struct qmp *qmp;
	struct guest_link *link;
	struct loop_fd *server_watch;
	int server;		/* the accepted end */
	const char *says;	/* when it is asked the first time */
	const char *then;	/* the second time */
	struct buf heard;	/* what the client told its owner */
	struct buf asked;	/* what it sent */
};

static void say(struct story *s, const char *text, long long id)
{
	const char *at = strstr(text, "@ID@");
	char line[8192];
	int len = at ? snprintf(line, sizeof(line), "%.*s%lld%s", (int)(at - text), text, id, at + 4) :
		       snprintf(line, sizeof(line), "%s", text);

	assert_int_equal(write(s->server, line, (size_t)len), len);
}

static void on_asked(void *arg, int fd, unsigned events)
{
	struct story *s = arg;
	char bytes[4096];
	ssize_t n = read(fd, bytes, sizeof(bytes));
	const char *id;

	if (n <= 0) {
		loop_fd_set(s->server_watch, 0);
		return;
	}
	buf_put(&s->asked, bytes, (size_t)n);
	id = strstr(buf_text(&s->asked), "\"id\":");
	if (s->says)
		say(s, s->says, id ? strtoll(id + 5, NULL, 10) : 0);
	s->says = s->then;
	s->then = NULL;
	buf_reset(&s->asked);
}

static void pair(struct story *s, char path[64])
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(path, 64, "/tmp/genkan-qmp-test-%d", (int)getpid());
	unlink(path);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	s->server = fd;
}

static void accept_one(struct story *s, const char *path)
{
	int fd = accept(s->server, NULL, NULL);

	close(s->server);
	unlink(path);
	s->server = fd;
	s->server_watch = loop_fd_new(s->loop, fd, LOOP_READ, on_asked, s);
}

static void story_done(struct story *s)
{
	qmp_free(s->qmp);
	guest_link_free(s->link);
	loop_fd_free(s->server_watch);
	close(s->server);
	buf_done(&s->heard);
	buf_done(&s->asked);
	loop_free(s->loop);
}

/* --- QMP --- */

static void on_status(void *arg, const json_t *result, const struct error *err)
{
	struct story *s = arg;
	const char *status = json_string_value(json_object_get(result, "status"));

	buf_printf(&s->heard, "status %s;", result ? status : err->text);
	if (result || err->code != ECANCELED)
		loop_stop(s->loop);
}

static void on_ready(void *arg)
{
	struct story *s = arg;

	buf_put_text(&s->heard, "ready;");
	assert_int_equal(qmp_execute(s->qmp, "query-status", NULL, on_status, s), 0);
}

static void on_event(void *arg, const char *name, const json_t *data)
{
	struct story *s = arg;

	buf_printf(&s->heard, "event %s;", name);
}

static void on_closed(void *arg, const struct error *reason)
{
	struct story *s = arg;

	qmp_free(s->qmp);
	s->qmp = NULL;
	buf_put_text(&s->heard, "closed;");
	loop_stop(s->loop);
}

static void tell_qmp(const char *greeting, const char *says, const char *then, bool close_it,
		     const char *expected)
{
	static const struct qmp_handler handler = { on_ready, on_event, on_closed };
	struct story s = { .loop = loop_new(), .says = says, .then = then };
	char path[64];

	pair(&s, path);
	assert_int_equal(qmp_open(s.loop, path, &handler, &s, &s.qmp, NULL), 0);
	accept_one(&s, path);
	say(&s, greeting, 0);
	if (close_it)
		shutdown(s.server, SHUT_WR);
	loop_run(s.loop);
	assert_string_equal(buf_text(&s.heard), expected);
	story_done(&s);
}

#define GREETING "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n"

static void qmp_greets_and_answers(void **state)
{
	tell_qmp(GREETING, "{\"return\": {}, \"id\": @ID@}\r\n",
		 "{\"event\": \"RESUME\", \"timestamp\": {}}\r\n"
		 "{\"return\": {\"status\": \"stray\"}, \"id\": 999}\r\n"
		 "{\"return\": {\"status\": \"running\"}, \"id\": @ID@}\r\n", false,
		 "ready;event RESUME;status running;");
}

static void qmp_errors_are_told(void **state)
{
	tell_qmp(GREETING, "{\"return\": {}, \"id\": @ID@}\n",
		 "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no\"}, \"id\": @ID@}\n", false,
		 "ready;status QEMU: no;");
}

static void what_is_not_qmp_closes(void **state)
{
	tell_qmp("HTTP/1.1 400 Bad Request\n", NULL, NULL, false, "closed;");
	tell_qmp("{\"return\": {}}\n", NULL, NULL, false, "closed;");
	tell_qmp("", NULL, NULL, true, "closed;");
	tell_qmp(GREETING, "{\"return\": {}, \"id\": @ID@}\n", "\xff\xff\n", false,
		 "ready;status the QMP connection was closed;closed;");
}

/* --- the guest link --- */

static void on_guest_ready(void *arg)
{
	struct story *s = arg;

	buf_put_text(&s->heard, "ready;");
	loop_stop(s->loop);
}

static void on_identified(void *arg, const struct guest_message *answer)
{
	struct story *s = arg;

	buf_printf(&s->heard, "identified %s;", answer->ok ? "yes" : answer->text);
	loop_stop(s->loop);
}

static void on_user(void *arg, const struct guest_message *event)
{
}

static void on_guest_closed(void *arg, const struct error *reason)
{
	struct story *s = arg;

	guest_link_free(s->link);
	s->link = NULL;
	buf_put_text(&s->heard, "closed;");
	loop_stop(s->loop);
}

static const struct guest_link_handler guest_handler = {
	.ready = on_guest_ready, .identified = on_identified, .user = on_user,
	.closed = on_guest_closed,
};

static void only_the_newest_identity_is_answered(void **state)
{
	struct story s = { .loop = loop_new(), .says = "{\"id\":@ID@,\"ok\":true}\n",
			   .then = "{\"id\":1,\"ok\":true}\n{\"id\":@ID@,\"ok\":false,"
				   "\"error\":\"busy\"}\n" };
	struct vm_spec spec = { .id = "00c0ffee00c0ffee" };
	struct vm_subnet subnet = { 0x0a4d0001, 24 };
	struct guest_identity identity = { .spec = &spec, .subnet = &subnet };
	char path[64];

	pair(&s, path);
	assert_int_equal(guest_link_open(s.loop, path, &guest_handler, &s, &s.link, NULL), 0);
	assert_int_equal(guest_link_ping(s.link), 0);
	accept_one(&s, path);
	loop_run(s.loop);
	assert_int_equal(guest_link_send_identity(s.link, &identity), 0);
	loop_run(s.loop);
	assert_string_equal(buf_text(&s.heard), "ready;identified busy;");
	story_done(&s);
}

static void a_guest_that_floods_is_cut_off(void **state)
{
	struct story s = { .loop = loop_new() };
	char path[64], flood[GUEST_LINE_MAX + 2];

	memset(flood, 'x', sizeof(flood) - 1);
	flood[sizeof(flood) - 1] = '\0';
	pair(&s, path);
	assert_int_equal(guest_link_open(s.loop, path, &guest_handler, &s, &s.link, NULL), 0);
	assert_int_equal(guest_link_ping(s.link), 0);
	accept_one(&s, path);
	say(&s, flood, 0);
	loop_run(s.loop);
	assert_string_equal(buf_text(&s.heard), "closed;");
	story_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(qmp_greets_and_answers),
		cmocka_unit_test(qmp_errors_are_told),
		cmocka_unit_test(what_is_not_qmp_closes),
		cmocka_unit_test(only_the_newest_identity_is_answered),
		cmocka_unit_test(a_guest_that_floods_is_cut_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
