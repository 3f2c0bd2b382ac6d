// SPDX-License-Identifier: GPL-2.0-only
/*
 * A buffer with very many attachments
 */

#include <linux/sizes.h>
#include <linux/string.h>

#include "mock.h"

#define DMA_BUF_LOAD_DEVICES	10000
#define DMA_BUF_LOAD_DYNAMIC	16
#define DMA_BUF_LOAD_TEXT	SZ_2M

/* Read bufinfo. One block of it is larger than the size of a read. */
static const char *dma_buf_load_listing(struct kunit *test, struct file *file)
{
	return mock_bufinfo_text(test, file, DMA_BUF_LOAD_TEXT, SZ_64K);
}

/*
 * Passes when a buffer has 10,000 attachments, bufinfo lists all of them, only
 * importers with invalidate_mappings are notified of a move, and the devices
 * detach in another order.
 */
static void many_attachments(struct kunit *test)
{
	struct dma_buf_attachment *dynamic[DMA_BUF_LOAD_DYNAMIC], **attach;
	struct mock_exporter *exp = mock_exporter_alloc(test, 0, SZ_4K);
	struct mock_importer *imp;
	struct device *dev = mock_device_create(test, "many");
	struct file *file = mock_bufinfo_open(test);
	struct dma_buf *dmabuf;
	unsigned int notified = 0;
	int i, at;

	exp->no_log = true;
	dmabuf = mock_export(exp);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dmabuf);
	for (i = 0; i < DMA_BUF_LOAD_DYNAMIC; i++)
		dynamic[i] = mock_attach_dynamic(test, exp);

	attach = mock_kvzalloc(test, DMA_BUF_LOAD_DEVICES * sizeof(*attach));
	for (i = 0; i < DMA_BUF_LOAD_DEVICES; i++) {
		attach[i] = dma_buf_attach(dmabuf, dev);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, attach[i]);
	}
	KUNIT_EXPECT_NOT_NULL(test, strstr(dma_buf_load_listing(test, file),
					   "Total 10016 devices attached\n"));

	dma_resv_lock(dmabuf->resv, NULL);
	dma_buf_invalidate_mappings(dmabuf);
	dma_resv_unlock(dmabuf->resv);
	for (i = 0; i < DMA_BUF_LOAD_DYNAMIC; i++) {
		imp = dynamic[i]->importer_priv;
		notified += imp->notified == 1;
	}
	KUNIT_EXPECT_EQ(test, notified, DMA_BUF_LOAD_DYNAMIC);

	for (i = 0, at = 0; i < DMA_BUF_LOAD_DEVICES; i++) {
		/* 7919 is coprime to the number: each of them once */
		at = (at + 7919) % DMA_BUF_LOAD_DEVICES;
		dma_buf_detach(dmabuf, attach[at]);
	}
	KUNIT_EXPECT_NOT_NULL(test, strstr(dma_buf_load_listing(test, file),
					   "Total 16 devices attached\n"));
}

static struct kunit_case dma_buf_load_cases[] = {
	KUNIT_CASE(many_attachments),
	{}
};

static struct kunit_suite dma_buf_load_suite = {
	.name = "dma_buf_load",
	.test_cases = dma_buf_load_cases,
};

kunit_test_suite(dma_buf_load_suite);
