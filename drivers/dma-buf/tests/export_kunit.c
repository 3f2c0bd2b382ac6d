// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exporting a buffer, and its release
 */

#include <linux/delay.h>
#include <linux/dma-resv.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/sizes.h>

#include <kunit/test-bug.h>

#include "mock.h"

/* Passes when the buffer's fields have the values that the exporter passed. */
static void buffer_fields(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_16K);
	struct dma_buf *dmabuf = exp->dmabuf;

	KUNIT_EXPECT_EQ(test, dmabuf->size, SZ_16K);
	KUNIT_EXPECT_PTR_EQ(test, dmabuf->ops, &exp->ops);
	KUNIT_EXPECT_PTR_EQ(test, dmabuf->priv, (void *)exp);
	KUNIT_EXPECT_STREQ(test, dmabuf->exp_name, "mock");
	KUNIT_EXPECT_TRUE(test, list_empty(&dmabuf->attachments));
	KUNIT_ASSERT_NOT_NULL(test, dmabuf->file);
	KUNIT_EXPECT_EQ(test, file_count(dmabuf->file), 1);
	KUNIT_EXPECT_EQ(test, exp->calls, 0);
}

/* Passes when the mandatory callbacks are enough to export and release. */
static void minimal_exporter(struct kunit *test)
{
	struct mock_exporter *exp =
		mock_exporter_create(test, MOCK_MINIMAL, PAGE_SIZE);

	mock_put_sync(exp);
	MOCK_EXPECT_LOG(test, exp, MOCK_RELEASE);
}

static const struct dma_buf_size_row {
	const char *desc;
	u64 size;
} dma_buf_sizes[] = {
	{ "zero", 0 },
	{ "one byte", 1 },
	{ "one page", PAGE_SIZE },
	{ "odd", PAGE_SIZE + 1 },
	{ "2 GiB", SZ_2G },
	{ "5 GiB", 5ULL * SZ_1G },
	{ "8 GiB", 8ULL * SZ_1G },
};

KUNIT_ARRAY_PARAM_DESC(dma_buf_size, dma_buf_sizes, desc);

/* Passes when stat and lseek report the size, however large it is. */
static void file_size(struct kunit *test)
{
	const struct dma_buf_size_row *row = test->param_value;
	struct mock_exporter *exp;
	struct file *file;

	if (row->size != (size_t)row->size)
		kunit_skip(test, "exceeds size_t");

	exp = mock_exporter_create(test, 0, row->size);
	file = exp->dmabuf->file;
	KUNIT_EXPECT_EQ(test, exp->dmabuf->size, row->size);
	KUNIT_EXPECT_EQ(test, i_size_read(file_inode(file)), row->size);
	KUNIT_EXPECT_EQ(test, inode_get_bytes(file_inode(file)), row->size);
	KUNIT_EXPECT_EQ(test, vfs_llseek(file, 0, SEEK_END), row->size);
	KUNIT_EXPECT_EQ(test, vfs_llseek(file, 0, SEEK_SET), 0);
}

/* Passes when every seek except to the start and the end is refused. */
static void invalid_llseek(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct file *file = exp->dmabuf->file;

	KUNIT_EXPECT_EQ(test, vfs_llseek(file, 1, SEEK_SET), -EINVAL);
	KUNIT_EXPECT_EQ(test, vfs_llseek(file, 1, SEEK_END), -EINVAL);
	KUNIT_EXPECT_EQ(test, vfs_llseek(file, -1, SEEK_END), -EINVAL);
	KUNIT_EXPECT_EQ(test, vfs_llseek(file, 0, SEEK_CUR), -EINVAL);
	KUNIT_EXPECT_EQ(test, vfs_llseek(file, 0, SEEK_DATA), -EINVAL);
	KUNIT_EXPECT_EQ(test, vfs_llseek(file, 0, SEEK_HOLE), -EINVAL);
}

