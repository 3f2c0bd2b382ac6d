// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exporters that end all access to a buffer: the sample exporter, and VFIO with
 * an emulated PCI device, whose importer is iommufd.
 */
#include <dirent.h>
#include <linux/iommufd.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>

#include "dma_buf_sample.h"

#define SAMPLE_PAGES 16
#define RACE_MS 300

static struct bufinfo info;

/* Return the number of devices that are attached to a buffer, or -1. */
static int devices_of(struct __test_metadata *_metadata, unsigned long ino)
{
	struct bufinfo_row *row;

	read_bufinfo(&info, 65536);
	row = bufinfo_row(&info, ino);
	return row ? (int)row->devices : -1;
}

/* Do poll() and fdinfo still answer for a buffer that was revoked? */
static void expect_answers(struct __test_metadata *_metadata, int fd, size_t size)
{
	char path[48], wanted[64], *text;

	ready(POLLIN | POLLOUT, fd, POLLIN | POLLOUT);
	EXPECT_EQ(size, lseek(fd, 0, SEEK_END));
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	snprintf(wanted, sizeof(wanted), "size:\t%zu\n", size);
	text = text_of(path, 4096);
	ASSERT_NE(NULL, text);
	EXPECT_NE(NULL, strstr(text, wanted));
	free(text);
}

/* The sample exporter and the sample importer */

FIXTURE(sample)
{
	size_t size;
	int dev, fd, importer;
	unsigned long ino;
	unsigned char *map;
};

FIXTURE_SETUP(sample)
{
	self->size = SAMPLE_PAGES * getpagesize();
	self->dev = device_open(EXPORTER);
	if (self->dev < 0)
		SKIP(return, SKIP_SAMPLE);
	self->importer = must(device_open(IMPORTER));
	self->fd = must(sample_export_revocable(self->dev, self->size));
	self->ino = inode_of(self->fd);
	self->map = map_buffer(self->fd, self->size);
	memset(self->map, 3, self->size);
}

FIXTURE_TEARDOWN(sample)
{
	munmap(self->map, self->size);
	close(self->fd);
	close(self->importer);
	close(self->dev);
	EXPECT_TRUE(unlisted_soon(self->ino));
}

/*
 * Passes when all access has ended after revocation: of the importer, which has
 * no mapping and gets no new one, of the CPU in the kernel, and of the program.
 */
TEST_F(sample, revoke_ends_access)
{
	__u64 sum;

	ASSERT_EQ(0, sample_import(self->importer, self->fd));
	ASSERT_EQ(0, sample_run(self->importer, 0));
	ASSERT_EQ(1, sample_mapped(self->importer));
	ASSERT_EQ(0, signal_of_read(self->map));

	ASSERT_EQ(0, sample_revoke(self->dev, self->fd));
	EXPECT_EQ(0, sample_mapped(self->importer));
	EXPECT_EQ(-ENODEV, sample_run(self->importer, 0));
	EXPECT_EQ(0, sample_mapped(self->importer));
	EXPECT_EQ(-ENODEV, sample_sum(self->importer, &sum));
	EXPECT_EQ(-ENODEV, sample_move(self->dev, self->fd));
	err_sync_cpu(ENODEV, self->fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ);
	EXPECT_EQ(SIGBUS, signal_of_read(self->map));
	EXPECT_EQ(SIGBUS, signal_of_read(self->map + self->size - 1));
	expect_answers(_metadata, self->fd, self->size);
	EXPECT_EQ(0, sample_revoke(self->dev, self->fd));
}

/* Passes when a buffer is revoked of which no one has a mapping. */
TEST_F(sample, revoke_without_importer)
{
	ASSERT_EQ(0, sample_revoke(self->dev, self->fd));
	EXPECT_EQ(SIGBUS, signal_of_read(self->map));
	/* The device can be attached still, and a job fails. */
	ASSERT_EQ(0, sample_import(self->importer, self->fd));
	EXPECT_EQ(-ENODEV, sample_run(self->importer, 0));
}

