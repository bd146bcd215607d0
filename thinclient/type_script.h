/* SPDX-License-Identifier: Apache-2.0 */
/* type_script.h - text as key strokes of a US keyboard. Pure.
 *
 * Characters type themselves; `{ctrl+alt+t}`, `{enter}`, `{tab}`, `{esc}`, `{super}`, `{f1}`...
 * press keys; `{{` types a brace. What a US keyboard does not have goes as Unicode. */
#ifndef GENKAN_THINCLIENT_TYPE_SCRIPT_H
#define GENKAN_THINCLIENT_TYPE_SCRIPT_H

#include <stdbool.h>
#include <stdint.h>
#include "common/base/error.h"

struct key_stroke {
	uint32_t scancode;	/* 0: a Unicode character instead */
	uint16_t unicode;	/* UTF-16 unit */
	bool down;		/* scancode only */
};

/* Calls `put` for each stroke. -EINVAL names the part that is not understood, before any call. */
typedef void type_put_fn(void *arg, struct key_stroke stroke);
int type_script_run(const char *text, type_put_fn *put, void *arg, struct error *err) MUST_CHECK;

#endif
