/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/db/site.h"

#include <errno.h>
#include <pthread.h>

static struct store_redeemed redeem(struct site *site, const struct store_redeem *r)
{
	struct store_redeemed out;

	must(store_ticket_redeem(site->store, r, &out, &err));
	return out;
}

static void a_ticket_works_once(void **state)
{
	struct site *site = *state;
	struct store_desktop desktop = site_take(site, "anna", "sales").desktop;
	struct store_ticket t = site_ticket(&desktop, 1);
	struct store_redeem r = site_redeem(&t);
	struct store_session session;

	must(store_ticket_create(site->store, &t, NOW, &err));
	struct store_redeemed first = redeem(site, &r);
	assert_int_equal(first.reason, REASON_OK);
	assert_string_equal(first.user.name, "anna");
	assert_string_equal(first.desktop.id, desktop.id);
	assert_int_equal(first.policy.value[POLICY_SOUND], POLICY_ALLOW);
	assert_int_equal(first.policy.value[POLICY_CAMERA], POLICY_DENY);
	assert_int_equal(strlen(first.session), 16);
	must(store_session_find(site->store, first.session, &session, &err));
	assert_string_equal(session.desktop, desktop.id);

	struct store_redeemed second = redeem(site, &r);
	assert_int_equal(second.reason, REASON_TICKET_USED);
	assert_string_equal(second.session, "");
	assert_string_equal(second.user.name, "anna");	/* for the audit row */
}

static void refusals_have_their_reasons(void **state)
{
	struct site *site = *state;
	struct store_desktop desktop = site_take(site, "anna", "sales").desktop;
	struct store_ticket t = site_ticket(&desktop, 1);
	struct store_redeem r = site_redeem(&t), other;

	must(store_ticket_create(site->store, &t, NOW, &err));
	other = r;
	other.locator[0] ^= 1;
	assert_int_equal(redeem(site, &other).reason, REASON_TICKET_UNKNOWN);
	other = r;
	other.host = "host-b";
	assert_int_equal(redeem(site, &other).reason, REASON_TICKET_HOST);
	other = r;
	other.now_ms = t.expires_at_ms;
	assert_int_equal(redeem(site, &other).reason, REASON_TICKET_EXPIRED);
	assert_int_equal(redeem(site, &r).reason, REASON_OK);
}

/* The locator of a standard client is seen by whoever listens. */
static void a_standard_ticket_is_bound_to_its_address(void **state)
{
	struct site *site = *state;
	struct store_desktop desktop = site_take(site, "anna", "sales").desktop;
	struct store_ticket standard = site_ticket(&desktop, 1), own = site_ticket(&desktop, 5);
	struct store_redeem r = site_redeem(&standard), other;

	standard.standard = true;
	must(store_ticket_create(site->store, &standard, NOW, &err));
	must(store_ticket_create(site->store, &own, NOW, &err));
	assert_int_equal(redeem(site, &r).reason, REASON_TICKET_CLIENT);
	r.standard = true;
	other = r;
	other.client_address = "198.51.100.8";
	for (int i = 0; i <= STORE_TICKET_WRONG_MAX; i++) {	/* nor can it be burned from there */
		assert_int_equal(redeem(site, &other).reason, REASON_TICKET_ADDRESS);
		other.secret_sha256[0] ^= 1;
	}
	assert_int_equal(redeem(site, &r).reason, REASON_OK);
	assert_int_equal(redeem(site, &r).reason, REASON_TICKET_USED);

	/* and one of our client's is of no use to others, but is not bound */
	r = site_redeem(&own);
	r.standard = true;
	assert_int_equal(redeem(site, &r).reason, REASON_TICKET_CLIENT);
	r.standard = false;
	r.client_address = "198.51.100.8";
	assert_int_equal(redeem(site, &r).reason, REASON_OK);
}

