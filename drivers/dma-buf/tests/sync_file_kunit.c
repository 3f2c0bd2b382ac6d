// SPDX-License-Identifier: GPL-2.0-only
/*
 * Export and import of a buffer's fences as a sync_file
 */

#include <linux/dma-fence-array.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/sync_file.h>
#include <linux/uaccess.h>
#include <uapi/linux/dma-buf.h>

#include "mock.h"

static void dma_buf_sync_file_put_fence(void *fence)
{
	dma_fence_put(fence);
}

/* Export a sync_file with these flags and return its fence. */
static struct dma_fence *dma_buf_sync_file_out(struct kunit *test,
					       struct mock_exporter *exp,
					       u32 flags)
{
	struct dma_buf_export_sync_file arg = { .flags = flags, .fd = -1 };
	struct dma_fence *fence;
	int ret;

	KUNIT_ASSERT_EQ(test, mock_ioctl(test, exp->dmabuf->file,
					 DMA_BUF_IOCTL_EXPORT_SYNC_FILE,
					 &arg, sizeof(arg)), 0);
	KUNIT_ASSERT_GE(test, arg.fd, 0);
	KUNIT_EXPECT_TRUE(test, mock_fd_cloexec(arg.fd));
	KUNIT_EXPECT_EQ(test, arg.flags, flags);

	fence = sync_file_get_fence(arg.fd);
	close_fd(arg.fd);
	KUNIT_ASSERT_NOT_NULL(test, fence);
	ret = kunit_add_action_or_reset(test, dma_buf_sync_file_put_fence,
					fence);
	KUNIT_ASSERT_EQ(test, ret, 0);

	return fence;
}

static void dma_buf_sync_file_close(void *fd)
{
	close_fd((unsigned long)fd);
	flush_delayed_fput();
}

/* Install a descriptor of a sync_file with this fence. */
static int dma_buf_sync_file_fd(struct kunit *test, struct dma_fence *fence)
{
	struct sync_file *sync_file = sync_file_create(fence);
	int fd = get_unused_fd_flags(O_CLOEXEC);
	int ret;

	KUNIT_ASSERT_NOT_NULL(test, sync_file);
	KUNIT_ASSERT_GE(test, fd, 0);
	fd_install(fd, sync_file->file);
	ret = kunit_add_action_or_reset(test, dma_buf_sync_file_close,
					(void *)(unsigned long)fd);
	KUNIT_ASSERT_EQ(test, ret, 0);

	return fd;
}

static long dma_buf_sync_file_in(struct kunit *test, struct mock_exporter *exp,
				 u32 flags, int fd)
{
	struct dma_buf_import_sync_file arg = { .flags = flags, .fd = fd };

	return mock_ioctl(test, exp->dmabuf->file,
			  DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &arg, sizeof(arg));
}

static const struct dma_buf_sync_file_out_row {
	const char *desc;
	enum dma_resv_usage usage;
	u32 flags;
	bool waits;
} dma_buf_sync_file_out_rows[] = {
	{ "kernel, to read", DMA_RESV_USAGE_KERNEL, DMA_BUF_SYNC_READ, true },
	{ "write, to read", DMA_RESV_USAGE_WRITE, DMA_BUF_SYNC_READ, true },
	{ "read, to read", DMA_RESV_USAGE_READ, DMA_BUF_SYNC_READ, false },
	{ "bookkeep, to read", DMA_RESV_USAGE_BOOKKEEP, DMA_BUF_SYNC_READ,
	  false },
	{ "kernel, to write", DMA_RESV_USAGE_KERNEL, DMA_BUF_SYNC_WRITE, true },
	{ "write, to write", DMA_RESV_USAGE_WRITE, DMA_BUF_SYNC_WRITE, true },
	{ "read, to write", DMA_RESV_USAGE_READ, DMA_BUF_SYNC_WRITE, true },
	{ "bookkeep, to write", DMA_RESV_USAGE_BOOKKEEP, DMA_BUF_SYNC_WRITE,
	  false },
	{ "read, for both", DMA_RESV_USAGE_READ, DMA_BUF_SYNC_RW, true },
	{ "bookkeep, for both", DMA_RESV_USAGE_BOOKKEEP, DMA_BUF_SYNC_RW,
	  false },
};

