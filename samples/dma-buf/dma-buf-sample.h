/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a program asks the sample exporter and the sample importer for
 */
#ifndef DMA_BUF_SAMPLE_H
#define DMA_BUF_SAMPLE_H

#include <linux/ioctl.h>
#include <linux/types.h>

/*
 * /dev/dma-buf-exporter: make a buffer of so many bytes, rounded up to whole
 * pages and cleared. Returns its file descriptor.
 */
#define DMA_BUF_SAMPLE_EXPORT	_IO(0xdf, 0)
#define DMA_BUF_SAMPLE_SIZE_MAX	(64 << 20)

/*
 * /dev/dma-buf-importer: attach the device to the buffer behind this file
 * descriptor, until the importer's own is closed.
 */
#define DMA_BUF_SAMPLE_IMPORT	_IO(0xdf, 1)

/*
 * /dev/dma-buf-importer: when all others are done with the buffer, have the
 * device work on it for so many milliseconds. Returns as soon as it works.
 */
#define DMA_BUF_SAMPLE_RUN	_IO(0xdf, 2)
#define DMA_BUF_SAMPLE_RUN_MAX	10000

/* /dev/dma-buf-importer: add up the buffer's bytes by CPU. */
#define DMA_BUF_SAMPLE_SUM	_IOR(0xdf, 3, __u64)

#endif /* DMA_BUF_SAMPLE_H */
