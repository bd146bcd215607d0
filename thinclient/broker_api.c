/* SPDX-License-Identifier: Apache-2.0 */
#include "thinclient/broker_api.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include "common/base/text.h"

static const char *const desktop_states[] = {
	[DESKTOP_NONE] = "none",
	[DESKTOP_PREPARING] = "preparing",
	[DESKTOP_READY] = "ready",
	[DESKTOP_ERROR] = "error",
};

/* Ids become part of a request path. */
static int read_id(const json_t *object, char *out, size_t size, struct error *err)
{
	int rc = json_get_text(object, "id", out, size, err);

	if (!rc && (!*out || out[strspn(out, "abcdefghijklmnopqrstuvwxyz0123456789-")]))
		rc = error_set(err, EINVAL, "id: not an identifier");
	return rc;
}

static int read_entry(const json_t *item, struct desktop_entry *out, struct error *err)
{
	char state[16];
	int rc = json_is_object(item) ? 0 : error_set(err, EINVAL, "desktops: not an object");

	if (!rc)
		rc = read_id(item, out->id, sizeof(out->id), err);
	if (!rc)
		rc = json_get_text(item, "pool", out->pool, sizeof(out->pool), err);
	if (!rc)
		rc = json_get_text_or(item, "title", out->pool, out->title, sizeof(out->title), err);
	if (!rc)
		rc = json_get_text_or(item, "state", "none", state, sizeof(state), err);
	if (rc)
		return rc;

	out->state = DESKTOP_NONE;
	for (size_t i = 0; i < ARRAY_LEN(desktop_states); i++)
		if (strcmp(state, desktop_states[i]) == 0)
			out->state = (enum desktop_state)i;
	return 0;
}

static int read_secret_text(const json_t *object, const char *key, struct secret *out,
			    struct error *err)
{
	char text[SECRET_MAX + 1];
	int rc = json_get_text(object, key, text, sizeof(text), err);

	if (!rc && !*text)
		rc = error_set(err, EINVAL, "%s: empty", key);
	if (!rc)
		rc = secret_set(out, span_text(text));
	memory_wipe(text, sizeof(text));
	return rc;
}

static int read_locator(const json_t *object, uint8_t *out, struct error *err)
{
	char text[32];
	int rc = json_get_text(object, "locator", text, sizeof(text), err);

	if (!rc && base64url_decode(span_text(text), out, LOCATOR_LEN) != LOCATOR_LEN)
		rc = error_set(err, EINVAL, "locator: not 16 bytes of base64url");
	return rc;
}

