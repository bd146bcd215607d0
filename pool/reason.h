/* SPDX-License-Identifier: Apache-2.0 */
/* reason.h - why: every stable code that the API, the client's screen, `explain` and the audit log
 * show. One table holds code, HTTP status and the sentence for a person; docs/reason-codes.md
 * explains each and a test holds the two against each other. Pure. */
#ifndef GENKAN_POOL_REASON_H
#define GENKAN_POOL_REASON_H

/*   enum name                 word                      status  sentence */
#define REASONS(X)                                                                                 \
	X(REASON_OK, "ok", 200, "Done.")                                                           \
	/* what a client may see */                                                                \
	X(REASON_BAD_REQUEST, "bad_request", 400, "The request is not understood.")                \
	X(REASON_WRONG_CREDENTIALS, "wrong_credentials", 401, "Name or password is wrong.")        \
	X(REASON_SESSION_EXPIRED, "session_expired", 401, "Please log in again.")                  \
	X(REASON_ACCOUNT_DISABLED, "account_disabled", 403, "This account is disabled.")           \
	X(REASON_ACCOUNT_EXPIRED, "account_expired", 403, "This account is no longer valid.")      \
	X(REASON_PASSWORD_EXPIRED, "password_expired", 403, "The password must be changed first.") \
	X(REASON_CLIENT_KEY, "client_key_missing", 403, "This client shows no key of its own.")    \
	/* the code besides the password */                                                        \
	X(REASON_SECOND_FACTOR_REQUIRED, "second_factor_required", 403,                            \
	  "A code of the authenticator app is needed.")                                            \
	X(REASON_SECOND_FACTOR_ENROLMENT, "second_factor_enrolment", 403,                          \
	  "An authenticator app has to be set up first.")                                          \
	X(REASON_SECOND_FACTOR_WRONG, "second_factor_wrong", 401, "The code is wrong.")            \
	X(REASON_SECOND_FACTOR_USED, "second_factor_used", 401,                                    \
	  "This code was used before; please wait for the next one.")                              \
	X(REASON_SECOND_FACTOR_LOCKED, "second_factor_locked", 403,                                \
	  "Too many wrong codes; the helpdesk has to reset the second factor.")                    \
	X(REASON_SECOND_FACTOR_MISSING, "second_factor_missing", 403,                              \
	  "Please log in again, with a code.")                                                     \
	X(REASON_CHALLENGE_OVER, "challenge_over", 401,                                            \
	  "This took too long; please log in again.")                                              \
	X(REASON_PASSWORD_REJECTED, "password_rejected", 403,                                      \
	  "The directory does not take the new password.")                                         \
	X(REASON_NOT_ENTITLED, "not_entitled", 403, "No desktop is set up for this account.")      \
	X(REASON_FORBIDDEN, "forbidden", 403, "This is not allowed.")                              \
	X(REASON_STANDARD_CLIENTS_DENIED, "standard_clients_denied", 403,                          \
	  "This desktop can only be used with Genkan's own client.")                               \
	X(REASON_TICKET_INVALID, "ticket_invalid", 403, "The ticket is not valid.")                \
	X(REASON_NOT_FOUND, "not_found", 404, "There is no such thing.")                           \
	X(REASON_THROTTLED, "throttled", 429, "Too many attempts; please wait.")                   \
	X(REASON_EXCEPTION_OVER, "exception_over", 409, "The exception is over.")                  \
	X(REASON_SESSION_OVER, "session_over", 409, "The session has ended.")                      \
	X(REASON_NOT_LOGGED_ON, "not_logged_on", 409, "Nobody is logged on to the desktop.")       \
	X(REASON_SAME_ADMIN, "same_admin", 403, "Another administrator has to approve this.")      \
	X(REASON_POOL_CHANGED, "pool_changed", 409, "Somebody else has changed it meanwhile.")     \
	X(REASON_HOST_NOT_EMPTY, "host_not_empty", 409, "The host still has desktops.")            \
	X(REASON_ORDER_KEY, "order_key_reused", 422, "This key came with another order before.")   \
	X(REASON_REBUILDING, "rebuilding", 503,                                                    \
	  "The service is being rebuilt; running desktops are still being found.")                 \
	X(REASON_INTERNAL, "internal", 500, "The service made a mistake; it has been logged.")     \
	X(REASON_DESKTOP_FAILED, "desktop_failed", 502, "The desktop could not be started.")       \
	X(REASON_DESKTOP_PAUSED, "desktop_paused", 503, "The desktop is paused.")                  \
	X(REASON_DIRECTORY_UNREACHABLE, "directory_unreachable", 503,                              \
	  "The directory service does not answer.")                                                \
	X(REASON_NO_HOST, "no_host", 503, "No host has room for this desktop.")                    \
	X(REASON_POOL_FULL, "pool_full", 503, "All desktops of this pool are in use.")             \
	X(REASON_NO_IMAGE, "no_image", 503, "The image of this pool has not been published.")      \
	X(REASON_DESKTOP_SILENT, "desktop_silent", 504, "The desktop does not answer.")             \
	X(REASON_BUSY, "busy", 503, "The service is busy; please try again.")                      \
	X(REASON_HOSTS_FULL, "hosts_full", 503, "All hosts are full at the moment.")               \
	X(REASON_TOO_MANY_DESKTOPS, "too_many_desktops", 403,                                      \
	  "This account has as many desktops as it may have.")                                     \
	X(REASON_DESKTOP_STARTING, "desktop_starting", 202, "The desktop is being prepared.")      \
	X(REASON_WAITING, "waiting_for_desktop", 202, "Waiting in line for a desktop.")            \
	X(REASON_USER_DISK_ATTACHING, "user_disk_attaching", 202,                                  \
	  "The user's own disk is being attached.")                                                \
	X(REASON_USER_DISK_BUSY, "user_disk_busy", 409,                                            \
	  "The user's own disk is still held by another desktop.")                                 \
	X(REASON_USER_DISK_FAILED, "user_disk_failed", 503,                                        \
	  "The user's own disk cannot be attached.")                                               \
	X(REASON_USER_DISK_BROKEN, "user_disk_broken", 200,                                        \
	  "The user's own disk is damaged; this desktop has a temporary home.")                    \
	/* why somebody waits in line */                                                           \
	X(REASON_STARTS_LIMITED, "starts_limited", 202,                                            \
	  "As many desktops are starting as may at one time.")                                     \
	X(REASON_IN_LINE, "in_line", 202, "Others came first.")                                    \
	X(REASON_IMAGE_COMING, "image_coming", 202, "The image is being brought to a host.")       \
	/* why somebody is entitled */                                                             \
	X(REASON_ENTITLED_GROUP, "entitled_by_group", 200, "Entitled as a member of a group.")     \
	X(REASON_ENTITLED_USER, "entitled_by_name", 200, "Entitled by name.")                      \
	/* where a desktop came from */                                                            \
	X(REASON_DESKTOP_OWN, "own_desktop", 200, "The desktop already belongs to the user.")      \
	X(REASON_DESKTOP_SPARE, "spare_desktop", 200, "A spare desktop was taken.")                \
	X(REASON_DESKTOP_ORDERED, "desktop_ordered", 202, "A new desktop was ordered.")            \
	/* why a host was passed over */                                                           \
	X(REASON_HOST_NOT_ACTIVE, "host_not_active", 503, "The host takes no new desktops.")       \
	X(REASON_HOST_SILENT, "host_silent", 503, "The host has not reported lately.")             \
	X(REASON_HOST_MEMORY, "host_memory", 503, "The host has too little free memory.")          \
	X(REASON_HOST_DISK, "host_disk", 503, "The host has too little free disk.")                \
	X(REASON_HOST_CPU, "host_cpu", 503, "The host has too few free processors.")               \
	X(REASON_HOST_IMAGE, "host_image", 503, "The host does not have the image.")               \
	X(REASON_HOST_FETCHING, "host_fetching", 503, "The host is still fetching the image.")     \
	X(REASON_HOST_PAUSED, "host_paused", 503, "Starts of this image fail on the host.")        \
	/* what was wrong with a ticket: audit log only, the client sees ticket_invalid */         \
	X(REASON_TICKET_UNKNOWN, "ticket_unknown", 403, "There is no such ticket.")                \
	X(REASON_TICKET_EXPIRED, "ticket_expired", 403, "The ticket came too late.")               \
	X(REASON_TICKET_USED, "ticket_used", 403, "The ticket was used before.")                   \
	X(REASON_TICKET_SECRET, "ticket_wrong_secret", 403, "The ticket's secret is wrong.")       \
	X(REASON_TICKET_BURNED, "ticket_burned", 403, "Too many wrong secrets for this ticket.")   \
	X(REASON_TICKET_HOST, "ticket_other_host", 403, "The ticket belongs to another host.")     \
	X(REASON_TICKET_ADDRESS, "ticket_other_address", 403,                                      \
	  "The ticket was made for another address.")                                              \
	X(REASON_TICKET_CLIENT, "ticket_other_client", 403,                                        \
	  "The ticket was made for another kind of client.")                                       \
	X(REASON_TICKET_EPOCH, "ticket_stale", 403, "The desktop has changed since the ticket.")   \
	/* golden images */                                                                         \
	X(REASON_IMAGE_NO_SPACE, "image_no_space", 507, "There is no room for this image.")        \
	X(REASON_UPLOAD_OFFSET, "upload_offset", 409, "The upload goes on at another place.")      \
	X(REASON_IMAGE_REFUSED, "image_refused", 400, "This file cannot be used as an image.")     \
	X(REASON_IMAGE_NOT_HERE, "image_not_here", 409, "The broker does not have this file.")     \
	/* audit log only: the client sees wrong_credentials */                                     \
	X(REASON_ACCOUNT_LOCKED, "account_locked", 403,                                            \
	  "The directory has locked the account after wrong passwords.")                           \
	X(REASON_TOKEN_KEY, "token_other_key", 401, "The token belongs to another client's key.")  \
	/* how a pool moves to another publication of its image */                                 \
	X(REASON_PUSH_TAKEN, "push_taken", 200, "The pool uses this publication.")                 \
	X(REASON_PUSH_BEGAN, "push_began", 200, "A first share of the pool gets it.")              \
	X(REASON_PUSH_NOT_READY, "push_not_ready", 200, "No desktop of it is ready yet.")          \
	X(REASON_PUSH_WATCHED, "push_watched", 200, "Its first desktops are being watched.")       \
	X(REASON_PUSH_PASSED, "push_passed", 200, "It has passed, and the pool uses it.")          \
	X(REASON_PUSH_ENDED, "push_ended", 200, "It was taken back before it was decided.")        \
	X(REASON_PUSH_STARTS, "push_starts_failed", 409, "Desktops of it do not come up.")         \
	X(REASON_PUSH_CRASHES, "push_crashes", 409, "Desktops of it died while they ran.")         \
	X(REASON_PUSH_LOGINS, "push_logins_failed", 409, "Sessions on it show no desktop.")        \
	X(REASON_PUSH_SLOW, "push_slow", 409, "It takes much longer to start.")                    \
	/* why a pool has the spares it has */                                                     \
	X(REASON_SPARES_FULL, "spares_complete", 200, "As many spares are ready as wanted.")       \
	X(REASON_SPARES_COMING, "spares_coming", 200, "Spares are on their way.")                  \
	/* why a token or a join was refused */                                                    \
	X(REASON_TOKEN_UNKNOWN, "token_unknown", 403, "There is no such join token.")              \
	X(REASON_TOKEN_EXPIRED, "token_expired", 403, "The join token came too late.")             \
	X(REASON_TOKEN_USED, "token_used", 403, "The join token was used before.")                 \
	X(REASON_TOKEN_HOST, "token_other_host", 403, "The join token is for another host.")

enum reason {
#define X(name, word, status, text) name,
	REASONS(X)
#undef X
	REASON_COUNT
};

const char *reason_word(enum reason reason);
const char *reason_text(enum reason reason);
int reason_http_status(enum reason reason);
/* -ENOENT for a word that is not in the table. */
int reason_parse(const char *word, enum reason *out);

#endif
