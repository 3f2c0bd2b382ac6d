// SPDX-License-Identifier: GPL-2.0-only
/*
 * Trace events, in a tracefs instance that only these tests use: dma_buf:*, and
 * page allocations.
 */
#include "dma_buf_fenced.h"
#include "../../../../samples/dma-buf/dma-buf-sample.h"

#define TRACEFS "/sys/kernel/tracing"
#define INSTANCE TRACEFS "/instances/dma-buf-test"
#define RECORD_CMD TRACEFS "/options/record-cmd"
#define TRACE_MAX 64
#define LARGE_ALLOC INSTANCE "/events/kmem/mm_page_alloc/"
#define LARGE_PIPE (4 << 20)	/* bytes: the pipe allocates a table of 40 KiB */

/* "NAME: exp_name=EXPORTER size=SIZE ino=NUMBER REST" */
struct event {
	char name[32];
	char exp_name[32];
	size_t size;
	char rest[128];
};

static struct event events[TRACE_MAX];
static int num_events;

/*
 * Create an instance, and remove one that a failed test has left: its events
 * would show up. To record the names of threads, the kernel patches code of the
 * scheduler, which may fail while an emulated processor runs it. An instance
 * inherits the option for that.
 */
static int instance_create(void)
{
	char *before = text_of(RECORD_CMD, 16);
	int ret;

	rmdir(INSTANCE);
	sys_write_text(RECORD_CMD, "0");
	ret = or_errno(mkdir(INSTANCE, 0755));
	if (before)
		sys_write_text(RECORD_CMD, before);
	free(before);
	return ret;
}

static int trace_begin(void)
{
	int ret = instance_create();

	return ret ?: sys_write_text(INSTANCE "/events/dma_buf/enable", "1");
}

static int trace_end(void)
{
	return or_errno(rmdir(INSTANCE));
}

/* Fill @events with those of the buffer @ino, of all buffers if that is 0. */
static void trace_read(unsigned long ino)
{
	char *text = text_of(INSTANCE "/trace", 65536), *line, *at, *rest = text;
	struct event *event = events;
	unsigned long of;

	while ((line = strsep(&rest, "\n")) && event < events + TRACE_MAX) {
		at = line[0] == '#' ? NULL : strstr(line, ": dma_buf_");
		event->rest[0] = '\0';
		if (!at || sscanf(at, ": %31[a-z_]: exp_name=%31s size=%zu ino=%lu %127[^\n]",
				  event->name, event->exp_name, &event->size,
				  &of, event->rest) < 4)
			continue;
		event += !ino || of == ino;
	}
	num_events = event - events;
	free(text);
}

/* Compare the names of all events. */
#define expect_events(...) ({						\
	static const char * const wanted[] = { __VA_ARGS__, NULL };	\
	int i;								\
									\
	for (i = 0; wanted[i] && i < num_events; i++)			\
		EXPECT_STREQ(wanted[i], events[i].name);		\
	EXPECT_EQ(NULL, wanted[i]);					\
	EXPECT_EQ(i, num_events);					\
})

/*
 * Start to trace; return true if the test is skipped. Paired with trace_end(),
 * which fails while a file of the instance is open.
 */
static bool trace_skips(struct __test_metadata *_metadata)
{
	if (access(TRACEFS "/instances", F_OK))
		SKIP(return true, "no tracefs: needs CONFIG_ENABLE_DEFAULT_TRACERS");
	if (differs_on_stock(FEWER_TRACEPOINTS,
			     access(TRACEFS "/events/dma_buf/dma_buf_release", F_OK)))
		return true;
	EXPECT_EQ(0, trace_begin());
	return false;
}

/* Passes when a buffer's export and release are traced. */
TEST_F(buffer, life)
{
	int fd, i, installed = 0;
	char wanted[128];
	unsigned long ino;

	if (trace_skips(_metadata))
		return;
	fd = must(self->exporter->alloc(self->dev, 3 * self->page, true));
	ino = inode_of(fd);
	close(fd);
	ASSERT_TRUE(unlisted_soon(ino));
	trace_read(ino);
	EXPECT_EQ(0, trace_end());

	snprintf(wanted, sizeof(wanted), "fd=%d", fd);
	ASSERT_LE(2, num_events);
	EXPECT_STREQ("dma_buf_export", events[0].name);
	EXPECT_STREQ("dma_buf_release", events[num_events - 1].name);
	/* In between the exporter installs the descriptor, and may drop references. */
	for (i = 1; i < num_events - 1; i++) {
		if (!strcmp(events[i].name, "dma_buf_put"))
			continue;
		EXPECT_STREQ("dma_buf_fd", events[i].name);
		EXPECT_STREQ(wanted, events[i].rest);
		installed++;
	}
	/* Not every exporter of Linux 6.12 leaves this to the core. */
	if (self->exporter == &udmabuf_exporter || kernel_is_since(7, 3))
		EXPECT_EQ(1, installed);
	EXPECT_STREQ(self->exporter->exp_name, events[0].exp_name);
	EXPECT_EQ(3 * self->page, events[0].size);
	EXPECT_STREQ(self->exporter->exp_name, events[num_events - 1].exp_name);
	EXPECT_EQ(3 * self->page, events[num_events - 1].size);
}

/* Passes when an import that fails causes no event. */
TEST_F(buffer, refused)
{
	int dev = vgem_open(), file = memfd_create("file", MFD_CLOEXEC);
	__u32 handle;

	if (dev < 0)
		SKIP(return, "no importer: needs %s", vgem_exporter.config);
	if (trace_skips(_metadata))
		return;
	EXPECT_NE(0, vgem_import(dev, -1, &handle));
	EXPECT_NE(0, vgem_import(dev, file, &handle));
	trace_read(0);
	EXPECT_EQ(0, trace_end());
	EXPECT_EQ(0, num_events);
	close(file);
	close(dev);
}

