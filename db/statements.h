/* SPDX-License-Identifier: Apache-2.0 */
/* statements.h - all SQL of the store, prepared at start-up. Parameters are $1..$n, each first
 * used in numeric order; text and 64-bit integers only, so that one text serves both engines. */
#ifndef GENKAN_DB_STATEMENTS_H
#define GENKAN_DB_STATEMENTS_H

#define DESKTOP_SELECT                                                                             \
	"SELECT d.id, d.name, d.pool, p.title, p.assignment, d.host, d.epoch, d.want, d.state, "   \
	"d.stage, d.percent, d.reason, d.user_state, COALESCE(a.person, ''), "                     \
	"COALESCE(u.name, ''), d.image_sha256, d.cpus, d.memory_bytes, d.disk_bytes, d.address, "  \
	"d.rdp_certificate_sha256, d.created_at_ms, COALESCE(a.assigned_at_ms, 0), "               \
	"d.changed_at_ms, d.incarnation, d.logoffs, d.resets, d.logged_on, d.use_since_ms, "       \
	"d.ready_at_ms, p.on_logoff, p.start_ms, d.user_disk, COALESCE(k.desktop, ''), "           \
	"COALESCE(k.state, ''), COALESCE(k.epoch, 0), COALESCE(k.size_bytes, 0), "                 \
	"COALESCE(k.used_bytes, 0), COALESCE(k.attached, 'none'), COALESCE(k.reason, ''), "        \
	"COALESCE(u.account, ''), COALESCE(u.uid, 0), d.pss_bytes, d.overlay_bytes, "              \
	"p.overlay_bytes, d.request, d.turn, d.want_generation "                                   \
	"FROM desktop d JOIN pool p ON p.name = d.pool "                                           \
	"LEFT JOIN assignment a ON a.desktop = d.id LEFT JOIN person u ON u.key = a.person "       \
	"LEFT JOIN user_disk k ON k.id = d.user_disk "

#define USER_DISK_SELECT                                                                           \
	"SELECT k.id, k.person, COALESCE(u.name, ''), k.pool, k.size_bytes, k.used_bytes, "        \
	"k.state, k.set_aside_at_ms, k.desktop, COALESCE(d.name, ''), k.host, k.epoch, "           \
	"k.attached, k.reason, k.since_ms, k.created_at_ms FROM user_disk k "                      \
	"LEFT JOIN person u ON u.key = k.person LEFT JOIN desktop d ON d.id = k.desktop "

#define HOST_SELECT                                                                                \
	"SELECT h.name, h.state, h.accel, h.cpus, h.memory_bytes, h.memory_free_bytes, "           \
	"h.relay_host, h.relay_port, h.relay_certificate_sha256, h.seq, h.generation, "            \
	"h.last_seen_ms, (SELECT COUNT(*) FROM desktop d WHERE d.host = h.name), h.disk_bytes, "   \
	"h.disk_free_bytes, h.templates_bytes, "                                                   \
	"(SELECT COALESCE(SUM(d.pss_bytes), 0) FROM desktop d WHERE d.host = h.name), "            \
	"(SELECT COALESCE(SUM(d.overlay_bytes), 0) FROM desktop d WHERE d.host = h.name), "        \
	"h.starts_max, h.starts_under_way, h.starts_waiting "                                      \
	"FROM host h "

#define POOL_SELECT                                                                                \
	"SELECT name, title, image, channel, publication, assignment, size_max, size_spare, "      \
	"cpus, memory_bytes, disk_bytes, policy, size_start, size_grow, schedule, max_per_user, "  \
	"on_logoff, disconnect_timeout_ms, self_restart, self_reset, standard_clients, "            \
	"user_disk_bytes, overlay_bytes, idle_timeout_ms, idle_action, rollout_canary, "           \
	"rollout_window_ms, rollout_max_failures, second_factor, deleted FROM pool "

#define IMAGE_SELECT                                                                               \
	"SELECT i.name, i.publication, i.sha256, i.size_bytes, i.published_at_ms, "                \
	"(SELECT COUNT(*) FROM image_channel c WHERE c.name = i.name AND c.channel = 'stable' "    \
	"AND c.publication = i.publication), "                                                     \
	"(SELECT COUNT(*) FROM image_channel c WHERE c.name = i.name AND c.channel = 'canary' "    \
	"AND c.publication = i.publication) FROM image i "

/* Of an image i: a pool uses it, or moves to it. */
#define IMAGE_OF_A_POOL                                                                            \
	"(EXISTS (SELECT 1 FROM rollout r JOIN pool p ON p.name = r.pool AND p.deleted = 0 "       \
	"WHERE r.image = i.name AND (i.publication = r.current OR i.publication = r.next)) "       \
	"OR EXISTS (SELECT 1 FROM pool p LEFT JOIN image_channel c ON c.name = p.image "           \
	"AND c.channel = p.channel WHERE p.image = i.name AND p.deleted = 0 AND i.publication = "  \
	"(CASE WHEN p.publication > 0 THEN p.publication ELSE c.publication END))) "
/* A channel points to it, or would after a rollback. */
#define IMAGE_OF_A_CHANNEL                                                                         \
	"EXISTS (SELECT 1 FROM image_channel c WHERE c.name = i.name AND (i.publication = "        \
	"c.publication OR i.publication = COALESCE((SELECT MAX(m.to_publication) FROM image_move " \
	"m WHERE m.name = c.name AND m.channel = c.channel AND m.to_publication < "                \
	"c.publication), (SELECT MAX(o.publication) FROM image o WHERE o.name = c.name "           \
	"AND o.publication < c.publication)))) "

#define SESSION_SELECT                                                                             \
	"SELECT id, user_name, desktop, desktop_name, pool, host, client_address, began_at_ms, "   \
	"active_at_ms, ended_at_ms, exception FROM rdp_session "

#define EXCEPTION_SELECT                                                                           \
	"SELECT e.id, e.person, u.name, e.pool, e.device, e.reason, e.duration_ms, e.state, "      \
	"e.requested_by, e.requested_at_ms, e.approved_by, e.approved_at_ms, e.expires_at_ms, "    \
	"e.used_at_ms, e.ended_by, e.ended_at_ms FROM exception e "                                \
	"JOIN person u ON u.key = e.person "

#define AUDIT_SELECT                                                                               \
	"SELECT id, at_ms, who, source, what, code, denied, subject, details FROM audit "

#define AUDIT_WANTED                                                                               \
	"at_ms >= $1 AND ($2 = '' OR who = $2) AND ($3 = '' OR what = $3) AND details LIKE $4 "    \
	"AND ($5 = 0 OR id < $5) ORDER BY id DESC LIMIT $6"

