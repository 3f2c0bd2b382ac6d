// SPDX-License-Identifier: GPL-2.0-only
/*
 * Polling: readiness, callbacks on fences, and wake-ups of the waiters
 */

#include <linux/delay.h>
#include <linux/poll.h>
#include <linux/sizes.h>
#include <linux/wait.h>

#include "mock.h"

#define DMA_BUF_POLL_BOTH	(POLLIN | POLLOUT)

/* Time to wait for wake-ups that must not happen. */
#define DMA_BUF_POLL_SETTLE_MS	40

/**
 * struct dma_buf_waiter - a waiter in poll()
 * @table: argument of poll()
 * @entry: queued on the buffer's wait queue
 * @head: that queue; NULL until the first poll()
 * @file: the buffer's file
 * @wakes: wake-ups so far
 * @keys: events that the wake-ups reported
 * @own_wakes: wake-ups caused by the waiter's own last poll(), not in @wakes
 */
struct dma_buf_waiter {
	poll_table table;
	wait_queue_entry_t entry;
	wait_queue_head_t *head;
	struct file *file;
	int wakes;
	u32 keys;
	int own_wakes;
};

/* Called with the queue's lock held. */
static int dma_buf_waiter_wake(wait_queue_entry_t *entry, unsigned int mode,
			       int sync, void *key)
{
	struct dma_buf_waiter *waiter = container_of(entry,
						     struct dma_buf_waiter,
						     entry);

	waiter->keys |= (__force u32)key_to_poll(key);
	WRITE_ONCE(waiter->wakes, waiter->wakes + 1);
	return 1;
}

static void dma_buf_waiter_queue(struct file *file, wait_queue_head_t *head,
				 poll_table *table)
{
	struct dma_buf_waiter *waiter = container_of(table,
						     struct dma_buf_waiter,
						     table);

	waiter->head = head;
	add_wait_queue(head, &waiter->entry);
}

static void dma_buf_waiter_end(void *data)
{
	struct dma_buf_waiter *waiter = data;

	if (waiter->head)
		remove_wait_queue(waiter->head, &waiter->entry);
	waiter->head = NULL;
}

/* Leave the wait queue before the end of the case. */
static void dma_buf_waiter_leave(struct kunit *test,
				 struct dma_buf_waiter *waiter)
{
	kunit_release_action(test, dma_buf_waiter_end, waiter);
}

static void dma_buf_waiter_init(struct dma_buf_waiter *waiter,
				struct mock_exporter *exp, u32 events)
{
	waiter->file = exp->dmabuf->file;
	init_poll_funcptr(&waiter->table, dma_buf_waiter_queue);
	waiter->table._key = (__force __poll_t)events;
	init_waitqueue_func_entry(&waiter->entry, dma_buf_waiter_wake);
}

static struct dma_buf_waiter *
dma_buf_waiter_create(struct kunit *test, struct mock_exporter *exp, u32 events)
{
	struct dma_buf_waiter *waiter = kunit_kzalloc(test, sizeof(*waiter),
						      GFP_KERNEL);
	int ret;

	KUNIT_ASSERT_NOT_NULL(test, waiter);
	dma_buf_waiter_init(waiter, exp, events);
	ret = kunit_add_action_or_reset(test, dma_buf_waiter_end, waiter);
	KUNIT_ASSERT_EQ(test, ret, 0);

	return waiter;
}

/*
 * Poll once. Like poll() and epoll, the waiter queues with the first call and
 * makes the later ones without a queue function. A later call that finds the
 * buffer ready also causes a wake-up.
 */
static u32 dma_buf_waiter_poll(struct dma_buf_waiter *waiter)
{
	int wakes = waiter->wakes;
	u32 keys = waiter->keys;
	__poll_t ret = waiter->file->f_op->poll(waiter->file, &waiter->table);

	waiter->table._qproc = NULL;
	waiter->own_wakes = waiter->wakes - wakes;
	waiter->wakes = wakes;
	waiter->keys = keys;
	return (__force u32)ret;
}

/* Poll like poll() with no timeout: the caller will not sleep. */
static u32 dma_buf_poll_nowait(struct mock_exporter *exp, u32 events)
{
	poll_table table = { ._key = (__force __poll_t)events };
	struct file *file = exp->dmabuf->file;

	return (__force u32)file->f_op->poll(file, &table);
}

/* Wait for @want wake-ups, and then for any that must not follow. */
static int dma_buf_waiter_wakes(struct dma_buf_waiter *waiter, int want)
{
	int i;

	for (i = 0; i < 250 && READ_ONCE(waiter->wakes) < want; i++)
		msleep(20);
	msleep(DMA_BUF_POLL_SETTLE_MS);

	return READ_ONCE(waiter->wakes);
}

/* Passes when a buffer that never had a fence reports the polled events. */
static void never_fenced(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct file *file = exp->dmabuf->file;

	KUNIT_EXPECT_EQ(test, dma_buf_poll_nowait(exp, DMA_BUF_POLL_BOTH),
			DMA_BUF_POLL_BOTH);
	KUNIT_EXPECT_EQ(test, dma_buf_poll_nowait(exp, POLLIN), POLLIN);
	KUNIT_EXPECT_EQ(test, dma_buf_poll_nowait(exp, POLLOUT), POLLOUT);
	KUNIT_EXPECT_EQ(test, dma_buf_poll_nowait(exp, POLLPRI), 0);
	KUNIT_EXPECT_EQ(test, (__force u32)file->f_op->poll(file, NULL),
			DMA_BUF_POLL_BOTH);
}

static const struct dma_buf_poll_ready_row {
	const char *desc;
	enum dma_resv_usage usage;
	u32 ready;
} dma_buf_poll_ready_rows[] = {
	{ "kernel", DMA_RESV_USAGE_KERNEL, 0 },
	{ "write", DMA_RESV_USAGE_WRITE, 0 },
	{ "read", DMA_RESV_USAGE_READ, POLLIN },
	{ "bookkeep", DMA_RESV_USAGE_BOOKKEEP, DMA_BUF_POLL_BOTH },
};

KUNIT_ARRAY_PARAM_DESC(dma_buf_poll_ready, dma_buf_poll_ready_rows, desc);

/*
 * Passes when POLLIN waits for kernel and write fences, and POLLOUT for read
 * fences too, but neither for bookkeeping fences.
 */
