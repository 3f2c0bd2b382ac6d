#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# check.sh TREE DMABUF...: runs the tool on trees with /proc and /sys made here, and
# compares its output with the known answers. DMABUF... is the tool, built with the
# sanitizers, or valgrind and the tool.
set -u

tree=$(realpath "$1")
shift
dmabuf=("$@")
doc=$(realpath "$(dirname "$0")/../../../Documentation/driver-api/dma-buf.rst")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export LC_ALL=C NO_COLOR=
export ASAN_OPTIONS=exitcode=99 UBSAN_OPTIONS=halt_on_error=1
root=$work/root
failed=0
passed=0

# check NAME STATUS OUTPUT COMMAND...: compares the status, and the output with the
# messages after it
check()
{
	local name=$1 status=$2 wanted=$3 got ret=0
	shift 3
	got=$("${dmabuf[@]}" "$@" --root "$root" 2>"$work/err") || ret=$?
	got=${got//$root/}
	if [ -s "$work/err" ]; then
		got+=${got:+$'\n'}$(sed "s|$root||g; s|^|!|" "$work/err")
	fi
	if [ "$got" = "$wanted" ] && [ "$ret" = "$status" ]; then
		passed=$((passed + 1))
		return
	fi
	echo "not ok: $name: status $ret instead of $status, difference:"
	diff <(printf '%s\n' "$wanted") <(printf '%s\n' "$got")
	failed=$((failed + 1))
}

bufinfo=$root/sys/kernel/debug/dma_buf/bufinfo
heading=$'\nDma-buf Objects:\nsize    \tflags   \tmode    \tcount   \texp_name\tino     \tname'

# buffer SIZE COUNT EXPORTER INODE NAME [LINE...]: prints a row and its lines
buffer()
{
	printf '%08d\t00000002\t00080007\t%08d\t%s\t%08d\t%s\n' "${@:1:5}"
	shift 5
	while [ $# -gt 0 ] && [ "$1" != devices ]; do
		printf '\t%s\n' "$1"
		shift
	done
	[ $# -eq 0 ] || shift
	printf '\tAttached Devices:\n'
	[ $# -eq 0 ] || printf '\t%s\n' "$@"
	printf 'Total %d devices attached\n\n' $#
}

# total ROWS BYTES: prints the last line
total()
{
	printf '\nTotal %d objects, %d bytes\n' "$@"
}

# process PID COMMAND
process()
{
	mkdir -p "$root/proc/$1/fd" "$root/proc/$1/fdinfo"
	printf '%s\n' "$2" >"$root/proc/$1/comm"
	printf '%s\n' '00400000-00401000 r-xp 00000000 08:01 77      /bin/cat' \
		>"$root/proc/$1/maps"
}

# fd PID NUMBER INODE SIZE COUNT EXPORTER NAME
fd()
{
	ln -s "/dmabuf:$7" "$root/proc/$1/fd/$2"
	printf 'pos:\t0\nflags:\t02\nmnt_id:\t9\nino:\t%d\nsize:\t%d\ncount:\t%d\n' \
		"${@:3:3}" >"$root/proc/$1/fdinfo/$2"
	printf 'exp_name:\t%s\nname:\t%s\n' "${@:6}" >>"$root/proc/$1/fdinfo/$2"
}

# map PID START END INODE NAME
map()
{
	printf '%s-%s rw-s 00000000 00:0d %d      /dmabuf:%s\n' "${@:2}" \
		>>"$root/proc/$1/maps"
}

new_root()
{
	rm -rf "$root"
	mkdir -p "$root/proc" "${bufinfo%/*}"
}

# Messages without bufinfo
new_root
rm -r "$root/sys/kernel/debug/dma_buf"
check 'debugfs is not mounted' 1 \
	'!dmabuf: no /sys/kernel/debug/dma_buf/bufinfo: mount debugfs: mount -t debugfs none '\
'/sys/kernel/debug' list
mkdir "$root/sys/kernel/debug/other"
check 'no dma-bufs' 1 \
	'!dmabuf: no /sys/kernel/debug/dma_buf/bufinfo: needs CONFIG_DMA_SHARED_BUFFER and '\
'CONFIG_DEBUG_FS' list
rm -r "$root/sys/kernel/debug"
check 'no debugfs' 1 '!dmabuf: no /sys/kernel/debug: needs CONFIG_DEBUG_FS' ps
new_root
echo text >"$bufinfo"
check 'another text' 1 \
	'!dmabuf: /sys/kernel/debug/dma_buf/bufinfo: not a listing of dma-bufs' list

# The scene: a producer and two consumers; a descriptor in flight; an importer
# without a process; a mapping without a descriptor
new_root
{
	echo "$heading"
	buffer 1048576 6 system 1025 camera \
		'write fence:12:7 my jobs gpu unsignalled' \
		'read fence:13:1   signalled' devices vgem video-codec
	buffer 4097 2 udmabuf 1026 '<none>'
	buffer 8192 1 system 1027 orphan devices vgem
	total 3 1060865
} >"$bufinfo"
process 10 producer
fd 10 3 1025 1048576 6 system camera
fd 10 12 1025 1048576 6 system camera
fd 10 4 1026 4097 2 udmabuf ''
ln -s '/dmabuf' "$root/proc/10/fd/5"
ln -s '/home/dmabuf:x' "$root/proc/10/fd/6"
ln -s 'socket:[1]' "$root/proc/10/fd/7"
process 9 $'a "b\\\xff'
fd 9 3 1025 1048576 6 system camera
map 9 7f0000000000 7f0000100000 1025 camera
process 11 mapper
map 11 7f0000000000 7f0000002000 1026 ''
# neither a dma-buf, since no such file system has a block device
printf '7f1000000000-7f1000002000 rw-s 0 08:01 1027 /dmabuf:x\n' >>"$root/proc/11/maps"
# a process that has exited since, and one that holds nothing
mkdir "$root/proc/12" "$root/proc/13" "$root/proc/self"
process 13 idle


camera='1025    1M  system    camera     6  vgem,video-codec        1  a "b\\377[9] 1 fd 1 '\
'map, producer[10] 2 fd, 2 in kernel'
orphan='1027    8K  system    orphan     1  vgem                    0  1 in kernel'
unnamed='1026  4.0K  udmabuf   -          2  -                       0  producer[10] 1 fd, '\
'mapper[11] 1 map'
wide='INODE  SIZE  EXPORTER  NAME    REFS  DEVICES           PENDING  HELD BY'

check list 0 "$wide
 $camera
 $orphan
 $unnamed
3 buffers, 1.0M"
check 'list by inode' 0 '1027     8192  system   orphan  1  vgem              0  1 in kernel
1026     4097  udmabuf  -       2  -                 0  producer[10] 1 fd, mapper[11] 1 map
1025  1048576  system   camera  6  vgem,video-codec  1  a "b\\377[9] 1 fd 1 map, producer[10] '\
'2 fd, 2 in kernel' \
	list --no-headers --bytes --sort -inode
check '--exporter' 0 "$wide
 $camera
 $orphan
2 buffers, 1.0M" --exporter 'sys*' list
for filter in '--name cam?ra' '--device video-codec' '--process 9' '--pending'; do
	# shellcheck disable=SC2086 # an option and its pattern
	check "$filter" 0 "$wide
 $camera
1 buffers, 1M" list $filter
done
check '--process' 0 "$wide
 $camera
 $unnamed
2 buffers, 1.0M" list --process 'prod*'
check '--orphans' 0 'INODE  SIZE  EXPORTER  NAME    REFS  DEVICES  PENDING  HELD BY
 1027    8K  system    orphan     1  vgem           0  1 in kernel
1 buffers, 8K' list --orphans
for key in size exporter name refs devices pending processes; do
	case $key in
	size | pending | devices) order='1025 1027 1026 ' ;;
	exporter) order='1025 1027 1026 ' ;;
	name) order='1026 1025 1027 ' ;;
	refs | processes) order='1025 1026 1027 ' ;;
	esac
	[ $key != pending ] || order='1025 1026 1027 '
	got=$("${dmabuf[@]}" list --root "$root" --no-headers --sort $key |
		awk '{ printf "%s ", $1 }')
	if [ "$got" = "$order" ]; then
		passed=$((passed + 1))
	else
		echo "not ok: --sort $key: $got instead of $order"
		failed=$((failed + 1))
	fi
