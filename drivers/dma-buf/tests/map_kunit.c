// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapping: what the importer gets, what the exporter gets back, and the waits
 */

#include <linux/sizes.h>

#include "mock.h"

/* With DMABUF_DEBUG the importer gets a table of its own, without pages. */
static void dma_buf_map_check_table(struct kunit *test,
				    struct mock_exporter *exp,
				    struct sg_table *sgt)
{
	struct sg_table *own = exp->last_table;
	struct scatterlist *sg, *dma;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, own);
	KUNIT_ASSERT_EQ(test, sgt->nents, own->nents);
	dma = own->sgl;
	for_each_sgtable_dma_sg(sgt, sg, i) {
		KUNIT_EXPECT_EQ(test, sg_dma_address(sg), sg_dma_address(dma));
		KUNIT_EXPECT_EQ(test, sg_dma_len(sg), sg_dma_len(dma));
		dma = sg_next(dma);
	}

	if (!IS_ENABLED(CONFIG_DMABUF_DEBUG)) {
		KUNIT_EXPECT_PTR_EQ(test, sgt, own);
		return;
	}

	KUNIT_EXPECT_PTR_NE(test, sgt, own);
	for_each_sgtable_dma_sg(sgt, sg, i)
		KUNIT_EXPECT_NULL(test, sg_page(sg));
}

/* The exporter's own table must not change while an importer has it. */
static void dma_buf_map_check_own(struct kunit *test,
				  struct mock_exporter *exp)
{
	struct scatterlist *sg;
	unsigned int i;

	for_each_sgtable_sg(exp->last_table, sg, i) {
		KUNIT_EXPECT_PTR_EQ(test, sg_page(sg),
				    virt_to_page(exp->vaddr + i * PAGE_SIZE));
		KUNIT_EXPECT_EQ(test, sg->offset, i ? 0 : exp->sg_offset);
		KUNIT_EXPECT_EQ(test, sg->length,
				PAGE_SIZE - (i ? 0 : exp->sg_offset));
	}
}

static struct sg_table *dma_buf_map_ok(struct kunit *test,
				       struct dma_buf_attachment *attach,
				       enum dma_data_direction dir)
{
	struct sg_table *sgt = dma_buf_map_attachment_unlocked(attach, dir);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, sgt);
	return sgt;
}

static const struct dma_buf_dir_row {
	const char *desc;
	enum dma_data_direction dir;
} dma_buf_dirs[] = {
	{ "to device", DMA_TO_DEVICE },
	{ "from device", DMA_FROM_DEVICE },
	{ "bidirectional", DMA_BIDIRECTIONAL },
};

KUNIT_ARRAY_PARAM_DESC(dma_buf_dir, dma_buf_dirs, desc);

/* Passes when static on static is one callback per call, with direction. */
static void dma_buf_map_static(struct kunit *test)
{
	const struct dma_buf_dir_row *row = test->param_value;
	struct mock_exporter *exp = mock_exporter(test, 0, SZ_16K);
	struct dma_buf_attachment *attach = mock_attach(test, exp);
	struct sg_table *sgt;

	mock_log_reset(exp);
	sgt = dma_buf_map_ok(test, attach, row->dir);
	dma_buf_map_check_table(test, exp, sgt);
	dma_buf_map_check_own(test, exp);
	dma_buf_unmap_attachment_unlocked(attach, sgt, row->dir);

	MOCK_EXPECT_LOG(test, exp, MOCK_MAP_DMA_BUF, MOCK_UNMAP_DMA_BUF);
	KUNIT_EXPECT_EQ(test, mock_call(exp, MOCK_MAP_DMA_BUF)->dir, row->dir);
	KUNIT_EXPECT_EQ(test, mock_call(exp, MOCK_UNMAP_DMA_BUF)->dir,
			row->dir);
	KUNIT_EXPECT_TRUE(test, mock_call(exp, MOCK_MAP_DMA_BUF)->locked);
	KUNIT_EXPECT_TRUE(test, mock_call(exp, MOCK_UNMAP_DMA_BUF)->locked);
	KUNIT_EXPECT_NULL(test, attach->sgt);
}

