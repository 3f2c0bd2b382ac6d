// SPDX-License-Identifier: GPL-2.0-only
/*
 * Revocation: an exporter that ends all access to its buffer
 *
 * The exporter does it as documented, from a work item: it fails new mappings,
 * calls dma_buf_invalidate_mappings(), waits for the fences, and, without the
 * reservation lock, until each mapping is unmapped.
 */

#include <linux/sizes.h>
#include <linux/wait_bit.h>

#include "mock.h"

/* Long enough for a work item that must not finish to finish by mistake */
#define REVOKE_SETTLE_MS	30

/**
 * struct revoke_exporter - a mock exporter that can revoke its buffer
 * @ops: callbacks, which check @revoked and call those of @exp
 * @exp: the exporter
 * @revoked: new attachments and mappings fail; changed with the lock held
 * @mapped: number of mappings
 * @work: revokes
 * @success: @work saw the end of all access before its timeout
 * @done: completed by @work
 */
struct revoke_exporter {
	struct dma_buf_ops ops;
	struct mock_exporter *exp;
	bool revoked;
	atomic_t mapped;
	struct work_struct work;
	bool success;
	struct completion done;
};

static struct revoke_exporter *revoke_of(struct dma_buf *dmabuf)
{
	return container_of(dmabuf->ops, struct revoke_exporter, ops);
}

static int revoke_op_attach(struct dma_buf *dmabuf,
			    struct dma_buf_attachment *attach)
{
	struct revoke_exporter *rev = revoke_of(dmabuf);

	if (READ_ONCE(rev->revoked))
		return -ENODEV;
	if (!dma_buf_attach_revocable(attach))
		return -EOPNOTSUPP;

	return rev->exp->ops.attach(dmabuf, attach);
}

static struct sg_table *revoke_op_map(struct dma_buf_attachment *attach,
				      enum dma_data_direction dir)
{
	struct revoke_exporter *rev = revoke_of(attach->dmabuf);
	struct sg_table *sgt;

	if (rev->revoked)
		return ERR_PTR(-ENODEV);

	sgt = rev->exp->ops.map_dma_buf(attach, dir);
	if (!IS_ERR_OR_NULL(sgt))
		atomic_inc(&rev->mapped);
	return sgt;
}

static void revoke_op_unmap(struct dma_buf_attachment *attach,
			    struct sg_table *sgt, enum dma_data_direction dir)
{
	struct revoke_exporter *rev = revoke_of(attach->dmabuf);

	rev->exp->ops.unmap_dma_buf(attach, sgt, dir);
	if (atomic_dec_and_test(&rev->mapped))
		wake_up_var(&rev->mapped);
}

/* Call the importers, and wait for the fences. */
static bool revoke_locked(struct revoke_exporter *rev)
{
	struct dma_buf *dmabuf = rev->exp->dmabuf;

	WRITE_ONCE(rev->revoked, true);
	dma_buf_invalidate_mappings(dmabuf);
	return dma_resv_wait_timeout(dmabuf->resv, DMA_RESV_USAGE_BOOKKEEP,
				     false, MOCK_TIMEOUT) > 0;
}

static void revoke_work(struct work_struct *work)
{
	struct revoke_exporter *rev =
		container_of(work, struct revoke_exporter, work);
	struct dma_resv *resv = rev->exp->dmabuf->resv;
	bool signaled;

	dma_resv_lock(resv, NULL);
	signaled = revoke_locked(rev);
	dma_resv_unlock(resv);

	rev->success = wait_var_event_timeout(&rev->mapped,
					      !atomic_read(&rev->mapped),
					      MOCK_TIMEOUT) && signaled;
	complete(&rev->done);
}

static void revoke_restore(struct revoke_exporter *rev)
{
	dma_resv_lock(rev->exp->dmabuf->resv, NULL);
	WRITE_ONCE(rev->revoked, false);
	dma_resv_unlock(rev->exp->dmabuf->resv);
}

static void revoke_exporter_flush(void *data)
{
	struct revoke_exporter *rev = data;

	flush_work(&rev->work);
}

