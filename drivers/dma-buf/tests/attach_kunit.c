// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attaching devices: callbacks that it calls, and the locks that are held
 */

#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/sizes.h>

#include "mock.h"

/* Passes when a new attachment has its buffer and device and nothing else. */
static void static_fields(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct dma_buf_attachment *attach = mock_attach(test, exp);

	KUNIT_EXPECT_PTR_EQ(test, attach->dmabuf, exp->dmabuf);
	KUNIT_EXPECT_NOT_NULL(test, attach->dev);
	KUNIT_EXPECT_NULL(test, attach->importer_ops);
	KUNIT_EXPECT_NULL(test, attach->importer_priv);
	KUNIT_EXPECT_NULL(test, attach->priv);
	KUNIT_EXPECT_FALSE(test, attach->peer2peer);
	KUNIT_EXPECT_FALSE(test, dma_buf_attachment_is_dynamic(attach));
	KUNIT_EXPECT_FALSE(test, dma_buf_is_dynamic(exp->dmabuf));
}

/* Passes when an attachment has a dynamic importer's ops and peer2peer. */
static void dynamic_fields(struct kunit *test)
{
	struct mock_exporter *exp =
		mock_exporter_create(test, MOCK_DYNAMIC, SZ_8K);
	struct device *dev = mock_device_create(test, "importer");
	struct mock_importer *imp = mock_importer_create(test);
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

/* Passes when an importer without allow_peer2peer does not get peer2peer. */
static void peer2peer_not_allowed(struct kunit *test)
{
	struct mock_exporter *exp =
		mock_exporter_create(test, MOCK_DYNAMIC, SZ_8K);

	KUNIT_EXPECT_FALSE(test, mock_attach_dynamic(test, exp)->peer2peer);
}

/* Passes when dma_buf_dynamic_attach() without ops attaches statically. */
static void dynamic_without_ops(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct device *dev = mock_device_create(test, "importer");
	struct dma_buf_attachment *attach;

	attach = dma_buf_dynamic_attach(exp->dmabuf, dev, NULL, exp);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, attach);
	KUNIT_EXPECT_FALSE(test, dma_buf_attachment_is_dynamic(attach));
	KUNIT_EXPECT_PTR_EQ(test, attach->importer_priv, (void *)exp);
	dma_buf_detach(exp->dmabuf, attach);
	MOCK_EXPECT_LOG(test, exp, MOCK_ATTACH, MOCK_DETACH);
}

/* Passes when an exporter without attach and detach can be attached to. */
static void minimal_exporter(struct kunit *test)
{
	struct mock_exporter *exp =
		mock_exporter_create(test, MOCK_MINIMAL, SZ_8K);

	mock_detach(test, mock_attach(test, exp));
	KUNIT_EXPECT_EQ(test, exp->calls, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&exp->dmabuf->attachments));
}

/* One mix of exporter and importer. */
static const struct dma_buf_attach_row {
	const char *desc;
	unsigned int kind;
	enum mock_importer_kind importer;
	bool revocable;
} dma_buf_attach_rows[] = {
	{ "static on static", 0, MOCK_STATIC, false },
	{ "dynamic on static", 0, MOCK_REVOCABLE, true },
	{ "dynamic without callback on static", 0, MOCK_PINNING, false },
	{ "static on dynamic", MOCK_DYNAMIC, MOCK_STATIC, false },
	{ "dynamic on dynamic", MOCK_DYNAMIC, MOCK_REVOCABLE, true },
	{ "dynamic without callback on dynamic", MOCK_DYNAMIC, MOCK_PINNING,
	  false },
};

KUNIT_ARRAY_PARAM_DESC(dma_buf_attach_row, dma_buf_attach_rows, desc);

/* Expect one call, for this attachment, without the lock and while unlinked. */
static void dma_buf_attach_check_call(struct kunit *test,
				      struct mock_exporter *exp, enum mock_op op,
				      struct dma_buf_attachment *attach)
{
	const struct mock_call *call = mock_last_call(exp, op);

	KUNIT_EXPECT_EQ(test, exp->calls, 1);
	KUNIT_EXPECT_PTR_EQ(test, call->arg, (const void *)attach);
	KUNIT_EXPECT_FALSE(test, call->locked);
	KUNIT_EXPECT_FALSE(test, call->listed);
}

/*
 * Passes when attaching calls attach once and detaching calls detach once, for
 * any mix, and neither pins nor maps.
 */
