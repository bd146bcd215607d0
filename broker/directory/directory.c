/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/directory/directory.h"

#include <errno.h>
#include <uthash.h>

#include "broker/directory/directory_message.h"
#include "broker/directory/escape.h"
#include "broker/directory/ldap_entry.h"
#include "common/base/text.h"
#include "common/sys/clock.h"
#include "common/sys/file.h"
#include "common/sys/log.h"

#define GRACE_MS 300 /* for a job that overran: name look-ups cannot be bounded from outside */
#define AGAIN_MS 500 /* for a worker that did not even live a second */
#define LIVED_MS 1000
#define WAITING_MAX (16 * 1024 * 1024) /* bytes of questions the worker does not take */
#define RETRY_LEAST_MS 500

struct directory {
	struct loop *loop;
	const struct directory_config *config;
	char *uris; /* cut into `uri` */
	const char *uri[DIRECTORY_MAX_SERVERS];
	size_t servers;
	struct directory_message states; /* the worker's last word about its servers */

	directory_start_fn *start; /* NULL until directory_open() */
	void *start_arg;
	struct packet_link *link; /* NULL while there is no worker */
	struct loop_timer *again;
	int64_t started_ms;
	struct buf out;

	struct job *jobs;
	uint64_t last_id;
	unsigned waiting; /* questions the worker has not answered */
	int64_t usual_us; /* what a question takes a worker: a moving average */
};

struct job {
	struct directory *directory;
	uint64_t id;
	struct directory_question question;
	struct directory_answer answer;
	struct loop_timer *overrun;
	directory_fn *fn; /* NULL once it was called */
	void *arg;
	UT_hash_handle hh;
};

/* What may be told to whoever asks, and what happened. A lock by the directory comes to anybody
 * who tries wrong passwords, so it looks like one. */
static const struct {
	enum reason told, audited;
} reasons[] = {
	[DIRECTORY_OK] = { REASON_OK, REASON_OK },
	[DIRECTORY_REFUSED] = { REASON_WRONG_CREDENTIALS, REASON_WRONG_CREDENTIALS },
	[DIRECTORY_DISABLED] = { REASON_ACCOUNT_DISABLED, REASON_ACCOUNT_DISABLED },
	[DIRECTORY_EXPIRED] = { REASON_ACCOUNT_EXPIRED, REASON_ACCOUNT_EXPIRED },
	[DIRECTORY_CHANGE_PASSWORD] = { REASON_PASSWORD_EXPIRED, REASON_PASSWORD_EXPIRED },
	[DIRECTORY_LOCKED] = { REASON_WRONG_CREDENTIALS, REASON_ACCOUNT_LOCKED },
	[DIRECTORY_BAD_PASSWORD] = { REASON_PASSWORD_REJECTED, REASON_PASSWORD_REJECTED },
	[DIRECTORY_UNREACHABLE] = { REASON_DIRECTORY_UNREACHABLE, REASON_DIRECTORY_UNREACHABLE },
	[DIRECTORY_BUSY] = { REASON_BUSY, REASON_BUSY },
};

enum reason directory_reason(enum directory_verdict verdict)
{
	return reasons[verdict].told;
}

enum reason directory_audit_reason(enum directory_verdict verdict)
{
	return reasons[verdict].audited;
}

void directory_person_done(struct directory_person *person)
{
	for (size_t i = 0; i < person->group_count; i++) {
		free((char *)(uintptr_t)person->groups[i].name);
		free((char *)(uintptr_t)person->groups[i].dn);
	}
	free(person->groups);
	person->groups = NULL;
	person->group_count = 0;
}

size_t directory_split_uris(char *text, const char *out[DIRECTORY_MAX_SERVERS])
{
	char *rest = NULL;
	size_t count = 0;

	for (char *uri = strtok_r(text, " \t", &rest); uri; uri = strtok_r(NULL, " \t", &rest)) {
		if (count < DIRECTORY_MAX_SERVERS)
			out[count] = uri;
		count++;
	}
	return count;
}