/*
 * Passes when revocation waits for the end of a job, after which the importer
 * unmaps.
 */
TEST_F(sample, revoke_waits_for_job)
{
	double start = now_ms();

	ASSERT_EQ(0, sample_import(self->importer, self->fd));
	ASSERT_EQ(0, sample_run(self->importer, JOB_MS));
	ASSERT_EQ(0, sample_revoke(self->dev, self->fd));
	EXPECT_LE(JOB_LEAST, now_ms() - start);
	EXPECT_EQ(0, sample_mapped(self->importer));
	ready(POLLIN | POLLOUT, self->fd, POLLIN | POLLOUT);
}

static int call_revoke(struct worker *worker)
{
	return sample_revoke(worker->arg, worker->fd);
}

/*
 * Passes when a signal interrupts a revocation that waits for a job: the buffer
 * is revoked, and another call waits for the rest.
 */
TEST_F(sample, revoke_interrupted)
{
	struct worker worker = {
		.call = call_revoke,
		.fd = self->fd,
		.arg = self->dev,
	};
	int other = must(device_open(IMPORTER));
	double start = now_ms();

	handle_usr1(0);
	ASSERT_EQ(0, sample_import(other, self->fd));
	ASSERT_EQ(0, sample_import(self->importer, self->fd));
	ASSERT_EQ(0, sample_run(self->importer, 3 * JOB_MS));
	worker_start(&worker);
	EXPECT_TRUE(worker_blocks(&worker));
	ASSERT_EQ(0, pthread_kill(worker.thread, SIGUSR1));
	EXPECT_EQ(-EINTR, worker_join(&worker));
	ready(0, self->fd, POLLOUT);
	EXPECT_EQ(-ENODEV, sample_run(other, 0));
	EXPECT_EQ(SIGBUS, signal_of_read(self->map));

	ASSERT_EQ(0, sample_revoke(self->dev, self->fd));
	EXPECT_LE(3 * JOB_LEAST, now_ms() - start);
	EXPECT_EQ(0, sample_mapped(self->importer));
	close(other);
}

/*
 * Passes when a static importer is refused with the exporter's error, and
 * nothing of it is left.
 */
TEST_F(sample, static_importer_is_refused)
{
	int dev = vgem_open();
	__u32 handle;

	if (dev < 0)
		SKIP(return, "no importer: needs %s", vgem_exporter.config);
	EXPECT_EQ(-EOPNOTSUPP, vgem_import(dev, self->fd, &handle));
	if (sys_objects() >= 0)
		EXPECT_EQ(0, devices_of(_metadata, self->ino));
	EXPECT_EQ(0, sample_revoke(self->dev, self->fd));
	close(dev);
}

/* Passes when the importer is closed first, or the buffer, after revocation. */
TEST_F(sample, close_after_revoke)
{
	ASSERT_EQ(0, sample_import(self->importer, self->fd));
	ASSERT_EQ(0, sample_run(self->importer, JOB_MS));
	ASSERT_EQ(0, sample_revoke(self->dev, self->fd));
	close(self->fd);
	munmap(self->map, self->size);
	if (sys_objects() >= 0)
		EXPECT_TRUE(listed(self->ino));
	close(self->importer);
	EXPECT_TRUE(unlisted_soon(self->ino));
}

struct revoke_race {
	int dev, fd;
	atomic_bool over;
	atomic_uint jobs, refused, moves;
};

/* Attach, map with a job, unmap and detach. */
static int call_importer(struct worker *worker)
{
	struct revoke_race *race = (void *)(uintptr_t)worker->arg;
	int dev, ret = 0;

	while (!race->over && !ret) {
		dev = device_open(IMPORTER);
		ret = sample_import(dev, worker->fd);
		while (!race->over && !ret) {
			ret = sample_run(dev, 0);
			race->jobs++;
		}
		close(dev);
		if (ret == -ENODEV) {
			race->refused++;
			ret = 0;
			sched_yield();
		}
	}
	return ret;
}