KUNIT_ARRAY_PARAM_DESC(dma_buf_sync_file_out, dma_buf_sync_file_out_rows, desc);

/* Passes when the snapshot has the fences that the access must wait for. */
static void export_usage(struct kunit *test)
{
	const struct dma_buf_sync_file_out_row *row = test->param_value;
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct dma_fence *fence, *out;

	fence = mock_fence_add_new(test, exp->dmabuf, row->usage);
	out = dma_buf_sync_file_out(test, exp, row->flags);
	KUNIT_EXPECT_EQ(test, dma_fence_is_signaled(out), !row->waits);

	dma_fence_signal(fence);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(out));
}

/* Passes when an idle buffer exports a sync_file that has signalled. */
static void export_idle(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct dma_fence *fence;

	fence = dma_buf_sync_file_out(test, exp, DMA_BUF_SYNC_RW);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(fence));
}

/* Passes when several fences are exported as one that waits for all of them. */
static void export_several(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct dma_fence *fence[4], *out;
	int i;

	for (i = 0; i < ARRAY_SIZE(fence); i++)
		fence[i] = mock_fence_add_new(test, exp->dmabuf,
					      DMA_RESV_USAGE_READ);
	out = dma_buf_sync_file_out(test, exp, DMA_BUF_SYNC_WRITE);
	for (i = 0; i < ARRAY_SIZE(fence); i++) {
		KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(out));
		dma_fence_signal(fence[i]);
	}
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(out));
}

static const int dma_buf_sync_file_nums[] = { 1, 2, 5 };

static void dma_buf_sync_file_num_desc(const int *num, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%d fences", *num);
}

KUNIT_ARRAY_PARAM(dma_buf_sync_file_num, dma_buf_sync_file_nums,
		  dma_buf_sync_file_num_desc);

/* Passes when closing the sync_file drops the references to the fences. */
static void export_references(struct kunit *test)
{
	struct dma_buf_export_sync_file arg = { .flags = DMA_BUF_SYNC_RW };
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	const int *num = test->param_value;
	struct dma_fence *fence[5];
	int i;

	for (i = 0; i < *num; i++)
		fence[i] = mock_fence_add_new(test, exp->dmabuf,
					      DMA_RESV_USAGE_READ);
	KUNIT_ASSERT_EQ(test, mock_ioctl(test, exp->dmabuf->file,
					 DMA_BUF_IOCTL_EXPORT_SYNC_FILE,
					 &arg, sizeof(arg)), 0);
	for (i = 0; i < *num; i++)
		KUNIT_EXPECT_EQ(test, kref_read(&fence[i]->refcount), 3);
	dma_buf_sync_file_close((void *)(unsigned long)arg.fd);
	for (i = 0; i < *num; i++)
		KUNIT_EXPECT_EQ(test, kref_read(&fence[i]->refcount), 2);
}

struct dma_buf_sync_file_revive {
	struct dma_fence *fence;
	unsigned int references;
	unsigned int queries;
	bool revived;
};

/* Give @fence its references back in the second pass of the walk. */
static bool dma_buf_sync_file_revive(struct dma_fence *first, void *data)
{
	struct dma_buf_sync_file_revive *r = data;

	if (++r->queries == 2) {
		r->revived = !kref_read(&r->fence->refcount);
		refcount_set(&r->fence->refcount.refcount, r->references);
	}
	return false;
}

/*
 * Passes when a walk that restarts, at a fence without references, exports each
 * fence once: that of the first attempt gets its reference dropped.
 */
