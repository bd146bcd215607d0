/* SPDX-License-Identifier: Apache-2.0 */
#include "pool/rollout.h"

/* A start may take so much longer than the old publication's did. */
#define SLOWER_TIMES 2
#define SLOWER_MS 15000

const char *rollout_event_word(enum rollout_event event)
{
	switch (event) {
	case ROLLOUT_TAKEN:
		return "taken";
	case ROLLOUT_BEGAN:
		return "began";
	case ROLLOUT_PASSED:
		return "passed";
	case ROLLOUT_STOPPED:
		return "stopped";
	case ROLLOUT_ENDED:
		return "ended";
	case ROLLOUT_NOTHING:
		break;
	}
	return "nothing";
}

static bool too_slow(const struct rollout_now *now)
{
	return now->base_start_ms > 0 &&
	       now->health.first_start_ms > SLOWER_TIMES * now->base_start_ms + SLOWER_MS;
}

/* PUSH_PASSED, a reason to stop, or why it is not decided yet. */
static enum reason judge(const struct rollout_now *now)
{
	const struct rollout_health *h = &now->health;
	int64_t most = now->rule.max_failures;

	if (h->failed > most)
		return REASON_PUSH_STARTS;
	if (h->crashed > most)
		return REASON_PUSH_CRASHES;
	/* People hang up, too: more logins must have failed than not. */
	if (h->logins_failed > most && h->logins_failed > h->logins)
		return REASON_PUSH_LOGINS;
	if (h->ready == 0)
		return REASON_PUSH_NOT_READY;
	if (too_slow(now))
		return REASON_PUSH_SLOW;
	return now->now_ms - h->ready_since_ms < now->rule.window_ms ? REASON_PUSH_WATCHED :
								       REASON_PUSH_PASSED;
}

static enum rollout_event take(struct rollout *r, int64_t publication, enum rollout_event event,
			       enum reason why)
{
	r->current = publication;
	r->next = r->refused = 0;
	r->why = why;
	return event;
}

static enum rollout_event begin(struct rollout *r, const struct rollout_now *now)
{
	r->next = now->target;
	r->refused = 0;
	r->began_ms = now->now_ms;
	r->why = REASON_PUSH_BEGAN;
	return ROLLOUT_BEGAN;
}

static enum rollout_event go_on(struct rollout *r, const struct rollout_now *now)
{
	enum reason verdict = judge(now);

	if (verdict == REASON_PUSH_PASSED)
		return take(r, r->next, ROLLOUT_PASSED, verdict);
	r->why = verdict;
	if (verdict == REASON_PUSH_WATCHED || verdict == REASON_PUSH_NOT_READY)
		return ROLLOUT_NOTHING;
	r->refused = r->next;
	r->next = 0;
	return ROLLOUT_STOPPED;
}

enum rollout_event rollout_step(struct rollout *r, const struct rollout_now *now)
{
	int64_t percent = now->rule.canary_percent;
	bool gated = now->gated && now->current_seen && percent > 0 && percent < 100 &&
		     now->target > r->current;

	if (!now->target)
		return ROLLOUT_NOTHING;
	if (now->target == r->current) {
		if (r->next)
			return take(r, r->current, ROLLOUT_ENDED, REASON_PUSH_ENDED);
		r->refused = 0;
		return ROLLOUT_NOTHING;
	}
	if (!r->current || !gated)
		return take(r, now->target, ROLLOUT_TAKEN, REASON_PUSH_TAKEN);
	if (now->target == r->refused)
		return ROLLOUT_NOTHING;
	return now->target == r->next ? go_on(r, now) : begin(r, now);
}

int64_t rollout_share(int64_t desktops, int64_t percent)
{
	int64_t share = (desktops * percent + 99) / 100;

	return share < 1 ? 1 : share;
}