static void attach_and_detach(struct kunit *test)
{
	const struct dma_buf_attach_row *row = test->param_value;
	struct mock_exporter *exp =
		mock_exporter_create(test, row->kind, SZ_8K);
	struct dma_buf_attachment *attach;

	attach = mock_attach_as(test, exp, row->importer);
	dma_buf_attach_check_call(test, exp, MOCK_ATTACH, attach);
	KUNIT_EXPECT_TRUE(test, list_is_first(&attach->node,
					      &exp->dmabuf->attachments));
	KUNIT_EXPECT_FALSE(test, dma_resv_is_locked(exp->dmabuf->resv));

	mock_log_reset(exp);
	mock_detach(test, attach);
	dma_buf_attach_check_call(test, exp, MOCK_DETACH, attach);
	KUNIT_EXPECT_TRUE(test, list_empty(&exp->dmabuf->attachments));
	KUNIT_EXPECT_FALSE(test, dma_resv_is_locked(exp->dmabuf->resv));
}

/* Passes when only an importer with invalidate_mappings is revocable. */
static void revocable_importers(struct kunit *test)
{
	const struct dma_buf_attach_row *row = test->param_value;
	struct mock_exporter *exp =
		mock_exporter_create(test, row->kind, SZ_8K);
	struct dma_buf_attachment *attach;

	attach = mock_attach_as(test, exp, row->importer);
	KUNIT_EXPECT_EQ(test, dma_buf_attach_revocable(attach), row->revocable);
	KUNIT_EXPECT_EQ(test, dma_buf_attachment_is_dynamic(attach),
			row->importer != MOCK_STATIC);
}

static int dma_buf_attach_op_revocable(struct dma_buf *dmabuf,
				       struct dma_buf_attachment *attach)
{
	return dma_buf_attach_revocable(attach) ? 0 : -EOPNOTSUPP;
}

/* Passes when an exporter's attach can refuse non-revocable importers. */
static void refuse_not_revocable(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_alloc(test, MOCK_DYNAMIC, SZ_8K);
	struct device *dev = mock_device_create(test, "importer");
	static const struct dma_buf_attach_ops no_callback;
	struct dma_buf_attachment *attach;

	exp->ops.attach = dma_buf_attach_op_revocable;
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mock_export(exp));

	attach = dma_buf_attach(exp->dmabuf, dev);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(attach), -EOPNOTSUPP);
	attach = dma_buf_dynamic_attach(exp->dmabuf, dev, &no_callback, NULL);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(attach), -EOPNOTSUPP);
	mock_attach_dynamic(test, exp);
	KUNIT_EXPECT_EQ(test, list_count_nodes(&exp->dmabuf->attachments), 1);
}

static const struct dma_buf_attach_fail_row {
	const char *desc;
	unsigned int kind;
	enum mock_importer_kind importer;
	int fail;
} dma_buf_attach_fail_rows[] = {
	{ "EBUSY, static", 0, MOCK_STATIC, -EBUSY },
	{ "ENODEV, static on dynamic", MOCK_DYNAMIC, MOCK_STATIC, -ENODEV },
	{ "ENOMEM, dynamic", MOCK_DYNAMIC, MOCK_REVOCABLE, -ENOMEM },
};

KUNIT_ARRAY_PARAM_DESC(dma_buf_attach_fail_row, dma_buf_attach_fail_rows, desc);

/* Passes when the exporter's error is returned and the attachment is undone. */
static void attach_fails(struct kunit *test)
{
	const struct dma_buf_attach_fail_row *row = test->param_value;
	struct mock_exporter *exp =
		mock_exporter_create(test, row->kind, SZ_8K);
	struct device *dev = mock_device_create(test, "importer");
	struct mock_importer *imp = mock_importer_create(test);
	struct dma_buf_attachment *attach;

	exp->fail[MOCK_ATTACH] = row->fail;
	attach = dma_buf_dynamic_attach(exp->dmabuf, dev,
					row->importer == MOCK_STATIC ? NULL :
								       &imp->ops,
					imp);

	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(attach), row->fail);
	MOCK_EXPECT_LOG(test, exp, MOCK_ATTACH);
	KUNIT_EXPECT_TRUE(test, list_empty(&exp->dmabuf->attachments));
	KUNIT_EXPECT_FALSE(test, dma_resv_is_locked(exp->dmabuf->resv));

	/* The exporter has failed, so the next attempt may succeed. */
	exp->fail[MOCK_ATTACH] = 0;
	mock_attach_as(test, exp, row->importer);
}

