/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/directory/directory.h"

#include <errno.h>
#include <stdatomic.h>

#include "broker/directory/escape.h"
#include "broker/directory/ldap_link.h"
#include "broker/directory/servers.h"
#include "common/base/text.h"
#include "common/sys/clock.h"
#include "common/sys/file.h"
#include "common/sys/work.h"

#define GRACE_MS 300	/* for a job that overran: name look-ups cannot be bounded from outside */
#define PROBE_EVERY_MS 250	/* looks whether a probe is due */
#define PROBE_MS 1000		/* for its answer */
#define RETRY_LEAST_MS 500

struct worker_links {
	atomic_bool taken;
	struct directory_links links[DIRECTORY_MAX_SERVERS];
};

struct directory {
	struct loop *loop;
	const struct directory_config *config;
	struct secret service_password;
	char *uris;			/* cut into servers.uri */
	struct directory_servers servers;
	struct group_cache *groups;
	struct work *work, *probes;
	struct loop_timer *probe_timer;
	int64_t usual_us;		/* what a question takes a worker: a moving average */
	size_t worker_count;
	struct worker_links workers[];
};

struct job {
	struct directory *directory;
	struct directory_question question;
	struct directory_answer answer;
	int64_t took_us;		/* a worker; 0: none had it */
	struct loop_timer *overrun;
	directory_fn *fn;		/* NULL once it was called */
	void *arg;
};

