/* SPDX-License-Identifier: GPL-2.0 */
/* The measured buffer with its exporter, importers and fences */
#ifndef DMA_BUF_BENCH_SCENE_H
#define DMA_BUF_BENCH_SCENE_H

#include <linux/dma-buf.h>
#include <linux/dma-resv.h>

#include "bench.h"

struct scene {
	struct dma_buf *dmabuf;
	struct dma_buf_attachment **attachments;
	u32 nr_attachments;
	struct dma_fence **fences;
	u32 nr_fences;
};

extern struct device *bench_device;
extern const struct dma_buf_attach_ops bench_importer_ops;

struct dma_buf *scene_export(enum bench_exporter kind);
struct dma_fence *scene_fence(void);
int scene_build(struct scene *scene, const struct bench_scene *wanted);
void scene_destroy(struct scene *scene);

int rows_run(struct bench_run *run);

#endif /* DMA_BUF_BENCH_SCENE_H */
