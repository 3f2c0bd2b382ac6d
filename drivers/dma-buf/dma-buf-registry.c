// SPDX-License-Identifier: GPL-2.0-only
/*
 * dma-buf: the registry of live buffers
 *
 * Copyright(C) 2011 Linaro Limited. All rights reserved.
 *
 * Exporting and releasing a buffer must cost the same regardless of the number
 * of buffers and of concurrent walks. Each CPU therefore has a list, which a
 * buffer joins on the CPU where it is exported. A walk holds the lock of a list
 * for a few instructions at a time. Its position is a cursor, a node that is
 * linked directly before the next buffer: it stays valid when nodes around it
 * are linked and unlinked, and it pins no buffer between two reads of a file.
 *
 * The caller of dma_buf_iter_next() has no cursor, but a reference to a buffer.
 * That buffer stays linked as long as it is referenced, and serves as the
 * position.
 */

#include <kunit/visibility.h>
#include <linux/cpumask.h>
#include <linux/file_ref.h>
#include <linux/percpu.h>
#include <linux/sched.h>

#include "dma-buf-internal.h"

/**
 * struct dma_buf_shard - the buffers that were exported on one CPU
 */
struct dma_buf_shard {
	/** @lock: Protects @list; taken in process context only. */
	spinlock_t lock;

	/** @list: Newest first, with cursors in between. */
	struct list_head list;
};

static DEFINE_PER_CPU_SHARED_ALIGNED(struct dma_buf_shard, dma_buf_shards);

void __init dma_buf_registry_init(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		struct dma_buf_shard *shard = per_cpu_ptr(&dma_buf_shards, cpu);

		spin_lock_init(&shard->lock);
		INIT_LIST_HEAD(&shard->list);
	}
}

/*
 * Link @node at the head of @cpu's list. Ordered by the lock with
 * dma_buf_node_get(), which uses the buffer's file: registry-export.litmus.
 */
static void dma_buf_node_link(struct dma_buf_node *node, unsigned int cpu)
{
	struct dma_buf_shard *shard = per_cpu_ptr(&dma_buf_shards, cpu);

	node->cpu = cpu;
	spin_lock(&shard->lock);
	list_add(&node->link, &shard->list);
	spin_unlock(&shard->lock);
}

static void dma_buf_node_unlink(struct dma_buf_node *node)
{
	struct dma_buf_shard *shard = per_cpu_ptr(&dma_buf_shards, node->cpu);

	spin_lock(&shard->lock);
	list_del(&node->link);
	spin_unlock(&shard->lock);
}

/**
 * dma_buf_registry_add - make a buffer visible to walks
 * @obj: the buffer, complete with its file
 *
 * New buffers are linked at the head of the list, which walks of this list have
 * passed. A walk therefore ends, however many buffers are exported meanwhile.
 *
 * Context: Process context. Does not sleep.
 * Return: Nothing.
 */
void dma_buf_registry_add(struct dma_buf_object *obj)
{
	dma_buf_node_link(&obj->node, raw_smp_processor_id());
}

/**
 * dma_buf_registry_del - hide a buffer from walks
 * @obj: the buffer, with no reference left
 *
 * Context: Process context. Does not sleep.
 * Return: Nothing.
 */
void dma_buf_registry_del(struct dma_buf_object *obj)
{
	dma_buf_node_unlink(&obj->node);
}

/**
 * dma_buf_cursor_start - begin a walk over all live buffers
 * @cursor: the position of the walk
 *
 * A buffer that lives from here to the end of the walk is visited exactly once;
 * one that is exported or released meanwhile is visited at most once.
 *
 * Context: Process context. Does not sleep.
 * Return: Nothing.
 */
void dma_buf_cursor_start(struct dma_buf_node *cursor)
{
	cursor->is_cursor = true;
	dma_buf_node_link(cursor, cpumask_first(cpu_possible_mask));
}

/*
 * Take a reference to the buffer of @node, if it is a buffer and alive. Ordered
 * by the lock of the list with dma_buf_registry_del(), before which the file is
 * not freed: registry-release.litmus.
 */
static struct dma_buf *dma_buf_node_get(struct dma_buf_node *node)
{
	struct dma_buf_object *obj;

	if (node->is_cursor)
		return NULL;

	obj = container_of(node, struct dma_buf_object, node);
	return file_ref_get(&obj->base.file->f_ref) ? &obj->base : NULL;
}

/* Find the first live buffer after @cursor in its list; stop before it. */
static struct dma_buf *dma_buf_cursor_scan(struct dma_buf_node *cursor)
{
	struct dma_buf_shard *shard = per_cpu_ptr(&dma_buf_shards, cursor->cpu);
	struct dma_buf *dmabuf = NULL;
	struct dma_buf_node *node;

	spin_lock(&shard->lock);
	while (!list_is_last(&cursor->link, &shard->list)) {
		node = list_next_entry(cursor, link);
		dmabuf = dma_buf_node_get(node);
		if (dmabuf)
			break;

		/*
		 * Many may be dying: advance the cursor and release the lock.
		 */
		list_move(&cursor->link, &node->link);
		cond_resched_lock(&shard->lock);
	}
	spin_unlock(&shard->lock);

