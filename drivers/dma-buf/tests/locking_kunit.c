// SPDX-License-Identifier: GPL-2.0-only
/*
 * The locking convention, line by line
 *
 * dma_buf_locking_calls states for every call whether its caller holds the
 * reservation lock, dma_buf_locking_callbacks whether it is held in each
 * callback. Both follow the tables on the reservation lock in dma-buf.c.
 */

#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/sizes.h>

#include "mock.h"

/* Objects that a call needs, or that its undo releases. */
struct dma_buf_locking {
	struct kunit *test;
	struct mock_exporter *exp;
	struct mock_exporter *other;
	struct mock_importer *imp;
	struct dma_buf_attachment *attach;
	struct device *dev;
	struct sg_table *sgt;
	struct iosys_map map;
	struct vm_area_struct *vma;
	void *vaddr;
	int fd;
};

static void dma_buf_locking_export(struct dma_buf_locking *l)
{
	KUNIT_ASSERT_NOT_ERR_OR_NULL(l->test, mock_export(l->other));
	KUNIT_EXPECT_FALSE(l->test,
			   dma_resv_is_locked(l->other->dmabuf->resv));
}

static void dma_buf_locking_fd(struct dma_buf_locking *l)
{
	get_dma_buf(l->exp->dmabuf);
	l->fd = dma_buf_fd(l->exp->dmabuf, O_CLOEXEC);
	KUNIT_EXPECT_GE(l->test, l->fd, 0);
}

static void dma_buf_locking_reserve_fd(struct dma_buf_locking *l)
{
	get_dma_buf(l->exp->dmabuf);
	l->fd = get_unused_fd_flags(O_CLOEXEC);
	KUNIT_ASSERT_GE(l->test, l->fd, 0);
}

static void dma_buf_locking_fd_install(struct dma_buf_locking *l)
{
	dma_buf_fd_install(l->exp->dmabuf, l->fd);
}

static void dma_buf_locking_close(struct dma_buf_locking *l)
{
	close_fd(l->fd);
}

static void dma_buf_locking_get(struct dma_buf_locking *l)
{
	KUNIT_EXPECT_PTR_EQ(l->test, dma_buf_get(l->fd), l->exp->dmabuf);
}

static void dma_buf_locking_get_undo(struct dma_buf_locking *l)
{
	dma_buf_put(l->exp->dmabuf);
	close_fd(l->fd);
}

static void dma_buf_locking_ref(struct dma_buf_locking *l)
{
	get_dma_buf(l->exp->dmabuf);
}

static void dma_buf_locking_put(struct dma_buf_locking *l)
{
	dma_buf_put(l->exp->dmabuf);
}

static void dma_buf_locking_last_put(struct dma_buf_locking *l)
{
	mock_put_sync(l->exp);
}

static void dma_buf_locking_attach(struct dma_buf_locking *l)
{
	l->attach = dma_buf_attach(l->exp->dmabuf, l->dev);
	KUNIT_ASSERT_FALSE(l->test, IS_ERR(l->attach));
}

static void dma_buf_locking_attach_dynamic(struct dma_buf_locking *l)
{
	l->attach = dma_buf_dynamic_attach(l->exp->dmabuf, l->dev, &l->imp->ops,
					   l->imp);
	KUNIT_ASSERT_FALSE(l->test, IS_ERR(l->attach));
}

static void dma_buf_locking_detach(struct dma_buf_locking *l)
{
	dma_buf_detach(l->exp->dmabuf, l->attach);
}

static void dma_buf_locking_pin(struct dma_buf_locking *l)
{
	KUNIT_EXPECT_EQ(l->test, dma_buf_pin(l->attach), 0);
}

static void dma_buf_locking_unpin(struct dma_buf_locking *l)
{
	dma_buf_unpin(l->attach);
}

/* Prepare, and undo, a pin for which the lock must be held. */
static void dma_buf_locking_pin_alone(struct dma_buf_locking *l)
{
	dma_buf_locking_attach_dynamic(l);
	dma_resv_lock(l->exp->dmabuf->resv, NULL);
	dma_buf_locking_pin(l);
	dma_resv_unlock(l->exp->dmabuf->resv);
}

static void dma_buf_locking_unpin_alone(struct dma_buf_locking *l)
{
	dma_resv_lock(l->exp->dmabuf->resv, NULL);
	dma_buf_locking_unpin(l);
	dma_resv_unlock(l->exp->dmabuf->resv);
	dma_buf_locking_detach(l);
}

