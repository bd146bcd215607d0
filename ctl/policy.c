/* SPDX-License-Identifier: Apache-2.0 */
/* The policy of a pool: where its values come from, and proof that it holds. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "common/sys/clock.h"
#include "common/sys/file.h"
#include "ctl/ctl.h"
#include "ctl/verify.h"
#include "pool/policy.h"

extern char **environ;

#define READY_MS 300000	/* a desktop that has to be started first */
#define ASK_AGAIN_MS 500
#define FRAME_MS 120000	/* a first logon */
#define SETTLE_MS 4000	/* channels open behind the first picture */
#define AUDIT_MS 5000
#define STICK_FILE "genkan-probe.txt"

static int find_pool(struct ctl *ctl, const char *name, json_t **out, struct error *err)
{
	OWNED(json_decref) json_t *answer = NULL;
	json_t *pool;
	size_t i;
	int rc = ctl_request(ctl, "GET", "/v1/admin/pools", NULL, &answer, err);

	if (rc < 0)
		return rc;
	json_array_foreach(json_object_get(answer, "pools"), i, pool) {
		if (strcmp(ctl_text(pool, "pool"), name) != 0)
			continue;
		*out = json_incref(pool);
		return 0;
	}
	return error_set(err, ENOENT, "%s: no such pool", name);
}

/* ---- policy show ---- */

static json_t *exceptions_of(const json_t *answer, const char *pool)
{
	json_t *list = json_array(), *e;
	size_t i;

	json_array_foreach(json_object_get(answer, "exceptions"), i, e)
		if (strcmp(ctl_text(e, "pool"), pool) == 0 &&
		    strcmp(ctl_text(e, "state"), "approved") == 0)
			json_array_append(list, e);
	return list;
}

static const char *source_of(enum policy_item item, const char *value)
{
	if (item == POLICY_REMOVABLE_STORAGE)
		return "fixed: only an approved exception opens it";
	return strcmp(value, "deny") == 0 ? "the default, or the pool's file" : "the pool's file";
}

static void show(const json_t *report)
{
	static const char *const titles[] = { "ITEM", "VALUE", "COMES FROM", NULL };
	OWNED(table_free) struct table *table = table_new(titles);
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(report, "items"), i, row) {
		table_text(table, ctl_text(row, "item"));
		table_text(table, ctl_text(row, "value"));
		table_text(table, ctl_text(row, "comes_from"));
	}
	ctl_print_table(table);
	json_array_foreach(json_object_get(report, "exceptions"), i, row) {
		char until[32];

		ctl_time_text(ctl_int(row, "expires_at_ms"), until);
		printf("exception %s: %s for %s until %s, approved by %s\n", ctl_text(row, "id"),
		       ctl_text(row, "device"), ctl_text(row, "user"), until,
		       ctl_text(row, "approved_by"));
	}
	printf("policy sha256 %s\n", ctl_text(report, "policy_sha256"));
}

static json_t *items_of(const json_t *policy)
{
	json_t *items = json_array();

	for (int i = 0; i < POLICY_ITEMS; i++) {
		const char *word = policy_item_word((enum policy_item)i);
		const char *value = ctl_text(policy, word);

		json_array_append_new(items, json_pack("{s:s, s:s, s:s}", "item", word, "value", value,
						       "comes_from",
						       source_of((enum policy_item)i, value)));
	}
	return items;
}

int policy_show(struct ctl *ctl, struct error *err)
{
	OWNED(json_decref) json_t *pool = NULL;
	OWNED(json_decref) json_t *exceptions = NULL;
	OWNED(json_decref) json_t *report = NULL;
	const char *name = ctl->args.values[0];
	char hash[65];
	int rc = find_pool(ctl, name, &pool, err);

	if (rc == 0)
		rc = ctl_request(ctl, "GET", "/v1/admin/exceptions", NULL, &exceptions, err);
	if (rc == 0)
		rc = verify_policy_hash(json_object_get(pool, "policy"), hash, err);
	if (rc < 0)
		return rc;
	report = json_pack("{s:s, s:s, s:o, s:o}", "pool", name, "policy_sha256", hash, "items",
			   items_of(json_object_get(pool, "policy")), "exceptions",
			   exceptions_of(exceptions, name));
	json_array_append_new(json_object_get(report, "items"),
			      json_pack("{s:s, s:s, s:s}", "item", "standard_clients", "value",
					ctl_text(pool, "standard_clients"), "comes_from",
					source_of(POLICY_SOUND, ctl_text(pool, "standard_clients"))));
	if (ctl->args.json)
		ctl_print_json(report);
	else
		show(report);
	return 0;
}

