/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Helpers of the dma-buf tests: x() makes a call that must succeed,
 * err_x(errno, ...) a call that must fail with exactly that error; threads that
 * block; a strict parser of bufinfo.
 */
#ifndef DMA_BUF_UTILS_H
#define DMA_BUF_UTILS_H

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/poll.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include "differences.h"
#include "dma_buf_user.h"
#include "../kselftest_harness.h"

/* Does the base kernel run, without this core? */
static inline bool on_stock(void)
{
	const char *stock = getenv("DMA_BUF_STOCK");

	return stock && !strcmp(stock, "1");
}

/* Linux 7.3 and later tighten the files of pseudo file systems. */
static inline bool kernel_is_since(int major, int minor)
{
	struct utsname uts;
	int release[2] = {};

	uname(&uts);
	if (sscanf(uts.release, "%d.%d", &release[0], &release[1]) != 2)
		return false;
	return release[0] > major || (release[0] == major && release[1] >= minor);
}

/*
 * Skip the rest of the test for a design difference, unless it has failed
 * before.
 */
static inline bool ends_on_stock(struct __test_metadata *_metadata,
				 enum difference which, bool seen)
{
	EXPECT_TRUE(seen)
		TH_LOG("difference not seen: %s", differences[which].stock);
	if (_metadata->exit_code == KSFT_PASS)
		SKIP(return true, SKIP_DIFFERENCE "%s", differences[which].name);
	return true;
}

/* True on stock, where the test ends here; @seen: does the difference show? */
#define differs_on_stock(which, seen) \
	(on_stock() && ends_on_stock(_metadata, which, seen))

/*
 * Return the amount of work: the environment variable @name or @fallback. The
 * 32-bit build of a program always uses @fallback: it tests the sizes of types.
 */
static inline unsigned long work_amount(const char *name, unsigned long fallback)
{
	const char *text = getenv(name);
	unsigned long wanted = text ? strtoul(text, NULL, 10) : 0;

	return wanted && sizeof(long) == 8 ? wanted : fallback;
}

/*
 * Timeout in seconds of a test that takes long on a kernel with debugging
 * checks. The default of the harness is 30; the limit of the runner is shorter
 * than this one.
 */
#define TIMEOUT_SLOW 14400

#define SKIP_FENCES "no " SW_SYNC_PATH ": needs CONFIG_SW_SYNC, debugfs mounted"
#define SKIP_BUFINFO "no " BUFINFO_PATH ": needs CONFIG_DEBUG_FS, debugfs mounted"

/* A call that yields a value (an fd, a count) and must not fail. */
#define must(call) ({							\
	long must_ret = (call);						\
	ASSERT_LE(0, must_ret)						\
		TH_LOG("%s: %s", #call, strerror(-must_ret));		\
	must_ret;							\
})

#define sync_cpu(fd, flags) ASSERT_EQ(0, sys_sync_cpu(fd, flags))
#define err_sync_cpu(error, fd, flags) \
	ASSERT_EQ(-(error), sys_sync_cpu(fd, flags))

#define set_name(fd, name) ASSERT_EQ(0, sys_set_name(fd, name))
#define err_set_name(error, fd, name) ASSERT_EQ(-(error), sys_set_name(fd, name))

#define export_fence(fd, flags) ((int)must(sys_export_fence(fd, flags)))
#define err_export_fence(error, fd, flags) \
	ASSERT_EQ(-(error), sys_export_fence(fd, flags))

#define import_fence(fd, flags, sync_fd) \
	ASSERT_EQ(0, sys_import_fence(fd, flags, sync_fd))
#define err_import_fence(error, fd, flags, sync_fd) \
	ASSERT_EQ(-(error), sys_import_fence(fd, flags, sync_fd))

#define raw_ioctl(fd, request, arg) ASSERT_EQ(0, sys_ioctl(fd, request, arg))
#define err_raw_ioctl(error, fd, request, arg) \
	ASSERT_EQ(-(error), sys_ioctl(fd, request, arg))

