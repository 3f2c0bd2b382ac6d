// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's listings of buffers: bufinfo in debugfs byte for byte, and the
 * last lines of fdinfo.
 */
#include <sched.h>

#include "dma_buf_fenced.h"

#define READ DMA_BUF_SYNC_READ
#define WRITE DMA_BUF_SYNC_WRITE
#define MANY 200
#define CPU1_ONLINE "/sys/devices/system/cpu/cpu1/online"

static struct bufinfo info;

/* Passes when bufinfo is a regular file of mode 0444. */
TEST_F(buffer, mode)
{
	struct stat st;

	if (self->objects < 0)
		SKIP(return, SKIP_BUFINFO);
	ASSERT_EQ(0, stat(BUFINFO_PATH, &st));
	EXPECT_EQ(S_IFREG | 0444, st.st_mode);
}

/* Passes when an unprivileged user cannot open bufinfo. */
TEST_F(buffer, only_root_reads)
{
	int status;
	pid_t child;

	if (self->objects < 0)
		SKIP(return, SKIP_BUFINFO);
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		if (setgid(65534) || setuid(65534))
			_exit(1);
		_exit(open(BUFINFO_PATH, O_RDONLY) < 0 ? errno : 0);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_TRUE(WIFEXITED(status));
	EXPECT_EQ(EACCES, WEXITSTATUS(status));
}

/* Passes when each column of an idle buffer has the value that its fd has. */
TEST_F(buffer, columns)
{
	struct bufinfo_row *row;

	if (self->objects < 0)
		SKIP(return, SKIP_BUFINFO);
	set_name(self->fd, "a name with spaces");
	read_bufinfo(&info, 65536);
	EXPECT_EQ(self->objects + 1, info.rows);
	row = bufinfo_row(&info, self->ino);
	ASSERT_NE(NULL, row);
	EXPECT_EQ(self->size, row->size);
	EXPECT_EQ(O_RDWR, row->flags);
	EXPECT_EQ(3, row->mode & 3);
	EXPECT_EQ(1, row->count);
	EXPECT_STREQ(self->exporter->exp_name, row->exp_name);
	EXPECT_STREQ("a name with spaces", row->name);
	EXPECT_EQ(0, row->pending + row->signalled);
	EXPECT_EQ(0, row->devices);
}

/* Passes when the count is the number of file references: fds and mappings. */
TEST_F(buffer, count)
{
	static const long counts[] = { 1, 2, 3, 2, 1 };
	void *map = NULL;
	int copy = -1, i;

	if (self->objects < 0)
		SKIP(return, SKIP_BUFINFO);
	for (i = 0; i < 5; i++) {
		if (i == 1)
			copy = must(or_errno(dup(self->fd)));
		if (i == 2)
			map = map_buffer(copy, self->size);
		if (i == 3)
			close(copy);
		if (i == 4)
			munmap(map, self->size);
		read_bufinfo(&info, 4096);
		ASSERT_NE(NULL, bufinfo_row(&info, self->ino));
		EXPECT_EQ(counts[i], bufinfo_row(&info, self->ino)->count);
	}
}

/* Passes when pending and signalled fences are listed with their usage. */
TEST_F(fenced, fences)
{
	struct bufinfo_row *row;
	char expected[80];
	int reader;

	if (self->objects < 0)
		SKIP(return, SKIP_BUFINFO);
	add_fence(self->fd, WRITE, self->timeline, 7);
	read_bufinfo(&info, 4096);
	row = bufinfo_row(&info, self->ino);
	ASSERT_NE(NULL, row);
	EXPECT_EQ(1, row->pending);
	EXPECT_EQ(0, row->signalled);
	snprintf(expected, sizeof(expected), "write sw_sync %s 7",
		 program_invocation_short_name);
	EXPECT_STREQ(expected, row->fence);
	reader = timeline();
	add_fence(self->fd, READ, reader, 9);
	advance(self->timeline, 7);
	read_bufinfo(&info, 4096);
	row = bufinfo_row(&info, self->ino);
	ASSERT_NE(NULL, row);
	EXPECT_EQ(1, row->pending);
	EXPECT_EQ(1, row->signalled);
	snprintf(expected, sizeof(expected), "read sw_sync %s 9",
		 program_invocation_short_name);
	EXPECT_STREQ(expected, row->fence);
	close(reader);
}

/* Passes when an importing device is listed while it is attached. */
TEST_F(buffer, attached_device)
{
	int dev = vgem_open(), own = self->exporter == &vgem_exporter;
	struct bufinfo_row *row;
	__u32 handle;

	if (self->objects < 0)
		SKIP(goto out, SKIP_BUFINFO);
	if (dev < 0)
		SKIP(goto out, "no importer: needs %s", vgem_exporter.config);
	ASSERT_EQ(0, vgem_import(dev, self->fd, &handle));
	read_bufinfo(&info, 4096);
	row = bufinfo_row(&info, self->ino);
	ASSERT_NE(NULL, row);
	/* A driver recognizes its own buffers and need not attach. */
	EXPECT_EQ(!own, row->devices);
	if (!own)
		EXPECT_STREQ("vgem", row->device);
	ASSERT_EQ(0, vgem_close_handle(dev, handle));
	read_bufinfo(&info, 4096);
	ASSERT_NE(NULL, bufinfo_row(&info, self->ino));
	EXPECT_EQ(0, bufinfo_row(&info, self->ino)->devices);
out:
	close(dev);
}