done

check ps 0 'PID  COMMAND     BUFFERS     SIZE      RSS      PSS
 10  producer          2  1052673        0   526337
  9  a "b\\377         1  1048576  1048576   524288
 11  mapper            1     4097     4097     2048
  -  no process        1     8192        0     8192
  -  total             3  1060865  1052673  1060865' ps --bytes
check 'ps PID' 0 'PID  COMMAND    BUFFERS  SIZE  RSS   PSS
  9  a "b\\377        1    1M   1M  512K
  -  total            1    1M   1M  512K' ps 9
check 'ps of a process without buffers' 1 'PID  COMMAND  BUFFERS  SIZE  RSS  PSS
  -  total          0    0B   0B   0B
!dmabuf: process 13: no such process, or it holds no buffer' ps 13
check exporters 0 'EXPORTER  BUFFERS  PENDING  SIZE
system          2        1  1.0M
udmabuf         1        0  4.0K' exporters
check devices 0 'DEVICE       BUFFERS  PENDING  SIZE
vgem               2        1  1.0M
video-codec        1        1    1M' devices
check show 0 'inode      1025
size       1M
exporter   system
name       camera
references 6
process    a "b\\377[9] fd 3 map 7f0000000000-7f0000100000
process    producer[10] fd 3 fd 12
in kernel  2
device     vgem
device     video-codec
fence      pending write 7 of context 12, driver gpu, timeline my jobs
fence      signalled read 1 of context 13' show 1025
check 'show an unknown buffer' 1 '!dmabuf: inode 5: no such buffer' show 5
check top 0 '3 buffers, 1.0M (0), 1 without a process, 8K
PID  COMMAND    BUFFERS  SIZE   RSS   PSS  GROWTH
 10  producer         2  1.0M    0B  514K       0
  9  a "b\\377        1    1M    1M  512K       0
 11  mapper           1  4.0K  4.0K    2K       0' top --count 1

