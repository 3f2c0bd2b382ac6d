// SPDX-License-Identifier: GPL-2.0-only
/*
 * Robustness against hostile programs: random ioctls, descriptors that are
 * closed during a call, full descriptor tables. Each call succeeds or fails
 * with the right error, and the buffer stays usable.
 */
#include <limits.h>

#include "dma_buf_fixture.h"

#define RW DMA_BUF_SYNC_RW

/* The sequence is always the same, so that failures can be reproduced. */
static __u32 next_random(__u32 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static bool known_request(__u32 request)
{
	switch (request) {
	case DMA_BUF_IOCTL_SYNC:
	case DMA_BUF_SET_NAME_A:
	case (__u32)DMA_BUF_SET_NAME_B:
	case DMA_BUF_IOCTL_EXPORT_SYNC_FILE:
	case DMA_BUF_IOCTL_IMPORT_SYNC_FILE:
		return true;
	}
	return false;
}

/*
 * Passes when all ioctl numbers but five fail with ENOTTY, whichever their
 * argument.
 */
TEST_F(buffer, random_request_numbers)
{
	__u32 state = 0x2545f491, request, payload[64];
	unsigned int i, j;

	for (i = 0; i < 20000; i++) {
		for (j = 0; j < ARRAY_SIZE(payload); j++)
			payload[j] = next_random(&state);
		/* Avoid ioctl types that the VFS handles for all files. */
		request = next_random(&state) & ~0xff00U;
		request |= (i % 2 ? 'b' : 'c') << 8;
		if (known_request(request))
			continue;
		ASSERT_EQ(-ENOTTY, sys_ioctl(self->fd, request, payload))
			TH_LOG("round %u, request %#x", i, request);
	}
	for (i = 0; i < 0x4000; i++) {
		request = i << 16 | 'b' << 8 | (i & 7);
		if (known_request(request))
			continue;
		ASSERT_EQ(-ENOTTY, sys_ioctl(self->fd, request, payload));
	}
}

/*
 * Passes when the known ioctls with random arguments succeed or fail with
 * EINVAL.
 */
TEST_F(buffer, random_payloads)
{
	static const __u32 requests[] = {
		DMA_BUF_IOCTL_SYNC, DMA_BUF_SET_NAME_A, DMA_BUF_SET_NAME_B,
		DMA_BUF_IOCTL_EXPORT_SYNC_FILE, DMA_BUF_IOCTL_IMPORT_SYNC_FILE,
	};
	struct dma_buf_export_sync_file *export;
	__u32 state = 0x9e3779b9, payload[16], request;
	unsigned int i, j;
	int ret;

	export = (void *)payload;
	for (i = 0; i < 20000; i++) {
		for (j = 0; j < ARRAY_SIZE(payload); j++)
			payload[j] = next_random(&state);
		/*
		 * Half of the flags are small, so that some of them are valid.
		 */
		if (i % 2)
			payload[0] &= 7;
		if (i % 4 > 1)
			payload[1] = 0;
		request = requests[next_random(&state) % ARRAY_SIZE(requests)];
		ret = sys_ioctl(self->fd, request, payload);
		ASSERT_TRUE(ret == 0 || ret == -EINVAL)
			TH_LOG("round %u, request %#x: %d", i, request, ret);
		if (!ret && request == DMA_BUF_IOCTL_EXPORT_SYNC_FILE)
			ASSERT_EQ(0, close(export->fd));
	}
	ready(POLLIN | POLLOUT, self->fd, POLLIN | POLLOUT);
	EXPECT_EQ(self->size, lseek(self->fd, 0, SEEK_END));
}

/* Passes when an ioctl argument in unmapped memory fails with EFAULT. */
TEST_F(buffer, wild_pointers)
{
	static const long wild[] = { 0, 1, 8, 4095, -1, -8, -4096, LONG_MIN };
	unsigned int i;
	void *at;

	for (i = 0; i < ARRAY_SIZE(wild); i++) {
		at = (void *)wild[i];
		err_raw_ioctl(EFAULT, self->fd, DMA_BUF_IOCTL_SYNC, at);
		err_raw_ioctl(EFAULT, self->fd, DMA_BUF_SET_NAME_A, at);
		err_raw_ioctl(EFAULT, self->fd, DMA_BUF_SET_NAME_B, at);
		err_raw_ioctl(EFAULT, self->fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, at);
		err_raw_ioctl(EFAULT, self->fd, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, at);
	}
}

/* Another thread closes and reopens a descriptor while this is set. */
static atomic_bool vanishing;

static int close_and_reopen(struct worker *worker)
{
	int slot = worker->arg;

	while (vanishing) {
		close(slot);
		if (dup2(worker->fd, slot) != slot)
			return -errno;
	}
	return 0;
}

/* Import a fence that was exported from the buffer. */
static int import_and_close(int fd, int sync_fd)
{
	int ret = sys_import_fence(fd, RW, sync_fd);

	close(sync_fd);
	return ret;
}

/*
 * Make one of the calls on a buffer's fd that do not block; return 0 or -errno.
 */
static int any_call(int fd, unsigned int which, size_t size)
{
	char path[48];
	void *map;
	int ret;

	switch (which % 8) {
	case 0:
		return sys_sync_cpu(fd, RW);
	case 1:
		return sys_set_name(fd, "vanishing");
	case 2:
		ret = sys_export_fence(fd, RW);
		return ret < 0 ? ret : import_and_close(fd, ret);
	case 3:
		map = sys_map(fd, size);
		return map == MAP_FAILED ? -errno : munmap(map, size);
	case 4:
		return lseek(fd, 0, SEEK_END) == -1 ? -errno : 0;
	case 5:
		ret = sys_ready(fd, POLLIN);
		return ret == POLLNVAL ? -EBADF : ret != POLLIN;
	case 6:
		snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
		free(text_of(path, 4096));
		return 0;
	default:
		return inode_of(fd) ? 0 : -errno;
	}
}

/*
 * Passes when each call succeeds, or fails with EBADF while its fd is closed.
 */
TEST_F_TIMEOUT(buffer, closed_during_each_call, TIMEOUT_SLOW)
{
	struct worker worker = { .call = close_and_reopen };
	unsigned int i, worked = 0;
	int ret;

	/* A number that no other file in this process gets meanwhile. */
	worker.arg = must(or_errno(fcntl(self->fd, F_DUPFD, 200)));
	worker.fd = self->fd;
	vanishing = true;
	worker_start(&worker);
	for (i = 0; i < 16000; i++) {
		ret = any_call(worker.arg, i, self->size);
		ASSERT_TRUE(ret == 0 || ret == -EBADF)
			TH_LOG("call %u: %d", i % 8, ret);
		worked += !ret;
	}
	vanishing = false;
	ASSERT_EQ(0, worker_join(&worker));
	EXPECT_LT(0, worked);
	close(worker.arg);
}

/* Arguments of one call each, at the same offset in two mappings */
struct arguments {
	struct dma_buf_sync sync;
	struct dma_buf_export_sync_file export;
	struct dma_buf_import_sync_file import;
	char name[DMA_BUF_NAME_LEN];
};

static atomic_bool flickering;

/* Change the protection of a page repeatedly. */
static int flicker(struct worker *worker)
{
	static const int allowed[] = { PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE };
	void *page = (void *)(uintptr_t)worker->arg;
	unsigned int i;

	for (i = 0; flickering; i++)
		if (mprotect(page, getpagesize(), allowed[i % 3]))
			return -errno;
	return 0;
}

static int call_with(int fd, unsigned int which, struct arguments *args)
{
	switch (which % 4) {
	case 0:
		return sys_ioctl(fd, DMA_BUF_IOCTL_SYNC, &args->sync);
	case 1:
		return sys_ioctl(fd, DMA_BUF_SET_NAME_B, args->name);
	case 2:
		return sys_ioctl(fd, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &args->import);
	default:
		return sys_ioctl(fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &args->export);
	}
}

/*
 * Passes when a call succeeds or fails with EFAULT while the protection of its
 * argument's page changes. On a busy host, the thread that changes it may not
 * run for many calls: repeat them until both have happened.
 */
TEST_F_TIMEOUT(buffer, argument_page_changes, TIMEOUT_SLOW)
{
	struct worker worker = { .call = flicker };
	int memory = must(or_errno(memfd_create("arguments", MFD_CLOEXEC)));
	struct arguments *safe, *unsafe;
	int fds, ret, i, done = 0;
	double end = now_ms() + 10000;

	ASSERT_EQ(0, ftruncate(memory, self->page));
	safe = sys_map(memory, self->page);
	ASSERT_NE(MAP_FAILED, safe);
	unsafe = sys_map(memory, self->page);
	ASSERT_NE(MAP_FAILED, unsafe);
	safe->sync.flags = RW;
	safe->import.flags = RW;
	safe->import.fd = must(sys_export_fence(self->fd, RW));
	memcpy(safe->name, "flickering", sizeof("flickering"));
	fds = open_fds();
	flickering = true;
	worker.arg = (uintptr_t)unsafe;
	worker_start(&worker);
	for (i = 0; i < 8000 || ((!done || done == i) && now_ms() < end); i++) {
		safe->export.flags = RW;
		ret = call_with(self->fd, i, unsafe);
		ASSERT_TRUE(ret == 0 || ret == -EFAULT)
			TH_LOG("call %d: %d", i % 4, ret);
		done += !ret;
		if (!ret && i % 4 == 3)
			close(safe->export.fd);
	}
	flickering = false;
	ASSERT_EQ(0, worker_join(&worker));
	EXPECT_LT(0, done);
	EXPECT_GT(i, done);
	EXPECT_EQ(fds, open_fds());
	ready(POLLIN | POLLOUT, self->fd, POLLIN | POLLOUT);
	close(safe->import.fd);
	close(memory);
}

/* Passes when the last reference can be dropped during each call. */
TEST_F_TIMEOUT(buffer, last_close_during_each_call, TIMEOUT_SLOW)
{
	struct worker worker = { .call = close_and_reopen, .arg = 200 };
	unsigned int i;
	int ret, fd;

	worker.fd = must(or_errno(open("/dev/null", O_RDWR | O_CLOEXEC)));
	for (i = 0; i < 200; i++) {
		fd = must(self->exporter->alloc(self->dev, self->size, true));
		ASSERT_EQ(200, dup2(fd, 200));
		close(fd);
		vanishing = true;
		worker_start(&worker);
		ret = any_call(200, i % 2, self->size);
		EXPECT_TRUE(ret == 0 || ret == -EBADF || ret == -ENOTTY);
		any_call(200, 2 + i % 3, self->size);
		any_call(200, 5 + i % 3, self->size);
		vanishing = false;
		ASSERT_EQ(0, worker_join(&worker));
		close(200);
	}
	close(worker.fd);
}

static int set_fd_limit(rlim_t limit)
{
	struct rlimit all;

	if (getrlimit(RLIMIT_NOFILE, &all))
		return -errno;
	all.rlim_cur = limit;
	return or_errno(setrlimit(RLIMIT_NOFILE, &all));
}

/*
 * Passes when an export without a free descriptor fails with EMFILE and leaks
 * no buffer.
 */
TEST_F(buffer, export_into_full_table)
{
	int lowest, spare, fd, failed = 0;
	struct rlimit old;

	lowest = must(or_errno(dup(self->fd)));
	close(lowest);
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &old));
	for (spare = 0; spare < 5; spare++) {
		ASSERT_EQ(0, set_fd_limit(lowest + spare));
		fd = self->exporter->alloc(self->dev, self->size, true);
		ASSERT_EQ(0, set_fd_limit(old.rlim_cur));
		if (fd < 0) {
			failed++;
			EXPECT_EQ(-EMFILE, fd);
			if (self->objects >= 0)
				EXPECT_EQ(self->objects + 1, sys_objects());
		} else {
			close(fd);
		}
	}
	EXPECT_LE(1, failed);
	EXPECT_GT(5, failed);
}

