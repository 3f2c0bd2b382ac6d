// SPDX-License-Identifier: GPL-2.0-only
/*
 * A dma-buf importer: a device that works on buffers of other drivers
 *
 * It is a dynamic importer: the exporter may move the buffer at any time. There
 * is no hardware behind the device. A delayed work item replaces the interrupt
 * at the end of a job; all other parts are as in a driver for hardware.
 */

#include <linux/dma-buf.h>
#include <linux/dma-fence.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/fs.h>
#include <linux/iosys-map.h>
#include <linux/jiffies.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

#include "dma-buf-sample.h"

static struct platform_device *sample_device;

/* Attach, map, and back */

/**
 * struct sample_import - the imported buffer of an open file
 */
struct sample_import {
	/** @lock: Taken by every ioctl. */
	struct mutex lock;

	/** @dmabuf: The buffer, with a reference; NULL if none is imported. */
	struct dma_buf *dmabuf;

	/** @attach: The attachment of the device to the buffer. */
	struct dma_buf_attachment *attach;

	/**
	 * @sgt: DMA addresses of the memory; NULL before the first job, and
	 * after invalidation. Protected by the reservation lock.
	 */
	struct sg_table *sgt;

	/**
	 * @job: The last job, with a reference; NULL before the first one.
	 * Changed with @lock and the reservation lock held.
	 */
	struct sample_job *job;

	/** @context: The fence context of the jobs. */
	u64 context;

	/** @seqno: The number of the last job's fence. */
	u64 seqno;
};

static void sample_import_unmap(struct sample_import *import,
				struct sg_table *sgt)
{
	if (sgt)
		dma_buf_unmap_attachment(import->attach, sgt,
					 DMA_BIDIRECTIONAL);
}

/* Map, unless the addresses of the last job are still valid. */
static int sample_import_map(struct sample_import *import)
{
	struct sg_table *sgt;

	if (import->sgt)
		return 0;

	sgt = dma_buf_map_attachment(import->attach, DMA_BIDIRECTIONAL);
	if (IS_ERR(sgt))
		return PTR_ERR(sgt);

	import->sgt = sgt;
	return 0;
}

static void sample_invalidate_mappings(struct dma_buf_attachment *attach);

static const struct dma_buf_attach_ops sample_attach_ops = {
	.invalidate_mappings	= sample_invalidate_mappings,
};

static int sample_import_begin(struct sample_import *import, int fd)
{
	struct dma_buf_attachment *attach;
	struct dma_buf *dmabuf;

	if (import->dmabuf)
		return -EBUSY;

	dmabuf = dma_buf_get(fd);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);

	attach = dma_buf_dynamic_attach(dmabuf, &sample_device->dev,
					&sample_attach_ops, import);
	if (IS_ERR(attach)) {
		dma_buf_put(dmabuf);
		return PTR_ERR(attach);
	}

	import->dmabuf = dmabuf;
	import->attach = attach;
	return 0;
}

/* The device has stopped: it no longer accesses the memory. */
static void sample_import_end(struct sample_import *import)
{
	struct dma_buf *dmabuf = import->dmabuf;

	if (!dmabuf)
		return;

	dma_resv_lock(dmabuf->resv, NULL);
	sample_import_unmap(import, import->sgt);
	import->sgt = NULL;
	dma_resv_unlock(dmabuf->resv);
	dma_buf_detach(dmabuf, import->attach);
	dma_buf_put(dmabuf);
}

/* Work by the device, and its fence */

/**
 * struct sample_job - a job of the device
 */
struct sample_job {
	/** @fence: In the reservation object until the device has finished. */
	struct dma_fence fence;

	/** @lock: The lock of @fence. */
	spinlock_t lock;

	/** @done: Replaces the interrupt; has a reference to @fence. */
	struct delayed_work done;

	/** @import: The import that the job belongs to, until @done has run. */
	struct sample_import *import;

	/**
	 * @sgt: Addresses to unmap when the job has finished, or NULL. Protected
	 * by the reservation lock.
	 */
	struct sg_table *sgt;
};

static const char *sample_fence_driver_name(struct dma_fence *fence)
{
	return KBUILD_MODNAME;
}

static const char *sample_fence_timeline_name(struct dma_fence *fence)
{
	return "jobs";
}

