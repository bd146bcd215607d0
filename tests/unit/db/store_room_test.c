/* SPDX-License-Identifier: Apache-2.0 */
/* Room on hosts: read once for all pools, and kept up as if it were read again each time. */
#include "tests/unit/db/site.h"

#include <sqlite3.h>
#include "db/statements.h"

static const char *const sql_of[] = {
#define X(name, sql) [ST_##name] = sql,
	STATEMENTS(X)
#undef X
};
static int began[STATEMENT_COUNT];

static int on_statement(unsigned kind, void *arg, void *statement, void *text)
{
	for (size_t i = 0; i < ARRAY_LEN(sql_of); i++)
		began[i] += strcmp(sql_of[i], text) == 0;
	return 0;
}

/* SQLite calls it for each database that is opened. */
static int watch(sqlite3 *db, char **message, const struct sqlite3_api_routines *api)
{
	return sqlite3_trace_v2(db, SQLITE_TRACE_STMT, on_statement, NULL);
}

static void count_anew(void)
{
	memset(began, 0, sizeof(began));
}

static void hosts_were_read(int times)
{
	assert_int_equal(began[ST_HOSTS_SPACE], times);
	assert_int_equal(began[ST_PLACED], times);
	assert_int_equal(began[ST_IMAGE_PLACES], times);
}

static void many_pools_read_the_hosts_once(void **state)
{
	enum { POOLS = 20, SPARES = 2 };
	struct site *site = *state;
	struct pool pools[POOLS];
	char name[16];

	for (int i = 0; i < POOLS; i++) {
		snprintf(name, sizeof(name), "pool-%02d", i);
		pools[i] = site_pool(name, POOL_FLOATING, 10, SPARES);
	}
	site_host(site, "host-a");
	site_host(site, "host-b");
	site_image(site);
	site_apply(site, pools, POOLS);
	count_anew();
	assert_int_equal(site_replenish(site, NOW), POOLS * SPARES);
	hosts_were_read(1);

	/* On their way: nothing is short. */
	count_anew();
	assert_int_equal(site_replenish(site, NOW + 1), 0);
	hosts_were_read(0);
	pools[7].size_spare++;
	site_apply(site, pools, POOLS);
	count_anew();
	assert_int_equal(site_replenish(site, NOW + 2), 1);
	hosts_were_read(1);
}

/* ------------------------------------------------------------------------ one by one, or at once
 */

static void host_of(struct site *site, const char *name, int64_t memory_gib)
{
	struct store_report report = site_report(name, 2);
	struct store_report_result result;

	site_host(site, name);
	report.memory_bytes = memory_gib * GIB;
	report.memory_free_bytes = (memory_gib - 1) * GIB;
	report.templates_bytes = memory_gib / 8 * GIB; /* of what is free, not all may be given */
	report.disk_bytes = 100 * GIB;
	report.disk_free_bytes = (100 - memory_gib) / 4 * GIB;
	must(store_host_report(site->store, &report, NOW, &result, &err));
}

static void want(struct site *site, int64_t spares)
{
	struct pool pool = site_pool("sales", POOL_FLOATING, 200, spares);

	pool.desktop.memory_bytes = 3 * GIB;
	site_apply(site, &pool, 1);
	while (site_replenish(site, NOW) > 0)
		;
}

/* The first desktops are up and measured: the others are expected to take as much. */
static void measure(struct site *site, int64_t seq)
{
	OWNED(store_desktop_list_done) struct store_desktop_list all = { 0 };
	struct store_report_result result;

	must(store_desktops(site->store, &all, &err));
	for (size_t i = 0; i < all.count; i++) {
		struct store_report report = site_report(all.items[i].host, seq + (int64_t)i);
		struct store_report_desktop up = site_ready(&all.items[i]);

		up.pss_bytes = 700 * MIB + (int64_t)i * MIB;
		up.overlay_bytes = 400 * MIB;
		report.desktops = &up;
		report.desktop_count = 1;
		report.memory_bytes = 60 * GIB;
		report.memory_free_bytes = 33 * GIB;
		must(store_host_report(site->store, &report, NOW, &result, &err));
	}
}

/* Which host has which desktop, after spares are wanted in steps of so many. */
static void fill(struct buf *out, int64_t steps, int64_t last)
{
	OWNED(store_desktop_list_done) struct store_desktop_list all = { 0 };
	void *state = NULL;

	site_setup(&state);
	struct site *site = state;
	host_of(site, "host-a", 24);
	host_of(site, "host-b", 72);
	host_of(site, "host-c", 48);
	site_image(site);
	want(site, 2);
	measure(site, 3);
	for (int64_t spares = 2 + steps; spares <= last; spares += steps)
		want(site, spares);
	must(store_desktops(site->store, &all, &err));
	for (size_t i = 0; i < all.count; i++)
		buf_printf(out, "%s %s\n", all.items[i].name, all.items[i].host);
	assert_true(all.count > 30 && (int64_t)all.count < last); /* until the hosts are full */
	site_teardown(&state);
}

static void room_kept_up_is_room_read_again(void **state)
{
	OWNED(buf_done) struct buf one_by_one = { 0 };
	OWNED(buf_done) struct buf at_once = { 0 };

	fill(&one_by_one, 1, 152);
	fill(&at_once, 150, 152);
	assert_string_equal(buf_text(&at_once), buf_text(&one_by_one));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(many_pools_read_the_hosts_once, site_setup,
						site_teardown),
		cmocka_unit_test(room_kept_up_is_room_read_again),
	};

	sqlite3_auto_extension((void (*)(void))watch);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