	return dmabuf;
}

/**
 * dma_buf_cursor_get - get the next buffer of a walk
 * @cursor: the position of the walk
 *
 * The position does not change: another call returns the same buffer if that is
 * still alive, or else the one after it.
 *
 * Context: Process context. May sleep.
 * Return: The buffer, with a reference that the caller drops; NULL at the end
 * of the walk.
 */
struct dma_buf *dma_buf_cursor_get(struct dma_buf_node *cursor)
{
	struct dma_buf *dmabuf;
	unsigned int cpu;

	for (;;) {
		dmabuf = dma_buf_cursor_scan(cursor);
		if (dmabuf)
			return dmabuf;

		cpu = cpumask_next(cursor->cpu, cpu_possible_mask);
		if (cpu >= nr_cpu_ids)
			return NULL;
		dma_buf_node_unlink(cursor);
		dma_buf_node_link(cursor, cpu);
	}
}

/**
 * dma_buf_cursor_advance - advance a walk past a buffer
 * @cursor: the position of the walk
 * @dmabuf: the buffer that dma_buf_cursor_get() returned, still referenced
 *
 * Context: Process context. Does not sleep.
 * Return: Nothing.
 */
void dma_buf_cursor_advance(struct dma_buf_node *cursor,
			    struct dma_buf *dmabuf)
{
	struct dma_buf_shard *shard = per_cpu_ptr(&dma_buf_shards, cursor->cpu);

	spin_lock(&shard->lock);
	list_move(&cursor->link, &to_dma_buf_object(dmabuf)->node.link);
	spin_unlock(&shard->lock);
}

/**
 * dma_buf_cursor_stop - end a walk, at any position
 * @cursor: the position of the walk
 *
 * Context: Process context. Does not sleep.
 * Return: Nothing.
 */
void dma_buf_cursor_stop(struct dma_buf_node *cursor)
{
	dma_buf_node_unlink(cursor);
}

/* Get the next buffer: its reference replaces @cursor as the position. */
static struct dma_buf *dma_buf_cursor_get_stop(struct dma_buf_node *cursor)
{
	struct dma_buf *dmabuf = dma_buf_cursor_get(cursor);

	dma_buf_cursor_stop(cursor);
	return dmabuf;
}

/**
 * dma_buf_iter_begin - begin a walk over all live buffers, without a cursor
 *
 * The walk may be ended at any buffer, by dropping the reference to it. Between
 * two calls the caller holds no lock: it may sleep, export buffers, or start
 * another walk. A buffer that lives from here to the end of the walk is visited
 * exactly once; one that is exported or released meanwhile is visited at most
 * once. The order is not defined.
 *
 * Context: Process context. May sleep.
 * Return: A buffer, with a reference that the caller passes to
 * dma_buf_iter_next() or drops with dma_buf_put(); NULL if there is none.
 */
struct dma_buf *dma_buf_iter_begin(void)
{
	struct dma_buf_node cursor;

	dma_buf_cursor_start(&cursor);
	return dma_buf_cursor_get_stop(&cursor);
}
EXPORT_SYMBOL_IF_KUNIT(dma_buf_iter_begin);

/*
 * Take a reference to the buffer directly behind @dmabuf, which the caller has
 * a reference to. NULL if a cursor or a dying buffer is there, or nothing.
 */
static struct dma_buf *dma_buf_get_behind(struct dma_buf *dmabuf)
{
	struct dma_buf_node *node = &to_dma_buf_object(dmabuf)->node;
	struct dma_buf_shard *shard = per_cpu_ptr(&dma_buf_shards, node->cpu);
	struct dma_buf *next = NULL;

	spin_lock(&shard->lock);
	if (!list_is_last(&node->link, &shard->list))
		next = dma_buf_node_get(list_next_entry(node, link));
	spin_unlock(&shard->lock);

	return next;
}

/* Find the first live buffer behind @dmabuf, in its list and those after it. */
static struct dma_buf *dma_buf_scan_behind(struct dma_buf *dmabuf)
{
	struct dma_buf_node cursor = {
		.link = LIST_HEAD_INIT(cursor.link),
		.cpu = to_dma_buf_object(dmabuf)->node.cpu,
		.is_cursor = true,
	};

	dma_buf_cursor_advance(&cursor, dmabuf);
	return dma_buf_cursor_get_stop(&cursor);
}

/**
 * dma_buf_iter_next - advance a walk of dma_buf_iter_begin()
 * @dmabuf: the buffer from the previous call; the caller's reference is dropped
 *
 * Context: Process context. May sleep.
 * Return: As dma_buf_iter_begin(); NULL at the end of the walk.
 */
struct dma_buf *dma_buf_iter_next(struct dma_buf *dmabuf)
{
	struct dma_buf *next = dma_buf_get_behind(dmabuf);

	if (unlikely(!next))
		next = dma_buf_scan_behind(dmabuf);
	dma_buf_put(dmabuf);

	return next;
}
EXPORT_SYMBOL_IF_KUNIT(dma_buf_iter_next);