static void three_wrong_secrets_burn_the_ticket(void **state)
{
	struct site *site = *state;
	struct store_desktop desktop = site_take(site, "anna", "sales").desktop;
	struct store_ticket t = site_ticket(&desktop, 1);
	struct store_redeem right = site_redeem(&t), wrong = right, elsewhere = right;

	wrong.secret_sha256[31] ^= 1;
	elsewhere.secret_sha256[0] ^= 1;
	elsewhere.host = "host-b";
	must(store_ticket_create(site->store, &t, NOW, &err));
	/* Another host's guesses do not count. */
	for (int i = 0; i < 5; i++)
		assert_int_equal(redeem(site, &elsewhere).reason, REASON_TICKET_HOST);
	for (int i = 0; i < STORE_TICKET_WRONG_MAX; i++)
		assert_int_equal(redeem(site, &wrong).reason, REASON_TICKET_SECRET);
	assert_int_equal(redeem(site, &wrong).reason, REASON_TICKET_BURNED);
	assert_int_equal(redeem(site, &right).reason, REASON_TICKET_BURNED);
}

static void a_ticket_ends_with_the_assignment(void **state)
{
	struct site *site = *state;
	struct store_desktop desktop = site_take(site, "anna", "sales").desktop;
	struct store_ticket t = site_ticket(&desktop, 1), stale = site_ticket(&desktop, 5);
	struct store_redeem r = site_redeem(&t);

	must(store_ticket_create(site->store, &t, NOW, &err));
	stale.epoch--;
	assert_int_equal(store_ticket_create(site->store, &stale, NOW, NULL), -ESTALE);
	stale = site_ticket(&desktop, 5);
	stale.user_key = "key-bo";
	assert_int_equal(store_ticket_create(site->store, &stale, NOW, NULL), -ESTALE);
	must(store_desktop_delete(site->store, desktop.id, NOW, &err));
	assert_int_equal(redeem(site, &r).reason, REASON_TICKET_UNKNOWN);
	assert_int_equal(store_ticket_create(site->store, &t, NOW, NULL), -ESTALE);
}

static void revoking_ends_tickets_and_logins(void **state)
{
	struct site *site = *state;
	struct store_desktop desktop = site_take(site, "anna", "sales").desktop;
	struct store_ticket t = site_ticket(&desktop, 1);
	struct store_redeem r = site_redeem(&t);
	struct store_login login = { .user_key = "key-anna",
				     .created_at_ms = NOW,
				     .expires_at_ms = NOW + 5000 },
			   found;
	struct store_user user;
	struct store_revoked revoked;

	memset(login.token_sha256, 7, sizeof(login.token_sha256));
	must(store_ticket_create(site->store, &t, NOW, &err));
	must(store_login_session_create(site->store, &login, &err));
	must(store_login_session_find(site->store, login.token_sha256, NOW, &found, &user, &err));
	assert_string_equal(user.name, "anna");
	assert_int_equal(store_login_session_find(site->store, login.token_sha256, NOW + 5000,
						  &found, NULL, NULL), -ENOENT);
	must(store_revoke_all(site->store, NOW, &revoked, &err));
	assert_int_equal(revoked.logins, 1);
	assert_int_equal(revoked.tickets, 1);
	assert_int_equal(redeem(site, &r).reason, REASON_TICKET_USED);
	assert_int_equal(store_login_session_find(site->store, login.token_sha256, NOW, &found,
						  NULL, NULL), -ENOENT);
}

static enum store_session_verdict verdict(struct site *site, const char *session, const char *host)
{
	enum store_session_verdict verdict;

	must(store_session_verdict(site->store, session, host, &verdict, &err));
	return verdict;
}

