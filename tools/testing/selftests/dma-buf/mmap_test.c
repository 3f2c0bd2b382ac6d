// SPDX-License-Identifier: GPL-2.0-only
/* Mapping a buffer: the pages that mappings share, and invalid ranges. */
#include "dma_buf_fixture.h"

#define RW (PROT_READ | PROT_WRITE)

/* Passes when two mappings of a buffer share its pages. */
TEST_F(buffer, two_mappings_share)
{
	unsigned char *one = map_buffer(self->fd, self->size);
	unsigned char *two = map_buffer(self->fd, self->size);
	size_t i;

	ASSERT_NE(one, two);
	for (i = 0; i < self->size; i++)
		one[i] = i * 7 + i / self->page;
	EXPECT_EQ(0, memcmp(one, two, self->size));
	memset(two, 0, self->size);
	EXPECT_EQ(0, one[self->size - 1]);
	munmap(one, self->size);
	munmap(two, self->size);
}

/* Passes when mmap() and mprotect() refuse PROT_EXEC. */
TEST_F(buffer, not_executable)
{
	void *map;

	if (!kernel_is_since(7, 3))
		SKIP(return, "this kernel's pseudo file systems allow PROT_EXEC");
	err_mmap(EPERM, self->size, PROT_READ | PROT_EXEC, MAP_SHARED, self->fd, 0);
	map = map_buffer(self->fd, self->size);
	ASSERT_EQ(-1, mprotect(map, self->size, PROT_READ | PROT_EXEC));
	EXPECT_EQ(EACCES, errno);
	munmap(map, self->size);
}

/* Passes when the pages of a new buffer are zeroed. */
TEST_F(buffer, new_pages_are_zero)
{
	unsigned char *map = map_buffer(self->fd, self->size);
	size_t i;

	for (i = 0; i < self->size; i++)
		ASSERT_EQ(0, map[i]);
	munmap(map, self->size);
}

/* Passes when parent and child see each other's writes in one mapping. */
TEST_F(buffer, child_shares_the_mapping)
{
	unsigned char *map = map_buffer(self->fd, self->size);
	int status;
	pid_t child;

	map[0] = 1;
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		map[self->size - 1] = map[0] + 1;
		_exit(0);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(2, map[self->size - 1]);
	munmap(map, self->size);
}

/* Passes when a mapping of one page shows the page at its offset. */
TEST_F(buffer, every_offset)
{
	unsigned char *all, *one;
	size_t at;

	if (self->exporter == &vgem_exporter)
		SKIP(return, "vgem maps its first pages at every offset");
	all = map_buffer(self->fd, self->size);
	for (at = 0; at < self->size; at += self->page)
		memset(all + at, 0x40 + at / self->page, self->page);
	for (at = 0; at < self->size; at += self->page) {
		one = mmap(NULL, self->page, RW, MAP_SHARED, self->fd, at);
		ASSERT_NE(MAP_FAILED, one);
		EXPECT_EQ(0, memcmp(one, all + at, self->page));
		munmap(one, self->page);
	}
	munmap(all, self->size);
}

/* Passes when a mapping can end at the end of the buffer, and not after it. */
TEST_F(buffer, end_of_the_buffer)
{
	size_t size = self->size, page = self->page;
	void *map = mmap(NULL, page, RW, MAP_SHARED, self->fd, size - page);

	ASSERT_NE(MAP_FAILED, map);
	munmap(map, page);
	err_mmap(EINVAL, size + page, RW, MAP_SHARED, self->fd, 0);
	err_mmap(EINVAL, size, RW, MAP_SHARED, self->fd, page);
	err_mmap(EINVAL, 2 * page, RW, MAP_SHARED, self->fd, size - page);
	err_mmap(EINVAL, page, RW, MAP_SHARED, self->fd, size);
	err_mmap(EINVAL, 1, RW, MAP_SHARED, self->fd, size);
}

