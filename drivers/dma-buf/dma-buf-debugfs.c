// SPDX-License-Identifier: GPL-2.0-only
/*
 * dma-buf: /sys/kernel/debug/dma_buf/bufinfo
 *
 * Copyright(C) 2011 Linaro Limited. All rights reserved.
 *
 * Lists every live buffer with its fences and attached devices. Users of a
 * buffer may have to wait while a reader prints it: the reader holds the
 * object's spinlock for the name and the devices, and the reservation lock, if
 * that was free, for the fences. A reader does not wait for a reservation lock.
 * While the lock of a buffer is held, perhaps because a device hangs, the buffer
 * is listed with its unsignalled fences.
 */

#include <linux/debugfs.h>
#include <linux/device.h>
#include <linux/file.h>
#include <linux/seq_file.h>

#include "dma-buf-internal.h"

/**
 * struct dma_buf_bufinfo - state of one open file
 * @cursor: linked before the next buffer to list
 * @linked: @cursor is linked in the registry
 * @done: the closing line was read
 * @count: number of buffers listed so far
 * @size: sum of their sizes in bytes
 */
struct dma_buf_bufinfo {
	struct dma_buf_node cursor;
	bool linked;
	bool done;
	int count;
	size_t size;
};

/* Elements: SEQ_START_TOKEN, each buffer, and @info for the closing line. */
static bool dma_buf_bufinfo_is_buffer(struct dma_buf_bufinfo *info, void *v)
{
	return v && v != SEQ_START_TOKEN && v != info;
}

static void dma_buf_bufinfo_rewind(struct dma_buf_bufinfo *info)
{
	if (info->linked)
		dma_buf_cursor_stop(&info->cursor);
	memset(info, 0, sizeof(*info));
	dma_buf_cursor_start(&info->cursor);
	info->linked = true;
}

static void *dma_buf_bufinfo_start(struct seq_file *s, loff_t *pos)
{
	struct dma_buf_bufinfo *info = s->private;

	if (!*pos) {
		dma_buf_bufinfo_rewind(info);
		return SEQ_START_TOKEN;
	}
	if (info->done)
		return NULL;
	return dma_buf_cursor_get(&info->cursor) ?: (void *)info;
}

/* Not with dma_buf_put(): its trace event is for users of the buffer. */
static void dma_buf_bufinfo_stop(struct seq_file *s, void *v)
{
	struct dma_buf *dmabuf = v;

	if (dma_buf_bufinfo_is_buffer(s->private, v))
		fput(dmabuf->file);
}

/* @v has been printed: count it and drop the reference. */
static void *dma_buf_bufinfo_next(struct seq_file *s, void *v, loff_t *pos)
{
	struct dma_buf_bufinfo *info = s->private;

	++*pos;
	if (v == info) {
		info->done = true;
		return NULL;
	}
	if (v != SEQ_START_TOKEN) {
		struct dma_buf *dmabuf = v;

		info->count++;
		info->size += dmabuf->size;
		dma_buf_cursor_advance(&info->cursor, dmabuf);
		fput(dmabuf->file);
	}
	return dma_buf_cursor_get(&info->cursor) ?: (void *)info;
}

/*
 * Signalled fences can be described only with the reservation lock held. If it
 * is taken, only unsignalled fences are printed, which are the ones that
 * waiters wait for.
 */
static void dma_buf_bufinfo_show_fences(struct seq_file *s,
					struct dma_resv *resv)
{
	static const char * const usage[] = { "kernel", "write", "read" };
	struct dma_resv_iter cursor;
	struct dma_fence *fence;
	size_t start = s->count;

	if (dma_buf_resv_never_fenced(resv))
		return;

	if (dma_resv_trylock(resv)) {
		dma_resv_describe(resv, s);
		dma_resv_unlock(resv);
		return;
	}

	dma_resv_iter_begin(&cursor, resv, DMA_RESV_USAGE_READ);
	dma_resv_for_each_fence_unlocked(&cursor, fence) {
		if (dma_resv_iter_is_restarted(&cursor))
			s->count = start;
		seq_printf(s, "\t%s fence:", usage[dma_resv_iter_usage(&cursor)]);
		dma_fence_describe(fence, s);
	}
	dma_resv_iter_end(&cursor);
}

