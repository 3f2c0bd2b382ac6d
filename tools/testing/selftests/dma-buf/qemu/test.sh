#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Runs the KUnit suites and the kselftests in QEMU. The last line counts the test
# cases; any other problem counts as a failed case. Exits 0 when at least one case
# passed and none failed. The variables are set by the makefile beside this script.
set -euo pipefail

here=$(dirname "$0")
passed=0 failed=0 skipped=0
limit=450 slow=1
[ -z "$DEBUG" ] || limit=1800 slow=4
limit=${LIMIT:-$limit}

# count NAME: the number that kunit.py gives for NAME
count()
{
	local n
	n=$(sed -n "s/.*Testing complete\..* $1: \([0-9]*\).*/\1/p" "$RESULTS/summary")
	echo "${n:-0}"
}

# Prints the intended differences that the guest found on the base kernel.
print_differences()
{
	echo "expected differences of the base kernel:"
	sed -n 's/^# difference: /  /p' "$RESULTS/test/report"
}

# boot NAME PARAMETER...: one run of the guest, rendered and counted
boot()
{
	local status=0 bad problems run=$RESULTS/$1
	shift

	# shellcheck disable=SC2086 # parameters, meant to be split
	"$here/boot.sh" "$IMAGE" "$INITRAMFS" "$run" "$limit" \
		mode=test slow=$slow ${T:+only="$T"} ${STOCK:+DMA_BUF_STOCK=1} "$@" \
		$PARAMETERS |
		PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
		python3 "$TREE/tools/testing/kunit/kunit.py" parse |
		tee "$RESULTS/summary" || status=${PIPESTATUS[0]}

	bad=$(($(count failed) + $(count crashed)))
	[ "$bad" -gt 0 ] || bad=$(count errors)
	problems=$(grep -c '^problem: ' "$run/verdict") || :
	# The guest, or the parser of its report, did not finish.
	{ [ "$status" -eq 0 ] && grep -q 'Testing complete\.' "$RESULTS/summary"; } ||
		[ "$problems" -gt 0 ] || problems=1
	passed=$((passed + $(count passed)))
	skipped=$((skipped + $(count skipped)))
	failed=$((failed + bad + problems))
}

mkdir -p "$RESULTS"

# The suites of this core are called dma_buf_..., the kernel's own, under the same
# option, dma-buf-... One of the latter leaks memory, which kmemleak in a DEBUG kernel
# would report for all.
suites='dma[-_]buf[-_]'
[ -z "$DEBUG" ] || suites=dma_buf_

[ "$T" = misuse ] ||
	boot test panic_on_warn=1 "kunit.filter_glob=$suites$T*"

# One suite causes WARNs: it runs in a separate boot, in which they are allowed.
if [ -z "$STOCK" ] && [[ misuse = "$T"* ]] &&
   grep -qs '"dma_misuse"' "$TREE"/drivers/dma-buf/tests/*.c; then
	boot misuse selftests=no warnings=allow kunit.filter_glob=dma_misuse
fi

[ -z "$STOCK" ] || print_differences
[ $((passed + skipped)) -gt 0 ] || [ -z "$T" ] || echo "test: none has passed: does T=$T match?"
echo "total: $passed passed, $failed failed, $skipped skipped"
[ "$passed" -gt 0 ] && [ "$failed" -eq 0 ]
