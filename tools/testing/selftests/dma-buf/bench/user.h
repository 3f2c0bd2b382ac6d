/* SPDX-License-Identifier: GPL-2.0 */
/* What the parts of the measuring program share. */
#ifndef DMA_BUF_BENCH_USER_H
#define DMA_BUF_BENCH_USER_H

#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <linux/dma-buf.h>

#include "bench.h"

#define BUFINFO	"/sys/kernel/debug/dma_buf/bufinfo"

extern int bench;		/* the module */

static inline uint64_t now(void)
{
	uint32_t low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

/* The C library's takes some twenty instructions of its own. */
static inline long raw_ioctl(int fd, unsigned long request, const void *arg)
{
	long ret;

	asm volatile("syscall" : "=a"(ret)
		     : "a"(SYS_ioctl), "D"((long)fd), "S"(request), "d"(arg)
		     : "rcx", "r11", "memory");
	return ret;
}

/* A call that must not fail: nothing that is measured may. */
#define must(call) ({							\
	long must_ret = (call);						\
	if (must_ret < 0)						\
		fail(#call);						\
	must_ret;							\
})

void fail(const char *what);

/* One line for the host: NAME, how many calls, how many instructions. */
void say(const char *name, unsigned int count, uint64_t ticks);
/* One more: NAME, the figure itself. */
void say_figure(const char *name, uint64_t value);

/* Calls @run so often; returns how many instructions that took. */
uint64_t run_block(void (*run)(void), unsigned int count);
/* What run_block() costs by itself. */
void do_nothing(void);

int build_scene(struct bench_scene scene);
void destroy_scene(int fd);
unsigned long read_bufinfo(void);

void measure_rows(void);
void measure_growth(void);
void measure_pollers(void);
void measure_blockers(void);
void measure_two_cpus(void);
void measure_listing(void);

#endif /* DMA_BUF_BENCH_USER_H */
