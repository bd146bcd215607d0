/* SPDX-License-Identifier: Apache-2.0 */
/* fault.h - places where a test kills the program, or has a call fail. Only in builds with sanitizers,
 * which nobody installs: elsewhere a point is nothing at all.
 *
 * GENKAN_FAULT=NAME:N ends the process with SIGKILL when it comes to the point NAME for the Nth time,
 * as a crash or a lost machine would; with GENKAN_FAULT_LOG=FILE each point that is passed is a line
 * there, so that a test knows what there is to kill. GENKAN_FAIL=NAME:N has the Nth call of NAME fail
 * and the program go on. */
#ifndef GENKAN_SYS_FAULT_H
#define GENKAN_SYS_FAULT_H

#include <stdbool.h>

#ifdef GENKAN_SANITIZED
void fault_point(const char *name);
bool fault_fails(const char *name);
#define FAULT_POINT(name) fault_point(name)
#define FAULT_FAILS(name) fault_fails(name)
#else
#define FAULT_POINT(name) ((void)0)
#define FAULT_FAILS(name) false
#endif

#endif
