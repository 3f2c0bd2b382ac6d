// SPDX-License-Identifier: GPL-2.0-only
/*
 * Allocation failures: each call is repeated with its first allocation failing,
 * then its second and so on, until it makes no further allocation. It may then
 * fail, but must return the right error, leak nothing and lose no wake-up.
 */
#include "dma_buf_fenced.h"
#include "dma_buf_sample.h"

#define RW DMA_BUF_SYNC_RW
#define DEBUGFS "/sys/kernel/debug/"
#define SKIP_FAULTS "no fail-nth, no failslab: needs CONFIG_FAULT_INJECTION, " \
	"CONFIG_FAILSLAB, CONFIG_FAULT_INJECTION_DEBUG_FS, debugfs mounted"
#define REPEAT 8	/* calls per allocation, so that a leak exceeds noise */
#define ENDLESS 1000	/* more allocations than any call makes */
#define SIGNAL_DELAY_MS 5	/* until a fence signals */
#define TIMEOUT_MS 5000		/* long enough for the slowest machine */

/*
 * A call, its setup and cleanup, for which no fault is injected, and its result
 */
struct operation {
	bool (*before)(struct operation *op);	/* allocate a buffer for one call */
	int (*call)(struct operation *op);	/* a descriptor, 0 or -errno */
	bool (*after)(struct operation *op, int ret);	/* clean up; is @ret valid? */
	int also;	/* another valid errno besides ENOMEM */
	bool ours;	/* allocates memory here, not on stock */
	bool listed;	/* added to epoll before the fences */
	unsigned int busy;	/* fences of a buffer allocated for one call */
	unsigned int added;	/* fences that the call adds */
	unsigned int waits;	/* fences to wait for, besides the signaller's */
	bool reads;	/* these fences are for reading */

	const struct exporter *exporter;
	size_t size;
	int dev, fd, epoll, importer, added_fd, timelines[8];
	struct worker signaller;
	__u32 handle;
	void *map;

	unsigned int points, errors;	/* allocations that failed; calls */
	const char *problem;
	int ret;
};

/* Also make allocations that may sleep fail, and those of single pages. */
static const char * const knobs[] = {
	DEBUGFS "failslab/ignore-gfp-wait",
	DEBUGFS "fail_page_alloc/ignore-gfp-wait",
	DEBUGFS "fail_page_alloc/ignore-gfp-highmem",
	DEBUGFS "fail_page_alloc/min-order",
};

/* Write @values to the knobs; return the previous ones in @values. */
static void knobs_swap(char *values[])
{
	unsigned int i;
	char *old;
	int fd;

	for (i = 0; i < ARRAY_SIZE(knobs); i++) {
		old = text_of(knobs[i], 64);
		fd = open(knobs[i], O_WRONLY | O_CLOEXEC);
		if (fd >= 0 && write(fd, values[i], strlen(values[i])) < 0)
			perror(knobs[i]);
		close(fd);
		values[i] = old;
	}
}

/*
 * Return a text that shows leaks. @inodes is separate, since other processes
 * change it, too.
 */
static char *leak_state(long *inodes)
{
	char *buffers = text_of(BUFINFO_PATH, 65536), *all = NULL;
	char *fences = text_of(DEBUGFS "sync/info", 65536);
	char *files = text_of("/proc/sys/fs/inode-nr", 64);
	int next = dup(STDIN_FILENO);

	close(next);
	*inodes = files ? atol(files) : 0;
	if (asprintf(&all, "next: %d\n%s%s", next, buffers, fences) < 0)
		all = NULL;
	free(buffers);
	free(fences);
	free(files);
	return all;
}

/*
 * Call once with allocation @nth failing, or none for 0; return false if the
 * call makes fewer allocations.
 */
static bool call_failing(struct operation *op, int fail_nth, unsigned int nth)
{
	char text[16] = "";
	bool good, failed;
	int ret;

	if (op->before && !op->before(op)) {
		op->problem = "cannot allocate a buffer";
		return false;
	}
	snprintf(text, sizeof(text), "%u", nth);
	good = pwrite(fail_nth, text, strlen(text), 0) > 0;
	ret = op->call(op);
	good &= pread(fail_nth, text, sizeof(text) - 1, 0) > 0;
	good &= pwrite(fail_nth, "0", 1, 0) > 0;
	failed = nth && !atoi(text);
	op->errors += ret < 0;
	op->ret = ret;

	if (!good)
		op->problem = "cannot use fail-nth";
	else if (ret < 0 && !failed)
		op->problem = "failed without a fault";
	else if (ret < 0 && ret != -ENOMEM && ret != -op->also)
		op->problem = "wrong error";
	if (!op->after(op, ret) && !op->problem)
		op->problem = "wrong state afterwards";
	return failed;
}

