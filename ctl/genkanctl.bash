# SPDX-License-Identifier: Apache-2.0
# bash completion of genkanctl
_genkanctl() {
	local cur prev words cword
	_init_completion || return

	local common='--broker --ca --certificate --key --config --site --json --help --version'
	case $prev in
	--ca | --certificate | --key | --config | --password-file | --new-password-file | --directory-ca) _filedir; return ;;
	--image-dir) _filedir -d; return ;;
	--channel) mapfile -t COMPREPLY < <(compgen -W 'stable canary' -- "$cur"); return ;;
	--device) mapfile -t COMPREPLY < <(compgen -W 'drive' -- "$cur"); return ;;
	--out | --probe) _filedir; return ;;
	--broker | --limit | --since | --publication | --to | --user | --pool | --hours | --reason | --seen | --site | --names | --directory | --base-dn | --bind-dn | --admin | --agent | --relay-address) return ;;
	esac

	local i noun='' verb=''
	for ((i = 1; i < cword; i++)); do
		case ${words[i]} in
		--broker | --ca | --certificate | --key | --config | --site | --names | --directory | --directory-ca | --base-dn | --bind-dn | --admin | --agent | --relay-address | --image-dir | --channel | --limit | --publication | --to | \
			--user | --pool | --hours | --reason | --device | --password-file | --new-password-file | --out | --probe | --since | --seen)
			((i++)) ;;
		-*) ;;
		*)
			if [ -z "$noun" ]; then noun=${words[i]}; else verb=${verb:-${words[i]}}; fi ;;
		esac
	done

	local next=''
	case $noun in
	'') next='init doctor backup restore apply diff pool desktop user-disk host template image session exception policy audit directory explain revoke login password logout whoami second-factor' ;;
	pool)
		[ -n "$verb" ] || next='list apply diff check edit export schema'
		case $verb in
		apply) common+=' --reason --seen' ;;
		edit) common+=' --reason' ;;
		export) common+=' --out' ;;
		esac ;;
	apply) common+=' --reason --seen' ;;
	user-disk) [ -n "$verb" ] || next='list show set-aside' ;;
	desktop)
		[ -n "$verb" ] || next='list delete restart reset logoff message'
		case $verb in
		logoff) common+=' --reason' ;;
		message) common+=' --reason --banner' ;;
		esac ;;
	host)
		[ -n "$verb" ] || next='list token invite join'
		case $verb in
		invite) common+=' --agent' ;;
		join) common+=' --relay-address --trial' ;;
		esac ;;
	init) common+=' --names --directory --directory-ca --base-dn --bind-dn --password-file --admin' ;;
	doctor) common+=' --all' ;;
	template) [ -n "$verb" ] || next='list' ;;
	image)
		[ -n "$verb" ] || next='list show publish promote rollback'
		[ "$verb" = promote ] && common+=' --publication --reason'
		[ "$verb" = rollback ] && common+=' --to --reason'
		[ "$verb" = publish ] && common+=' --image-dir --channel --reason' ;;
	session)
		[ -n "$verb" ] || next='list end disconnect logoff message'
		case $verb in
		disconnect | logoff) common+=' --reason' ;;
		message) common+=' --reason --banner' ;;
		*) common+=' --all --limit' ;;
		esac ;;
	policy)
		[ -n "$verb" ] || next='show verify'
		[ "$verb" = verify ] && common+=' --out --probe' ;;
	exception)
		[ -n "$verb" ] || next='grant approve revoke list show'
		case $verb in
		grant) common+=' --user --pool --hours --reason --device' ;;
		list) common+=' --all' ;;
		esac ;;
	audit)
		[ -n "$verb" ] || next='list export verify'
		common+=' --denied --user --pool --since --limit' ;;
	directory)
		[ -n "$verb" ] || next='test'
		common+=' --password-file' ;;
	login) common+=' --password-file' ;;
	password) common+=' --password-file --new-password-file' ;;
	second-factor)
		[ -n "$verb" ] || next='show reset'
		[ "$verb" = reset ] && common+=' --reason' ;;
	explain)
		[ -n "$verb" ] || next='user pool'
		[ "$verb" = user ] && common+=' --pool' ;;
	revoke) common+=' --all' ;;
	esac
	case $cur in
	-*) mapfile -t COMPREPLY < <(compgen -W "$common" -- "$cur") ;;
	*)
		if [ "$noun" = apply ] || [ "$noun" = backup ] || [ "$noun" = restore ] || [ "$noun" = diff ] ||
		   [[ "$noun $verb" == pool\ @(apply|diff|check) ]] ||
		   { [ "$noun" = image ] && [ "$verb" = publish ]; }; then
			_filedir
		else
			mapfile -t COMPREPLY < <(compgen -W "$next" -- "$cur")
		fi ;;
	esac
} && complete -F _genkanctl genkanctl