static const struct dma_buf_flags_row {
	const char *desc;
	int flags;
	unsigned int want;
} dma_buf_flags[] = {
	{ "read only", O_RDONLY, O_RDONLY },
	{ "write only", O_WRONLY, O_WRONLY },
	{ "read and write", O_RDWR, O_RDWR },
	{ "nonblock", O_RDWR | O_NONBLOCK, O_RDWR | O_NONBLOCK },
	{ "cloexec, ignored", O_RDWR | O_CLOEXEC, O_RDWR },
	{ "append", O_WRONLY | O_APPEND, O_WRONLY },
	{ "path", O_RDONLY | O_PATH, O_RDONLY },
	{ "direct", O_RDWR | O_DIRECT, O_RDWR },
};

KUNIT_ARRAY_PARAM_DESC(dma_buf_flags, dma_buf_flags, desc);

/* Passes when the file has the access mode, O_NONBLOCK and no other flag. */
static void file_access_flags(struct kunit *test)
{
	const unsigned int mask = O_ACCMODE | O_NONBLOCK | O_CLOEXEC |
				  O_APPEND | O_PATH | O_DIRECT;
	const struct dma_buf_flags_row *row = test->param_value;
	struct mock_exporter *exp = mock_exporter_alloc(test, 0, PAGE_SIZE);
	struct file *file;

	exp->info.flags = row->flags;
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mock_export(exp));

	file = exp->dmabuf->file;
	KUNIT_EXPECT_EQ(test, file->f_flags & mask, row->want);
	KUNIT_EXPECT_EQ(test, !!(file->f_mode & FMODE_READ),
			(row->want & O_ACCMODE) != O_WRONLY);
	KUNIT_EXPECT_EQ(test, !!(file->f_mode & FMODE_WRITE),
			(row->want & O_ACCMODE) != O_RDONLY);
}

/* Passes when each buffer has its own, working reservation object. */
static void own_resv(struct kunit *test)
{
	struct mock_exporter *one = mock_exporter_create(test, 0, PAGE_SIZE);
	struct mock_exporter *two = mock_exporter_create(test, 0, PAGE_SIZE);

	KUNIT_ASSERT_NOT_NULL(test, one->dmabuf->resv);
	KUNIT_ASSERT_NOT_NULL(test, two->dmabuf->resv);
	KUNIT_EXPECT_PTR_NE(test, one->dmabuf->resv, two->dmabuf->resv);
	KUNIT_EXPECT_TRUE(test, dma_resv_test_signaled(one->dmabuf->resv,
						       DMA_RESV_USAGE_READ));

	mock_fence_add_new(test, one->dmabuf, DMA_RESV_USAGE_WRITE);
	KUNIT_EXPECT_FALSE(test, dma_resv_test_signaled(one->dmabuf->resv,
							DMA_RESV_USAGE_READ));
	KUNIT_EXPECT_TRUE(test, dma_resv_test_signaled(two->dmabuf->resv,
						       DMA_RESV_USAGE_READ));
}

/* Passes when a buffer's own reservation object drops its fences on release. */
static void own_resv_fini(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, PAGE_SIZE);
	struct dma_fence *fence =
		mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_WRITE);

	KUNIT_EXPECT_EQ(test, kref_read(&fence->refcount), 2);
	mock_put_sync(exp);
	KUNIT_EXPECT_EQ(test, kref_read(&fence->refcount), 1);
}

/* Passes when the exporter's reservation object is used and not freed. */
static void exporter_resv(struct kunit *test)
{
	struct dma_resv *resv = mock_resv_create(test);
	struct mock_exporter *exp;
	struct dma_fence *fence;

	exp = mock_exporter_alloc(test, 0, PAGE_SIZE);
	exp->info.resv = resv;
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mock_export(exp));
	KUNIT_EXPECT_PTR_EQ(test, exp->dmabuf->resv, resv);

	fence = mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_WRITE);
	mock_put_sync(exp);
	KUNIT_EXPECT_EQ(test, exp->releases, 1);
	KUNIT_EXPECT_EQ(test, kref_read(&fence->refcount), 2);
	KUNIT_EXPECT_FALSE(test, dma_resv_test_signaled(resv,
							DMA_RESV_USAGE_READ));
}

