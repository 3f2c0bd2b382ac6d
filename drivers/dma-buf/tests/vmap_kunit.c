// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernel mappings, which all users of a buffer share
 */

#include <linux/iosys-map.h>
#include <linux/sizes.h>

#include "mock.h"

/* Both pairs of functions behave alike; a case runs with each. */
static const struct dma_buf_vmap_row {
	const char *desc;
	bool unlocked;
} dma_buf_vmap_rows[] = {
	{ "locked", false },
	{ "unlocked", true },
};

KUNIT_ARRAY_PARAM_DESC(dma_buf_vmap, dma_buf_vmap_rows, desc);

static int dma_buf_vmap_by(const struct dma_buf_vmap_row *row,
			   struct dma_buf *dmabuf, struct iosys_map *map)
{
	int ret;

	if (row->unlocked)
		return dma_buf_vmap_unlocked(dmabuf, map);

	dma_resv_lock(dmabuf->resv, NULL);
	ret = dma_buf_vmap(dmabuf, map);
	dma_resv_unlock(dmabuf->resv);
	return ret;
}

static void dma_buf_vunmap_by(const struct dma_buf_vmap_row *row,
			      struct dma_buf *dmabuf, struct iosys_map *map)
{
	if (row->unlocked) {
		dma_buf_vunmap_unlocked(dmabuf, map);
		return;
	}

	dma_resv_lock(dmabuf->resv, NULL);
	dma_buf_vunmap(dmabuf, map);
	dma_resv_unlock(dmabuf->resv);
}

/* Passes when a single vmap is the exporter's, made with the lock held. */
static void single_vmap(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	const struct dma_buf_vmap_row *row = test->param_value;
	struct iosys_map map;

	KUNIT_ASSERT_EQ(test, dma_buf_vmap_by(row, exp->dmabuf, &map), 0);
	KUNIT_EXPECT_PTR_EQ(test, map.vaddr, exp->vaddr);
	KUNIT_EXPECT_FALSE(test, map.is_iomem);
	dma_buf_vunmap_by(row, exp->dmabuf, &map);

	MOCK_EXPECT_LOG(test, exp, MOCK_VMAP, MOCK_VUNMAP);
	KUNIT_EXPECT_TRUE(test, mock_last_call(exp, MOCK_VMAP)->locked);
	KUNIT_EXPECT_TRUE(test, mock_last_call(exp, MOCK_VUNMAP)->locked);
	KUNIT_EXPECT_PTR_EQ(test, mock_last_call(exp, MOCK_VUNMAP)->arg,
			    (const void *)exp->vaddr);
	KUNIT_EXPECT_FALSE(test, dma_resv_is_locked(exp->dmabuf->resv));
}

/* Passes when only the first vmap and the last vunmap call the exporter. */
static void nested_vmaps(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	const struct dma_buf_vmap_row *row = test->param_value;
	struct iosys_map map[5];
	int i;

	for (i = 0; i < ARRAY_SIZE(map); i++) {
		KUNIT_ASSERT_EQ(test, dma_buf_vmap_by(row, exp->dmabuf,
						      &map[i]), 0);
		KUNIT_EXPECT_PTR_EQ(test, map[i].vaddr, exp->vaddr);
		MOCK_EXPECT_LOG(test, exp, MOCK_VMAP);
	}
	for (i = 0; i < ARRAY_SIZE(map) - 1; i++) {
		dma_buf_vunmap_by(row, exp->dmabuf, &map[i]);
		MOCK_EXPECT_LOG(test, exp, MOCK_VMAP);
	}
	dma_buf_vunmap_by(row, exp->dmabuf, &map[i]);
	MOCK_EXPECT_LOG(test, exp, MOCK_VMAP, MOCK_VUNMAP);
}

/* Passes when a vmap after the last vunmap calls the exporter again. */
static void vmap_again(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	const struct dma_buf_vmap_row *row = test->param_value;
	struct iosys_map map;
	int i;

	for (i = 1; i <= 3; i++) {
		KUNIT_ASSERT_EQ(test, dma_buf_vmap_by(row, exp->dmabuf, &map),
				0);
		dma_buf_vunmap_by(row, exp->dmabuf, &map);
		KUNIT_EXPECT_EQ(test, mock_call_count(exp, MOCK_VMAP), i);
		KUNIT_EXPECT_EQ(test, mock_call_count(exp, MOCK_VUNMAP), i);
	}
}

