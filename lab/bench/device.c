// SPDX-License-Identifier: GPL-2.0
/* /dev/dma_buf_bench: builds scenes and runs measurements, see bench.h. */

#include <linux/anon_inodes.h>
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/file.h>
#include <linux/kthread.h>
#include <linux/mc146818rtc.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/sync_file.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "scene.h"

#define LIVE_MAX	1000000

/*
 * The walk over all buffers is not exported to modules: user.c passes the addresses of
 * its functions, 0 if this kernel has none.
 */
static unsigned long iter_begin;
module_param(iter_begin, ulong, 0);
MODULE_PARM_DESC(iter_begin, "address of dma_buf_iter_begin()");

static unsigned long iter_next;
module_param(iter_next, ulong, 0);
MODULE_PARM_DESC(iter_next, "address of dma_buf_iter_next()");

struct device *bench_device;

static struct scene current_scene;
static DECLARE_WAIT_QUEUE_HEAD(idle_queue);

/* Files that are only kept alive: of buffers, or plain ones */
static struct file **live;
static unsigned long nr_live;

/* As a buffer does, each file holds the module that made it. */
static const struct file_operations plain_file_ops = {
	.owner	= THIS_MODULE,
};

static struct file *plain_file(void)
{
	return anon_inode_create_getfile("[bench]", &plain_file_ops, NULL, O_RDWR, NULL);
}

static struct file *buffer_file(void)
{
	struct dma_buf *dmabuf = scene_export(BENCH_STATIC);

	return IS_ERR(dmabuf) ? ERR_CAST(dmabuf) : dmabuf->file;
}

static long bench_live(unsigned long count, struct file *(*make)(void))
{
	struct file *file;

	if (count > LIVE_MAX)
		return -EINVAL;
	for (; nr_live < count; nr_live++) {
		file = make();
		if (IS_ERR(file))
			return PTR_ERR(file);
		live[nr_live] = file;
	}
	while (nr_live > count)
		fput(live[--nr_live]);
	return 0;
}

/* The final fput() runs on return to user space and is measured as well. */
static long bench_cycle(unsigned long count, struct file *(*make)(void))
{
	struct file *file;

	while (count--) {
		file = make();
		if (IS_ERR(file))
			return PTR_ERR(file);
		fput(file);
	}
	return 0;
}

/* A file that the previous CPU made and that this one will put */
static DEFINE_PER_CPU_SHARED_ALIGNED(struct file *, passed);

static long bench_pass(unsigned long cpus, struct file *(*make)(void))
{
	unsigned int cpu, next;
	struct file *file;

	migrate_disable();
	cpu = smp_processor_id();
	next = (cpu + 1) % max(cpus, 1UL);
	file = cpu < cpus && cpu_online(next) ? make() : ERR_PTR(-EINVAL);
	if (!IS_ERR(file)) {
		file = xchg(per_cpu_ptr(&passed, next), file);
		if (file)
			fput(file);
		file = xchg(this_cpu_ptr(&passed), NULL);
		if (file)
			fput(file);
	}
	migrate_enable();
	return PTR_ERR_OR_ZERO(file);
}

static long bench_attach(int fd)
{
	struct dma_buf *dmabuf = dma_buf_get(fd);
	struct dma_buf_attachment *attach;

	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	attach = dma_buf_attach(dmabuf, bench_device);
	if (!IS_ERR(attach))
		dma_buf_detach(dmabuf, attach);
	dma_buf_put(dmabuf);
	return PTR_ERR_OR_ZERO(attach);
}

static long bench_iterate(void)
{
	struct dma_buf *(*begin)(void) = (void *)iter_begin;
	struct dma_buf *(*next)(struct dma_buf *) = (void *)iter_next;
	struct dma_buf *dmabuf;
	long count = 0;

	if (!begin || !next)
		return -EOPNOTSUPP;
	for (dmabuf = begin(); dmabuf; dmabuf = next(dmabuf))
		count++;
	return count;
}

static long bench_file(void)
{
	struct file *file;
	int fd = get_unused_fd_flags(O_CLOEXEC);

	if (fd < 0)
		return fd;
	file = plain_file();
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	fd_install(fd, file);
	return fd;
}

static long bench_export(void)
{
	struct dma_buf *dmabuf = scene_export(BENCH_STATIC);
	int fd;

	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	fd = dma_buf_fd(dmabuf, O_CLOEXEC);
	if (fd < 0)
		dma_buf_put(dmabuf);
	return fd;
}

static long bench_scene(const void __user *arg)
{
	struct bench_scene wanted;
	int ret;

	if (current_scene.dmabuf)
		return -EBUSY;
	if (copy_from_user(&wanted, arg, sizeof(wanted)))
		return -EFAULT;
	if (wanted.exporter > BENCH_DYNAMIC)
		return -EINVAL;
	ret = scene_build(&current_scene, &wanted);
	if (ret)
		return ret;

	get_dma_buf(current_scene.dmabuf);
	ret = dma_buf_fd(current_scene.dmabuf, O_CLOEXEC);
	if (ret < 0) {
		dma_buf_put(current_scene.dmabuf);
		scene_destroy(&current_scene);
	}
	return ret;
}

static long bench_signal(unsigned long number)
{
	if (number >= current_scene.nr_fences)
		return -EINVAL;
	dma_fence_signal(current_scene.fences[number]);
	return 0;
}