#define timeline() ((int)must(sys_timeline()))
#define fence(line, value) ((int)must(sys_fence(line, value)))
#define add_fence(fd, flags, line, value) \
	ASSERT_EQ(0, sys_add_fence(fd, flags, line, value))
#define advance(line, steps) ASSERT_EQ(0, sys_advance(line, steps))

/*
 * Add a fence of each of @count new timelines to the buffer @fd, with the flags
 * @even and @odd in turn. A timeline signals its fence when it is advanced by 1.
 */
static inline int sys_add_timelines(int fd, int *line, int count, __u32 even,
				    __u32 odd)
{
	int i, ret = 0;

	for (i = 0; i < count && !ret; i++) {
		line[i] = sys_timeline();
		ret = line[i] < 0 ? line[i] :
		      sys_add_fence(fd, i % 2 ? odd : even, line[i], 1);
	}
	return ret;
}

static inline void close_timelines(const int *line, int count)
{
	while (count--)
		close(line[count]);
}

#define add_timelines(fd, line, count, even, odd) \
	ASSERT_EQ(0, sys_add_timelines(fd, line, count, even, odd))

/* Map the whole buffer for reading and writing. */
static inline void *sys_map(int fd, size_t size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}

#define map_buffer(fd, size) ({						\
	void *map_ret = sys_map(fd, size);				\
	ASSERT_NE(MAP_FAILED, map_ret);					\
	(unsigned char *)map_ret;					\
})

#define err_mmap(error, size, prot, flags, fd, offset) ({		\
	ASSERT_EQ(MAP_FAILED, mmap(NULL, size, prot, flags, fd, offset)); \
	ASSERT_EQ(error, errno);					\
})

/* Return the ready @events without waiting, or -errno. */
static inline int sys_ready(int fd, short events)
{
	struct pollfd pfd = { .fd = fd, .events = events };
	int ret = or_errno(poll(&pfd, 1, 0));

	return ret < 0 ? ret : pfd.revents;
}

#define ready(expected, fd, events) ASSERT_EQ(expected, sys_ready(fd, events))

static inline int open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	while (dir && readdir(dir))
		count++;
	if (dir)
		closedir(dir);
	return count;
}

/* Return a value in KiB from /proc/meminfo. */
static inline long meminfo_kib(const char *name)
{
	char *text = text_of("/proc/meminfo", 8192), *line = line_with(text, name);
	long size = line ? atol(line + strlen(name)) : -EIO;

	free(text);
	return size;
}

/* Do the slab caches shrink to @want KiB? */
static inline bool slab_settles(long want)
{
	int tries;

	for (tries = 0; tries < 600; tries++) {
		if (meminfo_kib("Slab:") <= want)
			return true;
		sleep_ms(20);
	}
	return false;
}

/* Two names, one of the maximum length */
#define LONGEST "0123456789abcdef0123456789abcde"
#define SHORTER "short"

/* Does bufinfo list a buffer with this inode number? */
static inline bool listed(unsigned long ino)
{
	char *text = text_of(BUFINFO_PATH, 65536);
	char field[32];
	bool found;

	snprintf(field, sizeof(field), "\t%08lu\t", ino);
	found = text && strstr(text, field);
	free(text);
	return found;
}

static inline bool unlisted_soon(unsigned long ino)
{
	int tries;

	for (tries = 0; tries < 300; tries++) {
		if (!listed(ino))
			return true;
		sleep_ms(10);
	}
	return false;
}

/* Threads that make a call which may block */

struct worker {
	int (*call)(struct worker *worker);
	int fd;
	__u64 arg;
	pthread_t thread;
	atomic_int tid;
	atomic_bool done;
	int ret;
	long sleeps;	/* voluntary context switches of the call */
};

static inline void *worker_run(void *data)
{
	struct worker *worker = data;
	struct rusage before, after;

	getrusage(RUSAGE_THREAD, &before);
	worker->tid = gettid();
	worker->ret = worker->call(worker);
	getrusage(RUSAGE_THREAD, &after);
	worker->sleeps = after.ru_nvcsw - before.ru_nvcsw;
	worker->done = true;
	return NULL;
}