/* Check a call with allocation @nth failing; return false if it makes fewer. */
static bool walk_point(struct operation *op, int fail_nth, unsigned int nth)
{
	bool failed = false, same, fewer = false;
	char *before, *after;
	int tries, i;
	long had, has;

	for (tries = 0; tries < 3 && !fewer && !op->problem; tries++) {
		before = leak_state(&had);
		for (i = 0; i < REPEAT && !op->problem; i++)
			failed |= call_failing(op, fail_nth, nth);
		after = leak_state(&has);
		fewer = has - had < REPEAT / 2;
		same = before && after && !strcmp(before, after);
		if (!same && !op->problem) {
			op->problem = "leak";
			printf("# before: %s\n# after: %s\n", before, after);
		}
		free(before);
		free(after);
	}
	if (!fewer && !op->problem)
		op->problem = "inodes leak";
	if (!op->problem)
		call_failing(op, fail_nth, 0);
	return failed;
}

static void walk(struct operation *op, int fail_nth)
{
	char *values[ARRAY_SIZE(knobs)] = { "N", "N", "N", "0" };

	knobs_swap(values);
	/* Let a first call make the allocations that are kept indefinitely. */
	call_failing(op, fail_nth, 0);
	while (!op->problem && op->points < ENDLESS &&
	       walk_point(op, fail_nth, op->points + 1))
		op->points++;
	knobs_swap(values);
}

/* Create a sync_file of @count fences, pending until this process exits. */
static int pending_fences(unsigned int count)
{
	int all = sys_fence(sys_timeline(), 1), one, merged;

	while (--count) {
		one = sys_fence(sys_timeline(), 1);
		merged = sys_merge_fences(all, one);
		close(all);
		close(one);
		all = merged;
	}
	return all;
}

static void walk_case(struct __test_metadata *_metadata, struct operation *op)
{
	int fail_nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	unsigned int i;

	if (fail_nth < 0 || access(knobs[0], W_OK))
		SKIP(return, SKIP_FAULTS);
	if (access(SW_SYNC_PATH, R_OK | W_OK))
		SKIP(return, SKIP_FENCES);
	op->added_fd = op->added ? must(pending_fences(op->added)) : -1;
	for (i = 0; i < op->busy; i++)
		op->timelines[i] = timeline();

	walk(op, fail_nth);
	TH_LOG("%u fault points, %u calls failed", op->points, op->errors);
	EXPECT_EQ(NULL, op->problem)
		TH_LOG("allocation %u: %s: %s", op->points, op->problem,
		       op->ret < 0 ? strerror(-op->ret) : "success");
	EXPECT_GT(ENDLESS, op->points);
	close(fail_nth);
	if (op->ours && differs_on_stock(POLL_ALLOCATES, !op->points))
		return;
	EXPECT_LT(0, op->points);
}

/* The size is a page more than a power of two: the memory is not contiguous. */
#define walk_faults(...) ({						\
	struct operation operation = {					\
		.exporter = self->exporter, .dev = self->dev, .fd = self->fd,	\
		.size = self->size + self->page,			\
		__VA_ARGS__						\
	};								\
									\
	walk_case(_metadata, &operation);				\
})

static bool close_result(struct operation *op, int ret)
{
	return ret <= 0 || !close(ret);
}

static int call_export(struct operation *op)
{
	return op->exporter->alloc(op->dev, op->size, true);
}

/*
 * Passes when an export succeeds or fails with ENOMEM, from shmem with ENOSPC.
 */
TEST_F_TIMEOUT(buffer, export, TIMEOUT_SLOW)
{
	walk_faults(.call = call_export, .after = close_result, .also = ENOSPC);
}

/* Allocate an unused buffer that holds the only references to its fences. */
static bool fresh_buffer(struct operation *op)
{
	unsigned int i;

	op->fd = call_export(op);
	for (i = 0; i < op->busy; i++)
		if (sys_add_fence(op->fd, RW, op->timelines[i], 1))
			return false;
	return op->fd >= 0;
}

static bool close_both(struct operation *op, int ret)
{
	return close_result(op, ret) & !close(op->fd);
}

static int call_export_fence(struct operation *op)
{
	return sys_export_fence(op->fd, RW);
}

/* Passes when exporting a single fence succeeds or fails with ENOMEM. */
TEST_F(buffer, export_fence)
{
	walk_faults(.call = call_export_fence, .before = fresh_buffer,
		    .after = close_both, .busy = 1);
}

/*
 * Passes when exporting fences that need an array succeeds or fails with
 * ENOMEM.
 */
TEST_F_TIMEOUT(buffer, export_fences, TIMEOUT_SLOW)
{
	walk_faults(.call = call_export_fence, .before = fresh_buffer,
		    .after = close_both, .busy = 8);
}

