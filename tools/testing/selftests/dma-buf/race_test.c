// SPDX-License-Identifier: GPL-2.0-only
/*
 * Concurrent calls: two to four threads repeat one kind of call each on the
 * same buffer, for RACE_MS milliseconds per test. The results show how often
 * the calls overlapped: rounds that ran concurrently with another thread's, and
 * outcomes that only concurrent calls can have.
 */
#include <sched.h>
#include <sys/syscall.h>

#include <drm/vgem_drm.h>

#include "dma_buf_fenced.h"

#define READ DMA_BUF_SYNC_READ
#define WRITE DMA_BUF_SYNC_WRITE
#define RW DMA_BUF_SYNC_RW
#define END DMA_BUF_SYNC_END

#define DEFAULT_MS 100
#define TIMEOUT_SHORT_MS 50
#define TIMEOUT_LOST_MS 10000	/* a wait this long has lost its wake-up */
#define SLOT 200	/* a descriptor number that is otherwise unused */
#define RACERS 4
#define KEPT 16

struct racer;

struct race {
	const struct exporter *exporter;
	size_t size;
	int dev, fd, timeline, other;
	unsigned long ino;
	long objects;
	atomic_uint advanced;	/* value of the timeline */
	atomic_bool over;
	struct racer *racers;
};

struct racer {
	const char *name, *hit;	/* name of the call; an outcome to count */
	int (*round)(struct race *race, struct racer *racer);

	struct race *race;
	pthread_t thread;
	atomic_uint steps;	/* odd while in a round */
	atomic_bool waiting, done;
	atomic_ulong rounds, beside, hits;
	int kept[KEPT];		/* sync_files of the latest fences */
	unsigned int made;
	__u32 dice;
	int ret;
};

static __u32 roll(struct racer *racer)
{
	racer->dice ^= racer->dice << 13;
	racer->dice ^= racer->dice >> 17;
	racer->dice ^= racer->dice << 5;
	return racer->dice;
}

/* Rounds of the same length would run in phase: vary their overlap. */
static void drift(struct racer *racer)
{
	unsigned int left;

	for (left = roll(racer) % 2048; left; left--)
		__asm__ __volatile__("");
	sched_yield();
}

/*
 * Return 0 when @fd is ready for @events, or -ETIME if a wake-up was lost: poll()
 * checks again after its timeout, and then reports them as well.
 */
static int wait_until_ready(int fd, short events)
{
	struct pollfd pfd = { .fd = fd, .events = events };
	double start = now_ms();
	int ret = or_errno(poll(&pfd, 1, TIMEOUT_LOST_MS));

	if (ret < 0)
		return ret;
	if (now_ms() - start >= TIMEOUT_LOST_MS)
		return -ETIME;
	return pfd.revents == events ? 0 : -EPROTO;
}

/*
 * Keep a fence until it has signalled: sw_sync crashes when the last reference
 * to a fence is dropped while it signals.
 */
static int keep_fence(struct racer *racer, int sync_fd)
{
	int *kept = &racer->kept[racer->made++ % KEPT], ret = 0;

	if (*kept)
		ret = wait_until_ready(*kept, POLLIN);
	if (*kept && !ret)
		close(*kept);
	*kept = sync_fd;
	return ret;
}

/* Run a round; return true if it overlapped with another racer's. */
static bool run_round(struct race *race, struct racer *racer)
{
	unsigned int before[RACERS], i;
	bool beside = false;

	for (i = 0; i < RACERS; i++)
		before[i] = race->racers[i].steps;
	racer->steps++;
	racer->ret = racer->round(race, racer);
	racer->steps++;
	for (i = 0; i < RACERS; i++)
		if (&race->racers[i] != racer)
			beside |= before[i] % 2 || race->racers[i].steps != before[i];
	return beside;
}

static void *run_racer(void *data)
{
	struct racer *racer = data;
	struct race *race = racer->race;
	unsigned int number = racer - race->racers, i;
	cpu_set_t cpu;

	CPU_ZERO(&cpu);
	CPU_SET(number % sysconf(_SC_NPROCESSORS_ONLN), &cpu);
	sched_setaffinity(0, sizeof(cpu), &cpu);
	racer->dice = 0x9e3779b9 + number;
	while (!race->over && !racer->ret) {
		racer->beside += run_round(race, racer);
		racer->rounds++;
		drift(racer);
	}
	/* Stop the other racers as well. */
	race->over = true;
	for (i = 0; i < KEPT; i++)
		keep_fence(racer, 0);
	racer->done = true;
	return NULL;
}

