// SPDX-License-Identifier: GPL-2.0-only
/*
 * The drivers in samples/dma-buf, used with each other and with other drivers.
 */
#include "dma_buf_fenced.h"
#include "dma_buf_sample.h"

#define IMPORTER_USERS "/sys/module/dma_buf_importer/refcnt"

static struct bufinfo info;

/* The sample exporter */

FIXTURE(sample)
{
	size_t page, size;
	int dev, fd;
	unsigned long ino;
};

FIXTURE_SETUP(sample)
{
	self->page = getpagesize();
	self->size = BUFFER_PAGES * self->page;
	self->dev = device_open(EXPORTER);
	if (self->dev < 0)
		SKIP(return, SKIP_SAMPLE);
	self->fd = must(sample_export(self->dev, self->size));
	self->ino = inode_of(self->fd);
}

FIXTURE_TEARDOWN(sample)
{
	close(self->fd);
	close(self->dev);
	EXPECT_TRUE(unlisted_soon(self->ino));
}

/*
 * Passes when a size is rounded up to whole pages, and 0 or too large a size
 * fails.
 */
TEST_F(sample, sizes)
{
	int fd = must(sample_export(self->dev, self->page + 1));

	ASSERT_EQ(2 * self->page, lseek(fd, 0, SEEK_END));
	close(fd);
	ASSERT_EQ(-EINVAL, sample_export(self->dev, 0));
	ASSERT_EQ(-EINVAL, sample_export(self->dev, DMA_BUF_SAMPLE_SIZE_MAX + 1));
	ASSERT_EQ(-EINVAL, sample_export(self->dev, -1UL));
	err_raw_ioctl(ENOTTY, self->dev, DMA_BUF_SAMPLE_SUM, NULL);
}

/* Passes when all memory is zeroed at first, and two mappings share it. */
TEST_F(sample, maps)
{
	unsigned char *one = map_buffer(self->fd, self->size);
	unsigned char *two = map_buffer(self->fd, self->size);
	size_t i;

	sync_cpu(self->fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW);
	for (i = 0; i < self->size; i++)
		ASSERT_EQ(0, one[i]);
	for (i = 0; i < self->size; i += self->page)
		one[i] = 1 + i / self->page;
	for (i = 0; i < self->size; i += self->page)
		ASSERT_EQ(1 + i / self->page, two[i]);
	sync_cpu(self->fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW);

	munmap(one, self->size);
	munmap(two, self->size);
}

/*
 * Passes when a part of the buffer can be mapped, but neither beyond its end
 * nor privately.
 */
TEST_F(sample, maps_parts)
{
	unsigned char *all = map_buffer(self->fd, self->size), *last;

	last = mmap(NULL, self->page, PROT_READ, MAP_SHARED, self->fd,
		    self->size - self->page);
	ASSERT_NE(MAP_FAILED, last);
	all[self->size - self->page] = 99;
	ASSERT_EQ(99, *last);
	munmap(last, self->page);
	munmap(all, self->size);

	err_mmap(EINVAL, self->size + self->page, PROT_READ, MAP_SHARED, self->fd, 0);
	err_mmap(EINVAL, self->page, PROT_READ, MAP_SHARED, self->fd, self->size);
	err_mmap(EINVAL, self->page, PROT_READ, MAP_PRIVATE, self->fd, 0);
}

/*
 * Passes when the importer attaches, and reads the bytes that a program wrote.
 */
TEST_F(sample, both)
{
	int dev = device_open(IMPORTER);
	unsigned char *map = map_buffer(self->fd, self->size);
	__u64 sum = -1;

	ASSERT_LE(0, dev);
	ASSERT_EQ(0, sample_import(dev, self->fd));
	ASSERT_EQ(0, sample_sum(dev, &sum));
	ASSERT_EQ(0, sum);
	sync_cpu(self->fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE);
	memset(map, 3, self->size);
	sync_cpu(self->fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE);
	ASSERT_EQ(0, sample_sum(dev, &sum));
	ASSERT_EQ(3 * self->size, sum);
	munmap(map, self->size);
	close(dev);
}

/*
 * Return the number of page faults that a read of this byte causes. The thread
 * may have others meanwhile.
 */
static long faults_of_read(const unsigned char *byte)
{
	struct rusage before, after;

	getrusage(RUSAGE_THREAD, &before);
	__atomic_load_n(byte, __ATOMIC_RELAXED);
	getrusage(RUSAGE_THREAD, &after);
	return after.ru_minflt - before.ru_minflt;
}

/*
 * Passes when a move keeps the bytes that a program wrote, in mappings from
 * before and after it, and later writes are seen in both.
 */