/*
 * Passes when attaching, in any mix, neither waits for a fence nor is
 * interrupted by a signal.
 */
static void attach_does_not_wait(struct kunit *test)
{
	const struct dma_buf_attach_row *row = test->param_value;
	struct mock_exporter *exp =
		mock_exporter_create(test, row->kind, SZ_8K);
	struct dma_fence *fence;

	fence = mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_KERNEL);
	mock_fence_signal_later(test, fence, 5000);

	mock_signal_pending_set();
	mock_detach(test, mock_attach_as(test, exp, row->importer));
	mock_signal_pending_clear();
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(fence));
	MOCK_EXPECT_LOG(test, exp, MOCK_ATTACH, MOCK_DETACH);
}

/* Passes when mapping preserves the private fields of exporter and importer. */
static void private_fields(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct dma_buf_attachment *attach = mock_attach(test, exp);

	attach->priv = exp;
	attach->importer_priv = test;
	dma_buf_unmap_attachment_unlocked(attach,
					  dma_buf_map_attachment_unlocked(attach, DMA_TO_DEVICE),
					  DMA_TO_DEVICE);
	KUNIT_EXPECT_PTR_EQ(test, attach->priv, (void *)exp);
	KUNIT_EXPECT_PTR_EQ(test, attach->importer_priv, (void *)test);
}

/* Passes when each attachment of any kind is linked once until detached. */
static void attachment_list(struct kunit *test)
{
	struct mock_exporter *exp =
		mock_exporter_create(test, MOCK_DYNAMIC, SZ_8K);
	struct dma_buf_attachment *made[6], *pos;
	unsigned int i, seen[6] = {};

	for (i = 0; i < ARRAY_SIZE(made); i++)
		made[i] = mock_attach_as(test, exp, i % 3);
	mock_detach(test, made[3]);
	mock_detach(test, made[1]);

	dma_resv_lock(exp->dmabuf->resv, NULL);
	list_for_each_entry(pos, &exp->dmabuf->attachments, node)
		for (i = 0; i < ARRAY_SIZE(made); i++)
			seen[i] += pos == made[i];
	dma_resv_unlock(exp->dmabuf->resv);

	for (i = 0; i < ARRAY_SIZE(made); i++)
		KUNIT_EXPECT_EQ_MSG(test, seen[i], i != 3 && i != 1,
				    "attachment %u", i);
	KUNIT_EXPECT_EQ(test, list_count_nodes(&exp->dmabuf->attachments), 4);
}

/* Passes when a device that attaches twice gets two attachments. */
static void attach_twice(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct device *dev = mock_device_create(test, "importer");
	struct dma_buf_attachment *one = dma_buf_attach(exp->dmabuf, dev);
	struct dma_buf_attachment *two = dma_buf_attach(exp->dmabuf, dev);

	KUNIT_EXPECT_NOT_ERR_OR_NULL(test, one);
	KUNIT_EXPECT_NOT_ERR_OR_NULL(test, two);
	KUNIT_EXPECT_PTR_NE(test, one, two);
	if (!IS_ERR(one))
		dma_buf_detach(exp->dmabuf, one);
	if (!IS_ERR(two))
		dma_buf_detach(exp->dmabuf, two);
	KUNIT_EXPECT_EQ(test, mock_call_count(exp, MOCK_ATTACH), 2);
	KUNIT_EXPECT_EQ(test, mock_call_count(exp, MOCK_DETACH), 2);
}

/* Passes when an attachment holds no reference to the buffer's file. */
static void holds_no_reference(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);

	mock_attach(test, exp);
	KUNIT_EXPECT_EQ(test, file_count(exp->dmabuf->file), 1);
}

/* How long the list is watched for a change that must not happen */
#define DMA_BUF_ATTACH_WATCH_MS	50

/**
 * struct dma_buf_attach_wait - an exporter that holds the lock, and an importer
 * @exp: the exporter
 * @importer: kind of the importer
 * @dev: device of the importer
 * @held: completed when the exporter holds the reservation lock
 * @attached: the importer's attachment
 * @before: length of the list when the lock was taken
 * @after: length of the list before the lock was released
 * @listed: length of the list when the importer's call has returned
 * @failed: attaching failed
 */
