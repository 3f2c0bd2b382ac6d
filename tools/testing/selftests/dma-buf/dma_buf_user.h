/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions for the system calls on dma-bufs, fences and the listing in
 * debugfs. Each returns the result of the system call, or -errno.
 */
#ifndef DMA_BUF_USER_H
#define DMA_BUF_USER_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/sync_file.h>
#include <linux/udmabuf.h>
#include <drm/drm.h>

#define BUFINFO_PATH "/sys/kernel/debug/dma_buf/bufinfo"
#define SW_SYNC_PATH "/sys/kernel/debug/sync/sw_sync"

/* The ioctls of sw_sync are private to the kernel. */
struct sw_sync_request {
	__u32 value;
	char name[32];
	__s32 fence;
};

#define SW_SYNC_CREATE	_IOWR('W', 0, struct sw_sync_request)
#define SW_SYNC_ADVANCE	_IOW('W', 1, __u32)

static inline long or_errno(long ret)
{
	return ret < 0 ? -errno : ret;
}

static inline int sys_ioctl(int fd, unsigned long request, void *arg)
{
	return or_errno(ioctl(fd, request, arg));
}

/* CPU access, names, fences of a buffer */

static inline int sys_sync_cpu(int fd, __u64 flags)
{
	struct dma_buf_sync arg = { .flags = flags };

	return sys_ioctl(fd, DMA_BUF_IOCTL_SYNC, &arg);
}

static inline int sys_set_name(int fd, const char *name)
{
	return sys_ioctl(fd, DMA_BUF_SET_NAME_B, (void *)name);
}

static inline int sys_export_fence(int fd, __u32 flags)
{
	struct dma_buf_export_sync_file arg = { .flags = flags, .fd = -1 };
	int ret = sys_ioctl(fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &arg);

	return ret < 0 ? ret : arg.fd;
}

static inline int sys_import_fence(int fd, __u32 flags, int sync_fd)
{
	struct dma_buf_import_sync_file arg = { .flags = flags, .fd = sync_fd };

	return sys_ioctl(fd, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &arg);
}

/* Timelines of fences that user space signals */

static inline int sys_timeline(void)
{
	return or_errno(open(SW_SYNC_PATH, O_RDWR | O_CLOEXEC));
}

static inline int sys_fence(int timeline, __u32 value)
{
	struct sw_sync_request arg = { .value = value, .name = "fence" };
	int ret = sys_ioctl(timeline, SW_SYNC_CREATE, &arg);

	return ret < 0 ? ret : arg.fence;
}

static inline int sys_advance(int timeline, __u32 steps)
{
	return sys_ioctl(timeline, SW_SYNC_ADVANCE, &steps);
}

/* Add the fence that @timeline signals at @value to the buffer @fd. */
static inline int sys_add_fence(int fd, __u32 flags, int timeline, __u32 value)
{
	int sync_fd = sys_fence(timeline, value);
	int ret;

	if (sync_fd < 0)
		return sync_fd;
	ret = sys_import_fence(fd, flags, sync_fd);
	close(sync_fd);
	return ret;
}

static inline int sys_merge_fences(int one, int two)
{
	struct sync_merge_data arg = { .name = "merged", .fd2 = two };
	int ret = sys_ioctl(one, SYNC_IOC_MERGE, &arg);

	return ret < 0 ? ret : arg.fence;
}

/* Return 1 if signalled, 0 if pending, or the error of a failed fence. */
static inline int sys_fence_status(int sync_fd, unsigned int *count)
{
	struct sync_file_info info = {};
	int ret = sys_ioctl(sync_fd, SYNC_IOC_FILE_INFO, &info);

	if (ret < 0)
		return ret;
	if (count)
		*count = info.num_fences;
	return info.status;
}

/* Exporters: opening the device and allocating a buffer are separate */

struct exporter {
	const char *exp_name;	/* in bufinfo and fdinfo */
	const char *config;	/* the option that it needs */
	int (*open)(void);
	int (*alloc)(int dev, size_t size, bool cloexec);
	int (*alloc_read_only)(int dev, size_t size);	/* or NULL */
};

static inline int heap_open(void)
{
	return or_errno(open("/dev/dma_heap/system", O_RDWR | O_CLOEXEC));
}

static inline int heap_alloc_flags(int dev, size_t size, __u32 flags)
{
	struct dma_heap_allocation_data arg = { .len = size, .fd_flags = flags };
	int ret = sys_ioctl(dev, DMA_HEAP_IOCTL_ALLOC, &arg);

	return ret < 0 ? ret : (int)arg.fd;
}

