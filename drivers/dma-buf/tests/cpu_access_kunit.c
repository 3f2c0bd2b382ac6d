// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPU access: the exporter's callbacks, then the waits for fences
 */

#include <linux/sizes.h>
#include <uapi/linux/dma-buf.h>

#include "mock.h"

static const struct dma_buf_cpu_row {
	const char *desc;
	enum dma_data_direction dir;
	enum dma_resv_usage usage;
	bool waits;
} dma_buf_cpu_rows[] = {
	{ "read, kernel", DMA_FROM_DEVICE, DMA_RESV_USAGE_KERNEL, true },
	{ "read, write", DMA_FROM_DEVICE, DMA_RESV_USAGE_WRITE, true },
	{ "read, read", DMA_FROM_DEVICE, DMA_RESV_USAGE_READ, false },
	{ "read, bookkeep", DMA_FROM_DEVICE, DMA_RESV_USAGE_BOOKKEEP, false },
	{ "write, kernel", DMA_TO_DEVICE, DMA_RESV_USAGE_KERNEL, true },
	{ "write, write", DMA_TO_DEVICE, DMA_RESV_USAGE_WRITE, true },
	{ "write, read", DMA_TO_DEVICE, DMA_RESV_USAGE_READ, true },
	{ "write, bookkeep", DMA_TO_DEVICE, DMA_RESV_USAGE_BOOKKEEP, false },
	{ "both, kernel", DMA_BIDIRECTIONAL, DMA_RESV_USAGE_KERNEL, true },
	{ "both, write", DMA_BIDIRECTIONAL, DMA_RESV_USAGE_WRITE, true },
	{ "both, read", DMA_BIDIRECTIONAL, DMA_RESV_USAGE_READ, true },
	{ "both, bookkeep", DMA_BIDIRECTIONAL, DMA_RESV_USAGE_BOOKKEEP, false },
};

KUNIT_ARRAY_PARAM_DESC(dma_buf_cpu, dma_buf_cpu_rows, desc);

/*
 * Passes when reading waits for kernel and write fences, writing for read
 * fences too, and neither for bookkeeping fences.
 */
static void begin_waits(struct kunit *test)
{
	const struct dma_buf_cpu_row *row = test->param_value;
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct dma_fence *fence;

	fence = mock_fence_add_new(test, exp->dmabuf, row->usage);
	mock_fence_signal_later(test, fence, row->waits ? 100 : 5000);

	KUNIT_EXPECT_EQ(test, dma_buf_begin_cpu_access(exp->dmabuf, row->dir),
			0);
	KUNIT_EXPECT_EQ(test, dma_fence_is_signaled(fence), row->waits);
	KUNIT_EXPECT_EQ(test, dma_buf_end_cpu_access(exp->dmabuf, row->dir), 0);

	MOCK_EXPECT_LOG(test, exp, MOCK_BEGIN_CPU_ACCESS, MOCK_END_CPU_ACCESS);
	KUNIT_EXPECT_EQ(test, mock_last_call(exp, MOCK_BEGIN_CPU_ACCESS)->dir,
			row->dir);
	KUNIT_EXPECT_EQ(test, mock_last_call(exp, MOCK_END_CPU_ACCESS)->dir,
			row->dir);
}

/* Passes when access waits for fences even without exporter callbacks. */
static void minimal_exporter(struct kunit *test)
{
	struct mock_exporter *exp =
		mock_exporter_create(test, MOCK_MINIMAL, SZ_8K);
	struct dma_fence *fence;

	fence = mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_WRITE);
	mock_fence_signal_later(test, fence, 100);
	KUNIT_EXPECT_EQ(test, dma_buf_begin_cpu_access(exp->dmabuf,
						       DMA_FROM_DEVICE), 0);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(fence));
	KUNIT_EXPECT_EQ(test, dma_buf_end_cpu_access(exp->dmabuf,
						     DMA_FROM_DEVICE), 0);
	KUNIT_EXPECT_EQ(test, exp->calls, 0);
}

/* Passes when begin_cpu_access()'s error is returned without a wait. */
static void begin_fails(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct dma_fence *fence;

	fence = mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_WRITE);
	mock_fence_signal_later(test, fence, 5000);
	exp->fail[MOCK_BEGIN_CPU_ACCESS] = -EIO;

	KUNIT_EXPECT_EQ(test, dma_buf_begin_cpu_access(exp->dmabuf,
						       DMA_BIDIRECTIONAL),
			-EIO);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(fence));
	MOCK_EXPECT_LOG(test, exp, MOCK_BEGIN_CPU_ACCESS);
}