/* Passes when an exporter may have addresses for devices, and no pages. */
static void dma_buf_map_no_pages(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter(test, 0, SZ_16K);
	struct dma_buf_attachment *attach = mock_attach(test, exp);
	struct sg_table *sgt;

	exp->no_pages = true;
	sgt = dma_buf_map_ok(test, attach, DMA_BIDIRECTIONAL);
	dma_buf_map_check_table(test, exp, sgt);
	KUNIT_EXPECT_EQ(test, sgt->orig_nents, 0);
	KUNIT_EXPECT_EQ(test, sgt->nents, SZ_16K >> PAGE_SHIFT);
	dma_buf_unmap_attachment_unlocked(attach, sgt, DMA_BIDIRECTIONAL);
}

/* Passes when dynamic on dynamic pins around each map, or never. */
static void dma_buf_map_dynamic(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter(test, MOCK_DYNAMIC, SZ_16K);
	struct dma_buf_attachment *attach = mock_attach_dynamic(test, exp);
	struct sg_table *sgt;

	mock_log_reset(exp);
	dma_resv_lock(exp->dmabuf->resv, NULL);
	sgt = dma_buf_map_attachment(attach, DMA_TO_DEVICE);
	KUNIT_EXPECT_NOT_ERR_OR_NULL(test, sgt);
	if (!IS_ERR_OR_NULL(sgt)) {
		dma_buf_map_check_table(test, exp, sgt);
		dma_buf_unmap_attachment(attach, sgt, DMA_TO_DEVICE);
	}
	dma_resv_unlock(exp->dmabuf->resv);

	if (IS_ENABLED(CONFIG_DMABUF_MOVE_NOTIFY))
		MOCK_EXPECT_LOG(test, exp, MOCK_MAP_DMA_BUF,
				MOCK_UNMAP_DMA_BUF);
	else
		MOCK_EXPECT_LOG(test, exp, MOCK_PIN, MOCK_MAP_DMA_BUF,
				MOCK_UNMAP_DMA_BUF, MOCK_UNPIN);
}

static const struct dma_buf_mixed_row {
	const char *desc;
	unsigned int kind;
	bool dynamic;
} dma_buf_mixed_rows[] = {
	{ "static on dynamic", MOCK_DYNAMIC, false },
	{ "dynamic on static", 0, true },
	{ "dynamic on cached", MOCK_CACHED, true },
};

KUNIT_ARRAY_PARAM_DESC(dma_buf_mixed, dma_buf_mixed_rows, desc);

/* Passes when a mix is mapped once, at attach, and serves all directions. */
static void dma_buf_map_mixed(struct kunit *test)
{
	const struct dma_buf_mixed_row *row = test->param_value;
	struct mock_exporter *exp = mock_exporter(test, row->kind, SZ_16K);
	struct dma_buf_attachment *attach;
	struct sg_table *sgt;
	int i;

	attach = row->dynamic ? mock_attach_dynamic(test, exp) :
				mock_attach(test, exp);
	mock_log_reset(exp);
	for (i = 0; i < ARRAY_SIZE(dma_buf_dirs); i++) {
		sgt = dma_buf_map_ok(test, attach, dma_buf_dirs[i].dir);
		KUNIT_EXPECT_PTR_EQ(test, sgt, attach->sgt);
		dma_buf_map_check_table(test, exp, sgt);
		dma_buf_map_check_own(test, exp);
		dma_buf_unmap_attachment_unlocked(attach, sgt,
						  dma_buf_dirs[i].dir);
	}
	KUNIT_EXPECT_EQ(test, exp->calls, 0);
}

static const struct dma_buf_map_error_row {
	const char *desc;
	int fail;
	int want;
} dma_buf_map_errors[] = {
	{ "ENOMEM", -ENOMEM, -ENOMEM },
	{ "EBUSY", -EBUSY, -EBUSY },
	{ "EINTR", -EINTR, -EINTR },
	{ "ERESTARTSYS", -ERESTARTSYS, -ERESTARTSYS },
	{ "NULL is ENOMEM", MOCK_NULL, -ENOMEM },
};