/*
 * Passes when all buffers and sync files in a full descriptor table can be
 * freed.
 */
TEST_F(buffer, fill_the_table)
{
	int fd[128], count, i;
	struct rlimit old;

	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &old));
	ASSERT_EQ(0, set_fd_limit(100));
	for (count = 0; count < 128; count++) {
		if (count % 2)
			fd[count] = self->exporter->alloc(self->dev, self->page, true);
		else
			fd[count] = sys_export_fence(self->fd, RW);
		if (fd[count] < 0)
			break;
	}
	ASSERT_EQ(0, set_fd_limit(old.rlim_cur));
	ASSERT_LT(40, count);
	ASSERT_GT(100, count);
	EXPECT_EQ(-EMFILE, fd[count]);
	for (i = 0; i < count; i++)
		close(fd[i]);
	if (self->objects >= 0)
		EXPECT_EQ(self->objects + 1, sys_objects());
}

#define GROUPS "/sys/fs/cgroup"
#define GROUP GROUPS "/dma-buf-test"

/* Allocate buffers in a memory cgroup until its limit is reached. */
static void exhaust_memory(const struct exporter *exporter, int dev)
{
	int fd;

	if (set_fd_limit(4096) || sys_write_text(GROUP "/cgroup.procs", "0"))
		_exit(1);
	do {
		fd = exporter->alloc(dev, getpagesize(), true);
	} while (fd >= 0);
	_exit(-fd);
}