static void dma_buf_locking_map(struct dma_buf_locking *l)
{
	l->sgt = dma_buf_map_attachment(l->attach, DMA_TO_DEVICE);
	KUNIT_EXPECT_FALSE(l->test, IS_ERR(l->sgt));
}

static void dma_buf_locking_map_unlocked(struct dma_buf_locking *l)
{
	l->sgt = dma_buf_map_attachment_unlocked(l->attach, DMA_TO_DEVICE);
	KUNIT_EXPECT_FALSE(l->test, IS_ERR(l->sgt));
}

static void dma_buf_locking_unmap(struct dma_buf_locking *l)
{
	dma_buf_unmap_attachment(l->attach, l->sgt, DMA_TO_DEVICE);
}

static void dma_buf_locking_unmap_unlocked(struct dma_buf_locking *l)
{
	dma_buf_unmap_attachment_unlocked(l->attach, l->sgt, DMA_TO_DEVICE);
}

static void dma_buf_locking_attach_and_map(struct dma_buf_locking *l)
{
	dma_buf_locking_attach(l);
	dma_buf_locking_map_unlocked(l);
}

static void dma_buf_locking_unmap_and_detach(struct dma_buf_locking *l)
{
	dma_buf_locking_unmap_unlocked(l);
	dma_buf_locking_detach(l);
}

static void dma_buf_locking_invalidate(struct dma_buf_locking *l)
{
	dma_buf_invalidate_mappings(l->exp->dmabuf);
}

static void dma_buf_locking_begin(struct dma_buf_locking *l)
{
	KUNIT_EXPECT_EQ(l->test, dma_buf_begin_cpu_access(l->exp->dmabuf,
							  DMA_TO_DEVICE), 0);
}

static void dma_buf_locking_end(struct dma_buf_locking *l)
{
	KUNIT_EXPECT_EQ(l->test, dma_buf_end_cpu_access(l->exp->dmabuf,
							DMA_TO_DEVICE), 0);
}

static void dma_buf_locking_kmap(struct dma_buf_locking *l)
{
	l->vaddr = dma_buf_kmap(l->exp->dmabuf, 0);
}

static void dma_buf_locking_kunmap(struct dma_buf_locking *l)
{
	dma_buf_kunmap(l->exp->dmabuf, 0, l->vaddr);
}

/* The file that the vma had before does not matter here. */
static void dma_buf_locking_mmap(struct dma_buf_locking *l)
{
	l->vma->vm_file = get_file(l->exp->dmabuf->file);
	KUNIT_EXPECT_EQ(l->test, dma_buf_mmap(l->exp->dmabuf, l->vma, 0), 0);
	fput(l->vma->vm_file);
}

static void dma_buf_locking_mmap_file(struct dma_buf_locking *l)
{
	struct file *file = l->exp->dmabuf->file;

	KUNIT_EXPECT_EQ(l->test, file->f_op->mmap(file, l->vma), 0);
}

static void dma_buf_locking_vmap(struct dma_buf_locking *l)
{
	KUNIT_EXPECT_EQ(l->test, dma_buf_vmap(l->exp->dmabuf, &l->map), 0);
}

static void dma_buf_locking_vmap_unlocked(struct dma_buf_locking *l)
{
	KUNIT_EXPECT_EQ(l->test, dma_buf_vmap_unlocked(l->exp->dmabuf, &l->map),
			0);
}

static void dma_buf_locking_vunmap(struct dma_buf_locking *l)
{
	dma_buf_vunmap(l->exp->dmabuf, &l->map);
}

static void dma_buf_locking_vunmap_unlocked(struct dma_buf_locking *l)
{
	dma_buf_vunmap_unlocked(l->exp->dmabuf, &l->map);
}

/**
 * struct dma_buf_locking_row - one call, with the required state of the lock
 * @desc: name of the call
 * @hold: the caller holds the lock
 * @kind: kind of exporter
 * @prepare: preparation of the call, without the lock
 * @call: the call
 * @undo: cleanup after the call, without the lock
 * @num: number of callbacks that the call makes
 * @ops: these callbacks
 */
struct dma_buf_locking_row {
	const char *desc;
	bool hold;
	unsigned int kind;
	void (*prepare)(struct dma_buf_locking *l);
	void (*call)(struct dma_buf_locking *l);
	void (*undo)(struct dma_buf_locking *l);
	unsigned int num;
	enum mock_op ops[3];
};

