// SPDX-License-Identifier: GPL-2.0-only
/*
 * dma-buf: poll(), select(), epoll, io_uring and aio on the file descriptor
 *
 * Copyright(C) 2011 Linaro Limited. All rights reserved.
 *
 * A waiter needs a wake-up when all fences that it found have signalled. It
 * adds a callback to each of these fences, unless another waiter has added one.
 * The core counts the pending fences, for EPOLLIN and for EPOLLOUT. The
 * callback that takes the count of an event to zero wakes the waiters with that
 * event. There is one wake-up, after the last fence, in whichever order the
 * fences signal. It neither allocates memory nor depends on another thread.
 *
 * poll() and epoll poll again after a wake-up. io_uring and aio need not: they
 * complete a request with the events that the wake-up carries. These events
 * must be true for each request on the wait queue. Two rules ensure that:
 *
 * - A waiter adds its callbacks before poll_wait() queues it. Each pending
 *   fence that it found is counted while it is queued.
 *
 * - A wake-up carries an event only if the count of that event is zero. The
 *   lock of the wait queue is held from reading the count until after the
 *   wake-up.
 *
 * Fences that were found by another waiter are counted as well. A request may
 * therefore complete later than its own fences signal, but never earlier.
 *
 * Wake-ups are not lost either. Both the callback and poll_wait() take the lock
 * of the wait queue. If the waiter is first, the callback finds it on the
 * queue. If the callback is first, the waiter reads a count of zero:
 *
 *	waiter					callback
 *	------					--------
 *	count the fence
 *	add the callback
 *						lock, count falls to zero,
 *						wake-up: no waiter, unlock
 *	poll_wait(): lock, queue, unlock
 *	read the count: zero, so return
 *	that the buffer is ready
 *
 * If it did not read the count after it was queued, the waiter would sleep
 * indefinitely.
 *
 * Documentation/litmus-tests/dma-buf/ has a litmus test for each pairing of
 * this kind, which the comments name, and a model of the whole protocol,
 * poll.pml, to be changed together with this file.
 */

#include <linux/dma-buf.h>
#include <linux/dma-fence.h>
#include <linux/dma-resv.h>
#include <linux/err.h>
#include <linux/poll.h>
#include <linux/rbtree.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "dma-buf-internal.h"

/**
 * DOC: polling
 *
 * poll(), select() and epoll on the file descriptor report the progress of the
 * work on the buffer:
 *
 * - EPOLLIN: all writers have finished, the content can be read.
 * - EPOLLOUT: readers have finished as well, the content can be replaced.
 *
 * Both depend on fences only. CPU access still needs DMA_BUF_IOCTL_SYNC. A
 * program that needs the fences themselves, to wait for them later, exports a
 * sync_file with DMA_BUF_IOCTL_EXPORT_SYNC_FILE.
 *
 * A waiter gets one wake-up for each event, when all fences that it found have
 * signalled. poll() and epoll poll again after the wake-up, and so include
 * fences that were added while they waited. A request of io_uring or aio
 * completes with the wake-up: all fences that the buffer had when the request
 * was submitted have signalled then. It may complete later, if other waiters
 * wait for fences that were added since. A multishot request of io_uring
 * reports each wake-up. It polls again only if wake-ups coincide. Otherwise it
 * reports an event again only if another waiter found the buffer busy in
 * between.
 *
 * Polling does not keep the buffer alive. EPOLLERR reports that the memory to
 * wait with could not be allocated.
 *
 * Adding a fence causes no wake-up. The next poll() or epoll_wait() reports
 * that the buffer is busy again. Edge-triggered epoll polls only after a
 * wake-up, so each of its polls that finds the buffer ready wakes the queue
 * again. It misses no edge, but reports a ready buffer from each epoll_wait(),
 * as level-triggered epoll does.
 */

/**
 * struct dma_buf_poll_watch - a callback on a fence
 * @cb: the callback, added to @fence
 * @poll: the buffer's polling state
 * @fence: the fence, with a reference; NULL while idle
 * @events: events that @fence is counted for
 * @next: links all watches of @poll; set before the watch is first used
 * @node: links &dma_buf_poll.armed, by @fence
 * @next_idle: links &dma_buf_poll.idle
 */
