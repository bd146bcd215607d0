/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/rdp/door.h"

#include "common/base/text.h"

static bool locator_read(struct span token, uint8_t out[RDP_LOCATOR_LEN])
{
	/* mstshash= is what rdesktop makes of the user name: there, the secret is the password */
	static const char *const prefixes[] = { "Cookie: msts=", "Cookie: mstshash=" };

	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
		struct span prefix = span_text(prefixes[i]);
		struct span value = span_of(token.ptr + prefix.len, token.len - prefix.len);

		if (token.len <= prefix.len || !span_equal(span_of(token.ptr, prefix.len), prefix))
			continue;
		return base64url_decode(value, out, RDP_LOCATOR_LEN) == RDP_LOCATOR_LEN;
	}
	return false;
}

int door_decide(struct span body, struct door *out, const char **why)
{
	struct door door = { .confirm = {
				     .protocol = X224_PROTOCOL_RDSTLS,
				     .flags = X224_EXTENDED_CLIENT_DATA | X224_DYNVC_GFX,
				     .failure_code = X224_FAIL_SSL_REQUIRED,
			     } };
	struct x224_request request;

	if (x224_request_parse(body, &request, why) < 0)
		return -EBADMSG;
	door.requested_protocols = request.protocols;
	door.standard = !(request.protocols & X224_PROTOCOL_RDSTLS);
	if (door.standard)
		door.confirm.protocol = X224_PROTOCOL_SSL;
	door.confirm.failed = !(request.protocols & door.confirm.protocol) ||
			      (door.standard && !locator_read(request.token, door.locator));
	*out = door;
	return 0;
}
