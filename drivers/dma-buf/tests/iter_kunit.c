// SPDX-License-Identifier: GPL-2.0-only
/*
 * Walking all buffers with dma_buf_iter_begin() and dma_buf_iter_next()
 *
 * Buffers that do not belong to the case may exist; the cases ignore them.
 */

#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/jiffies.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "mock.h"

/* A walk of this many steps is taken to be endless. */
#define DMA_BUF_ITER_MAX	2000

/* Is this the buffer of @exp, released or not? */
static bool dma_buf_iter_is(struct dma_buf *dmabuf, struct mock_exporter *exp)
{
	return dmabuf->priv == exp;
}

/* Step to the next buffer, and fail if there are too many steps. */
static struct dma_buf *dma_buf_iter_step(struct kunit *test,
					 struct dma_buf *dmabuf,
					 unsigned int *steps)
{
	if (++*steps < DMA_BUF_ITER_MAX)
		return dma_buf_iter_next(dmabuf);

	KUNIT_FAIL(test, "a walk of %u steps does not end", *steps);
	dma_buf_put(dmabuf);
	return NULL;
}

/* Walk from @dmabuf to the end and count how often each buffer is found. */
static void dma_buf_iter_walk(struct kunit *test, struct dma_buf *dmabuf,
			      struct mock_exporter **exp, unsigned int num,
			      unsigned int *found)
{
	unsigned int i, steps = 0;

	for (; dmabuf; dmabuf = dma_buf_iter_step(test, dmabuf, &steps))
		for (i = 0; i < num; i++)
			if (dma_buf_iter_is(dmabuf, exp[i]))
				found[i]++;
}

static void dma_buf_iter_expect(struct kunit *test, const unsigned int *found,
				unsigned int num, unsigned int want)
{
	unsigned int i;

	for (i = 0; i < num; i++)
		KUNIT_EXPECT_EQ_MSG(test, found[i], want, "buffer %u", i);
}

/* Walk to the buffer of @exp and return it with its reference. */
static struct dma_buf *dma_buf_iter_find(struct kunit *test,
					 struct mock_exporter *exp)
{
	struct dma_buf *dmabuf = dma_buf_iter_begin();
	unsigned int steps = 0;

	while (dmabuf && !dma_buf_iter_is(dmabuf, exp))
		dmabuf = dma_buf_iter_step(test, dmabuf, &steps);
	KUNIT_ASSERT_NOT_NULL(test, dmabuf);

	return dmabuf;
}

/* Export on each CPU in turn, since buffers are on per-CPU lists. */
static void dma_buf_iter_export(struct kunit *test, struct mock_exporter **exp,
				unsigned int num)
{
	unsigned int i, cpu = cpumask_first(cpu_online_mask);
	cpumask_var_t allowed;

	KUNIT_ASSERT_TRUE(test, alloc_cpumask_var(&allowed, GFP_KERNEL));
	cpumask_copy(allowed, current->cpus_ptr);
	for (i = 0; i < num; i++) {
		exp[i] = mock_exporter_alloc(test, 0, SZ_4K);
		set_cpus_allowed_ptr(current, cpumask_of(cpu));
		mock_export(exp[i]);
		cpu = cpumask_next(cpu, cpu_online_mask);
		if (cpu >= nr_cpu_ids)
			cpu = cpumask_first(cpu_online_mask);
	}
	set_cpus_allowed_ptr(current, allowed);
	free_cpumask_var(allowed);

	for (i = 0; i < num; i++)
		KUNIT_ASSERT_TRUE(test, exp[i]->exported);
}

/* Passes when a walk returns every buffer once and leaves no reference. */
static void every_buffer_once(struct kunit *test)
{
	struct mock_exporter *exp[20];
	unsigned int i, found[20] = {};

	dma_buf_iter_export(test, exp, ARRAY_SIZE(exp));
	dma_buf_iter_walk(test, dma_buf_iter_begin(), exp, ARRAY_SIZE(exp),
			  found);
	dma_buf_iter_expect(test, found, ARRAY_SIZE(exp), 1);
	for (i = 0; i < ARRAY_SIZE(exp); i++)
		KUNIT_EXPECT_EQ(test, file_count(exp[i]->dmabuf->file), 1);
}