static inline int heap_alloc(int dev, size_t size, bool cloexec)
{
	return heap_alloc_flags(dev, size, O_RDWR | (cloexec ? O_CLOEXEC : 0));
}

static inline int heap_alloc_read_only(int dev, size_t size)
{
	return heap_alloc_flags(dev, size, O_RDONLY | O_CLOEXEC);
}

static inline int udmabuf_open(void)
{
	return or_errno(open("/dev/udmabuf", O_RDWR | O_CLOEXEC));
}

/*
 * udmabuf maps its pages for the direction of the first access and caches that
 * mapping. Make the first access bidirectional, or CONFIG_DMA_API_DEBUG warns
 * about later accesses in the other direction.
 */
static inline int udmabuf_warm_up(int fd)
{
	int ret = sys_sync_cpu(fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW);

	if (!ret)
		ret = sys_sync_cpu(fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW);
	if (!ret)
		return fd;
	close(fd);
	return ret;
}

static inline int udmabuf_alloc(int dev, size_t size, bool cloexec)
{
	struct udmabuf_create arg = {
		.flags = cloexec ? UDMABUF_FLAGS_CLOEXEC : 0,
		.size = size,
	};
	int memfd = memfd_create("pages", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	int ret;

	if (memfd < 0)
		return -errno;
	arg.memfd = memfd;
	ret = or_errno(ftruncate(memfd, size));
	if (!ret)
		ret = or_errno(fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK));
	if (!ret)
		ret = sys_ioctl(dev, UDMABUF_CREATE, &arg);
	close(memfd);
	return ret < 0 ? ret : udmabuf_warm_up(ret);
}

static inline bool drm_driver_is(int dev, const char *driver)
{
	char name[32] = "";
	struct drm_version arg = { .name = name, .name_len = sizeof(name) - 1 };

	return !sys_ioctl(dev, DRM_IOCTL_VERSION, &arg) && !strcmp(name, driver);
}

/* Card numbers depend on the order of probing: search for the driver. */
static inline int vgem_open(void)
{
	char path[32];
	int card, dev;

	for (card = 0; card < 64; card++) {
		snprintf(path, sizeof(path), "/dev/dri/card%d", card);
		dev = open(path, O_RDWR | O_CLOEXEC);
		if (dev < 0)
			continue;
		if (drm_driver_is(dev, "vgem"))
			return dev;
		close(dev);
	}
	return -ENODEV;
}

static inline int vgem_close_handle(int dev, __u32 handle)
{
	struct drm_gem_close arg = { .handle = handle };

	return sys_ioctl(dev, DRM_IOCTL_GEM_CLOSE, &arg);
}

static inline int vgem_export(int dev, __u32 handle, __u32 flags)
{
	struct drm_prime_handle arg = { .handle = handle, .flags = flags };
	int ret = sys_ioctl(dev, DRM_IOCTL_PRIME_HANDLE_TO_FD, &arg);

	return ret < 0 ? ret : arg.fd;
}

/* A row of the dumb buffer has 4 KiB; @flags apply to the exported fd. */
static inline int vgem_alloc_flags(int dev, size_t size, __u32 flags)
{
	struct drm_mode_create_dumb dumb = {
		.width = 1024, .height = size / 4096, .bpp = 32,
	};
	int ret = sys_ioctl(dev, DRM_IOCTL_MODE_CREATE_DUMB, &dumb);

	if (ret)
		return ret;
	ret = vgem_export(dev, dumb.handle, flags);
	/* The handle would keep the buffer alive. */
	vgem_close_handle(dev, dumb.handle);
	return ret;
}

static inline int vgem_alloc(int dev, size_t size, bool cloexec)
{
	return vgem_alloc_flags(dev, size, DRM_RDWR | (cloexec ? DRM_CLOEXEC : 0));
}

static inline int vgem_alloc_read_only(int dev, size_t size)
{
	return vgem_alloc_flags(dev, size, DRM_CLOEXEC);
}

/* Attach vgem to a buffer; release the handle with vgem_close_handle(). */
static inline int vgem_import(int dev, int fd, __u32 *handle)
{
	struct drm_prime_handle arg = { .fd = fd };
	int ret = sys_ioctl(dev, DRM_IOCTL_PRIME_FD_TO_HANDLE, &arg);

	*handle = arg.handle;
	return ret;
}

