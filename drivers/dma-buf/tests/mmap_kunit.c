// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapping to user space: through the descriptor and through an importer
 */

#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/uaccess.h>

#include "mock.h"

/* A vma without a process: enough for the checks before the mapping. */
static struct vm_area_struct *dma_buf_mmap_vma_create(struct kunit *test,
						      unsigned long pgoff,
						      unsigned long pages)
{
	struct vm_area_struct *vma = kunit_kzalloc(test, sizeof(*vma),
						   GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, vma);
	vma->vm_end = pages << PAGE_SHIFT;
	vma->vm_pgoff = pgoff;
	return vma;
}

/* The most pages that a vma can have. */
#define DMA_BUF_MMAP_MAX	(ULONG_MAX >> PAGE_SHIFT)

static const struct dma_buf_mmap_row {
	const char *desc;
	u64 size;
	unsigned long pgoff;
	unsigned long pages;
	int file_ret;
	int call_ret;
} dma_buf_mmap_rows[] = {
	{ "all", 4 * PAGE_SIZE, 0, 4, 0, 0 },
	{ "first page", 4 * PAGE_SIZE, 0, 1, 0, 0 },
	{ "last page", 4 * PAGE_SIZE, 3, 1, 0, 0 },
	{ "one too long", 4 * PAGE_SIZE, 0, 5, -EINVAL, -EINVAL },
	{ "last and one more", 4 * PAGE_SIZE, 3, 2, -EINVAL, -EINVAL },
	{ "starts at the end", 4 * PAGE_SIZE, 4, 1, -EINVAL, -EINVAL },
	{ "starts beyond", 4 * PAGE_SIZE, 100, 1, -EINVAL, -EINVAL },
	{ "part of a page", 100, 0, 1, -EINVAL, -EINVAL },
	{ "second page is partial", PAGE_SIZE + 100, 1, 1, -EINVAL, -EINVAL },
	{ "empty buffer", 0, 0, 1, -EINVAL, -EINVAL },
	{ "wraps to zero", 4 * PAGE_SIZE, ULONG_MAX, 1, -EINVAL, -EOVERFLOW },
	{ "wraps into the buffer", 4 * PAGE_SIZE, ULONG_MAX, 3, -EINVAL, -EOVERFLOW },
	{ "wraps, longest", 4 * PAGE_SIZE, ULONG_MAX - DMA_BUF_MMAP_MAX + 1,
	  DMA_BUF_MMAP_MAX, -EINVAL, -EOVERFLOW },
	{ "just does not wrap", 4 * PAGE_SIZE, ULONG_MAX - 1, 1, -EINVAL,
	  -EINVAL },
	{ "above 4 GiB", 5ULL * SZ_1G, SZ_1G / PAGE_SIZE * 5 - 1, 1, 0, 0 },
	{ "beyond 5 GiB", 5ULL * SZ_1G, SZ_1G / PAGE_SIZE * 5, 1, -EINVAL,
	  -EINVAL },
	{ "8 GiB", 8ULL * SZ_1G, 0, SZ_1G / PAGE_SIZE * 8, 0, 0 },
	{ "8 GiB and a page", 8ULL * SZ_1G, 0, SZ_1G / PAGE_SIZE * 8 + 1,
	  -EINVAL, -EINVAL },
};

KUNIT_ARRAY_PARAM_DESC(dma_buf_mmap, dma_buf_mmap_rows, desc);

static void dma_buf_mmap_skip_large(struct kunit *test,
				    const struct dma_buf_mmap_row *row)
{
	if (row->size != (size_t)row->size)
		kunit_skip(test, "exceeds size_t");
}

/* Passes when mmap() of the descriptor maps pages within the buffer only. */
static void file_bounds(struct kunit *test)
{
	const struct dma_buf_mmap_row *row = test->param_value;
	struct vm_area_struct *vma;
	struct mock_exporter *exp;
	struct file *file;

	dma_buf_mmap_skip_large(test, row);
	exp = mock_exporter_create(test, 0, row->size);
	file = exp->dmabuf->file;
	vma = dma_buf_mmap_vma_create(test, row->pgoff, row->pages);
	vma->vm_file = file;

	KUNIT_EXPECT_EQ(test, file->f_op->mmap(file, vma), row->file_ret);
	KUNIT_EXPECT_EQ(test, exp->calls, row->file_ret ? 0 : 1);
	KUNIT_EXPECT_EQ(test, vma->vm_pgoff, row->pgoff);
	KUNIT_EXPECT_PTR_EQ(test, vma->vm_file, file);
	KUNIT_EXPECT_EQ(test, file_count(file), 1);
	if (!row->file_ret) {
		KUNIT_EXPECT_EQ(test, mock_last_call(exp, MOCK_MMAP)->page,
				row->pgoff);
		KUNIT_EXPECT_FALSE(test,
				   mock_last_call(exp, MOCK_MMAP)->locked);
	}
}

