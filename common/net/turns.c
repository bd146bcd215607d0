/* SPDX-License-Identifier: Apache-2.0 */
#include "common/net/turns.h"

void turns_init(struct turns *turns)
{
	list_init(&turns->taken);
	turns->count = 0;
}

void turns_take(struct turns *turns, struct turn *turn, int64_t now_ms)
{
	turn->began_ms = now_ms;
	list_append(&turns->taken, &turn->link);
	turns->count++;
}

void turns_leave(struct turns *turns, struct turn *turn)
{
	if (!turn->link.next)
		return;
	list_remove(&turn->link);
	turns->count--;
}

void turns_expire(struct turns *turns, int64_t now_ms)
{
	LIST_EACH_SAFE(it, &turns->taken)
	{
		struct turn *turn = LIST_OF(it, struct turn, link);

		if (now_ms - turn->began_ms >= (turn->spoke ? TURN_MS : TURN_SILENT_MS))
			turns_leave(turns, turn);
	}
}

bool turns_full(const struct turns *turns)
{
	return turns->count >= TURNS;
}

bool turns_free(const struct turns *turns)
{
	return turns->count <= TURNS / 2;
}