/*
 * Passes when lengths are rounded up to whole pages, and offsets must be whole
 * pages.
 */
TEST_F(buffer, part_of_a_page)
{
	unsigned char *map = mmap(NULL, 1, RW, MAP_SHARED, self->fd, 0);

	ASSERT_NE(MAP_FAILED, map);
	map[self->page - 1] = 9;
	EXPECT_EQ(9, map[self->page - 1]);
	munmap(map, 1);
	err_mmap(EINVAL, self->page, RW, MAP_SHARED, self->fd, 1);
	err_mmap(EINVAL, 0, RW, MAP_SHARED, self->fd, 0);
	err_mmap(EINVAL, self->size + 1, RW, MAP_SHARED, self->fd, 0);
}

/* Passes when a large offset fails instead of wrapping around. */
TEST_F(buffer, huge_offsets)
{
	unsigned int shift;
	off_t offset;
	void *map;

	for (shift = 30; shift < 64; shift++) {
		offset = (off_t)(1ULL << shift);
		map = mmap(NULL, self->page, RW, MAP_SHARED, self->fd, offset);
		ASSERT_EQ(MAP_FAILED, map)
			TH_LOG("offset 1 << %u", shift);
		EXPECT_TRUE(errno == EINVAL || errno == EOVERFLOW);
		offset = -((off_t)self->page << (shift - 30));
		map = mmap(NULL, self->size, RW, MAP_SHARED, self->fd, offset);
		ASSERT_EQ(MAP_FAILED, map)
			TH_LOG("offset -1 << %u pages", shift - 30);
		EXPECT_TRUE(errno == EINVAL || errno == EOVERFLOW);
	}
}

/* Passes when a length beyond the address space or the buffer fails. */
TEST_F(buffer, huge_lengths)
{
	err_mmap(ENOMEM, (size_t)-1, RW, MAP_SHARED, self->fd, 0);
	err_mmap(ENOMEM, (size_t)-self->page, RW, MAP_SHARED, self->fd, 0);
	err_mmap(EINVAL, 1UL << 30, RW, MAP_SHARED, self->fd, 0);
}

/* Return how many mappings of this process have this name. */
static int mappings_named(const char *name)
{
	char *maps = text_of("/proc/self/maps", 65536);
	char *at = maps;
	int count = 0;

	while (at && (at = strstr(at, name))) {
		count++;
		at++;
	}
	free(maps);
	return count;
}

/* Passes when a failed mmap() leaves neither a mapping nor a reference. */
TEST_F(buffer, failure_leaves_nothing)
{
	int i;

	set_name(self->fd, "refused");
	for (i = 0; i < 64; i++) {
		err_mmap(EINVAL, self->size + self->page, RW, MAP_SHARED, self->fd, 0);
		err_mmap(EINVAL, self->page, RW, MAP_SHARED, self->fd, self->size);
	}
	EXPECT_EQ(0, mappings_named("/dmabuf:refused"));
	close_buffer();
	if (self->objects >= 0)
		EXPECT_FALSE(listed(self->ino));
}

/*
 * Passes when a failed MAP_FIXED over a mapping leaves the rest of that usable
 * and leaks no reference to the buffer.
 */
TEST_F(buffer, failure_over_a_mapping)
{
	unsigned char *map = map_buffer(self->fd, self->size);
	void *again;

	again = mmap(map, self->page, RW, MAP_SHARED | MAP_FIXED, self->fd,
		     self->size);
	ASSERT_EQ(MAP_FAILED, again);
	EXPECT_EQ(EINVAL, errno);
	map[self->size - 1] = 3;
	EXPECT_EQ(3, map[self->size - 1]);
	munmap(map, self->size);
	close_buffer();
	if (self->objects >= 0)
		EXPECT_FALSE(listed(self->ino));
}

static void exit_on_fault(int signal)
{
	_exit(signal == SIGSEGV ? 11 : 1);
}

/*
 * Passes when a write to a read-only mapping faults until mprotect() allows it.
 */
