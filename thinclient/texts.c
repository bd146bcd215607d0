/* SPDX-License-Identifier: Apache-2.0 */
#include "thinclient/texts.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "common/base/cleanup.h"

static const char *const table[STRINGS][LANGUAGES] = {
	[STR_PRODUCT] = { "玄関", "玄関" },
	[STR_GREETING] = { "Welcome. Sign in to your desktop.",
			   "ようこそ。デスクトップにサインインします。" },
	[STR_USER] = { "User name", "ユーザー名" },
	[STR_PASSWORD] = { "Password", "パスワード" },
	[STR_SIGN_IN] = { "Sign in", "サインイン" },
	[STR_SIGNING_IN] = { "Signing in…", "サインインしています…" },
	[STR_CAPS_LOCK] = { "Caps Lock is on", "Caps Lock がオンです" },
	[STR_CHOOSE] = { "Choose a desktop", "デスクトップを選んでください" },
	[STR_PREPARING] = { "Preparing your desktop", "デスクトップを準備しています" },
	[STR_CONNECTING] = { "Connecting to your desktop", "デスクトップに接続しています" },
	[STR_RECONNECTING] = { "The connection was lost. Reconnecting…",
			       "接続が切れました。再接続しています…" },
	[STR_CANCEL] = { "Cancel", "キャンセル" },
	[STR_REASON_CODE] = { "Reason", "理由コード" },
	[STR_STAGE_QUEUED] = { "Waiting for a place", "順番を待っています" },
	[STR_STAGE_STARTING] = { "Making the desktop", "デスクトップを作成しています" },
	[STR_STAGE_BOOTING] = { "Starting the system", "システムを起動しています" },
	[STR_STAGE_USER_DISK] = { "Opening your own disk", "個人用ディスクを開いています" },
	[STR_STAGE_IDENTITY] = { "Making it yours", "あなた用に設定しています" },
	[STR_STATE_NONE] = { "new", "新規" },
	[STR_STATE_PREPARING] = { "being prepared", "準備中" },
	[STR_STATE_READY] = { "ready", "準備完了" },
	[STR_STATE_ERROR] = { "not available", "利用できません" },
	[STR_HINT_FULLSCREEN] = { "Ctrl+Alt+Enter: full screen    Ctrl+Alt+Home: menu",
				  "Ctrl+Alt+Enter: 全画面表示    Ctrl+Alt+Home: メニュー" },
	[STR_MENU] = { "Menu", "メニュー" },
	[STR_MENU_BACK] = { "Back to the desktop", "デスクトップに戻る" },
	[STR_MENU_BACK_NOTE] = { "Esc", "Esc" },
	[STR_MENU_LEAVE] = { "Leave the desktop", "デスクトップから離れる" },
	[STR_MENU_LEAVE_NOTE] = { "Programs go on; come back from any seat.",
				  "プログラムはそのまま動き続けます。" },
	[STR_MENU_RESTART] = { "Restart…", "再起動…" },
	[STR_MENU_RESTART_NOTE] = { "Like a reset button. Saved files stay.",
				    "強制的に再起動します。保存したファイルは残ります。" },
	[STR_MENU_RESET] = { "New desktop…", "新しいデスクトップ…" },
	[STR_MENU_RESET_NOTE] = { "Exchanges this one for a fresh one.",
				  "今のデスクトップを新しいものと交換します。" },
	[STR_RESTART_QUESTION] = { "Restart your desktop?", "デスクトップを再起動しますか？" },
	[STR_RESTART_WARNING] = { "All programs are closed at once. What you have not saved is lost.",
				  "すべてのプログラムがすぐに終了します。保存していない内容は失われます。" },
	[STR_RESTART_DO] = { "Restart", "再起動する" },
	[STR_RESTARTING] = { "Restarting your desktop", "デスクトップを再起動しています" },
	[STR_RESET_QUESTION] = { "Exchange your desktop for a new one?",
				 "デスクトップを新しいものと交換しますか？" },
	[STR_RESET_WARNING] = { "This desktop is destroyed, with everything that is kept on it.",
				"このデスクトップは、その中に保存されているものと共に破棄されます。" },
	[STR_RESET_DO] = { "Exchange", "交換する" },
	[STR_RESETTING] = { "Making a new desktop", "新しいデスクトップを用意しています" },
	[STR_LOST] = { "The connection was lost", "接続が切れました" },
	[STR_CONNECTING_AGAIN] = { "Connecting again…", "再接続しています…" },
	[STR_OTHER_SIZE] = { "Another size", "画面サイズの変更" },
	[STR_FROM_ADMIN] = { "Your administrator", "管理者からのメッセージ" },
	[STR_CODE_ASKED] = { "Type the code of your authenticator app.",
			     "認証アプリのコードを入力してください。" },
	[STR_CODE_ENROL] = { "Scan this with an authenticator app.",
			     "認証アプリでこのコードを読み取ってください。" },
	[STR_CODE] = { "Code, or a recovery code", "コード、または回復コード" },
	[STR_CODE_GIVE] = { "Continue", "続ける" },
	[STR_RECOVERY] = { "Keep these recovery codes.", "回復コードを保管してください。" },
	[STR_RECOVERY_NOTE] = { "Each works once when your phone is lost. They are not shown again.",
				"携帯電話をなくしたとき、それぞれ一度だけ使えます。再表示はできません。" },
	[STR_CONTINUE] = { "I have kept them", "保管しました" },
	[STR_NEW_PASSWORD_ASKED] = { "Please choose a new password.",
				     "新しいパスワードを決めてください。" },
	[STR_NEW_PASSWORD] = { "New password", "新しいパスワード" },
	[STR_NEW_PASSWORD_AGAIN] = { "The same again", "もう一度入力" },
	[STR_CHANGE] = { "Change and sign in", "変更してサインイン" },
	[STR_ONE_MOMENT] = { "One moment…", "お待ちください…" },
	[STR_IN_LINE] = { "Waiting for a desktop", "デスクトップの空きを待っています" },
	[STR_IN_LINE_NOTE] = { "You keep your place while this window is open.",
			       "この画面を開いている間、順番は保たれます。" },
};

