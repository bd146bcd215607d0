/* SPDX-License-Identifier: Apache-2.0 */
/* rdp_test.h - what the tests of the RDP parsers share. */
#ifndef GENKAN_TESTS_UNIT_RDP_RDP_TEST_H
#define GENKAN_TESTS_UNIT_RDP_RDP_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "hostagent/rdp/framing.h"
#include "tests/unit/rdp/replay.h"

#define BYTES(...) span_of((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

/* Places in both recordings. */
enum {
	REC_X224_REQUEST = 0,
	REC_RDSTLS = 1,
	REC_X224_CONFIRM = 2,
	REC_CONNECT_INITIAL = 3,
	REC_CONNECT_RESPONSE = 4,
};
/* And in the second one. */
enum {
	REC_INFO = 22,
	REC_AUTODETECT = 23,
	REC_LICENSE = 25,
	REC_DEMAND_ACTIVE = 26,
	REC_CONFIRM_ACTIVE = 27,
};

#define REC_SOUND "sound-allowed.rec"
#define REC_DENIED "all-denied.rec"

static inline struct span recording_load(const char *name)
{
	static struct { char name[32]; struct buf bytes; } loaded[2];
	char path[4096];

	for (size_t i = 0; i < 2; i++) {
		if (loaded[i].name[0] && strcmp(loaded[i].name, name) != 0)
			continue;
		if (!loaded[i].name[0]) {
			snprintf(loaded[i].name, sizeof(loaded[i].name), "%s", name);
			snprintf(path, sizeof(path), "%s/%s", RDP_TEST_DATA, name);
			file_load(path, &loaded[i].bytes);
		}
		return buf_span(&loaded[i].bytes);
	}
	abort();
}

static inline struct span recorded(const char *name, size_t n)
{
	struct span bytes = recording_bytes(recording_load(name), n);

	assert_true(bytes.len > 0);
	return bytes;
}

/* The body of a recorded TPKT. */
static inline struct span recorded_body(const char *name, size_t n)
{
	struct frame frame;
	const char *why;
	struct span bytes = recorded(name, n);

	assert_true(frame_parse(bytes, &frame, &why) > 0);
	assert_int_equal(frame.kind, FRAME_TPKT);
	return frame.body;
}

static inline void assert_span_equal(struct span a, struct span b)
{
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.ptr, b.ptr, b.len);
}

static inline void assert_ascii(struct span utf16, const char *text)
{
	assert_int_equal(utf16.len, 2 * strlen(text));
	for (size_t i = 0; i < strlen(text); i++) {
		assert_int_equal(utf16.ptr[2 * i], text[i]);
		assert_int_equal(utf16.ptr[2 * i + 1], 0);
	}
}

/* An exact copy on the heap, so that a sanitizer sees a read past its end. */
static inline uint8_t *exact_copy(struct span bytes, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	memcpy(copy, bytes.ptr, len);
	return copy;
}

/* Every proper prefix of a body is refused, with a reason. */
#define ASSERT_TRUNCATION_REFUSED(bytes, call)                                                     \
	do {                                                                                       \
		struct span all_ = (bytes);                                                        \
		for (size_t len_ = 0; len_ < all_.len; len_++) {                                   \
			uint8_t *copy_ = exact_copy(all_, len_);                                   \
			struct span cut = span_of(copy_, len_);                                    \
			why = NULL;                                                                \
			assert_int_equal((call), -EBADMSG);                                        \
			assert_non_null(why);                                                      \
			free(copy_);                                                               \
		}                                                                                  \
	} while (0)

/* Every proper prefix of a stream element asks for more. */
#define ASSERT_TRUNCATION_WAITS(bytes, call)                                                       \
	do {                                                                                       \
		struct span all_ = (bytes);                                                        \
		for (size_t len_ = 0; len_ < all_.len; len_++) {                                   \
			uint8_t *copy_ = exact_copy(all_, len_);                                   \
			struct span cut = span_of(copy_, len_);                                    \
			assert_int_equal((call), 0);                                               \
			free(copy_);                                                               \
		}                                                                                  \
	} while (0)

#endif
