/* SPDX-License-Identifier: Apache-2.0 */
/* keymap.h - physical keys: SDL scancode to RDP scancode. Pure. */
#ifndef GENKAN_THINCLIENT_KEYMAP_H
#define GENKAN_THINCLIENT_KEYMAP_H

#include <SDL2/SDL_scancode.h>
#include <stdint.h>

/* RDP_SCANCODE_UNKNOWN (0) for keys that a PC keyboard does not have. */
uint32_t keymap_rdp_scancode(SDL_Scancode key);

#endif
