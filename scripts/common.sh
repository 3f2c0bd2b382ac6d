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
#: make sanitize try to break it: checkers, races, fuzzing, load, other machines
#: make check    run the static checks
#: make series   make patches of the tree, in series/out
#: make docs     build the documentation as HTML
#: make clean    remove the build directory
#:
#: Variables, all optional:
#:   KERNEL=PATH  the base: a Linux 6.12.y tarball or directory
#:                (default: what Debian's linux-source-6.12 installs). A directory
#:                is copied once: "make clean" after a change in it
#:   O=DIR        the build directory (default: build)
#:   STOCK=1      test the base kernel instead, same config, same tests
#:   STOCK=both   "make bench" compares the base kernel with itself
#:   PROFILE=ROW  "make bench" tells what one row of its table spends where
#:   DEBUG=1      KASAN, lockdep, kmemleak and others
#:   ACCEL=kvm    use hardware virtualization (default: tcg, emulation)
#:   CONFIG=NAME  another kernel: kcsan, rt, or rich in drivers and programs of
#:                others; or one for another machine: i386, arm64 or s390x
#:   T=AREA       test one area only, for example T=poll; "make sanitize": these parts
#:   PARAMETERS=  more for the command line of "make test", for example RACE_MS=60000
#:   LIMIT=N      how many seconds the guest of "make test" may take
#:   RAM=SIZE     how much memory the guest has (default: what it needs, 1G or more)
#:   RACE_MS=N    how long two calls meet in "make sanitize": up to 250000 ms
#:   FUZZ_CALLS=N, LOAD_BUFFERS=N
#:                how many calls at random, and buffers, it has
#:   FUZZ_SEED=N  other calls at random (default: 1)
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
PARAMETERS=${PARAMETERS:-}
LIMIT=${LIMIT:-}
RAM=${RAM:-}
SERIES=${SERIES:-}	# words from scripts/series, which has made the tree
BUILT=${BUILT:-}	# from scripts/sanitize, which has built it all
RESULTS=${RESULTS:-}	# from there too: where they are to go
export KERNEL O STOCK DEBUG ACCEL T COVERAGE BENCH CONFIG PARAMETERS LIMIT RAM SERIES BUILT RESULTS

# Where things are: the tree to build from, where it is built, what came out.
tree=$O/tree
[ -z "$STOCK" ] || tree=$O/base
flavour=${STOCK:+stock}
flavour=${flavour:-ours}${CONFIG:+-$CONFIG}${DEBUG:+-debug}${COVERAGE:+-coverage}${BENCH:+-bench}
kbuild=$O/$flavour
# In the tree itself, so that both compile with the same paths and share ccache.
[ -z "$BENCH" ] || kbuild=$tree/bench

# The machine: as the kernel calls it, who compiles for it, and what it boots.
unset MACHINE
machine=x86_64 arch=x86_64 cross='' image=arch/x86/boot/bzImage
case $CONFIG in
'' | kcsan | rt) ;;
rich)	export MACHINE=q35 ;;
i386)	machine=i386 arch=i386 ;;
arm64)	machine=arm64 arch=arm64 cross=aarch64-linux-gnu- image=arch/arm64/boot/Image ;;
s390x)	machine=s390x arch=s390 cross=s390x-linux-gnu- image=arch/s390/boot/bzImage ;;
*)	die "CONFIG=$CONFIG: kcsan, rt, rich, i386, arm64 or s390x" ;;
esac
image=$kbuild/$image
initramfs=$kbuild/initramfs.cpio.gz
user=$O/user
if [ $machine != x86_64 ]; then
	export MACHINE=$machine
	user=$user-$machine
fi
results=${RESULTS:-$O/results/$flavour}
guest=tools/testing/selftests/dma-buf/qemu
memory=1G
[ -z "$DEBUG" ] || memory=2G
[ $machine != i386 ] || memory=2G	# more than it can map at once
export MEMORY="${RAM:-$memory}"

[ $machine = x86_64 ] || ACCEL=tcg	# another machine is always emulated
case $ACCEL in
tcg)	;;
kvm)	if ! [ -w /dev/kvm ] || ! grep -qwE 'vmx|svm' /proc/cpuinfo; then
		die "ACCEL=kvm: no hardware virtualization here, leave it out"
	fi ;;
*)	die "ACCEL=$ACCEL: tcg or kvm" ;;
esac

# What a verb is worth without the programs that only one machine has
only_x86_64()
{
	[ $machine = x86_64 ] || die "CONFIG=$CONFIG: this is for \"make test\""
}

# One verb at a time in a build directory; a verb may run others. What has no lock
# file is somebody else's: much of what is in a build directory gets removed.
if [ "${DMA_BUF_LOCKED:-}" != "$O" ]; then
	mkdir -p "$O"
	[ -e "$O/.lock" ] || [ -z "$(ls -A "$O")" ] ||
		die "O=$O: neither a build directory nor empty"
	exec 9>"$O/.lock"
	flock -n 9 || die "$O is in use by another make"
	export DMA_BUF_LOCKED="$O"
fi
