#!/bin/sh
# What xrdp starts as the user.
XDG_RUNTIME_DIR=/run/user/$(id -u)
XDG_CURRENT_DESKTOP=LXDE
XDG_MENU_PREFIX=lxde-
export XDG_RUNTIME_DIR XDG_CURRENT_DESKTOP XDG_MENU_PREFIX
cd || exit 1
exec dbus-run-session -- openbox --config-file /etc/genkan/openbox.xml \
	--startup /usr/lib/genkan/desktop-start
