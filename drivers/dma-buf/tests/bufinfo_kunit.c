// SPDX-License-Identifier: GPL-2.0-only
/*
 * Information on a buffer: bufinfo, fdinfo and the name
 */

#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/dcache.h>
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/rcupdate.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>
#include <uapi/linux/dma-buf.h>

#include "mock.h"

/* Room for 10,000 buffers */
#define DMA_BUF_BUFINFO_MAX	SZ_2M

/* Read bufinfo to the end, @step bytes at a time. */
static char *dma_buf_bufinfo_text(struct kunit *test, struct file *file,
				  size_t step)
{
	return mock_bufinfo_text(test, file, DMA_BUF_BUFINFO_MAX, step);
}

/* strstr() measures the rest of the text each time: slow for a long list. */
static int dma_buf_bufinfo_count(const char *text, const char *pattern)
{
	const char *end = text + strlen(text);
	int num = 0;

	while ((text = strnstr(text, pattern, end - text))) {
		text += strlen(pattern);
		num++;
	}

	return num;
}

/* Concatenate the pieces of an expected text. */
static char *dma_buf_bufinfo_lines(struct kunit *test, const char **line)
{
	char *text = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, text);
	for (; *line; line++)
		strlcat(text, *line, SZ_4K);

	return text;
}

/* The expected row of this buffer. */
static char *dma_buf_bufinfo_row(struct kunit *test, struct mock_exporter *exp,
				 const char *name)
{
	struct file *file = exp->dmabuf->file;
	char *row = kunit_kzalloc(test, SZ_1K, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, row);
	snprintf(row, SZ_1K, "%08zu\t%08x\t%08x\t%08ld\tmock\t%08llu\t%s\n",
		 exp->dmabuf->size, file->f_flags,
		 (__force unsigned int)file->f_mode, file_count(file),
		 file_inode(file)->i_ino, name);

	return row;
}

/* The expected line of an unsignalled fence. */
static char *dma_buf_bufinfo_fence_line(struct kunit *test, const char *usage,
					struct dma_fence *fence,
					const char *names)
{
	char *line = kunit_kzalloc(test, SZ_128, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, line);
	snprintf(line, SZ_128, "\t%s fence:%llu:%llu %s unsignalled\n", usage,
		 fence->context, fence->seqno, names);
	return line;
}

/*
 * The expected line of a signalled fence, which omits the fence's names: these
 * may no longer exist.
 */
static char *dma_buf_bufinfo_done_line(struct kunit *test, const char *usage,
				       struct dma_fence *fence)
{
	char *line = kunit_kzalloc(test, SZ_128, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, line);
	snprintf(line, SZ_128, "\t%s fence:%llu:%llu   signalled\n", usage,
		 fence->context, fence->seqno);
	return line;
}

static void dma_buf_bufinfo_expect(struct kunit *test, const char *text,
				   const char *want)
{
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(text, want),
				  "expected:\n%sread:\n%s", want, text);
}

static void dma_buf_bufinfo_set_name(struct kunit *test,
				     struct mock_exporter *exp, char *name)
{
	KUNIT_ASSERT_EQ(test, mock_ioctl(test, exp->dmabuf->file,
					 DMA_BUF_SET_NAME_B, name,
					 strlen(name) + 1), 0);
}

/* Passes when the text starts with the header and ends with the totals. */
static void header_and_total(struct kunit *test)
{
	static const char title[] = "\nDma-buf Objects:\n";
	static const char columns[] =
		"size    \tflags   \tmode    \tcount   \texp_name\tino     \tname\n";
	struct file *file = mock_bufinfo_open(test);
	struct mock_exporter *one = mock_exporter_create(test, 0, SZ_8K);
	struct mock_exporter *two = mock_exporter_create(test, 0, SZ_16K);
	char *text = dma_buf_bufinfo_text(test, file, SZ_4K);
	int count, sum, ret;
	char *tail;

	KUNIT_EXPECT_TRUE(test, strstarts(text, title));
	KUNIT_EXPECT_TRUE(test, strstarts(text + strlen(title), columns));
	KUNIT_EXPECT_NOT_NULL(test, strstr(text,
					   dma_buf_bufinfo_row(test, one,
							       "<none>")));
	KUNIT_EXPECT_NOT_NULL(test, strstr(text,
					   dma_buf_bufinfo_row(test, two,
							       "<none>")));

	tail = strstr(text, "\n\nTotal ");
	while (tail && strstr(tail + 1, "\n\nTotal "))
		tail = strstr(tail + 1, "\n\nTotal ");
	KUNIT_ASSERT_NOT_NULL(test, tail);
	ret = sscanf(tail, "\n\nTotal %d objects, %d bytes\n", &count, &sum);
	KUNIT_ASSERT_EQ(test, ret, 2);
	KUNIT_EXPECT_EQ(test, count,
			dma_buf_bufinfo_count(text, "\tAttached Devices:\n"));
	KUNIT_EXPECT_GE(test, count, 2);
	KUNIT_EXPECT_GE(test, sum, SZ_8K + SZ_16K);
	KUNIT_EXPECT_EQ(test, text[strlen(text) - 1], '\n');
}

