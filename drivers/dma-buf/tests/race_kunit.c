// SPDX-License-Identifier: GPL-2.0-only
/*
 * Concurrent use of one buffer by several drivers: attaching, invalidating,
 * listing, walking the attachments, and mapping
 */

#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/iosys-map.h>
#include <linux/jiffies.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "mock.h"

static unsigned int race_ms = 100;
module_param(race_ms, uint, 0644);
MODULE_PARM_DESC(race_ms, "duration of a race in milliseconds");

/* Limit of rounds, for emulators where time stops while a CPU is busy. */
#define DMA_BUF_RACE_ROUNDS_PER_MS	500

/* One round in this many is a long one. */
#define DMA_BUF_RACE_SLEEP_EVERY	16384

/* How much longer a race may last if its threads have not run concurrently. */
#define DMA_BUF_RACE_TIMEOUT	(10 * HZ)

/* Violations that a race checks for. */
enum dma_buf_race_violation {
	DMA_BUF_RACE_ATTACH,
	DMA_BUF_RACE_LIST,
	DMA_BUF_RACE_WALK,
	DMA_BUF_RACE_WALK_OTHER,
	DMA_BUF_RACE_VMAP,
	DMA_BUF_RACE_VMAP_TWICE,
	DMA_BUF_RACE_VMAP_OTHER,
	DMA_BUF_RACE_VMAP_ENDED,
	DMA_BUF_RACE_VUNMAP_TWICE,
	DMA_BUF_RACE_MAP,
	DMA_BUF_RACE_MAP_TOGETHER,
	DMA_BUF_RACE_MAP_OTHER,
	DMA_BUF_RACE_VIOLATIONS
};

static const char * const dma_buf_race_violation_names[] = {
	[DMA_BUF_RACE_ATTACH] = "attaching failed",
	[DMA_BUF_RACE_LIST] = "an attached device was not listed",
	[DMA_BUF_RACE_WALK] = "a walk did not find a lasting attachment once",
	[DMA_BUF_RACE_WALK_OTHER] = "a walk found an invalid attachment",
	[DMA_BUF_RACE_VMAP] = "dma_buf_vmap_unlocked() failed",
	[DMA_BUF_RACE_VMAP_TWICE] = "vmap was called while mapped",
	[DMA_BUF_RACE_VMAP_OTHER] = "vmap returned another address",
	[DMA_BUF_RACE_VMAP_ENDED] = "vunmap was called while in use",
	[DMA_BUF_RACE_VUNMAP_TWICE] = "vunmap was called while not mapped",
	[DMA_BUF_RACE_MAP] = "mapping failed",
	[DMA_BUF_RACE_MAP_TOGETHER] = "map_dma_buf was called concurrently",
	[DMA_BUF_RACE_MAP_OTHER] = "a table was mapped for another direction",
};

/**
 * struct dma_buf_race - a race, by several threads
 * @test: the case
 * @exp: exporter of the buffer
 * @dev: a device that is attached and detached repeatedly
 * @imp: dynamic importer of that device
 * @file: an open bufinfo
 * @text: text that was read from @file
 * @names: devices that stay attached and must be listed
 * @attach: an attachment that three threads map
 * @map_dma_buf: the mock exporter's callback
 * @end: end of the race, in jiffies
 * @over: the race has ended
 * @rounds: number of rounds of each thread
 * @concurrent: how often a thread observed another one
 * @violations: number of violations of each kind
 * @in_use: number of threads that hold a mapping
 * @in_callback: number of threads in the exporter's callback
 * @moves: how often the buffer moved
 * @vmaps: number of calls of the exporter's vmap
 * @mapped: the exporter has a kernel mapping
 */
struct dma_buf_race {
	struct kunit *test;
	struct mock_exporter *exp;
	struct device *dev;
	struct mock_importer *imp;
	struct file *file;
	char text[SZ_4K];
	const char *names[2];
	struct dma_buf_attachment *attach;
	struct sg_table *(*map_dma_buf)(struct dma_buf_attachment *attach,
					enum dma_data_direction dir);
	unsigned long end;
	bool over;
	atomic_t rounds[4];
	atomic_t concurrent;
	atomic_t violations[DMA_BUF_RACE_VIOLATIONS];
	atomic_t in_use;
	atomic_t in_callback;
	unsigned int moves;
	atomic_t vmaps;
	bool mapped;
};

