// SPDX-License-Identifier: GPL-2.0-only
/*
 * The file descriptor of a buffer: its operations and their errors, how
 * processes share it, and the lifetime of the buffer.
 */
#include <sys/inotify.h>
#include <sys/vfs.h>
#include <linux/magic.h>

#include "dma_buf_fixture.h"

/* Passes when reading and writing a buffer like a file fails. */
TEST_F(buffer, no_read_no_write)
{
	char byte = 0;

	ASSERT_EQ(-1, read(self->fd, &byte, 1));
	EXPECT_EQ(EINVAL, errno);
	ASSERT_EQ(-1, write(self->fd, &byte, 1));
	EXPECT_EQ(EINVAL, errno);
	ASSERT_EQ(-1, pread(self->fd, &byte, 1, 0));
	EXPECT_EQ(ESPIPE, errno);
	ASSERT_EQ(-1, pwrite(self->fd, &byte, 1, 0));
	EXPECT_EQ(ESPIPE, errno);
}

/*
 * Passes when ftruncate() and fallocate() cannot change the size of a buffer.
 */
TEST_F(buffer, no_resize)
{
	struct stat st;

	ASSERT_EQ(-1, ftruncate(self->fd, self->page));
	EXPECT_EQ(EINVAL, errno);
	ASSERT_EQ(-1, fallocate(self->fd, 0, 0, 2 * self->size));
	EXPECT_EQ(ENODEV, errno);
	ASSERT_EQ(0, fstat(self->fd, &st));
	EXPECT_EQ(self->size, st.st_size);
}

/*
 * Passes when lseek() to the end returns the size, lseek() to the start returns
 * 0, and any other seek fails.
 */
TEST_F(buffer, lseek_returns_size)
{
	static const struct {
		off_t offset;
		int whence;
	} refused[] = {
		{ 1, SEEK_END }, { -1, SEEK_END }, { 1, SEEK_SET },
		{ -1, SEEK_SET }, { 4096, SEEK_SET }, { 0, SEEK_CUR },
		{ 1, SEEK_CUR }, { 0, SEEK_DATA }, { 0, SEEK_HOLE },
		{ 0, 5 }, { 0, 77 },
	};
	unsigned int i;

	EXPECT_EQ(self->size, lseek(self->fd, 0, SEEK_END));
	EXPECT_EQ(0, lseek(self->fd, 0, SEEK_SET));
	for (i = 0; i < ARRAY_SIZE(refused); i++) {
		errno = 0;
		ASSERT_EQ(-1, lseek(self->fd, refused[i].offset, refused[i].whence));
		ASSERT_EQ(EINVAL, errno)
			TH_LOG("row %u", i);
	}
	EXPECT_EQ(self->size, lseek(self->fd, 0, SEEK_END));
}

/*
 * Passes when fstat() returns the buffer's size and fstatfs() the magic number
 * of its file system.
 */
TEST_F(buffer, stat_returns_size)
{
	struct statfs fs;
	struct stat st;

	ASSERT_EQ(0, fstat(self->fd, &st));
	EXPECT_EQ(self->size, st.st_size);
	EXPECT_EQ(self->size / 512, st.st_blocks);
	EXPECT_EQ(0600, st.st_mode);
	ASSERT_EQ(0, fstatfs(self->fd, &fs));
	EXPECT_EQ(DMA_BUF_MAGIC, fs.f_type);
}

/* Passes when no two buffers, live or closed, have the same inode number. */
TEST_F(buffer, inode_numbers_are_unique)
{
	unsigned long ino[96] = {};
	int fd[64], i, j;

	for (i = 0; i < 64; i++) {
		fd[i] = must(self->exporter->alloc(self->dev, self->page, true));
		ino[i] = inode_of(fd[i]);
	}
	for (i = 0; i < 64; i++)
		close(fd[i]);
	for (i = 64; i < 96; i++) {
		fd[0] = must(self->exporter->alloc(self->dev, self->page, true));
		ino[i] = inode_of(fd[0]);
		close(fd[0]);
	}
	for (i = 0; i < 96; i++) {
		ASSERT_NE(0, ino[i]);
		ASSERT_NE(self->ino, ino[i]);
		for (j = 0; j < i; j++)
			ASSERT_NE(ino[j], ino[i]);
	}
}