/*
 * Passes when a process that exhausts the memory of its cgroup with buffers
 * gets ENOMEM or is killed, and its buffers are freed.
 */
TEST_F(buffer, memory_group)
{
	int status;
	pid_t child;

	sys_write_text(GROUPS "/cgroup.subtree_control", "+memory");
	if (mkdir(GROUP, 0700) || sys_write_text(GROUP "/memory.max", "2M")) {
		rmdir(GROUP);
		SKIP(return, "no memory groups: needs CONFIG_MEMCG, cgroup2 mounted");
	}
	child = fork();
	ASSERT_LE(0, child);
	if (!child)
		exhaust_memory(self->exporter, self->dev);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(WIFSIGNALED(status) ? SIGKILL : W_EXITCODE(ENOMEM, 0), status);
	EXPECT_EQ(0, rmdir(GROUP));
	if (self->objects >= 0)
		EXPECT_TRUE(objects_settle(self->objects + 1));
}

/* Passes when killing a process frees the buffers that only it used. */
TEST_F(buffer, killed_in_use)
{
	int status;
	pid_t child;

	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		map_buffer(self->fd, self->size)[0] = 1;
		self->exporter->alloc(self->dev, self->size, true);
		sys_sync_cpu(self->fd, RW);
		pause();
	}
	EXPECT_TRUE(child_blocks(child));
	if (self->objects >= 0)
		EXPECT_EQ(self->objects + 2, sys_objects());
	ASSERT_EQ(0, kill(child, SIGKILL));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	if (self->objects >= 0)
		EXPECT_TRUE(objects_settle(self->objects + 1));
}

TEST_HARNESS_MAIN
