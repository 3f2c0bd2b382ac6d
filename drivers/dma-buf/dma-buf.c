// SPDX-License-Identifier: GPL-2.0-only
/*
 * dma-buf: buffers shared between devices
 *
 * Copyright(C) 2011 Linaro Limited. All rights reserved.
 * Author: Sumit Semwal
 *
 * The file follows the lifetime of a buffer: it is exported, shared, attached
 * to devices, pinned and mapped for them, accessed by the CPU, polled,
 * released.
 */

#include <linux/atomic.h>
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/export.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/percpu.h>
#include <linux/pseudo_fs.h>
#include <linux/rcupdate.h>
#include <linux/scatterlist.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <uapi/linux/dma-buf.h>
#include <uapi/linux/magic.h>

#include "dma-buf-internal.h"

#define CREATE_TRACE_POINTS
#include <trace/events/dma_buf.h>

static struct vfsmount *dma_buf_mnt __ro_after_init;

static const struct file_operations dma_buf_file_ops;

/**
 * DOC: from exporter to device
 *
 * A buffer of one driver is used by the device of another in four steps:
 *
 * 1. The exporter fills in a &struct dma_buf_export_info, declared with
 *    DEFINE_DMA_BUF_EXPORT_INFO(), and calls dma_buf_export(). dma_buf_fd()
 *    creates a file descriptor for user space.
 *
 * 2. User space passes the descriptor to the importers. Each importer gets the
 *    &struct dma_buf with dma_buf_get() and attaches its device with
 *    dma_buf_attach() or dma_buf_dynamic_attach(). Until the first mapping the
 *    exporter is free to choose the placement of the backing storage.
 *
 * 3. For each job, or once for all jobs, the importer calls
 *    dma_buf_map_attachment(), programs its device with the DMA addresses, and
 *    calls dma_buf_unmap_attachment() when the device no longer uses them.
 *
 * 4. With all its mappings unmapped, the importer calls dma_buf_detach() and
 *    drops its reference with dma_buf_put().
 *
 * The buffer is released with its last reference. Importers, open descriptors
 * and user mappings hold references, and the exporter does until it passes its
 * own on with dma_buf_fd().
 */

/**
 * DOC: reservation lock rules
 *
 * The lock is that of the reservation object, &dma_buf.resv, taken with
 * dma_resv_lock(). Every line below is tested.
 *
 * Held by the caller of:
 *
 *  - dma_buf_pin()
 *  - dma_buf_unpin()
 *  - dma_buf_map_attachment()
 *  - dma_buf_unmap_attachment()
 *  - dma_buf_vmap()
 *  - dma_buf_vunmap()
 *  - dma_buf_invalidate_mappings(), called by exporters
 *
 * Not held by the caller of:
 *
 *  - dma_buf_export()
 *  - dma_buf_fd()
 *  - dma_buf_fd_install()
 *  - dma_buf_get()
 *  - dma_buf_put()
 *  - dma_buf_attach()
 *  - dma_buf_dynamic_attach()
 *  - dma_buf_detach()
 *  - dma_buf_map_attachment_unlocked()
 *  - dma_buf_unmap_attachment_unlocked()
 *  - dma_buf_begin_cpu_access()
 *  - dma_buf_end_cpu_access()
 *  - dma_buf_kmap()
 *  - dma_buf_kunmap()
 *  - dma_buf_mmap()
 *  - dma_buf_vmap_unlocked()
 *  - dma_buf_vunmap_unlocked()
 *
 * Held when the core calls the exporter's:
 *
 *  - &dma_buf_ops.pin
 *  - &dma_buf_ops.unpin
 *  - &dma_buf_ops.map_dma_buf
 *  - &dma_buf_ops.unmap_dma_buf
 *  - &dma_buf_ops.vmap
 *  - &dma_buf_ops.vunmap
 *
 * and the importer's:
 *
 *  - &dma_buf_attach_ops.invalidate_mappings
 *
 * Not held when the core calls the exporter's, which may take it:
 *
 *  - &dma_buf_ops.attach
 *  - &dma_buf_ops.detach
 *  - &dma_buf_ops.release
 *  - &dma_buf_ops.begin_cpu_access
 *  - &dma_buf_ops.end_cpu_access
 *  - &dma_buf_ops.map
 *  - &dma_buf_ops.unmap
 *  - &dma_buf_ops.mmap
 */

/* Inode numbers are drawn from a common counter this many at a time. */
#define DMA_BUF_INO_BATCH	1024

static DEFINE_PER_CPU(u64, dma_buf_ino_last);

/* A number is never reused. The root directory has number 1. */
static u64 dma_buf_ino_next(void)
{
	static atomic64_t batches = ATOMIC64_INIT(DMA_BUF_INO_BATCH);
	u64 *last = &get_cpu_var(dma_buf_ino_last);
	u64 ino = *last;

	if (ino % DMA_BUF_INO_BATCH == 0)
		ino = atomic64_fetch_add(DMA_BUF_INO_BATCH, &batches);
	*last = ++ino;
	put_cpu_var(dma_buf_ino_last);

	return ino;
}

/* Allocate the object described by @info; it is not visible yet. */
static struct dma_buf_object *
dma_buf_object_create(const struct dma_buf_export_info *info)
{
	struct inode *inode = alloc_anon_inode(dma_buf_mnt->mnt_sb);
	struct dma_buf_object *obj;

	if (IS_ERR(inode))
		return ERR_CAST(inode);

	inode->i_ino = dma_buf_ino_next();
	inode->i_size = info->size;
	inode_set_bytes(inode, info->size);

	obj = inode_to_dma_buf_object(inode);
	obj->owner = info->owner;
	obj->base.size = info->size;
	obj->base.ops = info->ops;
	obj->base.exp_name = info->exp_name;
	obj->base.priv = info->priv;
	obj->base.resv = info->resv;
	if (!info->resv) {
		dma_resv_init(&obj->resv);
		obj->base.resv = &obj->resv;
	}

	return obj;
}

/* Drop the reservation object, if it is embedded in the buffer. */
static void dma_buf_object_fini_resv(struct dma_buf_object *obj)
{
	if (obj->base.resv == &obj->resv)
		dma_resv_fini(&obj->resv);
}

static void dma_buf_object_destroy(struct dma_buf_object *obj)
{
	dma_buf_object_fini_resv(obj);
	iput(&obj->inode);
}