/* Passes when an fd has the flags that its creator requested. */
TEST_F(buffer, descriptor_flags)
{
	int plain = must(self->exporter->alloc(self->dev, self->page, false));

	EXPECT_EQ(FD_CLOEXEC, fcntl(self->fd, F_GETFD));
	EXPECT_EQ(0, fcntl(plain, F_GETFD));
	EXPECT_EQ(O_RDWR, fcntl(plain, F_GETFL));
	EXPECT_EQ(O_RDWR, fcntl(self->fd, F_GETFL));
	close(plain);
}

/*
 * Passes when a read-only fd can be mapped for reading only, and mprotect()
 * cannot add write access.
 */
TEST_F(buffer, read_only)
{
	void *map;
	int ro;

	if (!self->exporter->alloc_read_only)
		SKIP(return, "%s has no read-only buffers", self->exporter->exp_name);
	ro = must(self->exporter->alloc_read_only(self->dev, self->page));
	EXPECT_EQ(O_RDONLY, fcntl(ro, F_GETFL));
	err_mmap(EACCES, self->page, PROT_WRITE, MAP_SHARED, ro, 0);
	map = mmap(NULL, self->page, PROT_READ, MAP_SHARED, ro, 0);
	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(-1, mprotect(map, self->page, PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	munmap(map, self->page);
	close(ro);
}

/* Passes when exporting an imported buffer returns an fd of the same buffer. */
TEST_F(buffer, exported_again)
{
	int dev = vgem_open(), again;
	__u32 handle;

	if (dev < 0)
		SKIP(return, "no importer: needs %s", vgem_exporter.config);
	ASSERT_EQ(0, vgem_import(dev, self->fd, &handle));
	again = must(vgem_export(dev, handle, DRM_RDWR | DRM_CLOEXEC));
	EXPECT_NE(self->fd, again);
	EXPECT_EQ(self->ino, inode_of(again));
	EXPECT_EQ(self->size, lseek(again, 0, SEEK_END));
	close(again);
	ASSERT_EQ(0, vgem_close_handle(dev, handle));
	close(dev);
}

/* Passes when a buffer cannot be opened again through /proc/self/fd. */
TEST_F(buffer, no_second_open)
{
	char path[48];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->fd);
	ASSERT_EQ(-1, open(path, O_RDWR));
	EXPECT_EQ(ENXIO, errno);
	ASSERT_EQ(-1, open(path, O_RDONLY));
	EXPECT_EQ(ENXIO, errno);
}

/* Passes when the buffer is alive until both of its fds are closed. */
TEST_F(buffer, dup_keeps_it_alive)
{
	int copy = must(or_errno(dup(self->fd)));

	EXPECT_EQ(self->ino, inode_of(copy));
	close_buffer();
	EXPECT_EQ(self->size, lseek(copy, 0, SEEK_END));
	if (self->objects >= 0)
		EXPECT_TRUE(listed(self->ino));
	close(copy);
	if (self->objects >= 0)
		EXPECT_FALSE(listed(self->ino));
}

/* Passes when the last close frees the buffer before it returns. */
TEST_F(buffer, last_close_frees)
{
	if (self->objects < 0)
		SKIP(return, SKIP_BUFINFO);
	EXPECT_EQ(self->objects + 1, sys_objects());
	EXPECT_TRUE(listed(self->ino));
	close_buffer();
	EXPECT_FALSE(listed(self->ino));
	EXPECT_EQ(self->objects, sys_objects());
}

/*
 * Passes when a mapping keeps the buffer alive after the last close, until it
 * is unmapped.
 */
TEST_F(buffer, mapping_outlives_fd)
{
	unsigned char *map = map_buffer(self->fd, self->size);

	close_buffer();
	memset(map, 0x5a, self->size);
	EXPECT_EQ(0x5a, map[self->size - 1]);
	if (self->objects >= 0)
		EXPECT_TRUE(listed(self->ino));
	ASSERT_EQ(0, munmap(map, self->size));
	if (self->objects >= 0)
		EXPECT_FALSE(listed(self->ino));
}

/* Passes when the remaining half of a mapping keeps the buffer alive. */
TEST_F(buffer, split_mapping_outlives_fd)
{
	unsigned char *map = map_buffer(self->fd, self->size);

	close_buffer();
	ASSERT_EQ(0, munmap(map, self->size / 2));
	map[self->size / 2] = 7;
	EXPECT_EQ(7, map[self->size / 2]);
	if (self->objects >= 0)
		EXPECT_TRUE(listed(self->ino));
	ASSERT_EQ(0, munmap(map + self->size / 2, self->size / 2));
	if (self->objects >= 0)
		EXPECT_FALSE(listed(self->ino));
}

/* Write @byte through a new mapping, as another process would. */
static int write_first_byte(int fd, size_t size, unsigned char byte)
{
	unsigned char *map = sys_map(fd, size);

	if (map == MAP_FAILED)
		return 1;
	map[0] = byte;
	return munmap(map, size) ? 2 : 0;
}

/*
 * Passes when a child process can use the inherited fd, and its exit does not
 * free the buffer.
 */
TEST_F(buffer, fork_shares)
{
	unsigned char *map = map_buffer(self->fd, self->size);
	int status;
	pid_t child;

	child = fork();
	ASSERT_LE(0, child);
	if (!child)
		_exit(write_first_byte(self->fd, self->size, 0xc3));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0xc3, map[0]);
	munmap(map, self->size);
}

