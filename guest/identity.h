/* SPDX-License-Identifier: Apache-2.0 */
/* identity.h - who this desktop is, as the host tells it over the guest link. Pure. */
#ifndef GENKAN_GUEST_IDENTITY_H
#define GENKAN_GUEST_IDENTITY_H

#include <netinet/in.h>
#include "common/base/buf.h"
#include "common/base/error.h"
#include <jansson.h>
#include "common/wire/guest_credential.h"

#define LINK_LINE_MAX 4096	/* bytes of one JSON line, newline included */
#define IDENTITY_DNS_MAX 3
#define IDENTITY_SEED_LEN 64
#define IDENTITY_KEY_SIZE 512
#define IDENTITY_CERTIFICATE_SIZE 2048

struct identity {
	uint8_t desktop[GUEST_DESKTOP_ID_LEN];
	int64_t epoch;
	char hostname[64];
	struct in_addr address;
	struct in_addr gateway;	/* 0.0.0.0: none */
	int prefix;
	struct in_addr dns[IDENTITY_DNS_MAX];
	size_t dns_count;
	char machine_id[33];
	uint8_t seed[IDENTITY_SEED_LEN];
	int64_t time_ms;
	uint8_t public_key[GUEST_PUBLIC_KEY_LEN];
	bool has_mac;		/* a clone woke up with its template's */
	uint8_t mac[6];
	/* What xrdp serves with, PEM; rdp_key "": the guest makes them itself. The host can read all
	 * of our memory anyway, and making them takes longer than all the rest where there is no KVM. */
	char rdp_key[IDENTITY_KEY_SIZE];
	char rdp_certificate[IDENTITY_CERTIFICATE_SIZE];
	char rdp_certificate_sha256[65];
};

/* Where the time of an identity goes. */
enum identity_step {
	IDENTITY_STEP_RANDOM,
	IDENTITY_STEP_CLOCK,
	IDENTITY_STEP_KEY,
	IDENTITY_STEP_NETWORK,
	IDENTITY_STEP_ROUTE,
	IDENTITY_STEP_NAMES,
	IDENTITY_STEP_RECORD,
	IDENTITY_STEPS,
};

struct identity_spent {
	int64_t us[IDENTITY_STEPS];
};

/* The disk that holds the home folder of this desktop's user. */
struct home_order {
	char serial[21];		/* as the virtio device shows it */
	char user[GUEST_CREDENTIAL_USER_MAX];
	uint32_t uid;
	bool fresh;	/* nothing was ever kept on it: it may be formatted */
};

enum link_command { LINK_PING, LINK_IDENTITY, LINK_FREEZE, LINK_REHEARSE, LINK_HOME, LINK_RELEASE,
		    LINK_INSPECT, LINK_SHOW, LINK_LOG_OFF };

#define LINK_TEXT_SIZE 1001	/* of a text to show, UTF-8 */

struct link_request {
	enum link_command command;
	int64_t id;
	struct identity identity;	/* LINK_IDENTITY, LINK_REHEARSE */
	struct home_order home;		/* LINK_HOME only */
	char user[64];			/* LINK_SHOW, LINK_LOG_OFF: whose session */
	int64_t seq;			/* LINK_SHOW: grows, so that nothing is shown twice */
	char text[LINK_TEXT_SIZE];	/* LINK_SHOW */
};

/* One line without its newline. `*id` is set as soon as it is known, for the error reply. */
int link_request_parse(struct span line, int64_t *id, struct link_request *out, struct error *err)
	MUST_CHECK;

/* Each appends one line, newline included. `spent` may be NULL. */
void link_write_ok(struct buf *out, int64_t id, const char *certificate_sha256,
		   const struct identity_spent *spent);
/* `inspection` is taken. */
void link_write_inspection(struct buf *out, int64_t id, json_t *inspection);
void link_write_error(struct buf *out, int64_t id, const char *text);
/* A refusal the host tells apart by its word. */
void link_write_refusal(struct buf *out, int64_t id, const char *code, const char *text);
void link_write_event(struct buf *out, const char *event, const char *user);
/* How it stands, whatever the host has heard: who is logged on ("" nobody), how many have logged off
 * since the daemon began, and which boot of this machine it is. */
void link_write_sessions(struct buf *out, const char *user, int64_t logoffs, const char *boot);

/* What is kept in /run for pam-auth and for a restarted daemon. */
struct identity_record {
	uint8_t desktop[GUEST_DESKTOP_ID_LEN];
	int64_t epoch;
	uint8_t public_key[GUEST_PUBLIC_KEY_LEN];
	char certificate_sha256[65];	/* hex; empty while the RDP server is not up */
};

void identity_record_write(const struct identity_record *record, struct buf *out);
int identity_record_parse(struct span text, struct identity_record *out, struct error *err)
	MUST_CHECK;
/* The same desktop in the same epoch under the same key: nothing has to be renewed. */
bool identity_record_matches(const struct identity_record *record, const struct identity *identity);

#endif
