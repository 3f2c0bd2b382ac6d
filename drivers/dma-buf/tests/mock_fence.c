// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mock fences, reservation objects and a holder of their locks
 */

#include <linux/slab.h>
#include <linux/spinlock.h>

#include "mock.h"

static void mock_timeline_free(struct kref *ref)
{
	kfree(container_of(ref, struct mock_timeline, ref));
}

static void mock_timeline_end(void *data)
{
	struct mock_timeline *tl = data;

	kref_put(&tl->ref, mock_timeline_free);
}

/* Allocate the state that the fences of a case share. */
struct mock_timeline *mock_timeline_create(struct kunit *test)
{
	struct mock_timeline *tl = kzalloc(sizeof(*tl), GFP_KERNEL);
	int ret;

	KUNIT_ASSERT_NOT_NULL(test, tl);
	kref_init(&tl->ref);
	spin_lock_init(&tl->lock);
	ret = kunit_add_action_or_reset(test, mock_timeline_end, tl);
	KUNIT_ASSERT_EQ(test, ret, 0);

	return tl;
}

/* A fence with its own lock and context, so that none replaces another. */
struct mock_fence {
	struct dma_fence base;
	spinlock_t lock; /* of base, unless that uses the timeline's */
	struct mock_timeline *tl;
	bool completed;
	bool (*signaled)(struct dma_fence *fence, void *data);
	void *data;
};

static struct mock_timeline *mock_fence_timeline(struct dma_fence *fence)
{
	return container_of(fence, struct mock_fence, base)->tl;
}

static const char *mock_fence_driver_name(struct dma_fence *fence)
{
	return "mock-driver";
}

static const char *mock_fence_timeline_name(struct dma_fence *fence)
{
	return "mock-timeline";
}

static bool mock_fence_enable_signaling(struct dma_fence *fence)
{
	struct mock_timeline *tl = mock_fence_timeline(fence);

	atomic_inc(&tl->enabled);
	if (!in_task())
		atomic_inc(&tl->enabled_in_irq);
	return !container_of(fence, struct mock_fence, base)->completed;
}

static void mock_fence_release(struct dma_fence *fence)
{
	/* Paired with kref_get() in mock_fence_create(). */
	kref_put(&mock_fence_timeline(fence)->ref, mock_timeline_free);
	dma_fence_free(fence);
}

static bool mock_fence_signaled(struct dma_fence *base)
{
	struct mock_fence *fence = container_of(base, struct mock_fence, base);

	return fence->signaled && fence->signaled(base, fence->data);
}

static const struct dma_fence_ops mock_fence_ops = {
	.get_driver_name = mock_fence_driver_name,
	.get_timeline_name = mock_fence_timeline_name,
	.enable_signaling = mock_fence_enable_signaling,
	.signaled = mock_fence_signaled,
	.release = mock_fence_release,
};

static void mock_fence_end(void *data)
{
	struct dma_fence *fence = data;

	dma_fence_signal(fence);
	dma_fence_put(fence);
}

/**
 * mock_fence_create - allocate a fence that the case signals
 * @test: the case
 * @tl: the timeline, which counts calls of enable_signaling
 * @share_lock: use the timeline's lock instead of the fence's own
 *
 * Return: The fence. At the end of the case the fence is signalled, unless it
 * was before, and the case's reference to it is dropped.
 */
struct dma_fence *mock_fence_create(struct kunit *test,
				    struct mock_timeline *tl, bool share_lock)
{
	struct mock_fence *fence = kzalloc(sizeof(*fence), GFP_KERNEL);
	int ret;

	KUNIT_ASSERT_NOT_NULL(test, fence);
	spin_lock_init(&fence->lock);
	/* Paired with kref_put() in mock_fence_release(). */
	kref_get(&tl->ref);
	fence->tl = tl;
	dma_fence_init(&fence->base, &mock_fence_ops,
		       share_lock ? &tl->lock : &fence->lock,
		       dma_fence_context_alloc(1), 1);

	ret = kunit_add_action_or_reset(test, mock_fence_end, &fence->base);
	KUNIT_ASSERT_EQ(test, ret, 0);

	return &fence->base;
}

/* Complete the fence without a signal: it signals once signaling is enabled. */
void mock_fence_complete_silently(struct dma_fence *fence)
{
	container_of(fence, struct mock_fence, base)->completed = true;
}

/**
 * mock_fence_set_signaled - set a callback for queries of a fence's state
 * @fence: the fence
 * @signaled: called with @data, under RCU and without the fence's lock, while
 *	the fence has not signalled; returns true to signal it
 * @data: argument of @signaled
 */
void mock_fence_set_signaled(struct dma_fence *fence,
			     bool (*signaled)(struct dma_fence *fence, void *data),
			     void *data)
{
	struct mock_fence *mock = container_of(fence, struct mock_fence, base);

	mock->data = data;
	mock->signaled = signaled;
}

struct mock_delayed_signal {
	struct delayed_work work;
	struct dma_fence *fence;
};