static bool dma_buf_export_info_valid(const struct dma_buf_export_info *info)
{
	const struct dma_buf_ops *ops = info->ops;

	if (!info->priv || !ops)
		return false;
	if (!ops->map_dma_buf || !ops->unmap_dma_buf || !ops->release)
		return false;
	return !ops->pin == !ops->unpin;
}

/**
 * dma_buf_export - create a buffer that can be shared
 * @info: description of the buffer; not used after the call
 *
 * Context: Process context, may sleep. Reservation lock not held.
 * Return: The buffer. The caller owns its only reference, and passes it to user
 * space with dma_buf_fd() or drops it with dma_buf_put(). On failure an
 * ERR_PTR(), with everything undone and &dma_buf_ops.release not called:
 * -EINVAL for an incomplete or contradictory @info, -ENOENT when the exporter's
 * module is being unloaded, -ENOMEM, or -ENFILE when the system has too many
 * files.
 */
struct dma_buf *dma_buf_export(const struct dma_buf_export_info *info)
{
	struct dma_buf_object *obj;
	struct file *file;
	int ret;

	if (WARN_ON(!dma_buf_export_info_valid(info)))
		return ERR_PTR(-EINVAL);

	if (!try_module_get(info->owner))
		return ERR_PTR(-ENOENT);

	obj = dma_buf_object_create(info);
	if (IS_ERR(obj)) {
		ret = PTR_ERR(obj);
		goto err_module;
	}

	file = alloc_file_pseudo(&obj->inode, dma_buf_mnt, "dmabuf",
				 info->flags & (O_ACCMODE | O_NONBLOCK),
				 &dma_buf_file_ops);
	if (IS_ERR(file)) {
		ret = PTR_ERR(file);
		goto err_object;
	}
	obj->base.file = file;

	/* From here on the last fput() releases the buffer. */
	file->private_data = &obj->base;
	dma_buf_registry_add(obj);
	trace_dma_buf_export(&obj->base);

	return &obj->base;

err_object:
	dma_buf_object_destroy(obj);
err_module:
	module_put(info->owner);
	return ERR_PTR(ret);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_export, "DMA_BUF");

/**
 * dma_buf_fd - install a buffer in the caller's file descriptor table
 * @dmabuf: the buffer
 * @flags: of the descriptor: O_CLOEXEC or 0
 *
 * Context: Process context, may sleep. Reservation lock not held.
 * Return: The descriptor, which takes over the caller's reference. On failure
 * the caller keeps its reference: -EINVAL without a buffer, -EMFILE when the
 * process has too many descriptors, -ENOMEM.
 */
int dma_buf_fd(struct dma_buf *dmabuf, int flags)
{
	int fd;

	if (!dmabuf || !dmabuf->file)
		return -EINVAL;

	fd = get_unused_fd_flags(flags);
	if (fd < 0)
		return fd;

	dma_buf_fd_install(dmabuf, fd);
	return fd;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_fd, "DMA_BUF");

/**
 * dma_buf_fd_install - install a buffer at a reserved file descriptor
 * @dmabuf: the buffer; the descriptor takes over the caller's reference
 * @fd: a descriptor that get_unused_fd_flags() has reserved
 *
 * For a driver that still has to copy the number to user space, which may fail:
 * it reserves, copies, and installs last. Installing cannot be undone, since
 * user space may use or close the descriptor immediately.
 *
 * Context: Process context. Reservation lock not held.
 * Return: Nothing.
 */
void dma_buf_fd_install(struct dma_buf *dmabuf, int fd)
{
	/* Before fd_install(), after which a close() may release the buffer. */
	trace_dma_buf_fd(dmabuf, fd);
	fd_install(fd, dmabuf->file);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_fd_install, "DMA_BUF");

/**
 * dma_buf_get - look up the buffer of a file descriptor
 * @fd: a descriptor of the current process
 *
 * Context: Process context. Reservation lock not held.
 * Return: The buffer with a reference for the caller, to be dropped with
 * dma_buf_put(); ERR_PTR(-EBADF) for a descriptor that is not open,
 * ERR_PTR(-EINVAL) for one of another kind of file.
 */
struct dma_buf *dma_buf_get(int fd)
{
	struct file *file = fget(fd);

	if (!file)
		return ERR_PTR(-EBADF);

	if (file->f_op != &dma_buf_file_ops) {
		fput(file);
		return ERR_PTR(-EINVAL);
	}

	trace_dma_buf_get(file->private_data, fd);
	return file->private_data;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_get, "DMA_BUF");

/**
 * dma_buf_put - drop a reference
 * @dmabuf: a buffer with a reference of the caller, which is dropped
 *
 * Dropping the last reference releases the buffer: on return from the system
 * call, or in a work item if it was dropped by a kernel thread or an interrupt
 * handler.
 *
 * Context: Any. Reservation lock not held.
 * Return: Nothing.
 */
void dma_buf_put(struct dma_buf *dmabuf)
{
	if (WARN_ON(!dmabuf || !dmabuf->file))
		return;

	trace_dma_buf_put(dmabuf);
	fput(dmabuf->file);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_put, "DMA_BUF");

/* Wait, interruptibly, for the fences of @usage. */
static int dma_buf_resv_wait(struct dma_resv *resv, enum dma_resv_usage usage)
{
	long ret;

	if (dma_buf_resv_never_fenced(resv))
		return 0;

	ret = dma_resv_wait_timeout(resv, usage, true, MAX_SCHEDULE_TIMEOUT);
	return ret < 0 ? ret : 0;
}

static struct dma_buf_attachment *
dma_buf_attachment_create(struct dma_buf *dmabuf, struct device *dev,
			  const struct dma_buf_attach_ops *importer_ops,
			  void *importer_priv)
{
	struct dma_buf_attachment *attach;

	attach = kmalloc_obj(*attach);
	if (!attach)
		return NULL;

	*attach = (struct dma_buf_attachment) {
		.dmabuf = dmabuf,
		.dev = dev,
		.importer_ops = importer_ops,
		.importer_priv = importer_priv,
		.peer2peer = importer_ops && importer_ops->allow_peer2peer,
	};

	return attach;
}

/*
 * The list is changed with both locks held. Exporters may walk it with the
 * reservation lock held. bufinfo, which must not wait for that lock, walks it
 * with the object's spinlock held.
 */
