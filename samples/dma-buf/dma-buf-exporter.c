// SPDX-License-Identifier: GPL-2.0-only
/*
 * A dma-buf exporter: buffers of single pages, not necessarily contiguous
 *
 * Small, but complete: its buffers can be used by devices with and without
 * coherent DMA, by the kernel and by user space. They can move to other pages,
 * and access to them can be revoked.
 */

#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <linux/wait.h>

#include "dma-buf-sample.h"

/* The buffer and its memory */

/**
 * struct sample_pages - memory, used by one buffer and by its mappings
 * @ref: references of these
 * @num: number of pages
 * @page: the pages
 */
struct sample_pages {
	struct kref ref;
	unsigned int num;
	struct page *page[] __counted_by(num);
};

/**
 * struct sample_buffer - a buffer, &dma_buf.priv points to it
 * @pages: the memory, protected by the reservation lock
 * @mappings: mappings for devices, protected by the reservation lock
 * @pins: reasons not to move, protected by the reservation lock
 * @revocable: only importers that drop their mappings on request are accepted
 * @revoked: new accesses fail; set with the reservation lock held
 * @unmapped: wakes the thread that waits for an empty @mappings
 */
struct sample_buffer {
	struct sample_pages *pages;
	struct list_head mappings;
	unsigned int pins;
	bool revocable;
	bool revoked;
	wait_queue_head_t unmapped;
};

static void sample_pages_free(struct kref *ref)
{
	struct sample_pages *pages = container_of(ref, struct sample_pages, ref);
	unsigned int i;

	for (i = 0; i < pages->num && pages->page[i]; i++)
		put_page(pages->page[i]);
	kvfree(pages);
}

static void sample_pages_put(struct sample_pages *pages)
{
	kref_put(&pages->ref, sample_pages_free);
}

/* The pages are cleared: they may hold data of a previous owner. */
static struct sample_pages *sample_pages_alloc(unsigned int num)
{
	struct sample_pages *pages;
	unsigned int i;

	pages = kvzalloc(struct_size(pages, page, num), GFP_KERNEL);
	if (!pages)
		return NULL;

	kref_init(&pages->ref);
	pages->num = num;
	for (i = 0; i < num; i++) {
		pages->page[i] =
			alloc_page(GFP_HIGHUSER | __GFP_ACCOUNT | __GFP_ZERO);
		if (!pages->page[i]) {
			sample_pages_put(pages);
			return NULL;
		}
	}

	return pages;
}

static void sample_buffer_free(struct sample_buffer *buffer)
{
	sample_pages_put(buffer->pages);
	kfree(buffer);
}

static struct sample_buffer *sample_buffer_alloc(unsigned int npages)
{
	struct sample_buffer *buffer = kzalloc(sizeof(*buffer), GFP_KERNEL);

	if (!buffer)
		return NULL;

	buffer->pages = sample_pages_alloc(npages);
	if (!buffer->pages) {
		kfree(buffer);
		return NULL;
	}

	INIT_LIST_HEAD(&buffer->mappings);
	init_waitqueue_head(&buffer->unmapped);
	return buffer;
}

/* DMA by devices */

/* An importer that is not dynamic may use its mapping indefinitely. */
static int sample_attach(struct dma_buf *dmabuf,
			 struct dma_buf_attachment *attach)
{
	struct sample_buffer *buffer = dmabuf->priv;

	if (buffer->revocable && !dma_buf_attach_revocable(attach))
		return -EOPNOTSUPP;

	return 0;
}

static int sample_pin(struct dma_buf_attachment *attach)
{
	struct sample_buffer *buffer = attach->dmabuf->priv;

	if (buffer->revoked)
		return -ENODEV;

	buffer->pins++;
	return 0;
}

static void sample_unpin(struct dma_buf_attachment *attach)
{
	struct sample_buffer *buffer = attach->dmabuf->priv;

	buffer->pins--;
}

