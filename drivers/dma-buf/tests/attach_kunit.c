// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attaching devices: what the exporter is asked, and what is undone
 */

#include <linux/sizes.h>

#include "mock.h"

/* Passes when an attachment tells who, what and how. */
static void dma_buf_attach_fields(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter(test, 0, SZ_8K);
	struct dma_buf_attachment *attach = mock_attach(test, exp);

	KUNIT_EXPECT_PTR_EQ(test, attach->dmabuf, exp->dmabuf);
	KUNIT_EXPECT_NOT_NULL(test, attach->dev);
	KUNIT_EXPECT_NULL(test, attach->sgt);
	KUNIT_EXPECT_NULL(test, attach->importer_ops);
	KUNIT_EXPECT_NULL(test, attach->importer_priv);
	KUNIT_EXPECT_NULL(test, attach->priv);
	KUNIT_EXPECT_FALSE(test, attach->peer2peer);
	KUNIT_EXPECT_FALSE(test, dma_buf_attachment_is_dynamic(attach));
	KUNIT_EXPECT_FALSE(test, dma_buf_is_dynamic(exp->dmabuf));
}

/* Passes when a dynamic importer's callbacks and wishes are kept. */
static void dma_buf_attach_dynamic_fields(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter(test, MOCK_DYNAMIC, SZ_8K);
	struct device *dev = mock_device(test, "importer");
	struct mock_importer *imp = mock_importer(test);
	struct dma_buf_attachment *attach;

	imp->ops.allow_peer2peer = true;
	attach = dma_buf_dynamic_attach(exp->dmabuf, dev, &imp->ops, imp);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, attach);

	KUNIT_EXPECT_PTR_EQ(test, attach->dev, dev);
	KUNIT_EXPECT_PTR_EQ(test, attach->importer_ops,
			    (const struct dma_buf_attach_ops *)&imp->ops);
	KUNIT_EXPECT_PTR_EQ(test, attach->importer_priv, (void *)imp);
	KUNIT_EXPECT_TRUE(test, attach->peer2peer);
	KUNIT_EXPECT_TRUE(test, dma_buf_attachment_is_dynamic(attach));
	KUNIT_EXPECT_TRUE(test, dma_buf_is_dynamic(exp->dmabuf));
	dma_buf_detach(exp->dmabuf, attach);
}

/* Passes when an importer without peer2peer does not get it. */
static void dma_buf_attach_no_peer2peer(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter(test, MOCK_DYNAMIC, SZ_8K);

	KUNIT_EXPECT_FALSE(test, mock_attach_dynamic(test, exp)->peer2peer);
}

/* Passes when dynamic attaching without callbacks is static attaching. */
static void dma_buf_attach_dynamic_null_ops(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter(test, 0, SZ_8K);
	struct device *dev = mock_device(test, "importer");
	struct dma_buf_attachment *attach;

	attach = dma_buf_dynamic_attach(exp->dmabuf, dev, NULL, exp);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, attach);
	KUNIT_EXPECT_FALSE(test, dma_buf_attachment_is_dynamic(attach));
	KUNIT_EXPECT_PTR_EQ(test, attach->importer_priv, (void *)exp);
	dma_buf_detach(exp->dmabuf, attach);
	MOCK_EXPECT_LOG(test, exp, MOCK_ATTACH, MOCK_DETACH);
}

/* Passes when exporters need neither attach nor detach. */
static void dma_buf_attach_bare(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter(test, MOCK_BARE, SZ_8K);

	mock_detach(test, mock_attach(test, exp));
	KUNIT_EXPECT_EQ(test, exp->calls, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&exp->dmabuf->attachments));
}

