// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapping: pins, tables of importer and exporter, waits, and invalidation
 */

#include <linux/sizes.h>

#include "mock.h"

/* With DMABUF_DEBUG the importer gets a copy of the table, without pages. */
static void dma_buf_map_check_table(struct kunit *test,
				    struct mock_exporter *exp,
				    struct sg_table *sgt)
{
	struct sg_table *table = exp->last_table;
	struct scatterlist *sg, *dma;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, table);
	KUNIT_ASSERT_EQ(test, sgt->nents, table->nents);
	dma = table->sgl;
	for_each_sgtable_dma_sg(sgt, sg, i) {
		KUNIT_EXPECT_EQ(test, sg_dma_address(sg), sg_dma_address(dma));
		KUNIT_EXPECT_EQ(test, sg_dma_len(sg), sg_dma_len(dma));
		dma = sg_next(dma);
	}

	if (!IS_ENABLED(CONFIG_DMABUF_DEBUG)) {
		KUNIT_EXPECT_PTR_EQ(test, sgt, table);
		return;
	}

	KUNIT_EXPECT_PTR_NE(test, sgt, table);
	for_each_sgtable_dma_sg(sgt, sg, i)
		KUNIT_EXPECT_NULL(test, sg_page(sg));
}

/* The exporter's table must not change while an importer uses it. */
static void dma_buf_map_check_exporter_table(struct kunit *test,
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

/* Passes when a static mapping calls each callback once, with its direction. */
static void static_mapping(struct kunit *test)
{
	const struct dma_buf_dir_row *row = test->param_value;
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_16K);
	struct dma_buf_attachment *attach = mock_attach(test, exp);
	struct sg_table *sgt;

	mock_log_reset(exp);
	sgt = dma_buf_map_ok(test, attach, row->dir);
	dma_buf_map_check_table(test, exp, sgt);
	dma_buf_map_check_exporter_table(test, exp);
	dma_buf_unmap_attachment_unlocked(attach, sgt, row->dir);

	MOCK_EXPECT_LOG(test, exp, MOCK_MAP_DMA_BUF, MOCK_UNMAP_DMA_BUF);
	KUNIT_EXPECT_EQ(test, mock_last_call(exp, MOCK_MAP_DMA_BUF)->dir,
			row->dir);
	KUNIT_EXPECT_EQ(test, mock_last_call(exp, MOCK_UNMAP_DMA_BUF)->dir,
			row->dir);
	KUNIT_EXPECT_TRUE(test, mock_last_call(exp, MOCK_MAP_DMA_BUF)->locked);
	KUNIT_EXPECT_TRUE(test,
			  mock_last_call(exp, MOCK_UNMAP_DMA_BUF)->locked);
}

/* Passes when an exporter may have DMA addresses without pages. */
static void table_without_pages(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_16K);
	struct dma_buf_attachment *attach = mock_attach(test, exp);
	struct sg_table *sgt;

	exp->no_pages = true;
	sgt = dma_buf_map_ok(test, attach, DMA_BIDIRECTIONAL);
	dma_buf_map_check_table(test, exp, sgt);
	KUNIT_EXPECT_EQ(test, sgt->orig_nents, 0);
	KUNIT_EXPECT_EQ(test, sgt->nents, SZ_16K >> PAGE_SHIFT);
	dma_buf_unmap_attachment_unlocked(attach, sgt, DMA_BIDIRECTIONAL);
}

