/* SPDX-License-Identifier: Apache-2.0 */
/* qmp.h - a client of QEMU's machine protocol (docs/interop/qmp-spec). Loop thread only.
 *
 * QEMU is treated as taken over by its guest: lines are bounded, answers are matched by id, and
 * anything that is not the protocol closes the connection. */
#ifndef GENKAN_QMP_QMP_H
#define GENKAN_QMP_QMP_H

#include "common/data/json.h"
#include "common/sys/loop.h"

struct qmp;

struct qmp_handler {
	/* The object may be freed inside each of these. */
	void (*ready)(void *arg);	/* greeting and capabilities are done */
	void (*event)(void *arg, const char *name, const json_t *data);	/* data may be NULL */
	void (*closed)(void *arg, const struct error *reason);
};

int qmp_open(struct loop *loop, const char *path, const struct qmp_handler *handler, void *arg,
	     struct qmp **out, struct error *err) MUST_CHECK;
/* Events are somebody else's from now on. */
void qmp_hand_over(struct qmp *qmp, const struct qmp_handler *handler, void *arg);
/* Commands without an answer get theirs with an error, inside this call. */
void qmp_free(struct qmp *qmp);

/* `result` is the "return" member, borrowed, or NULL and `err` says why. */
typedef void qmp_answer_fn(void *arg, const json_t *result, const struct error *err);
/* `arguments` is borrowed and may be NULL; `fn` may be NULL. -ENOBUFS: too many are waiting. */
int qmp_execute(struct qmp *qmp, const char *command, const json_t *arguments, qmp_answer_fn *fn,
		void *arg) MUST_CHECK;

/* The same with a descriptor, which stays the caller's. */
int qmp_execute_fd(struct qmp *qmp, const char *command, const json_t *arguments, int fd,
		   qmp_answer_fn *fn, void *arg) MUST_CHECK;

/* To and from the file in a descriptor set, without the memory that is shared. `fn` hears of the
 * second of two commands; QEMU's events MIGRATION tell the rest. */
int qmp_save_state(struct qmp *qmp, int set, qmp_answer_fn *fn, void *arg) MUST_CHECK;
int qmp_load_state(struct qmp *qmp, int set, qmp_answer_fn *fn, void *arg) MUST_CHECK;

#endif