/* Passes when a buffer's block has exactly the format that it always had. */
static void block_format(struct kunit *test)
{
	struct file *file = mock_bufinfo_open(test);
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	static const char names[] = "mock-timeline mock-driver";
	struct dma_fence *done, *write, *read;
	struct dma_buf_attachment *attach;
	char *text, *want;

	done = mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_KERNEL);
	write = mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_WRITE);
	read = mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_READ);
	mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_BOOKKEEP);
	dma_fence_signal(done);
	attach = mock_attach(test, exp);
	dma_buf_bufinfo_set_name(test, exp, "my buffer");

	want = dma_buf_bufinfo_lines(test, (const char *[]) {
		dma_buf_bufinfo_row(test, exp, "my buffer"),
		dma_buf_bufinfo_done_line(test, "kernel", done),
		dma_buf_bufinfo_fence_line(test, "write", write, names),
		dma_buf_bufinfo_fence_line(test, "read", read, names),
		"\tAttached Devices:\n",
		"\t", dev_name(attach->dev), "\n",
		"Total 1 devices attached\n\n",
		NULL
	});
	text = dma_buf_bufinfo_text(test, file, SZ_4K);
	dma_buf_bufinfo_expect(test, text, want);
}

/* Passes when the block of a buffer without fences and devices is short. */
static void block_without_fences(struct kunit *test)
{
	struct file *file = mock_bufinfo_open(test);
	struct mock_exporter *exp = mock_exporter_create(test, 0, 12345);
	char *text, *want;

	want = dma_buf_bufinfo_lines(test, (const char *[]) {
		dma_buf_bufinfo_row(test, exp, "<none>"),
		"\tAttached Devices:\n",
		"Total 0 devices attached\n\n",
		NULL
	});
	text = dma_buf_bufinfo_text(test, file, SZ_4K);
	dma_buf_bufinfo_expect(test, text, want);
}

/* Passes when the buffer of an exporter without a name is listed. */
static void exporter_without_name(struct kunit *test)
{
	struct file *file = mock_bufinfo_open(test);
	struct mock_exporter *exp = mock_exporter_alloc(test, 0, SZ_8K);
	char tail[64], *text;

	exp->info.exp_name = NULL;
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mock_export(exp));
	text = dma_buf_bufinfo_text(test, file, SZ_4K);
	snprintf(tail, sizeof(tail), "\t(null)\t%08llu\t<none>\n",
		 file_inode(exp->dmabuf->file)->i_ino);
	dma_buf_bufinfo_expect(test, text, tail);
}

/* Passes when the count omits the reader's own reference, and no other. */
static void reference_count(struct kunit *test)
{
	struct file *file = mock_bufinfo_open(test);
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	char *want;

	get_dma_buf(exp->dmabuf);
	get_dma_buf(exp->dmabuf);
	want = dma_buf_bufinfo_row(test, exp, "<none>");
	KUNIT_EXPECT_NOT_NULL(test, strstr(want, "\t00000003\tmock\t"));
	KUNIT_EXPECT_NOT_NULL(test, strstr(dma_buf_bufinfo_text(test, file,
								SZ_4K), want));
	KUNIT_EXPECT_EQ(test, file_count(exp->dmabuf->file), 3);
	dma_buf_put(exp->dmabuf);
	dma_buf_put(exp->dmabuf);
}

/* Passes when a buffer leaves the list with its last reference. */
static void released_not_listed(struct kunit *test)
{
	struct file *file = mock_bufinfo_open(test);
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	char *want = dma_buf_bufinfo_row(test, exp, "<none>");
	struct path path = exp->dmabuf->file->f_path;

	KUNIT_EXPECT_NOT_NULL(test, strstr(dma_buf_bufinfo_text(test, file,
								SZ_4K), want));
	path_get(&path);
	mock_put_sync(exp);
	KUNIT_EXPECT_NULL(test, strstr(dma_buf_bufinfo_text(test, file, SZ_4K),
				       want));
	path_put(&path);
}

static const size_t dma_buf_bufinfo_steps[] = { 1, 2, 7, 100, 4095, 4097 };

static void dma_buf_bufinfo_step_desc(const size_t *step, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%zu bytes", *step);
}