TEST_F(sample, move_keeps_the_content)
{
	unsigned char *before = map_buffer(self->fd, self->size), *after;
	size_t i;

	for (i = 0; i < self->size; i++)
		before[i] = i * 7;
	ASSERT_EQ(0, sample_move(self->dev, self->fd));
	after = map_buffer(self->fd, self->size);
	for (i = 0; i < self->size; i++) {
		ASSERT_EQ((unsigned char)(i * 7), after[i]);
		ASSERT_EQ((unsigned char)(i * 7), before[i]);
	}
	before[self->page] = 99;
	ASSERT_EQ(99, after[self->page]);
	munmap(before, self->size);
	munmap(after, self->size);
}

/* Passes when a move removes the old pages from a program's mapping. */
TEST_F(sample, move_unmaps)
{
	unsigned char *map = map_buffer(self->fd, self->size);
	int i;

	EXPECT_LE(1, faults_of_read(map));
	EXPECT_EQ(0, faults_of_read(map));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, sample_move(self->dev, self->fd));
		EXPECT_LE(1, faults_of_read(map));
		EXPECT_EQ(0, faults_of_read(map));
	}
	munmap(map, self->size);
}

/*
 * Passes when the importer drops its mapping before a move, maps again for the
 * next job, and reads the moved bytes.
 */
TEST_F(sample, move_remaps)
{
	struct pollfd job = { .fd = self->fd, .events = POLLOUT };
	unsigned char *map = map_buffer(self->fd, self->size);
	int dev = device_open(IMPORTER), i;
	__u64 sum;

	memset(map, 3, self->size);
	ASSERT_EQ(0, sample_import(dev, self->fd));
	EXPECT_EQ(0, sample_mapped(dev));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, sample_run(dev, 0));
		EXPECT_EQ(1, sample_mapped(dev));
		ASSERT_EQ(1, poll(&job, 1, 10000));
		ASSERT_EQ(0, sample_move(self->dev, self->fd));
		EXPECT_EQ(0, sample_mapped(dev));
		ASSERT_EQ(0, sample_sum(dev, &sum));
		EXPECT_EQ(3 * self->size, sum);
	}
	munmap(map, self->size);
	close(dev);
}

/* Passes when a move waits for the job of a device that uses the pages. */
TEST_F(sample, move_waits_for_job)
{
	int dev = device_open(IMPORTER);
	double start = now_ms();

	ASSERT_EQ(0, sample_import(dev, self->fd));
	ASSERT_EQ(0, sample_run(dev, JOB_MS));
	ASSERT_EQ(0, sample_move(self->dev, self->fd));
	EXPECT_LE(JOB_LEAST, now_ms() - start);
	ready(POLLIN | POLLOUT, self->fd, POLLIN | POLLOUT);
	EXPECT_EQ(0, sample_mapped(dev));
	ASSERT_EQ(0, sample_run(dev, 0));
	EXPECT_EQ(1, sample_mapped(dev));
	close(dev);
}

static atomic_bool sums_end;

/* Add up the bytes, each of which is 3, again and again. */
static int call_sums(struct worker *worker)
{
	__u64 sum = 0;
	int ret = 0;

	while (!ret && !sums_end) {
		ret = sample_sum(worker->fd, &sum);
		if (!ret && sum != 3 * worker->arg)
			ret = -EIO;
	}
	return ret;
}

/*
 * Passes when a buffer does not move while the kernel has a mapping of it for
 * the CPU, does in between, and the kernel reads the right bytes each time.
 */
TEST_F(sample, pinned_by_the_cpu)
{
	struct worker sums = {
		.call = call_sums,
		.fd = device_open(IMPORTER),
		.arg = self->size,
	};
	unsigned char *map = map_buffer(self->fd, self->size);
	double end = now_ms() + 10000;
	int ret = 0;

	memset(map, 3, self->size);
	ASSERT_EQ(0, sample_import(sums.fd, self->fd));
	worker_start(&sums);
	while (!ret && now_ms() < end)
		ret = sample_move(self->dev, self->fd);
	EXPECT_EQ(-EBUSY, ret);
	sums_end = true;
	EXPECT_EQ(0, worker_join(&sums));
	EXPECT_EQ(0, sample_move(self->dev, self->fd));
	munmap(map, self->size);
	close(sums.fd);
}

/* Passes when only the exporter's own buffers can be moved and revoked. */
TEST_F(sample, moves_own_buffers_only)
{
	int file = memfd_create("file", MFD_CLOEXEC);

	EXPECT_EQ(-EBADF, sample_move(self->dev, -1));
	EXPECT_EQ(-EINVAL, sample_move(self->dev, file));
	EXPECT_EQ(-EBADF, sample_revoke(self->dev, -1));
	EXPECT_EQ(-EINVAL, sample_revoke(self->dev, file));
	EXPECT_EQ(-EINVAL, sample_revoke(self->dev, self->fd));
	close(file);
}