struct probe {
	struct directory *directory;
	size_t server;
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

static int take_uris(struct directory *d, const struct directory_config *config, struct error *err)
{
	char *rest = NULL;

	d->uris = xstrdup(config->uri);
	for (char *uri = strtok_r(d->uris, " \t", &rest); uri; uri = strtok_r(NULL, " \t", &rest)) {
		const char *scheme = config->start_tls ? "ldap://" : "ldaps://";

		if (!str_starts(uri, scheme))
			return error_set(err, EINVAL, "directory.uri: %s: must begin with %s%s",
					 uri, scheme, config->start_tls ? " when start_tls is on"
								   : " or start_tls must be on");
		if (d->servers.count == DIRECTORY_MAX_SERVERS)
			return error_set(err, EINVAL, "directory.uri: more than %d servers",
					 DIRECTORY_MAX_SERVERS);
		d->servers.uri[d->servers.count++] = uri;
	}
	if (d->servers.count == 0)
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

/* ------------------------------------------------------------------------------------- probes */

static struct directory_asker asker_of(struct directory *d)
{
	return (struct directory_asker){ d->config, &d->service_password, d->groups, &d->servers };
}

static void probe_run(void *arg)
{
	struct probe *probe = arg;
	struct directory_asker asker = asker_of(probe->directory);

	directory_probe(&asker, probe->server, clock_monotonic_ms() + PROBE_MS);
}

static void probe_done(void *arg, int status)
{
	(void)status;
	free(arg);
}

static void send_probes(void *arg)
{
	struct directory *d = arg;
	size_t due[DIRECTORY_MAX_SERVERS];
	size_t count = directory_servers_due(&d->servers, clock_monotonic_ms(), due);

	for (size_t i = 0; i < count; i++) {
		struct probe *probe = xnew(struct probe);

		*probe = (struct probe){ d, due[i] };
		if (work_submit(d->probes, 0, probe_run, probe_done, probe) < 0)
			abort();	/* a place for each server */
	}
	loop_timer_start(d->probe_timer, PROBE_EVERY_MS);
}

/* -------------------------------------------------------------------------------- life of it */

int directory_new(struct loop *loop, const struct directory_config *config, struct directory **out,
		  struct error *err)
{
	int rc = check_config(config, err);

	if (rc < 0)
		return rc;

	size_t threads = (size_t)config->threads;
	OWNED(directory_free) struct directory *d =
		xcalloc(1, sizeof(*d) + threads * sizeof(d->workers[0]));
	d->loop = loop;
	d->config = config;
	d->worker_count = threads;
	pthread_mutex_init(&d->servers.lock, NULL);
	rc = take_uris(d, config, err);
	if (rc == 0 && *config->bind_password_file)
		rc = file_read_secret(config->bind_password_file, &d->service_password, err);
	if (rc < 0)
		return rc;
	if (*config->bind_dn && !directory_password_usable(&d->service_password))
		return error_set(err, EINVAL,
				 "directory.bind_password_file: the password is empty");

	d->groups = group_cache_new(config->group_cache_ms);
	d->work = work_new(loop, "directory", (unsigned)threads, (unsigned)config->max_queued);
	d->probes = work_new(loop, "probe", 1, DIRECTORY_MAX_SERVERS);
	d->probe_timer = loop_timer_new(loop, send_probes, d);
	loop_timer_start(d->probe_timer, PROBE_EVERY_MS);
	*out = STEAL(d);
	return 0;
}

void directory_free(struct directory *d)
{
	if (!d)
		return;
	loop_timer_free(d->probe_timer);
	work_free(d->probes);
	work_free(d->work);
	for (size_t i = 0; i < d->worker_count; i++)
		for (size_t server = 0; server < d->servers.count; server++)
			directory_links_close(&d->workers[i].links[server]);
	group_cache_free(d->groups);
	secret_wipe(&d->service_password);
	pthread_mutex_destroy(&d->servers.lock);
	free(d->uris);
	free(d);
}

size_t directory_server_states(struct directory *d,
			       struct directory_server_state out[DIRECTORY_MAX_SERVERS])
{
	int64_t now_ms = clock_monotonic_ms();

	pthread_mutex_lock(&d->servers.lock);
	for (size_t i = 0; i < d->servers.count; i++) {
		const struct breaker *b = &d->servers.breakers[i];

		out[i] = (struct directory_server_state){
			.uri = d->servers.uri[i],
			.open = b->open,
			.probe_in_ms = b->open && b->probe_at_ms > now_ms ? b->probe_at_ms - now_ms : 0,
		};
	}
	pthread_mutex_unlock(&d->servers.lock);
	return d->servers.count;
}

/* ---------------------------------------------------------------------------------- questions */

/* As many sets as threads, so one is always free. */
static struct worker_links *take_links(struct directory *d)
{
	for (size_t i = 0; i < d->worker_count; i++)
		if (!atomic_exchange(&d->workers[i].taken, true))
			return &d->workers[i];
	abort();
}

static void job_run(void *arg)
{
	struct job *job = arg;
	struct directory_asker asker = asker_of(job->directory);
	struct worker_links *worker = take_links(job->directory);
	int64_t began_us = clock_monotonic_us();

	directory_ask(&asker, worker->links, &job->question, &job->answer);
	job->took_us = clock_monotonic_us() - began_us;
	job->answer.trace = job->question.trace;
	atomic_store(&worker->taken, false);
	secret_wipe(&job->question.password);
	secret_wipe(&job->question.fresh);
}

static void job_answer(struct job *job, const struct directory_answer *answer)
{
	directory_fn *fn = job->fn;

	job->fn = NULL;
	if (fn)
		fn(job->arg, answer);
}

static void job_give_up(void *arg)
{
	struct directory_answer late = { .verdict = DIRECTORY_UNREACHABLE };

	error_set(&late.reason, ETIMEDOUT, "no answer in time, the worker is still busy");
	job_answer(arg, &late);
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

static void job_done(void *arg, int status)
{
	struct job *job = arg;
	struct directory *d = job->directory;

	if (job->took_us)
		d->usual_us += (job->took_us - d->usual_us) / 8;
	if (status < 0)
		job->answer.verdict = DIRECTORY_UNREACHABLE;
	if (status == -ETIMEDOUT)
		error_set(&job->answer.reason, ETIMEDOUT,
			  "all workers were busy until the deadline");
	job_answer(job, &job->answer);
	job_free(job);
}

/* How long a question that comes now waits for a worker, by what those before it took. */
static int64_t queue_ms(const struct directory *d)
{
	int64_t ahead = (int64_t)work_queued(d->work) + 1 - (int64_t)d->worker_count;

	return ahead > 0 ? ahead * d->usual_us / (int64_t)d->worker_count / 1000 : 0;
}

static void turn_away(struct job *job, int64_t wait_ms)
{
	uint16_t dice;

	random_bytes(&dice, sizeof(dice));	/* not all back in one moment */
	job->answer.verdict = DIRECTORY_BUSY;
	job->answer.retry_after_ms = wait_ms + RETRY_LEAST_MS;
	job->answer.retry_after_ms += job->answer.retry_after_ms * dice / UINT16_MAX / 2;
	job_answer(job, &job->answer);
	job_free(job);
}

static void submit(struct job *job)
{
	struct directory *d = job->directory;
	int64_t deadline_ms = clock_monotonic_ms() + d->config->deadline_ms;
	int64_t wait_ms = queue_ms(d);

	job->question.deadline_ms = deadline_ms;
	/* Half of the time is for the directory itself. */
	if (wait_ms > d->config->deadline_ms / 2 ||
	    work_submit(d->work, deadline_ms, job_run, job_done, job) < 0) {
		turn_away(job, wait_ms);
		return;
	}
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
	struct job *job = job_new(d, password ? DIRECTORY_ASK_LOGIN : DIRECTORY_ASK_NAME, user, fn,
				  arg);

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