KUNIT_ARRAY_PARAM(dma_buf_bufinfo_step, dma_buf_bufinfo_steps,
		  dma_buf_bufinfo_step_desc);

/* Passes when many small reads return the same text as a large one. */
static void small_reads(struct kunit *test)
{
	const size_t *step = test->param_value;
	struct file *file = mock_bufinfo_open(test);
	struct mock_exporter *exp = NULL;
	char *large, *small;
	int i;

	for (i = 0; i < 40; i++)
		exp = mock_exporter_create(test, 0, SZ_4K * i);
	mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_WRITE);
	mock_attach(test, exp);

	large = dma_buf_bufinfo_text(test, file, SZ_64K);
	small = dma_buf_bufinfo_text(test, file, *step);
	KUNIT_EXPECT_GE(test, dma_buf_bufinfo_count(large, "\tmock\t"), 40);
	KUNIT_EXPECT_EQ(test, strcmp(large, small), 0);
}

static struct sg_table *dma_buf_plain_map(struct dma_buf_attachment *attach,
					  enum dma_data_direction dir)
{
	return NULL;
}

static void dma_buf_plain_unmap(struct dma_buf_attachment *attach,
				struct sg_table *sgt,
				enum dma_data_direction dir)
{
}

static void dma_buf_plain_release(struct dma_buf *dmabuf)
{
}

/* Export a buffer that is cheap enough to have very many of. */
static struct dma_buf *dma_buf_plain_export(void)
{
	static const struct dma_buf_ops ops = {
		.map_dma_buf = dma_buf_plain_map,
		.unmap_dma_buf = dma_buf_plain_unmap,
		.release = dma_buf_plain_release,
	};
	DEFINE_DMA_BUF_EXPORT_INFO(info);

	info.exp_name = "plain";
	info.ops = &ops;
	info.size = SZ_4K;
	info.priv = (void *)&ops;

	return dma_buf_export(&info);
}

static void dma_buf_plain_put(void *dmabuf)
{
	__fput_sync(((struct dma_buf *)dmabuf)->file);
}

static const int dma_buf_bufinfo_num_rows[] = { 0, 1, 10000 };

static void dma_buf_bufinfo_num_desc(const int *num, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%d buffers", *num);
}

KUNIT_ARRAY_PARAM(dma_buf_bufinfo_num, dma_buf_bufinfo_num_rows,
		  dma_buf_bufinfo_num_desc);

/* Passes when list and total are complete for any size of read. */
static void many_buffers(struct kunit *test)
{
	struct file *file = mock_bufinfo_open(test);
	const int *num = test->param_value;
	struct dma_buf *dmabuf;
	char *large, *small;
	int i, ret, before;

	before = dma_buf_bufinfo_count(dma_buf_bufinfo_text(test, file, SZ_64K),
				       "\tAttached Devices:\n");
	for (i = 0; i < *num; i++) {
		dmabuf = dma_buf_plain_export();
		KUNIT_ASSERT_FALSE(test, IS_ERR(dmabuf));
		ret = kunit_add_action_or_reset(test, dma_buf_plain_put,
						dmabuf);
		KUNIT_ASSERT_EQ(test, ret, 0);
	}

	large = dma_buf_bufinfo_text(test, file, SZ_64K);
	small = dma_buf_bufinfo_text(test, file, 150);
	KUNIT_EXPECT_EQ(test, dma_buf_bufinfo_count(large, "\tplain\t"), *num);
	KUNIT_EXPECT_EQ(test, dma_buf_bufinfo_count(large,
						    "\tAttached Devices:\n"),
			before + *num);
	KUNIT_EXPECT_TRUE(test, !strcmp(large, small));
}

struct dma_buf_bufinfo_race {
	struct file *file;
	char *text;
	char *row[8];
	bool done;
	int unread;
	int missed[8];
	int unexported;
};

/* Read the full list and look for the buffers that exist all the time. */
static void dma_buf_bufinfo_race_read(struct dma_buf_bufinfo_race *race)
{
	size_t len = 0;
	loff_t pos = 0;
	ssize_t ret;
	int i;

	do {
		ret = mock_bufinfo_read(race->file, race->text + len, 500, &pos);
		if (ret > 0)
			len += ret;
		cond_resched();
	} while (ret > 0 && len < DMA_BUF_BUFINFO_MAX - 500);

	race->text[len] = '\0';
	race->unread += ret < 0;
	for (i = 0; i < ARRAY_SIZE(race->row); i++)
		race->missed[i] += dma_buf_bufinfo_count(race->text,
							 race->row[i]) != 1;
}

