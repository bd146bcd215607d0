/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/sysinfo.h>
#include "common/net/tls.h"
#include "common/sys/clock.h"
#include "common/sys/file.h"
#include "common/sys/log.h"
#include "hostagent/agent.h"
#include "hostagent/desktop.h"
#include "hostagent/image_prune.h"
#include "hostagent/images.h"
#include "hostagent/memory.h"
#include "hostagent/spec_file.h"
#include "hostagent/rdp_check.h"
#include "hostagent/renewal.h"
#include "hostagent/sync.h"
#include "hostagent/sync_message.h"
#include "hostagent/templates.h"
#include "hostagent/vm/turn.h"
#include "hostagent/weigh.h"

enum { JOBS_MAX = 8192, CHECK_THREADS = 8, HOST_SIZE = 256 };

struct agent {
	struct desktop_host host;
	struct images *images;
	struct weigher *weigher;
	struct sync *sync;
	struct renewal *renewal;	/* of the host's certificate */
	enum vm_accel accel;
	struct loop_child *helper;
	struct loop_timer *again;	/* reconcile once more: a desktop is gone */
	char relay_host[HOST_SIZE];
	uint16_t relay_port;
	char relay_sha256[VM_SHA256_SIZE];
	struct sync_answer wanted;	/* the newest answer that was applied */
	bool swept;
};

/* --- what is told to the broker --- */

static json_t *host_report(struct agent *agent)
{
	struct disk_room room = disk_room(agent->host.config);
	struct sysinfo info = { 0 };
	int starting, waiting;

	sysinfo(&info);
	desktop_turns_count(&agent->host, &starting, &waiting);
	return json_pack("{s:{s:i, s:i, s:i}, s:I, s:I, s:I, s:s, s:i, s:I, s:I, "
			 "s:{s:s, s:i, s:s}}", "starts", "max", (int)agent->host.starts_max,
			 "under_way", starting, "waiting", waiting, "disk_bytes",
			 (json_int_t)room.bytes, "disk_free_bytes", (json_int_t)room.free_bytes,
			 "templates_bytes", (json_int_t)(weigher_templates_bytes(agent->weigher) +
				      templates_standby_bytes(agent->host.templates)), "accel",
			 vm_accel_name(agent->accel), "cpus", get_nprocs(), "memory_bytes",
			 (json_int_t)info.totalram * info.mem_unit, "memory_free_bytes",
			 (json_int_t)memory_free(), "relay", "host", agent->relay_host, "port",
			 (int)agent->relay_port, "certificate_sha256", agent->relay_sha256);
}

static json_t *report(void *arg)
{
	struct agent *agent = arg;
	json_t *desktops = json_array();
	int64_t now_ms = clock_monotonic_ms();

	LIST_EACH(it, &agent->host.desktops)
		if (desktop_is_anybodys(desktop_of(it)))
			json_array_append_new(desktops, desktop_report(desktop_of(it), now_ms));
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "host", host_report(agent), "images",
			 images_report(agent->images), "desktops", desktops, "templates",
			 templates_report(agent->host.templates), "notices_shown",
			 desktop_orders_report(&agent->host));
}

/* --- what the broker wants --- */

static size_t present_list(struct agent *agent, struct vm_present **out)
{
	size_t count = 0;

	LIST_EACH(it, &agent->host.desktops)
		count++;
	*out = xcalloc(count + 1, sizeof(**out));
	count = 0;
	LIST_EACH(it, &agent->host.desktops)
		desktop_present(desktop_of(it), &(*out)[count++]);
	return count;
}