/* Passes when end_cpu_access()'s error is returned. */
static void end_fails(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);

	exp->fail[MOCK_END_CPU_ACCESS] = -EAGAIN;
	KUNIT_EXPECT_EQ(test, dma_buf_end_cpu_access(exp->dmabuf,
						     DMA_TO_DEVICE), -EAGAIN);
	MOCK_EXPECT_LOG(test, exp, MOCK_END_CPU_ACCESS);
}

/* Passes when ending an access does not wait for fences. */
static void end_does_not_wait(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct dma_fence *fence;

	fence = mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_KERNEL);
	mock_fence_signal_later(test, fence, 5000);
	KUNIT_EXPECT_EQ(test, dma_buf_end_cpu_access(exp->dmabuf,
						     DMA_BIDIRECTIONAL), 0);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(fence));
}

/*
 * Passes when an interrupted wait can be restarted without a call of
 * end_cpu_access(), which would write back data that the CPU has not written.
 */
static void begin_interrupted(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct dma_fence *fence;
	int ret;

	fence = mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_WRITE);
	mock_fence_signal_later(test, fence, 5000);

	mock_signal_pending_set();
	ret = dma_buf_begin_cpu_access(exp->dmabuf, DMA_FROM_DEVICE);
	mock_signal_pending_clear();

	KUNIT_EXPECT_EQ(test, ret, -ERESTARTSYS);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(fence));
	MOCK_EXPECT_LOG(test, exp, MOCK_BEGIN_CPU_ACCESS);

	dma_fence_signal(fence);
	KUNIT_EXPECT_EQ(test, dma_buf_begin_cpu_access(exp->dmabuf,
						       DMA_FROM_DEVICE), 0);
	MOCK_EXPECT_LOG(test, exp, MOCK_BEGIN_CPU_ACCESS, MOCK_BEGIN_CPU_ACCESS);
}

/* Passes when a signal does not interrupt an access that need not wait. */
static void signal_without_wait(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct dma_fence *fence;
	int ret;

	fence = mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_WRITE);
	dma_fence_signal(fence);

	mock_signal_pending_set();
	ret = dma_buf_begin_cpu_access(exp->dmabuf, DMA_TO_DEVICE);
	mock_signal_pending_clear();
	KUNIT_EXPECT_EQ(test, ret, 0);
	MOCK_EXPECT_LOG(test, exp, MOCK_BEGIN_CPU_ACCESS);
}

/* Passes when neither beginning nor ending takes the reservation lock. */
static void access_without_lock(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct mock_resv_lock_holder *holder =
		mock_resv_lock_holder_create(test, exp->dmabuf->resv);

	KUNIT_EXPECT_EQ(test, dma_buf_begin_cpu_access(exp->dmabuf,
						       DMA_TO_DEVICE), 0);
	KUNIT_EXPECT_EQ(test, dma_buf_end_cpu_access(exp->dmabuf,
						     DMA_TO_DEVICE), 0);
	KUNIT_EXPECT_TRUE(test, mock_resv_lock_holder_release(test, holder));
}

static const struct dma_buf_cpu_sync_row {
	const char *desc;
	u64 flags;
	int want;
	enum mock_op op;
	enum dma_data_direction dir;
} dma_buf_cpu_sync_rows[] = {
	{ "start read", DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ, 0,
	  MOCK_BEGIN_CPU_ACCESS, DMA_FROM_DEVICE },
	{ "start write", DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE, 0,
	  MOCK_BEGIN_CPU_ACCESS, DMA_TO_DEVICE },
	{ "start both", DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW, 0,
	  MOCK_BEGIN_CPU_ACCESS, DMA_BIDIRECTIONAL },
	{ "end read", DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ, 0,
	  MOCK_END_CPU_ACCESS, DMA_FROM_DEVICE },
	{ "end write", DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE, 0,
	  MOCK_END_CPU_ACCESS, DMA_TO_DEVICE },
	{ "end both", DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW, 0,
	  MOCK_END_CPU_ACCESS, DMA_BIDIRECTIONAL },
	{ "start, no access", DMA_BUF_SYNC_START, -EINVAL },
	{ "end, no access", DMA_BUF_SYNC_END, -EINVAL },
	{ "unknown bit", DMA_BUF_SYNC_RW | 8, -EINVAL },
	{ "unknown high bit", DMA_BUF_SYNC_RW | BIT_ULL(32), -EINVAL },
	{ "all bits", U64_MAX, -EINVAL },
};

