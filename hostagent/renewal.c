/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/renewal.h"

#include <errno.h>

#include "common/net/tls.h"
#include "common/sys/clock.h"
#include "common/sys/log.h"
#include "common/sys/work.h"
#include "hostagent/join.h"

enum { LOOK_EVERY_MS = 60000, RENEW_DAYS = 30, DAY_S = 86400 };

struct renewal {
	const struct hostagent_config *config;
	struct loop_timer *timer;
	struct work *work;
	struct http_client *broker;
	unsigned warned;	/* how many warnings about the certificate that is in use */
};

/* One look, off the loop: the files, and when it is time the broker. */
struct look {
	struct renewal *renewal;
	int64_t begins_s, ends_s;
	bool due;
	int rc;
	struct error err;
};

bool renewal_due(int64_t begins_s, int64_t ends_s, int64_t now_s)
{
	int64_t before_s = RENEW_DAYS * DAY_S;

	if (before_s > (ends_s - begins_s) / 3)
		before_s = (ends_s - begins_s) / 3;
	return ends_s - now_s <= before_s;
}

unsigned renewal_warnings(int64_t ends_s, int64_t now_s)
{
	static const int warn_days[] = { 30, 7, 1, 0 };
	unsigned due = 0;

	while (due < ARRAY_LEN(warn_days) && ends_s - now_s <= (int64_t)warn_days[due] * DAY_S)
		due++;
	return due;
}

static int read_times(struct look *look)
{
	struct path path = host_path(look->renewal->config, HOST_CERTIFICATE);

	return tls_certificate_times(path.text, &look->begins_s, &look->ends_s, &look->err);
}

static void run_look(void *arg)
{
	struct look *look = arg;

	if ((look->rc = read_times(look)) < 0)
		return;
	look->due = renewal_due(look->begins_s, look->ends_s, clock_wall_ms() / 1000);
	if (!look->due)
		return;
	look->rc = join_renew(look->renewal->config, look->renewal->broker, &look->err);
	if (look->rc == 0)
		look->rc = read_times(look);
}

/* Tried again at each look, and told of when another warning is due: not once a minute. */
static void warn(struct renewal *renewal, const struct look *look)
{
	int64_t left_s = look->ends_s - clock_wall_ms() / 1000;
	unsigned due = look->ends_s ? renewal_warnings(look->ends_s, clock_wall_ms() / 1000) : 1;

	if (due > renewal->warned)
		log_warn("host_certificate_not_renewed",
			 kv_int("days", left_s > 0 ? left_s / DAY_S : 0),
			 kv_str("then", "invite the host again: genkanctl host token"),
			 kv_error(&look->err));
	renewal->warned = due;
}

static void look_done(void *arg, int status)
{
	struct look *look = arg;
	struct renewal *renewal = look->renewal;

	if (status == 0 && look->rc < 0 && look->rc != -ECANCELED)
		warn(renewal, look);
	if (status == 0 && look->rc == 0)
		renewal->warned = 0;
	if (status == 0 && look->rc == 0 && look->due)
		log_info("host_certificate_renewed",
			 kv_int("days", (look->ends_s - clock_wall_ms() / 1000) / DAY_S));
	if (status != -ECANCELED)
		loop_timer_start(renewal->timer, LOOK_EVERY_MS);
	free(look);
}

static void on_timer(void *arg)
{
	struct renewal *renewal = arg;
	struct look *look = xnew(struct look);

	look->renewal = renewal;
	if (work_submit(renewal->work, 0, run_look, look_done, look) < 0)
		look_done(look, -EAGAIN);
}

int renewal_new(struct loop *loop, const struct hostagent_config *config, struct renewal **out,
		struct error *err)
{
	OWNED(renewal_free) struct renewal *renewal = xnew(struct renewal);
	struct path certificate = host_path(config, HOST_CERTIFICATE);
	struct path key = host_path(config, HOST_KEY);
	const struct http_client_config to = {
		.address = config->broker, .ca_file = config->ca_file,
		.certificate_file = certificate.text, .key_file = key.text,
	};
	int rc = http_client_new(&to, &renewal->broker, err);

	if (rc < 0)
		return rc;
	renewal->config = config;
	renewal->work = work_new(loop, "renewal", 1, 1);
	renewal->timer = loop_timer_new(loop, on_timer, renewal);
	loop_timer_start(renewal->timer, 1);
	*out = STEAL(renewal);
	return 0;
}

void renewal_free(struct renewal *renewal)
{
	if (!renewal)
		return;
	if (renewal->broker)
		http_client_cancel(renewal->broker);
	work_free(renewal->work);
	loop_timer_free(renewal->timer);
	http_client_free(renewal->broker);
	free(renewal);
}
