// SPDX-License-Identifier: GPL-2.0-only
/*
 * Misuse by drivers: each is refused with one WARN and does no harm
 *
 * The name of this suite does not match dma_buf_*, so that the others can be
 * run with panic_on_warn.
 */

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/trace_events.h>

#include <kunit/test-bug.h>
#include <trace/events/error_report.h>

#include "mock.h"

static void dma_buf_misuse_probe(void *data, enum error_detector detector,
				 unsigned long id)
{
	atomic_t *warnings = data;

	if (detector == ERROR_DETECTOR_WARN)
		atomic_inc(warnings);
}

static void dma_buf_misuse_end(void *warnings)
{
	unregister_trace_error_report_end(dma_buf_misuse_probe, warnings);
	tracepoint_synchronize_unregister();
}

/* Count the WARNs of each case. */
static int dma_buf_misuse_init(struct kunit *test)
{
	atomic_t *warnings = kunit_kzalloc(test, sizeof(*warnings), GFP_KERNEL);
	int ret;

	if (!IS_ENABLED(CONFIG_TRACEPOINTS))
		kunit_skip(test, "needs tracepoints to count WARNs");

	KUNIT_ASSERT_NOT_NULL(test, warnings);
	test->priv = warnings;
	ret = register_trace_error_report_end(dma_buf_misuse_probe, warnings);
	KUNIT_ASSERT_EQ(test, ret, 0);

	return kunit_add_action_or_reset(test, dma_buf_misuse_end, warnings);
}

/* Number of WARNs since the last call. */
static int dma_buf_misuse_warnings(struct kunit *test)
{
	return atomic_xchg((atomic_t *)test->priv, 0);
}

/* Expect this many WARNs since the last check. */
#define EXPECT_WARNINGS(_test, num)					\
do {									\
	struct kunit *__test = (_test);					\
									\
	KUNIT_EXPECT_EQ(__test, dma_buf_misuse_warnings(__test), num);	\
} while (0)

static void dma_buf_misuse_no_priv(struct mock_exporter *exp)
{
	exp->info.priv = NULL;
}

static void dma_buf_misuse_no_ops(struct mock_exporter *exp)
{
	exp->info.ops = NULL;
}

static void dma_buf_misuse_no_map(struct mock_exporter *exp)
{
	exp->ops.map_dma_buf = NULL;
}

static void dma_buf_misuse_no_unmap(struct mock_exporter *exp)
{
	exp->ops.unmap_dma_buf = NULL;
}

static void dma_buf_misuse_no_release(struct mock_exporter *exp)
{
	exp->ops.release = NULL;
}

static void dma_buf_misuse_no_pin(struct mock_exporter *exp)
{
	exp->ops.pin = NULL;
}

static void dma_buf_misuse_no_unpin(struct mock_exporter *exp)
{
	exp->ops.unpin = NULL;
}

static const struct dma_buf_misuse_export_row {
	const char *desc;
	unsigned int kind;
	void (*misuse)(struct mock_exporter *exp);
} dma_buf_misuse_exports[] = {
	{ "no priv", 0, dma_buf_misuse_no_priv },
	{ "no ops", 0, dma_buf_misuse_no_ops },
	{ "no map_dma_buf", 0, dma_buf_misuse_no_map },
	{ "no unmap_dma_buf", 0, dma_buf_misuse_no_unmap },
	{ "no release", 0, dma_buf_misuse_no_release },
	{ "pin, no unpin", MOCK_DYNAMIC, dma_buf_misuse_no_unpin },
	{ "unpin, no pin", MOCK_DYNAMIC, dma_buf_misuse_no_pin },
};

KUNIT_ARRAY_PARAM_DESC(dma_buf_misuse_export, dma_buf_misuse_exports, desc);

/* Passes when exporting with incomplete or inconsistent ops is refused. */
static void export_invalid(struct kunit *test)
{
	const struct dma_buf_misuse_export_row *row = test->param_value;
	struct mock_exporter *exp = mock_exporter_alloc(test, row->kind, SZ_8K);

	row->misuse(exp);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(mock_export(exp)), -EINVAL);
	EXPECT_WARNINGS(test, 1);
	KUNIT_EXPECT_EQ(test, exp->calls, 0);
}