struct dma_buf_poll_watch {
	struct dma_fence_cb cb;
	struct dma_buf_poll *poll;
	struct dma_fence *fence;
	__poll_t events;
	struct dma_buf_poll_watch *next;
	union {
		struct rb_node node;
		struct dma_buf_poll_watch *next_idle;
	};
};

/**
 * struct dma_buf_poll - polling state of a buffer
 *
 * Allocated for the first waiter that finds a pending fence, and freed at the
 * file's release. The lock of the buffer's wait queue protects the counts, the
 * tree and the lists. Fence callbacks take that lock, so it nests inside the
 * locks of fences.
 */
struct dma_buf_poll {
	/** @obj: The buffer; constant. */
	struct dma_buf_object *obj;

	/** @pending_in: Number of armed watches for EPOLLIN. */
	unsigned int pending_in;

	/** @pending_out: Number of armed watches for EPOLLOUT. */
	unsigned int pending_out;

	/** @armed: Watches of unsignalled fences, sorted by fence. */
	struct rb_root armed;

	/** @idle: Watches without a fence, to be reused. */
	struct dma_buf_poll_watch *idle;

	/** @first: The first watch: usually one fence is pending at a time. */
	struct dma_buf_poll_watch first;
};

static void dma_buf_poll_add_idle(struct dma_buf_poll *poll,
				  struct dma_buf_poll_watch *watch)
{
	watch->next_idle = poll->idle;
	poll->idle = watch;
}

static struct dma_buf_poll *dma_buf_poll_create(struct dma_buf_object *obj)
{
	struct dma_buf_poll *poll = kzalloc_obj(*poll, GFP_KERNEL_ACCOUNT);

	if (!poll)
		return NULL;

	poll->obj = obj;
	poll->armed = RB_ROOT;
	poll->first.poll = poll;
	dma_buf_poll_add_idle(poll, &poll->first);

	return poll;
}

/* Return the polling state of @obj, which the first call allocates. */
static struct dma_buf_poll *dma_buf_poll_ensure(struct dma_buf_object *obj)
{
	struct dma_buf_poll *poll = dma_buf_object_poll_state(obj);
	struct dma_buf_poll *other;

	if (poll)
		return poll;

	poll = dma_buf_poll_create(obj);
	if (!poll)
		return NULL;

	other = dma_buf_object_set_poll_state(obj, poll);
	if (other) {
		kfree(poll);
		return other;
	}
	return poll;
}

/* Return the events that no fence is counted for. */
static __poll_t dma_buf_poll_idle_events(struct dma_buf_object *obj)
{
	struct dma_buf_poll *poll = dma_buf_object_poll_state(obj);
	__poll_t events = 0;

	/*
	 * Paired with WRITE_ONCE() in dma_buf_poll_count():
	 * poll-count.litmus.
	 */
	if (!poll || !READ_ONCE(poll->pending_in))
		events |= EPOLLIN;
	if (!poll || !READ_ONCE(poll->pending_out))
		events |= EPOLLOUT;
	return events;
}

/* Add @step to the count of each event in @events. */
static void dma_buf_poll_count(struct dma_buf_poll *poll, __poll_t events,
			       int step)
{
	/*
	 * Paired with READ_ONCE() in dma_buf_poll_idle_events():
	 * poll-count.litmus.
	 */
	if (events & EPOLLIN)
		WRITE_ONCE(poll->pending_in, poll->pending_in + step);
	if (events & EPOLLOUT)
		WRITE_ONCE(poll->pending_out, poll->pending_out + step);
}

/*
 * Disarm @watch. Its callback is running, was removed, or was not added. If
 * @watch was the last one pending for an event, wake the waiters with that
 * event. A callback calls this with the lock of its fence held. @watch may be
 * reused on return, so the caller must not touch it afterwards.
 */
