/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dma-buf: one buffer, many devices
 *
 * The contract between the driver that owns a buffer (the exporter) and the
 * drivers that use it (the importers). How the pieces fit together is told in
 * Documentation/driver-api/dma-buf.rst; who must hold the reservation lock
 * when stands there as well.
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
 * struct dma_buf_ops - what an exporter implements
 *
 * @map_dma_buf, @unmap_dma_buf and @release are mandatory. @pin and @unpin come
 * as a pair; an exporter that has them may move its buffers and is called
 * *dynamic*. Everything else is optional.
 *
 * Errors are negative errno values. Whatever a callback returns is handed to
 * the importer or to user space as it is.
 */
struct dma_buf_ops {
	/**
	 * @attach:
	 *
	 * A device wants to use the buffer. Decide whether it can reach the
	 * memory as it is, or as it could be moved; per-device state may be
	 * kept in &dma_buf_attachment.priv. Optional.
	 *
	 * Context: May sleep. Reservation lock not held.
	 * Return: 0, and the attachment gets linked in &dma_buf.attachments; or
	 * a negative errno: usually -EBUSY when the storage is already placed
	 * where the device cannot reach it. The attachment is freed then and
	 * @detach is not called.
	 */
	int (*attach)(struct dma_buf *dmabuf, struct dma_buf_attachment *attach);

	/**
	 * @detach:
	 *
	 * Undo @attach. No mapping is left, and the attachment is not linked
	 * any more. Optional.
	 *
	 * Context: May sleep. Reservation lock not held.
	 */
	void (*detach)(struct dma_buf *dmabuf, struct dma_buf_attachment *attach);

	/**
	 * @pin:
	 *
	 * Keep the storage where it is until @unpin, in a place that all
	 * devices can reach. On return the memory must hold this buffer's data
	 * and nobody else's: an exporter that clears or moves asynchronously
	 * waits for it here. Called for each mapping of an importer that cannot
	 * follow a move, before @map_dma_buf, and by dma_buf_pin().
	 *
	 * Context: May sleep. Reservation lock held.
	 * Return: 0 or a negative errno; not -EBUSY, which is for @attach to
	 * say.
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
	 * Make the buffer reachable for &dma_buf_attachment.dev and return the
	 * list of DMA addresses. The storage may be chosen as late as this, to
	 * suit all devices in &dma_buf.attachments. An importer may have several
	 * mappings at a time.
	 *
	 * A static exporter returns only when the memory is ready for use. A
	 * dynamic one may leave that to fences of %DMA_RESV_USAGE_KERNEL in
	 * &dma_buf.resv: dynamic importers obey them, and for static importers
	 * the core waits.
	 *
	 * Context: May sleep. Reservation lock held.
	 * Return: A new &struct sg_table, already mapped for the device, with
	 * addresses and lengths that are multiples of PAGE_SIZE; it belongs to
	 * the importer until @unmap_dma_buf gives it back. On failure an
	 * ERR_PTR(); NULL is taken for -ENOMEM.
	 */
	struct sg_table *(*map_dma_buf)(struct dma_buf_attachment *attach,
					enum dma_data_direction dir);

	/**
	 * @unmap_dma_buf:
	 *
	 * Take back a table that @map_dma_buf returned, with the direction it
	 * was mapped for.
	 *
	 * Context: May sleep. Reservation lock held.
	 */
	void (*unmap_dma_buf)(struct dma_buf_attachment *attach,
			      struct sg_table *sgt,
			      enum dma_data_direction dir);

	/**
	 * @release:
	 *
	 * The last reference is gone: free what &dma_buf.priv stands for.
	 * Called once at most. It is not called for a buffer that
	 * dma_buf_export() failed to make, and not for one that is leaked
	 * because an attachment or a vmap of it is left.
	 *
	 * Context: Process context, may sleep. Reservation lock not held.
	 */
	void (*release)(struct dma_buf *dmabuf);

	/**
	 * @begin_cpu_access:
	 *
	 * Make the memory coherent for the CPU: for reading with
	 * %DMA_FROM_DEVICE, for writing with %DMA_TO_DEVICE, for both with
	 * %DMA_BIDIRECTIONAL. Serves the kernel's own accesses and
	 * DMA_BUF_IOCTL_SYNC alike. The core waits for the fences after this
	 * call. An exporter that copies, invalidates caches or syncs bounce
	 * buffers here must wait for them first, as the device may still be
	 * writing. When a signal interrupts the core's wait, this is called
	 * again without @end_cpu_access in between. Optional.
	 *
	 * Context: May sleep. Reservation lock not held.
	 * Return: 0 or a negative errno; -EINTR or -ERESTARTSYS when a signal
	 * came first.
	 */
	int (*begin_cpu_access)(struct dma_buf *dmabuf,
				enum dma_data_direction dir);

	/**
	 * @end_cpu_access:
	 *
	 * The CPU is done; undo @begin_cpu_access, write back what it wrote.
	 * Optional.
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
	 * For importers that walk a buffer page by page and must not depend on
	 * vmalloc space. Optional.
	 *
	 * Context: May sleep. Reservation lock not held.
	 * Return: The address of the page's first byte, or NULL.
	 */
	void *(*map)(struct dma_buf *dmabuf, unsigned long page);

	/**
	 * @unmap:
	 *
	 * Undo one @map; @vaddr is what it returned. Optional.
	 *
	 * Context: May sleep. Reservation lock not held.
	 */
	void (*unmap)(struct dma_buf *dmabuf, unsigned long page, void *vaddr);