/* Passes when no two live buffers share an inode number. */
static void ino_unique(struct kunit *test)
{
	unsigned long ino[32];
	int i, j;

	for (i = 0; i < ARRAY_SIZE(ino); i++) {
		struct mock_exporter *exp =
			mock_exporter_create(test, 0, PAGE_SIZE);

		ino[i] = file_inode(exp->dmabuf->file)->i_ino;
		KUNIT_EXPECT_NE(test, ino[i], 0UL);
		for (j = 0; j < i; j++)
			KUNIT_EXPECT_NE(test, ino[i], ino[j]);
	}
}

/* Passes when the inode number of a released buffer is not reused. */
static void ino_not_reused(struct kunit *test)
{
	unsigned long ino[64];
	int i, j;

	for (i = 0; i < ARRAY_SIZE(ino); i++) {
		struct mock_exporter *exp =
			mock_exporter_create(test, 0, PAGE_SIZE);

		ino[i] = file_inode(exp->dmabuf->file)->i_ino;
		mock_put_sync(exp);
		for (j = 0; j < i; j++)
			KUNIT_EXPECT_NE(test, ino[i], ino[j]);
	}
}

/*
 * Passes when most inode numbers follow the previous one: sparse ones would
 * soon need more than the 32 bits that some programs have for them.
 */
static void ino_dense(struct kunit *test)
{
	unsigned long ino, last = 0;
	int i, adjacent = 0;

	for (i = 0; i < 64; i++) {
		struct mock_exporter *exp =
			mock_exporter_create(test, 0, PAGE_SIZE);

		ino = file_inode(exp->dmabuf->file)->i_ino;
		adjacent += ino == last + 1;
		last = ino;
	}
	KUNIT_EXPECT_GT(test, adjacent, 32);
}

/* Passes when the file is on the dma-buf pseudo file system. */
static void fs_magic(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, PAGE_SIZE);
	struct super_block *sb = file_inode(exp->dmabuf->file)->i_sb;

	KUNIT_EXPECT_EQ(test, sb->s_magic, (unsigned long)DMA_BUF_MAGIC);
	KUNIT_EXPECT_STREQ(test, sb->s_type->name, "dmabuf");
}

/* Passes when a module that is being unloaded cannot export a buffer. */
static void owner_unloading(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_alloc(test, 0, PAGE_SIZE);

	exp->info.owner = mock_module_create(test, true);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(mock_export(exp)), -ENOENT);
	KUNIT_EXPECT_EQ(test, exp->calls, 0);
}

/* Passes when the buffer points to the exporter's name and does not copy it. */
static void exp_name_not_copied(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, PAGE_SIZE);

	KUNIT_EXPECT_PTR_EQ(test, exp->dmabuf->exp_name, exp->info.exp_name);
}

/* Passes when release runs at the last put although the path is pinned. */
static void release_path_pinned(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, PAGE_SIZE);
	struct path path = exp->dmabuf->file->f_path;
	char buf[64];
	char *name;

	path_get(&path);
	mock_put_sync(exp);
	KUNIT_EXPECT_EQ(test, exp->releases, 1);

	/* The holder of the path may still print the name. */
	name = d_path(&path, buf, sizeof(buf));
	KUNIT_EXPECT_FALSE(test, IS_ERR(name));
	if (!IS_ERR(name))
		KUNIT_EXPECT_STREQ(test, name, "/dmabuf:");

	path_put(&path);
	KUNIT_EXPECT_EQ(test, exp->releases, 1);
}

/* Passes when release runs at the last put although the inode is pinned. */
static void release_inode_pinned(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct inode *inode = file_inode(exp->dmabuf->file);

	ihold(inode);
	mock_put_sync(exp);
	KUNIT_EXPECT_EQ(test, exp->releases, 1);
	KUNIT_EXPECT_EQ(test, i_size_read(inode), SZ_8K);

	iput(inode);
	KUNIT_EXPECT_EQ(test, exp->releases, 1);
}

