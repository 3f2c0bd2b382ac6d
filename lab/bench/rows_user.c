// SPDX-License-Identifier: GPL-2.0
/* Operations of programs, one function for each row; growth of all rows. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "user.h"

#define STEADY	1000	/* calls in a block */

struct row {
	const char *name;
	void (*run)(void);
	struct bench_scene scene;
	unsigned int count;	/* calls in a block, default STEADY */
	void (*prepare)(void);
	void (*finish)(void);
	bool fixed;		/* not measured for growth */
	bool fresh;		/* new scene for each call */
};

static int fd;			/* the scene's buffer */
static int other;		/* a second file of the row */
static char path[64];

static void null_ioctl(void)
{
	inline_ioctl(bench, BENCH_NULL, NULL);
}

static void poll_one(int file, short events)
{
	struct pollfd pfd = { .fd = file, .events = events };

	poll(&pfd, 1, 0);
}

static void poll_in(void)
{
	poll_one(fd, POLLIN);
}

static void poll_both(void)
{
	poll_one(fd, POLLIN | POLLOUT);
}

static void floor_poll(void)
{
	poll_one(other, POLLIN | POLLOUT);
}

static void floor_poll_walk(void)
{
	poll_one(bench, POLLIN | POLLOUT);
}

static void prepare_eventfd(void)
{
	other = checked(eventfd(1, EFD_CLOEXEC));
}

static void prepare_busy_eventfd(void)
{
	other = checked(eventfd(0, EFD_CLOEXEC));
}

static void prepare_epoll(void)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT };

	other = checked(epoll_create1(EPOLL_CLOEXEC));
	checked(epoll_ctl(other, EPOLL_CTL_ADD, fd, &event));
}

static void prepare_epoll_eventfd(void)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT };
	int ready = checked(eventfd(1, EFD_CLOEXEC));

	other = checked(epoll_create1(EPOLL_CLOEXEC));
	checked(epoll_ctl(other, EPOLL_CTL_ADD, ready, &event));
}

static void finish_other(void)
{
	close(other);
}

static void epoll_once(void)
{
	struct epoll_event event;

	epoll_wait(other, &event, 1, 0);
}

static void sync_cpu(uint64_t flags)
{
	struct dma_buf_sync sync = { .flags = flags };

	inline_ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync);
}

static void sync_start(void)
{
	sync_cpu(DMA_BUF_SYNC_RW | DMA_BUF_SYNC_START);
}

static void sync_end(void)
{
	sync_cpu(DMA_BUF_SYNC_RW | DMA_BUF_SYNC_END);
}

static void set_name(void)
{
	inline_ioctl(fd, DMA_BUF_SET_NAME_B, "a buffer");
}

static void import_sync_file(void)
{
	struct dma_buf_import_sync_file arg = { .flags = DMA_BUF_SYNC_WRITE, .fd = other };

	inline_ioctl(fd, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &arg);
}

static void prepare_fence(void)
{
	other = checked(ioctl(bench, BENCH_FENCE));
	import_sync_file();	/* the first one allocates the slot */
}

static void export_sync_file(void)
{
	struct dma_buf_export_sync_file arg = { .flags = DMA_BUF_SYNC_RW };

	inline_ioctl(fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &arg);
	close(arg.fd);
}

static void floor_eventfd(void)
{
	close(eventfd(0, EFD_CLOEXEC));
}

static void export_close(void)
{
	close(inline_ioctl(bench, BENCH_EXPORT, NULL));
}

static void seek(void)
{
	lseek(fd, 0, SEEK_END);
}

static void floor_seek(void)
{
	lseek(bench, 0, SEEK_END);
}

static void fdinfo(void)
{
	char text[512];
	int info = open(path, O_RDONLY | O_CLOEXEC);

	while (read(info, text, sizeof(text)) > 0)
		;
	close(info);
}

static void prepare_fdinfo(void)
{
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
}

static void prepare_floor_fdinfo(void)
{
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", bench);
}

static void map_file(int file)
{
	munmap(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0), 4096);
}

static void map_buffer(void)
{
	map_file(fd);
}

static void floor_map_buffer(void)
{
	map_file(bench);
}

static void bufinfo(void)
{
	read_bufinfo();
}

#define FENCES(n)	.scene = { .fences = n }
#define BUSY(n)		.scene = { .fences = n, .unsignalled = 1 }

