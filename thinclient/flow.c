/* SPDX-License-Identifier: Apache-2.0 */
#include "thinclient/flow.h"

#include <errno.h>

struct rule {
	bool legal;
	enum flow_state next;
	unsigned effects;
};

#define GO(state, effects) { true, state, effects }

static const struct rule rules[FLOW_STATES][FLOW_EVENTS] = {
	[FLOW_FORM] = {
		[FLOW_EV_SUBMIT] = GO(FLOW_SIGNING_IN, FLOW_DO_CLEAR_REASON | FLOW_DO_SIGN_IN),
	},
	[FLOW_SIGNING_IN] = {
		[FLOW_EV_CHOICE_NEEDED] = GO(FLOW_CHOOSING, 0),
		[FLOW_EV_CHOSEN] = GO(FLOW_PREPARING, FLOW_DO_CONNECT),
		[FLOW_EV_WAIT] = GO(FLOW_PREPARING, FLOW_DO_CONNECT),
		[FLOW_EV_TICKET] = GO(FLOW_CONNECTING, FLOW_DO_OPEN),
		[FLOW_EV_FAILED] = GO(FLOW_FORM, FLOW_DO_SHOW_REASON | FLOW_DO_SIGN_OUT),
		[FLOW_EV_CANCEL] = GO(FLOW_FORM, FLOW_DO_SIGN_OUT),
	},
	[FLOW_CHOOSING] = {
		[FLOW_EV_CHOSEN] = GO(FLOW_PREPARING, FLOW_DO_CONNECT),
		[FLOW_EV_CANCEL] = GO(FLOW_FORM, FLOW_DO_SIGN_OUT),
	},
	[FLOW_PREPARING] = {
		[FLOW_EV_WAIT] = GO(FLOW_PREPARING, FLOW_DO_CONNECT),
		[FLOW_EV_TICKET] = GO(FLOW_CONNECTING, FLOW_DO_OPEN),
		[FLOW_EV_FAILED] = GO(FLOW_FORM, FLOW_DO_SHOW_REASON | FLOW_DO_SIGN_OUT),
		[FLOW_EV_CANCEL] = GO(FLOW_FORM, FLOW_DO_SIGN_OUT),
	},
	[FLOW_CONNECTING] = {
		[FLOW_EV_SESSION_ACTIVE] = GO(FLOW_DESKTOP, 0),
		[FLOW_EV_SESSION_ENDED] = GO(FLOW_FORM, FLOW_DO_SHOW_REASON | FLOW_DO_CLOSE |
						       FLOW_DO_SIGN_OUT),
		[FLOW_EV_CANCEL] = GO(FLOW_FORM, FLOW_DO_CLOSE | FLOW_DO_SIGN_OUT),
	},
	[FLOW_DESKTOP] = {
		[FLOW_EV_SESSION_ENDED] = GO(FLOW_FORM, FLOW_DO_SHOW_REASON | FLOW_DO_CLOSE |
						       FLOW_DO_SIGN_OUT),
		[FLOW_EV_CANCEL] = GO(FLOW_FORM, FLOW_DO_CLOSE | FLOW_DO_SIGN_OUT),
		[FLOW_EV_LOST] = GO(FLOW_RETURNING, FLOW_DO_CLOSE | FLOW_DO_WAIT),
		[FLOW_EV_RESIZED] = GO(FLOW_RETURNING, FLOW_DO_CLOSE | FLOW_DO_CONNECT),
		[FLOW_EV_MENU] = GO(FLOW_MENU, FLOW_DO_CLEAR_REASON),
	},
	[FLOW_MENU] = {
		[FLOW_EV_BACK] = GO(FLOW_DESKTOP, 0),
		[FLOW_EV_WISH] = GO(FLOW_CONFIRM, FLOW_DO_CLEAR_REASON),
		[FLOW_EV_SESSION_ENDED] = GO(FLOW_FORM, FLOW_DO_SHOW_REASON | FLOW_DO_CLOSE |
						       FLOW_DO_SIGN_OUT),
		[FLOW_EV_LOST] = GO(FLOW_RETURNING, FLOW_DO_CLOSE | FLOW_DO_WAIT),
		[FLOW_EV_CANCEL] = GO(FLOW_FORM, FLOW_DO_CLOSE | FLOW_DO_SIGN_OUT),
	},
	[FLOW_CONFIRM] = {
		[FLOW_EV_BACK] = GO(FLOW_MENU, 0),
		[FLOW_EV_CONFIRM] = GO(FLOW_SERVING, FLOW_DO_SERVE),
		[FLOW_EV_SESSION_ENDED] = GO(FLOW_FORM, FLOW_DO_SHOW_REASON | FLOW_DO_CLOSE |
						       FLOW_DO_SIGN_OUT),
		[FLOW_EV_LOST] = GO(FLOW_RETURNING, FLOW_DO_CLOSE | FLOW_DO_WAIT),
		[FLOW_EV_CANCEL] = GO(FLOW_FORM, FLOW_DO_CLOSE | FLOW_DO_SIGN_OUT),
	},
	[FLOW_SERVING] = {	/* the session may end before the broker's answer is here */
		[FLOW_EV_RESTARTED] = GO(FLOW_RETURNING, FLOW_DO_CLOSE | FLOW_DO_WAIT),
		[FLOW_EV_EXCHANGED] = GO(FLOW_PREPARING, FLOW_DO_CLOSE | FLOW_DO_DROP |
							 FLOW_DO_CONNECT),
		[FLOW_EV_FAILED] = GO(FLOW_MENU, 0),
		[FLOW_EV_SESSION_ENDED] = GO(FLOW_SERVING, FLOW_DO_CLOSE),
		[FLOW_EV_LOST] = GO(FLOW_SERVING, FLOW_DO_CLOSE),
		[FLOW_EV_CANCEL] = GO(FLOW_FORM, FLOW_DO_CLOSE | FLOW_DO_SIGN_OUT),
	},
	[FLOW_RETURNING] = {
		[FLOW_EV_RETRY] = GO(FLOW_RETURNING, FLOW_DO_CONNECT),
		[FLOW_EV_WAIT] = GO(FLOW_RETURNING, FLOW_DO_CONNECT),
		[FLOW_EV_LOST] = GO(FLOW_RETURNING, FLOW_DO_WAIT),
		[FLOW_EV_TICKET] = GO(FLOW_REOPENING, FLOW_DO_OPEN),
		[FLOW_EV_FAILED] = GO(FLOW_FORM, FLOW_DO_SHOW_REASON | FLOW_DO_SIGN_OUT),
		[FLOW_EV_CANCEL] = GO(FLOW_FORM, FLOW_DO_SIGN_OUT),
	},
	[FLOW_REOPENING] = {
		[FLOW_EV_SESSION_ACTIVE] = GO(FLOW_DESKTOP, 0),
		[FLOW_EV_LOST] = GO(FLOW_RETURNING, FLOW_DO_CLOSE | FLOW_DO_WAIT),
		[FLOW_EV_SESSION_ENDED] = GO(FLOW_FORM, FLOW_DO_SHOW_REASON | FLOW_DO_CLOSE |
						       FLOW_DO_SIGN_OUT),
		[FLOW_EV_CANCEL] = GO(FLOW_FORM, FLOW_DO_CLOSE | FLOW_DO_SIGN_OUT),
	},	/* a cell left out is illegal: flow_step() returns -EPROTO and changes nothing */
};

