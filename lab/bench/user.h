/* SPDX-License-Identifier: GPL-2.0 */
/* Shared by the source files of the measuring program */
#ifndef DMA_BUF_BENCH_USER_H
#define DMA_BUF_BENCH_USER_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <linux/dma-buf.h>

#include "bench.h"

#define BUFINFO	"/sys/kernel/debug/dma_buf/bufinfo"

extern int bench;		/* the module */

/* Shared by the processes of a measurement; share() clears it. */
extern struct shared {
	atomic_uint started, finished;
	atomic_ulong wakes;
} *shared;

static inline uint64_t now(void)
{
	uint32_t low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

/* ioctl() of the C library adds some twenty instructions. */
static inline long inline_ioctl(int fd, unsigned long request, const void *arg)
{
	long ret;

	asm volatile("syscall" : "=a"(ret)
		     : "a"(SYS_ioctl), "D"((long)fd), "S"(request), "d"(arg)
		     : "rcx", "r11", "memory");
	return ret;
}

/* A call that must not fail, in measurements and around them */
#define checked(call) ({						\
	long checked_ret = (call);					\
	if (checked_ret < 0)						\
		fail(#call);						\
	checked_ret;							\
})

void fail(const char *call);

/* Writes a line: @name, number of calls, number of instructions */
void write_row(const char *name, unsigned int count, uint64_t ticks);
/* Writes a line: @name, 0, the figure */
void write_figure(const char *name, uint64_t value);

/* Calls @run @count times; returns the number of instructions. */
uint64_t run_block(void (*run)(void), unsigned int count);
/* For the overhead of run_block() */
void do_nothing(void);

int build_scene(struct bench_scene scene);
void destroy_scene(int fd);
void read_bufinfo(void);
void iterate(void);

void share(void);
pid_t start_walker(void (*walk)(void), int spare);
void stop(pid_t pid);

void measure_rows(void);
void measure_growth(void);
void measure_pollers(void);
void measure_blockers(void);
void measure_crowds(void);
void measure_walks(void);

#endif /* DMA_BUF_BENCH_USER_H */
