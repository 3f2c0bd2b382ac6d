// SPDX-License-Identifier: GPL-2.0-only
/*
 * Create a tree with /proc and bufinfo as of a large system:
 *
 *	tree DIRECTORY BUFFERS PROCESSES
 *
 * Each buffer has a descriptor in one process and a mapping in the next; every
 * fourth one has a second descriptor, and every third one a fence and a device.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#define FIRST_PID 100
#define FIRST_INO 1000
#define FIRST_FD 3

static void fail(const char *path)
{
	fprintf(stderr, "tree: %s: %s\n", path, strerror(errno));
	exit(1);
}

static void make_dir(const char *path)
{
	if (mkdir(path, 0755) && errno != EEXIST)
		fail(path);
}

static FILE *create(const char *dir, const char *name)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "w");
	if (!file)
		fail(path);
	return file;
}

static void put_bufinfo(FILE *file, long buffers)
{
	unsigned long size = 0;
	long i;

	fputs("\nDma-buf Objects:\nsize    \tflags   \tmode    \tcount   \texp_name\t"
	      "ino     \tname\n", file);
	for (i = 0; i < buffers; i++) {
		fprintf(file, "%08ld\t00000002\t00080007\t%08d\t%s\t%08ld\tname %ld\n",
			4096 * (i % 64 + 1), i % 4 ? 3 : 4,
			i % 2 ? "system" : "udmabuf", FIRST_INO + i, i);
		if (i % 3 == 0)
			fprintf(file, "\twrite fence:%ld:1 timeline driver unsignalled\n",
				i + 1);
		fprintf(file, "\tAttached Devices:\n%sTotal %d devices attached\n\n",
			i % 3 ? "" : "\tvgem\n", !(i % 3));
		size += 4096 * (i % 64 + 1);
	}
	fprintf(file, "\nTotal %ld objects, %lu bytes\n", buffers, size);
	fclose(file);
}

static void put_fd(const char *proc, int fd, long buffer)
{
	char path[256], target[64];
	FILE *file;

	snprintf(path, sizeof(path), "fdinfo/%d", fd);
	file = create(proc, path);
	fprintf(file, "pos:\t0\nflags:\t02000002\nmnt_id:\t15\nino:\t%ld\n"
		"size:\t%ld\ncount:\t%d\nexp_name:\t%s\nname:\tname %ld\n",
		FIRST_INO + buffer, 4096 * (buffer % 64 + 1), buffer % 4 ? 3 : 4,
		buffer % 2 ? "system" : "udmabuf", buffer);
	fclose(file);
	snprintf(path, sizeof(path), "%s/fd/%d", proc, fd);
	snprintf(target, sizeof(target), "/dmabuf:name %ld", buffer);
	if (symlink(target, path))
		fail(path);
}

static void put_process(const char *root, long pid, long buffers, long processes)
{
	char proc[160], path[200];
	int fd = FIRST_FD;
	FILE *maps, *comm;
	long i;

	snprintf(proc, sizeof(proc), "%s/proc/%ld", root, FIRST_PID + pid);
	make_dir(proc);
	snprintf(path, sizeof(path), "%s/fd", proc);
	make_dir(path);
	snprintf(path, sizeof(path), "%s/fdinfo", proc);
	make_dir(path);
	comm = create(proc, "comm");
	fprintf(comm, "worker %ld\n", pid);
	fclose(comm);
	maps = create(proc, "maps");
	for (i = 0; i < 40; i++)
		fprintf(maps, "7f%06lx000-7f%06lx000 r-xp 0 8:1 %ld /lib/c\n",
			0x100 + 2 * i, 0x101 + 2 * i, 5000 + i);
	for (i = 0; i < buffers; i++) {
		if (i % processes == pid) {
			put_fd(proc, fd++, i);
			if (i % 4 == 0)
				put_fd(proc, fd++, i);
		}
		if ((i + 1) % processes == pid)
			fprintf(maps, "6f%07lx000-6f%07lx000 rw-s 0 00:0d %ld /dmabuf:name %ld\n",
				64 * i, 64 * i + i % 64 + 1, FIRST_INO + i, i);
	}
	fclose(maps);
}

int main(int argc, char **argv)
{
	static const char *const dirs[] = {
		"", "/proc", "/sys", "/sys/kernel", "/sys/kernel/debug",
		"/sys/kernel/debug/dma_buf",
	};
	long buffers, processes, i;
	char path[256];

	if (argc != 4 || strlen(argv[1]) > 100) {
		fputs("usage: tree DIRECTORY BUFFERS PROCESSES\n", stderr);
		return 2;
	}
	buffers = atol(argv[2]);
	processes = atol(argv[3]);
	for (i = 0; i < 6; i++) {
		snprintf(path, sizeof(path), "%s%s", argv[1], dirs[i]);
		make_dir(path);
	}
	put_bufinfo(create(argv[1], "sys/kernel/debug/dma_buf/bufinfo"), buffers);
	for (i = 0; i < processes; i++)
		put_process(argv[1], i, buffers, processes);
	return 0;
}