static void usage_and_events(struct kunit *test)
{
	const struct dma_buf_poll_ready_row *row = test->param_value;
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct dma_fence *fence;
	u32 events;

	fence = mock_fence_add_new(test, exp->dmabuf, row->usage);
	for (events = 0; events <= 0xf; events++)
		KUNIT_EXPECT_EQ_MSG(test, dma_buf_poll_nowait(exp, events),
				    events & row->ready, "events %#x", events);

	dma_fence_signal(fence);
	for (events = 0; events <= 0xf; events++)
		KUNIT_EXPECT_EQ_MSG(test, dma_buf_poll_nowait(exp, events),
				    events & DMA_BUF_POLL_BOTH, "events %#x",
				    events);
}

/* Passes when a fence that signals an error makes the buffer ready, too. */
static void fence_error(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct dma_fence *fence;

	fence = mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_WRITE);
	dma_fence_set_error(fence, -EIO);
	dma_fence_signal(fence);
	KUNIT_EXPECT_EQ(test, dma_buf_poll_nowait(exp, DMA_BUF_POLL_BOTH),
			DMA_BUF_POLL_BOTH);
}

/*
 * Passes when poll() without sleeping enables signaling of a fence once and
 * adds no callback to it.
 */
static void nowait_adds_no_callback(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct mock_timeline *tl = mock_timeline_create(test);
	struct dma_fence *fence = mock_fence_create(test, tl, false);
	struct file *file = exp->dmabuf->file;

	mock_fence_add(test, exp->dmabuf, fence, DMA_RESV_USAGE_WRITE);
	KUNIT_EXPECT_EQ(test, dma_buf_poll_nowait(exp, DMA_BUF_POLL_BOTH), 0);
	KUNIT_EXPECT_EQ(test, (__force u32)file->f_op->poll(file, NULL), 0);
	KUNIT_EXPECT_FALSE(test, mock_fence_armed(fence));
	KUNIT_EXPECT_EQ(test, atomic_read(&tl->enabled), 1);
}

/*
 * Passes when poll() without sleeping reports fences that are complete but
 * signal only once signaling is enabled.
 */
static void nowait_enables_signaling(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct mock_timeline *tl = mock_timeline_create(test);
	struct dma_fence *fence[3];
	int i;

	for (i = 0; i < ARRAY_SIZE(fence); i++) {
		fence[i] = mock_fence_create(test, tl, false);
		mock_fence_add(test, exp->dmabuf, fence[i], i == 1 ?
			       DMA_RESV_USAGE_READ : DMA_RESV_USAGE_WRITE);
	}
	mock_fence_complete_silently(fence[0]);
	mock_fence_complete_silently(fence[2]);
	KUNIT_EXPECT_EQ(test, dma_buf_poll_nowait(exp, DMA_BUF_POLL_BOTH),
			POLLIN);
	dma_fence_signal(fence[1]);
	KUNIT_EXPECT_EQ(test, dma_buf_poll_nowait(exp, DMA_BUF_POLL_BOTH),
			DMA_BUF_POLL_BOTH);
	KUNIT_EXPECT_EQ(test, atomic_read(&tl->enabled), 3);
}

/* Passes when poll() by a waiter adds no callback if its events are ready. */
static void ready_adds_no_callback(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct dma_buf_waiter *waiter;
	struct dma_fence *fence;

	fence = mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_READ);
	waiter = dma_buf_waiter_create(test, exp, POLLIN);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(waiter), POLLIN);
	KUNIT_EXPECT_FALSE(test, mock_fence_armed(fence));
	dma_fence_signal(fence);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_wakes(waiter, 0), 0);
}

/*
 * Passes when poll() for neither POLLIN nor POLLOUT adds no callback. Counted
 * for no event, it would not wake the last close, which waits for it.
 */
static void other_events_add_no_callback(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct dma_buf_waiter *waiter;
	struct dma_fence *fence;

	fence = mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_WRITE);
	waiter = dma_buf_waiter_create(test, exp, POLLPRI);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(waiter), 0);
	KUNIT_EXPECT_FALSE(test, mock_fence_armed(fence));
	dma_fence_signal(fence);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_wakes(waiter, 0), 0);
}

/*
 * Passes when a callback holds a reference to its fence and to nothing else,
 * and drops it when it has run or is removed.
 */
static void callback_references(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct dma_buf_waiter *waiter;
	struct dma_fence *fence, *next;

	fence = mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_WRITE);
	waiter = dma_buf_waiter_create(test, exp, DMA_BUF_POLL_BOTH);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(waiter), 0);
	KUNIT_EXPECT_TRUE(test, mock_fence_armed(fence));
	KUNIT_EXPECT_EQ(test, file_count(exp->dmabuf->file), 1);

	dma_fence_signal(fence);
	KUNIT_EXPECT_EQ(test, kref_read(&fence->refcount), 2);
	KUNIT_EXPECT_EQ(test, file_count(exp->dmabuf->file), 1);

	next = mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_WRITE);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(waiter), 0);
	KUNIT_EXPECT_EQ(test, kref_read(&next->refcount), 3);
	dma_buf_waiter_leave(test, waiter);
	mock_put_sync(exp);
	KUNIT_EXPECT_TRUE(test, mock_wait_released(exp));
	KUNIT_EXPECT_EQ(test, kref_read(&fence->refcount), 1);
	KUNIT_EXPECT_EQ(test, kref_read(&next->refcount), 1);
}

enum dma_buf_poll_order { DMA_BUF_FORWARD, DMA_BUF_REVERSE, DMA_BUF_RANDOM };

static const struct dma_buf_poll_wake_row {
	const char *desc;
	int num;
	enum dma_buf_poll_order order;
	bool share_lock;
	u32 events;
	enum dma_resv_usage usage;
} dma_buf_poll_wake_rows[] = {
	{ "1 fence, IN", 1, DMA_BUF_FORWARD, false, POLLIN,
	  DMA_RESV_USAGE_WRITE },
	{ "1 fence, OUT", 1, DMA_BUF_FORWARD, false, POLLOUT,
	  DMA_RESV_USAGE_READ },
	{ "1 kernel fence, OUT", 1, DMA_BUF_FORWARD, false, POLLOUT,
	  DMA_RESV_USAGE_KERNEL },
	{ "8 in order, IN", 8, DMA_BUF_FORWARD, false, POLLIN,
	  DMA_RESV_USAGE_WRITE },
	{ "8 in order, OUT", 8, DMA_BUF_FORWARD, false, POLLOUT,
	  DMA_RESV_USAGE_READ },
	{ "8 in reverse, IN", 8, DMA_BUF_REVERSE, false, POLLIN,
	  DMA_RESV_USAGE_WRITE },
	{ "8 in reverse, OUT", 8, DMA_BUF_REVERSE, false, POLLOUT,
	  DMA_RESV_USAGE_READ },
	{ "8 at random, IN", 8, DMA_BUF_RANDOM, false, POLLIN,
	  DMA_RESV_USAGE_WRITE },
	{ "8 in reverse, one lock", 8, DMA_BUF_REVERSE, true, POLLOUT,
	  DMA_RESV_USAGE_READ },
	{ "64 in order", 64, DMA_BUF_FORWARD, false, POLLOUT,
	  DMA_RESV_USAGE_READ },
	{ "64 in order, one lock", 64, DMA_BUF_FORWARD, true, POLLOUT,
	  DMA_RESV_USAGE_READ },
	{ "64 in reverse", 64, DMA_BUF_REVERSE, false, POLLIN,
	  DMA_RESV_USAGE_WRITE },
	{ "64 in reverse, one lock", 64, DMA_BUF_REVERSE, true, POLLIN,
	  DMA_RESV_USAGE_WRITE },
	{ "64 at random", 64, DMA_BUF_RANDOM, false, POLLOUT,
	  DMA_RESV_USAGE_READ },
	{ "64 at random, one lock", 64, DMA_BUF_RANDOM, true, POLLOUT,
	  DMA_RESV_USAGE_WRITE },
};