KUNIT_ARRAY_PARAM_DESC(dma_buf_map_error, dma_buf_map_errors, desc);

/* Passes when a failing map leaves nothing behind and may be repeated. */
static void dma_buf_map_fails(struct kunit *test)
{
	const struct dma_buf_map_error_row *row = test->param_value;
	struct mock_exporter *exp = mock_exporter(test, MOCK_CACHED, SZ_16K);
	struct dma_buf_attachment *attach = mock_attach(test, exp);
	struct sg_table *sgt;

	exp->fail[MOCK_MAP_DMA_BUF] = row->fail;
	mock_log_reset(exp);
	sgt = dma_buf_map_attachment_unlocked(attach, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(sgt), row->want);
	KUNIT_EXPECT_NULL(test, attach->sgt);
	KUNIT_EXPECT_FALSE(test, dma_resv_is_locked(exp->dmabuf->resv));
	MOCK_EXPECT_LOG(test, exp, MOCK_MAP_DMA_BUF);

	exp->fail[MOCK_MAP_DMA_BUF] = 0;
	sgt = dma_buf_map_ok(test, attach, DMA_FROM_DEVICE);
	dma_buf_unmap_attachment_unlocked(attach, sgt, DMA_FROM_DEVICE);
}

/* Passes when a pin for the map is undone, or was never taken. */
static void dma_buf_map_fails_dynamic(struct kunit *test)
{
	const struct dma_buf_map_error_row *row = test->param_value;
	struct mock_exporter *exp = mock_exporter(test, MOCK_DYNAMIC, SZ_16K);
	struct dma_buf_attachment *attach = mock_attach_dynamic(test, exp);
	struct sg_table *sgt;

	exp->fail[MOCK_MAP_DMA_BUF] = row->fail;
	mock_log_reset(exp);
	sgt = dma_buf_map_attachment_unlocked(attach, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(sgt), row->want);
	KUNIT_EXPECT_EQ(test, exp->pins, 0);

	if (IS_ENABLED(CONFIG_DMABUF_MOVE_NOTIFY))
		MOCK_EXPECT_LOG(test, exp, MOCK_MAP_DMA_BUF);
	else
		MOCK_EXPECT_LOG(test, exp, MOCK_PIN, MOCK_MAP_DMA_BUF,
				MOCK_UNPIN);
}

/* Passes when a map that could not pin does not map. */
static void dma_buf_map_pin_fails(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter(test, MOCK_DYNAMIC, SZ_16K);
	struct dma_buf_attachment *attach = mock_attach_dynamic(test, exp);
	struct sg_table *sgt;

	if (IS_ENABLED(CONFIG_DMABUF_MOVE_NOTIFY))
		kunit_skip(test, "mapping does not pin");

	exp->fail[MOCK_PIN] = -ENOSPC;
	mock_log_reset(exp);
	sgt = dma_buf_map_attachment_unlocked(attach, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(sgt), -ENOSPC);
	MOCK_EXPECT_LOG(test, exp, MOCK_PIN);
}

