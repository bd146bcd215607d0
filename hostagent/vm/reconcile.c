/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include "hostagent/vm/reconcile.h"

bool vm_generation_acceptable(int64_t applied, int64_t offered)
{
	return offered >= applied;
}

static const struct vm_present *present_find(const struct vm_present *present, size_t count,
					     const char *id)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(present[i].spec.id, id) == 0)
			return &present[i];
	return NULL;
}

static bool desired_has(const struct vm_desired *desired, size_t count, const char *id)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(desired[i].spec.id, id) == 0)
			return true;
	return false;
}

/* A folder whose spec was never written has no image: it is kept by nobody. */
static enum vm_action_kind decide(const struct vm_desired *want, const struct vm_present *have)
{
	if (!have)
		return want->running ? VM_CREATE : VM_KEEP;
	if (want->spec.epoch < have->spec.epoch)
		return VM_REFUSE;
	if (!want->running || strcmp(want->spec.image_sha256, have->spec.image_sha256) != 0)
		return VM_DESTROY;
	if (want->spec.epoch > have->spec.epoch)
		return VM_UPDATE;
	return want->spec.incarnation > have->spec.incarnation ? VM_RESTART : VM_KEEP;
}

static void add(struct vm_action *out, size_t *count, enum vm_action_kind kind, const char *id,
		const struct vm_desired *desired)
{
	struct vm_action *action = &out[(*count)++];

	action->kind = kind;
	action->desired = desired;
	memcpy(action->id, id, VM_ID_SIZE);
}

size_t vm_reconcile(const struct vm_desired *desired, size_t desired_count,
		    const struct vm_present *present, size_t present_count, bool keep_unlisted,
		    struct vm_action *out)
{
	size_t count = 0;

	for (size_t i = 0; i < desired_count; i++) {
		const char *id = desired[i].spec.id;

		add(out, &count, decide(&desired[i], present_find(present, present_count, id)), id,
		    &desired[i]);
	}
	for (size_t i = 0; i < present_count; i++)
		if (!desired_has(desired, desired_count, present[i].spec.id))
			add(out, &count, keep_unlisted ? VM_KEEP : VM_DESTROY, present[i].spec.id, NULL);
	return count;
}

const char *vm_action_name(enum vm_action_kind kind)
{
	switch (kind) {
	case VM_CREATE:
		return "create";
	case VM_KEEP:
		return "keep";
	case VM_UPDATE:
		return "update";
	case VM_DESTROY:
		return "destroy";
	case VM_RESTART:
		return "restart";
	case VM_REFUSE:
		return "refuse";
	}
	return "";
}
