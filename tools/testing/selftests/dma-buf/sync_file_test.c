// SPDX-License-Identifier: GPL-2.0-only
/* Importing and exporting a buffer's fences as sync files. */
#include "dma_buf_fenced.h"

#define READ DMA_BUF_SYNC_READ
#define WRITE DMA_BUF_SYNC_WRITE
#define RW DMA_BUF_SYNC_RW

static const __u32 bad_flags[] = { 0, 4, 4 | RW, 8, 8 | READ, 1U << 31, ~0U };

/* Passes when both ioctls accept READ, WRITE or both, and no other flags. */
TEST_F(buffer, flags)
{
	int fds = open_fds(), sync_fd = export_fence(self->fd, READ);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad_flags); i++) {
		err_export_fence(EINVAL, self->fd, bad_flags[i]);
		err_import_fence(EINVAL, self->fd, bad_flags[i], sync_fd);
		err_import_fence(EINVAL, self->fd, bad_flags[i], -1);
	}
	for (i = READ; i <= RW; i++) {
		import_fence(self->fd, i, sync_fd);
		close(export_fence(self->fd, i));
	}
	close(sync_fd);
	EXPECT_EQ(fds, open_fds());
}

/* Passes when IMPORT accepts a sync file and no other descriptor. */
TEST_F(buffer, import_wrong_fd)
{
	int pipe_fd[2];

	ASSERT_EQ(0, pipe(pipe_fd));
	err_import_fence(EINVAL, self->fd, WRITE, -1);
	err_import_fence(EINVAL, self->fd, WRITE, 9999);
	err_import_fence(EINVAL, self->fd, WRITE, pipe_fd[0]);
	err_import_fence(EINVAL, self->fd, WRITE, self->fd);
	if (self->timeline >= 0)
		err_import_fence(EINVAL, self->fd, WRITE, self->timeline);
	ready(POLLIN | POLLOUT, self->fd, POLLIN | POLLOUT);
	close(pipe_fd[0]);
	close(pipe_fd[1]);
}

/* Passes when an argument that cannot be read or written fails with EFAULT. */
TEST_F(buffer, bad_pointer)
{
	struct dma_buf_export_sync_file *arg;
	int fds;

	arg = mmap(NULL, self->page, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, arg);
	arg->flags = READ;
	ASSERT_EQ(0, mprotect(arg, self->page, PROT_READ));
	fds = open_fds();
	err_raw_ioctl(EFAULT, self->fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, NULL);
	err_raw_ioctl(EFAULT, self->fd, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, NULL);
	/* The result cannot be written: no descriptor may be left open. */
	err_raw_ioctl(EFAULT, self->fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, arg);
	EXPECT_EQ(fds, open_fds());
	munmap(arg, self->page);
}

/* Passes when EXPORT from an idle buffer returns a signalled sync file. */
TEST_F(buffer, export_idle)
{
	__u32 flags;
	int sync_fd;

	for (flags = READ; flags <= RW; flags++) {
		sync_fd = export_fence(self->fd, flags);
		EXPECT_EQ(1, sys_fence_status(sync_fd, NULL));
		EXPECT_EQ(FD_CLOEXEC, fcntl(sync_fd, F_GETFD));
		ready(POLLIN, sync_fd, POLLIN);
		close(sync_fd);
	}
}

/*
 * Passes when EXPORT returns the fences that a reader or a writer must wait
 * for.
 */
TEST_F(fenced, import_then_export)
{
	static const struct {
		__u32 import, export;
		int status;
	} rows[] = {
		{ READ, READ, 1 }, { READ, WRITE, 0 }, { READ, RW, 0 },
		{ WRITE, READ, 0 }, { WRITE, WRITE, 0 }, { WRITE, RW, 0 },
		{ RW, READ, 0 }, { RW, WRITE, 0 }, { RW, RW, 0 },
	};
	unsigned int i;
	int sync_fd;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		add_fence(self->fd, rows[i].import, self->timeline, i + 1);
		sync_fd = export_fence(self->fd, rows[i].export);
		EXPECT_EQ(rows[i].status, sys_fence_status(sync_fd, NULL))
			TH_LOG("row %u", i);
		ready(rows[i].status ? POLLIN : 0, sync_fd, POLLIN);
		advance(self->timeline, 1);
		EXPECT_EQ(1, sys_fence_status(sync_fd, NULL));
		ready(POLLIN, sync_fd, POLLIN);
		close(sync_fd);
	}
}

