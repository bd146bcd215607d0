/* SPDX-License-Identifier: Apache-2.0 */
/* A relay trades a client's ticket for what it needs to open the session. */
#include "broker/api/handlers.h"

#include <errno.h>

#include "broker/audit/audit.h"
#include "broker/session/exceptions.h"
#include "broker/session/session_watch.h"
#include "common/base/text.h"
#include "common/sys/clock.h"
#include "common/sys/log.h"
#include "common/wire/guest_credential.h"
#include "common/wire/sha256.h"
#include "pool/pool_json.h"

#define CREDENTIAL_MS 120000
#define RDP_PORT 3389
#define SECRET_BYTES 32

struct redeeming {
	struct state_job job;	/* first: jobs are cast back */
	struct request *r;
	struct store_redeem ask;
	bool malformed;
	char client_address[STORE_ADDRESS_SIZE];
	struct store_redeemed redeemed;
};

static int redeem_run(struct store *store, struct state_job *job, struct error *err)
{
	struct redeeming *d = (struct redeeming *)job;
	int rc = 0;

	d->ask.now_ms = clock_wall_ms();
	d->redeemed.reason = REASON_TICKET_UNKNOWN;
	if (!d->malformed)
		rc = store_ticket_redeem(store, &d->ask, &d->redeemed, err);
	if (rc < 0)
		return rc;

	struct audit row = {
		.who = d->redeemed.user.name,
		.source = d->client_address,
		.what = "redeem",
		.subject = d->redeemed.desktop.id,
		.reason = d->redeemed.reason,
		.denied = d->redeemed.reason != REASON_OK,
		.details = json_pack("{s:s, s:s, s:s}", "host", d->r->peer, "session",
				     d->redeemed.session, "ticket_request", d->redeemed.request),
	};
	rc = audit_append(store, &row, err);
	if (rc == 0 && *d->redeemed.exception.id)
		rc = exceptions_audit(store, &d->redeemed.exception, "exception_used",
				      d->redeemed.user.name, d->client_address,
				      d->redeemed.session, err);
	return rc;
}

static int sign_credential(struct redeeming *d, struct buf *out, struct error *err)
{
	const struct store_redeemed *redeemed = &d->redeemed;
	struct guest_credential credential = {
		.epoch = (uint64_t)redeemed->desktop.epoch,
		.uid = (uint32_t)redeemed->user.uid,
		.expires_at_ms = (uint64_t)(clock_wall_ms() + CREDENTIAL_MS),
	};
	const char *name = redeemed->user.display_name;
	size_t name_len = utf8_prefix(span_text(name), sizeof(credential.display_name) - 1);

	memcpy(credential.display_name, name, name_len);
	random_bytes(credential.nonce, sizeof(credential.nonce));
	int rc = hex_decode(redeemed->desktop.id, credential.desktop, sizeof(credential.desktop));
	if (rc == 0)
		rc = str_copy(credential.user, sizeof(credential.user), redeemed->user.account);
	if (rc < 0)
		return error_set(err, -rc, "desktop %s: no credential can be made",
				 redeemed->desktop.id);
	return guest_credential_sign(&credential, authority_guest_key(d->r->broker->authority), out,
				     err);
}

static void answer(struct redeeming *d)
{
	const struct store_desktop *desktop = &d->redeemed.desktop;
	OWNED(buf_done) struct buf credential = BUF_LIMIT(1024);
	struct error err = { 0 };

	int rc = sign_credential(d, &credential, &err);
	if (rc < 0) {
		request_store_failed(d->r, rc, &err);
		return;
	}
	json_t *body =
		json_pack("{s:s, s:s, s:s, s:{s:s, s:s, s:s}, s:{s:s, s:i, s:s}, s:{s:s, s:s}, s:o}",
			  "session", d->redeemed.session, "request", d->redeemed.request, "user", d->redeemed.user.name, "desktop",
			  "id", desktop->id, "name", desktop->name, "pool", desktop->pool, "guest",
			  "address", desktop->address, "port", RDP_PORT, "certificate_sha256",
			  desktop->rdp_certificate_sha256, "credential", "user",
			  d->redeemed.user.account, "password", buf_text(&credential), "policy",
			  policy_to_json(&d->redeemed.policy));
	if (*d->redeemed.exception.id)
		json_object_set_new(body, "exception",
				    exceptions_for_relay(&d->redeemed.exception, clock_wall_ms()));
	log_info("session_begun", kv_str("request", d->r->id),
		 kv_str("ticket_request", d->redeemed.request),
		 kv_str("session", d->redeemed.session), kv_str("desktop", desktop->id),
		 kv_str("host", d->r->peer));
	request_reply(d->r, 200, body);
	memory_wipe(credential.ptr, credential.len);
}

static void redeem_done(struct state_job *job, int rc, const struct error *err)
{
	struct redeeming *d = (struct redeeming *)job;

	if (rc < 0)
		request_store_failed(d->r, rc, err);
	else if (d->redeemed.reason != REASON_OK)
		request_refuse(d->r, REASON_TICKET_INVALID, -1, NULL);
	else {
		/* an older session of the desktop is over, if there was one */
		session_watch_changed(d->r->broker->watch, d->r->peer);
		answer(d);
	}
	free(d);
}

/* A locator or secret that cannot be ours is a wrong one like any other: same answer, one row. */
static int read_ticket(const json_t *body, struct redeeming *d, struct error *err)
{
	char locator[64], secret[128];
	uint8_t secret_bytes[SECRET_BYTES];
	int rc = json_get_text(body, "locator", locator, sizeof(locator), err);

	if (rc == 0)
		rc = json_get_text(body, "secret", secret, sizeof(secret), err);
	if (rc == 0)
		rc = json_get_bool_or(body, "standard", false, &d->ask.standard, err);
	if (rc == 0)
		rc = json_get_text_or(body, "client_address", "", d->client_address,
				      sizeof(d->client_address), err);
	if (rc < 0)
		return rc;
	d->malformed = base64url_decode(span_text(locator), d->ask.locator,
					sizeof(d->ask.locator)) != sizeof(d->ask.locator) ||
		       base64url_decode(span_text(secret), secret_bytes, sizeof(secret_bytes)) !=
			       sizeof(secret_bytes);
	if (!d->malformed)
		sha256(secret_bytes, sizeof(secret_bytes), d->ask.secret_sha256);
	memory_wipe(secret_bytes, sizeof(secret_bytes));
	memory_wipe(secret, sizeof(secret));
	return 0;
}

void agent_redeem(struct request *r)
{
	const json_t *body = request_body(r);
	struct error err = { 0 };

	if (!body)
		return;
	struct redeeming *d = xnew(struct redeeming);
	d->r = r;
	d->ask.host = r->peer;
	d->ask.client_address = d->client_address;
	if (read_ticket(body, d, &err) < 0) {
		free(d);
		request_refuse(r, REASON_BAD_REQUEST, -1, err.text);
		return;
	}
	if (request_submit(r, &d->job, redeem_run, redeem_done) < 0)
		free(d);
}