static struct revoke_exporter *revoke_exporter_create(struct kunit *test)
{
	struct revoke_exporter *rev =
		kunit_kzalloc(test, sizeof(*rev), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, rev);
	rev->exp = mock_exporter_alloc(test, MOCK_DYNAMIC, SZ_16K);
	rev->ops = rev->exp->ops;
	rev->ops.attach = revoke_op_attach;
	rev->ops.map_dma_buf = revoke_op_map;
	rev->ops.unmap_dma_buf = revoke_op_unmap;
	rev->exp->info.ops = &rev->ops;
	init_completion(&rev->done);
	INIT_WORK(&rev->work, revoke_work);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mock_export(rev->exp));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test,
							   revoke_exporter_flush,
							   rev));
	return rev;
}

/* Does the work item see the end of all access? */
static bool revoke_wait(struct revoke_exporter *rev)
{
	return wait_for_completion_timeout(&rev->done, 3 * MOCK_TIMEOUT) &&
	       rev->success;
}

static bool revoke_blocks(struct revoke_exporter *rev)
{
	return !wait_for_completion_timeout(&rev->done,
					    msecs_to_jiffies(REVOKE_SETTLE_MS));
}

/**
 * struct revoke_importer - a dynamic importer with a mapping
 * @ops: its callback
 * @attach: its attachment
 * @sgt: its mapping, or NULL; protected by the reservation lock
 * @map_error: error of a map in the callback
 * @notified: completed by the callback
 * @calls: number of calls of the callback
 * @unmap: unmaps after the callback
 */
struct revoke_importer {
	struct dma_buf_attach_ops ops;
	struct dma_buf_attachment *attach;
	struct sg_table *sgt;
	int map_error;
	struct completion notified;
	unsigned int calls;
	struct work_struct unmap;
};

static void revoke_importer_unmap(struct revoke_importer *imp)
{
	if (imp->sgt)
		dma_buf_unmap_attachment(imp->attach, imp->sgt, DMA_TO_DEVICE);
	imp->sgt = NULL;
}

static void revoke_importer_unmap_unlocked(struct revoke_importer *imp)
{
	struct dma_resv *resv = imp->attach->dmabuf->resv;

	dma_resv_lock(resv, NULL);
	revoke_importer_unmap(imp);
	dma_resv_unlock(resv);
}

static void revoke_importer_unmap_work(struct work_struct *work)
{
	revoke_importer_unmap_unlocked(container_of(work, struct revoke_importer,
						    unmap));
}

static struct revoke_importer *revoke_notified(struct dma_buf_attachment *attach)
{
	struct revoke_importer *imp = attach->importer_priv;

	imp->calls++;
	complete(&imp->notified);
	return imp;
}

/* The test unmaps. */
static void revoke_note(struct dma_buf_attachment *attach)
{
	revoke_notified(attach);
}

static void revoke_unmap_now(struct dma_buf_attachment *attach)
{
	revoke_importer_unmap(revoke_notified(attach));
}

static void revoke_unmap_later(struct dma_buf_attachment *attach)
{
	schedule_work(&revoke_notified(attach)->unmap);
}

static void revoke_map_again(struct dma_buf_attachment *attach)
{
	struct revoke_importer *imp = revoke_notified(attach);
	struct sg_table *sgt;

	revoke_importer_unmap(imp);
	sgt = dma_buf_map_attachment(attach, DMA_TO_DEVICE);
	imp->map_error = PTR_ERR_OR_ZERO(sgt);
	if (!IS_ERR(sgt))
		imp->sgt = sgt;
}

static void revoke_importer_end(void *data)
{
	struct revoke_importer *imp = data;

	flush_work(&imp->unmap);
	revoke_importer_unmap_unlocked(imp);
	dma_buf_detach(imp->attach->dmabuf, imp->attach);
}