static void dma_buf_poll_disarm(struct dma_buf_poll_watch *watch)
{
	struct dma_buf_poll *poll = watch->poll;
	wait_queue_head_t *wait = &poll->obj->wait;
	struct dma_fence *fence = watch->fence;
	unsigned long flags;
	__poll_t ready;

	/*
	 * Ordered by the lock with dma_buf_file_poll(), which queues a waiter
	 * and then reads the count: poll-waiter-callback.litmus,
	 * poll-several-fences.litmus. The lock is held until after the wake-up,
	 * so that dma_buf_poll_watch_add() counts no fence in between:
	 * poll-true-events.litmus.
	 */
	spin_lock_irqsave(&wait->lock, flags);
	rb_erase(&watch->node, &poll->armed);
	dma_buf_poll_count(poll, watch->events, -1);
	ready = watch->events & dma_buf_poll_idle_events(poll->obj);
	watch->fence = NULL;
	dma_buf_poll_add_idle(poll, watch);
	if (ready)
		wake_up_locked_poll(wait, ready);
	spin_unlock_irqrestore(&wait->lock, flags);

	/* From here on dma_buf_poll_destroy() may have freed @poll. */
	dma_fence_put(fence);
}

static void dma_buf_poll_fence_cb(struct dma_fence *fence,
				  struct dma_fence_cb *cb)
{
	dma_buf_poll_disarm(container_of(cb, struct dma_buf_poll_watch, cb));
}

static int dma_buf_poll_watch_cmp(const void *fence, const struct rb_node *node)
{
	const struct dma_buf_poll_watch *watch =
		rb_entry(node, struct dma_buf_poll_watch, node);

	if (fence == watch->fence)
		return 0;
	return fence < (void *)watch->fence ? -1 : 1;
}

static bool dma_buf_poll_watch_less(struct rb_node *node,
				    const struct rb_node *parent)
{
	struct dma_buf_poll_watch *watch =
		rb_entry(node, struct dma_buf_poll_watch, node);

	return dma_buf_poll_watch_cmp(watch->fence, parent) < 0;
}

/* Allocate a watch, for a waiter that found more fences than any before it. */
static bool dma_buf_poll_watch_create(struct dma_buf_poll *poll)
{
	wait_queue_head_t *wait = &poll->obj->wait;
	struct dma_buf_poll_watch *watch;

	watch = kzalloc_obj(*watch, GFP_KERNEL_ACCOUNT);
	if (!watch)
		return false;

	watch->poll = poll;
	spin_lock_irq(&wait->lock);
	watch->next = poll->first.next;
	poll->first.next = watch;
	dma_buf_poll_add_idle(poll, watch);
	spin_unlock_irq(&wait->lock);

	return true;
}

/*
 * Count @fence for @events. Return the watch to add the callback with, NULL if
 * @fence has a callback already, or -EAGAIN if no watch is idle.
 */
static struct dma_buf_poll_watch *
dma_buf_poll_watch_add(struct dma_buf_poll *poll, struct dma_fence *fence,
		       __poll_t events)
{
	struct dma_buf_poll_watch *watch;
	struct rb_node *node;

	lockdep_assert_held(&poll->obj->wait.lock);

	/*
	 * The thread that armed the watch may not have added the callback yet.
	 * Ordered by the lock with its dma_buf_poll_disarm():
	 * poll-other-waiter.litmus.
	 */
	node = rb_find(fence, &poll->armed, dma_buf_poll_watch_cmp);
	if (node) {
		watch = rb_entry(node, struct dma_buf_poll_watch, node);
		dma_buf_poll_count(poll, events & ~watch->events, 1);
		watch->events |= events;
		return NULL;
	}

	watch = poll->idle;
	if (!watch)
		return ERR_PTR(-EAGAIN);

	poll->idle = watch->next_idle;
	watch->fence = dma_fence_get(fence);
	watch->events = events;
	rb_add(&watch->node, &poll->armed, dma_buf_poll_watch_less);
	dma_buf_poll_count(poll, events, 1);
	return watch;
}

/*
 * Arm a watch on @fence for @events. Return 1 if the fence is counted, 0 if it
 * has signalled already, or -ENOMEM.
 */
