// SPDX-License-Identifier: GPL-2.0-only
/*
 * poll() and epoll on a buffer: POLLIN once all write fences have signalled,
 * POLLOUT once all fences have.
 */
#include <sched.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <linux/aio_abi.h>
#include <linux/io_uring.h>

#include "dma_buf_fenced.h"

#define READ DMA_BUF_SYNC_READ
#define WRITE DMA_BUF_SYNC_WRITE
#define BOTH (POLLIN | POLLOUT)
#define FENCES 64
#define POLLERS 24
#define TIMEOUT_MS 5000		/* long enough for the slowest machine */

static int watch(int fd, __u32 events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
		return -errno;
	return epoll;
}

static int rewatch(int epoll, int fd, __u32 events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };

	return or_errno(epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event));
}

/* Return the events that epoll reports within @ms, 0 for none. */
static int reported(int epoll, int ms)
{
	struct epoll_event event = {};
	int ret = or_errno(epoll_wait(epoll, &event, 1, ms));

	return ret <= 0 ? ret : (int)event.events;
}

static int call_epoll(struct worker *worker)
{
	return reported(worker->fd, 20000);
}

static int call_ppoll(struct worker *worker)
{
	struct pollfd pfd = { .fd = worker->fd, .events = worker->arg };
	struct timespec timeout = { .tv_sec = 20 };
	int ret = or_errno(ppoll(&pfd, 1, &timeout, NULL));

	return ret <= 0 ? ret : pfd.revents;
}

/* Return the poll events for which select() reports @fd within @ms. */
static int selected(int fd, short events, int ms)
{
	struct timeval timeout = { ms / 1000, ms % 1000 * 1000L };
	fd_set set[3];
	int ret, i;

	for (i = 0; i < 3; i++) {
		FD_ZERO(&set[i]);
		if (events & (POLLIN << i))
			FD_SET(fd, &set[i]);
	}
	/* POLLIN, POLLPRI and POLLOUT have adjacent bits. */
	ret = or_errno(select(fd + 1, &set[0], &set[2], &set[1], &timeout));
	for (i = 0; i < 3 && ret > 0; i++)
		if (!FD_ISSET(fd, &set[i]))
			events &= ~(POLLIN << i);
	return ret <= 0 ? ret : events;
}

static int call_select(struct worker *worker)
{
	return selected(worker->fd, worker->arg, 20000);
}

/*
 * Passes when poll() on a buffer without fences reports POLLIN and POLLOUT as
 * requested, and no other event.
 */
TEST_F(buffer, idle)
{
	ready(POLLIN, self->fd, POLLIN);
	ready(POLLOUT, self->fd, POLLOUT);
	ready(BOTH, self->fd, BOTH);
	ready(0, self->fd, 0);
	ready(0, self->fd, POLLPRI | POLLRDHUP);
}

/*
 * Passes when a pending read fence withholds POLLOUT, and a pending write fence
 * POLLIN and POLLOUT.
 */