# leave_top SIGNAL|KEY: ends the live view on a terminal of its own, once it is shown,
# and checks that the terminal is as before
leave_top()
{
	local tries session
	rm -f "$work/keys" "$work/pid" "$work"/stty.*
	mkfifo "$work/keys"
	exec 8<>"$work/keys"
	: >"$work/screen"
	SHELL=/bin/sh script -qefc "stty -g >$work/stty.before
		sh -c 'echo \$\$ >$work/pid; exec ${dmabuf[*]} top --root $root'
		stty -g >$work/stty.after" "$work/screen" <"$work/keys" >"$work/unread" 2>&1 &
	session=$!
	for ((tries = 0; tries < 600; tries++)); do
		! grep -q 'no process\|without a process' "$work/screen" || break
		sleep 0.1
	done
	case $1 in
	q)	printf q >&8 ;;
	*)	kill -"$1" "$(cat "$work/pid")" ;;
	esac
	wait $session
	exec 8>&-
	if cmp -s "$work/stty.before" "$work/stty.after" &&
	   grep -q $'\e\\[?1049h' "$work/screen" &&
	   grep -q $'\e\\[?25h\e\\[?1049l' "$work/screen"; then
		passed=$((passed + 1))
	else
		echo "not ok: the terminal after top was left with $1"
		failed=$((failed + 1))
	fi
}

if command -v script >"$work/unread"; then
	export TERM=${TERM:-vt100}
	for how in q TERM INT HUP QUIT; do
		leave_top $how
	done
else
	echo "skipped: top on a terminal: no program script"
fi

