/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"
#include <stdbool.h>
#include "common/base/cleanup.h"
#include "thinclient/keymap.h"

static void keys_keep_their_place(void **state)
{
	assert_int_equal(keymap_rdp_scancode(SDL_SCANCODE_A), 0x1E);
	assert_int_equal(keymap_rdp_scancode(SDL_SCANCODE_Z), 0x2C);
	assert_int_equal(keymap_rdp_scancode(SDL_SCANCODE_RCTRL), 0x11D);
	assert_int_equal(keymap_rdp_scancode(SDL_SCANCODE_KP_ENTER), 0x11C);
	assert_int_equal(keymap_rdp_scancode(SDL_SCANCODE_UP), 0x148);
	assert_int_equal(keymap_rdp_scancode(SDL_SCANCODE_LGUI), 0x15B);
	assert_int_equal(keymap_rdp_scancode(SDL_SCANCODE_INTERNATIONAL3), 0x7D);
}

static void unknown_keys_are_nothing(void **state)
{
	assert_int_equal(keymap_rdp_scancode(SDL_SCANCODE_UNKNOWN), 0);
	assert_int_equal(keymap_rdp_scancode(SDL_SCANCODE_EJECT), 0);
	assert_int_equal(keymap_rdp_scancode((SDL_Scancode)-1), 0);
	assert_int_equal(keymap_rdp_scancode((SDL_Scancode)100000), 0);
}

static bool is_twin(int key)
{
	static const int twins[] = { SDL_SCANCODE_NONUSHASH, SDL_SCANCODE_MENU,
				     SDL_SCANCODE_AUDIOMUTE };

	for (size_t i = 0; i < ARRAY_LEN(twins); i++)
		if (key == twins[i])
			return true;
	return false;
}

/* Two keys with one code would make one of them unreachable; the twins are meant. */
static void no_two_keys_share_a_code(void **state)
{
	for (int a = 0; a < SDL_NUM_SCANCODES; a++)
		for (int b = a + 1; b < SDL_NUM_SCANCODES; b++) {
			uint32_t code = keymap_rdp_scancode((SDL_Scancode)a);

			if (code && !is_twin(a) && !is_twin(b) &&
			    code == keymap_rdp_scancode((SDL_Scancode)b))
				fail_msg("SDL keys %d and %d are both 0x%x", a, b, code);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_keep_their_place),
		cmocka_unit_test(unknown_keys_are_nothing),
		cmocka_unit_test(no_two_keys_share_a_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
