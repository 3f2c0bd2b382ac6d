// SPDX-License-Identifier: GPL-2.0-only
/*
 * A mock exporter, with its call log, and mock importers
 */

#include <linux/bitops.h>
#include <linux/dma-mapping.h>
#include <linux/file.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include <kunit/device.h>

#include "mock.h"

/* An arbitrary address: the DMA addresses of the tests are never used. */
#define MOCK_DMA_BASE	0x10000000

/* Limit of the memory of a mock buffer, even if the buffer is larger */
#define MOCK_MEM_MAX	SZ_64K

/* Room for the names of about twenty calls; a longer list is truncated. */
#define MOCK_LIST_MAX	256

static const char * const mock_op_names[] = {
	[MOCK_ATTACH] = "attach",
	[MOCK_DETACH] = "detach",
	[MOCK_PIN] = "pin",
	[MOCK_UNPIN] = "unpin",
	[MOCK_MAP_DMA_BUF] = "map_dma_buf",
	[MOCK_UNMAP_DMA_BUF] = "unmap_dma_buf",
	[MOCK_RELEASE] = "release",
	[MOCK_BEGIN_CPU_ACCESS] = "begin_cpu_access",
	[MOCK_END_CPU_ACCESS] = "end_cpu_access",
	[MOCK_MAP] = "map",
	[MOCK_UNMAP] = "unmap",
	[MOCK_MMAP] = "mmap",
	[MOCK_VMAP] = "vmap",
	[MOCK_VUNMAP] = "vunmap",
	[MOCK_INVALIDATE_MAPPINGS] = "invalidate_mappings",
	[MOCK_OPS] = "none",
};

/* One table that the exporter has mapped. */
struct mock_table {
	struct sg_table base;
	struct list_head node;
	struct dma_buf_attachment *attach;
	enum dma_data_direction dir;
};

/* Exporters of leaked buffers, which still point to the exporters. */
static LIST_HEAD(mock_parked);
static DEFINE_MUTEX(mock_parked_lock);

static struct mock_exporter *mock_of(struct dma_buf *dmabuf)
{
	return dmabuf->priv;
}

/* Is the attachment on its buffer's list? Reliable only with the lock held. */
static bool mock_listed(struct dma_buf_attachment *attach)
{
	struct dma_buf_attachment *pos;

	list_for_each_entry(pos, &attach->dmabuf->attachments, node)
		if (pos == attach)
			return true;

	return false;
}

static const char * const mock_violation_names[] = {
	[MOCK_VIOLATION_LOG_FULL] = "the log is full",
	[MOCK_VIOLATION_FENCE] = "no memory to add a fence in map_dma_buf",
	[MOCK_VIOLATION_TABLE] = "unmap_dma_buf of a table that is not mapped",
	[MOCK_VIOLATION_ATTACH] = "unmap_dma_buf of another attachment's table",
	[MOCK_VIOLATION_DIR] =
		"unmap_dma_buf in another direction than map_dma_buf",
	[MOCK_VIOLATION_PAGES] = "unmap_dma_buf of a table with changed pages",
	[MOCK_VIOLATION_VMAP] = "vmap of a buffer that is already mapped",
};

/* Record a violation, for which mock_exporter_check() fails the case. */
static void mock_violation(struct mock_exporter *exp, enum mock_violation why)
{
	set_bit(why, &exp->violations);
}

/* Append one entry to the log. */
static void mock_record(struct dma_buf *dmabuf, const struct mock_call *call)
{
	struct mock_exporter *exp = mock_of(dmabuf);
	unsigned long flags;

	if (exp->no_log)
		return;

	spin_lock_irqsave(&exp->log_lock, flags);
	if (exp->calls < MOCK_LOG_MAX) {
		exp->log[exp->calls] = *call;
		exp->log[exp->calls].locked = dma_resv_is_locked(dmabuf->resv);
		exp->calls++;
	} else {
		mock_violation(exp, MOCK_VIOLATION_LOG_FULL);
	}
	spin_unlock_irqrestore(&exp->log_lock, flags);
}

