// SPDX-License-Identifier: GPL-2.0
/*
 * Process 1 of the measured guest. Loads the module, runs the measurements that
 * "measure=" on the kernel command line names, and powers off. Results are
 * written to the second serial port after all measurements, so that its
 * interrupts do not disturb them: lines of a name, a number of calls and their
 * instructions, and at last "end".
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "user.h"

int bench;
static FILE *results;

static void power_off(void)
{
	fflush(NULL);
	tcdrain(fileno(results));
	reboot(RB_AUTOBOOT);
	_exit(1);
}

void fail(const char *call)
{
	fprintf(results ? results : stdout, "failed: %s: %s\n", call, strerror(errno));
	power_off();
}

void write_row(const char *name, unsigned int count, uint64_t ticks)
{
	fprintf(results, "%s\t%u\t%llu\n", name, count, (unsigned long long)ticks);
}

void write_figure(const char *name, uint64_t value)
{
	fprintf(results, "%s\t0\t%llu\n", name, (unsigned long long)value);
}

void do_nothing(void)
{
}

uint64_t run_block(void (*run)(void), unsigned int count)
{
	uint64_t begin = now();

	while (count--)
		run();
	return now() - begin;
}

int build_scene(struct bench_scene scene)
{
	return checked(ioctl(bench, BENCH_SCENE, &scene));
}

void destroy_scene(int fd)
{
	close(fd);
	checked(ioctl(bench, BENCH_DESTROY));
}

void read_bufinfo(void)
{
	static char text[65536];
	int fd = checked(open(BUFINFO, O_RDONLY | O_CLOEXEC));

	while (checked(read(fd, text, sizeof(text))))
		;
	close(fd);
}

static void mount_filesystem(const char *type, const char *where)
{
	mkdir(where, 0755);
	checked(mount(type, where, type, 0, NULL));
}

static void open_console(void)
{
	int fd = open("/dev/console", O_RDWR);

	for (int i = 0; fd >= 0 && i < 3; i++)
		dup2(fd, i);
	setvbuf(stdout, NULL, _IOLBF, 0);
}

static void open_results(void)
{
	int fd = checked(open("/dev/ttyS1", O_RDWR | O_NOCTTY | O_CLOEXEC));
	struct termios raw;

	checked(tcgetattr(fd, &raw));
	cfmakeraw(&raw);
	cfsetspeed(&raw, B115200);
	checked(tcsetattr(fd, TCSANOW, &raw));
	results = fdopen(fd, "w");
	setvbuf(results, NULL, _IOFBF, 4 << 20);
}

/* The address of a function of the kernel, or 0 */
static unsigned long find_symbol(const char *wanted)
{
	FILE *symbols = fopen("/proc/kallsyms", "re");
	unsigned long address, found = 0;
	char line[512], name[256];

	while (symbols && !found && fgets(line, sizeof(line), symbols))
		if (sscanf(line, "%lx %*s %255s", &address, name) == 2 &&
		    !strcmp(name, wanted))
			found = address;
	if (symbols)
		fclose(symbols);
	return found;
}

static void load_module(void)
{
	int fd = checked(open("/bench.ko", O_RDONLY | O_CLOEXEC));
	char options[80];

	snprintf(options, sizeof(options), "iter_begin=%#lx iter_next=%#lx",
		 find_symbol("dma_buf_iter_begin"), find_symbol("dma_buf_iter_next"));
	checked(syscall(SYS_finit_module, fd, options, 0));
	close(fd);
	bench = checked(open(BENCH_PATH, O_RDWR | O_CLOEXEC));
}

/* Lines of a hash, an address and a name, for profile.py */
static void write_symbols(void)
{
	FILE *symbols = fopen("/proc/kallsyms", "re");
	char line[512], address[32], name[256];

	while (symbols && fgets(line, sizeof(line), symbols))
		if (strstr(line, "[dma_buf_bench]") &&
		    sscanf(line, "%31s %*s %255s", address, name) == 2)
			fprintf(results, "# %s %s\n", address, name);
	if (symbols)
		fclose(symbols);
}

static unsigned long parameter(const char *name)
{
	const char *value = getenv(name);

	return value ? strtoul(value, NULL, 0) : 0;
}

/* Varies the state of the kernel's allocators from boot to boot. */
static void vary_state(unsigned long times)
{
	char name[32];

	for (unsigned long i = 0; i < times * 37; i++) {
		snprintf(name, sizeof(name), "/tmp%lu", i);
		close(checked(open(name, O_RDWR | O_CREAT, 0600)));
		getppid();
	}
}

int main(void)
{
	const char *measure = getenv("measure");

	mount_filesystem("devtmpfs", "/dev");
	open_console();
	mount_filesystem("proc", "/proc");
	mount_filesystem("sysfs", "/sys");
	mount_filesystem("debugfs", "/sys/kernel/debug");
	open_results();
	load_module();
	write_symbols();
	vary_state(parameter("shift"));

	if (!measure)
		fail("measure=");
	if (strchr(measure, 'r'))
		measure_rows();
	if (strchr(measure, 'p'))
		measure_pollers();
	if (strchr(measure, 'b'))
		measure_blockers();
	if (strchr(measure, 'g'))
		measure_growth();
	if (strchr(measure, 'c'))
		measure_crowds();
	if (strchr(measure, 'w'))
		measure_walks();
	fputs("end\n", results);
	power_off();
}