/* Attach an importer with this callback, without a mapping. */
static struct revoke_importer *
revoke_attach(struct kunit *test, struct revoke_exporter *rev,
	      void (*callback)(struct dma_buf_attachment *attach))
{
	struct revoke_importer *imp =
		kunit_kzalloc(test, sizeof(*imp), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, imp);
	imp->ops.invalidate_mappings = callback;
	init_completion(&imp->notified);
	INIT_WORK(&imp->unmap, revoke_importer_unmap_work);
	imp->attach = dma_buf_dynamic_attach(rev->exp->dmabuf,
					     mock_device_create(test, "importer"),
					     &imp->ops, imp);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, imp->attach);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test,
							   revoke_importer_end,
							   imp));
	return imp;
}

static int revoke_map(struct revoke_importer *imp)
{
	struct sg_table *sgt =
		dma_buf_map_attachment_unlocked(imp->attach, DMA_TO_DEVICE);

	if (IS_ERR(sgt))
		return PTR_ERR(sgt);
	imp->sgt = sgt;
	return 0;
}

/* The same, with a mapping. */
static struct revoke_importer *
revoke_attach_mapped(struct kunit *test, struct revoke_exporter *rev,
		     void (*callback)(struct dma_buf_attachment *attach))
{
	struct revoke_importer *imp = revoke_attach(test, rev, callback);

	KUNIT_ASSERT_EQ(test, revoke_map(imp), 0);
	return imp;
}

struct revoke_kind {
	enum mock_importer_kind kind;
	const char *desc;
};

static const struct revoke_kind revoke_kinds[] = {
	{ MOCK_STATIC, "static" },
	{ MOCK_PINNING, "without invalidate_mappings" },
};

KUNIT_ARRAY_PARAM_DESC(revoke_kind, revoke_kinds, desc);

/*
 * Passes when an importer whose access cannot be ended is refused with the
 * exporter's error, and neither attached nor detached.
 */
static void unrevocable_is_refused(struct kunit *test)
{
	struct revoke_exporter *rev = revoke_exporter_create(test);
	const struct revoke_kind *kind = test->param_value;
	struct device *dev = mock_device_create(test, "importer");
	struct mock_importer *imp = mock_importer_create(test);
	struct dma_buf *dmabuf = rev->exp->dmabuf;
	struct dma_buf_attachment *attach;

	imp->ops.invalidate_mappings = NULL;
	if (kind->kind == MOCK_STATIC)
		attach = dma_buf_attach(dmabuf, dev);
	else
		attach = dma_buf_dynamic_attach(dmabuf, dev, &imp->ops, imp);

	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(attach), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, rev->exp->calls, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&dmabuf->attachments));
	if (!IS_ERR(attach))
		dma_buf_detach(dmabuf, attach);
}

/*
 * Passes when a work item of the exporter revokes: the importer is called, may
 * take the reservation lock to unmap afterwards, and cannot map again.
 */
static void revoke_from_work(struct kunit *test)
{
	struct revoke_exporter *rev = revoke_exporter_create(test);
	struct revoke_importer *imp =
		revoke_attach_mapped(test, rev, revoke_note);

	schedule_work(&rev->work);
	KUNIT_EXPECT_NE(test, 0, wait_for_completion_timeout(&imp->notified,
							     MOCK_TIMEOUT));
	KUNIT_EXPECT_TRUE(test, revoke_blocks(rev));
	revoke_importer_unmap_unlocked(imp);
	KUNIT_EXPECT_TRUE(test, revoke_wait(rev));
	KUNIT_EXPECT_EQ(test, imp->calls, 1);
	KUNIT_EXPECT_EQ(test, revoke_map(imp), -ENODEV);
}

/*
 * Passes when the work item waits for a fence of any usage before the mapping
 * may be considered unused, even if that was unmapped already.
 */
