/* SPDX-License-Identifier: Apache-2.0 */
/* drill.h - a group of tests of which the first tries what a sandbox refuses. Sanitizers themselves
 * want some of that, so that one is only in a build without them: integration/test_processes.py
 * runs it. */
#ifndef GENKAN_DRILL_H
#define GENKAN_DRILL_H

#include "common/base/cleanup.h"
#include "tests/unit/test.h"

#ifdef GENKAN_SANITIZED
enum { DRILL_FIRST = 1 };
#else
enum { DRILL_FIRST = 0 };
#endif

#define drill_run(tests, setup)                                                                    \
	_cmocka_run_group_tests("tests", (tests) + DRILL_FIRST, ARRAY_LEN(tests) - DRILL_FIRST,    \
				setup, NULL)

#endif