TEST_F(fenced, readiness)
{
	static const struct {
		__u32 fence;
		short pending;	/* ready with the fence pending */
	} rows[] = {
		{ READ, POLLIN }, { WRITE, 0 }, { READ | WRITE, 0 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		add_fence(self->fd, rows[i].fence, self->timeline, i + 1);
		ready(rows[i].pending & POLLIN, self->fd, POLLIN);
		ready(rows[i].pending & POLLOUT, self->fd, POLLOUT);
		ready(rows[i].pending, self->fd, BOTH);
		ready(0, self->fd, 0);
		advance(self->timeline, 1);
		ready(POLLIN, self->fd, POLLIN);
		ready(POLLOUT, self->fd, POLLOUT);
		ready(BOTH, self->fd, BOTH);
	}
}

/*
 * Passes when select() reports the same readiness, and no exceptional
 * condition.
 */
TEST_F(fenced, select_readiness)
{
	const short all = POLLIN | POLLPRI | POLLOUT;

	EXPECT_EQ(BOTH, selected(self->fd, all, 0));
	EXPECT_EQ(POLLIN, selected(self->fd, POLLIN | POLLPRI, 0));
	EXPECT_EQ(0, selected(self->fd, POLLPRI, 0));
	add_fence(self->fd, READ, self->timeline, 1);
	EXPECT_EQ(POLLIN, selected(self->fd, all, 0));
	add_fence(self->fd, WRITE, self->timeline, 2);
	EXPECT_EQ(0, selected(self->fd, all, 20));
	advance(self->timeline, 2);
	EXPECT_EQ(BOTH, selected(self->fd, all, 0));
}

/* Passes when a signal that ppoll() unblocks interrupts it. */
TEST_F(fenced, ppoll_unblocks_a_signal)
{
	struct pollfd pfd = { .fd = self->fd, .events = POLLIN };
	struct timespec none = {}, soon = { .tv_sec = TIMEOUT_MS / 1000 };
	sigset_t empty, usr1;

	signal(SIGUSR1, ignore_signal);
	sigemptyset(&empty);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	ASSERT_EQ(0, sigprocmask(SIG_BLOCK, &usr1, NULL));
	add_fence(self->fd, WRITE, self->timeline, 1);
	ASSERT_EQ(0, raise(SIGUSR1));
	ASSERT_EQ(0, ppoll(&pfd, 1, &none, NULL));
	ASSERT_EQ(-1, ppoll(&pfd, 1, &soon, &empty));
	EXPECT_EQ(EINTR, errno);
	ASSERT_EQ(0, ppoll(&pfd, 1, &none, &empty));
	advance(self->timeline, 1);
	ASSERT_EQ(1, ppoll(&pfd, 1, &soon, &empty));
	EXPECT_EQ(POLLIN, pfd.revents);
}

/* Passes when poll() with a timeout of 0 does not sleep in 500 calls. */
TEST_F(fenced, no_timeout_no_wait)
{
	struct rusage before, after;
	int i;

	add_fence(self->fd, WRITE, self->timeline, 1);
	getrusage(RUSAGE_THREAD, &before);
	for (i = 0; i < 500; i++)
		ready(0, self->fd, BOTH);
	getrusage(RUSAGE_THREAD, &after);
	EXPECT_GT(5, after.ru_nvcsw - before.ru_nvcsw);
	advance(self->timeline, 1);
	ready(BOTH, self->fd, BOTH);
}

/*
 * Passes when poll() returns 0 when its timeout expires, and the next poll()
 * returns when the fence signals.
 */
TEST_F(fenced, timeout_expires)
{
	struct pollfd pfd = { .fd = self->fd, .events = POLLIN };
	double start = now_ms();

	add_fence(self->fd, WRITE, self->timeline, 1);
	ASSERT_EQ(0, poll(&pfd, 1, 60));
	EXPECT_LE(59.0, now_ms() - start);
	advance(self->timeline, 1);
	ASSERT_EQ(1, poll(&pfd, 1, TIMEOUT_MS));
	EXPECT_EQ(POLLIN, pfd.revents);
}

/* Passes when the fence wakes a poller in poll(), ppoll() and select(). */
TEST_F(fenced, blocked_poller_wakes)
{
	static const struct {
		__u32 fence;
		short events;
	} rows[] = {
		{ WRITE, POLLIN }, { WRITE, POLLOUT }, { WRITE, BOTH }, { READ, POLLOUT },
	};
	static int (* const calls[])(struct worker *worker) = {
		call_poll, call_ppoll, call_select,
	};
	struct worker worker;
	unsigned int i, row;

	for (i = 0; i < ARRAY_SIZE(rows) * ARRAY_SIZE(calls); i++) {
		row = i / ARRAY_SIZE(calls);
		add_fence(self->fd, rows[row].fence, self->timeline, i + 1);
		worker = (struct worker) {
			.call = calls[i % ARRAY_SIZE(calls)],
			.fd = self->fd,
			.arg = rows[row].events,
		};
		worker_start(&worker);
		EXPECT_TRUE(worker_blocks(&worker))
			TH_LOG("row %u, call %zu", row, i % ARRAY_SIZE(calls));
		advance(self->timeline, 1);
		EXPECT_NE(0, worker_join(&worker) & rows[row].events);
		EXPECT_EQ(0, worker.ret & ~rows[row].events);
	}
}

/* Passes when 64 fences that signal one after the other wake a poller once. */
TEST_F(fenced, one_wake_for_many_fences)
{
	struct worker worker = { .call = call_poll, .fd = self->fd, .arg = POLLIN };
	int line[FENCES], i;

	add_timelines(self->fd, line, FENCES, WRITE, WRITE);
	worker_start(&worker);
	EXPECT_TRUE(worker_blocks(&worker));
	for (i = 0; i < FENCES; i++) {
		EXPECT_FALSE(worker_done(&worker));
		advance(line[i], 1);
		sleep_ms(2);
	}
	EXPECT_EQ(POLLIN, worker_join(&worker));
	if (differs_on_stock(POLL_WAKES_PER_FENCE, worker.sleeps > FENCES / 2))
		return;
	EXPECT_EQ(1, worker.sleeps);
	close_timelines(line, FENCES);
}

/*
 * Passes when a poller wakes with the last of 64 fences, in whichever order
 * they signal.
 */
TEST_F(fenced, waits_for_the_last_fence)
{
	struct worker worker = { .call = call_poll, .fd = self->fd, .arg = BOTH };
	int line[FENCES], i;

	add_timelines(self->fd, line, FENCES, WRITE, WRITE);
	worker_start(&worker);
	EXPECT_TRUE(worker_blocks(&worker));
	for (i = 1; i < FENCES; i++)
		advance(line[(i * 37) % FENCES], 1);
	EXPECT_TRUE(worker_blocks(&worker));
	advance(line[0], 1);
	EXPECT_NE(0, worker_join(&worker) & BOTH);
	ready(BOTH, self->fd, BOTH);
	close_timelines(line, FENCES);
}

/* Passes when a blocked poller also waits for a fence that is added later. */
TEST_F(fenced, fence_added_while_blocked)
{
	struct worker worker = { .call = call_poll, .fd = self->fd, .arg = POLLIN };
	int other;

	other = timeline();
	add_fence(self->fd, WRITE, self->timeline, 1);
	worker_start(&worker);
	EXPECT_TRUE(worker_blocks(&worker));
	add_fence(self->fd, WRITE, other, 1);
	advance(self->timeline, 1);
	EXPECT_TRUE(worker_blocks(&worker));
	advance(other, 1);
	EXPECT_EQ(POLLIN, worker_join(&worker));
	close(other);
}

/*
 * Passes when a poller that a write fence blocks wakes with POLLIN although a
 * read fence was added meanwhile.
 */
TEST_F(fenced, read_fence_added_while_blocked)
{
	struct worker worker = { .call = call_poll, .fd = self->fd, .arg = BOTH };
	int other;

	other = timeline();
	add_fence(self->fd, WRITE, self->timeline, 1);
	worker_start(&worker);
	EXPECT_TRUE(worker_blocks(&worker));
	add_fence(self->fd, READ, other, 1);
	advance(self->timeline, 1);
	EXPECT_EQ(POLLIN, worker_join(&worker));
	ready(POLLIN, self->fd, BOTH);
	close(other);
	ready(BOTH, self->fd, BOTH);
}

/* Passes when a fence that signals with an error wakes a poller. */
TEST_F(fenced, failed_fence_wakes)
{
	struct worker worker = { .call = call_poll, .fd = self->fd, .arg = BOTH };
	int line;

	line = timeline();
	add_fence(self->fd, WRITE, line, 1);
	worker_start(&worker);
	EXPECT_TRUE(worker_blocks(&worker));
	close(line);
	EXPECT_NE(0, worker_join(&worker) & BOTH);
	ready(BOTH, self->fd, BOTH);
}

/*
 * Passes when the write fence wakes all POLLIN pollers, and the last fence all
 * POLLOUT pollers.
 */
TEST_F(fenced, several_pollers)
{
	struct worker worker[POLLERS] = {};
	int reader, i;

	reader = timeline();
	add_fence(self->fd, WRITE, self->timeline, 1);
	add_fence(self->fd, READ, reader, 1);
	for (i = 0; i < POLLERS; i++) {
		worker[i].call = call_poll;
		worker[i].fd = self->fd;
		worker[i].arg = i % 2 ? POLLOUT : POLLIN;
		worker_start(&worker[i]);
	}
	for (i = 0; i < POLLERS; i++)
		EXPECT_TRUE(worker_blocks(&worker[i]));
	advance(self->timeline, 1);
	for (i = 0; i < POLLERS; i += 2)
		EXPECT_EQ(POLLIN, worker_join(&worker[i]));
	for (i = 1; i < POLLERS; i += 2)
		EXPECT_TRUE(worker_blocks(&worker[i]));
	advance(reader, 1);
	for (i = 1; i < POLLERS; i += 2)
		EXPECT_EQ(POLLOUT, worker_join(&worker[i]));
	close(reader);
}

/*
 * Passes when one poll() waits for several buffers and reports the ready one.
 */
TEST_F(fenced, many_buffers)
{
	struct pollfd pfd[8] = {};
	int line[8], i;

	for (i = 0; i < 8; i++) {
		pfd[i].fd = must(self->exporter->alloc(self->dev, self->page, true));
		pfd[i].events = POLLIN;
		line[i] = timeline();
		add_fence(pfd[i].fd, WRITE, line[i], 1);
	}
	ASSERT_EQ(0, poll(pfd, 8, 20));
	advance(line[5], 1);
	ASSERT_EQ(1, poll(pfd, 8, TIMEOUT_MS));
	for (i = 0; i < 8; i++)
		EXPECT_EQ(i == 5 ? POLLIN : 0, pfd[i].revents);
	for (i = 0; i < 8; i++) {
		close(line[i]);
		close(pfd[i].fd);
	}
}

/* Passes when level-triggered epoll reports a ready buffer in each call. */
TEST_F(fenced, epoll_level)
{
	int epoll = must(watch(self->fd, EPOLLIN | EPOLLOUT)), i;

	add_fence(self->fd, WRITE, self->timeline, 1);
	EXPECT_EQ(0, reported(epoll, 20));
	advance(self->timeline, 1);
	for (i = 0; i < 4; i++)
		EXPECT_EQ(EPOLLIN | EPOLLOUT, reported(epoll, TIMEOUT_MS));
	add_fence(self->fd, READ, self->timeline, 2);
	EXPECT_EQ(EPOLLIN, reported(epoll, TIMEOUT_MS));
	advance(self->timeline, 1);
	EXPECT_EQ(EPOLLIN | EPOLLOUT, reported(epoll, TIMEOUT_MS));
	close(epoll);
}

/*
 * Passes when level-triggered epoll reports no event until 64 fences have
 * signalled.
 */
TEST_F(fenced, epoll_level_many_fences)
{
	struct worker worker = { .call = call_epoll };
	int line[FENCES], i;

	add_timelines(self->fd, line, FENCES, WRITE, WRITE);
	worker.fd = must(watch(self->fd, EPOLLIN));
	worker_start(&worker);
	EXPECT_TRUE(worker_blocks(&worker));
	for (i = 0; i < FENCES; i++) {
		EXPECT_FALSE(worker_done(&worker));
		advance(line[i], 1);
	}
	EXPECT_EQ(EPOLLIN, worker_join(&worker));
	close(worker.fd);
	close_timelines(line, FENCES);
}

/*
 * Passes when edge-triggered epoll reports a buffer when its fences have
 * signalled, and polls it again after each report, since adding a fence causes
 * no event.
 */
TEST_F(fenced, epoll_edge)
{
	int line[FENCES], epoll, i;

	add_timelines(self->fd, line, FENCES, WRITE, WRITE);
	epoll = must(watch(self->fd, EPOLLIN | EPOLLET));
	for (i = 0; i < FENCES; i++) {
		EXPECT_EQ(0, reported(epoll, 0));
		advance(line[i], 1);
	}
	EXPECT_EQ(EPOLLIN, reported(epoll, TIMEOUT_MS));
	EXPECT_EQ(EPOLLIN, reported(epoll, 0));
	add_fence(self->fd, WRITE, self->timeline, 1);
	EXPECT_EQ(0, reported(epoll, 20));
	advance(self->timeline, 1);
	EXPECT_EQ(EPOLLIN, reported(epoll, TIMEOUT_MS));
	close(epoll);
	close_timelines(line, FENCES);
}

/* Passes when a buffer causes an edge each time that it becomes ready again. */
TEST_F(fenced, epoll_edge_again)
{
	int epoll, i;

	epoll = must(watch(self->fd, EPOLLIN | EPOLLET));
	EXPECT_EQ(EPOLLIN, reported(epoll, TIMEOUT_MS));
	for (i = 1; i < 6; i++) {
		struct worker worker = { .call = call_epoll, .fd = epoll };

		add_fence(self->fd, WRITE, self->timeline, i);
		worker_start(&worker);
		EXPECT_TRUE(worker_blocks(&worker));
		advance(self->timeline, 1);
		EXPECT_EQ(EPOLLIN, worker_join(&worker));
	}
	close(epoll);
}

/*
 * Passes when edge-triggered epoll reports EPOLLOUT each time that the read
 * fence has signalled as well, and not with the write fence only.
 */
TEST_F(fenced, epoll_edge_out)
{
	int reader, epoll, i;

	reader = timeline();
	epoll = must(watch(self->fd, EPOLLOUT | EPOLLET));
	EXPECT_EQ(EPOLLOUT, reported(epoll, TIMEOUT_MS));
	for (i = 1; i < 6; i++) {
		struct worker worker = { .call = call_epoll, .fd = epoll };

		add_fence(self->fd, WRITE, self->timeline, i);
		add_fence(self->fd, READ, reader, i);
		worker_start(&worker);
		EXPECT_TRUE(worker_blocks(&worker));
		advance(self->timeline, 1);
		EXPECT_TRUE(worker_blocks(&worker));
		advance(reader, 1);
		EXPECT_EQ(EPOLLOUT, worker_join(&worker));
	}
	close(epoll);
	close(reader);
}

/*
 * Passes when an edge-triggered epoll that watches another epoll reports each
 * edge of the latter.
 */
TEST_F(fenced, epoll_edge_of_epoll)
{
	int inner, outer, i;

	inner = must(watch(self->fd, EPOLLIN));
	outer = must(watch(inner, EPOLLIN | EPOLLET));
	EXPECT_EQ(EPOLLIN, reported(outer, TIMEOUT_MS));
	EXPECT_EQ(EPOLLIN, reported(inner, 0));
	for (i = 1; i < 6; i++) {
		struct worker worker = { .call = call_epoll, .fd = outer };

		add_fence(self->fd, WRITE, self->timeline, i);
		worker_start(&worker);
		EXPECT_TRUE(worker_blocks(&worker));
		advance(self->timeline, 1);
		EXPECT_EQ(EPOLLIN, worker_join(&worker));
		EXPECT_EQ(EPOLLIN, reported(inner, 0));
	}
	close(outer);
	close(inner);
}

/* Passes when EPOLLONESHOT reports once until it is armed again. */
TEST_F(fenced, epoll_oneshot)
{
	int epoll;

	add_fence(self->fd, WRITE, self->timeline, 1);
	epoll = must(watch(self->fd, EPOLLIN | EPOLLONESHOT));
	EXPECT_EQ(0, reported(epoll, 20));
	advance(self->timeline, 1);
	EXPECT_EQ(EPOLLIN, reported(epoll, TIMEOUT_MS));
	EXPECT_EQ(0, reported(epoll, 20));
	ASSERT_EQ(0, rewatch(epoll, self->fd, EPOLLIN | EPOLLONESHOT));
	EXPECT_EQ(EPOLLIN, reported(epoll, TIMEOUT_MS));
	EXPECT_EQ(0, reported(epoll, 20));
	close(epoll);
}

/* Passes when EPOLLEXCLUSIVE waiters for IN and for OUT both wake. */
TEST_F(fenced, epoll_exclusive)
{
	struct worker reader = { .call = call_epoll };
	struct worker writer = { .call = call_epoll };

	add_fence(self->fd, WRITE, self->timeline, 1);
	reader.fd = must(watch(self->fd, EPOLLIN | EPOLLEXCLUSIVE));
	writer.fd = must(watch(self->fd, EPOLLOUT | EPOLLEXCLUSIVE));
	worker_start(&reader);
	worker_start(&writer);
	EXPECT_TRUE(worker_blocks(&reader));
	EXPECT_TRUE(worker_blocks(&writer));
	advance(self->timeline, 1);
	EXPECT_EQ(EPOLLIN, worker_join(&reader));
	EXPECT_EQ(EPOLLOUT, worker_join(&writer));
	close(reader.fd);
	close(writer.fd);
}

/* Passes when an epoll that watches another epoll reports its readiness. */
TEST_F(fenced, epoll_nested)
{
	int inner, outer;

	add_fence(self->fd, WRITE, self->timeline, 1);
	inner = must(watch(self->fd, EPOLLIN));
	outer = must(watch(inner, EPOLLIN));
	EXPECT_EQ(0, reported(outer, 20));
	advance(self->timeline, 1);
	EXPECT_EQ(EPOLLIN, reported(outer, TIMEOUT_MS));
	EXPECT_EQ(EPOLLIN, reported(inner, 0));
	close(outer);
	close(inner);
}

/* Return the events with which an aio poll completes within @ms, 0 for none. */
static int aio_result(aio_context_t context, int ms)
{
	struct timespec timeout = { ms / 1000, ms % 1000 * 1000000L };
	struct io_event event = {};
	int ret;

	/* Closing an io_uring interrupts the threads that have used it. */
	do {
		ret = or_errno(syscall(SYS_io_getevents, context, 1, 1, &event,
				       &timeout));
	} while (ret == -EINTR);

	return ret <= 0 ? ret : (int)event.res;
}

/* Passes when an aio poll request completes when the fence signals. */
TEST_F(fenced, aio_poll)
{
	struct iocb request = {
		.aio_lio_opcode = IOCB_CMD_POLL,
		.aio_fildes = self->fd,
		.aio_buf = POLLIN,
	}, *list = &request;
	aio_context_t context = 0;
	int i;

	if (syscall(SYS_io_setup, 1, &context))
		SKIP(return, "no asynchronous I/O: needs CONFIG_AIO");
	for (i = 1; i < 4; i++) {
		add_fence(self->fd, WRITE, self->timeline, i);
		ASSERT_EQ(1, syscall(SYS_io_submit, context, 1, &list));
		EXPECT_EQ(0, aio_result(context, 20));
		advance(self->timeline, 1);
		EXPECT_NE(0, aio_result(context, TIMEOUT_MS) & POLLIN);
	}
	ASSERT_EQ(0, syscall(SYS_io_destroy, context));
}

/* A minimal io_uring: one request at a time */
struct ring {
	int fd;
	void *rings;
	size_t rings_size, sqes_size;
	unsigned int *sq_tail, *sq_array, *cq_head, *cq_tail;
	unsigned int sq_mask, cq_mask;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
};

#define RING_MAP(fd, size, offset) mmap(NULL, size, PROT_READ | PROT_WRITE, \
					MAP_SHARED | MAP_POPULATE, fd, offset)