/* Passes when an exported sync file does not include fences added later. */
TEST_F(fenced, export_is_a_snapshot)
{
	int before, after;

	add_fence(self->fd, WRITE, self->timeline, 1);
	before = export_fence(self->fd, READ);
	add_fence(self->fd, WRITE, self->timeline, 2);
	after = export_fence(self->fd, READ);
	advance(self->timeline, 1);
	EXPECT_EQ(1, sys_fence_status(before, NULL));
	EXPECT_EQ(0, sys_fence_status(after, NULL));
	ready(0, self->fd, POLLIN);
	close(before);
	close(after);
}

/* Passes when a later fence of a timeline replaces the earlier one. */
TEST_F(fenced, later_fence_replaces)
{
	unsigned int count = 0;
	int sync_fd, i;

	for (i = 1; i <= 5; i++)
		add_fence(self->fd, WRITE, self->timeline, i);
	sync_fd = export_fence(self->fd, WRITE);
	EXPECT_EQ(0, sys_fence_status(sync_fd, &count));
	EXPECT_EQ(1, count);
	advance(self->timeline, 4);
	EXPECT_EQ(0, sys_fence_status(sync_fd, NULL));
	advance(self->timeline, 1);
	EXPECT_EQ(1, sys_fence_status(sync_fd, NULL));
	close(sync_fd);
}

/* Passes when IMPORT adds every fence of a merged sync file. */
TEST_F(fenced, import_merged)
{
	int line[3], one[3], merged, all, i;
	unsigned int count = 0;

	for (i = 0; i < 3; i++) {
		line[i] = timeline();
		one[i] = fence(line[i], 1);
	}
	merged = must(sys_merge_fences(one[0], one[1]));
	all = must(sys_merge_fences(merged, one[2]));
	import_fence(self->fd, WRITE, all);
	close(merged);
	close(all);
	all = export_fence(self->fd, READ);
	EXPECT_EQ(0, sys_fence_status(all, &count));
	EXPECT_EQ(3, count);
	close(all);
	for (i = 0; i < 3; i++) {
		ready(0, self->fd, POLLIN);
		advance(line[i], 1);
	}
	ready(POLLIN | POLLOUT, self->fd, POLLIN | POLLOUT);
	for (i = 0; i < 3; i++) {
		close(one[i]);
		close(line[i]);
	}
}

/* Passes when a buffer holds one fence for each of many timelines. */
TEST_F(fenced, many_timelines)
{
	unsigned int count = 0;
	int line[40], sync_fd;

	add_timelines(self->fd, line, 40, WRITE, READ);
	sync_fd = export_fence(self->fd, WRITE);
	EXPECT_EQ(0, sys_fence_status(sync_fd, &count));
	EXPECT_EQ(40, count);
	close(sync_fd);
	sync_fd = export_fence(self->fd, READ);
	EXPECT_EQ(0, sys_fence_status(sync_fd, &count));
	EXPECT_EQ(20, count);
	close_timelines(line, 40);
	EXPECT_NE(0, sys_fence_status(sync_fd, NULL));
	close(sync_fd);
}

/* Passes when an exported sync file reports the error of its fence. */
TEST_F(fenced, export_returns_error)
{
	int line, sync_fd;

	line = timeline();
	add_fence(self->fd, WRITE, line, 1);
	sync_fd = export_fence(self->fd, READ);
	EXPECT_EQ(0, sys_fence_status(sync_fd, NULL));
	close(line);
	EXPECT_EQ(-ENOENT, sys_fence_status(sync_fd, NULL));
	close(sync_fd);
	ready(POLLIN | POLLOUT, self->fd, POLLIN | POLLOUT);
}

/* Passes when a fence that has signalled does not make a buffer busy. */
TEST_F(fenced, import_signalled)
{
	int sync_fd;

	advance(self->timeline, 5);
	add_fence(self->fd, WRITE, self->timeline, 3);
	ready(POLLIN | POLLOUT, self->fd, POLLIN | POLLOUT);
	sync_fd = export_fence(self->fd, RW);
	EXPECT_EQ(1, sys_fence_status(sync_fd, NULL));
	close(sync_fd);
}