static void sample_job_free(struct rcu_head *rcu)
{
	kfree(container_of(rcu, struct sample_job, fence.rcu));
	/* Unloading waits for RCU, and so until this function has returned. */
	module_put(THIS_MODULE);
}

/* Another thread may still use the fence under RCU. */
static void sample_fence_release(struct dma_fence *fence)
{
	call_rcu(&fence->rcu, sample_job_free);
}

static const struct dma_fence_ops sample_fence_ops = {
	.get_driver_name	= sample_fence_driver_name,
	.get_timeline_name	= sample_fence_timeline_name,
	.release		= sample_fence_release,
};

/* The buffer was moved or revoked during the job. */
static void sample_job_unmap(struct sample_job *job)
{
	struct dma_resv *resv = job->import->dmabuf->resv;

	dma_resv_lock(resv, NULL);
	sample_import_unmap(job->import, job->sgt);
	job->sgt = NULL;
	dma_resv_unlock(resv);
}

/*
 * Until the fence has signalled: no allocation, and no lock that is held
 * elsewhere while waiting for a fence.
 */
static void sample_job_done(struct work_struct *work)
{
	struct sample_job *job =
		container_of(work, struct sample_job, done.work);
	bool cookie = dma_fence_begin_signalling();

	dma_fence_signal(&job->fence);
	dma_fence_end_signalling(cookie);

	sample_job_unmap(job);
	dma_fence_put(&job->fence);
}

/* Stop the device: an unfinished job is completed immediately. */
static void sample_job_finish(struct sample_job *job)
{
	if (!job)
		return;

	flush_delayed_work(&job->done);
	dma_fence_put(&job->fence);
}

/*
 * The exporter is about to move or to revoke the buffer, and waits for the
 * job's fence. The next job maps again. If the device still works with the
 * addresses, they are unmapped at the end of the job.
 */
static void sample_invalidate_mappings(struct dma_buf_attachment *attach)
{
	struct sample_import *import = attach->importer_priv;
	struct sample_job *job = import->job;

	if (!import->sgt)
		return;

	if (job && !dma_fence_is_signaled(&job->fence))
		job->sgt = import->sgt;
	else
		sample_import_unmap(import, import->sgt);
	import->sgt = NULL;
}

/*
 * Queue @job to the device and add its fence to the buffer. The previous job
 * has finished on return, and is replaced.
 */
static int sample_job_start(struct sample_import *import,
			    struct sample_job *job, unsigned int msecs)
{
	struct dma_resv *resv = import->dmabuf->resv;
	struct sample_job *previous = import->job;
	long ret;

	ret = dma_resv_lock_interruptible(resv, NULL);
	if (ret)
		return ret;

	ret = dma_resv_reserve_fences(resv, 1);
	if (ret)
		goto out;

	ret = sample_import_map(import);
	if (ret)
		goto out;

	/* A writer waits for all fences; this device cannot wait on its own. */
	ret = dma_resv_wait_timeout(resv, dma_resv_usage_rw(true), true,
				    MAX_SCHEDULE_TIMEOUT);
	if (ret < 0)
		goto out;

	/*
	 * From here on nothing fails: other users rely on the fence to signal.
	 * It may be in the buffer for longer than this file is open.
	 */
	__module_get(THIS_MODULE);
	dma_fence_init(&job->fence, &sample_fence_ops, &job->lock,
		       import->context, ++import->seqno);
	dma_resv_add_fence(resv, &job->fence, DMA_RESV_USAGE_WRITE);

	/* A device would be given the addresses in import->sgt here. */
	import->job = job;
	dma_fence_get(&job->fence);
	schedule_delayed_work(&job->done, msecs_to_jiffies(msecs));
	dma_resv_unlock(resv);
	sample_job_finish(previous);
	return 0;

out:
	dma_resv_unlock(resv);
	return ret;
}

static int sample_import_run(struct sample_import *import, unsigned long msecs)
{
	struct sample_job *job;
	int ret;

	if (!import->dmabuf || msecs > DMA_BUF_SAMPLE_RUN_MAX)
		return -EINVAL;

	job = kzalloc_obj(*job);
	if (!job)
		return -ENOMEM;

	job->import = import;
	spin_lock_init(&job->lock);
	INIT_DELAYED_WORK(&job->done, sample_job_done);

	ret = sample_job_start(import, job, msecs);
	if (ret)
		kfree(job);
	return ret;
}

