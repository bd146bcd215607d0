/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/identity.h"

#include <arpa/inet.h>
#include <errno.h>
#include "common/base/text.h"
#include "common/data/json.h"

static int get_hex(const json_t *object, const char *key, uint8_t *out, size_t len,
		   struct error *err)
{
	char text[2 * 32 + 1];
	int rc = json_get_text(object, key, text, sizeof(text), err);

	if (rc < 0)
		return rc;
	return hex_decode(text, out, len) < 0 ?
		       error_set(err, EINVAL, "%s: %zu hex digits wanted", key, 2 * len) : 0;
}

static int get_base64(const json_t *object, const char *key, uint8_t *out, size_t len,
		      struct error *err)
{
	char text[128];
	int rc = json_get_text(object, key, text, sizeof(text), err);

	if (rc < 0)
		return rc;
	return base64_decode(span_text(text), out, len) != (ssize_t)len ?
		       error_set(err, EINVAL, "%s: base64 of %zu bytes wanted", key, len) : 0;
}

static int get_address(const json_t *object, const char *key, struct in_addr *out,
		       struct error *err)
{
	char text[INET_ADDRSTRLEN];
	int rc = json_get_text(object, key, text, sizeof(text), err);

	if (rc < 0)
		return rc;
	return inet_pton(AF_INET, text, out) == 1 ? 0 :
		       error_set(err, EINVAL, "%s: an IPv4 address wanted", key);
}