/* Passes when dma_buf_put() only warns about NULL and a missing file. */
static void put_without_file(struct kunit *test)
{
	struct dma_buf *empty = kunit_kzalloc(test, sizeof(*empty), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, empty);
	dma_buf_put(NULL);
	EXPECT_WARNINGS(test, 1);
	dma_buf_put(empty);
	EXPECT_WARNINGS(test, 1);
}

/* Passes when attaching without a buffer or a device is refused. */
static void attach_null(struct kunit *test)
{
	struct mock_exporter *exp =
		mock_exporter_create(test, MOCK_DYNAMIC, SZ_8K);
	struct device *dev = mock_device_create(test, "importer");
	struct dma_buf_attachment *attach;

	attach = dma_buf_attach(NULL, dev);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(attach), -EINVAL);
	EXPECT_WARNINGS(test, 1);

	attach = dma_buf_attach(exp->dmabuf, NULL);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(attach), -EINVAL);
	EXPECT_WARNINGS(test, 1);

	KUNIT_EXPECT_EQ(test, exp->calls, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&exp->dmabuf->attachments));
}

/* Passes when an attachment can only be detached from its own buffer. */
static void detach_foreign(struct kunit *test)
{
	struct mock_exporter *one = mock_exporter_create(test, 0, SZ_8K);
	struct mock_exporter *two = mock_exporter_create(test, 0, SZ_8K);
	struct dma_buf_attachment *attach = mock_attach(test, one);

	mock_log_reset(one);
	dma_buf_detach(two->dmabuf, attach);
	EXPECT_WARNINGS(test, 1);
	dma_buf_detach(NULL, attach);
	EXPECT_WARNINGS(test, 1);
	dma_buf_detach(one->dmabuf, NULL);
	EXPECT_WARNINGS(test, 1);

	KUNIT_EXPECT_EQ(test, one->calls, 0);
	KUNIT_EXPECT_EQ(test, two->calls, 0);
	KUNIT_EXPECT_EQ(test, list_count_nodes(&one->dmabuf->attachments), 1);

	mock_detach(test, attach);
	MOCK_EXPECT_LOG(test, one, MOCK_DETACH);
	EXPECT_WARNINGS(test, 0);
}

/* Passes when a static importer can neither pin nor unpin. */
static void pin_static_importer(struct kunit *test)
{
	struct mock_exporter *exp =
		mock_exporter_create(test, MOCK_DYNAMIC, SZ_8K);
	struct dma_buf_attachment *attach = mock_attach(test, exp);

	mock_log_reset(exp);
	dma_resv_lock(exp->dmabuf->resv, NULL);
	KUNIT_EXPECT_EQ(test, dma_buf_pin(attach), -EINVAL);
	EXPECT_WARNINGS(test, 1);
	dma_buf_unpin(attach);
	EXPECT_WARNINGS(test, 1);
	dma_resv_unlock(exp->dmabuf->resv);

	KUNIT_EXPECT_EQ(test, exp->calls, 0);
	KUNIT_EXPECT_EQ(test, exp->pins, 0);
}

/*
 * Passes when the core warns once about an exporter that accepts a device but
 * cannot pin the buffer where the device can access it.
 */
static void pin_busy(struct kunit *test)
{
	struct mock_exporter *exp =
		mock_exporter_create(test, MOCK_DYNAMIC, SZ_8K);
	struct dma_buf_attachment *attach = mock_attach(test, exp);
	static bool warned;
	struct sg_table *sgt;
	int i;

	exp->fail[MOCK_PIN] = -EBUSY;
	mock_log_reset(exp);
	for (i = 0; i < 2; i++) {
		sgt = dma_buf_map_attachment_unlocked(attach, DMA_TO_DEVICE);
		KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(sgt), -EBUSY);
		EXPECT_WARNINGS(test, !warned);
		warned = true;
	}
	MOCK_EXPECT_LOG(test, exp, MOCK_PIN, MOCK_PIN);
}