	/**
	 * @mmap:
	 *
	 * Map the buffer into user space. The core has compared the vma with
	 * the buffer's size. User space brackets its accesses with
	 * DMA_BUF_IOCTL_SYNC. An exporter that must be able to zap the
	 * mapping sets &vm_area_struct.vm_file (and vm_pgoff) to a file with
	 * an address_space of its own. Optional.
	 *
	 * Context: May sleep. The mm's mmap lock is held for writing, the
	 * reservation lock is not.
	 * Return: 0 or a negative errno.
	 */
	int (*mmap)(struct dma_buf *dmabuf, struct vm_area_struct *vma);

	/**
	 * @vmap:
	 *
	 * Map the whole buffer into the kernel's address space. Called for
	 * the first of several nested dma_buf_vmap() only. Optional.
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
 * struct dma_buf - a buffer that drivers share
 *
 * Made by dma_buf_export(). This is what exporters and importers see of it;
 * what the core needs beyond that is private. References are the file's:
 * get_dma_buf() and dma_buf_get() take one, dma_buf_put() drops it, and so do
 * open file descriptors and user mappings.
 *
 * Unless a member says otherwise it is set by dma_buf_export() and constant
 * until the last reference goes.
 */
struct dma_buf {
	/** @size: Length in bytes. */
	size_t size;

	/** @file: What a file descriptor refers to, and what is counted. */
	struct file *file;

	/**
	 * @attachments:
	 *
	 * One &struct dma_buf_attachment a device, static importers' included,
	 * in no order. Only the core changes the list; exporters may walk it
	 * with the lock of @resv held.
	 */
	struct list_head attachments;

	/**
	 * @ops:
	 *
	 * The exporter's callbacks. The exporter may replace them as long as it
	 * has the only reference.
	 */
	const struct dma_buf_ops *ops;

	/** @exp_name: The exporter's name, for people. */
	const char *exp_name;

	/**
	 * @name:
	 *
	 * The name that user space has set, shorter than %DMA_BUF_NAME_LEN;
	 * NULL until then. User space may replace it at any time. For BPF
	 * programs and debuggers, which read it under RCU: it is freed a grace
	 * period after it has been replaced, or the buffer released.
	 */
	const char *name;

	/** @priv: The exporter's own data. */
	void *priv;

	/**
	 * @resv:
	 *
	 * The reservation object: its lock protects the buffer's state, its
	 * fences say who still works on the content. Either the exporter's or
	 * one that lives and dies with the buffer.
	 *
	 * Implicit synchronization, for drivers whose interface promises it:
	 *
	 * - Work that reads the buffer leaves a fence of
	 *   %DMA_RESV_USAGE_READ, work that writes it one of
	 *   %DMA_RESV_USAGE_WRITE. A driver that cannot tell adds a write
	 *   fence: that may wait too long, never too short.
	 * - New work waits for what dma_resv_usage_rw() names for it: readers
	 *   for writers, writers for everybody.
	 * - An interface that finishes its work before it returns (most of
	 *   V4L2, say) has no fence to add.
	 *
	 * Dynamic importers also wait for %DMA_RESV_USAGE_KERNEL fences before
	 * their device touches the storage, and leave a fence for each access
	 * that &dma_buf_attach_ops.invalidate_mappings cannot stop at once.
	 *
	 * The rules of &enum dma_resv_usage hold for everybody.
	 */
	struct dma_resv *resv;
};

/**
 * struct dma_buf_attach_ops - what a dynamic importer implements
 */
struct dma_buf_attach_ops {
	/**
	 * @allow_peer2peer:
	 *
	 * The importer copes with memory of another device, for which there
	 * may be no &struct page.
	 */
	bool allow_peer2peer;

	/**
	 * @invalidate_mappings:
	 *
	 * The storage is about to move, or to be taken away. Do not start new
	 * accesses with the mappings that exist, have all of them unmapped
	 * within bounded time, and map anew where access goes on. Accesses
	 * under way may finish: their fences in &dma_buf.resv keep the storage.
	 * After that a device may still read ahead until the unmap, but must
	 * not write. For details see dma_buf_invalidate_mappings().
	 *
	 * Both may happen in the callback itself, dma_buf_detach() may not.
	 *
	 * Optional. An importer without it is dynamic all the same: it keeps
	 * its mappings valid with dma_buf_pin(), and exporters that revoke
	 * access may refuse it.
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
 * @peer2peer: The importer takes memory without &struct page.
 * @importer_ops: The importer's callbacks; NULL for a static importer.
 * @importer_priv: The importer's own data.
 * @priv: The exporter's own data.
 *
 * Made by dma_buf_attach() or dma_buf_dynamic_attach(), ended by
 * dma_buf_detach(). Only @priv, @importer_priv and @peer2peer may be changed by
 * drivers.
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
 * struct dma_buf_export_info - what dma_buf_export() wants to know
 * @exp_name: Name of the exporter, for people.
 * @owner: Module that must stay loaded while the buffer lives.
 * @ops: The exporter's callbacks.
 * @size: Length of the buffer in bytes.
 * @flags: Access mode of the file: O_RDONLY, O_WRONLY or O_RDWR, and
 *	O_NONBLOCK; anything else is ignored.
 * @resv: The exporter's reservation object, which must outlive the buffer;
 *	NULL for one of the buffer's own.
 * @priv: The exporter's own data; must not be NULL.
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
 * Fills in the calling module and its name; everything else is zero.
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
 * @dmabuf: a buffer that the caller already holds
 *
 * Context: Any.
 * Return: Nothing; the new reference is the caller's, who gives it back with
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
 * Return: True when the exporter can pin, and so may move what is not pinned.
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
 * Return: True when the attachment was made by dma_buf_dynamic_attach() with
 * importer callbacks: the importer follows moves, or pins the buffer.
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