static void mock_record_attach(struct dma_buf_attachment *attach,
			       enum mock_op op, enum dma_data_direction dir)
{
	bool no_log = mock_of(attach->dmabuf)->no_log;
	struct mock_call call = {
		.op = op,
		.dir = dir,
		.arg = attach,
		.listed = !no_log && mock_listed(attach),
	};

	mock_record(attach->dmabuf, &call);
}

static int mock_op_attach(struct dma_buf *dmabuf,
			  struct dma_buf_attachment *attach)
{
	mock_record_attach(attach, MOCK_ATTACH, DMA_NONE);
	return mock_of(dmabuf)->fail[MOCK_ATTACH];
}

static void mock_op_detach(struct dma_buf *dmabuf,
			   struct dma_buf_attachment *attach)
{
	mock_record_attach(attach, MOCK_DETACH, DMA_NONE);
}

static int mock_op_pin(struct dma_buf_attachment *attach)
{
	struct mock_exporter *exp = mock_of(attach->dmabuf);

	mock_record_attach(attach, MOCK_PIN, DMA_NONE);
	if (!exp->fail[MOCK_PIN])
		exp->pins++;
	return exp->fail[MOCK_PIN];
}

static void mock_op_unpin(struct dma_buf_attachment *attach)
{
	mock_record_attach(attach, MOCK_UNPIN, DMA_NONE);
	mock_of(attach->dmabuf)->pins--;
}

/* Describe the memory page by page, with an invented DMA address for each. */
static int mock_table_fill(struct mock_exporter *exp, struct sg_table *sgt)
{
	unsigned int pages = exp->mem_size >> PAGE_SHIFT;
	struct scatterlist *sg;
	unsigned int i;
	int ret;

	ret = sg_alloc_table(sgt, pages, GFP_KERNEL);
	if (ret)
		return ret;

	for_each_sgtable_sg(sgt, sg, i) {
		unsigned int offset = i ? 0 : exp->sg_offset;

		sg_set_page(sg, virt_to_page(exp->vaddr + i * PAGE_SIZE),
			    PAGE_SIZE - offset, offset);
		sg_dma_address(sg) = MOCK_DMA_BASE + i * PAGE_SIZE + offset;
		sg_dma_len(sg) = PAGE_SIZE - offset;
	}

	if (exp->sg_merge) {
		/* Otherwise dma_length and length are the same field. */
		if (IS_ENABLED(CONFIG_NEED_SG_DMA_LENGTH))
			sg_dma_len(sgt->sgl) = exp->mem_size - exp->sg_offset;
		sgt->nents = 1;
	}
	if (exp->no_pages)
		sgt->orig_nents = 0;
	if (exp->no_segments)
		sgt->nents = 0;

	return 0;
}

/* Add a fence to the buffer, like an exporter that clears asynchronously. */
static void mock_map_add_fence(struct mock_exporter *exp)
{
	if (!exp->fence_on_map)
		return;

	if (dma_resv_reserve_fences(exp->dmabuf->resv, 1))
		mock_violation(exp, MOCK_VIOLATION_FENCE);
	else
		dma_resv_add_fence(exp->dmabuf->resv, exp->fence_on_map,
				   DMA_RESV_USAGE_KERNEL);
}

static struct sg_table *mock_op_map_dma_buf(struct dma_buf_attachment *attach,
					    enum dma_data_direction dir)
{
	struct mock_exporter *exp = mock_of(attach->dmabuf);
	int fail = exp->fail[MOCK_MAP_DMA_BUF];
	struct mock_table *table;
	int ret;

	mock_record_attach(attach, MOCK_MAP_DMA_BUF, dir);
	if (fail)
		return fail == MOCK_NULL ? NULL : ERR_PTR(fail);

	table = kzalloc_obj(*table);
	if (!table)
		return ERR_PTR(-ENOMEM);

	ret = mock_table_fill(exp, &table->base);
	if (ret) {
		kfree(table);
		return ERR_PTR(ret);
	}

	table->attach = attach;
	table->dir = dir;
	list_add_tail(&table->node, &exp->tables);
	exp->last_table = &table->base;
	mock_map_add_fence(exp);

	return &table->base;
}