/* Passes when map and unmap reject a NULL attachment, or a NULL table. */
static void map_null(struct kunit *test)
{
	struct dma_buf_attachment *empty = kunit_kzalloc(test, sizeof(*empty),
							 GFP_KERNEL);
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct dma_buf_attachment *attach = mock_attach(test, exp);
	struct sg_table *sgt, table = {};

	KUNIT_ASSERT_NOT_NULL(test, empty);
	mock_log_reset(exp);

	sgt = dma_buf_map_attachment(NULL, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(sgt), -EINVAL);
	EXPECT_WARNINGS(test, 1);
	sgt = dma_buf_map_attachment(empty, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(sgt), -EINVAL);
	EXPECT_WARNINGS(test, 1);
	sgt = dma_buf_map_attachment_unlocked(NULL, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(sgt), -EINVAL);
	EXPECT_WARNINGS(test, 1);

	dma_buf_unmap_attachment_unlocked(NULL, &table, DMA_TO_DEVICE);
	EXPECT_WARNINGS(test, 1);
	dma_buf_unmap_attachment_unlocked(attach, NULL, DMA_TO_DEVICE);
	EXPECT_WARNINGS(test, 1);
	dma_resv_lock(exp->dmabuf->resv, NULL);
	dma_buf_unmap_attachment(NULL, &table, DMA_TO_DEVICE);
	EXPECT_WARNINGS(test, 1);
	dma_buf_unmap_attachment(attach, NULL, DMA_TO_DEVICE);
	EXPECT_WARNINGS(test, 1);
	dma_resv_unlock(exp->dmabuf->resv);
	KUNIT_EXPECT_EQ(test, exp->calls, 0);
}

/* Passes when beginning and ending access without a buffer give -EINVAL. */
static void cpu_access_null(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, dma_buf_begin_cpu_access(NULL, DMA_TO_DEVICE),
			-EINVAL);
	EXPECT_WARNINGS(test, 1);
	KUNIT_EXPECT_EQ(test, dma_buf_end_cpu_access(NULL, DMA_TO_DEVICE),
			-EINVAL);
	EXPECT_WARNINGS(test, 1);
}

/* Passes when kmap and kunmap reject a missing buffer. */
static void kmap_null(struct kunit *test)
{
	KUNIT_EXPECT_NULL(test, dma_buf_kmap(NULL, 0));
	EXPECT_WARNINGS(test, 1);
	dma_buf_kunmap(NULL, 0, test);
	EXPECT_WARNINGS(test, 1);
}

/* Passes when mmap without a buffer or without a vma is refused. */
static void mmap_null(struct kunit *test)
{
	struct vm_area_struct *vma = kunit_kzalloc(test, sizeof(*vma),
						   GFP_KERNEL);
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);

	KUNIT_ASSERT_NOT_NULL(test, vma);
	KUNIT_EXPECT_EQ(test, dma_buf_mmap(NULL, vma, 0), -EINVAL);
	EXPECT_WARNINGS(test, 1);
	KUNIT_EXPECT_EQ(test, dma_buf_mmap(exp->dmabuf, NULL, 0), -EINVAL);
	EXPECT_WARNINGS(test, 1);
	KUNIT_EXPECT_EQ(test, exp->calls, 0);
}

/* Passes when vmap without a buffer gives -EINVAL and a cleared map. */
static void vmap_null(struct kunit *test)
{
	struct iosys_map map = IOSYS_MAP_INIT_VADDR(test);

	KUNIT_EXPECT_EQ(test, dma_buf_vmap_unlocked(NULL, &map), -EINVAL);
	EXPECT_WARNINGS(test, 1);
	KUNIT_EXPECT_TRUE(test, iosys_map_is_null(&map));
	iosys_map_set_vaddr(&map, test);
	KUNIT_EXPECT_EQ(test, dma_buf_vmap(NULL, &map), -EINVAL);
	EXPECT_WARNINGS(test, 1);
	KUNIT_EXPECT_TRUE(test, iosys_map_is_null(&map));
	dma_buf_vunmap_unlocked(NULL, &map);
	EXPECT_WARNINGS(test, 1);
	dma_buf_vunmap(NULL, &map);
	EXPECT_WARNINGS(test, 1);
}