static void dma_buf_attachment_link(struct dma_buf_attachment *attach)
{
	struct dma_buf *dmabuf = attach->dmabuf;
	struct dma_buf_object *obj = to_dma_buf_object(dmabuf);

	dma_resv_lock(dmabuf->resv, NULL);
	spin_lock(&obj->lock);
	list_add(&attach->node, &dmabuf->attachments);
	spin_unlock(&obj->lock);
	dma_resv_unlock(dmabuf->resv);
}

static void dma_buf_attachment_unlink(struct dma_buf_attachment *attach)
{
	struct dma_buf *dmabuf = attach->dmabuf;
	struct dma_buf_object *obj = to_dma_buf_object(dmabuf);

	dma_resv_lock(dmabuf->resv, NULL);
	spin_lock(&obj->lock);
	list_del(&attach->node);
	spin_unlock(&obj->lock);
	dma_resv_unlock(dmabuf->resv);
}

/**
 * dma_buf_dynamic_attach - attach a device for a driver that manages its mappings
 * @dmabuf: the buffer; the caller's reference must outlast the attachment
 * @dev: the device
 * @importer_ops: the importer's callbacks; NULL for a static importer
 * @importer_priv: the importer's private data
 *
 * Nothing is pinned or mapped yet. The attachment is linked in
 * &dma_buf.attachments after &dma_buf_ops.attach has returned.
 *
 * Context: Process context, may sleep. Takes the reservation lock.
 * Return: The attachment, which the caller frees with dma_buf_detach(). On
 * failure an ERR_PTR() with everything undone: -EINVAL for a missing argument,
 * -ENOMEM, or the exporter's error (-EBUSY when the device cannot reach the
 * memory).
 */
struct dma_buf_attachment *
dma_buf_dynamic_attach(struct dma_buf *dmabuf, struct device *dev,
		       const struct dma_buf_attach_ops *importer_ops,
		       void *importer_priv)
{
	struct dma_buf_attachment *attach;
	int ret;

	if (WARN_ON(!dmabuf || !dev))
		return ERR_PTR(-EINVAL);

	attach = dma_buf_attachment_create(dmabuf, dev, importer_ops,
					   importer_priv);
	if (!attach)
		return ERR_PTR(-ENOMEM);

	if (dmabuf->ops->attach) {
		ret = dmabuf->ops->attach(dmabuf, attach);
		if (ret) {
			kfree(attach);
			return ERR_PTR(ret);
		}
	}

	dma_buf_attachment_link(attach);
	trace_dma_buf_dynamic_attach(dmabuf, attach,
				     dma_buf_attachment_is_dynamic(attach), dev);

	return attach;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_dynamic_attach, "DMA_BUF");

/**
 * dma_buf_attach - attach a device for a driver that relies on its mappings
 * @dmabuf: the buffer; the caller's reference must outlast the attachment
 * @dev: the device
 *
 * The buffer does not move while it is mapped for a static importer, so the
 * importer needs no callbacks.
 *
 * Context: Process context, may sleep. Takes the reservation lock.
 * Return: As dma_buf_dynamic_attach() with no importer callbacks.
 */
struct dma_buf_attachment *dma_buf_attach(struct dma_buf *dmabuf,
					  struct device *dev)
{
	return dma_buf_dynamic_attach(dmabuf, dev, NULL, NULL);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_attach, "DMA_BUF");

/**
 * dma_buf_detach - detach a device from a buffer
 * @dmabuf: the buffer that the device was attached to
 * @attach: the attachment, with all mappings of the importer unmapped and all
 *	its pins undone; freed by this call
 *
 * Context: Process context, may sleep. Takes the reservation lock.
 * Return: Nothing. With another buffer's attachment, a warning and no effect.
 */
void dma_buf_detach(struct dma_buf *dmabuf, struct dma_buf_attachment *attach)
{
	if (WARN_ON(!dmabuf || !attach || attach->dmabuf != dmabuf))
		return;

	dma_buf_attachment_unlink(attach);

	if (dmabuf->ops->detach)
		dmabuf->ops->detach(dmabuf, attach);

	/* NULL if the buffer was leaked: released with @attach still linked. */
	if (dmabuf->file)
		trace_dma_buf_detach(dmabuf, attach,
				     dma_buf_attachment_is_dynamic(attach),
				     attach->dev);
	kfree(attach);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_detach, "DMA_BUF");

/**
 * dma_buf_pin - keep a buffer from moving
 * @attach: a dynamic importer's attachment
 *
 * For a device that cannot wait for a new mapping, e.g. for scanout. User space
 * must not be able to pin unlimited memory with it.
 *
 * Context: May sleep. Reservation lock held.
 * Return: 0, and the buffer does not move until dma_buf_unpin(); -EINVAL for a
 * static importer, as its mappings pin the buffer; the exporter's error.
 */
int dma_buf_pin(struct dma_buf_attachment *attach)
{
	struct dma_buf *dmabuf = attach->dmabuf;

	dma_resv_assert_held(dmabuf->resv);

	if (WARN_ON(!dma_buf_attachment_is_dynamic(attach)))
		return -EINVAL;

	return dma_buf_is_dynamic(dmabuf) ? dmabuf->ops->pin(attach) : 0;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_pin, "DMA_BUF");

/**
 * dma_buf_unpin - allow a buffer to move again
 * @attach: a dynamic importer's attachment, pinned by dma_buf_pin()
 *
 * Context: May sleep. Reservation lock held.
 * Return: Nothing.
 */
void dma_buf_unpin(struct dma_buf_attachment *attach)
{
	struct dma_buf *dmabuf = attach->dmabuf;

	dma_resv_assert_held(dmabuf->resv);

	if (WARN_ON(!dma_buf_attachment_is_dynamic(attach)))
		return;

	if (dma_buf_is_dynamic(dmabuf))
		dmabuf->ops->unpin(attach);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_unpin, "DMA_BUF");

/**
 * struct dma_buf_sgt_debug - copy of a table without page pointers
 * @copy: lengths and DMA addresses of @orig, passed to the importer
 * @orig: the exporter's table
 * @entries: number of entries that were allocated for @copy
 */
struct dma_buf_sgt_debug {
	struct sg_table copy;
	struct sg_table *orig;
	unsigned int entries;
};

/*
 * Importers must not use the pages of a table. With CONFIG_DMABUF_DEBUG they
 * get a copy without page pointers, so misuse crashes immediately.
 */