static const struct file_operations dma_buf_mmap_other_fops = {
	.owner = THIS_MODULE,
};

static void dma_buf_mmap_other_put(void *file)
{
	__fput_sync(file);
}

/* File of an importing device, as the vma's initial file. */
static struct file *dma_buf_mmap_file_create(struct kunit *test)
{
	struct file *file;
	int ret;

	file = anon_inode_getfile("[importer]", &dma_buf_mmap_other_fops, NULL,
				  O_RDWR);
	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	ret = kunit_add_action_or_reset(test, dma_buf_mmap_other_put, file);
	KUNIT_ASSERT_EQ(test, ret, 0);

	return file;
}

/*
 * Passes when dma_buf_mmap() maps pages within the buffer only, and changes the
 * vma's file and offset only if it succeeds.
 */
static void call_bounds(struct kunit *test)
{
	const struct dma_buf_mmap_row *row = test->param_value;
	struct file *other = dma_buf_mmap_file_create(test);
	struct vm_area_struct *vma;
	struct mock_exporter *exp;
	struct file *file;

	dma_buf_mmap_skip_large(test, row);
	exp = mock_exporter_create(test, 0, row->size);
	file = exp->dmabuf->file;
	vma = dma_buf_mmap_vma_create(test, 77, row->pages);
	vma->vm_file = get_file(other);

	KUNIT_EXPECT_EQ(test, dma_buf_mmap(exp->dmabuf, vma, row->pgoff),
			row->call_ret);
	KUNIT_EXPECT_EQ(test, exp->calls, row->call_ret ? 0 : 1);
	KUNIT_EXPECT_PTR_EQ(test, vma->vm_file, row->call_ret ? other : file);
	KUNIT_EXPECT_EQ(test, vma->vm_pgoff, row->call_ret ? 77 : row->pgoff);
	KUNIT_EXPECT_EQ(test, file_count(other), row->call_ret ? 2 : 1);
	KUNIT_EXPECT_EQ(test, file_count(file), row->call_ret ? 1 : 2);
	if (!row->call_ret)
		KUNIT_EXPECT_EQ(test, mock_last_call(exp, MOCK_MMAP)->page,
				row->pgoff);

	fput(vma->vm_file);
}

/* Passes when either call is refused if the exporter has no mmap. */
static void mmap_without_op(struct kunit *test)
{
	struct mock_exporter *exp =
		mock_exporter_create(test, MOCK_MINIMAL, PAGE_SIZE);
	struct vm_area_struct *vma = dma_buf_mmap_vma_create(test, 0, 1);
	struct file *file = exp->dmabuf->file;
	struct file *other = dma_buf_mmap_file_create(test);

	KUNIT_EXPECT_EQ(test, file->f_op->mmap(file, vma), -EINVAL);

	vma->vm_file = other;
	KUNIT_EXPECT_EQ(test, dma_buf_mmap(exp->dmabuf, vma, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, dma_buf_mmap(exp->dmabuf, vma, ULONG_MAX),
			-EINVAL);
	KUNIT_EXPECT_PTR_EQ(test, vma->vm_file, other);
	KUNIT_EXPECT_EQ(test, file_count(other), 1);
	KUNIT_EXPECT_EQ(test, file_count(file), 1);
}

static const int dma_buf_mmap_errors[] = { -ENOMEM, -EIO, -EPERM, -EAGAIN };

static void dma_buf_mmap_error_desc(const int *error, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "errno %d", -*error);
}

KUNIT_ARRAY_PARAM(dma_buf_mmap_error, dma_buf_mmap_errors,
		  dma_buf_mmap_error_desc);

