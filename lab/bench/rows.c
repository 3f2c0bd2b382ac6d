// SPDX-License-Identifier: GPL-2.0
/* Operations of drivers, one function for each row; measured in the module. */

#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/slab.h>
#include <asm/msr.h>

#include "scene.h"

struct row {
	const char *name;
	struct bench_scene scene;
	bool locked;		/* with the reservation lock held */
	int (*prepare)(void);
	void (*run)(void);
	void (*finish)(void);
};

static struct scene s;
static struct dma_buf_attachment *attach;
static int fd;

static void empty(void)
{
}

static void get_put(void)
{
	get_dma_buf(s.dmabuf);
	dma_buf_put(s.dmabuf);
}

static void floor_get_put(void)
{
	get_file(s.dmabuf->file);
	fput(s.dmabuf->file);
}

static int prepare_fd(void)
{
	get_dma_buf(s.dmabuf);
	fd = dma_buf_fd(s.dmabuf, O_CLOEXEC);
	if (fd < 0)
		dma_buf_put(s.dmabuf);
	return fd < 0 ? fd : 0;
}

static void finish_fd(void)
{
	close_fd(fd);
}

static void fd_get_put(void)
{
	dma_buf_put(dma_buf_get(fd));
}

static void floor_fd_get_put(void)
{
	fput(fget(fd));
}

static void fd_install_close(void)
{
	get_dma_buf(s.dmabuf);
	close_fd(dma_buf_fd(s.dmabuf, O_CLOEXEC));
}

static void floor_fd_install_close(void)
{
	int new = get_unused_fd_flags(O_CLOEXEC);

	fd_install(new, get_file(s.dmabuf->file));
	close_fd(new);
}

static void map(void)
{
	struct sg_table *sgt = dma_buf_map_attachment(attach, DMA_BIDIRECTIONAL);

	dma_buf_unmap_attachment(attach, sgt, DMA_BIDIRECTIONAL);
}

static void floor_map(void)
{
	const struct dma_buf_ops *ops = s.dmabuf->ops;
	struct sg_table *sgt = ops->map_dma_buf(attach, DMA_BIDIRECTIONAL);

	ops->unmap_dma_buf(attach, sgt, DMA_BIDIRECTIONAL);
}

static void map_unlocked(void)
{
	struct sg_table *sgt;

	sgt = dma_buf_map_attachment_unlocked(attach, DMA_BIDIRECTIONAL);
	dma_buf_unmap_attachment_unlocked(attach, sgt, DMA_BIDIRECTIONAL);
}

static void pin(void)
{
	dma_buf_pin(attach);
	dma_buf_unpin(attach);
}

static void floor_pin(void)
{
	const struct dma_buf_ops *ops = s.dmabuf->ops;

	ops->pin(attach);
	ops->unpin(attach);
}

static void vmap_locked(void)
{
	struct iosys_map map;

	dma_buf_vmap(s.dmabuf, &map);
	dma_buf_vunmap(s.dmabuf, &map);
}

static void vmap_unlocked(void)
{
	struct iosys_map map;

	dma_buf_vmap_unlocked(s.dmabuf, &map);
	dma_buf_vunmap_unlocked(s.dmabuf, &map);
}

static struct iosys_map nested_map;

static int prepare_vmap(void)
{
	return dma_buf_vmap_unlocked(s.dmabuf, &nested_map);
}

static void finish_vmap(void)
{
	dma_buf_vunmap_unlocked(s.dmabuf, &nested_map);
}

static struct iosys_map shared;
static refcount_t shared_count = REFCOUNT_INIT(1);

/* Nesting costs at least an increment and a decrement that cannot wrap. */
static void floor_vmap(void)
{
	struct iosys_map map;

	iosys_map_clear(&map);
	if (refcount_inc_not_zero(&shared_count))
		map = shared;
	barrier_data(&map);
	WARN_ON_ONCE(!refcount_dec_not_one(&shared_count));
}

static void cpu_access(void)
{
	dma_buf_begin_cpu_access(s.dmabuf, DMA_BIDIRECTIONAL);
	dma_buf_end_cpu_access(s.dmabuf, DMA_BIDIRECTIONAL);
}

static void invalidate(void)
{
	dma_buf_invalidate_mappings(s.dmabuf);
}

static void floor_invalidate(void)
{
	bench_importer_ops.invalidate_mappings(attach);
}

static void attach_static(void)
{
	dma_buf_detach(s.dmabuf, dma_buf_attach(s.dmabuf, bench_device));
}