static void act(struct agent *agent, const struct vm_action *action)
{
	struct desktop *desktop = desktop_find(&agent->host, action->id);

	if (desktop && action->desired) {
		desktop_on_behalf(desktop, action->desired->request);
		desktop_keep_deed(desktop, action->desired->deed);
	}
	switch (action->kind) {
	case VM_CREATE:
		log_info("desktop_wanted", kv_str("desktop", action->id),
			 kv_str("name", action->desired->spec.name));
		desktop = desktop_create(&agent->host, &action->desired->spec);
		desktop_on_behalf(desktop, action->desired->request);
		desktop_keep_deed(desktop, action->desired->deed);
		desktop_want_user(desktop, action->desired->for_user);
		desktop_event(desktop, VM_EV_WANTED);
		break;
	case VM_UPDATE:
		desktop_update(desktop, &action->desired->spec);
		break;
	case VM_RESTART:
		desktop_restart(desktop, action->desired->spec.incarnation);
		break;
	case VM_DESTROY:
		if (!desktop_home_release(desktop))
			desktop_event(desktop, VM_EV_UNWANTED);
		break;
	case VM_REFUSE:
		log_warn("older_epoch_refused", kv_str("desktop", action->id),
			 kv_int("offered", action->desired->spec.epoch));
		break;
	case VM_KEEP:
		break;
	}
}

static void give_details(struct agent *agent)
{
	for (size_t i = 0; i < agent->wanted.desktop_count; i++) {
		const struct vm_desired *want = &agent->wanted.desktops[i];
		struct desktop *desktop = desktop_find(&agent->host, want->spec.id);

		if (!desktop || !want->running)
			continue;
		desktop_want_overlay(desktop, want->overlay_max_bytes);
		desktop_want_user(desktop, want->for_user);
		if (want->home.id[0])
			desktop_home_want(desktop, &want->home);
	}
}

static void reconcile(void *arg)
{
	struct agent *agent = arg;
	struct vm_present *present;

	if (!agent->host.synced)
		return;		/* what it wants is not known */
	size_t present_count = present_list(agent, &present);
	struct vm_action *actions = xcalloc(present_count + agent->wanted.desktop_count + 1,
					    sizeof(*actions));
	size_t count = vm_reconcile(agent->wanted.desktops, agent->wanted.desktop_count, present,
				    present_count, agent->wanted.rebuilding, actions);

	for (size_t i = 0; i < count; i++)
		act(agent, &actions[i]);
	give_details(agent);
	free(actions);
	free(present);
}

static void inspect(struct agent *agent)
{
	for (size_t i = 0; i < agent->wanted.desktop_count; i++) {
		const struct vm_desired *wanted = &agent->wanted.desktops[i];
		struct desktop *desktop = desktop_find(&agent->host, wanted->spec.id);

		if (desktop && wanted->inspect)
			desktop_inspect(desktop, wanted->inspect);
	}
}

/* --- what it wants inside of them --- */

static size_t orders_of(const struct sync_answer *wanted, const char *id)
{
	size_t count = 0;

	for (size_t i = 0; i < wanted->order_count; i++)
		count += strcmp(wanted->orders[i].desktop, id) == 0;
	return count;
}

static void give_orders(struct agent *agent, struct desktop *desktop)
{
	const struct sync_answer *wanted = &agent->wanted;
	struct sync_notice *notices;
	struct vm_present present;
	int64_t log_off_stay = 0;
	size_t count = 0;

	desktop_present(desktop, &present);
	notices = xcalloc(orders_of(wanted, present.spec.id) + 1, sizeof(*notices));
	for (size_t i = 0; i < wanted->order_count; i++) {
		const struct sync_order *order = &wanted->orders[i];

		if (strcmp(order->desktop, present.spec.id) != 0)
			continue;
		if (order->log_off_stay)
			log_off_stay = order->log_off_stay;
		else
			notices[count++] = order->notice;
	}
	desktop_orders_take(desktop, log_off_stay, notices, count);
}

/* --- entries of the packet filter that no desktop of ours needs --- */

struct sweep {
	struct priv *priv;
	struct nft_port ports[PRIV_PORTS_MAX];
	size_t count;
	struct error err;
	int result;
};

static void run_sweep(void *arg)
{
	struct sweep *sweep = arg;

	sweep->result = priv_sweep(sweep->priv, sweep->ports, sweep->count, &sweep->err);
}

static void sweep_done(void *arg, int status)
{
	struct sweep *sweep = arg;

	if (status == 0 && sweep->result < 0)
		log_warn("sweep_failed", kv_error(&sweep->err));
	free(sweep);
}

