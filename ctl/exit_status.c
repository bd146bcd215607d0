/* SPDX-License-Identifier: Apache-2.0 */
/* What a script is told by the exit status: by the broker's answer, or by why there was none. */
#include <errno.h>
#include "ctl/ctl.h"

static enum ctl_exit by_answer(int http_status)
{
	switch (http_status) {
	case 401:
		return CTL_NOT_LOGGED_IN;
	case 403:
		return CTL_REFUSED;
	case 404:
		return CTL_NOT_FOUND;
	case 409:
	case 412:
	case 422:
		return CTL_CONFLICT;
	case 429:
	case 502:
	case 503:
	case 504:
		return CTL_UNREACHABLE;
	default:
		return CTL_FAILED;
	}
}

static enum ctl_exit by_error(const struct ctl *ctl, int rc)
{
	switch (-rc) {
	case ENOENT:
		return CTL_NOT_FOUND;
	case EBUSY:
	case EEXIST:
		return CTL_CONFLICT;
	case ECONNREFUSED:
	case ECONNRESET:
	case EHOSTUNREACH:
	case ETIMEDOUT:
		return ctl->client ? CTL_UNREACHABLE : CTL_FAILED;
	default:
		return CTL_FAILED;
	}
}

enum ctl_exit ctl_exit_status(const struct ctl *ctl, int rc)
{
	if (rc >= 0)
		return CTL_DONE;
	if (ctl->exit_status)
		return ctl->exit_status;
	return rc == -EREMOTEIO ? by_answer(ctl->http_status) : by_error(ctl, rc);
}
