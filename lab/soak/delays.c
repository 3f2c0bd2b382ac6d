// SPDX-License-Identifier: GPL-2.0-only
/*
 * Widens race windows: now and then, at random, a task that enters one of the
 * functions listed in places= is delayed there for a random time, so that other
 * tasks run between two steps of an operation. With seed=, it is preempted
 * instead, in calls that the seed selects: on one processor, whose clock counts
 * instructions, the same seed gives the same schedule. On unload, logs for each
 * function how many calls passed and how many of them were held up.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/jhash.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/timekeeping.h>

#define DELAYS_MAX	192	/* places */
#define DELAYS_ONE_IN	16
#define DELAYS_US	100	/* maximum; the average is half of it */
#define DELAYS_SLICE_US	200	/* longer than a slice: see "before" */

static char *places[DELAYS_MAX];
static unsigned int num_places;
module_param_array(places, charp, &num_places, 0);
MODULE_PARM_DESC(places, "comma-separated list of functions");

static unsigned int seed;
module_param(seed, uint, 0);
MODULE_PARM_DESC(seed, "preempt in the calls that this number selects (default: 0, delay at random)");

/**
 * struct delays_place - a function in which calls are delayed
 * @probe: kprobe at its first instruction
 * @passed: number of calls
 * @held: number of delayed calls
 */
struct delays_place {
	struct kprobe probe;
	atomic_long_t passed;
	atomic_long_t held;
};

static struct delays_place delays[DELAYS_MAX];
static atomic_t delays_calls;

/* Runs like an NMI, under any lock: no sleeping, no get_random_u32(). */
static int delays_hold_up(struct kprobe *probe, struct pt_regs *regs)
{
	struct delays_place *place =
		container_of(probe, struct delays_place, probe);
	u32 dice = jhash_2words(seed, seed ? atomic_inc_return(&delays_calls) :
				ktime_get_mono_fast_ns(), 0);

	atomic_long_inc(&place->passed);
	if (dice % DELAYS_ONE_IN)
		return 0;

	atomic_long_inc(&place->held);
	if (!seed) {
		udelay(dice / DELAYS_ONE_IN % DELAYS_US);
	} else {
		udelay(DELAYS_SLICE_US);
		set_tsk_need_resched(current);
		set_preempt_need_resched();
	}
	return 0;
}

static void delays_remove(unsigned int count)
{
	while (count--)
		unregister_kprobe(&delays[count].probe);
}

static int __init delays_init(void)
{
	unsigned int i;
	int ret;

	if (!num_places)
		return -EINVAL;

	for (i = 0; i < num_places; i++) {
		delays[i].probe.symbol_name = places[i];
		delays[i].probe.pre_handler = delays_hold_up;
		ret = register_kprobe(&delays[i].probe);
		if (ret) {
			pr_err("%s: cannot be probed: %d\n", places[i], ret);
			delays_remove(i);
			return ret;
		}
	}
	return 0;
}

static void __exit delays_exit(void)
{
	unsigned int i;

	delays_remove(num_places);
	for (i = 0; i < num_places; i++)
		pr_info("%s: passed %ld times, held up %ld times\n", places[i],
			atomic_long_read(&delays[i].passed),
			atomic_long_read(&delays[i].held));
}

module_init(delays_init);
module_exit(delays_exit);
MODULE_DESCRIPTION("Delays tasks in functions at random");
MODULE_LICENSE("GPL");