static void revoke_waits_for_fence(struct kunit *test)
{
	struct revoke_exporter *rev = revoke_exporter_create(test);
	struct revoke_importer *imp =
		revoke_attach_mapped(test, rev, revoke_unmap_now);
	struct dma_fence *fence =
		mock_fence_add_new(test, rev->exp->dmabuf,
				   DMA_RESV_USAGE_BOOKKEEP);

	schedule_work(&rev->work);
	KUNIT_EXPECT_NE(test, 0, wait_for_completion_timeout(&imp->notified,
							     MOCK_TIMEOUT));
	KUNIT_EXPECT_TRUE(test, revoke_blocks(rev));
	dma_fence_signal(fence);
	KUNIT_EXPECT_TRUE(test, revoke_wait(rev));
	KUNIT_EXPECT_EQ(test, atomic_read(&rev->mapped), 0);
}

/* Passes when all mappings of an importer may be unmapped in its callback. */
static void unmap_in_callback(struct kunit *test)
{
	struct revoke_exporter *rev = revoke_exporter_create(test);
	struct revoke_importer *imp =
		revoke_attach_mapped(test, rev, revoke_unmap_now);
	struct dma_resv *resv = rev->exp->dmabuf->resv;

	mock_log_reset(rev->exp);
	dma_resv_lock(resv, NULL);
	KUNIT_EXPECT_TRUE(test, revoke_locked(rev));
	KUNIT_EXPECT_EQ(test, atomic_read(&rev->mapped), 0);
	KUNIT_EXPECT_NULL(test, imp->sgt);
	dma_resv_unlock(resv);
	MOCK_EXPECT_LOG(test, rev->exp, MOCK_UNMAP_DMA_BUF);
	KUNIT_EXPECT_TRUE(test,
			  mock_last_call(rev->exp, MOCK_UNMAP_DMA_BUF)->locked);
}

/*
 * Passes when an importer that maps again in its callback, as after a move,
 * gets the exporter's error, and the buffer is revoked all the same.
 */
static void map_in_callback_fails(struct kunit *test)
{
	struct revoke_exporter *rev = revoke_exporter_create(test);
	struct revoke_importer *imp =
		revoke_attach_mapped(test, rev, revoke_map_again);

	schedule_work(&rev->work);
	KUNIT_EXPECT_TRUE(test, revoke_wait(rev));
	KUNIT_EXPECT_EQ(test, imp->map_error, -ENODEV);
	KUNIT_EXPECT_NULL(test, imp->sgt);
}

/*
 * Passes when an importer that has pinned the buffer is called as well, and may
 * unpin after its access has ended.
 */
static void revoke_pinned(struct kunit *test)
{
	struct revoke_exporter *rev = revoke_exporter_create(test);
	struct revoke_importer *imp = revoke_attach(test, rev, revoke_unmap_later);
	struct dma_resv *resv = rev->exp->dmabuf->resv;

	mock_log_reset(rev->exp);
	dma_resv_lock(resv, NULL);
	KUNIT_EXPECT_EQ(test, dma_buf_pin(imp->attach), 0);
	dma_resv_unlock(resv);
	KUNIT_EXPECT_EQ(test, revoke_map(imp), 0);

	schedule_work(&rev->work);
	KUNIT_EXPECT_TRUE(test, revoke_wait(rev));
	KUNIT_EXPECT_EQ(test, imp->calls, 1);

	dma_resv_lock(resv, NULL);
	dma_buf_unpin(imp->attach);
	dma_resv_unlock(resv);
	MOCK_EXPECT_LOG(test, rev->exp, MOCK_PIN, MOCK_MAP_DMA_BUF,
			MOCK_UNMAP_DMA_BUF, MOCK_UNPIN);
}

/*
 * Passes when an importer can be detached, which takes the reservation lock,
 * while the work item waits for another importer to unmap.
 */
static void detach_while_revoking(struct kunit *test)
{
	struct revoke_exporter *rev = revoke_exporter_create(test);
	struct revoke_importer *first = revoke_attach_mapped(test, rev, revoke_note);
	struct revoke_importer *second =
		revoke_attach_mapped(test, rev, revoke_unmap_now);

	schedule_work(&rev->work);
	KUNIT_EXPECT_NE(test, 0, wait_for_completion_timeout(&first->notified,
							     MOCK_TIMEOUT));
	kunit_release_action(test, revoke_importer_end, second);
	KUNIT_EXPECT_TRUE(test, revoke_blocks(rev));
	kunit_release_action(test, revoke_importer_end, first);
	KUNIT_EXPECT_TRUE(test, revoke_wait(rev));
	KUNIT_EXPECT_TRUE(test, list_empty(&rev->exp->dmabuf->attachments));
	KUNIT_EXPECT_EQ(test, mock_call_count(rev->exp, MOCK_DETACH), 2);
}