/* Passes when a walk returns as many buffers as bufinfo lists. */
static void matches_bufinfo(struct kunit *test)
{
	struct file *file = mock_bufinfo_open(test);
	struct mock_exporter *exp[3];
	unsigned int round, num, total;
	struct dma_buf *dmabuf;
	char *text;
	int ret;

	for (round = 0; round < 2; round++) {
		if (round)
			dma_buf_iter_export(test, exp, ARRAY_SIZE(exp));
		num = 0;
		dmabuf = dma_buf_iter_begin();
		while (dmabuf)
			dmabuf = dma_buf_iter_step(test, dmabuf, &num);
		text = mock_bufinfo_text(test, file, SZ_1M, SZ_4K);
		text = strstr(text, "\n\nTotal ");
		KUNIT_ASSERT_NOT_NULL(test, text);
		ret = sscanf(text, "\n\nTotal %u objects", &total);
		KUNIT_ASSERT_EQ(test, ret, 1);
		KUNIT_EXPECT_EQ(test, num, total);
	}
}

/* Passes when each step returns a reference and drops the previous one. */
static void step_references(struct kunit *test)
{
	struct mock_exporter *exp[2];
	struct dma_buf *dmabuf, *next;

	dma_buf_iter_export(test, exp, ARRAY_SIZE(exp));
	dmabuf = dma_buf_iter_find(test, exp[0]);
	KUNIT_EXPECT_EQ(test, file_count(exp[0]->dmabuf->file), 2);
	next = dma_buf_iter_next(dmabuf);
	KUNIT_EXPECT_EQ(test, file_count(exp[0]->dmabuf->file), 1);
	if (next)
		dma_buf_put(next);

	/* A walk that ends early leaves the reference to the caller. */
	dmabuf = dma_buf_iter_find(test, exp[1]);
	KUNIT_EXPECT_EQ(test, file_count(exp[1]->dmabuf->file), 2);
	dma_buf_put(dmabuf);
	KUNIT_EXPECT_EQ(test, file_count(exp[1]->dmabuf->file), 1);
}

/* Passes when a walk skips unreferenced buffers that are not yet released. */
static void skips_unreferenced(struct kunit *test)
{
	struct mock_exporter *exp[6];
	unsigned int i, found[6] = {};

	dma_buf_iter_export(test, exp, ARRAY_SIZE(exp));
	/* The last fput() of a kernel thread is delayed to a worker. */
	preempt_disable();
	for (i = 0; i < ARRAY_SIZE(exp); i += 2) {
		exp[i]->held = false;
		fput(exp[i]->dmabuf->file);
	}
	preempt_enable();
	dma_buf_iter_walk(test, dma_buf_iter_begin(), exp, ARRAY_SIZE(exp),
			  found);

	for (i = 0; i < ARRAY_SIZE(exp); i++)
		KUNIT_EXPECT_EQ_MSG(test, found[i], i % 2, "buffer %u", i);
}

/*
 * Passes when a walk continues from a buffer to which it holds the last
 * reference, at each position: the call releases the buffer, and no other is
 * missed.
 */
static void walker_last_reference(struct kunit *test)
{
	struct mock_exporter *exp[8];
	unsigned int i, at, found[8] = {}, steps = 0;
	struct dma_buf *dmabuf;

	dma_buf_iter_export(test, exp, ARRAY_SIZE(exp));
	for (dmabuf = dma_buf_iter_begin(); dmabuf;
	     dmabuf = dma_buf_iter_step(test, dmabuf, &steps)) {
		at = ARRAY_SIZE(exp);
		for (i = 0; i < ARRAY_SIZE(exp); i++)
			if (dma_buf_iter_is(dmabuf, exp[i]))
				at = i;
		if (at == ARRAY_SIZE(exp) || found[at]++)
			continue;
		exp[at]->held = false;
		fput(dmabuf->file);
		KUNIT_EXPECT_EQ(test, file_count(dmabuf->file), 1);
	}
	dma_buf_iter_expect(test, found, ARRAY_SIZE(exp), 1);
	for (i = 0; i < ARRAY_SIZE(exp); i++)
		KUNIT_EXPECT_TRUE(test, mock_wait_released(exp[i]));
}