static const struct {
	const char *code;
	const char *text[LANGUAGES];
} reasons[] = {
	{ "wrong_credentials", { "User name or password is not right.",
				 "ユーザー名またはパスワードが正しくありません。" } },
	{ "account_expired", { "This account is no longer valid. Please ask your administrator.",
			       "このアカウントの有効期限が切れています。管理者にお問い合わせください。" } },
	{ "password_expired", { "Your password must be changed first.",
				"先にパスワードを変更する必要があります。" } },
	{ "password_rejected", { "This password is not accepted.",
				 "このパスワードは使えません。" } },
	{ "passwords_differ", { "The two are not the same.", "入力が一致しません。" } },
	{ "second_factor_wrong", { "The code is not right. Look at your app again.",
				   "コードが正しくありません。アプリを確認してください。" } },
	{ "second_factor_used", { "This code was used already. Please wait for the next one.",
				  "このコードは使用済みです。次のコードをお待ちください。" } },
	{ "second_factor_locked", { "Too many wrong codes. Please ask your helpdesk.",
				    "コードの誤りが多すぎます。ヘルプデスクにお問い合わせください。" } },
	{ "second_factor_missing", { "Please sign in again, with a code.",
				     "コードを使ってもう一度サインインしてください。" } },
	{ "challenge_over", { "This took too long. Please sign in again.",
			      "時間切れです。もう一度サインインしてください。" } },
	{ "throttled", { "Too many attempts.", "サインインの失敗が多すぎます。" } },
	{ "account_disabled", { "This account is disabled. Please ask your administrator.",
				"このアカウントは無効です。管理者にお問い合わせください。" } },
	{ "not_entitled", { "There is no desktop for this account. Please ask your administrator.",
			    "利用できるデスクトップがありません。管理者にお問い合わせください。" } },
	{ "directory_unreachable", { "The directory does not answer. Please try again shortly.",
				     "ディレクトリが応答しません。しばらくしてからお試しください。" } },
	{ "no_host", { "No server can run your desktop at the moment.",
		       "現在デスクトップを実行できるサーバーがありません。" } },
	{ "pool_full", { "All desktops are in use.", "すべてのデスクトップが使用中です。" } },
	{ "too_many_desktops", { "You have as many desktops as you may have.",
				 "利用できるデスクトップの数の上限に達しています。" } },
	{ "hosts_full", { "All servers are full at the moment.",
			  "現在すべてのサーバーに空きがありません。" } },
	{ "desktop_failed", { "Your desktop did not start.", "デスクトップを起動できませんでした。" } },
	{ "session_expired", { "Your sign-in has expired. Please sign in again.",
			       "サインインの有効期限が切れました。もう一度サインインしてください。" } },
	{ "desktop_paused", { "Your desktop is paused. Please tell your administrator.",
			      "デスクトップが一時停止しています。管理者に連絡してください。" } },
	{ "user_disk_failed", { "Your own disk cannot be attached. Please tell your administrator.",
				"個人用ディスクを接続できません。管理者に連絡してください。" } },
	{ "user_disk_broken", { "Your own disk is damaged. What you save now will not be kept.",
				"個人用ディスクが壊れています。今保存する内容は残りません。" } },
	{ "busy", { "The service is busy. Please try again shortly.",
		    "サービスが混み合っています。しばらくしてからお試しください。" } },
	{ "broker_unreachable", { "The service does not answer. Is the network connected?",
				  "サービスが応答しません。ネットワーク接続をご確認ください。" } },
	{ "broker_untrusted", { "The service could not prove who it is. Nothing was sent.",
				"サービスの身元を確認できません。何も送信していません。" } },
	{ "bad_answer", { "The service gave an answer that makes no sense.",
			  "サービスから不正な応答がありました。" } },
	{ "relay_unreachable", { "Your desktop's server does not answer.",
				 "デスクトップのサーバーが応答しません。" } },
	{ "relay_untrusted", { "Your desktop's server could not prove who it is.",
			       "デスクトップのサーバーの身元を確認できません。" } },
	{ "relay_refused", { "Your desktop's server refused the connection.",
			     "デスクトップのサーバーに接続を拒否されました。" } },
	{ "ticket_invalid", { "The admission had expired. Please sign in again.",
			      "接続の許可が無効です。もう一度サインインしてください。" } },
	{ "session_moved", { "Your desktop was opened elsewhere.",
			     "デスクトップが別の場所で開かれました。" } },
	{ "session_ended", { "You are signed out of your desktop.",
			     "デスクトップからサインアウトしました。" } },
	{ "session_disconnected", { "The session was closed.", "セッションが終了しました。" } },
	{ "idle_timeout", { "The session was closed because nobody used it.",
			    "操作がなかったため、セッションを終了しました。" } },
	{ "exception_over", { "The permission to use removable storage has ended.",
			      "記憶装置の使用許可が終了しました。" } },
	{ "forbidden", { "Your department does not allow this.",
			 "この操作は部署の設定で許可されていません。" } },
	{ "not_found", { "There is no such desktop any more.", "このデスクトップはもうありません。" } },
	{ "connection_lost", { "The connection to your desktop was lost.",
			       "デスクトップとの接続が切れました。" } },
};