/* Does the device have addresses for the next job? */
static int sample_import_mapped(struct sample_import *import)
{
	struct dma_buf *dmabuf = import->dmabuf;
	int ret;

	if (!dmabuf)
		return -EINVAL;

	ret = dma_resv_lock_interruptible(dmabuf->resv, NULL);
	if (ret)
		return ret;
	ret = !!import->sgt;
	dma_resv_unlock(dmabuf->resv);

	return ret;
}

/* Access by the CPU */

static int sample_import_sum(struct sample_import *import, u64 *sum)
{
	struct dma_buf *dmabuf = import->dmabuf;
	struct iosys_map map;
	size_t i;
	int ret;

	if (!dmabuf)
		return -EINVAL;

	ret = dma_buf_vmap_unlocked(dmabuf, &map);
	if (ret)
		return ret;

	ret = dma_buf_begin_cpu_access(dmabuf, DMA_FROM_DEVICE);
	if (ret)
		goto out;

	/* The memory may be device memory, which needs special accessors. */
	*sum = 0;
	for (i = 0; i < dmabuf->size; i++)
		*sum += iosys_map_rd(&map, i, u8);

	ret = dma_buf_end_cpu_access(dmabuf, DMA_FROM_DEVICE);
out:
	dma_buf_vunmap_unlocked(dmabuf, &map);
	return ret;
}

/* How user space drives this sample */

static int sample_open(struct inode *inode, struct file *file)
{
	struct sample_import *import = kzalloc(sizeof(*import), GFP_KERNEL);

	if (!import)
		return -ENOMEM;

	mutex_init(&import->lock);
	import->context = dma_fence_context_alloc(1);
	file->private_data = import;
	return 0;
}

static int sample_close(struct inode *inode, struct file *file)
{
	struct sample_import *import = file->private_data;

	/* The last job is used by invalidation until the device is detached. */
	if (import->job)
		flush_delayed_work(&import->job->done);
	sample_import_end(import);
	sample_job_finish(import->job);
	mutex_destroy(&import->lock);
	kfree(import);
	return 0;
}

static long sample_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct sample_import *import = file->private_data;
	u64 sum;
	int ret;

	ret = mutex_lock_interruptible(&import->lock);
	if (ret)
		return ret;

	switch (cmd) {
	case DMA_BUF_SAMPLE_IMPORT:
		ret = sample_import_begin(import, arg);
		break;
	case DMA_BUF_SAMPLE_RUN:
		ret = sample_import_run(import, arg);
		break;
	case DMA_BUF_SAMPLE_SUM:
		ret = sample_import_sum(import, &sum);
		if (!ret)
			ret = put_user(sum, (u64 __user *)arg);
		break;
	case DMA_BUF_SAMPLE_MAPPED:
		ret = sample_import_mapped(import);
		break;
	default:
		ret = -ENOTTY;
	}

	mutex_unlock(&import->lock);
	return ret;
}

static const struct file_operations sample_fops = {
	.owner		= THIS_MODULE,
	.open		= sample_open,
	.release	= sample_close,
	.unlocked_ioctl	= sample_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
};

static struct miscdevice sample_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "dma-buf-importer",
	.fops	= &sample_fops,
};

static int __init sample_init(void)
{
	int ret;

	sample_device = platform_device_register_simple("dma-buf-importer",
							PLATFORM_DEVID_NONE,
							NULL, 0);
	if (IS_ERR(sample_device))
		return PTR_ERR(sample_device);

	ret = dma_set_mask_and_coherent(&sample_device->dev, DMA_BIT_MASK(64));
	if (ret)
		goto err_device;

	ret = misc_register(&sample_misc);
	if (ret)
		goto err_device;

	return 0;

err_device:
	platform_device_unregister(sample_device);
	return ret;
}
module_init(sample_init);

static void __exit sample_exit(void)
{
	misc_deregister(&sample_misc);
	platform_device_unregister(sample_device);
}
module_exit(sample_exit);

MODULE_DESCRIPTION("Sample dma-buf importer");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