/* One mix of exporter and importer, and the callbacks that a mapping makes */
static const struct dma_buf_mix_row {
	const char *desc;
	unsigned int kind;
	enum mock_importer_kind importer;
	unsigned int num;
	enum mock_op log[4];
} dma_buf_mixes[] = {
	{
		"static on static", 0, MOCK_STATIC,
		2, { MOCK_MAP_DMA_BUF, MOCK_UNMAP_DMA_BUF }
	}, {
		"dynamic on static", 0, MOCK_REVOCABLE,
		2, { MOCK_MAP_DMA_BUF, MOCK_UNMAP_DMA_BUF }
	}, {
		"dynamic without callback on static", 0, MOCK_PINNING,
		2, { MOCK_MAP_DMA_BUF, MOCK_UNMAP_DMA_BUF }
	}, {
		"static on dynamic", MOCK_DYNAMIC, MOCK_STATIC,
		4, { MOCK_PIN, MOCK_MAP_DMA_BUF, MOCK_UNMAP_DMA_BUF, MOCK_UNPIN }
	}, {
		"dynamic on dynamic", MOCK_DYNAMIC, MOCK_REVOCABLE,
		2, { MOCK_MAP_DMA_BUF, MOCK_UNMAP_DMA_BUF }
	}, {
		"dynamic without callback on dynamic", MOCK_DYNAMIC,
		MOCK_PINNING, 2, { MOCK_MAP_DMA_BUF, MOCK_UNMAP_DMA_BUF }
	},
};

KUNIT_ARRAY_PARAM_DESC(dma_buf_mix, dma_buf_mixes, desc);

/*
 * Passes when each map and unmap calls the exporter with the lock held, and the
 * buffer is pinned meanwhile for a static importer of a dynamic exporter and in
 * no other mix.
 */
static void map_in_mix(struct kunit *test)
{
	const struct dma_buf_mix_row *row = test->param_value;
	struct mock_exporter *exp =
		mock_exporter_create(test, row->kind, SZ_16K);
	struct dma_buf_attachment *attach;
	struct sg_table *sgt;
	unsigned int i, j;

	attach = mock_attach_as(test, exp, row->importer);
	for (i = 0; i < ARRAY_SIZE(dma_buf_dirs); i++) {
		mock_log_reset(exp);
		sgt = dma_buf_map_ok(test, attach, dma_buf_dirs[i].dir);
		dma_buf_map_check_table(test, exp, sgt);
		dma_buf_map_check_exporter_table(test, exp);
		KUNIT_EXPECT_EQ(test, exp->calls, row->num / 2);
		KUNIT_EXPECT_EQ(test, exp->pins, row->num == 4);
		dma_buf_unmap_attachment_unlocked(attach, sgt,
						  dma_buf_dirs[i].dir);
		KUNIT_EXPECT_TRUE(test, mock_log_is(exp, row->log, row->num));
		for (j = 0; j < exp->calls; j++) {
			KUNIT_EXPECT_TRUE(test, exp->log[j].locked);
			KUNIT_EXPECT_PTR_EQ(test, exp->log[j].arg,
					    (const void *)attach);
		}
	}
}

/* Passes when the callbacks are the same for a caller that holds the lock. */
static void map_in_mix_locked(struct kunit *test)
{
	const struct dma_buf_mix_row *row = test->param_value;
	struct mock_exporter *exp =
		mock_exporter_create(test, row->kind, SZ_16K);
	struct dma_buf_attachment *attach;
	struct sg_table *sgt;

	attach = mock_attach_as(test, exp, row->importer);
	mock_log_reset(exp);
	dma_resv_lock(exp->dmabuf->resv, NULL);
	sgt = dma_buf_map_attachment(attach, DMA_TO_DEVICE);
	KUNIT_EXPECT_NOT_ERR_OR_NULL(test, sgt);
	if (!IS_ERR_OR_NULL(sgt))
		dma_buf_unmap_attachment(attach, sgt, DMA_TO_DEVICE);
	dma_resv_unlock(exp->dmabuf->resv);
	KUNIT_EXPECT_TRUE(test, mock_log_is(exp, row->log, row->num));
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

/* Passes when a failed map leaves no state behind and can be repeated. */
static void map_fails(struct kunit *test)
{
	const struct dma_buf_map_error_row *row = test->param_value;
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_16K);
	struct dma_buf_attachment *attach = mock_attach(test, exp);
	struct sg_table *sgt;

	exp->fail[MOCK_MAP_DMA_BUF] = row->fail;
	mock_log_reset(exp);
	sgt = dma_buf_map_attachment_unlocked(attach, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(sgt), row->want);
	KUNIT_EXPECT_FALSE(test, dma_resv_is_locked(exp->dmabuf->resv));
	MOCK_EXPECT_LOG(test, exp, MOCK_MAP_DMA_BUF);

	exp->fail[MOCK_MAP_DMA_BUF] = 0;
	sgt = dma_buf_map_ok(test, attach, DMA_FROM_DEVICE);
	dma_buf_unmap_attachment_unlocked(attach, sgt, DMA_FROM_DEVICE);
}

