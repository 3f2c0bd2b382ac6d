// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unprivileged users: they can use buffers that were passed to them, but not
 * those of other users; they see no kernel addresses, and cannot delay other
 * users.
 */
#include "dma_buf_fenced.h"

#define READ DMA_BUF_SYNC_READ
#define WRITE DMA_BUF_SYNC_WRITE
#define RW DMA_BUF_SYNC_RW
#define END DMA_BUF_SYNC_END
#define NOBODY 65534

/*
 * Run a function on a buffer as an unprivileged user; return its result, or -1.
 */
static int run_unprivileged(int (*call)(int fd, size_t size), int fd, size_t size)
{
	int status;
	pid_t child = fork();

	if (!child) {
		if (setgid(NOBODY) || setuid(NOBODY))
			_exit(255);
		_exit(call(fd, size));
	}
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

/* Return how many ways to open the parent's descriptor fail. */
static int look_at_parent(int fd, size_t size)
{
	static const char * const places[] = { "fdinfo", "fd", "map_files", "maps" };
	char path[64], target[8];
	unsigned int i, refused = 0;

	for (i = 0; i < ARRAY_SIZE(places); i++) {
		snprintf(path, sizeof(path), "/proc/%d/%s", getppid(), places[i]);
		if (i < 2)
			snprintf(path, sizeof(path), "/proc/%d/%s/%d", getppid(),
				 places[i], fd);
		refused += open(path, O_RDONLY) < 0 &&
			   (errno == EACCES || errno == EPERM);
		refused += i == 1 && readlink(path, target, sizeof(target)) < 0 &&
			   errno == EACCES;
	}
	return refused;
}

/*
 * Passes when another user cannot inspect the buffers of a process through
 * proc.
 */
TEST_F(buffer, others_see_nothing)
{
	EXPECT_EQ(5, run_unprivileged(look_at_parent, self->fd, self->size));
}

/* Return the number of the first call that fails for this user, 0 for none. */
static int use_buffer(int fd, size_t size)
{
	char path[48], *text;
	int sync_fd;
	void *map;

	map = sys_map(fd, size);
	if (map == MAP_FAILED)
		return 1;
	memset(map, 1, size);
	if (sys_sync_cpu(fd, RW) || sys_sync_cpu(fd, RW | END))
		return 2;
	if (sys_set_name(fd, "nobody's"))
		return 3;
	sync_fd = sys_export_fence(fd, RW);
	if (sync_fd < 0 || sys_import_fence(fd, RW, sync_fd))
		return 4;
	if (sys_ready(fd, POLLIN | POLLOUT) != (POLLIN | POLLOUT))
		return 5;
	/*
	 * After changing its uid, a process may not access its files in proc.
	 */
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	text = text_of(path, 4096);
	return text && !strstr(text, "name:\tnobody's") ? 6 : 0;
}

/* Passes when an unprivileged user can use a buffer that was passed to it. */
TEST_F(buffer, unprivileged_use)
{
	EXPECT_EQ(0, run_unprivileged(use_buffer, self->fd, self->size));
}

/*
 * Find a number that looks like a kernel address: as many hexadecimal digits as
 * an address has, the first ones being those of the upper half.
 */
static const char *find_address(const char *text)
{
	static const char hex[] = "0123456789abcdef";
	size_t digits;

	for (; *text; text += digits ? digits : 1) {
		digits = strspn(text, hex);
		if (sizeof(long) == 8 && digits == 16 && !strncmp(text, "ffff", 4))
			return text;
		if (!strncmp(text, "0x", 2) && strspn(text + 2, hex) >= 8)
			return text;
	}
	return NULL;
}

#define expect_no_address(path) ({					\
	char *address_text = text_of(path, 65536);			\
									\
	if (address_text && find_address(address_text))			\
		seen++;							\
	read_in += !!address_text;					\
	free(address_text);						\
})