static int call_move(struct worker *worker)
{
	struct revoke_race *race = (void *)(uintptr_t)worker->arg;
	int ret = 0;

	while (!race->over && (!ret || ret == -ENODEV)) {
		ret = sample_move(race->dev, worker->fd);
		race->moves += !ret;
	}
	return ret == -ENODEV ? 0 : ret;
}

/*
 * Passes when two importers attach, map, unmap and detach, while the buffer
 * moves all the time and is then revoked: each call succeeds or fails with the
 * exporter's error.
 */
TEST_F(sample, races)
{
	struct revoke_race race = { .dev = self->dev, .fd = self->fd };
	struct worker worker[] = {
		{ .call = call_importer, .fd = self->fd, .arg = (uintptr_t)&race },
		{ .call = call_move, .fd = self->fd, .arg = (uintptr_t)&race },
		{ .call = call_importer, .fd = self->fd, .arg = (uintptr_t)&race },
	};
	unsigned int num = access(DMA_DEBUG_PATH, F_OK) ? 3 : 2, i;
	double end = now_ms() + work_amount("RACE_MS", RACE_MS);

	for (i = 0; i < num; i++)
		worker_start(&worker[i]);
	while (now_ms() < end) {
		ASSERT_EQ(3, self->map[0]);
		sleep_ms(1);
	}
	EXPECT_EQ(0, sample_revoke(self->dev, self->fd));
	EXPECT_EQ(SIGBUS, signal_of_read(self->map));
	while (!race.refused && now_ms() < end + 10000)
		sleep_ms(1);
	race.over = true;
	for (i = 0; i < num; i++)
		EXPECT_EQ(0, worker_join(&worker[i]));
	printf("# %u jobs, %u moves, %u refused\n", race.jobs, race.moves, race.refused);
	EXPECT_LT(0, race.jobs);
	EXPECT_LT(0, race.moves);
	EXPECT_LT(0, race.refused);
}

/* VFIO and iommufd; the headers of Linux 6.12 have no such export. */

#ifdef VFIO_DEVICE_FEATURE_DMA_BUF

#define PCI_DEVICES "/sys/bus/pci/devices/"
#define IOVA 0x100000

/* Emulated devices with a memory BAR that a driver need not serve */
enum {
	IVSHMEM,	/* ivshmem-plain */
	TESTDEV,	/* pci-testdev with membar= */
	EDU,		/* edu, which has DMA */
};

static const struct vfio_model {
	unsigned int vendor, device, bar;
} vfio_models[] = {
	[IVSHMEM] = { 0x1af4, 0x1110, 2 },
	[TESTDEV] = { 0x1b36, 0x0005, 2 },
	[EDU] = { 0x1234, 0x11e8, 0 },
};

/* The registers of edu for DMA, and the part of its buffer that is used */
#define EDU_SOURCE	0x80
#define EDU_TARGET	0x88
#define EDU_COUNT	0x90
#define EDU_COMMAND	0x98
#define EDU_START	0x1
#define EDU_TO_MEMORY	0x2
#define EDU_BUFFER	0x40000
#define EDU_SIZE	2048	/* QEMU 7.2 aborts when all 4096 bytes are copied */
#define EDU_TIMEOUT_MS	5000	/* a copy takes 100 */

/* A device that a program drives, with its I/O address space */
struct vfio {
	char address[16];
	const struct vfio_model *model;
	int fd, iommufd;
	__u32 ioas;
	struct vfio_region_info bar;
	unsigned char *map;	/* the BAR */
	int dmabuf;		/* the same */
};

static bool vfio_file_is(const char *address, const char *file, unsigned int wanted)
{
	char path[96], *text;
	bool same;

	snprintf(path, sizeof(path), PCI_DEVICES "%s/%s", address, file);
	text = text_of(path, 64);
	same = text && strtoul(text, NULL, 16) == wanted;
	free(text);
	return same;
}

