/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/relay/redeem.h"

#include <errno.h>
#include <string.h>
#include "common/base/text.h"

#define EXCEPTION_LONGEST_MS (INT64_C(24) * 3600 * 1000)

json_t *redeem_request(const struct rdp_ticket *ticket, const char *client_address)
{
	OWNED(buf_done) struct buf locator = BUF_LIMIT(64);
	OWNED(buf_done) struct buf secret = BUF_LIMIT(64);

	base64url_encode(span_of(ticket->locator, sizeof(ticket->locator)), &locator);
	base64url_encode(span_of(ticket->secret, sizeof(ticket->secret)), &secret);
	json_t *body = json_pack("{s:s, s:s, s:s, s:b}", "locator", buf_text(&locator), "secret",
				 buf_text(&secret), "client_address", client_address, "standard",
				 ticket->standard != 0);
	memory_wipe(secret.ptr, secret.len);
	return body;
}

static int read_guest(const json_t *body, struct redemption *out, struct error *err)
{
	const json_t *guest;
	char pin[2 * MESSAGE_PIN_LEN + 1];
	int64_t port;

	if (json_get_object(body, "guest", &guest, err) < 0 ||
	    json_get_text(guest, "address", out->guest_address, sizeof(out->guest_address), err) <
		    0 ||
	    json_get_int(guest, "port", 1, 65535, &port, err) < 0 ||
	    json_get_text(guest, "certificate_sha256", pin, sizeof(pin), err) < 0)
		return -EINVAL;
	out->guest_port = (uint16_t)port;
	if (hex_decode(pin, out->grant.guest_pin, sizeof(out->grant.guest_pin)) < 0)
		return error_set(err, EINVAL, "certificate_sha256: not 64 hex digits");
	return 0;
}

static int read_credential(const json_t *body, struct message_grant *out, struct error *err)
{
	const json_t *credential;

	if (json_get_object(body, "credential", &credential, err) < 0 ||
	    json_get_text(credential, "user", out->user, sizeof(out->user), err) < 0 ||
	    json_get_text(credential, "password", out->password, sizeof(out->password), err) < 0)
		return -EINVAL;
	return 0;
}

static int read_policy(const json_t *body, struct rdp_policy *out, struct error *err)
{
	const json_t *policy;
	const char *name;
	json_t *value;

	if (json_get_object(body, "policy", &policy, err) < 0)
		return -EINVAL;
	*out = (struct rdp_policy){ 0 };
	json_object_foreach((json_t *)policy, name, value) {
		if (json_is_string(value))
			(void)rdp_policy_set(out, name, json_string_value(value));
	}
	return 0;
}

/* The one way to a drive: not a value of the policy, but something given besides, for a time. */
static int read_exception(const json_t *body, struct message_grant *out, struct error *err)
{
	const json_t *exception;
	char device[16];

	if (!json_object_get(body, "exception"))
		return 0;
	if (json_get_object(body, "exception", &exception, err) < 0 ||
	    json_get_text(exception, "device", device, sizeof(device), err) < 0 ||
	    json_get_int(exception, "expires_in_ms", 0, EXCEPTION_LONGEST_MS, &out->exception_ms,
			 err) < 0)
		return -EINVAL;
	if (strcmp(device, "drive") != 0 || out->exception_ms == 0)
		out->exception_ms = 0;	/* of a newer broker, or over already: not given */
	out->policy.drives = out->exception_ms ? RDP_ALLOW : RDP_DENY;
	return 0;
}

int redeem_answer(const json_t *body, struct redemption *out, struct error *err)
{
	const json_t *desktop;
	uint8_t id[8];

	*out = (struct redemption){ .guest_port = 0 };
	if (json_get_text(body, "session", out->session, sizeof(out->session), err) < 0 ||
	    json_get_text_or(body, "request", "", out->request, sizeof(out->request), err) < 0 ||
	    json_get_text(body, "user", out->user, sizeof(out->user), err) < 0 ||
	    json_get_object(body, "desktop", &desktop, err) < 0 ||
	    json_get_text(desktop, "name", out->desktop, sizeof(out->desktop), err) < 0 ||
	    read_guest(body, out, err) < 0 || read_credential(body, &out->grant, err) < 0 ||
	    read_policy(body, &out->grant.policy, err) < 0 ||
	    read_exception(body, &out->grant, err) < 0)
		return -EINVAL;
	if (hex_decode(out->session, id, sizeof(id)) < 0)
		return error_set(err, EINVAL, "session: not 16 hex digits");
	return 0;
}

static json_t *event_json(const struct event *e)
{
	return json_pack("{s:s, s:I, s:s, s:s, s:s, s:s, s:I, s:s, s:s}", "session", e->session,
			 "at_ms", (json_int_t)e->at_ms, "kind", e->kind, "what", e->what, "rule", e->rule,
			 "name", e->name, "count", (json_int_t)e->count, "detail", e->detail,
			 "client_address", e->client_address);
}

json_t *events_request(const struct event *events, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, event_json(&events[i]));
	return json_pack("{s:o}", "events", list);
}