KUNIT_ARRAY_PARAM_DESC(dma_buf_poll_wake, dma_buf_poll_wake_rows, desc);

/* Index of the fence that signals as number @i. 37 is coprime to @num. */
static int dma_buf_poll_signal_order(const struct dma_buf_poll_wake_row *row,
				     int i)
{
	switch (row->order) {
	case DMA_BUF_REVERSE:
		return row->num - 1 - i;
	case DMA_BUF_RANDOM:
		return (i * 37 + 5) % row->num;
	default:
		return i;
	}
}

/* Add the row's fences to a buffer and poll it with one waiter. */
static struct dma_buf_waiter *
dma_buf_poll_wait_for(struct kunit *test,
		      const struct dma_buf_poll_wake_row *row,
		      struct dma_fence **fence)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct mock_timeline *tl = mock_timeline_create(test);
	struct dma_buf_waiter *waiter;
	int i;

	for (i = 0; i < row->num; i++) {
		fence[i] = mock_fence_create(test, tl, row->share_lock);
		mock_fence_add(test, exp->dmabuf, fence[i], row->usage);
	}
	waiter = dma_buf_waiter_create(test, exp, row->events);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(waiter), 0);

	return waiter;
}

/* Passes when the waiter is woken once, after the last fence and not before. */
static void wakes_once(struct kunit *test)
{
	const struct dma_buf_poll_wake_row *row = test->param_value;
	struct dma_buf_waiter *waiter;
	struct dma_fence *fence[64];
	int i;

	waiter = dma_buf_poll_wait_for(test, row, fence);

	for (i = 0; i < row->num - 1; i++)
		dma_fence_signal(fence[dma_buf_poll_signal_order(row, i)]);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_wakes(waiter, 0), 0);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(waiter), 0);

	dma_fence_signal(fence[dma_buf_poll_signal_order(row, i)]);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_wakes(waiter, 1), 1);
	KUNIT_EXPECT_EQ(test, waiter->keys, row->events);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(waiter), row->events);
	for (i = 0; i < row->num; i++)
		KUNIT_EXPECT_LE(test, kref_read(&fence[i]->refcount), 3);
}

/*
 * Passes when fences that all signal before the waiter polls again wake it once
 * as well.
 */
static void wakes_once_burst(struct kunit *test)
{
	const struct dma_buf_poll_wake_row *row = test->param_value;
	struct dma_buf_waiter *waiter;
	struct dma_fence *fence[64];
	int i;

	waiter = dma_buf_poll_wait_for(test, row, fence);

	for (i = 0; i < row->num; i++)
		dma_fence_signal(fence[dma_buf_poll_signal_order(row, i)]);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_wakes(waiter, 1), 1);
	KUNIT_EXPECT_EQ(test, waiter->keys, row->events);
}

/* Passes when a waiter for both events is woken for each of them in turn. */
static void in_then_out(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct dma_fence *reader, *writer;
	struct dma_buf_waiter *waiter;

	writer = mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_WRITE);
	reader = mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_READ);
	waiter = dma_buf_waiter_create(test, exp, DMA_BUF_POLL_BOTH);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(waiter), 0);

	dma_fence_signal(writer);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_wakes(waiter, 1), 1);
	KUNIT_EXPECT_EQ(test, waiter->keys, POLLIN);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(waiter), POLLIN);

	waiter->keys = 0;
	dma_fence_signal(reader);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_wakes(waiter, 2), 2);
	KUNIT_EXPECT_EQ(test, waiter->keys, POLLOUT);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(waiter), DMA_BUF_POLL_BOTH);
}

/* Passes when a read fence neither delays nor wakes a waiter for POLLIN. */
static void in_ignores_reader(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct dma_fence *reader, *writer;
	struct dma_buf_waiter *waiter;

	writer = mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_WRITE);
	reader = mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_READ);
	waiter = dma_buf_waiter_create(test, exp, POLLIN);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(waiter), 0);
	KUNIT_EXPECT_FALSE(test, mock_fence_armed(reader));

	dma_fence_signal(reader);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_wakes(waiter, 0), 0);
	dma_fence_signal(writer);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_wakes(waiter, 1), 1);
}

/*
 * Passes when a fence that is added while a waiter sleeps is waited for, too:
 * the waiter is woken by the only fence it found and finds the new one.
 */
static void fence_added_later(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct dma_buf_waiter *waiter;
	struct dma_fence *one, *two;

	one = mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_WRITE);
	waiter = dma_buf_waiter_create(test, exp, POLLIN);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(waiter), 0);
	two = mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_WRITE);

	dma_fence_signal(one);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_wakes(waiter, 1), 1);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(waiter), 0);
	KUNIT_EXPECT_TRUE(test, mock_fence_armed(two));
	dma_fence_signal(two);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_wakes(waiter, 2), 2);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(waiter), POLLIN);
}

/*
 * Passes when signaling is never enabled in interrupt context: drivers may hold
 * the lock of their fences with interrupts on.
 */
static void enables_in_task_only(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct mock_timeline *tl = mock_timeline_create(test);
	struct dma_buf_waiter *waiter;
	struct dma_fence *fence[8];
	int i;

	for (i = 0; i < ARRAY_SIZE(fence); i++) {
		fence[i] = mock_fence_create(test, tl, true);
		mock_fence_add(test, exp->dmabuf, fence[i],
			       DMA_RESV_USAGE_WRITE);
	}
	waiter = dma_buf_waiter_create(test, exp, POLLIN);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(waiter), 0);
	for (i = ARRAY_SIZE(fence); i--;) {
		KUNIT_EXPECT_EQ(test, dma_buf_waiter_wakes(waiter, 0), 0);
		dma_fence_signal(fence[i]);
	}
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_wakes(waiter, 1), 1);
	KUNIT_EXPECT_GT(test, atomic_read(&tl->enabled), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&tl->enabled_in_irq), 0);
}

