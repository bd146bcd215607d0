/* SPDX-License-Identifier: Apache-2.0 */
/* texts.h - every text a person reads on the screen, in English and Japanese. */
#ifndef GENKAN_THINCLIENT_TEXTS_H
#define GENKAN_THINCLIENT_TEXTS_H

#include <stddef.h>
#include <stdint.h>

enum language { LANGUAGE_EN, LANGUAGE_JA, LANGUAGES };

enum string_id {
	STR_PRODUCT,
	STR_GREETING,
	STR_USER,
	STR_PASSWORD,
	STR_SIGN_IN,
	STR_SIGNING_IN,
	STR_CAPS_LOCK,
	STR_CHOOSE,
	STR_PREPARING,
	STR_CONNECTING,
	STR_RECONNECTING,
	STR_CANCEL,
	STR_REASON_CODE,
	STR_STAGE_QUEUED,
	STR_STAGE_STARTING,
	STR_STAGE_BOOTING,
	STR_STAGE_IDENTITY,
	STR_STAGE_USER_DISK,
	STR_STATE_NONE,
	STR_STATE_PREPARING,
	STR_STATE_READY,
	STR_STATE_ERROR,
	STR_HINT_FULLSCREEN,
	STR_MENU,
	STR_MENU_BACK,
	STR_MENU_BACK_NOTE,
	STR_MENU_LEAVE,
	STR_MENU_LEAVE_NOTE,
	STR_MENU_RESTART,
	STR_MENU_RESTART_NOTE,
	STR_MENU_RESET,
	STR_MENU_RESET_NOTE,
	STR_RESTART_QUESTION,
	STR_RESTART_WARNING,
	STR_RESTART_DO,
	STR_RESTARTING,
	STR_RESET_QUESTION,
	STR_RESET_WARNING,
	STR_RESET_DO,
	STR_RESETTING,
	STR_LOST,
	STR_CONNECTING_AGAIN,
	STR_OTHER_SIZE,
	STR_FROM_ADMIN,
	STR_CODE_ASKED,
	STR_CODE_ENROL,
	STR_CODE,
	STR_CODE_GIVE,
	STR_RECOVERY,
	STR_RECOVERY_NOTE,
	STR_CONTINUE,
	STR_NEW_PASSWORD_ASKED,
	STR_NEW_PASSWORD,
	STR_NEW_PASSWORD_AGAIN,
	STR_CHANGE,
	STR_ONE_MOMENT,
	STR_IN_LINE,
	STR_IN_LINE_NOTE,
	STRINGS
};

/* "auto" asks the environment: LC_ALL, LC_MESSAGES, LANG. */
enum language texts_language(const char *wish);
const char *texts_get(enum language language, enum string_id id);
/* A sentence for a reason code; a general one for a code that is not known. Never NULL. */
const char *texts_reason(enum language language, const char *code);
/* The text of a preparation stage as the broker names it. */
const char *texts_stage(enum language language, const char *stage);

/* What was refused, for a kind of device; NULL for a kind that is not known. */
const char *texts_refused(enum language language, const char *what);
/* "Removable storage is allowed until 15:30"; local time. */
void texts_exception(enum language language, int64_t until_ms, char *out, size_t size);
/* The stage, or the place in line (position > 0). */
void texts_progress(enum language language, const char *stage, int64_t position, char *out,
		    size_t size);
/* How much longer: a time when there is an estimate, else the percentage of a start, else "". */
void texts_estimate(enum language language, int percent, int64_t position, int64_t estimate_ms,
		    char *out, size_t size);

#endif