static int take_uris(struct directory *d, const struct directory_config *config, struct error *err)
{
	const char *scheme = config->start_tls ? "ldap://" : "ldaps://";

	d->uris = xstrdup(config->uri);
	d->servers = directory_split_uris(d->uris, d->uri);
	if (d->servers > DIRECTORY_MAX_SERVERS)
		return error_set(err, EINVAL, "directory.uri: more than %d servers",
				 DIRECTORY_MAX_SERVERS);
	for (size_t i = 0; i < d->servers; i++)
		if (!str_starts(d->uri[i], scheme))
			return error_set(err, EINVAL, "directory.uri: %s: must begin with %s%s",
					 d->uri[i], scheme,
					 config->start_tls ? " when start_tls is on"
							   : " or start_tls must be on");
	if (d->servers == 0)
		return error_set(err, EINVAL, "directory.uri: no server is named");
	return 0;
}

static int check_pattern(const char *key, const char *pattern, size_t names, struct error *err)
{
	OWNED(buf_done) struct buf trash = { 0 };
	struct template_value values[] = { { "user", "x" }, { "dn", "x" } };
	int rc = template_expand(pattern, values, names, filter_escape, &trash, err);

	return rc < 0 ? error_prefix(err, "directory.%s", key) : 0;
}

static int check_primary(const char *pattern, struct error *err)
{
	OWNED(buf_done) struct buf trash = { 0 };
	struct template_value values[] = { { "gid", "1" }, { "sid", "x" } };
	int rc = template_expand(pattern, values, ARRAY_LEN(values), filter_escape, &trash, err);

	return rc < 0 ? error_prefix(err, "directory.primary_filter") : 0;
}

static int check_config(const struct directory_config *config, struct error *err)
{
	int rc = check_pattern("user_filter", config->user_filter, 1, err);

	if (rc == 0)
		rc = check_pattern("user_dn", config->user_dn, 1, err);
	if (rc == 0)
		rc = check_pattern("group_filter", config->group_filter, 2, err);
	if (rc == 0)
		rc = check_primary(config->primary_filter, err);
	if (rc == 0)
		rc = check_pattern("parent_filter", config->parent_filter, 2, err);
	if (rc < 0)
		return rc;
	if (!strstr(config->user_filter, "{user}") && !*config->user_dn)
		return error_set(err, EINVAL, "directory.user_filter: must contain {user}");
	if (access(config->ca_file, R_OK) < 0)
		return error_errno(err, "directory.ca_file: %s", config->ca_file);
	if (config->deadline_ms < 100 || config->threads < 1 || config->threads > 256)
		return error_set(err, EINVAL,
				 "directory: deadline_ms must be >= 100, threads 1 to 256");
	return 0;
}

/* -------------------------------------------------------------------------------------- jobs */

static void job_answer(struct job *job, const struct directory_answer *answer)
{
	directory_fn *fn = job->fn;

	job->fn = NULL;
	if (fn)
		fn(job->arg, answer);
}

static void job_free(struct job *job)
{
	loop_timer_free(job->overrun);
	directory_person_done(&job->answer.person);
	secret_wipe(&job->question.password);
	secret_wipe(&job->question.fresh);
	free((char *)(uintptr_t)job->question.text);
	free(job->question.trace);
	free(job);
}

static struct job *job_find(struct directory *d, uint64_t id)
{
	struct job *job;

	HASH_FIND(hh, d->jobs, &id, sizeof(id), job);
	return job;
}

static void job_end(struct job *job)
{
	struct directory *d = job->directory;

	HASH_DEL(d->jobs, job);
	d->waiting--;
	job_answer(job, &job->answer);
	job_free(job);
}

static void job_give_up(void *arg)
{
	struct directory_answer late = { .verdict = DIRECTORY_UNREACHABLE };

	error_set(&late.reason, ETIMEDOUT, "no answer in time, the worker is still busy");
	job_answer(arg, &late);
}

/* ------------------------------------------------------------------------------------ the worker
 */

static void lose_worker(struct directory *d, const char *why)
{
	struct job *job, *next;

	log_error("directory_worker_ended", kv_str("why", why));
	packet_link_free(STEAL(d->link));
	loop_timer_start(d->again, clock_monotonic_ms() - d->started_ms < LIVED_MS ? AGAIN_MS : 0);
	HASH_ITER(hh, d->jobs, job, next)
	{
		job->answer.verdict = DIRECTORY_UNREACHABLE;
		error_set(&job->answer.reason, EPIPE, "the directory worker has ended");
		job_end(job);
	}
}

static int take_groups(struct directory *d, const struct directory_message *m)
{
	struct job *job = job_find(d, m->id);

	for (size_t i = 0; job && i < m->group_count; i++) {
		const char *dn = *m->groups[i].dn ? m->groups[i].dn : NULL;

		if (!directory_person_add_group(&job->answer.person, m->groups[i].name, dn))
			job->answer.groups_cut = true;
	}
	return job ? 0 : -EPROTO;
}

