#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# bench.sh DMABUF TREE: prints the time and the memory of "dmabuf list" for 10,000
# buffers in 500 processes, and fails above 1 s of processor time or 64 MiB.
set -eu

dmabuf=$(realpath "$1")
tree=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$tree" "$work/root" 10000 500
"$dmabuf" --root "$work/root" >"$work/out"
TIMEFORMAT='%U %S'
for command in list 'list --json' ps top\ --count\ 1; do
	# shellcheck disable=SC2086 # a command and its options
	{ time "$dmabuf" $command --root "$work/root" >"$work/out"; } 2>"$work/time"
	read -r user system <"$work/time"
	# The limit of the address space is the limit of memory, and libraries.
	# shellcheck disable=SC2086
	(ulimit -v 65536 && "$dmabuf" $command --root "$work/root" >/dev/null) || {
		echo "$command: more than 64 MiB"
		exit 1
	}
	echo "$command: $user s in the program, $system s in the kernel, below 64 MiB"
	awk -v user="$user" -v sys="$system" 'BEGIN { exit user + sys >= 1 }' || {
		echo "$command: more than 1 s"
		exit 1
	}
done