/* Thread 0 reads; thread 1 exports and releases buffers meanwhile. */
static void dma_buf_bufinfo_race_run(void *data, unsigned int id)
{
	struct dma_buf_bufinfo_race *race = data;
	struct dma_buf *dmabuf[16];
	int i, round;

	if (!id) {
		for (i = 0; i < 20; i++)
			dma_buf_bufinfo_race_read(race);
		WRITE_ONCE(race->done, true);
		return;
	}

	for (round = 0; round < 1000 && !READ_ONCE(race->done); round++) {
		for (i = 0; i < ARRAY_SIZE(dmabuf); i++)
			dmabuf[i] = dma_buf_plain_export();
		cond_resched();
		for (i = 0; i < ARRAY_SIZE(dmabuf); i++) {
			if (IS_ERR(dmabuf[i]))
				race->unexported++;
			else
				dma_buf_plain_put(dmabuf[i]);
		}
		cond_resched();
	}
}

/*
 * Passes when a reader finds each lasting buffer while another thread exports
 * and releases other buffers.
 */
static void read_races_export(struct kunit *test)
{
	struct dma_buf_bufinfo_race *race;
	int i;

	race = kunit_kzalloc(test, sizeof(*race), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, race);
	race->file = mock_bufinfo_open(test);
	race->text = mock_kvzalloc(test, DMA_BUF_BUFINFO_MAX);
	for (i = 0; i < ARRAY_SIZE(race->row); i++)
		race->row[i] =
			dma_buf_bufinfo_row(test,
					    mock_exporter_create(test, 0, SZ_8K),
					    "<none>");

	mock_run_parallel(test, 2, dma_buf_bufinfo_race_run, race);
	KUNIT_EXPECT_EQ_MSG(test, race->unread, 0, "reading failed");
	for (i = 0; i < ARRAY_SIZE(race->row); i++)
		KUNIT_EXPECT_EQ_MSG(test, race->missed[i], 0,
				    "not listed once: %s", race->row[i]);
	KUNIT_EXPECT_EQ_MSG(test, race->unexported, 0, "exporting failed");
}

/* Passes when a block larger than the reader's buffer is complete. */
static void large_block(struct kunit *test)
{
	struct file *file = mock_bufinfo_open(test);
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct device *dev =
		mock_device_create(test, "a-device-with-a-long-name");
	struct dma_buf_attachment *attach[100];
	char *text, *row;
	int i;

	for (i = 0; i < ARRAY_SIZE(attach); i++) {
		attach[i] = dma_buf_attach(exp->dmabuf, dev);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, attach[i]);
	}
	text = dma_buf_bufinfo_text(test, file, 512);
	for (i = 0; i < ARRAY_SIZE(attach); i++)
		dma_buf_detach(exp->dmabuf, attach[i]);

	KUNIT_EXPECT_EQ(test, dma_buf_bufinfo_count(text, dev_name(dev)), 100);
	dma_buf_bufinfo_expect(test, text, "Total 100 devices attached\n");
	row = dma_buf_bufinfo_row(test, exp, "<none>");
	KUNIT_EXPECT_EQ(test, dma_buf_bufinfo_count(text, row), 1);
}

/*
 * Passes when a reservation lock that is held, as behind a hung device, delays
 * no part of the list and hides no fence that implicit synchronization waits
 * for.
 */
static void lock_held(struct kunit *test)
{
	struct file *file = mock_bufinfo_open(test);
	struct mock_exporter *before = mock_exporter_create(test, 0, SZ_4K);
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct mock_exporter *after = mock_exporter_create(test, 0, SZ_16K);
	struct dma_buf_attachment *attach = mock_attach(test, exp);
	struct mock_resv_lock_holder *holder;
	static const char names[] = "mock-timeline mock-driver";
	struct dma_fence *read, *write, *kernel;
	char *text, *want;

	read = mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_READ);
	mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_BOOKKEEP);
	write = mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_WRITE);
	kernel = mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_KERNEL);
	holder = mock_resv_lock_holder_create(test, exp->dmabuf->resv);
	text = dma_buf_bufinfo_text(test, file, SZ_4K);
	KUNIT_EXPECT_TRUE(test, mock_resv_lock_holder_release(test, holder));

	want = dma_buf_bufinfo_lines(test, (const char *[]) {
		dma_buf_bufinfo_row(test, exp, "<none>"),
		dma_buf_bufinfo_fence_line(test, "read", read, names),
		dma_buf_bufinfo_fence_line(test, "write", write, names),
		dma_buf_bufinfo_fence_line(test, "kernel", kernel, names),
		"\tAttached Devices:\n",
		"\t", dev_name(attach->dev), "\n",
		"Total 1 devices attached\n\n",
		NULL
	});
	dma_buf_bufinfo_expect(test, text, want);
	KUNIT_EXPECT_NOT_NULL(test, strstr(text,
					   dma_buf_bufinfo_row(test, before,
							       "<none>")));
	KUNIT_EXPECT_NOT_NULL(test, strstr(text,
					   dma_buf_bufinfo_row(test, after,
							       "<none>")));
}

