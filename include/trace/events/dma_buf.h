/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The stations of a buffer's life. A buffer is named by its inode number, which
 * fstat(), fdinfo and bufinfo tell as well and which no other buffer will have.
 *
 * Every event is emitted by somebody who holds a reference, while nobody else can
 * take it away yet: not after a descriptor was installed, nor after fput().
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM dma_buf

#if !defined(_TRACE_DMA_BUF_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_DMA_BUF_H

#include <linux/device.h>
#include <linux/dma-buf.h>
#include <linux/dma-direction.h>
#include <linux/fs.h>
#include <linux/tracepoint.h>

TRACE_DEFINE_ENUM(DMA_BIDIRECTIONAL);
TRACE_DEFINE_ENUM(DMA_TO_DEVICE);
TRACE_DEFINE_ENUM(DMA_FROM_DEVICE);
TRACE_DEFINE_ENUM(DMA_NONE);

#define dma_buf_show_dir(dir)						\
	__print_symbolic(dir,						\
			 { DMA_BIDIRECTIONAL, "BIDIRECTIONAL" },	\
			 { DMA_TO_DEVICE, "TO_DEVICE" },		\
			 { DMA_FROM_DEVICE, "FROM_DEVICE" },		\
			 { DMA_NONE, "NONE" })

DECLARE_EVENT_CLASS(dma_buf_life,
		    TP_PROTO(const struct dma_buf *dmabuf),
		    TP_ARGS(dmabuf),
		    TP_STRUCT__entry(__field(unsigned long, ino)
				     __field(size_t, size)
				     __string(exp_name, dmabuf->exp_name)),
		    TP_fast_assign(__entry->ino = file_inode(dmabuf->file)->i_ino;
				   __entry->size = dmabuf->size;
				   __assign_str(exp_name);),
		    TP_printk("ino=%lu size=%zu exp_name=%s", __entry->ino,
			      __entry->size, __get_str(exp_name)));

/* A buffer exists; its exporter has the first reference. */
DEFINE_EVENT(dma_buf_life, dma_buf_export,
	     TP_PROTO(const struct dma_buf *dmabuf),
	     TP_ARGS(dmabuf));

/* The last reference is gone. */
DEFINE_EVENT(dma_buf_life, dma_buf_release,
	     TP_PROTO(const struct dma_buf *dmabuf),
	     TP_ARGS(dmabuf));

DECLARE_EVENT_CLASS(dma_buf_handle,
		    TP_PROTO(const struct dma_buf *dmabuf, int fd),
		    TP_ARGS(dmabuf, fd),
		    TP_STRUCT__entry(__field(unsigned long, ino)
				     __field(int, fd)),
		    TP_fast_assign(__entry->ino = file_inode(dmabuf->file)->i_ino;
				   __entry->fd = fd;),
		    TP_printk("ino=%lu fd=%d", __entry->ino, __entry->fd));

/*
 * The current process is about to get a descriptor from dma_buf_fd(). Some
 * exporters, heaps and DRM among them, install the file themselves.
 */
DEFINE_EVENT(dma_buf_handle, dma_buf_fd,
	     TP_PROTO(const struct dma_buf *dmabuf, int fd),
	     TP_ARGS(dmabuf, fd));

/* A driver has found the buffer behind a descriptor of the current process. */
DEFINE_EVENT(dma_buf_handle, dma_buf_get,
	     TP_PROTO(const struct dma_buf *dmabuf, int fd),
	     TP_ARGS(dmabuf, fd));

/* A buffer that is leaked, because an attachment was left, has no file any more. */
DECLARE_EVENT_CLASS(dma_buf_device,
		    TP_PROTO(const struct dma_buf_attachment *attach),
		    TP_ARGS(attach),
		    TP_STRUCT__entry(__field(unsigned long, ino)
				     __field(bool, dynamic)
				     __string(device, dev_name(attach->dev))),
		    TP_fast_assign(struct file *file = attach->dmabuf->file;

				   __entry->ino = file ? file_inode(file)->i_ino : 0;
				   __entry->dynamic = !!attach->importer_ops;
				   __assign_str(device);),
		    TP_printk("ino=%lu device=%s %s", __entry->ino,
			      __get_str(device),
			      __entry->dynamic ? "dynamic" : "static"));

/* The exporter has accepted a device. */
DEFINE_EVENT(dma_buf_device, dma_buf_attach,
	     TP_PROTO(const struct dma_buf_attachment *attach),
	     TP_ARGS(attach));

/* A device is detached, or could not be attached after all. */
DEFINE_EVENT(dma_buf_device, dma_buf_detach,
	     TP_PROTO(const struct dma_buf_attachment *attach),
	     TP_ARGS(attach));

DECLARE_EVENT_CLASS(dma_buf_mapping,
		    TP_PROTO(const struct dma_buf_attachment *attach,
			     enum dma_data_direction dir),
		    TP_ARGS(attach, dir),
		    TP_STRUCT__entry(__field(unsigned long, ino)
				     __field(int, dir)
				     __string(device, dev_name(attach->dev))),
		    TP_fast_assign(struct file *file = attach->dmabuf->file;

				   __entry->ino = file ? file_inode(file)->i_ino : 0;
				   __entry->dir = dir;
				   __assign_str(device);),
		    TP_printk("ino=%lu device=%s dir=%s", __entry->ino,
			      __get_str(device),
			      dma_buf_show_dir(__entry->dir)));

/* The exporter has mapped the buffer for a device: not a mapping that was kept. */
DEFINE_EVENT(dma_buf_mapping, dma_buf_map,
	     TP_PROTO(const struct dma_buf_attachment *attach,
		      enum dma_data_direction dir),
	     TP_ARGS(attach, dir));

/* The exporter is about to undo that. */
DEFINE_EVENT(dma_buf_mapping, dma_buf_unmap,
	     TP_PROTO(const struct dma_buf_attachment *attach,
		      enum dma_data_direction dir),
	     TP_ARGS(attach, dir));

#endif /* _TRACE_DMA_BUF_H */

#include <trace/define_trace.h>