#define DMA_BUF_LOCKING_ROW(_desc, _hold, _kind, _prepare, _call, _undo,	\
			    _num, ...)						\
{										\
	.desc = _desc,								\
	.hold = _hold,								\
	.kind = _kind,								\
	.prepare = _prepare,							\
	.call = _call,								\
	.undo = _undo,								\
	.num = _num,								\
	.ops = { __VA_ARGS__ },							\
}

#define HELD	true
#define FREE	false

static const struct dma_buf_locking_row dma_buf_locking_calls[] = {
	DMA_BUF_LOCKING_ROW("dma_buf_pin", HELD, MOCK_DYNAMIC,
			    dma_buf_locking_attach_dynamic,
			    dma_buf_locking_pin,
			    dma_buf_locking_unpin_alone, 1, MOCK_PIN),
	DMA_BUF_LOCKING_ROW("dma_buf_unpin", HELD, MOCK_DYNAMIC,
			    dma_buf_locking_pin_alone,
			    dma_buf_locking_unpin,
			    dma_buf_locking_detach, 1, MOCK_UNPIN),
	DMA_BUF_LOCKING_ROW("dma_buf_map_attachment", HELD, 0,
			    dma_buf_locking_attach,
			    dma_buf_locking_map,
			    dma_buf_locking_unmap_and_detach, 1,
			    MOCK_MAP_DMA_BUF),
	DMA_BUF_LOCKING_ROW("dma_buf_unmap_attachment", HELD, 0,
			    dma_buf_locking_attach_and_map,
			    dma_buf_locking_unmap,
			    dma_buf_locking_detach, 1, MOCK_UNMAP_DMA_BUF),
	DMA_BUF_LOCKING_ROW("dma_buf_vmap", HELD, 0, NULL,
			    dma_buf_locking_vmap,
			    dma_buf_locking_vunmap_unlocked, 1, MOCK_VMAP),
	DMA_BUF_LOCKING_ROW("dma_buf_vunmap", HELD, 0,
			    dma_buf_locking_vmap_unlocked,
			    dma_buf_locking_vunmap, NULL, 1, MOCK_VUNMAP),
	DMA_BUF_LOCKING_ROW("dma_buf_map_attachment, pinning", HELD, MOCK_DYNAMIC,
			    dma_buf_locking_attach,
			    dma_buf_locking_map,
			    dma_buf_locking_unmap_and_detach, 2,
			    MOCK_PIN, MOCK_MAP_DMA_BUF),
	DMA_BUF_LOCKING_ROW("dma_buf_unmap_attachment, unpinning", HELD,
			    MOCK_DYNAMIC,
			    dma_buf_locking_attach_and_map,
			    dma_buf_locking_unmap,
			    dma_buf_locking_detach, 2,
			    MOCK_UNMAP_DMA_BUF, MOCK_UNPIN),
	DMA_BUF_LOCKING_ROW("dma_buf_invalidate_mappings", HELD, MOCK_DYNAMIC,
			    dma_buf_locking_attach_dynamic,
			    dma_buf_locking_invalidate,
			    dma_buf_locking_detach, 1,
			    MOCK_INVALIDATE_MAPPINGS),
	DMA_BUF_LOCKING_ROW("dma_buf_export", FREE, 0, NULL,
			    dma_buf_locking_export, NULL, 0),
	DMA_BUF_LOCKING_ROW("dma_buf_fd", FREE, 0, NULL, dma_buf_locking_fd,
			    dma_buf_locking_close, 0),
	DMA_BUF_LOCKING_ROW("dma_buf_fd_install", FREE, 0,
			    dma_buf_locking_reserve_fd,
			    dma_buf_locking_fd_install,
			    dma_buf_locking_close, 0),
	DMA_BUF_LOCKING_ROW("dma_buf_get", FREE, 0, dma_buf_locking_fd,
			    dma_buf_locking_get, dma_buf_locking_get_undo, 0),
	DMA_BUF_LOCKING_ROW("dma_buf_put", FREE, 0, dma_buf_locking_ref,
			    dma_buf_locking_put, NULL, 0),
	DMA_BUF_LOCKING_ROW("last dma_buf_put", FREE, 0, NULL,
			    dma_buf_locking_last_put, NULL, 1, MOCK_RELEASE),
	DMA_BUF_LOCKING_ROW("dma_buf_attach", FREE, 0, NULL,
			    dma_buf_locking_attach,
			    dma_buf_locking_detach, 1, MOCK_ATTACH),
	DMA_BUF_LOCKING_ROW("dma_buf_dynamic_attach", FREE, MOCK_DYNAMIC, NULL,
			    dma_buf_locking_attach_dynamic,
			    dma_buf_locking_detach, 1, MOCK_ATTACH),
	DMA_BUF_LOCKING_ROW("dma_buf_detach", FREE, 0, dma_buf_locking_attach,
			    dma_buf_locking_detach, NULL, 1, MOCK_DETACH),
	DMA_BUF_LOCKING_ROW("dma_buf_detach, dynamic", FREE, MOCK_DYNAMIC,
			    dma_buf_locking_attach_dynamic,
			    dma_buf_locking_detach, NULL, 1, MOCK_DETACH),
	DMA_BUF_LOCKING_ROW("dma_buf_map_attachment_unlocked", FREE, 0,
			    dma_buf_locking_attach,
			    dma_buf_locking_map_unlocked,
			    dma_buf_locking_unmap_and_detach, 1,
			    MOCK_MAP_DMA_BUF),
	DMA_BUF_LOCKING_ROW("dma_buf_unmap_attachment_unlocked", FREE, 0,
			    dma_buf_locking_attach_and_map,
			    dma_buf_locking_unmap_unlocked,
			    dma_buf_locking_detach, 1, MOCK_UNMAP_DMA_BUF),
	DMA_BUF_LOCKING_ROW("dma_buf_begin_cpu_access", FREE, 0, NULL,
			    dma_buf_locking_begin, dma_buf_locking_end, 1,
			    MOCK_BEGIN_CPU_ACCESS),
	DMA_BUF_LOCKING_ROW("dma_buf_end_cpu_access", FREE, 0,
			    dma_buf_locking_begin, dma_buf_locking_end, NULL, 1,
			    MOCK_END_CPU_ACCESS),
	DMA_BUF_LOCKING_ROW("dma_buf_kmap", FREE, 0, NULL, dma_buf_locking_kmap,
			    dma_buf_locking_kunmap, 1, MOCK_MAP),
	DMA_BUF_LOCKING_ROW("dma_buf_kunmap", FREE, 0, dma_buf_locking_kmap,
			    dma_buf_locking_kunmap, NULL, 1, MOCK_UNMAP),
	DMA_BUF_LOCKING_ROW("dma_buf_mmap", FREE, 0, NULL, dma_buf_locking_mmap,
			    NULL, 1, MOCK_MMAP),
	DMA_BUF_LOCKING_ROW("mmap", FREE, 0, NULL, dma_buf_locking_mmap_file,
			    NULL, 1, MOCK_MMAP),
	DMA_BUF_LOCKING_ROW("dma_buf_vmap_unlocked", FREE, 0, NULL,
			    dma_buf_locking_vmap_unlocked,
			    dma_buf_locking_vunmap_unlocked, 1, MOCK_VMAP),
	DMA_BUF_LOCKING_ROW("dma_buf_vunmap_unlocked", FREE, 0,
			    dma_buf_locking_vmap_unlocked,
			    dma_buf_locking_vunmap_unlocked, NULL, 1,
			    MOCK_VUNMAP),
};