static int dma_buf_poll_arm(struct dma_buf_object *obj, struct dma_fence *fence,
			    __poll_t events)
{
	struct dma_buf_poll *poll = dma_buf_poll_ensure(obj);
	struct dma_buf_poll_watch *watch;
	bool added;

	if (!poll)
		return -ENOMEM;

	for (;;) {
		spin_lock_irq(&obj->wait.lock);
		watch = dma_buf_poll_watch_add(poll, fence, events);
		spin_unlock_irq(&obj->wait.lock);
		if (!IS_ERR(watch))
			break;
		if (!dma_buf_poll_watch_create(poll))
			return -ENOMEM;
	}
	if (!watch)
		return 1;

	/*
	 * The lock of a fence may be freed an RCU grace period after the fence
	 * has signalled: poll-fence-lock.litmus.
	 */
	rcu_read_lock();
	added = !dma_fence_add_callback(fence, &watch->cb, dma_buf_poll_fence_cb);
	rcu_read_unlock();
	/* Once added, the callback may have run, and @watch be reused. */
	if (!added)
		dma_buf_poll_disarm(watch);

	return added;
}

/*
 * Enable signaling of @fence. Return true if this found the fence signalled.
 * Some drivers look for finished work only when signaling is enabled.
 */
static bool dma_buf_poll_enable_signaling(struct dma_fence *fence)
{
	if (test_bit(DMA_FENCE_FLAG_ENABLE_SIGNAL_BIT, &fence->flags))
		return false;

	/* As for dma_fence_add_callback() in dma_buf_poll_arm(). */
	rcu_read_lock();
	if (!dma_fence_test_signaled_flag(fence))
		dma_fence_enable_signaling(fence);
	rcu_read_unlock();

	return dma_fence_test_signaled_flag(fence);
}

/*
 * Return the subset of @events that is blocked by pending fences. With @arm, a
 * watch is armed on each of these fences. If that fails for one of them, for
 * lack of memory, return all @events and EPOLLERR.
 */
static __poll_t dma_buf_poll_busy(struct dma_buf_object *obj, __poll_t events,
				  bool arm)
{
	/* Uninitialized on purpose: usually there is no fence to visit. */
	struct dma_resv_iter cursor __uninitialized;
	struct dma_resv *resv = obj->base.resv;
	__poll_t busy = 0, blocked;
	struct dma_fence *fence;
	int ret;

	if (dma_buf_resv_never_fenced(resv))
		return 0;

	dma_resv_iter_begin(&cursor, resv,
			    dma_resv_usage_rw(events & EPOLLOUT));
	dma_resv_for_each_fence_unlocked(&cursor, fence) {
		if (dma_resv_iter_is_restarted(&cursor))
			busy = 0;

		blocked = events & EPOLLOUT;
		if (dma_resv_iter_usage(&cursor) <= DMA_RESV_USAGE_WRITE)
			blocked |= events & EPOLLIN;

		if (arm) {
			ret = dma_buf_poll_arm(obj, fence, blocked);
			if (unlikely(ret < 0)) {
				/* The remaining fences are not visited. */
				busy = events | EPOLLERR;
				break;
			}
			if (ret)
				busy |= blocked;
		} else if (blocked & ~busy &&
			   !dma_buf_poll_enable_signaling(fence)) {
			busy |= blocked;
			if (busy == events)
				break;
		}
	}
	dma_resv_iter_end(&cursor);

	return busy;
}

/*
 * Wake the waiters with those of @events for which no fence is counted. A waiter
 * that found a pending fence has counted it before it is on the queue. Ordered
 * by the lock with dma_buf_poll_watch_add(): poll-wake.litmus.
 */
static void dma_buf_poll_wake(struct dma_buf_object *obj, __poll_t events)
{
	wait_queue_head_t *wait = &obj->wait;

	spin_lock_irq(&wait->lock);
	events &= dma_buf_poll_idle_events(obj);
	if (events)
		wake_up_locked_poll(wait, events);
	spin_unlock_irq(&wait->lock);
}

/**
 * dma_buf_file_poll - report which of the requested events are true
 * @file: the buffer's file
 * @table: requested events and queue function; NULL for all events
 *
 * Context: Process context, may sleep. Reservation lock not held.
 * Return: EPOLLIN when all writers have finished, EPOLLOUT when readers have
 * finished as well, EPOLLERR when the memory to wait with could not be
 * allocated.
 */