/* Print as "%08llu" does, in half the time: the list can be long. */
static void dma_buf_bufinfo_show_number(struct seq_file *s, u64 number)
{
	static const char zeros[] = "00000000";
	char digits[21];
	int len;

	len = num_to_str(digits, sizeof(digits), number, 0);
	if (len < sizeof(zeros) - 1)
		seq_write(s, zeros, sizeof(zeros) - 1 - len);
	seq_write(s, digits, len);
}

/* The reader's own reference is not counted. */
static void dma_buf_bufinfo_show_row(struct seq_file *s, struct dma_buf *dmabuf)
{
	struct dma_buf_object *obj = to_dma_buf_object(dmabuf);
	struct file *file = dmabuf->file;

	dma_buf_bufinfo_show_number(s, dmabuf->size);
	seq_put_hex_ll(s, "\t", file->f_flags, 8);
	seq_put_hex_ll(s, "\t", (__force unsigned int)file->f_mode, 8);
	seq_putc(s, '\t');
	dma_buf_bufinfo_show_number(s, file_count(file) - 1);
	seq_putc(s, '\t');
	seq_puts(s, dmabuf->exp_name ?: "(null)");
	seq_putc(s, '\t');
	dma_buf_bufinfo_show_number(s, obj->inode.i_ino);
	seq_putc(s, '\t');
	spin_lock(&obj->lock);
	dma_buf_seq_name(s, dmabuf->name ?: "<none>");
	spin_unlock(&obj->lock);
	seq_putc(s, '\n');
}

static void dma_buf_bufinfo_show_buffer(struct seq_file *s,
					struct dma_buf *dmabuf)
{
	struct dma_buf_object *obj = to_dma_buf_object(dmabuf);
	struct dma_buf_attachment *attach;
	unsigned int count = 0;

	dma_buf_bufinfo_show_row(s, dmabuf);
	dma_buf_bufinfo_show_fences(s, dmabuf->resv);

	seq_puts(s, "\tAttached Devices:\n");
	spin_lock(&obj->lock);
	list_for_each_entry(attach, &dmabuf->attachments, node) {
		/* Truncated: seq_file calls again with a larger buffer. */
		if (seq_has_overflowed(s))
			break;
		seq_printf(s, "\t%s\n", dev_name(attach->dev));
		count++;
	}
	spin_unlock(&obj->lock);
	seq_put_decimal_ull(s, "Total ", count);
	seq_puts(s, " devices attached\n\n");
}

static int dma_buf_bufinfo_show(struct seq_file *s, void *v)
{
	struct dma_buf_bufinfo *info = s->private;

	if (v == SEQ_START_TOKEN) {
		seq_puts(s, "\nDma-buf Objects:\n");
		seq_printf(s, "%-8s\t%-8s\t%-8s\t%-8s\texp_name\t%-8s\tname\n",
			   "size", "flags", "mode", "count", "ino");
	} else if (v == info) {
		seq_printf(s, "\nTotal %d objects, %zu bytes\n",
			   info->count, info->size);
	} else {
		dma_buf_bufinfo_show_buffer(s, v);
	}
	return 0;
}

static const struct seq_operations dma_buf_bufinfo_seq_ops = {
	.start	= dma_buf_bufinfo_start,
	.stop	= dma_buf_bufinfo_stop,
	.next	= dma_buf_bufinfo_next,
	.show	= dma_buf_bufinfo_show,
};

static int dma_buf_bufinfo_open(struct inode *inode, struct file *file)
{
	return seq_open_private(file, &dma_buf_bufinfo_seq_ops,
				sizeof(struct dma_buf_bufinfo));
}

static int dma_buf_bufinfo_release(struct inode *inode, struct file *file)
{
	struct seq_file *s = file->private_data;
	struct dma_buf_bufinfo *info = s->private;

	if (info->linked)
		dma_buf_cursor_stop(&info->cursor);
	return seq_release_private(inode, file);
}

static const struct file_operations dma_buf_bufinfo_fops = {
	.owner	 = THIS_MODULE,
	.open	 = dma_buf_bufinfo_open,
	.read	 = seq_read,
	.llseek	 = seq_lseek,
	.release = dma_buf_bufinfo_release,
};

void __init dma_buf_debugfs_init(void)
{
	struct dentry *dir = debugfs_create_dir("dma_buf", NULL);

	debugfs_create_file("bufinfo", 0444, dir, NULL, &dma_buf_bufinfo_fops);
}
