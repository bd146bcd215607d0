/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include "common/sys/file.h"
#include "common/sys/log.h"
#include "hostagent/destroy.h"
#include "hostagent/image/image.h"
#include "hostagent/network/network.h"
#include "hostagent/priv/cgroup.h"
#include "hostagent/priv/priv.h"
#include "hostagent/priv/process.h"
#include "hostagent/priv/template_memory.h"
#include "hostagent/spec_file.h"

struct pass {
	const struct spawn_host host;
	int result;		/* of the first that failed */
	struct error err;
	unsigned running;
};

static int destroy_one(const struct spawn_host *host, const char *id, struct error *err)
{
	const struct hostagent_config *config = host->config;
	struct vm_spec spec = { 0 };	/* without an address: its entries go with the tables */
	int rc;

	memcpy(spec.id, id, VM_ID_SIZE);
	if ((rc = spawn_kill(host, id, err)) < 0 ||
	    (rc = priv_clean_here(host, &spec, err)) < 0 ||
	    (rc = overlay_remove(config, id, err)) < 0)
		return rc;
	return file_remove_tree(desktop_path(config, id, DESKTOP_FOLDER).text, err);
}

static void destroy_each(void *arg, const char *id)
{
	struct pass *pass = arg;
	struct error err;
	int rc = destroy_one(&pass->host, id, &err);

	if (rc == 0)
		log_info("desktop_destroyed", kv_str("desktop", id));
	else if (pass->result == 0) {
		pass->result = rc;
		pass->err = err;
	}
}

static int destroy_template(const struct spawn_host *host, const char *id, struct error *err)
{
	struct vm_spec spec = { 0 };
	int rc;

	memcpy(spec.id, id, VM_ID_SIZE);
	if ((rc = spawn_kill(host, id, err)) < 0 || (rc = priv_clean_here(host, &spec, err)) < 0 ||
	    (rc = template_drop(host->config, id, err)) < 0)
		return rc;
	return file_remove_tree(template_path(host->config, id, TEMPLATE_FILES).text, err);
}

static void destroy_each_template(void *arg, const char *id)
{
	struct pass *pass = arg;
	struct error err;
	int rc = destroy_template(&pass->host, id, &err);

	if (rc < 0 && pass->result == 0) {
		pass->result = rc;
		pass->err = err;
	}
}

static void count_running(void *arg, const char *id)
{
	struct pass *pass = arg;
	pid_t pid;
	OWNED_FD int pidfd = process_find(pass->host.config, id, &pid, NULL);

	pass->running += pidfd >= 0;
}

int destroy_network(const struct hostagent_config *config, struct error *err)
{
	struct pass pass = { .host = { .config = config } };

	spec_each_id(config, count_running, &pass);
	if (pass.running)
		return error_set(err, EBUSY, "%u desktops run; end them with --destroy-all",
				 pass.running);
	cgroup_remove_all();
	return network_down(config, err);
}

int destroy_all(const struct hostagent_config *config, struct error *err)
{
	struct pass pass = { .host = { .config = config } };

	spec_each_id(config, destroy_each, &pass);
	template_each_id(config, destroy_each_template, &pass);
	if (pass.result < 0)
		return error_set(err, -pass.result, "%s", pass.err.text);
	return destroy_network(config, err);
}
