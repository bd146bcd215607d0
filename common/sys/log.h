/* SPDX-License-Identifier: Apache-2.0 */
/* log.h - one line an event: fixed words, typed and escaped values (logfmt on stderr).
 *
 *	log_info("vm_started", kv_str("vm", vm->name), kv_int("pid", pid));
 *
 * Any thread. Values may hold anything: they are quoted and escaped in one place. Secrets and PDU
 * payloads are never given to it. */
#ifndef GENKAN_SYS_LOG_H
#define GENKAN_SYS_LOG_H

#include <stdint.h>
#include "common/base/error.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

struct kv {
	const char *key;	/* NULL ends the list */
	const char *text;	/* NULL: the number counts */
	int64_t number;
};

static inline struct kv kv_str(const char *key, const char *text)
{
	return (struct kv){ key, text ? text : "-", 0 };
}

static inline struct kv kv_int(const char *key, int64_t number)
{
	return (struct kv){ key, NULL, number };
}

static inline struct kv kv_error(const struct error *err)
{
	return (struct kv){ "error", err->text, 0 };
}

void log_set_level(enum log_level least);
/* Parses debug, info, warn, error; -EINVAL otherwise. */
int log_level_parse(const char *text, enum log_level *out);
void log_event(enum log_level level, const char *event, const struct kv *pairs);

#define LOG_PAIRS(...) ((const struct kv[]){ __VA_ARGS__ __VA_OPT__(, ) { 0 } })
#define log_debug(event, ...) log_event(LOG_LEVEL_DEBUG, event, LOG_PAIRS(__VA_ARGS__))
#define log_info(event, ...) log_event(LOG_LEVEL_INFO, event, LOG_PAIRS(__VA_ARGS__))
#define log_warn(event, ...) log_event(LOG_LEVEL_WARN, event, LOG_PAIRS(__VA_ARGS__))
#define log_error(event, ...) log_event(LOG_LEVEL_ERROR, event, LOG_PAIRS(__VA_ARGS__))

#endif
