// SPDX-License-Identifier: GPL-2.0
/* Measurements on several CPUs: contended cache lines, calls beside a walk */

#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user.h"

static void pin_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	checked(sched_setaffinity(0, sizeof(set), &set));
}

/*
 * QEMU runs one CPU until the next timer expires, unless that CPU executes this
 * instruction: then it switches to the next one.
 */
static void other_cpu(void)
{
	asm volatile("pause" ::: "memory");
}

/* Starts a process that walks over all buffers in a loop and has no file @spare. */
pid_t start_walker(void (*walk)(void), int spare)
{
	pid_t pid = checked(fork());

	if (pid)
		return pid;
	close(spare);
	shared->started = 1;
	for (;;)
		walk();
}

void iterate(void)
{
	checked(ioctl(bench, BENCH_ITERATE));
}

static unsigned int cpus;	/* that are online: numbers 0 to cpus - 1 */
static __thread int buffer;	/* of all workers, or one for each */

static void export_close(void)
{
	close(checked(inline_ioctl(bench, BENCH_EXPORT, NULL)));
}

static void open_close(void)
{
	close(checked(inline_ioctl(bench, BENCH_FILE, NULL)));
}

static void pass_buffer(void)
{
	checked(inline_ioctl(bench, BENCH_PASS, (void *)(long)cpus));
}

static void pass_file(void)
{
	checked(inline_ioctl(bench, BENCH_PASS_FILES, (void *)(long)cpus));
}

static void poll_buffer(void)
{
	struct pollfd pfd = { .fd = buffer, .events = POLLIN | POLLOUT };

	checked(poll(&pfd, 1, 0));
}

static void set_name(void)
{
	checked(inline_ioctl(buffer, DMA_BUF_SET_NAME_B, "a buffer"));
}

static void attach_detach(void)
{
	checked(inline_ioctl(bench, BENCH_ATTACH, (void *)(long)buffer));
}

static void sync_both(void)
{
	struct dma_buf_sync sync = { .flags = DMA_BUF_SYNC_RW | DMA_BUF_SYNC_START };

	checked(inline_ioctl(buffer, DMA_BUF_IOCTL_SYNC, &sync));
	sync.flags = DMA_BUF_SYNC_RW | DMA_BUF_SYNC_END;
	checked(inline_ioctl(buffer, DMA_BUF_IOCTL_SYNC, &sync));
}

/* Calls that workers, one on each CPU, make in turn */
struct crowd {
	const char *name;
	void (*run)(void);
	bool threads;		/* of one process; otherwise processes */
	bool own;		/* each worker has its own buffer */
	bool busy;		/* the buffer has a pending fence */
};

#define WARM_CALLS	100
#define ALL_CALLS	12800
#define MAX_CPUS	64

static struct crowd crowd;
static int common;		/* the buffer of all workers */

/* Waits until all workers have called this function @nr times. */
static void meet(unsigned int nr)
{
	++shared->finished;
	while (shared->finished < nr * cpus)
		other_cpu();
}

static void work(unsigned int worker)
{
	pin_to(worker);
	buffer = crowd.own ? checked(ioctl(bench, BENCH_EXPORT)) : common;
	for (unsigned int i = 0; i < WARM_CALLS; i++) {
		crowd.run();
		other_cpu();
	}
	meet(1);
	if (!worker)
		bench_begin();
	meet(2);
	for (unsigned int i = 0; i < ALL_CALLS / cpus; i++) {
		crowd.run();
		other_cpu();
	}
	meet(3);
	if (!worker)
		bench_end();
	meet(4);	/* before a worker exits, which is not measured */
	if (crowd.own)
		close(buffer);
}

static void *work_thread(void *worker)
{
	work((long)worker);
	return NULL;
}

static void run_threads(void)
{
	pthread_t threads[MAX_CPUS];

	for (long i = 1; i < cpus; i++)
		if (pthread_create(&threads[i], NULL, work_thread, (void *)i))
			fail("pthread_create");
	work(0);
	for (unsigned int i = 1; i < cpus; i++)
		pthread_join(threads[i], NULL);
}

static void run_processes(void)
{
	pid_t pids[MAX_CPUS];

	for (unsigned int i = 1; i < cpus; i++) {
		pids[i] = checked(fork());
		if (!pids[i]) {
			work(i);
			_exit(0);
		}
	}
	work(0);
	for (unsigned int i = 1; i < cpus; i++)
		checked(waitpid(pids[i], NULL, 0));
}