static const struct {
	const char *what;
	const char *text[LANGUAGES];
} refusals[] = {
	{ "storage", { "USB storage is not allowed on this desktop.",
		       "このデスクトップでは USB メモリなどの記憶装置は使えません。" } },
	{ "usb", { "USB devices are not allowed on this desktop.",
		   "このデスクトップでは USB 機器は使えません。" } },
	{ "printer", { "Local printers are not allowed on this desktop.",
		       "このデスクトップでは手元のプリンターは使えません。" } },
	{ "port", { "Serial and parallel ports are not allowed on this desktop.",
		    "このデスクトップではシリアルポートは使えません。" } },
	{ "smart_card", { "Smart cards are not allowed on this desktop.",
			  "このデスクトップではスマートカードは使えません。" } },
	{ "devices", { "USB sticks, printers and other devices are not available on this desktop.",
		       "USB メモリやプリンターなどの機器は、このデスクトップでは使えません。" } },
	{ "clipboard_files", { "Files cannot be copied through the clipboard.",
			       "クリップボードでファイルをコピーすることはできません。" } },
	{ "tunnel", { "Network tunnels are not allowed on this desktop.",
		      "このデスクトップへの通信トンネルは許可されていません。" } },
};

static const char *const unknown_reason[LANGUAGES] = { "This did not work.",
						       "処理できませんでした。" };

