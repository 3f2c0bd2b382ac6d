// SPDX-License-Identifier: GPL-2.0
/* Measurements of waiting: blocked pollers, and operations that block others */

#define _GNU_SOURCE
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user.h"

struct shared *shared;

void share(void)
{
	if (!shared)
		shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		fail("mmap");
	memset(shared, 0, sizeof(*shared));
}

#define MAX_POLLERS	64

/* Waits until memory was freed through RCU, such as that of ended processes. */
static void settle(void)
{
	usleep(300000);
}

void stop(pid_t pid)
{
	checked(kill(pid, SIGKILL));
	checked(waitpid(pid, NULL, 0));
}

static unsigned long times_blocked(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_nvcsw;
}

/*
 * Starts a poller that preempts all other processes when it can run. It polls
 * at once, or after it has read a byte from the pipe @go if that is not
 * negative.
 */
static pid_t start_poller(int fd, int go)
{
	struct sched_param first = { .sched_priority = 1 };
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	pid_t pid = checked(fork());
	unsigned long wakes;
	char byte;

	if (pid)
		return pid;
	checked(sched_setscheduler(0, SCHED_FIFO, &first));
	shared->started++;
	if (go >= 0)
		checked(read(go, &byte, 1));
	wakes = times_blocked();
	checked(poll(&pfd, 1, -1));
	shared->wakes += times_blocked() - wakes;
	shared->finished++;
	for (;;)
		pause();	/* exit is not measured */
}

static int export_sync_file(int fd)
{
	struct dma_buf_export_sync_file arg = { .flags = DMA_BUF_SYNC_READ };

	checked(ioctl(fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &arg));
	return arg.fd;
}

static void wait_for(atomic_uint *counter, unsigned int value)
{
	while (*counter < value)
		sched_yield();
}

/* Pollers of one buffer with fences that signal in turn */
struct blocked {
	const char *name;
	unsigned int pollers, fences;
	bool reverse;		/* the last fence signals first */
	bool sync_file;		/* poll a sync_file of the buffer */
	bool last;		/* count from the signal of the last fence on */
	bool whole;		/* count the calls to poll() as well */
};

/* Signals the fences from number @from to @to, in order. */
static void signal_fences(struct blocked row, unsigned int from, unsigned int to)
{
	for (unsigned int i = from; i < to; i++)
		ioctl(bench, BENCH_SIGNAL, row.reverse ? row.fences - 1 - i : i);
}

static void measure_blocked(struct blocked row)
{
	unsigned int fences = row.fences, pollers = row.pollers, i;
	int fd = build_scene((struct bench_scene) { .fences = fences, .unsignalled = 1 });
	int polled = row.sync_file ? export_sync_file(fd) : fd;
	const char *name = row.name;
	pid_t pids[MAX_POLLERS];
	int go[2] = { -1, -1 };
	char wakes[64];
	uint64_t begin;

	share();
	if (row.whole)
		checked(pipe(go));
	for (i = 0; i < pollers; i++)
		pids[i] = start_poller(polled, go[0]);
	wait_for(&shared->started, pollers);
	if (row.last)
		signal_fences(row, 0, fences - 1);
	settle();

	bench_begin();
	begin = now();
	/* Each poller runs and blocks before the write returns. */
	for (i = 0; row.whole && i < pollers; i++)
		checked(write(go[1], "", 1));
	signal_fences(row, row.last ? fences - 1 : 0, fences);
	wait_for(&shared->finished, pollers);
	begin = now() - begin;
	bench_end();

	write_row(name, 1, begin);
	snprintf(wakes, sizeof(wakes), "wakes: %s", name);
	write_figure(wakes, shared->wakes);
	for (i = 0; i < pollers; i++)
		stop(pids[i]);
	if (row.sync_file)
		close(polled);
	if (row.whole) {
		close(go[0]);
		close(go[1]);
	}
	destroy_scene(fd);
}