/* Passes when an importer keeps a buffer without fds alive. */
TEST_F(buffer, importer_keeps_it_alive)
{
	int dev = vgem_open();
	__u32 handle;

	if (self->objects < 0)
		SKIP(goto out, SKIP_BUFINFO);
	if (dev < 0)
		SKIP(goto out, "no importer: needs %s", vgem_exporter.config);
	if (self->exporter == &vgem_exporter)
		SKIP(goto out, "vgem does not attach to its own buffers");
	ASSERT_EQ(0, vgem_import(dev, self->fd, &handle));
	close_buffer();
	EXPECT_TRUE(listed(self->ino));
	ASSERT_EQ(0, vgem_close_handle(dev, handle));
	EXPECT_TRUE(unlisted_soon(self->ino));
out:
	close(dev);
}

/* Passes when reads of any size return the same listing. */
TEST_F(buffer, piecewise)
{
	static const size_t step[] = { 1, 7, 61, 4096 };
	char *whole, *pieces;
	int fd[MANY];
	unsigned int i;

	if (self->objects < 0)
		SKIP(return, SKIP_BUFINFO);
	for (i = 0; i < MANY; i++) {
		fd[i] = must(self->exporter->alloc(self->dev, self->page, true));
		if (i % 3)
			set_name(fd[i], "one of many, with a long name.");
	}
	whole = text_of(BUFINFO_PATH, 1 << 20);
	ASSERT_NE(NULL, whole);
	ASSERT_EQ(NULL, bufinfo_parse(whole, &info));
	EXPECT_EQ(self->objects + 1 + MANY, info.rows);
	for (i = 0; i < ARRAY_SIZE(step); i++) {
		pieces = text_of(BUFINFO_PATH, step[i]);
		ASSERT_NE(NULL, pieces);
		EXPECT_EQ(0, strcmp(whole, pieces))
			TH_LOG("%zu bytes at a time", step[i]);
		free(pieces);
	}
	free(whole);
	for (i = 0; i < MANY; i++)
		close(fd[i]);
}

/* Passes when an open file can be read again from its beginning. */
TEST_F(buffer, rewind)
{
	int fd = open(BUFINFO_PATH, O_RDONLY | O_CLOEXEC);
	char *first, *again;

	if (fd < 0)
		SKIP(return, SKIP_BUFINFO);
	first = text_of_fd(fd, 100);
	ASSERT_EQ(0, lseek(fd, 0, SEEK_SET));
	again = text_of_fd(fd, 65536);
	ASSERT_NE(NULL, first);
	ASSERT_NE(NULL, again);
	EXPECT_STREQ(first, again);
	free(first);
	free(again);
	close(fd);
}

static atomic_bool churning;

/* Create and close buffers; those created first are closed first. */
static int churn(struct worker *worker)
{
	const struct exporter *exporter = (void *)(uintptr_t)worker->arg;
	int fd[5] = { -1, -1, -1, -1, -1 }, i;

	for (i = 0; churning; i = (i + 1) % 5) {
		if (fd[i] >= 0)
			close(fd[i]);
		fd[i] = exporter->alloc(worker->fd, getpagesize(), true);
		if (fd[i] < 0)
			return fd[i];
	}
	for (i = 0; i < 5; i++)
		if (fd[i] >= 0)
			close(fd[i]);
	return 0;
}

/*
 * Passes when a reader finds all live buffers while others are created and
 * closed.
 */
TEST_F(buffer, listed_while_others_change)
{
	struct worker worker = { .call = churn, .fd = self->dev };
	static const size_t step[] = { 61, 512, 65536 };
	unsigned long ino[24];
	int fd[24], i, j;

	if (self->objects < 0)
		SKIP(return, SKIP_BUFINFO);
	for (i = 0; i < 24; i++) {
		fd[i] = must(self->exporter->alloc(self->dev, self->page, true));
		ino[i] = inode_of(fd[i]);
	}
	churning = true;
	worker.arg = (uintptr_t)self->exporter;
	worker_start(&worker);
	for (i = 0; i < 60; i++) {
		read_bufinfo(&info, step[i % ARRAY_SIZE(step)]);
		for (j = 0; j < 24; j++) {
			ASSERT_NE(NULL, bufinfo_row(&info, ino[j]))
				TH_LOG("read %d misses buffer %d", i, j);
		}
	}
	churning = false;
	ASSERT_EQ(0, worker_join(&worker));
	for (i = 0; i < 24; i++)
		close(fd[i]);
}

