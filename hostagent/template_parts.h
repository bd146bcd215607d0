/* SPDX-License-Identifier: Apache-2.0 */
/* template_parts.h - the inside of a template, shared by template*.c and by nobody else. */
#ifndef GENKAN_HOSTAGENT_TEMPLATE_PARTS_H
#define GENKAN_HOSTAGENT_TEMPLATE_PARTS_H

#include "common/base/list.h"
#include "common/sys/loop.h"
#include "hostagent/desktop.h"
#include "hostagent/qmp/guest_link.h"
#include "hostagent/qmp/qmp.h"
#include "hostagent/templates.h"

enum { QEMU_VERSION_SIZE = 128 };

struct templates {
	struct list all;
	struct desktop_host *host;
	enum vm_accel accel;
	char qemu[QEMU_VERSION_SIZE];	/* version of the emulator */
	bool able;			/* configured, and that version can do it */
	struct template_pace pace;
	struct loop_timer *tend;
};

enum standby_state {
	STANDBY_NONE,
	STANDBY_MAKING,
	STANDBY_LOADING,
	STANDBY_REHEARSING,
	STANDBY_READY,
};

/* template_standby.c alone writes here. */
struct standby {
	struct template *template;
	enum standby_state state;
	struct vm_spec spec;	/* an id and an address, and what the template is */
	bool begun, loaded;	/* its state: QEMU was told, and is done */
	bool resting;		/* after a failure, until `retry` */
	unsigned failures;
	int64_t began_ms, pss_bytes;
	pid_t pid;
	struct loop_child *process;
	struct qmp *qmp;
	struct guest_link *guest;	/* while it rehearses */
	struct loop_timer *retry;
};

struct template {
	struct list node;
	struct templates *templates;
	struct vm_spec spec;	/* id, image, size */
	enum template_state state;
	unsigned failures;
	unsigned attempt;	/* results of older jobs are dropped */
	int64_t unused_ms;	/* since when nobody needs it; 0: needed */
	int64_t since_ms;	/* of the state */
	int64_t started_ms;
	char reason[256];

	pid_t pid;
	struct loop_child *process;
	struct qmp *qmp;
	bool qmp_ready;
	struct guest_link *guest;
	struct loop_timer *deadline, *retry, *reconnect;
	struct standby standby;
};

/* templates.c */
void template_event(struct template *template, enum template_event event);
struct template *template_find(struct templates *templates, const char *id);
/* The one that a desktop like this can be forked from, now or later; NULL: none. */
struct template *template_of_kind(struct templates *templates, const struct vm_spec *desktop);
void template_set_reason(struct template *template, const char *text);

/* template_job.c: each gives its event when it is done. */
void template_job_look(struct template *template);	/* is what an earlier agent left complete? */
void template_job_start(struct template *template);
void template_job_seal(struct template *template);
void template_job_retire(struct template *template);
void template_job_drop(struct template *template);
/* "10.0.2 ..." of the configured emulator; "" when it does not say. Blocking. */
void template_qemu_version(const struct hostagent_config *config, char out[QEMU_VERSION_SIZE]);

/* template_link.c */
void template_watch(struct template *template, pid_t pid);
void template_connect(struct template *template);
void template_disconnect(struct template *template);
void template_freeze(struct template *template);
void template_save(struct template *template);

/* template_standby.c */
void standby_init(struct standby *standby, struct template *template);
void standby_done(struct standby *standby);
/* Makes it when it is missing and the host has nothing else to do. */
void standby_tend(struct standby *standby);
void standby_drop(struct standby *standby);

#endif