static const struct {
	const char *stage;
	enum string_id id;
} stages[] = {
	{ "queued", STR_STAGE_QUEUED },
	{ "starting", STR_STAGE_STARTING },
	{ "booting", STR_STAGE_BOOTING },
	{ "identity", STR_STAGE_IDENTITY },
	{ "user_disk", STR_STAGE_USER_DISK },
};

enum language texts_language(const char *wish)
{
	static const char *const variables[] = { "LC_ALL", "LC_MESSAGES", "LANG" };
	const char *value = strcmp(wish, "auto") == 0 ? "" : wish;

	for (size_t i = 0; !*value && i < ARRAY_LEN(variables); i++)
		value = getenv(variables[i]) ? getenv(variables[i]) : "";
	return strncmp(value, "ja", 2) == 0 ? LANGUAGE_JA : LANGUAGE_EN;
}

const char *texts_get(enum language language, enum string_id id)
{
	return table[id][language];
}

const char *texts_reason(enum language language, const char *code)
{
	for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
		if (strcmp(code, reasons[i].code) == 0)
			return reasons[i].text[language];
	return unknown_reason[language];
}

const char *texts_stage(enum language language, const char *stage)
{
	for (size_t i = 0; i < ARRAY_LEN(stages); i++)
		if (strcmp(stage, stages[i].stage) == 0)
			return table[stages[i].id][language];
	return table[STR_STAGE_QUEUED][language];
}

void texts_progress(enum language language, const char *stage, int64_t position, char *out,
		    size_t size)
{
	if (position <= 0)
		snprintf(out, size, "%s", texts_stage(language, stage));
	else if (language == LANGUAGE_JA)
		snprintf(out, size, "順番を待っています（%lld 番目）", (long long)position);
	else
		snprintf(out, size, "Waiting for a place: number %lld in line", (long long)position);
}

const char *texts_refused(enum language language, const char *what)
{
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
		if (strcmp(what, refusals[i].what) == 0)
			return refusals[i].text[language];
	return NULL;
}

void texts_exception(enum language language, int64_t until_ms, char *out, size_t size)
{
	time_t seconds = (time_t)(until_ms / 1000);
	struct tm tm;
	char at[16] = "?";

	if (localtime_r(&seconds, &tm))
		strftime(at, sizeof(at), "%H:%M", &tm);
	snprintf(out, size,
		 language == LANGUAGE_JA ? "記憶装置の使用を %s まで許可"
					 : "Removable storage is allowed until %s", at);
}

/* Rounded up, and coarser the longer it is: more would promise more than is known. */
void texts_estimate(enum language language, int percent, int64_t position, int64_t estimate_ms,
		    char *out, size_t size)
{
	bool japanese = language == LANGUAGE_JA;
	long long seconds = (long long)((estimate_ms + 999) / 1000);

	if (position <= 0)
		snprintf(out, size, "%d %%", percent);
	else if (estimate_ms < 0)
		snprintf(out, size, "%s", "");
	else if (seconds <= 60)
		snprintf(out, size, japanese ? "約 %lld 秒" : "about %lld s", seconds);
	else
		snprintf(out, size, japanese ? "約 %lld 分" : "about %lld min", (seconds + 59) / 60);
}