/* One mix of exporter and importer. */
static const struct dma_buf_attach_row {
	const char *desc;
	unsigned int kind;
	bool dynamic;
	unsigned int num_attach, num_detach;
	enum mock_op attach[3];
	enum mock_op detach[3];
} dma_buf_attach_rows[] = {
	{
		.desc = "static on static",
		.num_attach = 1,
		.attach = { MOCK_ATTACH },
		.num_detach = 1,
		.detach = { MOCK_DETACH },
	}, {
		.desc = "static on cached",
		.kind = MOCK_CACHED,
		.num_attach = 1,
		.attach = { MOCK_ATTACH },
		.num_detach = 1,
		.detach = { MOCK_DETACH },
	}, {
		.desc = "dynamic on dynamic",
		.kind = MOCK_DYNAMIC,
		.dynamic = true,
		.num_attach = 1,
		.attach = { MOCK_ATTACH },
		.num_detach = 1,
		.detach = { MOCK_DETACH },
	}, {
		.desc = "static on dynamic",
		.kind = MOCK_DYNAMIC,
		.num_attach = 3,
		.attach = { MOCK_ATTACH, MOCK_PIN, MOCK_MAP_DMA_BUF },
		.num_detach = 3,
		.detach = { MOCK_UNMAP_DMA_BUF, MOCK_UNPIN, MOCK_DETACH },
	}, {
		.desc = "dynamic on static",
		.dynamic = true,
		.num_attach = 2,
		.attach = { MOCK_ATTACH, MOCK_MAP_DMA_BUF },
		.num_detach = 2,
		.detach = { MOCK_UNMAP_DMA_BUF, MOCK_DETACH },
	}, {
		.desc = "dynamic on cached",
		.kind = MOCK_CACHED,
		.dynamic = true,
		.num_attach = 2,
		.attach = { MOCK_ATTACH, MOCK_MAP_DMA_BUF },
		.num_detach = 2,
		.detach = { MOCK_UNMAP_DMA_BUF, MOCK_DETACH },
	},
};

KUNIT_ARRAY_PARAM_DESC(dma_buf_attach_row, dma_buf_attach_rows, desc);

static struct dma_buf_attachment *
dma_buf_attach_as(struct kunit *test, struct mock_exporter *exp,
		  const struct dma_buf_attach_row *row)
{
	return row->dynamic ? mock_attach_dynamic(test, exp) :
			      mock_attach(test, exp);
}

/* Each call about this attachment must come with lock and list as agreed. */
static void dma_buf_attach_check_calls(struct kunit *test,
				       struct mock_exporter *exp,
				       struct dma_buf_attachment *attach)
{
	unsigned int i;

	for (i = 0; i < exp->calls; i++) {
		const struct mock_call *call = &exp->log[i];
		bool inside = call->op != MOCK_ATTACH &&
			      call->op != MOCK_DETACH;

		KUNIT_EXPECT_PTR_EQ(test, call->arg, (const void *)attach);
		KUNIT_EXPECT_EQ_MSG(test, call->locked, inside, "%s",
				    mock_op_name(call->op));
		KUNIT_EXPECT_EQ_MSG(test, call->listed, inside, "%s",
				    mock_op_name(call->op));
		if (call->op == MOCK_MAP_DMA_BUF ||
		    call->op == MOCK_UNMAP_DMA_BUF)
			KUNIT_EXPECT_EQ(test, call->dir, DMA_BIDIRECTIONAL);
	}
}

/* Passes when the exporter is asked what this mix needs, in this order. */
static void dma_buf_attach_order(struct kunit *test)
{
	const struct dma_buf_attach_row *row = test->param_value;
	struct mock_exporter *exp = mock_exporter(test, row->kind, SZ_8K);
	struct dma_buf_attachment *attach = dma_buf_attach_as(test, exp, row);

	KUNIT_EXPECT_TRUE(test, mock_log_is(exp, row->attach,
					    row->num_attach));
	dma_buf_attach_check_calls(test, exp, attach);
	KUNIT_EXPECT_EQ(test, !!attach->sgt,
			row->attach[row->num_attach - 1] == MOCK_MAP_DMA_BUF);
	if (attach->sgt)
		KUNIT_EXPECT_EQ(test, attach->dir, DMA_BIDIRECTIONAL);

	mock_log_reset(exp);
	mock_detach(test, attach);
	KUNIT_EXPECT_TRUE(test, mock_log_is(exp, row->detach,
					    row->num_detach));
	dma_buf_attach_check_calls(test, exp, attach);
	KUNIT_EXPECT_TRUE(test, list_empty(&exp->dmabuf->attachments));
	KUNIT_EXPECT_FALSE(test, dma_resv_is_locked(exp->dmabuf->resv));
}