/* Does the table have the exporter's pages? It must, with DMABUF_DEBUG too. */
static bool mock_table_intact(struct mock_exporter *exp, struct sg_table *sgt)
{
	unsigned int pages = exp->mem_size >> PAGE_SHIFT;
	struct scatterlist *sg;
	unsigned int i;

	if (sgt->orig_nents != (exp->no_pages ? 0 : pages))
		return false;

	for_each_sg(sgt->sgl, sg, pages, i)
		if (sg_page(sg) != virt_to_page(exp->vaddr + i * PAGE_SIZE))
			return false;

	return true;
}

static struct mock_table *mock_table_find(struct mock_exporter *exp,
					  struct sg_table *sgt)
{
	struct mock_table *table;

	list_for_each_entry(table, &exp->tables, node)
		if (&table->base == sgt)
			return table;

	return NULL;
}

static void mock_op_unmap_dma_buf(struct dma_buf_attachment *attach,
				  struct sg_table *sgt,
				  enum dma_data_direction dir)
{
	struct mock_exporter *exp = mock_of(attach->dmabuf);
	struct mock_table *table = mock_table_find(exp, sgt);

	mock_record_attach(attach, MOCK_UNMAP_DMA_BUF, dir);
	if (!table) {
		mock_violation(exp, MOCK_VIOLATION_TABLE);
		return;
	}
	if (table->attach != attach)
		mock_violation(exp, MOCK_VIOLATION_ATTACH);
	if (table->dir != dir)
		mock_violation(exp, MOCK_VIOLATION_DIR);
	if (!mock_table_intact(exp, sgt))
		mock_violation(exp, MOCK_VIOLATION_PAGES);

	list_del(&table->node);
	table->base.orig_nents = exp->mem_size >> PAGE_SHIFT;
	sg_free_table(&table->base);
	kfree(table);
}

static void mock_op_release(struct dma_buf *dmabuf)
{
	struct mock_exporter *exp = mock_of(dmabuf);

	mock_record(dmabuf, &(struct mock_call){ .op = MOCK_RELEASE });
	exp->releases++;
	complete_all(&exp->released);
}

static int mock_op_begin_cpu_access(struct dma_buf *dmabuf,
				    enum dma_data_direction dir)
{
	struct mock_call call = { .op = MOCK_BEGIN_CPU_ACCESS, .dir = dir };

	mock_record(dmabuf, &call);
	return mock_of(dmabuf)->fail[MOCK_BEGIN_CPU_ACCESS];
}

static int mock_op_end_cpu_access(struct dma_buf *dmabuf,
				  enum dma_data_direction dir)
{
	struct mock_call call = { .op = MOCK_END_CPU_ACCESS, .dir = dir };

	mock_record(dmabuf, &call);
	return mock_of(dmabuf)->fail[MOCK_END_CPU_ACCESS];
}

static void *mock_op_map(struct dma_buf *dmabuf, unsigned long page)
{
	struct mock_call call = { .op = MOCK_MAP, .page = page };
	struct mock_exporter *exp = mock_of(dmabuf);

	mock_record(dmabuf, &call);
	if (exp->fail[MOCK_MAP])
		return NULL;

	return exp->vaddr + page * PAGE_SIZE;
}

static void mock_op_unmap(struct dma_buf *dmabuf, unsigned long page,
			  void *vaddr)
{
	struct mock_call call = {
		.op = MOCK_UNMAP,
		.page = page,
		.arg = vaddr,
	};

	mock_record(dmabuf, &call);
}

/* Map the pages that exist, if the vma belongs to a process. */
static int mock_op_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct mock_exporter *exp = mock_of(dmabuf);
	unsigned long len = vma->vm_end - vma->vm_start;
	struct mock_call call = {
		.op = MOCK_MMAP,
		.arg = vma,
		.page = vma->vm_pgoff,
	};

	mock_record(dmabuf, &call);
	if (exp->fail[MOCK_MMAP])
		return exp->fail[MOCK_MMAP];

	if (!vma->vm_mm || (vma->vm_pgoff << PAGE_SHIFT) + len > exp->mem_size)
		return 0;

	return remap_pfn_range(vma, vma->vm_start,
			       (virt_to_phys(exp->vaddr) >> PAGE_SHIFT) +
			       vma->vm_pgoff, len, vma->vm_page_prot);
}