/*
 * Passes when polling a ready buffer, and nothing else, wakes its wait queue,
 * so that edge-triggered epoll polls it again.
 */
static void edge_polls_again(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct dma_buf_waiter *waiter =
		dma_buf_waiter_create(test, exp, POLLIN);
	struct dma_fence *fence;
	int i;

	KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(waiter), POLLIN);
	KUNIT_EXPECT_EQ(test, waiter->own_wakes, 0);
	for (i = 1; i <= 3; i++) {
		KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(waiter), POLLIN);
		KUNIT_EXPECT_EQ(test, waiter->own_wakes, 1);
		fence = mock_fence_add_new(test, exp->dmabuf,
					   DMA_RESV_USAGE_WRITE);
		KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(waiter), 0);
		KUNIT_EXPECT_EQ(test, waiter->own_wakes, 0);
		dma_fence_signal(fence);
		KUNIT_EXPECT_EQ(test, dma_buf_waiter_wakes(waiter, i), i);
	}
}

/*
 * Passes when a waiter is woken that was queued while the buffer was ready and
 * polls again without a queue function, like epoll and the later rounds of
 * poll().
 */
static void repoll_adds_callback(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct dma_buf_waiter *waiter;
	struct dma_fence *fence;
	int i;

	waiter = dma_buf_waiter_create(test, exp, POLLIN);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(waiter), POLLIN);

	for (i = 1; i <= 3; i++) {
		fence = mock_fence_add_new(test, exp->dmabuf,
					   DMA_RESV_USAGE_WRITE);
		KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(waiter), 0);
		KUNIT_EXPECT_TRUE(test, mock_fence_armed(fence));
		dma_fence_signal(fence);
		KUNIT_EXPECT_EQ(test, dma_buf_waiter_wakes(waiter, i), i);
		KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(waiter), POLLIN);
	}
}

/* Passes when repeated polls add one callback and cause one wake-up. */
static void repeated_polls(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct dma_buf_waiter *waiter;
	struct dma_fence *fence;
	int i;

	fence = mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_WRITE);
	waiter = dma_buf_waiter_create(test, exp, POLLIN);
	for (i = 0; i < 10; i++)
		KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(waiter), 0);
	dma_fence_signal(fence);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_wakes(waiter, 1), 1);
}

/* Passes when every waiter is woken once. */
static void many_waiters(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct dma_buf_waiter *waiter[8];
	struct dma_fence *fence;
	int i;

	fence = mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_WRITE);
	for (i = 0; i < ARRAY_SIZE(waiter); i++) {
		waiter[i] = dma_buf_waiter_create(test, exp, POLLIN);
		KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(waiter[i]), 0);
	}
	dma_fence_signal(fence);
	for (i = 0; i < ARRAY_SIZE(waiter); i++)
		KUNIT_EXPECT_EQ(test, dma_buf_waiter_wakes(waiter[i], 1), 1);
}

/* Passes when a waiter is woken although the arming waiter has left. */
static void first_waiter_leaves(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct dma_buf_waiter *left, *waiter;
	struct dma_fence *fence;

	fence = mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_WRITE);
	left = dma_buf_waiter_create(test, exp, POLLIN);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(left), 0);
	dma_buf_waiter_leave(test, left);

	waiter = dma_buf_waiter_create(test, exp, POLLIN);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(waiter), 0);
	dma_fence_signal(fence);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_wakes(waiter, 1), 1);
	KUNIT_EXPECT_EQ(test, left->wakes, 0);
}

/*
 * Passes when fences that signal after all waiters have left wake none of them,
 * and a later waiter is woken.
 */
static void all_waiters_leave(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct dma_buf_waiter *waiter;
	struct dma_fence *fence;
	int i;

	for (i = 0; i < 3; i++) {
		fence = mock_fence_add_new(test, exp->dmabuf,
					   DMA_RESV_USAGE_WRITE);
		waiter = dma_buf_waiter_create(test, exp, POLLIN);
		KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(waiter), 0);
		dma_buf_waiter_leave(test, waiter);
		dma_fence_signal(fence);
		KUNIT_EXPECT_EQ(test, waiter->wakes, 0);
		KUNIT_EXPECT_FALSE(test, mock_fence_armed(fence));
	}

	fence = mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_WRITE);
	waiter = dma_buf_waiter_create(test, exp, POLLIN);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(waiter), 0);
	dma_fence_signal(fence);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_wakes(waiter, 1), 1);
}

static const struct dma_buf_poll_late_row {
	const char *desc;
	u32 events;
	enum dma_resv_usage usage;
	bool leaves;	/* the first waiter, before the second fence */
	bool reverse;	/* the second fence signals first */
} dma_buf_poll_late_rows[] = {
	{ "IN", POLLIN, DMA_RESV_USAGE_WRITE },
	{ "IN, reverse", POLLIN, DMA_RESV_USAGE_WRITE, .reverse = true },
	{ "IN, first left", POLLIN, DMA_RESV_USAGE_WRITE, .leaves = true },
	{ "OUT", POLLOUT, DMA_RESV_USAGE_READ },
	{ "OUT, reverse", POLLOUT, DMA_RESV_USAGE_READ, .reverse = true },
	{ "OUT, first left", POLLOUT, DMA_RESV_USAGE_READ, .leaves = true },
};

KUNIT_ARRAY_PARAM_DESC(dma_buf_poll_late, dma_buf_poll_late_rows, desc);

/*
 * Passes when a waiter that found two fences is woken after both, although an
 * earlier waiter had found, and counted, only the first.
 */
static void late_waiter(struct kunit *test)
{
	const struct dma_buf_poll_late_row *row = test->param_value;
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct dma_buf_waiter *first, *second;
	struct dma_fence *fence[2];

	fence[0] = mock_fence_add_new(test, exp->dmabuf, row->usage);
	first = dma_buf_waiter_create(test, exp, row->events);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(first), 0);
	if (row->leaves)
		dma_buf_waiter_leave(test, first);

	fence[1] = mock_fence_add_new(test, exp->dmabuf, row->usage);
	second = dma_buf_waiter_create(test, exp, row->events);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(second), 0);

	dma_fence_signal(fence[row->reverse]);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_wakes(second, 0), 0);
	dma_fence_signal(fence[!row->reverse]);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_wakes(second, 1), 1);
	KUNIT_EXPECT_EQ(test, second->keys, row->events);
	KUNIT_EXPECT_EQ(test, first->wakes, !row->leaves);
}

