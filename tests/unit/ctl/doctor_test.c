/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/timex.h>
#include "ctl/doctor.h"
#include "ctl/setup.h"

#define GIB (INT64_C(1) << 30)

static void days_and_disks_are_judged(void **state)
{
	assert_int_equal(doctor_judge_days(31), FINDING_OK);
	assert_int_equal(doctor_judge_days(30), FINDING_OK);
	assert_int_equal(doctor_judge_days(29), FINDING_WARN);
	assert_int_equal(doctor_judge_days(7), FINDING_WARN);
	assert_int_equal(doctor_judge_days(6), FINDING_BAD);
	assert_int_equal(doctor_judge_days(-1), FINDING_BAD);
	assert_int_equal(doctor_judge_disk(GIB - 1, 10 * GIB), FINDING_BAD);
	assert_int_equal(doctor_judge_disk(4 * GIB, 10 * GIB), FINDING_WARN);
	assert_int_equal(doctor_judge_disk(40 * GIB, 1000 * GIB), FINDING_WARN);
	assert_int_equal(doctor_judge_disk(60 * GIB, 1000 * GIB), FINDING_OK);
}

static void versions_are_ordered(void **state)
{
	static const char *const order[] = { "1:7.2", "1:8.2~rc1", "1:8.2", "1:8.2+dfsg-1~bpo12+1",
					     "1:10.0.2" };

	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		for (size_t j = 0; j < ARRAY_LEN(order); j++) {
			int expected = i < j ? -1 : i > j;

			if (doctor_compare_versions(order[i], order[j]) != expected)
				fail_msg("%s and %s", order[i], order[j]);
		}
	assert_int_equal(doctor_compare_versions("3.0.15-1~deb12u1", "3.0.15"), 1);
	assert_int_equal(doctor_compare_versions("3.0.9-1", "3.0.15"), -1);
}

/* The worst level of one check, or -1 when it says nothing. */
static int processor(const char *flags, const char *second, const char *nested, const char *check)
{
	OWNED(findings_done) struct findings f = { 0 };
	int worst = -1;

	doctor_judge_processor(&f, flags, second, nested);
	for (size_t i = 0; i < f.count; i++) {
		assert_true(f.items[i].level == FINDING_OK || *f.items[i].mend);
		if (strcmp(f.items[i].check, check) == 0 && (int)f.items[i].level > worst)
			worst = (int)f.items[i].level;
	}
	return worst;
}

static void processors_are_judged(void **state)
{
	assert_int_equal(processor("flags : fpu vmx ept", "Y", "N", "virtualization"), FINDING_OK);
	assert_int_equal(processor("flags : fpu svm npt", "1", "0", "virtualization"), FINDING_OK);
	assert_int_equal(processor("flags : fpu svm npt", "", "", "virtualization"), FINDING_OK);
	assert_int_equal(processor("flags : fpu", "Y", "N", "virtualization"), FINDING_BAD);
	assert_int_equal(processor("flags : fpu svml vmxx", "", "", "virtualization"), FINDING_BAD);
	assert_int_equal(processor("flags : vmx", "", "", "virtualization"), FINDING_BAD);
	assert_int_equal(processor("flags : vmx ept", "N", "N", "virtualization"), FINDING_BAD);
	assert_int_equal(processor("flags : vmx ept", "Y", "N", "nested"), -1);
	assert_int_equal(processor("flags : vmx ept", "Y", "Y", "nested"), FINDING_WARN);
	assert_int_equal(processor("flags : vmx ept hypervisor", "Y", "N", "nested"), FINDING_WARN);
}

/* The level of the one finding there is, which says how to mend it unless all is well. */
static int only_level(const struct findings *f)
{
	assert_int_equal(f->count, 1);
	assert_true(f->items[0].level == FINDING_OK || *f->items[0].mend);
	return (int)f->items[0].level;
}

static int clock_of(int state, int status)
{
	OWNED(findings_done) struct findings f = { 0 };

	doctor_judge_clock(&f, state, status, 12000);
	return only_level(&f);
}

static int huge_pages_of(const char *mode)
{
	OWNED(findings_done) struct findings f = { 0 };

	doctor_judge_huge_pages(&f, mode);
	return only_level(&f);
}

static void clocks_and_huge_pages_are_judged(void **state)
{
	assert_int_equal(clock_of(TIME_OK, 0), FINDING_OK);
	assert_int_equal(clock_of(TIME_ERROR, 0), FINDING_WARN);
	assert_int_equal(clock_of(TIME_OK, STA_UNSYNC), FINDING_WARN);
	assert_int_equal(clock_of(-EPERM, 0), FINDING_WARN);
	assert_int_equal(huge_pages_of("always [madvise] never"), FINDING_OK);
	assert_int_equal(huge_pages_of("[always] madvise never"), FINDING_OK);
	assert_int_equal(huge_pages_of("always madvise [never]"), FINDING_WARN);
	assert_int_equal(huge_pages_of(""), FINDING_WARN);
}