KUNIT_ARRAY_PARAM_DESC(dma_buf_locking_call, dma_buf_locking_calls, desc);

static const struct dma_buf_locking_callback {
	const char *desc;
	enum mock_op op;
	bool held;
} dma_buf_locking_callbacks[] = {
	{ "pin", MOCK_PIN, HELD },
	{ "unpin", MOCK_UNPIN, HELD },
	{ "map_dma_buf", MOCK_MAP_DMA_BUF, HELD },
	{ "unmap_dma_buf", MOCK_UNMAP_DMA_BUF, HELD },
	{ "vmap", MOCK_VMAP, HELD },
	{ "vunmap", MOCK_VUNMAP, HELD },
	{ "invalidate_mappings", MOCK_INVALIDATE_MAPPINGS, HELD },
	{ "attach", MOCK_ATTACH, FREE },
	{ "detach", MOCK_DETACH, FREE },
	{ "release", MOCK_RELEASE, FREE },
	{ "begin_cpu_access", MOCK_BEGIN_CPU_ACCESS, FREE },
	{ "end_cpu_access", MOCK_END_CPU_ACCESS, FREE },
	{ "map", MOCK_MAP, FREE },
	{ "unmap", MOCK_UNMAP, FREE },
	{ "mmap", MOCK_MMAP, FREE },
};

KUNIT_ARRAY_PARAM_DESC(dma_buf_locking_callback, dma_buf_locking_callbacks,
		       desc);

static bool dma_buf_locking_want(enum mock_op op)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(dma_buf_locking_callbacks); i++)
		if (dma_buf_locking_callbacks[i].op == op)
			return dma_buf_locking_callbacks[i].held;

	return false;
}

