/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/directory/directory.h"

#include <errno.h>
#include <strings.h>
#include <sys/stat.h>
#include <uthash.h>

#include "broker/directory/directory_message.h"
#include "common/base/text.h"
#include "common/sys/clock.h"
#include "common/sys/file.h"
#include "common/sys/log.h"

#define GRACE_MS 300    /* for a job that overran: name look-ups cannot be bounded from outside */
#define SILENT_MS 10000 /* of a worker with questions that are overdue */
#define AGAIN_MS 500    /* for a worker that did not even live a second */
#define LIVED_MS 1000
#define SHORT_LIVES_MAX 3              /* after that many in a row there is no worker to wait for */
#define LOOK_MS 10000                  /* at the file of certificates */
#define WAITING_MAX (16 * 1024 * 1024) /* bytes of questions the worker does not take */
#define RETRY_LEAST_MS 500

struct directory {
	struct loop *loop;
	const struct directory_config *config;
	char *uris; /* cut into `uri` */
	const char *uri[DIRECTORY_MAX_SERVERS];
	size_t servers;
	struct directory_message states; /* the worker's last word about its servers */

	struct directory_worker_config worker;
	struct packet_link *link; /* NULL while there is no worker */
	struct loop_timer *again, *look;
	int64_t started_ms, heard_ms;
	unsigned short_lives; /* in a row */
	struct stat trusted;  /* the file of certificates that was sent */
	uint64_t trust_number;
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
	bool answered; /* but for groups to come */
	size_t groups_in_all;
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

static int64_t retry_ms(int64_t wait_ms)
{
	uint16_t dice;

	random_bytes(&dice, sizeof(dice)); /* not all back in one moment */
	wait_ms += RETRY_LEAST_MS;
	return wait_ms + wait_ms * dice / UINT16_MAX / 2;
}

/* ---------------------------------------------------------------------------------- the worker */

/* Whoever waits may come again at once: the next worker is there before them. */
static void lose_worker(struct directory *d, const char *why)
{
	int64_t lived_ms = clock_monotonic_ms() - d->started_ms;
	struct directory_loss loss = { why, lived_ms, d->waiting };
	struct job *job, *next;

	d->short_lives = lived_ms < LIVED_MS ? d->short_lives + 1 : 0;
	packet_link_free(STEAL(d->link));
	loop_timer_start(d->again, d->short_lives ? AGAIN_MS : 0);
	d->worker.lost(d->worker.arg, &loss);
	HASH_ITER(hh, d->jobs, job, next)
	{
		job->answer.verdict = DIRECTORY_BUSY;
		job->answer.retry_after_ms = retry_ms(0);
		error_set(&job->answer.reason, EPIPE, "the directory worker has ended");
		job_end(job);
	}
}

/* First whoever asked is told. Then, when nothing at all is heard of the worker, it is given up:
 * one thread may be held by a name that is looked up, all of them are not. */
static void on_overrun(void *arg)
{
	struct job *job = arg;
	struct directory *d = job->directory;
	struct directory_answer late = { .verdict = DIRECTORY_UNREACHABLE };
	int64_t silent_ms = clock_monotonic_ms() - d->heard_ms;

	error_set(&late.reason, ETIMEDOUT, "no answer in time, the worker is still busy");
	job_answer(job, &late);
	if (silent_ms >= SILENT_MS)
		lose_worker(d, "it does not answer");
	else
		loop_timer_start(job->overrun, SILENT_MS - silent_ms);
}

/* Twice the same one does no harm here, so nobody looks for it. */
static void take_groups(struct job *job, const struct directory_message *m)
{
	struct directory_person *person = &job->answer.person;

	for (size_t i = 0; i < m->group_count; i++)
		person->groups[person->group_count++] = (struct pool_group){
			.name = xstrdup(m->groups[i].name),
			.dn = *m->groups[i].dn ? xstrdup(m->groups[i].dn) : NULL,
		};
	if (person->group_count == job->groups_in_all)
		job_end(job);
}

static int on_groups(struct directory *d, const struct directory_message *m)
{
	struct job *job = job_find(d, m->id);

	if (!job || !job->answered ||
	    m->group_count > job->groups_in_all - job->answer.person.group_count)
		return -EPROTO;
	take_groups(job, m);
	return 0;
}

/* Of a person who was asked for by identity nobody else is told. */
static bool is_asked_for(const struct job *job, const struct directory_answer *a)
{
	return job->question.what != DIRECTORY_ASK_ID || a->verdict != DIRECTORY_OK ||
	       strcasecmp(job->question.text, a->person.id) == 0;
}

static int on_answer(struct directory *d, struct span packet, struct directory_message *m)
{
	struct job *job = job_find(d, m->id);
	struct directory_trace *trace = job ? job->question.trace : NULL;

	if (!job || job->answered || !is_asked_for(job, &m->answer))
		return -EPROTO;
	if (trace && directory_message_parse(packet, m, trace) < 0)
		abort(); /* it was one a moment ago */
	job->answered = true;
	job->answer = m->answer;
	job->answer.server =
		m->server >= 0 && (size_t)m->server < d->servers ? d->uri[m->server] : NULL;
	job->answer.trace = trace;
	job->groups_in_all = m->groups_in_all;
	job->answer.person.groups =
		xcalloc(m->groups_in_all + 1, sizeof(job->answer.person.groups[0]));
	/* One that was given up would have taken longer than what was left of its time. */
	if (m->took_us && (m->answer.verdict != DIRECTORY_UNREACHABLE || m->took_us > d->usual_us))
		d->usual_us += (m->took_us - d->usual_us) / 8;
	take_groups(job, m);
	return 0;
}

static void on_packet(void *arg, struct span packet)
{
	struct directory *d = arg;
	struct directory_message m;
	int rc = directory_message_parse(packet, &m, NULL);

	d->heard_ms = clock_monotonic_ms();
	if (rc == 0) {
		switch (m.kind) {
		case DIRECTORY_ANSWER:
			rc = on_answer(d, packet, &m);
			break;
		case DIRECTORY_GROUPS:
			rc = on_groups(d, &m);
			break;
		case DIRECTORY_STATES:
			d->states = m;
			break;
		case DIRECTORY_HELLO:
		case DIRECTORY_ASK:
		case DIRECTORY_TRUST:
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

static int send_trust(struct directory *d, struct span trust)
{
	size_t sent = 0;
	int rc = 0;

	d->trust_number++;
	while (sent < trust.len && rc == 0) {
		sent += directory_trust_write(d->trust_number, trust, sent, &d->out);
		rc = send_packet(d);
	}
	return rc;
}

/* The file may be one that only the core can read, and it may be another one tomorrow. */
static int read_trust(struct directory *d, struct buf *out, struct error *err)
{
	struct stat file = { 0 };
	int rc = file_read(d->config->ca_file, DIRECTORY_TRUST_MAX, out, err);

	if (rc == 0 && out->len == 0)
		rc = error_set(err, EINVAL, "%s is empty", d->config->ca_file);
	if (rc == 0 && stat(d->config->ca_file, &file) == 0)
		d->trusted = file;
	return rc < 0 ? error_prefix(err, "directory.ca_file") : 0;
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void look_at_trust(void *arg)
{
	struct directory *d = arg;
	OWNED(buf_done) struct buf trust = BUF_LIMIT(DIRECTORY_TRUST_MAX);
	struct error err = { 0 };
	struct stat file;

	loop_timer_start(d->look, LOOK_MS);
	if (!d->link || stat(d->config->ca_file, &file) < 0 || is_same_file(&file, &d->trusted))
		return;
	if (read_trust(d, &trust, &err) < 0)
		log_error("directory_trust_not_read", kv_error(&err));
	else if (send_trust(d, buf_span(&trust)) == 0)
		log_info("directory_trust_changed", kv_str("file", d->config->ca_file));
}

static int start_worker(struct directory *d, struct error *err)
{
	OWNED(secret_wipe) struct secret password = { 0 };
	OWNED(buf_done) struct buf trust = BUF_LIMIT(DIRECTORY_TRUST_MAX);
	struct packet_link_config config = { WAITING_MAX, on_packet, on_link_end, d };
	int fd, rc = read_password(d->config, &password, err);

	d->started_ms = d->heard_ms = clock_monotonic_ms();
	if (rc == 0)
		rc = read_trust(d, &trust, err);
	if (rc == 0)
		rc = d->worker.start(d->worker.arg, &fd, err);
	if (rc < 0)
		return rc;
	d->link = packet_link_take_fd(d->loop, fd, &config);
	rc = send_trust(d, buf_span(&trust));
	directory_hello_write(&password, &d->out);
	return rc < 0 ? rc : send_packet(d);
}

static void start_again(void *arg)
{
	struct directory *d = arg;
	struct error err = { 0 };

	if (start_worker(d, &err) == 0)
		return;
	log_error("directory_worker_not_started", kv_error(&err));
	packet_link_free(STEAL(d->link));
	d->short_lives++;
	loop_timer_start(d->again, AGAIN_MS);
}

int directory_open(struct directory *d, const struct directory_worker_config *worker,
		   struct error *err)
{
	d->worker = *worker;
	loop_timer_start(d->look, LOOK_MS);
	return start_worker(d, err);
}

/* -------------------------------------------------------------------------------- life of it */

int directory_new(struct loop *loop, const struct directory_config *config, struct directory **out,
		  struct error *err)
{
	OWNED(directory_free) struct directory *d = xnew(struct directory);
	OWNED(secret_wipe) struct secret password = { 0 };
	int rc = directory_check_config(config, err);

	d->loop = loop;
	d->config = config;
	d->out = BUF_LIMIT(PACKET_MAX);
	d->again = loop_timer_new(loop, start_again, d);
	d->look = loop_timer_new(loop, look_at_trust, d);
	if (rc == 0)
		rc = read_password(config, &password, err);
	if (rc < 0)
		return rc;
	if (!buf_reserve(&d->out, PACKET_MAX)) /* never moved: passwords are in it */
		return error_set(err, ENOMEM, "directory");
	d->uris = xstrdup(config->uri);
	d->servers = directory_split_uris(d->uris, d->uri);
	*out = STEAL(d);
	return 0;
}

void directory_free(struct directory *d)
{
	struct job *job, *next;

	if (!d)
		return;
	loop_timer_free(d->again);
	loop_timer_free(d->look);
	packet_link_free(STEAL(d->link));
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

unsigned directory_questions(const struct directory *d)
{
	return d->waiting;
}

/* How long a question that comes now waits for a thread, by what those before it took. */
static int64_t queue_ms(const struct directory *d)
{
	int64_t ahead = (int64_t)d->waiting + 1 - d->config->threads;

	return ahead > 0 ? ahead * d->usual_us / d->config->threads / 1000 : 0;
}

static void turn_away(struct job *job, int64_t wait_ms)
{
	bool none = !job->directory->link && job->directory->short_lives > SHORT_LIVES_MAX;

	job->answer.verdict = none ? DIRECTORY_UNREACHABLE : DIRECTORY_BUSY;
	job->answer.retry_after_ms = retry_ms(wait_ms);
	if (none)
		error_set(&job->answer.reason, EPIPE, "no directory worker stays alive");
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
	if (d->waiting++ == 0)
		d->heard_ms = clock_monotonic_ms(); /* it had nothing to say before */
	job->overrun = loop_timer_new(d->loop, on_overrun, job);
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