static inline int worker_begin(struct worker *worker)
{
	return pthread_create(&worker->thread, NULL, worker_run, worker);
}

#define worker_start(worker) ASSERT_EQ(0, worker_begin(worker))

static inline bool worker_done(struct worker *worker)
{
	return worker->done;
}

static inline int worker_join(struct worker *worker)
{
	pthread_join(worker->thread, NULL);
	return worker->ret;
}

/* Return the state letter of a thread or process in proc: R, S, D and so on. */
static inline char task_state(pid_t tid)
{
	char path[48], state = '?';
	char *text, *end;

	snprintf(path, sizeof(path), "/proc/%d/stat", tid);
	text = text_of(path, 4096);
	end = text ? strrchr(text, ')') : NULL;
	if (end && end[1])
		state = end[2];
	free(text);
	return state;
}

/* Wait until the worker sleeps in its call; return false if it has returned. */
static inline bool worker_blocks(struct worker *worker)
{
	int tries, asleep = 0;

	for (tries = 0; tries < 2000 && asleep < 3; tries++) {
		if (worker->done)
			return false;
		if (worker->tid && task_state(worker->tid) == 'S')
			asleep++;
		else
			asleep = 0;
		sleep_ms(2);
	}
	return asleep == 3 && !worker->done;
}

/* Wait until a child process, which is about to block, sleeps. */
static inline bool child_blocks(pid_t child)
{
	struct worker stand_in = { .tid = child };

	return worker_blocks(&stand_in);
}

static inline int call_poll(struct worker *worker)
{
	struct pollfd pfd = { .fd = worker->fd, .events = worker->arg };
	int ret = or_errno(poll(&pfd, 1, 20000));

	return ret <= 0 ? ret : pfd.revents;
}

static inline int call_sync_cpu(struct worker *worker)
{
	return sys_sync_cpu(worker->fd, worker->arg);
}

/* A strict parser of bufinfo: any unexpected byte is an error */

#define BUFINFO_MAX 1024
#define BUFINFO_HEADER "\nDma-buf Objects:\n" \
	"size    \tflags   \tmode    \tcount   \texp_name\tino     \tname\n"

struct bufinfo_row {
	size_t size;
	unsigned int flags, mode;
	long count;
	unsigned long ino;
	char exp_name[64], name[128];	/* fits a name of control characters */
	int pending, signalled, devices;
	char fence[128], device[64];	/* the last ones */
};

struct bufinfo {
	int rows;
	struct bufinfo_row row[BUFINFO_MAX];
};

/* Skip @expected; return false if the text differs. */
static inline bool text_skip(const char **text, const char *expected)
{
	size_t len = strlen(expected);

	if (strncmp(*text, expected, len))
		return false;
	*text += len;
	return true;
}

/* Copy the next line without its line feed to @line, and skip it. */
static inline bool text_line(const char **text, char *line, size_t size)
{
	size_t len = strcspn(*text, "\n");

	if ((*text)[len] != '\n' || len >= size)
		return false;
	memcpy(line, *text, len);
	line[len] = '\0';
	*text += len + 1;
	return true;
}

static inline bool bufinfo_columns(const char **text, struct bufinfo_row *row)
{
	char line[256], again[256];

	if (!text_line(text, line, sizeof(line)))
		return false;
	if (sscanf(line, "%zu\t%x\t%x\t%ld\t%63[^\t]\t%lu\t%127[^\t]", &row->size,
		   &row->flags, &row->mode, &row->count, row->exp_name,
		   &row->ino, row->name) < 6)
		return false;
	snprintf(again, sizeof(again), "%08zu\t%08x\t%08x\t%08ld\t%s\t%08lu\t%s",
		 row->size, row->flags, row->mode, row->count, row->exp_name,
		 row->ino, row->name);
	return !strcmp(line, again);
}