/* Passes when locked and unlocked calls can be mixed. */
static void mixed_calls(struct kunit *test)
{
	const struct dma_buf_vmap_row *row = test->param_value;
	const struct dma_buf_vmap_row *other = &dma_buf_vmap_rows[0];
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct iosys_map one, two;

	if (row == other)
		other++;

	KUNIT_ASSERT_EQ(test, dma_buf_vmap_by(row, exp->dmabuf, &one), 0);
	KUNIT_ASSERT_EQ(test, dma_buf_vmap_by(other, exp->dmabuf, &two), 0);
	dma_buf_vunmap_by(row, exp->dmabuf, &two);
	MOCK_EXPECT_LOG(test, exp, MOCK_VMAP);
	dma_buf_vunmap_by(other, exp->dmabuf, &one);
	MOCK_EXPECT_LOG(test, exp, MOCK_VMAP, MOCK_VUNMAP);
}

/*
 * Passes when each failed vmap returns the exporter's error and a cleared map,
 * and the next attempt is unaffected.
 */
static void vmap_fails(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	const struct dma_buf_vmap_row *row = test->param_value;
	struct iosys_map map;
	int i;

	exp->fail[MOCK_VMAP] = -ENOMEM;
	for (i = 1; i <= 3; i++) {
		iosys_map_set_vaddr(&map, test);
		KUNIT_EXPECT_EQ_MSG(test, dma_buf_vmap_by(row, exp->dmabuf, &map),
				    -ENOMEM, "attempt %d", i);
		KUNIT_EXPECT_TRUE_MSG(test, iosys_map_is_null(&map), "attempt %d", i);
		KUNIT_EXPECT_EQ_MSG(test, mock_call_count(exp, MOCK_VMAP), i,
				    "attempt %d", i);
		KUNIT_EXPECT_NULL_MSG(test, mock_last_call(exp, MOCK_VMAP)->arg,
				      "attempt %d", i);
	}
	KUNIT_EXPECT_FALSE(test, dma_resv_is_locked(exp->dmabuf->resv));

	exp->fail[MOCK_VMAP] = 0;
	KUNIT_EXPECT_EQ(test, dma_buf_vmap_by(row, exp->dmabuf, &map), 0);
	KUNIT_EXPECT_NULL(test, mock_last_call(exp, MOCK_VMAP)->arg);
	dma_buf_vunmap_by(row, exp->dmabuf, &map);
	MOCK_EXPECT_LOG(test, exp, MOCK_VMAP, MOCK_VMAP, MOCK_VMAP, MOCK_VMAP,
			MOCK_VUNMAP);
}

/* Passes when a buffer is released as usual after a failed vmap. */
static void release_after_failure(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	const struct dma_buf_vmap_row *row = test->param_value;
	struct iosys_map map;

	exp->fail[MOCK_VMAP] = -ENOMEM;
	KUNIT_EXPECT_EQ(test, dma_buf_vmap_by(row, exp->dmabuf, &map), -ENOMEM);
	mock_put_sync(exp);
	MOCK_EXPECT_LOG(test, exp, MOCK_VMAP, MOCK_RELEASE);
}

/* Passes when an exporter without vmap gives -EINVAL and a cleared map. */
static void vmap_without_op(struct kunit *test)
{
	struct mock_exporter *exp =
		mock_exporter_create(test, MOCK_MINIMAL, SZ_8K);
	const struct dma_buf_vmap_row *row = test->param_value;
	struct iosys_map map = IOSYS_MAP_INIT_VADDR(test);

	KUNIT_EXPECT_EQ(test, dma_buf_vmap_by(row, exp->dmabuf, &map),
			-EINVAL);
	KUNIT_EXPECT_TRUE(test, iosys_map_is_null(&map));
}

/* Passes when an exporter with vmap needs no vunmap. */
static void vmap_without_vunmap(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_alloc(test, 0, SZ_8K);
	const struct dma_buf_vmap_row *row = test->param_value;
	struct iosys_map map;
	int i;

	exp->ops.vunmap = NULL;
	exp->expect_imbalance = true;
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mock_export(exp));

	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, dma_buf_vmap_by(row, exp->dmabuf, &map),
				0);
		dma_buf_vunmap_by(row, exp->dmabuf, &map);
	}
	MOCK_EXPECT_LOG(test, exp, MOCK_VMAP, MOCK_VMAP);
}