/* Find the first device of this model. */
static bool vfio_find(struct vfio *vfio, const struct vfio_model *model)
{
	struct dirent *entry;
	DIR *dir = opendir(PCI_DEVICES);

	vfio->address[0] = '\0';
	while (dir && !vfio->address[0] && (entry = readdir(dir)))
		if (vfio_file_is(entry->d_name, "vendor", model->vendor) &&
		    vfio_file_is(entry->d_name, "device", model->device))
			snprintf(vfio->address, sizeof(vfio->address), "%.15s",
				 entry->d_name);
	if (dir)
		closedir(dir);
	vfio->model = model;
	return vfio->address[0];
}

/* Have vfio-pci drive the device, and open its character device. */
static int vfio_open(struct vfio *vfio)
{
	struct dirent *entry;
	char path[320];
	DIR *dir;
	int fd = -ENODEV;

	snprintf(path, sizeof(path), PCI_DEVICES "%s/driver_override", vfio->address);
	sys_write_text(path, "vfio-pci");
	sys_write_text("/sys/bus/pci/drivers_probe", vfio->address);

	snprintf(path, sizeof(path), PCI_DEVICES "%s/vfio-dev", vfio->address);
	dir = opendir(path);
	while (dir && fd < 0 && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, "vfio", 4))
			continue;
		snprintf(path, sizeof(path), "/dev/vfio/devices/%s", entry->d_name);
		fd = device_open(path);
	}
	if (dir)
		closedir(dir);
	return fd;
}

/* Give the device its I/O address space, and map its BAR. */
static int vfio_start(struct vfio *vfio)
{
	struct vfio_device_bind_iommufd bind = {
		.argsz = sizeof(bind),
		.iommufd = vfio->iommufd,
	};
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = sizeof(attach),
		.pt_id = vfio->ioas,
	};
	int ret = sys_ioctl(vfio->fd, VFIO_DEVICE_BIND_IOMMUFD, &bind);

	ret = ret ?: sys_ioctl(vfio->fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach);
	vfio->bar.argsz = sizeof(vfio->bar);
	vfio->bar.index = vfio->model->bar;
	ret = ret ?: sys_ioctl(vfio->fd, VFIO_DEVICE_GET_REGION_INFO, &vfio->bar);
	if (ret)
		return ret;
	if (!vfio->bar.size)
		return -ENXIO;
	vfio->map = mmap(NULL, vfio->bar.size, PROT_READ | PROT_WRITE, MAP_SHARED,
			 vfio->fd, vfio->bar.offset);
	return vfio->map == MAP_FAILED ? -errno : 0;
}

static int vfio_export(struct vfio *vfio)
{
	struct {
		struct vfio_device_feature feature;
		struct vfio_device_feature_dma_buf dma_buf;
		struct vfio_region_dma_range range;
	} arg = {
		.feature = {
			.argsz = sizeof(arg),
			.flags = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_DMA_BUF,
		},
		.dma_buf = {
			.region_index = vfio->model->bar,
			.open_flags = O_RDWR | O_CLOEXEC,
			.nr_ranges = 1,
		},
		.range = { .length = vfio->bar.size },
	};

	return or_errno(ioctl(vfio->fd, VFIO_DEVICE_FEATURE, &arg));
}

/* Turn the device's memory off or on, in its configuration space. */
static int vfio_set_memory(struct vfio *vfio, bool on)
{
	struct vfio_region_info config = {
		.argsz = sizeof(config),
		.index = VFIO_PCI_CONFIG_REGION_INDEX,
	};
	int ret = sys_ioctl(vfio->fd, VFIO_DEVICE_GET_REGION_INFO, &config);
	__u16 command;

	if (ret)
		return ret;
	if (pread(vfio->fd, &command, 2, config.offset + PCI_COMMAND) != 2)
		return -errno;
	command &= ~PCI_COMMAND_MEMORY;
	command |= PCI_COMMAND_MASTER | (on ? PCI_COMMAND_MEMORY : 0);
	if (pwrite(vfio->fd, &command, 2, config.offset + PCI_COMMAND) != 2)
		return -errno;
	return 0;
}