static int ring_open(struct ring *ring)
{
	struct io_uring_params params = {};
	char *rings;

	ring->fd = or_errno(syscall(__NR_io_uring_setup, 4, &params));
	if (ring->fd < 0)
		return ring->fd;
	ring->rings_size = params.cq_off.cqes + params.cq_entries * sizeof(*ring->cqes);
	ring->sqes_size = params.sq_entries * sizeof(*ring->sqes);
	rings = RING_MAP(ring->fd, ring->rings_size, IORING_OFF_SQ_RING);
	ring->sqes = RING_MAP(ring->fd, ring->sqes_size, IORING_OFF_SQES);
	ring->rings = rings;
	if (rings == MAP_FAILED || ring->sqes == MAP_FAILED)
		return -errno;
	ring->sq_tail = (void *)(rings + params.sq_off.tail);
	ring->sq_array = (void *)(rings + params.sq_off.array);
	ring->sq_mask = *(unsigned int *)(rings + params.sq_off.ring_mask);
	ring->cq_head = (void *)(rings + params.cq_off.head);
	ring->cq_tail = (void *)(rings + params.cq_off.tail);
	ring->cq_mask = *(unsigned int *)(rings + params.cq_off.ring_mask);
	ring->cqes = (void *)(rings + params.cq_off.cqes);
	return 0;
}

