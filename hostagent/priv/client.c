/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include "hostagent/priv/priv.h"
#include "hostagent/priv/server.h"

enum { ANSWER_MS = 60000 };

struct priv {
	int fd;
	pid_t pid;
	struct priv_request request;	/* too large for a stack */
};

int priv_start(const struct spawn_host *host, struct priv **out, struct error *err)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return error_errno(err, "socketpair");
	pid_t pid = fork();

	if (pid < 0)
		return error_errno(err, "fork the privileged helper");
	if (pid == 0) {
		close(fds[0]);
		prctl(PR_SET_NAME, "genkan-priv");
		_exit(priv_serve(fds[1], host));
	}
	close(fds[1]);
	*out = xnew(struct priv);
	(*out)->fd = fds[0];
	(*out)->pid = pid;
	return 0;
}

void priv_free(struct priv *priv)
{
	if (!priv)
		return;
	close(priv->fd);
	free(priv);
}

pid_t priv_pid(const struct priv *priv)
{
	return priv->pid;
}

static int ask(struct priv *priv, struct priv_reply *reply, struct error *err)
{
	struct pollfd answer = { .fd = priv->fd, .events = POLLIN };
	size_t len = priv_request_size(&priv->request);

	if (send(priv->fd, &priv->request, len, MSG_NOSIGNAL) != (ssize_t)len)
		return error_errno(err, "ask the privileged helper");
	if (poll(&answer, 1, ANSWER_MS) != 1)
		return error_set(err, ETIMEDOUT, "the privileged helper does not answer");
	ssize_t got = recv(priv->fd, reply, sizeof(*reply), 0);

	if (got != sizeof(*reply))
		return error_set(err, EPIPE, "the privileged helper is gone");
	if (reply->code < 0)
		return error_set(err, -reply->code, "%.319s", reply->err.text);
	return 0;
}

static void begin(struct priv *priv, enum priv_kind kind)
{
	memset(&priv->request, 0, sizeof(priv->request));
	priv->request.kind = kind;
}

int priv_spawn(struct priv *priv, const struct vm_spec *spec, enum vm_launch launch, pid_t *pid,
	       struct error *err)
{
	struct priv_reply reply;

	begin(priv, PRIV_SPAWN);
	priv->request.launch = launch;
	priv->request.spec = *spec;
	int rc = ask(priv, &reply, err);

	if (rc == 0)
		*pid = reply.pid;
	return rc;
}

int priv_take(struct priv *priv, const struct vm_spec *spec, const char *machine,
	      struct error *err)
{
	struct priv_reply reply;

	begin(priv, PRIV_TAKE);
	priv->request.spec = *spec;
	memcpy(priv->request.machine, machine, VM_ID_SIZE);
	return ask(priv, &reply, err);
}

static int ask_of_id(struct priv *priv, enum priv_kind kind, const char *id, struct error *err)
{
	struct priv_reply reply;

	begin(priv, kind);
	memcpy(priv->request.spec.id, id, VM_ID_SIZE);
	return ask(priv, &reply, err);
}

int priv_kill(struct priv *priv, const char *id, struct error *err)
{
	return ask_of_id(priv, PRIV_KILL, id, err);
}

int priv_seal(struct priv *priv, const char *id, struct error *err)
{
	return ask_of_id(priv, PRIV_SEAL, id, err);
}

int priv_drop(struct priv *priv, const char *id, struct error *err)
{
	return ask_of_id(priv, PRIV_DROP, id, err);
}

int priv_weigh(struct priv *priv, const char *id, int64_t *pss_bytes, int64_t *templates_bytes,
	       struct error *err)
{
	struct priv_reply reply;

	begin(priv, PRIV_WEIGH);
	memcpy(priv->request.spec.id, id, VM_ID_SIZE);
	int rc = ask(priv, &reply, err);

	if (rc < 0)
		return rc;
	*pss_bytes = reply.pss_bytes;
	*templates_bytes = reply.templates_bytes;
	return 0;
}

int priv_clean(struct priv *priv, const struct vm_spec *spec, struct error *err)
{
	struct priv_reply reply;

	begin(priv, PRIV_CLEAN);
	priv->request.spec = *spec;
	return ask(priv, &reply, err);
}

int priv_sweep(struct priv *priv, const struct nft_port *ports, size_t count, struct error *err)
{
	struct priv_reply reply;

	if (count > PRIV_PORTS_MAX)
		return error_set(err, E2BIG, "more than %d desktops", PRIV_PORTS_MAX);
	begin(priv, PRIV_SWEEP);
	priv->request.port_count = (uint32_t)count;
	memcpy(priv->request.ports, ports, count * sizeof(ports[0]));
	return ask(priv, &reply, err);
}
