/* SPDX-License-Identifier: Apache-2.0 */
/* genkan-client: the login screen and the desktop. */
#include <jansson.h>
#include <locale.h>
#include <malloc.h>
#include <signal.h>
#include <winpr/wlog.h>
#include "common/base/secret.h"
#include "common/sys/log.h"
#include "thinclient/headless.h"
#include "thinclient/options.h"
#include "thinclient/view.h"

/* Requests hold passwords and answers hold tickets: JSON memory is wiped when it is freed. */
static void wiping_free(void *ptr)
{
	if (ptr)
		memory_wipe(ptr, malloc_usable_size(ptr));
	free(ptr);
}

/* FreeRDP tells a lot, and some of it on standard output. */
static void set_freerdp_log(bool verbose)
{
	wLog *root = WLog_GetRoot();

	WLog_SetLogAppenderType(root, WLOG_APPENDER_CONSOLE);
	WLog_ConfigureAppender(WLog_GetLogAppender(root), "outputstream", (void *)"stderr");
	WLog_SetLogLevel(root, verbose ? WLOG_WARN : WLOG_OFF);
}

int main(int argc, char **argv)
{
	struct options options;

	setlocale(LC_ALL, "");
	json_set_alloc_funcs(malloc, wiping_free);
	signal(SIGPIPE, SIG_IGN);
	options_load(argc, argv, &options);
	log_set_level(options.verbose ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR);
	set_freerdp_log(options.verbose);

	int status = options.headless ? headless_run(&options) : view_run(&options);

	options_done(&options);
	return status;
}