/* Passes when a failed map of a dynamic importer undoes no pin. */
static void map_fails_dynamic(struct kunit *test)
{
	const struct dma_buf_map_error_row *row = test->param_value;
	struct mock_exporter *exp =
		mock_exporter_create(test, MOCK_DYNAMIC, SZ_16K);
	struct dma_buf_attachment *attach = mock_attach_dynamic(test, exp);
	struct sg_table *sgt;

	exp->fail[MOCK_MAP_DMA_BUF] = row->fail;
	mock_log_reset(exp);
	sgt = dma_buf_map_attachment_unlocked(attach, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(sgt), row->want);
	MOCK_EXPECT_LOG(test, exp, MOCK_MAP_DMA_BUF);
}

/* A failing step of mapping by a static importer of a dynamic exporter */
static const struct dma_buf_map_undo_row {
	const char *desc;
	enum mock_op step;
	int fail;
	int want;
	unsigned int num;
	enum mock_op log[3];
} dma_buf_map_undos[] = {
	{ "pin ENOSPC", MOCK_PIN, -ENOSPC, -ENOSPC, 1, { MOCK_PIN } },
	{ "pin EINTR", MOCK_PIN, -EINTR, -EINTR, 1, { MOCK_PIN } },
	{ "map EIO", MOCK_MAP_DMA_BUF, -EIO, -EIO,
	  3, { MOCK_PIN, MOCK_MAP_DMA_BUF, MOCK_UNPIN } },
	{ "map NULL", MOCK_MAP_DMA_BUF, MOCK_NULL, -ENOMEM,
	  3, { MOCK_PIN, MOCK_MAP_DMA_BUF, MOCK_UNPIN } },
};

KUNIT_ARRAY_PARAM_DESC(dma_buf_map_undo, dma_buf_map_undos, desc);

/* Passes when a failed map leaves the buffer unpinned and can be repeated. */
static void map_fails_pinned(struct kunit *test)
{
	const struct dma_buf_map_undo_row *row = test->param_value;
	struct mock_exporter *exp =
		mock_exporter_create(test, MOCK_DYNAMIC, SZ_16K);
	struct dma_buf_attachment *attach = mock_attach(test, exp);
	struct sg_table *sgt;

	exp->fail[row->step] = row->fail;
	mock_log_reset(exp);
	sgt = dma_buf_map_attachment_unlocked(attach, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(sgt), row->want);
	KUNIT_EXPECT_TRUE(test, mock_log_is(exp, row->log, row->num));
	KUNIT_EXPECT_EQ(test, exp->pins, 0);
	KUNIT_EXPECT_FALSE(test, dma_resv_is_locked(exp->dmabuf->resv));

	exp->fail[row->step] = 0;
	sgt = dma_buf_map_ok(test, attach, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, exp->pins, 1);
	dma_buf_unmap_attachment_unlocked(attach, sgt, DMA_TO_DEVICE);
}

/*
 * Passes when a table without entries is mapped and unmapped, with and without
 * a debug copy, although sg_alloc_table() cannot allocate such a copy.
 */
