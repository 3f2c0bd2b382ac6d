// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bugs for the checkers that the kernel has no module for: loaded with bug=NAME,
 * this module commits the error that the checker of that name detects. A run in
 * which it was loaded must not pass.
 */

#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/timer.h>

static char *bug = "";
module_param(bug, charp, 0);
MODULE_PARM_DESC(bug, "name of the bug");

/* Take two locks in both orders. */
static int planted_lockdep(void)
{
	static DEFINE_MUTEX(one);
	static DEFINE_MUTEX(two);

	mutex_lock(&one);
	mutex_lock(&two);
	mutex_unlock(&two);
	mutex_unlock(&one);

	mutex_lock(&two);
	mutex_lock(&one);
	mutex_unlock(&one);
	mutex_unlock(&two);
	return 0;
}

/* Take a mutex with preemption disabled: test_lockup refuses to. */
static int planted_sleep(void)
{
	static DEFINE_MUTEX(mutex);

	preempt_disable();
	mutex_lock(&mutex);
	mutex_unlock(&mutex);
	preempt_enable();
	return 0;
}

static void planted_tick(struct timer_list *timer)
{
}

/* Free a pending timer. */
static int planted_objects(void)
{
	struct timer_list *timer = kmalloc(sizeof(*timer), GFP_KERNEL);

	if (!timer)
		return -ENOMEM;
	timer_setup(timer, planted_tick, 0);
	mod_timer(timer, jiffies + 3600 * HZ);
	kfree(timer);
	return 0;
}

static int planted_counter;

static int planted_count(void *unused)
{
	while (!kthread_should_stop()) {
		planted_counter++;
		cond_resched();
	}
	return 0;
}

/* Increment a variable in two threads without a lock. */
static int planted_kcsan(void)
{
	struct task_struct *one = kthread_run(planted_count, NULL, "planted-one");
	struct task_struct *two = kthread_run(planted_count, NULL, "planted-two");

	msleep(2000);
	if (!IS_ERR(one))
		kthread_stop(one);
	if (!IS_ERR(two))
		kthread_stop(two);
	return 0;
}

/* Unmap a DMA address that was never mapped for the device. */
static int planted_dma(void)
{
	struct platform_device *pdev;

	pdev = platform_device_register_simple("planted", -1, NULL, 0);
	if (IS_ERR(pdev))
		return PTR_ERR(pdev);
	dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(32));
	dma_unmap_page(&pdev->dev, 0x100000, PAGE_SIZE, DMA_TO_DEVICE);
	platform_device_unregister(pdev);
	return 0;
}

static const struct {
	const char *name;
	int (*plant)(void);
} planted_bugs[] = {
	{ "lockdep", planted_lockdep },
	{ "sleep", planted_sleep },
	{ "objects", planted_objects },
	{ "kcsan", planted_kcsan },
	{ "dma", planted_dma },
};

static int __init planted_init(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(planted_bugs); i++)
		if (!strcmp(planted_bugs[i].name, bug))
			return planted_bugs[i].plant();
	return -EINVAL;
}

static void __exit planted_exit(void)
{
}

module_init(planted_init);
module_exit(planted_exit);
MODULE_DESCRIPTION("Bugs to test the kernel's checkers with");
MODULE_LICENSE("GPL");
