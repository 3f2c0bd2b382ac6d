/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * dma-buf: ioctls on the file descriptor of a shared buffer
 *
 * Copyright(C) 2015 Intel Ltd
 */

#ifndef _DMA_BUF_UAPI_H_
#define _DMA_BUF_UAPI_H_

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * struct dma_buf_sync - argument of DMA_BUF_IOCTL_SYNC
 *
 * A program that accesses the buffer through mmap() brackets the access with
 * START and END, and caches are synchronized at both. Between START and END it
 * may access the mapping only in the direction that it passed.
 *
 * START first waits for the fences of the buffer: for those of writers if the
 * program reads, for all of them if it writes. Work that is synchronized
 * explicitly, with no fence in the buffer, is not waited for. END does not
 * wait. Neither prevents other users from using the buffer meanwhile.
 *
 * Errors: EFAULT for a bad pointer; EINVAL for an unknown flag, or neither READ
 * nor WRITE; EINTR when a signal interrupted the wait; and any error of the
 * exporting driver. After a START that failed, the program must not call END.
 */
struct dma_buf_sync {
	/**
	 * @flags: one of DMA_BUF_SYNC_START and DMA_BUF_SYNC_END, or-ed with
	 * DMA_BUF_SYNC_READ, DMA_BUF_SYNC_WRITE or both (DMA_BUF_SYNC_RW). END
	 * takes the same direction as its START did.
	 */
	__u64 flags;
};

#define DMA_BUF_SYNC_READ      (1 << 0)
#define DMA_BUF_SYNC_WRITE     (2 << 0)
#define DMA_BUF_SYNC_RW        (DMA_BUF_SYNC_READ | DMA_BUF_SYNC_WRITE)
#define DMA_BUF_SYNC_START     (0 << 2)
#define DMA_BUF_SYNC_END       (1 << 2)
#define DMA_BUF_SYNC_VALID_FLAGS_MASK \
	(DMA_BUF_SYNC_RW | DMA_BUF_SYNC_END)

/* Longest name, with its terminating NUL */
#define DMA_BUF_NAME_LEN	32

/**
 * struct dma_buf_export_sync_file - argument of DMA_BUF_IOCTL_EXPORT_SYNC_FILE
 *
 * Takes a snapshot of the buffer's current fences and returns it as a
 * sync_file: to wait for them later, or to pass them to an interface with
 * explicit synchronization, such as Vulkan's. Fences added afterwards are not
 * included. The sync_file of an idle buffer has already signalled.
 *
 * A client of such an interface renders into a shared buffer in three steps: it
 * exports a sync_file, submits work that waits for it and signals another one,
 * and imports that one with DMA_BUF_IOCTL_IMPORT_SYNC_FILE. The steps are not
 * atomic together: all users of the buffer must agree not to submit work in
 * between.
 *
 * Errors: EFAULT for a bad pointer; EINVAL for an unknown flag, or neither READ
 * nor WRITE; EMFILE, ENOMEM. No file descriptor is installed then.
 */
struct dma_buf_export_sync_file {
	/**
	 * @flags: the access that the caller intends. With only
	 * DMA_BUF_SYNC_READ the snapshot holds the fences of writers, which
	 * poll() for POLLIN would wait for. With DMA_BUF_SYNC_WRITE it holds
	 * all fences, as for POLLOUT.
	 */
	__u32 flags;
	/** @fd: returned: the new sync_file, close-on-exec */
	__s32 fd;
};

/**
 * struct dma_buf_import_sync_file - argument of DMA_BUF_IOCTL_IMPORT_SYNC_FILE
 *
 * Adds the fences of a sync_file to the buffer, so that users that rely on
 * implicit synchronization wait for them. It is used by programs with explicit
 * synchronization.
 *
 * Errors: EFAULT for a bad pointer; EINVAL for an unknown flag, neither READ
 * nor WRITE, or an @fd that is no sync_file; ENOMEM. The buffer is unchanged
 * then.
 */
struct dma_buf_import_sync_file {
	/**
	 * @flags: the access that the fences belong to. With only
	 * DMA_BUF_SYNC_READ they are fences of a reader: later writers wait,
	 * later readers do not. With DMA_BUF_SYNC_WRITE they are fences of a
	 * writer, and all users wait.
	 */
	__u32 flags;
	/** @fd: the sync_file; it remains open */
	__s32 fd;
};

#define DMA_BUF_BASE		'b'
#define DMA_BUF_IOCTL_SYNC	_IOW(DMA_BUF_BASE, 0, struct dma_buf_sync)

/*
 * Sets the name of the buffer, which is shown in fdinfo, in /proc/PID/maps and
 * in debugfs. The argument is a pointer to the string. The number of
 * DMA_BUF_SET_NAME depends on the size of a pointer, so there are two of them;
 * both are accepted everywhere and have the same effect.
 *
 * Errors: EFAULT for a bad pointer; EINVAL when no NUL is found within
 * DMA_BUF_NAME_LEN bytes; ENOMEM. The name is unchanged then.
 */
#define DMA_BUF_SET_NAME	_IOW(DMA_BUF_BASE, 1, const char *)
#define DMA_BUF_SET_NAME_A	_IOW(DMA_BUF_BASE, 1, __u32)
#define DMA_BUF_SET_NAME_B	_IOW(DMA_BUF_BASE, 1, __u64)
#define DMA_BUF_IOCTL_EXPORT_SYNC_FILE	_IOWR(DMA_BUF_BASE, 2, struct dma_buf_export_sync_file)
#define DMA_BUF_IOCTL_IMPORT_SYNC_FILE	_IOW(DMA_BUF_BASE, 3, struct dma_buf_import_sync_file)

#endif