/*
 * Passes when a signal wakes for the event that it makes ready and for no
 * other: the write fence reports only POLLIN while a read fence is pending.
 */
static void other_event(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct dma_buf_waiter *in, *out;
	struct dma_fence *reader, *writer;

	writer = mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_WRITE);
	reader = mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_READ);
	in = dma_buf_waiter_create(test, exp, POLLIN);
	out = dma_buf_waiter_create(test, exp, POLLOUT);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(in), 0);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(out), 0);

	dma_fence_signal(writer);
	KUNIT_EXPECT_EQ(test, in->keys, POLLIN);
	KUNIT_EXPECT_EQ(test, out->keys, POLLIN);
	dma_fence_signal(reader);
	KUNIT_EXPECT_EQ(test, in->keys, DMA_BUF_POLL_BOTH);
	KUNIT_EXPECT_EQ(test, out->keys, DMA_BUF_POLL_BOTH);
	KUNIT_EXPECT_EQ(test, out->wakes, 2);
}

/* Passes when a signal that makes both events ready wakes once, for both. */
static void both_events(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct dma_buf_waiter *in, *both;
	struct dma_fence *writer;

	writer = mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_WRITE);
	in = dma_buf_waiter_create(test, exp, POLLIN);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(in), 0);
	/* The fence is counted for IN already, and now for OUT as well. */
	both = dma_buf_waiter_create(test, exp, DMA_BUF_POLL_BOTH);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(both), 0);

	dma_fence_signal(writer);
	KUNIT_EXPECT_EQ(test, both->wakes, 1);
	KUNIT_EXPECT_EQ(test, both->keys, DMA_BUF_POLL_BOTH);
}

/* A waiter that is queued immediately before, or after, a signal. */
struct dma_buf_poll_queueing {
	struct dma_buf_waiter waiter;
	struct dma_fence *fence;
	bool signal_first;
};

static void dma_buf_poll_queue_and_signal(struct file *file,
					  wait_queue_head_t *head,
					  poll_table *table)
{
	struct dma_buf_poll_queueing *q =
		container_of(table, struct dma_buf_poll_queueing, waiter.table);

	if (q->signal_first)
		dma_fence_signal(q->fence);
	dma_buf_waiter_queue(file, head, table);
	if (!q->signal_first)
		dma_fence_signal(q->fence);
}

static struct dma_buf_poll_queueing *
dma_buf_poll_queueing_create(struct kunit *test, struct mock_exporter *exp,
			     struct dma_fence *fence, bool signal_first)
{
	struct dma_buf_poll_queueing *q = kunit_kzalloc(test, sizeof(*q),
							GFP_KERNEL);
	int ret;

	KUNIT_ASSERT_NOT_NULL(test, q);
	q->fence = fence;
	q->signal_first = signal_first;
	dma_buf_waiter_init(&q->waiter, exp, POLLIN);
	q->waiter.table._qproc = dma_buf_poll_queue_and_signal;
	ret = kunit_add_action_or_reset(test, dma_buf_waiter_end, &q->waiter);
	KUNIT_ASSERT_EQ(test, ret, 0);

	return q;
}

/*
 * Passes when poll() reports a ready buffer if the last fence signals after
 * poll() has looked at the fences and before the waiter is queued.
 */
static void signal_before_queue(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct dma_buf_poll_queueing *q;
	struct dma_fence *fence;

	fence = mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_WRITE);
	q = dma_buf_poll_queueing_create(test, exp, fence, true);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(&q->waiter), POLLIN);
}

/*
 * Passes when a waiter that is queued while its poll() has not returned is not
 * woken by a fence that another waiter counted: it has already counted a fence
 * itself. An aio request completes with such a wake-up.
 */
static void signal_after_queue(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct dma_buf_poll_queueing *q;
	struct dma_buf_waiter *other;
	struct dma_fence *one, *two;

	one = mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_WRITE);
	other = dma_buf_waiter_create(test, exp, POLLIN);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(other), 0);
	two = mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_WRITE);

	q = dma_buf_poll_queueing_create(test, exp, one, false);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(&q->waiter), 0);
	KUNIT_EXPECT_EQ(test, q->waiter.own_wakes, 0);
	KUNIT_EXPECT_EQ(test, other->wakes, 0);
	dma_fence_signal(two);
	KUNIT_EXPECT_EQ(test, q->waiter.wakes, 1);
	KUNIT_EXPECT_EQ(test, other->wakes, 1);
}

/* A fence and a waiter that are added while a thread checks the fences. */
struct dma_buf_poll_meanwhile {
	struct mock_exporter *exp;
	struct dma_buf_waiter *waiter;
	struct dma_fence *fence;
	bool locked;
	u32 ready;
};

static bool dma_buf_poll_add_meanwhile(struct dma_fence *fence, void *data)
{
	struct dma_buf_poll_meanwhile *m = data;
	struct dma_resv *resv = m->exp->dmabuf->resv;

	if (m->locked)
		return false;

	m->locked = dma_resv_trylock(resv);
	if (!m->locked)
		return true;

	/* Slots are reserved, so the walk of the fences does not restart. */
	dma_resv_add_fence(resv, m->fence, DMA_RESV_USAGE_WRITE);
	dma_resv_unlock(resv);
	m->ready = dma_buf_waiter_poll(m->waiter);
	return true;
}

/*
 * Passes when a poll() that finds the buffer ready does not wake a waiter that
 * has found a newer fence: io_uring and aio would complete its request.
 */
