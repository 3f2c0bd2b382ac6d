#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Boots a kernel and an initramfs in QEMU and saves the output of the guest:
#
#   boot.sh KERNEL INITRAMFS RESULTS SECONDS [PARAMETER...]
#
# The directory RESULTS gets console.log, report, files (a cpio archive) and
# verdict; see init.c. The report is copied to standard output while the guest
# writes it; if the guest died before that, console.log is. Exits 0 when the verdict
# has no problem and ends with "end", otherwise prints the reason on standard error.
# Variables: ACCEL (tcg or kvm; icount: one processor, whose clock counts instructions,
# so that a boot can be repeated exactly), MEMORY, MACHINE (x86_64 if not given; q35, the
# same with PCI and a display; iommu, with PCI, an IOMMU and devices for VFIO; i386,
# arm64, s390x; um, User Mode Linux, without QEMU), and CONSOLE (a QEMU character device,
# for an interactive console).
set -eu

kernel=$1 initramfs=$2 results=$3 seconds=$4
shift 4

mkdir -p "$results"
rm -f "$results"/*
: >"$results/report"
: >"$results/verdict"
: >"$results/files"
: >"$results/console.log"

processors=2
case ${ACCEL:-tcg} in
kvm)	machine='-accel kvm -cpu host' ;;
icount)
	machine='-accel tcg -icount shift=0,sleep=off -seed 1 -rtc base=2020-01-01,clock=vm
		-cpu max' processors=1 ;;
*)	machine='-accel tcg,thread=multi -cpu max' ;;
esac

# Without 5-level page tables: 7.3 detects them anew while interrupts are on, and KASAN
# reports one that arrives then.
console=ttyS0 qemu=qemu-system-x86_64 serial=virtio-serial-device
case ${MACHINE:-x86_64} in
arm64)	machine="-M virt $machine" qemu=qemu-system-aarch64 console=ttyAMA0 ;;
s390x)	machine="-M s390-ccw-virtio $machine" qemu=qemu-system-s390x console=ttysclp0
	serial=virtio-serial-ccw ;;
q35)	machine="-M q35 $machine,la57=off -device virtio-gpu-pci" serial=virtio-serial-pci ;;
iommu)	machine="-M q35,kernel-irqchip=split $machine,la57=off -device intel-iommu
	-object memory-backend-ram,id=shared,size=1M,share=on
	-device pcie-root-port,id=root0,chassis=0 -device ivshmem-plain,memdev=shared,bus=root0
	-device pcie-root-port,id=root1,chassis=1 -device edu,bus=root1"
	serial=virtio-serial-pci ;;
*)	machine="-M microvm,acpi=off,rtc=on,pit=on,pic=on $machine,la57=off" ;;
esac

port()
{
	echo "-chardev file,id=$1,path=$results/$1 -device virtserialport,chardev=$1,name=$1"
}

boot_um()
{
	exec timeout --foreground -k 5 "$seconds" "$kernel" mem="${MEMORY:-1G}" \
		initrd="$initramfs" ports="$(realpath "$results")" con=null con0=null,fd:1 \
		noreboot panic=-1 "$@" >"$results/console.log" 2>&1
}

# shellcheck disable=SC2046,SC2086 # options without blanks, meant to be split
boot_qemu()
{
	exec timeout --foreground -k 5 "$seconds" $qemu $machine -smp $processors \
		-m "${MEMORY:-1G}" -nodefaults -no-user-config -display none -no-reboot \
		-serial "${CONSOLE:-file:$results/console.log}" \
		-device $serial $(port report) $(port files) $(port verdict) \
		-kernel "$kernel" -initrd "$initramfs" \
		-append "console=$console panic=-1 reboot=t oops=panic log_buf_len=4M $*"
}

status=0 boot=boot_qemu
[ "${MACHINE:-}" != um ] || boot=boot_um
exec 3<&0	# a command in the background would get /dev/null
$boot "$@" <&3 &
guest=$!
trap 'kill $guest 2>/dev/null || :' EXIT
trap 'exit 130' HUP INT TERM
tail -n +1 -s 0.2 -f --pid=$guest "$results/report" || :	# the reader may close the pipe
wait $guest || status=$?
[ -s "$results/report" ] || cat "$results/console.log"

print_console()
{
	echo "last lines of the console ($results/console.log):" >&2
	tail -n "${1:-15}" "$results/console.log" | sed 's/\r$//; s/^/    /' >&2
}

if [ "$(tail -n 1 "$results/verdict")" = end ]; then
	if sed -n 's/^problem: //p' "$results/verdict" | grep . >&2; then
		exit 1
	fi
elif [ $status -eq 124 ]; then
	echo "the guest hung, and was killed after $seconds seconds" >&2
	print_console
	exit 1
elif [ $status -gt 128 ]; then
	echo "the guest was killed by signal $((status - 128))" >&2
	exit 1
elif [ $status -ne 0 ]; then
	echo "the guest failed with status $status" >&2
	exit 1
else
	echo "the guest died without a verdict" >&2
	print_console 30
	exit 1
fi