/**
 * struct sample_mapping - a mapping of the buffer for a device
 * @sgt: its addresses; returned to the importer
 * @pages: the mapped memory, which may no longer be the buffer's
 * @dev: the device
 * @node: links &sample_buffer.mappings
 */
struct sample_mapping {
	struct sg_table sgt;
	struct sample_pages *pages;
	struct device *dev;
	struct list_head node;
};

/*
 * Mapped in both directions, regardless of @dir: as long as the mapping exists
 * the CPU may write data that the device reads, and read data that it writes.
 */
static struct sg_table *sample_map(struct dma_buf_attachment *attach,
				   enum dma_data_direction dir)
{
	struct sample_buffer *buffer = attach->dmabuf->priv;
	struct sample_pages *pages = buffer->pages;
	struct sample_mapping *mapping;
	int ret;

	if (buffer->revoked)
		return ERR_PTR(-ENODEV);

	mapping = kzalloc_obj(*mapping);
	if (!mapping)
		return ERR_PTR(-ENOMEM);
	mapping->dev = attach->dev;

	ret = sg_alloc_table_from_pages_segment(&mapping->sgt, pages->page,
						pages->num, 0,
						attach->dmabuf->size,
						dma_get_max_seg_size(attach->dev),
						GFP_KERNEL);
	if (ret)
		goto err_free;

	ret = dma_map_sgtable(attach->dev, &mapping->sgt, DMA_BIDIRECTIONAL, 0);
	if (ret)
		goto err_table;

	kref_get(&pages->ref);
	mapping->pages = pages;
	list_add(&mapping->node, &buffer->mappings);
	return &mapping->sgt;

err_table:
	sg_free_table(&mapping->sgt);
err_free:
	kfree(mapping);
	return ERR_PTR(ret);
}

static void sample_unmap(struct dma_buf_attachment *attach,
			 struct sg_table *sgt, enum dma_data_direction dir)
{
	struct sample_buffer *buffer = attach->dmabuf->priv;
	struct sample_mapping *mapping =
		container_of(sgt, struct sample_mapping, sgt);

	dma_unmap_sgtable(mapping->dev, sgt, DMA_BIDIRECTIONAL, 0);
	sg_free_table(sgt);
	sample_pages_put(mapping->pages);
	list_del(&mapping->node);
	kfree(mapping);
	if (list_empty(&buffer->mappings))
		wake_up_all(&buffer->unmapped);
}

/* Access by the CPU */

static void sample_sync_for_cpu(struct sample_buffer *buffer)
{
	struct sample_mapping *mapping;

	list_for_each_entry(mapping, &buffer->mappings, node)
		dma_sync_sgtable_for_cpu(mapping->dev, &mapping->sgt,
					 DMA_BIDIRECTIONAL);
}

/*
 * Make the data that devices have written visible to the CPU. With bounce
 * buffers this copies the data, so the devices must have finished: wait for
 * their fences first.
 */
static int sample_begin_cpu_access(struct dma_buf *dmabuf,
				   enum dma_data_direction dir)
{
	struct sample_buffer *buffer = dmabuf->priv;
	bool write = dir != DMA_FROM_DEVICE;
	long ret;

	ret = dma_resv_wait_timeout(dmabuf->resv, dma_resv_usage_rw(write), true,
				    MAX_SCHEDULE_TIMEOUT);
	if (ret < 0)
		return ret;

	ret = dma_resv_lock_interruptible(dmabuf->resv, NULL);
	if (ret)
		return ret;
	if (buffer->revoked)
		ret = -ENODEV;
	else
		sample_sync_for_cpu(buffer);
	dma_resv_unlock(dmabuf->resv);

	return ret;
}

/* Make the data that the CPU has written visible to the devices. */
static int sample_end_cpu_access(struct dma_buf *dmabuf,
				 enum dma_data_direction dir)
{
	struct sample_buffer *buffer = dmabuf->priv;
	struct sample_mapping *mapping;