static int ioas_alloc(int iommufd, __u32 *ioas)
{
	struct iommu_ioas_alloc arg = { .size = sizeof(arg) };
	int ret = sys_ioctl(iommufd, IOMMU_IOAS_ALLOC, &arg);

	*ioas = arg.out_ioas_id;
	return ret;
}

static int ioas_map(const struct vfio *vfio, __u64 iova)
{
	struct iommu_ioas_map_file arg = {
		.size = sizeof(arg),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_WRITEABLE |
			 IOMMU_IOAS_MAP_READABLE,
		.ioas_id = vfio->ioas,
		.fd = vfio->dmabuf,
		.length = vfio->bar.size,
		.iova = iova,
	};

	return sys_ioctl(vfio->iommufd, IOMMU_IOAS_MAP_FILE, &arg);
}

static int ioas_unmap(const struct vfio *vfio, __u64 iova)
{
	struct iommu_ioas_unmap arg = {
		.size = sizeof(arg),
		.ioas_id = vfio->ioas,
		.iova = iova,
		.length = vfio->bar.size,
	};

	return sys_ioctl(vfio->iommufd, IOMMU_IOAS_UNMAP, &arg);
}

static __u64 *edu_register(const struct vfio *edu, unsigned int offset)
{
	return (__u64 *)(edu->map + offset);
}

/* Have the device copy its buffer to an I/O address, or from there. */
static int edu_copy(const struct vfio *edu, __u64 iova, bool to_memory)
{
	__u64 *command = edu_register(edu, EDU_COMMAND);
	double start = now_ms();

	__atomic_store_n(edu_register(edu, EDU_SOURCE), to_memory ? EDU_BUFFER : iova,
			 __ATOMIC_RELAXED);
	__atomic_store_n(edu_register(edu, EDU_TARGET), to_memory ? iova : EDU_BUFFER,
			 __ATOMIC_RELAXED);
	__atomic_store_n(edu_register(edu, EDU_COUNT), EDU_SIZE, __ATOMIC_RELAXED);
	__atomic_store_n(command, EDU_START | (to_memory ? EDU_TO_MEMORY : 0),
			 __ATOMIC_RELAXED);
	while (__atomic_load_n(command, __ATOMIC_RELAXED) & EDU_START) {
		if (now_ms() - start > EDU_TIMEOUT_MS)
			return -ETIME;
		usleep(1000);
	}
	return 0;
}

FIXTURE(vfio)
{
	struct vfio vfio;
	unsigned long ino;
};

FIXTURE_SETUP(vfio)
{
	unsigned int i;
	int ret;

	self->vfio.iommufd = device_open("/dev/iommu");
	if (self->vfio.iommufd < 0)
		SKIP(return, "no /dev/iommu: needs CONFIG_IOMMUFD");
	for (i = 0; i < ARRAY_SIZE(vfio_models); i++)
		if (vfio_find(&self->vfio, &vfio_models[i]))
			break;
	if (i == ARRAY_SIZE(vfio_models))
		SKIP(return, "no ivshmem-plain, pci-testdev or edu in this machine");
	self->vfio.fd = vfio_open(&self->vfio);
	if (self->vfio.fd < 0)
		SKIP(return, "no VFIO device: needs CONFIG_VFIO_DEVICE_CDEV and an IOMMU");
	must(ioas_alloc(self->vfio.iommufd, &self->vfio.ioas));
	ret = vfio_start(&self->vfio);
	if (ret == -ENXIO)
		SKIP(return, "the device has no memory in its BAR");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, vfio_set_memory(&self->vfio, true));
	self->vfio.dmabuf = vfio_export(&self->vfio);
	if (self->vfio.dmabuf == -ENOTTY || self->vfio.dmabuf == -EOPNOTSUPP)
		SKIP(return, "VFIO exports no dma-buf: needs CONFIG_PCI_P2PDMA");
	ASSERT_LE(0, self->vfio.dmabuf);
	self->ino = inode_of(self->vfio.dmabuf);
}