static void table_without_entries(struct kunit *test)
{
	const struct dma_buf_mix_row *row = test->param_value;
	struct mock_exporter *exp =
		mock_exporter_create(test, row->kind, SZ_16K);
	struct dma_buf_attachment *attach;
	struct sg_table *sgt;

	attach = mock_attach_as(test, exp, row->importer);
	exp->no_pages = true;
	exp->no_segments = true;
	mock_log_reset(exp);
	sgt = dma_buf_map_ok(test, attach, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, sgt->nents, 0);
	KUNIT_EXPECT_EQ(test, sgt->orig_nents, 0);
	dma_buf_unmap_attachment_unlocked(attach, sgt, DMA_TO_DEVICE);
	KUNIT_EXPECT_TRUE(test, mock_log_is(exp, row->log, row->num));
}

/*
 * Passes when an attachment can have several mappings at a time, each with its
 * own table, direction and pin.
 */
static void several_mappings(struct kunit *test)
{
	const struct dma_buf_mix_row *row = test->param_value;
	struct mock_exporter *exp =
		mock_exporter_create(test, row->kind, SZ_16K);
	bool pins = row->num == 4;
	struct dma_buf_attachment *attach;
	struct sg_table *sgt[6];
	int i, j;

	attach = mock_attach_as(test, exp, row->importer);
	for (i = 0; i < ARRAY_SIZE(sgt); i++) {
		sgt[i] = dma_buf_map_ok(test, attach, dma_buf_dirs[i % 3].dir);
		dma_buf_map_check_table(test, exp, sgt[i]);
		KUNIT_EXPECT_EQ(test,
				mock_last_call(exp, MOCK_MAP_DMA_BUF)->dir,
				dma_buf_dirs[i % 3].dir);
		for (j = 0; j < i; j++)
			KUNIT_EXPECT_PTR_NE(test, sgt[i], sgt[j]);
	}
	KUNIT_EXPECT_EQ(test, exp->pins, pins ? ARRAY_SIZE(sgt) : 0);

	/* Unmap in the order of mapping: each call must find its own table. */
	for (i = 0; i < ARRAY_SIZE(sgt); i++)
		dma_buf_unmap_attachment_unlocked(attach, sgt[i],
						  dma_buf_dirs[i % 3].dir);
	KUNIT_EXPECT_EQ(test, mock_call_count(exp, MOCK_MAP_DMA_BUF),
			ARRAY_SIZE(sgt));
	KUNIT_EXPECT_EQ(test, mock_call_count(exp, MOCK_UNMAP_DMA_BUF),
			ARRAY_SIZE(sgt));
}

/* Passes when each device, static or dynamic, gets its own table. */
static void two_devices(struct kunit *test)
{
	struct mock_exporter *exp =
		mock_exporter_create(test, MOCK_DYNAMIC, SZ_16K);
	struct dma_buf_attachment *one = mock_attach(test, exp);
	struct dma_buf_attachment *two = mock_attach_dynamic(test, exp);
	struct sg_table *first, *second;

	first = dma_buf_map_ok(test, one, DMA_TO_DEVICE);
	second = dma_buf_map_ok(test, two, DMA_FROM_DEVICE);
	KUNIT_EXPECT_PTR_NE(test, first, second);
	KUNIT_EXPECT_EQ(test, exp->pins, 1);

	dma_buf_unmap_attachment_unlocked(one, first, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, exp->pins, 0);
	dma_buf_unmap_attachment_unlocked(two, second, DMA_FROM_DEVICE);
	KUNIT_EXPECT_PTR_EQ(test, mock_last_call(exp, MOCK_UNMAP_DMA_BUF)->arg,
			    (const void *)two);
}