static struct sg_table *dma_buf_sgt_wrap(struct sg_table *orig)
{
	/* orig_nents is 0 for exporters without struct page. */
	unsigned int entries = max(orig->orig_nents, orig->nents);
	struct dma_buf_sgt_debug *debug;
	struct scatterlist *from, *to;
	int i, ret;

	if (!IS_ENABLED(CONFIG_DMABUF_DEBUG))
		return orig;

	debug = kmalloc_obj(*debug);
	if (!debug)
		return ERR_PTR(-ENOMEM);

	/* A table with no entries cannot be allocated. */
	debug->entries = max(entries, 1);
	ret = sg_alloc_table(&debug->copy, debug->entries, GFP_KERNEL);
	if (ret) {
		kfree(debug);
		return ERR_PTR(ret);
	}

	to = debug->copy.sgl;
	for_each_sg(orig->sgl, from, entries, i) {
		unsigned long no_page = to->page_link;

		*to = *from;
		to->page_link = no_page;
		to = sg_next(to);
	}
	debug->copy.orig_nents = orig->orig_nents;
	debug->copy.nents = orig->nents;
	debug->orig = orig;

	return &debug->copy;
}

/* Free the copy that dma_buf_sgt_wrap() made; return the exporter's table. */
static struct sg_table *dma_buf_sgt_unwrap(struct sg_table *copy)
{
	struct dma_buf_sgt_debug *debug;
	struct sg_table *orig;

	if (!IS_ENABLED(CONFIG_DMABUF_DEBUG))
		return copy;

	debug = container_of(copy, struct dma_buf_sgt_debug, copy);
	orig = debug->orig;
	debug->copy.orig_nents = debug->entries;
	sg_free_table(&debug->copy);
	kfree(debug);

	return orig;
}

/* Importers rely on page-aligned segments: report others. */
static void dma_buf_sgt_check(struct sg_table *sgt)
{
	struct scatterlist *sg;
	int i;

	if (!IS_ENABLED(CONFIG_DMA_API_DEBUG))
		return;

	for_each_sgtable_dma_sg(sgt, sg, i) {
		dma_addr_t addr = sg_dma_address(sg);
		unsigned int len = sg_dma_len(sg);

		if (!PAGE_ALIGNED(addr) || !PAGE_ALIGNED(len))
			pr_debug("segment %d: address %pad, length %#x: not page-aligned\n",
				 i, &addr, len);
	}
}

/* Pin a movable buffer for a static importer, which relies on its mapping. */
static int dma_buf_map_pin(struct dma_buf_attachment *attach)
{
	struct dma_buf *dmabuf = attach->dmabuf;
	int ret;

	if (!dma_buf_is_dynamic(dmabuf))
		return 0;

	ret = dmabuf->ops->pin(attach);
	/* -EBUSY is for &dma_buf_ops.attach, which has accepted the device. */
	WARN_ON_ONCE(ret == -EBUSY);
	return ret;
}

static void dma_buf_map_unpin(struct dma_buf_attachment *attach)
{
	struct dma_buf *dmabuf = attach->dmabuf;

	if (dma_buf_is_dynamic(dmabuf))
		dmabuf->ops->unpin(attach);
}

/* Have the exporter map the buffer, without debug copy. */
static struct sg_table *dma_buf_sgt_map(struct dma_buf_attachment *attach,
					enum dma_data_direction dir)
{
	return attach->dmabuf->ops->map_dma_buf(attach, dir) ?: ERR_PTR(-ENOMEM);
}

static void dma_buf_sgt_unmap(struct dma_buf_attachment *attach,
			      struct sg_table *sgt, enum dma_data_direction dir)
{
	attach->dmabuf->ops->unmap_dma_buf(attach, sgt, dir);
	if (!dma_buf_attachment_is_dynamic(attach))
		dma_buf_map_unpin(attach);
}

/* As dma_buf_sgt_map(), but pinned and ready for use. */
static struct sg_table *dma_buf_sgt_map_static(struct dma_buf_attachment *attach,
					       enum dma_data_direction dir)
{
	struct sg_table *sgt;
	int ret;

	ret = dma_buf_map_pin(attach);
	if (ret)
		return ERR_PTR(ret);

	sgt = dma_buf_sgt_map(attach, dir);
	if (IS_ERR(sgt)) {
		dma_buf_map_unpin(attach);
		return sgt;
	}

	ret = dma_buf_resv_wait(attach->dmabuf->resv, DMA_RESV_USAGE_KERNEL);
	if (ret) {
		dma_buf_sgt_unmap(attach, sgt, dir);
		return ERR_PTR(ret);
	}

	return sgt;
}

/**
 * dma_buf_map_attachment - map a buffer for an attached device
 * @attach: the attachment
 * @dir: direction of the transfers, as for the DMA API
 *
 * Each call creates a mapping. An attachment may have several at a time, in any
 * directions. For a static importer the buffer is pinned as long as the mapping
 * exists, and ready for use on return. A dynamic importer waits for the fences
 * of %DMA_RESV_USAGE_KERNEL before its device accesses the memory, and pins the
 * buffer with dma_buf_pin() if necessary.
 *
 * Importers must not use the pages of the table; there may be none.
 *
 * Context: Process context, may sleep. Reservation lock held.
 * Return: A table of DMA addresses, page-aligned, which the caller passes to
 * dma_buf_unmap_attachment(). On failure an ERR_PTR(), with nothing mapped or
 * pinned: -EINVAL without an attachment, -ENOMEM, the exporter's error,
 * -ERESTARTSYS when a signal interrupted the wait for the memory.
 */
struct sg_table *dma_buf_map_attachment(struct dma_buf_attachment *attach,
					enum dma_data_direction dir)
{
	struct sg_table *sgt, *copy;

	might_sleep();

	if (WARN_ON(!attach || !attach->dmabuf))
		return ERR_PTR(-EINVAL);

	dma_resv_assert_held(attach->dmabuf->resv);

	if (dma_buf_attachment_is_dynamic(attach))
		sgt = dma_buf_sgt_map(attach, dir);
	else
		sgt = dma_buf_sgt_map_static(attach, dir);
	if (IS_ERR(sgt))
		return sgt;

	copy = dma_buf_sgt_wrap(sgt);
	if (IS_ERR(copy)) {
		dma_buf_sgt_unmap(attach, sgt, dir);
		return copy;
	}