static void measure_crowd(struct crowd row, const char *suffix)
{
	char name[80];

	crowd = row;
	common = build_scene((struct bench_scene) { .fences = row.busy, .unsignalled = row.busy });
	share();
	if (row.threads)
		run_threads();
	else
		run_processes();
	snprintf(name, sizeof(name), "lines: %s%s", row.name, suffix);
	write_row(name, ALL_CALLS / cpus * cpus, 0);
	destroy_scene(common);
}

static void set_online(unsigned int cpu, const char *value)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/online", cpu);
	fd = checked(open(path, O_WRONLY | O_CLOEXEC));
	checked(write(fd, value, 1));
	close(fd);
}

/* Exports buffers on all CPUs, and measures after half of these went offline. */
static void measure_offline(const struct crowd *row)
{
	unsigned int all = cpus, cpu;
	char suffix[32];

	for (cpu = 0; cpu < all; cpu++) {
		pin_to(cpu);
		checked(ioctl(bench, BENCH_LIVE, (cpu + 1) * 100));
	}
	pin_to(0);
	for (cpu = all / 2; cpu < all; cpu++)
		set_online(cpu, "0");
	cpus = all / 2;
	snprintf(suffix, sizeof(suffix), ", %u of %u CPUs", cpus, all);
	measure_crowd(row[0], suffix);
	measure_crowd(row[1], suffix);
	checked(ioctl(bench, BENCH_LIVE, 0));
	for (cpu = all / 2; cpu < all; cpu++)
		set_online(cpu, "1");
	cpus = all;
}

void measure_crowds(void)
{
	static const struct crowd rows[] = {
		{ "export+close", export_close },
		{ "floor: export+close", open_close },
		{ "export+close, threads", export_close, .threads = true },
		{ "floor: export+close, threads", open_close, .threads = true },
		{ "export here, close there", pass_buffer },
		{ "floor: export here, close there", pass_file },
		{ "poll", poll_buffer },
		{ "poll, busy", poll_buffer, .busy = true },
		{ "poll, own buffer", poll_buffer, .own = true },
		{ "SYNC, own buffer", sync_both, .own = true },
		{ "SET_NAME", set_name },
		{ "SET_NAME, own buffer", set_name, .own = true },
		{ "attach+detach", attach_detach },
		{ "attach+detach, own buffer", attach_detach, .own = true },
	};
	char suffix[16];

	cpus = checked(sysconf(_SC_NPROCESSORS_ONLN));
	if (cpus > MAX_CPUS)
		fail("more CPUs than expected");
	snprintf(suffix, sizeof(suffix), ", %u CPUs", cpus);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		measure_crowd(rows[i], suffix);
	if (cpus > 2)
		measure_offline(rows);
}

#define CYCLES		5000
#define CYCLES_NS	3000000000ULL

/* Runs cycles for up to CYCLES_NS; reports the mean and the longest time. */
static void measure_export(const char *name)
{
	uint64_t start = now(), begin, took, worst = 0, total = 0;
	char line[64];
	int i;

	for (i = 0; i < CYCLES && now() - start < CYCLES_NS; i++) {
		other_cpu();
		begin = now();
		export_close();
		took = now() - begin;
		total += took;
		if (took > worst)
			worst = took;
	}
	snprintf(line, sizeof(line), "ns: %s, mean", name);
	write_figure(line, total / i);
	snprintf(line, sizeof(line), "ns: %s, worst", name);
	write_figure(line, worst);
}

static void measure_export_beside(const char *name, void (*walk)(void))
{
	pid_t walker;

	share();
	pin_to(1);
	walker = start_walker(walk, -1);
	pin_to(0);
	while (!shared->started)
		other_cpu();
	measure_export(name);
	stop(walker);
}

void measure_walks(void)
{
	static const unsigned int live[] = { 50000, 1000000 };
	char name[40];

	checked(ioctl(bench, BENCH_TAKE_TURNS));
	pin_to(0);
	for (size_t i = 0; i < sizeof(live) / sizeof(*live); i++) {
		checked(ioctl(bench, BENCH_LIVE, live[i]));
		snprintf(name, sizeof(name), "beside nothing, %u", live[i]);
		measure_export(name);
		snprintf(name, sizeof(name), "beside listing, %u", live[i]);
		measure_export_beside(name, read_bufinfo);
		if (ioctl(bench, BENCH_ITERATE) < 0)
			continue;
		snprintf(name, sizeof(name), "beside iterator, %u", live[i]);
		measure_export_beside(name, iterate);
	}
	checked(ioctl(bench, BENCH_LIVE, 0));
}
