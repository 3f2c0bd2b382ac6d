# shellcheck shell=sh disable=SC2034 # variables for the scripts that source this
# SPDX-License-Identifier: GPL-2.0
#
# Sourced by every verb, from the top of this tree: sets the variables and locks the
# build directory. "make" without a target prints the lines that start with "#:".
#
#: Try it:
#:   make run         pass a picture through dma-bufs, and compare the results with it
#:   make run-camera  pass frames from a camera to a display, without a copy
#:   make shell       boot into a shell
#: Test it:
#:   make test        run the KUnit suites and the kselftests in QEMU
#:   make soak        stress the core: checkers, races, fuzzing, load, other machines
#:   make bench       measure every operation, and compare with the base kernel
#:   make build-users compile all users of dma-bufs in the kernel against these headers
#:   make check       run the static checks
#:   make coverage    report which lines and branches of the core the tests reach
#:   make mutate      break the core in 200 places, and check that the tests notice
#: Build it:
#:   make prepare     lay this tree over the base kernel
#:   make build       build the kernel, the kselftests and the initramfs
#:   make docs        build the documentation as HTML
#:   make backport    regenerate the patches in backports/, after a change of the tree
#:   make patches     apply series/*.mbox to the base, and compare with this tree
#:   make clean       remove the build directory
#:
#: Variables, all optional:
#:   BASE=VERSION the kernel to lay it over: 7.3 (default), fetched from another suite
#:                of Debian, or 6.12, a package of Debian 12. If 7.3 cannot be
#:                fetched, the default is 6.12
#:   KERNEL=PATH  your own source: a tarball or directory of Linux 7.3.y or 6.12.y. A
#:                directory is copied once: "make clean" after a change in it
#:   CACHE=DIR    directory of fetched sources (default: ~/.cache/dma-buf)
#:   SUITE=NAME   suite to fetch 7.3 from if CACHE has none (default: trixie-backports)
#:   O=DIR        the build directory (default: build), with a part for each base
#:   STOCK=1      test the base kernel instead, same config, same tests
#:   STOCK=both   "make bench" compares the base kernel with itself
#:   PROFILE=ROW  "make bench" prints the instructions of this row by function
#:   DEBUG=1      KASAN, lockdep, kmemleak and others
#:   ACCEL=NAME   kvm, hardware virtualization; icount, emulation that can be repeated
#:                exactly, of one processor (default: tcg, emulation)
#:   CONFIG=NAME  another kernel: kcsan, rt; thirdparty, with more drivers and programs
#:                of other projects; peers, with VFIO, iommufd, BPF and the kernel's
#:                own tests; or another machine: i386, arm64, s390x
#:   T=AREA       test one area only, for example T=poll; "make soak": these parts
#:   PARAMETERS=  more for the kernel command line of "make test", e.g. RACE_MS=60000
#:   LIMIT=N      time limit for the guest of "make test", in seconds
#:   RAM=SIZE     memory of the guest (default: 1G, or more for some kernels)
#:   RACE_MS=N    duration of each race in "make soak": up to 250000 ms
#:   FUZZ_CALLS=N, LOAD_BUFFERS=N
#:                number of random calls, and of buffers, in "make soak"
#:   FUZZ_SEED=N  seed of the random calls (default: 1)
#:   SEEDS=N, SEED=N
#:                number of schedules that "make soak T=replay" tries; or only this one
#:   UPDATE=1     "make patches" writes the differences, or your commits, to series/
#:   CHECK=1      "make patches" checks, compiles and tests each patch
#:   INPUT=FILE   picture for "make run"
#:   EXTRA_CHECK=PROGRAM
#:                one more static check: prints a line for each problem

die()
{
	step_end
	echo "${0##*/}: $*" >&2
	exit 1
}

# step TEXT: report the current step, on a terminal in one line that changes
step()
{
	if [ -t 2 ]; then
		printf '\r\033[K%s' "$*" >&2
	else
		echo "$*" >&2
	fi
}

# step_end: clear that line
step_end()
{
	[ ! -t 2 ] || printf '\r\033[K' >&2
}

