/* SPDX-License-Identifier: Apache-2.0 */
/* cleanup.h - scope-bound ownership.
 *
 *	OWNED(image_free) struct image *img = image_new();
 *	...
 *	*out = STEAL(img);
 *
 * OWNED calls the function with the pointer when the scope ends. The function must accept NULL. */
#ifndef GENKAN_BASE_CLEANUP_H
#define GENKAN_BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

/* DEFINE_OWNED makes `free_fn` usable with OWNED; put it once, after the function's declaration. */
#define DEFINE_OWNED(free_fn, type)                                                                \
	static inline void owned_##free_fn(type **slot)                                            \
	{                                                                                          \
		if (*slot)                                                                         \
			free_fn(*slot);                                                            \
	}                                                                                          \
	struct owned_##free_fn##_needs_semicolon

/* The same for objects embedded in the frame: the function takes their address. */
#define DEFINE_OWNED_VALUE(done_fn, type)                                                          \
	static inline void owned_##done_fn(type *slot)                                             \
	{                                                                                          \
		done_fn(slot);                                                                     \
	}                                                                                          \
	struct owned_##done_fn##_needs_semicolon

#define OWNED(fn) __attribute__((cleanup(owned_##fn)))
#define STEAL(ptr)                                                                                 \
	({                                                                                         \
		__typeof__(ptr) stolen_ = (ptr);                                                   \
		(ptr) = NULL;                                                                      \
		stolen_;                                                                           \
	})

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))

static inline void owned_free(void *slot)
{
	free(*(void **)slot);
}

/* OWNED_FD int fd = open(...): closed at the end of the scope when >= 0. */
static inline void owned_fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
#define OWNED_FD __attribute__((cleanup(owned_fd_close)))

static inline int steal_fd(int *fd)
{
	int stolen = *fd;

	*fd = -1;
	return stolen;
}

/* Zeroed memory or abort: for sizes that we choose. Sizes that a peer chooses go to try_alloc. */
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *old, size_t size);
char *xstrdup(const char *text);
#define xnew(type) ((type *)xcalloc(1, sizeof(type)))

/* Zeroed memory, or NULL when there is none or `size` is larger than `limit`. */
void *try_alloc(size_t size, size_t limit);

#endif