FIXTURE_TEARDOWN(vfio)
{
	if (self->vfio.map)
		munmap(self->vfio.map, self->vfio.bar.size);
	close(self->vfio.dmabuf);
	close(self->vfio.fd);
	close(self->vfio.iommufd);
	EXPECT_TRUE(unlisted_soon(self->ino));
}

/*
 * Passes when a BAR is exported, mapped into an I/O address space once or more
 * often, and released with the last mapping.
 */
TEST_F(vfio, map)
{
	size_t size = self->vfio.bar.size;

	expect_answers(_metadata, self->vfio.dmabuf, size);
	ASSERT_EQ(0, ioas_map(&self->vfio, IOVA));
	EXPECT_EQ(0, ioas_map(&self->vfio, IOVA + size));
	if (sys_objects() >= 0)
		EXPECT_EQ(2, devices_of(_metadata, self->ino));
	EXPECT_EQ(0, ioas_unmap(&self->vfio, IOVA + size));
	close(self->vfio.dmabuf);
	self->vfio.dmabuf = -1;
	if (sys_objects() >= 0)
		EXPECT_TRUE(listed(self->ino));
	EXPECT_EQ(0, ioas_unmap(&self->vfio, IOVA));
	EXPECT_TRUE(unlisted_soon(self->ino));
}

/*
 * Passes when importers that could keep a mapping are refused with VFIO's error,
 * and nothing of them is left.
 */
TEST_F(vfio, others_are_refused)
{
	int importer = device_open(IMPORTER), dev = vgem_open();
	__u32 handle;

	if (importer < 0 && dev < 0)
		SKIP(return, SKIP_SAMPLE);
	if (importer >= 0)
		EXPECT_EQ(-EOPNOTSUPP, sample_import(importer, self->vfio.dmabuf));
	if (dev >= 0)
		EXPECT_EQ(-EOPNOTSUPP, vgem_import(dev, self->vfio.dmabuf, &handle));
	if (sys_objects() >= 0)
		EXPECT_EQ(0, devices_of(_metadata, self->ino));
	close(importer);
	close(dev);
}

/* Passes when a program cannot map the dma-buf, but only the BAR by VFIO. */
TEST_F(vfio, no_mmap)
{
	void *map = mmap(NULL, self->vfio.bar.size, PROT_READ, MAP_SHARED, self->vfio.dmabuf, 0);

	EXPECT_EQ(MAP_FAILED, map);
	EXPECT_EQ(0, signal_of_read(self->vfio.map));
}

/*
 * Passes when turning off the device's memory revokes: a new map fails, the BAR
 * faults, the I/O address space can be cleaned up, and with the memory on again
 * a new map works.
 */
TEST_F(vfio, memory_off)
{
	ASSERT_EQ(0, ioas_map(&self->vfio, IOVA));
	ASSERT_EQ(0, vfio_set_memory(&self->vfio, false));
	EXPECT_EQ(-ENODEV, ioas_map(&self->vfio, IOVA + self->vfio.bar.size));
	EXPECT_EQ(SIGBUS, signal_of_read(self->vfio.map));
	expect_answers(_metadata, self->vfio.dmabuf, self->vfio.bar.size);
	EXPECT_EQ(0, ioas_unmap(&self->vfio, IOVA));
	EXPECT_EQ(-ENODEV, ioas_map(&self->vfio, IOVA));

	ASSERT_EQ(0, vfio_set_memory(&self->vfio, true));
	EXPECT_EQ(0, signal_of_read(self->vfio.map));
	EXPECT_EQ(0, ioas_map(&self->vfio, IOVA));
	EXPECT_EQ(0, ioas_unmap(&self->vfio, IOVA));
}

/*
 * Passes when another device reads and writes the BAR with DMA by way of the
 * dma-buf, and does not reach it any more once the dma-buf was revoked.
 */
