/* SPDX-License-Identifier: Apache-2.0 */
/* reconnect.h - what the bearer of a login token may ask: list, connect, who am I, log out.
 *
 * Each first finds the login in the store. List and connect then ask the directory - a search, no
 * bind - whether the person is still there and in which groups. When no directory server answers,
 * people still reach the desktops they already have, and nothing new.
 *
 * A connect may wait (wait_ms, seen): it is held here and looked at again when the conductor says
 * that something changed on the desktop's host. */
#ifndef GENKAN_SESSION_RECONNECT_H
#define GENKAN_SESSION_RECONNECT_H

#include "broker/api/request.h"

void reconnect_list(struct request *r);
void reconnect_connect(struct request *r);
/* GET /v1/desktops/{id}/rdp: a signed .rdp file for a standard client. */
void reconnect_rdp_file(struct request *r);
void reconnect_whoami(struct request *r);
void reconnect_logout(struct request *r);

#endif
