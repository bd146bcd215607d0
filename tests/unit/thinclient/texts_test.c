/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"
#include <stdlib.h>
#include <string.h>
#include "common/base/cleanup.h"
#include "thinclient/texts.h"

static void every_text_exists_in_both_languages(void **state)
{
	for (int id = 0; id < STRINGS; id++)
		for (int language = 0; language < LANGUAGES; language++) {
			const char *text = texts_get((enum language)language, (enum string_id)id);

			if (!text || !*text)
				fail_msg("text %d has no language %d", id, language);
		}
}

/* The broker's codes that a person can meet when signing in. */
static void codes_of_the_login_have_their_own_sentence(void **state)
{
	static const char *const codes[] = { "wrong_credentials", "throttled", "not_entitled",
		"directory_unreachable", "account_disabled", "no_host", "pool_full",
		"desktop_failed", "session_expired", "busy", "ticket_invalid" };
	const char *general = texts_reason(LANGUAGE_EN, "no such code");

	assert_non_null(general);
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		assert_string_not_equal(texts_reason(LANGUAGE_EN, codes[i]), general);
		assert_string_not_equal(texts_reason(LANGUAGE_JA, codes[i]),
					texts_reason(LANGUAGE_EN, codes[i]));
	}
}

static void the_environment_chooses_the_language(void **state)
{
	unsetenv("LC_ALL");
	unsetenv("LC_MESSAGES");
	setenv("LANG", "ja_JP.UTF-8", 1);
	assert_int_equal(texts_language("auto"), LANGUAGE_JA);
	assert_int_equal(texts_language("en"), LANGUAGE_EN);
	setenv("LC_ALL", "C.UTF-8", 1);
	assert_int_equal(texts_language("auto"), LANGUAGE_EN);
	assert_int_equal(texts_language("ja"), LANGUAGE_JA);
}

static void places_and_times_are_told(void **state)
{
	char text[128];

	texts_progress(LANGUAGE_EN, "booting", 0, text, sizeof(text));
	assert_string_equal(text, texts_stage(LANGUAGE_EN, "booting"));
	texts_progress(LANGUAGE_EN, "waiting", 12, text, sizeof(text));
	assert_string_equal(text, "Waiting for a place: number 12 in line");
	texts_progress(LANGUAGE_JA, "waiting", 12, text, sizeof(text));
	assert_non_null(strstr(text, "12"));
	texts_estimate(LANGUAGE_EN, 40, 0, 5000, text, sizeof(text));
	assert_string_equal(text, "40 %");
	texts_estimate(LANGUAGE_EN, 0, 3, 5001, text, sizeof(text));
	assert_string_equal(text, "about 6 s");
	texts_estimate(LANGUAGE_JA, 0, 3, 61000, text, sizeof(text));
	assert_string_equal(text, "約 2 分");
	texts_estimate(LANGUAGE_EN, 0, 3, -1, text, sizeof(text));
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places_and_times_are_told),
		cmocka_unit_test(every_text_exists_in_both_languages),
		cmocka_unit_test(codes_of_the_login_have_their_own_sentence),
		cmocka_unit_test(the_environment_chooses_the_language),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
