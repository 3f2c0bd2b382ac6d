// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exporters that end all access to a buffer.
 */
#include "dma_buf_sample.h"

#define SAMPLE_PAGES 16
#define RACE_MS 300

static struct bufinfo info;

/* Return the number of devices that are attached to a buffer, or -1. */
static int devices_of(struct __test_metadata *_metadata, unsigned long ino)
{
	struct bufinfo_row *row;

	read_bufinfo(&info, 65536);
	row = bufinfo_row(&info, ino);
	return row ? (int)row->devices : -1;
}

/* Do poll() and fdinfo still answer for a buffer that was revoked? */
static void expect_answers(struct __test_metadata *_metadata, int fd, size_t size)
{
	char path[48], wanted[64], *text;

	ready(POLLIN | POLLOUT, fd, POLLIN | POLLOUT);
	EXPECT_EQ(size, lseek(fd, 0, SEEK_END));
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	snprintf(wanted, sizeof(wanted), "size:\t%zu\n", size);
	text = text_of(path, 4096);
	ASSERT_NE(NULL, text);
	EXPECT_NE(NULL, strstr(text, wanted));
	free(text);
}

/* The sample exporter and the sample importer */

FIXTURE(sample)
{
	size_t size;
	int dev, fd, importer;
	unsigned long ino;
	unsigned char *map;
};

FIXTURE_SETUP(sample)
{
	self->size = SAMPLE_PAGES * getpagesize();
	self->dev = device_open(EXPORTER);
	if (self->dev < 0)
		SKIP(return, SKIP_SAMPLE);
	self->importer = must(device_open(IMPORTER));
	self->fd = must(sample_export_revocable(self->dev, self->size));
	self->ino = inode_of(self->fd);
	self->map = map_buffer(self->fd, self->size);
	memset(self->map, 3, self->size);
}

FIXTURE_TEARDOWN(sample)
{
	munmap(self->map, self->size);
	close(self->fd);
	close(self->importer);
	close(self->dev);
	EXPECT_TRUE(unlisted_soon(self->ino));
}

/*
 * Passes when all access has ended after revocation: of the importer, which has
 * no mapping and gets no new one, of the CPU in the kernel, and of the program.
 */
TEST_F(sample, revoke_ends_access)
{
	__u64 sum;

	ASSERT_EQ(0, sample_import(self->importer, self->fd));
	ASSERT_EQ(0, sample_run(self->importer, 0));
	ASSERT_EQ(1, sample_mapped(self->importer));
	ASSERT_EQ(0, signal_of_read(self->map));

	ASSERT_EQ(0, sample_revoke(self->dev, self->fd));
	EXPECT_EQ(0, sample_mapped(self->importer));
	EXPECT_EQ(-ENODEV, sample_run(self->importer, 0));
	EXPECT_EQ(0, sample_mapped(self->importer));
	EXPECT_EQ(-ENODEV, sample_sum(self->importer, &sum));
	EXPECT_EQ(-ENODEV, sample_move(self->dev, self->fd));
	err_sync_cpu(ENODEV, self->fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ);
	EXPECT_EQ(SIGBUS, signal_of_read(self->map));
	EXPECT_EQ(SIGBUS, signal_of_read(self->map + self->size - 1));
	expect_answers(_metadata, self->fd, self->size);
	EXPECT_EQ(0, sample_revoke(self->dev, self->fd));
}

/* Passes when a buffer is revoked of which no one has a mapping. */
TEST_F(sample, revoke_without_importer)
{
	ASSERT_EQ(0, sample_revoke(self->dev, self->fd));
	EXPECT_EQ(SIGBUS, signal_of_read(self->map));
	/* The device can be attached still, and a job fails. */
	ASSERT_EQ(0, sample_import(self->importer, self->fd));
	EXPECT_EQ(-ENODEV, sample_run(self->importer, 0));
}

/*
 * Passes when revocation waits for the end of a job, after which the importer
 * unmaps.
 */
TEST_F(sample, revoke_waits_for_job)
{
	double start = now_ms();

	ASSERT_EQ(0, sample_import(self->importer, self->fd));
	ASSERT_EQ(0, sample_run(self->importer, JOB_MS));
	ASSERT_EQ(0, sample_revoke(self->dev, self->fd));
	EXPECT_LE(JOB_LEAST, now_ms() - start);
	EXPECT_EQ(0, sample_mapped(self->importer));
	ready(POLLIN | POLLOUT, self->fd, POLLIN | POLLOUT);
}

static int call_revoke(struct worker *worker)
{
	return sample_revoke(worker->arg, worker->fd);
}

/*
 * Passes when a signal interrupts a revocation that waits for a job: the buffer
 * is revoked, and another call waits for the rest.
 */