static void sweep(struct agent *agent)
{
	struct sweep *job = xnew(struct sweep);
	struct vm_present present;

	job->priv = agent->host.priv;
	LIST_EACH(it, &agent->host.desktops) {
		desktop_present(desktop_of(it), &present);
		if (!present.spec.address || !desktop_is_anybodys(desktop_of(it)) ||
		    job->count == PRIV_PORTS_MAX)
			continue;
		memcpy(job->ports[job->count].id, present.spec.id, VM_ID_SIZE);
		job->ports[job->count++].address = present.spec.address;
	}
	agent->swept = work_submit(agent->host.jobs, 0, run_sweep, sweep_done, job) == 0;
	if (!agent->swept)
		free(job);
}

/* --- answers --- */

static struct path key_path(const struct hostagent_config *config)
{
	return host_path(config, HOST_GUEST_KEY);
}

/* Kept, so that a restarted agent can speak to guests while the broker is away. */
static void take_guest_key(struct agent *agent, const uint8_t key[GUEST_KEY_LEN])
{
	struct error err;

	if (agent->host.has_guest_key && memcmp(agent->host.guest_key, key, GUEST_KEY_LEN) == 0)
		return;
	if (file_write(key_path(agent->host.config).text, span_of(key, GUEST_KEY_LEN), 0644,
		       &err) < 0)
		log_warn("guest_key_not_kept", kv_error(&err));
	desktop_host_set_guest_key(&agent->host, key);
}

static void load_guest_key(struct agent *agent)
{
	OWNED(buf_done) struct buf key = { 0 };

	if (file_read(key_path(agent->host.config).text, GUEST_KEY_LEN, &key, NULL) == 0 &&
	    key.len == GUEST_KEY_LEN)
		desktop_host_set_guest_key(&agent->host, key.ptr);
}

static void tell_more(struct agent *agent, bool all)
{
	bool before = agent->host.describes;

	agent->host.describes = all;
	if (all && !before) {
		log_info("broker_rebuilds");
		agent->host.changed(agent->host.arg);
	}
}

static void apply(struct agent *agent, struct sync_answer *answer)
{
	bool newer = answer->generation != agent->wanted.generation;

	sync_answer_done(&agent->wanted);
	agent->wanted = *answer;
	*answer = (struct sync_answer){ 0 };
	agent->host.synced = true;
	tell_more(agent, agent->wanted.rebuilding);
	if (newer)
		log_info("desired_state", kv_int("generation", agent->wanted.generation),
			 kv_int("desktops", (int64_t)agent->wanted.desktop_count));
	take_guest_key(agent, agent->wanted.guest_key);
	images_set(agent->images, agent->wanted.images, agent->wanted.image_count);
	reconcile(agent);
	inspect(agent);
	LIST_EACH(it, &agent->host.desktops)
		give_orders(agent, desktop_of(it));
	templates_tend(agent->host.templates);
	image_prune(&agent->host, &agent->wanted);
	if (!agent->swept)
		sweep(agent);
}

static int64_t on_answer(void *arg, const json_t *body)
{
	struct agent *agent = arg;
	OWNED(sync_answer_done) struct sync_answer answer = { 0 };
	struct error err;

	if (sync_answer_parse(body, &answer, &err) < 0)
		log_error("answer_refused", kv_error(&err));
	else if (!vm_generation_acceptable(agent->wanted.generation, answer.generation))
		log_warn("older_generation_refused", kv_int("offered", answer.generation),
			 kv_int("applied", agent->wanted.generation));
	else
		apply(agent, &answer);
	return agent->wanted.generation;
}

/* --- the agent --- */

static void on_changed(void *arg)
{
	struct agent *agent = arg;

	if (agent->host.templates)
		templates_tend(agent->host.templates);
	if (agent->sync)
		sync_changed(agent->sync);
}

/* A desktop is gone: whether it is wanted again is decided outside of its own last callback. */
static void on_forgotten(void *arg)
{
	struct agent *agent = arg;

	loop_timer_start(agent->again, 0);
	templates_tend(agent->host.templates);
}

