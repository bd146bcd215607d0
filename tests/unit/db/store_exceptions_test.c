/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/db/site.h"

#include <errno.h>

#define HOUR (INT64_C(3600) * 1000)

static struct store_exception ask(struct site *site, const char *user, int64_t now_ms)
{
	struct store_exception_request wanted = {
		.user = user, .pool = "sales", .device = "drive", .reason = "fair in Kyōto",
		.by = "alice", .duration_ms = 2 * HOUR, .now_ms = now_ms,
	};
	struct store_exception out;

	must(store_exception_request(site->store, &wanted, &out, &err));
	return out;
}

static enum reason approve(struct site *site, const char *id, const char *by, int64_t now_ms,
			   struct store_exception *out)
{
	enum reason reason;

	must(store_exception_approve(site->store, id, by, now_ms, &reason, out, &err));
	return reason;
}

/* The session that begins when a fresh ticket is redeemed. */
static struct store_redeemed begin(struct site *site, const struct store_desktop *desktop,
				   uint8_t number, int64_t now_ms)
{
	struct store_ticket t = site_ticket(desktop, number);
	struct store_redeem r = site_redeem(&t);
	struct store_redeemed out;

	t.expires_at_ms = now_ms + 30000;
	r.now_ms = now_ms;
	must(store_ticket_create(site->store, &t, now_ms, &err));
	must(store_ticket_redeem(site->store, &r, &out, &err));
	assert_int_equal(out.reason, REASON_OK);
	return out;
}

static enum store_session_verdict verdict(struct site *site, const struct store_redeemed *session)
{
	enum store_session_verdict out;

	must(store_session_verdict(site->store, session->session, session->desktop.host, &out, &err));
	return out;
}

static void a_session_has_it_only_after_another_approved(void **state)
{
	struct site *site = *state;
	struct store_desktop desktop = site_take(site, "anna", "sales").desktop;
	struct store_exception e = ask(site, "anna", NOW);

	assert_int_equal(e.state, EXCEPTION_REQUESTED);
	assert_string_equal(begin(site, &desktop, 1, NOW + 1).exception.id, "");
	assert_int_equal(approve(site, e.id, "alice", NOW + 2, &e), REASON_SAME_ADMIN);
	assert_int_equal(approve(site, e.id, "anna", NOW + 2, &e), REASON_SAME_ADMIN);
	assert_string_equal(begin(site, &desktop, 2, NOW + 3).exception.id, "");
	assert_int_equal(approve(site, e.id, "boris", NOW + 4, &e), REASON_OK);
	assert_int_equal(e.expires_at_ms, NOW + 4 + 2 * HOUR);
	assert_string_equal(e.approved_by, "boris");
	assert_int_equal(e.used_at_ms, 0);

	struct store_redeemed session = begin(site, &desktop, 3, NOW + 5);
	assert_string_equal(session.exception.id, e.id);
	must(store_exception_find(site->store, e.id, &e, &err));
	assert_int_equal(e.used_at_ms, NOW + 5);
	assert_int_equal(approve(site, e.id, "carla", NOW + 6, &e), REASON_EXCEPTION_OVER);
}

static void it_ends_with_its_sessions(void **state)
{
	struct site *site = *state;
	OWNED(store_exception_list_done) struct store_exception_list ended = { 0 };
	struct store_desktop desktop = site_take(site, "anna", "sales").desktop;
	struct store_exception e = ask(site, "anna", NOW);

	assert_int_equal(approve(site, e.id, "boris", NOW, &e), REASON_OK);
	struct store_redeemed session = begin(site, &desktop, 1, NOW + 1);
	must(store_exceptions_expire(site->store, e.expires_at_ms - 1, &ended, &err));
	assert_int_equal(ended.count, 0);
	assert_int_equal(verdict(site, &session), STORE_SESSION_GOES_ON);

	must(store_exceptions_expire(site->store, e.expires_at_ms, &ended, &err));
	assert_int_equal(ended.count, 1);
	assert_string_equal(ended.items[0].id, e.id);
	assert_int_equal(verdict(site, &session), STORE_SESSION_EXCEPTION);
	assert_string_equal(begin(site, &desktop, 2, e.expires_at_ms + 1).exception.id, "");
}

/* Between the end of its time and the broker's next look nobody is given it any more. */
static void it_is_not_given_after_its_time(void **state)
{
	struct site *site = *state;
	struct store_desktop desktop = site_take(site, "anna", "sales").desktop;
	struct store_exception e = ask(site, "anna", NOW);

	assert_int_equal(approve(site, e.id, "boris", NOW, &e), REASON_OK);
	assert_string_equal(begin(site, &desktop, 1, e.expires_at_ms).exception.id, "");
}

static void revoking_ends_it_at_once(void **state)
{
	struct site *site = *state;
	struct store_desktop desktop = site_take(site, "anna", "sales").desktop;
	struct store_exception e = ask(site, "anna", NOW);
	enum reason reason;

	assert_int_equal(approve(site, e.id, "boris", NOW, &e), REASON_OK);
	struct store_redeemed session = begin(site, &desktop, 1, NOW + 1);
	must(store_exception_revoke(site->store, e.id, "alice", NOW + 2, &reason, &e, &err));
	assert_int_equal(reason, REASON_OK);
	assert_string_equal(e.ended_by, "alice");
	assert_int_equal(verdict(site, &session), STORE_SESSION_EXCEPTION);
	must(store_exception_revoke(site->store, e.id, "alice", NOW + 3, &reason, &e, &err));
	assert_int_equal(reason, REASON_EXCEPTION_OVER);
	assert_string_equal(begin(site, &desktop, 2, NOW + 4).exception.id, "");
}

static void it_is_for_one_person_in_one_pool(void **state)
{
	struct site *site = *state;
	struct store_desktop other = site_take(site, "bo", "sales").desktop;

	site_take(site, "anna", "sales");
	struct store_exception e = ask(site, "anna", NOW);
	assert_int_equal(approve(site, e.id, "boris", NOW, &e), REASON_OK);

	struct store_ticket t = site_ticket(&other, 1);
	struct store_redeem r = site_redeem(&t);
	struct store_redeemed redeemed;
	t.user_key = other.user_key;
	must(store_ticket_create(site->store, &t, NOW, &err));
	must(store_ticket_redeem(site->store, &r, &redeemed, &err));
	assert_int_equal(redeemed.reason, REASON_OK);
	assert_string_equal(redeemed.exception.id, "");
}

static void it_needs_a_person_and_a_pool(void **state)
{
	struct site *site = *state;
	struct store_exception_request wanted = {
		.user = "nobody-yet", .pool = "sales", .device = "drive", .reason = "x", .by = "alice",
		.duration_ms = HOUR, .now_ms = NOW,
	};
	struct store_exception e;
	struct error err = { 0 };

	assert_int_equal(store_exception_request(site->store, &wanted, &e, &err), -ENOENT);
	assert_non_null(strstr(err.text, "has not logged in yet"));
	wanted.user = "anna";
	wanted.pool = "nowhere";
	assert_int_equal(store_exception_request(site->store, &wanted, &e, &err), -ENOENT);
	assert_non_null(strstr(err.text, "no such pool"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, site_setup_full, site_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_session_has_it_only_after_another_approved),
		TEST(it_ends_with_its_sessions),
		TEST(it_is_not_given_after_its_time),
		TEST(revoking_ends_it_at_once),
		TEST(it_is_for_one_person_in_one_pool),
		TEST(it_needs_a_person_and_a_pool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