# elapsed: the time since the verb began
elapsed()
{
	seconds=$(($(date +%s) - DMA_BUF_BEGIN))
	echo "$((seconds / 60)) min $((seconds % 60)) s"
}

export DMA_BUF_BEGIN="${DMA_BUF_BEGIN:-$(date +%s)}"

trap 'exit 1' HUP INT TERM	# so that EXIT traps run

# The kernel's makefiles must not see this make's variables.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL

BASE=${BASE:-}
KERNEL=${KERNEL:-}
O=$(realpath -m "${O:-build}")
CACHE=${CACHE:-${XDG_CACHE_HOME:-${HOME:-$O}/.cache}/dma-buf}
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
BUILT=${BUILT:-}	# set by lab/soak/soak: everything is built
RESULTS=${RESULTS:-}	# set by lab/soak/soak: directory for the results
export BASE KERNEL CACHE O STOCK DEBUG ACCEL T COVERAGE BENCH CONFIG PARAMETERS LIMIT RAM BUILT RESULTS

# One verb at a time in a build directory; a verb may run others. Verbs remove files
# there, so refuse a directory that has files, but no lock file.
if [ "${DMA_BUF_LOCKED:-}" != "$O" ]; then
	mkdir -p "$O"
	[ -e "$O/.lock" ] || [ -z "$(ls -A "$O")" ] ||
		die "O=$O: neither a build directory nor empty"
	exec 9>"$O/.lock"
	flock -n 9 || die "$O is in use by another make"
	export DMA_BUF_LOCKED="$O"
fi

# Prints the version of $KERNEL, from its makefile.
kernel_version()
{
	if [ -d "$KERNEL" ]; then
		cat "$KERNEL/Makefile"
	else
		tar -xOf "$KERNEL" --occurrence=1 --wildcards --no-wildcards-match-slash \
			'*/Makefile'
	fi 2>/dev/null | sed -n 's/^\(VERSION\|PATCHLEVEL\|SUBLEVEL\) = //p' | paste -sd .
}

# Sets KERNEL to the base's source. A tarball in CACHE is fetched if missing; one in
# /usr/src is installed by scripts/prepare. On failure, $reason has the message.
find_kernel()
{
	set_base "$BASE" || die "BASE=$BASE: must be 7.3 or 6.12"
	KERNEL=/usr/src/$tarball
	[ -n "$suite" ] || return 0
	KERNEL=$CACHE/$tarball
	[ ! -e "$KERNEL" ] || return 0
	step "fetching $package"
	reason=$(scripts/fetch "$package" "$suite" "$CACHE" 2>&1) && return
	reason="$package cannot be fetched from $suite: $(echo "$reason" | tail -n 1 | sed 's/\.$//')"
	return 1
}

# Selects the base and finds its source, once for a verb and the verbs that it runs.
select_base()
{
	if [ -n "$KERNEL" ]; then
		scripts/setup
		[ -e "$KERNEL" ] || die "no such kernel: $KERNEL"
		version=$(kernel_version)
		base=$(base_of "$version") || die "$KERNEL is Linux ${version:-?}, not 7.3.y or 6.12.y"
		[ "${BASE:-$base}" = "$base" ] || die "$KERNEL is Linux $version, not BASE=$BASE"
		BASE=$base
	elif [ -n "$BASE" ]; then
		find_kernel || die "$reason"
	else
		BASE=$default_base
		find_kernel || {
			echo "$reason; using BASE=$fallback_base" >&2
			BASE=$fallback_base
			find_kernel
		}
	fi
	export DMA_BUF_SELECTED="$BASE $KERNEL"
}

. scripts/base
[ "${DMA_BUF_SELECTED:-}" = "$BASE $KERNEL" ] || select_base
set_base "$BASE"
export base_options

# The parts of this tree that are laid over the base
overlay="drivers include Documentation samples tools lab"

# Paths: source tree, build directory, results
here=$O/$BASE
tree=$here/tree
[ -z "$STOCK" ] || tree=$here/base
flavour=${STOCK:+stock}
flavour=${flavour:-ours}${CONFIG:+-$CONFIG}${DEBUG:+-debug}${COVERAGE:+-coverage}${BENCH:+-bench}
kbuild=$here/$flavour
# Built in the tree, so that both sides compile with the same paths and share ccache.
[ -z "$BENCH" ] || kbuild=$tree/bench

