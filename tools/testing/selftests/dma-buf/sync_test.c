// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMA_BUF_IOCTL_SYNC: its flags, the fences that it waits for, and the end of
 * the wait.
 */
#include "dma_buf_fenced.h"

#define READ DMA_BUF_SYNC_READ
#define WRITE DMA_BUF_SYNC_WRITE
#define RW DMA_BUF_SYNC_RW
#define END DMA_BUF_SYNC_END

/* Passes when the kernel accepts the six valid sets of flags and no other. */
TEST_F(buffer, every_flag)
{
	__u64 flags;
	int expected;

	sync_cpu(self->fd, RW);
	for (flags = 0; flags < 32; flags++) {
		expected = flags < 8 && (flags & RW) ? 0 : -EINVAL;
		ASSERT_EQ(expected, sys_sync_cpu(self->fd, flags))
			TH_LOG("flags %llu", (unsigned long long)flags);
	}
	for (flags = 32; flags; flags <<= 1)
		err_sync_cpu(EINVAL, self->fd, flags | RW);
	sync_cpu(self->fd, RW | END);
}

/* Passes when an argument that cannot be read fails with EFAULT. */
TEST_F(buffer, bad_pointer)
{
	char *page = mmap(NULL, self->page, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, page);
	err_raw_ioctl(EFAULT, self->fd, DMA_BUF_IOCTL_SYNC, NULL);
	err_raw_ioctl(EFAULT, self->fd, DMA_BUF_IOCTL_SYNC, page);
	err_raw_ioctl(EFAULT, self->fd, DMA_BUF_IOCTL_SYNC, page - 4);
	err_raw_ioctl(EFAULT, self->fd, DMA_BUF_IOCTL_SYNC, (void *)-8L);
	munmap(page, self->page);
}

/* Passes when ioctl numbers similar to the known ones fail with ENOTTY. */
TEST_F(buffer, unknown_requests)
{
	struct dma_buf_sync arg = { .flags = RW };

	err_raw_ioctl(ENOTTY, self->fd, _IOW('b', 4, struct dma_buf_sync), &arg);
	err_raw_ioctl(ENOTTY, self->fd, _IOR('b', 0, struct dma_buf_sync), &arg);
	err_raw_ioctl(ENOTTY, self->fd, _IOWR('b', 0, struct dma_buf_sync), &arg);
	err_raw_ioctl(ENOTTY, self->fd, _IOW('b', 0, __u32), &arg);
	err_raw_ioctl(ENOTTY, self->fd, _IO('b', 0), &arg);
	err_raw_ioctl(ENOTTY, self->fd, _IOW('a', 0, struct dma_buf_sync), &arg);
}

/*
 * Passes when nested and repeated START and END of an idle buffer do not wait.
 */
TEST_F(buffer, idle_never_waits)
{
	static const __u64 access[] = { READ, WRITE, RW };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(access); i++) {
		sync_cpu(self->fd, access[i]);
		sync_cpu(self->fd, access[i]);
		sync_cpu(self->fd, access[i] | END);
		sync_cpu(self->fd, access[i] | END);
	}
}

/* Whether START with these flags waits for a fence with this usage */
static const struct {
	__u32 fence;
	__u64 start;
	bool blocks;
} wait_rows[] = {
	{ READ, READ, false },
	{ READ, WRITE, true },
	{ READ, RW, true },
	{ WRITE, READ, true },
	{ WRITE, WRITE, true },
	{ WRITE, RW, true },
	{ RW, READ, true },
	{ RW, WRITE, true },
	{ RW, RW, true },
};

/*
 * Passes when START waits for exactly the fences that conflict with its access.
 */
TEST_F(buffer, start_waits)
{
	struct worker worker;
	unsigned int i;

	if (self->timeline < 0)
		SKIP(return, SKIP_FENCES);
	for (i = 0; i < ARRAY_SIZE(wait_rows); i++) {
		add_fence(self->fd, wait_rows[i].fence, self->timeline, i + 1);
		worker = (struct worker) {
			.call = call_sync_cpu,
			.fd = self->fd,
			.arg = wait_rows[i].start,
		};
		worker_start(&worker);
		EXPECT_EQ(wait_rows[i].blocks, worker_blocks(&worker))
			TH_LOG("row %u: START %llu, fence of %u", i,
			       (unsigned long long)wait_rows[i].start,
			       (unsigned int)wait_rows[i].fence);
		EXPECT_EQ(!wait_rows[i].blocks, worker_done(&worker))
			TH_LOG("row %u", i);
		advance(self->timeline, 1);
		ASSERT_EQ(0, worker_join(&worker));
		sync_cpu(self->fd, wait_rows[i].start | END);
	}
}

/* Passes when END returns with all fences still pending. */
TEST_F(fenced, end_never_waits)
{
	sync_cpu(self->fd, RW);
	add_fence(self->fd, READ, self->timeline, 1);
	add_fence(self->fd, WRITE, self->timeline, 2);
	sync_cpu(self->fd, READ | END);
	sync_cpu(self->fd, WRITE | END);
	sync_cpu(self->fd, RW | END);
	ready(0, self->fd, POLLOUT);
}

/* Passes when START waits for the last of many fences. */
TEST_F(fenced, start_waits_for_all)
{
	struct worker worker = { .call = call_sync_cpu, .fd = self->fd, .arg = READ };
	int line[8], i;

	add_timelines(self->fd, line, 8, WRITE, WRITE);
	worker_start(&worker);
	for (i = 7; i >= 0; i--) {
		EXPECT_TRUE(worker_blocks(&worker))
			TH_LOG("START returned with %d fences pending", i + 1);
		advance(line[i], 1);
	}
	ASSERT_EQ(0, worker_join(&worker));
	close_timelines(line, 8);
}