#define STATEMENTS(X)                                                                              \
	/* users */                                                                                \
	X(PERSON_FIND, "SELECT key, name, display_name, account, uid FROM person WHERE key = $1")  \
	X(PERSON_FIND_NAME, "SELECT key, name, display_name, account, uid FROM person "            \
	  "WHERE name = $1 ORDER BY changed_at_ms DESC, key LIMIT 1")                              \
	X(PERSON_PUT, "INSERT INTO person (key, name, display_name, account, uid, changed_at_ms) " \
	  "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (key) DO UPDATE SET name = excluded.name, " \
	  "display_name = excluded.display_name, account = excluded.account, "                     \
	  "uid = excluded.uid, changed_at_ms = excluded.changed_at_ms")                            \
	/* pools */                                                                                \
	X(POOLS, POOL_SELECT "ORDER BY name")                                                      \
	X(POOL_FIND, POOL_SELECT "WHERE name = $1")                                                \
	X(POOL_PUT, "INSERT INTO pool (name, title, image, channel, publication, assignment, "     \
	  "size_max, size_spare, cpus, memory_bytes, disk_bytes, policy, size_start, size_grow, "  \
	  "schedule, max_per_user, on_logoff, disconnect_timeout_ms, self_restart, self_reset, "   \
	  "standard_clients, user_disk_bytes, overlay_bytes, idle_timeout_ms, idle_action, "       \
	  "rollout_canary, rollout_window_ms, rollout_max_failures, second_factor, "               \
	  "deleted, changed_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, "    \
	  "$13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, "  \
	  "0, $30) "                                                                               \
	  "ON CONFLICT (name) DO UPDATE SET title = excluded.title, image = excluded.image, "      \
	  "channel = excluded.channel, publication = excluded.publication, "                       \
	  "assignment = excluded.assignment, size_max = excluded.size_max, "                       \
	  "size_spare = excluded.size_spare, cpus = excluded.cpus, "                               \
	  "memory_bytes = excluded.memory_bytes, disk_bytes = excluded.disk_bytes, "               \
	  "policy = excluded.policy, size_start = excluded.size_start, "                           \
	  "size_grow = excluded.size_grow, schedule = excluded.schedule, "                         \
	  "max_per_user = excluded.max_per_user, on_logoff = excluded.on_logoff, "                 \
	  "disconnect_timeout_ms = excluded.disconnect_timeout_ms, "                               \
	  "self_restart = excluded.self_restart, self_reset = excluded.self_reset, "               \
	  "standard_clients = excluded.standard_clients, "                                         \
	  "user_disk_bytes = excluded.user_disk_bytes, overlay_bytes = excluded.overlay_bytes, "   \
	  "idle_timeout_ms = excluded.idle_timeout_ms, idle_action = excluded.idle_action, "       \
	  "rollout_canary = excluded.rollout_canary, "                                             \
	  "rollout_window_ms = excluded.rollout_window_ms, "                                       \
	  "rollout_max_failures = excluded.rollout_max_failures, "                                 \
	  "second_factor = excluded.second_factor, "                                               \
	  "deleted = 0, changed_at_ms = excluded.changed_at_ms")                                   \
	X(POOL_MARK_DELETED, "UPDATE pool SET deleted = 1, changed_at_ms = $1 WHERE name = $2")    \
	X(POOLS_PURGE, "DELETE FROM pool WHERE deleted = 1 "                                       \
	  "AND NOT EXISTS (SELECT 1 FROM desktop d WHERE d.pool = pool.name)")                     \
	X(ENTITLEMENTS, "SELECT pool, kind, position, principal FROM pool_entitlement "            \
	  "ORDER BY pool, kind, position")                                                         \
	X(ENTITLEMENTS_OF, "SELECT pool, kind, position, principal FROM pool_entitlement "         \
	  "WHERE pool = $1 ORDER BY kind, position")                                               \
	X(ENTITLEMENTS_DROP, "DELETE FROM pool_entitlement WHERE pool = $1")                       \
	X(ENTITLEMENT_PUT, "INSERT INTO pool_entitlement (pool, kind, position, principal) "       \
	  "VALUES ($1, $2, $3, $4)")                                                               \
	X(POOL_COUNT, "SELECT "                                                                    \
	  "COALESCE(SUM(CASE WHEN d.want = 'running' AND a.desktop IS NOT NULL "                   \
	  "THEN 1 ELSE 0 END), 0), "                                                               \
	  "COALESCE(SUM(CASE WHEN d.want = 'running' AND a.desktop IS NULL "                       \
	  "AND d.state = 'ready' THEN 1 ELSE 0 END), 0), "                                         \
	  "COALESCE(SUM(CASE WHEN d.want = 'running' AND a.desktop IS NULL "                       \
	  "AND d.state NOT IN ('ready', 'error') THEN 1 ELSE 0 END), 0), "                         \
	  "COALESCE(SUM(CASE WHEN d.want = 'running' AND a.desktop IS NULL "                       \
	  "AND d.state = 'error' THEN 1 ELSE 0 END), 0), "                                         \
	  "COALESCE(SUM(CASE WHEN d.want = 'absent' THEN 1 ELSE 0 END), 0), "                      \
	  "COALESCE(SUM(CASE WHEN d.want = 'running' "                                             \
	  "AND d.state NOT IN ('ready', 'error') THEN 1 ELSE 0 END), 0), "                         \
	  "(SELECT COUNT(*) FROM waiter w WHERE w.pool = $1) "                                     \
	  "FROM desktop d LEFT JOIN assignment a ON a.desktop = d.id WHERE d.pool = $1")           \
	X(KEPT_PUT, "INSERT INTO kept_place (id, pool, until_ms) VALUES ($1, $2, $3)")             \
	X(KEPT_COUNT, "SELECT COUNT(*) FROM kept_place WHERE pool = $1 AND until_ms > $2")         \
	X(KEPT_TAKE, "DELETE FROM kept_place WHERE id = (SELECT id FROM kept_place "               \
	  "WHERE pool = $1 ORDER BY until_ms LIMIT 1)")                                            \
	X(KEPT_PURGE, "DELETE FROM kept_place WHERE until_ms <= $1")                               \
	X(POOL_PACE, "SELECT start_ms FROM pool WHERE name = $1")                                  \
	/* how many desktops of the pool its hosts start side by side; 0: one has not told */      \
	X(POOL_STARTS, "SELECT COALESCE(CASE WHEN MIN(h.starts_max) = 0 THEN 0 "                   \
	  "ELSE SUM(h.starts_max) END, 0) FROM host h WHERE h.state = 'active' "                   \
	  "AND h.name IN (SELECT host FROM desktop WHERE pool = $1 AND want = 'running' "          \
	  "AND state NOT IN ('ready', 'error'))")                                                  \
	X(POOL_PACE_PUT, "UPDATE pool SET start_ms = CASE WHEN start_ms = 0 THEN $1 "              \
	  "ELSE (start_ms * 3 + $1) / 4 END WHERE name = $2")                                      \
	/* the line of a pool */                                                                   \
	X(WAITER_FIND, "SELECT place FROM waiter WHERE person = $1 AND pool = $2")                 \
	X(WAITER_SEEN, "UPDATE waiter SET seen_ms = CASE WHEN seen_ms > $1 THEN seen_ms "          \
	  "ELSE $1 END WHERE person = $2 AND pool = $3")                                           \
	X(PLACE_NEXT, "UPDATE counter SET value = value + 1 WHERE name = 'place' "                 \
	  "RETURNING value")                                                                       \
	X(WAITER_PUT, "INSERT INTO waiter (person, pool, place, since_ms, seen_ms) "               \
	  "VALUES ($1, $2, $3, $4, $5)")                                                           \
	X(WAITERS_AHEAD, "SELECT COUNT(*) FROM waiter WHERE pool = $1 AND place < $2")             \
	X(WAITER_NEXT, "SELECT person FROM waiter WHERE pool = $1 ORDER BY place LIMIT 1")         \
	X(WAITER_DROP, "DELETE FROM waiter WHERE person = $1 AND pool = $2")                       \
	X(WAITERS_DROP_OF, "DELETE FROM waiter WHERE person = $1")                                 \
	X(WAITERS_PURGE, "DELETE FROM waiter WHERE seen_ms < $1")                                  \
	/* starts that fail */                                                                     \
	X(TROUBLE_FIND, "SELECT failures, paused_until_ms FROM start_trouble "                     \
	  "WHERE host = $1 AND image_sha256 = $2")                                                 \
	X(TROUBLE_PUT, "INSERT INTO start_trouble (host, image_sha256, failures, "                 \
	  "paused_until_ms, reason) VALUES ($1, $2, $3, $4, $5) "                                  \
	  "ON CONFLICT (host, image_sha256) DO UPDATE SET failures = excluded.failures, "          \
	  "paused_until_ms = excluded.paused_until_ms, reason = excluded.reason")                  \
	X(TROUBLE_DROP, "DELETE FROM start_trouble WHERE host = $1 AND image_sha256 = $2")         \
	X(TROUBLES_OF, "SELECT host, failures, paused_until_ms, reason FROM start_trouble "        \
	  "WHERE image_sha256 = $1 ORDER BY host")                                                 \
	/* images */                                                                               \
	X(IMAGES, IMAGE_SELECT "ORDER BY i.name, i.publication DESC")                              \
	X(IMAGE_FIND, IMAGE_SELECT "WHERE i.name = $1 AND i.sha256 = $2")                          \
	X(IMAGE_NEXT, "SELECT COALESCE(MAX(publication), 0) + 1 FROM image WHERE name = $1")       \
	X(IMAGE_PUT, "INSERT INTO image (name, publication, sha256, size_bytes, "                  \
	  "published_at_ms) VALUES ($1, $2, $3, $4, $5)")                                          \
	X(CHANNEL_PUT, "INSERT INTO image_channel (name, channel, publication) "                   \
	  "VALUES ($1, $2, $3) ON CONFLICT (name, channel) "                                       \
	  "DO UPDATE SET publication = excluded.publication")                                      \
	X(CHANNEL_FIND, "SELECT publication FROM image_channel WHERE name = $1 AND channel = $2")  \
	X(CHANNEL_BEFORE, "SELECT COALESCE((SELECT MAX(to_publication) FROM image_move "           \
	  "WHERE name = $1 AND channel = $2 AND to_publication < $3), "                            \
	  "(SELECT MAX(publication) FROM image WHERE name = $1 AND publication < $3), 0)")         \
	X(MOVE_PUT, "INSERT INTO image_move (id, name, channel, from_publication, "                \
	  "to_publication, kind, who, reason, at_ms) "                                             \
	  "SELECT COALESCE(MAX(id), 0) + 1, $1, $2, $3, $4, $5, $6, $7, $8 FROM image_move")       \
	X(MOVES, "SELECT channel, from_publication, to_publication, kind, who, reason, at_ms "     \
	  "FROM image_move WHERE name = $1 ORDER BY id DESC LIMIT 100")                            \
	X(IMAGE_SHA, "SELECT sha256 FROM image WHERE name = $1 AND publication = $2")              \
	X(IMAGE_OF_POOL, "SELECT i.sha256 FROM rollout r JOIN image i ON i.name = r.image "        \
	  "AND i.publication = r.current WHERE r.pool = $1")                                       \
	X(ROLLOUT_FIND, "SELECT image, current, next, refused, began_at_ms, why, detail "          \
	  "FROM rollout WHERE pool = $1")                                                          \
	X(ROLLOUT_PUT, "INSERT INTO rollout (pool, image, current, next, refused, began_at_ms, "   \
	  "why, detail) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (pool) "               \
	  "DO UPDATE SET image = excluded.image, current = excluded.current, "                     \
	  "next = excluded.next, refused = excluded.refused, "                                     \
	  "began_at_ms = excluded.began_at_ms, why = excluded.why, detail = excluded.detail")      \
	X(ROLLOUT_FORGIVE, "UPDATE rollout SET refused = 0 WHERE image = $1 AND refused = $2")     \
	X(HEALTH_FIND, "SELECT ready, ready_since_ms, first_start_ms, failed, crashed, logins, "   \
	  "logins_failed, reason FROM image_health WHERE pool = $1 AND sha256 = $2")               \
	X(HEALTH_DROP, "DELETE FROM image_health WHERE pool = $1 AND sha256 = $2")                 \
	X(HEALTH_ADD, "INSERT INTO image_health (pool, sha256, ready, ready_since_ms, "            \
	  "first_start_ms, failed, crashed, logins, logins_failed, reason) "                       \
	  "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (pool, sha256) "           \
	  "DO UPDATE SET ready_since_ms = CASE WHEN image_health.ready > 0 "                       \
	  "THEN image_health.ready_since_ms ELSE excluded.ready_since_ms END, "                    \
	  "first_start_ms = CASE WHEN image_health.ready > 0 THEN image_health.first_start_ms "    \
	  "ELSE excluded.first_start_ms END, ready = image_health.ready + excluded.ready, "        \
	  "failed = image_health.failed + excluded.failed, "                                       \
	  "crashed = image_health.crashed + excluded.crashed, "                                    \
	  "logins = image_health.logins + excluded.logins, "                                       \
	  "logins_failed = image_health.logins_failed + excluded.logins_failed, "                  \
	  "reason = CASE WHEN excluded.reason <> '' THEN excluded.reason "                         \
	  "ELSE image_health.reason END")                                                          \
	X(POOL_IMAGES, "SELECT d.image_sha256, "                                                   \
	  "SUM(CASE WHEN a.desktop IS NOT NULL THEN 1 ELSE 0 END), "                               \
	  "SUM(CASE WHEN a.desktop IS NULL AND d.state = 'ready' THEN 1 ELSE 0 END), "             \
	  "SUM(CASE WHEN a.desktop IS NULL AND d.state <> 'ready' THEN 1 ELSE 0 END) "             \
	  "FROM desktop d LEFT JOIN assignment a ON a.desktop = d.id WHERE d.pool = $1 "           \
	  "AND d.want = 'running' AND d.state <> 'error' GROUP BY d.image_sha256 "                 \
	  "ORDER BY d.image_sha256")                                                               \
	X(IMAGES_OF_HOST, "SELECT i.name, i.sha256, i.size_bytes, COALESCE((SELECT k.held "       \
	  "FROM image_content k WHERE k.sha256 = i.sha256), 0) FROM image i WHERE "              \
	  "i.sha256 IN (SELECT d.image_sha256 FROM desktop d WHERE d.host = $1 "                   \
	  "AND d.want = 'running') OR " IMAGE_OF_A_POOL "ORDER BY i.name, i.publication")          \
	X(IMAGE_FOR_HOST,                                                                          \
	  "SELECT COUNT(*) FROM image i WHERE (i.sha256 IN (SELECT d.image_sha256 "                \
	  "FROM desktop d WHERE d.host = $1 AND d.want = 'running') OR " IMAGE_OF_A_POOL ") "      \
	  "AND i.sha256 = $2")                                                                     \
	X(IMAGES_NOT_NEEDED,                                                                       \
	  "SELECT g.sha256 FROM image g JOIN image_content k "                                     \
	  "ON k.sha256 = g.sha256 AND k.held = 1 WHERE NOT EXISTS (SELECT 1 FROM desktop d "       \
	  "WHERE d.image_sha256 = g.sha256) AND g.sha256 NOT IN (SELECT i.sha256 "                 \
	  "FROM image i WHERE " IMAGE_OF_A_POOL "OR " IMAGE_OF_A_CHANNEL ") "                      \
	  "GROUP BY g.sha256 ORDER BY MAX(g.published_at_ms) DESC, g.sha256 LIMIT 64")             \
	/* hosts */                                                                                \
	X(HOSTS, HOST_SELECT "ORDER BY h.name")                                                    \
	X(HOSTS_PAGE, HOST_SELECT "WHERE h.name > $1 AND ($2 = '' OR h.state = $2) "               \
	  "AND ($3 = '' OR h.name LIKE $3 ESCAPE '!') ORDER BY h.name LIMIT $4")                   \
	/* without the count: it is asked for at every login */                                    \
	X(HOST_FIND, "SELECT name, state, accel, cpus, memory_bytes, memory_free_bytes, "           \
	  "relay_host, relay_port, relay_certificate_sha256, seq, generation, last_seen_ms, -1, "   \
	  "disk_bytes, disk_free_bytes, templates_bytes, 0, 0, starts_max, starts_under_way, "     \
	  "starts_waiting FROM host WHERE name = $1")                                              \
	X(HOST_GENERATION, "SELECT generation FROM host WHERE name = $1")                          \
	X(HOST_BUMP, "UPDATE host SET generation = generation + 1 WHERE name = $1 "                \
	  "RETURNING generation")                                                                  \
	X(HOSTS_BUMP, "UPDATE host SET generation = generation + 1")                               \
	/* above all that hosts have seen from the store that was lost */                          \
	X(HOSTS_RESTORED, "UPDATE host SET generation = generation + 1000000000")                  \
	X(EPOCH_RESTORED, "UPDATE counter SET value = value + 1000000000 WHERE name = 'epoch'")    \
	X(SPARES_RESTORED, "UPDATE desktop SET want = 'absent', user_state = 'logged_off', "       \
	  "want_generation = (SELECT h.generation FROM host h WHERE h.name = desktop.host) "       \
	  "WHERE want = 'running' AND id NOT IN (SELECT desktop FROM assignment)")                 \
	X(HOST_JOIN, "INSERT INTO host (name, state, accel, cpus, memory_bytes, "                  \
	  "memory_free_bytes, relay_host, relay_port, relay_certificate_sha256, seq, "             \
	  "generation, last_seen_ms, joined_at_ms) "                                               \
	  "VALUES ($1, 'active', '', 0, 0, 0, '', 0, '', 0, 1, 0, $2) "                            \
	  "ON CONFLICT (name) DO UPDATE SET seq = 0, joined_at_ms = excluded.joined_at_ms, "       \
	  "state = CASE WHEN host.state = 'draining' THEN host.state ELSE 'active' END")                                                  \
	X(HOST_SET_STATE, "UPDATE host SET state = $1 WHERE name = $2")                            \
	X(HOST_DRAIN, "UPDATE host SET state = $1, drained_by = $2, drained_why = $3, "            \
	  "drained_at_ms = $4 WHERE name = $5")                                                    \
	X(HOST_DRAINED, "SELECT drained_by, drained_why, drained_at_ms FROM host WHERE name = $1") \
	X(HOST_SPARES_GO, "UPDATE desktop SET want = 'absent', user_state = 'logged_off', "        \
	  "want_generation = $1, changed_at_ms = $2, request = $3 WHERE host = $4 "                \
	  "AND want = 'running' AND id NOT IN (SELECT desktop FROM assignment)")                   \
	X(HOST_DROP, "DELETE FROM host WHERE name = $1")                                           \
	X(HOST_TROUBLES_DROP, "DELETE FROM start_trouble WHERE host = $1")                         \
	X(HOST_TOKEN_DROP, "DELETE FROM host_token WHERE host = $1")                               \
	X(HOSTS_LOST, "UPDATE host SET state = 'lost' WHERE state = 'active' "                     \
	  "AND last_seen_ms > 0 AND last_seen_ms < $1")                                            \
	X(HOST_REPORT, "UPDATE host SET state = $1, accel = $2, cpus = $3, memory_bytes = $4, "    \
	  "memory_free_bytes = $5, relay_host = $6, relay_port = $7, "                             \
	  "relay_certificate_sha256 = $8, seq = $9, last_seen_ms = $10, disk_bytes = $11, "        \
	  "disk_free_bytes = $12, templates_bytes = $13, starts_max = $14, "                       \
	  "starts_under_way = $15, starts_waiting = $16 WHERE name = $17")                         \
	X(HOST_TEMPLATES_PUT, "UPDATE host SET templates = $1 WHERE name = $2 "                    \
	  "AND templates <> $1")                                                                   \
	X(HOST_TEMPLATES, "SELECT name, templates FROM host ORDER BY name")                        \
	X(HOST_IMAGES, "SELECT sha256, state, percent, reason FROM host_image WHERE host = $1")    \
	X(HOST_IMAGE_PUT, "INSERT INTO host_image (host, sha256, ready, state, percent, reason) "  \
	  "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (host, sha256) DO UPDATE SET "              \
	  "ready = excluded.ready, state = excluded.state, percent = excluded.percent, "           \
	  "reason = excluded.reason")                                                              \
	X(IMAGE_ARRIVING,                                                                          \
	  "SELECT COALESCE(MAX(i.percent), -1) FROM rollout r JOIN image m "                       \
	  "ON m.name = r.image AND m.publication = r.current JOIN host_image i "                   \
	  "ON i.sha256 = m.sha256 AND i.state = 'fetching' JOIN host h ON h.name = i.host "        \
	  "AND h.state = 'active' WHERE r.pool = $1")                                              \
	X(IMAGE_HOSTS, "SELECT host, state, percent, reason FROM host_image WHERE sha256 = $1 "    \
	  "ORDER BY host")                                                                         \
	X(CONTENT_PUT, "INSERT INTO image_content (sha256, size_bytes, pieces, held) "             \
	  "VALUES ($1, $2, $3, $4) ON CONFLICT (sha256) DO UPDATE SET "                            \
	  "size_bytes = excluded.size_bytes, pieces = excluded.pieces, "                           \
	  "held = CASE WHEN held > excluded.held THEN held ELSE excluded.held END")                \
	X(CONTENT_FIND, "SELECT size_bytes, pieces, held FROM image_content WHERE sha256 = $1")    \
	X(HOST_IMAGE_DROP, "DELETE FROM host_image WHERE host = $1 AND sha256 = $2")               \
	X(HOST_TOKEN_PUT, "INSERT INTO host_token (host, token_sha256, expires_at_ms, "            \
	  "used_at_ms) VALUES ($1, $2, $3, 0) ON CONFLICT (host) DO UPDATE SET "                   \
	  "token_sha256 = excluded.token_sha256, expires_at_ms = excluded.expires_at_ms, "         \
	  "used_at_ms = 0")                                                                        \
	X(HOST_TOKEN_FIND, "SELECT host, expires_at_ms, used_at_ms FROM host_token "               \
	  "WHERE token_sha256 = $1")                                                               \
	X(HOST_TOKEN_USE, "UPDATE host_token SET used_at_ms = $1 WHERE token_sha256 = $2 "         \
	  "AND used_at_ms = 0")                                                                    \
	X(HOSTS_SPACE, "SELECT name, state, last_seen_ms, cpus, memory_bytes, memory_free_bytes, " \
	  "disk_bytes, disk_free_bytes, templates_bytes FROM host ORDER BY name")                  \
	X(IMAGE_PLACES, "SELECT COALESCE(i.ready, -1), COALESCE(t.paused_until_ms, 0), "           \
	  "CASE WHEN i.state = 'fetching' THEN 1 ELSE 0 END FROM host h "                          \
	  "LEFT JOIN host_image i ON i.host = h.name AND i.sha256 = $1 "                           \
	  "LEFT JOIN start_trouble t ON t.host = h.name AND t.image_sha256 = $1 "                  \
	  "ORDER BY h.name")                                                                       \
	X(PLACED,                                                                                  \
	  "SELECT d.host, d.cpus, d.memory_bytes, d.pss_bytes, d.overlay_bytes, d.state, "         \
	  "w.pss, w.overlay FROM desktop d JOIN (SELECT pool, MAX(pss_bytes) AS pss, "             \
	  "MAX(overlay_bytes) AS overlay FROM desktop GROUP BY pool) w ON w.pool = d.pool "        \
	  "ORDER BY d.host")                                                                       \
	X(POOL_PEAK, "SELECT COALESCE(MAX(pss_bytes), 0), COALESCE(MAX(overlay_bytes), 0) "        \
	  "FROM desktop WHERE pool = $1")                                                          \
	/* desktops */                                                                             \
	X(DESKTOPS, DESKTOP_SELECT "ORDER BY d.pool, d.name")                                      \
	X(DESKTOPS_PAGE, DESKTOP_SELECT "WHERE d.name > $1 AND ($2 = '' OR d.pool = $2) "          \
	  "AND ($3 = '' OR d.host = $3) AND ($4 = '' OR d.state = $4) "                            \
	  "AND ($5 = '' OR d.name LIKE $5 ESCAPE '!' OR u.name LIKE $5 ESCAPE '!' OR d.id = $6) "  \
	  "ORDER BY d.name LIMIT $7")                                                              \
	X(DESKTOP_FIND, DESKTOP_SELECT "WHERE d.id = $1")                                          \
	X(DESKTOPS_OF_HOST, DESKTOP_SELECT "WHERE d.host = $1 ORDER BY d.name")                    \
	X(DESKTOPS_OF_PERSON, DESKTOP_SELECT "WHERE a.person = $1 ORDER BY d.pool")                \
	X(DESKTOP_OF_PERSON, DESKTOP_SELECT "WHERE a.person = $1 AND a.pool = $2")                 \
	X(DESKTOPS_UNUSED, DESKTOP_SELECT "WHERE a.desktop IS NOT NULL AND d.want = 'running' "    \
	  "AND p.assignment = 'floating' AND d.user_state <> 'connected' "                         \
	  "AND ((p.disconnect_timeout_ms > 0 AND d.use_since_ms + p.disconnect_timeout_ms < $1) "  \
	  "OR (d.user_state = 'assigned' AND d.use_since_ms < $2)) ORDER BY d.id")                 \
	X(DESKTOP_SPARE_BEST, DESKTOP_SELECT "JOIN host h ON h.name = d.host "                     \
	  "WHERE d.pool = $1 AND a.desktop IS NULL AND d.want = 'running' "                        \
	  "AND d.state NOT IN ('error', 'suspended') AND h.state = 'active' "                      \
	  "AND h.last_seen_ms >= $2 "                                                              \
	  "ORDER BY CASE WHEN d.state = 'ready' THEN 0 ELSE 1 END, d.percent DESC, "               \
	  "d.created_at_ms, d.id LIMIT 1")                                                         \
	X(SPARES_TO_DROP, DESKTOP_SELECT "WHERE d.pool = $1 AND a.desktop IS NULL "                \
	  "AND d.want = 'running' AND (CASE WHEN d.state = 'error' THEN 1 ELSE 0 END) = $2 "       \
	  "AND d.changed_at_ms <= $3 "                                                             \
	  "ORDER BY CASE WHEN d.state = 'ready' THEN 1 ELSE 0 END, d.created_at_ms DESC, d.id "    \
	  "LIMIT $4")                                                                              \
	X(SPARES_OF_IMAGE, DESKTOP_SELECT "WHERE d.pool = $1 AND a.desktop IS NULL "               \
	  "AND d.want = 'running' AND d.image_sha256 = $2 AND d.state <> 'error' "                 \
	  "AND (CASE WHEN d.state = 'ready' THEN 1 ELSE 0 END) = $3 "                              \
	  "ORDER BY d.created_at_ms, d.id LIMIT $4")                                               \
	X(FAILED_LATELY, "SELECT COUNT(*) FROM desktop d LEFT JOIN assignment a "                  \
	  "ON a.desktop = d.id WHERE d.pool = $1 AND a.desktop IS NULL "                           \
	  "AND d.want = 'running' AND d.state = 'error' AND d.changed_at_ms > $2")                 \
	X(DESKTOP_NAMES, "SELECT name FROM desktop WHERE pool = $1")                               \
	X(DESKTOP_PUT, "INSERT INTO desktop (id, name, pool, host, epoch, want, want_generation, " \
	  "state, stage, percent, reason, user_state, image_sha256, cpus, memory_bytes, "          \
	  "disk_bytes, address, rdp_certificate_sha256, created_at_ms, changed_at_ms, "            \
	  "use_since_ms) "                                                                         \
	  "VALUES ($1, $2, $3, $4, $5, 'running', $6, 'absent', 'queued', 0, '', 'spare', $7, "    \
	  "$8, $9, $10, '', '', $11, $11, $11)")                                                      \
	X(DESKTOP_REPORT, "UPDATE desktop SET state = $1, stage = $2, percent = $3, "              \
	  "reason = $4, address = $5, rdp_certificate_sha256 = $6, changed_at_ms = $7, "           \
	  "ready_at_ms = CASE WHEN ready_at_ms = 0 AND $1 = 'ready' THEN $7 ELSE ready_at_ms END, " \
	  "logged_on = $8, logoffs = $9, resets = $10, pss_bytes = $11, overlay_bytes = $12, "     \
	  "turn = $13 WHERE id = $14")                                                             \
	X(DESKTOP_RESTART, "UPDATE desktop SET incarnation = incarnation + 1, "                    \
	  "want_generation = $1, changed_at_ms = $2, request = $3 WHERE id = $4")                  \
	X(DESKTOP_LET_GO, "UPDATE desktop SET want = 'absent', user_state = 'logged_off', "        \
	  "want_generation = $1, changed_at_ms = $2, request = $3 WHERE id = $4")                  \
	X(DESKTOP_REQUEST, "UPDATE desktop SET request = $1 WHERE id = $2")                        \
	X(DESKTOP_USER_STATE, "UPDATE desktop SET user_state = $1, use_since_ms = $2 "             \
	  "WHERE id = $3")                                                                         \
	X(DESKTOP_DROP, "DELETE FROM desktop WHERE id = $1")                                       \
	X(EPOCH_NEXT, "UPDATE counter SET value = value + 1 WHERE name = 'epoch' "                 \
	  "RETURNING value")                                                                       \
	X(ASSIGNMENT_PUT, "INSERT INTO assignment (desktop, person, pool, assigned_at_ms) "        \
	  "VALUES ($1, $2, $3, $4)")                                                               \
	X(ASSIGNMENT_DROP, "DELETE FROM assignment WHERE desktop = $1")                            \
	X(DESKTOP_DISK, "UPDATE desktop SET user_disk = $1 WHERE id = $2")                         \
	/* users' disks */                                                                         \
	X(USER_DISKS, USER_DISK_SELECT "ORDER BY CASE WHEN k.set_aside_at_ms = 0 THEN 0 "          \
	  "ELSE 1 END, u.name, k.pool, k.created_at_ms DESC")                                      \
	X(USER_DISK_FIND, USER_DISK_SELECT "WHERE k.id = $1")                                      \
	X(USER_DISK_CURRENT, USER_DISK_SELECT "WHERE k.person = $1 AND k.pool = $2 "               \
	  "AND k.set_aside_at_ms = 0")                                                             \
	X(USER_DISK_PUT, "INSERT INTO user_disk (id, person, pool, size_bytes, used_bytes, "       \
	  "state, set_aside_at_ms, desktop, host, epoch, attached, reason, since_ms, "             \
	  "created_at_ms) VALUES ($1, $2, $3, $4, 0, 'new', 0, '', '', 0, 'none', '', $5, $5)")    \
	X(USER_DISK_HOLD, "UPDATE user_disk SET desktop = $1, host = $2, epoch = $3, "             \
	  "attached = 'none', reason = '', since_ms = $4 WHERE id = $5")                           \
	X(USER_DISK_RELEASE, "UPDATE user_disk SET desktop = '', attached = 'none', reason = '', " \
	  "since_ms = $1 WHERE id = $2")                                                           \
	X(USER_DISK_NEXT, "SELECT d.id FROM desktop d JOIN assignment a ON a.desktop = d.id "      \
	  "WHERE d.user_disk = $1 AND d.user_disk <> '' AND d.want = 'running' LIMIT 1")           \
	X(USER_DISKS_STRANDED, "SELECT k.id, d.id FROM user_disk k "                               \
	  "JOIN desktop d ON d.user_disk = k.id AND d.user_disk <> '' AND d.id <> k.desktop "      \
	  "AND d.want = 'running' "                                                                \
	  "JOIN assignment a ON a.desktop = d.id LEFT JOIN desktop o ON o.id = k.desktop "         \
	  "LEFT JOIN host h ON h.name = o.host WHERE o.id IS NULL "                                \
	  "OR h.state IN ('lost', 'fenced') ORDER BY k.id")                                        \
	X(USER_DISK_REPORT, "UPDATE user_disk SET since_ms = CASE WHEN attached = $1 "             \
	  "THEN since_ms ELSE $2 END, attached = $1, reason = $3, used_bytes = $4, state = $5 "    \
	  "WHERE id = $6")                                                                         \
	X(USER_DISK_SET_ASIDE, "UPDATE user_disk SET set_aside_at_ms = $1 WHERE id = $2")          \
	/* tickets */                                                                              \
	X(TICKET_PUT, "INSERT INTO ticket (locator, secret_sha256, person, desktop, host, epoch, " \
	  "client_address, policy, expires_at_ms, standard, request, used_at_ms, wrong_count) "    \
	  "SELECT $1, $2, $3, d.id, d.host, d.epoch, $4, $5, $6, $7, $8, 0, 0 FROM desktop d "     \
	  "JOIN assignment a ON a.desktop = d.id "                                                 \
	  "WHERE a.person = $3 AND d.id = $9 AND d.host = $10 AND d.epoch = $11 "                  \
	  "AND d.want = 'running'")                                                                \
	X(TICKET_USE, "UPDATE ticket SET used_at_ms = $1 WHERE locator = $2 "                      \
	  "AND secret_sha256 = $3 AND host = $4 AND used_at_ms = 0 AND expires_at_ms > $5 "        \
	  "AND wrong_count < $6 AND standard = $7 AND (standard = 0 OR client_address = $8) "      \
	  "AND EXISTS (SELECT 1 FROM desktop d "                                                   \
	  "JOIN assignment a ON a.desktop = d.id WHERE d.id = ticket.desktop "                     \
	  "AND d.host = ticket.host AND d.epoch = ticket.epoch AND d.want = 'running' "            \
	  "AND a.person = ticket.person)")                                                         \
	X(TICKET_FIND, "SELECT secret_sha256, person, desktop, host, policy, expires_at_ms, "      \
	  "used_at_ms, wrong_count, standard, client_address, request FROM ticket "                 \
	  "WHERE locator = $1")                                                                    \
	X(TICKET_WRONG, "UPDATE ticket SET wrong_count = wrong_count + 1 WHERE locator = $1")      \
	X(TICKETS_DROP, "DELETE FROM ticket WHERE desktop = $1")                                   \
	X(TICKETS_REVOKE, "UPDATE ticket SET used_at_ms = $1 WHERE used_at_ms = 0")                \
	X(TICKETS_PURGE, "DELETE FROM ticket WHERE expires_at_ms < $1")                            \
	/* RDP sessions */                                                                         \
	X(SESSION_PUT, "INSERT INTO rdp_session (id, user_name, desktop, desktop_name, pool, "     \
	  "host, client_address, began_at_ms, exception, active_at_ms, ended_at_ms) "              \
	  "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, 0)")                                     \
	X(SESSION_ACTIVE, "UPDATE rdp_session SET active_at_ms = $1 WHERE id = $2 AND host = $3 "  \
	  "AND active_at_ms = 0 AND ended_at_ms = 0")                                              \
	X(SESSION_END, "UPDATE rdp_session SET ended_at_ms = $1 WHERE id = $2 AND host = $3 "      \
	  "AND ended_at_ms = 0")                                                                   \
	X(SESSIONS_END_OF, "UPDATE rdp_session SET ended_at_ms = $1 WHERE desktop = $2 "           \
	  "AND ended_at_ms = 0")                                                                   \
	X(SESSION_IDLE_RULE, "SELECT s.desktop, s.user_name, p.idle_timeout_ms, p.idle_action "    \
	  "FROM rdp_session s JOIN pool p ON p.name = s.pool WHERE s.id = $1 AND s.host = $2 "     \
	  "AND s.ended_at_ms = 0")                                                                 \
	X(SESSION_FIND, SESSION_SELECT "WHERE id = $1")                                            \
	X(SESSIONS_PAGE, SESSION_SELECT "WHERE ($1 = 1 OR ended_at_ms = 0) AND ($2 = 0 "           \
	  "OR began_at_ms < $2 OR (began_at_ms = $2 AND id > $3)) AND ($4 = '' OR pool = $4) "     \
	  "AND ($5 = '' OR user_name LIKE $5 ESCAPE '!' OR desktop_name LIKE $5 ESCAPE '!') "      \
	  "ORDER BY began_at_ms DESC, id LIMIT $6")                                                \
	X(SESSIONS_OPEN, SESSION_SELECT "WHERE ended_at_ms = 0 "                                   \
	  "ORDER BY began_at_ms DESC, id LIMIT $1")                                                \
	X(SESSIONS_ALL, SESSION_SELECT "ORDER BY began_at_ms DESC, id LIMIT $1")                   \
	/* begun in the transaction that ended the other */                                        \
	X(SESSION_SUCCESSORS, "SELECT COUNT(*) FROM rdp_session WHERE desktop = $1 "               \
	  "AND began_at_ms = $2 AND id <> $3")                                                     \
	X(SESSIONS_PURGE, "DELETE FROM rdp_session WHERE ended_at_ms > 0 AND ended_at_ms < $1")    \
	X(SESSIONS_OF_EXCEPTION, SESSION_SELECT "WHERE exception = $1 AND ended_at_ms = 0")        \
	/* exceptions */                                                                           \
	X(EXCEPTION_PUT, "INSERT INTO exception (id, person, pool, device, reason, duration_ms, "  \
	  "state, requested_by, requested_at_ms, approved_by, approved_at_ms, expires_at_ms, "     \
	  "used_at_ms, ended_by, ended_at_ms) "                                                    \
	  "VALUES ($1, $2, $3, $4, $5, $6, 'requested', $7, $8, '', 0, $9, 0, '', 0)")             \
	X(EXCEPTION_FIND, EXCEPTION_SELECT "WHERE e.id = $1")                                      \
	X(EXCEPTIONS_OPEN, EXCEPTION_SELECT "WHERE e.state IN ('requested', 'approved') "          \
	  "ORDER BY e.requested_at_ms DESC, e.id")                                                 \
	X(EXCEPTIONS_ALL, EXCEPTION_SELECT "ORDER BY e.requested_at_ms DESC, e.id")                \
	X(EXCEPTION_IN_FORCE, EXCEPTION_SELECT "WHERE e.person = $1 AND e.pool = $2 "              \
	  "AND e.state = 'approved' AND e.expires_at_ms > $3 "                                     \
	  "ORDER BY e.expires_at_ms DESC, e.id DESC LIMIT 1")                                      \
	X(EXCEPTIONS_DUE, EXCEPTION_SELECT "WHERE e.state IN ('requested', 'approved') "           \
	  "AND e.expires_at_ms <= $1")                                                             \
	X(EXCEPTION_APPROVE, "UPDATE exception SET state = 'approved', approved_by = $1, "         \
	  "approved_at_ms = $2, expires_at_ms = $3 WHERE id = $4 AND state = 'requested' "         \
	  "AND requested_by <> $5")                                                                \
	X(EXCEPTION_END, "UPDATE exception SET state = $1, ended_by = $2, ended_at_ms = $3 "       \
	  "WHERE id = $4 AND state IN ('requested', 'approved')")                                  \
	X(EXCEPTION_USED, "UPDATE exception SET used_at_ms = $1 WHERE id = $2 AND used_at_ms = 0") \
	/* notices and log-offs */                                                                 \
	X(NOTICE_NEXT, "UPDATE counter SET value = value + 1 WHERE name = 'notice' "               \
	  "RETURNING value")                                                                       \
	X(NOTICE_PUT, "INSERT INTO notice (seq, desktop, person, kind, what, text, in_desktop, "   \
	  "in_client, at_ms, expires_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)")     \
	X(NOTICE_LIKE, "SELECT COUNT(*) FROM notice WHERE desktop = $1 AND kind = 'refused' "      \
	  "AND what = $2 AND at_ms > $3")                                                          \
	X(NOTICE_TO_DESKTOP, "UPDATE notice SET in_desktop = 1 WHERE seq = $1")                    \
	X(NOTICES_OF_HOST, "SELECT n.desktop, n.seq, n.text FROM notice n "                        \
	  "JOIN desktop d ON d.id = n.desktop WHERE d.host = $1 AND n.in_desktop = 1 "             \
	  "AND n.expires_at_ms > $2 ORDER BY n.desktop, n.seq")                                    \
	X(NOTICES_OF_PERSON, "SELECT seq, desktop, kind, what, text, at_ms FROM notice "           \
	  "WHERE person = $1 AND seq > $2 AND in_client = 1 AND at_ms >= $3 "                      \
	  "AND expires_at_ms > $4 ORDER BY seq LIMIT 32")                                          \
	X(NOTICES_SHOWN, "UPDATE notice SET in_desktop = 0 WHERE desktop = $1 AND seq <= $2 "      \
	  "AND in_desktop = 1 AND EXISTS (SELECT 1 FROM desktop d WHERE d.id = notice.desktop "    \
	  "AND d.host = $3)")                                                                      \
	X(NOTICES_PURGE, "DELETE FROM notice WHERE expires_at_ms <= $1")                           \
	X(LOG_OFF_ORDER, "UPDATE desktop SET log_off_stay = $1, want_generation = $2, "            \
	  "request = $3 WHERE id = $4")                                                                         \
	X(LOG_OFFS_OF_HOST, "SELECT id, log_off_stay FROM desktop WHERE host = $1 "                \
	  "AND log_off_stay > 0 ORDER BY id")                                                      \
	X(LOG_OFFS_DONE, "UPDATE desktop SET log_off_stay = 0 WHERE host = $1 "                    \
	  "AND log_off_stay > 0 AND (logged_on = '' "                                              \
	  "OR log_off_stay <> logoffs + resets + incarnation + 1)")                                \
	/* rebuilding */                                                                           \
	X(REBUILDING, "SELECT value FROM counter WHERE name = 'rebuilding'")                       \
	X(REBUILDING_PUT, "UPDATE counter SET value = $1 WHERE name = 'rebuilding'")               \
	X(HOSTS_UNTOLD, "UPDATE host SET has_told = 0")                                            \
	X(HOST_HAS_TOLD, "UPDATE host SET has_told = 1 WHERE name = $1 AND has_told = 0")          \
	X(HOSTS_NOT_TOLD, "SELECT COUNT(*) FROM host WHERE has_told = 0 "                          \
	  "AND state IN ('active', 'draining')")                                                   \
	X(HOST_FOUND, "INSERT INTO host (name, state, accel, cpus, memory_bytes, "                 \
	  "memory_free_bytes, relay_host, relay_port, relay_certificate_sha256, seq, "             \
	  "generation, last_seen_ms, joined_at_ms) "                                               \
	  "VALUES ($1, 'active', '', 0, 0, 0, '', 0, '', 0, $2, 0, $3)")                           \
	X(UNKNOWN_PUT, "INSERT INTO unknown_desktop (id, host, name, account, why, at_ms) "        \
	  "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO UPDATE SET host = excluded.host, "  \
	  "name = excluded.name, account = excluded.account, why = excluded.why")                  \
	X(UNKNOWN_DROP, "DELETE FROM unknown_desktop WHERE id = $1")                               \
	X(UNKNOWN_CLEAR, "DELETE FROM unknown_desktop")                                            \
	X(UNKNOWNS, "SELECT id, host, name, account, why, at_ms FROM unknown_desktop "             \
	  "ORDER BY host, name, id LIMIT 10000")                                                   \
	X(DESKTOP_NAME_TAKEN, "SELECT 1 FROM desktop WHERE name = $1")                             \
	X(DESKTOP_ADOPT, "INSERT INTO desktop (id, name, pool, host, epoch, want, "                \
	  "want_generation, state, stage, percent, reason, user_state, image_sha256, cpus, "       \
	  "memory_bytes, disk_bytes, address, rdp_certificate_sha256, created_at_ms, "             \
	  "changed_at_ms, use_since_ms, ready_at_ms, incarnation, logged_on, logoffs, resets) "    \
	  "VALUES ($1, $2, $3, $4, $5, 'running', $6, $7, $8, $9, '', 'disconnected', $10, $11, "  \
	  "$12, $13, $14, $15, $16, $16, $16, $16, $17, $18, $19, $20)")                           \
	/* answers to orders with a key */                                                        \
	X(KEPT_ANSWER, "SELECT request_sha256, answer FROM kept_answer WHERE who = $1 "            \
	  "AND key_sha256 = $2 AND at_ms >= $3")                                                   \
	X(KEPT_ANSWER_PUT, "INSERT INTO kept_answer (who, key_sha256, request_sha256, answer, "    \
	  "at_ms) VALUES ($1, $2, $3, $4, $5)")                                                    \
	X(KEPT_ANSWERS_OLD, "DELETE FROM kept_answer WHERE at_ms < $1")                            \
	X(KEPT_ANSWERS_MANY, "DELETE FROM kept_answer WHERE who = $1 AND key_sha256 IN "           \
	  "(SELECT key_sha256 FROM kept_answer WHERE who = $1 ORDER BY at_ms DESC, key_sha256 "    \
	  "LIMIT 1000000 OFFSET $2)")                                                                \
	/* login sessions, throttle */                                                             \
	X(LOGIN_PUT, "INSERT INTO login_session (token_sha256, person, client_address, "           \
	  "client_key_sha256, staff, second_factor, created_at_ms, expires_at_ms) "                \
	  "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)")                                               \
	X(LOGIN_FIND, "SELECT l.person, l.client_address, l.client_key_sha256, l.staff, "          \
	  "l.second_factor, l.created_at_ms, l.expires_at_ms, "                                    \
	  "u.key, u.name, u.display_name, u.account, u.uid FROM login_session l "                  \
	  "JOIN person u ON u.key = l.person WHERE l.token_sha256 = $1 AND l.expires_at_ms > $2")  \
	X(LOGIN_DROP, "DELETE FROM login_session WHERE token_sha256 = $1")                         \
	X(LOGINS_DROP, "DELETE FROM login_session")                                                \
	X(LOGINS_PURGE, "DELETE FROM login_session WHERE expires_at_ms <= $1")                     \
	X(LOGINS_DROP_OF, "DELETE FROM login_session WHERE person = $1")                           \
	/* second factors */                                                                       \
	X(FACTOR_FIND, "SELECT key_id, sealed, last_step, wrong_count, enrolled_at_ms, "           \
	  "used_at_ms, (SELECT COUNT(*) FROM recovery_code r WHERE r.person = f.person "           \
	  "AND r.used_at_ms = 0) FROM second_factor f WHERE person = $1")                          \
	X(FACTOR_PUT, "INSERT INTO second_factor (person, key_id, sealed, last_step, "             \
	  "wrong_count, enrolled_at_ms, used_at_ms) VALUES ($1, $2, $3, $4, 0, $5, $6)")           \
	X(FACTOR_RESEAL, "UPDATE second_factor SET key_id = $1, sealed = $2 WHERE person = $3")    \
	X(FACTOR_USED, "UPDATE second_factor SET last_step = $1, wrong_count = 0, "                \
	  "used_at_ms = $2 WHERE person = $3 AND last_step < $1")                                  \
	X(FACTOR_RECOVERED, "UPDATE second_factor SET wrong_count = 0, used_at_ms = $1 "           \
	  "WHERE person = $2")                                                                     \
	X(FACTOR_WRONG, "UPDATE second_factor SET wrong_count = wrong_count + 1 "                  \
	  "WHERE person = $1")                                                                     \
	X(FACTOR_DROP, "DELETE FROM second_factor WHERE person = $1")                              \
	X(RECOVERY_PUT, "INSERT INTO recovery_code (person, code_sha256, used_at_ms) "             \
	  "VALUES ($1, $2, 0)")                                                                    \
	X(RECOVERY_USE, "UPDATE recovery_code SET used_at_ms = $1 WHERE person = $2 "              \
	  "AND code_sha256 = $3 AND used_at_ms = 0")                                               \
	X(TOKENS_REVOKE, "UPDATE host_token SET used_at_ms = $1 WHERE used_at_ms = 0")             \
	X(TOKENS_PURGE, "DELETE FROM host_token WHERE expires_at_ms < $1")                         \
	X(THROTTLE_FIND, "SELECT failures, window_began_at_ms, blocked_until_ms FROM throttle "    \
	  "WHERE kind = $1 AND subject = $2")                                                      \
	X(THROTTLES, "SELECT kind, subject, failures, window_began_at_ms, blocked_until_ms "        \
	  "FROM throttle")                                                                         \
	X(THROTTLE_PUT, "INSERT INTO throttle (kind, subject, failures, window_began_at_ms, "      \
	  "blocked_until_ms) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (kind, subject) "             \
	  "DO UPDATE SET failures = excluded.failures, "                                           \
	  "window_began_at_ms = excluded.window_began_at_ms, "                                     \
	  "blocked_until_ms = excluded.blocked_until_ms")                                          \
	X(THROTTLE_DROP, "DELETE FROM throttle WHERE kind = $1 AND subject = $2")                  \
	X(THROTTLES_PURGE, "DELETE FROM throttle WHERE blocked_until_ms < $1 "                     \
	  "AND window_began_at_ms < $2")                                                           \
	/* audit */                                                                                \
	X(AUDIT_LAST, "SELECT id, sha256 FROM audit ORDER BY id DESC LIMIT 1")                     \
	X(AUDIT_PUT, "INSERT INTO audit (id, at_ms, who, source, what, code, denied, subject, "    \
	  "details, previous_sha256, sha256) "                                                     \
	  "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)")                                 \
	X(AUDIT_ROWS, AUDIT_SELECT "WHERE " AUDIT_WANTED)                                          \
	X(AUDIT_ROWS_DENIED, AUDIT_SELECT "WHERE denied = 1 AND " AUDIT_WANTED)                    \
	X(AUDIT_AFTER, "SELECT id, at_ms, who, source, what, code, denied, subject, details, "     \
	  "previous_sha256, sha256 FROM audit WHERE id > $1 ORDER BY id LIMIT $2")                 \
	X(AUDIT_CHAIN, "SELECT id, at_ms, who, source, what, code, denied, subject, details, "     \
	  "previous_sha256, sha256 FROM audit ORDER BY id")                                        \
	/* numbers for the first look */                                                           \
	X(OVERVIEW_HOSTS, "SELECT state, COUNT(*), SUM(cpus), SUM(memory_bytes), "                 \
	  "SUM(memory_free_bytes) FROM host GROUP BY state ORDER BY state")                        \
	X(OVERVIEW_DESKTOPS, "SELECT pool, state, COUNT(*) FROM desktop GROUP BY pool, state "     \
	  "ORDER BY pool, state")                                                                  \
	X(OVERVIEW_SESSIONS, "SELECT pool, '', COUNT(*) FROM rdp_session "                         \
	  "WHERE ended_at_ms = 0 GROUP BY pool ORDER BY pool")                                     \
	X(OVERVIEW_DENIED, "SELECT COUNT(*) FROM audit WHERE denied = 1 AND at_ms >= $1")          \
	/* what was written to: id, pool, person of a row */                                       \
	X(TOUCHED_DESKTOP, "SELECT d.id, d.pool, COALESCE(a.person, '') FROM desktop d "           \
	  "LEFT JOIN assignment a ON a.desktop = d.id WHERE d.rowid = $1")                         \
	X(TOUCHED_ASSIGNMENT, "SELECT desktop, pool, person FROM assignment WHERE rowid = $1")     \
	X(TOUCHED_POOL, "SELECT name, name, '' FROM pool WHERE rowid = $1")                        \
	X(TOUCHED_WAITER, "SELECT pool, pool, person FROM waiter WHERE rowid = $1")                \
	X(TOUCHED_ROLLOUT, "SELECT pool, pool, '' FROM rollout WHERE rowid = $1")                  \
	X(TOUCHED_IMAGE, "SELECT name, '', '' FROM image WHERE rowid = $1")                        \
	X(TOUCHED_CHANNEL, "SELECT name, '', '' FROM image_channel WHERE rowid = $1")              \
	X(TOUCHED_HOST, "SELECT name, '', '' FROM host WHERE rowid = $1")                          \
	X(TOUCHED_SESSION, "SELECT id, pool, '' FROM rdp_session WHERE rowid = $1")                \
	X(TOUCHED_AUDIT, "SELECT CAST(id AS TEXT), '', '' FROM audit WHERE rowid = $1 "            \
	  "AND denied = 1")                                                                        \
	X(TOUCHED_EXCEPTION, "SELECT id, pool, '' FROM exception WHERE rowid = $1")                \
	X(AUDIT_SENT, "SELECT value FROM counter WHERE name = 'audit_sent'")                      \
	X(AUDIT_SENT_PUT, "INSERT INTO counter (name, value) VALUES ('audit_sent', $1) "          \
	  "ON CONFLICT (name) DO UPDATE SET value = excluded.value")                               \
	/* invariants: each names what breaks it, one row per problem */                           \
	X(BROKEN_ASSIGNMENT, "SELECT 'desktop ' || d.id || ' is leaving but has an owner' "        \
	  "FROM assignment a JOIN desktop d ON d.id = a.desktop WHERE d.want = 'absent'")          \
	X(BROKEN_POOL, "SELECT 'assignment of desktop ' || d.id || ' names another pool' "         \
	  "FROM assignment a JOIN desktop d ON d.id = a.desktop WHERE d.pool <> a.pool")           \
	X(BROKEN_SPARE, "SELECT 'desktop ' || d.id || ' has an owner but counts as spare' "        \
	  "FROM assignment a JOIN desktop d ON d.id = a.desktop WHERE d.user_state = 'spare'")     \
	X(BROKEN_DISK, "SELECT 'user disk ' || k.id || ' is held by a desktop of another disk' "   \
	  "FROM user_disk k JOIN desktop d ON d.id = k.desktop WHERE d.user_disk <> k.id")         \
	X(BROKEN_ADDRESS, "SELECT 'desktops of host ' || d.host || ' share address ' || d.address " \
	  "FROM desktop d WHERE d.state = 'ready' AND d.address <> '' "                            \
	  "GROUP BY d.host, d.address HAVING COUNT(*) > 1")

enum statement {
#define X(name, sql) ST_##name,
	STATEMENTS(X)
#undef X
	STATEMENT_COUNT
};

#endif
