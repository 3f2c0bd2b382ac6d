// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the tables that dma-buf-mapping.c makes of physical ranges
 *
 * The addresses of a peer and its IOMMU need two PCI devices that few machines
 * have. The code under test is therefore compiled into this file, with the
 * calls for DMA replaced by fakes, which count objects that are not freed and
 * can be set to fail.
 */

/* The kernel has functions of these names already. */
#define dma_buf_phys_vec_to_sgt		test_phys_vec_to_sgt
#define dma_buf_free_sgt		test_free_sgt

#include <linux/dma-buf-mapping.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/pci-p2pdma.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include <kunit/device.h>
#include <kunit/test.h>

/* Never accessed: the fakes only calculate with these. */
#define PHYS_BASE	0x10000000UL
#define BUS_OFFSET	0x20000000UL
#define PHYS_OFFSET	0x40000000UL
#define IOVA_BASE	0x80000000UL

#define RANGES_MAX	300	/* more entries than fit into a page */

/* All that the fakes remember, cleared before each case */
static struct {
	enum pci_p2pdma_map_type type;
	bool use_iova;
	int fail_map;		/* the mapping or link that fails, from 1 on */
	int fail_table;		/* errno for the table */
	int fail_sync;		/* errno for the last step with an IOVA */

	unsigned int maps;
	unsigned int mapped;	/* ranges */
	unsigned int bad_unmaps;
	unsigned int iovas;
	size_t linked;		/* bytes */
	unsigned int chunks;	/* of scatterlists */
	unsigned int asserts;	/* that the reservation lock is held */
} fake;

static enum pci_p2pdma_map_type
fake_map_type(struct p2pdma_provider *provider, struct device *dev)
{
	return fake.type;
}

static dma_addr_t fake_map_phys(struct device *dev, phys_addr_t phys,
				size_t size, enum dma_data_direction dir,
				unsigned long attrs)
{
	if (++fake.maps == fake.fail_map)
		return DMA_MAPPING_ERROR;

	fake.mapped++;
	return phys + PHYS_OFFSET;
}

static void fake_unmap_phys(struct device *dev, dma_addr_t addr, size_t size,
			    enum dma_data_direction dir, unsigned long attrs)
{
	if (addr < PHYS_BASE + PHYS_OFFSET || !size)
		fake.bad_unmaps++;
	else
		fake.mapped--;
}

static int fake_mapping_error(struct device *dev, dma_addr_t addr)
{
	return addr == DMA_MAPPING_ERROR ? -ENOMEM : 0;
}

static bool fake_iova_try_alloc(struct device *dev,
				struct dma_iova_state *state, phys_addr_t phys,
				size_t size)
{
	if (!fake.use_iova)
		return false;

	state->addr = IOVA_BASE;
	state->__size = size;
	fake.iovas++;
	return true;
}

static bool fake_use_iova(struct dma_iova_state *state)
{
	return state->__size;
}

static void fake_iova_free(struct device *dev, struct dma_iova_state *state)
{
	fake.iovas--;
}

static int fake_iova_link(struct device *dev, struct dma_iova_state *state,
			  phys_addr_t phys, size_t offset, size_t size,
			  enum dma_data_direction dir, unsigned long attrs)
{
	if (++fake.maps == fake.fail_map)
		return -ENOMEM;

	fake.linked += size;
	return 0;
}

static void fake_iova_unlink(struct device *dev, struct dma_iova_state *state,
			     size_t offset, size_t size,
			     enum dma_data_direction dir, unsigned long attrs)
{
	if (!size)
		fake.bad_unmaps++;
	fake.linked -= size;
}

static int fake_iova_sync(struct device *dev, struct dma_iova_state *state,
			  size_t offset, size_t size)
{
	return fake.fail_sync;
}

static void fake_iova_destroy(struct device *dev, struct dma_iova_state *state,
			      size_t mapped_len, enum dma_data_direction dir,
			      unsigned long attrs)
{
	if (mapped_len)
		fake_iova_unlink(dev, state, 0, mapped_len, dir, attrs);
	fake_iova_free(dev, state);
}

static void fake_assert_held(struct dma_resv *resv)
{
	fake.asserts++;
}

static struct scatterlist *fake_chunk_alloc(unsigned int nents, gfp_t gfp)
{
	struct scatterlist *sgl = kmalloc_array(nents, sizeof(*sgl), gfp);

	if (sgl)
		fake.chunks++;
	return sgl;
}

static void fake_chunk_free(struct scatterlist *sgl, unsigned int nents)
{
	fake.chunks--;
	kfree(sgl);
}

static int fake_sg_alloc_table(struct sg_table *sgt, unsigned int nents,
			       gfp_t gfp)
{
	if (fake.fail_table)
		return fake.fail_table;

	return __sg_alloc_table(sgt, nents, SG_MAX_SINGLE_ALLOC, NULL, 0, gfp,
				fake_chunk_alloc);
}

