# SPDX-License-Identifier: Apache-2.0
# bash completion for genkan-client

_genkan_client() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	local options='--broker --ca --config --user --password-file --new-password-file --code-file --pool --fullscreen --windowed
		--size --language --headless --screenshot --json --hold --hold-until-eof --type
		--max-frames-wait --verbose --help --usage --version'

	case $prev in
	--ca|--config|--password-file|--new-password-file|--code-file|--screenshot)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		;;
	--language)
		mapfile -t COMPREPLY < <(compgen -W 'en ja' -- "$cur")
		;;
	--size)
		mapfile -t COMPREPLY < <(compgen -W '1280x800 1366x768 1920x1080 2560x1440' -- "$cur")
		;;
	--broker|--user|--pool|--hold|--type|--max-frames-wait)
		;;
	*)
		mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
		;;
	esac
}
complete -F _genkan_client genkan-client