/* Passes when the first mapping is kept, and undone only by detach. */
static void dma_buf_map_cached(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter(test, MOCK_CACHED, SZ_16K);
	struct dma_buf_attachment *attach = mock_attach(test, exp);
	struct sg_table *one, *two;

	mock_log_reset(exp);
	one = dma_buf_map_ok(test, attach, DMA_TO_DEVICE);
	two = dma_buf_map_ok(test, attach, DMA_TO_DEVICE);
	KUNIT_EXPECT_PTR_EQ(test, one, two);
	dma_buf_map_check_table(test, exp, one);
	dma_buf_map_check_own(test, exp);
	KUNIT_EXPECT_PTR_EQ(test, attach->sgt, one);
	KUNIT_EXPECT_EQ(test, attach->dir, DMA_TO_DEVICE);

	dma_buf_unmap_attachment_unlocked(attach, two, DMA_TO_DEVICE);
	dma_buf_unmap_attachment_unlocked(attach, one, DMA_TO_DEVICE);
	KUNIT_EXPECT_PTR_EQ(test, dma_buf_map_ok(test, attach, DMA_TO_DEVICE),
			    one);
	MOCK_EXPECT_LOG(test, exp, MOCK_MAP_DMA_BUF);

	mock_detach(test, attach);
	MOCK_EXPECT_LOG(test, exp, MOCK_MAP_DMA_BUF, MOCK_UNMAP_DMA_BUF,
			MOCK_DETACH);
	KUNIT_EXPECT_EQ(test, mock_call(exp, MOCK_UNMAP_DMA_BUF)->dir,
			DMA_TO_DEVICE);
}

/* Passes when a kept mapping of one direction refuses the others. */
static void dma_buf_map_cached_direction(struct kunit *test)
{
	const struct dma_buf_dir_row *row = test->param_value;
	struct mock_exporter *exp = mock_exporter(test, MOCK_CACHED, SZ_16K);
	struct dma_buf_attachment *attach = mock_attach(test, exp);
	struct sg_table *kept = dma_buf_map_ok(test, attach, row->dir);
	int i;

	for (i = 0; i < ARRAY_SIZE(dma_buf_dirs); i++) {
		enum dma_data_direction dir = dma_buf_dirs[i].dir;
		bool fits = row->dir == DMA_BIDIRECTIONAL || row->dir == dir;
		struct sg_table *sgt;

		sgt = dma_buf_map_attachment_unlocked(attach, dir);
		KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(sgt), fits ? 0 : -EBUSY);
		if (fits)
			KUNIT_EXPECT_PTR_EQ(test, sgt, kept);

		dma_resv_lock(exp->dmabuf->resv, NULL);
		sgt = dma_buf_map_attachment(attach, dir);
		dma_resv_unlock(exp->dmabuf->resv);
		KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(sgt), fits ? 0 : -EBUSY);
	}
	KUNIT_EXPECT_EQ(test, mock_count(exp, MOCK_MAP_DMA_BUF), 1);
}

static const struct dma_buf_kept_row {
	const char *desc;
	unsigned int kind;
} dma_buf_kept_rows[] = {
	{ "cached", MOCK_CACHED },
	{ "mapped at attach", MOCK_DYNAMIC },
};

KUNIT_ARRAY_PARAM_DESC(dma_buf_kept, dma_buf_kept_rows, desc);

/* Passes when a kept table is found while somebody else has the lock. */
static void dma_buf_map_kept_no_lock(struct kunit *test)
{
	const struct dma_buf_kept_row *row = test->param_value;
	struct mock_exporter *exp = mock_exporter(test, row->kind, SZ_16K);
	struct dma_buf_attachment *attach = mock_attach(test, exp);
	struct sg_table *kept, *sgt;
	struct mock_holder *holder;

	kept = dma_buf_map_ok(test, attach, DMA_TO_DEVICE);
	holder = mock_holder(test, exp->dmabuf->resv);
	sgt = dma_buf_map_attachment_unlocked(attach, DMA_TO_DEVICE);
	KUNIT_EXPECT_PTR_EQ(test, sgt, kept);
	dma_buf_unmap_attachment_unlocked(attach, kept, DMA_TO_DEVICE);
	KUNIT_EXPECT_TRUE(test, mock_holder_drop(test, holder));
}

