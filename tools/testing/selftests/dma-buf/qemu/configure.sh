#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Configures a kernel with tinyconfig and fragments; the last one that sets a symbol
# wins. Does nothing if the fragments and Kconfig have not changed:
#
#   configure.sh TREE OUTPUT "FRAGMENT..." MAKE [ARGUMENT...]
#
# All symbols of the fragments must be in .config: Kconfig drops symbols silently.
set -euo pipefail

tree=$1 output=$2 fragments=$3
shift 3

only_last()
{
	tac | awk '{ symbol = $1 == "#" ? $2 : substr($0, 1, index($0, "=") - 1) }
		   !seen[symbol]++'
}

print_lost()
{
	local line symbol
	while read -r line; do
		case $line in
		*' is not set')
			symbol=${line#\# }
			symbol=${symbol%% *}
			! grep -q "^$symbol=" "$output/.config" || echo "$symbol=n" ;;
		*)
			grep -qxF "$line" "$output/.config" || echo "$line" ;;
		esac
	done <"$output/fragments"
}

mkdir -p "$output"
# shellcheck disable=SC2086 # names, meant to be split
grep -h -E '^(CONFIG_|# CONFIG_.* is not set)' $fragments | only_last |
	sort >"$output/fragments.new"
if ! cmp -s "$output/fragments.new" "$output/fragments"; then
	"$@" tinyconfig >/dev/null
	rm -f "$output/fragments"
	(cd "$output" && "$tree/scripts/kconfig/merge_config.sh" -m -O . \
		.config fragments.new >/dev/null)
fi
mv "$output/fragments.new" "$output/fragments"
"$@" olddefconfig >/dev/null
lost=$(print_lost)
[ -z "$lost" ] || {
	rm "$output/fragments"		# start from tinyconfig the next time
	echo "Kconfig dropped symbols: $(echo "$lost" | paste -sd ' ')" >&2
	exit 1
}
