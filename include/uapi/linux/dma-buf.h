/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * dma-buf: what a program can do with the file descriptor of a shared buffer
 */

#ifndef _DMA_BUF_UAPI_H_
#define _DMA_BUF_UAPI_H_

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * struct dma_buf_sync - argument of DMA_BUF_IOCTL_SYNC
 *
 * A program that touches the buffer through mmap() says when it starts and
 * when it is done, so that caches are made to agree with memory at both ends.
 * Between the two it may access the mapping as it announced, and only so.
 *
 * START first waits for the fences that the buffer carries: for the writers'
 * when the program wants to read, for everybody's when it wants to write. Work
 * that is synchronized explicitly, with no fence in the buffer, is not waited
 * for. END does not wait. Neither keeps anybody else from using the buffer
 * meanwhile.
 *
 * Errors: EFAULT for a bad pointer; EINVAL for an unknown flag, or neither
 * READ nor WRITE; EINTR when a signal ended the wait; and whatever the
 * exporting driver answers. After an error of START nothing has to be ended.
 */
struct dma_buf_sync {
	/**
	 * @flags: one of DMA_BUF_SYNC_START and DMA_BUF_SYNC_END, or-ed with
	 * DMA_BUF_SYNC_READ, DMA_BUF_SYNC_WRITE or both (DMA_BUF_SYNC_RW).
	 * END takes the same direction as its START did.
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
 * Takes a snapshot of the fences that the buffer carries now and returns it as
 * a sync_file: to wait for them later, or to hand them to an interface with
 * explicit synchronization, such as Vulkan's. Fences added afterwards are not
 * in it. An idle buffer gives a sync_file that has already signalled.
 *
 * A client of such an interface renders into a shared buffer in three steps:
 * export, submit work that waits for the exported sync_file and signals one of
 * its own, import that one with DMA_BUF_IOCTL_IMPORT_SYNC_FILE. The steps are
 * not atomic together: whoever shares the buffer must agree not to submit work
 * in between.
 *
 * Errors: EFAULT for a bad pointer; EINVAL for an unknown flag, or neither
 * READ nor WRITE; EMFILE, ENOMEM. No file descriptor is left over then.
 */
struct dma_buf_export_sync_file {
	/**
	 * @flags: what the caller is going to do. With DMA_BUF_SYNC_READ alone
	 * the snapshot holds the writers' fences, as poll() for POLLIN would
	 * wait for; with DMA_BUF_SYNC_WRITE it holds everybody's, as for
	 * POLLOUT.
	 */
	__u32 flags;
	/** @fd: returned: the new sync_file, close-on-exec */
	__s32 fd;
};

/**
 * struct dma_buf_import_sync_file - argument of DMA_BUF_IOCTL_IMPORT_SYNC_FILE
 *
 * Adds the fences of a sync_file to the buffer, so that users that rely on
 * implicit synchronization wait for them: the way back for a program with
 * explicit synchronization.
 *
 * Errors: EFAULT for a bad pointer; EINVAL for an unknown flag, neither READ
 * nor WRITE, or an @fd that is no sync_file; ENOMEM. The buffer is as before
 * then.
 */
struct dma_buf_import_sync_file {
	/**
	 * @flags: what the fences stand for. With DMA_BUF_SYNC_READ alone they
	 * are a reader's: later writers wait, later readers do not. With
	 * DMA_BUF_SYNC_WRITE they are a writer's and everybody waits.
	 */
	__u32 flags;
	/** @fd: the sync_file; the caller keeps it */
	__s32 fd;
};

#define DMA_BUF_BASE		'b'
#define DMA_BUF_IOCTL_SYNC	_IOW(DMA_BUF_BASE, 0, struct dma_buf_sync)

/*
 * Gives the buffer a name that people will find in fdinfo, in /proc/PID/maps
 * and in debugfs. The argument is the string itself. The number of
 * DMA_BUF_SET_NAME depends on the size of a pointer, so there are two of them;
 * both are accepted everywhere and mean the same.
 *
 * Errors: EFAULT for a bad pointer; EINVAL when no NUL is found within
 * DMA_BUF_NAME_LEN bytes; ENOMEM. The name is as before then.
 */
#define DMA_BUF_SET_NAME	_IOW(DMA_BUF_BASE, 1, const char *)
#define DMA_BUF_SET_NAME_A	_IOW(DMA_BUF_BASE, 1, __u32)
#define DMA_BUF_SET_NAME_B	_IOW(DMA_BUF_BASE, 1, __u64)
#define DMA_BUF_IOCTL_EXPORT_SYNC_FILE	_IOWR(DMA_BUF_BASE, 2, struct dma_buf_export_sync_file)
#define DMA_BUF_IOCTL_IMPORT_SYNC_FILE	_IOW(DMA_BUF_BASE, 3, struct dma_buf_import_sync_file)

#endif