void measure_pollers(void)
{
	static const struct blocked rows[] = {
		{ "1 poller, 64 fences", 1, 64 },
		{ "1 poller, 64 fences, reverse", 1, 64, .reverse = true },
		{ "floor: 1 poller, 64 fences", 1, 64, .sync_file = true },
		{ "8 pollers, 64 fences", 8, 64 },
		{ "8 pollers, 64 fences, reverse", 8, 64, .reverse = true },
		{ "floor: 8 pollers, 64 fences", 8, 64, .sync_file = true },
		{ "1 poller, last of 1 fence", 1, 1, .last = true },
		{ "1 poller, last of 8 fences", 1, 8, .last = true },
		{ "1 poller, last of 64 fences", 1, 64, .last = true },
		{ "poll, sleep, signal: 1 fence", 1, 1, .whole = true },
		{ "poll, sleep, signal: 8 fences", 1, 8, .whole = true },
		{ "poll, sleep, signal: 8, reverse", 1, 8, .reverse = true, .whole = true },
	};
	struct blocked row;
	char name[64];

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		measure_blocked(rows[i]);
	for (unsigned int pollers = 1; pollers <= MAX_POLLERS; pollers *= 2) {
		snprintf(name, sizeof(name), "64 fences @pollers=%u", pollers);
		measure_blocked((struct blocked) { name, pollers, 64 });
	}
	for (unsigned int fences = 1; fences <= 256; fences *= 4) {
		row = (struct blocked) { name, 1, fences };
		snprintf(name, sizeof(name), "1 poller @fences=%u", fences);
		measure_blocked(row);
		snprintf(name, sizeof(name), "1 poller, reverse @fences=%u", fences);
		row.reverse = true;
		measure_blocked(row);
	}
}

static uint64_t time_poll(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN | POLLOUT };
	uint64_t begin = now();

	checked(poll(&pfd, 1, 0));
	return now() - begin;
}

#define HELD_MS	1000

/*
 * Measures which operations wait while a driver holds a reservation lock:
 * times, not instructions.
 */
static void measure_held(void)
{
	int fd = build_scene((struct bench_scene) { .fences = 1, .unsignalled = 1 });
	uint64_t begin, exported, closed;
	int another = -1;
	pid_t reader;

	checked(ioctl(bench, BENCH_HOLD, HELD_MS));
	write_figure("ns: poll, reservation held", time_poll(fd));
	checked(ioctl(bench, BENCH_WAIT));

	share();
	checked(ioctl(bench, BENCH_HOLD, HELD_MS));
	reader = start_walker(read_bufinfo, another);
	wait_for(&shared->started, 1);
	usleep(50000);		/* the reader reaches the locked buffer */
	begin = now();
	another = checked(ioctl(bench, BENCH_EXPORT));
	exported = now() - begin;
	checked(ioctl(bench, BENCH_WAIT));
	stop(reader);

	share();
	checked(ioctl(bench, BENCH_HOLD, HELD_MS));
	reader = start_walker(read_bufinfo, another);
	wait_for(&shared->started, 1);
	usleep(50000);
	begin = now();
	close(another);
	closed = now() - begin;
	checked(ioctl(bench, BENCH_WAIT));
	stop(reader);

	write_figure("ns: export, reservation held", exported);
	write_figure("ns: close, reservation held", closed);
	destroy_scene(fd);
}

static unsigned long slab_kib(void)
{
	unsigned long kib = 0;
	char line[128];
	FILE *f = fopen("/proc/meminfo", "re");

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "Slab: %lu", &kib);
	if (!kib)
		fail("Slab");
	fclose(f);
	return kib;
}

/* Slab memory for each object, from 20,000 to 60,000 of them */
static void measure_memory(const char *name, unsigned long request)
{
	unsigned long before;

	checked(ioctl(bench, request, 20000));
	before = slab_kib();
	checked(ioctl(bench, request, 60000));
	write_figure(name, (slab_kib() - before) * 1024 / 40000);
	checked(ioctl(bench, request, 0));
	settle();
}

static void measure_walk(const char *what, void (*walk)(void), unsigned int live)
{
	char name[64];
	uint64_t begin;

	walk();
	bench_begin();
	begin = now();
	walk();
	begin = now() - begin;
	bench_end();
	snprintf(name, sizeof(name), "%s, %u live", what, live);
	write_row(name, 1, begin);
}

static void measure_live(unsigned int live)
{
	checked(ioctl(bench, BENCH_LIVE, live));
	measure_walk("bufinfo", read_bufinfo, live);
	if (ioctl(bench, BENCH_ITERATE) >= 0)
		measure_walk("iterate", iterate, live);
	checked(ioctl(bench, BENCH_LIVE, 0));
}

void measure_blockers(void)
{
	measure_memory("bytes: floor: live", BENCH_FILES);
	measure_memory("bytes: live", BENCH_LIVE);
	measure_held();
	measure_live(10);
	measure_live(10000);
	measure_live(50000);
}
