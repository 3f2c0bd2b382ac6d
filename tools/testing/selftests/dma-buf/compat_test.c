// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ioctls as a 32-bit program calls them.  A 64-bit program can do so too,
 * through the old gate of x86, with arguments in the low 4 GiB.
 */
#include "dma_buf_utils.h"

#define READ DMA_BUF_SYNC_READ
#define WRITE DMA_BUF_SYNC_WRITE
#define RW DMA_BUF_SYNC_RW
#define IOCTL_32 54
#define GETPID_32 20

#ifdef __x86_64__
static int sys_32(long number, long one, long two, long three)
{
	long ret;

	asm volatile("int $0x80"
		     : "=a" (ret)
		     : "a" (number), "b" (one), "c" (two), "d" (three)
		     : "memory", "r8", "r9", "r10", "r11");
	return ret;
}

static void *low_page(void)
{
	return mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
}
#else
static int sys_32(long number, long one, long two, long three)
{
	return -EOPNOTSUPP;
}

static void *low_page(void)
{
	return MAP_FAILED;
}
#endif

static int ioctl_32(int fd, unsigned int request, void *arg)
{
	return sys_32(IOCTL_32, fd, request, (long)arg);
}

/* A kernel without 32-bit programs kills the one who tries. */
static bool gate_exists(void)
{
	pid_t child = fork();
	int status;

	if (!child) {
		signal(SIGSEGV, SIG_DFL);
		_exit(sys_32(GETPID_32, 0, 0, 0) == getpid() ? 0 : 1);
	}
	return waitpid(child, &status, 0) == child && !status;
}

#define SKIP_32 "no 32-bit system calls: needs CONFIG_IA32_EMULATION"

/* Passes when SYNC checks flags and pointer as it does for 64 bits. */
TEST_F(buffer, sync)
{
	struct dma_buf_sync *arg = low_page();
	__u64 flags;
	int expected;

	if (!gate_exists())
		SKIP(return, SKIP_32);
	ASSERT_NE(MAP_FAILED, arg);
	arg->flags = RW;
	ASSERT_EQ(0, ioctl_32(self->fd, DMA_BUF_IOCTL_SYNC, arg));
	for (flags = 0; flags < 32; flags++) {
		arg->flags = flags;
		expected = flags < 8 && (flags & RW) ? 0 : -EINVAL;
		ASSERT_EQ(expected, ioctl_32(self->fd, DMA_BUF_IOCTL_SYNC, arg));
	}
	arg->flags = 1ULL << 32 | RW;
	EXPECT_EQ(-EINVAL, ioctl_32(self->fd, DMA_BUF_IOCTL_SYNC, arg));
	EXPECT_EQ(-EFAULT, ioctl_32(self->fd, DMA_BUF_IOCTL_SYNC, NULL));
	munmap(arg, self->page);
}

/* Passes when both numbers for a name are known, and their neighbours not. */
TEST_F(buffer, names)
{
	char *name = low_page(), path[48], target[80] = "";

	if (!gate_exists())
		SKIP(return, SKIP_32);
	ASSERT_NE(MAP_FAILED, name);
	memcpy(name, "by A", 5);
	EXPECT_EQ(0, ioctl_32(self->fd, DMA_BUF_SET_NAME_A, name));
	memcpy(name, "by B", 5);
	EXPECT_EQ(0, ioctl_32(self->fd, DMA_BUF_SET_NAME_B, name));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->fd);
	ASSERT_LT(0, readlink(path, target, sizeof(target) - 1));
	EXPECT_STREQ("/dmabuf:by B", target);
	memset(name, 'n', 32);
	EXPECT_EQ(-EINVAL, ioctl_32(self->fd, DMA_BUF_SET_NAME_A, name));
	EXPECT_EQ(-EFAULT, ioctl_32(self->fd, DMA_BUF_SET_NAME_A, NULL));
	EXPECT_EQ(-ENOTTY, ioctl_32(self->fd, _IOW('b', 1, __u16), name));
	EXPECT_EQ(-ENOTTY, ioctl_32(self->fd, _IO('b', 4), name));
	munmap(name, self->page);
}

/* Passes when fences come in and go out. */
TEST_F(buffer, fences)
{
	struct dma_buf_import_sync_file *in = low_page();
	struct dma_buf_export_sync_file *out = (void *)(in + 1);

	if (self->timeline < 0)
		SKIP(return, SKIP_FENCES);
	if (!gate_exists())
		SKIP(return, SKIP_32);
	ASSERT_NE(MAP_FAILED, in);
	in->flags = WRITE;
	in->fd = fence(self->timeline, 1);
	ASSERT_EQ(0, ioctl_32(self->fd, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, in));
	out->flags = READ;
	ASSERT_EQ(0, ioctl_32(self->fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, out));
	EXPECT_EQ(0, sys_fence_status(out->fd, NULL));
	advance(self->timeline, 1);
	EXPECT_EQ(1, sys_fence_status(out->fd, NULL));
	close(out->fd);
	close(in->fd);
	out->flags = 0;
	EXPECT_EQ(-EINVAL, ioctl_32(self->fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, out));
	in->fd = -1;
	EXPECT_EQ(-EINVAL, ioctl_32(self->fd, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, in));
	munmap(in, self->page);
}

TEST_HARNESS_MAIN