static int take_answer(struct directory *d, struct span packet, const struct directory_message *m)
{
	struct job *job = job_find(d, m->id);
	struct directory_message with_trace;

	if (!job)
		return -EPROTO;

	struct pool_group *groups = job->answer.person.groups;
	size_t group_count = job->answer.person.group_count;
	bool cut = job->answer.groups_cut;

	job->answer = m->answer;
	job->answer.person.groups = groups;
	job->answer.person.group_count = group_count;
	job->answer.groups_cut |= cut;
	job->answer.server =
		m->server >= 0 && (size_t)m->server < d->servers ? d->uri[m->server] : NULL;
	if (job->question.trace &&
	    directory_message_parse(packet, &with_trace, job->question.trace) < 0)
		return -EPROTO;
	job->answer.trace = job->question.trace;
	if (m->took_us)
		d->usual_us += (m->took_us - d->usual_us) / 8;
	job_end(job);
	return 0;
}

static void on_packet(void *arg, struct span packet)
{
	struct directory *d = arg;
	struct directory_message m;
	int rc = directory_message_parse(packet, &m, NULL);

	if (rc == 0) {
		switch (m.kind) {
		case DIRECTORY_GROUPS:
			rc = take_groups(d, &m);
			break;
		case DIRECTORY_ANSWER:
			rc = take_answer(d, packet, &m);
			break;
		case DIRECTORY_STATES:
			d->states = m;
			break;
		case DIRECTORY_HELLO:
		case DIRECTORY_ASK:
			rc = -EPROTO;
		}
	}
	if (rc < 0)
		lose_worker(d, "it said what no worker says");
}

static void on_link_end(void *arg)
{
	lose_worker(arg, "it has ended");
}

static int send_packet(struct directory *d)
{
	int rc = d->out.failed ? -EMSGSIZE : packet_link_send(d->link, buf_span(&d->out));

	memory_wipe(d->out.ptr, d->out.len);
	buf_reset(&d->out);
	return rc;
}

static int read_password(const struct directory_config *config, struct secret *out,
			 struct error *err)
{
	int rc = *config->bind_password_file
			 ? file_read_secret(config->bind_password_file, out, err)
			 : 0;

	if (rc < 0)
		return rc;
	return *config->bind_dn && !directory_password_usable(out)
		       ? error_set(err, EINVAL,
				   "directory.bind_password_file: the password is empty")
		       : 0;
}

static int start_worker(struct directory *d, struct error *err)
{
	OWNED(secret_wipe) struct secret password = { 0 };
	struct packet_link_config config = { WAITING_MAX, on_packet, on_link_end, d };
	int fd, rc = read_password(d->config, &password, err);

	d->started_ms = clock_monotonic_ms();
	if (rc == 0)
		rc = d->start(d->start_arg, &fd, err);
	if (rc < 0)
		return rc;
	d->link = packet_link_take_fd(d->loop, fd, &config);
	directory_hello_write(&password, &d->out);
	return send_packet(d);
}

static void start_again(void *arg)
{
	struct directory *d = arg;
	struct error err = { 0 };

	if (start_worker(d, &err) == 0)
		return;
	log_error("directory_worker_not_started", kv_error(&err));
	loop_timer_start(d->again, AGAIN_MS);
}

int directory_open(struct directory *d, directory_start_fn *start, void *arg, struct error *err)
{
	d->start = start;
	d->start_arg = arg;
	return start_worker(d, err);
}

/* -------------------------------------------------------------------------------- life of it */

int directory_new(struct loop *loop, const struct directory_config *config, struct directory **out,
		  struct error *err)
{
	OWNED(directory_free) struct directory *d = xnew(struct directory);
	OWNED(secret_wipe) struct secret password = { 0 };
	int rc = check_config(config, err);

	d->loop = loop;
	d->config = config;
	d->out = BUF_LIMIT(PACKET_MAX);
	d->again = loop_timer_new(loop, start_again, d);
	if (rc == 0)
		rc = take_uris(d, config, err);
	if (rc == 0)
		rc = read_password(config, &password, err);
	if (rc < 0)
		return rc;
	*out = STEAL(d);
	return 0;
}