/* Passes when a failing exporter leaves file, offset and counts unchanged. */
static void call_fails(struct kunit *test)
{
	struct mock_exporter *exp =
		mock_exporter_create(test, 0, 4 * PAGE_SIZE);
	struct vm_area_struct *vma = dma_buf_mmap_vma_create(test, 77, 2);
	struct file *other = dma_buf_mmap_file_create(test);
	const int *error = test->param_value;

	exp->fail[MOCK_MMAP] = *error;
	vma->vm_file = other;
	KUNIT_EXPECT_EQ(test, dma_buf_mmap(exp->dmabuf, vma, 1), *error);

	MOCK_EXPECT_LOG(test, exp, MOCK_MMAP);
	KUNIT_EXPECT_PTR_EQ(test, vma->vm_file, other);
	KUNIT_EXPECT_EQ(test, vma->vm_pgoff, 77);
	KUNIT_EXPECT_EQ(test, file_count(other), 1);
	KUNIT_EXPECT_EQ(test, file_count(exp->dmabuf->file), 1);
}

/* Passes when the descriptor's mmap returns the exporter's error. */
static void file_fails(struct kunit *test)
{
	struct mock_exporter *exp =
		mock_exporter_create(test, 0, 4 * PAGE_SIZE);
	struct vm_area_struct *vma = dma_buf_mmap_vma_create(test, 0, 2);
	struct file *file = exp->dmabuf->file;
	const int *error = test->param_value;

	exp->fail[MOCK_MMAP] = *error;
	vma->vm_file = file;
	KUNIT_EXPECT_EQ(test, file->f_op->mmap(file, vma), *error);
	KUNIT_EXPECT_EQ(test, file_count(file), 1);
}

/* File that an exporter with its own address space sets in the vma. */
static struct file *dma_buf_mmap_swap_to;

static int dma_buf_mmap_swap_and_fail(struct dma_buf *dmabuf,
				      struct vm_area_struct *vma)
{
	vma_set_file(vma, dma_buf_mmap_swap_to);
	vma->vm_pgoff = 4711;
	return -EIO;
}

static int dma_buf_mmap_swap(struct dma_buf *dmabuf,
			     struct vm_area_struct *vma)
{
	vma_set_file(vma, dma_buf_mmap_swap_to);
	vma->vm_pgoff = 4711;
	return 0;
}

/* Passes when the core drops a file that a failing exporter has set. */
static void call_fails_swapped(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_alloc(test, 0, PAGE_SIZE);
	struct vm_area_struct *vma = dma_buf_mmap_vma_create(test, 77, 1);
	struct file *other = dma_buf_mmap_file_create(test);

	dma_buf_mmap_swap_to = dma_buf_mmap_file_create(test);
	exp->ops.mmap = dma_buf_mmap_swap_and_fail;
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mock_export(exp));

	vma->vm_file = other;
	KUNIT_EXPECT_EQ(test, dma_buf_mmap(exp->dmabuf, vma, 0), -EIO);
	KUNIT_EXPECT_PTR_EQ(test, vma->vm_file, other);
	KUNIT_EXPECT_EQ(test, vma->vm_pgoff, 77);
	KUNIT_EXPECT_EQ(test, file_count(other), 1);
	KUNIT_EXPECT_EQ(test, file_count(dma_buf_mmap_swap_to), 1);
	KUNIT_EXPECT_EQ(test, file_count(exp->dmabuf->file), 1);
}

/* Passes when a file that the exporter has set stays in the vma. */
static void call_swapped(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_alloc(test, 0, PAGE_SIZE);
	struct vm_area_struct *vma = dma_buf_mmap_vma_create(test, 77, 1);
	struct file *other = dma_buf_mmap_file_create(test);

	dma_buf_mmap_swap_to = dma_buf_mmap_file_create(test);
	exp->ops.mmap = dma_buf_mmap_swap;
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mock_export(exp));

	vma->vm_file = get_file(other);
	KUNIT_EXPECT_EQ(test, dma_buf_mmap(exp->dmabuf, vma, 0), 0);
	KUNIT_EXPECT_PTR_EQ(test, vma->vm_file, dma_buf_mmap_swap_to);
	KUNIT_EXPECT_EQ(test, vma->vm_pgoff, 4711);
	KUNIT_EXPECT_EQ(test, file_count(other), 1);
	KUNIT_EXPECT_EQ(test, file_count(dma_buf_mmap_swap_to), 2);
	KUNIT_EXPECT_EQ(test, file_count(exp->dmabuf->file), 1);
	fput(vma->vm_file);
}