/*
 * The kernel cancels pending requests shortly after the last mapping and fd are
 * released.
 */
static void ring_close(struct ring *ring)
{
	munmap(ring->rings, ring->rings_size);
	munmap(ring->sqes, ring->sqes_size);
	close(ring->fd);
}

/* Submit @request; return 1 or -errno. */
static int ring_submit(struct ring *ring, const struct io_uring_sqe *request)
{
	unsigned int tail = *ring->sq_tail, slot = tail & ring->sq_mask;

	ring->sqes[slot] = *request;
	ring->sq_array[slot] = slot;
	__atomic_store_n(ring->sq_tail, tail + 1, __ATOMIC_RELEASE);
	return or_errno(syscall(__NR_io_uring_enter, ring->fd, 1, 0, 0, NULL, 0));
}

/* Return the next result within @ms, 0 for none. */
static int ring_result(struct ring *ring, int ms)
{
	struct __kernel_timespec timeout = { ms / 1000, ms % 1000 * 1000000LL };
	struct io_uring_getevents_arg arg = { .ts = (uintptr_t)&timeout };
	unsigned int head = *ring->cq_head;
	int ret;

	do {
		ret = or_errno(syscall(__NR_io_uring_enter, ring->fd, 0, 1,
				       IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG,
				       &arg, sizeof(arg)));
	} while (ret == -EINTR);
	if (head == __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE))
		return 0;
	ret = ring->cqes[head & ring->cq_mask].res;
	__atomic_store_n(ring->cq_head, head + 1, __ATOMIC_RELEASE);
	return ret;
}

