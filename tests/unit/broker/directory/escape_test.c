/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <errno.h>
#include "broker/directory/directory_query.h"
#include "broker/directory/escape.h"

static const char *escaped(escape_fn *fn, struct span in)
{
	static struct buf out;

	buf_reset(&out);
	fn(in, &out);
	return buf_text(&out);
}

static void filters(void **state)
{
	static const struct {
		struct span in;
		const char *out;
	} cases[] = {
		{ SPAN_LITERAL(""), "" },
		{ SPAN_LITERAL("hanako"), "hanako" },
		{ SPAN_LITERAL("*"), "\\2a" },
		{ SPAN_LITERAL(")(uid=*"), "\\29\\28uid=\\2a" },
		{ SPAN_LITERAL("\\2a"), "\\5c2a" },
		{ SPAN_LITERAL("a\0b"), "a\\00b" },
		{ SPAN_LITERAL("\r\n\x7f"), "\\0d\\0a\\7f" },
		{ SPAN_LITERAL("山田"), "山田" },
		{ SPAN_LITERAL("R. S. O'Neil & Söhne"), "R. S. O'Neil & Söhne" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(escaped(filter_escape, cases[i].in), cases[i].out);
}

/* RFC 4514 4 has these shapes. */
static void names(void **state)
{
	static const struct {
		struct span in;
		const char *out;
	} cases[] = {
		{ SPAN_LITERAL("James \"Jim\" Smith, III"), "James \\\"Jim\\\" Smith\\, III" },
		{ SPAN_LITERAL("Before\rAfter"), "Before\\0dAfter" },
		{ SPAN_LITERAL("#hash"), "\\#hash" },
		{ SPAN_LITERAL("a#b"), "a#b" },
		{ SPAN_LITERAL(" a b "), "\\ a b\\ " },
		{ SPAN_LITERAL(" "), "\\ " },
		{ SPAN_LITERAL("a,ou=admins"), "a\\,ou\\=admins" },
		{ SPAN_LITERAL("a+b;c<d>e\\f"), "a\\+b\\;c\\<d\\>e\\\\f" },
		{ SPAN_LITERAL("x\0"), "x\\00" },
		{ SPAN_LITERAL("山田"), "山田" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(escaped(dn_escape, cases[i].in), cases[i].out);
}

/* Whatever the value, the filter keeps the shape its pattern has. */
static void no_byte_changes_the_shape(void **state)
{
	for (unsigned a = 0; a < 256; a++) {
		uint8_t bytes[] = { 'x', (uint8_t)a, (uint8_t)(255 - a), 'y' };
		const char *out = escaped(filter_escape, span_of(bytes, sizeof(bytes)));

		assert_null(strpbrk(out, "()*"));
		for (const char *slash = strchr(out, '\\'); slash; slash = strchr(slash + 1, '\\'))
			assert_int_equal(strspn(slash + 1, "0123456789abcdef") >= 2, 1);
	}
}

static void patterns(void **state)
{
	struct template_value values[] = { { "user", "a*" }, { "dn", "cn=x" } };
	OWNED(buf_done) struct buf out = { 0 };
	struct error err = { 0 };

	assert_int_equal(template_expand("(&(uid={user})(m={dn}))", values, 2, filter_escape, &out,
					 &err), 0);
	assert_string_equal(buf_text(&out), "(&(uid=a\\2a)(m=cn=x))");
	buf_reset(&out);
	assert_int_equal(template_expand("uid={user}", values, 1, dn_escape, &out, &err), 0);
	assert_string_equal(buf_text(&out), "uid=a*");
	assert_int_equal(template_expand("{dn}", values, 1, filter_escape, &out, &err), -EINVAL);
	assert_int_equal(template_expand("{user", values, 1, filter_escape, &out, &err), -EINVAL);
	assert_int_equal(template_expand("user}", values, 1, filter_escape, &out, &err), -EINVAL);

	OWNED(buf_done) struct buf small = BUF_LIMIT(4);
	assert_int_equal(template_expand("(uid={user})", values, 1, filter_escape, &small, &err),
			 -EMSGSIZE);
}

static bool usable(struct span password)
{
	struct secret secret = { 0 };

	assert_int_equal(secret_set(&secret, password), 0);
	return directory_password_usable(&secret);
}

static void passwords_that_are_none(void **state)
{
	assert_false(usable(SPAN_LITERAL("")));
	assert_false(usable(SPAN_LITERAL(" ")));
	assert_false(usable(SPAN_LITERAL("\t \r\n\v\f")));
	assert_false(usable(SPAN_LITERAL("\0")));
	assert_false(usable(SPAN_LITERAL("secret\0")));
	assert_true(usable(SPAN_LITERAL(" x ")));
	assert_true(usable(SPAN_LITERAL("ひみつ")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(filters),
		cmocka_unit_test(names),
		cmocka_unit_test(no_byte_changes_the_shape),
		cmocka_unit_test(patterns),
		cmocka_unit_test(passwords_that_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