# JSON: every member of every command
json_camera='{"inode": 1025, "size": 1048576, "exporter": "system", "name": "camera", '\
'"references": 6, "in_kernel": 2, "pending": 1, "devices": ["vgem", "video-codec"], "fences": '\
'[{"usage": "write", "pending": true, "driver": "gpu", "timeline": "my jobs", "context": 12, '\
'"seqno": 7}, {"usage": "read", "pending": false, "driver": null, "timeline": null, '\
'"context": 13, "seqno": 1}], "holders": [{"pid": 9, "comm": "a \"b\\\\377", "fds": [3], '\
'"mappings": [{"start": 139637976727552, "end": 139637977776128}], "rss": 1048576}, {"pid": '\
'10, "comm": "producer", "fds": [3, 12], "mappings": [], "rss": 0}]}'
json_orphan='{"inode": 1027, "size": 8192, "exporter": "system", "name": "orphan", '\
'"references": 1, "in_kernel": 1, "pending": 0, "devices": ["vgem"], "fences": [], "holders": []}'
json_unnamed='{"inode": 1026, "size": 4097, "exporter": "udmabuf", "name": null, '\
'"references": 2, "in_kernel": 0, "pending": 0, "devices": [], "fences": [], "holders": '\
'[{"pid": 10, "comm": "producer", "fds": [4], "mappings": [], "rss": 0}, {"pid": 11, "comm": '\
'"mapper", "fds": [], "mappings": [{"start": 139637976727552, "end": 139637976735744}], '\
'"rss": 4097}]}'
json_start()
{
	printf '{"version": 1, "command": "%s", "complete": true, "hidden_processes": 0, ' "$1"
}
check 'list --json' 0 "$(json_start list)\"buffers\": [
$json_camera,
$json_orphan,
$json_unnamed], \"total\": {\"buffers\": 3, \"size\": 1060865}}" --json
check 'show --json' 0 "$(json_start show)\"buffers\": [
$json_unnamed]}" --json show 1026
check 'ps --json' 0 "$(json_start ps)"'"processes": [
{"pid": 10, "comm": "producer", "buffers": 2, "size": 1052673, "rss": 0, "pss": 526337},
{"pid": 9, "comm": "a \"b\\\\377", "buffers": 1, "size": 1048576, "rss": 1048576, "pss": 524288},
{"pid": 11, "comm": "mapper", "buffers": 1, "size": 4097, "rss": 4097, "pss": 2048}], '\
'"orphans": {"buffers": 1, "size": 8192}, "total": {"buffers": 3, "size": 1060865, "rss": '\
'1052673, "pss": 1060865}}' ps --json
check 'exporters --json' 0 "$(json_start exporters)"'"exporters": [
{"exporter": "system", "buffers": 2, "pending": 1, "size": 1056768},
{"exporter": "udmabuf", "buffers": 1, "pending": 0, "size": 4097}], "total": {"buffers": 3, '\
'"size": 1060865}}' exporters --json
check 'devices --json' 0 "$(json_start devices)"'"devices": [
{"device": "vgem", "buffers": 2, "pending": 1, "size": 1056768},
{"device": "video-codec", "buffers": 1, "pending": 1, "size": 1048576}], "total": {"buffers": '\
'3, "size": 1060865}}' devices --json
check 'top --json' 0 "$(json_start top)"'"processes": [
{"pid": 10, "comm": "producer", "buffers": 1, "size": 4097, "rss": 0, "pss": 2049, "growth": 0},
{"pid": 11, "comm": "mapper", "buffers": 1, "size": 4097, "rss": 4097, "pss": 2048, "growth": '\
'0}], "orphans": {"buffers": 0, "size": 0}, "total": {"buffers": 1, "size": 4097}}' \
	top --json --count 1 --process mapper

# Two snapshots: 1027 is released, 1028 created; the producer closes a descriptor
"${dmabuf[@]}" list --json --root "$root" >"$work/before"
rm "$root/proc/10/fd/12" "$root/proc/10/fdinfo/12"
{
	echo "$heading"
	buffer 1048576 5 system 1025 camera devices vgem video-codec
	buffer 4097 2 udmabuf 1026 '<none>'
	buffer 65536 1 system 1028 leak
	total 3 1118209
} >"$bufinfo"
fd 10 12 1028 65536 1 system leak
check diff 0 'CHANGE    INODE  SIZE  EXPORTER  NAME    REFS   HELD BY
created    1028   64K  system    leak    1      producer[10] 1 fd
released   1027    8K  system    orphan  1      1 in kernel
changed    1025    1M  system    camera  6 > 5  a "b\\377[9] 1 fd 1 map, producer[10] 1 fd, 2 '\
'in kernel

