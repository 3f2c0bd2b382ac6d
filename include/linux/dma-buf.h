/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dma-buf: buffers shared between devices
 *
 * Copyright(C) 2011 Linaro Limited. All rights reserved.
 * Author: Sumit Semwal
 *
 * The interface between the driver that owns a buffer (the exporter) and the
 * drivers that use it (the importers). For an overview and the locking rules
 * see Documentation/driver-api/dma-buf.rst.
 */
#ifndef __DMA_BUF_H__
#define __DMA_BUF_H__

#include <linux/iosys-map.h>
#include <linux/file.h>
#include <linux/err.h>
#include <linux/scatterlist.h>
#include <linux/list.h>
#include <linux/dma-mapping.h>
#include <linux/fs.h>
#include <linux/dma-fence.h>
#include <linux/wait.h>
#include <linux/pci-p2pdma.h>

struct device;
struct dma_buf;
struct dma_buf_attachment;

/**
 * struct dma_buf_ops - callbacks of an exporter
 *
 * @map_dma_buf, @unmap_dma_buf and @release are mandatory. @pin and @unpin are
 * provided both or not at all; an exporter with them may move its buffers and
 * is called *dynamic*. All other callbacks are optional.
 *
 * Errors are negative errno values. An error is passed to the importer or to
 * user space unchanged.
 */
struct dma_buf_ops {
	/**
	 * @attach:
	 *
	 * A device is about to be attached to the buffer. The exporter checks
	 * whether the device can reach the memory at its current placement, or
	 * at one that the buffer can be moved to. Per-device state may be
	 * stored in &dma_buf_attachment.priv. Optional.
	 *
	 * Context: May sleep. Reservation lock not held.
	 * Return: 0, and the attachment is then linked in &dma_buf.attachments;
	 * or a negative errno, usually -EBUSY when the backing storage has been
	 * placed where the device cannot reach it. The attachment is freed
	 * after an error and @detach is not called.
	 */
	int (*attach)(struct dma_buf *dmabuf, struct dma_buf_attachment *attach);

	/**
	 * @detach:
	 *
	 * Undo @attach. All mappings have been unmapped, and the attachment is
	 * no longer linked. Optional.
	 *
	 * Context: May sleep. Reservation lock not held.
	 */
	void (*detach)(struct dma_buf *dmabuf, struct dma_buf_attachment *attach);

	/**
	 * @pin:
	 *
	 * Keep the backing storage from moving until @unpin, at a placement
	 * that all attached devices can reach. On return the memory must hold
	 * this buffer's data and no data of another owner: an exporter that
	 * clears or moves asynchronously waits for it here. Called before
	 * @map_dma_buf for each mapping of an importer that cannot handle a
	 * move, and by dma_buf_pin().
	 *
	 * Context: May sleep. Reservation lock held.
	 * Return: 0 or a negative errno; not -EBUSY, which is for @attach to
	 * return.
	 */
	int (*pin)(struct dma_buf_attachment *attach);

	/**
	 * @unpin:
	 *
	 * Undo one @pin.
	 *
	 * Context: May sleep. Reservation lock held.
	 */
	void (*unpin)(struct dma_buf_attachment *attach);

	/**
	 * @map_dma_buf:
	 *
	 * Map the buffer for &dma_buf_attachment.dev and return the list of DMA
	 * addresses. The placement of the backing storage may be chosen as late
	 * as this, to suit all devices in &dma_buf.attachments. An importer may
	 * have several mappings at a time.
	 *
	 * A static exporter returns only when the memory is ready for use. A
	 * dynamic exporter may return earlier, with fences of
	 * %DMA_RESV_USAGE_KERNEL in &dma_buf.resv: dynamic importers wait for
	 * them, and the core waits for them on behalf of static importers.
	 *
	 * Context: May sleep. Reservation lock held.
	 * Return: A new &struct sg_table, already mapped for the device, with
	 * addresses and lengths that are multiples of PAGE_SIZE. The importer
	 * owns it until @unmap_dma_buf. On failure an ERR_PTR(); NULL is
	 * treated as -ENOMEM.
	 */
	struct sg_table *(*map_dma_buf)(struct dma_buf_attachment *attach,
					enum dma_data_direction dir);

	/**
	 * @unmap_dma_buf:
	 *
	 * Unmap and free a table that @map_dma_buf returned. @dir is the
	 * direction that it was mapped for.
	 *
	 * Context: May sleep. Reservation lock held.
	 */
	void (*unmap_dma_buf)(struct dma_buf_attachment *attach,
			      struct sg_table *sgt,
			      enum dma_data_direction dir);