	dma_resv_lock(dmabuf->resv, NULL);
	list_for_each_entry(mapping, &buffer->mappings, node)
		dma_sync_sgtable_for_device(mapping->dev, &mapping->sgt,
					    DMA_BIDIRECTIONAL);
	dma_resv_unlock(dmabuf->resv);

	return 0;
}

/*
 * The page is inserted with the lock held: the buffer cannot have moved when
 * the program accesses the page, or the access faults again.
 */
static vm_fault_t sample_fault(struct vm_fault *vmf)
{
	struct dma_buf *dmabuf = vmf->vma->vm_private_data;
	struct sample_buffer *buffer = dmabuf->priv;
	vm_fault_t ret = VM_FAULT_SIGBUS;

	/* Interrupted: handle the signal, and fault again. */
	if (dma_resv_lock_interruptible(dmabuf->resv, NULL))
		return VM_FAULT_NOPAGE;
	if (!buffer->revoked && vmf->pgoff < buffer->pages->num)
		ret = vmf_insert_pfn(vmf->vma, vmf->address,
				     page_to_pfn(buffer->pages->page[vmf->pgoff]));
	dma_resv_unlock(dmabuf->resv);

	return ret;
}

static const struct vm_operations_struct sample_vm_ops = {
	.fault = sample_fault,
};

static int sample_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	/* A private mapping would be a copy after the first write. */
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;

	/*
	 * Without references to pages, which the kernel could keep when the
	 * buffer moves. The area has a reference to the buffer.
	 */
	vma->vm_private_data = dmabuf;
	vma->vm_ops = &sample_vm_ops;
	vm_flags_set(vma, VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	return 0;
}

/* The address is a pin: the kernel uses it without another call. */
static int sample_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct sample_buffer *buffer = dmabuf->priv;
	void *vaddr;

	if (buffer->revoked)
		return -ENODEV;

	vaddr = vmap(buffer->pages->page, buffer->pages->num, VM_MAP,
		     PAGE_KERNEL);
	if (!vaddr)
		return -ENOMEM;

	buffer->pins++;
	iosys_map_set_vaddr(map, vaddr);
	return 0;
}

static void sample_vunmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct sample_buffer *buffer = dmabuf->priv;

	vunmap(map->vaddr);
	buffer->pins--;
}

/* Moving and revoking */

/*
 * End the accesses of devices and programs. Devices that have a mapping may
 * still read from it, and discard the data, until they unmap it.
 */
static int sample_stop_access(struct dma_buf *dmabuf)
{
	long ret;

	dma_buf_invalidate_mappings(dmabuf);
	unmap_mapping_range(dmabuf->file->f_mapping, 0, 0, 1);
	ret = dma_resv_wait_timeout(dmabuf->resv, DMA_RESV_USAGE_BOOKKEEP, true,
				    MAX_SCHEDULE_TIMEOUT);
	return ret < 0 ? ret : 0;
}

/* Copy the content to @pages, and return the old ones. */
static struct sample_pages *sample_replace_pages(struct sample_buffer *buffer,
						 struct sample_pages *pages)
{
	struct sample_pages *old = buffer->pages;
	unsigned int i;

	sample_sync_for_cpu(buffer);
	for (i = 0; i < pages->num; i++)
		copy_highpage(pages->page[i], old->page[i]);
	buffer->pages = pages;
	return old;
}

/*
 * Importers map the new pages with their next job. Until they unmap the old
 * ones, the mappings have references to these.
 */
static int sample_move(struct dma_buf *dmabuf)
{
	struct sample_buffer *buffer = dmabuf->priv;
	struct sample_pages *pages;
	int ret;

	pages = sample_pages_alloc(dmabuf->size >> PAGE_SHIFT);
	if (!pages)
		return -ENOMEM;

	ret = dma_resv_lock_interruptible(dmabuf->resv, NULL);
	if (ret)
		goto out;

	if (buffer->revoked)
		ret = -ENODEV;
	else if (buffer->pins)
		ret = -EBUSY;
	else
		ret = sample_stop_access(dmabuf);
	if (!ret)
		pages = sample_replace_pages(buffer, pages);
	dma_resv_unlock(dmabuf->resv);
out:
	sample_pages_put(pages);
	return ret;
}

