/* SPDX-License-Identifier: Apache-2.0 */
/* A desktop that waits for its template.
 *
 * Theory. Booting takes whole processors, and the template that is being made boots on the same
 * ones. A desktop that is wanted meanwhile is ready sooner, and so is every other, when it waits
 * and is forked. It goes on, and asks for its turn again, as soon as the template is ready or has
 * failed, and in any case after the longest that a boot may take. */
#include <stdio.h>
#include <sys/sysinfo.h>
#include "common/sys/log.h"
#include "hostagent/desktop_parts.h"
#include "hostagent/image/image.h"
#include "hostagent/templates.h"

static void go_on(struct desktop *desktop)
{
	if (!desktop->held)
		return;
	desktop_hold_end(desktop);
	desktop_turn_ask(desktop);
}

static void on_hold_over(void *arg)
{
	struct desktop *desktop = arg;

	log_info("desktop_waited_in_vain", kv_str("desktop", desktop->spec.id));
	desktop->waited_in_vain = true;
	go_on(desktop);
}

void desktop_hold_init(struct desktop *desktop)
{
	desktop->hold = loop_timer_new(desktop->host->loop, on_hold_over, desktop);
}

void desktop_hold_end(struct desktop *desktop)
{
	desktop->held = false;
	loop_timer_stop(desktop->hold);
}

/* Those that boot, or wait as this one does. */
static unsigned others(const struct desktop *desktop)
{
	unsigned count = 0;

	LIST_EACH(it, &desktop->host->desktops) {
		const struct desktop *other = desktop_of(it);

		count += other != desktop &&
			 (other->held || other->turn.waits || other->state == VM_BOOTING);
	}
	return count;
}

/* What has run already boots from its own disk, whatever templates there are. */
static bool may_wait(const struct desktop *desktop)
{
	return desktop->failures == 0 && !desktop->waited_in_vain && desktop->host->templates &&
	       !overlay_exists(desktop->host->config, desktop->spec.id);
}

bool desktop_hold(struct desktop *desktop)
{
	struct template_coming coming;

	if (!may_wait(desktop) ||
	    !templates_coming(desktop->host->templates, &desktop->spec, &coming) ||
	    !template_worth_waiting(coming.left_ms, desktop->host->expected_boot_ms,
				    others(desktop), (unsigned)get_nprocs()))
		return false;
	log_info("desktop_waits_for_template", kv_str("desktop", desktop->spec.id),
		 kv_int("expected_ms", coming.left_ms));
	desktop->held = true;
	loop_timer_start(desktop->hold, desktop->host->config->boot_deadline_ms);
	desktop->host->changed(desktop->host->arg);
	return true;
}

void desktop_hold_review(struct desktop_host *host)
{
	struct template_coming coming;

	LIST_EACH_SAFE(it, &host->desktops) {
		struct desktop *desktop = desktop_of(it);

		if (desktop->held && !templates_coming(host->templates, &desktop->spec, &coming))
			go_on(desktop);
	}
}

void desktop_hold_text(const struct desktop *desktop, char *out, size_t size)
{
	struct template_coming coming;

	out[0] = '\0';
	if (desktop->held &&
	    templates_coming(desktop->host->templates, &desktop->spec, &coming))
		snprintf(out, size, "waits for the template of its image: %s, %d %%", coming.state,
			 coming.percent);
}