	dma_buf_sgt_check(copy);
	trace_dma_buf_map(attach, dir);
	return copy;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_map_attachment, "DMA_BUF");

/**
 * dma_buf_map_attachment_unlocked - map a buffer, taking the lock
 * @attach: the attachment
 * @dir: direction of the transfers, as for the DMA API
 *
 * Context: Process context, may sleep. Takes the reservation lock.
 * Return: As dma_buf_map_attachment().
 */
struct sg_table *
dma_buf_map_attachment_unlocked(struct dma_buf_attachment *attach,
				enum dma_data_direction dir)
{
	struct sg_table *sgt;

	might_sleep();

	if (WARN_ON(!attach || !attach->dmabuf))
		return ERR_PTR(-EINVAL);

	dma_resv_lock(attach->dmabuf->resv, NULL);
	sgt = dma_buf_map_attachment(attach, dir);
	dma_resv_unlock(attach->dmabuf->resv);

	return sgt;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_map_attachment_unlocked, "DMA_BUF");

/**
 * dma_buf_unmap_attachment - unmap a buffer
 * @attach: the attachment
 * @sgt: the table that dma_buf_map_attachment() returned; invalid on return
 * @dir: the direction that was passed to dma_buf_map_attachment()
 *
 * Context: Process context, may sleep. Reservation lock held.
 * Return: Nothing.
 */
void dma_buf_unmap_attachment(struct dma_buf_attachment *attach,
			      struct sg_table *sgt,
			      enum dma_data_direction dir)
{
	might_sleep();

	if (WARN_ON(!attach || !attach->dmabuf || !sgt))
		return;

	dma_resv_assert_held(attach->dmabuf->resv);

	trace_dma_buf_unmap(attach, dir);
	dma_buf_sgt_unmap(attach, dma_buf_sgt_unwrap(sgt), dir);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_unmap_attachment, "DMA_BUF");

/**
 * dma_buf_unmap_attachment_unlocked - unmap a buffer, taking the lock
 * @attach: the attachment
 * @sgt: the table that was returned by the map call; invalid on return
 * @dir: the direction that was passed to the map call
 *
 * Context: Process context, may sleep. Takes the reservation lock.
 * Return: Nothing.
 */
void dma_buf_unmap_attachment_unlocked(struct dma_buf_attachment *attach,
				       struct sg_table *sgt,
				       enum dma_data_direction dir)
{
	might_sleep();

	if (WARN_ON(!attach || !attach->dmabuf || !sgt))
		return;

	dma_resv_lock(attach->dmabuf->resv, NULL);
	dma_buf_unmap_attachment(attach, sgt, dir);
	dma_resv_unlock(attach->dmabuf->resv);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_unmap_attachment_unlocked, "DMA_BUF");

/**
 * dma_buf_attach_revocable - can access through an attachment be revoked?
 * @attach: the attachment
 *
 * An exporter that may have to revoke access at any time calls this in
 * &dma_buf_ops.attach, and refuses importers for which it returns false.
 *
 * Context: Any.
 * Return: True if the importer unmaps within bounded time after
 * dma_buf_invalidate_mappings().
 */
bool dma_buf_attach_revocable(struct dma_buf_attachment *attach)
{
	return dma_buf_attachment_is_dynamic(attach) &&
	       attach->importer_ops->invalidate_mappings;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_attach_revocable, "DMA_BUF");

/**
 * dma_buf_invalidate_mappings - request that importers drop their mappings
 * @dmabuf: the buffer
 *
 * For an exporter that moves the backing storage or revokes access. Calls
 * &dma_buf_attach_ops.invalidate_mappings of every attachment that has it,
 * pinned ones included, in any order. As a pinned buffer does not move, an
 * importer that has pinned it may take the call as the end of its access, and
 * never map again.
 *
 * Devices may access the memory until the exporter has waited twice:
 *
 * 1. For the fences of &dma_buf.resv, all usages: until they have signalled,
 *    devices read and write.
 *
 * 2. For dma_buf_unmap_attachment() of each mapping: until then a device may
 *    still read ahead and discard the data, but does not write.
 *
 * The first wait is enough for most moves, revocation needs both. Importers
 * with the callback unmap within bounded time. Others unmap when they no longer
 * need the buffer, possibly never: see dma_buf_attach_revocable().
 *
 * Importers may map again as soon as the reservation lock is released. An
 * exporter that has revoked access fails these calls.
 *
 * Context: May sleep. Reservation lock held.
 * Return: Nothing.
 */
void dma_buf_invalidate_mappings(struct dma_buf *dmabuf)
{
	struct dma_buf_attachment *attach;

	dma_resv_assert_held(dmabuf->resv);

	list_for_each_entry(attach, &dmabuf->attachments, node) {
		if (dma_buf_attach_revocable(attach))
			attach->importer_ops->invalidate_mappings(attach);
	}
}
EXPORT_SYMBOL_NS_GPL(dma_buf_invalidate_mappings, "DMA_BUF");

/**
 * DOC: access by the CPU
 *
 * The CPU accesses a buffer to copy it for a device behind a bus without DMA,
 * to convert it in software, or to show it in a debugger. Every access, through
 * any of the mappings below, is bracketed by dma_buf_begin_cpu_access() and
 * dma_buf_end_cpu_access(). User space brackets it with DMA_BUF_SYNC_START and
 * DMA_BUF_SYNC_END of DMA_BUF_IOCTL_SYNC. This waits for the devices and makes
 * the memory coherent. An access without it is a bug, on coherent systems as
 * well.
 *
 * These mappings exist:
 *
 * - dma_buf_vmap() maps the whole buffer into the kernel's address space.
 *   Nested calls share one mapping. On 32-bit machines this address space is
 *   scarce.
 *
 * - dma_buf_kmap() maps one page at a time and needs no such space.
 *
 * - mmap() of the file descriptor maps the buffer into user space. A driver
 *   with an mmap() callback for its own buffers calls dma_buf_mmap() for
 *   imported ones.
 *
 * Each of them fails if the exporter does not support it.
 */