static int call_import_fence(struct operation *op)
{
	return sys_import_fence(op->fd, RW, op->added_fd);
}

/* Does the buffer have exactly the expected fences? */
static bool imported(struct operation *op, int ret)
{
	unsigned int want = op->busy + (ret < 0 ? 0 : op->added), count = 0;
	int sync_fd = sys_export_fence(op->fd, RW);
	bool good = sys_fence_status(sync_fd, &count) == !want &&
		    (!want || want == count);

	close(sync_fd);
	return !close(op->fd) && good;
}

/* Passes when importing a fence adds it, or fails with ENOMEM and does not. */
TEST_F(buffer, import_fence)
{
	walk_faults(.call = call_import_fence, .before = fresh_buffer,
		    .after = imported, .added = 1);
}

/*
 * Passes when importing a merged sync_file adds all of its fences, or fails
 * with ENOMEM and adds none.
 */
TEST_F(buffer, import_merged_fences)
{
	walk_faults(.call = call_import_fence, .before = fresh_buffer,
		    .after = imported, .busy = 5, .added = 16);
}

static int call_set_name(struct operation *op)
{
	return sys_set_name(op->fd, "a name");
}

/* Passes when setting a name succeeds or fails with ENOMEM, without a leak. */
TEST_F(buffer, set_name)
{
	walk_faults(.call = call_set_name, .after = close_result);
}

static int call_mmap(struct operation *op)
{
	op->map = sys_map(op->fd, getpagesize());
	return op->map == MAP_FAILED ? -errno : 0;
}

static bool unmap(struct operation *op, int ret)
{
	return ret < 0 || !munmap(op->map, getpagesize());
}

/* Passes when mapping the buffer succeeds or fails with ENOMEM. */
TEST_F(buffer, mmap)
{
	walk_faults(.call = call_mmap, .after = unmap);
}

static int epoll_add(struct operation *op)
{
	struct epoll_event event = { .events = EPOLLIN };

	return or_errno(epoll_ctl(op->epoll, EPOLL_CTL_ADD, op->fd, &event));
}

static int signal_shortly(struct worker *worker)
{
	struct operation *op = (void *)(uintptr_t)worker->arg;
	unsigned int i;

	sleep_ms(SIGNAL_DELAY_MS);
	for (i = 0; i < op->waits; i++)
		if (sys_advance(op->timelines[i], 1))
			return -EIO;
	return sys_advance(worker->fd, 1);
}

/*
 * Allocate a buffer without previous waiters, with fences that signal shortly.
 */
static bool fresh_wait(struct operation *op)
{
	unsigned int i;

	op->epoll = epoll_create1(EPOLL_CLOEXEC);
	op->signaller.call = signal_shortly;
	op->signaller.arg = (uintptr_t)op;
	op->signaller.fd = sys_timeline();
	for (i = 0; i < op->waits; i++)
		op->timelines[i] = sys_timeline();
	if (!fresh_buffer(op) || (op->listed && epoll_add(op)))
		return false;
	for (i = 0; i < op->waits; i++)
		if (sys_add_fence(op->fd, op->reads ? DMA_BUF_SYNC_READ : RW,
				  op->timelines[i], 1))
			return false;
	return !sys_add_fence(op->fd, RW, op->signaller.fd, 1) &&
	       !worker_begin(&op->signaller);
}

/*
 * Return 0 if the fence woke the waiter, -ENOMEM if it could not wait for lack
 * of memory, -ETIME if the wake-up was lost.
 */
static int outcome(int ret, __u32 events)
{
	if (ret <= 0)
		return ret ?: -ETIME;
	return events == EPOLLIN ? 0 : events == EPOLLERR ? -ENOMEM : -EPROTO;
}

static int poll_until_ready(struct pollfd pfd)
{
	double start = now_ms();
	int ret = or_errno(poll(&pfd, 1, TIMEOUT_MS));

	/* poll() checks again after its timeout, but that is no wake-up. */
	if (pfd.revents == (POLLIN | POLLOUT))
		pfd.revents = POLLIN;
	return outcome(now_ms() - start < TIMEOUT_MS ? ret : 0, pfd.revents);
}

static int call_poll_in(struct operation *op)
{
	struct pollfd pfd = { .fd = op->fd, .events = POLLIN };

	return poll_until_ready(pfd);
}

static int call_poll_both(struct operation *op)
{
	struct pollfd pfd = { .fd = op->fd, .events = POLLIN | POLLOUT };

	return poll_until_ready(pfd);
}

static int call_epoll_wait(struct operation *op)
{
	struct epoll_event event = {};
	int ret = or_errno(epoll_wait(op->epoll, &event, 1, TIMEOUT_MS));

	return outcome(ret, event.events);
}

static int call_epoll(struct operation *op)
{
	return epoll_add(op) ?: call_epoll_wait(op);
}

