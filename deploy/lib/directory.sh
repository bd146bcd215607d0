# SPDX-License-Identifier: Apache-2.0
# A slapd of our own with the sample people, for the demo. Source it; needs deploy/demo-site.
# shellcheck shell=bash

# directory_make_certificates DIR NAMES: a CA and slapd's certificate for NAMES ("IP:192.0.2.1,DNS:ldap")
directory_make_certificates() {
	local dir=$1 names=$2
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 30 \
		-subj '/CN=Sample directory CA' -keyout "$dir/ca.key" -out "$dir/ca.crt" 2>/dev/null &&
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc \
		-subj '/CN=Sample directory' -keyout "$dir/slapd.key" -out "$dir/slapd.csr" 2>/dev/null &&
	openssl x509 -req -in "$dir/slapd.csr" -CA "$dir/ca.crt" -CAkey "$dir/ca.key" -CAcreateserial \
		-days 30 -extfile <(printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\n' "$names") \
		-out "$dir/slapd.crt" 2>/dev/null &&
	rm -f "$dir/slapd.csr" && chmod 0600 "$dir"/*.key
}

# directory_fill DIR LDIF PASSWORDS: loads LDIF into DIR/db. PASSWORDS is a file of "uid<TAB>password"
# lines; each @PASSWORD:uid@ becomes a salted hash of that password.
directory_fill() {
	local dir=$1 ldif=$2 passwords=$3 uid password hash text
	text=$(<"$ldif") || return
	while IFS=$'\t' read -r uid password; do
		hash=$(printf %s "$password" | slappasswd -n -h '{SSHA}' -T /dev/stdin) || return
		text=${text//"@PASSWORD:$uid@"/$hash}
	done < "$passwords"
	[[ $text != *@PASSWORD:* ]] || { echo "a person in $ldif has no password" >&2; return 1; }
	mkdir -p "$dir/db" && printf '%s\n' "$text" | slapadd -q -f "$dir/slapd.conf"
}

# directory_start DIR URI: prepares nothing, starts slapd in the foreground of a background job.
# Its process id is left in DIRECTORY_PID.
directory_start() {
	local dir=$1 uri=$2
	slapd -d 0 -f "$dir/slapd.conf" -h "$uri" > "$dir/slapd.log" 2>&1 &
	DIRECTORY_PID=$!
}
