// SPDX-License-Identifier: GPL-2.0-only
/*
 * A dma-buf exporter: buffers of single pages, not necessarily contiguous
 *
 * Small, but complete: its buffers can be used by devices with and without
 * coherent DMA, by the kernel and by user space.
 */

#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "dma-buf-sample.h"

/* The buffer and its memory */

/**
 * struct sample_buffer - a buffer, &dma_buf.priv points to it
 * @pages: the memory
 * @npages: number of pages
 * @mappings: mappings for devices, protected by the reservation lock
 */
struct sample_buffer {
	struct page **pages;
	unsigned int npages;
	struct list_head mappings;
};

static void sample_buffer_free(struct sample_buffer *buffer)
{
	unsigned int i;

	for (i = 0; i < buffer->npages; i++)
		put_page(buffer->pages[i]);
	kvfree(buffer->pages);
	kfree(buffer);
}

/* The pages are cleared: they may hold data of a previous owner. */
static struct sample_buffer *sample_buffer_alloc(unsigned int npages)
{
	struct sample_buffer *buffer = kzalloc(sizeof(*buffer), GFP_KERNEL);
	struct page *page;

	if (!buffer)
		return NULL;

	INIT_LIST_HEAD(&buffer->mappings);
	buffer->pages = kvcalloc(npages, sizeof(*buffer->pages), GFP_KERNEL);
	if (!buffer->pages)
		goto err_free;

	while (buffer->npages < npages) {
		page = alloc_page(GFP_HIGHUSER | __GFP_ACCOUNT | __GFP_ZERO);
		if (!page)
			goto err_free;
		buffer->pages[buffer->npages++] = page;
	}

	return buffer;

err_free:
	sample_buffer_free(buffer);
	return NULL;
}

/* DMA by devices */

/**
 * struct sample_mapping - a mapping of the buffer for a device
 * @sgt: its addresses; returned to the importer
 * @dev: the device
 * @node: links &sample_buffer.mappings
 */
struct sample_mapping {
	struct sg_table sgt;
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
	struct sample_mapping *mapping;
	int ret;

	mapping = kzalloc_obj(*mapping);
	if (!mapping)
		return ERR_PTR(-ENOMEM);
	mapping->dev = attach->dev;

	ret = sg_alloc_table_from_pages_segment(&mapping->sgt, buffer->pages,
						buffer->npages, 0,
						attach->dmabuf->size,
						dma_get_max_seg_size(attach->dev),
						GFP_KERNEL);
	if (ret)
		goto err_free;

	ret = dma_map_sgtable(attach->dev, &mapping->sgt, DMA_BIDIRECTIONAL, 0);
	if (ret)
		goto err_table;

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
	struct sample_mapping *mapping =
		container_of(sgt, struct sample_mapping, sgt);

	list_del(&mapping->node);
	dma_unmap_sgtable(mapping->dev, sgt, DMA_BIDIRECTIONAL, 0);
	sg_free_table(sgt);
	kfree(mapping);
}

/* Access by the CPU */

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
	struct sample_mapping *mapping;
	long ret;

	ret = dma_resv_wait_timeout(dmabuf->resv, dma_resv_usage_rw(write), true,
				    MAX_SCHEDULE_TIMEOUT);
	if (ret < 0)
		return ret;

	ret = dma_resv_lock_interruptible(dmabuf->resv, NULL);
	if (ret)
		return ret;
	list_for_each_entry(mapping, &buffer->mappings, node)
		dma_sync_sgtable_for_cpu(mapping->dev, &mapping->sgt,
					 DMA_BIDIRECTIONAL);
	dma_resv_unlock(dmabuf->resv);

	return 0;
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

static int sample_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct sample_buffer *buffer = dmabuf->priv;

	/* A private mapping would be a copy after the first write. */
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;

	return vm_map_pages(vma, buffer->pages, buffer->npages);
}

static int sample_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct sample_buffer *buffer = dmabuf->priv;
	void *vaddr;

	vaddr = vmap(buffer->pages, buffer->npages, VM_MAP, PAGE_KERNEL);
	if (!vaddr)
		return -ENOMEM;

	iosys_map_set_vaddr(map, vaddr);
	return 0;
}

static void sample_vunmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	vunmap(map->vaddr);
}

/* From the first reference to the last */

static void sample_release(struct dma_buf *dmabuf)
{
	sample_buffer_free(dmabuf->priv);
}

static const struct dma_buf_ops sample_dma_buf_ops = {
	.map_dma_buf		= sample_map,
	.unmap_dma_buf		= sample_unmap,
	.begin_cpu_access	= sample_begin_cpu_access,
	.end_cpu_access		= sample_end_cpu_access,
	.mmap			= sample_mmap,
	.vmap			= sample_vmap,
	.vunmap			= sample_vunmap,
	.release		= sample_release,
};

static int sample_export(unsigned long size)
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

static long sample_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return cmd == DMA_BUF_SAMPLE_EXPORT ? sample_export(arg) : -ENOTTY;
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