/* Passes when mappings that are not kept are tables of their own. */
static void dma_buf_map_several(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter(test, 0, SZ_16K);
	struct dma_buf_attachment *attach = mock_attach(test, exp);
	struct sg_table *sgt[4];
	int i, j;

	for (i = 0; i < ARRAY_SIZE(sgt); i++) {
		sgt[i] = dma_buf_map_ok(test, attach, DMA_TO_DEVICE);
		dma_buf_map_check_table(test, exp, sgt[i]);
		for (j = 0; j < i; j++)
			KUNIT_EXPECT_PTR_NE(test, sgt[i], sgt[j]);
	}

	/* First in, first out: each must find its own way back. */
	for (i = 0; i < ARRAY_SIZE(sgt); i++)
		dma_buf_unmap_attachment_unlocked(attach, sgt[i],
						  DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, mock_count(exp, MOCK_MAP_DMA_BUF), 4);
	KUNIT_EXPECT_EQ(test, mock_count(exp, MOCK_UNMAP_DMA_BUF), 4);
}

/* Passes when each device has its own kept table. */
static void dma_buf_map_two_devices(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter(test, MOCK_CACHED, SZ_16K);
	struct dma_buf_attachment *one = mock_attach(test, exp);
	struct dma_buf_attachment *two;
	struct device *dev = mock_device(test, "other");

	two = dma_buf_attach(exp->dmabuf, dev);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, two);
	KUNIT_EXPECT_PTR_NE(test, dma_buf_map_ok(test, one, DMA_TO_DEVICE),
			    dma_buf_map_ok(test, two, DMA_FROM_DEVICE));
	dma_buf_detach(exp->dmabuf, two);
	KUNIT_EXPECT_EQ(test, mock_call(exp, MOCK_UNMAP_DMA_BUF)->dir,
			DMA_FROM_DEVICE);
	KUNIT_EXPECT_EQ(test, mock_count(exp, MOCK_UNMAP_DMA_BUF), 1);
}

/* Passes when offsets and segments merged by an IOMMU come through. */
static void dma_buf_map_segments(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter(test, 0, SZ_32K);
	struct dma_buf_attachment *attach = mock_attach(test, exp);
	struct sg_table *sgt;

	exp->sg_offset = 512;
	sgt = dma_buf_map_ok(test, attach, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, sgt->nents, SZ_32K / PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, sgt->sgl->offset, 512);
	KUNIT_EXPECT_EQ(test, sgt->sgl->length, PAGE_SIZE - 512);
	dma_buf_map_check_table(test, exp, sgt);
	dma_buf_map_check_own(test, exp);
	dma_buf_unmap_attachment_unlocked(attach, sgt, DMA_TO_DEVICE);

	exp->sg_offset = 0;
	exp->sg_merge = true;
	sgt = dma_buf_map_ok(test, attach, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, sgt->nents, 1);
	if (IS_ENABLED(CONFIG_NEED_SG_DMA_LENGTH))
		KUNIT_EXPECT_EQ(test, sg_dma_len(sgt->sgl), SZ_32K);
	dma_buf_map_check_table(test, exp, sgt);
	dma_buf_map_check_own(test, exp);
	dma_buf_unmap_attachment_unlocked(attach, sgt, DMA_TO_DEVICE);
}

static const struct dma_buf_map_wait_row {
	const char *desc;
	enum dma_resv_usage usage;
	bool waits;
} dma_buf_map_wait_rows[] = {
	{ "kernel", DMA_RESV_USAGE_KERNEL, true },
	{ "write", DMA_RESV_USAGE_WRITE, false },
	{ "read", DMA_RESV_USAGE_READ, false },
	{ "bookkeep", DMA_RESV_USAGE_BOOKKEEP, false },
};

KUNIT_ARRAY_PARAM_DESC(dma_buf_map_wait, dma_buf_map_wait_rows, desc);

/* Passes when a static importer waits for the memory and nothing else. */
static void dma_buf_map_waits(struct kunit *test)
{
	const struct dma_buf_map_wait_row *row = test->param_value;
	struct mock_exporter *exp = mock_exporter(test, 0, SZ_16K);
	struct dma_buf_attachment *attach = mock_attach(test, exp);
	struct dma_fence *fence;
	struct sg_table *sgt;

	fence = mock_fence_busy(test, exp->dmabuf, row->usage);
	mock_fence_signal_later(test, fence, row->waits ? 100 : 5000);

	sgt = dma_buf_map_ok(test, attach, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, dma_fence_is_signaled(fence), row->waits);
	dma_buf_unmap_attachment_unlocked(attach, sgt, DMA_TO_DEVICE);
}

