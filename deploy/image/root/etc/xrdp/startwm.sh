#!/bin/sh
# What xrdp starts as the user. Every program that runs before the picture is there costs the user a
# tenth of a second where there is no KVM, so few do.
while read -r key uid _; do
	[ "$key" != Uid: ] || break
done < /proc/$$/status
export XDG_RUNTIME_DIR="/run/user/$uid"
export DBUS_SESSION_BUS_ADDRESS="unix:path=$XDG_RUNTIME_DIR/bus"
export XDG_CURRENT_DESKTOP=ICEWM
cd || exit 1

# Picture, message bus, sound, and what the user must read can wait for what they work with.
start_others() {
	trap '' USR1
	icewmbg &	# leaves the picture behind and ends
	dbus-daemon --session --address="$DBUS_SESSION_BUS_ADDRESS" --nofork --nopidfile --nosyslog &
	others=$!
	for program in pipewire wireplumber pipewire-pulse; do
		nice -n 10 "$program" &
		others="$others $!"
	done
	[ ! -s /run/genkan/notice ] || mousepad /run/genkan/notice &
}

xsetroot -solid '#2f4858' &	# the picture's own colour until the picture is there
trap start_others USR1	# sent by the window manager once it manages windows
icewm --notify &
manager=$!
while kill -0 "$manager" 2>/dev/null; do
	wait "$manager"
done
[ -z "$others" ] || kill $others