static int receive_and_write(int socket, size_t size)
{
	int fd = sys_receive_fd(socket);

	return fd < 0 ? 3 : write_first_byte(fd, size, 0x96);
}

/* Run instead of the tests if exec_and_look() started the program. */
static void __attribute__((constructor)) look_after_exec(void)
{
	const char *fd = getenv("LOOK_AT_FD");
	off_t size;

	if (!fd)
		return;
	size = lseek(atoi(fd), 0, SEEK_END);
	_exit(size < 0 ? 0 : size / getpagesize());
}

/* Return the size in pages of the buffer at @fd after exec(), 0 without one. */
static int exec_and_look(int fd)
{
	char text[16];
	int status;
	pid_t child = fork();

	if (!child) {
		snprintf(text, sizeof(text), "%d", fd);
		setenv("LOOK_AT_FD", text, 1);
		execl("/proc/self/exe", "look", NULL);
		_exit(127);
	}
	if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

/* Passes when exec() closes close-on-exec fds and no others. */
TEST_F(buffer, exec)
{
	int plain = must(self->exporter->alloc(self->dev, 2 * self->page, false));

	EXPECT_EQ(0, exec_and_look(self->fd));
	EXPECT_EQ(2, exec_and_look(plain));
	ASSERT_EQ(0, fcntl(self->fd, F_SETFD, 0));
	EXPECT_EQ(BUFFER_PAGES, exec_and_look(self->fd));
	close(plain);
}

/* Passes when a process that received the fd over a socket shares the pages. */
TEST_F(buffer, scm_rights_shares)
{
	int pair[2], status;
	unsigned char *map;
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		SKIP(return, "no UNIX sockets: needs CONFIG_UNIX");
	map = map_buffer(self->fd, self->size);
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		close(self->fd);
		munmap(map, self->size);
		_exit(receive_and_write(pair[1], self->size));
	}
	ASSERT_EQ(0, sys_send_fd(pair[0], self->fd));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0x96, map[0]);
	munmap(map, self->size);
	close(pair[0]);
	close(pair[1]);
}

/*
 * Passes when an fd queued in a socket keeps the buffer alive until the socket
 * is closed.
 */
TEST_F(buffer, fd_in_flight_keeps_it_alive)
{
	int pair[2];

	if (self->objects < 0)
		SKIP(return, SKIP_BUFINFO);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		SKIP(return, "no UNIX sockets: needs CONFIG_UNIX");
	ASSERT_EQ(0, sys_send_fd(pair[0], self->fd));
	close_buffer();
	EXPECT_TRUE(listed(self->ino));
	close(pair[0]);
	close(pair[1]);
	EXPECT_TRUE(unlisted_soon(self->ino));
}

/*
 * Passes when an O_PATH fd does not keep the buffer alive, and its link can
 * still be read afterwards.
 */
TEST_F(buffer, path_fd_does_not_pin)
{
	char path[48], target[80] = "";
	int path_fd;

	set_name(self->fd, "pinned");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->fd);
	path_fd = must(or_errno(open(path, O_PATH | O_CLOEXEC)));
	close_buffer();
	if (self->objects >= 0)
		EXPECT_FALSE(listed(self->ino));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", path_fd);
	ASSERT_LT(0, readlink(path, target, sizeof(target) - 1));
	EXPECT_EQ(0, strncmp(target, "/dmabuf:", 8))
		TH_LOG("%s", target);
	close(path_fd);
}