/* Passes when a walk holds nothing but a reference between two buffers. */
static void holds_only_reference(struct kunit *test)
{
	struct mock_exporter *exp[4], *more[4];
	unsigned int found[4] = {}, found_more[4] = {}, nested[4] = {};
	struct dma_buf *dmabuf;

	dma_buf_iter_export(test, exp, ARRAY_SIZE(exp));
	dmabuf = dma_buf_iter_find(test, exp[2]);
	KUNIT_EXPECT_EQ(test, preempt_count(), 0);

	/* Sleep, export and release, walk again. */
	msleep(20);
	dma_buf_iter_export(test, more, ARRAY_SIZE(more));
	mock_put_sync(more[0]);
	dma_buf_iter_walk(test, dma_buf_iter_begin(), exp, ARRAY_SIZE(exp),
			  nested);
	dma_buf_iter_expect(test, nested, ARRAY_SIZE(nested), 1);
	dma_buf_iter_walk(test, dma_buf_iter_begin(), more, ARRAY_SIZE(more),
			  found_more);
	KUNIT_EXPECT_EQ(test, found_more[0], 0);
	dma_buf_iter_expect(test, found_more + 1, ARRAY_SIZE(more) - 1, 1);

	dma_buf_iter_walk(test, dmabuf, exp, ARRAY_SIZE(exp), found);
	KUNIT_EXPECT_EQ(test, found[2], 1);
}

/*
 * Passes when buffers that are exported and released at each step neither hide
 * nor repeat a lasting buffer, and the walk ends.
 */
static void changes_during_walk(struct kunit *test)
{
	struct mock_exporter *lasting[16], *transient[16];
	unsigned int i, found[16] = {}, steps = 0;
	struct dma_buf *dmabuf;

	for (i = 0; i < ARRAY_SIZE(lasting); i++) {
		dma_buf_iter_export(test, &lasting[i], 1);
		dma_buf_iter_export(test, &transient[i], 1);
	}
	for (dmabuf = dma_buf_iter_begin(); dmabuf;
	     dmabuf = dma_buf_iter_step(test, dmabuf, &steps)) {
		for (i = 0; i < ARRAY_SIZE(lasting); i++)
			if (dma_buf_iter_is(dmabuf, lasting[i]))
				found[i]++;
		if (steps < ARRAY_SIZE(transient)) {
			transient[steps]->held = false;
			dma_buf_put(transient[steps]->dmabuf);
		}
		mock_exporter_create(test, 0, SZ_4K);
	}
	dma_buf_iter_expect(test, found, ARRAY_SIZE(lasting), 1);
}

/*
 * Passes when the buffers of a CPU that goes offline are returned once, by a
 * walk that has begun before and by one that begins afterwards, and can be
 * released.
 */
static void cpu_offline(struct kunit *test)
{
	unsigned int cpu = cpumask_last(cpu_online_mask), i;
	unsigned int begun[20] = {}, found[20] = {};
	struct mock_exporter *exp[20];
	struct dma_buf *dmabuf;
	int ret;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");

	dma_buf_iter_export(test, exp, ARRAY_SIZE(exp));
	dmabuf = dma_buf_iter_begin();
	KUNIT_ASSERT_NOT_NULL(test, dmabuf);
	ret = remove_cpu(cpu);
	if (ret) {
		dma_buf_put(dmabuf);
		kunit_skip(test, "CPU %u stays online: %d", cpu, ret);
	}
	dma_buf_iter_walk(test, dmabuf, exp, ARRAY_SIZE(exp), begun);
	dma_buf_iter_walk(test, dma_buf_iter_begin(), exp, ARRAY_SIZE(exp),
			  found);
	for (i = 0; i < ARRAY_SIZE(exp); i++) {
		mock_put_sync(exp[i]);
		KUNIT_EXPECT_TRUE(test, mock_wait_released(exp[i]));
	}
	ret = add_cpu(cpu);

	KUNIT_EXPECT_EQ(test, ret, 0);
	dma_buf_iter_expect(test, begun, ARRAY_SIZE(exp), 1);
	dma_buf_iter_expect(test, found, ARRAY_SIZE(exp), 1);
}

/* How long exporters and walker run concurrently */
#define DMA_BUF_ITER_RACE_MS	200