/* On failure the map looks valid, too: the core must not use it. */
static int mock_op_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct mock_call call = { .op = MOCK_VMAP, .arg = map->vaddr };
	struct mock_exporter *exp = mock_of(dmabuf);

	mock_record(dmabuf, &call);
	iosys_map_set_vaddr(map, exp->vaddr);
	if (exp->vmaps && !exp->expect_imbalance)
		mock_violation(exp, MOCK_VIOLATION_VMAP);
	if (!exp->fail[MOCK_VMAP])
		exp->vmaps++;

	return exp->fail[MOCK_VMAP];
}

static void mock_op_vunmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct mock_call call = { .op = MOCK_VUNMAP, .arg = map->vaddr };

	mock_record(dmabuf, &call);
	mock_of(dmabuf)->vmaps--;
}

static const struct dma_buf_ops mock_ops_minimal = {
	.map_dma_buf = mock_op_map_dma_buf,
	.unmap_dma_buf = mock_op_unmap_dma_buf,
	.release = mock_op_release,
};

static const struct dma_buf_ops mock_ops_full = {
	.attach = mock_op_attach,
	.detach = mock_op_detach,
	.map_dma_buf = mock_op_map_dma_buf,
	.unmap_dma_buf = mock_op_unmap_dma_buf,
	.release = mock_op_release,
	.begin_cpu_access = mock_op_begin_cpu_access,
	.end_cpu_access = mock_op_end_cpu_access,
	.map = mock_op_map,
	.unmap = mock_op_unmap,
	.mmap = mock_op_mmap,
	.vmap = mock_op_vmap,
	.vunmap = mock_op_vunmap,
};

/**
 * mock_wait_released - wait until the exporter's release was called
 * @exp: the exporter
 *
 * A test runs in a kernel thread, so the last fput() is delayed to a worker.
 * Waits for that worker, with a timeout.
 *
 * Return: true if release was called.
 */
bool mock_wait_released(struct mock_exporter *exp)
{
	flush_delayed_fput();
	return wait_for_completion_timeout(&exp->released, MOCK_TIMEOUT);
}

/**
 * mock_put_sync - drop the exporter's own reference synchronously
 * @exp: the exporter
 *
 * Like dma_buf_put(), but if this is the last reference, the buffer has been
 * released on return.
 */
void mock_put_sync(struct mock_exporter *exp)
{
	exp->held = false;
	__fput_sync(exp->dmabuf->file);
}

/* Check that there were no violations, and that all objects are undone. */
static void mock_exporter_check(struct mock_exporter *exp)
{
	struct kunit *test = exp->test;
	unsigned int why;

	for_each_set_bit(why, &exp->violations, MOCK_VIOLATIONS)
		KUNIT_FAIL(test, "violation: %s", mock_violation_names[why]);
	if (exp->expect_imbalance)
		return;

	KUNIT_EXPECT_EQ(test, exp->pins, 0);
	KUNIT_EXPECT_EQ(test, exp->vmaps, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&exp->tables));
	if (!exp->no_log)
		KUNIT_EXPECT_EQ(test, mock_call_count(exp, MOCK_RELEASE),
				exp->releases);
}

/* Keep the objects that a leaked buffer points to reachable for kmemleak. */
static void mock_exporter_park(struct mock_exporter *exp)
{
	mutex_lock(&mock_parked_lock);
	list_add(&exp->parked, &mock_parked);
	mutex_unlock(&mock_parked_lock);
}

static void mock_exporter_end(void *data)
{
	struct mock_exporter *exp = data;
	struct kunit *test = exp->test;

	if (exp->held)
		mock_put_sync(exp);

	if (exp->expect_leak) {
		KUNIT_EXPECT_EQ(test, exp->releases, 0);
		mock_exporter_park(exp);
		return;
	}

	if (exp->exported && !mock_wait_released(exp)) {
		KUNIT_FAIL(test, "the buffer was not released");
		mock_exporter_park(exp);
		return;
	}

	KUNIT_EXPECT_EQ(test, exp->releases, exp->exported ? 1 : 0);
	mock_exporter_check(exp);
	free_pages_exact(exp->vaddr, exp->mem_size);
	kfree(exp);
}