/* One step of attaching that fails. */
static const struct dma_buf_attach_fail_row {
	const char *desc;
	unsigned int kind;
	bool dynamic;
	enum mock_op step;
	int fail;
	int want;
	unsigned int num;
	enum mock_op log[5];
} dma_buf_attach_fail_rows[] = {
	{
		.desc = "attach EBUSY",
		.step = MOCK_ATTACH, .fail = -EBUSY, .want = -EBUSY,
		.num = 1, .log = { MOCK_ATTACH },
	}, {
		.desc = "attach ENODEV, dynamic",
		.kind = MOCK_DYNAMIC, .dynamic = true,
		.step = MOCK_ATTACH, .fail = -ENODEV, .want = -ENODEV,
		.num = 1, .log = { MOCK_ATTACH },
	}, {
		.desc = "pin ENOSPC",
		.kind = MOCK_DYNAMIC,
		.step = MOCK_PIN, .fail = -ENOSPC, .want = -ENOSPC,
		.num = 3, .log = { MOCK_ATTACH, MOCK_PIN, MOCK_DETACH },
	}, {
		.desc = "map ENOMEM, static on dynamic",
		.kind = MOCK_DYNAMIC,
		.step = MOCK_MAP_DMA_BUF, .fail = -ENOMEM, .want = -ENOMEM,
		.num = 5, .log = { MOCK_ATTACH, MOCK_PIN, MOCK_MAP_DMA_BUF,
				   MOCK_UNPIN, MOCK_DETACH },
	}, {
		.desc = "map NULL, static on dynamic",
		.kind = MOCK_DYNAMIC,
		.step = MOCK_MAP_DMA_BUF, .fail = MOCK_NULL, .want = -ENOMEM,
		.num = 5, .log = { MOCK_ATTACH, MOCK_PIN, MOCK_MAP_DMA_BUF,
				   MOCK_UNPIN, MOCK_DETACH },
	}, {
		.desc = "map EIO, dynamic on static",
		.dynamic = true,
		.step = MOCK_MAP_DMA_BUF, .fail = -EIO, .want = -EIO,
		.num = 3, .log = { MOCK_ATTACH, MOCK_MAP_DMA_BUF,
				   MOCK_DETACH },
	}, {
		.desc = "map NULL, dynamic on static",
		.dynamic = true,
		.step = MOCK_MAP_DMA_BUF, .fail = MOCK_NULL, .want = -ENOMEM,
		.num = 3, .log = { MOCK_ATTACH, MOCK_MAP_DMA_BUF,
				   MOCK_DETACH },
	},
};

KUNIT_ARRAY_PARAM_DESC(dma_buf_attach_fail_row, dma_buf_attach_fail_rows, desc);

/* Passes when the error passes through and what was done is undone. */
static void dma_buf_attach_fails(struct kunit *test)
{
	const struct dma_buf_attach_fail_row *row = test->param_value;
	struct mock_exporter *exp = mock_exporter(test, row->kind, SZ_8K);
	struct device *dev = mock_device(test, "importer");
	struct mock_importer *imp = mock_importer(test);
	struct dma_buf_attachment *attach;

	exp->fail[row->step] = row->fail;
	attach = dma_buf_dynamic_attach(exp->dmabuf, dev,
					row->dynamic ? &imp->ops : NULL, imp);

	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(attach), row->want);
	KUNIT_EXPECT_TRUE(test, mock_log_is(exp, row->log, row->num));
	KUNIT_EXPECT_TRUE(test, list_empty(&exp->dmabuf->attachments));
	KUNIT_EXPECT_FALSE(test, dma_resv_is_locked(exp->dmabuf->resv));
	if (row->step != MOCK_ATTACH) {
		KUNIT_EXPECT_FALSE(test, mock_call(exp, MOCK_DETACH)->locked);
		KUNIT_EXPECT_FALSE(test, mock_call(exp, MOCK_DETACH)->listed);
	}

	/* The failure was the exporter's: the next attempt may succeed. */
	exp->fail[row->step] = 0;
	mock_attach(test, exp);
}