/*
 * Parse the line of a fence, as dma_fence_describe() in the kernel prints it:
 *
 *	USAGE fence:CONTEXT:SEQNO TIMELINE DRIVER [un]signalled
 *	USAGE fence:DRIVER TIMELINE seq SEQNO [un]signalled	(Linux 6.12)
 *
 * In the first form the names of a signalled fence are empty. &bufinfo_row.fence
 * is set to "USAGE DRIVER TIMELINE SEQNO".
 */
static inline bool bufinfo_fence(const char *line, struct bufinfo_row *row)
{
	char usage[16], driver[32] = "", name[64] = "", state[16] = "";
	unsigned long long context, seqno;
	int names = 0;

	if (sscanf(line, "%15s fence:%llu:%llu%n", usage, &context, &seqno,
		   &names) != 3)
		names = 0;
	if (names && !strcmp(line + names, "   signalled"))
		strcpy(state, "signalled");
	else if (names && sscanf(line + names, " %63s %31s %15s", name, driver,
				 state) != 3)
		return false;
	else if (!names && sscanf(line, "%15s fence:%31s %63s seq %llu %15s",
				  usage, driver, name, &seqno, state) != 5)
		return false;

	snprintf(row->fence, sizeof(row->fence), "%s %s %s %llu", usage, driver,
		 name, seqno);
	if (!strcmp(state, "signalled"))
		row->signalled++;
	else if (!strcmp(state, "unsignalled"))
		row->pending++;
	else
		return false;
	return true;
}

/* Parse the fences, one per line after a tab. */
static inline bool bufinfo_fences(const char **text, struct bufinfo_row *row)
{
	char line[256];

	while (strncmp(*text, "\tAttached", 9))
		if (!text_skip(text, "\t") ||
		    !text_line(text, line, sizeof(line)) ||
		    !bufinfo_fence(line, row))
			return false;
	return true;
}

static inline bool bufinfo_devices(const char **text, struct bufinfo_row *row)
{
	char total[64];

	if (!text_skip(text, "\tAttached Devices:\n"))
		return false;
	while (text_skip(text, "\t")) {
		if (!text_line(text, row->device, sizeof(row->device)))
			return false;
		row->devices++;
	}
	snprintf(total, sizeof(total), "Total %d devices attached\n\n",
		 row->devices);
	return text_skip(text, total);
}

/*
 * Return NULL if all of @text is a listing, else the place where parsing
 * failed.
 */
static inline const char *bufinfo_parse(const char *text, struct bufinfo *info)
{
	struct bufinfo_row *row;
	size_t bytes = 0;
	char total[64];

	memset(info, 0, sizeof(*info));
	if (!text_skip(&text, BUFINFO_HEADER))
		return text;
	while (*text != '\n' && info->rows < BUFINFO_MAX) {
		row = &info->row[info->rows++];
		if (!bufinfo_columns(&text, row) ||
		    !bufinfo_fences(&text, row) || !bufinfo_devices(&text, row))
			return text;
		bytes += row->size;
	}
	snprintf(total, sizeof(total), "\nTotal %d objects, %zu bytes\n",
		 info->rows, bytes);
	return text_skip(&text, total) && !*text ? NULL : text;
}

/* Return the row with this inode number, NULL if there is none or two. */
static inline struct bufinfo_row *bufinfo_row(struct bufinfo *info,
					      unsigned long ino)
{
	struct bufinfo_row *found = NULL;
	int i;

	for (i = 0; i < info->rows; i++) {
		if (info->row[i].ino != ino)
			continue;
		if (found)
			return NULL;
		found = &info->row[i];
	}
	return found;
}

/* Read the listing @step bytes at a time into @info. */
#define read_bufinfo(info, step) ({					\
	char *bufinfo_text = text_of(BUFINFO_PATH, step);		\
	const char *bufinfo_bad;					\
									\
	ASSERT_NE(NULL, bufinfo_text);					\
	bufinfo_bad = bufinfo_parse(bufinfo_text, info);		\
	ASSERT_EQ(NULL, bufinfo_bad)					\
		TH_LOG("invalid listing from here on: %s", bufinfo_bad);	\
	free(bufinfo_text);						\
})

#endif /* DMA_BUF_UTILS_H */
