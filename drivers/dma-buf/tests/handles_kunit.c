// SPDX-License-Identifier: GPL-2.0-only
/*
 * File descriptors and references
 */

#include <linux/anon_inodes.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/module.h>
#include <linux/sched/signal.h>

#include "mock.h"

/* Install a descriptor of the buffer, with a reference. */
static int dma_buf_handles_fd(struct kunit *test, struct mock_exporter *exp,
			      int flags)
{
	int fd;

	get_dma_buf(exp->dmabuf);
	fd = dma_buf_fd(exp->dmabuf, flags);
	if (fd < 0)
		dma_buf_put(exp->dmabuf);
	KUNIT_ASSERT_GE(test, fd, 0);

	return fd;
}

/* Passes when dma_buf_get() returns the descriptor's buffer, referenced. */
static void fd_round_trip(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, PAGE_SIZE);
	int fd = dma_buf_handles_fd(test, exp, O_CLOEXEC);
	struct dma_buf *dmabuf;

	KUNIT_EXPECT_EQ(test, file_count(exp->dmabuf->file), 2);

	dmabuf = dma_buf_get(fd);
	KUNIT_EXPECT_PTR_EQ(test, dmabuf, exp->dmabuf);
	KUNIT_EXPECT_EQ(test, file_count(exp->dmabuf->file), 3);
	if (!IS_ERR(dmabuf))
		dma_buf_put(dmabuf);

	KUNIT_EXPECT_EQ(test, file_count(exp->dmabuf->file), 2);
	KUNIT_EXPECT_EQ(test, close_fd(fd), 0);
	KUNIT_EXPECT_EQ(test, file_count(exp->dmabuf->file), 1);
	KUNIT_EXPECT_EQ(test, exp->releases, 0);
}

/*
 * Passes when a reserved descriptor refers to the buffer after the installation
 * and owns the reference.
 */
static void install_reserved_fd(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, PAGE_SIZE);
	int fd = get_unused_fd_flags(O_CLOEXEC);
	struct dma_buf *dmabuf;

	KUNIT_ASSERT_GE(test, fd, 0);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(dma_buf_get(fd)), -EBADF);
	get_dma_buf(exp->dmabuf);
	dma_buf_fd_install(exp->dmabuf, fd);
	KUNIT_EXPECT_EQ(test, file_count(exp->dmabuf->file), 2);
	KUNIT_EXPECT_TRUE(test, mock_fd_cloexec(fd));

	dmabuf = dma_buf_get(fd);
	KUNIT_EXPECT_PTR_EQ(test, dmabuf, exp->dmabuf);
	if (!IS_ERR(dmabuf))
		dma_buf_put(dmabuf);
	KUNIT_EXPECT_EQ(test, close_fd(fd), 0);
	KUNIT_EXPECT_EQ(test, file_count(exp->dmabuf->file), 1);
	KUNIT_EXPECT_EQ(test, exp->releases, 0);
}

/* Passes when the descriptor has the given flags. */
static void cloexec_flag(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, PAGE_SIZE);
	int with = dma_buf_handles_fd(test, exp, O_CLOEXEC);
	int without = dma_buf_handles_fd(test, exp, 0);

	KUNIT_EXPECT_NE(test, with, without);
	KUNIT_EXPECT_TRUE(test, mock_fd_cloexec(with));
	KUNIT_EXPECT_FALSE(test, mock_fd_cloexec(without));
	close_fd(with);
	close_fd(without);
}

/* Passes when no descriptor is allocated without a buffer or its file. */
static void fd_without_file(struct kunit *test)
{
	struct dma_buf *empty = kunit_kzalloc(test, sizeof(*empty), GFP_KERNEL);
	int next = mock_next_fd(test);

	KUNIT_ASSERT_NOT_NULL(test, empty);
	KUNIT_EXPECT_EQ(test, dma_buf_fd(NULL, O_CLOEXEC), -EINVAL);
	KUNIT_EXPECT_EQ(test, dma_buf_fd(empty, O_CLOEXEC), -EINVAL);
	KUNIT_EXPECT_EQ(test, mock_next_fd(test), next);
}

/* Passes when a full table gives -EMFILE and the caller keeps its reference. */
static void fd_emfile(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, PAGE_SIZE);
	struct rlimit *limit = &current->signal->rlim[RLIMIT_NOFILE];
	unsigned long old = limit->rlim_cur;
	int fd;

	limit->rlim_cur = 0;
	fd = dma_buf_fd(exp->dmabuf, O_CLOEXEC);
	limit->rlim_cur = old;

	KUNIT_EXPECT_EQ(test, fd, -EMFILE);
	KUNIT_EXPECT_EQ(test, file_count(exp->dmabuf->file), 1);
}