	/**
	 * @release:
	 *
	 * The last reference was dropped: free the memory and the state behind
	 * &dma_buf.priv. Called at most once. It is not called if
	 * dma_buf_export() failed, nor for a buffer that is leaked because it
	 * is still attached or vmapped.
	 *
	 * Context: Process context, may sleep. Reservation lock not held.
	 */
	void (*release)(struct dma_buf *dmabuf);

	/**
	 * @begin_cpu_access:
	 *
	 * Make the memory coherent for the CPU: for reading with
	 * %DMA_FROM_DEVICE, for writing with %DMA_TO_DEVICE, for both with
	 * %DMA_BIDIRECTIONAL. Called for accesses of the kernel and for
	 * DMA_BUF_IOCTL_SYNC. The core waits for the fences after this call. An
	 * exporter that copies, invalidates caches or syncs bounce buffers here
	 * must wait for them first, as the device may still be writing. When a
	 * signal interrupts the core's wait, this may be called again without
	 * @end_cpu_access in between. Optional.
	 *
	 * Context: May sleep. Reservation lock not held.
	 * Return: 0 or a negative errno; -EINTR or -ERESTARTSYS when
	 * interrupted by a signal.
	 */
	int (*begin_cpu_access)(struct dma_buf *dmabuf,
				enum dma_data_direction dir);

	/**
	 * @end_cpu_access:
	 *
	 * The CPU has finished its access: undo @begin_cpu_access and write
	 * back the data that the CPU has written. Optional.
	 *
	 * Context: May sleep. Reservation lock not held.
	 * Return: 0 or a negative errno.
	 */
	int (*end_cpu_access)(struct dma_buf *dmabuf,
			      enum dma_data_direction dir);

	/**
	 * @map:
	 *
	 * Map page number @page of the buffer into the kernel's address space.
	 * For importers that access a buffer page by page and must not depend
	 * on vmalloc space. Optional.
	 *
	 * Context: May sleep. Reservation lock not held.
	 * Return: The address of the page's first byte, or NULL.
	 */
	void *(*map)(struct dma_buf *dmabuf, unsigned long page);

	/**
	 * @unmap:
	 *
	 * Undo one @map, which returned @vaddr. Optional.
	 *
	 * Context: May sleep. Reservation lock not held.
	 */
	void (*unmap)(struct dma_buf *dmabuf, unsigned long page, void *vaddr);

	/**
	 * @mmap:
	 *
	 * Map the buffer into user space. The core has checked the range of the
	 * vma against the buffer's size. User space brackets its accesses with
	 * DMA_BUF_IOCTL_SYNC. An exporter that must be able to zap the mapping
	 * sets &vm_area_struct.vm_file (and vm_pgoff) to a file with a separate
	 * address_space. Optional.
	 *
	 * Context: May sleep. The mm's mmap lock is held for writing, the
	 * reservation lock is not.
	 * Return: 0 or a negative errno.
	 */
	int (*mmap)(struct dma_buf *dmabuf, struct vm_area_struct *vma);

	/**
	 * @vmap:
	 *
	 * Map the whole buffer into the kernel's address space. Called only for
	 * the first of several nested dma_buf_vmap(). Optional.
	 *
	 * Context: May sleep. Reservation lock held.
	 * Return: 0 with the mapping in @map, or a negative errno.
	 */
	int (*vmap)(struct dma_buf *dmabuf, struct iosys_map *map);

	/**
	 * @vunmap:
	 *
	 * Undo @vmap, after the last dma_buf_vunmap(). Optional.
	 *
	 * Context: May sleep. Reservation lock held.
	 */
	void (*vunmap)(struct dma_buf *dmabuf, struct iosys_map *map);
};

/**
 * struct dma_buf - a buffer that is shared between drivers
 *
 * Created by dma_buf_export(). It holds the members that exporters and
 * importers need; the core's own members are private. References are counted by
 * the file: get_dma_buf() and dma_buf_get() take one, dma_buf_put() drops it.
 * Open file descriptors and user mappings hold references as well.
 *
 * Unless stated otherwise, a member is set by dma_buf_export() and constant
 * until the last reference is dropped.
 */
struct dma_buf {
	/** @size: Length in bytes. */
	size_t size;

	/**
	 * @file: File of the descriptors; holds the reference count. NULL once
	 * the file was released while an importer or a vmap was left, which
	 * leaks the buffer.
	 */
	struct file *file;