/* Passes when the table preserves offsets and segments that an IOMMU merged. */
static void offset_and_segments(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_32K);
	struct dma_buf_attachment *attach = mock_attach(test, exp);
	struct sg_table *sgt;

	exp->sg_offset = 512;
	sgt = dma_buf_map_ok(test, attach, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, sgt->nents, SZ_32K / PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, sgt->sgl->offset, 512);
	KUNIT_EXPECT_EQ(test, sgt->sgl->length, PAGE_SIZE - 512);
	dma_buf_map_check_table(test, exp, sgt);
	dma_buf_map_check_exporter_table(test, exp);
	dma_buf_unmap_attachment_unlocked(attach, sgt, DMA_TO_DEVICE);

	exp->sg_offset = 0;
	exp->sg_merge = true;
	sgt = dma_buf_map_ok(test, attach, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, sgt->nents, 1);
	if (IS_ENABLED(CONFIG_NEED_SG_DMA_LENGTH))
		KUNIT_EXPECT_EQ(test, sg_dma_len(sgt->sgl), SZ_32K);
	dma_buf_map_check_table(test, exp, sgt);
	dma_buf_map_check_exporter_table(test, exp);
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

/* Passes when a static importer waits for kernel fences and no others. */
static void static_waits(struct kunit *test)
{
	const struct dma_buf_map_wait_row *row = test->param_value;
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_16K);
	struct dma_buf_attachment *attach = mock_attach(test, exp);
	struct dma_fence *fence;
	struct sg_table *sgt;

	fence = mock_fence_add_new(test, exp->dmabuf, row->usage);
	mock_fence_signal_later(test, fence, row->waits ? 100 : 5000);

	sgt = dma_buf_map_ok(test, attach, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, dma_fence_is_signaled(fence), row->waits);
	dma_buf_unmap_attachment_unlocked(attach, sgt, DMA_TO_DEVICE);
}

/* Passes when mapping waits for a fence that the exporter's map added. */
static void waits_for_new_fence(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_16K);
	struct dma_buf_attachment *attach = mock_attach(test, exp);
	struct dma_fence *fence =
		mock_fence_create(test, mock_timeline_create(test), false);
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

/*
 * Passes when mapping by a dynamic importer does not wait: the importer waits
 * for the fences itself.
 */
static void dynamic_does_not_wait(struct kunit *test)
{
	const struct dma_buf_nowait_row *row = test->param_value;
	struct mock_exporter *exp =
		mock_exporter_create(test, row->kind, SZ_16K);
	struct dma_buf_attachment *attach;
	struct dma_fence *fence;
	struct sg_table *sgt;

	fence = mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_KERNEL);
	mock_fence_signal_later(test, fence, 5000);

	attach = mock_attach_dynamic(test, exp);
	sgt = dma_buf_map_ok(test, attach, DMA_TO_DEVICE);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(fence));
	dma_buf_unmap_attachment_unlocked(attach, sgt, DMA_TO_DEVICE);
}

/* Passes when an interrupted wait unmaps the exporter's table and unpins. */
static void wait_interrupted(struct kunit *test)
{
	const struct dma_buf_nowait_row *row = test->param_value;
	struct mock_exporter *exp =
		mock_exporter_create(test, row->kind, SZ_16K);
	struct dma_buf_attachment *attach = mock_attach(test, exp);
	struct dma_fence *fence;
	struct sg_table *sgt;

	fence = mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_KERNEL);
	mock_fence_signal_later(test, fence, 5000);
	mock_log_reset(exp);

	mock_signal_pending_set();
	sgt = dma_buf_map_attachment_unlocked(attach, DMA_FROM_DEVICE);
	mock_signal_pending_clear();

	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(sgt), -ERESTARTSYS);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(fence));
	if (row->kind & MOCK_DYNAMIC)
		MOCK_EXPECT_LOG(test, exp, MOCK_PIN, MOCK_MAP_DMA_BUF,
				MOCK_UNMAP_DMA_BUF, MOCK_UNPIN);
	else
		MOCK_EXPECT_LOG(test, exp, MOCK_MAP_DMA_BUF,
				MOCK_UNMAP_DMA_BUF);
	KUNIT_EXPECT_EQ(test, mock_last_call(exp, MOCK_UNMAP_DMA_BUF)->dir,
			DMA_FROM_DEVICE);
}