/* Time limit for a fence's name, in microseconds: it is queried under RCU. */
#define DMA_BUF_BUFINFO_NAME_US	USEC_PER_SEC

/**
 * struct dma_buf_bufinfo_change - fences that change while they are described
 * @base: a fence with slow name callbacks
 * @lock: lock of @base
 * @exp: exporter of the buffer that has @base
 * @file: an open bufinfo
 * @text: text that was read from @file
 * @len: length of @text
 * @locked: completed when the reservation lock is held
 * @read: completed when all of bufinfo was read
 * @name_calls: number of calls of @base's name callbacks
 * @moved: the list of fences was reallocated
 * @failed: reallocating or reading failed
 */
struct dma_buf_bufinfo_change {
	struct dma_fence base;
	spinlock_t lock; /* of base */
	struct mock_exporter *exp;
	struct file *file;
	char *text;
	size_t len;
	struct completion locked;
	struct completion read;
	int name_calls;
	bool moved;
	bool failed;
};

/* Called under RCU, so it must not sleep: another thread moves the list. */
static const char *dma_buf_bufinfo_change_name(struct dma_fence *fence)
{
	struct dma_buf_bufinfo_change *change =
		container_of(fence, struct dma_buf_bufinfo_change, base);
	unsigned int us;

	WRITE_ONCE(change->name_calls, change->name_calls + 1);
	for (us = 0; us < DMA_BUF_BUFINFO_NAME_US && !READ_ONCE(change->moved); us++)
		udelay(1);
	return "moving";
}

static const struct dma_fence_ops dma_buf_bufinfo_change_ops = {
	.get_driver_name = dma_buf_bufinfo_change_name,
	.get_timeline_name = dma_buf_bufinfo_change_name,
};

static void dma_buf_bufinfo_change_read(struct dma_buf_bufinfo_change *change)
{
	loff_t pos = 0;
	ssize_t ret;

	do {
		ret = mock_bufinfo_read(change->file, change->text + change->len,
					SZ_4K, &pos);
		if (ret < 0)
			change->failed = true;
		else
			change->len += ret;
	} while (ret > 0 && change->len < DMA_BUF_BUFINFO_MAX - SZ_4K - 1);
}

/* Take the lock, and reallocate the list while the fence is described. */
static void dma_buf_bufinfo_change_move(struct dma_buf_bufinfo_change *change)
{
	struct dma_resv *resv = change->exp->dmabuf->resv;
	unsigned long end = jiffies + 5 * HZ;

	dma_resv_lock(resv, NULL);
	complete(&change->locked);
	while (!READ_ONCE(change->name_calls) && time_before(jiffies, end))
		cond_resched();
	if (dma_resv_reserve_fences(resv, 64))
		change->failed = true;
	WRITE_ONCE(change->moved, true);
	wait_for_completion(&change->read);
	dma_resv_unlock(resv);
}

static void dma_buf_bufinfo_change_run(void *data, unsigned int id)
{
	struct dma_buf_bufinfo_change *change = data;

	if (id) {
		dma_buf_bufinfo_change_move(change);
		return;
	}
	wait_for_completion(&change->locked);
	dma_buf_bufinfo_change_read(change);
	complete(&change->read);
}

/*
 * Passes when fences are described once although their list is reallocated in
 * the middle of a block.
 */
static void fences_reallocated(struct kunit *test)
{
	struct file *file = mock_bufinfo_open(test);
	char *want, *text = mock_kvzalloc(test, DMA_BUF_BUFINFO_MAX);
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct dma_buf_bufinfo_change *change;
	struct dma_fence *kernel;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");

	kernel = mock_fence_add_new(test, exp->dmabuf, DMA_RESV_USAGE_KERNEL);
	change = kzalloc_obj(*change);
	KUNIT_ASSERT_NOT_NULL(test, change);
	spin_lock_init(&change->lock);
	dma_fence_init(&change->base, &dma_buf_bufinfo_change_ops, &change->lock,
		       dma_fence_context_alloc(1), 7);
	mock_fence_add(test, exp->dmabuf, &change->base, DMA_RESV_USAGE_WRITE);
	change->exp = exp;
	change->file = file;
	change->text = text;
	init_completion(&change->locked);
	init_completion(&change->read);

	mock_run_parallel(test, 2, dma_buf_bufinfo_change_run, change);
	KUNIT_EXPECT_FALSE(test, change->failed);
	KUNIT_EXPECT_GT(test, change->name_calls, 2);
	want = dma_buf_bufinfo_lines(test, (const char *[]) {
		dma_buf_bufinfo_row(test, exp, "<none>"),
		dma_buf_bufinfo_fence_line(test, "kernel", kernel,
					   "mock-timeline mock-driver"),
		dma_buf_bufinfo_fence_line(test, "write", &change->base,
					   "moving moving"),
		"\tAttached Devices:\n",
		NULL
	});
	dma_buf_bufinfo_expect(test, text, want);

	/* kfree_rcu() frees base, the first member: it has no release. */
	dma_fence_signal(&change->base);
	dma_fence_put(&change->base);
}

