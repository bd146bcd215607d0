/* SPDX-License-Identifier: Apache-2.0 */
/* guest_message.h - lines between host and guest, as values. The guest is hostile: whatever is
 * not one of the shapes below is GUEST_NOISE and changes nothing. */
#ifndef GENKAN_QMP_GUEST_MESSAGE_H
#define GENKAN_QMP_GUEST_MESSAGE_H

#include "common/base/buf.h"
#include "hostagent/vm/address.h"
#include "hostagent/vm/home.h"
#include "hostagent/vm/spec.h"

enum { GUEST_LINE_MAX = 4096, GUEST_KEY_LEN = 32, GUEST_SEED_LEN = 64 };

enum guest_message_kind {
	GUEST_NOISE,
	GUEST_EVENT_READY,
	GUEST_EVENT_REACHABLE,	/* under way to its identity: RDP answers from here on */
	GUEST_EVENT_LOGON,
	GUEST_EVENT_LOGOFF,
	GUEST_EVENT_SESSIONS,	/* how it stands: who is logged on, how many have logged off */
	GUEST_ANSWER,
};

/* The steps of an identity, as the guest measures them. */
enum { GUEST_STEPS = 7 };
extern const char *const guest_step_names[GUEST_STEPS];

struct guest_message {
	enum guest_message_kind kind;
	int64_t id;		/* of an answer; logoffs of GUEST_EVENT_SESSIONS */
	bool ok;
	bool broken;		/* of a refusal: the user's disk cannot be used */
	char boot[64];		/* of GUEST_EVENT_SESSIONS: changes with each boot; "" not told */
	char rdp_certificate_sha256[VM_SHA256_SIZE];	/* "" when not told */
	int64_t spent_us[GUEST_STEPS];	/* 0 when not told */
	char text[200];		/* the error of an answer, the user of an event; printable */
};

struct guest_message guest_message_parse(struct span line);

struct guest_identity {
	const struct vm_spec *spec;
	const struct vm_subnet *subnet;
	uint8_t seed[GUEST_SEED_LEN];
	uint8_t machine_id[16];
	uint8_t public_key[GUEST_KEY_LEN];
	int64_t time_ms;
	const char *rdp_key, *rdp_certificate;	/* PEM; NULL: the guest makes them itself */
	const char *rdp_certificate_sha256;
};

/* One line without its newline. */
void guest_ping_write(int64_t id, struct buf *out);
void guest_inspect_write(int64_t id, struct buf *out);
void guest_freeze_write(int64_t id, struct buf *out);
/* The disk that is the user's home; and: end what the user runs, close it. */
void guest_home_write(int64_t id, const struct vm_home *home, struct buf *out);
void guest_release_write(int64_t id, struct buf *out);
void guest_show_write(int64_t id, const char *user, int64_t seq, const char *text,
		      struct buf *out);
void guest_log_off_write(int64_t id, const char *user, struct buf *out);
void guest_identity_write(int64_t id, const struct guest_identity *identity, struct buf *out);
/* The same, to be forgotten again. */
void guest_rehearse_write(int64_t id, const struct guest_identity *identity, struct buf *out);

#endif
