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
		cmocka_unit_test(settings_are_filled_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
