/* SPDX-License-Identifier: Apache-2.0 */
/* flow.h - from the login screen to the desktop and back, as a table. Pure: events in, effects out;
 * view.c carries the effects out. */
#ifndef GENKAN_THINCLIENT_FLOW_H
#define GENKAN_THINCLIENT_FLOW_H

#include <stdbool.h>
#include "common/base/cleanup.h"

enum flow_state {
	FLOW_FORM,		/* name and password */
	FLOW_SIGNING_IN,
	FLOW_CODE,		/* of an authenticator app, with a QR code the first time */
	FLOW_CODE_CHECKING,
	FLOW_RECOVERY,		/* recovery codes, shown this once */
	FLOW_NEW_PASSWORD,	/* the directory wants another one first */
	FLOW_CHANGING,
	FLOW_CHOOSING,		/* one of several desktops */
	FLOW_PREPARING,		/* the broker starts the desktop */
	FLOW_CONNECTING,	/* to the relay */
	FLOW_DESKTOP,
	FLOW_MENU,		/* over the desktop: leave, restart, reset */
	FLOW_CONFIRM,		/* restart or reset: is that meant? */
	FLOW_SERVING,		/* the broker is asked for it */
	FLOW_RETURNING,		/* the session was lost; on the way to another ticket */
	FLOW_REOPENING,		/* the other session is being opened */
	FLOW_STATES
};

enum flow_event {
	FLOW_EV_SUBMIT,		/* the form */
	FLOW_EV_CODE_NEEDED,	/* the password was right, a code is asked for */
	FLOW_EV_CODES_SHOWN,	/* signed in, and there are recovery codes to be kept */
	FLOW_EV_PASSWORD_NEEDED,	/* it has to be changed first */
	FLOW_EV_PASSWORD_CHANGED,
	FLOW_EV_AGAIN,		/* that code, that password was not good: another try */
	FLOW_EV_CHOICE_NEEDED,	/* signed in, several desktops */
	FLOW_EV_CHOSEN,
	FLOW_EV_WAIT,		/* the broker: not yet */
	FLOW_EV_TICKET,		/* the broker: go */
	FLOW_EV_FAILED,		/* a request failed, or there is no desktop */
	FLOW_EV_SESSION_ACTIVE,
	FLOW_EV_SESSION_ENDED,
	FLOW_EV_LOST,		/* what may pass: the session broke, the broker is away */
	FLOW_EV_RESIZED,	/* the desktop has to be opened anew for its new size */
	FLOW_EV_RETRY,		/* the wait is over */
	FLOW_EV_CANCEL,
	FLOW_EV_MENU,		/* the hot key, or the handle */
	FLOW_EV_BACK,
	FLOW_EV_WISH,		/* to restart or reset the desktop */
	FLOW_EV_CONFIRM,
	FLOW_EV_RESTARTED,	/* the broker has ordered it */
	FLOW_EV_EXCHANGED,
	FLOW_EVENTS
};

enum flow_effect {
	FLOW_DO_SIGN_IN = 1 << 0,
	FLOW_DO_CONNECT = 1 << 1,	/* ask the broker for the chosen desktop */
	FLOW_DO_OPEN = 1 << 2,		/* open the session with the ticket */
	FLOW_DO_CLOSE = 1 << 3,		/* close the session */
	FLOW_DO_SIGN_OUT = 1 << 4,	/* also cancels the request in flight */
	FLOW_DO_SHOW_REASON = 1 << 5,	/* on the form */
	FLOW_DO_CLEAR_REASON = 1 << 6,
	FLOW_DO_WAIT = 1 << 7,		/* a while, then FLOW_EV_RETRY */
	FLOW_DO_SERVE = 1 << 8,		/* ask the broker for the restart or reset */
	FLOW_DO_GIVE_CODE = 1 << 10,
	FLOW_DO_CHANGE_PASSWORD = 1 << 11,
	FLOW_DO_DROP = 1 << 9,		/* the picture: it is of a desktop that is gone */
};

/* -EPROTO and no change when the event means nothing in this state. */
int flow_step(enum flow_state *state, enum flow_event event, unsigned *effects) MUST_CHECK;
const char *flow_state_name(enum flow_state state);
const char *flow_event_name(enum flow_event event);

#endif
