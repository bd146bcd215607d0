/* SPDX-License-Identifier: Apache-2.0 */
/* metrics.h - counters and gauges in Prometheus' text exposition format 0.0.4. A family is made by its
 * first sample; a sample has at most one label. One thread. */
#ifndef GENKAN_DATA_METRICS_H
#define GENKAN_DATA_METRICS_H

#include "common/base/buf.h"

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE };

struct metric {	/* a constant of whoever counts */
	const char *name;	/* "genkan_refusals_total" */
	const char *help;
	enum metric_kind kind;
	const char *label;	/* NULL: none */
};

struct metrics;

struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics);

/* `value`: of the label, NULL without one. At most 64 values are told apart in a family; more count as
 * "other". */
void metrics_add(struct metrics *metrics, const struct metric *metric, const char *value,
		 int64_t amount);
void metrics_set(struct metrics *metrics, const struct metric *metric, const char *value,
		 int64_t amount);

/* Families in the order in which they were made. */
void metrics_write(const struct metrics *metrics, struct buf *out);

#endif
