// SPDX-License-Identifier: GPL-2.0-only
/*
 * The events dma_buf:* of tracefs, in an instance of its own.
 */
#include "dma_buf_utils.h"

#define TRACEFS "/sys/kernel/tracing"
#define INSTANCE TRACEFS "/instances/dma-buf-test"
#define TRACE_MAX 64

struct event {
	char name[32];
	char what[128];
};

static struct event events[TRACE_MAX];
static int num_events;

static int write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	int ret = fd < 0 ? -errno : 0;

	if (fd >= 0 && write(fd, text, strlen(text)) < 0)
		ret = -errno;
	if (fd >= 0)
		close(fd);
	return ret;
}

static int trace_begin(void)
{
	if (mkdir(INSTANCE, 0755) && errno != EEXIST)
		return -errno;
	return write_to(INSTANCE "/events/dma_buf/enable", "1");
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
		if (!at || sscanf(at, ": %31[a-z_]: ino=%lu %127[^\n]",
				  event->name, &of, event->what) != 3)
			continue;
		event += !ino || of == ino;
	}
	num_events = event - events;
	free(text);
}

/* Do the events read as @wanted says, up to its NULL? */
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
 * Start to trace; true when the case is skipped. Paired with trace_end(), which
 * fails while a file of the instance is open.
 */
static bool trace_skips(struct __test_metadata *_metadata)
{
	if (access(TRACEFS "/instances", F_OK))
		SKIP(return true, "no tracefs: needs CONFIG_ENABLE_DEFAULT_TRACERS");
	if (differs_on_stock(NO_TRACEPOINTS, access(TRACEFS "/events/dma_buf", F_OK)))
		return true;
	EXPECT_EQ(0, trace_begin());
	return false;
}

/* Passes when a buffer's birth and death are told of. */
TEST_F(buffer, life)
{
	char wanted[128];
	unsigned long ino;
	int fd;

	if (trace_skips(_metadata))
		return;
	fd = must(self->from->alloc(self->dev, 3 * self->page, true));
	ino = inode_of(fd);
	close(fd);
	ASSERT_TRUE(unlisted_soon(ino));
	trace_read(ino);
	EXPECT_EQ(0, trace_end());

	snprintf(wanted, sizeof(wanted), "fd=%d", fd);
	if (self->from == &udmabuf_exporter) {
		expect_events("dma_buf_export", "dma_buf_fd", "dma_buf_release");
		EXPECT_STREQ(wanted, events[1].what);
	} else {
		expect_events("dma_buf_export", "dma_buf_release");
	}
	snprintf(wanted, sizeof(wanted), "size=%zu exp_name=", 3 * self->page);
	EXPECT_EQ(0, strncmp(wanted, events[0].what, strlen(wanted)))
		TH_LOG("%s", events[0].what);
	EXPECT_STREQ(events[0].what, events[num_events - 1].what);
}

/* Passes when what cannot be imported leaves no trace. */
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

/* Passes when each step of an import is told of, in its order. */
TEST_F(buffer, import)
{
	int dev = vgem_open();
	char wanted[128];
	__u32 handle;

	if (dev < 0 || self->from == &vgem_exporter)
		SKIP(return, "no other importer: needs %s", vgem_exporter.config);
	if (trace_skips(_metadata))
		return;
	ASSERT_EQ(0, vgem_import(dev, self->fd, &handle));
	ASSERT_EQ(0, vgem_close_handle(dev, handle));
	trace_read(self->ino);
	EXPECT_EQ(0, trace_end());
	close(dev);

	expect_events("dma_buf_get", "dma_buf_attach", "dma_buf_map",
		      "dma_buf_unmap", "dma_buf_detach");
	snprintf(wanted, sizeof(wanted), "fd=%d", self->fd);
	EXPECT_STREQ(wanted, events[0].what);
	EXPECT_NE(NULL, strstr(events[1].what, "device="));
	EXPECT_NE(NULL, strstr(events[1].what, " static"));
	EXPECT_NE(NULL, strstr(events[2].what, " dir=BIDIRECTIONAL"));
	EXPECT_STREQ(events[2].what, events[3].what);
	EXPECT_STREQ(events[1].what, events[4].what);
}

TEST_HARNESS_MAIN