static bool all_met(struct racer *racers)
{
	unsigned int i;
	bool met = true;

	for (i = 0; i < RACERS && racers[i].round; i++)
		met &= racers[i].beside && (!racers[i].hit || racers[i].hits);
	return met;
}

/*
 * Run until the time is over and all racers have overlapped, unless one fails.
 */
static void run_racers(struct race *race, unsigned int count)
{
	double end = now_ms() + work_amount("RACE_MS", DEFAULT_MS);
	double last = end + 3 * TIMEOUT_LOST_MS;
	unsigned int i;

	for (i = 0; i < count; i++) {
		race->racers[i].race = race;
		pthread_create(&race->racers[i].thread, NULL, run_racer,
			       &race->racers[i]);
	}
	while (!race->over && now_ms() < last &&
	       (now_ms() < end || !all_met(race->racers)))
		sleep_ms(10);
	race->over = true;
	for (i = 0; i < count; i++) {
		/*
		 * The signalling racer may have ended before those that wait.
		 */
		while (!race->racers[i].done && !sys_advance(race->timeline, 1))
			sleep_ms(1);
		pthread_join(race->racers[i].thread, NULL);
	}
}

static void race_case(struct __test_metadata *_metadata, struct race *race,
		      struct racer *racers)
{
	unsigned int count, i;

	for (count = 2; count < RACERS && racers[count].round; count++)
		;
	race->racers = racers;
	run_racers(race, count);
	for (i = 0; i < count; i++) {
		TH_LOG("%s: %lu rounds, %lu overlapping, %lu %s", racers[i].name,
		       racers[i].rounds, racers[i].beside, racers[i].hits,
		       racers[i].hit ?: "");
		EXPECT_EQ(0, racers[i].ret)
			TH_LOG("%s: %s", racers[i].name, strerror(-racers[i].ret));
		EXPECT_LT(0, racers[i].beside);
		if (racers[i].hit)
			EXPECT_LT(0, racers[i].hits);
	}
}

#define race_buffer(...) ({						\
	struct racer race_racers[RACERS] = { __VA_ARGS__ };		\
	struct race race = {						\
		.exporter = self->exporter, .size = self->size,			\
		.dev = self->dev, .fd = self->fd, .ino = self->ino,	\
		.timeline = self->timeline, .objects = self->objects,	\
		.other = vgem_open(),					\
	};								\
									\
	race_case(_metadata, &race, race_racers);			\
	if (race.other >= 0)						\
		close(race.other);					\
})

/* Listing */

static int export_and_close(struct race *race, struct racer *racer)
{
	int fd[3];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fd); i++) {
		fd[i] = race->exporter->alloc(race->dev, race->size, true);
		if (fd[i] < 0)
			return fd[i];
	}
	for (i = 0; i < ARRAY_SIZE(fd); i++)
		close(fd[i]);
	return 0;
}

/* Read a listing, which must be valid while buffers are created and freed. */
static int read_listing(struct racer *racer, struct bufinfo *info)
{
	static const size_t step[] = { 61, 512, 65536 };
	char *text = text_of(BUFINFO_PATH, step[roll(racer) % ARRAY_SIZE(step)]);
	const char *bad = text ? bufinfo_parse(text, info) : "";

	if (bad)
		printf("# invalid listing from here on: %s\n", bad);
	free(text);
	return bad ? -EILSEQ : 0;
}

/* Check that the listing has the buffer; its other rows may vary. */
static int list(struct race *race, struct racer *racer)
{
	static struct bufinfo info;
	int ret = read_listing(racer, &info);
	struct bufinfo_row *row = ret ? NULL : bufinfo_row(&info, race->ino);

	if (!row)
		return ret ?: -ENOENT;
	racer->hits += info.rows > race->objects + 1 || row->devices;
	return 0;
}

/* Passes when each listing is valid while buffers are created and closed. */
TEST_F_TIMEOUT(buffer, export_close_bufinfo, TIMEOUT_SLOW)
{
	if (self->objects < 0)
		SKIP(return, SKIP_BUFINFO);
	race_buffer({ .name = "export and close", .round = export_and_close },
		    { .name = "list", .round = list, .hit = "saw another buffer" });
}

static int attach_and_detach(struct race *race, struct racer *racer)
{
	__u32 handle;
	int ret = vgem_import(race->other, race->fd, &handle);

	return ret ?: vgem_close_handle(race->other, handle);
}

