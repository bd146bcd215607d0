/* SPDX-License-Identifier: Apache-2.0 */
/* templates.h - the frozen machines that this host's desktops are forked from: one for each kind of
 * desktop that has come up here. Carries out what template_step() names. Loop thread only. */
#ifndef GENKAN_HOSTAGENT_TEMPLATES_H
#define GENKAN_HOSTAGENT_TEMPLATES_H

#include <sys/types.h>
#include "common/data/json.h"
#include "hostagent/vm/argv.h"
#include "hostagent/vm/template.h"

struct desktop_host;
struct qmp;
struct templates;

/* Takes up what an earlier agent left. `host` must outlive it; its desktops are looked at, too. */
struct templates *templates_new(struct desktop_host *host, enum vm_accel accel);
/* Lets go of all; what is being made runs on until the next agent removes it. */
void templates_free(struct templates *templates);

/* Something about the desktops changed: makes and drops templates soon. Cheap. */
void templates_tend(struct templates *templates);
/* Fills in the id of the template that this desktop can be forked from now; false: none. */
bool templates_for(struct templates *templates, const struct vm_spec *desktop, char *id);
/* One is being made that this desktop could be forked from: in how many ms it is expected, and one
 * word about how far it is. */
struct template_coming {
	int64_t left_ms;
	const char *state;
	int percent;
};
bool templates_coming(struct templates *templates, const struct vm_spec *desktop,
		      struct template_coming *out);
/* Whether one lies on this image, or may: what an earlier agent left is not known at first. */
bool templates_lie_on(const struct templates *templates, const char *image_sha256);
/* A machine that was started ahead, for whoever takes it. */
struct standby_machine {
	char id[VM_ID_SIZE];	/* that it is known by until priv_take() */
	char template_id[VM_ID_SIZE];
	uint32_t address;
	pid_t pid;
	struct qmp *qmp;	/* the taker's; "cont" and it runs */
};
/* False: there is none. Else it is the caller's, who ends it with standby_discard() or makes it a
 * desktop's. */
bool templates_take_standby(struct templates *templates, const struct vm_spec *desktop,
			    struct standby_machine *out);
/* Removes what was made under this id, running or not. */
void standby_discard(struct desktop_host *host, const char *id);
/* Memory that those standing by take. */
int64_t templates_standby_bytes(const struct templates *templates);
/* Addresses that those standing by have; returns how many. */
size_t templates_addresses(const struct templates *templates, uint32_t *out, size_t room);
/* The element "templates" of a report. */
json_t *templates_report(const struct templates *templates);

#endif
