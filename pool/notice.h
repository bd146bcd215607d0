/* SPDX-License-Identifier: Apache-2.0 */
/* notice.h - which refusals a user is told of, and in which words. Pure. */
#ifndef GENKAN_POOL_NOTICE_H
#define GENKAN_POOL_NOTICE_H

#include <stdint.h>

/* After that it is no news any more. */
#define NOTICE_REFUSED_MS 120000

/* The kind of what was refused, by the words of the agent link: "storage", "usb", "printer", "port",
 * "smart_card", "devices", "clipboard_files", "tunnel"; NULL for what people did not ask for themselves:
 * clients and desktops try many channels on their own. */
const char *notice_kind(const char *what, const char *name);
/* The same is told once in this time. */
int64_t notice_repeat_ms(const char *kind);
/* Japanese and English, for a window in the desktop. `kind` is one of the above. */
const char *notice_text(const char *kind);

#endif
