// SPDX-License-Identifier: GPL-2.0
/* A buffer without pages, with empty callbacks of exporter and importers. */

#include <linux/device.h>
#include <linux/slab.h>

#include "scene.h"

static char scene_page[PAGE_SIZE] __aligned(PAGE_SIZE);
static struct sg_table scene_table;

static struct sg_table *scene_map(struct dma_buf_attachment *attach,
				  enum dma_data_direction dir)
{
	return &scene_table;
}

static void scene_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt,
			enum dma_data_direction dir)
{
}

static int scene_pin(struct dma_buf_attachment *attach)
{
	return 0;
}

static void scene_unpin(struct dma_buf_attachment *attach)
{
}

static void scene_release(struct dma_buf *dmabuf)
{
}

static int scene_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	return 0;
}

static int scene_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	iosys_map_set_vaddr(map, scene_page);
	return 0;
}

static void scene_vunmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
}

static const struct dma_buf_ops scene_exporters[] = {
	[BENCH_STATIC] = {
		.map_dma_buf = scene_map,
		.unmap_dma_buf = scene_unmap,
		.release = scene_release,
		.mmap = scene_mmap,
		.vmap = scene_vmap,
		.vunmap = scene_vunmap,
	},
	[BENCH_DYNAMIC] = {
		.map_dma_buf = scene_map,
		.unmap_dma_buf = scene_unmap,
		.pin = scene_pin,
		.unpin = scene_unpin,
		.release = scene_release,
	},
};

struct dma_buf *scene_export(enum bench_exporter kind)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);

	info.ops = &scene_exporters[kind];
	info.size = PAGE_SIZE;
	info.flags = O_RDWR;
	info.priv = scene_page;
	return dma_buf_export(&info);
}

static void scene_invalidate(struct dma_buf_attachment *attach)
{
}

const struct dma_buf_attach_ops bench_importer_ops = {
	.invalidate_mappings = scene_invalidate,
};

struct scene_fence {
	struct dma_fence base;
	spinlock_t lock;	/* for dma_fence_init() */
};

static const char *scene_fence_name(struct dma_fence *fence)
{
	return "bench";
}

static const struct dma_fence_ops scene_fence_ops = {
	.get_driver_name = scene_fence_name,
	.get_timeline_name = scene_fence_name,
};

struct dma_fence *scene_fence(void)
{
	struct scene_fence *fence = kzalloc(sizeof(*fence), GFP_KERNEL);

	if (!fence)
		return NULL;
	spin_lock_init(&fence->lock);
	dma_fence_init(&fence->base, &scene_fence_ops, &fence->lock,
		       dma_fence_context_alloc(1), 1);
	return &fence->base;
}

static int scene_attach(struct scene *scene, u32 statics, u32 dynamics)
{
	struct dma_buf_attachment *attach;
	u32 i;

	scene->attachments = kvcalloc(statics + dynamics + 1, sizeof(attach), GFP_KERNEL);
	if (!scene->attachments)
		return -ENOMEM;

	for (i = 0; i < statics + dynamics; i++) {
		attach = dma_buf_dynamic_attach(scene->dmabuf, bench_device,
						i < statics ? NULL : &bench_importer_ops,
						NULL);
		if (IS_ERR(attach))
			return PTR_ERR(attach);
		scene->attachments[scene->nr_attachments++] = attach;
	}
	return 0;
}

static int scene_add_fence(struct scene *scene)
{
	struct dma_resv *resv = scene->dmabuf->resv;
	struct dma_fence *fence = scene_fence();
	int ret;

	if (!fence)
		return -ENOMEM;
	scene->fences[scene->nr_fences++] = fence;

	dma_resv_lock(resv, NULL);
	ret = dma_resv_reserve_fences(resv, 1);
	if (!ret)
		dma_resv_add_fence(resv, fence, DMA_RESV_USAGE_WRITE);
	dma_resv_unlock(resv);
	return ret;
}

static int scene_add_fences(struct scene *scene, u32 count, bool signal)
{
	int ret = 0;
	u32 i;

	scene->fences = kvcalloc(count + 1, sizeof(*scene->fences), GFP_KERNEL);
	if (!scene->fences)
		return -ENOMEM;

	for (i = 0; i < count && !ret; i++)
		ret = scene_add_fence(scene);
	/* Not earlier: the next fence would take the slot of a signalled one. */
	for (i = 0; i < scene->nr_fences && signal; i++)
		dma_fence_signal(scene->fences[i]);
	return ret;
}

void scene_destroy(struct scene *scene)
{
	u32 i;

	for (i = 0; i < scene->nr_fences; i++) {
		dma_fence_signal(scene->fences[i]);
		dma_fence_put(scene->fences[i]);
	}
	for (i = 0; i < scene->nr_attachments; i++)
		dma_buf_detach(scene->dmabuf, scene->attachments[i]);
	if (scene->dmabuf)
		dma_buf_put(scene->dmabuf);
	kvfree(scene->fences);
	kvfree(scene->attachments);
	memset(scene, 0, sizeof(*scene));
}

int scene_build(struct scene *scene, const struct bench_scene *wanted)
{
	int ret;

	memset(scene, 0, sizeof(*scene));
	scene->dmabuf = scene_export(wanted->exporter);
	if (IS_ERR(scene->dmabuf)) {
		ret = PTR_ERR(scene->dmabuf);
		scene->dmabuf = NULL;
		return ret;
	}

	ret = scene_attach(scene, wanted->statics, wanted->dynamics);
	if (!ret)
		ret = scene_add_fences(scene, wanted->fences, !wanted->unsignalled);
	if (ret)
		scene_destroy(scene);
	return ret;
}