static const struct row rows[] = {
	{ "floor: ioctl", null_ioctl, .fixed = true },
	{ "floor: poll", floor_poll, .prepare = prepare_eventfd, .finish = finish_other,
	  .fixed = true },
	{ "floor: poll, busy", floor_poll, .prepare = prepare_busy_eventfd,
	  .finish = finish_other, .fixed = true },
	{ "poll IN", poll_in },
	{ "poll IN+OUT", poll_both },
	{ "poll IN+OUT, 64 signalled", poll_both, FENCES(64), .fixed = true },
	{ "floor: poll, 64 signalled", floor_poll_walk, FENCES(64), .fixed = true },
	{ "poll IN, busy", poll_in, BUSY(1), .count = 1, .fresh = true },
	{ "poll IN+OUT, busy", poll_both, BUSY(1), .count = 1, .fresh = true },
	{ "poll IN, busy, again", poll_in, BUSY(1) },
	{ "poll IN+OUT, busy, again", poll_both, BUSY(1) },
	{ "epoll_wait IN+OUT", epoll_once, .prepare = prepare_epoll,
	  .finish = finish_other },
	{ "epoll_wait IN+OUT, busy", epoll_once, BUSY(1), .prepare = prepare_epoll,
	  .finish = finish_other },
	{ "floor: epoll_wait", epoll_once, .prepare = prepare_epoll_eventfd,
	  .finish = finish_other, .fixed = true },
	{ "SYNC START", sync_start },
	{ "SYNC END", sync_end },
	{ "SET_NAME", set_name },
	{ "IMPORT_SYNC_FILE", import_sync_file, .prepare = prepare_fence,
	  .finish = finish_other },
	{ "EXPORT_SYNC_FILE+close", export_sync_file, BUSY(1) },
	{ "EXPORT_SYNC_FILE+close, 8 fences", export_sync_file, BUSY(8), .fixed = true },
	{ "lseek", seek },
	{ "floor: lseek", floor_seek, .fixed = true },
	{ "fdinfo", fdinfo, .prepare = prepare_fdinfo },
	{ "floor: fdinfo", fdinfo, .prepare = prepare_floor_fdinfo, .fixed = true },
	{ "mmap+munmap", map_buffer },
	{ "floor: mmap+munmap", floor_map_buffer, .fixed = true },
	{ "export+fd+close", export_close, .count = 4096 },
	{ "floor: export+fd+close", floor_eventfd, .count = 4096, .fixed = true },
	{ "bufinfo", bufinfo, .count = 1 },
};

static void measure_row(const struct row *row, const char *name, struct bench_scene scene,
			unsigned int blocks, unsigned int max)
{
	unsigned int count = row->count ? row->count : STEADY;
	uint64_t took;

	if (count > max)
		count = max;
	fd = build_scene(scene);
	if (row->prepare)
		row->prepare();
	if (count > 1)
		row->run();
	for (unsigned int block = 0; block < blocks; block++) {
		if (row->fresh) {
			destroy_scene(fd);
			fd = build_scene(scene);
		}
		bench_begin();
		took = run_block(row->run, count);
		bench_end();
		write_row(name, count, took - run_block(do_nothing, count));
	}
	if (row->finish)
		row->finish();
	destroy_scene(fd);
}

/* Measures all rows of the module; appends @suffix to their names. */
static void measure_kernel_rows(const char *suffix, struct bench_run with)
{
	struct bench_run run;
	char name[64];

	for (unsigned int row = 0; ; row++) {
		run = with;
		run.row = row;
		if (ioctl(bench, BENCH_RUN, &run)) {
			if (errno != ENOENT)
				fail("BENCH_RUN");
			return;
		}
		snprintf(name, sizeof(name), "%s%s", run.name, suffix);
		for (int block = 0; block < BENCH_BLOCKS; block++)
			write_row(name, run.count, run.ticks[block]);
	}
}

static void measure_cycle(const char *name, unsigned long request, unsigned int blocks,
			  unsigned int count)
{
	uint64_t begin;

	checked(ioctl(bench, request, count));
	for (unsigned int block = 0; block < blocks; block++) {
		bench_begin();
		begin = now();
		checked(ioctl(bench, request, count));
		begin = now() - begin;
		bench_end();
		write_row(name, count, begin);
	}
}

void measure_rows(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		measure_row(&rows[i], rows[i].name, rows[i].scene, 5, -1);
	measure_cycle("export+put", BENCH_CYCLE, 5, 4096);
	measure_cycle("floor: export+put", BENCH_CYCLE_FILES, 5, 4096);
	measure_kernel_rows("", (struct bench_run) { });
}

/* Measures all rows, with @suffix, with @more fences or attachments. */
static void grow(const char *suffix, struct bench_scene more)
{
	struct bench_run run = {
		.count = 100, .fences = more.fences, .attachments = more.statics,
	};
	struct bench_scene scene;
	char name[64];

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (rows[i].fixed)
			continue;
		snprintf(name, sizeof(name), "%s%s", rows[i].name, suffix);
		scene = rows[i].scene;
		scene.fences += more.fences;
		scene.statics += more.statics;
		measure_row(&rows[i], name, scene, 3, 100);
	}
	snprintf(name, sizeof(name), "export+put%s", suffix);
	measure_cycle(name, BENCH_CYCLE, 3, 100);
	measure_kernel_rows(suffix, run);
}

static void grow_live(unsigned int count)
{
	char suffix[32];

	checked(ioctl(bench, BENCH_LIVE, count));
	snprintf(suffix, sizeof(suffix), " @live=%u", count);
	grow(suffix, (struct bench_scene) { });
	checked(ioctl(bench, BENCH_LIVE, 0));
}

void measure_growth(void)
{
	static const unsigned int few[] = { 1, 4, 16, 64, 256 };
	char suffix[32];

	for (unsigned int count = 10; count <= 100000; count *= 10)
		grow_live(count);
	for (size_t i = 0; i < sizeof(few) / sizeof(*few); i++) {
		snprintf(suffix, sizeof(suffix), " @fences=%u", few[i]);
		grow(suffix, (struct bench_scene) { .fences = few[i] });
		snprintf(suffix, sizeof(suffix), " @attachments=%u", few[i]);
		grow(suffix, (struct bench_scene) { .statics = few[i] });
	}
}