/* Passes when a signal does not interrupt a map that need not wait. */
static void signal_without_wait(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_16K);
	struct dma_buf_attachment *attach = mock_attach(test, exp);
	struct sg_table *sgt;

	mock_signal_pending_set();
	sgt = dma_buf_map_attachment_unlocked(attach, DMA_TO_DEVICE);
	mock_signal_pending_clear();

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, sgt);
	dma_buf_unmap_attachment_unlocked(attach, sgt, DMA_TO_DEVICE);
}

static const int dma_buf_importer_nums[] = { 0, 1, 64 };

static void dma_buf_importer_num_desc(const int *num, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%d importers", *num);
}

KUNIT_ARRAY_PARAM(dma_buf_importer_num, dma_buf_importer_nums,
		  dma_buf_importer_num_desc);

static void dma_buf_map_invalidate_all(struct mock_exporter *exp)
{
	dma_resv_lock(exp->dmabuf->resv, NULL);
	dma_buf_invalidate_mappings(exp->dmabuf);
	dma_resv_unlock(exp->dmabuf->resv);
}

/*
 * Passes when every importer with invalidate_mappings is called once with the
 * lock held, and importers without it, attached before, after or in between,
 * are not called.
 */
static void invalidate_importers(struct kunit *test)
{
	struct mock_exporter *exp =
		mock_exporter_create(test, MOCK_DYNAMIC, SZ_16K);
	const int *num = test->param_value;
	struct dma_buf_attachment *attach[64];
	int i;

	mock_attach(test, exp);
	for (i = 0; i < *num; i++) {
		attach[i] = mock_attach_dynamic(test, exp);
		if (i % 8 == 0)
			mock_attach_as(test, exp, MOCK_PINNING);
	}
	mock_attach(test, exp);

	mock_log_reset(exp);
	dma_buf_map_invalidate_all(exp);

	KUNIT_EXPECT_EQ(test, exp->calls, *num);
	for (i = 0; i < *num; i++) {
		struct mock_importer *imp = attach[i]->importer_priv;

		KUNIT_EXPECT_EQ(test, exp->log[i].op, MOCK_INVALIDATE_MAPPINGS);
		KUNIT_EXPECT_TRUE(test, exp->log[i].locked);
		KUNIT_EXPECT_EQ_MSG(test, imp->notified, 1, "importer %d", i);
	}
}

/* Passes when a detached importer is not notified. */
static void invalidate_detached(struct kunit *test)
{
	struct mock_exporter *exp =
		mock_exporter_create(test, MOCK_DYNAMIC, SZ_16K);

	mock_detach(test, mock_attach_dynamic(test, exp));
	mock_log_reset(exp);
	dma_buf_map_invalidate_all(exp);
	KUNIT_EXPECT_EQ(test, exp->calls, 0);
}

/* Passes when an importer that has pinned the buffer is notified as well. */
static void invalidate_pinned(struct kunit *test)
{
	struct mock_exporter *exp =
		mock_exporter_create(test, MOCK_DYNAMIC, SZ_16K);
	struct dma_buf_attachment *attach = mock_attach_dynamic(test, exp);

	mock_log_reset(exp);
	dma_resv_lock(exp->dmabuf->resv, NULL);
	KUNIT_EXPECT_EQ(test, dma_buf_pin(attach), 0);
	dma_buf_invalidate_mappings(exp->dmabuf);
	dma_buf_unpin(attach);
	dma_resv_unlock(exp->dmabuf->resv);
	MOCK_EXPECT_LOG(test, exp, MOCK_PIN, MOCK_INVALIDATE_MAPPINGS,
			MOCK_UNPIN);
}

/**
 * struct dma_buf_map_remapper - an importer that maps again in its callback
 * @imp: callbacks of the importer
 * @sgt: mapping of the importer
 */
struct dma_buf_map_remapper {
	struct mock_importer imp;
	struct sg_table *sgt;
};