TEST_F(sample, revoke_interrupted)
{
	struct worker worker = {
		.call = call_revoke,
		.fd = self->fd,
		.arg = self->dev,
	};
	int other = must(device_open(IMPORTER));
	double start = now_ms();

	handle_usr1(0);
	ASSERT_EQ(0, sample_import(other, self->fd));
	ASSERT_EQ(0, sample_import(self->importer, self->fd));
	ASSERT_EQ(0, sample_run(self->importer, 3 * JOB_MS));
	worker_start(&worker);
	EXPECT_TRUE(worker_blocks(&worker));
	ASSERT_EQ(0, pthread_kill(worker.thread, SIGUSR1));
	EXPECT_EQ(-EINTR, worker_join(&worker));
	ready(0, self->fd, POLLOUT);
	EXPECT_EQ(-ENODEV, sample_run(other, 0));
	EXPECT_EQ(SIGBUS, signal_of_read(self->map));

	ASSERT_EQ(0, sample_revoke(self->dev, self->fd));
	EXPECT_LE(3 * JOB_LEAST, now_ms() - start);
	EXPECT_EQ(0, sample_mapped(self->importer));
	close(other);
}

/*
 * Passes when a static importer is refused with the exporter's error, and
 * nothing of it is left.
 */
TEST_F(sample, static_importer_is_refused)
{
	int dev = vgem_open();
	__u32 handle;

	if (dev < 0)
		SKIP(return, "no importer: needs %s", vgem_exporter.config);
	EXPECT_EQ(-EOPNOTSUPP, vgem_import(dev, self->fd, &handle));
	if (sys_objects() >= 0)
		EXPECT_EQ(0, devices_of(_metadata, self->ino));
	EXPECT_EQ(0, sample_revoke(self->dev, self->fd));
	close(dev);
}

/* Passes when the importer is closed first, or the buffer, after revocation. */
TEST_F(sample, close_after_revoke)
{
	ASSERT_EQ(0, sample_import(self->importer, self->fd));
	ASSERT_EQ(0, sample_run(self->importer, JOB_MS));
	ASSERT_EQ(0, sample_revoke(self->dev, self->fd));
	close(self->fd);
	munmap(self->map, self->size);
	if (sys_objects() >= 0)
		EXPECT_TRUE(listed(self->ino));
	close(self->importer);
	EXPECT_TRUE(unlisted_soon(self->ino));
}

struct revoke_race {
	int dev, fd;
	atomic_bool over;
	atomic_uint jobs, refused, moves;
};

/* Attach, map with a job, unmap and detach. */
static int call_importer(struct worker *worker)
{
	struct revoke_race *race = (void *)(uintptr_t)worker->arg;
	int dev, ret = 0;

	while (!race->over && !ret) {
		dev = device_open(IMPORTER);
		ret = sample_import(dev, worker->fd);
		while (!race->over && !ret) {
			ret = sample_run(dev, 0);
			race->jobs++;
		}
		close(dev);
		if (ret == -ENODEV) {
			race->refused++;
			ret = 0;
			sched_yield();
		}
	}
	return ret;
}

static int call_move(struct worker *worker)
{
	struct revoke_race *race = (void *)(uintptr_t)worker->arg;
	int ret = 0;

	while (!race->over && (!ret || ret == -ENODEV)) {
		ret = sample_move(race->dev, worker->fd);
		race->moves += !ret;
	}
	return ret == -ENODEV ? 0 : ret;
}

/*
 * Passes when two importers attach, map, unmap and detach, while the buffer
 * moves all the time and is then revoked: each call succeeds or fails with the
 * exporter's error.
 */
TEST_F(sample, races)
{
	struct revoke_race race = { .dev = self->dev, .fd = self->fd };
	struct worker worker[] = {
		{ .call = call_importer, .fd = self->fd, .arg = (uintptr_t)&race },
		{ .call = call_move, .fd = self->fd, .arg = (uintptr_t)&race },
		{ .call = call_importer, .fd = self->fd, .arg = (uintptr_t)&race },
	};
	unsigned int num = access(DMA_DEBUG_PATH, F_OK) ? 3 : 2, i;
	double end = now_ms() + work_amount("RACE_MS", RACE_MS);

	for (i = 0; i < num; i++)
		worker_start(&worker[i]);
	while (now_ms() < end) {
		ASSERT_EQ(3, self->map[0]);
		sleep_ms(1);
	}
	EXPECT_EQ(0, sample_revoke(self->dev, self->fd));
	EXPECT_EQ(SIGBUS, signal_of_read(self->map));
	while (!race.refused && now_ms() < end + 10000)
		sleep_ms(1);
	race.over = true;
	for (i = 0; i < num; i++)
		EXPECT_EQ(0, worker_join(&worker[i]));
	printf("# %u jobs, %u moves, %u refused\n", race.jobs, race.moves, race.refused);
	EXPECT_LT(0, race.jobs);
	EXPECT_LT(0, race.moves);
	EXPECT_LT(0, race.refused);
}

TEST_HARNESS_MAIN