static struct dma_buf_race *dma_buf_race_create(struct kunit *test,
						unsigned int kind)
{
	struct dma_buf_race *race = kunit_kzalloc(test, sizeof(*race),
						  GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, race);
	test->priv = race;
	race->test = test;
	race->exp = mock_exporter_alloc(test, kind, SZ_8K);
	race->exp->no_log = true;
	race->dev = mock_device_create(test, "transient");
	race->imp = mock_importer_create(test);
	return race;
}

static void dma_buf_race_violation(struct dma_buf_race *race,
				   enum dma_buf_race_violation why)
{
	atomic_inc(&race->violations[why]);
}

/* May thread @id start another round? Thread 0 checks the time. */
static bool dma_buf_race_continue(struct dma_buf_race *race, unsigned int id)
{
	int rounds = atomic_inc_return(&race->rounds[id]);
	bool enough;

	cond_resched();
	if (id)
		return !READ_ONCE(race->over);

	enough = time_after(jiffies, race->end) ||
		 rounds >= race_ms * DMA_BUF_RACE_ROUNDS_PER_MS;
	if ((enough && atomic_read(&race->concurrent)) ||
	    time_after(jiffies, race->end + DMA_BUF_RACE_TIMEOUT))
		WRITE_ONCE(race->over, true);
	return !READ_ONCE(race->over);
}

/* Sleep from time to time, to make sure that another thread runs meanwhile. */
static void dma_buf_race_sleep(struct dma_buf_race *race, unsigned int id)
{
	if (atomic_read(&race->rounds[id]) % DMA_BUF_RACE_SLEEP_EVERY)
		cond_resched();
	else
		schedule_timeout_uninterruptible(1);
}

static void dma_buf_race_run(struct dma_buf_race *race, unsigned int num,
			     void (*func)(void *data, unsigned int id))
{
	struct kunit *test = race->test;
	unsigned int i, rounds = 0;

	race->end = jiffies + msecs_to_jiffies(race_ms);
	mock_run_parallel(test, num, func, race);

	for (i = 0; i < num; i++)
		rounds += atomic_read(&race->rounds[i]);
	kunit_info(test, "%u threads, %u rounds, %d concurrent\n", num, rounds,
		   atomic_read(&race->concurrent));
	for (i = 0; i < DMA_BUF_RACE_VIOLATIONS; i++)
		KUNIT_EXPECT_EQ_MSG(test, atomic_read(&race->violations[i]), 0,
				    "%s", dma_buf_race_violation_names[i]);
	KUNIT_EXPECT_GT(test, atomic_read(&race->concurrent), 0);
}

static void dma_buf_race_attach_detach(struct dma_buf_race *race,
				       unsigned int id,
				       struct mock_importer *imp)
{
	struct dma_buf *dmabuf = race->exp->dmabuf;
	struct dma_buf_attachment *attach;

	attach = dma_buf_dynamic_attach(dmabuf, race->dev,
					imp ? &imp->ops : NULL, imp);
	if (IS_ERR(attach)) {
		dma_buf_race_violation(race, DMA_BUF_RACE_ATTACH);
		return;
	}
	dma_buf_race_sleep(race, id);
	dma_buf_detach(dmabuf, attach);
}

/* Attached devices must be listed; those that attach and detach may be. */
static void dma_buf_race_list(struct dma_buf_race *race)
{
	loff_t pos = 0;
	ssize_t len, got;
	int i;

	for (len = 0; len < sizeof(race->text) - 1; len += got) {
		got = mock_bufinfo_read(race->file, race->text + len,
					sizeof(race->text) - 1 - len, &pos);
		if (got <= 0)
			break;
	}
	race->text[len] = '\0';
	for (i = 0; i < ARRAY_SIZE(race->names); i++)
		if (!strstr(race->text, race->names[i]))
			dma_buf_race_violation(race, DMA_BUF_RACE_LIST);
	if (strstr(race->text, dev_name(race->dev)))
		atomic_inc(&race->concurrent);
}

static void dma_buf_race_move(struct dma_buf_race *race)
{
	struct dma_buf *dmabuf = race->exp->dmabuf;

	dma_resv_lock(dmabuf->resv, NULL);
	race->moves++;
	dma_buf_invalidate_mappings(dmabuf);
	dma_resv_unlock(dmabuf->resv);
}

static void dma_buf_race_attach_run(void *data, unsigned int id)
{
	struct dma_buf_race *race = data;

	do {
		if (id == 0)
			dma_buf_race_list(race);
		else if (id == 1)
			dma_buf_race_attach_detach(race, id, race->imp);
		else if (id == 2)
			dma_buf_race_attach_detach(race, id, NULL);
		else
			dma_buf_race_move(race);
	} while (dma_buf_race_continue(race, id));
}

