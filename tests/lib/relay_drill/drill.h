/* SPDX-License-Identifier: Apache-2.0 */
/* drill.h - what a session process that was taken over would try, for the tests only: built into a
 * genkan-relay-sessions of its own, next to the one that is shipped, and never installed.
 *
 * A connection whose first TPKT holds "DRILL FLAGS ATTEMPT ARGUMENT\n" is not a session: the process
 * makes the attempt, tells what came of it as an event ("refused", "pdu", "drill ATTEMPT", errno), and
 * ends. FLAGS is "+" for the whole sandbox, "-" for what is left of it without the filter of system
 * calls. Any other connection is served as always. */
#ifndef GENKAN_TESTS_RELAY_DRILL_H
#define GENKAN_TESTS_RELAY_DRILL_H

#include <stdbool.h>

/* In the new process, before its sandbox: waits for the first bytes. */
bool drill_unfiltered(int client);
/* In the session process, inside its sandbox. Returns when this is a session. */
void drill_run(int client, int parent);

#endif