/* Passes when each listing is valid while a device attaches and detaches. */
TEST_F_TIMEOUT(buffer, attach_detach_bufinfo, TIMEOUT_SLOW)
{
	int importer = vgem_open();

	if (importer < 0)
		SKIP(return, "no importer: needs %s", vgem_exporter.config);
	close(importer);
	if (self->objects < 0)
		SKIP(return, SKIP_BUFINFO);
	if (self->exporter == &vgem_exporter)
		SKIP(return, "vgem does not attach to its own buffers");
	race_buffer({ .name = "attach and detach", .round = attach_and_detach },
		    { .name = "list", .round = list, .hit = "saw the device" });
}

/* Fences that signal shortly after their creation */

static int signal_next(struct race *race, struct racer *racer)
{
	race->advanced++;
	return sys_advance(race->timeline, 1);
}

/* Add a fence to the buffer at @fd, for one of the next three values. */
static int make_busy(struct race *race, struct racer *racer, int fd)
{
	__u32 value = race->advanced + 1 + roll(racer) % 3;
	int sync_fd = sys_fence(race->timeline, value);
	int ret;

	if (sync_fd < 0)
		return sync_fd;
	ret = sys_import_fence(fd, 1 + roll(racer) % 3, sync_fd);
	return keep_fence(racer, sync_fd) ?: ret;
}

static int add_fences(struct race *race, struct racer *racer)
{
	return make_busy(race, racer, race->fd);
}

/* Waiting */

static int wait_in_poll(struct race *race, struct racer *racer)
{
	short events = 1 << roll(racer) % 2 * 2;	/* POLLIN or POLLOUT */
	int ret = make_busy(race, racer, race->fd);

	if (!ret && !sys_ready(race->fd, events))
		racer->hits++;
	return ret ?: wait_until_ready(race->fd, events);
}

static int wait_for_others(struct race *race, struct racer *racer)
{
	return wait_until_ready(race->fd, POLLIN);
}

/* Passes when no poller loses a wake-up, whenever its fences signal. */
TEST_F_TIMEOUT(fenced, poll_signal, TIMEOUT_SLOW)
{
	race_buffer({ .name = "poll", .round = wait_in_poll, .hit = "waited" },
		    { .name = "signal", .round = signal_next },
		    { .name = "poll only", .round = wait_for_others });
}

#define ONE_STEP 1	/* a round begins, or ends */
#define NEXT_ROUND 2	/* one ends, and another begins */
#define ONE_ROUND 3	/* one ends, and another begins and ends */

/* Wait until another racer has made @steps, at most @tries times. */
static void wait_for_steps(struct racer *other, unsigned int steps, unsigned int tries)
{
	unsigned int before = other->steps;

	for (; tries && other->steps - before < steps; tries--)
		sched_yield();
}

/* Install a buffer with fences in the slot, and close it. */
static int fill_slot_with(struct race *race, struct racer *racer, int fd,
			  unsigned int steps, unsigned int tries)
{
	int ret;

	if (fd < 0)
		return fd;
	/*
	 * Sometimes a write and a read fence: two fences take another path than
	 * one.
	 */
	ret = make_busy(race, racer, fd) ?: make_busy(race, racer, fd);
	if (!ret && dup2(fd, SLOT) != SLOT)
		ret = -errno;
	close(fd);
	wait_for_steps(&race->racers[1], steps, tries);
	drift(racer);
	close(SLOT);
	return ret;
}

static int fill_slot(struct race *race, struct racer *racer)
{
	return fill_slot_with(race, racer,
			      race->exporter->alloc(race->dev, race->size, true),
			      ONE_STEP, 20);
}

/*
 * Use a timeout: poll() looks the descriptor up again when it is woken, and if
 * it then finds another buffer there, nothing wakes poll() for that one.
 */
static int wait_for_slot(struct race *race, struct racer *racer)
{
	struct pollfd pfd = { .fd = SLOT, .events = POLLIN | POLLOUT };
	int ret = or_errno(poll(&pfd, 1, TIMEOUT_SHORT_MS));

	if (ret == 1 && pfd.revents == POLLNVAL)
		return 0;
	racer->hits++;
	return ret < 0 ? ret : 0;
}