/*
 * Passes when exports and releases while a reader is in the middle of the list
 * neither wait for the reader nor make it miss or repeat other buffers.
 */
static void changes_during_read(struct kunit *test)
{
	struct file *file = mock_bufinfo_open(test);
	char *text = mock_kvzalloc(test, DMA_BUF_BUFINFO_MAX);
	struct mock_exporter *exp[120];
	size_t len = 0;
	loff_t pos = 0;
	ssize_t ret;
	char *row;
	int i;

	for (i = 0; i < ARRAY_SIZE(exp); i++)
		exp[i] = mock_exporter_create(test, 0, SZ_4K);

	while (len < SZ_4K) {
		ret = mock_bufinfo_read(file, text + len, 100, &pos);
		KUNIT_ASSERT_GT(test, ret, 0);
		len += ret;
	}
	for (i = 0; i < ARRAY_SIZE(exp); i += 3) {
		mock_put_sync(exp[i]);
		KUNIT_EXPECT_EQ(test, exp[i]->releases, 1);
		mock_exporter_create(test, 0, SZ_8K);
	}
	do {
		ret = mock_bufinfo_read(file, text + len, 100, &pos);
		KUNIT_ASSERT_GE(test, ret, 0);
		len += ret;
		KUNIT_ASSERT_LT(test, len + 100, DMA_BUF_BUFINFO_MAX);
	} while (ret);

	for (i = 0; i < ARRAY_SIZE(exp); i++) {
		if (i % 3 == 0)
			continue;
		row = dma_buf_bufinfo_row(test, exp[i], "<none>");
		KUNIT_EXPECT_EQ(test, dma_buf_bufinfo_count(text, row), 1);
	}
	KUNIT_EXPECT_NOT_NULL(test, strstr(text, " objects, "));
}

/* Passes when a second reader and an early close do not change the text. */
static void two_readers(struct kunit *test)
{
	struct file *one = mock_bufinfo_open(test);
	struct file *two = mock_bufinfo_open(test);
	char *text = mock_kvzalloc(test, DMA_BUF_BUFINFO_MAX);
	loff_t pos = 0;
	int i;

	for (i = 0; i < 80; i++)
		mock_exporter_create(test, 0, SZ_4K);
	KUNIT_EXPECT_GT(test, mock_bufinfo_read(one, text, 100, &pos), 0);
	text = dma_buf_bufinfo_text(test, two, 1000);
	KUNIT_EXPECT_GE(test, dma_buf_bufinfo_count(text, "\tmock\t"), 80);
	mock_bufinfo_close(test, one);
	KUNIT_EXPECT_EQ(test, strcmp(text, dma_buf_bufinfo_text(test, two,
								1000)), 0);
}

/* Text of fdinfo, read with a reference held like procfs does. */
static char *dma_buf_bufinfo_fdinfo(struct kunit *test,
				    struct mock_exporter *exp)
{
	struct file *file = exp->dmabuf->file;
	struct seq_file seq = { .size = SZ_4K };

	seq.buf = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, seq.buf);
	get_file(file);
	file->f_op->show_fdinfo(&seq, file);
	fput(file);

	return seq.buf;
}

/* Passes when fdinfo has three lines, and a fourth for a named buffer. */
static void fdinfo_lines(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, 12345);

	KUNIT_EXPECT_STREQ(test, dma_buf_bufinfo_fdinfo(test, exp),
			   "size:\t12345\ncount:\t1\nexp_name:\tmock\n");
	get_dma_buf(exp->dmabuf);
	dma_buf_bufinfo_set_name(test, exp, "some name");
	KUNIT_EXPECT_STREQ(test, dma_buf_bufinfo_fdinfo(test, exp),
			   "size:\t12345\ncount:\t2\nexp_name:\tmock\nname:\tsome name\n");
	dma_buf_put(exp->dmabuf);
}

