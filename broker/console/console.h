/* SPDX-License-Identifier: Apache-2.0 */
/* console.h - the web console: its files, which are part of the program, and its login. */
#ifndef GENKAN_CONSOLE_CONSOLE_H
#define GENKAN_CONSOLE_CONSOLE_H

#include "broker/api/request.h"

struct console_file {
	const char *path; /* "/console/app.js" */
	const char *type;
	const char *etag; /* with its quotation marks */
	const unsigned char *bytes;
	size_t len;
};
/* Made by broker/console/embed from broker/console/files. */
extern const struct console_file console_files[];
extern const size_t console_file_count;

/* Answers what is a page or a file of the console; false: it is none, nothing was done. */
bool console_serve(const struct broker_config *config, struct http_exchange *x);

/* POST, GET and DELETE /v1/console/session, and POST /v1/console/session/second-factor */
void console_login(struct request *r);
void console_second_factor(struct request *r);
void console_whoami(struct request *r);
void console_logout(struct request *r);

#endif
