/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fixture of most dma-buf tests: a buffer of each exporter in turn. The
 * teardown checks that all buffers are freed.
 */
#ifndef DMA_BUF_FIXTURE_H
#define DMA_BUF_FIXTURE_H

#include "dma_buf_utils.h"

#define BUFFER_PAGES 16

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

FIXTURE_SETUP(buffer)
{
	self->exporter = variant->exporter;
	self->page = getpagesize();
	self->size = BUFFER_PAGES * self->page;
	self->dev = self->exporter->open();
	if (self->dev < 0)
		SKIP(return, "no such exporter: needs %s", self->exporter->config);
	self->objects = sys_objects();
	self->timeline = sys_timeline();
	self->fd = must(self->exporter->alloc(self->dev, self->size, true));
	self->ino = inode_of(self->fd);
}

/* Closing the timeline signals all fences that are still pending. */
FIXTURE_TEARDOWN(buffer)
{
	if (self->timeline >= 0)
		close(self->timeline);
	if (self->fd >= 0)
		close(self->fd);
	close(self->dev);
	if (self->objects >= 0)
		EXPECT_TRUE(objects_settle(self->objects));
}

/* Close the last fd of the fixture's buffer before the teardown. */
#define close_buffer() ({						\
	ASSERT_EQ(0, close(self->fd));					\
	self->fd = -1;							\
})

#endif /* DMA_BUF_FIXTURE_H */
