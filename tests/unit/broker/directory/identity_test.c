/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/directory/breaker.h"
#include "broker/directory/group_cache.h"
#include "broker/directory/identity.h"
#include "broker/directory/profile.h"
#include "tests/unit/test.h"

#include <stdio.h>

static const uint8_t guid[16] = { 0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66,
				  0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff };
#define GUID "00112233-4455-6677-8899-aabbccddeeff"

static void guids_go_both_ways(void **state)
{
	OWNED(buf_done) struct buf filter = { 0 };
	char text[GUID_TEXT_SIZE];

	assert_int_equal(guid_text(span_of(guid, 16), text), 0);
	assert_string_equal(text, GUID);
	assert_int_equal(guid_filter(GUID, &filter), 0);
	assert_string_equal(buf_text(&filter), "\\33\\22\\11\\00\\55\\44\\77\\66\\88\\99\\aa\\bb\\cc\\dd"
					       "\\ee\\ff");
	assert_true(guid_text(span_of(guid, 15), text) < 0);
}

static void what_is_no_guid_makes_no_filter(void **state)
{
	static const char *const bad[] = { "", "*", "00112233-4455-6677-8899-aabbccddeef",
					   "00112233-4455-6677-8899-aabbccddeefff",
					   "00112233x4455-6677-8899-aabbccddeeff",
					   "00112233-4455-6677-8899-aabbccddee)*" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		OWNED(buf_done) struct buf filter = { 0 };

		assert_true(guid_filter(bad[i], &filter) < 0);
		assert_int_equal(filter.len, 0);
	}
}

static const uint8_t sid[] = { 1, 5, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 1, 0, 0, 0,
			       2, 0, 0, 0, 3, 0, 0, 0, 0x4e, 4, 0, 0 };

static void sids_are_text_and_have_siblings(void **state)
{
	char text[SID_TEXT_SIZE];

	assert_int_equal(sid_text(span_of(sid, sizeof(sid)), text), 0);
	assert_string_equal(text, "S-1-5-21-1-2-3-1102");
	assert_int_equal(sid_sibling(span_of(sid, sizeof(sid)), 513, text), 0);
	assert_string_equal(text, "S-1-5-21-1-2-3-513");
}

static void damaged_sids_are_refused(void **state)
{
	uint8_t bad[sizeof(sid)];
	char text[SID_TEXT_SIZE];

	for (size_t len = 0; len < sizeof(sid); len++)
		assert_true(sid_text(span_of(sid, len), text) < 0);
	memcpy(bad, sid, sizeof(sid));
	bad[0] = 2;
	assert_true(sid_text(span_of(bad, sizeof(bad)), text) < 0);
	bad[0] = 1;
	bad[1] = 16;
	assert_true(sid_text(span_of(bad, sizeof(bad)), text) < 0);
}

static void the_longest_sid_fits(void **state)
{
	uint8_t longest[8 + 15 * 4];
	char text[SID_TEXT_SIZE];

	memset(longest, 0xff, sizeof(longest));
	longest[0] = 1;
	longest[1] = 15;
	assert_int_equal(sid_text(span_of(longest, sizeof(longest)), text), 0);
}

static void breaker_opens_waits_probes_once_and_closes(void **state)
{
	struct breaker b = { 0 };

	assert_false(breaker_may_probe(&b, 0));
	breaker_failed(&b, 1000);
	assert_true(b.open);
	assert_false(breaker_may_probe(&b, 1999));
	assert_true(breaker_may_probe(&b, 2000));
	assert_false(breaker_may_probe(&b, 2000));	/* one only */
	breaker_failed(&b, 2500);
	assert_false(breaker_may_probe(&b, 4499));	/* twice as long */
	assert_true(breaker_may_probe(&b, 4500));
	breaker_succeeded(&b);
	assert_false(b.open);
}

static void breaker_waits_have_an_end(void **state)
{
	struct breaker b = { 0 };
	int64_t now = 0;

	for (int i = 0; i < 40; i++) {
		breaker_failed(&b, now);
		now = b.probe_at_ms;
		assert_true(breaker_may_probe(&b, now));
	}
	assert_int_equal(b.wait_ms, BREAKER_WAIT_MAX_MS);
	/* questions that fail while it is open do not make it longer */
	breaker_failed(&b, now);
	breaker_failed(&b, now);
	assert_int_equal(b.probe_at_ms, now + BREAKER_WAIT_MAX_MS);
}

static void note(void *arg, const char *name, const char *dn)
{
	buf_printf(arg, "%s=%s ", name, dn);
}

static void groups_are_remembered_for_their_time(void **state)
{
	OWNED(group_cache_free) struct group_cache *cache = group_cache_new(1000);
	OWNED(buf_done) struct buf seen = { 0 };
	struct pool_group parents[] = { { "A", "cn=a" }, { "B", "cn=b" } };

	assert_false(group_cache_parents(cache, "cn=x", 0, note, &seen));
	group_cache_put(cache, "cn=X", parents, 2, 0);
	group_cache_put(cache, "cn=none", NULL, 0, 0);
	assert_true(group_cache_parents(cache, "CN=x", 999, note, &seen));
	assert_string_equal(buf_text(&seen), "A=cn=a B=cn=b ");
	assert_true(group_cache_parents(cache, "cn=none", 999, note, &seen));
	assert_false(group_cache_parents(cache, "cn=x", 1000, note, &seen));
}

static void no_more_groups_than_there_is_room_for(void **state)
{
	OWNED(group_cache_free) struct group_cache *cache = group_cache_new(1000);
	OWNED(buf_done) struct buf seen = { 0 };
	char dn[32];

	for (int i = 0; i <= GROUP_CACHE_MAX; i++) {
		snprintf(dn, sizeof(dn), "cn=%d", i);
		group_cache_put(cache, dn, NULL, 0, 0);
	}
	assert_false(group_cache_parents(cache, "cn=0", 1, note, &seen));
	assert_true(group_cache_parents(cache, "cn=1", 1, note, &seen));
	assert_true(group_cache_parents(cache, dn, 1, note, &seen));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(guids_go_both_ways),
		cmocka_unit_test(what_is_no_guid_makes_no_filter),
		cmocka_unit_test(sids_are_text_and_have_siblings),
		cmocka_unit_test(damaged_sids_are_refused),
		cmocka_unit_test(the_longest_sid_fits),
		cmocka_unit_test(breaker_opens_waits_probes_once_and_closes),
		cmocka_unit_test(breaker_waits_have_an_end),
		cmocka_unit_test(groups_are_remembered_for_their_time),
		cmocka_unit_test(no_more_groups_than_there_is_room_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