static void fake_sg_free_table(struct sg_table *sgt)
{
	__sg_free_table(sgt, SG_MAX_SINGLE_ALLOC, 0, fake_chunk_free,
			sgt->orig_nents);
}

#define pci_p2pdma_map_type(...)	fake_map_type(__VA_ARGS__)
#define dma_map_phys			fake_map_phys
#define dma_unmap_phys			fake_unmap_phys
#define dma_mapping_error		fake_mapping_error
#define dma_iova_try_alloc		fake_iova_try_alloc
#define dma_use_iova			fake_use_iova
#define dma_iova_free			fake_iova_free
#define dma_iova_link			fake_iova_link
#define dma_iova_unlink			fake_iova_unlink
#define dma_iova_sync			fake_iova_sync
#define dma_iova_destroy		fake_iova_destroy
#define sg_alloc_table			fake_sg_alloc_table
#define sg_free_table			fake_sg_free_table
#undef dma_resv_assert_held
#define dma_resv_assert_held		fake_assert_held

#undef EXPORT_SYMBOL_NS_GPL
#define EXPORT_SYMBOL_NS_GPL(name, ns)

#include "dma-buf-mapping.c"

/* The ways to map a range */
struct mapping_way {
	const char *desc;
	enum pci_p2pdma_map_type type;
	bool use_iova;
	dma_addr_t first;	/* DMA address */
};

static const struct mapping_way mapping_ways[] = {
	{
		.desc = "bus address",
		.type = PCI_P2PDMA_MAP_BUS_ADDR,
		.first = PHYS_BASE + BUS_OFFSET,
	}, {
		.desc = "IOVA",
		.type = PCI_P2PDMA_MAP_THRU_HOST_BRIDGE,
		.use_iova = true,
		.first = IOVA_BASE,
	}, {
		.desc = "physical address",
		.type = PCI_P2PDMA_MAP_THRU_HOST_BRIDGE,
		.first = PHYS_BASE + PHYS_OFFSET,
	},
};

KUNIT_ARRAY_PARAM_DESC(mapping_way, mapping_ways, desc);

/* A buffer of several ranges, with gaps between these */
struct mapping_buffer {
	struct dma_resv resv;
	struct dma_buf dmabuf;
	struct dma_buf_attachment attach;
	struct p2pdma_provider provider;
	struct phys_vec ranges[RANGES_MAX];
};

static int mapping_init(struct kunit *test)
{
	struct mapping_buffer *buffer;
	size_t i;

	buffer = kunit_kzalloc(test, sizeof(*buffer), GFP_KERNEL);
	if (!buffer)
		return -ENOMEM;

	buffer->dmabuf.resv = &buffer->resv;
	buffer->attach.dmabuf = &buffer->dmabuf;
	buffer->attach.dev = kunit_device_register(test, "importer");
	if (IS_ERR(buffer->attach.dev))
		return PTR_ERR(buffer->attach.dev);

	buffer->provider.bus_offset = BUS_OFFSET;
	for (i = 0; i < RANGES_MAX; i++) {
		buffer->ranges[i].paddr = PHYS_BASE + i * SZ_64K;
		buffer->ranges[i].len = SZ_8K;
	}

	dma_resv_init(&buffer->resv);
	dma_resv_lock(&buffer->resv, NULL);
	memset(&fake, 0, sizeof(fake));
	test->priv = buffer;
	return 0;
}

static void mapping_exit(struct kunit *test)
{
	struct mapping_buffer *buffer = test->priv;

	if (!buffer)
		return;
	dma_resv_unlock(&buffer->resv);
	dma_resv_fini(&buffer->resv);
}

static void mapping_use(const struct mapping_way *way)
{
	fake.type = way->type;
	fake.use_iova = way->use_iova;
}

static struct sg_table *mapping_map(struct kunit *test, size_t nr_ranges)
{
	struct mapping_buffer *buffer = test->priv;

	return dma_buf_phys_vec_to_sgt(&buffer->attach, &buffer->provider,
				       buffer->ranges, nr_ranges,
				       nr_ranges * SZ_8K, DMA_BIDIRECTIONAL);
}

static void mapping_unmap(struct kunit *test, struct sg_table *sgt)
{
	struct mapping_buffer *buffer = test->priv;

	dma_buf_free_sgt(&buffer->attach, sgt, DMA_BIDIRECTIONAL);
}

static void mapping_expect_nothing_left(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, fake.mapped, 0);
	KUNIT_EXPECT_EQ(test, fake.bad_unmaps, 0);
	KUNIT_EXPECT_EQ(test, fake.iovas, 0);
	KUNIT_EXPECT_EQ(test, fake.linked, 0);
	KUNIT_EXPECT_EQ(test, fake.chunks, 0);
}

/*
 * Passes when the table has the addresses of all ranges, in order, and no
 * pages: with an IOVA in one entry, otherwise in one entry for each range.
 */
