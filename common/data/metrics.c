/* SPDX-License-Identifier: Apache-2.0 */
#include "common/data/metrics.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "common/base/list.h"

#define VALUES_MAX 64
#define VALUE_SIZE 64

struct sample {
	char value[VALUE_SIZE];	/* of the label */
	int64_t amount;
};

struct family {
	struct list link;
	const struct metric *metric;
	struct sample samples[VALUES_MAX];
	size_t count;
};

struct metrics {
	struct list families;
};

struct metrics *metrics_new(void)
{
	struct metrics *metrics = xnew(struct metrics);

	list_init(&metrics->families);
	return metrics;
}

void metrics_free(struct metrics *metrics)
{
	if (!metrics)
		return;
	LIST_EACH_SAFE(it, &metrics->families) {
		struct family *family = LIST_OF(it, struct family, link);

		list_remove(&family->link);
		free(family);
	}
	free(metrics);
}

static struct family *family_of(struct metrics *metrics, const struct metric *metric)
{
	LIST_EACH(it, &metrics->families) {
		struct family *family = LIST_OF(it, struct family, link);

		if (strcmp(family->metric->name, metric->name) == 0)
			return family;
	}
	struct family *family = xnew(struct family);

	family->metric = metric;
	list_append(&metrics->families, &family->link);
	return family;
}

/* The last place takes all values that come after it is full. */
static struct sample *sample_of(struct family *family, const char *value)
{
	const char *wanted = value ? value : "";

	if (strlen(wanted) >= VALUE_SIZE)
		wanted = "other";
	for (size_t i = 0; i < family->count; i++)
		if (strcmp(family->samples[i].value, wanted) == 0)
			return &family->samples[i];
	if (family->count == VALUES_MAX)
		return &family->samples[VALUES_MAX - 1];
	if (family->count == VALUES_MAX - 1)
		wanted = "other";

	struct sample *sample = &family->samples[family->count++];
	memcpy(sample->value, wanted, strlen(wanted) + 1);
	return sample;
}

void metrics_add(struct metrics *metrics, const struct metric *metric, const char *value,
		 int64_t amount)
{
	sample_of(family_of(metrics, metric), value)->amount += amount;
}

void metrics_set(struct metrics *metrics, const struct metric *metric, const char *value,
		 int64_t amount)
{
	sample_of(family_of(metrics, metric), value)->amount = amount;
}

/* Backslash, quote and newline are escaped in label values. */
static void put_value(struct buf *out, const char *value)
{
	for (; *value; value++) {
		if (*value == '\n')
			buf_put_text(out, "\\n");
		else if (*value == '\\' || *value == '"')
			buf_printf(out, "\\%c", *value);
		else
			buf_put_u8(out, (uint8_t)*value);
	}
}

static void put_family(const struct family *family, struct buf *out)
{
	const struct metric *metric = family->metric;

	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help, metric->name,
		   metric->kind == METRIC_COUNTER ? "counter" : "gauge");
	for (size_t i = 0; i < family->count; i++) {
		buf_put_text(out, metric->name);
		if (metric->label) {
			buf_printf(out, "{%s=\"", metric->label);
			put_value(out, family->samples[i].value);
			buf_put_text(out, "\"}");
		}
		buf_printf(out, " %" PRId64 "\n", family->samples[i].amount);
	}
}

void metrics_write(const struct metrics *metrics, struct buf *out)
{
	LIST_EACH(it, (struct list *)&metrics->families)
		put_family(LIST_OF(it, struct family, link), out);
}