static void edge_no_false_wake(struct kunit *test)
{
	struct dma_buf_poll_meanwhile m = { .ready = ~0 };
	struct mock_timeline *tl = mock_timeline_create(test);
	struct dma_buf_waiter *epoll;
	struct dma_fence *fence;

	if (IS_ENABLED(CONFIG_PREEMPT_RT) || IS_ENABLED(CONFIG_DEBUG_ATOMIC_SLEEP))
		kunit_skip(test, "polls in an RCU section, which must not sleep");

	m.exp = mock_exporter_create(test, 0, SZ_8K);
	m.waiter = dma_buf_waiter_create(test, m.exp, POLLIN);
	m.fence = mock_fence_create(test, tl, false);
	epoll = dma_buf_waiter_create(test, m.exp, POLLIN);

	/* Have the polling state allocated. */
	fence = mock_fence_add_new(test, m.exp->dmabuf, DMA_RESV_USAGE_WRITE);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(epoll), 0);
	dma_fence_signal(fence);
	KUNIT_EXPECT_EQ(test, epoll->wakes, 1);

	fence = mock_fence_add_new(test, m.exp->dmabuf, DMA_RESV_USAGE_WRITE);
	dma_resv_lock(m.exp->dmabuf->resv, NULL);
	KUNIT_EXPECT_EQ(test, dma_resv_reserve_fences(m.exp->dmabuf->resv, 2), 0);
	dma_resv_unlock(m.exp->dmabuf->resv);
	mock_fence_set_signaled(fence, dma_buf_poll_add_meanwhile, &m);

	KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(epoll), POLLIN);
	KUNIT_ASSERT_TRUE(test, m.locked);
	KUNIT_EXPECT_EQ(test, m.ready, 0);
	KUNIT_EXPECT_EQ(test, m.waiter->wakes, 0);
	KUNIT_EXPECT_TRUE(test, mock_fence_armed(m.fence));
	dma_fence_signal(m.fence);
	KUNIT_EXPECT_EQ(test, m.waiter->wakes, 1);
}

/* Passes when the core drops its reference to a fence once that signals. */
static void drops_fence_on_signal(struct kunit *test)
{
	const struct dma_buf_poll_wake_row *row = test->param_value;
	struct dma_buf_waiter *waiter;
	struct dma_fence *fence[64];
	int i, n;

	waiter = dma_buf_poll_wait_for(test, row, fence);
	for (i = 0; i < row->num; i++) {
		n = dma_buf_poll_signal_order(row, i);
		/* The case's, the reservation object's and the callback's. */
		KUNIT_EXPECT_EQ(test, kref_read(&fence[n]->refcount), 3);
		dma_fence_signal(fence[n]);
		KUNIT_EXPECT_EQ(test, kref_read(&fence[n]->refcount), 2);
	}
	KUNIT_EXPECT_EQ(test, waiter->wakes, 1);
}

/* Passes when polling for POLLIN does not enable signaling of read fences. */
static void in_enables_no_reader(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct mock_timeline *tl = mock_timeline_create(test);
	struct dma_buf_waiter *waiter =
		dma_buf_waiter_create(test, exp, POLLIN);

	mock_fence_add(test, exp->dmabuf, mock_fence_create(test, tl, false),
		       DMA_RESV_USAGE_READ);
	KUNIT_EXPECT_EQ(test, dma_buf_poll_nowait(exp, POLLIN), POLLIN);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(waiter), POLLIN);
	KUNIT_EXPECT_EQ(test, atomic_read(&tl->enabled), 0);
	KUNIT_EXPECT_EQ(test, dma_buf_poll_nowait(exp, POLLOUT), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&tl->enabled), 1);
}

/* Passes when polling and adding callbacks take no reservation lock. */
static void poll_without_lock(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct dma_buf_waiter *waiter;
	struct mock_resv_lock_holder *holder;
	struct dma_fence *fence;

	fence = mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_WRITE);
	holder = mock_resv_lock_holder_create(test, exp->dmabuf->resv);
	KUNIT_EXPECT_EQ(test, dma_buf_poll_nowait(exp, POLLIN), 0);
	waiter = dma_buf_waiter_create(test, exp, POLLIN);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(waiter), 0);
	dma_fence_signal(fence);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_wakes(waiter, 1), 1);
	KUNIT_EXPECT_TRUE(test, mock_resv_lock_holder_release(test, holder));
}

/*
 * Passes when buffers that share a reservation object are woken and released
 * independently.
 */
static void shared_resv(struct kunit *test)
{
	struct mock_exporter *one = mock_exporter_alloc(test, 0, SZ_8K);
	struct mock_exporter *two = mock_exporter_alloc(test, 0, SZ_8K);
	struct dma_buf_waiter *waiter_one, *waiter_two;
	struct dma_fence *fence;

	one->info.resv = mock_resv_create(test);
	two->info.resv = one->info.resv;
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mock_export(one));
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mock_export(two));

	fence = mock_fence_add_new(test, one->dmabuf, DMA_RESV_USAGE_WRITE);
	waiter_one = dma_buf_waiter_create(test, one, POLLIN);
	waiter_two = dma_buf_waiter_create(test, two, POLLOUT);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(waiter_one), 0);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(waiter_two), 0);

	dma_buf_waiter_leave(test, waiter_one);
	mock_put_sync(one);
	KUNIT_EXPECT_EQ(test, one->releases, 1);
	KUNIT_EXPECT_TRUE(test, mock_fence_armed(fence));

	dma_fence_signal(fence);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_wakes(waiter_two, 1), 1);

	/* The reservation object must outlive the buffers that use it. */
	dma_buf_waiter_leave(test, waiter_two);
	mock_put_sync(two);
}

/*
 * Passes when releasing the buffer removes the callback of a fence that never
 * signals, and drops its references.
 */
static void close_armed(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_alloc(test, 0, SZ_8K);
	struct dma_buf_waiter *waiter;
	struct dma_fence *fence;

	exp->info.resv = mock_resv_create(test);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mock_export(exp));
	fence = mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_WRITE);
	waiter = dma_buf_waiter_create(test, exp, DMA_BUF_POLL_BOTH);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(waiter), 0);
	KUNIT_EXPECT_TRUE(test, mock_fence_armed(fence));

	dma_buf_waiter_leave(test, waiter);
	mock_put_sync(exp);
	KUNIT_EXPECT_EQ(test, exp->releases, 1);
	KUNIT_EXPECT_FALSE(test, mock_fence_armed(fence));
	KUNIT_EXPECT_EQ(test, kref_read(&fence->refcount), 2);

	dma_fence_signal(fence);
	msleep(DMA_BUF_POLL_SETTLE_MS);
	KUNIT_EXPECT_EQ(test, waiter->wakes, 0);
}

static const struct dma_buf_poll_fences_row {
	const char *desc;
	int num;
} dma_buf_poll_fences_rows[] = {
	{ "one fence", 1 },
	{ "two fences", 2 },
};

KUNIT_ARRAY_PARAM_DESC(dma_buf_poll_fences, dma_buf_poll_fences_rows, desc);

/* Add @num fences and return the one that a waiter will arm. */
static struct dma_fence *
dma_buf_poll_add_fences(struct kunit *test, struct mock_exporter *exp, int num)
{
	struct dma_fence *fence = NULL;
	int i;

	for (i = 0; i < num; i++)
		fence = mock_fence_add_new(test, exp->dmabuf,
					   DMA_RESV_USAGE_WRITE);
	return fence;
}

