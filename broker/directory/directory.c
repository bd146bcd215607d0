/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/directory/directory.h"

#include <errno.h>

#include "broker/directory/directory_query.h"
#include "broker/directory/escape.h"
#include "broker/directory/ldap_link.h"
#include "common/base/text.h"
#include "common/sys/clock.h"
#include "common/sys/file.h"
#include "common/sys/work.h"

#define GRACE_MS 300	/* for a job that overran: name look-ups cannot be bounded from outside */

struct worker_links {
	atomic_bool taken;
	struct directory_links links;
};

struct directory {
	struct loop *loop;
	const struct directory_config *config;
	struct secret service_password;
	char *uris;			/* cut into servers.uri */
	struct directory_servers servers;
	struct work *work;
	size_t worker_count;
	struct worker_links workers[];
};

struct job {
	struct directory *directory;
	struct directory_question question;
	struct directory_answer answer;
	struct loop_timer *overrun;
	directory_fn *fn;		/* NULL once it was called */
	void *arg;
};

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

static int check_pattern(const char *key, const char *pattern, bool with_dn, struct error *err)
{
	OWNED(buf_done) struct buf trash = { 0 };
	struct template_value values[] = { { "user", "x" }, { "dn", "x" } };
	int rc = template_expand(pattern, values, with_dn ? 2 : 1, filter_escape, &trash, err);

	return rc < 0 ? error_prefix(err, "directory.%s", key) : 0;
}

static int check_config(const struct directory_config *config, struct error *err)
{
	int rc = check_pattern("user_filter", config->user_filter, false, err);

	if (rc == 0)
		rc = check_pattern("user_dn", config->user_dn, false, err);
	if (rc == 0)
		rc = check_pattern("group_filter", config->group_filter, true, err);
	if (rc == 0)
		rc = check_pattern("parent_filter", config->parent_filter, true, err);
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
	rc = take_uris(d, config, err);
	if (rc == 0 && *config->bind_password_file)
		rc = file_read_secret(config->bind_password_file, &d->service_password, err);
	if (rc < 0)
		return rc;
	if (*config->bind_dn && !directory_password_usable(&d->service_password))
		return error_set(err, EINVAL,
				 "directory.bind_password_file: the password is empty");

	d->work = work_new(loop, "directory", (unsigned)threads, (unsigned)config->max_queued);
	*out = STEAL(d);
	return 0;
}

void directory_free(struct directory *d)
{
	if (!d)
		return;
	work_free(d->work);
	for (size_t i = 0; i < d->worker_count; i++)
		directory_links_close(&d->workers[i].links);
	secret_wipe(&d->service_password);
	free(d->uris);
	free(d);
}

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
	struct directory *d = job->directory;
	struct worker_links *worker = take_links(d);

	directory_ask(d->config, &d->service_password, &d->servers, &worker->links, &job->question,
		      &job->answer);
	atomic_store(&worker->taken, false);
	secret_wipe(&job->question.password);
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
	free((char *)(uintptr_t)job->question.text);
	free(job);
}

static void job_done(void *arg, int status)
{
	struct job *job = arg;

	if (status < 0)
		job->answer.verdict = DIRECTORY_UNREACHABLE;
	if (status == -ETIMEDOUT)
		error_set(&job->answer.reason, ETIMEDOUT,
			  "all workers were busy until the deadline");
	job_answer(job, &job->answer);
	job_free(job);
}

static void submit(struct job *job)
{
	struct directory *d = job->directory;
	int64_t deadline_ms = clock_monotonic_ms() + d->config->deadline_ms;

	job->question.deadline_ms = deadline_ms;
	job->overrun = loop_timer_new(d->loop, job_give_up, job);
	if (work_submit(d->work, deadline_ms, job_run, job_done, job) < 0) {
		job->answer.verdict = DIRECTORY_BUSY;
		job_answer(job, &job->answer);
		job_free(job);
		return;
	}
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

void directory_lookup(struct directory *d, const char *id, directory_fn *fn, void *arg)
{
	submit(job_new(d, DIRECTORY_ASK_ID, id, fn, arg));
}

void directory_lookup_name(struct directory *d, const char *user, directory_fn *fn, void *arg)
{
	submit(job_new(d, DIRECTORY_ASK_NAME, user, fn, arg));
}