# The machine: its name, the kernel's ARCH, the compiler's prefix, the boot image
unset MACHINE
machine=x86_64 arch=x86_64 cross='' image=arch/x86/boot/bzImage
case $CONFIG in
'' | kcsan | rt) ;;
thirdparty)	export MACHINE=q35 ;;
peers)		export MACHINE=iommu ;;
i386)	machine=i386 arch=i386 ;;
arm64)	machine=arm64 arch=arm64 cross=aarch64-linux-gnu- image=arch/arm64/boot/Image ;;
s390x)	machine=s390x arch=s390 cross=s390x-linux-gnu- image=arch/s390/boot/bzImage ;;
*)	die "CONFIG=$CONFIG: must be kcsan, rt, thirdparty, peers, i386, arm64 or s390x" ;;
esac
image=$kbuild/$image
initramfs=$kbuild/initramfs.cpio.gz
user=$here/user
if [ $machine != x86_64 ]; then
	export MACHINE=$machine
	user=$user-$machine
fi
results=${RESULTS:-$here/results/$flavour}
guest=tools/testing/selftests/dma-buf/qemu
memory=1G
[ -z "$DEBUG" ] || memory=2G
[ $machine != i386 ] || memory=2G	# more than it can map at once
export MEMORY="${RAM:-$memory}"

# With fixed names and relative paths, clones share ccache's results. 7.3 removes the
# tree's absolute path from macros with an option; only this option differs.
export KBUILD_BUILD_TIMESTAMP='@0' KBUILD_BUILD_USER=user KBUILD_BUILD_HOST=host
export CCACHE_BASEDIR="$here" CCACHE_NOHASHDIR=1
export CCACHE_IGNOREOPTIONS='-fmacro-prefix-map=*'

# qemu TARGET [VARIABLE=VALUE...]: runs the makefile that builds and boots the guest
qemu()
{
	configs="${DEBUG:+debug} ${COVERAGE:+coverage}"
	case $CONFIG in
	kcsan | rt)	configs="$CONFIG $configs" ;;
	thirdparty)	configs="$here/tree/lab/thirdparty/thirdparty.config $configs" ;;
	peers)		configs="$here/tree/lab/peers/peers.config $configs"
			! command -v pahole >/dev/null ||
				configs="$configs $here/tree/lab/peers/bpf.config" ;;
	esac
	make --no-print-directory -C "$here/tree/$guest" KERNEL_TREE="$tree" KERNEL_OUTPUT="$kbuild" \
		TESTS_OUTPUT="$user" RESULTS="$results" INITRAMFS="$initramfs" \
		MACHINE=$machine CONFIGS="$configs" KMAKEFLAGS="CC=\"ccache ${cross}gcc\"" \
		STOCK="$STOCK" T="$T" LIMIT="$LIMIT" PARAMETERS="$PARAMETERS" \
		${BENCH:+FRAGMENTS="$here/tree/lab/bench/bench.config"} "$@"
}

[ $machine = x86_64 ] || ACCEL=tcg	# another machine is always emulated
case $ACCEL in
tcg | icount) ;;
kvm)	if ! [ -w /dev/kvm ] || ! grep -qwE 'vmx|svm' /proc/cpuinfo; then
		die "ACCEL=kvm: this machine has no hardware virtualization"
	fi ;;
*)	die "ACCEL=$ACCEL: must be tcg, icount or kvm" ;;
esac

# with_files DIR: prints the initramfs, with the files of this directory added
with_files()
{
	(cd "$1" && find . -mindepth 1 | LC_ALL=C sort |
		cpio -o -H newc --quiet -R 0:0 --reproducible) | gzip -1 | cat "$initramfs" -
}

# For verbs that use tools or guest programs of x86_64 only
only_x86_64()
{
	[ $machine = x86_64 ] || die "CONFIG=$CONFIG is for \"make test\" only"
}
