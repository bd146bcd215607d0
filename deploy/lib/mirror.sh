# SPDX-License-Identifier: Apache-2.0
# Where this machine gets its Debian packages from: so that everything made here comes from there.

# debian_mirror SUITE ELSE: the place its apt sources name for SUITE, or for the release it runs,
# or ELSE. Asks apt alone, which needs no network for that.
debian_mirror() {
	local suite found release
	release=$(. /etc/os-release; echo "${VERSION_CODENAME:-}")
	for suite in "$1" "$release${1#"${1%%-*}"}"; do
		found=$(apt-get --print-uris update 2>/dev/null |
			sed -n "s,^'\(.*\)/dists/$suite/InRelease'.*,\1,p" | head -n 1)
		[ -z "$found" ] || { echo "$found"; return; }
	done
	echo "$2"
}
