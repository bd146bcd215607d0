/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/relay/admission.h"

#include <assert.h>
#include <string.h>
#include <uthash.h>
#include "common/base/cleanup.h"

struct source_count {
	struct source source;	/* the key */
	size_t count;
	UT_hash_handle hh;
};

struct admission {
	size_t max_total, max_per_source, max_waiting;
	size_t total, waiting;
	struct source_count *sources;	/* only those with a connection: at most `total` */
};

struct admission *admission_new(size_t max_total, size_t max_per_source, size_t max_waiting)
{
	struct admission *a = xnew(struct admission);

	a->max_total = max_total;
	a->max_per_source = max_per_source;
	a->max_waiting = max_waiting;
	return a;
}

void admission_free(struct admission *a)
{
	struct source_count *each, *next;

	if (!a)
		return;
	HASH_ITER(hh, a->sources, each, next) {
		HASH_DEL(a->sources, each);
		free(each);
	}
	free(a);
}

struct source source_of_ipv4(const uint8_t address[4])
{
	struct source s = { { [10] = 0xff, [11] = 0xff } };	/* ::ffff:0:0/96 */

	memcpy(s.bytes + 12, address, 4);
	return s;
}

struct source source_of_ipv6(const uint8_t address[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct source s = { { 0 } };

	if (memcmp(address, mapped, sizeof(mapped)) == 0)
		return source_of_ipv4(address + 12);
	memcpy(s.bytes, address, 8);
	return s;
}

static struct source_count *find(const struct admission *a, const struct source *from)
{
	struct source_count *found;

	HASH_FIND(hh, a->sources, from, sizeof(*from), found);
	return found;
}

enum admission_verdict admission_enter(struct admission *a, struct source from)
{
	struct source_count *s = find(a, &from);

	if (a->total >= a->max_total)
		return REFUSE_TOTAL;
	if (s && s->count >= a->max_per_source)
		return REFUSE_SOURCE;
	if (a->waiting >= a->max_waiting)
		return REFUSE_WAITING;
	if (!s) {
		s = xnew(struct source_count);
		s->source = from;
		HASH_ADD(hh, a->sources, source, sizeof(s->source), s);
	}
	s->count++;
	a->total++;
	a->waiting++;
	return ADMIT;
}

void admission_proven(struct admission *a)
{
	assert(a->waiting > 0);
	a->waiting--;
}

void admission_leave(struct admission *a, struct source from, bool waiting)
{
	struct source_count *s = find(a, &from);

	assert(s && s->count > 0 && a->total > 0);
	a->total--;
	if (waiting)
		admission_proven(a);
	if (--s->count == 0) {
		HASH_DEL(a->sources, s);
		free(s);
	}
}

size_t admission_total(const struct admission *a)
{
	return a->total;
}

size_t admission_waiting(const struct admission *a)
{
	return a->waiting;
}

const char *admission_name(enum admission_verdict verdict)
{
	switch (verdict) {
	case ADMIT:
		return "admitted";
	case REFUSE_TOTAL:
		return "too_many_connections";
	case REFUSE_SOURCE:
		return "too_many_from_source";
	case REFUSE_WAITING:
		return "too_many_without_ticket";
	}
	return "";
}
