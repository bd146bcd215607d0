/* SPDX-License-Identifier: Apache-2.0 */
/* inspect.h - what of a client's devices is seen inside this desktop, for an administrator who wants
 * proof. The lists are short and their texts printable: they have to fit into one line. */
#ifndef GENKAN_GUEST_INSPECT_H
#define GENKAN_GUEST_INSPECT_H

#include <jansson.h>
#include <stdbool.h>
#include "common/base/buf.h"
#include "common/base/error.h"

#define INSPECT_LIST_MAX 8
#define INSPECT_TEXT_MAX 48

/* Appends a text to a list unless it is full or has it already; what is not printable becomes '?'. */
void inspect_note(json_t *list, struct span text);
/* Mounts of /proc/mounts that are not the desktop's own disk: FUSE, network and removable kinds. */
void inspect_mounts(const char *mounts, json_t *list);
/* Names in chansrv's log lines "Detected remote drive 'usb'". */
void inspect_log(const char *log, json_t *list);

/* All of it; `user` is who is logged on, "" nobody. A new reference. */
json_t *guest_inspect(const char *user);

/* The formats somebody offers in the clipboard of the X display of `user`; false when nobody could be
 * asked. */
bool clipboard_formats(const char *user, json_t *list);

/* A cookie of an .Xauthority file for a display of this machine; -ENOENT: none. */
#define X_COOKIE_LEN 16
int x_cookie_find(struct span file, unsigned display, uint8_t out[X_COOKIE_LEN]) MUST_CHECK;

#endif
