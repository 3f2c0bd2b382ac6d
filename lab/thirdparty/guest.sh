#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the guest, under busybox: third-party programs that test cameras,
# displays and heaps. The output of each is printed between two lines,
#
#   === begin NAME
#   === end NAME STATUS
#
# so that the boots of two kernels can be compared line by line.

export PATH=/usr/bin:/bin HOME=/tmp
export GST_REGISTRY=/tmp/registry GST_REGISTRY_FORK=no GST_DEBUG_NO_COLOR=1

# run NAME SECONDS COMMAND...
run()
{
	name=$1 seconds=$2
	shift 2
	echo "=== begin $name"
	timeout -k 2 "$seconds" "$@" 2>&1 </dev/null
	status=$?
	echo
	echo "=== end $name $status"
}

# Prints the exporters and the attached devices of all buffers until file $1 exists.
watch_buffers()
{
	until [ -e "$1" ]; do
		awk 'NF >= 6 && /^[0-9]/ { print "buffer: of", exporter = $5 }
			/^Total/ { attached = 0 }
			attached { print "buffer: of", exporter, "at", $1 }
			/Attached Devices/ { attached = 1 }' /sys/kernel/debug/dma_buf/bufinfo
		sleep 0.05
	done | sort -u
}

# run_watched NAME SECONDS COMMAND...: prints the exporters and importers meanwhile, too
run_watched()
{
	rm -f /tmp/ended
	watch_buffers /tmp/ended >/tmp/buffers &
	run "$@" >/tmp/output
	: >/tmp/ended
	wait
	sed '/^=== end/d' /tmp/output
	cat /tmp/buffers
	grep '^=== end' /tmp/output
}

# video NAME: prints the first video device of that name
video()
{
	# shellcheck disable=SC2012 # names without surprises
	for dir in $(ls -d /sys/class/video4linux/video* | sort -V); do
		case $(cat "$dir/name") in
		$1*)	echo "/dev/${dir##*/}"
			return ;;
		esac
	done
	echo "no video device $1" >&2
}

# run_on NAME COMMAND...: for programs that run until there is input for them
run_on()
{
	name=$1
	shift
	# shellcheck disable=SC2016 # for the other shell
	run "$name" 20 sh -c 'sleep 3 | exec "$@"' sh "$@"
}

# connector DRIVER: prints the first one that is connected
connector()
{
	modetest -M "$1" -c | awk '$3 == "connected" || $3 == "unknown" { print $1; exit }'
}

for applet in $(busybox --list); do
	[ -e "/bin/$applet" ] || ln -s busybox "/bin/$applet"
done

# Three pairs: two use contiguous memory and attach a device to import a buffer, one
# uses vmalloc() memory and only needs the buffer's address, as vim2m does.
camera0=$(video vivid-000-vid-cap) output0=$(video vivid-000-vid-out)
camera1=$(video vivid-001-vid-cap) output1=$(video vivid-001-vid-out)
camera2=$(video vivid-002-vid-cap) output2=$(video vivid-002-vid-out)
vim2m=$(video vim2m) encoder=$(video stateful-encoder) decoder=$(video stateful-decoder)

# the kernel's own tests; the first ran at boot, where it is no KUnit suite yet
[ ! -d /sys/module/dmabuf_selftests ] || run dmabuf_selftests 20 sh -c "dmesg | grep dma-buf"
run dmabuf-heaps 120 /others/dmabuf-heaps/dmabuf-heap
run udmabuf 120 /others/drivers/dma-buf/udmabuf
run sync 120 /others/sync/sync_test

# one size for all
for camera in $camera0 $camera1 $camera2; do
	v4l2-ctl -d "$camera" -i 3 --set-dv-bt-timings index=0 >/dev/null
	v4l2-ctl -d "$camera" -v width=640,height=480,pixelformat=XR24 >/dev/null
done
for output in $output0 $output1 $output2; do
	v4l2-ctl -d "$output" -o 1 --set-dv-bt-timings index=0 >/dev/null
	v4l2-ctl -d "$output" -x width=640,height=480,pixelformat=XR24 >/dev/null