struct dma_buf_attach_wait {
	struct mock_exporter *exp;
	enum mock_importer_kind importer;
	struct device *dev;
	struct completion held;
	struct dma_buf_attachment *attached;
	size_t before;
	size_t after;
	size_t listed;
	bool failed;
};

/* Hold the lock for a while; count the attachments before and after. */
static void dma_buf_attach_wait_hold(struct dma_buf_attach_wait *wait)
{
	struct dma_buf *dmabuf = wait->exp->dmabuf;

	dma_resv_lock(dmabuf->resv, NULL);
	wait->before = list_count_nodes(&dmabuf->attachments);
	complete(&wait->held);
	msleep(DMA_BUF_ATTACH_WATCH_MS);
	wait->after = list_count_nodes(&dmabuf->attachments);
	dma_resv_unlock(dmabuf->resv);
}

static void dma_buf_attach_wait_attach(void *data, unsigned int id)
{
	static const struct dma_buf_attach_ops no_callback;
	struct dma_buf_attach_wait *wait = data;
	struct dma_buf *dmabuf = wait->exp->dmabuf;

	if (!id) {
		dma_buf_attach_wait_hold(wait);
		return;
	}
	wait_for_completion(&wait->held);
	wait->attached = dma_buf_dynamic_attach(dmabuf, wait->dev,
						wait->importer == MOCK_STATIC ?
						NULL : &no_callback, NULL);
	wait->failed = IS_ERR(wait->attached);
	wait->listed = list_count_nodes(&dmabuf->attachments);
}

static void dma_buf_attach_wait_detach(void *data, unsigned int id)
{
	struct dma_buf_attach_wait *wait = data;
	struct dma_buf *dmabuf = wait->exp->dmabuf;

	if (!id) {
		dma_buf_attach_wait_hold(wait);
		return;
	}
	wait_for_completion(&wait->held);
	dma_buf_detach(dmabuf, wait->attached);
	wait->listed = list_count_nodes(&dmabuf->attachments);
}

/*
 * Passes when the list does not change while an exporter holds the reservation
 * lock, in any mix.
 */
static void list_stable_under_lock(struct kunit *test)
{
	const struct dma_buf_attach_row *row = test->param_value;
	struct dma_buf_attach_wait *wait;

	wait = kunit_kzalloc(test, sizeof(*wait), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, wait);
	wait->exp = mock_exporter_create(test, row->kind, SZ_8K);
	wait->importer = row->importer;
	wait->dev = mock_device_create(test, "importer");

	init_completion(&wait->held);
	mock_run_parallel(test, 2, dma_buf_attach_wait_attach, wait);
	KUNIT_ASSERT_FALSE(test, wait->failed);
	KUNIT_EXPECT_EQ(test, wait->before, 0);
	KUNIT_EXPECT_EQ(test, wait->after, 0);
	KUNIT_EXPECT_EQ(test, wait->listed, 1);

	reinit_completion(&wait->held);
	mock_run_parallel(test, 2, dma_buf_attach_wait_detach, wait);
	KUNIT_EXPECT_EQ(test, wait->before, 1);
	KUNIT_EXPECT_EQ(test, wait->after, 1);
	KUNIT_EXPECT_EQ(test, wait->listed, 0);
}

static struct kunit_case dma_buf_attach_cases[] = {
	KUNIT_CASE(static_fields),
	KUNIT_CASE(dynamic_fields),
	KUNIT_CASE(peer2peer_not_allowed),
	KUNIT_CASE(dynamic_without_ops),
	KUNIT_CASE(minimal_exporter),
	KUNIT_CASE_PARAM(attach_and_detach, dma_buf_attach_row_gen_params),
	KUNIT_CASE_PARAM(attach_fails, dma_buf_attach_fail_row_gen_params),
	KUNIT_CASE_PARAM(revocable_importers, dma_buf_attach_row_gen_params),
	KUNIT_CASE(refuse_not_revocable),
	KUNIT_CASE_PARAM(attach_does_not_wait, dma_buf_attach_row_gen_params),
	KUNIT_CASE(private_fields),
	KUNIT_CASE(attachment_list),
	KUNIT_CASE(attach_twice),
	KUNIT_CASE(holds_no_reference),
	KUNIT_CASE_PARAM(list_stable_under_lock, dma_buf_attach_row_gen_params),
	{}
};

static struct kunit_suite dma_buf_attach_suite = {
	.name = "dma_buf_attach",
	.test_cases = dma_buf_attach_cases,
};

kunit_test_suite(dma_buf_attach_suite);