static void export_restarts(struct kunit *test)
{
	struct dma_buf_export_sync_file arg = { .flags = DMA_BUF_SYNC_RW };
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct dma_buf_sync_file_revive revive = {};
	struct dma_fence *first;
	long ret;

	first = mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_READ);
	revive.fence = mock_fence_add_new(test, exp->dmabuf,
					  DMA_RESV_USAGE_READ);
	revive.references = kref_read(&revive.fence->refcount);
	mock_fence_set_signaled(first, dma_buf_sync_file_revive, &revive);
	refcount_set(&revive.fence->refcount.refcount, 0);
	ret = mock_ioctl(test, exp->dmabuf->file,
			 DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &arg, sizeof(arg));
	mock_fence_set_signaled(first, NULL, NULL);
	KUNIT_ASSERT_TRUE(test, revive.revived);
	KUNIT_ASSERT_EQ(test, ret, 0);
	KUNIT_EXPECT_EQ(test, kref_read(&first->refcount), 3);
	KUNIT_EXPECT_EQ(test, kref_read(&revive.fence->refcount), 3);
	dma_buf_sync_file_close((void *)(unsigned long)arg.fd);
	KUNIT_EXPECT_EQ(test, kref_read(&first->refcount), 2);
	KUNIT_EXPECT_EQ(test, kref_read(&revive.fence->refcount), 2);
}

/* Passes when the snapshot does not include fences that are added later. */
static void export_is_snapshot(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct dma_fence *before, *out;

	before = mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_WRITE);
	out = dma_buf_sync_file_out(test, exp, DMA_BUF_SYNC_RW);
	mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_WRITE);

	dma_fence_signal(before);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(out));
}

/* Passes when exporting does not take the reservation lock. */
static void export_without_lock(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct mock_resv_lock_holder *holder;

	mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_WRITE);
	holder = mock_resv_lock_holder_create(test, exp->dmabuf->resv);
	dma_buf_sync_file_out(test, exp, DMA_BUF_SYNC_RW);
	KUNIT_EXPECT_TRUE(test, mock_resv_lock_holder_release(test, holder));
}

static const u32 dma_buf_sync_file_bad_flags[] = {
	0, 4, 8, DMA_BUF_SYNC_RW | 4, DMA_BUF_SYNC_READ | BIT(31), U32_MAX,
};

static void dma_buf_sync_file_flags_desc(const u32 *flags, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "flags %#x", *flags);
}

KUNIT_ARRAY_PARAM(dma_buf_sync_file_flags, dma_buf_sync_file_bad_flags,
		  dma_buf_sync_file_flags_desc);

/* Passes when invalid flags are refused and leak no descriptor. */
static void export_invalid_flags(struct kunit *test)
{
	struct dma_buf_export_sync_file arg = { .fd = -7 };
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	const u32 *flags = test->param_value;
	int next = mock_next_fd(test);

	arg.flags = *flags;
	KUNIT_EXPECT_EQ(test, mock_ioctl(test, exp->dmabuf->file,
					 DMA_BUF_IOCTL_EXPORT_SYNC_FILE,
					 &arg, sizeof(arg)), -EINVAL);
	KUNIT_EXPECT_EQ(test, arg.fd, -7);
	KUNIT_EXPECT_EQ(test, mock_next_fd(test), next);
}

/* Passes when a full table gives -EMFILE and drops the fence reference. */
static void export_emfile(struct kunit *test)
{
	struct dma_buf_export_sync_file arg = { .flags = DMA_BUF_SYNC_RW };
	struct rlimit *limit = &current->signal->rlim[RLIMIT_NOFILE];
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	unsigned long old = limit->rlim_cur;
	struct dma_fence *fence;
	long ret;

	fence = mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_WRITE);
	limit->rlim_cur = 0;
	ret = mock_ioctl(test, exp->dmabuf->file,
			 DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &arg, sizeof(arg));
	limit->rlim_cur = old;

	KUNIT_EXPECT_EQ(test, ret, -EMFILE);
	KUNIT_EXPECT_EQ(test, kref_read(&fence->refcount), 2);
}