static const struct dma_buf_race_row {
	const char *desc;
	unsigned int kind;
} dma_buf_race_rows[] = {
	{ "static exporter", 0 },
	{ "dynamic exporter", MOCK_DYNAMIC },
};

KUNIT_ARRAY_PARAM_DESC(dma_buf_race, dma_buf_race_rows, desc);

/*
 * Passes when concurrent attaching and detaching neither hides other devices
 * from bufinfo nor makes an importer miss an invalidation.
 */
static void attach_detach(struct kunit *test)
{
	const struct dma_buf_race_row *row = test->param_value;
	struct dma_buf_race *race = dma_buf_race_create(test, row->kind);
	struct dma_buf_attachment *lasting[2];
	struct mock_importer *imp;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mock_export(race->exp));
	race->file = mock_bufinfo_open(test);
	lasting[0] = mock_attach_dynamic(test, race->exp);
	lasting[1] = mock_attach(test, race->exp);
	race->names[0] = dev_name(lasting[0]->dev);
	race->names[1] = dev_name(lasting[1]->dev);

	dma_buf_race_run(race, 4, dma_buf_race_attach_run);
	imp = lasting[0]->importer_priv;
	KUNIT_EXPECT_EQ(test, imp->notified, race->moves);
}

/* Walk the attachments with the reservation lock held, like an exporter. */
static void dma_buf_race_walk(struct dma_buf_race *race)
{
	struct dma_buf *dmabuf = race->exp->dmabuf;
	struct dma_buf_attachment *attach;
	unsigned int stay = 0;

	dma_resv_lock(dmabuf->resv, NULL);
	list_for_each_entry(attach, &dmabuf->attachments, node) {
		/* Let the other threads run in the middle of the list. */
		cond_resched();
		if (attach->dmabuf != dmabuf)
			dma_buf_race_violation(race, DMA_BUF_RACE_WALK_OTHER);
		if (attach->dev == race->dev)
			atomic_inc(&race->concurrent);
		else if (attach == race->attach)
			stay++;
		else
			dma_buf_race_violation(race, DMA_BUF_RACE_WALK_OTHER);
		cpu_relax();
	}
	dma_resv_unlock(dmabuf->resv);

	if (stay != 1)
		dma_buf_race_violation(race, DMA_BUF_RACE_WALK);
}

static void dma_buf_race_walk_run(void *data, unsigned int id)
{
	struct dma_buf_race *race = data;

	do {
		if (id == 0)
			dma_buf_race_walk(race);
		else
			dma_buf_race_attach_detach(race, id,
						   id == 1 ? race->imp : NULL);
	} while (dma_buf_race_continue(race, id));
}

/*
 * Passes when an exporter that walks the attachments with the reservation lock
 * held finds no freed one while static importers attach and detach.
 */
static void walk_attachments(struct kunit *test)
{
	const struct dma_buf_race_row *row = test->param_value;
	struct dma_buf_race *race = dma_buf_race_create(test, row->kind);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mock_export(race->exp));
	race->attach = mock_attach(test, race->exp);
	dma_buf_race_run(race, 4, dma_buf_race_walk_run);
}

static struct dma_buf_race *dma_buf_race_of(struct dma_buf *dmabuf)
{
	struct mock_exporter *exp = dmabuf->priv;

	return exp->test->priv;
}

static int dma_buf_race_vmap_op(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct dma_buf_race *race = dma_buf_race_of(dmabuf);

	if (xchg(&race->mapped, true))
		dma_buf_race_violation(race, DMA_BUF_RACE_VMAP_TWICE);
	/* Give another thread time to return too early. */
	udelay(1);
	atomic_inc(&race->vmaps);
	iosys_map_set_vaddr(map, race->exp->vaddr);
	return 0;
}

static void dma_buf_race_vunmap_op(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct dma_buf_race *race = dma_buf_race_of(dmabuf);

	if (!race->mapped)
		dma_buf_race_violation(race, DMA_BUF_RACE_VUNMAP_TWICE);
	race->mapped = false;
}