/* Passes when a fence that only the exporter's map left is waited for. */
static void dma_buf_map_waits_for_map(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter(test, 0, SZ_16K);
	struct dma_buf_attachment *attach = mock_attach(test, exp);
	struct dma_fence *fence = mock_fence(test, mock_timeline(test), false);
	struct sg_table *sgt;

	exp->fence_on_map = fence;
	mock_fence_signal_later(test, fence, 100);
	sgt = dma_buf_map_ok(test, attach, DMA_TO_DEVICE);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(fence));
	dma_buf_unmap_attachment_unlocked(attach, sgt, DMA_TO_DEVICE);
}

static const struct dma_buf_nowait_row {
	const char *desc;
	unsigned int kind;
} dma_buf_nowait_rows[] = {
	{ "on dynamic", MOCK_DYNAMIC },
	{ "on static", 0 },
};

KUNIT_ARRAY_PARAM_DESC(dma_buf_nowait, dma_buf_nowait_rows, desc);

/* Passes when a dynamic importer never waits: it obeys the fences itself. */
static void dma_buf_map_dynamic_no_wait(struct kunit *test)
{
	const struct dma_buf_nowait_row *row = test->param_value;
	struct mock_exporter *exp = mock_exporter(test, row->kind, SZ_16K);
	struct dma_buf_attachment *attach;
	struct dma_fence *fence;
	struct sg_table *sgt;

	fence = mock_fence_busy(test, exp->dmabuf, DMA_RESV_USAGE_KERNEL);
	mock_fence_signal_later(test, fence, 5000);

	attach = mock_attach_dynamic(test, exp);
	sgt = dma_buf_map_ok(test, attach, DMA_TO_DEVICE);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(fence));
	dma_buf_unmap_attachment_unlocked(attach, sgt, DMA_TO_DEVICE);
}

/* Passes when an interrupted wait gives the exporter its table back. */
static void dma_buf_map_interrupted(struct kunit *test)
{
	const struct dma_buf_kept_row *row = test->param_value;
	unsigned int kind = row->kind & MOCK_CACHED;
	struct mock_exporter *exp = mock_exporter(test, kind, SZ_16K);
	struct dma_buf_attachment *attach = mock_attach(test, exp);
	struct dma_fence *fence;
	struct sg_table *sgt;

	fence = mock_fence_busy(test, exp->dmabuf, DMA_RESV_USAGE_KERNEL);
	mock_fence_signal_later(test, fence, 5000);
	mock_log_reset(exp);

	mock_interrupt();
	sgt = dma_buf_map_attachment_unlocked(attach, DMA_FROM_DEVICE);
	mock_interrupt_end();

	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(sgt), -ERESTARTSYS);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(fence));
	KUNIT_EXPECT_NULL(test, attach->sgt);
	MOCK_EXPECT_LOG(test, exp, MOCK_MAP_DMA_BUF, MOCK_UNMAP_DMA_BUF);
	KUNIT_EXPECT_EQ(test, mock_call(exp, MOCK_UNMAP_DMA_BUF)->dir,
			DMA_FROM_DEVICE);
}

/* Passes when a signal does not disturb a map that need not wait. */
static void dma_buf_map_signal_no_wait(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter(test, 0, SZ_16K);
	struct dma_buf_attachment *attach = mock_attach(test, exp);
	struct sg_table *sgt;

	mock_interrupt();
	sgt = dma_buf_map_attachment_unlocked(attach, DMA_TO_DEVICE);
	mock_interrupt_end();

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, sgt);
	dma_buf_unmap_attachment_unlocked(attach, sgt, DMA_TO_DEVICE);
}

static const int dma_buf_move_rows[] = { 0, 1, 64 };

static void dma_buf_move_desc(const int *num, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%d importers", *num);
}