/*
 * Cancel the request with @user_data. On success its completion has been
 * consumed.
 */
static int ring_cancel(struct ring *ring, __u64 user_data)
{
	struct io_uring_sqe request = {
		.opcode = IORING_OP_POLL_REMOVE, .addr = user_data,
	};
	int ret = ring_submit(ring, &request);

	if (ret != 1)
		return ret;
	/* One of the two results is the completion of the poll request. */
	ret = ring_result(ring, TIMEOUT_MS);
	ret += ring_result(ring, TIMEOUT_MS);
	return ret == -ECANCELED ? 0 : -EPROTO;
}

#define SKIP_RING "no io_uring: needs CONFIG_IO_URING"

/* Passes when each io_uring poll request completes when the fence signals. */
TEST_F(fenced, io_uring_poll)
{
	struct io_uring_sqe request = {
		.opcode = IORING_OP_POLL_ADD,
		.fd = self->fd,
		.poll_events = POLLIN,
	};
	struct ring ring;
	int i;

	if (ring_open(&ring))
		SKIP(return, SKIP_RING);
	ASSERT_EQ(1, ring_submit(&ring, &request));
	EXPECT_EQ(POLLIN, ring_result(&ring, TIMEOUT_MS));
	for (i = 1; i < 4; i++) {
		add_fence(self->fd, WRITE, self->timeline, i);
		ASSERT_EQ(1, ring_submit(&ring, &request));
		EXPECT_EQ(0, ring_result(&ring, 20));
		advance(self->timeline, 1);
		EXPECT_EQ(POLLIN, ring_result(&ring, TIMEOUT_MS));
	}
	ring_close(&ring);
}

/*
 * Passes when a pending request keeps the buffer alive, and a cancelled request
 * does not.
 */
TEST_F(fenced, io_uring_cancel)
{
	struct io_uring_sqe request = {
		.opcode = IORING_OP_POLL_ADD,
		.fd = self->fd,
		.poll_events = POLLOUT,
		.user_data = 7,
	};
	struct ring ring;

	if (self->objects < 0)
		SKIP(return, SKIP_BUFINFO);
	if (ring_open(&ring))
		SKIP(return, SKIP_RING);
	add_fence(self->fd, READ, self->timeline, 1);
	ASSERT_EQ(1, ring_submit(&ring, &request));
	EXPECT_EQ(0, ring_result(&ring, 20));
	close_buffer();
	EXPECT_TRUE(listed(self->ino));
	EXPECT_EQ(0, ring_cancel(&ring, 7));
	sleep_ms(20);
	if (differs_on_stock(POLL_PINS_FILE, listed(self->ino)))
		return;
	EXPECT_TRUE(unlisted_soon(self->ino));
	ring_close(&ring);
}

/*
 * A poll request of io_uring or aio, which completes with the events of a wake-
 * up
 */