static char *dma_buf_bufinfo_path(struct kunit *test, struct mock_exporter *exp)
{
	char *buf = kunit_kzalloc(test, 128, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	return d_path(&exp->dmabuf->file->f_path, buf, 128);
}

static const struct dma_buf_name_row {
	const char *desc;
	unsigned int cmd;
	const char *name;
	bool fits;
} dma_buf_names[] = {
	{ "plain, A", DMA_BUF_SET_NAME_A, "a", true },
	{ "plain, B", DMA_BUF_SET_NAME_B, "a", true },
	{ "empty", DMA_BUF_SET_NAME_B, "", true },
	{ "30 bytes", DMA_BUF_SET_NAME_B, "123456789012345678901234567890",
	  true },
	{ "31 bytes", DMA_BUF_SET_NAME_B, "1234567890123456789012345678901",
	  true },
	{ "32 bytes", DMA_BUF_SET_NAME_B, "12345678901234567890123456789012",
	  false },
	{ "40 bytes", DMA_BUF_SET_NAME_A,
	  "1234567890123456789012345678901234567890", false },
};

KUNIT_ARRAY_PARAM_DESC(dma_buf_name, dma_buf_names, desc);

/*
 * Passes when a name that fits is shown everywhere, and a longer one is refused
 * and leaves the old name.
 */
static void set_name(struct kunit *test)
{
	const struct dma_buf_name_row *row = test->param_value;
	struct file *bufinfo = mock_bufinfo_open(test);
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	const char *name = row->fits ? row->name : "old";
	char want[64], arg[64];

	KUNIT_EXPECT_STREQ(test, dma_buf_bufinfo_path(test, exp), "/dmabuf:");
	strscpy(arg, "old", sizeof(arg));
	dma_buf_bufinfo_set_name(test, exp, arg);
	KUNIT_EXPECT_STREQ(test, dma_buf_bufinfo_path(test, exp),
			   "/dmabuf:old");

	strscpy(arg, row->name, sizeof(arg));
	KUNIT_EXPECT_EQ(test, mock_ioctl(test, exp->dmabuf->file, row->cmd, arg,
					 sizeof(arg)), row->fits ? 0 : -EINVAL);

	snprintf(want, sizeof(want), "/dmabuf:%s", name);
	KUNIT_EXPECT_STREQ(test, dma_buf_bufinfo_path(test, exp), want);
	snprintf(want, sizeof(want), "\nname:\t%s\n", name);
	KUNIT_EXPECT_NOT_NULL(test, strstr(dma_buf_bufinfo_fdinfo(test, exp),
					   want));
	KUNIT_EXPECT_NOT_NULL(test, strstr(dma_buf_bufinfo_text(test, bufinfo,
								SZ_4K),
					   dma_buf_bufinfo_row(test, exp,
							       name)));
}

/* Passes when a buffer can be renamed, and a bad pointer changes nothing. */
static void set_name_again(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct file *file = exp->dmabuf->file;

	dma_buf_bufinfo_set_name(test, exp, "a long name to begin with");
	dma_buf_bufinfo_set_name(test, exp, "short");
	KUNIT_EXPECT_STREQ(test, dma_buf_bufinfo_path(test, exp),
			   "/dmabuf:short");

	KUNIT_EXPECT_EQ(test, mock_ioctl_raw(file, DMA_BUF_SET_NAME_B, 0),
			-EFAULT);
	KUNIT_EXPECT_STREQ(test, dma_buf_bufinfo_path(test, exp),
			   "/dmabuf:short");
}

/* Passes when naming and reading the name take no reservation lock. */
static void name_without_lock(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct mock_resv_lock_holder *holder =
		mock_resv_lock_holder_create(test, exp->dmabuf->resv);

	dma_buf_bufinfo_set_name(test, exp, "busy");
	KUNIT_EXPECT_STREQ(test, dma_buf_bufinfo_path(test, exp),
			   "/dmabuf:busy");
	KUNIT_EXPECT_TRUE(test, mock_resv_lock_holder_release(test, holder));
}

/*
 * Names that a buffer gets in turn. There are three, since memory that is freed
 * too early is soon reused for the name after the next one.
 */
static char dma_buf_bufinfo_names[3][DMA_BUF_NAME_LEN] = {
	"abcdefghijklmnopqrstuvwxyzabcde",
	"BCDEFGHIJKLMNOPQRSTUVWXYZABCDEF",
	"0123456789012345678901234567890",
};

#define DMA_BUF_BUFINFO_RENAMES	2000

/**
 * struct dma_buf_bufinfo_reader - a reader of names, like a BPF program
 * @work: the reader, on a worker thread
 * @dmabuf: the buffer
 * @stop: the reader must return
 * @reads: number of names read
 * @wrong: number of changes of a name while it was in use
 */
struct dma_buf_bufinfo_reader {
	struct work_struct work;
	struct dma_buf *dmabuf;
	bool stop;
	unsigned int reads;
	unsigned int wrong;
};

/* Read a name and, only under RCU, compare it with itself for some time. */
static void dma_buf_bufinfo_reader_work(struct work_struct *work)
{
	struct dma_buf_bufinfo_reader *reader =
		container_of(work, struct dma_buf_bufinfo_reader, work);
	char first[DMA_BUF_NAME_LEN];
	const char *name;
	int i;

	while (!READ_ONCE(reader->stop)) {
		rcu_read_lock();
		name = READ_ONCE(reader->dmabuf->name);
		memcpy(first, name, sizeof(first));
		for (i = 0; i < 20; i++) {
			udelay(5);
			if (memcmp(first, name, sizeof(first)))
				reader->wrong++;
		}
		rcu_read_unlock();
		WRITE_ONCE(reader->reads, reader->reads + 1);
		cond_resched();
	}
}

static void dma_buf_bufinfo_reader_end(void *data)
{
	struct dma_buf_bufinfo_reader *reader = data;

	WRITE_ONCE(reader->stop, true);
	flush_work(&reader->work);
}

/*
 * Passes when a name does not change for a reader under RCU while the buffer is
 * renamed many times.
 */
static void name_under_rcu(struct kunit *test)
{
	struct mock_exporter *exp = mock_exporter_create(test, 0, SZ_8K);
	struct dma_buf_bufinfo_reader *reader;
	struct file *file = exp->dmabuf->file;
	void __user *arg[3];
	unsigned int i;
	int ret = 0;

	reader = kunit_kzalloc(test, sizeof(*reader), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, reader);
	KUNIT_EXPECT_NULL(test, exp->dmabuf->name);
	for (i = 0; i < ARRAY_SIZE(arg); i++) {
		arg[i] = mock_user_alloc(test, PAGE_SIZE);
		KUNIT_ASSERT_EQ(test,
				copy_to_user(arg[i], dma_buf_bufinfo_names[i],
					     DMA_BUF_NAME_LEN),
				0UL);
	}
	dma_buf_bufinfo_set_name(test, exp, dma_buf_bufinfo_names[0]);
	KUNIT_EXPECT_STREQ(test, exp->dmabuf->name, dma_buf_bufinfo_names[0]);

	reader->dmabuf = exp->dmabuf;
	INIT_WORK(&reader->work, dma_buf_bufinfo_reader_work);
	queue_work(system_dfl_wq, &reader->work);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test,
							   dma_buf_bufinfo_reader_end,
							   reader));
	for (i = 0; i < DMA_BUF_BUFINFO_RENAMES || READ_ONCE(reader->reads) < 100; i++) {
		ret |= mock_ioctl_raw(file, DMA_BUF_SET_NAME_B,
				      (unsigned long)arg[i % 3]);
		cond_resched();
	}
	kunit_release_action(test, dma_buf_bufinfo_reader_end, reader);
	KUNIT_EXPECT_EQ(test, ret, 0);
	KUNIT_EXPECT_EQ(test, reader->wrong, 0);
}