/* Clean up; return true if the next fence wakes a poller. */
static bool wakes(struct operation *op, int ret)
{
	bool good = !worker_join(&op->signaller) &&
		    !sys_add_fence(op->fd, RW, op->signaller.fd, 2) &&
		    !worker_begin(&op->signaller) && !call_poll_in(op) &&
		    !worker_join(&op->signaller);
	unsigned int i;

	for (i = 0; i < op->waits; i++)
		close(op->timelines[i]);
	close(op->epoll);
	close(op->signaller.fd);
	return !close(op->fd) && good;
}

/*
 * Passes when the fence wakes poll(), or poll() reports POLLERR without memory
 * to wait.
 */
TEST_F(buffer, poll)
{
	walk_faults(.call = call_poll_in, .before = fresh_wait, .after = wakes,
		    .ours = true);
}

/*
 * Passes when the same holds for several fences, for which poll() allocates
 * memory each.
 */
TEST_F_TIMEOUT(buffer, poll_fences, TIMEOUT_SLOW)
{
	walk_faults(.call = call_poll_in, .before = fresh_wait, .after = wakes,
		    .ours = true, .waits = 5);
}

/*
 * Passes when poll() does not report POLLIN together with POLLERR, if there is
 * no memory to wait for a reader's fence, and the writer's comes after it.
 */
TEST_F(buffer, poll_reader_first)
{
	walk_faults(.call = call_poll_both, .before = fresh_wait,
		    .after = wakes, .ours = true, .waits = 1, .reads = true);
}

/*
 * Passes when epoll reports the event or EPOLLERR, or EPOLL_CTL_ADD fails with
 * ENOMEM.
 */
TEST_F_TIMEOUT(buffer, epoll, TIMEOUT_SLOW)
{
	walk_faults(.call = call_epoll, .before = fresh_wait, .after = wakes);
}

/* Passes when the same holds for a buffer that was ready when it was added. */
TEST_F(buffer, epoll_wait)
{
	walk_faults(.call = call_epoll_wait, .before = fresh_wait, .after = wakes,
		    .listed = true, .ours = true);
}

static int call_import(struct operation *op)
{
	return vgem_import(op->importer, op->fd, &op->handle);
}

static bool close_handle(struct operation *op, int ret)
{
	return ret < 0 || !vgem_close_handle(op->importer, op->handle);
}

/*
 * Passes when vgem has imported the buffer, or fails with ENOMEM and holds no
 * reference.
 */
TEST_F(buffer, import)
{
	int importer = vgem_open();

	if (importer < 0)
		SKIP(return, "no importer: needs %s", vgem_exporter.config);
	walk_faults(.call = call_import, .after = close_handle,
		    .importer = importer);
	close(importer);
}

static bool import_sample(struct operation *op)
{
	op->importer = device_open(IMPORTER);
	return fresh_buffer(op) && !sample_import(op->importer, op->fd);
}

static int call_run(struct operation *op)
{
	return sample_run(op->importer, 1);
}

/* A run that failed must not prevent the next one. */
static bool runs_again(struct operation *op, int ret)
{
	bool again = ret == 0 || sample_run(op->importer, 1) == 0;

	return !close(op->importer) & !close(op->fd) && again;
}

/*
 * Passes when a device that has attached maps the buffer and starts a job, or
 * fails with ENOMEM, and does so after the failure.
 */
TEST_F(buffer, map_and_run)
{
	int dev = device_open(IMPORTER);

	if (dev < 0)
		SKIP(return, SKIP_SAMPLE);
	close(dev);
	walk_faults(.call = call_run, .before = import_sample,
		    .after = runs_again);
}

static int call_read(const char *path, const char *expected)
{
	char *text = text_of(path, 65536);
	int ret = text ? 0 : -errno;

	if (text && !strstr(text, expected))
		ret = -EPROTO;
	free(text);
	return ret;
}

static int call_read_bufinfo(struct operation *op)
{
	return call_read(BUFINFO_PATH, " objects, ");
}

/*
 * Passes when a listing of more than a page is complete, or reading it fails
 * with ENOMEM.
 */
TEST_F(fenced, bufinfo)
{
	import_fence(self->fd, RW, must(pending_fences(100)));
	walk_faults(.call = call_read_bufinfo, .after = close_result);
}

static int call_read_fdinfo(struct operation *op)
{
	char path[48];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", op->fd);
	return call_read(path, "\nexp_name:");
}

/*
 * Passes when fdinfo is complete, or fails with ENOMEM, or with ENOENT where
 * proc cannot allocate an inode.
 */
TEST_F(buffer, fdinfo)
{
	walk_faults(.call = call_read_fdinfo, .after = close_result, .also = ENOENT);
}

TEST_HARNESS_MAIN