#define DMA_BUF_POLL_ROUNDS	32

struct dma_buf_poll_race {
	struct mock_exporter *exp[DMA_BUF_POLL_ROUNDS];
	struct dma_fence *fence[DMA_BUF_POLL_ROUNDS];
	struct dma_buf_waiter *waiter[DMA_BUF_POLL_ROUNDS][2];
	atomic_t started[DMA_BUF_POLL_ROUNDS];
	atomic_t concurrent;
	atomic_t wrong;
};

/* Busy buffers, each with two waiters that are about to poll. */
static struct dma_buf_poll_race *dma_buf_poll_race_create(struct kunit *test,
							  int fences)
{
	struct dma_buf_poll_race *race;
	int i;

	race = kunit_kzalloc(test, sizeof(*race), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, race);
	for (i = 0; i < DMA_BUF_POLL_ROUNDS; i++) {
		race->exp[i] = mock_exporter_create(test, 0, SZ_8K);
		race->fence[i] =
			dma_buf_poll_add_fences(test, race->exp[i], fences);
		race->waiter[i][0] =
			dma_buf_waiter_create(test, race->exp[i], POLLIN);
		race->waiter[i][1] =
			dma_buf_waiter_create(test, race->exp[i], POLLIN);
	}

	return race;
}

/* Start a round at the same time as the other thread, if there are two CPUs. */
static void dma_buf_poll_race_sync(struct dma_buf_poll_race *race, int round)
{
	int retries = 100000;

	atomic_inc(&race->started[round]);
	while (atomic_read(&race->started[round]) < 2 && retries--)
		cpu_relax();
	if (retries >= 0)
		atomic_inc(&race->concurrent);
}

/* Check that the threads of a race did start rounds at the same time. */
static void dma_buf_poll_race_check(struct kunit *test,
				    struct dma_buf_poll_race *race)
{
	KUNIT_EXPECT_EQ(test, atomic_read(&race->wrong), 0);
	if (num_online_cpus() > 1)
		KUNIT_EXPECT_GT_MSG(test, atomic_read(&race->concurrent), 0,
				    "none of %d rounds began at the same time",
				    DMA_BUF_POLL_ROUNDS);
}

static void dma_buf_poll_race_poll(void *data, unsigned int id)
{
	struct dma_buf_poll_race *race = data;
	int i;

	for (i = 0; i < DMA_BUF_POLL_ROUNDS; i++) {
		dma_buf_poll_race_sync(race, i);
		if (dma_buf_waiter_poll(race->waiter[i][id]))
			atomic_inc(&race->wrong);
	}
}

/*
 * Passes when two waiters that poll a buffer for the first time concurrently
 * are both woken.
 */
static void first_two_waiters(struct kunit *test)
{
	struct dma_buf_poll_race *race = dma_buf_poll_race_create(test, 1);
	int i;

	mock_run_parallel(test, 2, dma_buf_poll_race_poll, race);
	dma_buf_poll_race_check(test, race);

	for (i = 0; i < DMA_BUF_POLL_ROUNDS; i++)
		dma_fence_signal(race->fence[i]);
	msleep(DMA_BUF_POLL_SETTLE_MS);
	for (i = 0; i < DMA_BUF_POLL_ROUNDS; i++) {
		KUNIT_EXPECT_EQ(test, race->waiter[i][0]->wakes, 1);
		KUNIT_EXPECT_EQ(test, race->waiter[i][1]->wakes, 1);
	}
}

static void dma_buf_poll_race_close(void *data, unsigned int id)
{
	struct dma_buf_poll_race *race = data;
	int i;

	for (i = 0; i < DMA_BUF_POLL_ROUNDS; i++) {
		dma_buf_poll_race_sync(race, i);
		if (id)
			mock_put_sync(race->exp[i]);
		else
			dma_fence_signal(race->fence[i]);
	}
}

/*
 * Passes when a release that races with a signal releases the buffer once and
 * leaks no fence.
 */
static void close_races_signal(struct kunit *test)
{
	const struct dma_buf_poll_fences_row *row = test->param_value;
	struct dma_buf_poll_race *race =
		dma_buf_poll_race_create(test, row->num);
	int i;

	for (i = 0; i < DMA_BUF_POLL_ROUNDS; i++) {
		KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(race->waiter[i][0]),
				0);
		dma_buf_waiter_leave(test, race->waiter[i][0]);
	}
	mock_run_parallel(test, 2, dma_buf_poll_race_close, race);
	dma_buf_poll_race_check(test, race);

	for (i = 0; i < DMA_BUF_POLL_ROUNDS; i++) {
		KUNIT_EXPECT_EQ(test, race->exp[i]->releases, 1);
		KUNIT_EXPECT_EQ(test, kref_read(&race->fence[i]->refcount), 1);
	}
}

/* A callback of another user of the fence, which runs before that of poll(). */
struct dma_buf_poll_slow {
	struct dma_fence_cb cb;
	struct mock_exporter *exp;
	struct dma_fence *fence;
	bool runs;
	int early;	/* releases while the callback ran */
};

static void dma_buf_poll_slow_cb(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct dma_buf_poll_slow *slow =
		container_of(cb, struct dma_buf_poll_slow, cb);
	int i;

	WRITE_ONCE(slow->runs, true);
	for (i = 0; i < 30 && !READ_ONCE(slow->exp->releases); i++)
		mdelay(1);
	slow->early = READ_ONCE(slow->exp->releases);
}

static void dma_buf_poll_slow_race(void *data, unsigned int id)
{
	struct dma_buf_poll_slow *slow = data;

	if (!id) {
		dma_fence_signal(slow->fence);
		return;
	}
	while (!READ_ONCE(slow->runs))
		cpu_relax();
	mock_put_sync(slow->exp);
}

/*
 * Passes when the last close waits for the callback of a fence that has
 * signalled and holds its lock: the callback is neither removed nor freed while
 * it runs.
 */
static void close_waits_for_callback(struct kunit *test)
{
	struct dma_buf_poll_slow *slow = kunit_kzalloc(test, sizeof(*slow),
						       GFP_KERNEL);
	struct dma_buf_waiter *waiter;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");

	KUNIT_ASSERT_NOT_NULL(test, slow);
	slow->exp = mock_exporter_create(test, 0, SZ_8K);
	slow->fence = mock_fence_add_new(test, slow->exp->dmabuf,
					 DMA_RESV_USAGE_WRITE);
	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(slow->fence, &slow->cb,
						     dma_buf_poll_slow_cb), 0);
	waiter = dma_buf_waiter_create(test, slow->exp, DMA_BUF_POLL_BOTH);
	KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(waiter), 0);
	dma_buf_waiter_leave(test, waiter);

	mock_run_parallel(test, 2, dma_buf_poll_slow_race, slow);
	KUNIT_EXPECT_EQ(test, slow->early, 0);
	KUNIT_EXPECT_EQ(test, slow->exp->releases, 1);
	KUNIT_EXPECT_EQ(test, kref_read(&slow->fence->refcount), 1);
}

