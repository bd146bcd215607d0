/* SPDX-License-Identifier: Apache-2.0 */
/* escape.h - the only way text from outside gets into an LDAP filter or a DN. Pure. */
#ifndef GENKAN_DIRECTORY_ESCAPE_H
#define GENKAN_DIRECTORY_ESCAPE_H

#include "common/base/buf.h"
#include "common/base/error.h"

/* RFC 4515 3: `*`, `(`, `)`, `\`, NUL and other control characters become \xx. */
void filter_escape(struct span value, struct buf *out);
/* RFC 4514 2.4: one attribute value inside a DN. */
void dn_escape(struct span value, struct buf *out);

struct template_value {
	const char *name;	/* without braces */
	const char *text;
};
typedef void escape_fn(struct span value, struct buf *out);

/* Appends `pattern` with each {name} replaced by its escaped value. A name without a value, or a
 * brace without its partner, is -EINVAL. */
int template_expand(const char *pattern, const struct template_value *values, size_t count,
		    escape_fn *escape, struct buf *out, struct error *err) MUST_CHECK;

#endif
