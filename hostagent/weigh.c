/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/weigh.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include "common/sys/clock.h"
#include "hostagent/desktop_parts.h"
#include "hostagent/image/image.h"

enum { EACH_MS = 20000, PAUSE_MS = 250, FIRST_MS = 2000 };

struct weigher {
	struct desktop_host *host;
	struct loop_timer *timer;
	int64_t templates_bytes;
	bool busy;
};

struct job {
	struct desktop_host *host;
	struct weigher *weigher;
	char id[VM_ID_SIZE];
	int64_t pss_bytes, overlay_bytes, templates_bytes;
	int result;
};

struct disk_room disk_room(const struct hostagent_config *config)
{
	const char *folder = config->overlay_dir[0] ? config->overlay_dir : config->state_dir;
	struct statvfs fs;

	if (statvfs(folder, &fs) < 0)
		return (struct disk_room){ 0, 0 };
	return (struct disk_room){ (int64_t)fs.f_blocks * (int64_t)fs.f_frsize,
				   (int64_t)fs.f_bavail * (int64_t)fs.f_frsize };
}

static void run(void *arg)
{
	struct job *job = arg;
	struct stat st;
	struct error err;

	job->result = priv_weigh(job->host->priv, job->id, &job->pss_bytes, &job->templates_bytes, &err);
	if (stat(desktop_path(job->host->config, job->id, DESKTOP_OVERLAY).text, &st) == 0)
		job->overlay_bytes = (int64_t)st.st_blocks * 512;
}

static void done(void *arg, int status)
{
	struct job *job = arg;
	struct desktop *desktop = status < 0 ? NULL : desktop_find(job->host, job->id);

	if (desktop && job->result == 0) {
		desktop->pss_bytes = job->pss_bytes;
		desktop->overlay_bytes = job->overlay_bytes;
	}
	if (status == 0 && job->result == 0)
		job->weigher->templates_bytes = job->templates_bytes;
	if (status != -ECANCELED) {
		job->weigher->busy = false;
		loop_timer_start(job->weigher->timer, PAUSE_MS);
	}
	free(job);
}

/* Whose turn it is: weighed longest ago, and not lately. */
static struct desktop *next(struct weigher *weigher, int64_t now_ms)
{
	struct desktop *oldest = NULL;

	LIST_EACH(it, &weigher->host->desktops) {
		struct desktop *desktop = desktop_of(it);

		if (desktop->process && now_ms - desktop->weighed_ms >= EACH_MS &&
		    (!oldest || desktop->weighed_ms < oldest->weighed_ms))
			oldest = desktop;
	}
	return oldest;
}

static void on_timer(void *arg)
{
	struct weigher *weigher = arg;
	int64_t now_ms = clock_monotonic_ms();
	struct desktop *desktop = weigher->busy ? NULL : next(weigher, now_ms);

	if (!desktop) {
		loop_timer_start(weigher->timer, FIRST_MS);
		return;
	}
	struct job *job = xnew(struct job);

	job->host = weigher->host;
	job->weigher = weigher;
	memcpy(job->id, desktop->spec.id, VM_ID_SIZE);
	desktop->weighed_ms = now_ms;
	weigher->busy = work_submit(weigher->host->jobs, 0, run, done, job) == 0;
	if (weigher->busy)
		return;
	free(job);
	loop_timer_start(weigher->timer, FIRST_MS);
}

int64_t weigher_templates_bytes(const struct weigher *weigher)
{
	return weigher->templates_bytes;
}

struct weigher *weigher_new(struct desktop_host *host)
{
	struct weigher *weigher = xnew(struct weigher);

	weigher->host = host;
	weigher->timer = loop_timer_new(host->loop, on_timer, weigher);
	loop_timer_start(weigher->timer, FIRST_MS);
	return weigher;
}

void weigher_free(struct weigher *weigher)
{
	if (!weigher)
		return;
	loop_timer_free(weigher->timer);
	free(weigher);
}
