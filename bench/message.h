/* SPDX-License-Identifier: Apache-2.0 */
/* message.h - just enough of HTTP/1.1 for the benchmark's own ends of a connection. */
#ifndef GENKAN_BENCH_MESSAGE_H
#define GENKAN_BENCH_MESSAGE_H

#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MESSAGE_MAX 16384

/* Bytes of the whole message in `text`, 0 while the header is not complete. */
static inline size_t message_length(const char *text)
{
	const char *end = strstr(text, "\r\n\r\n");
	const char *field = strcasestr(text, "\r\nContent-Length:");

	if (!end)
		return 0;
	size_t header = (size_t)(end - text) + 4;
	return header + (field && field < end ? strtoul(field + 17, NULL, 10) : 0);
}

/* Reads one message with its body, NUL-terminated; false when the peer left before its end. */
static inline int message_read(SSL *ssl, char text[MESSAGE_MAX])
{
	size_t len = 0, whole = 0;

	while (!whole || len < whole) {
		int n = SSL_read(ssl, text + len, (int)(MESSAGE_MAX - 1 - len));

		if (n <= 0)
			return 0;
		len += (size_t)n;
		text[len] = '\0';
		whole = message_length(text);
		if (whole >= MESSAGE_MAX)
			return 0;
	}
	return 1;
}

#endif