int flow_step(enum flow_state *state, enum flow_event event, unsigned *effects)
{
	const struct rule *rule = &rules[*state][event];

	if (!rule->legal)
		return -EPROTO;
	*state = rule->next;
	*effects = rule->effects;
	return 0;
}

const char *flow_state_name(enum flow_state state)
{
	static const char *const names[FLOW_STATES] = {
		[FLOW_FORM] = "form",		  [FLOW_SIGNING_IN] = "signing_in",
		[FLOW_CHOOSING] = "choosing",	  [FLOW_PREPARING] = "preparing",
		[FLOW_CONNECTING] = "connecting", [FLOW_DESKTOP] = "desktop",
		[FLOW_MENU] = "menu",		  [FLOW_CONFIRM] = "confirm",
		[FLOW_SERVING] = "serving",
		[FLOW_RETURNING] = "returning",	  [FLOW_REOPENING] = "reopening",
	};

	return names[state];
}

const char *flow_event_name(enum flow_event event)
{
	static const char *const names[FLOW_EVENTS] = {
		[FLOW_EV_SUBMIT] = "submit",
		[FLOW_EV_CHOICE_NEEDED] = "choice_needed",
		[FLOW_EV_CHOSEN] = "chosen",
		[FLOW_EV_WAIT] = "wait",
		[FLOW_EV_TICKET] = "ticket",
		[FLOW_EV_FAILED] = "failed",
		[FLOW_EV_SESSION_ACTIVE] = "session_active",
		[FLOW_EV_SESSION_ENDED] = "session_ended",
		[FLOW_EV_LOST] = "lost",
		[FLOW_EV_RESIZED] = "resized",
		[FLOW_EV_RETRY] = "retry",
		[FLOW_EV_CANCEL] = "cancel",
		[FLOW_EV_MENU] = "menu",
		[FLOW_EV_BACK] = "back",
		[FLOW_EV_WISH] = "wish",
		[FLOW_EV_CONFIRM] = "confirm",
		[FLOW_EV_RESTARTED] = "restarted",
		[FLOW_EV_EXCHANGED] = "exchanged",
	};

	return names[event];
}