PID  COMMAND   BEFORE  AFTER  CHANGE
 10  producer    1.0M   1.0M    +64K
3 buffers, 1.0M > 3 buffers, 1.0M: +56K' diff "$work/before"
"${dmabuf[@]}" list --json --root "$root" >"$work/after"
check 'diff --json' 0 "$(json_start diff)"'"created": [
{"inode": 1028, "size": 65536, "exporter": "system", "name": "leak", "references": 1, '\
'"in_kernel": 0, "pending": 0, "devices": [], "fences": [], "holders": [{"pid": 10, "comm": '\
'"producer", "fds": [12], "mappings": [], "rss": 0}]}], "released": [
{"inode": 1027, "size": 8192, "exporter": "system", "name": "orphan", "references": 1, '\
'"in_kernel": 1, "pending": 0, "devices": [], "fences": [], "holders": []}], "changed": [
{"inode": 1025, "references_before": 6, "references": 5, "holders_before": 2, "holders": 2}], '\
'"processes": [
{"pid": 10, "comm": "producer", "size_before": 1052673, "size": 1118209}], "total_before": '\
'{"buffers": 3, "size": 1060865}, "total": {"buffers": 3, "size": 1118209}}' \
	diff --json "$work/before" "$work/after"
check 'diff after an interval' 0 '3 buffers, 1.0M > 3 buffers, 1.0M: 0' diff -d 0.1
check 'diff of another file' 1 \
	"!dmabuf: ${bufinfo#"$root"}: not the output of \"dmabuf list --json\"" \
	diff "$bufinfo"

