/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include "pool/pool_json.h"

static const char text[] =
	"{\"pool\":\"sales\",\"title\":\"営業部\",\"entitled\":{\"groups\":[\"sales\",\"営業\"],"
	"\"users\":[\"anna\"]},\"image\":{\"name\":\"debian-desktop\",\"publication\":3},"
	"\"assignment\":\"dedicated\",\"size\":{\"max\":10,\"spare\":2,\"start\":1,\"grow\":3},"
	"\"schedule\":[\"mon-fri 07:30-18:00 spare 5\"],\"max_per_user\":2,\"on_logoff\":\"delete\","
	"\"disconnect_timeout_ms\":60000,\"self_service\":{\"restart\":\"allow\"},"
	"\"rollout\":{\"canary\":25,\"max_failures\":3},"
	"\"desktop\":{\"cpus\":2,\"memory_bytes\":2147483648,\"disk_bytes\":0},"
	"\"policy\":{\"sound\":\"allow\",\"removable_storage\":\"deny\"}}";

static json_t *parse(void)
{
	json_t *object = json_loads(text, 0, NULL);

	assert_non_null(object);
	return object;
}

static void a_pool_survives_the_wire(void **state)
{
	OWNED(json_decref) json_t *object = parse();
	struct pool pool, back;

	assert_int_equal(pool_from_json(object, &pool, NULL), 0);
	assert_string_equal(pool.groups[1], "営業");
	assert_int_equal(pool.publication, 3);
	assert_int_equal(pool.assignment, POOL_DEDICATED);
	assert_int_equal(pool.policy.value[POLICY_SOUND], POLICY_ALLOW);
	assert_int_equal(pool.policy.value[POLICY_CAMERA], POLICY_DENY);
	assert_int_equal(pool.size_grow, 3);
	assert_string_equal(pool.schedule[0], "mon-fri 07:30-18:00 spare 5");
	assert_int_equal(pool.on_logoff, POOL_LOGOFF_DELETE);
	assert_int_equal(pool.disconnect_timeout_ms, 60000);
	assert_true(pool.self_restart && !pool.self_reset);
	assert_int_equal(pool.rollout_canary, 25);
	assert_int_equal(pool.rollout_window_ms, POOL_WINDOW_DEFAULT_MS);
	assert_int_equal(pool.rollout_max_failures, 3);

	OWNED(json_decref) json_t *again = pool_to_json(&pool);
	assert_int_equal(pool_from_json(again, &back, NULL), 0);
	assert_true(pool_equal(&pool, &back));
}

/* `path` is changed to `value`; the error must begin with `problem`. */
static void refused(const char *map, const char *key, json_t *value, const char *problem)
{
	OWNED(json_decref) json_t *object = parse();
	struct error err = { 0 };
	struct pool pool;

	json_object_set_new(*map ? json_object_get(object, map) : object, key, value);
	assert_int_equal(pool_from_json(object, &pool, &err), -EINVAL);
	if (strncmp(err.text, problem, strlen(problem)) != 0)
		fail_msg("'%s' does not begin with '%s'", err.text, problem);
}

static void what_is_wrong_is_named(void **state)
{
	refused("", "extra", json_true(), "extra: unknown member");
	refused("size", "extra", json_true(), "size: extra: unknown member");
	refused("", "on_logoff", json_string("burn"), "on_logoff: ");
	refused("", "schedule", json_pack("[s]", "mon"), "schedule: line 1: ");
	refused("", "disconnect_timeout_ms", json_integer(-1), "disconnect_timeout_ms: ");
	refused("rollout", "canary", json_integer(101), "rollout: canary");
	refused("rollout", "share", json_integer(1), "rollout: share: unknown member");
	refused("self_service", "restart", json_string("yes"), "self_service: restart: ");
	refused("", "pool", json_integer(3), "pool: ");
	refused("", "pool", json_string("Bad Name"), "pool: ");
	refused("", "title", json_null(), "title: ");
	refused("", "assignment", json_string("shared"), "assignment: ");
	refused("image", "channel", json_string("stable"), "image: ");
	refused("size", "max", json_integer(0), "size: max");
	refused("size", "spare", json_integer(11), "size.spare: ");
	refused("desktop", "memory_bytes", json_string("2 GiB"), "desktop: memory_bytes");
	refused("entitled", "groups", json_pack("[i]", 1), "entitled: groups: entry 1");
	refused("policy", "removable_storage", json_string("allow"), "policy: removable_storage: ");
	refused("policy", "usb", json_string("deny"), "policy: usb: ");
	refused("policy", "sound", json_true(), "policy: sound: ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pool_survives_the_wire),
		cmocka_unit_test(what_is_wrong_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