/**
 * dma_buf_begin_cpu_access - prepare a buffer for the CPU
 * @dmabuf: the buffer
 * @dir: %DMA_FROM_DEVICE to read, %DMA_TO_DEVICE to write, %DMA_BIDIRECTIONAL
 *	for both
 *
 * Has the exporter prepare the memory, then waits for fences: for those of
 * writers if the CPU reads, for all fences if it writes. Work that is
 * synchronized explicitly adds no fence to the buffer, and the caller must wait
 * for it.
 *
 * Context: Process context, may sleep. Reservation lock not held.
 * Return: 0, and the caller ends the access with dma_buf_end_cpu_access();
 * -EINVAL without a buffer, the exporter's error, or -ERESTARTSYS when a signal
 * interrupted the wait. After an error the caller must not call
 * dma_buf_end_cpu_access(), even if the exporter has prepared the memory: the
 * next dma_buf_begin_cpu_access() has it prepared again.
 */
int dma_buf_begin_cpu_access(struct dma_buf *dmabuf,
			     enum dma_data_direction dir)
{
	bool write = dir == DMA_TO_DEVICE || dir == DMA_BIDIRECTIONAL;
	int ret;

	if (WARN_ON(!dmabuf))
		return -EINVAL;

	might_lock(&dmabuf->resv->lock.base);

	if (dmabuf->ops->begin_cpu_access) {
		ret = dmabuf->ops->begin_cpu_access(dmabuf, dir);
		if (ret)
			return ret;
	}

	/*
	 * Do not call end_cpu_access() when interrupted: with bounce buffers it
	 * would copy over data that a device is still writing.
	 */
	return dma_buf_resv_wait(dmabuf->resv, dma_resv_usage_rw(write));
}
EXPORT_SYMBOL_NS_GPL(dma_buf_begin_cpu_access, "DMA_BUF");

/**
 * dma_buf_end_cpu_access - end an access of the CPU
 * @dmabuf: the buffer
 * @dir: the direction that was passed to dma_buf_begin_cpu_access()
 *
 * Context: Process context, may sleep. Reservation lock not held.
 * Return: 0, -EINVAL without a buffer, or the exporter's error.
 */
int dma_buf_end_cpu_access(struct dma_buf *dmabuf,
			   enum dma_data_direction dir)
{
	if (WARN_ON(!dmabuf))
		return -EINVAL;

	might_lock(&dmabuf->resv->lock.base);

	if (!dmabuf->ops->end_cpu_access)
		return 0;
	return dmabuf->ops->end_cpu_access(dmabuf, dir);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_end_cpu_access, "DMA_BUF");

/**
 * dma_buf_kmap - map one page of a buffer into the kernel
 * @dmabuf: the buffer
 * @page: the page's offset in the buffer, in pages
 *
 * Context: Process context, may sleep. Reservation lock not held.
 * Return: The address of the page, valid until dma_buf_kunmap(). NULL when the
 * page is beyond the end, the exporter does not support this, or fails.
 */
void *dma_buf_kmap(struct dma_buf *dmabuf, unsigned long page)
{
	if (WARN_ON(!dmabuf))
		return NULL;

	if (!dmabuf->ops->map || page >= PFN_UP(dmabuf->size))
		return NULL;

	return dmabuf->ops->map(dmabuf, page);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_kmap, "DMA_BUF");

/**
 * dma_buf_kunmap - undo dma_buf_kmap()
 * @dmabuf: the buffer
 * @page: the page's offset in the buffer, in pages
 * @vaddr: the address that dma_buf_kmap() returned; NULL is ignored
 *
 * Context: Process context, may sleep. Reservation lock not held.
 * Return: Nothing.
 */
void dma_buf_kunmap(struct dma_buf *dmabuf, unsigned long page, void *vaddr)
{
	if (WARN_ON(!dmabuf))
		return;

	if (vaddr && dmabuf->ops->unmap)
		dmabuf->ops->unmap(dmabuf, page, vaddr);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_kunmap, "DMA_BUF");

/* Is the range of @pages pages at @pgoff within the buffer? */
static bool dma_buf_mmap_fits(struct dma_buf *dmabuf, unsigned long pgoff,
			      unsigned long pages)
{
	unsigned long end = dmabuf->size >> PAGE_SHIFT;

	return pages <= end && pgoff <= end - pages;
}

/**
 * dma_buf_mmap - map a buffer into user space
 * @dmabuf: the buffer
 * @vma: the vma to map it into; has the importing driver's file
 * @pgoff: offset in the buffer, in pages
 *
 * For drivers that let user space map imported buffers through a file of the
 * driver.
 *
 * Context: Process context, may sleep. The mm's mmap lock held for writing,
 * reservation lock not held.
 * Return: 0, and @vma refers to the buffer's file, with a reference, instead of
 * its previous file. On failure @vma has its previous file and offset: -EINVAL
 * for a missing argument, an exporter without mmap(), or a range that exceeds
 * the buffer; -EOVERFLOW when the range wraps around; the exporter's error.
 */
int dma_buf_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma,
		 unsigned long pgoff)
{
	unsigned long old_pgoff;
	struct file *old_file;
	int ret;

	/* A leaked buffer has no file. */
	if (WARN_ON(!dmabuf || !dmabuf->file || !vma))
		return -EINVAL;
	if (!dmabuf->ops->mmap)
		return -EINVAL;
	if (pgoff + vma_pages(vma) < pgoff)
		return -EOVERFLOW;
	if (!dma_buf_mmap_fits(dmabuf, pgoff, vma_pages(vma)))
		return -EINVAL;

	/* Keep the reference to the old file, to restore it on error. */
	old_file = vma->vm_file;
	old_pgoff = vma->vm_pgoff;
	vma->vm_file = get_file(dmabuf->file);
	vma->vm_pgoff = pgoff;

	trace_dma_buf_mmap(dmabuf);
	ret = dmabuf->ops->mmap(dmabuf, vma);
	if (ret) {
		/* Exporters may replace the file: drop the current one. */
		fput(vma->vm_file);
		vma->vm_file = old_file;
		vma->vm_pgoff = old_pgoff;
		return ret;
	}

	fput(old_file);
	return 0;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_mmap, "DMA_BUF");

/* Have the exporter map the buffer for the first user. */
static int dma_buf_vmap_create(struct dma_buf_object *obj)
{
	struct dma_buf *dmabuf = &obj->base;
	int ret = -EINVAL;

	if (dmabuf->ops->vmap)
		ret = dmabuf->ops->vmap(dmabuf, &obj->vmap);
	if (ret)
		iosys_map_clear(&obj->vmap);
	return ret;
}