static long bench_fence(void)
{
	struct dma_fence *fence = scene_fence();
	struct sync_file *sync_file;
	int fd;

	if (!fence)
		return -ENOMEM;
	sync_file = sync_file_create(fence);
	dma_fence_put(fence);
	if (!sync_file)
		return -ENOMEM;

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		fput(sync_file->file);
	else
		fd_install(fd, sync_file->file);
	return fd;
}

static DECLARE_COMPLETION(held);
static DECLARE_COMPLETION(released);

static int holder(void *ms)
{
	dma_resv_lock(current_scene.dmabuf->resv, NULL);
	complete(&held);
	msleep((unsigned long)ms);
	dma_resv_unlock(current_scene.dmabuf->resv);
	complete(&released);
	return 0;
}

static long bench_hold(unsigned long ms)
{
	struct task_struct *task;

	if (!current_scene.dmabuf)
		return -EINVAL;
	reinit_completion(&held);
	reinit_completion(&released);
	task = kthread_run(holder, (void *)ms, "bench-holder");
	if (IS_ERR(task))
		return PTR_ERR(task);
	wait_for_completion(&held);
	return 0;
}

/*
 * When QEMU counts instructions, it switches CPUs only when a timer of the
 * machine expires. Make the RTC's timer expire 8192 times a second; no driver
 * handles its interrupt.
 */
static long bench_take_turns(void)
{
	unsigned long flags;

	spin_lock_irqsave(&rtc_lock, flags);
	CMOS_WRITE(RTC_REF_CLCK_32KHZ | 3, RTC_FREQ_SELECT);
	CMOS_WRITE(RTC_24H | RTC_PIE, RTC_CONTROL);
	spin_unlock_irqrestore(&rtc_lock, flags);
	return 0;
}

static long bench_run(void __user *arg)
{
	struct bench_run run;
	int ret;

	if (copy_from_user(&run, arg, sizeof(run)))
		return -EFAULT;
	ret = rows_run(&run);
	if (ret)
		return ret;
	return copy_to_user(arg, &run, sizeof(run)) ? -EFAULT : 0;
}

static long bench_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case BENCH_NULL:
		return 0;
	case BENCH_SCENE:
		return bench_scene((void __user *)arg);
	case BENCH_DESTROY:
		scene_destroy(&current_scene);
		return 0;
	case BENCH_SIGNAL:
		return bench_signal(arg);
	case BENCH_HOLD:
		return bench_hold(arg);
	case BENCH_WAIT:
		wait_for_completion(&released);
		return 0;
	case BENCH_LIVE:
		return bench_live(arg, buffer_file);
	case BENCH_FILES:
		return bench_live(arg, plain_file);
	case BENCH_EXPORT:
		return bench_export();
	case BENCH_CYCLE:
		return bench_cycle(arg, buffer_file);
	case BENCH_CYCLE_FILES:
		return bench_cycle(arg, plain_file);
	case BENCH_FENCE:
		return bench_fence();
	case BENCH_TAKE_TURNS:
		return bench_take_turns();
	case BENCH_FILE:
		return bench_file();
	case BENCH_PASS:
		return bench_pass(arg, buffer_file);
	case BENCH_PASS_FILES:
		return bench_pass(arg, plain_file);
	case BENCH_ATTACH:
		return bench_attach(arg);
	case BENCH_ITERATE:
		return bench_iterate();
	case BENCH_RUN:
		return bench_run((void __user *)arg);
	default:
		return -ENOTTY;
	}
}

/* The floor for polling a buffer: one walk over its fences */
static __poll_t bench_poll(struct file *file, poll_table *table)
{
	poll_wait(file, &idle_queue, table);
	if (!dma_resv_test_signaled(current_scene.dmabuf->resv, DMA_RESV_USAGE_READ))
		return 0;
	return EPOLLIN | EPOLLOUT;
}

static int bench_mmap(struct file *file, struct vm_area_struct *vma)
{
	return 0;
}

static const struct file_operations bench_file_ops = {
	.owner		= THIS_MODULE,
	.unlocked_ioctl	= bench_ioctl,
	.poll		= bench_poll,
	.mmap		= bench_mmap,
};

static struct miscdevice bench_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "dma_buf_bench",
	.fops	= &bench_file_ops,
};

static int __init bench_init(void)
{
	int ret;

	live = vcalloc(LIVE_MAX, sizeof(*live));
	if (!live)
		return -ENOMEM;
	bench_device = root_device_register("dma_buf_bench");
	if (IS_ERR(bench_device)) {
		vfree(live);
		return PTR_ERR(bench_device);
	}
	ret = misc_register(&bench_misc);
	if (ret) {
		root_device_unregister(bench_device);
		vfree(live);
	}
	return ret;
}

static void __exit bench_exit(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		if (per_cpu(passed, cpu))
			fput(per_cpu(passed, cpu));
	bench_live(0, NULL);
	misc_deregister(&bench_misc);
	root_device_unregister(bench_device);
	vfree(live);
}

module_init(bench_init);
module_exit(bench_exit);
MODULE_DESCRIPTION("Measures dma-buf operations");
MODULE_IMPORT_NS("DMA_BUF");
MODULE_LICENSE("GPL");