/* Passes when vunmap of a buffer without a vmap never reaches the exporter. */
static void vunmap_without_vmap(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct iosys_map map = IOSYS_MAP_INIT_VADDR(exp->vaddr);

	dma_buf_vunmap_unlocked(exp->dmabuf, &map);
	EXPECT_WARNINGS(test, 1);
	dma_resv_lock(exp->dmabuf->resv, NULL);
	dma_buf_vunmap(exp->dmabuf, &map);
	EXPECT_WARNINGS(test, 1);
	dma_resv_unlock(exp->dmabuf->resv);
	KUNIT_EXPECT_EQ(test, exp->calls, 0);

	/* The buffer can be used as before. */
	KUNIT_EXPECT_EQ(test, dma_buf_vmap_unlocked(exp->dmabuf, &map), 0);
	dma_buf_vunmap_unlocked(exp->dmabuf, &map);
	MOCK_EXPECT_LOG(test, exp, MOCK_VMAP, MOCK_VUNMAP);
	EXPECT_WARNINGS(test, 0);
}

/* Passes when vunmap refuses a foreign map and preserves the mapping. */
static void vunmap_foreign(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct iosys_map foreign = IOSYS_MAP_INIT_VADDR(test);
	struct iosys_map map;

	KUNIT_ASSERT_EQ(test, dma_buf_vmap_unlocked(exp->dmabuf, &map), 0);
	dma_buf_vunmap_unlocked(exp->dmabuf, &foreign);
	EXPECT_WARNINGS(test, 1);
	dma_resv_lock(exp->dmabuf->resv, NULL);
	dma_buf_vunmap(exp->dmabuf, &foreign);
	EXPECT_WARNINGS(test, 1);
	dma_resv_unlock(exp->dmabuf->resv);
	MOCK_EXPECT_LOG(test, exp, MOCK_VMAP);

	dma_buf_vunmap_unlocked(exp->dmabuf, &map);
	MOCK_EXPECT_LOG(test, exp, MOCK_VMAP, MOCK_VUNMAP);
	EXPECT_WARNINGS(test, 0);
}

static void dma_buf_misuse_trace(int on)
{
	if (IS_ENABLED(CONFIG_EVENT_TRACING))
		trace_set_clr_event("dma_buf", NULL, on);
}

/*
 * Drop the last reference to a buffer that is leaked by that. The path of its
 * file is released as usual, so the leak must hold a reference to the inode,
 * which contains the buffer.
 */
static void dma_buf_misuse_leak(struct kunit *test, struct mock_exporter *exp)
{
	struct inode *inode = file_inode(exp->dmabuf->file);

	exp->expect_leak = true;
	ihold(inode);
	mock_put_sync(exp);
	EXPECT_WARNINGS(test, 1);
	KUNIT_ASSERT_EQ_MSG(test, atomic_read(&inode->i_count), 2,
			    "references of the case and the leak");
	iput(inode);
}

/* Passes when a buffer that is released before its attachment is leaked. */
static void release_attached(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct device *dev = mock_device_create(test, "importer");
	struct dma_buf *dmabuf = exp->dmabuf;
	struct dma_buf_attachment *attach;
	struct sg_table *sgt;

	attach = dma_buf_attach(dmabuf, dev);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, attach);

	mock_log_reset(exp);
	dma_buf_misuse_leak(test, exp);
	KUNIT_EXPECT_EQ(test, exp->calls, 0);
	rcu_barrier();

	/* There are no new users, and the importer can use it as before. */
	dma_buf_misuse_trace(1);
	KUNIT_EXPECT_EQ(test, dma_buf_fd(dmabuf, O_CLOEXEC), -EINVAL);
	KUNIT_EXPECT_PTR_EQ(test, dmabuf->priv, (void *)exp);
	sgt = dma_buf_map_attachment_unlocked(attach, DMA_TO_DEVICE);
	KUNIT_EXPECT_NOT_ERR_OR_NULL(test, sgt);
	if (!IS_ERR_OR_NULL(sgt))
		dma_buf_unmap_attachment_unlocked(attach, sgt, DMA_TO_DEVICE);
	dma_buf_detach(dmabuf, attach);
	dma_buf_misuse_trace(0);
	MOCK_EXPECT_LOG(test, exp, MOCK_MAP_DMA_BUF, MOCK_UNMAP_DMA_BUF,
			MOCK_DETACH);
	EXPECT_WARNINGS(test, 0);
}