/* Passes when mmap() does not take the reservation lock. */
static void mmap_without_lock(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, PAGE_SIZE);
	struct mock_resv_lock_holder *holder =
		mock_resv_lock_holder_create(test, exp->dmabuf->resv);
	struct vm_area_struct *vma = dma_buf_mmap_vma_create(test, 0, 1);
	struct file *file = exp->dmabuf->file;

	KUNIT_EXPECT_EQ(test, file->f_op->mmap(file, vma), 0);
	KUNIT_EXPECT_TRUE(test, mock_resv_lock_holder_release(test, holder));
}

/*
 * Passes when a process can access the memory, and its mapping holds a
 * reference to the buffer.
 */
static void process_mapping(struct kunit *test)
{
	struct mock_exporter *exp =
		mock_exporter_create(test, 0, 4 * PAGE_SIZE);
	struct file *file = exp->dmabuf->file;
	unsigned long addr;
	u32 val = 0;

	mock_user_alloc(test, PAGE_SIZE); /* gives the thread an mm */
	*(u32 *)(exp->vaddr + 2 * PAGE_SIZE) = 0x600dcafe;

	addr = vm_mmap(file, 0, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE,
		       MAP_SHARED, PAGE_SIZE);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	KUNIT_EXPECT_EQ(test, file_count(file), 2);
	KUNIT_EXPECT_EQ(test, get_user(val, (u32 __user *)(addr + PAGE_SIZE)),
			0);
	KUNIT_EXPECT_EQ(test, val, 0x600dcafe);
	KUNIT_EXPECT_EQ(test, put_user(0x12345678, (u32 __user *)addr), 0);
	KUNIT_EXPECT_EQ(test, *(u32 *)(exp->vaddr + PAGE_SIZE), 0x12345678);

	mock_put_sync(exp);
	KUNIT_EXPECT_EQ(test, exp->releases, 0);
	KUNIT_EXPECT_EQ(test, vm_munmap(addr, 2 * PAGE_SIZE), 0);
	KUNIT_EXPECT_TRUE(test, mock_wait_released(exp));
}

/* Passes when a failed mapping holds no reference. */
static void process_mapping_fails(struct kunit *test)
{
	struct mock_exporter *exp =
		mock_exporter_create(test, 0, 4 * PAGE_SIZE);
	struct file *file = exp->dmabuf->file;
	unsigned long addr;

	mock_user_alloc(test, PAGE_SIZE); /* gives the thread an mm */
	addr = vm_mmap(file, 0, 5 * PAGE_SIZE, PROT_READ, MAP_SHARED, 0);
	KUNIT_EXPECT_EQ(test, (long)addr, -EINVAL);
	KUNIT_EXPECT_EQ(test, exp->calls, 0);

	exp->fail[MOCK_MMAP] = -EIO;
	addr = vm_mmap(file, 0, PAGE_SIZE, PROT_READ, MAP_SHARED, 0);
	KUNIT_EXPECT_EQ(test, (long)addr, -EIO);
	KUNIT_EXPECT_EQ(test, file_count(file), 1);
}

static struct kunit_case dma_buf_mmap_cases[] = {
	KUNIT_CASE_PARAM(file_bounds, dma_buf_mmap_gen_params),
	KUNIT_CASE_PARAM(call_bounds, dma_buf_mmap_gen_params),
	KUNIT_CASE(mmap_without_op),
	KUNIT_CASE_PARAM(call_fails, dma_buf_mmap_error_gen_params),
	KUNIT_CASE_PARAM(file_fails, dma_buf_mmap_error_gen_params),
	KUNIT_CASE(call_fails_swapped),
	KUNIT_CASE(call_swapped),
	KUNIT_CASE(mmap_without_lock),
	KUNIT_CASE(process_mapping),
	KUNIT_CASE(process_mapping_fails),
	{}
};

static struct kunit_suite dma_buf_mmap_suite = {
	.name = "dma_buf_mmap",
	.test_cases = dma_buf_mmap_cases,
};

kunit_test_suite(dma_buf_mmap_suite);