KUNIT_ARRAY_PARAM_DESC(dma_buf_cpu_sync, dma_buf_cpu_sync_rows, desc);

/* Passes when the ioctl makes the call that its flags name, or fails. */
static void sync_ioctl(struct kunit *test)
{
	const struct dma_buf_cpu_sync_row *row = test->param_value;
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct dma_buf_sync sync = { .flags = row->flags };
	long ret;

	ret = mock_ioctl(test, exp->dmabuf->file, DMA_BUF_IOCTL_SYNC, &sync,
			 sizeof(sync));
	KUNIT_EXPECT_EQ(test, ret, row->want);
	KUNIT_EXPECT_EQ(test, exp->calls, row->want ? 0 : 1);
	if (!row->want)
		KUNIT_EXPECT_EQ(test, mock_last_call(exp, row->op)->dir,
				row->dir);
	KUNIT_EXPECT_EQ(test, sync.flags, row->flags);
}

/* Passes when the ioctl returns the exporter's errors. */
static void sync_ioctl_fails(struct kunit *test)
{
	struct dma_buf_sync start = { DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW };
	struct dma_buf_sync end = { DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW };
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct file *file = exp->dmabuf->file;

	exp->fail[MOCK_BEGIN_CPU_ACCESS] = -EIO;
	exp->fail[MOCK_END_CPU_ACCESS] = -ENXIO;
	KUNIT_EXPECT_EQ(test, mock_ioctl(test, file, DMA_BUF_IOCTL_SYNC,
					 &start, sizeof(start)), -EIO);
	KUNIT_EXPECT_EQ(test, mock_ioctl(test, file, DMA_BUF_IOCTL_SYNC,
					 &end, sizeof(end)), -ENXIO);
}

/* Passes when a bad pointer and unknown commands are refused. */
static void invalid_ioctl(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct file *file = exp->dmabuf->file;
	unsigned long umem = (unsigned long)mock_user_alloc(test, PAGE_SIZE);
	unsigned int cmd;

	KUNIT_EXPECT_EQ(test, mock_ioctl_raw(file, DMA_BUF_IOCTL_SYNC, 0),
			-EFAULT);

	/* Unknown number, unknown type, known number of another size. */
	cmd = _IOW(DMA_BUF_BASE, 99, u64);
	KUNIT_EXPECT_EQ(test, mock_ioctl_raw(file, cmd, umem), -ENOTTY);
	cmd = _IOW('B', 0, struct dma_buf_sync);
	KUNIT_EXPECT_EQ(test, mock_ioctl_raw(file, cmd, umem), -ENOTTY);
	cmd = _IOW(DMA_BUF_BASE, 0, u32);
	KUNIT_EXPECT_EQ(test, mock_ioctl_raw(file, cmd, umem), -ENOTTY);
	KUNIT_EXPECT_EQ(test, exp->calls, 0);
}

static struct kunit_case dma_buf_cpu_access_cases[] = {
	KUNIT_CASE_PARAM(begin_waits, dma_buf_cpu_gen_params),
	KUNIT_CASE(minimal_exporter),
	KUNIT_CASE(begin_fails),
	KUNIT_CASE(end_fails),
	KUNIT_CASE(end_does_not_wait),
	KUNIT_CASE(begin_interrupted),
	KUNIT_CASE(signal_without_wait),
	KUNIT_CASE(access_without_lock),
	KUNIT_CASE_PARAM(sync_ioctl, dma_buf_cpu_sync_gen_params),
	KUNIT_CASE(sync_ioctl_fails),
	KUNIT_CASE(invalid_ioctl),
	{}
};

static struct kunit_suite dma_buf_cpu_access_suite = {
	.name = "dma_buf_cpu_access",
	.test_cases = dma_buf_cpu_access_cases,
};

kunit_test_suite(dma_buf_cpu_access_suite);