/**
 * struct dma_buf_export_release - state that a release callback must find
 * @exp: exporter of the buffer
 * @release: the mock exporter's callback
 * @resv: the buffer's reservation object
 * @fence: a fence in @resv
 */
struct dma_buf_export_release {
	struct mock_exporter *exp;
	void (*release)(struct dma_buf *dmabuf);
	struct dma_resv *resv;
	struct dma_fence *fence;
};

static void dma_buf_export_check_release(struct dma_buf *dmabuf)
{
	struct kunit *test = kunit_get_current_test();
	const struct dma_buf_export_release *want = test->priv;
	const struct mock_exporter *exp = want->exp;
	struct file *file = dmabuf->file;

	KUNIT_EXPECT_PTR_EQ(test, dmabuf, exp->dmabuf);
	KUNIT_EXPECT_PTR_EQ(test, dmabuf->ops, &exp->ops);
	KUNIT_EXPECT_EQ(test, dmabuf->size, exp->info.size);
	KUNIT_EXPECT_STREQ(test, dmabuf->exp_name ?: "(null)", "mock");
	KUNIT_EXPECT_TRUE(test, list_empty(&dmabuf->attachments));
	KUNIT_EXPECT_NOT_NULL(test, file);
	if (file)
		KUNIT_EXPECT_PTR_EQ(test, file->private_data, (void *)dmabuf);

	/* The fences and the exporter's module must still be referenced. */
	KUNIT_EXPECT_EQ(test, kref_read(&want->fence->refcount), 2);
	KUNIT_EXPECT_EQ(test, mock_module_users(exp->info.owner),
			IS_ENABLED(CONFIG_MODULE_UNLOAD));

	/* The mock exporter's release depends on these two. */
	KUNIT_ASSERT_PTR_EQ(test, dmabuf->resv, want->resv);
	KUNIT_ASSERT_PTR_EQ(test, dmabuf->priv, (void *)exp);
	want->release(dmabuf);
}

/* Passes when the buffer is still complete in the release callback. */
static void release_args(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_alloc(test, 0, PAGE_SIZE);
	struct dma_buf_export_release want = {
		.exp = exp,
		.release = exp->ops.release,
	};

	test->priv = &want;
	exp->ops.release = dma_buf_export_check_release;
	if (IS_ENABLED(CONFIG_MODULE_UNLOAD))
		exp->info.owner = mock_module_create(test, false);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mock_export(exp));
	want.resv = exp->dmabuf->resv;
	want.fence =
		mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_WRITE);

	mock_put_sync(exp);
	MOCK_EXPECT_LOG(test, exp, MOCK_RELEASE);
	KUNIT_EXPECT_FALSE(test, mock_last_call(exp, MOCK_RELEASE)->locked);
}

static struct kunit_case dma_buf_export_cases[] = {
	KUNIT_CASE(buffer_fields),
	KUNIT_CASE(minimal_exporter),
	KUNIT_CASE_PARAM(file_size, dma_buf_size_gen_params),
	KUNIT_CASE(invalid_llseek),
	KUNIT_CASE_PARAM(file_access_flags, dma_buf_flags_gen_params),
	KUNIT_CASE(own_resv),
	KUNIT_CASE(own_resv_fini),
	KUNIT_CASE(exporter_resv),
	KUNIT_CASE(ino_unique),
	KUNIT_CASE(ino_not_reused),
	KUNIT_CASE(ino_dense),
	KUNIT_CASE(fs_magic),
	KUNIT_CASE(owner_unloading),
	KUNIT_CASE(exp_name_not_copied),
	KUNIT_CASE(release_path_pinned),
	KUNIT_CASE(release_inode_pinned),
	KUNIT_CASE(release_args),
	{}
};

static struct kunit_suite dma_buf_export_suite = {
	.name = "dma_buf_export",
	.test_cases = dma_buf_export_cases,
};

kunit_test_suite(dma_buf_export_suite);
