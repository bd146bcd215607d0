/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"
#include <errno.h>
#include "common/base/buf.h"
#include "thinclient/flow.h"

static void write_effects(unsigned effects, struct buf *out)
{
	static const char *const names[] = { "sign_in", "connect", "open", "close", "sign_out",
					     "show_reason", "clear_reason", "wait", "serve", "drop" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (effects & 1u << i)
			buf_printf(out, " +%s", names[i]);
}

static void tell(const enum flow_event *events, size_t count, const char *story)
{
	OWNED(buf_done) struct buf told = { 0 };
	enum flow_state state = FLOW_FORM;

	for (size_t i = 0; i < count; i++) {
		unsigned effects = 0;

		assert_int_equal(flow_step(&state, events[i], &effects), 0);
		buf_printf(&told, "%s -> %s", flow_event_name(events[i]), flow_state_name(state));
		write_effects(effects, &told);
		buf_put_text(&told, "\n");
	}
	assert_string_equal(buf_text(&told), story);
}

static void a_desktop_that_must_be_prepared(void **state)
{
	static const enum flow_event events[] = {
		FLOW_EV_SUBMIT, FLOW_EV_WAIT, FLOW_EV_WAIT, FLOW_EV_TICKET, FLOW_EV_SESSION_ACTIVE,
		FLOW_EV_SESSION_ENDED,
	};

	tell(events, ARRAY_LEN(events),
	     "submit -> signing_in +sign_in +clear_reason\n"
	     "wait -> preparing +connect\n"
	     "wait -> preparing +connect\n"
	     "ticket -> connecting +open\n"
	     "session_active -> desktop\n"
	     "session_ended -> form +close +sign_out +show_reason\n");
}

static void a_lost_session_is_opened_again(void **state)
{
	static const enum flow_event events[] = {
		FLOW_EV_SUBMIT, FLOW_EV_TICKET, FLOW_EV_SESSION_ACTIVE, FLOW_EV_LOST, FLOW_EV_RETRY,
		FLOW_EV_LOST, FLOW_EV_RETRY, FLOW_EV_WAIT, FLOW_EV_TICKET, FLOW_EV_LOST,
		FLOW_EV_RETRY, FLOW_EV_TICKET, FLOW_EV_SESSION_ACTIVE, FLOW_EV_RESIZED,
		FLOW_EV_TICKET, FLOW_EV_SESSION_ACTIVE, FLOW_EV_LOST, FLOW_EV_RETRY, FLOW_EV_FAILED,
	};

	tell(events, ARRAY_LEN(events),
	     "submit -> signing_in +sign_in +clear_reason\n"
	     "ticket -> connecting +open\n"
	     "session_active -> desktop\n"
	     "lost -> returning +close +wait\n"
	     "retry -> returning +connect\n"
	     "lost -> returning +wait\n"
	     "retry -> returning +connect\n"
	     "wait -> returning +connect\n"
	     "ticket -> reopening +open\n"
	     "lost -> returning +close +wait\n"
	     "retry -> returning +connect\n"
	     "ticket -> reopening +open\n"
	     "session_active -> desktop\n"
	     "resized -> returning +connect +close\n"
	     "ticket -> reopening +open\n"
	     "session_active -> desktop\n"
	     "lost -> returning +close +wait\n"
	     "retry -> returning +connect\n"
	     "failed -> form +sign_out +show_reason\n");
}

static void ones_own_desktop_is_restarted(void **state)
{
	static const enum flow_event events[] = {
		FLOW_EV_SUBMIT, FLOW_EV_TICKET, FLOW_EV_SESSION_ACTIVE, FLOW_EV_MENU, FLOW_EV_WISH,
		FLOW_EV_BACK, FLOW_EV_WISH, FLOW_EV_CONFIRM, FLOW_EV_FAILED, FLOW_EV_WISH,
		FLOW_EV_CONFIRM, FLOW_EV_LOST, FLOW_EV_RESTARTED, FLOW_EV_RETRY, FLOW_EV_TICKET,
		FLOW_EV_SESSION_ACTIVE, FLOW_EV_MENU, FLOW_EV_WISH, FLOW_EV_CONFIRM,
		FLOW_EV_EXCHANGED, FLOW_EV_TICKET,
	};

	tell(events, ARRAY_LEN(events),
	     "submit -> signing_in +sign_in +clear_reason\n"
	     "ticket -> connecting +open\n"
	     "session_active -> desktop\n"
	     "menu -> menu +clear_reason\n"
	     "wish -> confirm +clear_reason\n"
	     "back -> menu\n"
	     "wish -> confirm +clear_reason\n"
	     "confirm -> serving +serve\n"
	     "failed -> menu\n"
	     "wish -> confirm +clear_reason\n"
	     "confirm -> serving +serve\n"
	     "lost -> serving +close\n"
	     "restarted -> returning +close +wait\n"
	     "retry -> returning +connect\n"
	     "ticket -> reopening +open\n"
	     "session_active -> desktop\n"
	     "menu -> menu +clear_reason\n"
	     "wish -> confirm +clear_reason\n"
	     "confirm -> serving +serve\n"
	     "exchanged -> preparing +connect +close +drop\n"
	     "ticket -> connecting +open\n");
}

static void a_choice_and_a_change_of_mind(void **state)
{
	static const enum flow_event events[] = {
		FLOW_EV_SUBMIT, FLOW_EV_CHOICE_NEEDED, FLOW_EV_CHOSEN, FLOW_EV_CANCEL,
		FLOW_EV_SUBMIT, FLOW_EV_FAILED,
	};

	tell(events, ARRAY_LEN(events),
	     "submit -> signing_in +sign_in +clear_reason\n"
	     "choice_needed -> choosing\n"
	     "chosen -> preparing +connect\n"
	     "cancel -> form +sign_out\n"
	     "submit -> signing_in +sign_in +clear_reason\n"
	     "failed -> form +sign_out +show_reason\n");
}

static void what_means_nothing_changes_nothing(void **state)
{
	enum flow_state now = FLOW_FORM;
	unsigned effects = 77;

	assert_int_equal(flow_step(&now, FLOW_EV_TICKET, &effects), -EPROTO);
	assert_int_equal(now, FLOW_FORM);
	assert_int_equal(effects, 77);
}

static bool has_session(enum flow_state state)
{
	return state == FLOW_CONNECTING || state == FLOW_DESKTOP || state == FLOW_REOPENING ||
	       state == FLOW_MENU || state == FLOW_CONFIRM || state == FLOW_SERVING;
}

/* A session is closed exactly when it leaves the states that have one. */
static void every_way_out_of_a_session_closes_it(void **state)
{
	for (int from = 0; from < FLOW_STATES; from++)
		for (int event = 0; event < FLOW_EVENTS; event++) {
			enum flow_state now = (enum flow_state)from;
			unsigned effects = 0;

			if (flow_step(&now, (enum flow_event)event, &effects))
				continue;
			bool had = has_session((enum flow_state)from), has = has_session(now);

			/* While the broker is asked it may end by itself. */
			if (from != FLOW_SERVING || now != FLOW_SERVING)
				assert_int_equal(had && !has, (effects & FLOW_DO_CLOSE) != 0);
			assert_int_equal(!had && has, (effects & FLOW_DO_OPEN) != 0);
			if (now == FLOW_FORM)
				assert_true(effects & FLOW_DO_SIGN_OUT);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_desktop_that_must_be_prepared),
		cmocka_unit_test(a_lost_session_is_opened_again),
		cmocka_unit_test(ones_own_desktop_is_restarted),
		cmocka_unit_test(a_choice_and_a_change_of_mind),
		cmocka_unit_test(what_means_nothing_changes_nothing),
		cmocka_unit_test(every_way_out_of_a_session_closes_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