/* Passes when a buffer can be closed while another thread polls it. */
TEST_F_TIMEOUT(fenced, poll_signal_close, TIMEOUT_SLOW)
{
	race_buffer({ .name = "export and close", .round = fill_slot },
		    { .name = "poll", .round = wait_for_slot, .hit = "found a buffer" },
		    { .name = "signal", .round = signal_next });
}

static int watch_slot(struct race *race, struct racer *racer)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT };
	int epoll = epoll_create1(EPOLL_CLOEXEC), ret, i;

	if (epoll < 0)
		return -errno;
	if (roll(racer) % 2)
		event.events |= EPOLLET;
	ret = or_errno(epoll_ctl(epoll, EPOLL_CTL_ADD, SLOT, &event));
	/* Freeing the buffer removes it from the epoll. */
	for (i = 0; i < 3 && !ret; i++) {
		ret = or_errno(epoll_wait(epoll, &event, 1, 0));
		racer->hits += ret == 1;
		ret = ret < 0 ? ret : 0;
	}
	close(epoll);
	return ret == -EBADF ? 0 : ret;
}

/* Passes when a buffer in an epoll can be freed while its fence signals. */
TEST_F_TIMEOUT(fenced, epoll_signal_close, TIMEOUT_SLOW)
{
	race_buffer({ .name = "export and close", .round = fill_slot },
		    { .name = "epoll", .round = watch_slot, .hit = "events" },
		    { .name = "signal", .round = signal_next });
}

/* No fence may be pending after START. */
static int bracket(struct race *race, struct racer *racer)
{
	int ret = make_busy(race, racer, race->fd);

	if (ret)
		return ret;
	racer->waiting = true;
	ret = sys_sync_cpu(race->fd, RW);
	racer->waiting = false;
	if (ret == -EINTR) {
		racer->hits++;
		return 0;
	}
	if (!ret && sys_ready(race->fd, POLLOUT) != POLLOUT)
		ret = -EBUSY;
	return ret ?: sys_sync_cpu(race->fd, RW | END);
}

static int interrupt(struct race *race, struct racer *racer)
{
	struct racer *victim = &race->racers[0];

	if (!victim->waiting || victim->steps % 2 == 0)
		return 0;
	racer->hits++;
	return -pthread_kill(victim->thread, SIGUSR1);
}

/* Passes when fences or a signal end each wait. */
TEST_F_TIMEOUT(fenced, sync_signals, TIMEOUT_SLOW)
{
	handle_usr1(0);
	race_buffer({ .name = "SYNC", .round = bracket, .hit = "interrupted" },
		    { .name = "signal", .round = interrupt, .hit = "sent" },
		    { .name = "fence", .round = signal_next });
}

/* Importing and exporting fences */

/*
 * An exported sync_file is pending or signalled at first, and signals
 * eventually.
 */
static int take_fences(struct race *race, struct racer *racer)
{
	int sync_fd = sys_export_fence(race->fd, 1 + roll(racer) % 3);
	int ret, status;

	if (sync_fd < 0)
		return sync_fd;
	status = sys_fence_status(sync_fd, NULL);
	ret = wait_until_ready(sync_fd, POLLIN);
	if (!ret && sys_fence_status(sync_fd, NULL) != 1)
		ret = -EPROTO;
	racer->hits += !status;
	close(sync_fd);
	return status < 0 ? status : ret;
}

/* Passes when a sync_file signals, whenever it was exported. */
TEST_F_TIMEOUT(fenced, import_export_signal, TIMEOUT_SLOW)
{
	race_buffer({ .name = "import", .round = add_fences },
		    { .name = "export", .round = take_fences, .hit = "still pending" },
		    { .name = "signal", .round = signal_next });
}

/* Names */

static int rename_it(struct race *race, struct racer *racer)
{
	return sys_set_name(race->fd, racer->rounds % 2 ? LONGEST : SHORTER);
}

/* Is the text after @before one of the two names? Count the changes. */
static bool whole_name(struct racer *racer, const char *text, const char *before)
{
	static bool was_long;
	const char *name = text ? strstr(text, before) : NULL;
	bool is_long;
	size_t len;

	if (!name)
		return false;
	name += strlen(before);
	len = strcspn(name, "\n");
	is_long = len == strlen(LONGEST);
	racer->hits += is_long != was_long;
	was_long = is_long;
	return !strncmp(name, is_long ? LONGEST : SHORTER, len) &&
	       len == strlen(is_long ? LONGEST : SHORTER);
}