static void attach_dynamic(void)
{
	struct dma_buf_attachment *new;

	new = dma_buf_dynamic_attach(s.dmabuf, bench_device, &bench_importer_ops, NULL);
	dma_buf_detach(s.dmabuf, new);
}

static void floor_attach(void)
{
	struct dma_buf_attachment *new = kzalloc(sizeof(*new), GFP_KERNEL);

	barrier_data(new);
	kfree(new);
}

#define STATIC(n)	{ .exporter = BENCH_STATIC, .statics = n }
#define DYNAMIC(n)	{ .exporter = BENCH_DYNAMIC, .dynamics = n }

static const struct row rows[] = {
	{ "get+put", STATIC(0), .run = get_put },
	{ "floor: get+put", STATIC(0), .run = floor_get_put },
	{ "get(fd)+put", STATIC(0), .run = fd_get_put,
	  .prepare = prepare_fd, .finish = finish_fd },
	{ "floor: get(fd)+put", STATIC(0), .run = floor_fd_get_put,
	  .prepare = prepare_fd, .finish = finish_fd },
	{ "fd+close", STATIC(0), .run = fd_install_close },
	{ "floor: fd+close", STATIC(0), .run = floor_fd_install_close },
	{ "map+unmap static", STATIC(1), .locked = true, .run = map },
	{ "map+unmap static _unlocked", STATIC(1), .run = map_unlocked },
	{ "map+unmap dynamic", DYNAMIC(1), .locked = true, .run = map },
	{ "floor: map+unmap", STATIC(1), .locked = true, .run = floor_map },
	{ "pin+unpin", DYNAMIC(1), .locked = true, .run = pin },
	{ "floor: pin+unpin", DYNAMIC(1), .locked = true, .run = floor_pin },
	{ "vmap+vunmap first", STATIC(0), .locked = true, .run = vmap_locked },
	{ "vmap+vunmap nested", STATIC(0), .locked = true, .run = vmap_locked,
	  .prepare = prepare_vmap, .finish = finish_vmap },
	{ "vmap+vunmap nested _unlocked", STATIC(0), .run = vmap_unlocked,
	  .prepare = prepare_vmap, .finish = finish_vmap },
	{ "floor: vmap+vunmap nested", STATIC(0), .run = floor_vmap },
	{ "begin+end_cpu_access", STATIC(1), .run = cpu_access },
	{ "invalidate, 1 dynamic of 64",
	  { .exporter = BENCH_DYNAMIC, .statics = 63, .dynamics = 1 },
	  .locked = true, .run = invalidate },
	{ "invalidate, 64 dynamic", DYNAMIC(64), .locked = true, .run = invalidate },
	{ "floor: invalidate", DYNAMIC(1), .locked = true, .run = floor_invalidate },
	{ "attach+detach static", STATIC(0), .run = attach_static },
	{ "attach+detach dynamic", DYNAMIC(0), .run = attach_dynamic },
	{ "attach+detach static to dynamic", DYNAMIC(0), .run = attach_static },
	{ "attach+detach dynamic to static", STATIC(0), .run = attach_dynamic },
	{ "floor: attach+detach", STATIC(0), .run = floor_attach },
};

static noinline u64 rows_block(void (*run)(void), u32 count)
{
	u64 begin = rdtsc();

	while (count--)
		run();
	return rdtsc() - begin;
}

static void rows_measure(const struct row *row, struct bench_run *run)
{
	u32 i;

	if (row->locked)
		dma_resv_lock(s.dmabuf->resv, NULL);

	for (i = 0; i < BENCH_BLOCKS; i++) {
		bench_begin();
		run->ticks[i] = rows_block(row->run, run->count);
		bench_end();
		run->ticks[i] -= rows_block(empty, run->count);
	}

	if (row->locked)
		dma_resv_unlock(s.dmabuf->resv);
}

int rows_run(struct bench_run *run)
{
	struct bench_scene wanted;
	const struct row *row;
	int ret;

	if (run->row >= ARRAY_SIZE(rows))
		return -ENOENT;
	row = &rows[run->row];
	strscpy(run->name, row->name, sizeof(run->name));
	if (!run->count)
		run->count = 1000;

	wanted = row->scene;
	wanted.fences += run->fences;
	wanted.statics += run->attachments;
	ret = scene_build(&s, &wanted);
	if (ret)
		return ret;
	attach = s.nr_attachments ? s.attachments[s.nr_attachments - 1] : NULL;

	if (row->prepare)
		ret = row->prepare();
	if (!ret) {
		rows_measure(row, run);
		if (row->finish)
			row->finish();
	}
	scene_destroy(&s);
	return ret;
}
