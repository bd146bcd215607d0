/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include "hostagent/priv/message.h"

size_t priv_request_size(const struct priv_request *request)
{
	return offsetof(struct priv_request, ports) +
	       request->port_count * sizeof(request->ports[0]);
}

static bool terminated(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

static bool port_valid(const char *id, uint32_t address, const struct vm_subnet *subnet)
{
	return terminated(id, VM_ID_SIZE) && vm_id_valid(id) && vm_subnet_has(subnet, address);
}

static bool strings_terminated(const struct vm_spec *spec)
{
	return terminated(spec->id, sizeof(spec->id)) &&
	       terminated(spec->name, sizeof(spec->name)) &&
	       terminated(spec->image_sha256, sizeof(spec->image_sha256)) &&
	       terminated(spec->template_id, sizeof(spec->template_id));
}

static int check_sweep(const struct priv_request *request, const struct vm_subnet *subnet,
		       struct error *err)
{
	for (uint32_t i = 0; i < request->port_count; i++)
		if (!port_valid(request->ports[i].id, request->ports[i].address, subnet))
			return error_set(err, EINVAL, "port %u of a sweep", i);
	return 0;
}

/* A template has no address and no template; a clone has both. */
static int check_spawn(const struct priv_request *request, const struct vm_subnet *subnet,
		       struct error *err)
{
	const struct vm_spec *spec = &request->spec;
	bool on_template = spec->template_id[0] != '\0';

	if (request->launch > VM_LAUNCH_STANDBY)
		return error_set(err, EINVAL, "unknown launch %u", request->launch);
	if (on_template && !vm_id_valid(spec->template_id))
		return error_set(err, EINVAL, "bad template id");
	if (request->launch == VM_LAUNCH_TEMPLATE ? spec->address || on_template :
						    !vm_subnet_has(subnet, spec->address))
		return error_set(err, EINVAL, "address outside the bridge's subnet");
	if (request->launch >= VM_LAUNCH_CLONE && !on_template)
		return error_set(err, EINVAL, "a clone of nothing");
	return vm_spec_check(spec, err);
}

static int check_take(const struct priv_request *request, const struct vm_subnet *subnet,
		      struct error *err)
{
	if (!terminated(request->machine, VM_ID_SIZE) || !vm_id_valid(request->machine) ||
	    strcmp(request->machine, request->spec.id) == 0)
		return error_set(err, EINVAL, "bad machine id");
	if (!vm_subnet_has(subnet, request->spec.address))
		return error_set(err, EINVAL, "address outside the bridge's subnet");
	return vm_spec_check(&request->spec, err);
}

int priv_request_check(const struct priv_request *request, size_t len,
		       const struct vm_subnet *subnet, struct error *err)
{
	if (len < offsetof(struct priv_request, ports) || request->port_count > PRIV_PORTS_MAX ||
	    len != priv_request_size(request) || !strings_terminated(&request->spec))
		return error_set(err, EINVAL, "malformed request");
	switch (request->kind) {
	case PRIV_SPAWN:
		return check_spawn(request, subnet, err);
	case PRIV_KILL:
	case PRIV_CLEAN:
	case PRIV_SEAL:
	case PRIV_DROP:
	case PRIV_WEIGH:
		if (!vm_id_valid(request->spec.id))
			return error_set(err, EINVAL, "bad desktop id");
		return 0;
	case PRIV_TAKE:
		return check_take(request, subnet, err);
	case PRIV_SWEEP:
		return check_sweep(request, subnet, err);
	}
	return error_set(err, EINVAL, "unknown request %u", request->kind);
}
