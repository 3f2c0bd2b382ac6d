/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dma-buf: structures and functions that the files of the core share
 */
#ifndef _DMA_BUF_INTERNAL_H
#define _DMA_BUF_INTERNAL_H

#include <linux/atomic.h>
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/fs.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <uapi/linux/dma-buf.h>

struct dma_buf_poll;

/**
 * struct dma_buf_node - a node of the registry
 * @link: links the list of @cpu; protected by that list's lock
 * @cpu: CPU that the list belongs to; constant while linked
 * @is_cursor: the node is the position of a walk rather than a buffer
 */
struct dma_buf_node {
	struct list_head link;
	unsigned int cpu;
	bool is_cursor;
};

/**
 * struct dma_buf_object - a buffer with its private part and its inode
 *
 * Allocated as the inode of the buffer's file and freed with the inode, when the
 * last path to the file is dropped. There is no grace period: a reader under
 * RCU needs a reference to the file, its dentry or its inode. The exporter's
 * release runs earlier, with the last reference to the file.
 *
 * The object is aligned to cache lines. On 64-bit machines @base begins such that
 * its constant members are in the first line, and the members that change when a
 * device is attached, with the locks for that, in the second.
 */
struct dma_buf_object {
	/**
	 * @vmap: the kernel mapping while @vmap_count is not zero, else
	 * cleared. Protected by the reservation lock.
	 */
	struct iosys_map vmap;

	/** @base: the part that drivers see. */
	struct dma_buf base;

	/**
	 * @lock: protects &dma_buf.attachments, which is changed with the
	 * reservation lock held as well, and &dma_buf.name, which may be read
	 * under RCU instead. Innermost lock; process context only.
	 */
	spinlock_t lock;

	/** @vmap_count: number of users of @vmap; reservation lock. */
	unsigned int vmap_count;

	/** @resv: used for @base.resv unless the exporter passed its own. */
	struct dma_resv resv;

	/**
	 * @wait: waiters in poll(), epoll, io_uring and aio. Its lock protects
	 * the polling state.
	 */
	wait_queue_head_t wait;

	/** @owner: the exporter's module, held until its release has run. */
	struct module *owner;

	/** @node: in the registry from export to the file's release. */
	struct dma_buf_node node;

	/**
	 * @inode: the inode of the file. Its i_private holds state of the core,
	 * see dma_buf_object_poll_state().
	 */
	struct inode inode;
};

static inline struct dma_buf_object *to_dma_buf_object(struct dma_buf *dmabuf)
{
	return container_of(dmabuf, struct dma_buf_object, base);
}

static inline struct dma_buf_object *
inode_to_dma_buf_object(struct inode *inode)
{
	return container_of(inode, struct dma_buf_object, inode);
}

/*
 * The polling state, with the callbacks that will wake waiters. NULL until a
 * waiter first finds a pending fence, constant from then until the file's
 * release.
 */
static inline struct dma_buf_poll *
dma_buf_object_poll_state(struct dma_buf_object *obj)
{
	/*
	 * Paired with cmpxchg() in dma_buf_object_set_poll_state():
	 * poll-state.litmus. READ_ONCE() and the address dependency would
	 * suffice: poll-state-dependency.litmus.
	 */
	return smp_load_acquire(&obj->inode.i_private);
}

/* Set the polling state if it is NULL. Return the previous one. */
static inline struct dma_buf_poll *
dma_buf_object_set_poll_state(struct dma_buf_object *obj,
			      struct dma_buf_poll *poll)
{
	/*
	 * Paired with smp_load_acquire() in dma_buf_object_poll_state():
	 * poll-state.litmus. If it fails, the address dependency orders
	 * accesses to the state it returns: poll-state-lost.litmus.
	 */
	return cmpxchg(&obj->inode.i_private, NULL, poll);
}

/*
 * True if no fence was ever added, so there is none to wait for. A fence that
 * is added concurrently is not ordered with the caller anyway.
 */
static inline bool dma_buf_resv_never_fenced(struct dma_resv *resv)
{
	return !rcu_access_pointer(resv->fences);
}

/*
 * Print @name as one line. User space sets it, so control characters are
 * escaped: they could forge lines, or control a terminal.
 */
static inline void dma_buf_seq_name(struct seq_file *s, const char *name)
{
	seq_escape(s, name, "\001\002\003\004\005\006\007\010\t\n\013\014\r\016\017"
			    "\020\021\022\023\024\025\026\027\030\031\032\033\034\035"
			    "\036\037\177");
}

/* dma-buf-poll.c */
__poll_t dma_buf_file_poll(struct file *file, struct poll_table_struct *table);
void dma_buf_poll_destroy(struct dma_buf_object *obj);

/* dma-buf-registry.c */
void dma_buf_registry_init(void);
void dma_buf_registry_add(struct dma_buf_object *obj);
void dma_buf_registry_del(struct dma_buf_object *obj);

void dma_buf_cursor_start(struct dma_buf_node *cursor);
struct dma_buf *dma_buf_cursor_get(struct dma_buf_node *cursor);
void dma_buf_cursor_advance(struct dma_buf_node *cursor,
			    struct dma_buf *dmabuf);
void dma_buf_cursor_stop(struct dma_buf_node *cursor);

/* dma-buf-debugfs.c */
#ifdef CONFIG_DEBUG_FS
void dma_buf_debugfs_init(void);
#else
static inline void dma_buf_debugfs_init(void) {}
#endif

/* dma-buf-sync-file.c */
#ifdef CONFIG_SYNC_FILE
long dma_buf_ioctl_export_sync_file(struct dma_buf *dmabuf,
				    struct dma_buf_export_sync_file __user *arg);
long dma_buf_ioctl_import_sync_file(struct dma_buf *dmabuf,
				    struct dma_buf_import_sync_file __user *arg);
#else
static inline long
dma_buf_ioctl_export_sync_file(struct dma_buf *dmabuf,
			       struct dma_buf_export_sync_file __user *arg)
{
	return -ENOTTY;
}

static inline long
dma_buf_ioctl_import_sync_file(struct dma_buf *dmabuf,
			       struct dma_buf_import_sync_file __user *arg)
{
	return -ENOTTY;
}
#endif

#endif /* _DMA_BUF_INTERNAL_H */
