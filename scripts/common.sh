# shellcheck shell=sh disable=SC2034 # variables for those who source this
# SPDX-License-Identifier: GPL-2.0
#
# Sourced by every verb, from the top of this tree: settles the variables and
# takes the lock. "make" alone prints the lines that start with "#:".
#
#: make run      carry a picture through dma-bufs: picture in, pictures out
#: make test     run the KUnit suites and the kselftests in QEMU
#: make pipeline frames from a camera to a display, without a copy
#: make drivers  compile everybody else's code against these headers
#: make tree     lay this tree over the base kernel
#: make build    build the kernel, the kselftests and the initramfs
#: make shell    boot into a shell
#: make coverage what the tests reach of the core, line by line
#: make mutate   break the core in 100 places, and see whether the tests notice
#: make bench    measure every operation against the kernel as it was
#: make check    run the static checks
#: make series   make patches of the tree, in series/out
#: make docs     build the documentation as HTML
#: make clean    remove the build directory
#:
#: Variables, all optional:
#:   KERNEL=PATH  the base: a Linux 6.12.y tarball or directory
#:                (default: what Debian's linux-source-6.12 installs)
#:   O=DIR        the build directory (default: build)
#:   STOCK=1      test the base kernel instead, same config, same tests
#:   STOCK=both   "make bench" compares the base kernel with itself
#:   PROFILE=ROW  "make bench" tells what one row of its table spends where
#:   DEBUG=1      KASAN, lockdep, kmemleak and others
#:   ACCEL=kvm    use hardware virtualization (default: tcg, emulation)
#:   CONFIG=rich  test with the drivers and programs of others, next to the base
#:   T=AREA       test one area only, for example T=poll
#:   INPUT=FILE   the picture to run with
#:   CHECK=1      "make series" builds, boots and tests after every patch
#:   ORIGINALITY=PROGRAM
#:                one more static check: prints a line for each problem

die()
{
	echo "${0##*/}: $*" >&2
	exit 1
}

trap 'exit 1' HUP INT TERM	# so that what is to happen on exit does happen

# The kernel's makefiles are not to see this make's variables.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL

KERNEL=${KERNEL:-/usr/src/linux-source-6.12.tar.xz}
O=$(realpath -m "${O:-build}")
STOCK=${STOCK:-}
DEBUG=${DEBUG:-}
ACCEL=${ACCEL:-tcg}
T=${T:-}
COVERAGE=${COVERAGE:-}
BENCH=${BENCH:-}
CONFIG=${CONFIG:-}
SERIES=${SERIES:-}	# words from scripts/series, which has made the tree
export KERNEL O STOCK DEBUG ACCEL T COVERAGE BENCH CONFIG SERIES

# Where things are: the tree to build from, where it is built, what came out.
tree=$O/tree
[ -z "$STOCK" ] || tree=$O/base
flavour=${STOCK:+stock}
flavour=${flavour:-ours}${CONFIG:+-$CONFIG}${DEBUG:+-debug}${COVERAGE:+-coverage}${BENCH:+-bench}
kbuild=$O/$flavour
# In the tree itself, so that both compile with the same paths and share ccache.
[ -z "$BENCH" ] || kbuild=$tree/bench
user=$O/user
image=$kbuild/arch/x86/boot/bzImage
initramfs=$O/initramfs.cpio.gz
results=$O/results/$flavour
guest=tools/testing/selftests/dma-buf/qemu
export MEMORY=1G
[ -z "$DEBUG" ] || MEMORY=2G

case $CONFIG in
'')	;;
rich)	export MACHINE=q35 ;;
*)	die "CONFIG=$CONFIG: rich, or leave it out" ;;
esac

case $ACCEL in
tcg)	;;
kvm)	if ! [ -w /dev/kvm ] || ! grep -qwE 'vmx|svm' /proc/cpuinfo; then
		die "ACCEL=kvm: no hardware virtualization here, leave it out"
	fi ;;
*)	die "ACCEL=$ACCEL: tcg or kvm" ;;
esac

# One verb at a time in a build directory; a verb may run others.
if [ "${DMA_BUF_LOCKED:-}" != "$O" ]; then
	mkdir -p "$O"
	exec 9>"$O/.lock"
	flock -n 9 || die "$O is in use by another make"
	export DMA_BUF_LOCKED="$O"
fi