TEST_F(buffer, mprotect)
{
	unsigned char *map;
	int status;
	pid_t child;

	map = mmap(NULL, self->size, PROT_READ, MAP_SHARED, self->fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		signal(SIGSEGV, exit_on_fault);
		__atomic_store_n(map, 1, __ATOMIC_RELAXED);
		_exit(0);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_TRUE(WIFEXITED(status));
	EXPECT_EQ(11, WEXITSTATUS(status));
	EXPECT_EQ(0, map[0]);
	ASSERT_EQ(0, mprotect(map, self->size, RW));
	map[0] = 1;
	EXPECT_EQ(1, map[0]);
	munmap(map, self->size);
}

/*
 * Passes when a write to a private mapping does not reach the buffer. Only the
 * heap supports private mappings, of single pages; other exporters refuse them.
 */
TEST_F(buffer, private_mapping)
{
	unsigned char *map = map_buffer(self->fd, self->size), *own;

	map[0] = 1;
	own = mmap(NULL, self->page, RW, MAP_PRIVATE, self->fd, 0);
	if (self->exporter == &heap_exporter) {
		ASSERT_NE(MAP_FAILED, own);
		EXPECT_EQ(1, own[0]);
		own[0] = 2;
		EXPECT_EQ(1, map[0]);
		map[0] = 3;
		EXPECT_EQ(2, own[0]);
		munmap(own, self->page);
	} else {
		ASSERT_EQ(MAP_FAILED, own);
		EXPECT_EQ(EINVAL, errno);
	}
	munmap(map, self->size);
}

/* Passes when a mapping shows the same pages after it was moved. */
TEST_F(buffer, mremap_moves)
{
	unsigned char *map = map_buffer(self->fd, self->size);
	unsigned char *there = mmap(NULL, self->size, PROT_NONE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t i;

	ASSERT_NE(MAP_FAILED, there);
	for (i = 0; i < self->size; i++)
		map[i] = i * 5 + i / self->page;
	ASSERT_EQ(there, mremap(map, self->size, self->size,
				MREMAP_MAYMOVE | MREMAP_FIXED, there));
	ASSERT_EQ(-1, msync(map, self->size, MS_ASYNC));
	EXPECT_EQ(ENOMEM, errno);
	close_buffer();
	for (i = 0; i < self->size; i++)
		ASSERT_EQ((unsigned char)(i * 5 + i / self->page), there[i]);
	if (self->objects >= 0)
		EXPECT_TRUE(listed(self->ino));
	munmap(there, self->size);
	if (self->objects >= 0)
		EXPECT_FALSE(listed(self->ino));
}

/* Passes when a shrunk mapping keeps the buffer alive until it is unmapped. */
TEST_F(buffer, mremap_shrinks)
{
	unsigned char *map = map_buffer(self->fd, self->size);

	map[0] = 4;
	ASSERT_EQ(map, mremap(map, self->size, self->page, 0));
	ASSERT_EQ(-1, msync(map + self->page, self->page, MS_ASYNC));
	EXPECT_EQ(ENOMEM, errno);
	close_buffer();
	EXPECT_EQ(4, map[0]);
	if (self->objects >= 0)
		EXPECT_TRUE(listed(self->ino));
	munmap(map, self->page);
	if (self->objects >= 0)
		EXPECT_FALSE(listed(self->ino));
}

/* Passes when a mapping cannot grow past the checked size. */
TEST_F(buffer, mremap_does_not_grow)
{
	size_t half = self->size / 2;
	unsigned char *map = map_buffer(self->fd, half);

	ASSERT_EQ(MAP_FAILED, mremap(map, half, 4 * self->size, MREMAP_MAYMOVE));
	EXPECT_EQ(EFAULT, errno);
	map[half - 1] = 1;
	EXPECT_EQ(1, map[half - 1]);
	munmap(map, half);
}

TEST_HARNESS_MAIN