/* Passes when a result that cannot be stored leaks neither fd nor fence. */
static void export_efault(struct kunit *test)
{
	u32 flags = DMA_BUF_SYNC_RW;
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	void __user *umem = mock_user_alloc(test, 2 * PAGE_SIZE);
	struct file *file = exp->dmabuf->file;
	unsigned long end = (unsigned long)umem + PAGE_SIZE;
	int next = mock_next_fd(test);
	struct dma_fence *fence;
	long ret;

	fence = mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_WRITE);
	ret = mock_ioctl_raw(file, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, 0);
	KUNIT_EXPECT_EQ(test, ret, -EFAULT);

	/* The flags can be read, but the number cannot be written. */
	KUNIT_ASSERT_EQ(test, vm_munmap(end, PAGE_SIZE), 0);
	KUNIT_ASSERT_EQ(test, copy_to_user((void __user *)(end - sizeof(flags)),
					   &flags, sizeof(flags)), 0UL);
	ret = mock_ioctl_raw(file, DMA_BUF_IOCTL_EXPORT_SYNC_FILE,
			     end - sizeof(flags));
	KUNIT_EXPECT_EQ(test, ret, -EFAULT);

	flush_delayed_fput();
	KUNIT_EXPECT_EQ(test, mock_next_fd(test), next);
	KUNIT_EXPECT_EQ(test, kref_read(&fence->refcount), 2);
}

static const struct dma_buf_sync_file_in_row {
	const char *desc;
	u32 flags;
	enum dma_resv_usage usage;
} dma_buf_sync_file_in_rows[] = {
	{ "read", DMA_BUF_SYNC_READ, DMA_RESV_USAGE_READ },
	{ "write", DMA_BUF_SYNC_WRITE, DMA_RESV_USAGE_WRITE },
	{ "both", DMA_BUF_SYNC_RW, DMA_RESV_USAGE_WRITE },
};

KUNIT_ARRAY_PARAM_DESC(dma_buf_sync_file_in, dma_buf_sync_file_in_rows, desc);

/* Passes when an imported fence has the usage, read or write, of the flags. */
static void import_usage(struct kunit *test)
{
	const struct dma_buf_sync_file_in_row *row = test->param_value;
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct dma_fence *fence =
		mock_fence_create(test, mock_timeline_create(test), false);
	struct dma_resv *resv = exp->dmabuf->resv;
	struct dma_resv_iter cursor;
	struct dma_fence *pos;
	int num = 0;

	KUNIT_EXPECT_EQ(test,
			dma_buf_sync_file_in(test, exp, row->flags,
					     dma_buf_sync_file_fd(test, fence)),
			0);

	dma_resv_lock(resv, NULL);
	dma_resv_for_each_fence(&cursor, resv, DMA_RESV_USAGE_BOOKKEEP, pos) {
		KUNIT_EXPECT_PTR_EQ(test, pos, fence);
		KUNIT_EXPECT_EQ(test, dma_resv_iter_usage(&cursor), row->usage);
		num++;
	}
	dma_resv_unlock(resv);
	KUNIT_EXPECT_EQ(test, num, 1);
	KUNIT_EXPECT_EQ(test, dma_resv_test_signaled(resv,
						     DMA_RESV_USAGE_WRITE),
			row->usage == DMA_RESV_USAGE_READ);
	KUNIT_EXPECT_FALSE(test, dma_resv_test_signaled(resv,
							DMA_RESV_USAGE_READ));
}

/* A fence array, as merged sync_files have. */
static struct dma_fence *
dma_buf_sync_file_array_create(struct kunit *test, struct dma_fence **fence,
			       int num)
{
	struct dma_fence **copy = kcalloc(num, sizeof(*copy), GFP_KERNEL);
	struct dma_fence_array *array;
	int i, ret;

	KUNIT_ASSERT_NOT_NULL(test, copy);
	for (i = 0; i < num; i++)
		copy[i] = dma_fence_get(fence[i]);
	array = dma_fence_array_create(num, copy, dma_fence_context_alloc(1),
				       1);
	KUNIT_ASSERT_NOT_NULL(test, array);
	ret = kunit_add_action_or_reset(test, dma_buf_sync_file_put_fence,
					&array->base);
	KUNIT_ASSERT_EQ(test, ret, 0);

	return &array->base;
}

