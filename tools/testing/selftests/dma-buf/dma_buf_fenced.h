/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fixture "fenced": as "buffer", for tests that add fences. The setup skips
 * them without sw_sync.
 */
#ifndef DMA_BUF_FENCED_H
#define DMA_BUF_FENCED_H

#include "dma_buf_fixture.h"

FIXTURE(fenced)
{
	const struct exporter *exporter;
	size_t page, size;
	long objects;	/* number before the test, or -errno without debugfs */
	int timeline;
	int dev, fd;
	unsigned long ino;
};

FIXTURE_VARIANT(fenced)
{
	const struct exporter *exporter;
};

FIXTURE_VARIANT_ADD(fenced, heap) { .exporter = &heap_exporter };
FIXTURE_VARIANT_ADD(fenced, udmabuf) { .exporter = &udmabuf_exporter };
FIXTURE_VARIANT_ADD(fenced, vgem) { .exporter = &vgem_exporter };

FIXTURE_SETUP(fenced)
{
	open_exporter();
	if (self->dev < 0)
		SKIP(return, SKIP_EXPORTER, self->exporter->config);
	if (self->timeline < 0)
		SKIP(return, SKIP_FENCES);
	alloc_buffer();
}

FIXTURE_TEARDOWN(fenced)
{
	free_buffer();
}

#endif /* DMA_BUF_FENCED_H */