static void table_has_addresses(struct kunit *test)
{
	const struct mapping_way *way = test->param_value;
	struct scatterlist *sg;
	struct sg_table *sgt;
	unsigned int i;

	mapping_use(way);
	sgt = mapping_map(test, 3);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, sgt);

	KUNIT_EXPECT_EQ(test, sgt->nents, way->use_iova ? 1 : 3);
	KUNIT_EXPECT_EQ(test, sgt->orig_nents, 0);
	for_each_sgtable_dma_sg(sgt, sg, i) {
		KUNIT_EXPECT_EQ(test, sg_dma_address(sg),
				way->first + i * SZ_64K);
		KUNIT_EXPECT_EQ(test, sg_dma_len(sg),
				way->use_iova ? 3 * SZ_8K : SZ_8K);
		KUNIT_EXPECT_NULL(test, sg_page(sg));
	}

	mapping_unmap(test, sgt);
}

/* Passes when unmapping undoes each step, and frees the table. */
static void unmap_frees_all(struct kunit *test)
{
	struct sg_table *sgt;

	mapping_use(test->param_value);
	sgt = mapping_map(test, 3);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, sgt);
	KUNIT_EXPECT_GT(test, fake.chunks, 0);

	mapping_unmap(test, sgt);
	mapping_expect_nothing_left(test);
}

/* Passes when each of the chunks of a long table is freed. */
static void unmap_frees_long_table(struct kunit *test)
{
	struct sg_table *sgt;

	mapping_use(test->param_value);
	sgt = mapping_map(test, RANGES_MAX);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, sgt);
	KUNIT_EXPECT_GE(test, fake.chunks, fake.use_iova ? 1 : 2);

	mapping_unmap(test, sgt);
	mapping_expect_nothing_left(test);
}

/*
 * Passes when a range that cannot be mapped, the first, a middle or the last
 * one, has exactly the ranges before it unmapped, and no IOVA is left.
 */
static void failed_range_is_unwound(struct kunit *test)
{
	int range;

	for (range = 1; range <= 3; range++) {
		memset(&fake, 0, sizeof(fake));
		mapping_use(test->param_value);
		if (fake.type == PCI_P2PDMA_MAP_BUS_ADDR)
			kunit_skip(test, "nothing that can fail");

		fake.fail_map = range;
		KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(mapping_map(test, 3)),
				-ENOMEM);
		KUNIT_EXPECT_EQ(test, fake.maps, range);
		mapping_expect_nothing_left(test);
	}
}

/* Passes when all ranges are unlinked if the IOVA cannot be synchronized. */
static void failed_sync_is_unwound(struct kunit *test)
{
	mapping_use(&mapping_ways[1]);
	fake.fail_sync = -EIO;
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(mapping_map(test, 3)), -EIO);
	mapping_expect_nothing_left(test);
}

/* Passes when the IOVA is freed if there is no memory for the table. */
static void failed_table_is_unwound(struct kunit *test)
{
	mapping_use(test->param_value);
	fake.fail_table = -ENOMEM;
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(mapping_map(test, 3)), -ENOMEM);
	mapping_expect_nothing_left(test);
}

/* Passes when devices without a path to each other are refused. */
static void no_path(struct kunit *test)
{
	fake.type = PCI_P2PDMA_MAP_NOT_SUPPORTED;
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(mapping_map(test, 3)), -EINVAL);
	mapping_expect_nothing_left(test);
}

/* Passes when arguments are checked before the buffer is accessed. */
static void no_provider(struct kunit *test)
{
	struct mapping_buffer *buffer = test->priv;
	struct sg_table *sgt = NULL;

	kunit_warning_suppress(test) {
		sgt = dma_buf_phys_vec_to_sgt(&buffer->attach, NULL,
					      buffer->ranges, 1, SZ_8K,
					      DMA_BIDIRECTIONAL);
	}
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(sgt), -EINVAL);
	KUNIT_EXPECT_EQ(test, fake.asserts, 0);
}

static struct kunit_case mapping_cases[] = {
	KUNIT_CASE_PARAM(table_has_addresses, mapping_way_gen_params),
	KUNIT_CASE_PARAM(unmap_frees_all, mapping_way_gen_params),
	KUNIT_CASE_PARAM(unmap_frees_long_table, mapping_way_gen_params),
	KUNIT_CASE_PARAM(failed_range_is_unwound, mapping_way_gen_params),
	KUNIT_CASE(failed_sync_is_unwound),
	KUNIT_CASE_PARAM(failed_table_is_unwound, mapping_way_gen_params),
	KUNIT_CASE(no_path),
	KUNIT_CASE(no_provider),
	{}
};

static struct kunit_suite mapping_suite = {
	.name = "dma_buf_mapping",
	.init = mapping_init,
	.exit = mapping_exit,
	.test_cases = mapping_cases,
};

kunit_test_suite(mapping_suite);