/*
 * Passes when each fence of an array is added once and the array is not. There
 * are more fences than fit without a call of dma_resv_reserve_fences().
 */
static void import_array(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct mock_timeline *tl = mock_timeline_create(test);
	struct dma_resv *resv = exp->dmabuf->resv;
	struct dma_fence *fence[16], *array, *pos;
	unsigned int found[ARRAY_SIZE(fence)] = {};
	struct dma_resv_iter cursor;
	int i;

	for (i = 0; i < ARRAY_SIZE(fence); i++)
		fence[i] = mock_fence_create(test, tl, false);
	array = dma_buf_sync_file_array_create(test, fence, ARRAY_SIZE(fence));
	KUNIT_EXPECT_EQ(test, dma_buf_sync_file_in(test, exp, DMA_BUF_SYNC_RW,
						   dma_buf_sync_file_fd(test,
									array)),
			0);

	dma_resv_lock(resv, NULL);
	dma_resv_for_each_fence(&cursor, resv, DMA_RESV_USAGE_WRITE, pos) {
		for (i = 0; i < ARRAY_SIZE(fence) && pos != fence[i]; i++)
			;
		if (i < ARRAY_SIZE(fence))
			found[i]++;
		else
			KUNIT_FAIL(test, "%s was added",
				   pos == array ? "the array" : "a foreign fence");
	}
	dma_resv_unlock(resv);
	for (i = 0; i < ARRAY_SIZE(fence); i++)
		KUNIT_EXPECT_EQ_MSG(test, found[i], 1, "fence %d of %zu", i,
				    ARRAY_SIZE(fence));
}

/* Passes when importing a signalled fence leaves the buffer idle. */
static void import_signalled(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct dma_fence *fence =
		mock_fence_create(test, mock_timeline_create(test), false);

	dma_fence_signal(fence);
	KUNIT_EXPECT_EQ(test,
			dma_buf_sync_file_in(test, exp, DMA_BUF_SYNC_RW,
					     dma_buf_sync_file_fd(test, fence)),
			0);
	KUNIT_EXPECT_TRUE(test, dma_resv_test_signaled(exp->dmabuf->resv,
						       DMA_RESV_USAGE_READ));
}

/* Passes when an import with invalid flags leaves the buffer unchanged. */
static void import_invalid_flags(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct dma_fence *fence =
		mock_fence_create(test, mock_timeline_create(test), false);
	int fd = dma_buf_sync_file_fd(test, fence);
	const u32 *flags = test->param_value;

	KUNIT_EXPECT_EQ(test, dma_buf_sync_file_in(test, exp, *flags, fd),
			-EINVAL);
	KUNIT_EXPECT_TRUE(test, dma_resv_test_signaled(exp->dmabuf->resv,
						       DMA_RESV_USAGE_READ));
	KUNIT_EXPECT_EQ(test, kref_read(&fence->refcount), 2);
}

/* Passes when a descriptor of no sync_file is refused. */
static void import_bad_fd(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct file *file = exp->dmabuf->file;
	int fd;

	KUNIT_EXPECT_EQ(test, dma_buf_sync_file_in(test, exp, DMA_BUF_SYNC_RW,
						   -1), -EINVAL);
	KUNIT_EXPECT_EQ(test, dma_buf_sync_file_in(test, exp, DMA_BUF_SYNC_RW,
						   mock_next_fd(test)),
			-EINVAL);

	get_dma_buf(exp->dmabuf);
	fd = dma_buf_fd(exp->dmabuf, O_CLOEXEC);
	KUNIT_ASSERT_GE(test, fd, 0);
	KUNIT_EXPECT_EQ(test, dma_buf_sync_file_in(test, exp, DMA_BUF_SYNC_RW,
						   fd), -EINVAL);
	close_fd(fd);
	KUNIT_EXPECT_EQ(test, file_count(file), 1);
	KUNIT_EXPECT_EQ(test, mock_ioctl_raw(file,
					     DMA_BUF_IOCTL_IMPORT_SYNC_FILE, 0),
			-EFAULT);
}