/* Passes when closing right after the signal leaves no pending work behind. */
static void close_signalled(struct kunit *test)
{
	const struct dma_buf_poll_fences_row *row = test->param_value;
	int i;

	for (i = 0; i < 50; i++) {
		struct mock_exporter *exp =
			mock_exporter_create(test, 0, SZ_8K);
		struct dma_buf_waiter *waiter;
		struct dma_fence *fence;

		fence = dma_buf_poll_add_fences(test, exp, row->num);
		waiter = dma_buf_waiter_create(test, exp, DMA_BUF_POLL_BOTH);
		KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(waiter), 0);
		dma_fence_signal(fence);
		dma_buf_waiter_leave(test, waiter);
		mock_put_sync(exp);
		KUNIT_EXPECT_EQ(test, exp->releases, 1);
	}
}

/* Take away a fence's lock, as a driver may once the fence has signalled. */
static spinlock_t *dma_buf_poll_hide_lock(struct dma_fence *fence)
{
	spinlock_t *lock = fence->extern_lock;

	fence->extern_lock = NULL;
	return lock;
}

static void dma_buf_poll_restore_lock(struct dma_fence *fence, spinlock_t *lock)
{
	fence->extern_lock = lock;
}

/*
 * Passes when the core does not take a fence's lock after the callback has run:
 * a driver may have freed the lock, with its job or device, while the fence is
 * still referenced.
 */
static void fence_outlives_lock(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct dma_buf_waiter *waiter;
	struct dma_fence *fence[2];
	spinlock_t *lock[2]; /* of the fences */
	int i;

	waiter = dma_buf_waiter_create(test, exp, POLLIN);
	for (i = 0; i < ARRAY_SIZE(fence); i++) {
		fence[i] = mock_fence_add_new(test, exp->dmabuf,
					      DMA_RESV_USAGE_WRITE);
		KUNIT_EXPECT_EQ(test, dma_buf_waiter_poll(waiter), 0);
		dma_fence_signal(fence[i]);
		KUNIT_EXPECT_EQ(test, dma_buf_waiter_wakes(waiter, i + 1), i + 1);
		lock[i] = dma_buf_poll_hide_lock(fence[i]);
	}
	dma_buf_waiter_leave(test, waiter);
	mock_put_sync(exp);

	for (i = 0; i < ARRAY_SIZE(fence); i++)
		dma_buf_poll_restore_lock(fence[i], lock[i]);
}

static bool dma_buf_poll_signal_hide_lock(struct dma_fence *fence, void *data)
{
	spinlock_t **lock = data;

	dma_fence_signal(fence);
	*lock = dma_buf_poll_hide_lock(fence);
	return false;
}

/*
 * Passes when polling does not take the lock of a fence that signals, and loses
 * its lock, while its state is queried.
 */
static void query_takes_no_lock(struct kunit *test)
{
	u32 waits;

	for (waits = 0; waits < 2; waits++) {
		struct mock_exporter *exp =
			mock_exporter_create(test, 0, SZ_8K);
		struct dma_buf_waiter *waiter =
			dma_buf_waiter_create(test, exp, POLLIN);
		spinlock_t *lock = NULL; /* of the fence */
		struct dma_fence *fence;

		fence = mock_fence_add_new(test, exp->dmabuf,
					   DMA_RESV_USAGE_WRITE);
		mock_fence_set_signaled(fence, dma_buf_poll_signal_hide_lock,
					&lock);
		KUNIT_EXPECT_EQ(test,
				waits ? dma_buf_waiter_poll(waiter) :
					dma_buf_poll_nowait(exp, POLLIN),
				POLLIN);
		KUNIT_ASSERT_NOT_NULL(test, lock);
		dma_buf_poll_restore_lock(fence, lock);
	}
}

static struct kunit_case dma_buf_poll_cases[] = {
	KUNIT_CASE(never_fenced),
	KUNIT_CASE_PARAM(usage_and_events, dma_buf_poll_ready_gen_params),
	KUNIT_CASE(fence_error),
	KUNIT_CASE(nowait_adds_no_callback),
	KUNIT_CASE(nowait_enables_signaling),
	KUNIT_CASE(ready_adds_no_callback),
	KUNIT_CASE(other_events_add_no_callback),
	KUNIT_CASE(callback_references),
	KUNIT_CASE_PARAM(wakes_once, dma_buf_poll_wake_gen_params),
	KUNIT_CASE_PARAM(wakes_once_burst, dma_buf_poll_wake_gen_params),
	KUNIT_CASE(in_then_out),
	KUNIT_CASE(in_ignores_reader),
	KUNIT_CASE(fence_added_later),
	KUNIT_CASE(enables_in_task_only),
	KUNIT_CASE(edge_polls_again),
	KUNIT_CASE(repoll_adds_callback),
	KUNIT_CASE(repeated_polls),
	KUNIT_CASE(many_waiters),
	KUNIT_CASE(first_two_waiters),
	KUNIT_CASE(first_waiter_leaves),
	KUNIT_CASE(all_waiters_leave),
	KUNIT_CASE_PARAM(late_waiter, dma_buf_poll_late_gen_params),
	KUNIT_CASE(other_event),
	KUNIT_CASE(both_events),
	KUNIT_CASE(signal_before_queue),
	KUNIT_CASE(signal_after_queue),
	KUNIT_CASE(edge_no_false_wake),
	KUNIT_CASE_PARAM(drops_fence_on_signal, dma_buf_poll_wake_gen_params),
	KUNIT_CASE(in_enables_no_reader),
	KUNIT_CASE(poll_without_lock),
	KUNIT_CASE(shared_resv),
	KUNIT_CASE(fence_outlives_lock),
	KUNIT_CASE(query_takes_no_lock),
	KUNIT_CASE(close_armed),
	KUNIT_CASE(close_waits_for_callback),
	KUNIT_CASE_PARAM(close_signalled, dma_buf_poll_fences_gen_params),
	KUNIT_CASE_PARAM(close_races_signal, dma_buf_poll_fences_gen_params),
	{}
};

static struct kunit_suite dma_buf_poll_suite = {
	.name = "dma_buf_poll",
	.test_cases = dma_buf_poll_cases,
};

kunit_test_suite(dma_buf_poll_suite);
