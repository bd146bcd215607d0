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

/* ------------------------------------------------------------------- what a report looks at */

static void reports(struct site *site, const struct store_desktop *d, int64_t seq, bool there)
{
	OWNED(store_desired_done) struct store_desired desired = { 0 };
	OWNED(store_orders_done) struct store_orders orders = { 0 };
	struct store_report report = site_report("host-a", seq);
	struct store_report_desktop ready = site_ready(d);
	struct store_report_result result;

	report.generation = INT64_MAX;
	report.desktops = &ready;
	report.desktop_count = there;
	must(store_host_report(site->store, &report, NOW, &result, &err));
	assert_true(result.changed);
	must(store_log_offs_settle(site->store, "host-a", &err));
	must(store_desired_for_host(site->store, "host-a", &desired, &err));
	must(store_orders_of_host(site->store, "host-a", NOW, &orders, &err));
}

/* Whether SQLite says `what` of how it runs the statement: at the start of a line, or anywhere. */
static bool plan_says(sqlite3 *db, const char *sql, const char *what, bool at_start)
{
	OWNED(buf_done) struct buf explain = { 0 };
	sqlite3_stmt *st = NULL;
	bool found = false;

	buf_printf(&explain, "EXPLAIN QUERY PLAN %s", sql);
	assert_int_equal(sqlite3_prepare_v2(db, buf_text(&explain), -1, &st, NULL), SQLITE_OK);
	while (sqlite3_step(st) == SQLITE_ROW) {
		const char *detail = (const char *)sqlite3_column_text(st, 3);
		const char *at = strstr(detail, what);

		found |= at_start ? at == detail : at != NULL;
	}
	sqlite3_finalize(st);
	return found;
}

static void looks_at_few_rows(sqlite3 *db, const char *sql)
{
	static const char *const large[] = { "SCAN d", "SCAN a", "SCAN h", "SCAN rdp_session" };

	for (size_t i = 0; i < ARRAY_LEN(large); i++)
		if (plan_says(db, sql, large[i], true))
			fail_msg("%s: %s", sql, large[i]);
}

/* Whatever there is at the site: a host's report and its answer take their own rows only. */
static void a_report_goes_through_no_table(void **state)
{
	struct site *site = *state;
	struct store_desktop mine = site_take(site, "anna", "sales").desktop;
	sqlite3 *db = NULL;
	int looked_at = 0;

	count_anew();
	reports(site, &mine, 2, true);
	must(store_desktop_delete(site->store, mine.id, NOW, &err));
	reports(site, &mine, 3, false);
	began[ST_USER_DISK_NEXT] = 1; /* had it had a disk */

	assert_int_equal(sqlite3_open(site->path, &db), SQLITE_OK);
	for (size_t i = 0; i < STATEMENT_COUNT; i++)
		if (began[i]) {
			looks_at_few_rows(db, sql_of[i]);
			looked_at++;
		}
	sqlite3_close(db);
	assert_true(looked_at > 10);
}

/* It is done for each pool at every change. */
static void counting_a_pool_reads_no_rows(void **state)
{
	static const char from_index[] = "d USING COVERING INDEX desktop_by_pool (pool=?)";
	struct site *site = *state;
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(site->path, &db), SQLITE_OK);
	assert_true(plan_says(db, sql_of[ST_POOL_COUNT], from_index, false));
	assert_true(plan_says(db, sql_of[ST_POOL_IMAGES], from_index, false));
	assert_false(plan_says(db, sql_of[ST_POOL_IMAGES], "TEMP B-TREE", false));
	sqlite3_close(db);
}

/* -------------------------------------------------------------------- one by one, or at once */

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
		cmocka_unit_test_setup_teardown(a_report_goes_through_no_table, site_setup_full,
						site_teardown),
		cmocka_unit_test_setup_teardown(counting_a_pool_reads_no_rows, site_setup,
						site_teardown),
		cmocka_unit_test(room_kept_up_is_room_read_again),
	};

	sqlite3_auto_extension((void (*)(void))watch);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