static void relays_learn_which_sessions_are_over(void **state)
{
	struct site *site = *state;
	struct store_desktop desktop = site_take(site, "anna", "sales").desktop;
	struct store_ticket t = site_ticket(&desktop, 1), t2 = site_ticket(&desktop, 3);
	struct store_redeem r = site_redeem(&t), r2 = site_redeem(&t2);

	must(store_ticket_create(site->store, &t, NOW, &err));
	must(store_ticket_create(site->store, &t2, NOW, &err));
	struct store_redeemed first = redeem(site, &r);

	assert_int_equal(verdict(site, first.session, "host-a"), STORE_SESSION_GOES_ON);
	assert_int_equal(verdict(site, first.session, "host-b"), STORE_SESSION_OVER);
	assert_int_equal(verdict(site, "0000000000000000", "host-a"), STORE_SESSION_OVER);
	r2.now_ms++;
	struct store_redeemed second = redeem(site, &r2);

	assert_int_equal(verdict(site, first.session, "host-a"), STORE_SESSION_MOVED);
	assert_int_equal(verdict(site, second.session, "host-a"), STORE_SESSION_GOES_ON);
	must(store_session_end(site->store, second.session, "host-a", NOW + 2, &err));
	assert_int_equal(verdict(site, second.session, "host-a"), STORE_SESSION_OVER);
}

static void sessions_follow_their_relay(void **state)
{
	struct site *site = *state;
	struct store_desktop desktop = site_take(site, "anna", "sales").desktop;
	struct store_ticket t = site_ticket(&desktop, 1), t2 = site_ticket(&desktop, 3);
	struct store_redeem r = site_redeem(&t), r2 = site_redeem(&t2);
	OWNED(store_session_list_done) struct store_session_list open = { 0 };

	must(store_ticket_create(site->store, &t, NOW, &err));
	must(store_ticket_create(site->store, &t2, NOW, &err));
	struct store_redeemed first = redeem(site, &r);
	assert_int_equal(store_session_active(site->store, first.session, "host-b", NOW, NULL),
			 -ENOENT);
	must(store_session_active(site->store, first.session, "host-a", NOW, &err));
	must(store_session_active(site->store, first.session, "host-a", NOW, &err));
	must(store_desktop_find(site->store, desktop.id, &desktop, &err));
	assert_int_equal(desktop.use, DESKTOP_CONNECTED);

	/* A second client takes the desktop over: the first session has ended. */
	struct store_redeemed second = redeem(site, &r2);
	must(store_sessions(site->store, false, 10, &open, &err));
	assert_int_equal(open.count, 1);
	assert_string_equal(open.items[0].id, second.session);
	must(store_session_active(site->store, second.session, "host-a", NOW, &err));
	must(store_session_end(site->store, first.session, "host-a", NOW, &err));
	must(store_desktop_find(site->store, desktop.id, &desktop, &err));
	assert_int_equal(desktop.use, DESKTOP_CONNECTED);
	must(store_session_end(site->store, second.session, "host-a", NOW, &err));
	must(store_desktop_find(site->store, desktop.id, &desktop, &err));
	assert_int_equal(desktop.use, DESKTOP_DISCONNECTED);
}

struct racer {
	const char *path;
	struct store_redeem redeem;
	enum reason reason;
	int rc;
};

static void *race(void *arg)
{
	struct racer *racer = arg;
	OWNED(store_close) struct store *store = NULL;
	struct store_redeemed out = { 0 };

	racer->rc = store_open(racer->path, &store, NULL);
	if (racer->rc == 0)
		racer->rc = store_ticket_redeem(store, &racer->redeem, &out, NULL);
	racer->reason = out.reason;
	return NULL;
}

static void of_fifty_parallel_redeems_one_wins(void **state)
{
	enum { RACERS = 50 };
	struct site *site = *state;
	struct store_desktop desktop = site_take(site, "anna", "sales").desktop;
	struct store_ticket t = site_ticket(&desktop, 1);
	struct racer racers[RACERS];
	pthread_t threads[RACERS];
	int wins = 0;

	must(store_ticket_create(site->store, &t, NOW, &err));
	for (int i = 0; i < RACERS; i++) {
		racers[i] = (struct racer){ .path = site->path, .redeem = site_redeem(&t) };
		assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
	}
	for (int i = 0; i < RACERS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(racers[i].rc, 0);
		if (racers[i].reason == REASON_OK)
			wins++;
		else
			assert_int_equal(racers[i].reason, REASON_TICKET_USED);
	}
	assert_int_equal(wins, 1);
}

