// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pinning by dynamic importers
 */

#include <linux/sizes.h>

#include "mock.h"

/* Passes when pin and unpin reach the exporter with the lock held. */
static void pin_and_unpin(struct kunit *test)
{
	struct mock_exporter *exp =
		mock_exporter_create(test, MOCK_DYNAMIC, SZ_8K);
	struct dma_buf_attachment *attach = mock_attach_dynamic(test, exp);

	mock_log_reset(exp);
	dma_resv_lock(exp->dmabuf->resv, NULL);
	KUNIT_EXPECT_EQ(test, dma_buf_pin(attach), 0);
	KUNIT_EXPECT_EQ(test, exp->pins, 1);
	dma_buf_unpin(attach);
	KUNIT_EXPECT_EQ(test, exp->pins, 0);
	dma_resv_unlock(exp->dmabuf->resv);

	MOCK_EXPECT_LOG(test, exp, MOCK_PIN, MOCK_UNPIN);
	KUNIT_EXPECT_TRUE(test, mock_last_call(exp, MOCK_PIN)->locked);
	KUNIT_EXPECT_TRUE(test, mock_last_call(exp, MOCK_UNPIN)->locked);
	KUNIT_EXPECT_PTR_EQ(test, mock_last_call(exp, MOCK_PIN)->arg,
			    (const void *)attach);
	KUNIT_EXPECT_PTR_EQ(test, mock_last_call(exp, MOCK_UNPIN)->arg,
			    (const void *)attach);
}

/* Passes when the core does not count pins but passes each to the exporter. */
static void nested_pins(struct kunit *test)
{
	struct mock_exporter *exp =
		mock_exporter_create(test, MOCK_DYNAMIC, SZ_8K);
	struct dma_buf_attachment *attach = mock_attach_dynamic(test, exp);
	int i;

	dma_resv_lock(exp->dmabuf->resv, NULL);
	for (i = 1; i <= 3; i++) {
		KUNIT_EXPECT_EQ(test, dma_buf_pin(attach), 0);
		KUNIT_EXPECT_EQ(test, exp->pins, i);
	}
	while (--i)
		dma_buf_unpin(attach);
	dma_resv_unlock(exp->dmabuf->resv);

	KUNIT_EXPECT_EQ(test, mock_call_count(exp, MOCK_PIN), 3);
	KUNIT_EXPECT_EQ(test, mock_call_count(exp, MOCK_UNPIN), 3);
}

static const int dma_buf_pin_errors[] = { -ENOMEM, -EBUSY, -ENOSPC, -EINTR };

static void dma_buf_pin_error_desc(const int *error, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "errno %d", -*error);
}

KUNIT_ARRAY_PARAM(dma_buf_pin_error, dma_buf_pin_errors,
		  dma_buf_pin_error_desc);

/* Passes when the exporter's error is returned to the importer. */
static void pin_fails(struct kunit *test)
{
	struct mock_exporter *exp =
		mock_exporter_create(test, MOCK_DYNAMIC, SZ_8K);
	struct dma_buf_attachment *attach = mock_attach_dynamic(test, exp);
	const int *error = test->param_value;

	mock_log_reset(exp);
	exp->fail[MOCK_PIN] = *error;
	dma_resv_lock(exp->dmabuf->resv, NULL);
	KUNIT_EXPECT_EQ(test, dma_buf_pin(attach), *error);
	dma_resv_unlock(exp->dmabuf->resv);
	MOCK_EXPECT_LOG(test, exp, MOCK_PIN);
}

/* Passes when pinning succeeds on an exporter that never moves. */
static void pin_without_op(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct dma_buf_attachment *attach = mock_attach_dynamic(test, exp);

	mock_log_reset(exp);
	dma_resv_lock(exp->dmabuf->resv, NULL);
	KUNIT_EXPECT_EQ(test, dma_buf_pin(attach), 0);
	dma_buf_unpin(attach);
	dma_resv_unlock(exp->dmabuf->resv);
	KUNIT_EXPECT_EQ(test, exp->calls, 0);
}

/*
 * Passes when an importer without invalidate_mappings pins once and mapping
 * does not pin again.
 */
static void pin_then_map(struct kunit *test)
{
	struct mock_exporter *exp =
		mock_exporter_create(test, MOCK_DYNAMIC, SZ_8K);
	struct dma_buf_attachment *attach =
		mock_attach_as(test, exp, MOCK_PINNING);
	struct sg_table *sgt;

	mock_log_reset(exp);
	dma_resv_lock(exp->dmabuf->resv, NULL);
	KUNIT_EXPECT_EQ(test, dma_buf_pin(attach), 0);
	sgt = dma_buf_map_attachment(attach, DMA_TO_DEVICE);
	KUNIT_EXPECT_NOT_ERR_OR_NULL(test, sgt);
	if (!IS_ERR_OR_NULL(sgt))
		dma_buf_unmap_attachment(attach, sgt, DMA_TO_DEVICE);
	dma_buf_unpin(attach);
	dma_resv_unlock(exp->dmabuf->resv);

	MOCK_EXPECT_LOG(test, exp, MOCK_PIN, MOCK_MAP_DMA_BUF,
			MOCK_UNMAP_DMA_BUF, MOCK_UNPIN);
}

static struct kunit_case dma_buf_pin_cases[] = {
	KUNIT_CASE(pin_and_unpin),
	KUNIT_CASE(nested_pins),
	KUNIT_CASE_PARAM(pin_fails, dma_buf_pin_error_gen_params),
	KUNIT_CASE(pin_without_op),
	KUNIT_CASE(pin_then_map),
	{}
};

static struct kunit_suite dma_buf_pin_suite = {
	.name = "dma_buf_pin",
	.test_cases = dma_buf_pin_cases,
};

kunit_test_suite(dma_buf_pin_suite);