struct request {
	bool aio;
	struct ring ring;
	aio_context_t context;
	struct iocb iocb;
};

static int request_open(struct request *request, bool aio)
{
	*request = (struct request) { .aio = aio };
	if (aio)
		return or_errno(syscall(SYS_io_setup, 1, &request->context));
	return ring_open(&request->ring);
}

static void request_close(struct request *request)
{
	if (request->aio)
		syscall(SYS_io_destroy, request->context);
	else
		ring_close(&request->ring);
}

/* Cancel a pending request and close its context. */
static int request_cancel(struct request *request)
{
	int ret = request->aio ? 0 : ring_cancel(&request->ring, 7);

	/* For aio, this waits for the completion of the request. */
	request_close(request);
	return ret;
}

/* Submit a poll request for @fd; return 1 or -errno. */
static int request_submit(struct request *request, int fd, short events)
{
	struct io_uring_sqe sqe = {
		.opcode = IORING_OP_POLL_ADD,
		.fd = fd,
		.poll_events = events,
		.user_data = 7,
	};
	struct iocb *list = &request->iocb;

	if (!request->aio)
		return ring_submit(&request->ring, &sqe);

	request->iocb = (struct iocb) {
		.aio_lio_opcode = IOCB_CMD_POLL,
		.aio_fildes = fd,
		.aio_buf = events,
	};
	return or_errno(syscall(SYS_io_submit, request->context, 1, &list));
}

/* Does the kernel support both io_uring and aio? */
static bool requests_work(void)
{
	struct request request;
	int aio;

	for (aio = 0; aio < 2; aio++) {
		if (request_open(&request, aio))
			return false;
		request_close(&request);
	}
	return true;
}

#define SKIP_REQUESTS "no io_uring or aio: needs CONFIG_AIO, CONFIG_IO_URING"

/* Return the events with which the request completes within @ms, 0 for none. */
static int request_result(struct request *request, int ms)
{
	return request->aio ? aio_result(request->context, ms) :
			      ring_result(&request->ring, ms);
}

/* The interface that the first of two waiters uses */
enum first_kind { NOTHING, THREAD, LEVEL, EDGE, ONESHOT, RING, AIO, FIRST_KINDS };

static const char * const first_names[] = {
	[NOTHING] = "nothing", [THREAD] = "poll()", [LEVEL] = "epoll",
	[EDGE] = "epoll, edge", [ONESHOT] = "epoll, one-shot",
	[RING] = "io_uring", [AIO] = "aio",
};

struct first {
	enum first_kind kind;
	struct worker worker;
	struct request request;
	int epoll;
};

static int call_poll_briefly(struct worker *worker)
{
	struct pollfd pfd = { .fd = worker->fd, .events = worker->arg };

	return or_errno(poll(&pfd, 1, 10));
}

/* Begin to wait for @events of @fd; with @stops, stop waiting again. */
static int first_begin(struct first *first, int fd, short events, bool stops)
{
	static const __u32 flags[FIRST_KINDS] = {
		[EDGE] = EPOLLET, [ONESHOT] = EPOLLONESHOT,
	};
	int ret;

	switch (first->kind) {
	case NOTHING:
		return 0;
	case THREAD:
		first->worker = (struct worker) {
			.call = stops ? call_poll_briefly : call_poll,
			.fd = fd,
			.arg = events,
		};
		ret = worker_begin(&first->worker);
		if (ret)
			return -ret;
		if (stops)
			return worker_join(&first->worker);
		return worker_blocks(&first->worker) ? 0 : -EBUSY;
	case RING:
	case AIO:
		ret = request_open(&first->request, first->kind == AIO);
		if (ret)
			return ret;
		ret = request_submit(&first->request, fd, events);
		if (ret == 1)
			return stops ? request_cancel(&first->request) : 0;
		request_close(&first->request);
		return ret ?: -EIO;
	default:
		first->epoll = watch(fd, events | flags[first->kind]);
		if (first->epoll < 0)
			return first->epoll;
		if (stops)
			close(first->epoll);
		return 0;
	}
}

/*
 * Return the events that a waiter without @stops gets once all fences have
 * signalled.
 */
static int first_end(struct first *first, short events)
{
	int ret = events;

	switch (first->kind) {
	case NOTHING:
		return ret;
	case THREAD:
		return worker_join(&first->worker);
	case RING:
	case AIO:
		ret = request_result(&first->request, TIMEOUT_MS);
		request_close(&first->request);
		return ret;
	default:
		ret = reported(first->epoll, TIMEOUT_MS);
		close(first->epoll);
		return ret;
	}
}

struct late_row {
	enum first_kind kind;
	bool stops, aio;
	__u32 fence;
	short events;
};

/* Describe a row, for failure messages. */
static const char *late_name(const struct late_row *row)
{
	static char text[128];

	snprintf(text, sizeof(text), "%s for %s after %s%s",
		 row->aio ? "aio" : "io_uring",
		 row->events == POLLIN ? "IN" : "OUT", first_names[row->kind],
		 row->stops ? ", which stopped waiting" : "");
	return text;
}

#define EARLY "completes with a fence pending"

/*
 * Add a fence and a first waiter, then a second fence and a request, which
 * finds both fences pending. Return NULL, or the check that failed.
 */
static const char *late_request(const struct late_row *row, int fd, int one,
				int two, __u32 value)
{
	struct first first = { .kind = row->kind };
	const char *bad = NULL;
	struct request second;
	int early, done;

	if (sys_add_fence(fd, row->fence, one, value) ||
	    first_begin(&first, fd, row->events, row->stops) ||
	    sys_add_fence(fd, row->fence, two, value) ||
	    request_open(&second, row->aio))
		return "cannot be set up";

	if (request_submit(&second, fd, row->events) != 1)
		bad = "is not accepted";
	sys_advance(one, 1);
	early = request_result(&second, 10);
	if (!bad && sys_ready(fd, row->events))
		bad = "and poll() finds the buffer ready with a fence pending";
	/*
	 * A poll() that finds the buffer busy must not complete the request
	 * either.
	 */
	early = early ?: request_result(&second, 0);
	if (!bad && early)
		bad = EARLY;
	sys_advance(two, 1);
	done = early ?: request_result(&second, TIMEOUT_MS);
	if (!bad && done != row->events)
		bad = "does not complete with its event";
	request_close(&second);
	if (!row->stops && first_end(&first, row->events) != row->events && !bad)
		bad = "is preceded by a waiter that gets no event";
	return bad;
}