# Linux 6.12 prints fences in another form; a stock kernel prints raw names
new_root
{
	echo "$heading"
	buffer 4096 1 system 1 $'two\nlines\t' 'kernel fence:gpu my jobs seq 5 unsignalled'
	buffer 4096 1 system 2 $'\n\tAttached Devices:' 'write fence:1:1 t d '\
'unsignalled' devices vgem
	buffer 4096 1 system 3 $'x\nTotal 0 devices attached'
	buffer 4096 1 system 4 $'x\n\tread fence:1:1   unsignalled'
	buffer 4096 1 system 5 $'\x1b[31m\xc3\xa9\xc2\x9b\xff'
	buffer 4096 1 system 6 'by our core\012' devices
	total 6 24576
} >"$bufinfo"
check 'raw names' 0 '1  4K  system  two\012lines\011                       1  -     1  1 in kernel
2  4K  system  \012\011Attached Devices:              1  vgem  1  1 in kernel
3  4K  system  x\012Total 0 devices attached          1  -     0  1 in kernel
4  4K  system  x\012\011read fence:1:1   unsignalled  1  -     0  1 in kernel
5  4K  system  \033[31mé\302\233\377                  1  -     0  1 in kernel
6  4K  system  by our core\012                        1  -     0  1 in kernel' list --no-headers
check 'a fence of Linux 6.12' 0 'inode      1
size       4K
exporter   system
name       two\012lines\011
references 1
in kernel  1
fence      pending kernel 5, driver gpu, timeline my jobs' show 1
sed -i 's/^Total 6 /Total 7 /' "$bufinfo"
check 'a wrong total' 0 'system  6  2  24K
!dmabuf: bufinfo: the rows do not add up to the last line' \
	exporters --no-headers
head -c 130 "$bufinfo" >"$work/cut"
cp "$work/cut" "$bufinfo"
check 'a listing that ends early' 0 'system  1  0  4K
!dmabuf: bufinfo: the rows do not add up to the last line' exporters --no-headers

# Events, from a copy of trace_pipe
cat >"$work/events" <<END
# tracer: nop
        my-app-1-4242    [001] .....   12.345678: dma_buf_export: exp_name=system \
size=12288 ino=1025
        my-app-1-4242    [001] .....   12.345679: dma_buf_fd: exp_name=system size=12288 \
ino=1025 fd=5
           <...>-7       [000] d..1.  100.000001: dma_buf_dynamic_attach: exp_name=udmabuf \
size=4096 ino=1026 attachment:00000000d4a6d2a5 is_dynamic=0 dev_name=vgem
CPU:1 [LOST 5 EVENTS]
END
check trace 0 '12.345678 export             1025     12K system my-app-1[4242]
12.345679 fd                 1025     12K system my-app-1[4242] fd 5
100.000001 dynamic_attach     1026      4K udmabuf <...>[7] device vgem
!dmabuf: 1 lines are no events of a dma-buf' trace --input "$work/events"
process 7 $'a\n'
check 'trace of a process without a name' 0 '100.000001 dynamic_attach     1026      4K '\
'udmabuf a\012[7] device vgem
!dmabuf: 1 lines are no events of a dma-buf' trace --input "$work/events" 1026
rm -r "$root/proc/7"
check 'trace of an exporter' 0 '100.000001 dynamic_attach     1026      4K udmabuf <...>[7] '\
'device vgem
!dmabuf: 1 lines are no events of a dma-buf' trace --input "$work/events" --exporter 'u*'
check 'trace --json' 0 '{"version": 1, "command": "trace", "time": "12.345678", "pid": 4242, '\
'"comm": "my-app-1", "event": "export", "inode": 1025, "size": 12288, "exporter": "system", '\
'"device": null, "fd": null}
{"version": 1, "command": "trace", "time": "12.345679", "pid": 4242, "comm": "my-app-1", '\
'"event": "fd", "inode": 1025, "size": 12288, "exporter": "system", "device": null, "fd": 5}
!dmabuf: 1 lines are no events of a dma-buf' trace --input "$work/events" --json 1025
check 'trace without tracefs' 1 \
	'!dmabuf: no /sys/kernel/tracing/instances: needs CONFIG_FTRACE, and tracefs mounted: '\
'mount -t tracefs none /sys/kernel/tracing' trace
mkdir -p "$root/sys/kernel/tracing/instances"
check 'trace without events' 1 '!dmabuf: no events of dma-bufs: needs '\
'CONFIG_DMA_SHARED_BUFFER' trace
check 'no instance is left' 0 '' trace --input <(ls "$root/sys/kernel/tracing/instances")

# The walk-through of the documentation: its commands, with its output. The camera has
# 64 frames and leaks each further one, the encoder has two, a driver one.
frames()
{
	local inode count

	rm -rf "$root/proc/310"
	process 310 camera
	map 310 7f0000000000 7f0000800000 1026 frame
	{
		echo "$heading"
		buffer 8388608 1 system 1025 '<none>' devices encoder
		for ((inode = 1026; inode <= $1; inode++)); do
			count=1
			[ $inode -gt 1027 ] || count=$((1029 - inode))
			buffer 8388608 $count system $inode frame
			fd 310 $((inode - 1019)) $inode 8388608 $count system frame
		done
		total $(($1 - 1024)) $((($1 - 1024) * 8388608))
	} >"$bufinfo"
}

# Each command is a line with "# " after a tab; the lines with a tab after it are its
# output.
read_walk_through()
{
	awk -v to="$work/doc" '
		/^\t# dmabuf / { n++; print substr($0, 11) >(to "." n); on = 1; gap = ""; next }
		/^\t# / { on = 0 }
		/^\t/ && on {
			printf "%s%s\n", gap, substr($0, 2) >(to "." n ".output")
			gap = ""
			next
		}
		/^$/ && on { gap = gap "\n"; next }
		{ on = 0 }' "$doc"
}

# diff_while_leaking DMABUF... OPTION...: the tool waits for the maps of the last process when it
# has read all others, and two frames later for the end of the interval.
diff_while_leaking()
{
	local maps=$root/proc/311/maps

	rm "$maps"
	mkfifo "$maps"
	# After an early end this reader lets the shell open the fifo.
	("$@" --delay 0.1 >"$work/got" 2>&1; cat "$maps" >"$work/unread") &
	exec 7>"$maps"
	rm "$maps"
	: >"$maps"
	frames 1091
	exec 7>&-
	wait
	cat "$work/got"
}

new_root
frames 1089
process 311 encoder
fd 311 3 1026 8388608 3 system frame
fd 311 4 1027 8388608 2 system frame
cat >"$work/events" <<END
          camera-310     [001] .....  124.031250: dma_buf_export: exp_name=system \
size=8388608 ino=1092
          camera-310     [001] .....  124.031262: dma_buf_fd: exp_name=system size=8388608 \
ino=1092 fd=73
         encoder-311     [000] .....  124.031300: dma_buf_export: exp_name=udmabuf \
size=4096 ino=1093
END
walked=0
[ ! -e "$doc" ] || read_walk_through
for ((n = 1;; n++)); do
	[ -e "$work/doc.$n" ] || break
	read -ra words <"$work/doc.$n"
	tool=("${dmabuf[@]}")
	case ${words[0]} in
	diff)	dmabuf=(diff_while_leaking "${dmabuf[@]}") ;;
	trace)	words+=(--input "$work/events") ;;
	esac
	check "the documentation: ${words[*]}" 0 "$(cat "$work/doc.$n.output")" "${words[@]}"
	dmabuf=("${tool[@]}")
	walked=$((walked + 1))