/* Passes when each step of an import has its event, in order. */
TEST_F(buffer, import)
{
	int dev = open("/dev/dma-buf-importer", O_RDWR | O_CLOEXEC);
	char wanted[128];

	if (dev < 0)
		SKIP(return, "no importer: needs CONFIG_SAMPLE_DMA_BUF");
	if (trace_skips(_metadata))
		return;
	ASSERT_EQ(0, or_errno(ioctl(dev, DMA_BUF_SAMPLE_IMPORT, self->fd)));
	ASSERT_EQ(0, or_errno(ioctl(dev, DMA_BUF_SAMPLE_RUN, 0)));
	close(dev);
	trace_read(self->ino);
	EXPECT_EQ(0, trace_end());

	expect_events("dma_buf_get", "dma_buf_dynamic_attach", "dma_buf_map",
		      "dma_buf_unmap", "dma_buf_detach", "dma_buf_put");
	snprintf(wanted, sizeof(wanted), "fd=%d", self->fd);
	EXPECT_STREQ(wanted, events[0].rest);
	EXPECT_NE(NULL, strstr(events[1].rest, " is_dynamic=1 dev_name="));
	EXPECT_NE(NULL, strstr(events[2].rest, " dir=BIDIRECTIONAL dev_name="));
	EXPECT_STREQ(events[2].rest, events[3].rest);
	EXPECT_STREQ(events[1].rest, events[4].rest);
}

/* Trace allocations of eight or more contiguous pages by this process. */
static int large_begin(void)
{
	int ret = instance_create();
	char filter[64];

	snprintf(filter, sizeof(filter), "order >= 3 && common_pid == %d", getpid());
	ret = ret ?: sys_write_text(LARGE_ALLOC "filter", filter);
	return ret ?: sys_write_text(LARGE_ALLOC "enable", "1");
}

/*
 * Disable the event first: reading the trace makes such allocations, too. Those
 * with __GFP_NORETRY have a fallback and are not counted.
 */
static unsigned int large_end(void)
{
	unsigned int count = 0;
	char *text, *line, *rest;

	sys_write_text(LARGE_ALLOC "enable", "0");
	text = text_of(INSTANCE "/trace", 65536);
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		if (line[0] == '#' || !strstr(line, ": mm_page_alloc:") ||
		    strstr(line, "__GFP_NORETRY"))
			continue;
		printf("# %s\n", line);
		count++;
	}
	free(text);
	return count;
}

static int make_pipe(int size)
{
	int fds[2], ret;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	ret = or_errno(fcntl(fds[0], F_SETPIPE_SZ, size));
	close(fds[0]);
	close(fds[1]);
	return ret < 0 ? ret : 0;
}

/* Make each call once, on a buffer of @size with many pending fences. */
static int use_busy_buffer(const struct exporter *exporter, int dev, size_t size,
			   int importer)
{
	int fd = exporter->alloc(dev, size, true);
	struct pollfd pfd = { .fd = fd, .events = POLLIN | POLLOUT };
	int line[TRACE_MAX], ret = sys_set_name(fd, "busy"), sync_fd;
	unsigned char *map;
	__u32 handle;
	unsigned int i;

	for (i = 0; i < TRACE_MAX; i++) {
		line[i] = sys_timeline();
		ret = ret ?: sys_add_fence(fd, 1 + i % 3, line[i], 1);
	}
	if (!ret && poll(&pfd, 1, 1))	/* sleeps */
		ret = -EPROTO;
	sync_fd = ret ?: sys_export_fence(fd, DMA_BUF_SYNC_RW);
	ret = ret ?: sys_import_fence(fd, DMA_BUF_SYNC_WRITE, sync_fd);
	if (!ret && importer >= 0 && exporter != &vgem_exporter) {
		ret = vgem_import(importer, fd, &handle);
		ret = ret ?: vgem_close_handle(importer, handle);
	}
	map = sys_map(fd, size);
	if (map == MAP_FAILED)
		ret = ret ?: -errno;
	else
		*map = 1;
	munmap(map, size);
	free(text_of(BUFINFO_PATH, 65536));
	for (i = 0; i < TRACE_MAX; i++) {
		sys_advance(line[i], 1);
		close(line[i]);
	}
	ret = ret ?: sys_sync_cpu(fd, DMA_BUF_SYNC_RW);
	ret = ret ?: sys_sync_cpu(fd, DMA_BUF_SYNC_RW | DMA_BUF_SYNC_END);
	if (sync_fd >= 0)
		close(sync_fd);
	close(fd);
	return ret;
}

/*
 * Passes when no call depends on eight contiguous pages, which may be
 * unavailable.
 */
TEST_F_TIMEOUT(fenced, small_allocations, TIMEOUT_SLOW)
{
	int importer = vgem_open(), i;

	if (access(TRACEFS "/instances", F_OK))
		SKIP(return, "no tracefs: needs CONFIG_ENABLE_DEFAULT_TRACERS");
	ASSERT_EQ(0, large_begin());
	for (i = 0; i < 20; i++)
		ASSERT_EQ(0, use_busy_buffer(self->exporter, self->dev, self->size,
					     importer));
	EXPECT_EQ(0, large_end());

	/* Check that such an allocation is seen. */
	ASSERT_EQ(0, large_begin());
	EXPECT_EQ(0, make_pipe(LARGE_PIPE));
	EXPECT_EQ(1, large_end());
	EXPECT_EQ(0, trace_end());
	if (importer >= 0)
		close(importer);
}

TEST_HARNESS_MAIN
