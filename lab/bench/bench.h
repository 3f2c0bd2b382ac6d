/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The interface of the module (device.c) to the program (user.c). A scene is a
 * buffer with attachments and fences, on which operations are measured.
 */
#ifndef DMA_BUF_BENCH_H
#define DMA_BUF_BENCH_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define BENCH_PATH	"/dev/dma_buf_bench"
#define BENCH_BLOCKS	5

enum bench_exporter {
	BENCH_STATIC,
	BENCH_DYNAMIC,
};

/* The static attachments are added first, the dynamic ones last. */
struct bench_scene {
	__u32 exporter;
	__u32 statics;
	__u32 dynamics;
	__u32 fences;		/* for writing, each with a context of its own */
	__u32 unsignalled;	/* leave them pending until BENCH_SIGNAL */
};

/* A row that the module measures, in a scene of its own. */
struct bench_run {
	__u32 row;
	__u32 count;		/* calls in a block, 0 for the default */
	__u32 fences;		/* signalled ones, in addition */
	__u32 attachments;	/* static ones, in addition */
	char name[40];
	__u64 ticks[BENCH_BLOCKS];
};

#define BENCH_NULL	_IO('B', 0)	/* does nothing */
#define BENCH_SCENE	_IOW('B', 1, struct bench_scene)	/* returns an fd */
#define BENCH_DESTROY	_IO('B', 2)	/* the scene; close the fd first */
#define BENCH_SIGNAL	_IO('B', 3)	/* the scene's fence number ARG */
#define BENCH_HOLD	_IO('B', 4)	/* the reservation, for ARG ms from now */
#define BENCH_WAIT	_IO('B', 5)	/* wait until it is no longer held */
#define BENCH_LIVE	_IO('B', 6)	/* keep ARG buffers alive */
#define BENCH_FILES	_IO('B', 7)	/* the same with plain files */
#define BENCH_EXPORT	_IO('B', 8)	/* a buffer; returns an fd */
#define BENCH_CYCLE	_IO('B', 9)	/* export and put ARG buffers */
#define BENCH_CYCLE_FILES _IO('B', 10)	/* the same with plain files */
#define BENCH_FENCE	_IO('B', 11)	/* a sync_file, unsignalled; returns an fd */
#define BENCH_RUN	_IOWR('B', 12, struct bench_run) /* -ENOENT: no such row */
#define BENCH_TAKE_TURNS _IO('B', 13)	/* make QEMU switch CPUs often */
#define BENCH_FILE	_IO('B', 14)	/* a plain file; returns an fd */
#define BENCH_PASS	_IO('B', 15)	/* export for the next of ARG CPUs, put the last one's */
#define BENCH_PASS_FILES _IO('B', 16)	/* the same with plain files */
#define BENCH_ATTACH	_IO('B', 17)	/* attach a device to the buffer of fd ARG, detach it */
#define BENCH_ITERATE	_IO('B', 18)	/* walk over all buffers; returns their number */

/*
 * Marks for the counting plugin: two instructions without effect, which no
 * compiler generates.
 */
static inline void bench_begin(void)
{
	asm volatile(".byte 0x0f,0x1f,0x80,0x01,0xb0,0xfe,0xca" ::: "memory");
}

static inline void bench_end(void)
{
	asm volatile(".byte 0x0f,0x1f,0x80,0x02,0xb0,0xfe,0xca" ::: "memory");
}

#endif /* DMA_BUF_BENCH_H */