/* Passes when another driver can import the sample exporter's buffer. */
TEST_F(sample, vgem_imports)
{
	int dev = vgem_open();
	struct bufinfo_row *row;
	__u32 handle;

	if (dev < 0)
		SKIP(return, "no importer: needs %s", vgem_exporter.config);
	if (sys_objects() < 0)
		SKIP(return, SKIP_BUFINFO);
	ASSERT_EQ(0, vgem_import(dev, self->fd, &handle));
	read_bufinfo(&info, 65536);
	row = bufinfo_row(&info, self->ino);
	ASSERT_NE(NULL, row);
	EXPECT_EQ(1, row->devices);
	EXPECT_STREQ("dma_buf_exporter", row->exp_name);
	ASSERT_EQ(0, vgem_close_handle(dev, handle));
	close(dev);
}

/* The sample importer with the buffers of each exporter */

/* Passes when the importer refuses invalid buffers and invalid jobs. */
TEST_F(buffer, refused)
{
	int dev = device_open(IMPORTER);
	int file = memfd_create("file", MFD_CLOEXEC);
	__u64 sum;

	if (dev < 0)
		SKIP(return, SKIP_SAMPLE);
	ASSERT_EQ(-EINVAL, sample_run(dev, 0));
	ASSERT_EQ(-EINVAL, sample_sum(dev, &sum));
	ASSERT_EQ(-EINVAL, sample_mapped(dev));
	ASSERT_EQ(-EBADF, sample_import(dev, -1));
	ASSERT_EQ(-EINVAL, sample_import(dev, file));
	ASSERT_EQ(-ENOTTY, sample_export(dev, self->size));

	ASSERT_EQ(0, sample_import(dev, self->fd));
	ASSERT_EQ(-EBUSY, sample_import(dev, self->fd));
	ASSERT_EQ(-EINVAL, sample_run(dev, DMA_BUF_SAMPLE_RUN_MAX + 1));
	ASSERT_EQ(-EFAULT, sample_sum(dev, NULL));
	close(file);
	close(dev);
}

/* Passes when the buffer of another driver is neither moved nor revoked. */
TEST_F(buffer, not_moved_by_the_sample)
{
	int dev = device_open(EXPORTER);

	if (dev < 0)
		SKIP(return, SKIP_SAMPLE);
	EXPECT_EQ(-EINVAL, sample_move(dev, self->fd));
	EXPECT_EQ(-EINVAL, sample_revoke(dev, self->fd));
	close(dev);
}

/* Passes when the device is attached for as long as the importer is open. */
TEST_F(buffer, attached)
{
	int dev = device_open(IMPORTER);
	struct bufinfo_row *row;

	if (dev < 0)
		SKIP(return, SKIP_SAMPLE);
	if (self->objects < 0)
		SKIP(return, SKIP_BUFINFO);
	ASSERT_EQ(0, sample_import(dev, self->fd));
	read_bufinfo(&info, 65536);
	row = bufinfo_row(&info, self->ino);
	ASSERT_NE(NULL, row);
	EXPECT_EQ(1, row->devices);
	EXPECT_EQ(0, strcmp(row->device, "dma-buf-importer"));
	close(dev);
	read_bufinfo(&info, 65536);
	row = bufinfo_row(&info, self->ino);
	ASSERT_NE(NULL, row);
	EXPECT_EQ(0, row->devices);
}

/* Passes when the kernel reads exactly the bytes that a program wrote. */
TEST_F(buffer, sum)
{
	int dev = device_open(IMPORTER);
	__u64 sum = 0, expected = 0;
	unsigned char *map;
	size_t i;

	if (dev < 0)
		SKIP(return, SKIP_SAMPLE);
	map = map_buffer(self->fd, self->size);
	sync_cpu(self->fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE);
	for (i = 0; i < self->size; i++) {
		map[i] = i * 7;
		expected += (unsigned char)(i * 7);
	}
	sync_cpu(self->fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE);
	ASSERT_EQ(0, sample_import(dev, self->fd));
	ASSERT_EQ(0, sample_sum(dev, &sum));
	ASSERT_EQ(expected, sum);
	munmap(map, self->size);
	close(dev);
}

/*
 * Passes when a job adds a pending fence, and closing the importer ends the
 * job.
 */