/* Passes when import drops its temporary references and no others. */
static void import_references(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct dma_fence *fence =
		mock_fence_create(test, mock_timeline_create(test), false);
	int fd = dma_buf_sync_file_fd(test, fence);
	struct dma_fence *again;

	KUNIT_EXPECT_EQ(test, dma_buf_sync_file_in(test, exp, DMA_BUF_SYNC_RW,
						   fd), 0);
	/* The case's, the sync_file's and the buffer's. */
	KUNIT_EXPECT_EQ(test, kref_read(&fence->refcount), 3);

	again = sync_file_get_fence(fd);
	KUNIT_EXPECT_PTR_EQ(test, again, fence);
	dma_fence_put(again);
}

/* Passes when a sync_file of one buffer can be imported to another one. */
static void export_then_import(struct kunit *test)
{
	struct mock_exporter *from = mock_exporter_create(test, 0, SZ_8K);
	struct mock_exporter *to = mock_exporter_create(test, 0, SZ_8K);
	struct dma_resv *resv = to->dmabuf->resv;
	struct dma_fence *one, *two, *out;
	int fd;

	one = mock_fence_add_new(test, from->dmabuf, DMA_RESV_USAGE_WRITE);
	two = mock_fence_add_new(test, from->dmabuf, DMA_RESV_USAGE_READ);
	out = dma_buf_sync_file_out(test, from, DMA_BUF_SYNC_WRITE);
	fd = dma_buf_sync_file_fd(test, out);
	KUNIT_EXPECT_EQ(test, dma_buf_sync_file_in(test, to, DMA_BUF_SYNC_READ,
						   fd), 0);

	KUNIT_EXPECT_TRUE(test, dma_resv_test_signaled(resv,
						       DMA_RESV_USAGE_WRITE));
	dma_fence_signal(one);
	KUNIT_EXPECT_FALSE(test, dma_resv_test_signaled(resv,
							DMA_RESV_USAGE_READ));
	dma_fence_signal(two);
	KUNIT_EXPECT_TRUE(test, dma_resv_test_signaled(resv,
						       DMA_RESV_USAGE_READ));
}

static struct kunit_case dma_buf_sync_file_cases[] = {
	KUNIT_CASE_PARAM(export_usage, dma_buf_sync_file_out_gen_params),
	KUNIT_CASE(export_idle),
	KUNIT_CASE(export_several),
	KUNIT_CASE_PARAM(export_references, dma_buf_sync_file_num_gen_params),
	KUNIT_CASE(export_restarts),
	KUNIT_CASE(export_is_snapshot),
	KUNIT_CASE(export_without_lock),
	KUNIT_CASE_PARAM(export_invalid_flags,
			 dma_buf_sync_file_flags_gen_params),
	KUNIT_CASE(export_emfile),
	KUNIT_CASE(export_efault),
	KUNIT_CASE_PARAM(import_usage, dma_buf_sync_file_in_gen_params),
	KUNIT_CASE(import_array),
	KUNIT_CASE(import_signalled),
	KUNIT_CASE_PARAM(import_invalid_flags,
			 dma_buf_sync_file_flags_gen_params),
	KUNIT_CASE(import_bad_fd),
	KUNIT_CASE(import_references),
	KUNIT_CASE(export_then_import),
	{}
};

static struct kunit_suite dma_buf_sync_file_suite = {
	.name = "dma_buf_sync_file",
	.test_cases = dma_buf_sync_file_cases,
};

kunit_test_suite(dma_buf_sync_file_suite);
