/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/certificates.h"

#include <errno.h>
#include <sys/stat.h>

#include "common/base/secret.h"
#include "common/sys/file.h"
#include "common/sys/log.h"

#define LOOK_EVERY_MS 60000
#define RENEW_DAYS 30
#define PEM_MAX 20000 /* a chain; all three fit one packet to a front */

static const int warn_days[] = { 30, 7, 1, 0 };

struct certificates {
	struct broker *broker;
	struct authority_paths paths;
	struct loop_timer *timer;
	struct timespec changed; /* of the file that is in use */
	ino_t inode;
	size_t warned;     /* how many of warn_days */
	int doors_to_come; /* which have not yet said that they have it */
	bool changed_file; /* not the first one */
};

static bool same_file(const struct certificates *c, const struct stat *st)
{
	return st->st_ino == c->inode && st->st_mtim.tv_sec == c->changed.tv_sec &&
	       st->st_mtim.tv_nsec == c->changed.tv_nsec;
}

static void remember(struct certificates *c)
{
	struct stat st;

	if (stat(c->paths.broker_crt, &st) < 0)
		return;
	c->inode = st.st_ino;
	c->changed = st.st_mtim;
}

static int read_pem(const struct authority_paths *paths, struct buf files[3], struct tls_pem *pem,
		    struct error *err)
{
	OWNED(SSL_CTX_free) SSL_CTX *trial = NULL;
	int rc = file_read(paths->broker_crt, PEM_MAX, &files[0], err);

	if (rc == 0)
		rc = file_read(paths->broker_key, PEM_MAX, &files[1], err);
	if (rc == 0)
		rc = file_read(paths->ca_crt, PEM_MAX, &files[2], err);
	if (rc < 0)
		return rc;
	*pem = (struct tls_pem){ buf_span(&files[0]), buf_span(&files[1]), buf_span(&files[2]) };
	rc = tls_server_from_pem(pem, TLS_PEER_KEY, 0, &trial, err);
	return rc < 0 ? error_prefix(err, "%s", paths->broker_crt) : 0;
}

static void settled(void *arg, const char *problem)
{
	struct certificates *c = arg;

	if (*problem)
		log_error("certificate_not_taken", kv_str("file", c->paths.broker_crt),
			  kv_str("error", problem));
	else if (--c->doors_to_come == 0 && c->changed_file)
		log_info("certificate_taken", kv_str("file", c->paths.broker_crt));
}

/* Both doors or none: a pair that does not fit leaves the old one in use. */
static int take_over(struct certificates *c, struct error *err)
{
	struct buf files[3] = { 0 };
	struct tls_pem pem;
	int rc = read_pem(&c->paths, files, &pem, err);

	if (rc == 0) {
		c->doors_to_come = 2;
		front_room_set_certificate(c->broker->clients, &pem, settled, c);
		front_room_set_certificate(c->broker->agents, &pem, settled, c);
	}
	if (files[1].ptr)
		memory_wipe(files[1].ptr, files[1].capacity);
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		buf_done(&files[i]);
	return rc;
}

int certificates_open_doors(struct certificates *c, struct error *err)
{
	return take_over(c, err);
}

static void take_changed_file(struct certificates *c)
{
	struct error err = { 0 };
	struct stat st;

	if (stat(c->paths.broker_crt, &st) < 0 || same_file(c, &st))
		return;
	if (take_over(c, &err) < 0 ||
	    authority_take_broker(c->broker->authority, &c->paths, &err) < 0) {
		log_error("certificate_not_taken", kv_str("file", c->paths.broker_crt),
			  kv_error(&err));
		return;
	}
	remember(c);
	c->changed_file = true;
	c->warned = 0;
}

/* At 30, 7 and 1 days before the end, and when it is over: once each. */
static void warn(struct certificates *c, int64_t days)
{
	size_t due = 0;

	while (due < ARRAY_LEN(warn_days) && days <= warn_days[due])
		due++;
	if (due > c->warned)
		log_warn("certificate_expires", kv_str("file", c->paths.broker_crt),
			 kv_int("days", days));
	c->warned = due;
}

static void renew_own(struct certificates *c, int64_t days)
{
	OWNED(buf_done) struct buf made = { 0 };
	struct error err = { 0 };

	if (days > RENEW_DAYS || *c->broker->config->certificate)
		return;
	if (authority_renew_broker(c->broker->config, &made, &err) < 0)
		log_error("certificate_not_renewed", kv_error(&err));
}

void certificates_look(struct certificates *c)
{
	int64_t days = 0;
	struct error err = { 0 };

	if (tls_certificate_days(c->paths.broker_crt, &days, &err) < 0) {
		log_error("certificate_unreadable", kv_error(&err));
		return;
	}
	renew_own(c, days);
	take_changed_file(c);
	if (tls_certificate_days(c->paths.broker_crt, &days, NULL) == 0)
		warn(c, days);
}

static void on_timer(void *arg)
{
	struct certificates *c = arg;

	certificates_look(c);
	loop_timer_start(c->timer, LOOK_EVERY_MS);
}

int certificates_new(struct broker *broker, struct certificates **out, struct error *err)
{
	OWNED(certificates_free) struct certificates *c = xnew(struct certificates);
	int64_t days = 0;
	int rc = authority_paths(broker->config, &c->paths, err);

	c->broker = broker;
	if (rc == 0)
		rc = tls_certificate_days(c->paths.broker_crt, &days, err);
	if (rc < 0)
		return rc;
	remember(c);
	c->timer = loop_timer_new(broker->loop, on_timer, c);
	loop_timer_start(c->timer, 1);
	*out = STEAL(c);
	return 0;
}

void certificates_free(struct certificates *c)
{
	if (!c)
		return;
	loop_timer_free(c->timer);
	free(c);
}