static int read_name(struct race *race, struct racer *racer)
{
	char path[48], link[80] = "", *text;
	bool whole;

	switch (roll(racer) % 3) {
	case 0:
		text = text_of("/proc/self/maps", 65536);
		whole = whole_name(racer, text, " /dmabuf:");
		free(text);
		break;
	case 1:
		snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", race->fd);
		text = text_of(path, 4096);
		whole = whole_name(racer, text, "\nname:\t");
		free(text);
		break;
	default:
		snprintf(path, sizeof(path), "/proc/self/fd/%d", race->fd);
		whole = readlink(path, link, sizeof(link) - 1) > 0 &&
			whole_name(racer, link, "/dmabuf:");
	}
	return whole ? 0 : -EILSEQ;
}

/* Passes when a reader gets one name or the other, never a mixture. */
TEST_F_TIMEOUT(buffer, name_maps_fdinfo, TIMEOUT_SLOW)
{
	void *map = map_buffer(self->fd, self->size);

	set_name(self->fd, SHORTER);
	race_buffer({ .name = "rename", .round = rename_it },
		    { .name = "read", .round = read_name, .hit = "changes" });
	munmap(map, self->size);
}

/* Unloading an exporter's module */

#define MODULE "vgem"
#define EXPORTER 0	/* indices of racers */
#define UNLOADER 3

static const char *module_path(void)
{
	static char path[256];
	struct utsname uts;

	uname(&uts);
	snprintf(path, sizeof(path), "/lib/modules/%s/kernel/drivers/gpu/drm/"
		 MODULE "/" MODULE ".ko", uts.release);
	return path;
}

static int load_module(void)
{
	int fd = open(module_path(), O_RDONLY | O_CLOEXEC);
	int ret = fd < 0 ? -errno : or_errno(syscall(SYS_finit_module, fd, "", 0));

	close(fd);
	return ret;
}

/* A remaining buffer, or a mapping of one, holds a reference to the module. */
static int unload_and_load(struct race *race, struct racer *racer)
{
	int ret = or_errno(syscall(SYS_delete_module, MODULE, O_NONBLOCK));

	if (ret)
		return ret == -EWOULDBLOCK ? 0 : ret;
	racer->hits++;
	ret = load_module();
	/* A slow exporter would find the module unloaded each time. */
	wait_for_steps(&race->racers[EXPORTER], NEXT_ROUND, 200000);
	return ret;
}

/*
 * An attempt to unload a module that is in use drops a reference and takes it
 * again: retry.
 */
static bool module_is_used(void)
{
	bool used = false;
	char *users;

	for (int tries = 0; !used && tries < 100; tries++) {
		if (tries)
			usleep(1000);
		users = text_of("/sys/module/" MODULE "/refcnt", 64);
		used = users && atoi(users) > 0;
		free(users);
	}
	return used;
}

/*
 * With the device closed, only the buffer holds a reference to the module,
 * which has -1 users while it is unloaded.
 */
static int fill_slot_and_pin(struct race *race, struct racer *racer)
{
	int dev = vgem_open(), fd, ret;

	/* The module is unloaded, or being loaded or unloaded. */
	if (dev < 0)
		return 0;
	fd = vgem_alloc(dev, race->size, true);
	close(dev);
	wait_for_steps(&race->racers[UNLOADER], ONE_STEP, 200);
	if (fd < 0)
		return fd;
	ret = module_is_used() ? 0 : -ESTALE;
	racer->hits += !ret;
	return fill_slot_with(race, racer, fd, ONE_ROUND, 1000000) ?: ret;
}

static int map_slot(struct race *race)
{
	unsigned char *map = sys_map(SLOT, race->size);

	if (map == MAP_FAILED)
		return -errno;
	map[race->size - 1]++;
	munmap(map, race->size);
	return 0;
}

/*
 * Make one of the calls on the descriptor in the slot, whichever buffer it
 * refers to.
 */
static int use_slot(struct race *race, struct racer *racer)
{
	static struct bufinfo info;
	int ret;

	switch (roll(racer) % 8) {
	case 0:
		return wait_for_slot(race, racer);
	case 1:
		return watch_slot(race, racer);
	case 2:
		return read_listing(racer, &info);
	case 3:
		ret = map_slot(race);
		break;
	case 4:
		ret = sys_set_name(SLOT, LONGEST);
		break;
	case 5:
		ret = sys_sync_cpu(SLOT, RW) ?: sys_sync_cpu(SLOT, RW | END);
		break;
	case 6:
		free(text_of("/proc/self/maps", 65536));
		return 0;
	default:
		ret = sys_export_fence(SLOT, RW);
		if (ret >= 0)
			close(ret);
		ret = ret < 0 ? ret : 0;
	}
	racer->hits += !ret;
	return ret == -EBADF ? 0 : ret;
}