static struct dma_buf_locking *dma_buf_locking_create(struct kunit *test,
						      unsigned int kind)
{
	struct dma_buf_locking *l = kunit_kzalloc(test, sizeof(*l), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, l);
	l->test = test;
	l->dev = mock_device_create(test, "importer");
	l->imp = mock_importer_create(test);
	l->exp = mock_exporter_create(test, kind, SZ_8K);
	l->other = mock_exporter_alloc(test, kind, SZ_8K);

	l->vma = kunit_kzalloc(test, sizeof(*l->vma), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, l->vma);
	l->vma->vm_end = PAGE_SIZE;

	return l;
}

/*
 * Passes when the call works, preserves the state of the lock and makes its
 * callbacks with the lock held or free as listed.
 */
static void lock_state_of_calls(struct kunit *test)
{
	const struct dma_buf_locking_row *row = test->param_value;
	struct dma_buf_locking *l = dma_buf_locking_create(test, row->kind);
	struct dma_resv *resv = l->exp->dmabuf->resv;
	unsigned int i;

	if (row->prepare)
		row->prepare(l);
	mock_log_reset(l->exp);

	if (row->hold)
		dma_resv_lock(resv, NULL);
	row->call(l);
	if (row->hold) {
		KUNIT_EXPECT_TRUE(test, dma_resv_is_locked(resv));
		dma_resv_unlock(resv);
	} else if (l->exp->held) {
		KUNIT_EXPECT_FALSE(test, dma_resv_is_locked(resv));
	}

	KUNIT_EXPECT_TRUE(test, mock_log_is(l->exp, row->ops, row->num));
	for (i = 0; i < l->exp->calls; i++)
		KUNIT_EXPECT_EQ_MSG(test, l->exp->log[i].locked,
				    dma_buf_locking_want(l->exp->log[i].op),
				    "%s", mock_op_name(l->exp->log[i].op));

	if (row->undo)
		row->undo(l);
}

/* The life of one buffer, with every callback in it. */
static void dma_buf_locking_all_calls(struct dma_buf_locking *l)
{
	struct dma_resv *resv = l->exp->dmabuf->resv;

	dma_buf_locking_attach(l);
	dma_buf_locking_map_unlocked(l);
	dma_buf_locking_unmap_and_detach(l);

	dma_buf_locking_attach_dynamic(l);
	dma_resv_lock(resv, NULL);
	dma_buf_locking_pin(l);
	dma_buf_locking_map(l);
	dma_buf_locking_invalidate(l);
	dma_buf_locking_unmap(l);
	dma_buf_locking_unpin(l);
	dma_resv_unlock(resv);
	dma_buf_locking_detach(l);

	dma_buf_locking_begin(l);
	dma_buf_locking_kmap(l);
	dma_buf_locking_kunmap(l);
	dma_buf_locking_vmap_unlocked(l);
	dma_buf_locking_vunmap_unlocked(l);
	dma_resv_lock(resv, NULL);
	dma_buf_locking_vmap(l);
	dma_buf_locking_vunmap(l);
	dma_resv_unlock(resv);
	dma_buf_locking_end(l);

	dma_buf_locking_mmap_file(l);
	dma_buf_locking_mmap(l);
	dma_buf_locking_last_put(l);
}

/* Passes when each call of the callback has the lock held or free as listed. */
static void lock_state_of_callbacks(struct kunit *test)
{
	const struct dma_buf_locking_callback *row = test->param_value;
	struct dma_buf_locking *l = dma_buf_locking_create(test, MOCK_DYNAMIC);
	unsigned int i, seen = 0;

	dma_buf_locking_all_calls(l);
	for (i = 0; i < l->exp->calls; i++) {
		if (l->exp->log[i].op != row->op)
			continue;
		KUNIT_EXPECT_EQ_MSG(test, l->exp->log[i].locked, row->held,
				    "%s, call %u", mock_op_name(row->op), i);
		seen++;
	}
	KUNIT_EXPECT_GT(test, seen, 0);
}

static struct kunit_case dma_buf_locking_cases[] = {
	KUNIT_CASE_PARAM(lock_state_of_calls, dma_buf_locking_call_gen_params),
	KUNIT_CASE_PARAM(lock_state_of_callbacks,
			 dma_buf_locking_callback_gen_params),
	{}
};

static struct kunit_suite dma_buf_locking_suite = {
	.name = "dma_buf_locking",
	.test_cases = dma_buf_locking_cases,
};

kunit_test_suite(dma_buf_locking_suite);