TEST_F(buffer, job)
{
	int dev = device_open(IMPORTER);
	struct bufinfo_row *row;
	double start = now_ms();

	if (dev < 0)
		SKIP(return, SKIP_SAMPLE);
	if (self->objects < 0)
		SKIP(return, SKIP_BUFINFO);
	ASSERT_EQ(0, sample_import(dev, self->fd));
	ASSERT_EQ(0, sample_run(dev, DMA_BUF_SAMPLE_RUN_MAX));
	ready(0, self->fd, POLLIN | POLLOUT);
	read_bufinfo(&info, 65536);
	row = bufinfo_row(&info, self->ino);
	ASSERT_NE(NULL, row);
	EXPECT_EQ(1, row->pending);
	EXPECT_STREQ("write dma_buf_importer jobs 1", row->fence);
	close(dev);
	ready(POLLIN | POLLOUT, self->fd, POLLIN | POLLOUT);
	ASSERT_GT(DMA_BUF_SAMPLE_RUN_MAX, now_ms() - start);
}

/* Passes when START waits for the whole duration of a job. */
TEST_F(buffer, cpu_waits_for_job)
{
	int dev = device_open(IMPORTER);
	double start = now_ms();

	if (dev < 0)
		SKIP(return, SKIP_SAMPLE);
	ASSERT_EQ(0, sample_import(dev, self->fd));
	ASSERT_EQ(0, sample_run(dev, JOB_MS));
	sync_cpu(self->fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ);
	ASSERT_LE(JOB_LEAST, now_ms() - start);
	sync_cpu(self->fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ);
	ready(POLLIN | POLLOUT, self->fd, POLLIN | POLLOUT);
	close(dev);
}

/* Passes when jobs run one after the other, and poll() waits for the last. */
TEST_F(buffer, job_after_job)
{
	struct worker poller = { .call = call_poll, .fd = self->fd, .arg = POLLIN };
	int one = device_open(IMPORTER), two = device_open(IMPORTER);
	double start = now_ms();

	if (one < 0)
		SKIP(return, SKIP_SAMPLE);
	if (!access(DMA_DEBUG_PATH, F_OK))
		SKIP(return, SKIP_TWO_DEVICES);
	ASSERT_EQ(0, sample_import(one, self->fd));
	ASSERT_EQ(0, sample_import(two, self->fd));
	ASSERT_EQ(0, sample_run(one, JOB_MS));
	ASSERT_EQ(0, sample_run(two, JOB_MS));
	ASSERT_LE(JOB_LEAST, now_ms() - start);
	worker_start(&poller);
	ASSERT_EQ(POLLIN, worker_join(&poller));
	ASSERT_LE(2 * JOB_LEAST, now_ms() - start);
	close(one);
	close(two);
}

/*
 * Return the use count of the importer's module, or -errno if it is built in.
 */
static int module_users(void)
{
	char *text = text_of(IMPORTER_USERS, 64);
	int users = text ? atoi(text) : -ENOENT;

	free(text);
	return users;
}

/* References are dropped after an RCU grace period. */
static bool module_users_settle(int want)
{
	int tries;

	for (tries = 0; tries < 300 && module_users() != want; tries++)
		sleep_ms(10);
	sleep_ms(50);
	return module_users() == want;
}

/*
 * Passes when the importer's module cannot be unloaded while a buffer has its
 * fence.
 */
TEST_F(buffer, job_keeps_the_module)
{
	int dev = device_open(IMPORTER);

	if (dev < 0)
		SKIP(return, SKIP_SAMPLE);
	if (module_users() < 0)
		SKIP(return, "no " IMPORTER_USERS ": needs CONFIG_SAMPLE_DMA_BUF=m");
	ASSERT_EQ(0, sample_import(dev, self->fd));
	ASSERT_EQ(0, sample_run(dev, 0));
	close(dev);
	ready(POLLIN | POLLOUT, self->fd, POLLIN | POLLOUT);
	EXPECT_TRUE(module_users_settle(1));
	close_buffer();
	EXPECT_TRUE(module_users_settle(0));
}

static int call_run(struct worker *worker)
{
	return sample_run(worker->fd, worker->arg);
}

/*
 * Passes when a job does not start before the buffer's fences have signalled.
 */
TEST_F(fenced, job_waits)
{
	int dev = device_open(IMPORTER);
	struct worker job = { .call = call_run, .fd = dev, .arg = 0 };

	if (dev < 0)
		SKIP(return, SKIP_SAMPLE);
	ASSERT_EQ(0, sample_import(dev, self->fd));
	add_fence(self->fd, DMA_BUF_SYNC_READ, self->timeline, 1);
	worker_start(&job);
	ASSERT_TRUE(worker_blocks(&job));
	advance(self->timeline, 1);
	ASSERT_EQ(0, worker_join(&job));
	close(dev);
}

TEST_HARNESS_MAIN