static struct kunit_case dma_buf_bufinfo_cases[] = {
	KUNIT_CASE(header_and_total),
	KUNIT_CASE(block_format),
	KUNIT_CASE(block_without_fences),
	KUNIT_CASE(exporter_without_name),
	KUNIT_CASE(reference_count),
	KUNIT_CASE(released_not_listed),
	KUNIT_CASE_PARAM(small_reads, dma_buf_bufinfo_step_gen_params),
	KUNIT_CASE_PARAM(many_buffers, dma_buf_bufinfo_num_gen_params),
	KUNIT_CASE(large_block),
	KUNIT_CASE(lock_held),
	KUNIT_CASE(fences_reallocated),
	KUNIT_CASE(changes_during_read),
	KUNIT_CASE(read_races_export),
	KUNIT_CASE(two_readers),
	KUNIT_CASE(fdinfo_lines),
	KUNIT_CASE_PARAM(set_name, dma_buf_name_gen_params),
	KUNIT_CASE(set_name_again),
	KUNIT_CASE(name_without_lock),
	KUNIT_CASE(name_under_rcu),
	{}
};

static struct kunit_suite dma_buf_bufinfo_suite = {
	.name = "dma_buf_bufinfo",
	.test_cases = dma_buf_bufinfo_cases,
};

kunit_test_suite(dma_buf_bufinfo_suite);