done
v4l2-ctl -d "$vim2m" -x width=640,height=480,pixelformat=RGBR \
	-v width=640,height=480,pixelformat=RGBR >/dev/null

# v4l2-ctl: buffers exported by one device, imported by another
frames=50
run_watched stream/vivid-mmap 60 v4l2-ctl -d "$camera0" --stream-mmap --stream-count=$frames
run_watched stream/contig-to-contig 60 v4l2-ctl -d "$camera0" --stream-mmap \
	-e "$output1" --stream-out-dmabuf --stream-count=$frames
run_watched stream/contig-from-contig 60 v4l2-ctl -d "$camera0" --stream-dmabuf \
	-e "$output1" --stream-out-mmap --stream-count=$frames
run_watched stream/contig-to-vmalloc 60 v4l2-ctl -d "$camera0" --stream-mmap \
	-e "$output2" --stream-out-dmabuf --stream-count=$frames
run_watched stream/vmalloc-from-contig 60 v4l2-ctl -d "$camera2" --stream-dmabuf \
	-e "$output0" --stream-out-mmap --stream-count=$frames
run_watched stream/vim2m-mmap 60 v4l2-ctl -d "$vim2m" --stream-mmap --stream-out-mmap \
	--stream-count=$frames
run_watched stream/vim2m-to-vivid 60 v4l2-ctl -d "$vim2m" --stream-dmabuf --stream-out-mmap \
	-E "$output0" --stream-count=$frames
# v4l2-ctl 1.22 does not export the buffers for this one, GStreamer below does
run_watched stream/vivid-to-vim2m 60 v4l2-ctl -d "$vim2m" --stream-mmap --stream-out-dmabuf \
	-E "$camera0" --stream-count=$frames

# displays
for driver in vkms virtio_gpu; do
	id=$(connector $driver)
	run modetest/$driver/list 20 modetest -M $driver
	run modetest/$driver/mode 20 modetest -M $driver -s "$id:1024x768"
	run modetest/$driver/atomic 20 modetest -M $driver -a -s "$id:1024x768"
	run_on modetest/$driver/flip modetest -M $driver -v -s "$id:1024x768"
done
run_on modetest/vkms/cursor modetest -M vkms -C -s "$(connector vkms):1024x768"
run_on vbltest/vkms vbltest -M vkms
run drmdevice 20 drmdevice

# GStreamer: the camera's buffers in the codec and on the display, the display's in
# the camera
run_watched gstreamer/vim2m/export 90 gst-launch-1.0 -q v4l2src device="$camera0" \
	io-mode=dmabuf num-buffers=$frames ! video/x-raw,format=RGB16,width=640,height=480 \
	! v4l2convert output-io-mode=dmabuf-import ! fakesink
caps=video/x-raw,format=BGRx,width=640,height=480
for driver in vkms virtio_gpu; do
	set -- ! $caps ! kmssink driver-name=$driver sync=false force-modesetting=true
	run_watched gstreamer/$driver/export 90 gst-launch-1.0 -q v4l2src device="$camera0" \
		io-mode=dmabuf num-buffers=$frames "$@"
	run_watched gstreamer/$driver/import 90 gst-launch-1.0 -q v4l2src device="$camera2" \
		io-mode=dmabuf-import num-buffers=$frames "$@"
done

# v4l2-compliance; last, because it leaves the devices in an unknown state
compliance()
{
	run "$1" "$2" v4l2-compliance -C never -P -n -d "$3" -s5 -e "$4"
}
compliance compliance/vivid-contig-capture 240 "$camera0" "$output0"
compliance compliance/vivid-contig-output 240 "$output0" "$camera0"
compliance compliance/vivid-vmalloc-capture 240 "$camera2" "$output0"
compliance compliance/vivid-vmalloc-output 240 "$output2" "$camera0"
compliance compliance/vim2m 120 "$vim2m" "$camera0"
compliance compliance/vicodec-encoder 120 "$encoder" "$camera0"
compliance compliance/vicodec-decoder 60 "$decoder" "$camera0"