/**
 * mock_exporter_alloc - allocate an exporter without a buffer
 * @test: the case
 * @kind: MOCK_DYNAMIC, MOCK_MINIMAL, or-ed
 * @size: size of the buffer in bytes
 *
 * Return: The exporter.
 */
struct mock_exporter *mock_exporter_alloc(struct kunit *test,
					  unsigned int kind, size_t size)
{
	struct mock_exporter *exp = kzalloc(sizeof(*exp), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, exp);

	exp->test = test;
	exp->ops = kind & MOCK_MINIMAL ? mock_ops_minimal : mock_ops_full;
	if (kind & MOCK_DYNAMIC) {
		exp->ops.pin = mock_op_pin;
		exp->ops.unpin = mock_op_unpin;
	}

	exp->info.exp_name = "mock";
	exp->info.owner = THIS_MODULE;
	exp->info.ops = &exp->ops;
	exp->info.size = size;
	exp->info.flags = O_RDWR;
	exp->info.priv = exp;

	INIT_LIST_HEAD(&exp->tables);
	spin_lock_init(&exp->log_lock);
	init_completion(&exp->released);

	exp->mem_size =
		clamp_t(size_t, PAGE_ALIGN(size), PAGE_SIZE, MOCK_MEM_MAX);
	exp->vaddr = alloc_pages_exact(exp->mem_size, GFP_KERNEL | __GFP_ZERO);
	if (!exp->vaddr) {
		kfree(exp);
		exp = NULL;
	}
	KUNIT_ASSERT_NOT_NULL_MSG(test, exp, "no memory for a mock buffer");

	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test,
							   mock_exporter_end,
							   exp));
	return exp;
}

/**
 * mock_export - export the buffer
 * @exp: the exporter
 *
 * Return: The result of dma_buf_export().
 */
struct dma_buf *mock_export(struct mock_exporter *exp)
{
	struct dma_buf *dmabuf = dma_buf_export(&exp->info);

	if (!IS_ERR(dmabuf)) {
		exp->dmabuf = dmabuf;
		exp->exported = true;
		exp->held = true;
	}

	return dmabuf;
}

/**
 * mock_exporter_create - allocate an exporter and export its buffer
 * @test: the case
 * @kind: as for mock_exporter_alloc()
 * @size: size of the buffer in bytes
 *
 * Return: The exporter.
 */
struct mock_exporter *mock_exporter_create(struct kunit *test,
					   unsigned int kind, size_t size)
{
	struct mock_exporter *exp = mock_exporter_alloc(test, kind, size);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mock_export(exp));
	return exp;
}

/* Clear the log. */
void mock_log_reset(struct mock_exporter *exp)
{
	exp->calls = 0;
}

/* The name of a callback, for messages. */
const char *mock_op_name(enum mock_op op)
{
	return mock_op_names[op];
}

/* Number of logged calls of this callback. */
unsigned int mock_call_count(struct mock_exporter *exp, enum mock_op op)
{
	unsigned int i, num = 0;

	for (i = 0; i < exp->calls; i++)
		if (exp->log[i].op == op)
			num++;

	return num;
}

/* The last call of this callback; an entry of impossible values if none. */
const struct mock_call *mock_last_call(struct mock_exporter *exp,
				       enum mock_op op)
{
	static const struct mock_call none = {
		.op = MOCK_OPS,
		.dir = DMA_NONE,
		.page = ULONG_MAX,
	};
	unsigned int i = exp->calls;

	while (i--)
		if (exp->log[i].op == op)
			return &exp->log[i];

	KUNIT_FAIL(exp->test, "callback %s was not called", mock_op_name(op));
	return &none;
}

/* Append a callback's name to a list of length @len; return the new length. */
static int mock_list_add(char *list, int len, enum mock_op op)
{
	return len + scnprintf(list + len, MOCK_LIST_MAX - len, " %s",
			       mock_op_name(op));
}