static int read_pin(const json_t *object, char out[65], struct error *err)
{
	uint8_t digest[32];
	int rc = json_get_text(object, "certificate_sha256", out, 65, err);

	if (!rc && hex_decode(out, digest, sizeof(digest)))
		return error_set(err, EINVAL, "certificate_sha256: not a SHA-256 in hex");
	for (char *c = out; !rc && *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return rc;
}

static int read_ticket(const json_t *body, struct ticket *out, struct error *err)
{
	const json_t *endpoint = NULL;
	const json_t *policy = json_object_get(body, "policy");
	int64_t port = 0;
	char sound[16] = "deny", clipboard[32] = "deny";
	int rc = json_get_object(body, "endpoint", &endpoint, err);

	if (!rc)
		rc = json_get_text(endpoint, "host", out->host, sizeof(out->host), err);
	if (!rc)
		rc = json_get_int(endpoint, "port", 1, 65535, &port, err);
	if (!rc)
		rc = read_locator(body, out->locator, err);
	if (!rc)
		rc = read_secret_text(body, "secret", &out->secret, err);
	if (!rc)
		rc = read_pin(body, out->certificate_sha256, err);
	if (!rc && json_is_object(policy))
		rc = json_get_text_or(policy, "sound", "deny", sound, sizeof(sound), err);
	if (!rc && json_is_object(policy))
		rc = json_get_text_or(policy, "clipboard", "deny", clipboard, sizeof(clipboard),
				      err);
	out->port = (uint16_t)port;
	out->sound = strcmp(sound, "allow") == 0;
	out->text_to_desktop = strcmp(clipboard, "text-to-desktop") == 0 ||
			       strcmp(clipboard, "text-both") == 0;
	out->text_from_desktop = strcmp(clipboard, "text-from-desktop") == 0 ||
				 strcmp(clipboard, "text-both") == 0;
	return rc;
}

static int read_progress(const json_t *body, struct connect_answer *out, struct error *err)
{
	int64_t percent = 0;
	int rc = json_get_text_or(body, "stage", "queued", out->stage, sizeof(out->stage), err);

	if (!rc)
		rc = json_get_int_or(body, "percent", 0, 0, 100, &percent, err);
	if (!rc)
		rc = json_get_int_or(body, "retry_after_ms", 0, 0, 600000, &out->retry_after_ms,
				     err);
	if (!rc)
		rc = json_get_int_or(body, "position", 0, 0, 1000000, &out->position, err);
	if (!rc)
		rc = json_get_int_or(body, "estimate_ms", -1, 0, 365 * INT64_C(86400000),
				     &out->estimate_ms, err);
	out->percent = (int)percent;
	return rc;
}

static int read_desktop(const json_t *body, struct connect_answer *out, struct error *err)
{
	const json_t *desktop = NULL;
	int rc = json_get_object(body, "desktop", &desktop, err);

	if (!rc)
		rc = read_id(desktop, out->desktop_id, sizeof(out->desktop_id), err);
	if (!rc)
		rc = json_get_text_or(desktop, "name", "", out->desktop_name,
				      sizeof(out->desktop_name), err);
	if (!rc)
		rc = json_get_text_or(desktop, "title", out->desktop_name, out->title,
				      sizeof(out->title), err);
	return rc;
}

static int read_notice(const json_t *body, struct connect_answer *out, struct error *err)
{
	const json_t *notice = NULL;

	if (!json_is_object(json_object_get(body, "notice")))
		return 0;
	int rc = json_get_object(body, "notice", &notice, err);

	return rc < 0 ? rc : json_get_text_or(notice, "code", "", out->notice, sizeof(out->notice), err);
}

static int read_extras(const json_t *body, struct connect_answer *out, struct error *err)
{
	const json_t *service = json_object_get(body, "self_service");
	const json_t *exception = json_object_get(body, "exception");
	int rc = 0;

	if (json_is_object(service))
		rc = json_get_bool_or(service, "restart", false, &out->may_restart, err);
	if (!rc && json_is_object(service))
		rc = json_get_bool_or(service, "reset", false, &out->may_reset, err);
	if (!rc && json_is_object(exception))
		rc = json_get_int(exception, "expires_at_ms", 0, INT64_MAX,
				  &out->exception_until_ms, err);
	return rc;
}

int broker_read_connect(const json_t *body, struct connect_answer *out, struct error *err)
{
	char status[16];
	int rc = json_get_text(body, "status", status, sizeof(status), err);

	if (!rc)
		rc = read_desktop(body, out, err);
	if (!rc)
		rc = read_extras(body, out, err);
	if (rc)
		return rc;
	out->ready = strcmp(status, "ready") == 0;
	if (out->ready) {
		rc = read_notice(body, out, err);
		return rc < 0 ? rc : read_ticket(body, &out->ticket, err);
	}
	if (strcmp(status, "preparing") == 0)
		return read_progress(body, out, err);
	return error_set(err, EINVAL, "status: '%s' is not known", status);
}

int broker_read_factor(const json_t *body, struct factor_ask *out, struct error *err)
{
	char code[48];
	int rc = json_get_text(body, "code", code, sizeof(code), err);

	if (!rc)
		rc = json_get_text(body, "challenge", out->challenge, sizeof(out->challenge), err);
	out->enrolling = !rc && strcmp(code, "second_factor_enrolment") == 0;
	if (!rc && out->enrolling)
		rc = json_get_text(body, "secret", out->key, sizeof(out->key), err);
	if (!rc && out->enrolling)
		rc = json_get_text_or(body, "qr_rows", "", out->qr_rows, sizeof(out->qr_rows), err);
	return rc;
}

static int read_recovery(const json_t *body, struct sign_in_answer *out, struct error *err)
{
	const json_t *codes = NULL, *code;
	size_t i;

	if (!json_object_get(body, "recovery_codes"))
		return 0;
	int rc = json_get_array(body, "recovery_codes", RECOVERY_CODES_MAX, &codes, err);
	if (rc)
		return rc;
	json_array_foreach(codes, i, code) {
		const char *text = json_string_value(code);

		if (!text || str_copy(out->recovery[i], sizeof(out->recovery[i]), text) < 0)
			return error_set(err, EINVAL, "recovery_codes: not a list of short texts");
	}
	out->recovery_count = json_array_size(codes);
	return 0;
}

int broker_read_sign_in(const json_t *body, struct sign_in_answer *out, struct error *err)
{
	const json_t *desktops = NULL;
	const json_t *connect = json_object_get(body, "connect");
	const json_t *item;
	size_t i;
	int rc = read_secret_text(body, "token", &out->token, err);

	if (!rc)
		rc = json_get_text_or(body, "display_name", "", out->display_name,
				      sizeof(out->display_name), err);
	if (!rc)
		rc = json_get_array(body, "desktops", BROKER_MAX_DESKTOPS, &desktops, err);
	if (rc)
		return rc;

	json_array_foreach(desktops, i, item) {
		rc = read_entry(item, &out->desktops[i], err);
		if (rc)
			return rc;
	}
	out->desktop_count = json_array_size(desktops);
	rc = read_recovery(body, out, err);
	if (rc)
		return rc;
	out->has_connect = json_is_object(connect);
	return out->has_connect ? broker_read_connect(connect, &out->connect, err) : 0;
}

static int read_news(const json_t *item, struct notice *out, struct error *err)
{
	int rc = json_get_int(item, "seq", 1, INT64_MAX, &out->seq, err);

	if (!rc)
		rc = json_get_text(item, "kind", out->kind, sizeof(out->kind), err);
	if (!rc)
		rc = json_get_text_or(item, "what", "", out->what, sizeof(out->what), err);
	if (!rc)
		rc = json_get_text_or(item, "text", "", out->text, sizeof(out->text), err);
	return rc;
}

int broker_read_notices(const json_t *body, struct notice out[BROKER_MAX_NOTICES], int64_t *seq,
			struct error *err)
{
	const json_t *list = NULL, *item;
	int64_t next = 0;
	size_t i;
	int rc = json_get_int(body, "seq", 0, INT64_MAX, &next, err);

	if (!rc)
		rc = json_get_array(body, "notices", BROKER_MAX_NOTICES, &list, err);
	if (rc)
		return rc;
	json_array_foreach(list, i, item) {
		rc = read_news(item, &out[i], err);
		if (rc)
			return rc;
	}
	*seq = next;
	return (int)json_array_size(list);
}

static bool is_code(const char *text)
{
	return *text && text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

void problem_set(struct problem *out, const char *code, const char *detail)
{
	snprintf(out->code, sizeof(out->code), "%s", code);
	snprintf(out->detail, sizeof(out->detail), "%s", detail);
	/* snprintf cuts bytes; the detail is shown, so it must end at a character */
	out->detail[utf8_prefix(span_text(out->detail), sizeof(out->detail) - 1)] = '\0';
	out->retry_after_ms = -1;
}

void broker_read_problem(int status, const json_t *body, struct problem *out)
{
	char code[48] = "", detail[256] = "";
	struct problem found;
	int64_t retry_after_ms = -1;

	if (!body || json_get_text(body, "code", code, sizeof(code), NULL) || !is_code(code)) {
		snprintf(detail, sizeof(detail), "HTTP status %d without a reason", status);
		problem_set(out, "bad_answer", detail);
		return;
	}
	if (json_get_text_or(body, "detail", "", detail, sizeof(detail), NULL))
		*detail = '\0';
	if (json_get_int_or(body, "retry_after_ms", -1, 0, 86400000, &retry_after_ms, NULL))
		retry_after_ms = -1;
	problem_set(&found, code, detail);
	found.retry_after_ms = retry_after_ms;
	*out = found;
}

void connect_answer_wipe(struct connect_answer *answer)
{
	memory_wipe(answer, sizeof(*answer));
}

void sign_in_answer_wipe(struct sign_in_answer *answer)
{
	memory_wipe(answer, sizeof(*answer));
}
