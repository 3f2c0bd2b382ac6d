#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the guest, under busybox: the kernel's own tests. The output of each is
# printed between two lines,
#
#   === begin NAME
#   === end NAME STATUS
#
# so that the boots of two kernels can be compared line by line.

export PATH=/usr/bin:/bin HOME=/tmp

# run NAME SECONDS COMMAND...: a missing program is a skipped test
run()
{
	name=$1 seconds=$2
	shift 2
	echo "=== begin $name"
	if [ -x "$1" ]; then
		timeout -k 2 "$seconds" "$@" 2>&1 </dev/null
		status=$?
	else
		echo "ok 1 all # SKIP $(cat /others/missing/"${name%%/*}" 2>/dev/null || echo "no $1")"
		status=4
	fi
	echo
	echo "=== end $name $status"
}

# pci VENDOR DEVICE: prints the address of the first one
pci()
{
	for dir in /sys/bus/pci/devices/*; do
		[ "$(cat "$dir/vendor") $(cat "$dir/device")" != "$1 $2" ] || {
			echo "${dir##*/}"
			return
		}
	done
}

# vfio_driver ADDRESS: has VFIO drive the device
vfio_driver()
{
	echo vfio-pci >"/sys/bus/pci/devices/$1/driver_override"
	echo "$1" >/sys/bus/pci/drivers_probe
}

for applet in $(busybox --list); do
	[ -e "/bin/$applet" ] || ln -s busybox "/bin/$applet"
done

# huge pages of the tests of iommufd and VFIO, besides those of udmabuf
mkdir -p /dev/hugepages
mount -t hugetlbfs hugetlbfs /dev/hugepages

run i915 60 /bin/sh -c "dmesg | grep 'i915[:/]'"
run drm_gem_shmem 60 /bin/sh -c \
	'cd /sys/kernel/debug/kunit/drm_gem_shmem && echo 1 >run && cat results'
run dmabuf-heaps 240 /others/dmabuf-heaps/dmabuf-heap
run udmabuf 240 /others/drivers/dma-buf/udmabuf
run sync 240 /others/sync/sync_test
run dmabuf_iter 240 /others/bpf/dmabuf_iter
run iterate 900 /others/bpf/iterate
run iommufd 900 /others/iommu/iommufd
run iommufd_fail_nth 900 /others/iommu/iommufd_fail_nth

# edu: the tests of VFIO cannot map the first BAR of ivshmem, which is less than a page
address=$(pci 0x1234 0x11e8)
vfio_driver "$address"
for test in vfio_pci_device_test vfio_dma_mapping_test vfio_dma_mapping_mmio_test \
	    vfio_iommufd_setup_test; do
	run "vfio/$test" 300 "/others/vfio/$test" "$address"
done
run revoke 300 /tests/revoke_test
