// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPU access page by page
 */

#include <linux/sizes.h>
#include <linux/string.h>

#include "mock.h"

/* Passes when each page is mapped at its address and unmapped with that. */
static void each_page(struct kunit *test)
{
	struct mock_exporter *exp =
		mock_exporter_create(test, 0, 4 * PAGE_SIZE);
	unsigned long page;
	void *vaddr;

	for (page = 0; page < 4; page++) {
		mock_log_reset(exp);
		vaddr = dma_buf_kmap(exp->dmabuf, page);
		KUNIT_EXPECT_PTR_EQ(test, vaddr, exp->vaddr + page * PAGE_SIZE);
		dma_buf_kunmap(exp->dmabuf, page, vaddr);

		MOCK_EXPECT_LOG(test, exp, MOCK_MAP, MOCK_UNMAP);
		KUNIT_EXPECT_EQ(test, mock_last_call(exp, MOCK_MAP)->page,
				page);
		KUNIT_EXPECT_EQ(test, mock_last_call(exp, MOCK_UNMAP)->page,
				page);
		KUNIT_EXPECT_PTR_EQ(test, mock_last_call(exp, MOCK_UNMAP)->arg,
				    (const void *)vaddr);
		KUNIT_EXPECT_FALSE(test, mock_last_call(exp, MOCK_MAP)->locked);
		KUNIT_EXPECT_FALSE(test,
				   mock_last_call(exp, MOCK_UNMAP)->locked);
	}
}

/* Passes when several pages, one of them twice, are mapped at the same time. */
static void several_pages(struct kunit *test)
{
	struct mock_exporter *exp =
		mock_exporter_create(test, 0, 2 * PAGE_SIZE);
	char *one = dma_buf_kmap(exp->dmabuf, 0);
	char *two = dma_buf_kmap(exp->dmabuf, 1);
	char *again = dma_buf_kmap(exp->dmabuf, 0);

	KUNIT_ASSERT_NOT_NULL(test, one);
	KUNIT_ASSERT_NOT_NULL(test, two);
	KUNIT_ASSERT_NOT_NULL(test, again);
	memset(one, 0x5a, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, again[PAGE_SIZE - 1], 0x5a);
	KUNIT_EXPECT_EQ(test, two[0], 0);

	dma_buf_kunmap(exp->dmabuf, 0, again);
	dma_buf_kunmap(exp->dmabuf, 1, two);
	dma_buf_kunmap(exp->dmabuf, 0, one);
	KUNIT_EXPECT_EQ(test, mock_call_count(exp, MOCK_UNMAP), 3);
}

static const struct dma_buf_kmap_row {
	const char *desc;
	size_t size;
	unsigned long page;
	bool inside;
} dma_buf_kmap_rows[] = {
	{ "empty", 0, 0, false },
	{ "part of a page", 1, 0, true },
	{ "after part of a page", 1, 1, false },
	{ "one page", PAGE_SIZE, 0, true },
	{ "after one page", PAGE_SIZE, 1, false },
	{ "last, partial", PAGE_SIZE + 1, 1, true },
	{ "after last", PAGE_SIZE + 1, 2, false },
	{ "far beyond", PAGE_SIZE, ULONG_MAX, false },
	{ "wraps", PAGE_SIZE, ULONG_MAX >> PAGE_SHIFT, false },
	{ "wraps to zero", PAGE_SIZE, (ULONG_MAX >> PAGE_SHIFT) + 1, false },
};

KUNIT_ARRAY_PARAM_DESC(dma_buf_kmap, dma_buf_kmap_rows, desc);

/* Passes when pages beyond the end of the buffer never reach the exporter. */
static void page_bounds(struct kunit *test)
{
	const struct dma_buf_kmap_row *row = test->param_value;
	struct mock_exporter *exp = mock_exporter_create(test, 0, row->size);
	void *vaddr = dma_buf_kmap(exp->dmabuf, row->page);

	KUNIT_EXPECT_EQ(test, !!vaddr, row->inside);
	KUNIT_EXPECT_EQ(test, exp->calls, row->inside ? 1 : 0);
	dma_buf_kunmap(exp->dmabuf, row->page, vaddr);
}

/* Passes when an exporter without map gives NULL and kunmap ignores that. */
static void kmap_without_map(struct kunit *test)
{
	struct mock_exporter *exp =
		mock_exporter_create(test, MOCK_MINIMAL, PAGE_SIZE);

	KUNIT_EXPECT_NULL(test, dma_buf_kmap(exp->dmabuf, 0));
	dma_buf_kunmap(exp->dmabuf, 0, NULL);
	KUNIT_EXPECT_EQ(test, exp->calls, 0);
}

/* Passes when an exporter with map needs no unmap. */
static void kmap_without_unmap(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_alloc(test, 0, PAGE_SIZE);
	void *vaddr;

	exp->ops.unmap = NULL;
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mock_export(exp));
	vaddr = dma_buf_kmap(exp->dmabuf, 0);
	KUNIT_EXPECT_PTR_EQ(test, vaddr, exp->vaddr);
	dma_buf_kunmap(exp->dmabuf, 0, vaddr);
	MOCK_EXPECT_LOG(test, exp, MOCK_MAP);
}

/* Passes when the exporter's NULL is returned, and NULL is not unmapped. */
static void kmap_fails(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, PAGE_SIZE);

	exp->fail[MOCK_MAP] = MOCK_NULL;
	KUNIT_EXPECT_NULL(test, dma_buf_kmap(exp->dmabuf, 0));
	dma_buf_kunmap(exp->dmabuf, 0, NULL);
	MOCK_EXPECT_LOG(test, exp, MOCK_MAP);
}

/* Passes when dma_buf_kmap() does not take the reservation lock. */
static void kmap_without_lock(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, PAGE_SIZE);
	struct mock_resv_lock_holder *holder =
		mock_resv_lock_holder_create(test, exp->dmabuf->resv);
	void *vaddr = dma_buf_kmap(exp->dmabuf, 0);

	KUNIT_EXPECT_PTR_EQ(test, vaddr, exp->vaddr);
	dma_buf_kunmap(exp->dmabuf, 0, vaddr);
	KUNIT_EXPECT_TRUE(test, mock_resv_lock_holder_release(test, holder));
}

static struct kunit_case dma_buf_kmap_cases[] = {
	KUNIT_CASE(each_page),
	KUNIT_CASE(several_pages),
	KUNIT_CASE_PARAM(page_bounds, dma_buf_kmap_gen_params),
	KUNIT_CASE(kmap_without_map),
	KUNIT_CASE(kmap_without_unmap),
	KUNIT_CASE(kmap_fails),
	KUNIT_CASE(kmap_without_lock),
	{}
};

static struct kunit_suite dma_buf_kmap_suite = {
	.name = "dma_buf_kmap",
	.test_cases = dma_buf_kmap_cases,
};

kunit_test_suite(dma_buf_kmap_suite);