/*
 * Passes when an io_uring or aio request completes once both pending fences
 * have signalled, although only one of them was pending for the first waiter.
 */
TEST_F_TIMEOUT(fenced, late_request, TIMEOUT_SLOW)
{
	const char *bad = NULL;
	struct late_row row;
	__u32 value = 0;
	unsigned int i;
	int other;

	if (!requests_work())
		SKIP(return, SKIP_REQUESTS);
	other = timeline();
	for (i = 0; i < FIRST_KINDS * 8; i++) {
		row = (struct late_row) {
			.kind = i / 8,
			.stops = i & 4,
			.aio = i & 2,
			.fence = i & 1 ? READ : WRITE,
			.events = i & 1 ? POLLOUT : POLLIN,
		};
		if (row.kind == NOTHING && row.stops)
			continue;
		bad = late_request(&row, self->fd, self->timeline, other, ++value);
		if (on_stock() && bad)
			break;
		EXPECT_EQ(NULL, bad)
			TH_LOG("a request of %s %s", late_name(&row), bad);
	}
	close(other);
	if (differs_on_stock(REQUEST_COMPLETES_EARLY, bad && !strcmp(bad, EARLY)))
		return;
}

/*
 * Passes when a request for IN and OUT completes with IN only while a read
 * fence is pending.
 */
TEST_F(fenced, request_for_both)
{
	int reader, aio, events, early = 0;
	struct request request;

	if (!requests_work())
		SKIP(return, SKIP_REQUESTS);
	reader = timeline();
	for (aio = 0; aio < 2 && !early; aio++) {
		add_fence(self->fd, WRITE, self->timeline, aio + 1);
		add_fence(self->fd, READ, reader, aio + 1);
		ASSERT_EQ(0, request_open(&request, aio));
		ASSERT_EQ(1, request_submit(&request, self->fd, BOTH));
		EXPECT_EQ(0, request_result(&request, 20));
		advance(self->timeline, 1);
		events = request_result(&request, TIMEOUT_MS);
		early = on_stock() && events & POLLOUT;
		if (!early) {
			EXPECT_EQ(POLLIN, events)
				TH_LOG("with %s", aio ? "aio" : "io_uring");
		}
		advance(reader, 1);
		request_close(&request);
	}
	close(reader);
	if (differs_on_stock(REQUEST_COMPLETES_EARLY, early))
		return;
}

/*
 * Passes when a multishot request reports no event while any fence is pending,
 * in whichever order the fences signal, and the event once all have signalled.
 */
TEST_F(fenced, multishot_request)
{
	struct io_uring_sqe request = {
		.opcode = IORING_OP_POLL_ADD,
		.fd = self->fd,
		.poll_events = POLLOUT,
		.len = IORING_POLL_ADD_MULTI,
	};
	int line[8], early = 0, i;
	struct ring ring;

	if (ring_open(&ring))
		SKIP(return, SKIP_RING);
	add_timelines(self->fd, line, 8, WRITE, READ);
	ASSERT_EQ(1, ring_submit(&ring, &request));
	for (i = 0; i < 7; i++) {
		advance(line[i * 3 % 8], 1);
		early |= ring_result(&ring, 5);
	}
	advance(line[7 * 3 % 8], 1);
	i = ring_result(&ring, TIMEOUT_MS);
	ring_close(&ring);
	if (differs_on_stock(REQUEST_COMPLETES_EARLY, early))
		return;
	EXPECT_EQ(0, early);
	EXPECT_EQ(POLLOUT, i);
	close_timelines(line, 8);
}

/* Arguments of a thread that signals all fences and then occupies its CPU */
struct spinner {
	int line[2];
	int fences;
	double signalled;	/* in ms; valid once the thread has ended */
};

#define SPIN_MS 300

static int stay_on_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return or_errno(sched_setaffinity(0, sizeof(set), &set));
}

static int call_spin(struct worker *worker)
{
	struct spinner *spinner = (void *)(uintptr_t)worker->arg;
	struct sched_param param = { .sched_priority = 50 };
	int ret = stay_on_cpu(1), i;

	if (!ret)
		ret = or_errno(sched_setscheduler(0, SCHED_FIFO, &param));
	sleep_ms(50);
	for (i = 0; i < spinner->fences; i++)
		sys_advance(spinner->line[i], 1);
	spinner->signalled = now_ms();
	while (!ret && now_ms() < spinner->signalled + SPIN_MS)
		;
	return ret;
}

/*
 * Return how many ms after the last signal poll() returns while the CPU that
 * signals is kept busy, or -errno.
 */
static double late_poller(int fd, int fences)
{
	struct spinner spinner = { .fences = fences };
	struct worker worker = { .call = call_spin, .arg = (uintptr_t)&spinner };
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	double back;
	int ret;

	ret = sys_add_timelines(fd, spinner.line, fences, WRITE, WRITE);
	ret = ret ?: -worker_begin(&worker);
	if (ret)
		return ret;
	if (poll(&pfd, 1, TIMEOUT_MS) != 1)
		ret = -ETIME;
	back = now_ms();
	ret = worker_join(&worker) ?: ret;
	close_timelines(spinner.line, fences);
	if (ret)
		return ret;
	/* poll() may return before the spinner reads the time of the signal. */
	return back > spinner.signalled ? back - spinner.signalled : 0;
}