done
if [ ! -e "$doc" ]; then
	echo "skipped: the walk-through: no documentation"
elif [ $walked -lt 4 ]; then
	echo "not ok: the documentation has $walked commands"
	failed=$((failed + 1))
fi

# The command line
check 'an unknown command' 2 $'!dmabuf: foo: not a command\n!See "dmabuf --help".' foo
check 'an unknown column' 2 \
	$'!dmabuf: ps: no column inode; columns: pid command buffers size rss pss \n!See '\
$'"dmabuf --help".' \
	ps --sort inode
check 'an option of another command' 2 \
	$'!dmabuf: list: no option --delay\n!See "dmabuf --help".' list -d 1
check 'no number' 2 $'!dmabuf: 1x: not a valid inode number\n!See "dmabuf --help".' show 1x
check 'too many arguments' 2 $'!dmabuf: list: too many arguments: 1\n!See "dmabuf --help".' list 1
check 'a missing argument' 2 $'!dmabuf: show: an argument is missing\n!See "dmabuf --help".' show

# A larger tree: each third buffer has a fence, each fourth a second descriptor
rm -rf "$root"
"$tree" "$root" 600 50
check 'exporters of a larger tree' 0 'system   300  100  39567360
udmabuf  300  100  38338560' exporters --no-headers --bytes

# Without root: one's own processes, and a message about the rest
if [ "$(id -u)" -eq 0 ] && setpriv --reuid=65534 --regid=65534 --clear-groups true; then
	new_root
	chmod 755 "$work" "$root"
	cp "${dmabuf[-1]}" "$work/dmabuf"
	dmabuf[-1]=$work/dmabuf
	dmabuf=(setpriv --reuid=65534 --regid=65534 --clear-groups "${dmabuf[@]}")
	process 10 own
	fd 10 3 1025 4096 3 system camera
	process 11 other
	chmod 700 "$root/proc/11/fd" "$root/sys/kernel/debug"
	process 12 kthread
	echo '12 (a ) b) S 2 0 0 0 -1 2129984 0 0' >"$root/proc/12/stat"
	chmod 700 "$root/proc/12/fd"
	check 'without root' 0 '1025  4K  system  camera  3  -  0  own[10] 1 fd, 2 elsewhere
!dmabuf: /sys/kernel/debug/dma_buf/bufinfo: Permission denied: buffers without a visible '\
'process are not shown
!dmabuf: 1 processes may not be read: run dmabuf as root' list --no-headers
else
	echo "skipped: without root"
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