struct counted {
	const struct store_throttle *who;
	int64_t now_ms, wait_ms;
};

static void longest_wait(void *arg, const char *kind, const char *subject,
			 const struct store_failures *failures)
{
	struct counted *c = arg;
	bool user = strcmp(kind, "user") == 0;
	char name[STORE_USER_SIZE];

	store_throttle_fold(user ? c->who->user : c->who->source, name, sizeof(name));
	int64_t wait = store_failures_wait(failures, user ? &c->who->per_user : &c->who->per_source,
					   c->now_ms);
	if (strcmp(subject, name) == 0 && wait > c->wait_ms)
		c->wait_ms = wait;
}

static int64_t wait_of(struct site *site, const struct store_throttle *who, int64_t now_ms)
{
	struct counted c = { who, now_ms, 0 };

	must(store_throttles(site->store, longest_wait, &c, &err));
	return c.wait_ms;
}

static void as_many_attempts_as_failures_are_left(void **state)
{
	struct store_throttle_rule rule = { 3, 60000, 30000 };
	struct store_failures f = { 0 };

	assert_int_equal(store_failures_left(&f, &rule, NOW), 3);
	store_failures_add(&f, &rule, NOW);
	assert_int_equal(store_failures_left(&f, &rule, NOW), 2);
	store_failures_add(&f, &rule, NOW);
	store_failures_add(&f, &rule, NOW);
	assert_true(store_failures_wait(&f, &rule, NOW) > 0);
	/* the block is over before the window is: the next failure brings it back */
	assert_int_equal(store_failures_left(&f, &rule, NOW + 30001), 1);
	assert_int_equal(store_failures_left(&f, &rule, NOW + 60001), 3);
}

static void failed_logins_are_counted_per_user_and_source(void **state)
{
	struct site *site = *state;
	struct store_throttle_rule rule = { 3, 60000, 30000 }, wide = { 100, 60000, 30000 };
	struct store_throttle anna = { "Anna", "198.51.100.7", rule, wide };
	struct store_throttle again = { "aNNA", "203.0.113.1", rule, wide };
	struct store_throttle bo = { "bo", "198.51.100.7", rule, { 4, 60000, 30000 } };
	for (int i = 0; i < 3; i++) {
		assert_int_equal(wait_of(site, &anna, NOW), 0);
		must(store_throttle_fail(site->store, &anna, NOW, &err));
	}
	/* Survives a restart; letter case and another source do not help. */
	store_close(site->store);
	must(store_open(site->path, &site->store, &err));
	assert_int_equal(wait_of(site, &again, NOW + 1), 29999);
	assert_int_equal(wait_of(site, &bo, NOW), 0);
	must(store_throttle_fail(site->store, &bo, NOW, &err));
	assert_int_equal(wait_of(site, &bo, NOW), 30000);	/* the source's fourth failure */
	assert_int_equal(wait_of(site, &again, NOW + 30000), 0);
	must(store_throttle_success(site->store, &again, &err));
	must(store_throttle_fail(site->store, &again, NOW + 30000, &err));
	assert_int_equal(wait_of(site, &again, NOW + 30000), 0);
}

#define FULL(test) cmocka_unit_test_setup_teardown(test, site_setup_full, site_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FULL(a_ticket_works_once),
		FULL(refusals_have_their_reasons),
		FULL(a_standard_ticket_is_bound_to_its_address),
		FULL(three_wrong_secrets_burn_the_ticket),
		FULL(a_ticket_ends_with_the_assignment),
		FULL(revoking_ends_tickets_and_logins),
		FULL(relays_learn_which_sessions_are_over),
		FULL(sessions_follow_their_relay),
		FULL(of_fifty_parallel_redeems_one_wins),
		FULL(failed_logins_are_counted_per_user_and_source),
		FULL(as_many_attempts_as_failures_are_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