static void on_helper_gone(void *arg, pid_t pid, int status)
{
	log_error("helper_gone", kv_str("effect", "the agent ends; desktops run on"));
	_exit(1);
}

static void adopt(void *arg, const char *id)
{
	desktop_adopt(arg, id);
}

static int load_relay(struct agent *agent, const struct hostagent_config *config,
		      struct error *err)
{
	if (config->relay_address[0] &&
	    config_split_address(config->relay_address, agent->relay_host, HOST_SIZE,
				 &agent->relay_port, err) < 0)
		return -EINVAL;
	return tls_certificate_file_sha256(host_path(config, RELAY_CERTIFICATE).text,
					   agent->relay_sha256, err);
}

static int make_folders(const struct hostagent_config *config, struct error *err)
{
	int rc = file_make_dirs(host_path(config, HOST_DESKTOPS).text, 0711, err);

	if (rc == 0)
		rc = file_make_dirs(host_path(config, HOST_VERIFIED).text, 0700, err);
	if (rc == 0)
		rc = file_make_dirs(host_path(config, HOST_TEMPLATES).text, 0711, err);
	if (rc == 0 && config->overlay_dir[0])
		rc = file_make_dirs(config->overlay_dir, 0711, err);
	if (rc == 0 && config->user_disk_dir[0])
		rc = file_make_dirs(config->user_disk_dir, 0700, err);
	return rc;
}

int agent_new(struct loop *loop, const struct hostagent_config *config, enum vm_accel accel,
	      struct priv *priv, struct agent **out, struct error *err)
{
	static const struct sync_handler handler = { report, on_answer };
	OWNED(agent_free) struct agent *agent = xnew(struct agent);
	int rc;

	agent->host = (struct desktop_host){ .loop = loop, .config = config, .priv = priv,
					     .changed = on_changed, .forgotten = on_forgotten,
					     .arg = agent };
	desktop_host_init(&agent->host);
	agent->accel = accel;
	agent->host.starts_max = config->starts ? (unsigned)config->starts :
						  vm_starts_default((unsigned)get_nprocs(), accel);
	agent->host.jobs = work_new(loop, "host", 1, JOBS_MAX);
	agent->host.image_jobs = work_new(loop, "images", 1, JOBS_MAX);
	agent->host.checks = work_new(loop, "checks", CHECK_THREADS, JOBS_MAX);
	agent->again = loop_timer_new(loop, reconcile, agent);
	agent->images = images_new(loop, agent->host.image_jobs, config, on_changed, agent);
	agent->host.images = agent->images;
	if ((rc = rdp_check_start(err)) < 0 || (rc = load_relay(agent, config, err)) < 0 ||
	    (rc = make_folders(config, err)) < 0 || (rc = spec_check_readable(config, err)) < 0 ||
	    (rc = sync_new(loop, config, &handler, agent, &agent->sync, err)) < 0 ||
	    (rc = renewal_new(loop, config, &agent->renewal, err)) < 0)
		return rc;
	if ((rc = loop_child_new(loop, priv_pid(priv), on_helper_gone, agent, &agent->helper)) < 0)
		return error_set(err, -rc, "watch the privileged helper");
	load_guest_key(agent);
	agent->host.templates = templates_new(&agent->host, accel);
	spec_each_id(config, adopt, &agent->host);
	agent->weigher = weigher_new(&agent->host);
	sync_start(agent->sync);
	*out = STEAL(agent);
	return 0;
}

void agent_free(struct agent *agent)
{
	if (!agent)
		return;
	rdp_check_stop();
	renewal_free(agent->renewal);
	agent->renewal = NULL;
	sync_free(agent->sync);
	agent->sync = NULL;
	templates_free(agent->host.templates);
	agent->host.templates = NULL;
	desktop_host_done(&agent->host);
	weigher_free(agent->weigher);
	agent->weigher = NULL;
	work_free(agent->host.jobs);
	images_stop(agent->images);
	work_free(agent->host.image_jobs);
	work_free(agent->host.checks);
	images_free(agent->images);
	loop_timer_free(agent->again);
	loop_child_free(agent->helper);
	sync_answer_done(&agent->wanted);
	free(agent);
}