/* Does the log have exactly these calls, in order? Print both lists if not. */
bool mock_log_is(struct mock_exporter *exp, const enum mock_op *ops,
		 unsigned int num)
{
	char expected[MOCK_LIST_MAX] = " none", seen[MOCK_LIST_MAX] = " none";
	unsigned int i;
	int len;

	for (i = 0; i < min(num, exp->calls); i++)
		if (exp->log[i].op != ops[i])
			break;

	if (i == num && i == exp->calls)
		return true;

	for (i = 0, len = 0; i < num; i++)
		len = mock_list_add(expected, len, ops[i]);
	for (i = 0, len = 0; i < exp->calls; i++)
		len = mock_list_add(seen, len, exp->log[i].op);
	kunit_err(exp->test, "%u calls expected:%s\n", num, expected);
	kunit_err(exp->test, "%u calls seen:%s\n", exp->calls, seen);
	return false;
}

#ifdef CONFIG_MODULE_UNLOAD
/* A module that owns exporters, without code and without users */
struct module *mock_module_create(struct kunit *test, bool going)
{
	struct module *owner = kunit_kzalloc(test, sizeof(*owner), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, owner);
	owner->state = going ? MODULE_STATE_GOING : MODULE_STATE_LIVE;
	/* Reference of the module loader */
	atomic_set(&owner->refcnt, 1);
	return owner;
}

int mock_module_users(struct module *owner)
{
	return module_refcount(owner);
}
#endif

/* A device that is good enough to be attached. */
struct device *mock_device_create(struct kunit *test, const char *name)
{
	static atomic_t count = ATOMIC_INIT(0);
	struct device *dev;
	char unique[48];

	snprintf(unique, sizeof(unique), "%s-%d", name,
		 atomic_inc_return(&count));
	dev = kunit_device_register(test, unique);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dev);

	return dev;
}

static void mock_invalidate_mappings(struct dma_buf_attachment *attach)
{
	struct mock_importer *imp = attach->importer_priv;

	imp->notified++;
	mock_record_attach(attach, MOCK_INVALIDATE_MAPPINGS, DMA_NONE);
}

/* Allocate a dynamic importer. */
struct mock_importer *mock_importer_create(struct kunit *test)
{
	struct mock_importer *imp = kunit_kzalloc(test, sizeof(*imp),
						  GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, imp);
	imp->ops.invalidate_mappings = mock_invalidate_mappings;
	return imp;
}

static void mock_detach_action(void *data)
{
	struct dma_buf_attachment *attach = data;

	dma_buf_detach(attach->dmabuf, attach);
}

static struct dma_buf_attachment *
mock_attach_managed(struct kunit *test, struct dma_buf_attachment *attach)
{
	int ret;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, attach);
	ret = kunit_add_action_or_reset(test, mock_detach_action, attach);
	KUNIT_ASSERT_EQ(test, ret, 0);

	return attach;
}

/* Attach a new device with an importer of this kind. */
struct dma_buf_attachment *mock_attach_as(struct kunit *test,
					  struct mock_exporter *exp,
					  enum mock_importer_kind kind)
{
	struct device *dev =
		mock_device_create(test, kind == MOCK_STATIC ?
				   "static-importer" : "dynamic-importer");
	struct dma_buf_attachment *attach;
	struct mock_importer *imp;

	if (kind == MOCK_STATIC) {
		attach = dma_buf_attach(exp->dmabuf, dev);
	} else {
		imp = mock_importer_create(test);
		if (kind == MOCK_PINNING)
			imp->ops.invalidate_mappings = NULL;
		attach = dma_buf_dynamic_attach(exp->dmabuf, dev, &imp->ops, imp);
	}

	return mock_attach_managed(test, attach);
}

struct dma_buf_attachment *mock_attach(struct kunit *test,
				       struct mock_exporter *exp)
{
	return mock_attach_as(test, exp, MOCK_STATIC);
}

struct dma_buf_attachment *mock_attach_dynamic(struct kunit *test,
					       struct mock_exporter *exp)
{
	return mock_attach_as(test, exp, MOCK_REVOCABLE);
}

/* Detach now instead of at the end of the case. */
void mock_detach(struct kunit *test, struct dma_buf_attachment *attach)
{
	kunit_release_action(test, mock_detach_action, attach);
}

MODULE_DESCRIPTION("KUnit suites for the dma-buf core");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");