/*
 * From the first step on each access fails. Importers need the lock to unmap,
 * so the last wait is without it.
 */
static int sample_revoke(struct dma_buf *dmabuf)
{
	struct sample_buffer *buffer = dmabuf->priv;
	int ret;

	if (!buffer->revocable)
		return -EINVAL;

	ret = dma_resv_lock_interruptible(dmabuf->resv, NULL);
	if (ret)
		return ret;

	if (buffer->pins) {
		ret = -EBUSY;
	} else {
		buffer->revoked = true;
		ret = sample_stop_access(dmabuf);
	}
	dma_resv_unlock(dmabuf->resv);
	if (ret)
		return ret;

	return wait_event_interruptible(buffer->unmapped,
					list_empty(&buffer->mappings));
}

/* From the first reference to the last */

static void sample_release(struct dma_buf *dmabuf)
{
	sample_buffer_free(dmabuf->priv);
}

static const struct dma_buf_ops sample_dma_buf_ops = {
	.attach			= sample_attach,
	.pin			= sample_pin,
	.unpin			= sample_unpin,
	.map_dma_buf		= sample_map,
	.unmap_dma_buf		= sample_unmap,
	.begin_cpu_access	= sample_begin_cpu_access,
	.end_cpu_access		= sample_end_cpu_access,
	.mmap			= sample_mmap,
	.vmap			= sample_vmap,
	.vunmap			= sample_vunmap,
	.release		= sample_release,
};

static int sample_export(unsigned long size, bool revocable)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct sample_buffer *buffer;
	struct dma_buf *dmabuf;
	int fd;

	if (!size || size > DMA_BUF_SAMPLE_SIZE_MAX)
		return -EINVAL;

	buffer = sample_buffer_alloc(PFN_UP(size));
	if (!buffer)
		return -ENOMEM;
	buffer->revocable = revocable;

	info.ops = &sample_dma_buf_ops;
	info.size = PAGE_ALIGN(size);
	info.flags = O_RDWR;
	info.priv = buffer;
	dmabuf = dma_buf_export(&info);
	if (IS_ERR(dmabuf)) {
		sample_buffer_free(buffer);
		return PTR_ERR(dmabuf);
	}

	/* From here on the last reference frees the buffer. */
	fd = dma_buf_fd(dmabuf, O_CLOEXEC);
	if (fd < 0)
		dma_buf_put(dmabuf);

	return fd;
}

/* How user space drives this sample */

/* Call @func for the buffer of a file descriptor, if it is one of this driver. */
static int sample_call(int fd, int (*func)(struct dma_buf *dmabuf))
{
	struct dma_buf *dmabuf = dma_buf_get(fd);
	int ret;

	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);

	ret = dmabuf->ops == &sample_dma_buf_ops ? func(dmabuf) : -EINVAL;
	dma_buf_put(dmabuf);
	return ret;
}

static long sample_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case DMA_BUF_SAMPLE_EXPORT:
		return sample_export(arg, false);
	case DMA_BUF_SAMPLE_EXPORT_REVOCABLE:
		return sample_export(arg, true);
	case DMA_BUF_SAMPLE_MOVE:
		return sample_call(arg, sample_move);
	case DMA_BUF_SAMPLE_REVOKE:
		return sample_call(arg, sample_revoke);
	default:
		return -ENOTTY;
	}
}

static const struct file_operations sample_fops = {
	.owner		= THIS_MODULE,
	.unlocked_ioctl	= sample_ioctl,
	.compat_ioctl	= sample_ioctl,
};

static struct miscdevice sample_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "dma-buf-exporter",
	.fops	= &sample_fops,
};
module_misc_device(sample_misc);

MODULE_DESCRIPTION("Sample dma-buf exporter");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
