/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include "common/sys/file.h"
#include "common/sys/log.h"
#include "hostagent/network/network.h"
#include "hostagent/priv/cgroup.h"
#include "hostagent/priv/priv.h"
#include "hostagent/priv/process.h"
#include "hostagent/priv/server.h"
#include "hostagent/priv/template_memory.h"
#include "hostagent/priv/weigh.h"

int priv_clean_here(const struct spawn_host *host, const struct vm_spec *spec, struct error *err)
{
	struct path folder = desktop_path(host->config, spec->id, DESKTOP_RUN);
	struct nft_port port = { .address = spec->address };
	pid_t pid;
	OWNED_FD int running = process_find(host->config, spec->id, &pid, NULL);

	if (running >= 0)
		return error_set(err, EBUSY, "desktop %s: QEMU %d still runs", spec->id, (int)pid);
	memcpy(port.id, spec->id, sizeof(port.id));
	if (vm_subnet_has(&host->config->subnet, spec->address)) {
		int rc = network_port_remove(&port, err);

		if (rc < 0)
			return rc;
	}
	cgroup_remove(spec->id);
	return file_remove_tree(folder.text, err);
}

static int answer(const struct spawn_host *host, const struct priv_request *request,
		  struct priv_reply *reply, struct error *err)
{
	pid_t pid = 0;
	int rc;

	switch (request->kind) {
	case PRIV_SPAWN:
		rc = spawn_qemu(host, &request->spec, request->launch, &pid, err);
		reply->pid = pid;
		return rc;
	case PRIV_TAKE:
		return spawn_take(host, &request->spec, request->machine, err);
	case PRIV_KILL:
		return spawn_kill(host, request->spec.id, err);
	case PRIV_CLEAN:
		return priv_clean_here(host, &request->spec, err);
	case PRIV_SWEEP:
		return network_ports_replace(host->config, request->ports, request->port_count,
					     err);
	case PRIV_SEAL:
		return template_seal(host->config, request->spec.id, err);
	case PRIV_DROP:
		return template_drop(host->config, request->spec.id, err);
	case PRIV_WEIGH:
		reply->templates_bytes = weigh_templates(host->config);
		return weigh_desktop(host->config, request->spec.id, &reply->pss_bytes, err);
	}
	return error_set(err, EINVAL, "unknown request");
}

int priv_serve(int fd, const struct spawn_host *host)
{
	static struct priv_request request;

	signal(SIGINT, SIG_IGN);	/* a terminal's Ctrl-C is the agent's to hear */
	signal(SIGTERM, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	for (;;) {
		struct priv_reply reply = { 0 };
		ssize_t len = recv(fd, &request, sizeof(request), MSG_TRUNC);

		if (len < 0 && errno == EINTR)
			continue;
		if (len <= 0)
			return len < 0 ? 1 : 0;
		reply.code = priv_request_check(&request, (size_t)len, &host->config->subnet,
						&reply.err);
		if (reply.code == 0)
			reply.code = answer(host, &request, &reply, &reply.err);
		if (send(fd, &reply, sizeof(reply), MSG_NOSIGNAL) != sizeof(reply))
			return 1;
	}
}