__poll_t dma_buf_file_poll(struct file *file, poll_table *table)
{
	struct dma_buf_object *obj = to_dma_buf_object(file->private_data);
	__poll_t events = poll_requested_events(table) & (EPOLLIN | EPOLLOUT);
	bool queues = table && table->_qproc;
	__poll_t busy, ready;
	bool waits;

	/*
	 * epoll and poll() pass no queue function when they poll again while
	 * queued. Ordered with poll_wait(), in the dma_buf_file_poll() that
	 * queued them, by the program order of one thread, or by the lock that
	 * handed the waiter over to another: poll-again.litmus.
	 *
	 * Without events no watch is armed: counted for none, it would wake no
	 * one, and the release would wait for its callback indefinitely.
	 */
	waits = events && (queues || waitqueue_active(&obj->wait));
	busy = dma_buf_poll_busy(obj, events, waits);
	ready = events & ~busy;

	poll_wait(file, &obj->wait, table);
	if (!waits)
		return ready;
	if (unlikely(busy & EPOLLERR))
		return EPOLLERR;

	/* Fences may have signalled before the waiter was queued. */
	if (busy && queues)
		ready |= busy & dma_buf_poll_idle_events(obj);
	/*
	 * Adding a fence causes no wake-up: have edge-triggered epoll poll
	 * again.
	 */
	if (ready && !queues)
		dma_buf_poll_wake(obj, ready);

	return ready;
}

/*
 * Remove the callback of @watch from its fence, unless the fence has signalled:
 * then the callback runs, or is about to.
 */
static void dma_buf_poll_cancel(struct dma_buf_poll_watch *watch)
{
	wait_queue_head_t *wait = &watch->poll->obj->wait;
	struct dma_fence *fence;
	bool removed;

	spin_lock_irq(&wait->lock);
	fence = watch->fence ? dma_fence_get(watch->fence) : NULL;
	spin_unlock_irq(&wait->lock);
	if (!fence)
		return;

	/* As for dma_fence_add_callback() in dma_buf_poll_arm(). */
	rcu_read_lock();
	removed = !dma_fence_test_signaled_flag(fence) &&
		  dma_fence_remove_callback(fence, &watch->cb);
	rcu_read_unlock();
	if (removed)
		dma_buf_poll_disarm(watch);
	dma_fence_put(fence);
}

static bool dma_buf_poll_is_idle(struct dma_buf_poll *poll)
{
	wait_queue_head_t *wait = &poll->obj->wait;
	bool idle;

	/*
	 * Ordered by the lock with dma_buf_poll_disarm(), which uses @poll
	 * until it releases the lock: poll-release-callback.litmus.
	 */
	spin_lock_irq(&wait->lock);
	idle = RB_EMPTY_ROOT(&poll->armed);
	spin_unlock_irq(&wait->lock);

	return idle;
}

/**
 * dma_buf_poll_destroy - remove all callbacks and free the polling state
 * @obj: the buffer, with no reference to its file and no waiter left
 *
 * Context: Process context. Sleeps until callbacks that are running have
 * returned.
 * Return: Nothing. No fence is referenced afterwards.
 */
void dma_buf_poll_destroy(struct dma_buf_object *obj)
{
	struct dma_buf_poll *poll = dma_buf_object_poll_state(obj);
	struct dma_buf_poll_watch *watch, *next;

	if (!poll)
		return;

	/*
	 * Ordered with dma_buf_poll_watch_create() by the reference count of
	 * the file: poll-release-reference.litmus.
	 */
	for (watch = &poll->first; watch; watch = watch->next)
		dma_buf_poll_cancel(watch);
	/*
	 * The last callback takes a count to zero, which causes a wake-up.
	 * Ordered by the lock with dma_buf_poll_disarm():
	 * poll-release-wakeup.litmus.
	 */
	wait_event(obj->wait, dma_buf_poll_is_idle(poll));

	for (watch = poll->first.next; watch; watch = next) {
		next = watch->next;
		kfree(watch);
	}
	kfree(poll);
}