void directory_free(struct directory *d)
{
	struct job *job, *next;

	if (!d)
		return;
	loop_timer_free(d->again);
	packet_link_free(d->link);
	HASH_ITER(hh, d->jobs, job, next)
	{
		job->answer.verdict = DIRECTORY_UNREACHABLE;
		job_end(job);
	}
	buf_done(&d->out);
	free(d->uris);
	free(d);
}

size_t directory_server_states(struct directory *d,
			       struct directory_server_state out[DIRECTORY_MAX_SERVERS])
{
	int64_t now_ms = clock_monotonic_ms();

	for (size_t i = 0; i < d->servers; i++) {
		int64_t wait_ms = d->states.servers[i].probe_at_ms - now_ms;

		out[i] = (struct directory_server_state){
			.uri = d->uri[i],
			.open = d->states.servers[i].open,
			.probe_in_ms = d->states.servers[i].open && wait_ms > 0 ? wait_ms : 0,
		};
	}
	return d->servers;
}

/* ---------------------------------------------------------------------------------- questions */

/* How long a question that comes now waits for a thread, by what those before it took. */
static int64_t queue_ms(const struct directory *d)
{
	int64_t ahead = (int64_t)d->waiting + 1 - d->config->threads;

	return ahead > 0 ? ahead * d->usual_us / d->config->threads / 1000 : 0;
}

static void turn_away(struct job *job, int64_t wait_ms)
{
	uint16_t dice;

	random_bytes(&dice, sizeof(dice)); /* not all back in one moment */
	job->answer.verdict = DIRECTORY_BUSY;
	job->answer.retry_after_ms = wait_ms + RETRY_LEAST_MS;
	job->answer.retry_after_ms += job->answer.retry_after_ms * dice / UINT16_MAX / 2;
	job_answer(job, &job->answer);
	job_free(job);
}

static int send_question(struct job *job)
{
	struct directory *d = job->directory;

	if (d->waiting >= (unsigned)d->config->max_queued || !d->link)
		return -EAGAIN;
	directory_ask_write(job->id, &job->question, &d->out);
	return send_packet(d);
}

static void submit(struct job *job)
{
	struct directory *d = job->directory;
	int64_t wait_ms = queue_ms(d);

	job->id = ++d->last_id;
	job->question.deadline_ms = clock_monotonic_ms() + d->config->deadline_ms;
	/* Half of the time is for the directory itself. */
	if (wait_ms > d->config->deadline_ms / 2 || send_question(job) < 0) {
		turn_away(job, wait_ms);
		return;
	}
	secret_wipe(&job->question.password);
	secret_wipe(&job->question.fresh);
	HASH_ADD(hh, d->jobs, id, sizeof(job->id), job);
	d->waiting++;
	job->overrun = loop_timer_new(d->loop, job_give_up, job);
	loop_timer_start(job->overrun, d->config->deadline_ms + GRACE_MS);
}

static struct job *job_new(struct directory *d, enum directory_asked what, const char *text,
			   directory_fn *fn, void *arg)
{
	struct job *job = xnew(struct job);

	job->directory = d;
	job->question.what = what;
	job->question.text = xstrdup(text);
	job->fn = fn;
	job->arg = arg;
	return job;
}

void directory_login(struct directory *d, const char *user, const struct secret *password,
		     directory_fn *fn, void *arg)
{
	struct job *job = job_new(d, DIRECTORY_ASK_LOGIN, user, fn, arg);

	job->question.password = *password;
	submit(job);
}

void directory_change_password(struct directory *d, const char *user, const struct secret *old,
			       const struct secret *fresh, directory_fn *fn, void *arg)
{
	struct job *job = job_new(d, DIRECTORY_ASK_CHANGE, user, fn, arg);

	job->question.password = *old;
	job->question.fresh = *fresh;
	submit(job);
}

void directory_test(struct directory *d, const char *user, const struct secret *password,
		    directory_fn *fn, void *arg)
{
	struct job *job =
		job_new(d, password ? DIRECTORY_ASK_LOGIN : DIRECTORY_ASK_NAME, user, fn, arg);

	if (password)
		job->question.password = *password;
	job->question.trace = xnew(struct directory_trace);
	submit(job);
}

void directory_lookup(struct directory *d, const char *id, directory_fn *fn, void *arg)
{
	submit(job_new(d, DIRECTORY_ASK_ID, id, fn, arg));
}

void directory_lookup_name(struct directory *d, const char *user, directory_fn *fn, void *arg)
{
	submit(job_new(d, DIRECTORY_ASK_NAME, user, fn, arg));
}