static bool hostname_valid(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && name[0] != '-' && name[len - 1] != '-' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

static int get_names(const json_t *object, struct identity *out, struct error *err)
{
	uint8_t machine_id[16];
	int rc = json_get_text(object, "hostname", out->hostname, sizeof(out->hostname), err);

	if (rc == 0 && !hostname_valid(out->hostname))
		rc = error_set(err, EINVAL, "hostname: lowercase letters, digits and - wanted");
	if (rc == 0)
		rc = get_hex(object, "machine_id", machine_id, sizeof(machine_id), err);
	if (rc == 0)
		hex_encode(span_of(machine_id, sizeof(machine_id)), out->machine_id);
	return rc;
}

static int get_dns(const json_t *object, struct identity *out, struct error *err)
{
	const json_t *list, *item;
	size_t i;
	int rc;

	if (!json_object_get(object, "dns"))
		return 0;
	rc = json_get_array(object, "dns", IDENTITY_DNS_MAX, &list, err);
	if (rc < 0)
		return rc;
	json_array_foreach(list, i, item) {
		const char *text = json_string_value(item);

		if (!text || inet_pton(AF_INET, text, &out->dns[i]) != 1)
			return error_set(err, EINVAL, "dns: IPv4 addresses wanted");
		out->dns_count = i + 1;
	}
	return 0;
}

static int get_network(const json_t *object, struct identity *out, struct error *err)
{
	char gateway[INET_ADDRSTRLEN];
	int64_t prefix;
	int rc = get_address(object, "address", &out->address, err);

	if (rc == 0)
		rc = json_get_int(object, "prefix", 1, 30, &prefix, err);
	if (rc < 0)
		return rc;
	out->prefix = (int)prefix;
	rc = json_get_text_or(object, "gateway", "", gateway, sizeof(gateway), err);
	if (rc == 0 && *gateway && inet_pton(AF_INET, gateway, &out->gateway) != 1)
		rc = error_set(err, EINVAL, "gateway: an IPv4 address wanted");
	return rc < 0 ? rc : get_dns(object, out, err);
}

static int get_mac(const json_t *object, struct identity *out, struct error *err)
{
	char text[sizeof("00:00:00:00:00:00")], digits[13];
	size_t n = 0;
	int rc = json_get_text_or(object, "mac", "", text, sizeof(text), err);

	if (rc < 0 || !text[0])
		return rc;
	for (size_t i = 0; text[i] && n < sizeof(digits) - 1; i++)
		if (i % 3 != 2 || text[i] != ':')
			digits[n++] = text[i];
	digits[n] = '\0';
	if (strlen(text) != sizeof(text) - 1 ||
	    hex_decode(digits, out->mac, sizeof(out->mac)) < 0 || out->mac[0] & 1)
		return error_set(err, EINVAL, "mac: the address of one card wanted");
	out->has_mac = true;
	return 0;
}

static bool is_pem(const char *text, const char *first_line)
{
	return str_starts(text, first_line) && text[strlen(text) - 1] == '\n';
}

/* All of it or nothing. */
static int get_rdp(const json_t *object, struct identity *out, struct error *err)
{
	uint8_t sha256[32];
	int rc;

	if (!json_object_get(object, "rdp_key"))
		return 0;
	if ((rc = json_get_text(object, "rdp_key", out->rdp_key, sizeof(out->rdp_key), err)) < 0 ||
	    (rc = json_get_text(object, "rdp_certificate", out->rdp_certificate,
				sizeof(out->rdp_certificate), err)) < 0 ||
	    (rc = get_hex(object, "rdp_certificate_sha256", sha256, sizeof(sha256), err)) < 0)
		return rc;
	if (!is_pem(out->rdp_key, "-----BEGIN PRIVATE KEY-----\n"))
		return error_set(err, EINVAL, "rdp_key: PEM of a private key wanted");
	if (!is_pem(out->rdp_certificate, "-----BEGIN CERTIFICATE-----\n"))
		return error_set(err, EINVAL, "rdp_certificate: PEM of a certificate wanted");
	hex_encode(span_of(sha256, sizeof(sha256)), out->rdp_certificate_sha256);
	return 0;
}

static int identity_parse(const json_t *object, struct identity *out, struct error *err)
{
	int rc = get_hex(object, "desktop", out->desktop, sizeof(out->desktop), err);

	if (rc == 0)
		rc = json_get_int(object, "epoch", 0, INT64_MAX, &out->epoch, err);
	if (rc == 0)
		rc = get_names(object, out, err);
	if (rc == 0)
		rc = get_network(object, out, err);
	if (rc == 0)
		rc = get_mac(object, out, err);
	if (rc == 0)
		rc = get_rdp(object, out, err);
	if (rc == 0)
		rc = get_base64(object, "seed", out->seed, sizeof(out->seed), err);
	if (rc == 0)
		rc = json_get_int(object, "time_ms", 0, INT64_MAX / 1000, &out->time_ms, err);
	if (rc == 0)
		rc = get_base64(object, "guest_public_key", out->public_key,
				sizeof(out->public_key), err);
	return rc;
}

static int home_parse(const json_t *object, struct home_order *out, struct error *err)
{
	int64_t uid;
	int rc = json_get_text(object, "serial", out->serial, sizeof(out->serial), err);

	if (rc == 0 && (!out->serial[0] ||
			strspn(out->serial, "0123456789abcdef") != strlen(out->serial)))
		rc = error_set(err, EINVAL, "serial: hex digits wanted");
	if (rc == 0)
		rc = json_get_text(object, "user", out->user, sizeof(out->user), err);
	if (rc == 0 && !guest_account_name_valid(span_text(out->user)))
		rc = error_set(err, EINVAL, "user: not the name of an account");
	if (rc == 0)
		rc = json_get_int(object, "uid", GUEST_UID_MIN, UINT32_MAX - 2, &uid, err);
	if (rc == 0)
		rc = json_get_bool_or(object, "fresh", false, &out->fresh, err);
	if (rc == 0)
		out->uid = (uint32_t)uid;
	return rc;
}

static int user_parse(const json_t *object, struct link_request *out, struct error *err)
{
	int rc = json_get_text(object, "user", out->user, sizeof(out->user), err);

	if (rc == 0 && !guest_account_name_valid(span_text(out->user)))
		rc = error_set(err, EINVAL, "user: the name of an account wanted");
	return rc;
}

static int show_parse(const json_t *object, struct link_request *out, struct error *err)
{
	int rc = user_parse(object, out, err);

	if (rc == 0)
		rc = json_get_int(object, "seq", 1, INT64_MAX, &out->seq, err);
	if (rc == 0)
		rc = json_get_text(object, "text", out->text, sizeof(out->text), err);
	return rc;
}

int link_request_parse(struct span line, int64_t *id, struct link_request *out, struct error *err)
{
	OWNED(json_decref) json_t *object = NULL;
	struct link_request request = { 0 };
	char command[16];
	int rc = json_object_parse(line, &object, err);

	if (rc == 0)
		rc = json_get_int(object, "id", INT64_MIN, INT64_MAX, &request.id, err);
	if (rc < 0)
		return rc;
	*id = request.id;
	rc = json_get_text(object, "cmd", command, sizeof(command), err);
	if (rc < 0)
		return rc;

	if (strcmp(command, "ping") == 0) {
		request.command = LINK_PING;
	} else if (strcmp(command, "identity") == 0) {
		request.command = LINK_IDENTITY;
		rc = identity_parse(object, &request.identity, err);
	} else if (strcmp(command, "freeze") == 0) {
		request.command = LINK_FREEZE;
	} else if (strcmp(command, "rehearse") == 0) {
		request.command = LINK_REHEARSE;
		rc = identity_parse(object, &request.identity, err);
	} else if (strcmp(command, "home") == 0) {
		request.command = LINK_HOME;
		rc = home_parse(object, &request.home, err);
	} else if (strcmp(command, "release") == 0) {
		request.command = LINK_RELEASE;
	} else if (strcmp(command, "inspect") == 0) {
		request.command = LINK_INSPECT;
	} else if (strcmp(command, "show") == 0) {
		request.command = LINK_SHOW;
		rc = show_parse(object, &request, err);
	} else if (strcmp(command, "log_off") == 0) {
		request.command = LINK_LOG_OFF;
		rc = user_parse(object, &request, err);
	} else {
		rc = error_set(err, EINVAL, "cmd: not known");
	}
	if (rc == 0)
		*out = request;
	return rc;
}

static void write_line(struct buf *out, json_t *object)
{
	json_write(object, out);
	buf_put_u8(out, '\n');
	json_decref(object);
}

static json_t *spent_json(const struct identity_spent *spent)
{
	static const char *const names[IDENTITY_STEPS] = {
		[IDENTITY_STEP_RANDOM] = "random", [IDENTITY_STEP_CLOCK] = "clock",
		[IDENTITY_STEP_KEY] = "key", [IDENTITY_STEP_NETWORK] = "network",
		[IDENTITY_STEP_ROUTE] = "route", [IDENTITY_STEP_NAMES] = "names", [IDENTITY_STEP_RECORD] = "record",
	};
	json_t *object = json_object();

	for (size_t i = 0; i < IDENTITY_STEPS; i++)
		json_object_set_new(object, names[i], json_integer(spent->us[i]));
	return object;
}

void link_write_ok(struct buf *out, int64_t id, const char *certificate_sha256,
		   const struct identity_spent *spent)
{
	json_t *object = json_pack("{s:I, s:b}", "id", (json_int_t)id, "ok", 1);

	if (spent)
		json_object_set_new(object, "spent_us", spent_json(spent));
	if (certificate_sha256)
		json_object_set_new(object, "rdp_certificate_sha256",
				    json_string(certificate_sha256));
	write_line(out, object);
}

void link_write_inspection(struct buf *out, int64_t id, json_t *inspection)
{
	write_line(out, json_pack("{s:I, s:b, s:o}", "id", (json_int_t)id, "ok", 1, "inspection",
				  inspection));
}

void link_write_error(struct buf *out, int64_t id, const char *text)
{
	write_line(out, json_pack("{s:I, s:b, s:s}", "id", (json_int_t)id, "ok", 0, "error", text));
}

void link_write_refusal(struct buf *out, int64_t id, const char *code, const char *text)
{
	write_line(out, json_pack("{s:I, s:b, s:s, s:s}", "id", (json_int_t)id, "ok", 0, "code",
				  code, "error", text));
}

void link_write_event(struct buf *out, const char *event, const char *user)
{
	json_t *object = json_pack("{s:s}", "event", event);

	if (user)
		json_object_set_new(object, "user", json_string(user));
	write_line(out, object);
}

void link_write_sessions(struct buf *out, const char *user, int64_t logoffs, const char *boot)
{
	write_line(out, json_pack("{s:s, s:s, s:I, s:s}", "event", "sessions", "user", user,
				  "logoffs", (json_int_t)logoffs, "boot", boot));
}

void identity_record_write(const struct identity_record *record, struct buf *out)
{
	OWNED(buf_done) struct buf key = BUF_LIMIT(128);
	char desktop[2 * GUEST_DESKTOP_ID_LEN + 1];

	hex_encode(span_of(record->desktop, sizeof(record->desktop)), desktop);
	base64_encode(span_of(record->public_key, sizeof(record->public_key)), &key);
	write_line(out, json_pack("{s:s, s:I, s:s, s:s}", "desktop", desktop, "epoch",
				  (json_int_t)record->epoch, "guest_public_key", buf_text(&key),
				  "rdp_certificate_sha256", record->certificate_sha256));
}

int identity_record_parse(struct span text, struct identity_record *out, struct error *err)
{
	OWNED(json_decref) json_t *object = NULL;
	struct identity_record record = { 0 };
	int rc = json_object_parse(text, &object, err);

	if (rc == 0)
		rc = get_hex(object, "desktop", record.desktop, sizeof(record.desktop), err);
	if (rc == 0)
		rc = json_get_int(object, "epoch", 0, INT64_MAX, &record.epoch, err);
	if (rc == 0)
		rc = get_base64(object, "guest_public_key", record.public_key,
				sizeof(record.public_key), err);
	if (rc == 0)
		rc = json_get_text(object, "rdp_certificate_sha256", record.certificate_sha256,
				   sizeof(record.certificate_sha256), err);
	if (rc == 0)
		*out = record;
	return rc;
}

bool identity_record_matches(const struct identity_record *record, const struct identity *identity)
{
	return memcmp(record->desktop, identity->desktop, sizeof(record->desktop)) == 0 &&
	       record->epoch == identity->epoch &&
	       memcmp(record->public_key, identity->public_key, sizeof(record->public_key)) == 0;
}
