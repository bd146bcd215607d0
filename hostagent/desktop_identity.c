/* SPDX-License-Identifier: Apache-2.0 */
/* Who a desktop is: told to its guest, and believed when its RDP server proves it.
 *
 * Theory. A desktop is ready when two things have happened, in either order: its guest has said
 * that all of its identity is new, and its RDP server has shown the certificate of that identity.
 * A clone's server answers long before its guest is done, so the host does not wait to ask it: it
 * made the key itself and knows what it should see. A guest that says nothing in between, because
 * its server is not up yet or its program is older, is asked when it has said that it is done. */
#include <stdio.h>
#include <string.h>
#include "common/base/secret.h"
#include "common/base/text.h"
#include "common/net/self_signed.h"
#include "common/sys/clock.h"
#include "common/sys/log.h"
#include "common/wire/sha256.h"
#include "hostagent/desktop_parts.h"

/* The same for the life of a desktop: it has to be told again after each restart of the agent. */
static void machine_id_of(const char *id, uint8_t out[16])
{
	uint8_t hash[SHA256_DIGEST_LENGTH];
	char text[64];
	int len = snprintf(text, sizeof(text), "genkan machine id %s", id);

	sha256(text, (size_t)len, hash);
	memcpy(out, hash, 16);
}

static void begin(struct desktop *desktop)
{
	desktop->proof = (struct desktop_proof){ .number = desktop->proof.number + 1 };
}

/* A guest that has this identity already keeps the key that it has. */
static int make_key(const struct vm_spec *spec, struct buf *key, struct buf *certificate,
		    char *sha256)
{
	struct error err;
	int rc = self_signed_make(spec->name, clock_wall_ms(), key, certificate, sha256, &err);

	if (rc < 0)
		log_warn("rdp_key_not_made", kv_str("desktop", spec->id), kv_error(&err));
	return rc;
}

typedef int send_fn(struct guest_link *guest, const struct guest_identity *identity);

/* `sha256`: of the certificate, "" when the guest has to make it. */
static int send(const struct desktop_host *host, const struct vm_spec *spec,
		const uint8_t guest_key[GUEST_KEY_LEN], struct guest_link *guest, send_fn *send_to,
		char *sha256)
{
	OWNED(buf_done) struct buf key = BUF_LIMIT(4096);
	OWNED(buf_done) struct buf certificate = BUF_LIMIT(4096);
	struct guest_identity identity = { .spec = spec, .subnet = &host->config->subnet,
					   .rdp_certificate_sha256 = sha256 };

	if (make_key(spec, &key, &certificate, sha256) == 0) {
		identity.rdp_key = buf_text(&key);
		identity.rdp_certificate = buf_text(&certificate);
	}
	identity.time_ms = clock_wall_ms();
	random_bytes(identity.seed, sizeof(identity.seed));
	machine_id_of(spec->id, identity.machine_id);
	memcpy(identity.public_key, guest_key, GUEST_KEY_LEN);
	int rc = send_to(guest, &identity);

	memory_wipe(&identity, sizeof(identity));
	memory_wipe(key.ptr, key.len);
	return rc;
}

void desktop_send_identity(struct desktop *desktop)
{
	const struct desktop_host *host = desktop->host;

	if (!desktop->guest || !host->has_guest_key)
		return;		/* opening the link, or the broker's first answer, asks again */
	begin(desktop);
	if (send(host, &desktop->spec, host->guest_key, desktop->guest, guest_link_send_identity,
		 desktop->proof.given_sha256) < 0)
		log_warn("guest_does_not_read", kv_str("desktop", desktop->spec.id));
}

int desktop_rehearse_identity(const struct desktop_host *host, const struct vm_spec *spec,
			      struct guest_link *guest)
{
	static const uint8_t nobodys[GUEST_KEY_LEN];	/* no credential fits it */
	char sha256[VM_SHA256_SIZE] = "";

	return send(host, spec, nobodys, guest, guest_link_rehearse, sha256);
}

static void ask_rdp(struct desktop *desktop, const char *sha256)
{
	memcpy(desktop->proof.asked_sha256, sha256, VM_SHA256_SIZE);
	desktop->proof.asked = true;
	desktop_job_check_rdp(desktop);
}

void desktop_guest_reachable(struct desktop *desktop)
{
	desktop->times.reachable_ms = clock_monotonic_ms();
	if (desktop->state == VM_IDENTITY && desktop->proof.given_sha256[0] && !desktop->proof.asked)
		ask_rdp(desktop, desktop->proof.given_sha256);
}

static void refused(struct desktop *desktop, const char *why)
{
	desktop_set_reason(desktop, "the guest refused its identity: %.180s", why);
	desktop->refused = true;
	log_warn("identity_refused", kv_str("desktop", desktop->spec.id),
		 kv_str("reason", desktop->reason));
	desktop_event(desktop, VM_EV_REFUSED);
}

void desktop_guest_identified(struct desktop *desktop, const struct guest_message *message)
{
	struct desktop_proof *proof = &desktop->proof;

	if (!message->ok || !message->rdp_certificate_sha256[0]) {
		refused(desktop, message->ok ? "it tells no certificate" : message->text);
		return;
	}
	memcpy(desktop->rdp_certificate_sha256, message->rdp_certificate_sha256, VM_SHA256_SIZE);
	memcpy(desktop->times.guest_us, message->spent_us, sizeof(message->spent_us));
	desktop->times.identified_ms = clock_monotonic_ms();
	proof->told = true;
	if (!proof->asked || strcmp(proof->asked_sha256, message->rdp_certificate_sha256) != 0)
		ask_rdp(desktop, message->rdp_certificate_sha256);
	else if (proof->shown)
		desktop_event(desktop, VM_EV_IDENTIFIED);
}

void desktop_rdp_checked(struct desktop *desktop, const struct desktop_check *check)
{
	struct desktop_proof *proof = &desktop->proof;

	if (check->number != proof->number || strcmp(check->sha256, proof->asked_sha256) != 0)
		return;		/* an older question */
	proof->shown = check->result == 0;
	proof->asked = proof->shown;
	desktop->times.confirmed_ms = check->confirmed_ms;
	desktop->times.shown_ms = clock_monotonic_ms();
	if (!proof->told)
		return;		/* what has failed is tried again when the guest is done */
	if (!proof->shown)
		desktop_set_reason(desktop, "%.250s", check->err.text);
	desktop_event(desktop, proof->shown ? VM_EV_IDENTIFIED : VM_EV_REFUSED);
}