static const struct exporter heap_exporter = {
	.exp_name = "system",
	.config = "CONFIG_DMABUF_HEAPS_SYSTEM",
	.open = heap_open,
	.alloc = heap_alloc,
	.alloc_read_only = heap_alloc_read_only,
};

static const struct exporter udmabuf_exporter = {
	.exp_name = "udmabuf",
	.config = "CONFIG_UDMABUF",
	.open = udmabuf_open,
	.alloc = udmabuf_alloc,
};

static const struct exporter vgem_exporter = {
	.exp_name = "drm",
	.config = "CONFIG_DRM_VGEM",
	.open = vgem_open,
	.alloc = vgem_alloc,
	.alloc_read_only = vgem_alloc_read_only,
};

/* Passing an fd over a UNIX socket */

union fd_control {
	struct cmsghdr header;
	char space[CMSG_SPACE(sizeof(int))];
};

static inline int sys_send_fd(int socket, int fd)
{
	union fd_control control = {};
	struct iovec byte = { .iov_base = "!", .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &byte,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	return sendmsg(socket, &msg, 0) == 1 ? 0 : -errno;
}

static inline int sys_receive_fd(int socket)
{
	union fd_control control = {};
	char text;
	struct iovec byte = { .iov_base = &text, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &byte,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t got = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC);
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	int fd;

	if (got < 0)
		return -errno;
	if (got != 1 || !cmsg || cmsg->cmsg_type != SCM_RIGHTS)
		return -EPIPE;
	memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
	return fd;
}

/* Reading text files of the kernel */

/* Return the rest of an open file as a string, read @step bytes at a time. */
static inline char *text_of_fd(int fd, size_t step)
{
	size_t size = step + 4096, used = 0;
	char *text = malloc(size), *grown;
	ssize_t got = -1;

	while (text) {
		got = read(fd, text + used, step);
		if (got <= 0)
			break;
		used += got;
		if (size - used > step)
			continue;
		grown = realloc(text, size *= 2);
		if (!grown)
			free(text);
		text = grown;
	}
	if (text && got == 0) {
		text[used] = '\0';
		return text;
	}
	free(text);
	return NULL;
}

static inline char *text_of(const char *path, size_t step)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text;

	if (fd < 0)
		return NULL;
	text = text_of_fd(fd, step);
	close(fd);
	return text;
}

static inline int sys_write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	int ret = fd < 0 ? -errno : 0;

	if (fd >= 0 && write(fd, text, strlen(text)) < 0)
		ret = -errno;
	if (fd >= 0)
		close(fd);
	return ret;
}

/* Return the first line of @text that contains @word, terminated in place. */
static inline char *line_with(char *text, const char *word)
{
	char *hit = text ? strstr(text, word) : NULL;

	if (!hit)
		return NULL;
	hit[strcspn(hit, "\n")] = '\0';
	while (hit > text && hit[-1] != '\n')
		hit--;
	return hit;
}

/* Return the number of buffers in the system, from the last line of bufinfo. */
static inline long sys_objects(void)
{
	char *text = text_of(BUFINFO_PATH, 65536);
	char *last = NULL, *at = text;
	long count = -EIO;

	if (!text)
		return -errno;
	while ((at = strstr(at, "\nTotal ")))
		last = at++;
	if (last && strstr(last, " objects, "))
		sscanf(last, "\nTotal %ld", &count);
	free(text);
	return count;
}

static inline unsigned long inode_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? 0 : st.st_ino;
}

/* A handler for signals that only interrupt a call. */
static inline void ignore_signal(int signal)
{
	(void)signal;
}

/* Have SIGUSR1 interrupt calls, or with SA_RESTART in @flags restart them. */
static inline void handle_usr1(int flags)
{
	struct sigaction action = {
		.sa_handler = ignore_signal,
		.sa_flags = flags,
	};

	sigaction(SIGUSR1, &action, NULL);
}

static inline void sleep_ms(unsigned int ms)
{
	struct timespec pause = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&pause, NULL);
}

static inline double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

/* A worker may drop the last reference to a file, a moment later. */
static inline bool objects_settle(long want)
{
	int tries;

	for (tries = 0; tries < 1000; tries++) {
		if (sys_objects() == want)
			return true;
		sleep_ms(10);
	}
	return false;
}

#endif /* DMA_BUF_USER_H */