FIXTURE(module)
{
	struct race race;
};

FIXTURE_SETUP(module)
{
	if (access(module_path(), R_OK))
		SKIP(return, "no %s: needs CONFIG_DRM_VGEM=m", module_path());
	if (sys_objects() < 0)
		SKIP(return, SKIP_BUFINFO);
	self->race.size = 16 * getpagesize();
	self->race.timeline = sys_timeline();
	if (self->race.timeline < 0)
		SKIP(return, SKIP_FENCES);
}

FIXTURE_TEARDOWN(module)
{
	if (self->race.timeline > 0)
		close(self->race.timeline);
}

/* Add a write fence of vgem to @handle; return its id or -errno. */
static int vgem_fence(int dev, __u32 handle)
{
	struct drm_vgem_fence_attach arg = {
		.handle = handle, .flags = VGEM_FENCE_WRITE,
	};
	int ret = sys_ioctl(dev, DRM_IOCTL_VGEM_FENCE_ATTACH, &arg);

	return ret ?: (int)arg.out_fence;
}

/* Unload the module; retry while the kernel is still cleaning up. */
static int unload_module(void)
{
	int ret, tries;

	for (tries = 0; tries < 100; tries++) {
		ret = or_errno(syscall(SYS_delete_module, MODULE, O_NONBLOCK));
		if (ret != -EWOULDBLOCK)
			return ret;
		sleep_ms(10);
	}
	return ret;
}

/*
 * Passes when a fence that a poller waited for, and that has signalled and been
 * replaced, is not referenced any longer: its driver can be unloaded, and the
 * buffer closed afterwards.
 */
TEST_F(module, polled_fence_is_dropped)
{
	int heap = heap_open(), dev = vgem_open(), fd, ret;
	struct worker worker = { .call = call_poll, .arg = POLLIN };
	struct drm_vgem_fence_signal signal = {};
	__u32 handle;

	if (heap < 0)
		SKIP(return, "no such exporter: needs %s", heap_exporter.config);
	if (dev < 0)
		SKIP(return, "vgem is not loaded");
	if (access("/sys/module/" MODULE "/refcnt", R_OK))
		SKIP(return, "cannot unload: needs CONFIG_MODULE_UNLOAD");
	fd = must(heap_alloc(heap, self->race.size, true));
	ASSERT_EQ(0, vgem_import(dev, fd, &handle));
	signal.fence = must(vgem_fence(dev, handle));
	worker.fd = fd;
	worker_start(&worker);
	EXPECT_TRUE(worker_blocks(&worker));
	ASSERT_EQ(0, sys_ioctl(dev, DRM_IOCTL_VGEM_FENCE_SIGNAL, &signal));
	EXPECT_EQ(POLLIN, worker_join(&worker));
	add_fence(fd, DMA_BUF_SYNC_WRITE, self->race.timeline, 1);
	ASSERT_EQ(0, vgem_close_handle(dev, handle));
	close(dev);

	ret = unload_module();
	advance(self->race.timeline, 1);
	close(fd);
	close(heap);
	if (ret == -EPERM)
		SKIP(return, "cannot unload: needs CAP_SYS_MODULE");
	ASSERT_EQ(0, ret)
		TH_LOG("unload: %s", strerror(-ret));
	/* The last reference to the file may be dropped by a worker. */
	sleep_ms(100);
	EXPECT_EQ(0, load_module());
}

/*
 * Passes when a module can be unloaded as soon as its last buffer is freed, and
 * not before.
 */
TEST_F_TIMEOUT(module, unload, TIMEOUT_SLOW)
{
	struct racer racers[RACERS] = {
		[EXPORTER] = { .name = "export and close",
			       .round = fill_slot_and_pin,
			       .hit = "pinned the exporter" },
		{ .name = "use", .round = use_slot, .hit = "found a buffer" },
		{ .name = "signal", .round = signal_next },
		[UNLOADER] = { .name = "unload and load",
			       .round = unload_and_load, .hit = "unloaded" },
	};

	race_case(_metadata, &self->race, racers);
}

TEST_HARNESS_MAIN