/**
 * struct dma_buf_iter_race - a walker, and threads that export and release
 * @test: the case
 * @info: export info of the threads
 * @lasting: lasting buffers
 * @walks: number of completed walks
 * @transient: number of the threads' buffers that the walker has found
 * @alive: buffers of the threads that are not released yet
 * @failures: failed exports, and lasting buffers that a walk did not find once
 * @over: the walker has finished
 */
struct dma_buf_iter_race {
	struct kunit *test;
	struct dma_buf_export_info info;
	struct mock_exporter *lasting[8];
	unsigned int walks;
	unsigned int transient;
	atomic_t alive;
	atomic_t failures;
	bool over;
};

static void dma_buf_iter_race_release(struct dma_buf *dmabuf)
{
	struct dma_buf_iter_race *race = dmabuf->priv;

	atomic_dec(&race->alive);
}

static void dma_buf_iter_race_walk(struct dma_buf_iter_race *race)
{
	unsigned int i, found[ARRAY_SIZE(race->lasting)] = {}, steps = 0;
	struct dma_buf *dmabuf;

	for (dmabuf = dma_buf_iter_begin(); dmabuf;
	     dmabuf = dma_buf_iter_step(race->test, dmabuf, &steps)) {
		race->transient += dmabuf->priv == race;
		for (i = 0; i < ARRAY_SIZE(race->lasting); i++)
			found[i] += dma_buf_iter_is(dmabuf, race->lasting[i]);
		cond_resched();
	}
	for (i = 0; i < ARRAY_SIZE(race->lasting); i++)
		if (found[i] != 1)
			atomic_inc(&race->failures);
	race->walks++;
}

static void dma_buf_iter_race_run(void *data, unsigned int id)
{
	unsigned long end = jiffies + msecs_to_jiffies(DMA_BUF_ITER_RACE_MS);
	struct dma_buf_iter_race *race = data;
	struct dma_buf *dmabuf;

	if (!id) {
		do {
			dma_buf_iter_race_walk(race);
			cond_resched();
		} while (!atomic_read(&race->failures) &&
			 (time_before(jiffies, end) ||
			  (!race->transient &&
			   time_before(jiffies, end + 10 * HZ))));
		WRITE_ONCE(race->over, true);
		return;
	}
	while (!READ_ONCE(race->over)) {
		dmabuf = dma_buf_export(&race->info);
		if (IS_ERR(dmabuf)) {
			atomic_inc(&race->failures);
			continue;
		}
		atomic_inc(&race->alive);
		__fput_sync(dmabuf->file);
		cond_resched();
	}
}

/*
 * Passes when every walk that races with exports and releases returns each
 * lasting buffer once.
 */
static void walk_races_export(struct kunit *test)
{
	struct mock_exporter *exp =
		mock_exporter_alloc(test, MOCK_MINIMAL, SZ_4K);
	struct dma_buf_iter_race *race;
	int tries = 250;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");

	race = kunit_kzalloc(test, sizeof(*race), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, race);
	dma_buf_iter_export(test, race->lasting, ARRAY_SIZE(race->lasting));
	exp->ops.release = dma_buf_iter_race_release;
	race->test = test;
	race->info = exp->info;
	race->info.priv = race;

	mock_run_parallel(test, 3, dma_buf_iter_race_run, race);
	/* Last references that the walker dropped are put by a worker. */
	while (atomic_read(&race->alive) && --tries)
		msleep(20);
	KUNIT_EXPECT_EQ(test, atomic_read(&race->alive), 0);
	kunit_info(test, "%u walks, %u transient buffers\n", race->walks,
		   race->transient);
	KUNIT_EXPECT_EQ(test, atomic_read(&race->failures), 0);
	KUNIT_EXPECT_GT(test, race->transient, 0);
}

static struct kunit_case dma_buf_iter_cases[] = {
	KUNIT_CASE(every_buffer_once),
	KUNIT_CASE(matches_bufinfo),
	KUNIT_CASE(step_references),
	KUNIT_CASE(skips_unreferenced),
	KUNIT_CASE(walker_last_reference),
	KUNIT_CASE(holds_only_reference),
	KUNIT_CASE(changes_during_walk),
	KUNIT_CASE(cpu_offline),
	KUNIT_CASE(walk_races_export),
	{}
};

static struct kunit_suite dma_buf_iter_suite = {
	.name = "dma_buf_iter",
	.test_cases = dma_buf_iter_cases,
};

kunit_test_suite(dma_buf_iter_suite);