	/**
	 * @ops:
	 *
	 * The exporter's callbacks. The exporter may replace them as long as it
	 * holds the only reference.
	 */
	const struct dma_buf_ops *ops;

	/** @exp_name: The exporter's name, for debugging. */
	const char *exp_name;

	/** @priv: The exporter's private data. */
	void *priv;

	/**
	 * @resv:
	 *
	 * The reservation object. Its lock protects the buffer's state, its
	 * fences are those of pending work on the content. It is either the
	 * exporter's or one with the lifetime of the buffer.
	 *
	 * Implicit synchronization, for drivers that promise it:
	 *
	 * - Work that reads the buffer adds a fence of %DMA_RESV_USAGE_READ,
	 *   work that writes it adds one of %DMA_RESV_USAGE_WRITE. A driver
	 *   that does not know adds a write fence: others may then wait too
	 *   long, but never too short.
	 * - New work waits for the usage that dma_resv_usage_rw() returns for
	 *   it: readers wait for writers, writers wait for all.
	 * - An interface that finishes its work before it returns, as most of
	 *   V4L2 does, has no fence to add.
	 *
	 * Dynamic importers also wait for %DMA_RESV_USAGE_KERNEL fences before
	 * their device accesses the memory, and add a fence for each access
	 * that &dma_buf_attach_ops.invalidate_mappings cannot stop immediately.
	 *
	 * All users follow the rules of &enum dma_resv_usage.
	 */
	struct dma_resv *resv;

	/**
	 * @attachments:
	 *
	 * One &struct dma_buf_attachment for each attached device, static
	 * importers included, in no order. Only the core changes the list;
	 * exporters may walk it with the lock of @resv held.
	 */
	struct list_head attachments;

	/**
	 * @name:
	 *
	 * The name set by user space, shorter than %DMA_BUF_NAME_LEN; NULL
	 * until set. User space may replace it at any time. BPF programs that
	 * hold a reference to the buffer read it under RCU: it is freed a grace
	 * period after it was replaced.
	 */
	const char *name;
};

/**
 * struct dma_buf_attach_ops - callbacks of a dynamic importer
 */
struct dma_buf_attach_ops {
	/**
	 * @allow_peer2peer:
	 *
	 * The importer supports memory of another device, which may have no
	 * &struct page.
	 */
	bool allow_peer2peer;

	/**
	 * @invalidate_mappings:
	 *
	 * The exporter is about to move the backing storage or to revoke
	 * access. The importer starts no new accesses with its existing
	 * mappings, unmaps all of them within bounded time, and maps again if
	 * it needs further access. Accesses in progress may finish: the
	 * exporter waits for their fences in &dma_buf.resv. After that a device
	 * may still read ahead until the unmap, but must not write. For details
	 * see dma_buf_invalidate_mappings().
	 *
	 * The callback may unmap and map, but must not call dma_buf_detach().
	 *
	 * Optional. An importer without it is dynamic as well: it keeps its
	 * mappings valid with dma_buf_pin(), and exporters that revoke access
	 * may refuse it.
	 *
	 * Context: May sleep. Reservation lock held.
	 */
	void (*invalidate_mappings)(struct dma_buf_attachment *attach);
};

/**
 * struct dma_buf_attachment - one device's use of one buffer
 * @dmabuf: The buffer.
 * @dev: The device.
 * @node: Links &dma_buf.attachments.
 * @peer2peer: The importer supports memory without &struct page.
 * @importer_ops: The importer's callbacks; NULL for a static importer.
 * @importer_priv: The importer's private data.
 * @priv: The exporter's private data.
 *
 * Created by dma_buf_attach() or dma_buf_dynamic_attach(), freed by
 * dma_buf_detach(). Drivers may change only @priv, @importer_priv and
 * @peer2peer.
 */
struct dma_buf_attachment {
	struct dma_buf *dmabuf;
	struct device *dev;
	struct list_head node;
	bool peer2peer;
	const struct dma_buf_attach_ops *importer_ops;
	void *importer_priv;
	void *priv;
};

/**
 * struct dma_buf_export_info - arguments of dma_buf_export()
 * @exp_name: Name of the exporter, for debugging.
 * @owner: Module that must stay loaded until the buffer is released.
 * @ops: The exporter's callbacks.
 * @size: Length of the buffer in bytes.
 * @flags: Access mode of the file: O_RDONLY, O_WRONLY or O_RDWR, and
 *	O_NONBLOCK; other flags are ignored.
 * @resv: The exporter's reservation object, which must outlive the buffer; NULL
 *	to use one that is embedded in the buffer.
 * @priv: The exporter's private data; must not be NULL.
 */