/* Passes when an inotify watch does not keep the buffer alive. */
TEST_F(buffer, watch_does_not_pin)
{
	int notify = inotify_init1(IN_CLOEXEC);
	char path[48];

	if (notify < 0)
		SKIP(return, "no inotify: needs CONFIG_INOTIFY_USER");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->fd);
	must(or_errno(inotify_add_watch(notify, path, IN_CLOSE)));
	close_buffer();
	if (self->objects >= 0)
		EXPECT_FALSE(listed(self->ino));
	close(notify);
}

/*
 * Passes when inotify reports no access to a buffer, which is a file without a
 * path.
 */
TEST_F(buffer, watch_sees_nothing)
{
	int notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	char path[48], events[512];

	if (notify < 0)
		SKIP(return, "no inotify: needs CONFIG_INOTIFY_USER");
	if (!kernel_is_since(7, 3))
		SKIP(return, "this kernel reports events of pseudo files");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->fd);
	must(or_errno(inotify_add_watch(notify, path, IN_ACCESS | IN_MODIFY |
					IN_OPEN | IN_CLOSE)));
	munmap(map_buffer(self->fd, self->size), self->size);
	set_name(self->fd, SHORTER);
	close_buffer();
	ASSERT_EQ(-1, read(notify, events, sizeof(events)));
	EXPECT_EQ(EAGAIN, errno);
	close(notify);
}

/*
 * Passes when stat, fdinfo and bufinfo show the same 64-bit inode number, and
 * another buffer has a different one.
 */
TEST_F(buffer, inode_number)
{
	static struct bufinfo info;
	unsigned long long ino = 0;
	struct bufinfo_row *row;
	char path[48], *text, *line;
	struct stat st;
	int other, found;

	ASSERT_EQ(0, fstat(self->fd, &st));
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", self->fd);
	text = text_of(path, 4096);
	ASSERT_NE(NULL, text);
	line = line_with(text, "ino:");
	ASSERT_NE(NULL, line);
	found = sscanf(line, "ino:\t%llu", &ino);
	ASSERT_EQ(1, found);
	free(text);
	EXPECT_EQ(st.st_ino, ino);
	other = must(self->exporter->alloc(self->dev, self->size, true));
	EXPECT_NE(ino, inode_of(other));
	close(other);
	if (self->objects < 0)
		return;
	read_bufinfo(&info, 4096);
	row = bufinfo_row(&info, self->ino);
	ASSERT_NE(NULL, row);
	EXPECT_EQ(ino, row->ino);
}

/* Return the number of open files in the system. */
static long open_files(void)
{
	char *text = text_of("/proc/sys/fs/file-nr", 64);
	long count = text ? atol(text) : -EIO;

	free(text);
	return count;
}

static int export_and_close(const struct exporter *exporter, int dev, unsigned int count)
{
	int fd, ret = 0;

	while (count-- && !ret) {
		fd = exporter->alloc(dev, getpagesize(), true);
		ret = fd < 0 ? fd : close(fd);
	}
	return ret;
}

#define NOISE 512	/* KiB by which the caches vary anyway */

/*
 * Passes when creating and closing 100,000 buffers leaks no descriptor, file or
 * memory. For slower exporters and in 32-bit programs, 5,000 are enough.
 */
TEST_F_TIMEOUT(buffer, many_created_and_closed, TIMEOUT_SLOW)
{
	bool all = self->exporter == &heap_exporter && sizeof(long) == 8;
	long before, files = open_files();
	int fds = open_fds();

	if (!access("/sys/kernel/debug/kmemleak", F_OK))
		SKIP(return, "CONFIG_DEBUG_KMEMLEAK delays the freeing of memory");
	ASSERT_EQ(0, export_and_close(self->exporter, self->dev, 1000));
	before = must(meminfo_kib("Slab:"));
	ASSERT_EQ(0, export_and_close(self->exporter, self->dev, all ? 100000 : 5000));
	EXPECT_TRUE(slab_settles(before + NOISE))
		TH_LOG("%ld KiB more", meminfo_kib("Slab:") - before);
	EXPECT_EQ(fds, open_fds());
	EXPECT_GT(files + 100, open_files());
}

TEST_HARNESS_MAIN