#define CALLERS 8

/*
 * Passes when callers wait concurrently, each for the fences that conflict with
 * its access.
 */
TEST_F(fenced, callers_wait_together)
{
	static const __u64 start[] = { READ, WRITE, READ, RW };
	struct worker worker[CALLERS] = {};
	int reader, i;

	reader = timeline();
	add_fence(self->fd, WRITE, self->timeline, 1);
	add_fence(self->fd, READ, reader, 1);
	for (i = 0; i < CALLERS; i++) {
		worker[i].call = call_sync_cpu;
		worker[i].fd = self->fd;
		worker[i].arg = start[i % ARRAY_SIZE(start)];
		worker_start(&worker[i]);
	}
	for (i = 0; i < CALLERS; i++) {
		EXPECT_TRUE(worker_blocks(&worker[i]))
			TH_LOG("caller %d, START %llu, both fences pending", i,
			       (unsigned long long)worker[i].arg);
	}
	advance(self->timeline, 1);
	for (i = 0; i < CALLERS; i++)
		if (worker[i].arg == READ)
			EXPECT_EQ(0, worker_join(&worker[i]));
	for (i = 0; i < CALLERS; i++) {
		if (worker[i].arg == READ)
			continue;
		EXPECT_TRUE(worker_blocks(&worker[i]))
			TH_LOG("caller %d, START %llu, reader pending", i,
			       (unsigned long long)worker[i].arg);
	}
	advance(reader, 1);
	for (i = 0; i < CALLERS; i++)
		if (worker[i].arg != READ)
			EXPECT_EQ(0, worker_join(&worker[i]));
	close(reader);
}

static atomic_bool bracketing;

static int bracket_repeatedly(struct worker *worker)
{
	int ret = 0;

	while (bracketing && !ret) {
		ret = sys_sync_cpu(worker->fd, worker->arg);
		if (!ret)
			ret = sys_sync_cpu(worker->fd, worker->arg | END);
	}
	return ret;
}

/*
 * Passes when concurrent START and END succeed while fences are added and
 * signal.
 */
TEST_F(fenced, callers_and_fences)
{
	struct worker worker[CALLERS] = {};
	unsigned int i;

	bracketing = true;
	for (i = 0; i < CALLERS; i++) {
		worker[i].call = bracket_repeatedly;
		worker[i].fd = self->fd;
		worker[i].arg = 1 + i % RW;
		worker_start(&worker[i]);
	}
	for (i = 1; i <= 30; i++) {
		add_fence(self->fd, i % 3 ? WRITE : READ, self->timeline, i);
		ready(0, self->fd, POLLOUT);
		sleep_ms(1);
		advance(self->timeline, 1);
	}
	bracketing = false;
	for (i = 0; i < CALLERS; i++)
		EXPECT_EQ(0, worker_join(&worker[i]));
}

/* Passes when a signal ends the wait with -EINTR and the next call works. */
TEST_F(fenced, signal_interrupts)
{
	struct worker worker = { .call = call_sync_cpu, .fd = self->fd, .arg = RW };

	handle_usr1(0);
	add_fence(self->fd, WRITE, self->timeline, 1);
	worker_start(&worker);
	EXPECT_TRUE(worker_blocks(&worker));
	ASSERT_EQ(0, pthread_kill(worker.thread, SIGUSR1));
	EXPECT_EQ(-EINTR, worker_join(&worker));
	ready(0, self->fd, POLLIN);
	advance(self->timeline, 1);
	sync_cpu(self->fd, RW);
	sync_cpu(self->fd, RW | END);
}

/* Passes when the kernel resumes the wait after a signal with SA_RESTART. */
TEST_F(fenced, signal_restarts)
{
	struct worker worker = { .call = call_sync_cpu, .fd = self->fd, .arg = READ };

	handle_usr1(SA_RESTART);
	add_fence(self->fd, WRITE, self->timeline, 1);
	worker_start(&worker);
	EXPECT_TRUE(worker_blocks(&worker));
	ASSERT_EQ(0, pthread_kill(worker.thread, SIGUSR1));
	EXPECT_TRUE(worker_blocks(&worker));
	advance(self->timeline, 1);
	EXPECT_EQ(0, worker_join(&worker));
}

/* Passes when a waiting process can be killed, and the buffer stays usable. */
TEST_F(fenced, kill_ends_the_wait)
{
	int status;
	pid_t child;

	add_fence(self->fd, WRITE, self->timeline, 1);
	child = fork();
	ASSERT_LE(0, child);
	if (!child)
		_exit(sys_sync_cpu(self->fd, READ) ? 1 : 0);
	EXPECT_TRUE(child_blocks(child));
	ASSERT_EQ(0, waitpid(child, &status, WNOHANG));
	ASSERT_EQ(0, kill(child, SIGKILL));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	advance(self->timeline, 1);
	sync_cpu(self->fd, READ);
	sync_cpu(self->fd, READ | END);
}

/* Passes when a fence that signals with an error ends the wait successfully. */
TEST_F(fenced, failed_fence_ends_the_wait)
{
	struct worker worker = { .call = call_sync_cpu, .fd = self->fd, .arg = RW };
	int line;

	line = timeline();
	add_fence(self->fd, WRITE, line, 1);
	worker_start(&worker);
	EXPECT_TRUE(worker_blocks(&worker));
	close(line);
	EXPECT_EQ(0, worker_join(&worker));
}

TEST_HARNESS_MAIN
