/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>
#include "hostagent/sync.h"
#include "hostagent/sync_message.h"

#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define KEY "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define DESKTOP                                                                                    \
	"{\"id\":\"00c0ffee00c0ffee\",\"epoch\":3,\"incarnation\":4,\"name\":\"gold-001\",\"image_sha256\":\"" HASH      \
	"\",\"cpus\":2,\"memory_bytes\":1073741824,\"want\":\"running\"}"
#define IMAGE "{\"name\":\"debian\",\"sha256\":\"" HASH "\",\"size_bytes\":5}"
#define ANSWER(images, desktops)                                                                   \
	"{\"generation\":9,\"images\":[" images "],\"desktops\":[" desktops                         \
	"],\"guest_public_key\":\"" KEY "\"}"

static int parse(const char *text, struct sync_answer *out, struct error *err)
{
	OWNED(json_decref) json_t *body = NULL;

	assert_int_equal(json_object_parse(span_text(text), &body, err), 0);
	return sync_answer_parse(body, out, err);
}

static void answers_become_values(void **state)
{
	OWNED(sync_answer_done) struct sync_answer answer = { 0 };
	struct error err;

	assert_int_equal(parse(ANSWER(IMAGE, DESKTOP), &answer, &err), 0);
	assert_int_equal(answer.generation, 9);
	assert_int_equal(answer.image_count, 1);
	assert_string_equal(answer.images[0].sha256, HASH);
	assert_int_equal(answer.desktop_count, 1);
	assert_string_equal(answer.desktops[0].spec.name, "gold-001");
	assert_int_equal(answer.desktops[0].spec.epoch, 3);
	assert_int_equal(answer.desktops[0].spec.incarnation, 4);
	assert_true(answer.desktops[0].running);
	assert_int_equal(answer.guest_key[31], 31);
}

#define WITH_ORDERS(orders)                                                                        \
	"{\"generation\":9,\"images\":[],\"desktops\":[],\"orders\":[" orders                      \
	"],\"guest_public_key\":\"" KEY "\"}"

static void orders_are_read(void **state)
{
	static const char *const bad[] = {
		WITH_ORDERS("{\"desktop\":\"nobody\",\"log_off_stay\":3}"),
		WITH_ORDERS("{\"desktop\":\"00c0ffee00c0ffee\"}"),
		WITH_ORDERS("{\"desktop\":\"00c0ffee00c0ffee\",\"notice\":0,\"text\":\"\"}"),
		WITH_ORDERS("{\"desktop\":\"00c0ffee00c0ffee\",\"notice\":1}"),
	};
	OWNED(sync_answer_done) struct sync_answer answer = { 0 };
	struct error err;

	assert_int_equal(parse(WITH_ORDERS("{\"desktop\":\"00c0ffee00c0ffee\",\"log_off_stay\":3},"
					   "{\"desktop\":\"00c0ffee00c0ffee\",\"notice\":7,"
					   "\"text\":\"昼\"}"), &answer, &err), 0);
	assert_int_equal(answer.order_count, 2);
	assert_int_equal(answer.orders[0].log_off_stay, 3);
	assert_int_equal(answer.orders[1].notice.seq, 7);
	assert_string_equal(answer.orders[1].notice.text, "昼");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct sync_answer refused = { 0 };

		assert_int_equal(parse(bad[i], &refused, &err), -EINVAL);
	}
}

#define WITH_NEEDLESS(list)                                                                        \
	"{\"generation\":9,\"images\":[],\"desktops\":[],\"images_needless\":" list                \
	",\"guest_public_key\":\"" KEY "\"}"

static void images_that_can_go_are_read(void **state)
{
	static const char *const bad[] = { WITH_NEEDLESS("[7]"), WITH_NEEDLESS("[\"../etc\"]"),
					   WITH_NEEDLESS("{}") };
	OWNED(sync_answer_done) struct sync_answer answer = { 0 };
	struct error err;

	assert_int_equal(parse(WITH_NEEDLESS("[\"" HASH "\"]"), &answer, &err), 0);
	assert_int_equal(answer.needless_count, 1);
	assert_string_equal(answer.needless[0], HASH);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct sync_answer refused = { 0 };

		assert_int_equal(parse(bad[i], &refused, &err), -EINVAL);
	}
}

static void empty_answers_are_answers(void **state)
{
	OWNED(sync_answer_done) struct sync_answer answer = { 0 };
	struct error err;

	assert_int_equal(parse(ANSWER("", ""), &answer, &err), 0);
	assert_int_equal(answer.desktop_count, 0);
}

/* One bad element: nothing may be concluded from the rest, least of all what is not wanted. */
static void one_bad_element_spoils_the_answer(void **state)
{
	static const char *const bad[] = {
		"{}",
		ANSWER("", DESKTOP "," DESKTOP),
		ANSWER("", DESKTOP ",{}"),
		ANSWER("", DESKTOP ",7"),
		ANSWER("{\"sha256\":\"xyz\"}", DESKTOP),
		"{\"generation\":9,\"images\":[],\"desktops\":[],\"guest_public_key\":\"AAAA\"}",
		"{\"generation\":-1,\"images\":[],\"desktops\":[],\"guest_public_key\":\"" KEY "\"}",
		"{\"generation\":9,\"images\":[],\"guest_public_key\":\"" KEY "\"}",
		"{\"generation\":9,\"images\":[],\"desktops\":{},\"guest_public_key\":\"" KEY "\"}",
	};
	struct sync_answer answer = { .generation = 77 };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct error err = { 0 };

		assert_int_equal(parse(bad[i], &answer, &err), -EINVAL);
		assert_true(err.text[0]);
		assert_int_equal(answer.generation, 77);
	}
}

static void the_pause_grows_within_its_bounds(void **state)
{
	assert_int_equal(sync_backoff_ms(1, 0), 125);
	assert_int_equal(sync_backoff_ms(1, 125), 250);
	for (unsigned failures = 1; failures < 100; failures++) {
		int64_t pause_ms = sync_backoff_ms(failures, failures * 2654435761u);

		assert_true(pause_ms >= 125 && pause_ms <= 15000);
	}
	assert_true(sync_backoff_ms(50, 0) == 7500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_become_values),
		cmocka_unit_test(orders_are_read),
		cmocka_unit_test(images_that_can_go_are_read),
		cmocka_unit_test(empty_answers_are_answers),
		cmocka_unit_test(one_bad_element_spoils_the_answer),
		cmocka_unit_test(the_pause_grows_within_its_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