/*
 * Passes when a poller wakes while a real-time thread occupies the CPU that
 * signalled. One success in five tries is enough, since other work may delay
 * the poller as well.
 */
TEST_F(fenced, signalled_on_a_busy_cpu)
{
	double late, best;
	int fences, i;

	if (stay_on_cpu(1) || stay_on_cpu(0))
		SKIP(return, "needs CPUs 0 and 1");
	for (fences = 1; fences <= 2; fences++) {
		best = SPIN_MS;
		for (i = 0; i < 5 && best > SPIN_MS / 2; i++) {
			late = late_poller(self->fd, fences);
			if (late == -EPERM)
				SKIP(return, "no real-time thread: needs CAP_SYS_NICE");
			ASSERT_LE(0, late)
				TH_LOG("error %.0f", late);
			best = late < best ? late : best;
		}
		EXPECT_LT(best, SPIN_MS / 2)
			TH_LOG("with %d fences poll() returned %.0f ms late",
			       fences, best);
	}
}

/*
 * Passes when a poller of a duplicated fd keeps waiting after the original fd
 * is closed.
 */
TEST_F(fenced, closed_while_polled)
{
	struct worker worker = { .call = call_poll, .arg = POLLIN };

	add_fence(self->fd, WRITE, self->timeline, 1);
	worker.fd = must(or_errno(dup(self->fd)));
	worker_start(&worker);
	EXPECT_TRUE(worker_blocks(&worker));
	close_buffer();
	EXPECT_TRUE(worker_blocks(&worker));
	advance(self->timeline, 1);
	EXPECT_EQ(POLLIN, worker_join(&worker));
	close(worker.fd);
	if (self->objects >= 0)
		EXPECT_TRUE(unlisted_soon(self->ino));
}

/*
 * Passes when a blocked poller keeps the buffer alive after its last fd is
 * closed.
 */
TEST_F(fenced, last_close_while_polled)
{
	struct worker worker = { .call = call_poll, .fd = self->fd, .arg = POLLIN };

	add_fence(self->fd, WRITE, self->timeline, 1);
	worker_start(&worker);
	EXPECT_TRUE(worker_blocks(&worker));
	close_buffer();
	EXPECT_TRUE(worker_blocks(&worker));
	if (self->objects >= 0)
		EXPECT_TRUE(listed(self->ino));
	advance(self->timeline, 1);
	/* poll() looks the descriptor up again when it wakes. */
	EXPECT_EQ(POLLNVAL, worker_join(&worker));
	if (self->objects >= 0)
		EXPECT_TRUE(unlisted_soon(self->ino));
}

/* Passes when a pending fence does not keep a buffer in an epoll alive. */
TEST_F(fenced, never_signalled_epoll)
{
	int epoll;

	if (self->objects < 0)
		SKIP(return, SKIP_BUFINFO);
	add_fence(self->fd, WRITE, self->timeline, 1);
	epoll = must(watch(self->fd, EPOLLIN | EPOLLOUT));
	EXPECT_EQ(0, reported(epoll, 20));
	close_buffer();
	if (differs_on_stock(POLL_PINS_FILE, listed(self->ino)))
		return;
	EXPECT_FALSE(listed(self->ino));
	EXPECT_EQ(0, reported(epoll, 0));
	advance(self->timeline, 1);
	EXPECT_EQ(0, reported(epoll, 20));
	close(epoll);
}

/* Passes when a poll() that has timed out does not keep the buffer alive. */
TEST_F(fenced, never_signalled_poll)
{
	struct pollfd pfd = { .fd = self->fd, .events = BOTH };

	if (self->objects < 0)
		SKIP(return, SKIP_BUFINFO);
	add_fence(self->fd, WRITE, self->timeline, 1);
	ASSERT_EQ(0, poll(&pfd, 1, 0));
	ASSERT_EQ(0, poll(&pfd, 1, 20));
	close_buffer();
	if (differs_on_stock(POLL_PINS_FILE, listed(self->ino)))
		return;
	EXPECT_FALSE(listed(self->ino));
}

/*
 * Passes when the fence wakes a poller while an epoll of the same buffer is
 * being closed, and the buffer is closed afterwards.
 */
TEST_F(fenced, signal_races_with_close)
{
	struct worker worker = { .call = call_poll, .arg = BOTH };
	int i, line, epoll;

	for (i = 0; i < 100; i++) {
		line = timeline();
		worker.fd = must(self->exporter->alloc(self->dev, self->page, true));
		add_fence(worker.fd, WRITE, line, 1);
		epoll = must(watch(worker.fd, EPOLLIN | EPOLLET));
		worker_start(&worker);
		if (i % 2)
			sleep_ms(1);
		advance(line, 1);
		close(epoll);
		EXPECT_NE(0, worker_join(&worker) & BOTH);
		close(worker.fd);
		close(line);
	}
}

static int advance_later(struct worker *worker)
{
	return sys_advance(worker->fd, 1);
}

/*
 * Passes when a buffer with an armed callback can be closed while its fence
 * signals.
 */
TEST_F(fenced, close_races_with_signal)
{
	struct worker worker = { .call = advance_later };
	int i, fd, epoll, held;

	for (i = 0; i < 100; i++) {
		worker.fd = timeline();
		fd = must(self->exporter->alloc(self->dev, self->page, true));
		/*
		 * sw_sync does not support a fence that is freed while it
		 * signals.
		 */
		held = fence(worker.fd, 1);
		import_fence(fd, WRITE, held);
		epoll = must(watch(fd, EPOLLIN | EPOLLOUT));
		EXPECT_EQ(0, reported(epoll, 0));
		worker_start(&worker);
		close(fd);
		EXPECT_EQ(0, worker_join(&worker));
		close(epoll);
		close(held);
		close(worker.fd);
	}
}

TEST_HARNESS_MAIN
