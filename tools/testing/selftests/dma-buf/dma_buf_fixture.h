/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fixture of most dma-buf tests: a buffer of each exporter in turn. The
 * teardown checks that all buffers are freed.
 */
#ifndef DMA_BUF_FIXTURE_H
#define DMA_BUF_FIXTURE_H

#include "dma_buf_utils.h"

#define BUFFER_PAGES 16

#define SKIP_EXPORTER "no such exporter: needs %s"

FIXTURE(buffer)
{
	const struct exporter *exporter;
	size_t page, size;
	long objects;	/* number before the test, or -errno without debugfs */
	int timeline;	/* of sw_sync, or -errno without it */
	int dev, fd;
	unsigned long ino;
};

FIXTURE_VARIANT(buffer)
{
	const struct exporter *exporter;
};

FIXTURE_VARIANT_ADD(buffer, heap) { .exporter = &heap_exporter };
FIXTURE_VARIANT_ADD(buffer, udmabuf) { .exporter = &udmabuf_exporter };
FIXTURE_VARIANT_ADD(buffer, vgem) { .exporter = &vgem_exporter };

/* Open the exporter, and a timeline if there is sw_sync. */
#define open_exporter() ({						\
	self->exporter = variant->exporter;				\
	self->page = getpagesize();					\
	self->size = BUFFER_PAGES * self->page;				\
	self->dev = self->exporter->open();				\
	self->objects = sys_objects();					\
	self->timeline = sys_timeline();				\
})

#define alloc_buffer() ({						\
	self->fd = must(self->exporter->alloc(self->dev, self->size, true)); \
	self->ino = inode_of(self->fd);					\
})

/* Closing the timeline signals all fences that are still pending. */
#define free_buffer() ({						\
	if (self->timeline >= 0)					\
		close(self->timeline);					\
	if (self->fd >= 0)						\
		close(self->fd);					\
	close(self->dev);						\
	if (self->objects >= 0)						\
		EXPECT_TRUE(objects_settle(self->objects));		\
})

FIXTURE_SETUP(buffer)
{
	open_exporter();
	if (self->dev < 0)
		SKIP(return, SKIP_EXPORTER, self->exporter->config);
	alloc_buffer();
}

FIXTURE_TEARDOWN(buffer)
{
	free_buffer();
}

/* Close the last fd of the fixture's buffer before the teardown. */
#define close_buffer() ({						\
	ASSERT_EQ(0, close(self->fd));					\
	self->fd = -1;							\
})

#endif /* DMA_BUF_FIXTURE_H */
