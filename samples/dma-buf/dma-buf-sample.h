/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ioctls of the sample exporter and the sample importer
 */
#ifndef DMA_BUF_SAMPLE_H
#define DMA_BUF_SAMPLE_H

#include <linux/ioctl.h>
#include <linux/types.h>

/*
 * /dev/dma-buf-exporter: create a buffer of that many bytes, rounded up to full
 * pages and cleared. Returns its file descriptor.
 */
#define DMA_BUF_SAMPLE_EXPORT	_IO(0xdf, 0)
#define DMA_BUF_SAMPLE_SIZE_MAX	(64 << 20)

/*
 * /dev/dma-buf-importer: attach the device to the buffer of this file
 * descriptor, until the importer's descriptor is closed.
 */
#define DMA_BUF_SAMPLE_IMPORT	_IO(0xdf, 1)

/*
 * /dev/dma-buf-importer: wait for all fences of the buffer, then have the
 * device work on it for that many milliseconds. Returns when the job is queued.
 */
#define DMA_BUF_SAMPLE_RUN	_IO(0xdf, 2)
#define DMA_BUF_SAMPLE_RUN_MAX	10000

/* /dev/dma-buf-importer: add up the buffer's bytes with the CPU. */
#define DMA_BUF_SAMPLE_SUM	_IOR(0xdf, 3, __u64)

/* /dev/dma-buf-importer: return 1 if the device has addresses for new jobs. */
#define DMA_BUF_SAMPLE_MAPPED	_IO(0xdf, 4)

/*
 * /dev/dma-buf-exporter: the same as DMA_BUF_SAMPLE_EXPORT, but only importers
 * that drop their mappings on request can attach to it, and it can be revoked.
 */
#define DMA_BUF_SAMPLE_EXPORT_REVOCABLE	_IO(0xdf, 5)

/*
 * /dev/dma-buf-exporter: wait for all fences of the buffer of this file
 * descriptor, and move it to other pages. EBUSY while it is pinned.
 */
#define DMA_BUF_SAMPLE_MOVE	_IO(0xdf, 6)

/*
 * /dev/dma-buf-exporter: end all access to the revocable buffer of this file
 * descriptor, for good. Returns when no device has a mapping. EBUSY while it is
 * pinned.
 */
#define DMA_BUF_SAMPLE_REVOKE	_IO(0xdf, 7)

#endif /* DMA_BUF_SAMPLE_H */
