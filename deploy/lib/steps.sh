# SPDX-License-Identifier: Apache-2.0
# Numbered steps with visible progress: each runs a command quietly, shows its seconds and the last
# thing it said, and on failure the end of its log and what to do. Source it.
# shellcheck shell=bash

STEPS_TOTAL=0 STEPS_DONE=0 STEPS_DIR='' STEPS_PID=''

# steps_begin TOTAL DIR: DIR takes one log per step
steps_begin() { STEPS_TOTAL=$1 STEPS_DIR=$2 STEPS_DONE=0; }

# steps_kill_tree PID: ends a process and everything below it
steps_kill_tree() {
	local child
	for child in $(cat /proc/"$1"/task/*/children 2>/dev/null); do
		steps_kill_tree "$child"
	done
	kill -TERM "$1" 2>/dev/null
}

steps_interrupt() {
	[ -z "$STEPS_PID" ] || { steps_kill_tree "$STEPS_PID"; wait "$STEPS_PID" 2>/dev/null; STEPS_PID=''; }
}

# step TITLE HINT FUNCTION [ARGUMENT...]: returns the function's status. It runs in a subshell: what
# it wants to hand on goes into files.
step() {
	local title=$1 hint=$2 log start=$SECONDS status shown=0 head last
	shift 2
	STEPS_DONE=$((STEPS_DONE + 1))
	log=$STEPS_DIR/step-$STEPS_DONE.log
	head=$(printf '[%d/%d] %s' "$STEPS_DONE" "$STEPS_TOTAL" "$title")
	[ -t 1 ] || echo "$head ..."
	( set -e; "$@" ) > "$log" 2>&1 < /dev/null &
	STEPS_PID=$!
	while kill -0 "$STEPS_PID" 2>/dev/null; do
		if [ -t 1 ]; then
			last=$(tail -n 1 "$log" 2>/dev/null | tr -cd '[:print:]' | cut -c1-50)
			printf '\r\033[K%s ... %d s  %s' "$head" $((SECONDS - start)) "$last"
		elif [ $((SECONDS - start - shown)) -ge 20 ]; then
			shown=$((SECONDS - start))
			printf '      %d s: %s\n' "$shown" "$(tail -n 1 "$log" | cut -c1-90)"
		fi
		sleep 0.1
	done
	wait "$STEPS_PID"
	status=$?
	STEPS_PID=''
	[ ! -t 1 ] || printf '\r\033[K'
	if [ $status = 0 ]; then
		if [ -t 1 ]; then echo "$head: done ($((SECONDS - start)) s)"; else
			echo "      done ($((SECONDS - start)) s)"; fi
		return 0
	fi
	{
		echo
		echo "Step $STEPS_DONE ($title) failed after $((SECONDS - start)) s. The end of its log:"
		tail -n 25 "$log" | sed 's/^/   | /'
		echo "What to do: $hint"
	} >&2
	return $status
}
