/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include "common/base/secret.h"
#include "common/base/text.h"
#include "common/data/json.h"
#include "hostagent/qmp/guest_message.h"

const char *const guest_step_names[GUEST_STEPS] = { "random", "clock", "key", "network", "route",
						    "names", "record" };

static void make_printable(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

static void take_text(const json_t *message, const char *key, char *out, size_t size)
{
	if (json_get_text_or(message, key, "", out, size, NULL) < 0)
		out[0] = '\0';
	make_printable(out);
}

static enum guest_message_kind event_kind(const char *name)
{
	if (strcmp(name, "ready") == 0)
		return GUEST_EVENT_READY;
	if (strcmp(name, "reachable") == 0)
		return GUEST_EVENT_REACHABLE;
	if (strcmp(name, "logon") == 0)
		return GUEST_EVENT_LOGON;
	if (strcmp(name, "logoff") == 0)
		return GUEST_EVENT_LOGOFF;
	if (strcmp(name, "sessions") == 0)
		return GUEST_EVENT_SESSIONS;
	return GUEST_NOISE;
}

static struct guest_message parse_event(const json_t *message)
{
	struct guest_message out = { .kind = GUEST_NOISE };
	char name[16];

	if (json_get_text(message, "event", name, sizeof(name), NULL) < 0)
		return out;
	out.kind = event_kind(name);
	take_text(message, "user", out.text, sizeof(out.text));
	if (out.kind == GUEST_EVENT_SESSIONS &&
	    json_get_int(message, "logoffs", 0, INT32_MAX, &out.id, NULL) < 0)
		out.kind = GUEST_NOISE;
	take_text(message, "boot", out.boot, sizeof(out.boot));
	return out;
}

static void take_spent(const json_t *message, int64_t out[GUEST_STEPS])
{
	const json_t *spent = json_object_get(message, "spent_us");

	for (size_t i = 0; i < GUEST_STEPS; i++)
		if (!json_is_object(spent) || json_get_int(spent, guest_step_names[i], 0, INT32_MAX,
							   &out[i], NULL) < 0)
			out[i] = 0;
}

static struct guest_message parse_answer(const json_t *message)
{
	struct guest_message out = { .kind = GUEST_NOISE };
	char code[16];

	if (json_get_int(message, "id", 0, INT64_MAX, &out.id, NULL) < 0 ||
	    json_get_bool_or(message, "ok", false, &out.ok, NULL) < 0)
		return out;
	take_text(message, "error", out.text, sizeof(out.text));
	take_text(message, "code", code, sizeof(code));
	out.broken = !out.ok && strcmp(code, "broken") == 0;
	take_spent(message, out.spent_us);
	take_text(message, "rdp_certificate_sha256", out.rdp_certificate_sha256,
		  sizeof(out.rdp_certificate_sha256));
	if (!vm_sha256_valid(out.rdp_certificate_sha256))
		out.rdp_certificate_sha256[0] = '\0';
	out.kind = GUEST_ANSWER;
	return out;
}

struct guest_message guest_message_parse(struct span line)
{
	OWNED(json_decref) json_t *message = NULL;

	if (line.len > GUEST_LINE_MAX || json_object_parse(line, &message, NULL) < 0)
		return (struct guest_message){ .kind = GUEST_NOISE };
	return json_object_get(message, "event") ? parse_event(message) : parse_answer(message);
}

static void command_write(const char *command, int64_t id, struct buf *out)
{
	OWNED(json_decref) json_t *message = json_pack("{s:s, s:I}", "cmd", command, "id",
						       (json_int_t)id);

	json_write(message, out);
}

void guest_ping_write(int64_t id, struct buf *out)
{
	command_write("ping", id, out);
}

void guest_freeze_write(int64_t id, struct buf *out)
{
	command_write("freeze", id, out);
}

void guest_release_write(int64_t id, struct buf *out)
{
	command_write("release", id, out);
}

void guest_home_write(int64_t id, const struct vm_home *home, struct buf *out)
{
	OWNED(json_decref) json_t *message = json_pack(
		"{s:s, s:I, s:s, s:s, s:I, s:b}", "cmd", "home", "id", (json_int_t)id, "serial",
		home->id, "user", home->user, "uid", (json_int_t)home->uid, "fresh", home->fresh);

	json_write(message, out);
}

void guest_inspect_write(int64_t id, struct buf *out)
{
	command_write("inspect", id, out);
}

void guest_show_write(int64_t id, const char *user, int64_t seq, const char *text, struct buf *out)
{
	OWNED(json_decref) json_t *message =
		json_pack("{s:s, s:I, s:s, s:I, s:s}", "cmd", "show", "id", (json_int_t)id, "user",
			  user, "seq", (json_int_t)seq, "text", text);

	json_write(message, out);
}

void guest_log_off_write(int64_t id, const char *user, struct buf *out)
{
	OWNED(json_decref) json_t *message = json_pack("{s:s, s:I, s:s}", "cmd", "log_off", "id",
						       (json_int_t)id, "user", user);

	json_write(message, out);
}

static void identity_write(const char *command, int64_t id, const struct guest_identity *identity,
			   struct buf *out)
{
	OWNED(buf_done) struct buf seed = { 0 };
	OWNED(buf_done) struct buf key = { 0 };
	char address[VM_ADDRESS_SIZE], gateway[VM_ADDRESS_SIZE], machine_id[33],
		mac[VM_MAC_SIZE];

	base64_encode(span_of(identity->seed, GUEST_SEED_LEN), &seed);
	base64_encode(span_of(identity->public_key, GUEST_KEY_LEN), &key);
	hex_encode(span_of(identity->machine_id, sizeof(identity->machine_id)), machine_id);
	vm_address_text(identity->spec->address, address);
	vm_address_text(identity->subnet->gateway, gateway);
	vm_mac(identity->spec->address, mac);
	OWNED(json_decref) json_t *message = json_pack(
		"{s:s, s:I, s:s, s:I, s:s, s:s, s:i, s:s, s:[], s:s, s:s, s:I, s:s, s:s}",
		"cmd", command, "id", (json_int_t)id, "desktop", identity->spec->id,
		"epoch", (json_int_t)identity->spec->epoch, "hostname", identity->spec->name,
		"address", address, "prefix", (int)identity->subnet->prefix, "gateway", gateway,
		"dns", "machine_id", machine_id, "seed", buf_text(&seed),
		"time_ms", (json_int_t)identity->time_ms, "guest_public_key", buf_text(&key),
		"mac", mac);

	if (identity->rdp_key) {
		json_object_set_new(message, "rdp_key", json_string(identity->rdp_key));
		json_object_set_new(message, "rdp_certificate",
				    json_string(identity->rdp_certificate));
		json_object_set_new(message, "rdp_certificate_sha256",
				    json_string(identity->rdp_certificate_sha256));
	}
	json_write(message, out);
	memory_wipe(seed.ptr, seed.len);
}

void guest_identity_write(int64_t id, const struct guest_identity *identity, struct buf *out)
{
	identity_write("identity", id, identity, out);
}

void guest_rehearse_write(int64_t id, const struct guest_identity *identity, struct buf *out)
{
	identity_write("rehearse", id, identity, out);
}