/* Passes when an interrupted wait for the memory undoes the attachment. */
static void dma_buf_attach_interrupted(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter(test, MOCK_DYNAMIC, SZ_8K);
	struct device *dev = mock_device(test, "importer");
	struct dma_buf_attachment *attach;
	struct dma_fence *fence;

	fence = mock_fence_busy(test, exp->dmabuf, DMA_RESV_USAGE_KERNEL);
	mock_fence_signal_later(test, fence, 5000);

	mock_interrupt();
	attach = dma_buf_attach(exp->dmabuf, dev);
	mock_interrupt_end();

	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(attach), -ERESTARTSYS);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(fence));
	MOCK_EXPECT_LOG(test, exp, MOCK_ATTACH, MOCK_PIN, MOCK_MAP_DMA_BUF,
			MOCK_UNMAP_DMA_BUF, MOCK_UNPIN, MOCK_DETACH);
	KUNIT_EXPECT_TRUE(test, list_empty(&exp->dmabuf->attachments));
}

/* Passes when attaching waits for a static importer's memory, but only so. */
static void dma_buf_attach_waits(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter(test, MOCK_DYNAMIC, SZ_8K);
	struct dma_fence *fence;

	fence = mock_fence_busy(test, exp->dmabuf, DMA_RESV_USAGE_KERNEL);
	mock_fence_signal_later(test, fence, 100);

	mock_attach_dynamic(test, exp);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(fence));
	mock_attach(test, exp);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(fence));
}

/* Passes when mapping leaves alone what exporter and importer keep there. */
static void dma_buf_attach_priv(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter(test, 0, SZ_8K);
	struct dma_buf_attachment *attach = mock_attach(test, exp);

	attach->priv = exp;
	attach->importer_priv = test;
	dma_buf_unmap_attachment_unlocked(attach,
					  dma_buf_map_attachment_unlocked(attach, DMA_TO_DEVICE),
					  DMA_TO_DEVICE);
	KUNIT_EXPECT_PTR_EQ(test, attach->priv, (void *)exp);
	KUNIT_EXPECT_PTR_EQ(test, attach->importer_priv, (void *)test);
}

/* Passes when several devices are listed, static importers first. */
static void dma_buf_attach_list_order(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter(test, MOCK_DYNAMIC, SZ_8K);
	struct dma_buf_attachment *made[6], *pos;
	bool dynamic_seen = false;
	unsigned int i, num = 0;

	for (i = 0; i < ARRAY_SIZE(made); i++)
		made[i] = i % 2 ? mock_attach(test, exp) :
				  mock_attach_dynamic(test, exp);

	dma_resv_lock(exp->dmabuf->resv, NULL);
	list_for_each_entry(pos, &exp->dmabuf->attachments, node) {
		if (dma_buf_attachment_is_dynamic(pos))
			dynamic_seen = true;
		else
			KUNIT_EXPECT_FALSE(test, dynamic_seen);
		num++;
	}
	dma_resv_unlock(exp->dmabuf->resv);

	KUNIT_EXPECT_EQ(test, num, ARRAY_SIZE(made));
	mock_detach(test, made[2]);
	mock_detach(test, made[1]);
	KUNIT_EXPECT_EQ(test, list_count_nodes(&exp->dmabuf->attachments), 4);
}