KUNIT_ARRAY_PARAM(dma_buf_move, dma_buf_move_rows, dma_buf_move_desc);

/*
 * Passes when every dynamic importer is told of a move, once, under the lock, the
 * last to attach first, and no static one, attached before or after.
 */
static void dma_buf_map_move_notify(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter(test, MOCK_DYNAMIC, SZ_16K);
	const int *num = test->param_value;
	struct dma_buf_attachment *attach[64];
	int i;

	mock_attach(test, exp);
	for (i = 0; i < *num; i++)
		attach[i] = mock_attach_dynamic(test, exp);
	mock_attach(test, exp);

	mock_log_reset(exp);
	dma_resv_lock(exp->dmabuf->resv, NULL);
	dma_buf_move_notify(exp->dmabuf);
	dma_resv_unlock(exp->dmabuf->resv);

	KUNIT_EXPECT_EQ(test, exp->calls, *num);
	for (i = 0; i < *num; i++) {
		struct mock_importer *imp = attach[i]->importer_priv;

		KUNIT_EXPECT_EQ(test, exp->log[i].op, MOCK_MOVE_NOTIFY);
		KUNIT_EXPECT_PTR_EQ(test, exp->log[i].arg,
				    (void *)attach[*num - 1 - i]);
		KUNIT_EXPECT_TRUE(test, exp->log[i].locked);
		KUNIT_EXPECT_EQ(test, imp->notified, 1);
	}
}

/* Passes when nobody is told who is not attached (any more). */
static void dma_buf_map_move_notify_nobody(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter(test, MOCK_DYNAMIC, SZ_16K);

	mock_detach(test, mock_attach_dynamic(test, exp));
	mock_log_reset(exp);
	dma_resv_lock(exp->dmabuf->resv, NULL);
	dma_buf_move_notify(exp->dmabuf);
	dma_resv_unlock(exp->dmabuf->resv);
	KUNIT_EXPECT_EQ(test, exp->calls, 0);
}

static struct kunit_case dma_buf_map_cases[] = {
	KUNIT_CASE_PARAM(dma_buf_map_static, dma_buf_dir_gen_params),
	KUNIT_CASE(dma_buf_map_no_pages),
	KUNIT_CASE(dma_buf_map_dynamic),
	KUNIT_CASE_PARAM(dma_buf_map_mixed, dma_buf_mixed_gen_params),
	KUNIT_CASE_PARAM(dma_buf_map_fails, dma_buf_map_error_gen_params),
	KUNIT_CASE_PARAM(dma_buf_map_fails_dynamic,
			 dma_buf_map_error_gen_params),
	KUNIT_CASE(dma_buf_map_pin_fails),
	KUNIT_CASE(dma_buf_map_cached),
	KUNIT_CASE_PARAM(dma_buf_map_cached_direction, dma_buf_dir_gen_params),
	KUNIT_CASE_PARAM(dma_buf_map_kept_no_lock, dma_buf_kept_gen_params),
	KUNIT_CASE(dma_buf_map_several),
	KUNIT_CASE(dma_buf_map_two_devices),
	KUNIT_CASE(dma_buf_map_segments),
	KUNIT_CASE_PARAM(dma_buf_map_waits, dma_buf_map_wait_gen_params),
	KUNIT_CASE(dma_buf_map_waits_for_map),
	KUNIT_CASE_PARAM(dma_buf_map_dynamic_no_wait,
			 dma_buf_nowait_gen_params),
	KUNIT_CASE_PARAM(dma_buf_map_interrupted, dma_buf_kept_gen_params),
	KUNIT_CASE(dma_buf_map_signal_no_wait),
	KUNIT_CASE_PARAM(dma_buf_map_move_notify, dma_buf_move_gen_params),
	KUNIT_CASE(dma_buf_map_move_notify_nobody),
	{}
};

static struct kunit_suite dma_buf_map_suite = {
	.name = "dma_buf_map",
	.test_cases = dma_buf_map_cases,
};

kunit_test_suite(dma_buf_map_suite);
