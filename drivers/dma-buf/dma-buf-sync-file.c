// SPDX-License-Identifier: GPL-2.0-only
/*
 * dma-buf: from implicit to explicit synchronization and back
 *
 * Copyright(C) 2011 Linaro Limited. All rights reserved.
 *
 * One ioctl exports the fences of a buffer as a sync_file, the other imports
 * those of a sync_file into a buffer.
 */

#include <linux/dma-fence-array.h>
#include <linux/dma-fence-unwrap.h>
#include <linux/file.h>
#include <linux/slab.h>
#include <linux/sync_file.h>
#include <linux/uaccess.h>

#include "dma-buf-internal.h"

/* True for one direction or both, and no other flag. */
static bool dma_buf_sync_file_flags_valid(u32 flags)
{
	return flags && !(flags & ~DMA_BUF_SYNC_RW);
}

/* Drop the references in @fences, and free it unless it is @embedded. */
static void dma_buf_sync_file_put(struct dma_fence **fences, unsigned int count,
				  struct dma_fence **embedded)
{
	while (count)
		dma_fence_put(fences[--count]);
	if (fences != embedded)
		kfree(fences);
}

/*
 * Return one fence for all fences that work of @usage must wait for. An array
 * to collect them is allocated for the second fence: usually there is at most
 * one.
 */
static struct dma_fence *dma_buf_sync_file_fence(struct dma_resv *resv,
						 enum dma_resv_usage usage)
{
	struct dma_fence *one, **fences = &one, **more, *fence;
	unsigned int count = 0, room = 1;
	struct dma_fence_array *array;
	struct dma_resv_iter cursor;

	dma_resv_iter_begin(&cursor, resv, usage);
	dma_resv_for_each_fence_unlocked(&cursor, fence) {
		if (dma_resv_iter_is_restarted(&cursor))
			while (count)
				dma_fence_put(fences[--count]);

		if (count == room) {
			room = max(cursor.num_fences, count + 1);
			more = kmalloc_array(room, sizeof(*more), GFP_KERNEL);
			if (!more)
				break;
			memcpy(more, fences, count * sizeof(*more));
			if (fences != &one)
				kfree(fences);
			fences = more;
		}
		fences[count++] = dma_fence_get(fence);
	}
	dma_resv_iter_end(&cursor);
	if (fence)
		goto err_put;

	if (count <= 1) {
		fence = count ? fences[0] : dma_fence_get_stub();
		dma_buf_sync_file_put(fences, 0, &one);
		return fence;
	}

	array = dma_fence_array_create(count, fences, dma_fence_context_alloc(1),
				       1);
	if (array)
		return &array->base;

err_put:
	dma_buf_sync_file_put(fences, count, &one);
	return ERR_PTR(-ENOMEM);
}

/* Snapshot the fences that work of @usage must wait for. */
static struct sync_file *dma_buf_sync_file_snapshot(struct dma_buf *dmabuf,
						    enum dma_resv_usage usage)
{
	struct sync_file *sync_file;
	struct dma_fence *fence;

	fence = dma_buf_sync_file_fence(dmabuf->resv, usage);
	if (IS_ERR(fence))
		return ERR_CAST(fence);

	sync_file = sync_file_create(fence);
	dma_fence_put(fence);
	return sync_file ?: ERR_PTR(-ENOMEM);
}

/**
 * dma_buf_ioctl_export_sync_file - DMA_BUF_IOCTL_EXPORT_SYNC_FILE
 * @dmabuf: the buffer
 * @arg: the caller's &struct dma_buf_export_sync_file
 *
 * Context: Process context, may sleep. Reservation lock not held.
 * Return: 0 with a new file descriptor in @arg; -EFAULT for a bad pointer,
 * -EINVAL for bad flags, -EMFILE without a free descriptor, -ENOMEM.
 */
long dma_buf_ioctl_export_sync_file(struct dma_buf *dmabuf,
				    struct dma_buf_export_sync_file __user *arg)
{
	struct sync_file *sync_file;
	enum dma_resv_usage usage;
	u32 flags;

	if (get_user(flags, &arg->flags))
		return -EFAULT;
	if (!dma_buf_sync_file_flags_valid(flags))
		return -EINVAL;

	CLASS(get_unused_fd, fd)(O_CLOEXEC);
	if (fd < 0)
		return fd;

	usage = dma_resv_usage_rw(flags & DMA_BUF_SYNC_WRITE);
	sync_file = dma_buf_sync_file_snapshot(dmabuf, usage);
	if (IS_ERR(sync_file))
		return PTR_ERR(sync_file);

	if (put_user(fd, &arg->fd)) {
		fput(sync_file->file);
		return -EFAULT;
	}

	fd_install(take_fd(fd), sync_file->file);
	return 0;
}

/* Add @fence, which may contain several fences, to @resv. */
static int dma_buf_sync_file_add(struct dma_resv *resv, struct dma_fence *fence,
				 enum dma_resv_usage usage)
{
	bool several = dma_fence_is_container(fence);
	struct dma_fence_unwrap iter;
	unsigned int count = 0;
	struct dma_fence *f;
	int ret;

	if (several) {
		dma_fence_unwrap_for_each(f, &iter, fence)
			count++;
		if (!count)
			return 0;
	}

	dma_resv_lock(resv, NULL);
	ret = dma_resv_reserve_fences(resv, several ? count : 1);
	if (ret)
		goto out;

	if (several) {
		dma_fence_unwrap_for_each(f, &iter, fence)
			dma_resv_add_fence(resv, f, usage);
	} else {
		dma_resv_add_fence(resv, fence, usage);
	}
out:
	dma_resv_unlock(resv);
	return ret;
}

/**
 * dma_buf_ioctl_import_sync_file - DMA_BUF_IOCTL_IMPORT_SYNC_FILE
 * @dmabuf: the buffer
 * @arg: the caller's &struct dma_buf_import_sync_file
 *
 * The sync_file remains the caller's.
 *
 * Context: Process context, may sleep. Takes the reservation lock.
 * Return: 0; -EFAULT for a bad pointer, -EINVAL for bad flags or a descriptor
 * that is no sync_file, -ENOMEM.
 */
long dma_buf_ioctl_import_sync_file(struct dma_buf *dmabuf,
				    struct dma_buf_import_sync_file __user *arg)
{
	struct dma_fence *fence;
	u32 flags;
	int fd, ret;

	if (get_user(flags, &arg->flags) || get_user(fd, &arg->fd))
		return -EFAULT;
	if (!dma_buf_sync_file_flags_valid(flags))
		return -EINVAL;

	fence = sync_file_get_fence(fd);
	if (!fence)
		return -EINVAL;

	ret = dma_buf_sync_file_add(dmabuf->resv, fence,
				    flags & DMA_BUF_SYNC_WRITE ?
				    DMA_RESV_USAGE_WRITE : DMA_RESV_USAGE_READ);
	dma_fence_put(fence);
	return ret;
}