/* Passes when a device is refused after revocation, and accepted later. */
static void attach_after_revoke(struct kunit *test)
{
	struct revoke_exporter *rev = revoke_exporter_create(test);
	struct device *dev = mock_device_create(test, "importer");
	struct mock_importer *mock = mock_importer_create(test);
	struct revoke_importer *imp;

	schedule_work(&rev->work);
	KUNIT_EXPECT_TRUE(test, revoke_wait(rev));
	KUNIT_EXPECT_EQ(test, -ENODEV,
			PTR_ERR_OR_ZERO(dma_buf_dynamic_attach(rev->exp->dmabuf, dev,
							       &mock->ops, mock)));

	revoke_restore(rev);
	imp = revoke_attach_mapped(test, rev, revoke_note);
	KUNIT_EXPECT_EQ(test, imp->calls, 0);
}

/* Passes when the same attachment can map again once access is restored. */
static void map_after_restore(struct kunit *test)
{
	struct revoke_exporter *rev = revoke_exporter_create(test);
	struct revoke_importer *imp =
		revoke_attach_mapped(test, rev, revoke_unmap_now);
	int i;

	for (i = 1; i <= 3; i++) {
		schedule_work(&rev->work);
		KUNIT_EXPECT_TRUE(test, revoke_wait(rev));
		KUNIT_EXPECT_EQ(test, imp->calls, i);
		KUNIT_EXPECT_EQ(test, revoke_map(imp), -ENODEV);
		revoke_restore(rev);
		KUNIT_EXPECT_EQ(test, revoke_map(imp), 0);
		KUNIT_EXPECT_EQ(test, atomic_read(&rev->mapped), 1);
	}
}

/*
 * Passes when importers that unmap in the callback, later or have no mapping
 * are all called once, and no mapping is left.
 */
static void revoke_all(struct kunit *test)
{
	static void (* const callbacks[])(struct dma_buf_attachment *attach) = {
		revoke_unmap_now, revoke_unmap_later, revoke_note,
	};
	struct revoke_exporter *rev = revoke_exporter_create(test);
	struct revoke_importer *imp[12];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(imp); i++) {
		imp[i] = revoke_attach(test, rev,
				       callbacks[i % ARRAY_SIZE(callbacks)]);
		if (imp[i]->ops.invalidate_mappings != revoke_note)
			KUNIT_EXPECT_EQ(test, revoke_map(imp[i]), 0);
	}

	schedule_work(&rev->work);
	KUNIT_EXPECT_TRUE(test, revoke_wait(rev));
	KUNIT_EXPECT_EQ(test, atomic_read(&rev->mapped), 0);
	for (i = 0; i < ARRAY_SIZE(imp); i++)
		KUNIT_EXPECT_EQ_MSG(test, imp[i]->calls, 1, "importer %u", i);
}

static struct kunit_case dma_buf_revoke_cases[] = {
	KUNIT_CASE_PARAM(unrevocable_is_refused, revoke_kind_gen_params),
	KUNIT_CASE(revoke_from_work),
	KUNIT_CASE(revoke_waits_for_fence),
	KUNIT_CASE(unmap_in_callback),
	KUNIT_CASE(map_in_callback_fails),
	KUNIT_CASE(revoke_pinned),
	KUNIT_CASE(detach_while_revoking),
	KUNIT_CASE(attach_after_revoke),
	KUNIT_CASE(map_after_restore),
	KUNIT_CASE(revoke_all),
	{}
};

static struct kunit_suite dma_buf_revoke_suite = {
	.name = "dma_buf_revoke",
	.test_cases = dma_buf_revoke_cases,
};

kunit_test_suite(dma_buf_revoke_suite);