/* Passes when fences exported from one buffer can be imported into another. */
TEST_F(fenced, import_into_another)
{
	int other, sync_fd;

	other = must(self->exporter->alloc(self->dev, self->page, true));
	add_fence(self->fd, WRITE, self->timeline, 1);
	sync_fd = export_fence(self->fd, READ);
	import_fence(other, READ, sync_fd);
	close(sync_fd);
	close_buffer();
	ready(POLLIN, other, POLLIN | POLLOUT);
	advance(self->timeline, 1);
	ready(POLLIN | POLLOUT, other, POLLIN | POLLOUT);
	close(other);
}

/*
 * Passes when one poll() waits for many sync files and reports the ready ones.
 */
TEST_F(fenced, many_sync_files)
{
	struct pollfd pfd[8] = {};
	int i, j;

	for (i = 0; i < 8; i++) {
		add_fence(self->fd, WRITE, self->timeline, i + 1);
		pfd[i].fd = export_fence(self->fd, READ);
		pfd[i].events = POLLIN;
	}
	ASSERT_EQ(0, poll(pfd, 8, 20));
	for (i = 0; i < 8; i++) {
		advance(self->timeline, 1);
		ASSERT_EQ(i + 1, poll(pfd, 8, 5000));
		for (j = 0; j < 8; j++)
			EXPECT_EQ(j <= i ? POLLIN : 0, pfd[j].revents);
	}
	for (i = 0; i < 8; i++)
		close(pfd[i].fd);
}

/* Passes when the last fence of a sync file wakes all of its pollers. */
TEST_F(fenced, many_wait_for_one)
{
	struct worker worker[4] = {};
	int other, sync_fd, i;

	other = timeline();
	add_fence(self->fd, READ, self->timeline, 1);
	add_fence(self->fd, WRITE, other, 1);
	sync_fd = export_fence(self->fd, WRITE);
	close_buffer();
	for (i = 0; i < 4; i++) {
		worker[i].call = call_poll;
		worker[i].fd = sync_fd;
		worker[i].arg = POLLIN;
		worker_start(&worker[i]);
	}
	advance(self->timeline, 1);
	for (i = 0; i < 4; i++) {
		EXPECT_TRUE(worker_blocks(&worker[i]))
			TH_LOG("poller %d, one of two fences pending", i);
	}
	advance(other, 1);
	for (i = 0; i < 4; i++)
		EXPECT_EQ(POLLIN, worker_join(&worker[i]));
	close(sync_fd);
	close(other);
}

/* Passes when the ioctls work on a read-only descriptor as well. */
TEST_F(fenced, read_only_descriptor)
{
	int ro, sync_fd;

	if (!self->exporter->alloc_read_only)
		SKIP(return, "%s has no read-only buffers", self->exporter->exp_name);
	ro = must(self->exporter->alloc_read_only(self->dev, self->page));
	add_fence(ro, READ, self->timeline, 1);
	ready(POLLIN, ro, POLLIN | POLLOUT);
	sync_fd = export_fence(ro, WRITE);
	EXPECT_EQ(0, sys_fence_status(sync_fd, NULL));
	sync_cpu(ro, READ);
	sync_cpu(ro, READ | DMA_BUF_SYNC_END);
	set_name(ro, "for readers");
	advance(self->timeline, 1);
	EXPECT_EQ(1, sys_fence_status(sync_fd, NULL));
	ready(POLLIN | POLLOUT, ro, POLLIN | POLLOUT);
	close(sync_fd);
	close(ro);
}

/*
 * Passes when EXPORT without a free descriptor fails with EMFILE, without a
 * leak.
 */
TEST_F(buffer, table_full)
{
	struct rlimit old, low;
	int fds = open_fds(), lowest, ret[64], i;

	lowest = must(or_errno(dup(self->fd)));
	close(lowest);
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &old));
	low = old;
	low.rlim_cur = lowest;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &low));
	for (i = 0; i < 64; i++)
		ret[i] = sys_export_fence(self->fd, WRITE);
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &old));
	for (i = 0; i < 64; i++)
		ASSERT_EQ(-EMFILE, ret[i]);
	EXPECT_EQ(fds, open_fds());
	i = export_fence(self->fd, WRITE);
	EXPECT_EQ(lowest, i);
	close(i);
}

TEST_HARNESS_MAIN