TEST_F(vfio, dma)
{
	struct vfio edu = {
		.iommufd = self->vfio.iommufd,
		.ioas = self->vfio.ioas,
	};
	unsigned char *bar = self->vfio.map;
	unsigned int i;

	if (self->vfio.model == &vfio_models[EDU] || self->vfio.bar.size < 3 * EDU_SIZE ||
	    !vfio_find(&edu, &vfio_models[EDU]))
		SKIP(return, "no edu beside another device with memory");
	edu.fd = vfio_open(&edu);
	ASSERT_LE(0, edu.fd);
	ASSERT_EQ(0, vfio_start(&edu));
	ASSERT_EQ(0, vfio_set_memory(&edu, true));
	for (i = 0; i < EDU_SIZE; i++)
		bar[i] = 1 + i % 251;
	memset(bar + EDU_SIZE, 0, 2 * EDU_SIZE);

	ASSERT_EQ(0, ioas_map(&self->vfio, IOVA));
	EXPECT_EQ(0, edu_copy(&edu, IOVA, false));
	EXPECT_EQ(0, edu_copy(&edu, IOVA + EDU_SIZE, true));
	EXPECT_EQ(0, memcmp(bar, bar + EDU_SIZE, EDU_SIZE));

	ASSERT_EQ(0, vfio_set_memory(&self->vfio, false));
	ASSERT_EQ(0, vfio_set_memory(&self->vfio, true));
	EXPECT_EQ(0, edu_copy(&edu, IOVA + 2 * EDU_SIZE, true));
	for (i = 0; i < EDU_SIZE && !bar[2 * EDU_SIZE + i]; i++)
		;
	EXPECT_EQ(EDU_SIZE, i);

	EXPECT_EQ(0, ioas_unmap(&self->vfio, IOVA));
	munmap(edu.map, edu.bar.size);
	close(edu.fd);
}

/* Passes when a reset revokes a mapping, and allows new ones afterwards. */
TEST_F(vfio, reset)
{
	struct vfio_device_info device = { .argsz = sizeof(device) };

	ASSERT_EQ(0, sys_ioctl(self->vfio.fd, VFIO_DEVICE_GET_INFO, &device));
	if (!(device.flags & VFIO_DEVICE_FLAGS_RESET))
		SKIP(return, "the device cannot be reset: connect it to a pcie-root-port");
	ASSERT_EQ(0, ioas_map(&self->vfio, IOVA));
	ASSERT_EQ(0, sys_ioctl(self->vfio.fd, VFIO_DEVICE_RESET, NULL));
	expect_answers(_metadata, self->vfio.dmabuf, self->vfio.bar.size);
	EXPECT_EQ(0, ioas_unmap(&self->vfio, IOVA));
	ASSERT_EQ(0, vfio_set_memory(&self->vfio, true));
	EXPECT_EQ(0, ioas_map(&self->vfio, IOVA));
	EXPECT_EQ(0, ioas_unmap(&self->vfio, IOVA));
}

/*
 * Passes when closing the device's descriptor revokes for good, and the buffer
 * and its mapping can be closed in any order.
 */
TEST_F(vfio, close_device)
{
	double start = now_ms();

	ASSERT_EQ(0, ioas_map(&self->vfio, IOVA));
	munmap(self->vfio.map, self->vfio.bar.size);
	self->vfio.map = NULL;
	close(self->vfio.fd);
	self->vfio.fd = -1;
	EXPECT_GT(1000, now_ms() - start);
	expect_answers(_metadata, self->vfio.dmabuf, self->vfio.bar.size);
	EXPECT_EQ(0, ioas_unmap(&self->vfio, IOVA));
	EXPECT_EQ(-ENODEV, ioas_map(&self->vfio, IOVA));
	close(self->vfio.dmabuf);
	self->vfio.dmabuf = -1;
	EXPECT_TRUE(unlisted_soon(self->ino));
}

#endif /* VFIO_DEVICE_FEATURE_DMA_BUF */

TEST_HARNESS_MAIN