/**
 * dma_buf_vmap - map a whole buffer into the kernel
 * @dmabuf: the buffer
 * @map: the mapping; cleared on failure
 *
 * Nested calls share one mapping. Accesses are bracketed by
 * dma_buf_begin_cpu_access() and dma_buf_end_cpu_access().
 *
 * Context: Process context, may sleep. Reservation lock held.
 * Return: 0, and the mapping is valid until the caller's dma_buf_vunmap();
 * -EINVAL without a buffer or when the exporter does not support this; the
 * exporter's error, for example -ENOMEM.
 */
int dma_buf_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct dma_buf_object *obj;
	int ret;

	if (WARN_ON(!dmabuf)) {
		iosys_map_clear(map);
		return -EINVAL;
	}

	dma_resv_assert_held(dmabuf->resv);

	obj = to_dma_buf_object(dmabuf);
	if (!obj->vmap_count) {
		ret = dma_buf_vmap_create(obj);
		if (ret) {
			iosys_map_clear(map);
			return ret;
		}
	}

	obj->vmap_count++;
	*map = obj->vmap;
	return 0;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_vmap, "DMA_BUF");

/**
 * dma_buf_vmap_unlocked - map a whole buffer into the kernel, taking the lock
 * @dmabuf: the buffer
 * @map: the mapping; cleared on failure
 *
 * Context: Process context, may sleep. Takes the reservation lock.
 * Return: As dma_buf_vmap().
 */
int dma_buf_vmap_unlocked(struct dma_buf *dmabuf, struct iosys_map *map)
{
	int ret;

	if (WARN_ON(!dmabuf)) {
		iosys_map_clear(map);
		return -EINVAL;
	}

	dma_resv_lock(dmabuf->resv, NULL);
	ret = dma_buf_vmap(dmabuf, map);
	dma_resv_unlock(dmabuf->resv);

	return ret;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_vmap_unlocked, "DMA_BUF");

/**
 * dma_buf_vunmap - undo one dma_buf_vmap()
 * @dmabuf: the buffer
 * @map: the mapping
 *
 * Context: Process context, may sleep. Reservation lock held.
 * Return: Nothing. With another buffer's mapping, a warning and no effect.
 */
void dma_buf_vunmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct dma_buf_object *obj;

	if (WARN_ON(!dmabuf))
		return;

	dma_resv_assert_held(dmabuf->resv);

	obj = to_dma_buf_object(dmabuf);
	if (WARN_ON(!obj->vmap_count || !iosys_map_is_equal(&obj->vmap, map)))
		return;

	if (--obj->vmap_count)
		return;

	if (dmabuf->ops->vunmap)
		dmabuf->ops->vunmap(dmabuf, &obj->vmap);
	iosys_map_clear(&obj->vmap);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_vunmap, "DMA_BUF");

/**
 * dma_buf_vunmap_unlocked - undo one dma_buf_vmap(), taking the lock
 * @dmabuf: the buffer
 * @map: the mapping
 *
 * Context: Process context, may sleep. Takes the reservation lock.
 * Return: Nothing. With another buffer's mapping, a warning and no effect.
 */
void dma_buf_vunmap_unlocked(struct dma_buf *dmabuf, struct iosys_map *map)
{
	if (WARN_ON(!dmabuf))
		return;

	dma_resv_lock(dmabuf->resv, NULL);
	dma_buf_vunmap(dmabuf, map);
	dma_resv_unlock(dmabuf->resv);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_vunmap_unlocked, "DMA_BUF");

static loff_t dma_buf_file_llseek(struct file *file, loff_t offset, int whence)
{
	struct dma_buf *dmabuf = file->private_data;

	/* Enough to query the size, and to seek back to the start. */
	if (offset || (whence != SEEK_SET && whence != SEEK_END))
		return -EINVAL;

	return whence == SEEK_END ? dmabuf->size : 0;
}

static int dma_buf_file_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct dma_buf *dmabuf = file->private_data;

	if (!dmabuf->ops->mmap)
		return -EINVAL;
	if (!dma_buf_mmap_fits(dmabuf, vma->vm_pgoff, vma_pages(vma)))
		return -EINVAL;

	trace_dma_buf_mmap_internal(dmabuf);
	return dmabuf->ops->mmap(dmabuf, vma);
}

static long dma_buf_ioctl_sync(struct dma_buf *dmabuf,
			       struct dma_buf_sync __user *arg)
{
	enum dma_data_direction dir;
	u64 flags;

	if (get_user(flags, &arg->flags))
		return -EFAULT;
	if (flags & ~DMA_BUF_SYNC_VALID_FLAGS_MASK)
		return -EINVAL;

	switch (flags & DMA_BUF_SYNC_RW) {
	case DMA_BUF_SYNC_READ:
		dir = DMA_FROM_DEVICE;
		break;
	case DMA_BUF_SYNC_WRITE:
		dir = DMA_TO_DEVICE;
		break;
	case DMA_BUF_SYNC_RW:
		dir = DMA_BIDIRECTIONAL;
		break;
	default:
		return -EINVAL;
	}

	if (flags & DMA_BUF_SYNC_END)
		return dma_buf_end_cpu_access(dmabuf, dir);
	return dma_buf_begin_cpu_access(dmabuf, dir);
}

/*
 * Publish @name. BPF programs may still read the old name: name-free.litmus.
 * Ordered by the lock with dma_buf_dentry_name() and other readers that take
 * it: name-locked.litmus.
 */
static void dma_buf_name_replace(struct dma_buf *dmabuf, const char *name)
{
	struct dma_buf_object *obj = to_dma_buf_object(dmabuf);
	const char *old;

	spin_lock(&obj->lock);
	old = dmabuf->name;
	/*
	 * Paired with the address dependency of readers under RCU outside of
	 * the core, e.g. BPF programs: name-publish.litmus.
	 */
	smp_store_release(&dmabuf->name, name);
	spin_unlock(&obj->lock);

	kfree_rcu_mightsleep(old);
}

static long dma_buf_ioctl_set_name(struct dma_buf *dmabuf,
				   const char __user *arg)
{
	char *name;
	long len;

	name = kmalloc(DMA_BUF_NAME_LEN, GFP_KERNEL_ACCOUNT);
	if (!name)
		return -ENOMEM;

	len = strncpy_from_user(name, arg, DMA_BUF_NAME_LEN);
	if (len < 0 || len == DMA_BUF_NAME_LEN) {
		kfree(name);
		return len < 0 ? len : -EINVAL;
	}

	dma_buf_name_replace(dmabuf, name);
	return 0;
}