static int dma_buf_vmap_iomem(struct dma_buf *dmabuf, struct iosys_map *map)
{
	iosys_map_set_vaddr_iomem(map, (void __iomem *)0x1000);
	return 0;
}

/* Passes when a map of device memory, nested or not, has is_iomem set. */
static void iomem_map(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_alloc(test, 0, SZ_8K);
	const struct dma_buf_vmap_row *row = test->param_value;
	struct iosys_map one, two;

	exp->ops.vmap = dma_buf_vmap_iomem;
	exp->ops.vunmap = NULL;
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mock_export(exp));

	KUNIT_ASSERT_EQ(test, dma_buf_vmap_by(row, exp->dmabuf, &one), 0);
	KUNIT_ASSERT_EQ(test, dma_buf_vmap_by(row, exp->dmabuf, &two), 0);
	KUNIT_EXPECT_TRUE(test, one.is_iomem);
	KUNIT_EXPECT_TRUE(test, iosys_map_is_equal(&one, &two));
	dma_buf_vunmap_by(row, exp->dmabuf, &one);
	dma_buf_vunmap_by(row, exp->dmabuf, &two);
}

struct dma_buf_vmap_race {
	struct mock_exporter *exp;
	atomic_t failed;
	atomic_t other_addr;
};

/* Map and unmap, with alternating functions. */
static void dma_buf_vmap_repeat(void *data, unsigned int id)
{
	struct dma_buf_vmap_race *race = data;
	struct dma_buf *dmabuf = race->exp->dmabuf;
	struct iosys_map map;
	int i;

	for (i = 0; i < 2000; i++) {
		if (dma_buf_vmap_by(&dma_buf_vmap_rows[(i + id) % 2], dmabuf,
				    &map)) {
			atomic_inc(&race->failed);
			continue;
		}
		if (map.vaddr != race->exp->vaddr)
			atomic_inc(&race->other_addr);
		cond_resched();
		dma_buf_vunmap_by(&dma_buf_vmap_rows[(i >> 1) % 2], dmabuf,
				  &map);
	}
}

/*
 * Passes when concurrent threads share the mapping: the exporter never has two,
 * and every vmap of the exporter is undone.
 */
static void concurrent_threads(struct kunit *test)
{
	struct dma_buf_vmap_race race = {
		.exp = mock_exporter_create(test, 0, SZ_8K),
	};

	race.exp->no_log = true;
	mock_run_parallel(test, 4, dma_buf_vmap_repeat, &race);
	KUNIT_EXPECT_EQ_MSG(test, atomic_read(&race.failed), 0, "vmap failed");
	KUNIT_EXPECT_EQ_MSG(test, atomic_read(&race.other_addr), 0,
			    "vmap returned another address");
}

/* Passes when a vmap holds no reference to the file. */
static void holds_no_reference(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	const struct dma_buf_vmap_row *row = test->param_value;
	struct iosys_map map;

	KUNIT_ASSERT_EQ(test, dma_buf_vmap_by(row, exp->dmabuf, &map), 0);
	KUNIT_EXPECT_EQ(test, file_count(exp->dmabuf->file), 1);
	dma_buf_vunmap_by(row, exp->dmabuf, &map);
}

static struct kunit_case dma_buf_vmap_cases[] = {
	KUNIT_CASE_PARAM(single_vmap, dma_buf_vmap_gen_params),
	KUNIT_CASE_PARAM(nested_vmaps, dma_buf_vmap_gen_params),
	KUNIT_CASE_PARAM(vmap_again, dma_buf_vmap_gen_params),
	KUNIT_CASE_PARAM(mixed_calls, dma_buf_vmap_gen_params),
	KUNIT_CASE_PARAM(vmap_fails, dma_buf_vmap_gen_params),
	KUNIT_CASE_PARAM(release_after_failure, dma_buf_vmap_gen_params),
	KUNIT_CASE_PARAM(vmap_without_op, dma_buf_vmap_gen_params),
	KUNIT_CASE_PARAM(vmap_without_vunmap, dma_buf_vmap_gen_params),
	KUNIT_CASE_PARAM(iomem_map, dma_buf_vmap_gen_params),
	KUNIT_CASE(concurrent_threads),
	KUNIT_CASE_PARAM(holds_no_reference, dma_buf_vmap_gen_params),
	{}
};

static struct kunit_suite dma_buf_vmap_suite = {
	.name = "dma_buf_vmap",
	.test_cases = dma_buf_vmap_cases,
};

kunit_test_suite(dma_buf_vmap_suite);