/* Passes when one device may attach twice, with attachments of their own. */
static void dma_buf_attach_twice(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter(test, 0, SZ_8K);
	struct device *dev = mock_device(test, "importer");
	struct dma_buf_attachment *one = dma_buf_attach(exp->dmabuf, dev);
	struct dma_buf_attachment *two = dma_buf_attach(exp->dmabuf, dev);

	KUNIT_EXPECT_NOT_ERR_OR_NULL(test, one);
	KUNIT_EXPECT_NOT_ERR_OR_NULL(test, two);
	KUNIT_EXPECT_PTR_NE(test, one, two);
	if (!IS_ERR(one))
		dma_buf_detach(exp->dmabuf, one);
	if (!IS_ERR(two))
		dma_buf_detach(exp->dmabuf, two);
	KUNIT_EXPECT_EQ(test, mock_count(exp, MOCK_ATTACH), 2);
	KUNIT_EXPECT_EQ(test, mock_count(exp, MOCK_DETACH), 2);
}

/* Passes when an attachment holds no reference to the buffer's file. */
static void dma_buf_attach_no_reference(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter(test, 0, SZ_8K);

	mock_attach(test, exp);
	KUNIT_EXPECT_EQ(test, file_count(exp->dmabuf->file), 1);
}

/*
 * Passes when a static device can come and go while somebody else holds the
 * reservation lock of a static exporter: there is nothing to settle.
 */
static void dma_buf_attach_static_no_lock(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter(test, 0, SZ_8K);
	struct mock_holder *holder = mock_holder(test, exp->dmabuf->resv);
	struct dma_buf_attachment *attach = mock_attach(test, exp);

	mock_detach(test, attach);
	KUNIT_EXPECT_TRUE(test, list_empty(&exp->dmabuf->attachments));
	KUNIT_EXPECT_TRUE(test, mock_holder_drop(test, holder));
	MOCK_EXPECT_LOG(test, exp, MOCK_ATTACH, MOCK_DETACH);
}

/*
 * Passes when a dynamic device can come to a dynamic exporter while somebody
 * else holds the reservation lock: it has nothing mapped yet.
 */
static void dma_buf_attach_dynamic_no_lock(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter(test, MOCK_DYNAMIC, SZ_8K);
	struct mock_holder *holder = mock_holder(test, exp->dmabuf->resv);

	mock_attach_dynamic(test, exp);
	KUNIT_EXPECT_FALSE(test, list_empty(&exp->dmabuf->attachments));
	KUNIT_EXPECT_TRUE(test, mock_holder_drop(test, holder));
}

static struct kunit_case dma_buf_attach_cases[] = {
	KUNIT_CASE(dma_buf_attach_fields),
	KUNIT_CASE(dma_buf_attach_dynamic_fields),
	KUNIT_CASE(dma_buf_attach_no_peer2peer),
	KUNIT_CASE(dma_buf_attach_dynamic_null_ops),
	KUNIT_CASE(dma_buf_attach_bare),
	KUNIT_CASE_PARAM(dma_buf_attach_order, dma_buf_attach_row_gen_params),
	KUNIT_CASE_PARAM(dma_buf_attach_fails,
			 dma_buf_attach_fail_row_gen_params),
	KUNIT_CASE(dma_buf_attach_interrupted),
	KUNIT_CASE(dma_buf_attach_waits),
	KUNIT_CASE(dma_buf_attach_priv),
	KUNIT_CASE(dma_buf_attach_list_order),
	KUNIT_CASE(dma_buf_attach_twice),
	KUNIT_CASE(dma_buf_attach_no_reference),
	KUNIT_CASE(dma_buf_attach_static_no_lock),
	KUNIT_CASE(dma_buf_attach_dynamic_no_lock),
	{}
};

static struct kunit_suite dma_buf_attach_suite = {
	.name = "dma_buf_attach",
	.test_cases = dma_buf_attach_cases,
};

kunit_test_suite(dma_buf_attach_suite);