/* Passes when a leaked buffer, which has no file, cannot be mapped. */
static void mmap_after_leak(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct vm_area_struct *vma = kunit_kzalloc(test, sizeof(*vma),
						   GFP_KERNEL);
	struct dma_buf *dmabuf = exp->dmabuf;
	struct iosys_map map;

	KUNIT_ASSERT_NOT_NULL(test, vma);
	vma->vm_end = PAGE_SIZE;
	KUNIT_ASSERT_EQ(test, dma_buf_vmap_unlocked(dmabuf, &map), 0);
	mock_log_reset(exp);
	dma_buf_misuse_leak(test, exp);
	rcu_barrier();

	KUNIT_EXPECT_EQ(test, dma_buf_mmap(dmabuf, vma, 0), -EINVAL);
	EXPECT_WARNINGS(test, 1);
	KUNIT_EXPECT_EQ(test, exp->calls, 0);
	dma_buf_vunmap_unlocked(dmabuf, &map);
	EXPECT_WARNINGS(test, 0);
}

/* Passes when a buffer that is released before its vmap is leaked. */
static void release_vmapped(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct dma_buf *dmabuf = exp->dmabuf;
	struct iosys_map map;

	KUNIT_ASSERT_EQ(test, dma_buf_vmap_unlocked(dmabuf, &map), 0);
	mock_log_reset(exp);
	dma_buf_misuse_leak(test, exp);
	KUNIT_EXPECT_EQ(test, exp->calls, 0);
	rcu_barrier();

	KUNIT_EXPECT_PTR_EQ(test, dmabuf->priv, (void *)exp);
	dma_buf_vunmap_unlocked(dmabuf, &map);
	MOCK_EXPECT_LOG(test, exp, MOCK_VUNMAP);
	EXPECT_WARNINGS(test, 0);
}

/* Passes when a release before both attachment and vmap warns once. */
static void release_attached_vmapped(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct device *dev = mock_device_create(test, "importer");
	struct dma_buf *dmabuf = exp->dmabuf;
	struct dma_buf_attachment *attach;
	struct iosys_map map;

	attach = dma_buf_attach(dmabuf, dev);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, attach);
	KUNIT_ASSERT_EQ(test, dma_buf_vmap_unlocked(dmabuf, &map), 0);

	dma_buf_misuse_leak(test, exp);
	dma_buf_vunmap_unlocked(dmabuf, &map);
	dma_buf_detach(dmabuf, attach);
	EXPECT_WARNINGS(test, 0);
}

static void dma_buf_misuse_unlocked_map(struct dma_buf_attachment *attach,
					struct iosys_map *map)
{
	struct sg_table *sgt = dma_buf_map_attachment(attach, DMA_TO_DEVICE);

	dma_buf_unmap_attachment_unlocked(attach, sgt, DMA_TO_DEVICE);
}

static void dma_buf_misuse_unlocked_unmap(struct dma_buf_attachment *attach,
					  struct iosys_map *map)
{
	struct sg_table *sgt;

	sgt = dma_buf_map_attachment_unlocked(attach, DMA_TO_DEVICE);
	dma_buf_unmap_attachment(attach, sgt, DMA_TO_DEVICE);
}

static void dma_buf_misuse_unlocked_vmap(struct dma_buf_attachment *attach,
					 struct iosys_map *map)
{
	KUNIT_EXPECT_EQ(kunit_get_current_test(),
			dma_buf_vmap(attach->dmabuf, map), 0);
	dma_buf_vunmap_unlocked(attach->dmabuf, map);
}