/* Passes when no text that the core writes contains a kernel address. */
TEST_F(buffer, no_addresses)
{
	static const char planted[] = "a text with ffff8880deadbee0 in it";
	void *map = map_buffer(self->fd, self->size);
	unsigned int seen = 0, read_in = 0;
	char path[96];

	if (sizeof(long) == 8)
		EXPECT_NE(NULL, find_address(planted));
	set_name(self->fd, "seen");
	if (self->timeline >= 0)
		add_fence(self->fd, WRITE, self->timeline, 1);
	expect_no_address(BUFINFO_PATH);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", self->fd);
	expect_no_address(path);
	EXPECT_EQ(0, seen);
	EXPECT_LE(1, read_in);
	munmap(map, self->size);
}

/* Passes when an ioctl writes its result to user space and no other byte. */
TEST_F(buffer, results_are_exact)
{
	struct {
		__u64 before;
		struct dma_buf_export_sync_file arg;
		__u64 after;
	} export;
	struct dma_buf_sync sync = { .flags = RW };

	memset(&export, 0xa5, sizeof(export));
	export.arg.flags = READ;
	raw_ioctl(self->fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &export.arg);
	EXPECT_EQ(0xa5a5a5a5a5a5a5a5, export.before);
	EXPECT_EQ(0xa5a5a5a5a5a5a5a5, export.after);
	EXPECT_EQ(READ, export.arg.flags);
	close(export.arg.fd);

	memset(&export, 0xa5, sizeof(export));
	err_raw_ioctl(EINVAL, self->fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &export.arg);
	EXPECT_EQ(0xa5a5a5a5, (__u32)export.arg.fd);
	raw_ioctl(self->fd, DMA_BUF_IOCTL_SYNC, &sync);
	EXPECT_EQ(RW, sync.flags);
}

#define MAX_DELAY_MS 2000	/* on the slowest machine */

/*
 * Make all calls that do not wait for fences; return 0, or the number of the
 * first that fails.
 */
static int make_calls(int fd, size_t size)
{
	int copy = dup(fd), sync_fd;

	if (copy < 0 || lseek(fd, 0, SEEK_END) != size)
		return 1;
	if (sys_set_name(fd, "renamed"))
		return 2;
	sync_fd = sys_export_fence(fd, RW);
	if (sync_fd < 0 || sys_import_fence(fd, READ, sync_fd))
		return 3;
	if (sys_ready(fd, POLLIN))
		return 4;
	if (sys_objects() == 0)
		return 5;
	close(copy);
	return close(sync_fd) ? 6 : 0;
}

/* Wait indefinitely, in poll() or in START. */
static void wait_indefinitely(int fd, int way)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	if (setgid(NOBODY) || setuid(NOBODY))
		_exit(1);
	if (way)
		poll(&pfd, 1, -1);
	else
		sys_sync_cpu(fd, RW);
	_exit(0);
}

/*
 * Passes when processes that wait, and are stopped meanwhile, delay no other
 * user.
 */
TEST_F(fenced, waiters_delay_no_user)
{
	pid_t child[2];
	double start;
	int i;

	add_fence(self->fd, WRITE, self->timeline, 1);
	for (i = 0; i < 2; i++) {
		child[i] = fork();
		ASSERT_LE(0, child[i]);
		if (!child[i])
			wait_indefinitely(self->fd, i);
	}
	for (i = 0; i < 2; i++) {
		EXPECT_TRUE(child_blocks(child[i]));
		ASSERT_EQ(0, kill(child[i], SIGSTOP));
	}
	start = now_ms();
	EXPECT_EQ(0, make_calls(self->fd, self->size));
	EXPECT_GT(MAX_DELAY_MS, now_ms() - start);
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, kill(child[i], SIGKILL));
		ASSERT_EQ(child[i], waitpid(child[i], NULL, 0));
	}
}

TEST_HARNESS_MAIN