struct dma_buf_export_info {
	const char *exp_name;
	struct module *owner;
	const struct dma_buf_ops *ops;
	size_t size;
	int flags;
	struct dma_resv *resv;
	void *priv;
};

/**
 * DEFINE_DMA_BUF_EXPORT_INFO - declare a &struct dma_buf_export_info
 * @name: the variable
 *
 * Sets the calling module and its name; all other members are zero.
 */
#define DEFINE_DMA_BUF_EXPORT_INFO(name)			\
	struct dma_buf_export_info name = {			\
		.exp_name = KBUILD_MODNAME,			\
		.owner = THIS_MODULE,				\
	}

struct dma_buf *dma_buf_export(const struct dma_buf_export_info *info);

int dma_buf_fd(struct dma_buf *dmabuf, int flags);
void dma_buf_fd_install(struct dma_buf *dmabuf, int fd);
struct dma_buf *dma_buf_get(int fd);
void dma_buf_put(struct dma_buf *dmabuf);

/**
 * get_dma_buf - take another reference
 * @dmabuf: a buffer that the caller has a reference to
 *
 * Context: Any.
 * Return: Nothing; the caller owns the new reference, and drops it with
 * dma_buf_put().
 */
static inline void get_dma_buf(struct dma_buf *dmabuf)
{
	get_file(dmabuf->file);
}

/**
 * dma_buf_is_dynamic - may the exporter move the buffer?
 * @dmabuf: the buffer
 *
 * Context: Any.
 * Return: True if the exporter supports pinning, and so may move the buffer
 * while it is not pinned.
 */
static inline bool dma_buf_is_dynamic(struct dma_buf *dmabuf)
{
	return dmabuf->ops->pin;
}

/**
 * dma_buf_attachment_is_dynamic - does the importer manage its mappings?
 * @attach: the attachment
 *
 * Context: Any.
 * Return: True if the attachment was created by dma_buf_dynamic_attach() with
 * importer callbacks: the importer handles moves, or pins the buffer.
 */
static inline bool
dma_buf_attachment_is_dynamic(struct dma_buf_attachment *attach)
{
	return attach->importer_ops;
}

struct dma_buf_attachment *
dma_buf_dynamic_attach(struct dma_buf *dmabuf, struct device *dev,
		       const struct dma_buf_attach_ops *importer_ops,
		       void *importer_priv);
struct dma_buf_attachment *dma_buf_attach(struct dma_buf *dmabuf,
					  struct device *dev);
void dma_buf_detach(struct dma_buf *dmabuf, struct dma_buf_attachment *attach);

int dma_buf_pin(struct dma_buf_attachment *attach);
void dma_buf_unpin(struct dma_buf_attachment *attach);

struct sg_table *dma_buf_map_attachment(struct dma_buf_attachment *attach,
					enum dma_data_direction dir);
struct sg_table *
dma_buf_map_attachment_unlocked(struct dma_buf_attachment *attach,
				enum dma_data_direction dir);
void dma_buf_unmap_attachment(struct dma_buf_attachment *attach,
			      struct sg_table *sgt,
			      enum dma_data_direction dir);
void dma_buf_unmap_attachment_unlocked(struct dma_buf_attachment *attach,
				       struct sg_table *sgt,
				       enum dma_data_direction dir);
bool dma_buf_attach_revocable(struct dma_buf_attachment *attach);
void dma_buf_invalidate_mappings(struct dma_buf *dmabuf);

int dma_buf_begin_cpu_access(struct dma_buf *dmabuf,
			     enum dma_data_direction dir);
int dma_buf_end_cpu_access(struct dma_buf *dmabuf,
			   enum dma_data_direction dir);

void *dma_buf_kmap(struct dma_buf *dmabuf, unsigned long page);
void dma_buf_kunmap(struct dma_buf *dmabuf, unsigned long page, void *vaddr);

int dma_buf_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma,
		 unsigned long pgoff);

int dma_buf_vmap(struct dma_buf *dmabuf, struct iosys_map *map);
int dma_buf_vmap_unlocked(struct dma_buf *dmabuf, struct iosys_map *map);
void dma_buf_vunmap(struct dma_buf *dmabuf, struct iosys_map *map);
void dma_buf_vunmap_unlocked(struct dma_buf *dmabuf, struct iosys_map *map);

struct dma_buf *dma_buf_iter_begin(void);
struct dma_buf *dma_buf_iter_next(struct dma_buf *dmabuf);

#endif /* __DMA_BUF_H__ */