/* Allocate @fd on CPU 1; return false if CPU 1 cannot be taken offline. */
static bool alloc_on_cpu1(const struct exporter *exporter, int dev, int *fd)
{
	cpu_set_t before, cpu1;

	CPU_ZERO(&cpu1);
	CPU_SET(1, &cpu1);
	if (access(CPU1_ONLINE, W_OK) ||
	    sched_getaffinity(0, sizeof(before), &before) ||
	    sched_setaffinity(0, sizeof(cpu1), &cpu1))
		return false;
	*fd = exporter->alloc(dev, getpagesize(), true);
	sched_setaffinity(0, sizeof(before), &before);
	return true;
}

/*
 * Passes when a buffer is listed although the CPU that allocated it is offline.
 */
TEST_F(buffer, listed_without_its_cpu)
{
	int fd, offline, online;
	bool while_offline;

	if (self->objects < 0)
		SKIP(return, SKIP_BUFINFO);
	if (!alloc_on_cpu1(self->exporter, self->dev, &fd))
		SKIP(return, "no second CPU to take offline: needs CONFIG_HOTPLUG_CPU, root");
	ASSERT_LE(0, fd);

	/* No check may end the test before the CPU is online again. */
	offline = sys_write_text(CPU1_ONLINE, "0");
	while_offline = listed(inode_of(fd));
	online = sys_write_text(CPU1_ONLINE, "1");

	ASSERT_EQ(0, offline);
	ASSERT_EQ(0, online);
	EXPECT_TRUE(while_offline)
		TH_LOG("bufinfo misses the buffer while CPU 1 is offline");
	EXPECT_TRUE(listed(inode_of(fd)));
	close(fd);
}

/* Close every second one of @count buffers and allocate as many new ones. */
static int replace_odd(const struct exporter *exporter, int dev, int *fd, int count)
{
	int i;

	for (i = 1; i < count; i += 2)
		close(fd[i]);
	for (i = 1; i < count; i += 2) {
		fd[i] = exporter->alloc(dev, getpagesize(), true);
		if (fd[i] < 0)
			return fd[i];
	}
	return 0;
}

/*
 * Passes when a reader keeps its position while adjacent buffers are replaced.
 */
TEST_F(buffer, changes_between_two_reads)
{
	static char text[65536];
	int fd[40], i, listing;
	size_t first;
	char *rest;

	if (self->objects < 0)
		SKIP(return, SKIP_BUFINFO);
	for (i = 0; i < 40; i++)
		fd[i] = must(self->exporter->alloc(self->dev, self->page, true));
	for (first = 90; first < 3000; first += 211) {
		listing = must(or_errno(open(BUFINFO_PATH, O_RDONLY | O_CLOEXEC)));
		ASSERT_EQ(first, read(listing, text, first));
		ASSERT_EQ(0, replace_odd(self->exporter, self->dev, fd, 40));
		rest = text_of_fd(listing, 4096);
		ASSERT_NE(NULL, rest);
		snprintf(text + first, sizeof(text) - first, "%s", rest);
		ASSERT_EQ(NULL, bufinfo_parse(text, &info));
		for (i = 0; i < 40; i += 2)
			ASSERT_NE(NULL, bufinfo_row(&info, inode_of(fd[i])));
		free(rest);
		close(listing);
	}
	for (i = 0; i < 40; i++)
		close(fd[i]);
}

/* Passes when an open, partly read listing holds no reference to a buffer. */
TEST_F(buffer, half_read_listing_pins_nothing)
{
	char some[150];
	int fd;

	if (self->objects < 0)
		SKIP(return, SKIP_BUFINFO);
	fd = must(or_errno(open(BUFINFO_PATH, O_RDONLY | O_CLOEXEC)));
	ASSERT_EQ(sizeof(some), read(fd, some, sizeof(some)));
	close_buffer();
	EXPECT_FALSE(listed(self->ino));
	close(fd);
}

/* Passes when fdinfo ends with exactly these lines. */
TEST_F(buffer, fdinfo)
{
	char path[48], expected[160];
	void *map = map_buffer(self->fd, self->size);
	char *text, *tail;

	set_name(self->fd, "shown");
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", self->fd);
	snprintf(expected, sizeof(expected),
		 "size:\t%zu\ncount:\t2\nexp_name:\t%s\nname:\tshown\n",
		 self->size, self->exporter->exp_name);
	text = text_of(path, 4096);
	ASSERT_NE(NULL, text);
	tail = strstr(text, "size:\t");
	ASSERT_NE(NULL, tail);
	EXPECT_STREQ(expected, tail);
	munmap(map, self->size);
	free(text);
}

/* Passes when fdinfo has no name line until a name is set. */
TEST_F(buffer, fdinfo_without_a_name)
{
	char path[48], expected[160];
	char *text, *tail;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", self->fd);
	snprintf(expected, sizeof(expected), "size:\t%zu\ncount:\t1\nexp_name:\t%s\n",
		 self->size, self->exporter->exp_name);
	text = text_of(path, 4096);
	ASSERT_NE(NULL, text);
	tail = strstr(text, "size:\t");
	ASSERT_NE(NULL, tail);
	EXPECT_STREQ(expected, tail);
	free(text);
}

TEST_HARNESS_MAIN