static void dma_buf_map_remap(struct dma_buf_attachment *attach)
{
	struct dma_buf_map_remapper *remapper = attach->importer_priv;

	dma_buf_unmap_attachment(attach, remapper->sgt, DMA_TO_DEVICE);
	remapper->sgt = dma_buf_map_attachment(attach, DMA_TO_DEVICE);
}

/* Passes when an importer can unmap and map again in its callback. */
static void invalidate_remap(struct kunit *test)
{
	struct mock_exporter *exp =
		mock_exporter_create(test, MOCK_DYNAMIC, SZ_16K);
	struct dma_buf_map_remapper *remapper;
	struct dma_buf_attachment *attach;
	struct device *dev = mock_device_create(test, "importer");

	remapper = kunit_kzalloc(test, sizeof(*remapper), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, remapper);
	remapper->imp.ops.invalidate_mappings = dma_buf_map_remap;
	attach = dma_buf_dynamic_attach(exp->dmabuf, dev, &remapper->imp.ops,
					remapper);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, attach);
	mock_attach_dynamic(test, exp);
	remapper->sgt = dma_buf_map_ok(test, attach, DMA_TO_DEVICE);

	mock_log_reset(exp);
	dma_buf_map_invalidate_all(exp);
	KUNIT_EXPECT_EQ(test, mock_call_count(exp, MOCK_UNMAP_DMA_BUF), 1);
	KUNIT_EXPECT_EQ(test, mock_call_count(exp, MOCK_MAP_DMA_BUF), 1);
	KUNIT_EXPECT_EQ(test, mock_call_count(exp, MOCK_INVALIDATE_MAPPINGS),
			1);

	KUNIT_EXPECT_NOT_ERR_OR_NULL(test, remapper->sgt);
	if (!IS_ERR_OR_NULL(remapper->sgt)) {
		dma_buf_map_check_table(test, exp, remapper->sgt);
		dma_buf_unmap_attachment_unlocked(attach, remapper->sgt,
						  DMA_TO_DEVICE);
	}
	dma_buf_detach(exp->dmabuf, attach);
}

static struct kunit_case dma_buf_map_cases[] = {
	KUNIT_CASE_PARAM(static_mapping, dma_buf_dir_gen_params),
	KUNIT_CASE(table_without_pages),
	KUNIT_CASE_PARAM(map_in_mix, dma_buf_mix_gen_params),
	KUNIT_CASE_PARAM(map_in_mix_locked, dma_buf_mix_gen_params),
	KUNIT_CASE_PARAM(map_fails, dma_buf_map_error_gen_params),
	KUNIT_CASE_PARAM(map_fails_dynamic, dma_buf_map_error_gen_params),
	KUNIT_CASE_PARAM(map_fails_pinned, dma_buf_map_undo_gen_params),
	KUNIT_CASE_PARAM(table_without_entries, dma_buf_mix_gen_params),
	KUNIT_CASE_PARAM(several_mappings, dma_buf_mix_gen_params),
	KUNIT_CASE(two_devices),
	KUNIT_CASE(offset_and_segments),
	KUNIT_CASE_PARAM(static_waits, dma_buf_map_wait_gen_params),
	KUNIT_CASE(waits_for_new_fence),
	KUNIT_CASE_PARAM(dynamic_does_not_wait, dma_buf_nowait_gen_params),
	KUNIT_CASE_PARAM(wait_interrupted, dma_buf_nowait_gen_params),
	KUNIT_CASE(signal_without_wait),
	KUNIT_CASE_PARAM(invalidate_importers, dma_buf_importer_num_gen_params),
	KUNIT_CASE(invalidate_detached),
	KUNIT_CASE(invalidate_pinned),
	KUNIT_CASE(invalidate_remap),
	{}
};

static struct kunit_suite dma_buf_map_suite = {
	.name = "dma_buf_map",
	.test_cases = dma_buf_map_cases,
};

kunit_test_suite(dma_buf_map_suite);