static void mock_delayed_signal_work(struct work_struct *work)
{
	struct mock_delayed_signal *delayed =
		container_of(to_delayed_work(work), struct mock_delayed_signal,
			     work);

	dma_fence_signal(delayed->fence);
}

static void mock_delayed_signal_end(void *data)
{
	struct mock_delayed_signal *delayed = data;

	cancel_delayed_work_sync(&delayed->work);
}

/**
 * mock_fence_signal_later - signal a fence from a worker
 * @test: the case
 * @fence: the fence
 * @msecs: delay in milliseconds
 */
void mock_fence_signal_later(struct kunit *test, struct dma_fence *fence,
			     unsigned int msecs)
{
	struct mock_delayed_signal *delayed =
		kunit_kzalloc(test, sizeof(*delayed), GFP_KERNEL);
	int ret;

	KUNIT_ASSERT_NOT_NULL(test, delayed);
	delayed->fence = fence;
	INIT_DELAYED_WORK(&delayed->work, mock_delayed_signal_work);
	ret = kunit_add_action_or_reset(test, mock_delayed_signal_end, delayed);
	KUNIT_ASSERT_EQ(test, ret, 0);
	schedule_delayed_work(&delayed->work, msecs_to_jiffies(msecs));
}

/* Is this fence unsignalled, with a callback added? */
bool mock_fence_armed(struct dma_fence *fence)
{
	unsigned long flags;
	bool armed;

	dma_fence_lock_irqsave(fence, flags);
	armed = !test_bit(DMA_FENCE_FLAG_SIGNALED_BIT, &fence->flags) &&
		!list_empty(&fence->cb_list);
	dma_fence_unlock_irqrestore(fence, flags);

	return armed;
}

static void mock_resv_end(void *resv)
{
	dma_resv_fini(resv);
}

/* A reservation object of the exporter. Buffers must be released before it. */
struct dma_resv *mock_resv_create(struct kunit *test)
{
	struct dma_resv *resv = kunit_kzalloc(test, sizeof(*resv), GFP_KERNEL);
	int ret;

	KUNIT_ASSERT_NOT_NULL(test, resv);
	dma_resv_init(resv);
	ret = kunit_add_action_or_reset(test, mock_resv_end, resv);
	KUNIT_ASSERT_EQ(test, ret, 0);

	return resv;
}

/* Add a fence to the buffer. */
void mock_fence_add(struct kunit *test, struct dma_buf *dmabuf,
		    struct dma_fence *fence, enum dma_resv_usage usage)
{
	int ret;

	dma_resv_lock(dmabuf->resv, NULL);
	ret = dma_resv_reserve_fences(dmabuf->resv, 1);
	if (!ret)
		dma_resv_add_fence(dmabuf->resv, fence, usage);
	dma_resv_unlock(dmabuf->resv);

	KUNIT_ASSERT_EQ(test, ret, 0);
}

/* Add a new fence to the buffer and return it. */
struct dma_fence *mock_fence_add_new(struct kunit *test, struct dma_buf *dmabuf,
				     enum dma_resv_usage usage)
{
	struct dma_fence *fence =
		mock_fence_create(test, mock_timeline_create(test), false);

	mock_fence_add(test, dmabuf, fence, usage);
	return fence;
}

static void mock_resv_lock_holder_work(struct work_struct *work)
{
	struct mock_resv_lock_holder *holder =
		container_of(work, struct mock_resv_lock_holder, work);

	dma_resv_lock(holder->resv, NULL);
	complete(&holder->held);
	if (!wait_for_completion_timeout(&holder->release, MOCK_TIMEOUT))
		holder->timed_out = true;
	dma_resv_unlock(holder->resv);
}

static void mock_resv_lock_holder_end(void *data)
{
	struct mock_resv_lock_holder *holder = data;

	complete_all(&holder->release);
	flush_work(&holder->work);
}

/**
 * mock_resv_lock_holder_create - hold a reservation lock in another thread
 * @test: the case
 * @resv: reservation object of the lock
 *
 * Return: The holder, which has taken the lock.
 */
struct mock_resv_lock_holder *
mock_resv_lock_holder_create(struct kunit *test, struct dma_resv *resv)
{
	struct mock_resv_lock_holder *holder =
		kunit_kzalloc(test, sizeof(*holder), GFP_KERNEL);
	int ret;

	KUNIT_ASSERT_NOT_NULL(test, holder);
	holder->resv = resv;
	init_completion(&holder->held);
	init_completion(&holder->release);
	INIT_WORK(&holder->work, mock_resv_lock_holder_work);
	queue_work(system_dfl_wq, &holder->work);
	ret = kunit_add_action_or_reset(test, mock_resv_lock_holder_end,
					holder);
	KUNIT_ASSERT_EQ(test, ret, 0);
	wait_for_completion(&holder->held);

	return holder;
}

/* Release the lock. Return true if the holder did not time out before. */
bool mock_resv_lock_holder_release(struct kunit *test,
				   struct mock_resv_lock_holder *holder)
{
	kunit_release_action(test, mock_resv_lock_holder_end, holder);
	return !holder->timed_out;
}