/* ---- the probe ---- */

struct probe {
	pid_t pid;
	int in, out;	/* its standard input and output */
	char dir[64];	/* the stick that it offers */
};

static void probe_end(struct probe *p)
{
	char path[128];

	if (p->in >= 0)
		close(p->in);
	if (p->out >= 0)
		close(p->out);
	if (p->pid > 0) {
		kill(p->pid, SIGTERM);
		while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (p->dir[0]) {
		snprintf(path, sizeof(path), "%s/" STICK_FILE, p->dir);
		unlink(path);
		rmdir(p->dir);
	}
}
DEFINE_OWNED_VALUE(probe_end, struct probe);

static int make_stick(struct probe *p, struct error *err)
{
	char path[128];

	strcpy(p->dir, "/tmp/genkan-probe-XXXXXX");
	if (!mkdtemp(p->dir)) {
		p->dir[0] = '\0';
		return error_errno(err, "make a folder in /tmp");
	}
	snprintf(path, sizeof(path), "%s/" STICK_FILE, p->dir);
	return file_write(path, SPAN_LITERAL("This file must never be seen in a desktop.\n"), 0600, err);
}

static int spawn(struct probe *p, const char *program, char *const argv[], struct error *err)
{
	posix_spawn_file_actions_t files;
	int in[2], out[2], rc;

	if (pipe2(in, O_CLOEXEC) < 0)
		return error_errno(err, "make a pipe");
	if (pipe2(out, O_CLOEXEC) < 0) {
		close(in[0]);
		close(in[1]);
		return error_errno(err, "make a pipe");
	}
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, in[0], STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&files, out[1], STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	rc = posix_spawnp(&p->pid, program, &files, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&files);
	close(in[0]);
	close(out[1]);
	p->in = in[1];
	p->out = out[0];
	if (rc == 0)
		return 0;
	p->pid = 0;
	return error_set(err, rc, "start %s: %s; it is in the package of the thin client", program,
			 strerror(rc));
}

/* Everything that could carry data, whatever the policy says. */
static int probe_start(struct probe *p, const char *program, const json_t *ticket,
		       struct error *err)
{
	const json_t *endpoint = json_object_get(ticket, "endpoint");
	const char *host = ctl_text(endpoint, "host"), *secret = ctl_text(ticket, "secret");
	char address[300], drive[96];
	int rc = make_stick(p, err);

	if (rc < 0)
		return rc;
	snprintf(address, sizeof(address), strchr(host, ':') ? "/v:[%s]:%lld" : "/v:%s:%lld", host,
		 (long long)ctl_int(endpoint, "port"));
	snprintf(drive, sizeof(drive), "/drive:GKPROBE,%s", p->dir);
	const char *argv[] = { program, "--locator", ctl_text(ticket, "locator"), "--secret-file", "-",
			       "--fingerprint", ctl_text(ticket, "certificate_sha256"), "--hold", "600",
			       "--wait", "120", "--clip-text", "genkan probe", "--", address, drive,
			       "/printer:GKPROBE", "/serial:COM1,/dev/ttyS0", "/smartcard",
			       "/usb:id:0000:0000", "/rdp2tcp:/bin/true", "/size:1024x768", NULL };

	if ((rc = spawn(p, program, (char *const *)argv, err)) < 0)
		return rc;
	if (write(p->in, secret, strlen(secret)) < 0 || write(p->in, "\n", 1) < 0)
		return error_errno(err, "hand the ticket to %s", program);
	return 0;
}

/* Until it says that the desktop is shown. */
static int probe_await(struct probe *p, struct error *err)
{
	int64_t until_ms = clock_monotonic_ms() + FRAME_MS;
	OWNED(buf_done) struct buf said = BUF_LIMIT(65536);
	char chunk[512];

	while (clock_monotonic_ms() < until_ms) {
		struct pollfd ready = { p->out, POLLIN, 0 };
		ssize_t n;

		if (poll(&ready, 1, (int)(until_ms - clock_monotonic_ms())) <= 0)
			continue;
		if ((n = read(p->out, chunk, sizeof(chunk))) <= 0)
			return error_set(err, ECONNRESET, "the probe session ended before the desktop "
					 "was shown: %.200s", buf_text(&said));
		buf_put(&said, chunk, (size_t)n);
		if (strstr(buf_text(&said), "frame "))
			return 0;
	}
	return error_set(err, ETIMEDOUT, "the probe session showed no desktop in time");
}

/* ---- policy verify ---- */

static void pause_ms(int64_t ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

/* A desktop of the pool for the probe, as soon as there is one. */
static int take_desktop(struct ctl *ctl, const char *pool, json_t **ticket, struct error *err)
{
	int64_t until_ms = clock_monotonic_ms() + READY_MS;
	char path[96], stage[24] = "";

	snprintf(path, sizeof(path), "/v1/admin/pools/%s/probe", pool);
	for (;;) {
		OWNED(json_decref) json_t *answer = NULL;
		int rc = ctl_request(ctl, "POST", path, NULL, &answer, err);

		if (rc < 0)
			return rc;
		if (strcmp(ctl_text(answer, "status"), "ready") == 0) {
			*ticket = STEAL(answer);
			return 0;
		}
		if (strcmp(stage, ctl_text(answer, "stage")) != 0) {
			snprintf(stage, sizeof(stage), "%s", ctl_text(answer, "stage"));
			fprintf(stderr, "waiting for a desktop: %s\n", stage);
		}
		if (clock_monotonic_ms() > until_ms)
			return error_set(err, ETIMEDOUT, "pool %s: no desktop became ready: %s", pool,
					 ctl_text(answer, "detail"));
		pause_ms(ASK_AGAIN_MS);
	}
}

static int find_session(struct ctl *ctl, const char *desktop, char id[24], struct error *err)
{
	OWNED(json_decref) json_t *answer = NULL;
	const json_t *session;
	size_t i;
	int rc = ctl_request(ctl, "GET", "/v1/admin/sessions?limit=10000", NULL, &answer, err);

	if (rc < 0)
		return rc;
	json_array_foreach(json_object_get(answer, "sessions"), i, session) {
		if (strcmp(ctl_text(session, "desktop"), desktop) != 0)
			continue;
		snprintf(id, 24, "%s", ctl_text(session, "id"));
		return 0;
	}
	return error_set(err, ENOENT, "the probe session is not among those of the broker");
}

static int denied_rows(struct ctl *ctl, const char *session, json_t **out, struct error *err)
{
	OWNED(json_decref) json_t *answer = NULL;
	json_t *row;
	size_t i;
	int rc = ctl_request(ctl, "GET", "/v1/admin/audit?denied=1&limit=500", NULL, &answer, err);

	if (rc < 0)
		return rc;
	*out = json_array();
	json_array_foreach(json_object_get(answer, "audit"), i, row)
		if (strcmp(ctl_text(json_object_get(row, "details"), "session"), session) == 0)
			json_array_append(*out, row);
	return 0;
}

/* Rows follow what they tell of: those of the last moments may still be on the way. */
static int judge(struct ctl *ctl, const json_t *pool, const json_t *found, const char *session,
		 json_t **out, struct error *err)
{
	int64_t until_ms = clock_monotonic_ms() + AUDIT_MS;

	for (;;) {
		OWNED(json_decref) json_t *denied = NULL;
		int rc = denied_rows(ctl, session, &denied, err);

		if (rc < 0)
			return rc;
		json_decref(*out);
		*out = verify_judge(json_object_get(pool, "policy"), json_object_get(found, "found"),
				    denied);
		if (strcmp(ctl_text(*out, "result"), "pass") == 0 || clock_monotonic_ms() > until_ms)
			return 0;
		pause_ms(ASK_AGAIN_MS);
	}
}

static int probe_session(struct ctl *ctl, const json_t *pool, const json_t *ticket, json_t **report,
			 struct error *err)
{
	OWNED(probe_end) struct probe probe = { .in = -1, .out = -1 };
	OWNED(json_decref) json_t *found = NULL;
	const json_t *desktop = json_object_get(ticket, "desktop");
	char session[24], path[96], when[32], hash[65];
	int rc = probe_start(&probe, ctl->args.probe ? ctl->args.probe : "genkan-probe", ticket, err);

	if (rc == 0)
		rc = probe_await(&probe, err);
	if (rc < 0)
		return rc;
	pause_ms(SETTLE_MS);
	snprintf(path, sizeof(path), "/v1/admin/desktops/%s/inspect", ctl_text(desktop, "id"));
	if ((rc = find_session(ctl, ctl_text(desktop, "id"), session, err)) < 0 ||
	    (rc = ctl_request(ctl, "POST", path, NULL, &found, err)) < 0 ||
	    (rc = judge(ctl, pool, found, session, report, err)) < 0 ||
	    (rc = verify_policy_hash(json_object_get(pool, "policy"), hash, err)) < 0)
		return rc;
	ctl_time_text(clock_wall_ms(), when);
	json_object_update_new(*report,
			       json_pack("{s:s, s:s, s:s, s:I, s:s, s:s, s:O, s:O}", "pool",
					 ctl_text(pool, "pool"), "policy_sha256", hash, "when", when,
					 "at_ms", (json_int_t)clock_wall_ms(), "desktop",
					 ctl_text(desktop, "name"), "session", session, "policy",
					 json_object_get(pool, "policy"), "seen_by_desktop",
					 json_object_get(found, "found")));
	return 0;
}

/* Nobody is to find what a lawless client may have left. */
static int give_back(struct ctl *ctl, const json_t *ticket, struct error *err)
{
	OWNED(json_decref) json_t *answer = NULL;
	char path[96];

	snprintf(path, sizeof(path), "/v1/admin/desktops/%s/delete",
		 ctl_text(json_object_get(ticket, "desktop"), "id"));
	return ctl_request(ctl, "POST", path, NULL, &answer, err);
}

static int publish(const struct ctl *ctl, const json_t *report, struct error *err)
{
	OWNED(buf_done) struct buf text = { 0 };
	char *json = json_dumps(report, JSON_INDENT(2) | JSON_SORT_KEYS);
	int rc = 0;

	verify_print(report, &text);
	if (ctl->args.out)
		rc = file_write(ctl->args.out, span_text(json), 0644, err);
	free(json);
	if (ctl->args.json)
		ctl_print_json(report);
	else
		fputs(buf_text(&text), stdout);
	return rc;
}

int policy_verify(struct ctl *ctl, struct error *err)
{
	OWNED(json_decref) json_t *pool = NULL;
	OWNED(json_decref) json_t *ticket = NULL;
	OWNED(json_decref) json_t *report = NULL;
	struct error late = { 0 };
	int rc = find_pool(ctl, ctl->args.values[0], &pool, err);

	signal(SIGPIPE, SIG_IGN);
	if (rc == 0)
		rc = take_desktop(ctl, ctl->args.values[0], &ticket, err);
	if (rc < 0)
		return rc;
	rc = probe_session(ctl, pool, ticket, &report, err);
	if (give_back(ctl, ticket, &late) < 0)
		fprintf(stderr, "genkanctl: the probe's desktop could not be deleted: %s\n", late.text);
	if (rc == 0)
		rc = publish(ctl, report, err);
	if (rc == 0 && strcmp(ctl_text(report, "result"), "pass") != 0)
		rc = error_set(err, EPERM, "pool %s: the policy does not hold", ctl->args.values[0]);
	return rc;
}