static void dma_buf_misuse_unlocked_vunmap(struct dma_buf_attachment *attach,
					   struct iosys_map *map)
{
	KUNIT_EXPECT_EQ(kunit_get_current_test(),
			dma_buf_vmap_unlocked(attach->dmabuf, map), 0);
	dma_buf_vunmap(attach->dmabuf, map);
}

static void dma_buf_misuse_unlocked_pin(struct dma_buf_attachment *attach,
					struct iosys_map *map)
{
	KUNIT_EXPECT_EQ(kunit_get_current_test(), dma_buf_pin(attach), 0);
	dma_resv_lock(attach->dmabuf->resv, NULL);
	dma_buf_unpin(attach);
	dma_resv_unlock(attach->dmabuf->resv);
}

static void dma_buf_misuse_unlocked_unpin(struct dma_buf_attachment *attach,
					  struct iosys_map *map)
{
	dma_resv_lock(attach->dmabuf->resv, NULL);
	KUNIT_EXPECT_EQ(kunit_get_current_test(), dma_buf_pin(attach), 0);
	dma_resv_unlock(attach->dmabuf->resv);
	dma_buf_unpin(attach);
}

static void
dma_buf_misuse_unlocked_invalidate(struct dma_buf_attachment *attach,
				   struct iosys_map *map)
{
	dma_buf_invalidate_mappings(attach->dmabuf);
}

static const struct dma_buf_misuse_lock_row {
	const char *desc;
	void (*call)(struct dma_buf_attachment *attach, struct iosys_map *map);
} dma_buf_misuse_locks[] = {
	{ "map", dma_buf_misuse_unlocked_map },
	{ "unmap", dma_buf_misuse_unlocked_unmap },
	{ "vmap", dma_buf_misuse_unlocked_vmap },
	{ "vunmap", dma_buf_misuse_unlocked_vunmap },
	{ "pin", dma_buf_misuse_unlocked_pin },
	{ "unpin", dma_buf_misuse_unlocked_unpin },
	{ "invalidate_mappings", dma_buf_misuse_unlocked_invalidate },
};

KUNIT_ARRAY_PARAM_DESC(dma_buf_misuse_lock, dma_buf_misuse_locks, desc);

/* Passes when a call without the required lock triggers a lockdep assertion. */
static void call_without_lock(struct kunit *test)
{
	const struct dma_buf_misuse_lock_row *row = test->param_value;
	struct dma_buf_attachment *attach;
	struct mock_exporter *exp;
	struct iosys_map map;

	if (!IS_ENABLED(CONFIG_LOCKDEP))
		kunit_skip(test, "needs lockdep");

	exp = mock_exporter_create(test, MOCK_DYNAMIC, SZ_8K);
	attach = mock_attach_dynamic(test, exp);
	row->call(attach, &map);
	EXPECT_WARNINGS(test, 1);
}

static struct kunit_case dma_buf_misuse_cases[] = {
	KUNIT_CASE_PARAM(export_invalid, dma_buf_misuse_export_gen_params),
	KUNIT_CASE(put_without_file),
	KUNIT_CASE(attach_null),
	KUNIT_CASE(detach_foreign),
	KUNIT_CASE(pin_static_importer),
	KUNIT_CASE(pin_busy),
	KUNIT_CASE(map_null),
	KUNIT_CASE(cpu_access_null),
	KUNIT_CASE(kmap_null),
	KUNIT_CASE(mmap_null),
	KUNIT_CASE(vmap_null),
	KUNIT_CASE(vunmap_without_vmap),
	KUNIT_CASE(vunmap_foreign),
	KUNIT_CASE(release_attached),
	KUNIT_CASE(mmap_after_leak),
	KUNIT_CASE(release_vmapped),
	KUNIT_CASE(release_attached_vmapped),
	KUNIT_CASE_PARAM(call_without_lock, dma_buf_misuse_lock_gen_params),
	{}
};

static struct kunit_suite dma_buf_misuse_suite = {
	.name = "dma_misuse",
	.init = dma_buf_misuse_init,
	.test_cases = dma_buf_misuse_cases,
};

kunit_test_suite(dma_buf_misuse_suite);
