/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls of the drivers in samples/dma-buf
 */
#ifndef DMA_BUF_SAMPLE_CALLS_H
#define DMA_BUF_SAMPLE_CALLS_H

#include "dma_buf_utils.h"
#include "../../../../samples/dma-buf/dma-buf-sample.h"

#define EXPORTER "/dev/dma-buf-exporter"
#define IMPORTER "/dev/dma-buf-importer"
#define DMA_DEBUG_PATH "/sys/kernel/debug/dma-api"
#define SKIP_TWO_DEVICES "CONFIG_DMA_API_DEBUG warns about a second device"
#define SKIP_SAMPLE "no such device: needs CONFIG_SAMPLE_DMA_BUF"
#define JOB_MS 300
#define JOB_LEAST 280	/* timers may be a tick early */

static inline int device_open(const char *path)
{
	return or_errno(open(path, O_RDWR | O_CLOEXEC));
}

static inline int sample_export(int dev, unsigned long size)
{
	return or_errno(ioctl(dev, DMA_BUF_SAMPLE_EXPORT, size));
}

static inline int sample_export_revocable(int dev, unsigned long size)
{
	return or_errno(ioctl(dev, DMA_BUF_SAMPLE_EXPORT_REVOCABLE, size));
}

static inline int sample_move(int dev, int fd)
{
	return or_errno(ioctl(dev, DMA_BUF_SAMPLE_MOVE, fd));
}

static inline int sample_revoke(int dev, int fd)
{
	return or_errno(ioctl(dev, DMA_BUF_SAMPLE_REVOKE, fd));
}

static inline int sample_import(int dev, int fd)
{
	return or_errno(ioctl(dev, DMA_BUF_SAMPLE_IMPORT, fd));
}

static inline int sample_run(int dev, unsigned long ms)
{
	return or_errno(ioctl(dev, DMA_BUF_SAMPLE_RUN, ms));
}

static inline int sample_mapped(int dev)
{
	return or_errno(ioctl(dev, DMA_BUF_SAMPLE_MAPPED));
}

static inline int sample_sum(int dev, __u64 *sum)
{
	return sys_ioctl(dev, DMA_BUF_SAMPLE_SUM, sum);
}

/* Return the signal that kills a process that reads this byte, or 0. */
static inline int signal_of_read(const unsigned char *byte)
{
	pid_t child = fork();
	int status = -1;

	if (!child) {
		signal(SIGBUS, SIG_DFL);
		__atomic_load_n(byte, __ATOMIC_RELAXED);
		_exit(0);
	}
	waitpid(child, &status, 0);
	return WIFSIGNALED(status) ? WTERMSIG(status) : status;
}

#endif /* DMA_BUF_SAMPLE_CALLS_H */
