/* SPDX-License-Identifier: Apache-2.0 */
/* message.h - what the agent may ask of its privileged helper: eight requests, fixed in size, over
 * a SOCK_SEQPACKET pair. The helper trusts none of it: it takes values, never paths, commands or
 * process ids. */
#ifndef GENKAN_PRIV_MESSAGE_H
#define GENKAN_PRIV_MESSAGE_H

#include "hostagent/network/nft_script.h"
#include "hostagent/vm/address.h"
#include "hostagent/vm/argv.h"

enum priv_kind {
	PRIV_SPAWN = 1,	/* start the desktop's QEMU with its tap and sockets */
	PRIV_KILL,	/* end it; also right when there is none */
	PRIV_CLEAN,	/* remove its run folder, cgroup and packet filter entries */
	PRIV_SWEEP,	/* forget the packet filter entries of all others */
	PRIV_SEAL,	/* a template's memory and state become read-only, for its clones */
	PRIV_DROP,	/* remove them; also right when there are none */
	PRIV_WEIGH,	/* how much memory it takes, and all templates take */
	PRIV_TAKE,	/* what `machine` was started as becomes this desktop's */
};

enum { PRIV_PORTS_MAX = 1024 };

struct priv_request {
	uint32_t kind;
	uint32_t port_count;			/* of PRIV_SWEEP */
	uint32_t launch;			/* of PRIV_SPAWN: an enum vm_launch */
	char machine[VM_ID_SIZE];		/* of PRIV_TAKE */
	struct vm_spec spec;			/* all but PRIV_SPAWN: id (and address) */
	struct nft_port ports[PRIV_PORTS_MAX];	/* only port_count of them are sent */
};

struct priv_reply {
	int32_t code;		/* 0 or a negative errno */
	int32_t pid;		/* of PRIV_SPAWN */
	int64_t pss_bytes, templates_bytes;	/* of PRIV_WEIGH */
	struct error err;
};

/* Bytes of a request on the wire. */
size_t priv_request_size(const struct priv_request *request);
/* 0 or -EINVAL: length, kind, ids, sizes, addresses inside the subnet. Pure. */
int priv_request_check(const struct priv_request *request, size_t len,
		       const struct vm_subnet *subnet, struct error *err) MUST_CHECK;

#endif