static long dma_buf_file_ioctl(struct file *file, unsigned int cmd,
			       unsigned long arg)
{
	struct dma_buf *dmabuf = file->private_data;
	void __user *uarg = (void __user *)arg;

	switch (cmd) {
	case DMA_BUF_IOCTL_SYNC:
		return dma_buf_ioctl_sync(dmabuf, uarg);
	case DMA_BUF_SET_NAME_A:
	case DMA_BUF_SET_NAME_B:
		return dma_buf_ioctl_set_name(dmabuf, uarg);
	case DMA_BUF_IOCTL_EXPORT_SYNC_FILE:
		return dma_buf_ioctl_export_sync_file(dmabuf, uarg);
	case DMA_BUF_IOCTL_IMPORT_SYNC_FILE:
		return dma_buf_ioctl_import_sync_file(dmabuf, uarg);
	default:
		return -ENOTTY;
	}
}

static void dma_buf_file_show_fdinfo(struct seq_file *s, struct file *file)
{
	struct dma_buf *dmabuf = file->private_data;
	struct dma_buf_object *obj = to_dma_buf_object(dmabuf);
	const char *name;

	/* procfs holds a reference to the file, which is not counted. */
	seq_printf(s, "size:\t%zu\ncount:\t%ld\nexp_name:\t%s\n",
		   dmabuf->size, file_count(file) - 1, dmabuf->exp_name);

	spin_lock(&obj->lock);
	name = dmabuf->name;
	if (name) {
		seq_puts(s, "name:\t");
		dma_buf_seq_name(s, name);
		seq_putc(s, '\n');
	}
	spin_unlock(&obj->lock);
}

/* The last reference was dropped. Paths to the file may still be held. */
static int dma_buf_file_release(struct inode *inode, struct file *file)
{
	struct dma_buf *dmabuf = file->private_data;
	struct dma_buf_object *obj = to_dma_buf_object(dmabuf);

	trace_dma_buf_release(dmabuf);
	dma_buf_registry_del(obj);
	dma_buf_poll_destroy(obj);

	/* A driver failed to clean up and may still use the buffer: leak it. */
	if (WARN_ON(!list_empty(&dmabuf->attachments) ||
		    obj->vmap_count)) {
		dmabuf->file = NULL;
		ihold(inode);
		return 0;
	}

	dmabuf->ops->release(dmabuf);
	dma_buf_object_fini_resv(obj);
	module_put(obj->owner);
	return 0;
}

static const struct file_operations dma_buf_file_ops = {
	.release	= dma_buf_file_release,
	.mmap		= dma_buf_file_mmap,
	.llseek		= dma_buf_file_llseek,
	.poll		= dma_buf_file_poll,
	.unlocked_ioctl	= dma_buf_file_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.show_fdinfo	= dma_buf_file_show_fdinfo,
};

static struct kmem_cache *dma_buf_cache __ro_after_init;

/* Members that are in their initial state when freed are set up once. */
static void dma_buf_cache_ctor(void *ptr)
{
	struct dma_buf_object *obj = ptr;

	memset(obj, 0, offsetof(struct dma_buf_object, inode));
	INIT_LIST_HEAD(&obj->base.attachments);
	spin_lock_init(&obj->lock);
	init_waitqueue_head(&obj->wait);
	inode_init_once(&obj->inode);
}

static struct inode *dma_buf_inode_alloc(struct super_block *sb)
{
	struct dma_buf_object *obj;

	obj = alloc_inode_sb(sb, dma_buf_cache, GFP_KERNEL);
	return obj ? &obj->inode : NULL;
}

/*
 * Free the object without a grace period, as pipes are: every path to the inode
 * is a reference. It is not hashed, and neither is its dentry.
 */
static void dma_buf_inode_destroy(struct inode *inode)
{
	struct dma_buf_object *obj = inode_to_dma_buf_object(inode);

	kfree(obj->base.name);
	/* Few have a name: do not write to this cache line for the others. */
	if (obj->base.name)
		obj->base.name = NULL;
	kmem_cache_free(dma_buf_cache, obj);
}

/* The inodes have no pages to truncate. */
static const struct super_operations dma_buf_super_ops = {
	.alloc_inode	= dma_buf_inode_alloc,
	.evict_inode	= clear_inode,
	.destroy_inode	= dma_buf_inode_destroy,
	.statfs		= simple_statfs,
};

/*
 * Called with the dentry held, and so the inode: the name is valid even after
 * the file's release.
 */
static char *dma_buf_dentry_name(struct dentry *dentry, char *buf, int len)
{
	struct dma_buf_object *obj = inode_to_dma_buf_object(d_inode(dentry));
	char name[DMA_BUF_NAME_LEN];

	spin_lock(&obj->lock);
	strscpy(name, obj->base.name ?: "");
	spin_unlock(&obj->lock);

	return dynamic_dname(buf, len, "/%s:%s", dentry->d_name.name, name);
}

static const struct dentry_operations dma_buf_dentry_ops = {
	.d_dname	= dma_buf_dentry_name,
};

static int dma_buf_fs_init_context(struct fs_context *fc)
{
	struct pseudo_fs_context *ctx = init_pseudo(fc, DMA_BUF_MAGIC);

	if (!ctx)
		return -ENOMEM;

	ctx->ops = &dma_buf_super_ops;
	ctx->dops = &dma_buf_dentry_ops;
	return 0;
}

static struct file_system_type dma_buf_fs_type = {
	.name			= "dmabuf",
	.init_fs_context	= dma_buf_fs_init_context,
	.kill_sb		= kill_anon_super,
};

static int __init dma_buf_init(void)
{
	struct vfsmount *mnt;

	dma_buf_registry_init();

	dma_buf_cache = kmem_cache_create("dma_buf",
					  sizeof(struct dma_buf_object), 0,
					  SLAB_ACCOUNT | SLAB_HWCACHE_ALIGN,
					  dma_buf_cache_ctor);
	if (!dma_buf_cache)
		return -ENOMEM;

	mnt = kern_mount(&dma_buf_fs_type);
	if (IS_ERR(mnt)) {
		kmem_cache_destroy(dma_buf_cache);
		return PTR_ERR(mnt);
	}
	dma_buf_mnt = mnt;

	dma_buf_debugfs_init();
	return 0;
}
subsys_initcall(dma_buf_init);
