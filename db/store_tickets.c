/* SPDX-License-Identifier: Apache-2.0 */
/* Tickets and the RDP sessions they begin. Using one up is a single UPDATE whose WHERE clause holds
 * every condition, so that of any number of callers exactly one changes the row. */
#include "db/store_internal.h"

#include <errno.h>
#include <string.h>
#include "common/base/text.h"

int store_ticket_create(struct store *store, const struct store_ticket *ticket, int64_t now_ms,
			struct error *err)
{
	OWNED(buf_done) struct buf policy = BUF_LIMIT(512);
	OWNED(query_done) struct query q = query(store, ST_TICKET_PUT);

	if (ticket->expires_at_ms <= now_ms)
		return error_set(err, EINVAL, "ticket: would already be expired");
	policy_format(&ticket->policy, &policy);
	query_hex(&q, ticket->locator, sizeof(ticket->locator));
	query_hex(&q, ticket->secret_sha256, sizeof(ticket->secret_sha256));
	query_text(&q, ticket->user_key);
	query_text(&q, ticket->client_address);
	query_text(&q, buf_text(&policy));
	query_int(&q, ticket->expires_at_ms);
	query_int(&q, ticket->standard);
	query_text(&q, store_request(store));
	query_text(&q, ticket->desktop);
	query_text(&q, ticket->host);
	query_int(&q, ticket->epoch);

	int rc = query_run(&q, err);
	if (rc < 0)
		return rc;
	if (rc == 0)
		return error_set(err, ESTALE, "ticket: desktop %s has changed", ticket->desktop);
	return 0;
}

struct found {
	char secret_sha256[STORE_SHA256_SIZE];
	char user_key[STORE_KEY_SIZE];
	char desktop[STORE_ID_SIZE];
	char host[STORE_NAME_SIZE];
	struct pool_policy policy;
	int64_t expires_at_ms, used_at_ms, wrong_count;
	bool standard;
	char client_address[STORE_ADDRESS_SIZE];
	char request[STORE_REQUEST_SIZE];
};

static int policy_word(const char *text, struct pool_policy *out)
{
	return policy_parse(text, out, NULL);
}

static int find_ticket(struct store *store, const uint8_t *locator, struct found *out,
		       struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_TICKET_FIND);
	char policy[512];
	int rc;

	query_hex(&q, locator, STORE_LOCATOR_BYTES);
	if ((rc = query_row(&q, err)) <= 0)
		return rc < 0 ? rc : -ENOENT;
	get_text(&q, out->secret_sha256, sizeof(out->secret_sha256));
	get_text(&q, out->user_key, sizeof(out->user_key));
	get_text(&q, out->desktop, sizeof(out->desktop));
	get_text(&q, out->host, sizeof(out->host));
	get_text(&q, policy, sizeof(policy));
	out->expires_at_ms = get_int(&q);
	out->used_at_ms = get_int(&q);
	out->wrong_count = get_int(&q);
	out->standard = get_int(&q) != 0;
	get_text(&q, out->client_address, sizeof(out->client_address));
	get_text(&q, out->request, sizeof(out->request));
	if (policy_word(policy, &out->policy) < 0)
		q.damaged = true;
	return query_sound(&q, err);
}

/* 1: this caller used it up; 0: it is not usable. */
static int use_ticket(struct store *store, const struct store_redeem *redeem, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_TICKET_USE);

	query_int(&q, redeem->now_ms);
	query_hex(&q, redeem->locator, sizeof(redeem->locator));
	query_hex(&q, redeem->secret_sha256, sizeof(redeem->secret_sha256));
	query_text(&q, redeem->host);
	query_int(&q, redeem->now_ms);
	query_int(&q, STORE_TICKET_WRONG_MAX);
	query_int(&q, redeem->standard);
	query_text(&q, redeem->client_address);
	return query_run(&q, err);
}

static int count_wrong(struct store *store, const uint8_t *locator, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_TICKET_WRONG);

	query_hex(&q, locator, STORE_LOCATOR_BYTES);
	return query_run(&q, err);
}