/* A chain of inet filter with these statements, each a rule, as nft tells it; port 3389. */
static bool shut(const char *policy, const char *rules, const char *others)
{
	OWNED(buf_done) struct buf nft = { 0 };
	char chain[128] = "";

	buf_printf(&nft,
		   "{\"nftables\":[{\"metainfo\":{}},{\"chain\":{\"family\":\"inet\",\"table\":"
		   "\"filter\",\"name\":\"input\",\"type\":\"filter\",\"hook\":\"input\","
		   "\"policy\":\"%s\"}},{\"rule\":{\"family\":\"inet\",\"table\":\"filter\","
		   "\"chain\":\"input\",\"expr\":[%s]}},{\"rule\":{\"family\":\"inet\",\"table\":"
		   "\"filter\",\"chain\":\"x\",\"expr\":[%s]}}]}",
		   policy, rules, others);
	OWNED(json_decref) json_t *parsed = json_loads(buf_text(&nft), 0, NULL);

	assert_non_null(parsed);
	bool found = doctor_firewall_shuts(parsed, 3389, chain);
	assert_string_equal(chain, found ? "inet filter input" : "");
	return found;
}

#define PORT(op, value) \
	"{\"match\":{\"op\":\"" op "\",\"left\":{\"payload\":{\"protocol\":\"tcp\"," \
	"\"field\":\"dport\"}},\"right\":" value "}}"
#define META(key, value) \
	"{\"match\":{\"op\":\"==\",\"left\":{\"meta\":{\"key\":\"" key "\"}},\"right\":" value "}}"
#define STATE(value) \
	"{\"match\":{\"op\":\"in\",\"left\":{\"ct\":{\"key\":\"state\"}},\"right\":" value "}}"
#define FROM_OFFICE \
	"{\"match\":{\"op\":\"==\",\"left\":{\"payload\":{\"protocol\":\"ip\",\"field\":" \
	"\"saddr\"}},\"right\":{\"prefix\":{\"addr\":\"10.0.0.0\",\"len\":8}}}}"
#define LET "{\"counter\":{}},{\"accept\":null}"
#define SHUT "{\"log\":null},{\"drop\":null}"

static void what_nobody_passes_is_shut(void **state)
{
	assert_true(shut("drop", "", ""));
	assert_true(shut("drop", PORT("==", "22") "," LET, ""));
	assert_true(shut("drop", META("iif", "\"lo\"") "," LET, ""));
	assert_true(shut("drop", STATE("[\"established\",\"related\"]") "," LET, ""));
	assert_true(shut("drop", META("l4proto", "{\"set\":[\"icmp\",\"udp\"]}") "," LET, ""));
	assert_true(shut("drop", PORT("==", "{\"set\":[22,{\"range\":[8000,8443]}]}") "," LET, ""));
	assert_true(shut("accept", PORT("==", "3389") "," SHUT, ""));
	assert_true(shut("accept", PORT("!=", "22") ",{\"reject\":null}", ""));
	assert_true(shut("accept", "{\"jump\":{\"target\":\"x\"}}", SHUT));
	assert_true(shut("drop", "{\"goto\":{\"target\":\"x\"}}", PORT("==", "22") "," LET));
	assert_true(shut("drop",
			 "{\"vmap\":{\"key\":{\"ct\":{\"key\":\"state\"}},\"data\":{\"set\":"
			 "[[\"established\",{\"accept\":null}],[\"invalid\",{\"drop\":null}]]}}}",
			 ""));
}

static void what_somebody_may_pass_is_not_shut(void **state)
{
	assert_false(shut("accept", "", ""));
	assert_false(shut("drop", PORT("==", "3389") "," LET, ""));
	assert_false(shut("drop", PORT("==", "{\"set\":[22,{\"range\":[3000,3400]}]}") "," LET, ""));
	assert_false(shut("drop", PORT("==", "\"@doors\"") "," LET, ""));
	assert_false(shut("drop", FROM_OFFICE "," PORT("==", "3389") "," LET, ""));
	assert_false(shut("drop", STATE("[\"established\",\"new\"]") "," LET, ""));
	assert_false(shut("drop", PORT("==", "3389") ",{\"limit\":{}}," LET, ""));
	assert_false(shut("drop", META("iifname", "\"eth0\"") ",{\"jump\":{\"target\":\"x\"}}", LET));
	assert_false(shut("accept", FROM_OFFICE "," SHUT, ""));
	assert_false(shut("accept", META("iifname", "\"genkan0\"") "," SHUT, ""));
	assert_false(shut("accept", "{\"jump\":{\"target\":\"input\"}}", ""));
	assert_false(shut("drop",
			  "{\"vmap\":{\"key\":{\"payload\":{\"protocol\":\"tcp\",\"field\":"
			  "\"dport\"}},\"data\":{\"set\":[[22,{\"drop\":null}],[3389,{\"jump\":"
			  "{\"target\":\"x\"}}]]}}}",
			  LET));
}

static void settings_are_filled_in(void **state)
{
	static const struct setup_value values[] = {
		{ "name", "host-2" },
		{ "names", "a b" },
		{ "kept", NULL },
		{ "new", "1" },
	};
	OWNED(buf_done) struct buf out = { 0 };

	setup_fill_in(span_text("; the name = of it\n[x]\nname = host-1\n; names = none\nkept = 7\n"
				"name = twice"),
		      values, ARRAY_LEN(values), &out);
	assert_string_equal(buf_text(&out),
			    "; the name = of it\n[x]\nname = host-2\nnames = a b\nkept = 7\n"
			    "name = twice\nnew = 1\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(days_and_disks_are_judged),
		cmocka_unit_test(versions_are_ordered),
		cmocka_unit_test(processors_are_judged),
		cmocka_unit_test(clocks_and_huge_pages_are_judged),
		cmocka_unit_test(what_nobody_passes_is_shut),
		cmocka_unit_test(what_somebody_may_pass_is_not_shut),
		cmocka_unit_test(settings_are_filled_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
