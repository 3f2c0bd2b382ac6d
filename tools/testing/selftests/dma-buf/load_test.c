// SPDX-License-Identifier: GPL-2.0-only
/*
 * Large numbers of live buffers, of fences on one buffer, of pollers of one
 * buffer.  The time that each step takes is reported, and all must be freed in
 * the end.  Environment variables:
 *
 *   LOAD_BUFFERS=N  maximum number of buffers, fewer if memory is short
 *   LOAD_FENCES=N   number of fences
 *   LOAD_POLLERS=N  number of pollers
 */
#include <limits.h>

#include "dma_buf_utils.h"

#define READ DMA_BUF_SYNC_READ
#define WRITE DMA_BUF_SYNC_WRITE

#define SPARE (96L << 10)	/* KiB of memory to leave available */
#define NOISE (4L << 10)	/* KiB by which the caches vary anyway */

/* Let all buffers share one page, so that only the core's memory counts. */
static int share_page(int dev, int memfd)
{
	struct udmabuf_create arg = {
		.memfd = memfd,
		.flags = UDMABUF_FLAGS_CLOEXEC,
		.size = getpagesize(),
	};

	return sys_ioctl(dev, UDMABUF_CREATE, &arg);
}

static int one_page(void)
{
	int memfd = memfd_create("page", MFD_ALLOW_SEALING | MFD_CLOEXEC);

	if (memfd < 0 || ftruncate(memfd, getpagesize()) ||
	    fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		return -errno;
	return memfd;
}

static int allow_fds(rlim_t count)
{
	struct rlimit all = { .rlim_cur = count, .rlim_max = count };

	return or_errno(setrlimit(RLIMIT_NOFILE, &all));
}

FIXTURE(load)
{
	long objects;
	int dev, fd, memfd;
};

FIXTURE_SETUP(load)
{
	self->dev = udmabuf_open();
	if (self->dev < 0)
		SKIP(return, "no such exporter: needs %s", udmabuf_exporter.config);
	self->objects = sys_objects();
	if (self->objects < 0)
		SKIP(return, SKIP_BUFINFO);
	self->memfd = must(one_page());
	self->fd = must(share_page(self->dev, self->memfd));
}

FIXTURE_TEARDOWN(load)
{
	close(self->fd);
	close(self->memfd);
	close(self->dev);
	EXPECT_TRUE(objects_settle(self->objects));
}

/*
 * Passes when very many buffers can be alive, are all listed, and leak no
 * memory.
 */
TEST_F_TIMEOUT(load, buffers, TIMEOUT_SLOW)
{
	long limit = work_amount("LOAD_BUFFERS", 3000), slab, peak, count, i;
	double start, made, listed, closed;
	int *fd = malloc(limit * sizeof(*fd));

	ASSERT_NE(NULL, fd);
	ASSERT_EQ(0, allow_fds(limit + 100));
	slab = must(meminfo_kib("Slab:"));
	start = now_ms();
	for (count = 0; count < limit; count++) {
		if (count % 256 == 0 && meminfo_kib("MemAvailable:") < SPARE)
			break;
		fd[count] = must(share_page(self->dev, self->memfd));
	}
	made = now_ms();
	EXPECT_EQ(self->objects + 1 + count, sys_objects());
	listed = now_ms();
	peak = meminfo_kib("Slab:");
	for (i = 0; i < count; i++)
		ASSERT_EQ(0, close(fd[i]));
	closed = now_ms();
	TH_LOG("%ld buffers of %ld: made in %.0f ms, listed in %.0f, closed in %.0f",
	       count, limit, made - start, listed - made, closed - listed);
	EXPECT_TRUE(objects_settle(self->objects + 1));
	/* kmemleak delays the freeing of memory. */
	if (access("/sys/kernel/debug/kmemleak", F_OK))
		EXPECT_TRUE(slab_settles(slab + NOISE + (peak - slab) / 20))
			TH_LOG("%ld KiB of slabs before, %ld with all, %ld now",
			       slab, peak, meminfo_kib("Slab:"));
	EXPECT_LT(limit / 100, count);
	free(fd);
}

static int small_worker_begin(struct worker *worker)
{
	pthread_attr_t attr;
	int ret;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, PTHREAD_STACK_MIN + 16384);
	ret = pthread_create(&worker->thread, &attr, worker_run, worker);
	pthread_attr_destroy(&attr);
	return ret;
}

static int call_poll_long(struct worker *worker)
{
	struct pollfd pfd = { .fd = worker->fd, .events = worker->arg };
	int ret = or_errno(poll(&pfd, 1, -1));

	return ret <= 0 ? ret : pfd.revents;
}

/* Return how many workers have been woken. */
static long count_done(struct worker *worker, long count)
{
	long done = 0, i;

	for (i = 0; i < count; i++)
		done += worker[i].done;
	return done;
}

/*
 * Return the index of the first worker that does not sleep, @count if all do.
 */
static long first_awake(struct worker *worker, long count)
{
	long i;

	for (i = 0; i < count; i++)
		if (!worker_blocks(&worker[i]))
			break;
	return i;
}

static bool done_soon(struct worker *worker, long count)
{
	int tries;

	for (tries = 0; tries < 3000; tries++) {
		if (count_done(worker, count) == count)
			return true;
		sleep_ms(10);
	}
	return false;
}

/*
 * Passes when the last of very many fences wakes all pollers, and no other
 * fence wakes any.
 */
TEST_F_TIMEOUT(load, fences_and_pollers, TIMEOUT_SLOW)
{
	long fences = work_amount("LOAD_FENCES", 200), i;
	long pollers = work_amount("LOAD_POLLERS", 20), sleeps = 0;
	struct worker *worker = calloc(pollers, sizeof(*worker));
	int *line = calloc(fences, sizeof(*line));
	double start, added, signalled;

	if (access(SW_SYNC_PATH, R_OK | W_OK))
		SKIP(return, SKIP_FENCES);
	ASSERT_EQ(0, allow_fds(fences + 100));
	start = now_ms();
	add_timelines(self->fd, line, fences, WRITE, READ);
	added = now_ms();
	for (i = 0; i < pollers; i++) {
		worker[i].call = call_poll_long;
		worker[i].fd = self->fd;
		worker[i].arg = POLLOUT;
		ASSERT_EQ(0, small_worker_begin(&worker[i]));
	}
	ASSERT_EQ(pollers, first_awake(worker, pollers));
	signalled = now_ms();
	for (i = 0; i < fences - 1; i++) {
		advance(line[i], 1);
		sleep_ms(1);
	}
	EXPECT_EQ(0, count_done(worker, pollers));
	advance(line[fences - 1], 1);
	ASSERT_TRUE(done_soon(worker, pollers));
	TH_LOG("%ld fences added in %.0f ms; signalled, with %ld pollers woken, in %.0f",
	       fences, added - start, pollers, now_ms() - signalled);
	for (i = 0; i < pollers; i++) {
		EXPECT_EQ(POLLOUT, worker_join(&worker[i]));
		if (sleeps < worker[i].sleeps)
			sleeps = worker[i].sleeps;
	}
	close_timelines(line, fences);
	free(line);
	free(worker);
	if (differs_on_stock(POLL_WAKES_PER_FENCE, sleeps > 3))
		return;
	EXPECT_GE(3, sleeps);
}

TEST_HARNESS_MAIN