/* Passes when a descriptor that is not open gives -EBADF. */
static void get_bad_fd(struct kunit *test)
{
	int next = mock_next_fd(test);

	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(dma_buf_get(next)), -EBADF);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(dma_buf_get(-1)), -EBADF);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(dma_buf_get(INT_MAX)), -EBADF);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(dma_buf_get(INT_MIN)), -EBADF);
}

static const struct file_operations dma_buf_handles_other_fops = {
	.owner = THIS_MODULE,
};

/* Passes when a file of another type gives -EINVAL and keeps its count. */
static void get_other_file(struct kunit *test)
{
	struct file *file;
	int fd;

	file = anon_inode_getfile("[other]", &dma_buf_handles_other_fops, NULL,
				  O_RDWR);
	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		__fput_sync(file);
	KUNIT_ASSERT_GE(test, fd, 0);
	fd_install(fd, get_file(file));

	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(dma_buf_get(fd)), -EINVAL);
	KUNIT_EXPECT_EQ(test, file_count(file), 2);
	close_fd(fd);
	KUNIT_EXPECT_EQ(test, file_count(file), 1);
	__fput_sync(file);
}

/* Passes when balanced get and put do not release the buffer. */
static void get_put_balance(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, PAGE_SIZE);
	struct dma_buf *dmabuf = exp->dmabuf;
	int i;

	for (i = 0; i < 10; i++)
		get_dma_buf(dmabuf);
	KUNIT_EXPECT_EQ(test, file_count(dmabuf->file), 11);

	for (i = 0; i < 10; i++)
		dma_buf_put(dmabuf);
	flush_delayed_fput();
	KUNIT_EXPECT_EQ(test, file_count(dmabuf->file), 1);
	KUNIT_EXPECT_EQ(test, exp->releases, 0);
}

/* Passes when the last dma_buf_put() leads to exactly one release. */
static void release_on_last_put(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, PAGE_SIZE);

	exp->held = false;
	dma_buf_put(exp->dmabuf);
	KUNIT_EXPECT_TRUE(test, mock_wait_released(exp));
	KUNIT_EXPECT_EQ(test, exp->releases, 1);
	MOCK_EXPECT_LOG(test, exp, MOCK_RELEASE);
}

/* Passes when the last close leads to exactly one release. */
static void release_on_last_close(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, PAGE_SIZE);
	int fd = dma_buf_handles_fd(test, exp, O_CLOEXEC);

	mock_put_sync(exp);
	KUNIT_EXPECT_EQ(test, exp->releases, 0);

	KUNIT_EXPECT_EQ(test, close_fd(fd), 0);
	KUNIT_EXPECT_TRUE(test, mock_wait_released(exp));
	KUNIT_EXPECT_EQ(test, exp->releases, 1);
}

/* Passes when a reference from dma_buf_get() outlives the descriptor. */
static void get_outlives_fd(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, PAGE_SIZE);
	int fd = dma_buf_handles_fd(test, exp, O_CLOEXEC);
	struct dma_buf *dmabuf = dma_buf_get(fd);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dmabuf);
	close_fd(fd);
	mock_put_sync(exp);
	flush_delayed_fput();
	KUNIT_EXPECT_EQ(test, exp->releases, 0);
	KUNIT_EXPECT_EQ(test, file_count(dmabuf->file), 1);

	__fput_sync(dmabuf->file);
	KUNIT_EXPECT_EQ(test, exp->releases, 1);
}

/* Passes when the buffer holds a reference to the exporter's module. */
static void module_reference(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_alloc(test, 0, PAGE_SIZE);
	struct module *owner = mock_module_create(test, false);

	exp->info.owner = owner;
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mock_export(exp));
	KUNIT_EXPECT_EQ(test, mock_module_users(owner), 1);
	mock_put_sync(exp);
	KUNIT_EXPECT_EQ(test, mock_module_users(owner), 0);
}

static struct kunit_case dma_buf_handles_cases[] = {
	KUNIT_CASE(fd_round_trip),
	KUNIT_CASE(install_reserved_fd),
	KUNIT_CASE(cloexec_flag),
	KUNIT_CASE(fd_without_file),
	KUNIT_CASE(fd_emfile),
	KUNIT_CASE(get_bad_fd),
	KUNIT_CASE(get_other_file),
	KUNIT_CASE(get_put_balance),
	KUNIT_CASE(release_on_last_put),
	KUNIT_CASE(release_on_last_close),
	KUNIT_CASE(get_outlives_fd),
	KUNIT_CASE(module_reference),
	{}
};

static struct kunit_suite dma_buf_handles_suite = {
	.name = "dma_buf_handles",
	.test_cases = dma_buf_handles_cases,
};

kunit_test_suite(dma_buf_handles_suite);
