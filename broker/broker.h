/* SPDX-License-Identifier: Apache-2.0 */
/* broker.h - the rooms of the running broker, as its handlers see them. Loop thread only. */
#ifndef GENKAN_BROKER_BROKER_H
#define GENKAN_BROKER_BROKER_H

#include "broker/authority.h"
#include "broker/config.h"
#include "broker/directory/directory.h"
#include "broker/front/front_room.h"
#include "broker/state_queue.h"

struct audit_syslog;
struct certificates;
struct conductor;
struct events;
struct image_room;
struct login_gate;
struct notices;
struct processes;
struct second_factor;
struct session_watch;
struct throttle;
struct timings;
struct inspections;
struct metrics;

struct broker {
	const struct broker_config *config;
	struct processes *processes;
	struct loop *loop;
	struct directory *directory;
	struct state_queue *state;
	struct conductor *conductor;
	struct events *events;
	struct image_room *images;
	struct session_watch *watch;
	struct inspections *inspections;
	struct metrics *metrics;
	struct timings *timings;
	struct notices *notices;
	struct certificates *certificates;
	struct audit_syslog *audit_syslog;	/* NULL: not sent anywhere */
	struct login_gate *gate;
	struct throttle *throttle;
	struct second_factor *second_factor;
	struct authority *authority;
	struct front_room *clients, *agents;	/* NULL while starting and stopping */
};

#endif
