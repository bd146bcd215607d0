/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands: also what --help, the man page's test and the completion go by. */
#include "ctl/ctl.h"

#define MANY 1000

const struct command commands[] = {
	{ "apply", NULL, "FILE|FOLDER...", "", 1, MANY,
	  "make the site's pools be exactly these", pool_apply },
	{ "diff", NULL, "FILE|FOLDER...", "", 1, MANY, "show what apply would change", pool_diff },
	{ "pool", "list", "", "", 0, 0, "pools and how many desktops they have", pool_list },
	{ "desktop", "list", "", "", 0, 0, "desktops, their state and user", desktop_list },
	{ "desktop", "delete", "ID|NAME", "", 1, 1, "take it from its user and destroy it",
	  desktop_delete },
	{ "desktop", "restart", "ID|NAME", "", 1, 1, "restart it as with a reset button",
	  desktop_restart },
	{ "desktop", "reset", "ID|NAME", "", 1, 1, "exchange it for a new one from the image",
	  desktop_reset },
	{ "host", "list", "", "", 0, 0, "hosts and their room", host_list },
	{ "host", "token", "NAME", "", 1, 1, "one-time token for a host to join", host_token },
	{ "image", "list", "", "", 0, 0, "published images", image_list },
	{ "image", "show", "NAME", "", 1, 1, "its publications, and which hosts have them", image_show },
	{ "image", "publish", "NAME FILE", "image-dir,channel,reason", 2, 2,
	  "make a qcow2 file the next publication", image_publish },
	{ "exception", "grant", "", "user,pool,hours,reason,device", 0, 0,
	  "ask for removable storage for one user", exception_grant },
	{ "exception", "approve", "ID", "", 1, 1, "approve what another administrator asked for",
	  exception_approve },
	{ "exception", "revoke", "ID", "", 1, 1, "end it, and the sessions that have it",
	  exception_revoke },
	{ "exception", "list", "", "all", 0, 0, "exceptions that are requested or in force",
	  exception_list },
	{ "exception", "show", "ID", "", 1, 1, "one exception", exception_show },
	{ "session", "list", "", "all,limit", 0, 0, "RDP sessions", session_list },
	{ "session", "end", "ID", "", 1, 1, "disconnect it; the desktop goes on", session_end },
	{ "audit", "list", "", "denied,limit", 0, 0, "what was done and what was refused",
	  audit_list },
	{ "login", NULL, "USER", "password-file", 1, 1,
	  "log in with the directory's password instead of a certificate", staff_login },
	{ "logout", NULL, "", "", 0, 0, "end that login", staff_logout },
	{ "whoami", NULL, "", "", 0, 0, "who is logged in, with which roles", staff_whoami },
	{ "directory", "test", "USER", "password-file", 1, 1,
	  "what the directory says about a user, each step with its time", directory_test },
	{ "explain", "user", "NAME", "", 1, 1, "why a user gets which desktop, or none",
	  explain_user },
	{ "revoke", NULL, "", "all", 0, 0, "with --all: end all logins, tickets, sessions, join tokens",
	  revoke_all },
};
const size_t command_count = ARRAY_LEN(commands);