static void dma_buf_race_vmap_run(void *data, unsigned int id)
{
	struct dma_buf_race *race = data;
	struct dma_buf *dmabuf = race->exp->dmabuf;
	struct iosys_map map;

	do {
		if (dma_buf_vmap_unlocked(dmabuf, &map)) {
			dma_buf_race_violation(race, DMA_BUF_RACE_VMAP);
			continue;
		}
		if (atomic_inc_return(&race->in_use) > 1)
			atomic_inc(&race->concurrent);
		if (map.vaddr != race->exp->vaddr)
			dma_buf_race_violation(race, DMA_BUF_RACE_VMAP_OTHER);
		if (!READ_ONCE(race->mapped))
			dma_buf_race_violation(race, DMA_BUF_RACE_VMAP_ENDED);
		dma_buf_race_sleep(race, id);
		atomic_dec(&race->in_use);
		dma_buf_vunmap_unlocked(dmabuf, &map);
		dma_buf_race_sleep(race, id);
	} while (dma_buf_race_continue(race, id));
}

/*
 * Passes when the exporter has one mapping as long as a thread uses it, and
 * never two. With two threads the use often drops to zero.
 */
static void vmap_vunmap(struct kunit *test)
{
	struct dma_buf_race *race = dma_buf_race_create(test, 0);

	race->exp->ops.vmap = dma_buf_race_vmap_op;
	race->exp->ops.vunmap = dma_buf_race_vunmap_op;
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mock_export(race->exp));

	dma_buf_race_run(race, 2, dma_buf_race_vmap_run);
	kunit_info(test, "mapped %d times\n", atomic_read(&race->vmaps));
	KUNIT_EXPECT_FALSE(test, race->mapped);
	KUNIT_EXPECT_GT(test, atomic_read(&race->vmaps), 1);
}

/* Mark the table with its direction: its addresses are not used. */
static struct sg_table *dma_buf_race_map_op(struct dma_buf_attachment *attach,
					    enum dma_data_direction dir)
{
	struct dma_buf_race *race = dma_buf_race_of(attach->dmabuf);
	struct sg_table *sgt;

	if (atomic_inc_return(&race->in_callback) > 1)
		dma_buf_race_violation(race, DMA_BUF_RACE_MAP_TOGETHER);
	sgt = race->map_dma_buf(attach, dir);
	if (!IS_ERR(sgt))
		sg_dma_address(sgt->sgl) = dir * PAGE_SIZE;
	atomic_dec(&race->in_callback);
	return sgt;
}

/* Map in a direction that no other thread uses, and check the table. */
static void dma_buf_race_map_run(void *data, unsigned int id)
{
	static const enum dma_data_direction dirs[] = {
		DMA_FROM_DEVICE, DMA_TO_DEVICE, DMA_BIDIRECTIONAL,
	};
	struct dma_buf_race *race = data;
	struct sg_table *sgt;

	do {
		sgt = dma_buf_map_attachment_unlocked(race->attach, dirs[id]);
		if (IS_ERR(sgt)) {
			dma_buf_race_violation(race, DMA_BUF_RACE_MAP);
			continue;
		}
		if (atomic_inc_return(&race->in_use) > 1)
			atomic_inc(&race->concurrent);
		dma_buf_race_sleep(race, id);
		if (sg_dma_address(sgt->sgl) != dirs[id] * PAGE_SIZE)
			dma_buf_race_violation(race, DMA_BUF_RACE_MAP_OTHER);
		atomic_dec(&race->in_use);
		dma_buf_unmap_attachment_unlocked(race->attach, sgt, dirs[id]);
	} while (dma_buf_race_continue(race, id));
}

/*
 * Passes when threads that map one attachment in different directions each get
 * a table for their direction, and each table is unmapped with its direction.
 */
static void map_unmap(struct kunit *test)
{
	const struct dma_buf_race_row *row = test->param_value;
	struct dma_buf_race *race = dma_buf_race_create(test, row->kind);

	race->map_dma_buf = race->exp->ops.map_dma_buf;
	race->exp->ops.map_dma_buf = dma_buf_race_map_op;
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mock_export(race->exp));
	race->attach = mock_attach(test, race->exp);
	dma_buf_race_run(race, 3, dma_buf_race_map_run);
}

static struct kunit_case dma_buf_race_cases[] = {
	KUNIT_CASE_PARAM(walk_attachments, dma_buf_race_gen_params),
	KUNIT_CASE_PARAM(attach_detach, dma_buf_race_gen_params),
	KUNIT_CASE(vmap_vunmap),
	KUNIT_CASE_PARAM(map_unmap, dma_buf_race_gen_params),
	{}
};

static struct kunit_suite dma_buf_race_suite = {
	.name = "dma_buf_race",
	.test_cases = dma_buf_race_cases,
};

kunit_test_suite(dma_buf_race_suite);