static bool same_secret(const struct found *t, const uint8_t *secret_sha256)
{
	char hex[STORE_SHA256_SIZE];

	hex_encode(span_of(secret_sha256, STORE_HASH_BYTES), hex);
	return span_equal_secret(span_text(hex), span_text(t->secret_sha256));
}

/* Why the UPDATE found nothing. Another host learns nothing and cannot burn the ticket, and neither
 * can who has seen the locator of a standard client go by. */
static enum reason why_not(const struct found *t, const struct store_redeem *redeem)
{
	if (strcmp(t->host, redeem->host) != 0)
		return REASON_TICKET_HOST;
	if (t->standard != redeem->standard)
		return REASON_TICKET_CLIENT;
	if (t->standard && strcmp(t->client_address, redeem->client_address) != 0)
		return REASON_TICKET_ADDRESS;
	if (t->wrong_count >= STORE_TICKET_WRONG_MAX)
		return REASON_TICKET_BURNED;
	if (!same_secret(t, redeem->secret_sha256))
		return REASON_TICKET_SECRET;
	if (t->used_at_ms)
		return REASON_TICKET_USED;
	if (t->expires_at_ms <= redeem->now_ms)
		return REASON_TICKET_EXPIRED;
	return REASON_TICKET_EPOCH;
}

static int end_earlier(struct store *store, const char *desktop, int64_t now_ms, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_SESSIONS_END_OF);

	query_int(&q, now_ms);
	query_text(&q, desktop);
	return query_run(&q, err);
}

static int begin_session(struct store *store, const struct store_redeem *redeem,
			 struct store_redeemed *r, struct error *err)
{
	int rc = end_earlier(store, r->desktop.id, redeem->now_ms, err);

	if (rc >= 0)
		rc = store_exception_take(store, r->user.key, r->desktop.pool, redeem->now_ms,
					  &r->exception, err);
	if (rc < 0)
		return rc;
	store_new_id(r->session);

	OWNED(query_done) struct query q = query(store, ST_SESSION_PUT);
	query_text(&q, r->session);
	query_text(&q, r->user.name);
	query_text(&q, r->desktop.id);
	query_text(&q, r->desktop.name);
	query_text(&q, r->desktop.pool);
	query_text(&q, r->desktop.host);
	query_text(&q, redeem->client_address);
	query_int(&q, redeem->now_ms);
	query_text(&q, r->exception.id);
	return query_run(&q, err);
}

/* User and desktop of the ticket; what is gone meanwhile stays empty. */
static int fill_subjects(struct store *store, const struct found *ticket, struct store_redeemed *r,
			 struct error *err)
{
	int rc = store_user_find(store, ticket->user_key, &r->user, err);

	if (rc == 0 || rc == -ENOENT)
		rc = store_desktop_find(store, ticket->desktop, &r->desktop, err);
	return rc == -ENOENT ? 0 : rc;
}

int store_ticket_redeem(struct store *store, const struct store_redeem *redeem,
			struct store_redeemed *out, struct error *err)
{
	OWNED(tx_done) struct tx tx = { 0 };
	struct store_redeemed r = { .reason = REASON_TICKET_UNKNOWN };
	struct found ticket;
	int used = 0;
	int rc;

	if ((rc = tx_begin(store, &tx, err)) < 0)
		return rc;
	rc = find_ticket(store, redeem->locator, &ticket, err);
	if (rc == -ENOENT) {
		*out = r;
		return 0;
	}
	if (rc < 0 || (rc = fill_subjects(store, &ticket, &r, err)) < 0 ||
	    (used = rc = use_ticket(store, redeem, err)) < 0)
		return rc;
	memcpy(r.request, ticket.request, sizeof(r.request));
	if (used) {
		r.reason = REASON_OK;
		r.policy = ticket.policy;
		rc = begin_session(store, redeem, &r, err);
	} else {
		r.reason = why_not(&ticket, redeem);
		if (r.reason == REASON_TICKET_SECRET)
			rc = count_wrong(store, redeem->locator, err);
	}
	if (rc < 0 || (rc = tx_commit(&tx, err)) < 0)
		return rc;
	*out = r;
	return 0;
}
